"""Functions of define-fun-rec: their values, and problems that call them."""

from pathlib import Path

import numpy as np
import pytest
import z3
from click.testing import CliRunner

import sygus
from sygus.app.cli import main
from sygus.language.elaborate import load_problem
from sygus.language.syntax import parse, print_script
from sygus.language.theories.quantifiers import NotEvaluatedError
from sygus.language.theories.recursion import Recursive

SUM = "(define-fun-rec s ((n Int)) Int (ite (<= n 0) 0 (+ n (s (- n 1)))))"
FIBONACCI = "(define-fun-rec fib ((n Int)) Int (ite (< n 2) n (+ (fib (- n 1)) (fib (- n 2)))))"
PARITY = """(define-funs-rec ((even ((n Int)) Bool) (odd ((n Int)) Bool))
  ((or (= n 0) (and (> n 0) (odd (- n 1)))) (and (> n 0) (even (- n 1)))))"""
ACKERMANN = """(define-fun-rec a ((m Int) (n Int)) Int
  (ite (<= m 0) (+ n 1) (ite (<= n 0) (a (- m 1) 1) (a (- m 1) (a m (- n 1))))))"""
BITS = """(define-fun-rec bits ((v (_ BitVec 8))) (_ BitVec 8)
  (ite (= v #x00) #x00 (bvadd (bvand v #x01) (bits (bvlshr v #x01)))))"""
REVERSED = """(define-fun-rec rev ((s String)) String
  (ite (= s "") "" (str.++ (rev (str.substr s 1 (- (str.len s) 1))) (str.at s 0))))"""
LISTS = """(declare-datatype List ((nil) (cons (head Int) (tail List))))
(define-fun-rec total ((l List)) Int (ite (is-nil l) 0 (+ (head l) (total (tail l)))))"""
ENDLESS = "(define-fun-rec s ((n Int)) Int (s n))"
CONTRADICTORY = "(define-fun-rec s ((n Int)) Int (+ 1 (s n)))"


def function(logic: str, definition: str, name: str) -> Recursive:
    problem = load_problem(f"(set-logic {logic}) {definition} (synth-fun f () Int) (check-synth)", "test")
    found = problem.scope.symbols[name]
    assert isinstance(found, Recursive)
    return found


def test_values_and_z3_agree() -> None:
    fibonacci, expected = function("LIA", FIBONACCI, "fib"), [0, 1]
    while len(expected) < 60:
        expected.append(expected[-1] + expected[-2])
    assert fibonacci.kernel(np.arange(60)).tolist() == expected
    ackermann = function("LIA", ACKERMANN, "a")
    for m, n, value in ((0, 5, 6), (1, 4, 6), (2, 3, 9), (3, 2, 29)):
        assert ackermann.kernel(np.array([m]), np.array([n])).tolist() == [value]
        solver = z3.Solver()
        solver.add(ackermann.z3(None, z3.IntVal(m), z3.IntVal(n)) != value)
        assert solver.check() == z3.unsat
    even = function("LIA", PARITY, "even")
    assert even.kernel(np.arange(-3, 9).reshape(3, 4)).tolist() == [
        [n == abs(n) and n % 2 == 0 for n in row] for row in np.arange(-3, 9).reshape(3, 4).tolist()
    ]


def test_what_does_not_end_is_left_open() -> None:
    """The kernel comes to an end, and Python is told."""
    for definition in (ENDLESS, CONTRADICTORY, "(define-fun-rec s ((n Int)) Int (+ 1 (s (+ n 1))))"):
        assert function("LIA", definition, "s").kernel(np.array([3, 4])).shape == (2,)
    text = f"(set-logic LIA) {ENDLESS} (synth-fun f ((x Int)) Int ((I Int ((s x))))) (check-synth)"
    found = sygus.solve(text, time=10).function
    with pytest.raises(NotEvaluatedError, match="the value of 's' was not found"):
        found(3)


SOLVED = {
    "examples": (
        f"""(set-logic LIA) {SUM} (synth-fun f ((x Int)) Int ((I Int)) ((I Int (x 1 (+ I I) (s I)))))
        (constraint (= (f 3) 7)) (constraint (= (f 10) 56))""",
        "(s x)",
    ),
    "for all values": (
        f"""(set-logic BV) {BITS} (declare-var x (_ BitVec 8)) (synth-fun f ((x (_ BitVec 8))) (_ BitVec 8)
          ((V (_ BitVec 8))) ((V (_ BitVec 8) (x #x01 (bits V) (bvadd V V)))))
        (constraint (= (f x) (bvadd (bits x) #x01)))""",
        "(bits x)",
    ),
    "functions that call one another": (
        f"""(set-logic LIA) {PARITY} (synth-fun f ((x Int)) Bool
          ((B Bool) (I Int)) ((B Bool ((odd I) (even I) (not B))) (I Int (x (+ I 1)))))
        (constraint (f 7)) (constraint (not (f 4)))""",
        "(odd x)",
    ),
    "strings": (
        f"""(set-logic SLIA) {REVERSED} (synth-fun f ((s String)) String
          ((S String)) ((S String (s "-" (str.++ S S) (rev S))))) (constraint (= (f "abc") "cba-"))""",
        "(rev s)",
    ),
    "datatypes": (
        f"""(set-logic ALL) {LISTS} (synth-fun f ((l List)) Int
          ((I Int) (L List)) ((I Int (1 (+ I I) (total L))) (L List (l (tail L)))))
        (constraint (= (f (cons 3 (cons 4 nil))) 5)) (constraint (= (f (cons 9 (cons 0 (cons 1 nil)))) 2))""",
        "(total (tail l))",
    ),
    "an invariant": (
        f"""(set-logic LIA) {SUM} (declare-var x Int) (declare-var y Int)
        (synth-fun i ((x Int) (y Int)) Bool
          ((B Bool) (I Int)) ((B Bool ((= I I) (and B B) (>= x 0))) (I Int (x y 0 (s I)))))
        (constraint (i 0 0)) (constraint (=> (i x y) (i (+ x 1) (+ y x 1)))) (constraint (=> (i x y) (= y (s x))))""",
        "(s x)",
    ),
}


@pytest.mark.parametrize("name", SOLVED)
def test_answers(name: str, tmp_path: Path) -> None:
    text, part = SOLVED[name]
    problem, answer = tmp_path / "problem.sl", tmp_path / "answer.sl"
    problem.write_text(f"{text} (check-synth)")
    result = CliRunner().invoke(main, [str(problem), "--time", "30", "--certify"])
    assert result.exit_code == 0, result.output
    assert part in result.stdout
    answer.write_text(result.stdout)
    assert CliRunner().invoke(main, ["verify", str(problem), str(answer)]).exit_code == 0
    script = parse(problem.read_text())
    assert print_script(parse(print_script(script))) == print_script(script)


@pytest.mark.parametrize("depth", [700, 5_000])
def test_functions_of_the_file_may_be_called_deeply(depth: int) -> None:
    text = f"""(set-logic LIA) {SUM} (synth-fun f ((x Int)) Int ((I Int)) ((I Int (x 1 (+ I I) (s I)))))
        (constraint (= (f 3) 7)) (constraint (= (f {depth}) {depth * (depth + 1) // 2 + 1})) (check-synth)"""
    result = sygus.solve(text, time=30)
    assert result.function(10) == 56


@pytest.mark.parametrize("asked", ["(= (f (s 0)) 5)", "(and (= (f (s 0)) 5) (= (f (s 0)) 6))", "(= (s 0) 2)"])
def test_a_definition_that_contradicts_itself_proves_nothing(asked: str) -> None:
    text = f"""(set-logic LIA) {CONTRADICTORY} (synth-fun f ((x Int)) Int ((I Int (0 1 x))))
        (constraint {asked}) (check-synth)"""
    assert sygus.solve(text, time=3).answer == "fail"


@pytest.mark.slow
def test_a_definition_that_contradicts_itself_proves_no_other_constraint() -> None:
    text = f"""(set-logic LIA) {CONTRADICTORY} (declare-var x Int) (synth-fun f ((x Int)) Int ((I Int (0 1 x))))
        (constraint (= (f x) x)) (constraint (=> (> x 9) (= (f (+ x 1)) (s x)))) (check-synth)"""
    assert sygus.solve(text, time=10).answer in ("(\n(define-fun f ((x Int)) Int x)\n)", "fail")


@pytest.mark.parametrize(
    ("definition", "fragment"),
    [
        ("(define-fun-rec s ((n Int)) Int (= n 1))", "'s' is declared Int, its body is Bool"),
        ("(synth-fun g ((x Int)) Int) (define-fun-rec s ((n Int)) Int (g n))", "'s' calls 'g'"),
        ("(declare-var y Int) (define-fun-rec s ((n Int)) Int (+ y n))", "'s' holds variables of the file"),
        (f"{SUM} {SUM}", "'s' is defined twice"),
        ("(define-funs-rec ((a ((n Int)) Int) (b ((n Int)) Int)) ((b n)))", "2 functions, but 1 bodies"),
        ("(define-fun-rec s ((n Int)) (-> Int Int) n)", "the result of 's' is a function"),
        (f"{SUM} (declare-var h (-> (-> Int Int) Int)) (constraint (= (h s) 1))", "'s' stands for itself"),
    ],
)
def test_what_is_refused(definition: str, fragment: str, tmp_path: Path) -> None:
    problem = tmp_path / "problem.sl"
    problem.write_text(f"(set-logic LIA) {definition} (synth-fun f () Int) (check-synth)")
    result = CliRunner().invoke(main, [str(problem), "--time", "5"])
    assert result.exit_code == 2, result.output
    assert fragment in result.stderr
