"""Arrays, datatypes and declared sorts: kernels and Z3 forms against plain Python, values to terms and back."""

from __future__ import annotations

import numpy as np
import pytest
import z3
from hypothesis import given
from hypothesis import strategies as st

from agreement import seeded, z3_equals
from sygus.errors import TypeCheckError
from sygus.language.elaborate import load_problem
from sygus.language.problem import Problem, is_constant
from sygus.language.syntax.parser import parse_term
from sygus.language.terms import BOOL, INT, Sort, Term, Variable, bit_vector, expand, fold
from sygus.language.text import term_text
from sygus.language.theories import Function, Theory, find_logic
from sygus.language.theories.arrays import array
from sygus.language.theories.evaluate import evaluate
from sygus.language.theories.sorts import representation, z3_constant
from sygus.language.theories.structured import ArrayValue, elements, smallest_value
from sygus.language.theories.values import value_term

LIST = "(declare-datatypes ((List 1)) ((par (T) ((nil) (cons (head T) (tail (List T)))))))"
TREE = (
    "(declare-datatypes ((Tree 0) (Forest 0))"
    " (((node (label Int) (below Forest))) ((none) (some (first Tree) (rest Forest)))))"
)
COLOR = "(declare-datatype Color ((red) (green) (blue)))"
PAIR = "(declare-datatype Pair ((pair (left Bool) (right Color))))"


def load(*commands: str, logic: str = "ALL") -> Problem:
    """A problem with a trivial function."""
    text = "\n".join([f"(set-logic {logic})", *commands])
    if "synth-fun" not in text:
        text += "\n(synth-fun goal () Bool ((B Bool)) ((B Bool (true))))"
    return load_problem(f"{text}\n(check-synth)", "test.sl")


def constraint(text: str, *commands: str) -> Term:
    (found,) = load(*commands, f"(constraint {text})").constraints
    return found


def z3_form(root: Term) -> z3.ExprRef:
    def visit(node: Term, arguments: list[z3.ExprRef]) -> z3.ExprRef:
        if isinstance(node.head, Function):
            return node.head.z3(None, *arguments)
        if isinstance(node.head, Variable):
            return z3_constant(node.head.name, node.head.sort)
        return representation(node.sort).z3_value(node.head.value)

    return fold(expand(root), visit)


def holds(text: str, *commands: str) -> bool:
    """The truth of a closed formula, by the kernels and by Z3, which must agree."""
    found = constraint(text, *commands)
    value = bool(evaluate(found, {}).item())
    assert z3_equals(z3_form(found), z3.BoolVal(value)), text
    return value


def rejected(*commands: str, fragments: tuple[str, ...]) -> None:
    with pytest.raises(TypeCheckError) as caught:
        load(*commands)
    for fragment in fragments:
        assert fragment in str(caught.value)


# Arrays

ZERO = "((as const (Array Int Int)) 0)"
FALSE = "((as const (Array Bool Bool)) false)"


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        (f"(= (select {ZERO} 5) 0)", True),
        (f"(= (select (store {ZERO} 5 7) 5) 7)", True),
        (f"(= (select (store {ZERO} 5 7) 6) 7)", False),
        (f"(= (store (store {ZERO} 1 2) 3 4) (store (store {ZERO} 3 4) 1 2))", True),
        (f"(= (store (store {ZERO} 1 2) 1 0) {ZERO})", True),
        (f"(= (store {ZERO} 1 2) {ZERO})", False),
        (f"(= (store (store {FALSE} true true) false true) ((as const (Array Bool Bool)) true))", True),
        (f"(= (store {FALSE} true true) (store ((as const (Array Bool Bool)) true) false false))", True),
        (f"(distinct {FALSE} (store {FALSE} true true))", True),
        ("(= (select (select ((as const (Array Int (Array Int Bool))) ((as const (Array Int Bool)) true)) 1) 2) true)",
         True),
        ("(= (select ((as const (Array (_ BitVec 8) String)) \"a\") #x01) \"a\")", True),
    ],
)  # fmt: skip
def test_closed_formulas_over_arrays(text: str, truth: bool) -> None:
    assert holds(text) == truth


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), max_size=12), st.integers(0, 2))
def test_equal_arrays_over_a_finite_domain_are_one_value(stores: list[tuple[int, int]], default: int) -> None:
    domain = elements(bit_vector(2))
    assert domain == (0, 1, 2, 3)
    found, reference = ArrayValue(default), [default] * 4
    for key, value in stores:
        found = found.store(key, value, domain)
        reference[key] = value
    assert [found.select(key) for key in domain] == reference
    again = ArrayValue(reference[-1])
    for key in (2, 0, 3, 1):
        again = again.store(key, reference[key], domain)
    assert again == found


def test_a_model_of_an_array_is_read_back() -> None:
    sort = array(INT, bit_vector(4))
    held = representation(sort)
    value = ArrayValue(3, ((-5, 1), (7, 15)))
    solver = z3.Solver()
    name = z3_constant("a", sort)
    solver.add(name == held.z3_value(value))
    assert solver.check() == z3.sat
    assert held.read_z3(solver.model().eval(name, model_completion=True)) == value
    assert held.decode(held.encode(value)) == value


# Datatypes


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("(= (head (cons 3 (as nil (List Int)))) 3)", True),
        ("((_ is cons) (tail (cons 3 (as nil (List Int)))))", False),
        ("((_ is nil) (tail (cons 3 (as nil (List Int)))))", True),
        ("(= (cons 1 (cons 2 (as nil (List Int)))) (cons 1 (cons 2 (as nil (List Int)))))", True),
        ("(= (cons true (as nil (List Bool))) (cons false (as nil (List Bool))))", False),
        ("(= (tail (cons 1.5 (cons 2.5 (as nil (List Real))))) (cons 2.5 (as nil (List Real))))", True),
        ("(distinct red green blue)", True),
        ("(= (right (pair true green)) green)", True),
        ("(= (pair true green) (pair true green))", True),
        ("(= (label (first (some (node 4 none) none))) 4)", True),
        ("(= (ite ((_ is red) green) 1 2) 2)", True),
        ("(= (head (head (cons (cons blue (as nil (List Color))) (as nil (List (List Color)))))) blue)", True),
        ("(= (select (store ((as const (Array Color Int)) 0) red 4) red) 4)", True),
    ],
)  # fmt: skip
def test_closed_formulas_over_datatypes(text: str, truth: bool) -> None:
    assert holds(text, LIST, COLOR, PAIR, TREE) == truth


def test_constructors_selectors_and_testers_on_many_values() -> None:
    problem = load(LIST, COLOR, "(declare-var l (List Color))", "(declare-var c Color)")
    (lists, color) = (variable.sort for variable in problem.variables)
    theory = problem.theory
    resolve = theory.resolve
    nil = theory.resolve_as("nil", lists, ())
    assert nil is not None
    cons, head, tail = resolve("cons", (color, lists)), resolve("head", (lists,)), resolve("tail", (lists,))
    is_nil = resolve("is", (lists,), ("nil",))
    assert cons is not None
    assert head is not None
    assert tail is not None
    assert is_nil is not None
    names = seeded(0).choices(["red", "green", "blue"], k=20)
    held = representation(color)
    numbers = np.array([evaluate(constructor(theory, name), {}).item() for name in names])
    built = cons[0].kernel(numbers, nil.kernel())
    longer = cons[0].kernel(numbers[::-1].copy(), built)
    np.testing.assert_array_equal(head[0].kernel(longer), numbers[::-1])
    np.testing.assert_array_equal(tail[0].kernel(longer), built)
    assert not is_nil[0].kernel(longer).any()
    assert [held.decode(n).constructor for n in numbers] == names
    assert len(np.unique(built)) == len(set(names))


def constructor(theory: Theory, name: str) -> Term:
    resolved = theory.resolve(name, ())
    assert resolved is not None
    return Term(resolved[0], (), resolved[1])


def test_elements_and_smallest_values() -> None:
    problem = load(COLOR, PAIR, TREE, "(declare-var p Pair)", "(declare-var t Tree)", "(declare-var c Color)")
    pair, tree, color = (variable.sort for variable in problem.variables)
    assert len(elements(color)) == 3
    assert len(elements(pair)) == 6
    assert elements(tree) == ()
    assert elements(INT) == ()
    shown = {
        str(sort): term_text(value_term(representation(sort).decode(smallest_value(sort)), sort, problem.theory))
        for sort in (pair, tree, color, array(INT, color))
    }
    assert shown == {
        "Pair": "(pair false red)",
        "Tree": "(node 0 none)",
        "Color": "red",
        "(Array Int Color)": "((as const (Array Int Color)) red)",
    }


@pytest.mark.parametrize(
    "text",
    [
        "(cons 1 (cons (- 2) (as nil (List Int))))",
        "(as nil (List (Array Int Bool)))",
        "(pair true blue)",
        "(node 4 (some (node (- 5) none) none))",
        "(store (store ((as const (Array Color Int)) 0) green 5) red 4)",
        "((as const (Array (_ BitVec 4) (List Int))) (cons 1 (as nil (List Int))))",
    ],
)
def test_values_print_and_read_back_through_tensors_and_z3(text: str) -> None:
    problem = load(LIST, COLOR, PAIR, TREE, f"(constraint (= {text} {text}))")
    value = problem.constraints[0].arguments[0]
    assert is_constant(value)
    held = representation(value.sort)
    decoded = held.decode(evaluate(value, {}).item())
    again = value_term(decoded, value.sort, problem.theory)
    assert evaluate(again, {}).item() == evaluate(value, {}).item()
    assert z3_equals(held.z3_value(decoded), z3_form(value))
    assert held.read_z3(z3.simplify(held.z3_value(decoded))) == decoded
    assert parse_term(term_text(again)) == parse_term(text) or "store" in text


def test_two_files_may_declare_one_name_differently() -> None:
    first = constraint("(= (x (a 1)) 1)", "(declare-datatype T ((a (x Int))))")
    second = constraint("(= (x (a true)) true)", "(declare-datatype T ((a (x Bool)) (b)))")
    for found in (first, second, first):
        assert z3_equals(z3_form(found), z3.BoolVal(True))


@pytest.mark.parametrize(
    ("commands", "fragments"),
    [
        (["(declare-datatype T ((c (s T))))"], ("'T' has no value",)),
        (["(declare-datatypes ((A 0) (B 0)) (((a (x B))) ((b (y A)))))"], ("'A' has no value",)),
        (["(declare-datatype T ((c) (c)))"], ("'c' is declared twice",)),
        (["(declare-datatype T ((c (c Int))))"], ("'c' is declared twice",)),
        (["(declare-datatype T ((ite)))"], ("'ite' is a function of the logic",)),
        (["(declare-datatype Int ((c)))"], ("the sort 'Int' is defined twice",)),
        (["(declare-datatypes ((A 0) (A 0)) (((a)) ((b))))"], ("the sort 'A' is declared twice",)),
        (["(declare-datatypes ((A 1)) (((a))))"], ("declared with 1 parameters",)),
        (["(declare-datatype T ((c (s Missing))))"], ("unknown sort 'Missing'",)),
        (["(declare-datatype T ((leaf) (c (s (Array Int T)))))"], ("a part of 'T' cannot be (Array Int T)",)),
        ([LIST, "(declare-datatype T ((leaf) (c (s (List T)))))"], ("a part of 'T' cannot be (List T)",)),
        ([LIST, "(constraint (= nil nil))"], ("needs arguments", "(as nil σ)")),
        ([LIST, "(constraint (= (as nil Int) 0))"], ("'nil'",)),
        ([LIST, "(constraint ((_ is foo) (as nil (List Int))))"], ("ill-sorted", "C one of nil, cons")),
        ([LIST, "(constraint (= (cons 1 (as nil (List Bool))) 1))"], ("ill-sorted: 'cons'",)),
        ([LIST, "(declare-var x List)"], ("there is no sort 'List'", "(List σ)")),
        (["(declare-sort U 1)", "(declare-var x U)"], ("there is no sort 'U'", "(U σ)")),
        (["(declare-var x (Array Int))"], ("there is no sort '(Array Int)'",)),
        (["(declare-var x (Array Int RegLan))"], ("there is no sort",)),
        (["(constraint (= (select ((as const (Array Int Int)) 0) true) 0))"], ("ill-sorted: 'select'",)),
        (["(constraint (= ((as const Int) 0) 0))"], ("'const' makes no Int of Int",)),
        (["(define-sort P (T) (P T))"], ("unknown sort 'P'",)),
        (["(define-sort P (T T) T)"], ("two parameters of one name",)),
    ],
)
def test_what_is_wrong_with_a_declaration(commands: list[str], fragments: tuple[str, ...]) -> None:
    rejected(*commands, fragments=fragments)


def test_sorts_that_double_are_refused_before_they_are_large() -> None:
    lines = ["(define-sort S0 Int)", *(f"(define-sort S{n + 1} (Array S{n} S{n}))" for n in range(60))]
    rejected(*lines, fragments=("this sort is too large",))
    deep = "(Array Int " * 5000 + "Int" + ")" * 5000
    rejected(f"(declare-var x {deep})", fragments=("nests too deeply",))


# Declared sorts, quantifiers


def test_declared_sorts_have_no_functions_but_equality() -> None:
    problem = load("(declare-sort U 0)", "(declare-sort P 2)", "(declare-var u U)", "(declare-var p (P U Int))",
                   "(constraint (=> (= u u) (= p p)))")  # fmt: skip
    assert [str(v.sort) for v in problem.variables] == ["U", "(P U Int)"]
    assert z3.simplify(z3_form(problem.constraints[0])).eq(z3.BoolVal(True))
    assert load("(declare-sort U 0)", "(declare-var u U)").variables[0] == problem.variables[0]


def test_the_values_of_a_declared_sort_in_a_model_are_told_apart() -> None:
    sort = Sort("U", declaration=load("(declare-sort U 0)", "(declare-var u U)").variables[0].sort.declaration)
    held = representation(sort)
    a, b = z3_constant("a", sort), z3_constant("b", sort)
    solver = z3.Solver()
    solver.add(a != b)
    assert solver.check() == z3.sat
    values = [held.read_z3(solver.model().eval(name, model_completion=True)) for name in (a, b)]
    assert values[0] != values[1]


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("(exists ((x Int)) (= (* 2 x) 6))", True),
        ("(exists ((x Int)) (= (* 2 x) 7))", False),
        ("(not (forall ((x Int)) (exists ((y Int)) (> x y))))", False),
        ("(exists ((x Int)) (forall ((x Bool)) (or x (not x))))", True),
    ],
)
def test_quantifiers_are_decided_by_z3(text: str, truth: bool) -> None:
    solver = z3.Solver()
    solver.add(z3_form(constraint(text)) != truth)
    assert solver.check() == z3.unsat


def test_nothing_is_captured_by_a_quantifier() -> None:
    problem = load(
        "(define-fun below ((y Int)) Bool (exists ((x Int)) (< y x)))",
        "(define-fun above-all ((y Int)) Bool (forall ((x Int)) (= y x)))",
        "(declare-var x Int)",
        "(constraint (above-all x))",
        "(constraint (below x))",
    )
    wrong, right = (z3_form(expand(c)) for c in problem.constraints)
    solver = z3.Solver()
    solver.add(wrong)
    assert solver.check() == z3.unsat
    solver = z3.Solver()
    solver.add(z3.Not(right))
    assert solver.check() == z3.unsat


@pytest.mark.parametrize("name", ["k'0", "k'1", "k!0"])
def test_no_parameter_can_have_the_name_of_a_bound_variable(name: str) -> None:
    written = name if "'" not in name else f"|{name}|"
    problem = load(
        f"(define-fun least (({written} Int)) Bool (forall ((k Int)) (<= k {written})))",
        "(declare-var x Int)",
        "(constraint (least x))",
    )
    solver = z3.Solver()
    solver.add(z3_form(expand(problem.constraints[0])))
    assert solver.check() == z3.unsat


def test_a_default_grammar_over_structured_sorts() -> None:
    problem = load(LIST, COLOR, "(synth-fun f ((l (List Int)) (c Color) (a (Array Color Int))) Int)")
    texts = {repr(p.template) for ps in problem.target.grammar.productions.values() for p in ps}
    assert {"red", "(head any-List-Int)", "(as nil (List Int))", "(select any-Array-Color-Int any-Color)"} <= texts


@pytest.mark.parametrize("logic", ["QF_AX", "ALIA", "AUFLIA", "QF_ABV", "QF_AUFBV", "UFDT", "QF_DT", "UFDTLIA", "ALL"])
def test_logics_with_arrays_and_datatypes(logic: str) -> None:
    theory = find_logic(logic)
    assert theory is not None
    assert ("Array" in theory.families) == logic.removeprefix("QF_").startswith("A")
    assert (theory.resolve("select", (array(BOOL, BOOL), BOOL)) is not None) == ("Array" in theory.families)
