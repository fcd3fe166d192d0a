"""Problems over datatypes, arrays and declared sorts, from the file to the proved answer."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from sygus.app.cli import main

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
