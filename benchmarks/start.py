"""How long the program takes to begin: processor time of commands on trivial problems, beside imports that they need.

Run ``python benchmarks/start.py``; it takes a minute or two. Every line is a process of its own, with its start, its
modules compiled; all are run in turn, so that drift of the machine is shared. ``beside`` is the share of a bare import
of Z3 and NumPy, which most ordinary problems need.

``--run RUN`` measures the exports of a finished run too.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness import report

BARE = "import z3, numpy"

PROBLEMS = {
    "LIA": """(set-logic LIA) (synth-fun f ((x Int) (y Int)) Int) (declare-var x Int) (declare-var y Int)
        (constraint (>= (f x y) x)) (constraint (>= (f x y) y)) (constraint (or (= x (f x y)) (= y (f x y))))""",
    "BV": """(set-logic BV)
        (synth-fun f ((x (_ BitVec 32))) (_ BitVec 32) ((S (_ BitVec 32))) ((S (_ BitVec 32) (x #x00000001
        (bvand S S) (bvor S S) (bvsub S S))))) (declare-var x (_ BitVec 32))
        (constraint (= (f x) (bvand x (bvsub x #x00000001))))""",
    "strings": """(set-logic SLIA) (synth-fun f ((a String) (b String)) String ((S String)) ((S String (a b " "
        (str.++ S S))))) (declare-var a String) (declare-var b String)
        (constraint (= (f a b) (str.++ a (str.++ " " b))))""",
    "examples": """(set-logic SLIA) (synth-fun f ((s String)) String ((S String) (I Int)) ((S String (s " " (str.++ S S)
        (str.substr S I I))) (I Int (0 1 (str.len S) (str.indexof S S I)))))
        (constraint (= (f "Nancy FreeHafer") "Nancy")) (constraint (= (f "Jan Kotas") "Jan"))""",
    "invariant": """(set-logic LIA) (synth-fun inv ((x Int)) Bool)
        (define-fun pre ((x Int)) Bool (= x 0)) (define-fun trans ((x Int) (y Int)) Bool (and (< x 9) (= y (+ x 1))))
        (define-fun post ((x Int)) Bool (<= x 9)) (inv-constraint inv pre trans post)""",
}
"""Ordinary problems that are solved at once."""

PROGRAM = "from sygus.app.start import main; main()"


def measured(words: Sequence[str]) -> float:
    """Seconds of processor time of a process, user and system."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(words, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def medians(commands: Mapping[str, Sequence[str]], repeats: int) -> dict[str, float]:
    """The median of each command, run in turn after one round that is not counted."""
    rounds = [{name: measured(words) for name, words in commands.items()} for _ in range(repeats + 1)][1:]
    return {name: statistics.median(one[name] for one in rounds) for name in commands}


def main() -> None:
    """Measure, print and write down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=11)
    parser.add_argument("--run", help="the folder of a finished run")
    options = parser.parse_args()
    program = [sys.executable, "-c", PROGRAM]
    with tempfile.TemporaryDirectory() as folder:
        commands = {
            "python": [sys.executable, "-c", "pass"],
            BARE: [sys.executable, "-c", BARE],
            "--help": [*program, "--help"],
            "list grammars": [*program, "list", "grammars"],
        }
        for name, text in PROBLEMS.items():
            path = Path(folder) / f"{name}.sl"
            path.write_text(f"{text} (check-synth)\n", encoding="utf-8")
            commands |= {f"check {name}": [*program, "check", str(path)], f"solve {name}": [*program, str(path)]}
        if options.run:
            forms = ("sygus", "json", "latex", "sympy")
            commands |= {f"export {form}": [*program, "export", options.run, "--to", form] for form in forms}
        seconds = medians(commands, options.repeats)
    rows = [
        {"command": name, "processor s": round(value, 3), "beside": round(value / seconds[BARE], 2)}
        for name, value in seconds.items()
    ]
    report("start", "Processor time, process start included", rows, repeats=options.repeats)


if __name__ == "__main__":
    main()
