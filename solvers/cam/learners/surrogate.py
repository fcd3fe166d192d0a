"""The learner ``surrogate``: a Gaussian process on maps and symbols says which term to score next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from solvers.cam.estimates import compressed, paired
from solvers.cam.gaussian import Model, Numbers, Points, Process, Rows, fails
from solvers.cam.learner import Learner, Outcome, Proposal, Space, learner
from solvers.cam.learners.enumerate import Enumerate
from solvers.cam.pool import Candidate, Pool
from solvers.cam.variants import Variant, Variants
from sygus.language.terms import Term
from sygus.language.text import term_text
from sygus.oracles.expressions import read_expression

FIRST = 5
"""Terms at random before the model is asked."""

BATCH = 1
"""Terms proposed at a time, and once many are known, one for every :data:`SHARE` of them."""

SHARE = 16

KNOWN = 400
"""Terms that the model is made from: the best half of so many, and of the others some of every rank."""

SETTLED = 200
"""Of so many, the last ones, constraints are modelled."""

POOL = 1 << 14
"""Terms that the model chooses from."""

KEEN, PROMISING, HINDERED, ANY = 4, 6, 4, 4
"""Shapes in which other constants are looked for: of the best terms known, of those that promise most, of those that
would if no constraint failed, and of any."""

IN_A_ROW = 8
"""Proposals with constants of their own, after which one of the pool comes."""

LOOKED = 64
"""Terms of which a constraint is foreseen to fail that are passed over for one proposal."""


@dataclass(frozen=True, eq=False)
class Known:
    """A term of which some score is known.

    Attributes:
        term: it.
        features: of its maps.
        ranks: per goal its objective such that smaller is better; none where it is not known on every picture.
        scores: per goal the score of each picture such that smaller is better, NaN where it was not seen; None of a
            goal that is not a metric's.
        fails: whether a constraint is known to fail.
        margins: of the constraints, NaN where one is not known.
    """

    term: Term
    features: Points
    ranks: tuple[float, ...]
    scores: tuple[Numbers | None, ...]
    fails: bool
    margins: tuple[float, ...]

    @property
    def valued(self) -> bool:
        """Whether its value is known, on some pictures at least; it is not where a constraint was lost before."""
        return bool(self.ranks) or all(one is not None for one in self.scores)


@dataclass(frozen=True, eq=False)
class Ranking:
    """What is known of the terms with a value, as one number each.

    Attributes:
        known: they.
        values: (terms,) smaller is better.
        variances: (terms,) of their errors.
        order: (terms,) the best first; those that fail a constraint come last.
    """

    known: Sequence[Known]
    values: Numbers
    variances: Numbers
    order: Rows

    @classmethod
    def of(cls, known: Sequence[Known], values: Numbers, variances: Numbers) -> Ranking:
        """The ranking of terms with these values."""
        fails = np.array([one.fails for one in known], bool)
        return cls(known, values, variances, np.lexsort((values, fails)))

    def best(self, count: int) -> list[Term]:
        """The first of them."""
        return [self.known[row].term for row in self.order[:count]]


@learner("surrogate")
class Surrogate(Learner):
    """Scores next what a Gaussian process on maps and symbols expects most of; complete where all are enumerated.

    Scores are smooth in the heat maps, and these are known before a score is paid. A pool of terms, each behaviour
    once, is drawn: all of the space where it is small enough, otherwise those up to a size and, beyond it, random ones,
    every other time by the productions that the best terms have. After a few at random, the terms are proposed of which
    the model expects the largest improvement on the best known, times the probability that the constraints hold, in
    small batches in which it believes its own means. How far each constraint holds is modelled likewise; of those that
    cost no masked pass it is looked up, and terms that fail one wait until the end. Around terms that are good, or
    promise to be, others with different constants are looked for by the same measure. It ends when the whole pool was
    proposed, last what fails a constraint or draws the same maps as an earlier term: where the space was enumerated the
    best is then known, whatever the model believed; otherwise nothing is guaranteed.

    Bayesian optimisation over a grammar is BOSS, of Moss et al. (NeurIPS 2020); here the kernel is on what terms do and
    on which symbols they have. Improvement with constraints: Gardner et al. (ICML 2014); batches: Ginsbourger et al.
    (2010), kriging believer; several objectives that are equals: Knowles (2006), ParEGO.
    """

    @property
    def tunes(self) -> bool:
        """Other constants are among what is chosen from."""
        return True

    def __init__(self, space: Space) -> None:
        super().__init__(space)
        self.goals = space.goals[:1] if space.ordered else space.goals
        self.pool = Pool(space, Enumerate)
        self.variants = Variants(space)
        self._chance = np.random.Generator(np.random.PCG64(space.seed))
        self._asked: dict[Term, Candidate] = {}
        self._known: list[Known] = []
        self._proposed = self._varied = self._in_a_row = 0

    def ask(self, count: int) -> list[Proposal]:
        """The terms that promise most."""
        ranking = self._ranking() if self._proposed > FIRST else None
        self.pool.grow(self._elite(ranking))
        wanted = min(count, max(BATCH, self._proposed // SHARE) if self._proposed else 1)
        self._proposed += wanted
        if not len(self.pool):
            return self.pool.rest(count)
        model = None if ranking is None else self._model(ranking)
        if ranking is None or model is None:
            taken = self._drawn(min(wanted, len(self.pool)))
        else:
            taken = self._chosen(model, ranking, min(wanted, len(self.pool)))
        self._asked |= {one.proposal.term: one for one in taken}
        return [one.proposal for one in taken]

    def _drawn(self, count: int) -> list[Candidate]:
        """Some of the pool at random, the first time the smallest."""
        order = self._chance.permutation(len(self.pool)) if self._proposed > 1 else np.arange(len(self.pool))
        chosen: list[int] = []
        failing: list[int] = []
        for row in order.tolist():
            if len(failing) < LOOKED and self._fails(self.pool.term(row)):
                failing.append(row)
                continue
            chosen.append(row)
            if len(chosen) == count:
                break
        return self._taken(chosen, failing, [], count)

    def _chosen(self, model: Model, ranking: Ranking, count: int) -> list[Candidate]:
        """Those of the pool and of the variants that promise most."""
        if len(self.pool) > POOL:
            promise = model.prospects(self.pool.points).promise()
            self.pool.set_aside(np.argsort(-promise, kind="stable")[POOL // 2 :].tolist())
        self.variants.look(self._centres(model, ranking), model, self.pool, self._chance)
        variants = list(self.variants.kept.values())
        prospects = model.prospects(np.vstack([self.pool.points, *(one.candidate.point for one in variants)]))
        chosen: list[int] = []
        failing: list[int] = []
        pooled, shut = len(self.pool), np.zeros(len(self.pool) + len(variants), bool)
        while len(chosen) < count:
            left = np.flatnonzero(~shut[: pooled if self._in_a_row >= IN_A_ROW else None])
            if not len(left):
                break
            row = int(left[np.argmax(prospects.promise()[left])])
            shut[row] = True
            term = self.pool.term(row) if row < pooled else variants[row - pooled].candidate.term
            if len(failing) < LOOKED and self._fails(term):
                failing.append(row)
                continue
            chosen.append(row)
            self._in_a_row = 0 if row < pooled else self._in_a_row + 1
            chosen_one = None if row < pooled else variants[row - pooled]
            shut[pooled:] |= np.array([self._repeats(one, term, chosen_one) for one in variants], bool)
            prospects.take(row)
        return self._taken(chosen, failing, variants, count)

    def _repeats(self, variant: Variant, term: Term, chosen: Variant | None) -> bool:
        """Whether a variant says little beside a term that is chosen with it: it has its shape, or behaves alike."""
        alike = chosen is not None and self.pool.are_alike(variant.candidate, chosen.candidate)
        return alike or variant.opened.shape == self.variants.shape(term)

    def _fails(self, term: Term) -> bool:
        """Whether a constraint is foreseen to fail."""
        return fails(self.pool.foreseen([term])[0])

    def _taken(
        self, rows: Sequence[int], failing: Sequence[int], variants: Sequence[Variant], count: int
    ) -> list[Candidate]:
        """Take rows out of the pool and of the variants that come after it; where all fail a constraint, some of these.

        The others that fail are known to the model from now on.
        """
        if not rows:
            rows, failing = failing[:count], failing[count:]
        pooled = len(self.pool)

        def candidate(row: int) -> Candidate:
            return self.pool.candidate(row) if row < pooled else variants[row - pooled].candidate

        taken, unknown = [candidate(row) for row in rows], (None,) * len(self.goals)
        for one in map(candidate, failing):
            (margins,) = self.pool.foreseen([one.term])
            self._known.append(Known(one.term, one.point, (), unknown, True, margins))
        for variant in (variants[row - pooled] for row in failing if row >= pooled):
            self.variants.drop(variant)
        for variant in (variants[row - pooled] for row in rows if row >= pooled):
            self._varied += 1
            self.variants.take(variant)
            self.pool.note(variant.candidate)
        self.pool.take([row for row in rows if row < pooled], [row for row in failing if row < pooled])
        return taken

    def _centres(self, model: Model, ranking: Ranking) -> Iterator[tuple[Iterator[Term], int]]:
        """The best known; what promises most; what would, were it not for constraints; and anything."""
        yield iter(ranking.best(len(ranking.known))), KEEN
        others = [(one.term, one.features) for one in self._known if not one.valued]
        others += [(one.candidate.term, one.candidate.point) for one in self.variants.kept.values()]
        terms = [self.pool.term(row) for row in range(len(self.pool))] + [term for term, _ in others]
        prospects = model.prospects(np.vstack([self.pool.points, *(point for _, point in others)]))
        yield map(terms.__getitem__, _downwards(prospects.promise())), PROMISING
        yield map(terms.__getitem__, _downwards(prospects.improvement())), HINDERED
        yield map(terms.__getitem__, self._chance.permutation(len(terms))[:LOOKED].tolist()), ANY

    def tell(self, proposal: Proposal, outcome: Outcome) -> None:
        """Note the scores of a term."""
        asked = self._asked.pop(proposal.term, None)
        known = None if asked is None else self._read(asked, outcome)
        if known is not None:
            self._known.append(known)

    def _read(self, asked: Candidate, outcome: Outcome) -> Known | None:
        """What an outcome says; None where that is nothing."""
        ranks = self.space.rank(outcome)[: len(self.goals)] if outcome.complete else ()
        scores = tuple(
            None
            if goal.metric is None or goal.metric not in outcome.scores
            else outcome.scores[goal.metric].astype(np.float64) * goal.rank(1.0)
            for goal in self.goals
        )
        raced = [one for one in scores if one is not None]
        if not np.isfinite([*ranks, *(float(np.nansum(one)) for one in raced)]).all():
            return None
        lost_elsewhere = bool(outcome.scores) and not outcome.complete and not any(np.isnan(one).any() for one in raced)
        fails = outcome.feasible is False or lost_elsewhere
        margins = np.array(outcome.margins or (-1.0 if fails else 1.0,))
        (foreseen,) = self.pool.foreseen([asked.term])
        if len(foreseen) == len(margins):
            margins = np.where(np.isnan(margins), foreseen, margins)
        known = Known(asked.term, asked.point, ranks, scores, fails, tuple(margins.tolist()))
        return known if known.valued or known.fails else None

    def _model(self, ranking: Ranking) -> Model | None:
        """The processes on what is known; None where nothing is."""
        value, best = None, 0.0
        if len(ranking.order):
            rows = ranking.order
            if len(rows) > KNOWN:
                first, others = np.split(rows, [KNOWN // 2])
                rows = np.concatenate([first, others[np.linspace(0, len(others) - 1, KNOWN // 2).astype(int)]])
            points = np.stack([ranking.known[row].features for row in rows])
            value = Process.fitted(points, ranking.values[rows], ranking.variances[rows], self.pool.symbols)
            best = value.standardised(float(ranking.values[rows[0]]))
        margins = self._margins()
        return Model(value, best, margins) if value is not None or margins else None

    def _margins(self) -> dict[int, Process]:
        """A process for each constraint that is known to fail for some term."""
        found = {}
        for number in range(max((len(one.margins) for one in self._known), default=0)):
            known = [one for one in self._known if len(one.margins) > number and not np.isnan(one.margins[number])]
            known = known[-SETTLED:]
            margins = np.array([one.margins[number] for one in known])
            if (margins < 0).any():
                points = np.stack([one.features for one in known])
                found[number] = Process.fitted(points, margins, np.zeros(len(margins)), self.pool.symbols)
        return found

    def _ranking(self) -> Ranking:
        """What is known of each term with a value."""
        known = [one for one in self._known if one.valued]
        if not self.goals or not known:  # nothing but the constraints tells terms apart
            return Ranking.of(known, np.zeros(len(known)), np.ones(len(known)))
        holds = np.array([not one.fails for one in known])
        found = [compressed(*paired(_scores(known, goal), holds)) for goal in range(len(self.goals))]
        values, variances = (np.stack(each) for each in zip(*found, strict=True))
        if len(found) == 1:
            return Ranking.of(known, values[0], variances[0])
        weights = self._chance.dirichlet(np.ones(len(found)))[:, None]
        parts = weights * (values - values.min(1, keepdims=True))
        return Ranking.of(known, parts.max(0) + 0.05 * parts.sum(0), (weights**2 * variances).sum(0))

    def _elite(self, ranking: Ranking | None) -> list[Term]:
        """The best terms known, as the grammar makes them."""
        if ranking is None or not self.pool.draws:
            return []
        return [self.variants.origin(term) for term in ranking.best(max(4, len(ranking.known) // 10))]

    def status(self) -> Mapping[str, int]:
        """How many terms the pool holds and held back, and how many the model knows."""
        return {**self.pool.status(), "other constants": self._varied, "known to the model": len(self._known)}

    def conclusion(self) -> str:
        """What the source of the pool guarantees, now that all of it was proposed."""
        return self.pool.conclusion()

    def aliases(self, term: Term) -> Iterator[Term]:
        """The terms that the enumeration pruned because they behave like this one."""
        return self.pool.enumeration.aliases(term)

    def state_dict(self) -> dict[str, Any]:
        """What is known, and the terms of the pool; their maps are drawn again."""
        return {
            "pool": self.pool.state_dict(),
            "variants": self.variants.state_dict(),
            "chance": self._chance.bit_generator.state,
            "counts": [self._proposed, self._varied, self._in_a_row],
            "known": [
                {
                    "term": term_text(one.term),
                    "ranks": list(one.ranks),
                    "scores": [None if row is None else _without_nan(row) for row in one.scores],
                    "fails": one.fails,
                    "margins": _without_nan(one.margins),
                }
                for one in self._known
            ],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.pool.load_state_dict(state["pool"])
        self.variants.load_state_dict(state["variants"], self.pool)
        self._chance.bit_generator.state = state["chance"]
        self._proposed, self._varied, self._in_a_row = state["counts"]
        terms = [read_expression(one["term"]) for one in state["known"]]
        self._known = [
            Known(
                term,
                features,
                tuple(one["ranks"]),
                tuple(None if row is None else np.array(row, np.float64) for row in one["scores"]),
                one["fails"],
                tuple(np.array(one["margins"], np.float64).tolist()),
            )
            for term, features, one in zip(terms, self.pool.points_of(terms), state["known"], strict=True)
        ]


def _downwards(numbers: Numbers) -> Iterator[int]:
    """The rows of the largest numbers, from the first of them on; not of all, for most have nothing to be changed."""
    return iter(np.argsort(-numbers, kind="stable")[:LOOKED].tolist())


def _scores(known: Sequence[Known], goal: int) -> Numbers:
    """(terms, pictures) of one goal; what has no score of pictures has its objective on each."""
    rows = [one.scores[goal] for one in known]
    pictures = max((len(row) for row in rows if row is not None), default=1)
    return np.stack(
        [np.full(pictures, one.ranks[goal]) if row is None else row for one, row in zip(known, rows, strict=True)]
    )


def _without_nan(row: Iterable[float]) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in row]
