"""The learner ``surrogate``: a Gaussian process on the heat maps says which term to score next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from solvers.cam.drawing import Draws
from solvers.cam.estimates import normal_scores, paired
from solvers.cam.gaussian import Model, Numbers, Process, Rows, likelihood_of_failing
from solvers.cam.grammar_statistics import GrammarStatistics
from solvers.cam.learner import Learner, Outcome, Proposal, Space, learner
from solvers.cam.learners.enumerate import Enumerate
from solvers.cam.projection import FEATURES, Points, Projection
from solvers.cam.screening import Behaviour, behaviour_of
from sygus.language.terms import Term
from sygus.language.text import term_text
from sygus.oracles.expressions import read_expression

FIRST = 12
"""Terms at random before the model is asked."""

BATCH = 4
"""Terms proposed at a time, and once many are known, one for every :data:`SHARE` of them."""

SHARE = 16

KNOWN = 400
"""Terms that the model is made from: the best half of so many, and of the others some of every rank."""

DERIVATIONS = 1 << 17
"""Up to so many the space is enumerated; beyond the size where they are, terms are drawn at random."""

LEAST, MOST, DRAWN = 128, 1024, 64
"""Each time the pool grows by as many enumerated terms as were before, within two bounds; or by so many drawn."""

POOL = 1 << 14
"""Terms that the model chooses from."""

EVEN = 0.2
"""Of the weights by which an elite leans the draws, the share that all productions have alike."""

TOGETHER = 32
"""Terms whose maps are held at a time."""


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
    """

    term: Term
    features: Points
    ranks: tuple[float, ...]
    scores: tuple[Numbers | None, ...]
    fails: bool

    @property
    def valued(self) -> bool:
        """Whether its value is known, on some pictures at least; it is not where a constraint was lost before."""
        return bool(self.ranks) or all(one is not None for one in self.scores)


@learner("surrogate")
class Surrogate(Learner):
    """Scores next what a Gaussian process on the heat maps expects most of; complete where all terms are enumerated.

    Scores are smooth in the heat maps, and these are known before a score is paid. A pool of terms, each behaviour
    once, is drawn: all of the space where it is small enough, otherwise those up to a size and, beyond it, random ones,
    every other time by the productions that the best terms have. After a few at random, the terms with the lowest
    confidence bound are proposed, in small batches in which the model believes its own means. Whether the constraints
    hold is modelled likewise, and terms of which that is likely come first. It ends when the whole pool was proposed,
    last what draws the same maps as an earlier term: where the space was enumerated the best is then known, whatever
    the model believed; otherwise nothing is guaranteed.

    Bayesian optimisation over a grammar is BOSS, of Moss et al. (NeurIPS 2020); here the kernel is on what terms do,
    not on how they are written. Bound: Srinivas et al. (ICML 2010), GP-LCB; batches: Ginsbourger et al. (2010), kriging
    believer; constraints: Gardner et al. (ICML 2014), a process of their own; several objectives that are equals:
    Knowles (2006), ParEGO.
    """

    def __init__(self, space: Space) -> None:
        super().__init__(space)
        self.goals = space.goals[:1] if space.ordered else space.goals
        self.pool = Pool(space)
        self._chance = np.random.Generator(np.random.PCG64(space.seed))
        self._asked: dict[Term, Points] = {}
        self._known: list[Known] = []
        self._proposed = 0

    def ask(self, count: int) -> list[Proposal]:
        """The terms that promise most."""
        self.pool.grow(self._elite())
        wanted = min(count, max(BATCH, len(self._known) // SHARE) if self._proposed else 1)
        self._proposed += wanted
        if not len(self.pool):
            return self.pool.rest(count)
        taken = self.pool.take(self._chosen(min(wanted, len(self.pool))))
        self._asked |= {proposal.term: features for proposal, features in taken}
        return [proposal for proposal, _ in taken]

    def _chosen(self, count: int) -> Rows:
        """Rows of the pool."""
        if self._proposed == 1:
            return np.zeros(1, np.int64)
        model = None if self._proposed <= FIRST else self._model()
        if model is None:
            return self._chance.choice(len(self.pool), count, replace=False)
        prospects = model.prospects(self.pool.features)
        if len(self.pool) > POOL:
            self.pool.set_aside(np.argsort(prospects.bounds(), kind="stable")[POOL // 2 :])
            prospects = model.prospects(self.pool.features)
        chosen: list[int] = []
        for _ in range(count):
            bounds = prospects.bounds()
            bounds[chosen] = np.inf
            chosen.append(int(np.argmin(bounds)))
            prospects.take(chosen[-1])
        return np.array(chosen)

    def tell(self, proposal: Proposal, outcome: Outcome) -> None:
        """Note the scores of a term."""
        features = self._asked.pop(proposal.term, None)
        known = None if features is None else self._read(proposal.term, features, outcome)
        if known is not None:
            self._known.append(known)

    def _read(self, term: Term, features: Points, outcome: Outcome) -> Known | None:
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
        known = Known(term, features, ranks, scores, outcome.feasible is False or lost_elsewhere)
        return known if known.valued or known.fails else None

    def _model(self) -> Model | None:
        """The processes on what is known; None where no value is."""
        valued = self._valued
        if not valued:
            return None
        values, variances = self._values()
        order = np.array(_order(valued, values))
        if len(order) > KNOWN:
            best, others = np.split(order, [KNOWN // 2])
            order = np.concatenate([best, others[np.linspace(0, len(others) - 1, KNOWN // 2).astype(int)]])
        features = np.stack([valued[row].features for row in order])
        settled = self._known[-KNOWN:]
        return Model(
            Process.fitted(features, values[order], variances[order]),
            likelihood_of_failing(
                np.stack([one.features for one in settled]), np.array([float(one.fails) for one in settled])
            ),
        )

    @property
    def _valued(self) -> list[Known]:
        return [one for one in self._known if one.valued]

    def _values(self) -> tuple[Numbers, Numbers]:
        """What is known of each term with a value, as one number, smaller is better, and the variance of its error."""
        if not self.goals:  # nothing but the constraints tells terms apart
            return np.zeros(len(self._valued)), np.ones(len(self._valued))
        holds = np.array([not one.fails for one in self._valued])
        found = [normal_scores(*paired(self._scores(goal), holds)) for goal in range(len(self.goals))]
        if len(found) == 1:
            return found[0]
        values, variances = (np.stack(each) for each in zip(*found, strict=True))
        weights = self._chance.dirichlet(np.ones(len(found)))[:, None]
        parts = weights * (values - values.min(1, keepdims=True))
        return parts.max(0) + 0.05 * parts.sum(0), (weights**2 * variances).sum(0)

    def _scores(self, goal: int) -> Numbers:
        """(terms, pictures) of one goal; what has no score of pictures has its objective on each."""
        valued = self._valued
        rows = [one.scores[goal] for one in valued]
        pictures = max((len(row) for row in rows if row is not None), default=1)
        return np.stack(
            [np.full(pictures, one.ranks[goal]) if row is None else row for one, row in zip(valued, rows, strict=True)]
        )

    def _elite(self) -> list[Term]:
        """The best terms known."""
        valued = self._valued
        if self._proposed <= FIRST or not valued or not self.pool.draws:
            return []
        order = _order(valued, self._values()[0])
        return [valued[row].term for row in order[: max(4, len(order) // 10)]]

    def status(self) -> Mapping[str, int]:
        """How many terms the pool holds and held back, and how many the model knows."""
        return {**self.pool.status(), "known to the model": len(self._known)}

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
            "chance": self._chance.bit_generator.state,
            "proposed": self._proposed,
            "known": [
                {
                    "term": term_text(one.term),
                    "ranks": list(one.ranks),
                    "scores": [None if row is None else _without_nan(row) for row in one.scores],
                    "fails": one.fails,
                }
                for one in self._known
            ],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.pool.load_state_dict(state["pool"])
        self._chance.bit_generator.state = state["chance"]
        self._proposed = state["proposed"]
        terms = [read_expression(one["term"]) for one in state["known"]]
        self._known = [
            Known(
                term,
                features,
                tuple(one["ranks"]),
                tuple(None if row is None else np.array(row, np.float64) for row in one["scores"]),
                one["fails"],
            )
            for term, features, one in zip(terms, self.pool.projected(terms), state["known"], strict=True)
        ]


def _order(known: Sequence[Known], values: Numbers) -> list[int]:
    """Terms with a value, best first; those that fail a constraint come last."""
    return sorted(range(len(known)), key=lambda row: (known[row].fails, values[row]))


def _without_nan(row: Numbers) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in row]


class Pool:
    """Terms that were not proposed yet, each behaviour once, with the features of their maps.

    Args:
        space: where they are from.

    Attributes:
        enumeration: makes those up to a size.
        draws: makes those beyond it; None where there are none.
        features: (terms, features).
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        reached, _ = GrammarStatistics(space.grammar).reach(space.grammar.start, space.size, DERIVATIONS)
        self.enumeration = Enumerate(replace(space, size=max(reached, 1)))
        self.draws = Draws(space) if reached < space.size else None
        self.features: Points = np.empty((0, FEATURES), np.float32)
        self._open: list[Proposal] = []
        self._later: list[Proposal] = []
        self._smallest_of: dict[Behaviour, int] = {}
        self._keys: dict[str, int] = {}
        self._counts = dict.fromkeys(("of equal maps", "not finite", "set aside"), 0)
        self._enumerated = self._lean_next = False
        self._project = Projection(space.seed)

    def __len__(self) -> int:
        return len(self._open)

    def grow(self, elite: Sequence[Term]) -> None:
        """Add terms, some if there are more; drawn ones every other time by the productions of an elite."""
        while True:
            found = self._next(elite)
            self._add(found)
            if self._open or (self._enumerated and not found):
                return

    def _next(self, elite: Sequence[Term]) -> list[Proposal]:
        if not self._enumerated:
            found: list[Proposal] = []
            wanted = min(max(LEAST, len(self._smallest_of)), MOST)
            while not self._enumerated and len(found) < wanted:
                asked = self.enumeration.ask(wanted - len(found))
                self._enumerated = not asked
                found += asked
            return found
        if self.draws is None:
            return []
        self._lean(self.draws, elite if self._lean_next else ())
        self._lean_next = not self._lean_next
        return self.draws.take(DRAWN)

    def _lean(self, draws: Draws, elite: Sequence[Term]) -> None:
        """Draw by the productions of some terms, smoothed; where there are none, all alike."""
        counts = Counter(production for term in elite for production in self.space.productions(term))
        for productions in self.space.grammar.productions.values():
            total = sum(counts[production] for production in productions)
            for production in productions:
                leaning = counts[production] / total if total else 1 / len(productions)
                draws.weights[production] = (1 - EVEN) * leaning + EVEN / len(productions)

    def _add(self, found: Sequence[Proposal]) -> None:
        """Take in what behaves like no earlier term, or is smaller; what draws the maps of an earlier one waits."""
        for start in range(0, len(found), TOGETHER):
            fresh: list[Proposal] = []
            for proposal in found[start : start + TOGETHER]:
                behaviour = behaviour_of(proposal.term, proposal.signature, self.space.equivalence)
                if self._smallest_of.get(behaviour, self.space.size + 1) > proposal.term.size:
                    self._smallest_of[behaviour] = proposal.term.size
                    fresh.append(proposal)
            taken = []
            for proposal, heat in zip(fresh, self.space.heat_maps([one.term for one in fresh]), strict=True):
                if not heat.finite:
                    self._counts["not finite"] += 1
                elif self._keys.get(heat.key, self.space.size + 1) <= proposal.term.size:
                    self._counts["of equal maps"] += 1
                    self._later.append(proposal)
                else:
                    self._keys[heat.key] = proposal.term.size
                    taken.append((proposal, heat))
            self._open += [proposal for proposal, _ in taken]
            self.features = np.concatenate([self.features, self._project([heat for _, heat in taken])])

    def take(self, rows: Rows) -> list[tuple[Proposal, Points]]:
        """Give away these terms, with their features."""
        taken = [(self._open[row], self.features[row]) for row in rows]
        self._without(rows)
        return taken

    def set_aside(self, rows: Rows) -> None:
        """Let these terms wait until all others were proposed."""
        self._counts["set aside"] += len(rows)
        self._later += [self._open[row] for row in rows]
        self._without(rows)

    def _without(self, rows: Rows) -> None:
        gone = set(rows.tolist())
        self._open = [proposal for row, proposal in enumerate(self._open) if row not in gone]
        self.features = np.delete(self.features, rows, axis=0)

    def rest(self, count: int) -> list[Proposal]:
        """What waited, at most so many."""
        given, self._later = self._later[:count], self._later[count:]
        return given

    def projected(self, terms: Sequence[Term]) -> Points:
        """The features of terms whose maps are finite."""
        found = [
            self._project(self.space.heat_maps(terms[at : at + TOGETHER])) for at in range(0, len(terms), TOGETHER)
        ]
        return np.concatenate([np.empty((0, FEATURES), np.float32), *found])

    def status(self) -> Mapping[str, int]:
        """How many behaviours were made, and which were held back."""
        return {"distinct": len(self._smallest_of), **self._counts}

    def conclusion(self) -> str:
        """What is known of the space once everything was proposed."""
        return self.enumeration.conclusion() if self.draws is None else self.draws.conclusion()

    def state_dict(self) -> dict[str, Any]:
        """What was made, and what of it is still here."""
        return {
            "enumeration": self.enumeration.state_dict(),
            "draws": None if self.draws is None else self.draws.state_dict(),
            "open": [term_text(one.term) for one in self._open],
            "later": [term_text(one.term) for one in self._later],
            "behaviours": [list(pair) for pair in self._smallest_of.items()],
            "keys": dict(self._keys),
            "counts": dict(self._counts),
            "enumerated": self._enumerated,
            "lean next": self._lean_next,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of the same space; maps are drawn again."""
        self.enumeration.load_state_dict(state["enumeration"])
        if self.draws is not None:
            self.draws.load_state_dict(state["draws"])
        self._open, self._later = ([self._proposal(text) for text in state[name]] for name in ("open", "later"))
        self.features = self.projected([one.term for one in self._open])
        self._smallest_of = dict(state["behaviours"])
        self._keys, self._counts = dict(state["keys"]), dict(state["counts"])
        self._enumerated, self._lean_next = state["enumerated"], state["lean next"]

    def _proposal(self, text: str) -> Proposal:
        term = read_expression(text)
        return Proposal(term, self.space.probes.signature(term) if self.space.equivalence.is_by_value else None)
