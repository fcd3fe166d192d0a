"""``sycam-sygus FILE.sy``: solve a problem file."""

from __future__ import annotations

import datetime
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from solvers.journal import Journal
from solvers.record import FOUND, Proposals, record_of
from solvers.settings import Settings, resolve
from solvers.solve import (
    INTERRUPTED,
    JOURNAL,
    Solution,
    load_subjects,
    prepare,
    solve,
    subject_notes,
)
from solvers.strategy import Fate
from sygus.display import ProgressDisplay, accounting_line, front_table, score_table
from sygus.elaborate import load_problem
from sygus.errors import OptionError
from sygus.export.figures import heat_map_figure
from sygus.export.latex import weight_equation
from sygus.export.listing import check_listing, write_listing
from sygus.export.record import Record
from sygus.oracles.objective import CamProblem
from sygus.resources import read_problem

FIGURE_METHODS = ("Grad-CAM", "Grad-CAM++", FOUND)
FIGURE_PICTURES = 4


@dataclass(frozen=True)
class RunOptions:
    """What a run reads and writes, beside the settings that its result depends on.

    Attributes:
        form: what stdout gets: sygus, json or latex.
        out: the run's folder; None for a new one.
        resume: continue the run in that folder.
        reuse: folders of other runs whose scores are used too.
        listing: a file for every distinct expression.
        certify: ask Z3 about what was pruned as equal to the answer.
        quiet: nothing on stderr.
    """

    form: str = "sygus"
    out: str | None = None
    resume: bool = False
    reuse: Sequence[str] = ()
    listing: str | None = None
    certify: bool = False
    quiet: bool = False


def run_solve(file: str, options: RunOptions, given: Mapping[str, Any]) -> int:
    """Solve a problem file; the exit status."""
    console = Console(stderr=True, quiet=options.quiet)
    name, text = read_problem(file)
    stated = load_problem(text, name)
    settings, notes = resolve(stated, given)
    problem = CamProblem(stated, settings.metric)
    for note in notes:
        console.print(f"note: {note}", markup=False)
    if options.listing is not None:
        check_listing(Path(options.listing))
    folder = _folder(problem, settings, options.out, options.resume)
    subjects = load_subjects(settings, problem.references)
    for note in subject_notes(subjects):
        console.print(f"note: {note}", markup=False, highlight=False, soft_wrap=True)
    goals = tuple(goal.label for goal in problem.goals)
    with ProgressDisplay(console, goals, options.quiet) as display:
        reuse = [Path(run) for run in options.reuse]
        solution = solve(problem, settings, subjects, folder, display, reuse, options.certify)
    with Journal(folder / JOURNAL) as journal:
        proposals = journal.proposals()
    record, gallery = record_of(solution, subjects, proposals)
    record.write(folder)
    gallery.write(folder)
    if options.listing is not None:
        write_listing(_distinct(proposals, goals), Path(options.listing))
    (folder / "answer.sy").write_text(solution.answer + "\n", encoding="utf-8")
    if solution.front:
        console.print(front_table(solution))
    metrics = list(problem.metrics.values())
    if metrics:
        search, held_out = len(subjects.search.subject.images), len(subjects.held_out.subject.images)
        console.print(score_table(record.table, metrics, f"{search} search pictures", f"{held_out} held-out pictures"))
    if solution.best is not None:
        console.print(f"LaTeX: {weight_equation(solution.best.term)}", markup=False, highlight=False, soft_wrap=True)
    if solution.best is not None and metrics:
        heat_map_figure(record, gallery, FIGURE_METHODS, FIGURE_PICTURES, folder / "heatmaps.png")
    console.print(f"search ended: {solution.ending}", markup=False, highlight=False, soft_wrap=True)
    if solution.certificates is not None:
        counts = Counter(certificate.status for _, certificate in solution.certificates)
        found = ", ".join(f"{counts[status]} {status}" for status in ("proved", "refuted", "open"))
        console.print(f"terms pruned as equal to the answer, by Z3: {found} (see solution.json)", soft_wrap=True)
    console.print(solution.racing, markup=False, highlight=False, soft_wrap=True)
    console.print(accounting_line(solution), markup=False, highlight=False, soft_wrap=True)
    console.print(f"run: {folder}", markup=False, highlight=False, soft_wrap=True)
    click.echo(_output(solution, record, options.form))
    if solution.ending == INTERRUPTED:
        console.print(
            f"resume: sycam-sygus {file} --out {folder} --resume (with the same options)", markup=False, soft_wrap=True
        )
        return 130
    spent = solution.ending.startswith("the budget")
    return 3 if solution.best is None and spent else 0


def _distinct(rows: Proposals, goals: tuple[str, ...]) -> list[dict[str, Any]]:
    """Every expression that was scored, in full or in part; a pruned one has no objectives."""
    return [
        {"id": row["id"], "term": row["term"], "nodes": row["size"], "fate": row["fate"], "images": row["images"]}
        | dict.fromkeys(goals)
        | dict(zip(goals, row["objectives"], strict=False))
        | {"feasible": bool(row["feasible"])}
        for row in rows
        if row["fate"] in (Fate.SCORED, Fate.PRUNED)
    ]


def _output(solution: Solution, record: Record, form: str) -> str:
    if form == "json":
        return json.dumps(record.as_json(), indent=1)
    if form == "latex" and solution.best is not None:
        return weight_equation(solution.best.term)
    return solution.answer


def _folder(problem: CamProblem, settings: Settings, out: str | None, resume: bool) -> Path:
    """The run's folder, made now so that a bad one is an error before the search."""
    if out is None:
        if resume:
            raise OptionError("--resume: which run?", "name its folder with --out")
        now = datetime.datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
        stem = f"{Path(problem.problem.file).stem}-{settings.network}-{now}"
        folder = Path("runs") / stem
        count = 1
        while folder.exists():
            count += 1
            folder = Path("runs") / f"{stem}-{count}"
        return prepare(folder)
    folder = Path(out)
    there = (folder / JOURNAL).exists()
    if there and not resume:
        raise OptionError(f"--out: '{out}' holds a run", "add --resume to continue it, or give another folder")
    if resume and not there:
        raise OptionError(f"--resume: there is no run in '{out}'", "leave --resume out to begin one")
    return prepare(folder)
