"""A pilot of a search: some candidates scored in full on some pictures, and what a whole search will cost."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from solvers.cam.learners.enumerate import Enumerate
from solvers.cam.planning import Advice, Forecast, Forecasts, Pilot, advise, forecast
from solvers.cam.race import Mode, Racer
from solvers.cam.run import BATCH
from solvers.cam.search import space_of
from solvers.cam.settings import AUTO, MOST_PICTURES, Settings
from solvers.cam.subjects import check_measurable, load_pilot
from sygus.errors import OptionError
from sygus.language.terms import Term
from sygus.oracles.cam import CamOracle, HeatMaps, Scores
from sygus.oracles.methods import QUICK, Method, applicable_methods, methods
from sygus.oracles.objective import CamProblem
from sygus.saliency.metrics import Metric
from sygus.saliency.progress import track

SEARCH = (24, 48, 96, 192, 384)
TIMES = (0, 1, 2, 4, 8)
"""Validation pictures for each of the search."""

HELD_OUT = (96, 192, 384, 768, 1536)

FEWEST = 8
"""The smallest pilot, in pictures."""

CROWDED = 2000
"""The enumeration ends with the level in which it passes so many terms."""

WHOLE = 1 << 30
"""Asked for so many terms, the enumeration gives a whole level."""

RACES = 8
"""Sets of pictures on which the pilot's candidates race."""

REFERENCE = "gradcam"
"""The method that a run's answer is to be told from."""


@dataclass(frozen=True)
class PilotOptions:
    """What a plan is made of, beside the settings.

    Attributes:
        candidates: how many terms are scored at most.
        pictures: on how many pictures at most.
        search, held_out, validation: numbers of pictures that are asked about; None for those of the tables.
    """

    candidates: int = 64
    pictures: int = 96
    search: int | None = None
    held_out: int | None = None
    validation: int | None = None

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """Search and validation pictures."""
        searches = SEARCH if self.search is None else (self.search,)
        if self.validation is not None:
            return [(search, self.validation) for search in searches]
        return [(search, times * search) for search in searches for times in TIMES]

    @property
    def held_outs(self) -> Sequence[int]:
        """Held-out pictures."""
        return HELD_OUT if self.held_out is None else (self.held_out,)


@dataclass(frozen=True)
class Clock:
    """Seconds on this machine: for the features of a picture, to draw one map, and to score it."""

    measuring: float
    drawing: float
    scoring: float


@dataclass(frozen=True, eq=False)
class Plan:
    """What a pilot says of the sizes of the three sets of pictures.

    Attributes:
        metric: that candidates are compared by.
        pilot: their scores.
        terms: how many distinct terms a search compares.
        size: the largest of them, in nodes.
        exhaustive: whether there are no others up to the size of the budget.
        there: how many pictures there are; None where there is no end of them.
        forecasts: of the sizes that are asked about.
        held_out: numbers of held-out pictures that are asked about.
        shares: of the passes that scoring in full takes, what racing leaves, by search pictures.
        methods: how many of the table are scored beside the answer.
        passes: masked passes that a score takes.
        clock: of this machine.
    """

    metric: Metric
    pilot: Pilot
    terms: int
    size: int
    exhaustive: bool
    there: int | None
    forecasts: Forecasts
    held_out: Sequence[int]
    shares: Mapping[int, float]
    methods: int
    passes: int
    clock: Clock

    @property
    def advice(self) -> Advice | None:
        """What is recommended; None where there are too few pictures for any of the sizes."""
        return advise(self.forecasts, self.held_out, self.scores, self.there)

    def searched(self, one: Forecast) -> float:
        """How many scores of single pictures the search takes: the first batch in full, of the others what races."""
        first = min(self.terms, BATCH)
        return one.search * (first + self.shares[one.search] * (self.terms - first))

    def scores(self, one: Forecast, held_out: int) -> float:
        """The same of all: the search, the finalists, and the table."""
        table = self.methods * (one.search + held_out) + one.finalists * held_out
        return self.searched(one) + one.finalists * one.validation + table

    def search_seconds(self, one: Forecast) -> float:
        """How long the search takes here, without finalists and table."""
        drawn = self.terms * one.search
        clock = self.clock
        return clock.measuring * one.search + clock.drawing * drawn + clock.scoring * self.searched(one)

    def seconds(self, one: Forecast, held_out: int) -> float:
        """How long all of it takes here."""
        pictures = one.validation + held_out
        beside = self.scores(one, held_out) - self.searched(one)
        each = self.clock.measuring + self.clock.drawing * one.finalists
        return self.search_seconds(one) + each * pictures + self.clock.scoring * beside


def plan(problem: CamProblem, settings: Settings, options: PilotOptions) -> tuple[Plan, CamOracle]:
    """Score a pilot, and say what is to be expected of more pictures or fewer.

    The candidates are a seeded sample, all equally likely, of the distinct terms that the enumeration finds: of the
    same terms that a search compares. The first ones would be the smallest, all alike and few of them good; random
    derivations would favour the small, and terms with many spellings.

    Args:
        problem: what is asked.
        settings: network, pictures, budget and race.
        options: of the pilot.

    Returns:
        The plan, and the oracle on the pilot's pictures.

    Raises:
        OptionError: the first objective is no metric alone, or joint over pictures; there are too few pictures, or
            fewer than two candidates.
    """
    metric = _planned(problem)
    if options.pictures < FEWEST:
        raise OptionError(f"--pilot-images: {options.pictures} is too few to tell noise by", f"give at least {FEWEST}")
    oracle, there = load_pilot(settings, min(options.pictures, MOST_PICTURES), FEWEST, problem.references)
    check_measurable(problem, [oracle])
    terms, exhaustive = _enumerated(problem, settings, oracle)
    chance = np.random.Generator(np.random.PCG64(settings.seed))
    chosen = sorted(chance.permutation(len(terms))[: options.candidates])
    scores, clock = _scored(problem, oracle, [terms[index] for index in chosen], metric)
    reference = _reference(oracle, metric)
    sign = 1 if metric.direction == "min" else -1
    pilot = Pilot(sign * scores.astype(np.float64), None if reference is None else sign * reference.astype(np.float64))
    sizes = options.sizes
    found = Plan(
        metric,
        pilot,
        terms=len(terms),
        size=max(term.size for term in terms),
        exhaustive=exhaustive,
        there=there,
        forecasts=forecast(pilot, len(terms), sizes, settings.seed),
        held_out=options.held_outs,
        shares={search: race_share(scores, metric, settings, search) for search in dict(sizes)},
        methods=len(_table(settings, oracle)),
        passes=metric.passes(oracle.subject.network.size),
        clock=clock,
    )
    return found, oracle


def _planned(problem: CamProblem) -> Metric:
    """The metric of the first objective.

    Raises:
        OptionError: there is none, or none that a plan can be made for.
    """
    file = problem.problem.file
    if not problem.goals:
        hint = "the first expression that satisfies the constraints is its answer; add (optimize-synth …)"
        raise OptionError(f"plan: '{file}' has no objective, so that no choice is made", hint)
    goal = problem.goals[0]
    if goal.metric is None:
        message = f"plan: the first objective of '{file}', {goal.label}, is no metric alone"
        raise OptionError(message, "let its first objective be one metric, as (optimize-synth ((! (m h) :min)))")
    metric = problem.metrics[goal.metric]
    if metric.joint:
        message = f"plan: the scores of '{metric.name}' depend on one another, so that no picture has one of its own"
        raise OptionError(message, "compare some runs with more pictures and fewer, or plan by --metric M")
    return metric


def _enumerated(problem: CamProblem, settings: Settings, oracle: CamOracle) -> tuple[list[Term], bool]:
    """The distinct terms by size, and whether these are all up to the size of the budget."""
    space = space_of(problem, settings, oracle)
    learner = Enumerate(space)
    terms: list[Term] = []
    while len(terms) < CROWDED and (level := learner.ask(WHOLE)):
        terms += [proposal.term for proposal in level]
    if not terms:
        raise OptionError(f"plan: no expression has at most {space.size} nodes", "give a larger size in --budget")
    return terms, learner.status()["size"] >= space.size


def _scored(problem: CamProblem, oracle: CamOracle, terms: Sequence[Term], metric: Metric) -> tuple[Scores, Clock]:
    """The scores (candidates, pictures) of those whose maps are finite, equal maps once."""
    begun = time.perf_counter()
    heat = _drawn(oracle, terms)
    measured = time.perf_counter()
    heat = _drawn(oracle, terms)
    drawn = time.perf_counter()
    distinct = {one.key: one.of_term if problem.explains_again else one for one in heat if one.finite}
    if len(distinct) < 2:
        message = f"plan: {len(distinct)} of {len(terms)} expressions have finite maps of their own"
        raise OptionError(message, "give more --candidates, or a larger size in --budget")
    entries, pictures = list(distinct.values()), len(oracle.subject.images)
    batches = [entries[start : start + BATCH] for start in range(0, len(entries), BATCH)]
    everything = torch.arange(pictures)
    scores = [oracle.score(batch, metric, everything) for batch in track(batches, len(batches), "batches scored")]
    scored = time.perf_counter()
    maps = len(terms) * pictures
    clock = Clock(
        measuring=max(0.0, (measured - begun) - (drawn - measured)) / pictures,
        drawing=(drawn - measured) / maps,
        scoring=(scored - drawn) / (len(entries) * pictures),
    )
    return np.concatenate(scores), clock


def _drawn(oracle: CamOracle, terms: Sequence[Term]) -> list[HeatMaps]:
    batches = (terms[start : start + BATCH] for start in range(0, len(terms), BATCH))
    return [heat for batch in batches for heat in oracle.heat_maps(batch)]


def _reference(oracle: CamOracle, metric: Metric) -> Scores | None:
    """The scores of Grad-CAM; None where it does not apply."""
    try:
        method = methods()[REFERENCE]
        method.check(oracle)
    except OptionError:
        return None
    return method.score(oracle, metric)


def _table(settings: Settings, oracle: CamOracle) -> list[Method]:
    """The methods of a run's table that are known to be in it."""
    names = QUICK if settings.baselines == AUTO else settings.baselines
    return applicable_methods(names, oracle, lambda _: None, "--baselines")


def race_share(scores: Scores, metric: Metric, settings: Settings, pictures: int) -> float:
    """Which share of the scores racing leaves: of a pilot's candidates against the best of them.

    Args:
        scores: (candidates, P).
        metric: what they are by.
        settings: how they race, and the seed.
        pictures: how many there are in the race; drawn from the pilot's with replacement.
    """
    racer = Racer.of(cast("Mode", settings.race), pictures, settings.seed)
    chance = np.random.Generator(np.random.PCG64(settings.seed))
    redrawn = (chance.integers(0, scores.shape[1], pictures) for _ in range(RACES))
    return statistics.fmean(_share(racer, scores[:, drawn], metric) for drawn in redrawn)


def _share(racer: Racer, scores: Scores, metric: Metric) -> float:
    sign = 1 if metric.direction == "min" else -1
    best = int((sign * scores.mean(axis=1, dtype=np.float64)).argmin())
    others = [row for row in range(len(scores)) if row != best]
    seen = 0
    for start in range(0, len(others), BATCH):
        heat = [HeatMaps(torch.empty(0), str(row), 0, finite=True) for row in others[start : start + BATCH]]
        unknown = np.full((len(heat), scores.shape[1]), np.nan, np.float32)
        seen += int((~np.isnan(racer.run(_Paid(scores), heat, metric, unknown, scores[best]))).sum())
    return float(seen / (len(others) * scores.shape[1]))


class _Paid(CamOracle):
    """Scores that are known; a candidate's heat maps are stood for by a key, its row."""

    def __init__(self, scores: Scores) -> None:
        self.known = scores

    def attempt(self, heat: Sequence[HeatMaps], metric: Metric, index: torch.Tensor) -> Scores:  # noqa: ARG002 - there is one
        """Those of the rows."""
        rows: NDArray[np.int64] = np.array([int(one.key) for one in heat])
        found: Scores = self.known[np.ix_(rows, index.numpy())]
        return found
