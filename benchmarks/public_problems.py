"""Ordinary SyGuS problems through the command line, a row per track, beside cvc5 and another edition in the same run.

    python benchmarks/public_problems.py FOLDER [--limit 5]... [--jobs 1] [--only TEXT] [--beside CHECKOUT] [--no-cvc5]

runs every ``.sl`` file below FOLDER, process start included, and checks every answer by ``sycam-sygus verify`` in a
process of its own. Several limits make several rows. cvc5 runs, where it is installed, through its Python package, on
the file in the syntax of SyGuS-IF 2.1. CHECKOUT is a folder with another edition of this program.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from harness import report
from solvers.cegis.peer import problem_text
from solvers.cegis.specification import Specification
from sygus.language.elaborate import load_problem

START = 0.6
"""Seconds left of the limit for starting the process and printing."""

BYTECODE = tempfile.TemporaryDirectory()

ROOT = Path(__file__).resolve().parents[1]

BAD_INPUT = 2
"""The exit status of ``verify`` where the answer is no SyGuS-IF of the logic."""

CVC5 = """
import sys, cvc5
solver = cvc5.Solver()
for name, value in (("sygus", "true"), ("incremental", "false"), ("dag-thresh", "0"), ("tlimit", sys.argv[2])):
    solver.setOption(name, value)
if "(set-logic LIA)" in open(sys.argv[1]).read():  # elsewhere its answers are not of the grammar then
    solver.setOption("sygus-si", "use")
parser = cvc5.InputParser(solver)
parser.setFileInput(cvc5.InputLanguage.SYGUS_2_1, sys.argv[1])
while not (command := parser.nextCommand()).isNull():
    print(command.invoke(solver, parser.getSymbolManager()), end="", flush=True)
"""
"""Runs a file as the executable does; its arguments are the file and a limit in milliseconds."""


@dataclass(frozen=True)
class Solver:
    """What is run on every file.

    Attributes:
        name: in the table.
        limit: seconds a file, process start included.
        words: the command, but for the file and the limit.
        unit: of the limit that follows the words, in seconds.
        start: seconds kept from the limit that the process is told.
        modern: whether it is given the file in the syntax of SyGuS-IF 2.1.
        environment: variables beside those of this process.
    """

    name: str
    limit: float
    words: tuple[str, ...]
    unit: float = 1.0
    start: float = START
    modern: bool = False
    environment: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def given(self, path: Path) -> Iterator[Path]:
        """The file that it is given for one."""
        if not self.modern:
            yield path
            return
        with tempfile.TemporaryDirectory() as folder:
            written = Path(folder) / path.name
            problem = load_problem(path.read_text(encoding="utf-8"), str(path))
            written.write_text(problem_text(Specification(problem)), encoding="utf-8")
            yield written

    def command(self, path: Path) -> list[str]:
        """For one file."""
        told = (self.limit - self.start) / self.unit
        if self.words[-1] == "--time":
            return [*self.words[:-1], str(path), "--time", f"{told:g}"]
        return [*self.words, str(path), f"{told:.0f}"]


def edition(name: str, checkout: Path, limit: float) -> Solver:
    """This program, as a checkout of it has it."""
    scripts = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    module, function = scripts["sycam-sygus"].split(":")
    program = f"import sys; from {module} import {function}; sys.exit({function}())"
    return Solver(name, limit, (sys.executable, "-Pc", program, "--time"), environment={"PYTHONPATH": str(checkout)})


@dataclass(frozen=True)
class Result:
    """What one file came to.

    Attributes:
        track: the folder's name.
        file: its name.
        solver: its name.
        limit: its limit in seconds.
        status: solved, wrong, undecided, unreadable, infeasible, fail, timeout or error.
        seconds: wall time of the process.
        processor: seconds of processor time, user and system.
        nodes: of the answer; 0 where there is none.
        message: what the process said, where it did not answer.
    """

    track: str
    file: str
    solver: str
    limit: float
    status: str
    seconds: float
    processor: float
    nodes: int = 0
    message: str = ""


def run(solver: Solver, path: Path) -> Result:
    """Solve and check one file."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"PYTHONPYCACHEPREFIX": BYTECODE.name, **solver.environment}  # as installed: compiled once
    with tempfile.TemporaryFile("w+") as printed, tempfile.TemporaryFile("w+") as said, solver.given(path) as given:
        started = time.perf_counter()
        process = subprocess.Popen(solver.command(given), stdout=printed, stderr=said, env=environment)
        late = threading.Timer(solver.limit, process.kill)
        late.start()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        late.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        printed.seek(0)
        said.seek(0)
        answer, message = printed.read().strip(), said.read().strip()
    found, nodes = _status(path, answer, process.returncode, seconds >= solver.limit)
    processor = usage.ru_utime + usage.ru_stime
    message = "" if found == "solved" else message[-300:]
    return Result(path.parent.name, path.name, solver.name, solver.limit, found, seconds, processor, nodes, message)


def _status(path: Path, answer: str, code: int, late: bool) -> tuple[str, int]:
    """What an output means, and the nodes of the answer."""
    if "(define-fun" in answer:
        return verdict(path, answer), _nodes(answer)
    if "infeasible" in answer:
        return "infeasible", 0
    if late or "timeout" in answer:
        return "timeout", 0
    return ("fail" if code in (0, 3) else "error"), 0


def verdict(path: Path, answer: str) -> str:
    """What a process of its own finds of an answer and the grammar: solved, wrong, undecided or no SyGuS-IF."""
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "answer.sl"
        written.write_text(answer + "\n", encoding="utf-8")
        command = [
            str(Path(sys.executable).with_name("sycam-sygus")),
            "verify",
            str(path),
            str(written),
            "--time",
            "300",
        ]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        process = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if process.returncode == BAD_INPUT:
        return "unreadable"
    if process.returncode:
        return "undecided" if "not decided" in process.stdout else "wrong"
    return "solved"


def _nodes(answer: str) -> int:
    """Symbols of the bodies, near enough to nodes for a median."""
    bodies = (line.split(")) ", 1)[-1] for line in answer.splitlines() if line.startswith("(define-fun"))
    return sum(len(body.replace("(", " ").replace(")", " ").split()) for body in bodies)


def rows(results: Sequence[Result]) -> Iterator[dict[str, Any]]:
    """A row for each solver and track, and for all tracks."""

    def kind(result: Result) -> tuple[str, float]:
        return result.solver, result.limit

    for (solver, limit), ones in groupby(sorted(results, key=kind), key=kind):
        mine = list(ones)
        for track in [*sorted({result.track for result in mine}), "all"]:
            of_track = [result for result in mine if track in (result.track, "all")]
            solved = [result for result in of_track if result.status == "solved"]
            yield {
                "solver": solver,
                "limit s": limit,
                "track": track,
                "files": len(of_track),
                **{
                    each: sum(one.status == each for one in of_track)
                    for each in ("solved", "wrong", "undecided", "unreadable", "infeasible")
                },
                "median wall s": _median([one.seconds for one in solved]),
                "median processor s": _median([one.processor for one in solved]),
                "longest wall s": round(max(one.seconds for one in of_track), 2),
                "median nodes": _median([one.nodes for one in solved]),
            }


def _median(values: Sequence[float]) -> float | None:
    return round(statistics.median(values), 3) if values else None


def main() -> None:
    """Run the files and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=float, action="append", help="seconds a file, process start included")
    parser.add_argument("--jobs", type=int, default=1, help="files at a time")
    parser.add_argument("--only", default="", help="files whose path contains this; nothing is written")
    parser.add_argument("--beside", type=Path, help="folder of another edition, at the first limit")
    parser.add_argument("--no-cvc5", action="store_true", help="leave cvc5 out")
    given = parser.parse_args()
    paths = sorted(path for path in given.folder.rglob("*.sl") if given.only in str(path))
    if not paths:
        parser.error(f"no .sl file below {given.folder}")
    limits = given.limit or [5.0]
    solvers = [edition("sycam-sygus", ROOT, limit) for limit in limits]
    if given.beside:
        solvers.append(edition("other edition", given.beside.resolve(), limits[0]))
    if importlib.util.find_spec("cvc5") and not given.no_cvc5:
        solvers.append(Solver("cvc5", limits[0], (sys.executable, "-c", CVC5), unit=0.001, start=0.1, modern=True))
    for solver in solvers:  # compiles the modules
        run(solver, paths[0])
    with ThreadPoolExecutor(given.jobs) as pool:
        results = []
        for found in pool.map(lambda path: [run(solver, path) for solver in solvers], paths):
            for one in found:
                results.append(one)
                line = f"{one.solver:13} {one.limit:3g} {one.track:15} {one.file:60} {one.status:10}"
                print(line, f"{one.seconds:6.2f} s {one.nodes:5}", " ".join(one.message.split()), flush=True)
    table = list(rows(results))
    if given.only:
        for row in table:
            print(row)
        return
    others = [f"{r.solver}, {r.limit:g} s, {r.track}/{r.file}: {r.status}" for r in results if r.status != "solved"]
    report("public_problems", "SyGuS problems", table, jobs=given.jobs, others=others)


if __name__ == "__main__":
    main()
