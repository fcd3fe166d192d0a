"""Each strategy end to end on small problems, its answers checked by Z3 on the problem's own terms."""

import itertools
import time
from collections.abc import Callable

import pytest

from ordinary import answer_of, equal_by_z3, specification, syntactic_terms
from solvers.cegis.answer import Judgement, depth
from solvers.cegis.limits import Limits
from solvers.cegis.logic.verifier import check
from solvers.cegis.portfolio import Portfolio, known_strategies
from solvers.cegis.strategies.stream import rooted
from sygus.errors import OptionError
from sygus.language.elaborate import load_answer
from sygus.language.terms import Term, subterms
from sygus.language.text import term_text


def only(found: object) -> Term:
    (body,) = found.answer.bodies.values()  # type: ignore[attr-defined]
    return body


def maximum(count: int, grammar: str = "") -> str:
    names = [f"x{i}" for i in range(count)]
    call = f"(f {' '.join(names)})"
    lines = [f"(set-logic LIA) (synth-fun f ({' '.join(f'({n} Int)' for n in names)}) Int {grammar})"]
    lines += [f"(declare-var {n} Int)" for n in names]
    lines += [f"(constraint (>= {call} {n}))" for n in names]
    lines.append(f"(constraint (or {' '.join(f'(= {call} {n})' for n in names)}))")
    return "\n".join(lines)


def array_search(count: int) -> str:
    """Where a value stands among so many that ascend."""
    names = [f"y{i}" for i in range(count)]
    call, ascend = f"(f {' '.join(names)} k)", " ".join(f"(< {a} {b})" for a, b in itertools.pairwise(names))
    places = [f"(and (> k {a}) (< k {b}))" for a, b in itertools.pairwise(names)]
    conditions = [f"(< k {names[0]})", *places, f"(> k {names[-1]})"]
    lines = [f"(set-logic LIA) (synth-fun f ({' '.join(f'({n} Int)' for n in [*names, 'k'])}) Int)"]
    lines += [f"(declare-var {n} Int)" for n in [*names, "k"]]
    lines += [f"(constraint (=> (and {ascend}) (=> {c} (= {call} {i}))))" for i, c in enumerate(conditions)]
    return "\n".join(lines)


@pytest.mark.parametrize("family", [maximum, array_search])
@pytest.mark.parametrize("count", [9, *(pytest.param(n, marks=pytest.mark.slow) for n in (16, 18, 20))])
def test_long_conditionals_take_little_processor_time(family: Callable[[int], str], count: int) -> None:
    before = time.process_time()
    found, portfolio = answer_of(family(count), seconds=60)
    assert found is not None, portfolio.notes
    assert time.process_time() - before < 10  # on a busy processor; half of that on an idle one


@pytest.mark.parametrize("count", [2, 3, 5])
def test_maximum_by_instantiation(count: int) -> None:
    found, _ = answer_of(maximum(count), "instantiation")
    assert found is not None
    variables = {node for node in subterms(only(found)) if not node.arguments}
    assert len(variables) == count


def test_maximum_fitted_to_a_grammar_without_its_comparison() -> None:
    grammar = """((I Int) (B Bool)) ((I Int (x0 x1 x2 (ite B I I)))
        (B Bool ((not B) (and B B) (bound I I))))"""
    macro = "(define-fun bound ((a Int) (b Int)) Bool (< a b))"
    text = maximum(3, grammar).replace("(synth-fun", f"{macro} (synth-fun")
    found, _ = answer_of(text, "instantiation")
    assert found is not None
    names = {node.head.name for node in subterms(only(found))}
    assert names <= {"ite", "not", "and", "bound", "x0", "x1", "x2"}


def test_several_functions_at_once() -> None:
    text = """(set-logic LIA) (synth-fun f ((x Int) (y Int)) Int) (synth-fun g ((y Int) (x Int)) Int)
        (declare-var a Int) (declare-var b Int)
        (constraint (= (+ (f a b) (g b a)) (- a (+ b b)))) (constraint (= (f a b) (+ b 1)))"""
    found, _ = answer_of(text, "instantiation")
    assert found is not None
    f, g = found.answer.bodies.values()
    assert "1" in term_text(f)
    assert {node.head.name for node in subterms(g)} & {"x", "y"}


TENTHS = "(synth-fun f ((x Real) (y Real)) Real ((E Real) (B Bool)) ((E Real (x y 0.1 (+ E E) (* E E) (ite B E E)))"
OF_TENTHS = {
    "(constraint (= (* 10.0 (f x y)) (* 3.0 x)))": 7,  # (0.1 + 0.1 + 0.1) x
    "(constraint (= (f 0.1 0.0) 0.3)) (constraint (= (f 0.7 0.0) 0.9)) (constraint (= (f 1.3 0.0) 1.5))": 5,
    """(constraint (>= (f x y) (+ x 0.3))) (constraint (>= (f x y) y))
       (constraint (or (= (f x y) (+ x 0.3)) (= (f x y) y)))""": 0,
}


@pytest.mark.parametrize("constraints", OF_TENTHS)
def test_reals_are_no_floats(constraints: str) -> None:
    """0.7 + 0.1 + 0.1 is 0.9, although not so in floats."""
    text = f"""(set-logic NRA) {TENTHS} (B Bool ((<= E E))))) (declare-var x Real) (declare-var y Real)
        {constraints}"""
    found, _ = answer_of(text)
    assert found is not None
    assert OF_TENTHS[constraints] in (0, only(found).size)


def test_a_variable_may_have_any_name() -> None:
    text = """(set-logic LIA) (synth-fun f ((x Int)) Int) (declare-var f!value Int)
        (constraint (= (f f!value) (+ f!value 1)))"""
    found, portfolio = answer_of(text)
    assert portfolio.infeasible is None
    assert found is not None


OVERFLOWING = [
    ("LIA", "(> (+ (ite (f b) 1 2) 9223372036854775807) 0)"),
    ("LIA", "(> (* 4294967296 4294967296 (ite (f b) 1 2)) 0)"),
    ("NIA", f"(ite (f b) (>= (* {'x ' * 20}) 0) (>= (* {'x ' * 16}) 0))"),
    ("LRA", "(ite (f b) (< 1.0 1.00000000000000000001) (< 1.0 1.00000000000000000001))"),
    ("LRA", "(=> (= y (ite (f b) 1.0 2.0)) (< y (+ y 0.000000000000000001)))"),
]


@pytest.mark.parametrize(("logic", "constraint"), OVERFLOWING)
def test_numbers_that_are_not_exact_prove_nothing(logic: str, constraint: str) -> None:
    """True for f = true; the samples hold numbers of 64 bits."""
    variables = (
        "(declare-var b Bool) (declare-var x Int)" if logic != "LRA" else "(declare-var b Bool) (declare-var y Real)"
    )
    text = f"""(set-logic {logic}) (synth-fun f ((b Bool)) Bool ((B Bool)) ((B Bool (b true false))))
        {variables} (constraint {constraint})"""
    _, portfolio = answer_of(text, seconds=5)
    assert portfolio.infeasible is None


def test_no_functions_at_all() -> None:
    text = """(set-logic LIA) (synth-fun f ((x Int)) Int) (declare-var x Int) (declare-var y Int)
        (constraint (= (f x) y))"""
    found, portfolio = answer_of(text)
    assert found is None
    assert portfolio.infeasible == "no functions at all satisfy the constraints"


def test_constants_beside_those_of_the_constraints() -> None:
    text = """(set-logic LIA) (synth-fun f ((x Int)) Int ((I Int)) ((I Int ((Constant Int)))))
        (constraint (> (f 0) 1000)) (constraint (< (f 0) 1003)) (constraint (distinct (f 1) 1001))"""
    found, _ = answer_of(text)
    assert found is not None
    assert term_text(only(found)) == "1002"


WORD = "(define-sort W () (_ BitVec 16))"
ANY_CONSTANT = [
    ("LIA", "((x Int)) Int ((I Int)) ((I Int (x (Constant Int) (+ I I))))", "(= (f x) (+ x 4711))", 3),
    (
        "BV",
        "((x W)) W ((S W)) ((S W (x (Constant W) (bvxor S S))))",
        "(and (= (f #x0000) #x1234) (= (f #xffff) #xedcb))",
        3,
    ),
    (
        "SLIA",
        "((x String)) String ((S String)) ((S String (x (Constant String) (str.++ S S))))",
        '(and (= (f "a") "a-b") (= (f "") "-b"))',
        3,
    ),
    (
        "LRA",
        "((x Real)) Real ((R Real)) ((R Real (x (Constant Real) (+ R R) (* (Constant Real) R))))",
        "(= (* 12.0 (f x)) (+ 3.0 (* 4.0 x)))",
        5,
    ),
    (
        "NIA",
        "((x Int)) Int ((I Int)) ((I Int (x (Constant Int) (+ I I) (* I I))))",
        "(and (= (f 0) 25) (= (f 1) 42) (= (f 2) 59) (= (f (- 3)) (- 26)))",
        5,
    ),
]


@pytest.mark.parametrize(
    ("logic", "declared", "constraint", "size"), ANY_CONSTANT, ids=[case[0] for case in ANY_CONSTANT]
)
@pytest.mark.parametrize("strategy", ["auto", "constants"])
def test_constants_that_the_constraints_do_not_write(
    logic: str, declared: str, constraint: str, size: int, strategy: str
) -> None:
    variable = f"(declare-var x {'Real' if logic == 'LRA' else 'Int'})" if "(f x)" in constraint else ""
    word = WORD if logic == "BV" else ""
    text = f"(set-logic {logic}) {word} (synth-fun f {declared}) {variable} (constraint {constraint})"
    found, _ = answer_of(text, strategy)
    assert found is not None
    if strategy == "constants":  # on a busy machine another's comes first, and nothing smaller in time
        assert only(found).size == size


def test_functions_that_nothing_connects() -> None:
    text = """(set-logic LIA) (synth-fun f ((x Int)) Int) (synth-fun g ((x Int)) Int) (synth-fun h ((x Int)) Int)
        (declare-var a Int) (constraint (= (f 1) 2)) (constraint (= (f 3) 6)) (constraint (> (g (g a)) a))"""
    found, _ = answer_of(text.replace("(g (g a))", "(g a)"))
    assert found is not None
    assert [function.name for function in found.answer.bodies] == ["f", "g", "h"]
    nested, _ = answer_of(text)
    assert nested is not None
    missing, portfolio = answer_of(text.replace("(> (g (g a)) a)", "(= (g (g a)) (+ a 1))"), seconds=1.0)
    assert missing is None  # half a step is no linear function
    assert portfolio.out_of_time
    wrong, portfolio = answer_of(f"{text} (constraint (= (f 1) 3))")
    assert wrong is None
    assert portfolio.infeasible == "the examples ask for both 2 and 3 at (1,)"


def test_a_list_is_searched_by_a_tree() -> None:
    text = """(set-logic LIA) (synth-fun at ((a Int) (b Int) (k Int)) Int)
        (declare-var a Int) (declare-var b Int) (declare-var k Int)
        (constraint (=> (< a b) (=> (< k a) (= (at a b k) 0))))
        (constraint (=> (< a b) (=> (and (> k a) (< k b)) (= (at a b k) 1))))
        (constraint (=> (< a b) (=> (> k b) (= (at a b k) 2))))"""
    found, _ = answer_of(text, "instantiation")
    assert found is not None
    assert only(found).size <= 11


@pytest.mark.parametrize(
    "constraints",
    [
        "(constraint (> (f a) a)) (constraint (< (f a) (+ a 1)))",
        "(constraint (= (+ (f a) (f a)) (+ a a a)))",
        "(constraint (and (> (f a) 3) (=> (> a 0) (< (f a) 2))))",
    ],
)
def test_infeasible_by_instantiation(constraints: str) -> None:
    text = f"(set-logic LIA) (synth-fun f ((x Int)) Int) (declare-var a Int) {constraints}"
    found, portfolio = answer_of(text)
    assert found is None
    assert portfolio.infeasible is not None


def test_a_constraint_without_functions() -> None:
    text = "(set-logic LIA) (synth-fun f ((x Int)) Int) (declare-var a Int)"
    found, portfolio = answer_of(f"{text} (constraint (> a 0))")
    assert (found, portfolio.infeasible) == (None, "(> a 0) fails, whatever the functions are")
    found, _ = answer_of(f"{text} (constraint (>= (+ a 1) a))")
    assert found is not None


BITS = """(set-logic BV)
(define-fun half ((x (_ BitVec 8))) (_ BitVec 8) (bvlshr x #x01))
(define-fun if1 ((c (_ BitVec 8)) (a (_ BitVec 8)) (b (_ BitVec 8))) (_ BitVec 8) (ite (= c #x01) a b))
(synth-fun f ((x (_ BitVec 8))) (_ BitVec 8) ((S (_ BitVec 8)))
 ((S (_ BitVec 8) (#x00 #x01 x (bvnot S) (half S) (bvand S S) (bvadd S S) (if1 S S S)))))
"""


def test_examples_with_a_conditional() -> None:
    function = {x: (~x & 255 if x % 2 else x // 4) for x in range(0, 256, 5)}
    examples = "\n".join(f"(constraint (= (f #x{x:02x}) #x{y:02x}))" for x, y in function.items())
    found, _ = answer_of(BITS + examples, "examples", patience=1.0)
    assert found is not None
    assert found.answer.size <= 12
    assert "if1" in term_text(only(found))


def test_examples_are_added_where_a_candidate_fails() -> None:
    """More examples than are looked at to begin with, the odd one last."""
    function = {x: x // 2 for x in range(255)} | {255: 0}
    examples = "\n".join(f"(constraint (= (f #x{x:02x}) #x{y:02x}))" for x, y in function.items())
    found, _ = answer_of(BITS + examples, "examples")
    assert found is not None


def test_contradicting_examples() -> None:
    found, portfolio = answer_of(BITS + "(constraint (= (f #x01) #x02)) (constraint (= (f #x01) #x03))")
    assert found is None
    assert portfolio.infeasible == "the examples ask for both 2 and 3 at (1,)"


TEXT = """(set-logic SLIA) (synth-fun f ((s String)) String ((T String) (I Int))
 ((T String (s " " "," (str.++ T T) (str.at T I) (str.substr T I I) (str.replace T T T)))
  (I Int (0 1 (+ I I) (- I I) (str.len T) (str.indexof T T I)))))
"""


@pytest.mark.parametrize(
    "examples",
    [
        [("ab cd", "ab"), ("x yz", "x"), ("abc d", "abc")],
        [("ab cd", "ab,cd"), ("x yz", "x,yz"), ("abc d", "abc,d")],
        [("ab", "b,ab"), ("xyz", "z,xyz")],
    ],
)
def test_examples_of_strings(examples: list[tuple[str, str]]) -> None:
    lines = "\n".join(f'(constraint (= (f "{s}") "{t}"))' for s, t in examples)
    found, _ = answer_of(TEXT + lines, "examples")
    assert found is not None


def test_refinement_finds_what_holds_of_all_points() -> None:
    text = """(set-logic LIA) (synth-fun f ((x Int) (y Int)) Int) (declare-var a Int) (declare-var b Int)
        (constraint (= (f a b) (f b a))) (constraint (and (<= (f a b) a) (<= (f a b) b)))"""
    found, _ = answer_of(text)
    assert found is not None
    assert found.answer.size <= 6


SYMMETRIC = """((B Bool)) ((B Bool (p q (and B B) (or B B)))))
    (declare-var a Bool) (declare-var b Bool)"""


def test_infeasible_in_the_grammar_alone() -> None:
    text = f"(set-logic BV) (synth-fun f ((p Bool) (q Bool)) Bool {SYMMETRIC} (constraint (= (f a b) (xor a b)))"
    found, portfolio = answer_of(text, "refinement")
    assert found is None
    assert portfolio.infeasible is not None
    assert "the terms of the grammar behave in " in portfolio.infeasible


@pytest.mark.parametrize("productions", ["x (Constant Int)", "x (+ I I)"])
def test_not_infeasible_where_enumeration_proves_nothing(productions: str) -> None:
    text = f"""(set-logic LIA) (synth-fun f ((x Int)) Int ((I Int)) ((I Int ({productions}))))
        (declare-var a Int) (constraint (= (f a) (- 0 a)))"""
    found, portfolio = answer_of(text, "refinement", seconds=1.0)
    assert found is None
    assert portfolio.infeasible is None


@pytest.mark.parametrize("seed", range(12))
def test_infeasibility_agrees_with_brute_force(seed: int) -> None:
    """All sixteen functions of two Bools against a grammar that makes some of them."""
    values = [bool(seed * 5 >> i & 1) for i in range(4)]
    grammar = "((B Bool) (C Bool)) ((B Bool ((and C C) (not C) (xor C p))) (C Bool (p q (not q))))"
    rows = itertools.product(("false", "true"), repeat=2)
    lines = [f"(constraint (= (f {a} {b}) {'true' if v else 'false'}))" for (a, b), v in zip(rows, values, strict=True)]
    text = f"(set-logic BV) (synth-fun f ((p Bool) (q Bool)) Bool {grammar}) {' '.join(lines)}"
    spec = specification(text)
    grammar_ = spec.targets[0].grammar
    terms = {t for size in range(1, 7) for t in syntactic_terms(grammar_, grammar_.start, size)}
    exists = any(check(spec, {spec.functions[0]: t}, Limits(5)).answer is not None for t in terms)
    found, portfolio = answer_of(text)
    assert (found is not None) == exists
    assert (portfolio.infeasible is not None) == (not exists)


RECORD = "(declare-datatype P ((mk (a Int) (b Int)) (no (c Int)))) (declare-var p P)"
FINITE = {
    "reals": ("LRA", "((x Real)) Real ((S Real)) ((S Real (x 0.5 (* 0.5 x) (+ x 0.1))))", "(> (f r) (+ r 0.3))"),
    "quotients of reals": ("NRA", "((x Real)) Real ((S Real)) ((S Real (x (/ 1.0 x) (/ x x))))", "(= (f r) 1.0)"),
    "quotients": ("NIA", "((x Int)) Int ((S Int)) ((S Int (x (div x 2) (mod x 3) (div 1 x))))", "(= (f i) (- 0 i))"),
    "parts": ("ALL", "((x P)) Int ((S Int)) ((S Int ((a x) (b x) (c x))))", "(= (f p) (+ (a p) (b p)))"),
    "strings": (
        "SLIA",
        '((x String)) String ((S String)) ((S String (x "" (str.++ x x))))',
        '(= (f s) (str.++ s "a"))',
    ),
    "numbers of digits": ("SLIA", "((x String)) Int ((S Int)) ((S Int ((str.to_int x) 0)))", '(= (f "12") 3)'),
    "a constant": ("LIA", "((x Int)) Int ((S Int)) ((S Int ((Constant Int))))", "(= (f i) i)"),
    "a constant above all": ("LIA", "((x Int)) Int ((S Int)) ((S Int ((Constant Int))))", "(> (f i) i)"),
    "a constant of bits": ("BV", "((x V)) V ((S V)) ((S V ((Constant V))))", "(= (f v) (bvnot v))"),
    "a constant Real": ("LRA", "((x Real)) Real ((S Real)) ((S Real ((Constant Real) (+ x x))))", "(= (f r) r)"),
    "three constants": (
        "LIA",
        "((x Int)) Int ((S Int) (T Int)) ((S Int ((+ T T T))) (T Int ((Constant Int))))",
        "(= (f i) (* 2 i))",
    ),
    "constants and parameters": (
        "LIA",
        "((x Int)) Int ((S Int) (T Int)) ((S Int (T (+ x T))) (T Int ((Constant Int))))",
        "(= (f i) (* 2 i))",
    ),
}


def of_a_finite_grammar(kind: str) -> str:
    logic, function, constraint = FINITE[kind]
    sorts = {"BV": "(define-sort V () (_ BitVec 8))", "ALL": RECORD}.get(logic, "")
    variables = {"i": "Int", "r": "Real", "s": "String", "v": "V"}
    used = [f"(declare-var {name} {sort})" for name, sort in variables.items() if f" {name})" in constraint]
    return f"(set-logic {logic}) {sorts} (synth-fun f {function}) {' '.join(used)} (constraint {constraint})"


@pytest.mark.parametrize("kind", FINITE)
def test_infeasible_where_every_term_of_a_finite_grammar_is_refuted(kind: str) -> None:
    found, portfolio = answer_of(of_a_finite_grammar(kind))
    assert found is None
    assert portfolio.infeasible is not None, portfolio.notes


FEASIBLE = [
    ("NIA", "((x Int)) Int ((S Int)) ((S Int (x (div x 0))))", "(= (f i) (div i 0))"),
    ("NIA", "((x Int)) Int ((S Int)) ((S Int (x (div x 2))))", "(=> (>= i 100000000000000000000) (< (f i) i))"),
    ("LRA", "((x Real)) Real ((S Real)) ((S Real (x (+ x 0.1))))", "(< r (f r))"),
    ("LIA", "((x Int)) Int ((S Int)) ((S Int ((+ (Constant Int) (Constant Int)))))", "(= (f i) 987654321)"),
    ("LIA", "((x Int)) Int ((S Int)) ((S Int ((Constant Int))))", "(=> (< i 87654321) (> (f i) i))"),
    ("ALL", "((x P)) Int ((S Int)) ((S Int ((a x) (c x))))", "(= (f (no i)) i)"),
]


@pytest.mark.parametrize(("logic", "function", "constraint"), FEASIBLE)
def test_a_term_of_a_finite_grammar_that_is_right_is_found(logic: str, function: str, constraint: str) -> None:
    variables = "(declare-var i Int)" if " i" in constraint else "(declare-var r Real)"
    record = RECORD if logic == "ALL" else ""
    text = f"(set-logic {logic}) {record} (synth-fun f {function}) {variables} (constraint {constraint})"
    found, portfolio = answer_of(text, "every")
    assert portfolio.infeasible is None
    assert found is not None


@pytest.mark.parametrize(("goal", "solvable"), [("(- a)", False), ("(+ a 1.0)", True)])
def test_choices_of_terms_of_several_functions(goal: str, solvable: bool) -> None:
    grammar = "((x Real)) Real ((S Real)) ((S Real (x (+ x 0.5) (* 2.0 x))))"
    text = f"""(set-logic LRA) (synth-fun f {grammar}) (synth-fun g {grammar}) (declare-var a Real)
        (constraint (= (f (g a)) {goal}))"""
    found, portfolio = answer_of(text, "every")
    assert (found is not None) == solvable
    assert portfolio.infeasible == (
        None if solvable else "the grammar has 9 choices of terms, each of which is refuted"
    )


TABLES = {
    "three of 32 bits": (
        "BV",
        "((x V)) V",
        [("#x8a3f21c7", "#x19ab77e0"), ("#x00c3d511", "#xfe01aa53"), ("#x00000007", "#x0badf00d")],
    ),
    "reals": ("LRA", "((x Real) (y Real)) Real", [("7.7 1.0", "3.1"), ("7.7 2.0", "3.2"), ("1.25 2.0", "1000003.7")]),
    "one": ("LRA", "((x Real)) Real", [("7.7", "3.1")]),
    "numbers": ("LIA", "((x Int)) Int", [(str(n), str(n**9 % 100003)) for n in range(2, 14)]),
    "truths": ("LIA", "((x Int) (y Int)) Bool", [(f"{n} {n * n % 7}", str(n**3 % 11 > 5).lower()) for n in range(9)]),
    "strings": ("SLIA", "((s String)) String", [('"kirk"', '"zoo 17"'), ('"moss"', '"quay-9"'), ('"ivy"', '"?!"')]),
    "a grammar": (
        "BV",
        "((x V)) V ((S V) (B Bool)) ((S V (x (Constant V) (ite B S S))) (B Bool ((= S S))))",
        [("#x8a3f21c7", "#x19ab77e0"), ("#x00c3d511", "#xfe01aa53")],
    ),
    "small constants": (
        "LIA",
        "((x Int)) Int ((S Int) (B Bool)) ((S Int (x 0 1 (+ S S) (- S S) (ite B S S))) (B Bool ((= S S))))",
        [("7", "97"), ("1", "65"), ("44", "3")],
    ),
}


@pytest.mark.parametrize("kind", TABLES)
def test_examples_that_are_nothing_but_a_table(kind: str) -> None:
    logic, function, rows = TABLES[kind]
    sort = "(define-sort V () (_ BitVec 32))" if logic == "BV" else ""
    examples = " ".join(f"(constraint (= (f {given}) {output}))" for given, output in rows)
    found, portfolio = answer_of(f"(set-logic {logic}) {sort} (synth-fun f {function}) {examples}", seconds=4)
    assert found is not None, portfolio.notes
    assert found.strategy == "examples"


def test_a_table_compares_no_more_than_it_must() -> None:
    text = """(set-logic LIA) (synth-fun f ((x Int) (y Int) (z Int)) Int) (constraint (= (f 1 2 3) 97531))
        (constraint (= (f 1 2 4) 97531)) (constraint (= (f 1 5 3) 86420)) (constraint (= (f 6 2 3) 64209))"""
    found, _ = answer_of(text, "examples", seconds=1)
    assert term_text(only(found)) == "(ite (= x 6) 64209 (ite (= y 5) 86420 97531))"


MULTIPLES = [
    ("LIA", "(= (f a b) (f b a)) (= (f a 0) (+ (* 17 a) 23))", "(+ (+ (* 17 x) (* 17 y)) 23)"),
    ("LRA", "(= (f a b) (f b a)) (= (f a 1.5) (- (* 2.5 a) 7.0))", "(- (+ (* 2.5 x) (* 2.5 y)) 10.75)"),
    ("LIA", "(= (f a b) (- (f b a))) (= (f a 1) (- (* 12 a) 12))", "(- (* 12 x) (* 12 y))"),
    (
        "LIA",
        "(= (f (+ a 1) b) (+ (f a b) 13)) (= (f a (+ b 1)) (- (f a b) 31)) (= (f 0 0) 8)",
        "(- (+ (* 13 x) 8) (* 31 y))",
    ),
]


@pytest.mark.parametrize(("logic", "constraints", "answer"), MULTIPLES)
def test_coefficients_where_constraints_look_at_several_values(logic: str, constraints: str, answer: str) -> None:
    sort = "Int" if logic == "LIA" else "Real"
    text = f"""(set-logic {logic}) (synth-fun f ((x {sort}) (y {sort})) {sort}) (declare-var a {sort})
        (declare-var b {sort}) (constraint (and {constraints}))"""
    found, _ = answer_of(text, "linear")
    assert term_text(only(found)) == answer


def test_coefficients_in_a_grammar() -> None:
    text = """(set-logic LIA) (synth-fun f ((x Int) (y Int)) Int ((S Int)) ((S Int (x y 1 (+ S S) (- S S)))))
        (declare-var a Int) (declare-var b Int) (constraint (and (= (f a b) (f b a)) (= (f a 0) (+ (* 3 a) 4))))"""
    found, portfolio = answer_of(text, "linear")
    assert found is not None, portfolio.notes


@pytest.mark.parametrize("read", ["(select a 0)", "(select (store a 1 i) 0)"])
def test_an_invariant_over_a_cell_of_an_array(read: str) -> None:
    text = f"""(set-logic ALIA) (synth-fun inv ((a (Array Int Int)) (i Int)) Bool)
        (declare-var a (Array Int Int)) (declare-var i Int)
        (constraint (=> (= {read} 0) (inv a i)))
        (constraint (=> (inv a i) (inv (store a 0 (+ (select a 0) 1)) (+ i 1))))
        (constraint (=> (inv a i) (>= {read} 0)))"""
    found, _ = answer_of(text, "invariants")
    assert found is not None
    assert "(select a 0)" in found.answer.text


COUNTER = """(set-logic LIA) (synth-inv inv ((x Int) (n Int)))
(define-fun pre ((x Int) (n Int)) Bool (and (= x 0) (>= n 0)))
(define-fun trans ((x Int) (n Int) (x! Int) (n! Int)) Bool (and (< x n) (= x! (+ x 1)) (= n! n)))
(define-fun post ((x Int) (n Int)) Bool (=> (>= x n) (= x {goal})))
(inv-constraint inv pre trans post)"""


def test_invariants() -> None:
    found, _ = answer_of(COUNTER.format(goal="n"), "invariants")
    assert found is not None


def test_no_invariant() -> None:
    found, portfolio = answer_of(COUNTER.format(goal="(+ n 1)"))
    assert found is None
    assert portfolio.infeasible is not None


@pytest.mark.parametrize("step", ["#x02", "#x06"])
def test_an_invariant_of_many_cases_gives_way_to_a_short_one(step: str) -> None:
    """The Horn engine lists the values of i; that it is even says the same."""
    text = f"""(set-logic BV) (synth-fun inv ((i (_ BitVec 8))) Bool) (declare-var i (_ BitVec 8))
        (constraint (=> (= i #x00) (inv i))) (constraint (=> (inv i) (inv (bvadd i {step}))))
        (constraint (=> (inv i) (bvult i (bvor i #x01))))"""
    found, portfolio = answer_of(text, seconds=20, patience=10)
    assert found.answer.size < 10, portfolio.notes


def test_an_invariant_in_a_grammar() -> None:
    grammar = "((B Bool) (I Int)) ((B Bool ((and B B) (not (< I I)))) (I Int (x n 0)))"
    text = COUNTER.format(goal="n").replace("(n Int)))\n", f"(n Int)) {grammar})\n", 1)
    found, _ = answer_of(text, "invariants")
    assert found is not None
    assert {node.head.name for node in subterms(only(found))} <= {"and", "not", "<", "x", "n", "0"}


def test_answers_by_size() -> None:
    text = """(set-logic LIA) (synth-fun f ((x Int)) Int ((S Int) (I Int)) ((S Int (I)) (I Int (x 1 (+ I I) (- I I)))))
        (declare-var a Int) (constraint (> (f a) a))"""
    portfolio = Portfolio.of(specification(text), Limits(20), further=True)
    first = [next_.answer for next_ in itertools.islice(portfolio.answers(), 6)]
    sizes = [answer.size for answer in first]
    assert sizes == sorted(sizes)
    assert term_text(next(iter(first[0].bodies.values()))) in ("(+ x 1)", "(+ 1 x)")
    assert len({answer.text for answer in first}) == 6


def test_all_answers_of_a_finite_grammar() -> None:
    text = """(set-logic LIA) (synth-fun f ((x Int)) Int ((S Int) (I Int))
        ((S Int ((+ I I) (- I I))) (I Int (x 0 1 2))))
        (declare-var a Int) (constraint (> (f a) a))"""
    spec = specification(text)
    (target,) = spec.targets
    every = {t for size in range(1, 5) for t in syntactic_terms(target.grammar, target.grammar.start, size)}
    right = [t for t in every if check(spec, {target.function: t}, Limits(5)).answer is not None]
    found = [next(iter(f.answer.bodies.values())) for f in Portfolio.of(spec, Limits(20), further=True).answers()]
    assert all(any(equal_by_z3(t, f) for f in found) for t in right)
    assert set(found) <= set(right)
    assert len(found) == len(set(found)) == 2  # x + 1 and x + 2, operands in one order


def test_the_rooted_grammar_derives_the_same() -> None:
    target = specification(TEXT + '(constraint (= (f "a") "a"))').targets[0]
    again = rooted(target.grammar)
    for size in range(1, 4):
        assert syntactic_terms(again, again.start, size) == syntactic_terms(target.grammar, target.grammar.start, size)


@pytest.mark.parametrize(("limit", "solvable"), [(2, False), (3, True)])
def test_limits_of_depth(limit: int, solvable: bool) -> None:
    text = """(set-logic LIA) (synth-fun f ((x Int)) Int ((I Int)) ((I Int (x (+ I I)))))
        (declare-var a Int) (constraint (= (f a) (* 4 a)))"""
    for strategy in ("refinement", "instantiation"):
        portfolio = Portfolio.of(specification(text), Limits(5, depth=limit), strategy)
        found = list(itertools.islice(portfolio.answers(), 1))
        assert bool(found) == solvable
        assert portfolio.infeasible is None
        assert all(depth(body) <= limit for f in found for body in f.answer.bodies.values())


@pytest.mark.parametrize(("limit", "solvable"), [(6, False), (7, True)])
def test_limits_of_size(limit: int, solvable: bool) -> None:
    text = """(set-logic LIA) (synth-fun f ((x Int)) Int ((I Int)) ((I Int (x (+ I I)))))
        (declare-var a Int) (constraint (= (f a) (* 4 a)))"""
    portfolio = Portfolio.of(specification(text), Limits(5, size=limit), "refinement")
    assert bool(list(itertools.islice(portfolio.answers(), 1))) == solvable


def test_what_the_grammar_does_not_derive_is_no_answer() -> None:
    """The right function, written as the grammar does not write it."""
    text = """(set-logic LIA) (synth-fun f ((x Int)) Int ((I Int) (J Int)) ((I Int ((+ J I) x)) (J Int (x))))
        (declare-var a Int) (constraint (= (f a) (* 3 a)))"""
    spec = specification(text)

    def judged(body: str) -> Judgement:
        answer = load_answer(spec.problem, f"((define-fun f ((x Int)) Int {body}))", "a")
        return check(spec, answer, Limits(5)).judgement

    assert judged("(+ x (+ x x))") is Judgement.ACCEPTED
    assert judged("(+ (+ x x) x)") is Judgement.NOT_DERIVED
    assert judged("(* 3 x)") is Judgement.NOT_DERIVED
    assert judged("(+ x x)") is Judgement.WRONG


def test_an_ambiguous_grammar_has_a_derivation() -> None:
    text = """(set-logic LIA) (synth-fun f ((x Int)) Int ((S Int) (A Int) (B Int))
        ((S Int (A B (+ A B) (+ S S))) (A Int (x B)) (B Int (x 1 A))))
        (declare-var a Int) (constraint (= (f a) (+ a 1)))"""
    found, _ = answer_of(text)
    assert found is not None
    (target,) = specification(text).targets
    assert target.grammar.derive(only(found)) is not None


def test_unknown_strategies() -> None:
    spec = specification(maximum(2))
    with pytest.raises(OptionError, match="there is no 'magic'; known: auto, examples, instantiation"):
        Portfolio.of(spec, Limits(1), "magic")
    with pytest.raises(OptionError, match="'examples' can do nothing for this problem; use auto, instantiation"):
        Portfolio.of(spec, Limits(1), "examples")
    assert all(strategy.doc for strategy in known_strategies().values())


def test_time_is_kept() -> None:
    """No answer within reach: the search ends by itself."""
    text = """(set-logic LIA) (synth-fun f ((x Int)) Int ((I Int)) ((I Int (x 1 (+ I I)))))
        (declare-var a Int) (constraint (= (f a) (- 0 a)))"""
    portfolio = Portfolio.of(specification(text), Limits(0.5), "refinement")
    assert list(portfolio.answers()) == []
    assert portfolio.out_of_time
    assert portfolio.limits.spent < 5
