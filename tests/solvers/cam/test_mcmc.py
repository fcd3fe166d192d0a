"""The learner ``mcmc`` by its states: where its chains are, once all is known, is what theory says."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any

from solvers.cam.derivations import Growth, places
from solvers.cam.drawing import built
from solvers.cam.grammar_statistics import GrammarStatistics
from solvers.cam.learner import Fate, Outcome, Space
from solvers.cam.learners.mcmc import INFEASIBLE, LADDER, LADDERS, MCMC
from solvers.cam.testing import space_for
from sygus.language.terms import Term

LOOKS = 300
"""So often the chains are looked at."""


def outcome(space: Space, term: Term) -> Outcome:
    """Some score, and whether some constraint holds: the same for terms that behave alike."""
    signature = space.probes.signature(term)
    assert signature is not None
    return Outcome(Fate.SCORED, (float(signature % 7),) * len(space.goals), 8, feasible=signature % 3 > 0)


def known(space: Space) -> dict[str, Any]:
    """The state of a learner that knows all terms."""
    learner = MCMC(space)
    while asked := learner.ask(32):
        for proposal in asked:
            learner.tell(proposal, outcome(space, proposal.term))
    return learner.state_dict()


def expected(space: Space, size: int, inverse: float, middle: float, scale: float) -> dict[tuple[int, ...], float]:
    """The probability of each derivation at an inverse temperature, by the definition."""
    growth, statistics, start = Growth(space.grammar, {}), GrammarStatistics(space.grammar), space.grammar.start
    shares = {}
    for reached in range(size + 1):
        for number in range(statistics.count(start, reached)):
            derivation = statistics.derivations((start,), reached, number)
            pairs = zip(places(start, derivation), derivation, strict=True)
            mass = math.prod(growth.mass(place.nonterminal, production) for place, production in pairs)
            found = outcome(space, built(derivation))
            energy = (found.objectives[0] - middle) / scale + INFEASIBLE * (not found.feasible)
            shares[tuple(growth.numbers(derivation))] = mass * math.exp(-inverse * energy)
    return {derivation: share / sum(shares.values()) for derivation, share in shares.items()}


def test_chains_are_in_equilibrium_at_every_temperature() -> None:
    space, size = space_for("gradcam", 3), 3
    state = json.loads(json.dumps(known(space)))
    ((middle, scale), *_) = state["scale"]
    learner = MCMC(space)
    counts: list[Counter[tuple[int, ...]]] = [Counter() for _ in LADDER]
    for _ in range(LOOKS):
        state["novelty"]["walk"]["left"] = 1  # so that it moves its chains before it finds that nothing is left
        learner.load_state_dict(state)
        assert learner.ask(32) == []
        state = learner.state_dict()
        for chain, (numbers, _) in enumerate(state["chains"]):
            counts[chain % len(LADDER)][tuple(numbers)] += 1
    for inverse, seen in zip(LADDER, counts, strict=True):
        wanted = expected(space, size, inverse, middle, scale)
        distance = sum(abs(seen[one] / seen.total() - share) for one, share in wanted.items()) / 2
        assert seen.total() == LOOKS * LADDERS
        assert distance < 0.06
    assert max(expected(space, size, LADDER[0], middle, scale).values()) < 0.7  # there is something to get wrong
