"""A whole comparison: what is compared, trial after trial, into its folder."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from importlib.metadata import version
from itertools import product
from typing import Any, Literal

from solvers.cam.budget import Budget
from solvers.cam.contest.folder import Folder
from solvers.cam.contest.identity import code_digest
from solvers.cam.contest.scores import ScoreTable
from solvers.cam.contest.tasks import Arena, Stage, arena_of
from solvers.cam.contest.trial import play, tabulate
from solvers.cam.learners import chosen_learner
from solvers.cam.run import BATCH
from solvers.cam.settings import Settings, resolve
from solvers.cam.subjects import Subjects, load_subjects
from sygus.errors import OptionError
from sygus.export.contest.trials import MOST_SEEDS, MOST_STRATEGIES, MOST_TASKS, Exhaustive, Protocol, Trial
from sygus.language.problem import Problem
from sygus.oracles.equivalence import Equivalence
from sygus.oracles.objective import CamProblem
from sygus.oracles.workers import Workers

Cache = Literal["none", "run", "shared"]
CACHES: Mapping[Cache, str] = {
    "none": "nothing is remembered: duplicates are scored again",
    "run": "each trial remembers its own scores",
    "shared": "each trial remembers its own scores; what another trial has scored is not computed again, but counts",
}

VERSIONS = ("sycam-sygus", "torch", "numpy", "scipy")
"""Packages that scores and proposals come of."""


@dataclass(frozen=True)
class ContestOptions:
    """What is compared.

    Attributes:
        strategies: the learners, as ``--strategy`` names them.
        seeds: how many each has.
        networks: on which every file is a task; none for that of the file.
        cache: what is remembered of scores.
        exhaustive: up to which size every expression is scored; 0 for no such table.
        allow_file_options: the files' own options may name modules, folders and hubs.
        workers: processes that score; None for this one alone. They are entered, and no result depends on them.
    """

    strategies: tuple[str, ...]
    seeds: int
    networks: tuple[str, ...] = ()
    cache: Cache = "shared"
    exhaustive: int = 0
    allow_file_options: bool = False
    workers: Workers | None = None

    def __post_init__(self) -> None:
        for option, values in (("--strategies", self.strategies), ("--network", self.networks)):
            twice = [value for value in dict.fromkeys(values) if values.count(value) > 1]
            if twice:
                raise OptionError(f"{option}: '{twice[0]}' is given twice", "give each once")
        if not 1 <= len(self.strategies) <= MOST_STRATEGIES:
            raise OptionError(f"--strategies: {len(self.strategies)} are given", f"give 1 to {MOST_STRATEGIES}")
        if not 1 <= self.seeds <= MOST_SEEDS:
            raise OptionError(f"--seeds: {self.seeds} are asked for", f"give 1 to {MOST_SEEDS}")


@dataclass(frozen=True)
class Shard:
    """One of so many parts of the work."""

    index: int = 1
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read ``i/n``.

        Raises:
            OptionError: it is none.
        """
        index, _, count = text.partition("/")
        numbers = [int(word) for word in (index, count) if word.isascii() and word.isdecimal() and len(word) < 6]
        if len(numbers) != 2 or not 1 <= numbers[0] <= numbers[1]:
            raise OptionError(f"--shard: '{text}' is no part", "write i/n, as 1/4 for the first of four")
        return cls(*numbers)

    @property
    def name(self) -> str:
        """In names of files; "" for all of the work."""
        return "" if self.count == 1 else f"{self.index}of{self.count}"


@dataclass(frozen=True)
class Progressed:
    """A result that is there: how many are, of how many, which it is, and whether it was there before."""

    done: int
    total: int
    arena: Arena
    result: Trial | Exhaustive
    known: bool


class Comparison:
    """A comparison before its trials.

    Args:
        problems: of the files.
        given: settings of all tasks by name, None where the file or the default decides.
        options: what is compared.
        note: told what a user should know.

    Raises:
        SycamError: bad input; it says which.
    """

    def __init__(
        self,
        problems: Sequence[Problem],
        given: Mapping[str, Any],
        options: ContestOptions,
        note: Callable[[str], None],
    ) -> None:
        self.options = options
        self.budget = _budget(given["budget"])
        for strategy in options.strategies:
            chosen_learner(strategy)  # before anything is loaded
        self.arenas = _arenas(problems, self._given(given), options, note)
        self.protocol = self._protocol()

    def _given(self, given: Mapping[str, Any]) -> dict[str, Any]:
        found = dict(given) | {"strategy": "enumerate", "budget": str(self.budget)}
        if self.options.cache == "none":
            if found.get("equivalence") not in (None, Equivalence.NONE):
                message = "--cache none scores duplicates again, so that no terms count as alike"
                raise OptionError(message, "leave --equivalence out, or use --cache run")
            found["equivalence"] = str(Equivalence.NONE)
        return found

    def _protocol(self) -> Protocol:
        options, budget = self.options, self.budget
        by_passes = budget.forwards is not None
        strategies = {name: code_digest(chosen_learner(name).__module__) for name in options.strategies}
        limit = budget.forwards if budget.forwards is not None else budget.terms
        assert limit is not None
        return Protocol(
            conditions={
                "versions": {name: version(name) for name in VERSIONS} | {"python": sys.version.split()[0]},
                "code": code_digest("solvers.cam.run"),
                "budget": str(budget),
                "batch": BATCH,
                "cache": options.cache,
            },
            unit="passes" if by_passes else "terms",
            limit=limit,
            tasks=tuple(arena.facts for arena in self.arenas),
            grounds=tuple(arena.grounds() for arena in self.arenas),
            strategies=strategies,
            seeds=tuple(range(options.seeds)),
            exhaustive=options.exhaustive,
        )

    def run(self, folder: Folder, shard: Shard, told: Callable[[Progressed], None]) -> None:
        """Run what is missing in a folder.

        A KeyboardInterrupt passes through; what was finished is kept.

        Args:
            folder: of the comparison.
            shard: the part of the work that is done.
            told: after every result.

        Raises:
            SycamError: a trial fails.
        """
        todo = {number: self._units(shard, number) for number in range(len(self.arenas))}
        total = sum(map(len, todo.values()))
        done = 0
        for number, units in todo.items():
            arena = self.arenas[number]
            with self._table(folder, number, shard) as table:
                stage = arena.opened(table)
                if self.options.workers is not None:
                    self.options.workers.serve([stage.search, stage.held_out])
                for unit in units:
                    known = folder.exhaustive(number) if unit is None else folder.trial(number, *unit)
                    result = known or self._result(stage, number, unit)
                    if known is None:
                        folder.keep(result)
                    done += 1
                    told(Progressed(done, total, arena, result, known is not None))

    def _result(self, stage: Stage, number: int, unit: tuple[str, int] | None) -> Trial | Exhaustive:
        if unit is None:
            return tabulate(stage, number, self.options.exhaustive)
        return play(stage, number, *unit)

    def _units(self, shard: Shard, number: int) -> list[tuple[str, int] | None]:
        """The trials of a task that are of a shard, all strategies of a seed after one another; None is its table."""
        pairs: Iterator[tuple[str, int] | None] = (
            (strategy, seed) for seed, strategy in product(self.protocol.seeds, self.protocol.strategies)
        )
        units = [*([None] if self.options.exhaustive else []), *pairs]
        return [unit for place, unit in enumerate(units, start=number) if place % shard.count == shard.index - 1]

    def _table(self, folder: Folder, number: int, shard: Shard) -> ScoreTable | nullcontext[None]:
        if self.options.cache != "shared":
            return nullcontext()
        pictures = len(self.arenas[number].subjects.search.subject.images)
        return ScoreTable(folder.scores(number, shard.name), pictures, self.protocol.task_digest(number))


def _budget(text: str) -> Budget:
    """The budget, which counts what is the same on every machine.

    Raises:
        OptionError: it does not, or counts two things.
    """
    found = Budget.parse(text)
    if found.time is not None:
        message = "--budget: seconds would compare machines, and how busy they are"
        raise OptionError(message, "write forwards=N, masked passes of single pictures, or terms=N")
    if (found.forwards is None) == (found.terms is None):
        message = "--budget: a comparison has one limit"
        raise OptionError(message, "write forwards=N, masked passes of single pictures, or terms=N; beside it size=N")
    return found


def _arenas(
    problems: Sequence[Problem], given: Mapping[str, Any], options: ContestOptions, note: Callable[[str], None]
) -> list[Arena]:
    """Every file on every network."""
    loaded: dict[Settings, Subjects] = {}
    arenas: dict[str, Arena] = {}
    for stated, network in product(problems, options.networks or (None,)):
        settings, notes = resolve(stated, {**given, "network": network}, allowed=options.allow_file_options)
        for line in notes:
            note(line)
        problem = CamProblem(stated, settings.metric, settings.modules)
        alike = replace(settings, budget="size=1", equivalence="map", metric=None, race="t", baselines="auto")
        if alike not in loaded:
            loaded[alike] = load_subjects(alike)
        arena = arena_of(problem, settings, loaded[alike])
        if arena.name in arenas:
            raise OptionError(f"compare: two tasks are called '{arena.name}'", "give each file and network once")
        arenas[arena.name] = arena
        if len(arenas) > MOST_TASKS:
            raise OptionError(f"compare: there are more than {MOST_TASKS} tasks", "give fewer files or networks")
    return list(arenas.values())
