"""Ordinary SyGuS problems through the command line, a table per track, beside the column of another solver.

    python benchmarks/public_problems.py FOLDER [--limit 5] [--jobs 1] [--only TEXT]

runs every ``.sl`` file below FOLDER, process start included, and checks every answer by ``sycam-sygus verify`` in a
process of its own. FOLDER may hold a ``cvc5.csv`` with the columns track, file, status, seconds.
"""

from __future__ import annotations

import argparse
import csv
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import report

START = 0.6
"""Seconds left of the limit for starting the process and printing."""

BYTECODE = tempfile.TemporaryDirectory()
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
ENVIRONMENT["PYTHONPYCACHEPREFIX"] = BYTECODE.name  # as installed: modules are compiled once


@dataclass(frozen=True)
class Result:
    """What one file came to.

    Attributes:
        track: the folder's name.
        file: its name.
        status: solved, wrong, infeasible, fail, timeout or error.
        seconds: wall time of the process.
        nodes: of the answer; 0 where there is none.
        message: what the process said, where it did not answer.
    """

    track: str
    file: str
    status: str
    seconds: float
    nodes: int = 0
    message: str = ""


def _command(*arguments: str) -> list[str]:
    return [str(Path(sys.executable).with_name("sycam-sygus")), *arguments]


def run(path: Path, limit: float) -> Result:
    """Solve and check one file."""
    started = time.perf_counter()
    command = _command(str(path), "--time", str(limit - START))
    try:
        process = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False, env=ENVIRONMENT)
    except subprocess.TimeoutExpired:
        return Result(path.parent.name, path.name, "timeout", time.perf_counter() - started)
    seconds = time.perf_counter() - started
    answer = process.stdout.strip()
    if process.returncode not in (0, 3):
        return Result(path.parent.name, path.name, "error", seconds, message=process.stderr.strip()[-300:])
    if answer in ("infeasible", "fail"):
        return Result(path.parent.name, path.name, answer, seconds, message=process.stderr.strip()[-300:])
    status = "solved" if verified(path, answer) else "wrong"
    return Result(path.parent.name, path.name, status, seconds, _nodes(answer))


def verified(path: Path, answer: str) -> bool:
    """Whether a process of its own finds the answer right and in the grammar."""
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "answer.sl"
        written.write_text(answer + "\n", encoding="utf-8")
        command = _command("verify", str(path), str(written))
        return subprocess.run(command, capture_output=True, text=True, check=False).returncode == 0


def _nodes(answer: str) -> int:
    """Symbols of the bodies, near enough to nodes for a median."""
    bodies = (line.split(")) ", 1)[-1] for line in answer.splitlines() if line.startswith("(define-fun"))
    return sum(len(body.replace("(", " ").replace(")", " ").split()) for body in bodies)


def peers(folder: Path) -> Mapping[tuple[str, str], str]:
    """The status of each file in the peer's column, where there is one."""
    path = folder / "cvc5.csv"
    if not path.exists():
        return {}
    with path.open(encoding="utf-8") as file:
        return {(row["track"], row["file"]): row["status"] for row in csv.DictReader(file)}


def table(results: Sequence[Result], known: Mapping[tuple[str, str], str]) -> list[dict[str, Any]]:
    """A row for each track."""
    rows = []
    for track in sorted({result.track for result in results}):
        of_track = [result for result in results if result.track == track]
        solved = [result for result in of_track if result.status == "solved"]
        column = [known.get((track, result.file)) for result in of_track]
        rows.append(
            {
                "track": track,
                "files": len(of_track),
                "solved": len(solved),
                "wrong": sum(result.status == "wrong" for result in of_track),
                "infeasible": sum(result.status == "infeasible" for result in of_track),
                "median s": statistics.median([r.seconds for r in solved]) if solved else 0.0,
                "median nodes": int(statistics.median([r.nodes for r in solved])) if solved else 0,
                "cvc5 solved": column.count("solved") if any(column) else "",
            }
        )
    return rows


def main() -> None:
    """Run the files and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=float, default=5.0, help="seconds a file, process start included")
    parser.add_argument("--jobs", type=int, default=1, help="files at a time")
    parser.add_argument("--only", default="", help="files whose path contains this; nothing is written")
    given = parser.parse_args()
    paths = sorted(path for path in given.folder.rglob("*.sl") if given.only in str(path))
    if not paths:
        parser.error(f"no .sl file below {given.folder}")
    subprocess.run(_command(str(paths[0]), "--time", "1"), capture_output=True, check=False, env=ENVIRONMENT)
    with ThreadPoolExecutor(given.jobs) as pool:
        results = []
        for result in pool.map(lambda path: run(path, given.limit), paths):
            results.append(result)
            start = f"{result.track:15} {result.file:60} {result.status:10} {result.seconds:5.2f} s"
            print(start, f"{result.nodes:5}", " ".join(result.message.split()))
    rows = table(results, peers(given.folder))
    if given.only:
        for row in rows:
            print(row)
        return
    others = [f"{r.track}/{r.file}: {r.status}" for r in results if r.status != "solved"]
    report(
        "public_problems",
        f"SyGuS problems, {given.limit:g} s a file",
        rows,
        limit=given.limit,
        jobs=given.jobs,
        others=others,
    )


if __name__ == "__main__":
    main()
