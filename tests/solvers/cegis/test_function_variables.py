"""Variables, parameters and macros of function sorts: uninterpreted functions."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from sygus.app.cli import main

UNARY = "(declare-var d (-> Int Int)) (declare-var x Int) (declare-var y Int)"
SOLVED = {
    "of two arguments": (
        """(set-logic LIA) (declare-var d (-> Int Int Int)) (declare-var x Int) (declare-var y Int)
        (synth-fun f ((a Int) (b Int)) Int) (constraint (= (f (d x y) (d y x)) (+ (d x y) (d y x))))""",
        "(+ a b)",
    ),
    "equal arguments have equal values": (
        f"""(set-logic LIA) {UNARY} (synth-fun f ((a Int) (b Int)) Int)
        (constraint (=> (= x y) (= (f (d x) (d y)) 0))) (constraint (= (f 3 4) 1))""",
        "(- b a)",
    ),
    "a parameter of the grammar": (
        f"""(set-logic LIA) {UNARY} (synth-fun f ((g (-> Int Int)) (x Int)) Int
          ((I Int)) ((I Int (x 1 (g I) (+ I I))))) (constraint (= (f d x) (+ (d (d x)) 1)))""",
        "(+ (g (g x)) 1)",
    ),
    "a parameter without a grammar": (
        f"(set-logic HO_ALL) {UNARY} (synth-fun f ((g (-> Int Int)) (z Int)) Int) (constraint (= (f d x) (d x)))",
        "(define-fun f ((g (-> Int Int)) (z Int)) Int (g z))",
    ),
    "of bit-vectors": (
        """(set-logic BV) (declare-var d (-> (_ BitVec 8) Bool)) (declare-var x (_ BitVec 8))
        (synth-fun f ((a (_ BitVec 8)) (b Bool)) (_ BitVec 8)
          ((V (_ BitVec 8)) (B Bool)) ((V (_ BitVec 8) (a (bvnot V) (ite B V V))) (B Bool (b))))
        (constraint (= (f x (d x)) (ite (d x) x (bvnot x))))""",
        "(ite b a (bvnot a))",
    ),
    "of strings": (
        """(set-logic SLIA) (declare-var d (-> String Int)) (declare-var s String)
        (synth-fun f ((a Int) (b Int)) Int ((I Int)) ((I Int (a b (+ I I)))))
        (constraint (= (f (d s) (str.len s)) (+ (d s) (str.len s))))""",
        "(+ a b)",
    ),
    "of reals": (
        """(set-logic LRA) (declare-var d (-> Real Real)) (declare-var x Real) (synth-fun f ((a Real)) Real)
        (constraint (= (f (d x)) (+ 0.5 (d x))))""",
        "(+ a 0.5)",
    ),
    "of declared sorts": (
        """(set-logic ALL) (declare-sort U 0) (declare-var d (-> U U)) (declare-var u U)
        (synth-fun f ((x U) (y U)) U) (constraint (= (f u (d u)) (d u)))""",
        "U y)",
    ),
    "of datatypes": (
        """(set-logic ALL) (declare-datatype L ((nil) (cons (hd Int) (tl L)))) (declare-var d (-> L Int))
        (declare-var l L) (synth-fun f ((a Int) (b L)) Int ((I Int)) ((I Int (0 a (hd b)))))
        (constraint (= (f (d l) l) (d l)))""",
        "Int a)",
    ),
    "in a macro": (
        f"""(set-logic LIA) {UNARY} (define-fun two ((g (-> Int Int)) (z Int)) Int (g (g z)))
        (synth-fun f ((a Int)) Int) (constraint (= (f (two d x)) (+ 1 (two d x))))""",
        "(+ a 1)",
    ),
}


@pytest.mark.parametrize("name", SOLVED)
def test_answers(name: str, tmp_path: Path) -> None:
    text, body = SOLVED[name]
    problem, answer = tmp_path / "problem.sl", tmp_path / "answer.sl"
    problem.write_text(f"{text} (check-synth)")
    result = CliRunner().invoke(main, [str(problem), "--time", "20", "--certify"])
    assert result.exit_code == 0, result.output
    assert body in result.stdout
    answer.write_text(result.stdout)
    assert CliRunner().invoke(main, ["verify", str(problem), str(answer)]).exit_code == 0


def test_a_wrong_answer_comes_with_a_function(tmp_path: Path) -> None:
    problem, answer = tmp_path / "problem.sl", tmp_path / "answer.sl"
    problem.write_text(
        f"(set-logic LIA) {UNARY} (synth-fun f ((a Int)) Int) (constraint (= (f x) (d 1))) (check-synth)"
    )
    answer.write_text("((define-fun f ((a Int)) Int 7))")
    result = CliRunner().invoke(main, ["verify", str(problem), str(answer)])
    assert result.exit_code == 1
    assert result.stdout.startswith("wrong: (= (f x) (d 1)) fails where ")
    assert "d = ((as const (Array Int Int)) " in result.stdout


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        (f"{UNARY} (synth-fun f ((a Int)) Int) (constraint (= (d 1 2) 1))", "'d' is applied to Int Int"),
        (f"{UNARY} (synth-fun f ((a Int)) Int) (constraint (= d d))", "ill-sorted"),
        (f"{UNARY} (synth-fun f ((a Int)) (-> Int Int))", "the result of 'f' is a function"),
        (
            "(declare-var p (-> (-> Int Int) Bool)) (synth-fun f ((a Int)) Int) (constraint (p f))",
            "'f' stands for itself where a function is an argument",
        ),
        (
            "(define-fun inc ((z Int)) Int z) (synth-fun f ((g (-> Int Int))) Int) (constraint (= (f inc) 1))",
            "'inc' stands for itself where a function is an argument",
        ),
        (
            """(synth-fun f ((g (-> Int Int))) Int
              ((I Int) (G (-> Int Int))) ((I Int (1)) (G (-> Int Int) (g (Constant (-> Int Int))))))""",
            "there are no constants of (-> Int Int)",
        ),
    ],
)
def test_what_is_refused(text: str, fragment: str, tmp_path: Path) -> None:
    problem = tmp_path / "problem.sl"
    problem.write_text(f"(set-logic LIA) {text} (check-synth)")
    result = CliRunner().invoke(main, [str(problem), "--time", "5"])
    assert result.exit_code == 2, result.output
    assert fragment in result.stderr
