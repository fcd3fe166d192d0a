"""``sycam-sygus compare``: strategies beside one another, on the same tasks with the same seeds and budget."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from solvers.cam.contest.contest import CACHES, Comparison, ContestOptions, Progressed, Shard
from solvers.cam.contest.folder import Folder, complete, gathered
from solvers.cam.learners import learner_names
from solvers.cam.run import BATCH
from solvers.cam.settings import Settings
from sygus.app.dispatch import file_notes, read, side_of
from sygus.app.display import Display, marked
from sygus.app.options import Side
from sygus.app.statuses import ExitStatus
from sygus.app.terminal import echo
from sygus.errors import OptionError
from sygus.export.contest.report import PAGE, write_report
from sygus.export.contest.trials import Contest, Trial
from sygus.export.contest.words import paragraph, score
from sygus.oracles.workers import Workers, workers_of

DEFAULT_BUDGET = "size=11,forwards=50000"
DEFAULT_SEEDS = 20
FEW_BATCHES = 4
OWN = ("random",)
"""What a comparison should have: without it, nothing says how much is the doing of the budget and the cache."""


def run_compare(files: Sequence[str], given: Mapping[str, Any]) -> ExitStatus:
    """Compare, or report comparisons that are there.

    Args:
        files: problems, or with ``merge`` or ``pilot`` folders.
        given: options by name, None or False where one is not given.

    Returns:
        The exit status.

    Raises:
        SycamError: bad input; it says which.
    """
    if given["merge"] or given["pilot"]:
        return _run_folders(files, given)
    from sygus.app.commands.compare_ordinary import is_ordinary, run_ordinary_comparison

    if is_ordinary(files):
        return run_ordinary_comparison(files, given)
    return _run_cam(files, given)


def _run_folders(files: Sequence[str], given: Mapping[str, Any]) -> ExitStatus:
    """Report what is in folders, together."""
    option = "--merge" if given["merge"] else "--pilot"
    if given["merge"] and given["pilot"]:
        raise OptionError("--merge and --pilot: each says what to do with the folders", "give one of them")
    told = [name for name in _ABOUT_TRIALS if given.get(name) is not None]
    if told:
        message = f"{option}: the trials are there, so --{told[0].replace('_', '-')} means nothing"
        raise OptionError(message, "leave it out")
    folders = [Folder.open(Path(name)) for name in files]
    if given["pilot"]:
        from sygus.app.commands.compare_pilot import show_pilot

        contest, _ = gathered(folders)
        show_pilot(contest, given["effect"])
        return ExitStatus.DONE
    if given["out"] is None and len(folders) > 1:
        raise OptionError("--merge: where to?", "name a folder with --out")
    contest = complete(folders)
    _report(contest, folders[0].path if given["out"] is None else Path(given["out"]))
    return ExitStatus.DONE


_ABOUT_TRIALS = (
    *(field.name for field in fields(Settings)),
    "strategies",
    "seeds",
    "cache",
    "exhaustive",
    "shard",
    "time",
    "workers",
    "ray",
)


def _run_cam(files: Sequence[str], given: Mapping[str, Any]) -> ExitStatus:
    with ExitStack() as stack:
        device = Settings(device=given["device"] or Settings.device).torch_device()
        workers = workers_of(given["workers"], given["ray"], device)
        if workers is not None:
            stack.enter_context(workers)
        return _run_comparison(files, given, workers)


def _run_comparison(files: Sequence[str], given: Mapping[str, Any], workers: Workers | None) -> ExitStatus:
    if given["time"] is not None:
        message = "--time: not available in the logic CAM, where seconds would compare machines"
        raise OptionError(message, "write --budget forwards=N, masked passes of single pictures, or --budget terms=N")
    problems = [read(file) for file in files]
    for stated in problems:
        if side_of(stated) is not Side.CAM:
            message = f"compare: '{stated.file}' asks for no heat maps (logic {stated.logic})"
            hint = "call it *.sl to compare by time, or give files of the logic CAM: sycam-sygus list grammars"
            raise OptionError(message, hint)
    quiet = bool(given["quiet"])
    notes = [note for stated in problems for note in file_notes(stated)]
    shard = Shard.parse(given["shard"]) if given["shard"] is not None else Shard()
    options = replace(_options(given), workers=workers)
    settings = {field.name: given[field.name] for field in fields(Settings) if given.get(field.name) is not None}
    settings["budget"] = given["budget"] or DEFAULT_BUDGET
    with Display(Console(stderr=True), quiet):
        comparison = Comparison(problems, settings, options, notes.append)
    if not set(OWN) & set(options.strategies):
        notes.append("random is not among the strategies: nothing says what the budget alone would find")
    notes += _few_terms(comparison)
    path = Path(given["out"] or _new_folder())
    folder = Folder.begin(path, comparison.protocol)

    def say(text: str) -> None:
        if not quiet:
            echo(text, err=True)

    for note in notes:
        say(marked(note))
    say(
        f"protocol: {comparison.protocol.digest[:16]}, {comparison.protocol.limit:,} {comparison.protocol.unit} a trial"
    )
    say(f"cache {options.cache}: {CACHES[options.cache]}")
    try:
        comparison.run(folder, shard, lambda progressed: say(_line(progressed)))
    except KeyboardInterrupt:
        echo(f"interrupted; what was finished is kept in '{path}', and the same command with --out goes on", err=True)
        return ExitStatus.INTERRUPTED
    finished, missing = gathered([folder])
    if missing:
        echo(f"{path}: part {shard.index} of {shard.count} is done; then sycam-sygus compare --merge all parts")
        return ExitStatus.DONE
    _report(finished, path)
    return ExitStatus.DONE


def _few_terms(comparison: Comparison) -> list[str]:
    """Where a budget of passes scores less than a few batches in full, whatever is compared is chance."""
    limit, notes = comparison.budget.forwards, []
    for arena in comparison.arenas if limit is not None else ():
        assert limit is not None
        if limit < FEW_BATCHES * BATCH * arena.each:
            terms = limit // arena.each
            notes.append(
                f"{arena.name}: {limit:,} passes score {terms} terms in full; learners are asked for {BATCH} at a time"
            )
    return notes


def _options(given: Mapping[str, Any]) -> ContestOptions:
    strategies = given["strategies"]
    return ContestOptions(
        strategies=_words(strategies) if strategies is not None else tuple(learner_names()),
        seeds=given["seeds"] or DEFAULT_SEEDS,
        networks=_words(given["network"]) if given["network"] is not None else (),
        cache=given["cache"] or "shared",
        exhaustive=given["exhaustive"] or 0,
        allow_file_options=bool(given["allow_file_options"]),
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (word.strip() for word in text.split(","))))


def _new_folder() -> str:
    now = datetime.datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    return str(Path("runs") / f"compare-{now}")


def _line(progressed: Progressed) -> str:
    """A result in a line."""
    arena, result = progressed.arena, progressed.result
    head = f"{progressed.done}/{progressed.total} {arena.name}, "
    if not isinstance(result, Trial):
        said = f"exhaustive table: {len(result.scores):,} classes up to size {result.size}"
    else:
        last = score(result.best[0].score, arena.facts.unit) if result.best else "nothing"
        said = f"{result.strategy}, seed {result.seed}: {last} after {result.accounting['terms scored']:,} terms scored"
    return f"{head}{said}{' (there already)' if progressed.known else ''}"


def _report(contest: Contest, path: Path) -> None:
    found = write_report(contest, path)
    echo(paragraph(found))
    echo(f"report: {path / PAGE}")
