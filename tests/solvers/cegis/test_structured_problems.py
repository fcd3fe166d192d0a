"""Problems over datatypes, arrays and declared sorts, from the file to the proved answer."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from ordinary import answer_of
from sygus.app.cli import main
from sygus.language.syntax.parser import parse_term
from sygus.language.theories.exact import value_of
from sygus.language.typecheck import check_term

COLORS = """(set-logic ALL)
(declare-datatype Color ((red) (green) (mix (x Int))))
(synth-fun f ((c Color) (a (Array Int Int))) Int ((I Int) (B Bool))
  ((I Int (0 1 (x c) (select a I) (ite B I I))) (B Bool (((_ is red) c) ((_ is mix) c)))))
(declare-var c Color)
(declare-var a (Array Int Int))
(constraint (=> ((_ is red) c) (= (f c a) (select a 0))))
(constraint (=> ((_ is mix) c) (= (f c a) (x c))))
(check-synth)
"""
DECLARED = """(set-logic UF)
(declare-sort U 0)
(synth-fun f ((a U) (b U)) Bool ((B Bool)) ((B Bool ((= a b) (not B)))))
(declare-var a U)
(declare-var b U)
(constraint (= (f a b) (distinct a b)))
(check-synth)
"""
STORES = """(set-logic ALIA)
(synth-fun f ((a (Array Int Int)) (i Int)) (Array Int Int) ((A (Array Int Int)) (I Int))
  ((A (Array Int Int) (a (store A I I))) (I Int (i 0 (select a I)))))
(declare-var a (Array Int Int))
(declare-var i Int)
(constraint (= (select (f a i) 0) (select a i)))
(check-synth)
"""
LISTS = """(set-logic ALL)
(declare-datatype List ((nil) (cons (head Int) (tail List))))
(synth-fun f ((l List)) Int ((I Int) (L List) (B Bool))
  ((I Int (0 1 (head L) (ite B I I) (+ I I))) (L List (l (tail L))) (B Bool (((_ is nil) L)))))
(declare-var l List)
(declare-var n Int)
(declare-var m Int)
(constraint (= (f nil) 0))
(constraint (= (f (cons n nil)) n))
(constraint (= (f (cons n (cons m l))) (+ n m)))
(check-synth)
"""
INVERSE = """(set-logic NRA)
(synth-fun f ((x Real)) Real ((E Real) (B Bool))
  ((E Real (x 0.0 1.0 (/ E E) (+ E E) (ite B E E))) (B Bool ((= E E) (<= E E)))))
(declare-var x Real)
(constraint (=> (not (= x 0.0)) (= (* x (f x)) 1.0)))
(constraint (= (f 0.0) 1.0))
(check-synth)
"""
PROBLEMS = {
    "datatypes": COLORS,
    "declared sorts": DECLARED,
    "arrays": STORES,
    "parts that are left open": LISTS,
    "quotients by zero": INVERSE,
}


@pytest.mark.parametrize("text", PROBLEMS.values(), ids=PROBLEMS)
def test_answers_are_found_and_verified(text: str, tmp_path: Path) -> None:
    file, answer = tmp_path / "problem.sl", tmp_path / "answer.sl"
    file.write_text(text, encoding="utf-8")
    found = CliRunner().invoke(main, ["solve", str(file), "--time", "30", "--quiet", "--certify"])
    assert found.exit_code == 0, found.output
    assert "define-fun f" in found.stdout
    answer.write_text(found.stdout, encoding="utf-8")
    verified = CliRunner().invoke(main, ["verify", str(file), str(answer)])
    assert verified.exit_code == 0, verified.output
    assert "correct: in the grammar, and every constraint is proved by Z3" in verified.stdout


EVEN = "(define-fun even ((x Int)) Bool (exists ((k Int)) (= x (+ k k))))"


@pytest.mark.parametrize(
    ("declared", "constraint"),
    [
        ("(synth-fun f ((x Int)) Int ((I Int)) ((I Int (0 x (+ I I)))))", "(exists ((z Int)) (= (f x) (+ z z z)))"),
        (f"{EVEN} (synth-fun f ((x Int)) Bool)", "(= (f x) (even x))"),
        ("(synth-fun f ((x Int)) Int)", "(not (forall ((k Int)) (<= (f k) 5)))"),
        ("(synth-fun f ((x Int)) Int)", "(and (= (f x) (+ x 1)) (exists ((k Int)) (> k x)))"),
        ("(synth-fun f ((x Int)) Int) (synth-fun g ((x Int)) Int)", "(and (= (f x) x) (exists ((k Int)) (= (g x) k)))"),
    ],
)
def test_what_quantifiers_say_z3_decides(declared: str, constraint: str, tmp_path: Path) -> None:
    file, answer = tmp_path / "problem.sl", tmp_path / "answer.sl"
    text = f"(set-logic LIA) {declared} (declare-var x Int) (constraint {constraint}) (check-synth)"
    file.write_text(text, encoding="utf-8")
    found = CliRunner().invoke(main, ["solve", str(file), "--time", "10", "--quiet"])
    assert found.exit_code == 0, found.output
    answer.write_text(found.stdout, encoding="utf-8")
    verified = CliRunner().invoke(main, ["verify", str(file), str(answer)])
    assert "every constraint is proved by Z3" in verified.stdout


VALUES = {
    "A": "(> (a f) 3)",
    "N": "(< (r f) (- 3.5))",
    "R": "((_ is two) f)",
    "(Pair Int Bool)": "(and (second f) (> (first f) 2))",
    "(Array Int Int)": "(> (select f 2) 3)",
    "(Array Int A)": "(> (a (select f 2)) 3)",
    "(Array Bool Real)": "(and (> (select f true) 0.5) (< (select f false) (- 0.5)))",
}
"""What is asked of a constant of each sort."""


@pytest.mark.parametrize("sort", VALUES)
def test_a_constant_of_any_sort_is_written_and_verified(sort: str, tmp_path: Path) -> None:
    path, answer = tmp_path / "value.sl", tmp_path / "answer.sl"
    path.write_text(f"""(set-logic ALL)
(declare-datatype A ((make-a (a Int))))
(declare-datatype N ((make-n (r Real))))
(declare-datatype R ((two (l R)) (one (n Int))))
(declare-datatype Pair (par (X Y) ((pair (first X) (second Y)))))
(synth-fun f () {sort})
(constraint {VALUES[sort]})
(check-synth)
""")
    found = CliRunner().invoke(main, [str(path), "--time", "10"])
    assert found.exit_code == 0, found.output
    answer.write_text(found.stdout)
    verified = CliRunner().invoke(main, ["verify", str(path), str(answer)])
    assert verified.exit_code == 0, verified.output


RECURSIVE = {
    "the plain constructor after the recursive one": ("((R 0))", "((two (l R)) (one (n Int)))", "(= (n (l (f d))) d)"),
    "and before it": ("((R 0))", "((one (n Int)) (two (l R)))", "(= (n (l (l (f d)))) d)"),
    "two sorts, each made of the other": (
        "((R 0) (B 0))",
        "((r (b B)) (s (n Int))) ((c (a R)) (e (m Int)))",
        "(= (n (a (b (f d)))) d)",
    ),
    "the plain constructor in the other sort": (
        "((R 0) (B 0))",
        "((r (b B))) ((c (a R)) (e (m Int)))",
        "(= (m (b (a (b (f d))))) d)",
    ),
}


@pytest.mark.parametrize("kind", RECURSIVE)
def test_functions_into_recursive_datatypes(kind: str, tmp_path: Path) -> None:
    path, answer = tmp_path / "recursive.sl", tmp_path / "answer.sl"
    names, constructors, constraint = RECURSIVE[kind]
    path.write_text(f"""(set-logic ALL)
(declare-datatypes {names} ({constructors}))
(synth-fun f ((d Int)) R)
(declare-var d Int)
(constraint {constraint})
(check-synth)
""")
    found = CliRunner().invoke(main, [str(path), "--time", "10"])
    assert found.exit_code == 0, found.output
    answer.write_text(found.stdout)
    verified = CliRunner().invoke(main, ["verify", str(path), str(answer)])
    assert verified.exit_code == 0, verified.output


@pytest.mark.parametrize(
    ("constraint", "value"),
    [
        ("(= (a f) 100000000000000000000000000)", "(mk 100000000000000000000000000 "),
        ("(= (r f) (/ 1.0 3.0))", " (/ 1.0 3.0))"),
        ("(and (= (a f) (- 9223372036854775809)) (= (r f) 0.1))", "(mk (- 9223372036854775809) 0.1)"),
    ],
)
def test_numbers_within_constants_are_exact(constraint: str, value: str) -> None:
    text = f"(set-logic ALL) (declare-datatype A ((mk (a Int) (r Real)))) (synth-fun f () A) (constraint {constraint})"
    found, _ = answer_of(text, "instantiation")
    assert value in found.answer.text


RECORDS = {
    "parts apart": ("P", "(and (= (a v) (+ x (* 3 y))) (>= (b v) x) (>= (b v) y) (or (= (b v) x) (= (b v) y)))"),
    "a part of both": ("P", "(and (= (+ (a v) (b v)) x) (= (- (a v) (b v)) (+ x y y)))"),
    "equal to a record": ("P", "(ite (> x 7654321) (= v (mk y x)) (= (mk x (+ y 1)) v))"),
    "a tester": ("P", "(and ((_ is mk) v) (distinct v (mk x x)) (= (a v) x))"),
    "records in records": ("Q", "(and (= (a (left v)) (+ y 1234)) (= (b (left v)) x) (= (flag v) (< x y)))"),
    "with parameters": ("(Pair Int Real)", "(and (= (first v) (* 2 x)) (= (second v) (to_real y)))"),
    "names in bars": ("|a record|", "(= (|its part| v) (+ x x y))"),
}
DECLARED_RECORDS = """(set-logic ALL)
(declare-datatype P ((mk (a Int) (b Int))))
(declare-datatype Q ((both (left P) (flag Bool))))
(declare-datatype Pair (par (X Y) ((pair (first X) (second Y)))))
(declare-datatype |a record| ((|make it| (|its part| Int))))
(declare-var x Int)
(declare-var y Int)
"""


@pytest.mark.parametrize("kind", RECORDS)
def test_functions_into_records_are_found_part_by_part(kind: str) -> None:
    sort, constraint = RECORDS[kind]
    constraint = constraint.replace(" v", " (f x y)")
    function = f"(synth-fun f ((x Int) (y Int)) {sort})"
    found, portfolio = answer_of(f"{DECLARED_RECORDS} {function} (constraint {constraint})", "instantiation")
    assert found is not None, portfolio.notes


def test_a_function_into_records_in_a_grammar() -> None:
    grammar = "((S P) (I Int) (B Bool)) ((S P ((mk I I))) (I Int (x y 0 (+ I I) (ite B I I))) (B Bool ((<= I I))))"
    text = f"""{DECLARED_RECORDS} (synth-fun f ((x Int) (y Int)) P {grammar})
        (constraint (and (= (a (f x y)) (* 4 x)) (= (b (f x y)) (ite (<= x y) x y))))"""
    found, portfolio = answer_of(text, "instantiation")
    assert found is not None, portfolio.notes


def test_no_record_has_such_parts() -> None:
    text = f"""{DECLARED_RECORDS} (synth-fun f ((x Int) (y Int)) P)
        (constraint (and (> (a (f x y)) x) (= (b (f x y)) (a (f x y))) (<= (b (f x y)) x)))"""
    found, portfolio = answer_of(text, "instantiation")
    assert found is None
    assert portfolio.infeasible is not None


def written(value: int) -> str:
    return str(value) if value >= 0 else f"(- {-value})"


POINTS = [(4, -2), (-7, 3), (5, 5), (0, 9), (8, 1), (-3, -6), (2, 2), (-1, -1), (9, -9), (6, 7), (-5, 0), (1, -4)]
NUMBERS = "(I Int (x y 0 1 (+ I I) (- I I) (ite B I I))) (B Bool ((<= I I) (= I I)))"
TRIPLE = "(declare-datatype T ((triple (largest Int) (total Int) (distance Int) (ordered Bool))))"
SHAPE = "(declare-datatype S ((none) (one (only Int)) (two (first Int) (second Int))))"
PAIRS = "(declare-datatype P ((mk (a Int) (b Int)))) (declare-datatype Q ((both (left P) (right P))))"


def tripled(x: int, y: int) -> str:
    return f"(triple {written(max(x, y))} {written(x + y + 1)} {abs(x - y)} {'true' if x <= y else 'false'})"


def shaped(x: int, y: int) -> str:
    if x <= y:
        return "none" if x == y else f"(one {written(x + y + y)})"
    return f"(two {written(x + x + 1)} {written(y - x)})"


def paired(x: int, y: int) -> str:
    return f"(both (mk {written(y)} {written(x + y)}) (mk {written(min(x, y))} {written(x)}))"


PARTS = {
    "a record": (TRIPLE, "T", "((T T) (I Int) (B Bool)) ((T T ((triple I I I B)))", tripled),
    "several constructors": (
        SHAPE,
        "S",
        "((S S) (I Int) (B Bool)) ((S S (none (one I) (two I I) (ite B S S)))",
        shaped,
    ),
    "records in a record": (
        PAIRS,
        "Q",
        "((Q Q) (P P) (I Int) (B Bool)) ((Q Q ((both P P))) (P P ((mk I I)))",
        paired,
    ),
}


@pytest.mark.parametrize("kind", PARTS)
def test_examples_of_datatypes_are_learned_part_by_part(kind: str) -> None:
    """What is found is right at further points, for there is little else that the examples allow."""
    declared, sort, grammar, expected = PARTS[kind]
    asked = " ".join(f"(constraint (= (f {written(x)} {written(y)}) {expected(x, y)}))" for x, y in POINTS)
    text = f"(set-logic ALL) {declared} (synth-fun f ((x Int) (y Int)) {sort} {grammar} {NUMBERS})) {asked}"
    found, portfolio = answer_of(text, "examples", seconds=30.0)
    assert found is not None, portfolio.notes
    (body,) = found.answer.bodies.values()
    for x, y in [(3, 11), (12, -5), (-8, -8), (20, 20), (-13, 4), (15, 14)]:
        scope = portfolio.specification.problem.scope
        value = value_of(check_term(parse_term(expected(x, y)), scope), {})
        assert value_of(body, dict(zip(portfolio.specification.functions[0].parameters, (x, y), strict=True))) == value


def test_examples_of_a_datatype_as_a_table() -> None:
    grammar = "((P P) (I Int) (B Bool)) ((P P ((mk I I) (ite B P P))) (I Int (x (Constant Int))) (B Bool ((= I I))))"
    asked = " ".join(f"(constraint (= (f {n}) (mk {n * 7919 % 1009} {n * 104729 % 997})))" for n in range(12))
    found, portfolio = answer_of(f"(set-logic ALL) {PAIRS} (synth-fun f ((x Int)) P {grammar}) {asked}", "examples")
    assert found is not None, portfolio.notes


@pytest.mark.parametrize(
    ("outputs", "infeasible"), [(("(mk 1 2)", "(mk 1 3)"), True), (("(mk 1 2)", "(mk (- (- 1)) 2)"), False)]
)
def test_examples_of_a_datatype_that_contradict_each_other(outputs: tuple[str, str], infeasible: bool) -> None:
    asked = " ".join(f"(constraint (= (f 1) {one}))" for one in outputs)
    grammar = "((P P) (I Int)) ((P P ((mk I I))) (I Int (x 1 2)))"
    text = f"(set-logic ALL) {PAIRS} (synth-fun f ((x Int)) P {grammar}) {asked}"
    found, portfolio = answer_of(text, "auto")
    assert (portfolio.infeasible is not None) is infeasible
    assert (found is None) is infeasible


def test_branches_that_fail_prove_nothing_of_all() -> None:
    """The parts that are found first cannot be told apart by the conditions there are, the whole can do without."""
    text = """(set-logic ALL) (declare-datatype S ((none) (one (only Int))))
        (synth-fun f ((x Int) (s S)) S ((S S) (I Int) (B Bool))
          ((S S (s none (one I) (ite B S S))) (I Int (x)) (B Bool ((= x x)))))
        (constraint (= (f 1 none) none)) (constraint (= (f 2 (one 2)) (one 2)))"""
    found, portfolio = answer_of(text, "auto", seconds=20.0)
    assert found is not None, portfolio.notes
