"""What is known by behaviour: smaller spellings, lost races, and the walk that ends a search."""

from __future__ import annotations

import json
from dataclasses import replace
from random import Random

import numpy as np
import pytest

from solvers.cam.derivations import Productions, proper
from solvers.cam.grammar_statistics import GrammarStatistics
from solvers.cam.learner import Fate, Outcome, Space
from solvers.cam.novelty import Novelty, Walk, Worth
from solvers.cam.testing import FEW, space_for
from sygus.language.terms import Term
from sygus.oracles.equivalence import Equivalence
from sygus.oracles.expressions import read_expression


def seeded(seed: int = 0) -> Random:
    return Random(seed)  # noqa: S311 - nothing that is drawn is secret


def derived(space: Space, text: str) -> Productions:
    return proper(space.productions(read_expression(text)))


@pytest.mark.parametrize("name", FEW)
def test_a_walk_comes_to_every_derivation_once(name: str) -> None:
    space = space_for(name, 5)
    statistics, start = GrammarStatistics(space.grammar), space.grammar.start
    every = {
        statistics.derivations((start,), size, number)
        for size in range(6)
        for number in range(statistics.count(start, size))
    }
    walk = Walk(space, seeded())
    found = []
    while (step := walk.step()) is not None:
        found.append(step)
    assert len(found) == len(every)
    assert set(found) == every
    assert walk.step() is None


def test_another_seed_walks_in_another_order() -> None:
    walks = [Walk(space_for("channel_weights", 6), seeded(seed)) for seed in (0, 1)]
    assert [walks[0].step() for _ in range(9)] != [walks[1].step() for _ in range(9)]


def test_a_behaviour_is_proposed_again_only_where_it_is_smaller() -> None:
    space = space_for("channel_weights", 9)
    novelty = Novelty(space, seeded())
    large, small, alike = (
        derived(space, text)
        for text in ("(+ (gap gradient) (* (gap gradient) (gap gradient)))", "(gap gradient)", "(relu (gap gradient))")
    )
    assert novelty.known(small)[1] != novelty.known(large)[1]
    assert novelty.proposal(small) is not None
    assert novelty.proposal(small) is None
    twice = derived(space, "(relu (relu (gap gradient)))")
    assert novelty.known(twice)[1] == novelty.known(alike)[1]
    first = novelty.proposal(twice)
    assert first is not None
    assert first.signature == space.probes.signature(first.term)
    assert novelty.proposal(alike) is not None
    assert novelty.proposal(twice) is None
    apart = Novelty(space_for("channel_weights", 9, Equivalence.NONE), seeded())
    assert apart.known(twice)[1] != apart.known(alike)[1]


def raced(space: Space, scores: list[float], seen: int | None = None) -> Outcome:
    """The outcome of a term with these scores, of which a race saw only the first."""
    values = np.array(scores, np.float32)
    metric = space.goals[0].metric
    assert metric is not None
    if seen is None:
        mean = float(values.mean(dtype=np.float64))
        return Outcome(Fate.SCORED, (mean, 3.0), len(scores), True, {metric: values})
    values[seen:] = np.nan
    return Outcome(Fate.PRUNED, (), seen, None, {metric: values})


def test_a_race_that_was_lost_is_judged_on_the_pictures_that_both_saw() -> None:
    space = space_for("channel_weights", 7)
    novelty = Novelty(space, seeded())
    novelty.tell(1, raced(space, [10.0, 20.0, 30.0, 40.0]))
    assert novelty.worth(1) == Worth(0, (25.0, 3.0))
    novelty.tell(2, raced(space, [12.0, 24.0, 0.0, 0.0], seen=2))  # easy pictures; 3 worse on them
    assert novelty.worth(2) == Worth(0, (28.0,))
    novelty.tell(3, raced(space, [26.0, 26.0, 26.0, 26.0]))
    order = sorted((1, 2, 3), key=lambda one: novelty.worth(one) or Worth(9, ()))
    assert order == [1, 3, 2]  # by the mean over the pictures seen, 2 would come first
    novelty.tell(4, raced(space, [13.0, 23.0, 33.0, 43.0], seen=4))  # all seen: it lost to a constraint
    assert novelty.worth(4) == Worth(1, (28.0,))


def test_what_cannot_be_estimated_comes_last_the_longer_it_raced_the_better() -> None:
    space = space_for("channel_weights", 7)
    novelty = Novelty(space, seeded())
    novelty.tell(1, raced(space, [1.0, 2.0, 3.0, 4.0], seen=2))  # before any is known on all pictures
    novelty.tell(2, Outcome(Fate.PRUNED, images=16))
    novelty.tell(3, Outcome(Fate.SCORED, (90.0, 3.0), 4, False))
    novelty.tell(4, Outcome(Fate.FAILED))
    novelty.tell(5, Outcome(Fate.SCORED, (float("nan"), 3.0), 4, True))
    assert novelty.worth(1) == Worth(2, (-2,))
    assert novelty.worth(3) < novelty.worth(2) < novelty.worth(1)
    assert novelty.worth(4) is None
    assert novelty.worth(5) is None


def test_larger_is_better_where_the_file_says_so() -> None:
    space = space_for("insertion", 7)
    assert space.goals[0].direction == "max"
    novelty = Novelty(space, seeded())
    novelty.tell(1, raced(space, [0.5, 0.7, 0.9, 0.9]))
    novelty.tell(2, raced(space, [0.4, 0.4, 0.0, 0.0], seen=2))
    worth = novelty.worth(2)
    assert worth is not None
    assert worth.rank[0] == pytest.approx(-0.55)


def test_a_state_is_all_that_is_known() -> None:
    space = space_for("channel_weights", 5)
    first = Novelty(space, seeded())
    made = [made for made in (first.next() for _ in range(5)) if made is not None]
    for number, (derivation, _) in enumerate(made):
        first.tell(first.known(derivation)[1], raced(space, [float(number), 1.0]))
    second = Novelty(space, seeded(1))
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert second.state_dict() == first.state_dict()
    lost = raced(space, [5.0, 5.0], seen=1)
    for one in (first, second):
        one.tell(-1, lost)
    assert second.worth(-1) == first.worth(-1)
    assert second.next() == first.next()


def test_a_search_ends_for_want_of_patience_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("solvers.cam.novelty.PATIENCE", 3)
    novelty = Novelty(space_for("channel_weights", 7), seeded())
    terms: list[Term] = []
    while (made := novelty.next()) is not None:
        terms.append(made[1].term)
    assert terms
    assert novelty.ended
    distinct = novelty.status()["distinct"]
    assert novelty.conclusion().startswith(f"3 derivations in a row gave nothing new: {distinct} terms distinct by map")
    nothing = Novelty(replace(space_for("channel_weights", 7), size=1), seeded())
    assert nothing.ended
    assert nothing.next() is None
    assert nothing.conclusion() == "nothing to propose: no term has at most 1 nodes"
