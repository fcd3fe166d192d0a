"""A task: a problem on a network, with everything that its trials share."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from solvers.cam.contest.scores import ScoreTable, SharedOracle
from solvers.cam.learner import Space
from solvers.cam.protocol import describe
from solvers.cam.race import Mode, Racer, mean
from solvers.cam.search import space_of
from solvers.cam.settings import Settings
from solvers.cam.subjects import Subjects, check_measurable
from sygus.errors import OptionError
from sygus.export.contest.trials import Task
from sygus.language.terms import Term
from sygus.oracles.cam import CamOracle, HeatMaps
from sygus.oracles.methods import methods
from sygus.oracles.objective import CamProblem, Objectives

REFERENCE = "gradcam"
"""The method that regrets are measured from."""


@dataclass(frozen=True, eq=False)
class Arena:
    """Where the trials of a task take place.

    Attributes:
        problem: what is asked.
        settings: of all trials; the seed is that of the pictures, their order and the probes.
        subjects: network and pictures.
    """

    problem: CamProblem
    settings: Settings
    subjects: Subjects

    @property
    def name(self) -> str:
        """Of the file and the network."""
        return f"{Path(self.problem.problem.file).stem} on {self.settings.network}"

    @cached_property
    def racer(self) -> Racer:
        """The same order of the pictures for all."""
        mode = cast("Mode", self.settings.race)
        return Racer.of(mode, len(self.subjects.search.subject.images), self.settings.seed)

    @property
    def each(self) -> int:
        """Passes that a term takes that is scored on all search pictures."""
        size = self.subjects.search.subject.network.size
        passes = sum(metric.passes(size) for metric in self.problem.metrics.values())
        return passes * len(self.subjects.search.subject.images)

    @cached_property
    def facts(self) -> Task:
        """What a report says of the task."""
        goal = self.problem.goals[0]
        metric = None if goal.metric is None else self.problem.metrics[goal.metric]
        size = self.settings.limits.size
        assert size is not None
        search, held_out = (self._reference(part) for part in (self.subjects.search, self.subjects.held_out))
        return Task(
            name=self.name,
            file=Path(self.problem.problem.file).name,
            network=str(self.settings.network),
            metric=goal.label,
            unit="" if metric is None else metric.unit,
            direction="min" if goal.direction == "min" else "max",
            size=size,
            each=self.each,
            reference=search,
            reference_held_out=held_out,
        )

    def _reference(self, oracle: CamOracle) -> float | None:
        """Grad-CAM's score; None where it does not apply, or the objective is no metric alone."""
        symbol = self.problem.goals[0].metric
        if symbol is None:
            return None
        try:
            method = methods()[REFERENCE]
            method.check(oracle)
        except OptionError:
            return None
        return float(method.score(oracle, self.problem.metrics[symbol]).mean(dtype=np.float64))

    def grounds(self) -> dict[str, Any]:
        """What scores depend on: the text of the problem, the settings, fingerprints, the pictures and their order."""
        stated = describe(self.problem, self.settings, self.subjects)
        settings = {name: value for name, value in stated["settings"].items() if name not in _BESIDE}
        images = {"search": self.subjects.search, "held out": self.subjects.held_out}
        return {
            "grammar": hashlib.sha256(self.problem.problem.text.encode()).hexdigest(),
            "settings": settings,
            "fingerprints": stated["fingerprints"],
            "pictures": {name: list(oracle.subject.images.ids) for name, oracle in images.items()},
            "order": self.racer.order.tolist(),
            "alpha": self.racer.alpha,
        }

    def opened(self, table: ScoreTable | None) -> Stage:
        """The oracles at work, with a table of scores or without."""
        references = self.problem.references
        return Stage(
            self,
            SharedOracle(self.subjects.search, references, table),
            SharedOracle(self.subjects.held_out, references, table),
            remembers=table is not None,
        )


_BESIDE = ("strategy", "budget", "network", "baselines", "validation_images", "device")
"""Settings that trials do not depend on, or that are stated elsewhere; of the device its arithmetic is."""


MOST_MAPS = 1 << 30
"""Bytes of heat maps that are kept for other trials."""


@dataclass(frozen=True, eq=False)
class Stage:
    """A task's oracles at work.

    Attributes:
        arena: the task.
        search, held_out: on its pictures.
        remembers: whether the maps that learners ask for are kept for other trials, as scores are.
    """

    arena: Arena
    search: SharedOracle
    held_out: SharedOracle
    remembers: bool
    _drawn: dict[Term, HeatMaps] = field(default_factory=dict)

    def space(self, seed: int, size: int | None = None) -> Space:
        """What a learner may know: with its own seed, on the probes that all have."""
        settings = self.arena.settings
        if size is not None:
            settings = replace(settings, budget=f"size={size}")
        found = replace(space_of(self.arena.problem, settings, self.search), seed=seed)
        return replace(found, heat_maps=self._heat_maps) if self.remembers else found

    def _heat_maps(self, terms: Sequence[Term]) -> list[HeatMaps]:
        """The maps of terms, for learners; drawn once as long as there is room for them."""
        fresh = list(dict.fromkeys(term for term in terms if term not in self._drawn))
        drawn = dict(zip(fresh, self.search.heat_maps(fresh), strict=True))
        found = [drawn[term] if term in drawn else self._drawn[term] for term in terms]
        if found and len(self._drawn) < MOST_MAPS // found[0].maps.nbytes:
            self._drawn.update(drawn)
        return found

    def keyed(self, terms: Sequence[Term]) -> list[HeatMaps]:
        """The maps of terms on the search pictures, under the keys by which their scores are shared."""
        again = self.arena.problem.explains_again
        return [heat.of_term if again else heat for heat in self.search.heat_maps(terms)]

    @cached_property
    def _objectives(self) -> Objectives:
        return Objectives(self.arena.problem, self.held_out)

    def judge(self, term: Term) -> tuple[float, tuple[float, ...]] | None:
        """A term on the held-out pictures: the first objective, and by its metric, if it is one, each picture.

        None where its maps are not finite there.
        """
        problem, oracle = self.arena.problem, self.held_out
        (heat,) = oracle.heat_maps([term])
        if not heat.finite:
            return None
        heat = heat.of_term if problem.explains_again else heat
        everything = torch.arange(len(oracle.subject.images))
        scores = {symbol: oracle.score([heat], metric, everything)[0] for symbol, metric in problem.metrics.items()}
        means = {symbol: mean(values)[0] for symbol, values in scores.items()}
        symbol = problem.goals[0].metric
        single = symbol is not None and not problem.metrics[symbol].joint
        pictures = tuple(map(float, scores[symbol])) if single and symbol is not None else ()
        return self._objectives.values(term, means)[0], pictures


def arena_of(problem: CamProblem, settings: Settings, subjects: Subjects) -> Arena:
    """A task.

    Raises:
        OptionError: it has no objective, its features or metrics are not to be had, or the budget cannot count it.
    """
    file = problem.problem.file
    if not problem.goals:
        hint = "the first expression that satisfies the constraints is its answer; add (optimize-synth …)"
        raise OptionError(f"compare: '{file}' has no objective to compare by", hint)
    check_measurable(problem, subjects.parts)
    settings = subjects.counted(settings)
    found = Arena(problem, settings, subjects)
    if settings.limits.forwards is not None and not found.each:
        message = f"--budget: scoring a term of '{file}' takes no passes, so that passes are no budget for it"
        raise OptionError(message, "write --budget terms=N")
    return found
