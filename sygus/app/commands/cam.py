"""``sycam-sygus FILE.sy`` for problems of the logic CAM."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from solvers.cam.job import BrokenOffError, Finished
from solvers.cam.solution import Solution
from sygus.app.cam import run, status_of
from sygus.app.dispatch import Asked
from sygus.app.display import ProgressDisplay, accounting_line, finalists_table, front_table, marked, show_scores
from sygus.app.options import BY_NAME, OPTIONS
from sygus.app.statuses import ExitStatus, Status
from sygus.app.terminal import echo, printable
from sygus.errors import WARNING
from sygus.export.latex import weight_equation
from sygus.export.latex_document import bare_formula
from sygus.export.record import Record
from sygus.export.tables import MARKS_NOTE


def run_cam(asked: Asked) -> ExitStatus:
    """Solve a problem, print its answer, and show the run's tables.

    Args:
        asked: the problem with its options.

    Returns:
        The exit status.

    Raises:
        SycamError: bad input; it says which.
    """
    quiet, verbose = "quiet" in asked.given, "verbose" in asked.given
    console = Console(stderr=True, quiet=quiet)

    def say(text: str) -> None:
        console.print(printable(text), markup=False, highlight=False, soft_wrap=True)

    try:
        finished = run(
            asked,
            lambda note: say(marked(note)),
            lambda goals: ProgressDisplay(console, goals, quiet, verbose),
        )
    except BrokenOffError as error:
        if error.solution is not None:
            echo(error.solution.printed)
        echo(f"error: {error}", err=True)
        if error.resumable:
            echo(f"resume: {resume_command(asked, error.folder)}", err=True)
        interrupted = isinstance(error.__cause__, KeyboardInterrupt)
        return ExitStatus.INTERRUPTED if interrupted else ExitStatus.BAD_INPUT
    solution = finished.solution
    _show(finished, console, say, verbose)
    echo(_output(finished.record, solution, asked.given.get("form", "sygus")))
    status = status_of(finished.record.ended, found=solution.best is not None)
    if status is Status.INTERRUPTED:
        say(f"resume: {resume_command(asked, finished.folder)}")
    return ExitStatus.of(status)


def resume_command(asked: Asked, folder: Path) -> str:
    """The command that continues a run, as a shell reads it.

    Args:
        asked: the problem with its options.
        folder: of the run.

    Returns:
        One line.
    """
    last = {"out": str(folder), "resume": True}
    given = {option.name: asked.given[option.name] for option in OPTIONS if option.name in asked.given.keys() - last}
    words = [word for name, value in (given | last).items() for word in BY_NAME[name].words(value)]
    return shlex.join(["sycam-sygus", asked.problem.file, *words])


def _show(finished: Finished, console: Console, say: Callable[[str], None], verbose: bool) -> None:
    """The verdict first, then the tables and what is to be said of the search."""
    solution, record = finished.solution, finished.record
    for sentence in record.verdict:
        say(sentence)
    _show_tables(solution, record, console, say)
    if solution.best is not None:
        say(f"LaTeX: {weight_equation(solution.best.term)}")
    say(f"search ended: {solution.conclusion}")
    if record.choice:
        say(record.choice if record.choice.startswith(WARNING) else f"choice: {record.choice}")
    for note in record.notes:
        if note.startswith(WARNING) or note not in solution.protocol["notes"]:
            say(marked(note))
    if solution.certificates is not None:
        kinds = Counter(certificate.status for _, certificate in solution.certificates)
        found = ", ".join(f"{kinds[status]} {status}" for status in ("proved", "refuted", "open"))
        say(f"terms pruned as equal to the answer, by Z3: {found} (see solution.json)")
    say(solution.racing)
    say(accounting_line(solution))
    if verbose:
        for name in ("settings", "fingerprints", "versions", "machine"):
            values = ", ".join(f"{key} {value}" for key, value in getattr(record, name).items())
            say(f"{name}: {values}")
        say(", ".join(f"duplicates by {kind}: {count}" for kind, count in record.duplicates.items()))
    say(f"run: {finished.folder}")


def _show_tables(solution: Solution, record: Record, console: Console, say: Callable[[str], None]) -> None:
    if solution.front:
        console.print(front_table(solution))
    if len(record.finalists) > 1 and record.measures:
        console.print(finalists_table(record))
    if record.measures:
        tests = {measure.name: found for measure, found in record.comparisons}
        counts = len(record.search.ids), len(record.held_out.ids)
        show_scores(console, record.table, record.measures, counts, tests)
        if tests:
            say(MARKS_NOTE)


def _output(record: Record, solution: Solution, form: str) -> str:
    if form == "json":
        return json.dumps(record.as_json(), indent=1)
    if form == "latex" and solution.best is not None:
        return bare_formula(solution.best.term)
    return solution.printed
