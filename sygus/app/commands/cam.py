"""``sycam-sygus FILE.sy``: solve a problem file."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from solvers.cam.job import BrokenOffError, Finished, JobOptions, execute
from solvers.cam.run import Ending
from solvers.cam.settings import Settings
from solvers.cam.solution import Solution
from sygus.app.display import ProgressDisplay, accounting_line, front_table, score_table
from sygus.export.latex import weight_equation
from sygus.export.latex_document import bare_formula
from sygus.export.record import Record


@dataclass(frozen=True)
class RunOptions:
    """What a run shows.

    Attributes:
        form: what stdout gets: sygus, json or latex.
        quiet: nothing on stderr.
        verbose: on stderr, also each new best as it is found, and settings, versions and duplicates in full.
        job: what the run reads and writes.
    """

    form: str = "sygus"
    quiet: bool = False
    verbose: bool = False
    job: JobOptions = field(default_factory=JobOptions)


def run_solve(file: str, options: RunOptions, given: Mapping[str, Any]) -> int:
    """Solve a problem file; the exit status."""
    console = Console(stderr=True, quiet=options.quiet)

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    try:
        finished = execute(
            file,
            given,
            options.job,
            lambda note: say(f"note: {note}"),
            lambda goals: ProgressDisplay(console, goals, options.quiet, options.verbose),
        )
    except BrokenOffError as error:
        if error.solution is not None:
            click.echo(error.solution.answer)
        click.echo(f"error: {error}", err=True)
        click.echo(f"resume: {_resume_command(file, error.folder, options, given)}", err=True)
        return 130 if isinstance(error.__cause__, KeyboardInterrupt) else 2
    solution = finished.solution
    _show(finished, console, say, options.verbose)
    click.echo(_output(finished.record, solution, options.form))
    if solution.ending is Ending.INTERRUPTED:
        say(f"resume: {_resume_command(file, finished.folder, options, given)}")
        return 130
    return 3 if solution.best is None and solution.ending is Ending.BUDGET else 0


def _resume_command(file: str, folder: Path, options: RunOptions, given: Mapping[str, Any]) -> str:
    """The command that continues a run, as a shell reads it."""
    job, words = options.job, ["sycam-sygus", file]
    values = {field.name: given.get(field.name) for field in fields(Settings)}
    shown = {"all": job.listing, "format": None if options.form == "sygus" else options.form}
    flags = {"certify": job.certify, "quiet": options.quiet, "verbose": options.verbose}
    for name, value in [*(values | shown | flags).items(), *(("reuse", run) for run in job.reuse)]:
        option = f"--{name.replace('_', '-')}"
        if value is True:
            words.append(option)
        elif value not in (None, False):
            words += [option, str(value)]
    return shlex.join([*words, "--out", str(folder), "--resume"])


def _show(finished: Finished, console: Console, say: Callable[[str], None], verbose: bool) -> None:
    """The tables and what is to be said of the search."""
    solution, record = finished.solution, finished.record
    if solution.front:
        console.print(front_table(solution))
    if record.measures:
        counts = f"{len(record.search.ids)} search pictures", f"{len(record.held_out.ids)} held-out pictures"
        console.print(score_table(record.table, record.measures, *counts))
    if solution.best is not None:
        say(f"LaTeX: {weight_equation(solution.best.term)}")
    say(f"search ended: {solution.conclusion}")
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


def _output(record: Record, solution: Solution, form: str) -> str:
    if form == "json":
        return json.dumps(record.as_json(), indent=1)
    if form == "latex" and solution.best is not None:
        return bare_formula(solution.best.term)
    return solution.answer
