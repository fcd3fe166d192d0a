"""A whole run, from a problem to its folder: what the command line and the Python interface have in common."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from solvers.cam.journal import JOURNAL, Journal, JournalError, JournalRows, UnwrittenError
from solvers.cam.learner import Fate, Learner
from solvers.cam.learners import chosen_learner
from solvers.cam.prior import NO_PRIOR, Prior, read_prior
from solvers.cam.recording import record_of
from solvers.cam.run import Progress
from solvers.cam.search import search
from solvers.cam.settings import LARGEST_SIZE, Settings, resolve
from solvers.cam.solution import Solution
from solvers.cam.starts import starts_of
from solvers.cam.subjects import (
    Holding,
    Subjects,
    check_measurable,
    load_subjects,
    started_workers,
    subject_notes,
)
from sygus.errors import OptionError, SycamError
from sygus.export.figures import FIGURE_METHODS, FIGURE_PICTURES, heat_map_figure, write_figure
from sygus.export.gallery import Gallery
from sygus.export.listing import check_listing, write_listing
from sygus.export.record import Record
from sygus.files import unfit_kind
from sygus.language.elaborate import load_definitions
from sygus.language.problem import Problem
from sygus.language.terms import Definition
from sygus.oracles.objective import CamProblem
from sygus.resources import read_problem
from sygus.saliency.networks import Network
from sygus.writing import make_folder, write_file

ANSWER = "answer.sy"
"""The answer's name in the folder of a run."""

Display = Callable[[Sequence[str]], AbstractContextManager[Callable[[Progress], None]]]
"""Shows the progress of a run whose objectives have these labels."""


@dataclass(frozen=True)
class JobOptions:
    """What a run reads and writes, beside the settings that its result depends on.

    Attributes:
        out: the run's folder; None for a new one.
        resume: continue the run in that folder.
        reuse: folders of other runs whose scores are used too.
        listing: a file for every distinct expression.
        certify: ask Z3 about what was pruned as equal to the answer.
        start: a file of formulas that are proposed first, beside those that the problem's file defines.
        prior: a file of weights of productions, for learners that use them.
        workers: how many processes score; None for this one alone.
        ray: the address of the Ray cluster where they are; None for this machine.
        allow_file_options: the file's own options may name modules, folders and hubs.
        at_once: how many held-out pictures are in memory at a time; None for as many as there is room for.
    """

    out: str | None = None
    resume: bool = False
    reuse: Sequence[str] = ()
    listing: str | None = None
    certify: bool = False
    start: str | None = None
    prior: str | None = None
    workers: int | None = None
    ray: str | None = None
    allow_file_options: bool = False
    at_once: int | None = None


@dataclass(frozen=True, eq=False)
class Finished:
    """A run that has ended: its folder and what is in it."""

    folder: Path
    solution: Solution
    record: Record
    gallery: Gallery


class BrokenOffError(SycamError):
    """A run failed after it had begun; what it scored is kept, and it can be resumed.

    Args:
        message, hint: see :class:`SycamError`.
        folder: of the run.
        solution: what was found, where the search itself had ended.

    Attributes:
        resumable: whether there is something to resume.
    """

    def __init__(self, message: str, hint: str, folder: Path, solution: Solution | None) -> None:
        self.folder = folder
        self.solution = solution
        self.resumable = (folder / JOURNAL).exists()
        kept = f"what was scored is kept in '{folder}'" if self.resumable else "nothing was scored"
        super().__init__(message, f"{hint}; {kept}" if hint else kept)


def execute(
    stated: Problem, given: Mapping[str, Any], options: JobOptions, note: Callable[[str], None], display: Display
) -> Finished:
    """Solve a problem and write the run's folder.

    A KeyboardInterrupt ends the search early; the solution then holds the best so far and says so.

    Args:
        stated: of the logic CAM.
        given: settings by name, None where the file or the default decides.
        options: what is read and written.
        note: told what a user should know before the search.
        display: shows its progress.

    Raises:
        BrokenOffError: the run fails after it has begun.
        SycamError: bad input; it says which.
    """
    with ExitStack() as stack:
        return _executed(stated, given, options, note, display, stack)


def _executed(
    stated: Problem,
    given: Mapping[str, Any],
    options: JobOptions,
    note: Callable[[str], None],
    display: Display,
    stack: ExitStack,
) -> Finished:
    """See :func:`execute`; what is to be ended afterwards is on the stack."""
    settings, notes = resolve(stated, given, allowed=options.allow_file_options)
    problem = CamProblem(stated, settings.metric, settings.modules)
    for line in notes:
        note(line)
    if options.listing is not None:
        check_listing(Path(options.listing))
    starts = starts_of(problem, _definitions(options.start), settings.limits.size or LARGEST_SIZE)
    learner = chosen_learner(settings.strategy)  # a class of the user's that is none is said before anything is loaded
    prior = _prior(options.prior, problem.problem, settings.strategy, learner, note)
    folder = _folder(problem, settings, options.out, options.resume)
    serve = started_workers(options.workers, options.ray, settings, stack)
    holding = Holding(("held out",), options.at_once)  # what the search and the choice look at again and again stays
    subjects = load_subjects(settings, problem.references, choosing=bool(problem.goals), holding=holding)
    settings = subjects.counted(settings)
    if options.resume:
        _check_told(subjects.search.subject.network)
    check_measurable(problem, subjects.parts)
    for line in (*subject_notes(subjects), *starts.notes):
        note(line)
    serve(subjects)
    make_folder(folder, "--out")
    goals = tuple(goal.label for goal in problem.goals)
    solution = None
    try:
        with display(goals) as report:
            reuse = [Path(run) for run in options.reuse]
            solution = search(problem, settings, subjects, folder, report, reuse, starts.found, options.certify, prior)
        write_file(folder / ANSWER, solution.printed + "\n")
        return _write(folder, solution, subjects, options.listing)
    except KeyboardInterrupt as error:
        before = "the search began" if solution is None else "the answer was scored beside the baselines"
        raise BrokenOffError(f"interrupted before {before}", "", folder, solution) from error
    except UnwrittenError as error:
        hint = "make room, and resume; only the batch that was being scored is lost"
        raise BrokenOffError(error.message, hint, folder, solution) from error
    except JournalError:
        raise
    except SycamError as error:
        raise BrokenOffError(error.message, error.hint, folder, solution) from error


def _prior(
    path: str | None, problem: Problem, strategy: str, learner: type[Learner], note: Callable[[str], None]
) -> Prior:
    """The weights of a file, which is read even where the learner does not use them.

    Raises:
        SycamError: it cannot be read; what is wrong, and where.
    """
    if path is None:
        return NO_PRIOR
    found = read_prior(problem, path)
    if learner.uses_prior:
        return found
    note(f"--prior: the learner '{strategy}' does not use weights of productions")
    return NO_PRIOR


def _definitions(start: str | None) -> list[Definition]:
    """The macros over features of a file of formulas.

    Raises:
        SycamError: it cannot be read; what is wrong, and where.
    """
    if start is None:
        return []
    name, text = read_problem(start, "--start")
    return load_definitions(text, name)


def _write(folder: Path, solution: Solution, subjects: Subjects, listing: str | None) -> Finished:
    """Score what was found beside the baselines, and write everything into the run's folder."""
    with Journal(folder / JOURNAL, len(subjects.search.subject.images)) as journal:
        proposals = journal.proposals(len(solution.problem.goals))
    record, gallery = record_of(solution, subjects, proposals)
    record.write(folder)
    gallery.write(folder)
    if listing is not None:
        goals = [goal.label for goal in solution.problem.goals]
        write_listing(_distinct(proposals, goals), Path(listing))
    if record.found is not None and record.measures:
        figure = heat_map_figure(record, gallery, FIGURE_METHODS, FIGURE_PICTURES)
        write_figure(figure, folder / "heatmaps.png")
    return Finished(folder, solution, record, gallery)


def _distinct(rows: JournalRows, goals: Sequence[str]) -> list[dict[str, Any]]:
    """Every expression that was scored, in full or in part; a pruned one has no objectives."""
    return [
        {"id": row["id"], "term": row["term"], "nodes": row["size"], "fate": row["fate"], "images": row["images"]}
        | dict.fromkeys(goals)
        | dict(zip(goals, row["objectives"], strict=False))
        | {"feasible": bool(row["feasible"])}
        for row in rows
        if row["fate"] in (Fate.SCORED, Fate.PRUNED)
    ]


def _check_told(network: Network) -> None:
    """Check that it can be told whether a network is that of an earlier run.

    Raises:
        OptionError: it cannot.
    """
    if network.unknown:
        message = f"--resume: it cannot be told whether '{network.name}' is the network of that run"
        raise OptionError(f"{message}: {', '.join(network.unknown)}", "begin anew, with another --out")


def _folder(problem: CamProblem, settings: Settings, out: str | None, resume: bool) -> Path:
    """The run's folder, not made yet."""
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
        return folder
    folder = Path(out)
    _check_plain(folder)
    there = (folder / JOURNAL).exists()
    if there and not resume:
        raise OptionError(f"--out: '{out}' holds a run", "add --resume to continue it, or give another folder")
    if resume and not there:
        raise OptionError(f"--resume: there is no run in '{out}'", "leave --resume out to begin one")
    return folder


def _check_plain(folder: Path) -> None:
    """Check that the files into which SQLite writes are files: it would follow a link, and wait for a pipe.

    Raises:
        OptionError: one is something else.
    """
    journal = folder / JOURNAL
    names = (journal, journal.with_suffix(".lock"))
    for path in (Path(f"{name}{suffix}") for name in names for suffix in ("", "-journal", "-wal", "-shm")):
        kind = unfit_kind(path.lstat().st_mode) if os.path.lexists(path) else ""
        if kind:
            raise OptionError(f"--out: '{path}' is {kind}", "remove it, or give another folder")
