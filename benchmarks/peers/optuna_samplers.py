"""Optuna's samplers (T. Akiba et al., KDD 2019) over derivations: a study whose parameters are their choices."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import optuna
from optuna.distributions import CategoricalDistribution
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from peers.peer import Peer
from solvers.cam.derivations import Productions
from solvers.cam.grammar_statistics import GrammarStatistics
from solvers.cam.learner import Space
from solvers.cam.novelty import Worth
from sygus.language.problem import Production
from sygus.language.terms import Nonterminal

optuna.logging.set_verbosity(optuna.logging.WARNING)

FEASIBLE = "feasible"
"""A constraint of Optuna's: above 0 where a term is infeasible."""


class OptunaPeer(Peer[Trial]):
    """A study, defined by run: each place of a derivation that has a choice is a categorical parameter.

    A parameter is called by its place, the way from the root, and by the productions that still fit the size there, so
    that the same place with the same choices is the same parameter. Terms without an estimate are pruned trials, and
    those that cannot be evaluated failed ones.
    """

    patience = 1_000

    def __init__(self, space: Space) -> None:
        super().__init__(space)
        self._statistics = GrammarStatistics(space.grammar)
        self._batches = 0
        objectives = max(1, 1 if space.ordered else len(space.goals))
        self._study = optuna.create_study(directions=["minimize"] * objectives, sampler=self.sampler(self._seed))

    @abstractmethod
    def sampler(self, seed: int) -> BaseSampler:
        """The sampler with this seed."""

    @property
    def _seed(self) -> int:
        """Another for every batch, so that what is drawn depends on nothing that the study does not hold."""
        return (self.space.seed * 1_000_003 + self._batches) % 2**32

    def begin(self) -> None:
        """Every batch is drawn anew."""
        self._batches += 1
        self._study.sampler = self.sampler(self._seed)

    def make(self) -> tuple[Trial, Productions] | None:
        """A trial and the derivation that its parameters are."""
        trial = self._study.ask()
        start = self.space.grammar.start
        spare = self.space.size - self._statistics.smallest[start]
        found: list[Production] = []
        waiting = [(start, "0")]
        while waiting:
            nonterminal, place = waiting.pop()
            number, production, spare = self._chosen(trial, nonterminal, place, spare)
            found.append(production)
            waiting += reversed([(hole, f"{place}.{number}.{turn}") for turn, hole in enumerate(production.holes)])
        return trial, tuple(found)

    def _chosen(self, trial: Trial, nonterminal: Nonterminal, place: str, spare: int) -> tuple[int, Production, int]:
        """The production of a place, its number, and what it leaves to spare."""
        makers = self._statistics.makers[nonterminal]
        extra = [self._statistics.least(p) - self._statistics.smallest[nonterminal] for p in makers]
        fitting = [number for number, more in enumerate(extra) if more <= spare]
        name = f"{place}:{','.join(map(str, fitting))}"
        number = fitting[0] if len(fitting) == 1 else trial.suggest_categorical(name, fitting)
        return number, makers[number], spare - extra[number]

    def learn(self, made: Trial, worth: Worth | None) -> None:
        """End the trial."""
        if worth is None or worth.tier == 2:
            self._study.tell(made, state=TrialState.FAIL if worth is None else TrialState.PRUNED)
            return
        made.set_constraint(FEASIBLE, float(worth.tier))
        self._study.tell(made, list(worth.rank[: len(self._study.directions)]) or [0.0])

    def own_state(self) -> Any:
        """All trials."""
        return {"batches": self._batches, "trials": [self._written(one) for one in self._study.get_trials()]}

    @staticmethod
    def _written(one: FrozenTrial) -> Any:
        choices = {name: list(kind.choices) for name, kind in one.distributions.items()}  # type: ignore[attr-defined]
        return [one.state.name, one.values, one.params, choices, one.system_attrs]

    def own_state_from(self, state: Any) -> None:
        """Go on from there."""
        self._batches = state["batches"]
        for name, values, params, choices, system in state["trials"]:
            kinds = {parameter: CategoricalDistribution(known) for parameter, known in choices.items()}
            self._study.add_trial(
                create_trial(
                    state=TrialState[name],
                    values=values,
                    params=params,
                    distributions=kinds,
                    system_attrs=system,
                )
            )


class OptunaRandom(OptunaPeer):
    """Optuna: random choices, each alike; guarantees nothing."""

    def sampler(self, seed: int) -> BaseSampler:
        """Without a memory."""
        return RandomSampler(seed)


class OptunaTPE(OptunaPeer):
    """Optuna: the tree-structured Parzen estimator (J. Bergstra et al., NeurIPS 2011); guarantees nothing."""

    def sampler(self, seed: int) -> BaseSampler:
        """With the settings that it has by default."""
        return TPESampler(seed=seed)


class OptunaNSGAII(OptunaPeer):
    """Optuna: NSGA-II over the choices (K. Deb et al. 2002); guarantees nothing."""

    def sampler(self, seed: int) -> BaseSampler:
        """With the settings that it has by default."""
        return NSGAIISampler(seed=seed)
