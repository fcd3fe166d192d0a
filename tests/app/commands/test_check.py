"""``sycam-sygus check``: what a file asks, and which divisions of its grammar are unsafe."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from sygus.app.cli import main

CAM = """(set-logic CAM)
(set-feature :oracles true)
(declare-oracle-fun drop ((-> Map Map Weight)) Real average-drop)
(synth-fun w ((activation Map) (gradient Map)) Weight
  ((W Weight) (M Map))
  ((W Weight ((gap M) (/ W W) (/ W (+ 1 (gap activation))) (/ W (- (gap M) (gap M)))))
   (M Map (activation gradient (exp M) (/ M (exp M))))))
(optimize-synth ((! (drop w) :min)))
"""
ORDINARY = """(set-logic SLIA)
(declare-var x Int)
(synth-fun f ((y Int)) Int ((I Int)) ((I Int (y 0 (+ I I)))))
(constraint (= (f (str.to.int "1")) x))
(check-synth)
"""


def check(text: str, folder: Path) -> tuple[str, str]:
    file = folder / "problem.sy"
    file.write_text(text, encoding="utf-8")
    result = CliRunner().invoke(main, ["check", str(file)])
    assert result.exit_code == 0, result.output
    return result.stdout, result.stderr


def test_unsafe_productions_are_named_with_a_witness(tmp_path: Path) -> None:
    found, _ = check(CAM, tmp_path)
    assert "strict division: 2 of 4 productions are unsafe" in found
    assert "W: (/ W W): " in found
    assert "    (gap gradient): zero on random values; zero where gap!1 = 0" in found
    assert "W: (/ W (- (gap M) (gap M))): 40 of its 40 smallest denominators are not proved nonzero" in found
    assert "(+ 1 (gap activation)): " not in found
    assert "(exp M)): " not in found


def test_safe_grammars_say_so_and_those_without_division_nothing(tmp_path: Path) -> None:
    safe = CAM.replace("(/ W W)", "").replace("(/ W (- (gap M) (gap M)))", "")
    assert "strict division: 0 of 2 productions are unsafe" in check(safe, tmp_path)[0]
    without = safe.replace("(/ W (+ 1 (gap activation)))", "").replace("(/ M (exp M))", "")
    assert "division" not in check(without, tmp_path)[0]


def test_a_problem_of_another_logic(tmp_path: Path) -> None:
    found, notes = check(ORDINARY, tmp_path)
    assert "well-formed, logic SLIA\nsynthesise f : Int from y Int\n  I Int: 3 productions\n" in found
    assert "1 variables, 1 constraints, 0 assumptions, 0 objectives, 0 oracles" in found
    assert "uses syntax older than 2.1: str.to.int for str.to_int (line 4)" in notes


def test_weights_are_no_hindrance(tmp_path: Path) -> None:
    weighed = ORDINARY.replace("(check-synth)", "(constraint (< (_ weight f) 3))\n(check-synth)")
    found, _ = check(weighed.replace("\n", "\n(set-feature :weights true)\n", 1), tmp_path)
    assert "2 constraints" in found
