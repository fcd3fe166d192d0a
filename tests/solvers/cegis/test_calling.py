"""Grammars whose terms call functions to synthesise: those declared before (:fwd-decls), themselves (:recursion)."""

from collections.abc import Callable, Mapping
from math import factorial
from pathlib import Path
from typing import Any

import pytest
import z3
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

import sygus
from ordinary import specification
from solvers.cegis.answer import Judgement
from solvers.cegis.limits import Limits
from solvers.cegis.logic.verifier import check
from sygus.app.cli import main
from sygus.errors import SycamError
from sygus.language.elaborate import load_answer
from sygus.language.syntax.parser import parse_production
from sygus.language.typecheck import check_term

FEATURES = "(set-feature :fwd-decls true) (set-feature :recursion true)"
NUMBERS = "((I Int) (B Bool)) ((I Int (n 0 1 (+ I I) (- I I) (* I I) (ite B I I) (f I))) (B Bool ((<= I I) (= I I))))"
LISTS = "(declare-datatype List ((nil) (cons (head Int) (tail List))))"


def examples(values: Mapping[int, int]) -> str:
    return " ".join(f"(constraint (= (f {given}) {value}))" for given, value in values.items())


RECURSIVE: Mapping[str, tuple[str, Callable[[int], int], int]] = {
    "sum": (
        f"(set-logic NIA) {FEATURES} (synth-fun f ((n Int)) Int {NUMBERS}) {examples({0: 0, 1: 1, 3: 6, 5: 15})}",
        lambda n: n * (n + 1) // 2,
        30,
    ),
    "factorial": (
        f"(set-logic NIA) {FEATURES} (synth-fun f ((n Int)) Int {NUMBERS}) {examples({0: 1, 1: 1, 3: 6, 5: 120})}",
        factorial,
        25,
    ),
    "by an equation": (
        f"""(set-logic NIA) {FEATURES} (synth-fun f ((n Int)) Int {NUMBERS}) (declare-var x Int)
        (constraint (=> (<= x 0) (= (f x) 0))) (constraint (=> (> x 0) (= (f x) (+ x (f (- x 1))))))""",
        lambda n: n * (n + 1) // 2,
        40,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", RECURSIVE)
def test_recursive_functions_of_numbers(name: str) -> None:
    """What is found says the same at inputs that no example has."""
    text, expected, most = RECURSIVE[name]
    result = sygus.solve(f"{text} (check-synth)", time=60)
    assert result.found, result.notes
    assert result.answer.startswith("(\n(define-fun-rec f ((n Int)) Int ")
    assert [result.function(n) for n in range(most)] == [expected(n) for n in range(most)]


@pytest.mark.parametrize("most", [700, 5_000, pytest.param(9_000, marks=pytest.mark.slow)])
def test_how_deep_an_example_calls_decides_nothing(most: int) -> None:
    """What is run to its end in steps, and what only Z3 unfolds."""
    text = f"""(set-logic LIA) {FEATURES} (synth-fun f ((n Int)) Int ((I Int) (B Bool))
        ((I Int (n 0 1 (+ I I) (- I 1) (ite B I I) (f I))) (B Bool ((<= I I)))))
        {examples({0: 0, 1: 1, 3: 6, most: most * (most + 1) // 2})} (check-synth)"""
    result = sygus.solve(text, time=90)
    assert result.found, result.notes
    assert [result.function(n) for n in range(20)] == [n * (n + 1) // 2 for n in range(20)]


@pytest.mark.parametrize("number", range(10))
def test_calls_are_told_apart_by_their_arguments(number: int) -> None:
    """Of a predicate of which nothing is known, any two of few values may be alike."""
    text = f"""(set-logic LIA) {FEATURES}
        (synth-fun p ((n Int)) Bool ((B Bool) (I Int)) ((B Bool ((= I I))) (I Int (n {number}))))
        (synth-fun q () Bool ((B Bool) (I Int)) ((B Bool ((p I))) (I Int (0 1 2 3 4 5 6 7 8 9))))
        (declare-var x Int) (constraint (= (p x) (= x {number}))) (constraint q) (check-synth)"""
    assert f"(p {number})" in sygus.solve(text, time=30).answer


@pytest.mark.parametrize("number", range(0, 100, 9))
def test_calls_of_numbers_are_told_apart_by_their_arguments(number: int) -> None:
    constants = " ".join(map(str, range(100)))
    text = f"""(set-logic LIA) {FEATURES}
        (synth-fun g ((n Int)) Int ((I Int)) ((I Int (n 7 (+ I I)))))
        (synth-fun h () Int ((I Int) (C Int)) ((I Int ((g C))) (C Int ({constants}))))
        (declare-var x Int) (constraint (= (g x) (+ x 7))) (constraint (= h {number + 7})) (check-synth)"""
    assert f"(g {number})" in sygus.solve(text, time=30).answer


def listed(values: list[int]) -> str:
    return f"(cons {values[0]} {listed(values[1:])})" if values else "nil"


@pytest.fixture(scope="module")
def length() -> Any:
    asked = " ".join(f"(constraint (= (f {listed(one)}) {len(one)}))" for one in ([], [7], [5, 9], [0, 5, 9]))
    text = f"""(set-logic ALL) {FEATURES} {LISTS} (synth-fun f ((l List)) Int ((I Int) (L List))
        ((I Int (0 1 (+ I I) (head L) (ite (is-nil L) I I) (f L))) (L List (l (tail L))))) {asked} (check-synth)"""
    return sygus.solve(text, time=30)


@given(st.lists(st.integers(0, 9), max_size=12))
@settings(max_examples=20)
def test_a_recursive_function_of_a_datatype(length: Any, values: list[int]) -> None:
    given = check_term(parse_production(listed(values)), length.problem.scope)
    assert length.function(given) == len(values)
    assert length.function.text.startswith("(define-fun-rec f ((l List)) Int (ite ")


def test_a_recursive_predicate() -> None:
    asked = " ".join(f"(constraint {f'(e {n})' if n % 2 == 0 else f'(not (e {n}))'})" for n in (0, 1, 2, 5, 8))
    text = f"""(set-logic LIA) {FEATURES} (synth-fun e ((n Int)) Bool ((B Bool) (I Int))
        ((B Bool ((not B) (and B B) (or B B) (e I) (<= I I))) (I Int (n 0 1 (- I 1))))) {asked} (check-synth)"""
    found = sygus.solve(text, time=30).function
    assert [found(n) for n in range(40)] == [n % 2 == 0 for n in range(40)]


TWO = f"""(set-logic LIA) {FEATURES} (declare-var x Int)
    (synth-fun f ((n Int)) Int ((I Int)) ((I Int (n 0 1 (+ I I)))))
    (define-fun once ((n Int)) Int (f n))
    (synth-fun g ((n Int)) Int ((I Int)) ((I Int (n 1 (once I)))))
    (constraint (= (f x) (+ x x 1)))"""


def test_a_function_through_one_declared_before(tmp_path: Path) -> None:
    """f(f(x)) = 4x + 3, by a macro that calls f; the answer is read back, derived and verified."""
    problem, answer = tmp_path / "problem.sl", tmp_path / "answer.sl"
    problem.write_text(f"{TWO} (constraint (= (g x) (+ 3 (* 4 x)))) (check-synth)")
    result = CliRunner().invoke(main, [str(problem), "--time", "30", "--certify"])
    assert result.exit_code == 0, result.output
    assert "(define-fun g ((n Int)) Int (once (once n)))" in result.stdout
    answer.write_text(result.stdout)
    assert CliRunner().invoke(main, ["verify", str(problem), str(answer)]).exit_code == 0
    found = sygus.solve(str(problem), time=30).functions["g"]
    assert [found(n) for n in range(-5, 5)] == [4 * n + 3 for n in range(-5, 5)]
    assert "define-fun f" not in found.smtlib  # what it calls is written out


@pytest.mark.slow
def test_a_function_through_a_recursive_one() -> None:
    """g(n) = n (n + 1) is twice the sum up to n."""
    text, expected, _ = RECURSIVE["sum"]
    asked = "(constraint (= (g 3) 12)) (constraint (= (g 4) 20))"
    grammar = "((I Int)) ((I Int (n 1 (+ I I) (f I))))"
    functions = sygus.solve(f"{text} (synth-fun g ((n Int)) Int {grammar}) {asked} (check-synth)", time=90).functions
    assert [functions["g"](n) for n in range(30)] == [2 * expected(n) for n in range(30)]


def test_the_standards_example() -> None:
    text = f"""(set-logic LIA) {FEATURES} (define-fun x_plus_one ((x Int)) Int (+ x 1))
        (synth-fun f ((x Int)) Int ((I Int)) ((I Int (0 1 x (x_plus_one I)))))
        (define-fun fx_plus_one ((x Int)) Int (+ (f x) 1))
        (synth-fun g ((x Int)) Int ((I Int)) ((I Int (0 1 x (fx_plus_one I)))))
        (synth-fun h ((x Int)) Int ((I Int) (B Bool))
          ((I Int (0 1 x (- I 1) (+ I I) (h I) (ite B I I))) (B Bool ((= I I) (> I I)))))
        (declare-var y Int) (constraint (= (h y) (- (g y) (f y)))) (check-synth)"""
    functions = sygus.solve(text, time=30).functions
    f, g, h = (functions[name] for name in "fgh")
    assert all(h(y) == g(y) - f(y) for y in range(-20, 20))


def test_functions_that_no_constraint_connects_but_a_call_does_are_one_part() -> None:
    assert len(specification(f"{TWO} (constraint (= (g 1) 7))").parts) == 1


SUM = f"(set-logic NIA) {FEATURES} (synth-fun f ((n Int)) Int {NUMBERS}) (declare-var x Int)"


def judged(constraint: str, body: str) -> Judgement:
    stated = specification(f"{SUM} (constraint {constraint})")
    answer = load_answer(stated.problem, f"((define-fun-rec f ((n Int)) Int {body}))", "answer")
    return check(stated, answer, Limits(3)).judgement


@pytest.mark.parametrize(
    ("constraint", "body", "expected"),
    [
        ("(= (f 20) 210)", "(ite (<= n 0) 0 (+ n (f (- n 1))))", Judgement.ACCEPTED),
        ("(= (f 20) 211)", "(ite (<= n 0) 0 (+ n (f (- n 1))))", Judgement.WRONG),
        ("(=> (> x 0) (= (f x) (+ x (f (- x 1)))))", "(ite (<= n 0) 0 (+ n (f (- n 1))))", Judgement.ACCEPTED),
        # ends from 20, though not from everywhere
        ("(= (f 20) 210)", "(ite (= n 0) 0 (+ n (f (- n 1))))", Judgement.ACCEPTED),
        ("(=> (> x 0) (= (f x) (+ x (f (- x 1)))))", "(ite (= n 0) 0 (+ n (f (- n 1))))", Judgement.ACCEPTED),
    ],
)
def test_answers_are_proved_with_unfolding(constraint: str, body: str, expected: Judgement) -> None:
    assert judged(constraint, body) is expected


@pytest.mark.parametrize(
    ("constraint", "body"),
    [
        ("(= (f x) 7)", "(+ 1 (f n))"),  # no function at all is so, from which everything would follow
        ("(= (f (- 3)) 7)", "(ite (<= n 0) (+ 1 (f n)) n)"),  # nor one that is so at -3
        ("(=> (<= x 0) (= (f x) 7))", "(ite (<= n 0) (+ 1 (f (+ n 0))) n)"),
        ("(= (f x) 0)", "(f n)"),  # any function is so
        ("(= (f 3) 0)", "(f (+ n 1))"),
    ],
)
def test_recursion_that_does_not_end_proves_nothing(constraint: str, body: str) -> None:
    assert judged(constraint, body) in (Judgement.WRONG, Judgement.UNDECIDED)


def test_where_it_ends_a_definition_says_what_it_says_elsewhere_nothing() -> None:
    body = "(ite (<= n 0) (+ 1 (f (- n 1))) (* n n))"
    assert judged("(=> (> x 0) (= (f x) (* x x)))", body) is Judgement.ACCEPTED
    assert judged("(= (f (- 1)) 5)", body) in (Judgement.WRONG, Judgement.UNDECIDED)


def test_answers_to_the_strategy_that_calls_nothing_are_refused() -> None:
    with pytest.raises(SycamError, match="'refinement' can do nothing for this problem; use auto, joint"):
        sygus.solve(f"{SUM} (constraint (= (f x) x)) (check-synth)", strategy="refinement", time=5)


def test_an_oracle_in_a_grammar_is_still_refused() -> None:
    text = """(set-logic LIA) (set-feature :oracles true) (declare-oracle-fun o (Int) Int ./o)
        (synth-fun f ((x Int)) Int ((I Int)) ((I Int (x (o I)))))"""
    with pytest.raises(SycamError, match="a grammar that calls an oracle, 'o', is not searched"):
        specification(text)


def test_z3_agrees_with_the_kernel_on_what_was_found(length: Any) -> None:
    """Read by Z3 itself from the text in SMT-LIB, with the value at a list of seven."""
    values = [3, 1, 4, 1, 5, 9, 2]
    solver = z3.Solver()
    solver.from_string(f"{length.function.smtlib} (assert (not (= (f {listed(values)}) 7)))")
    assert solver.check() == z3.unsat
