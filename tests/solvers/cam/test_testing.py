"""The conformance suite fails on learners that break the contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from cam_terms import read
from solvers.cam.learner import Learner, Outcome, Proposal, Space
from solvers.cam.learners.random import Random
from solvers.cam.testing import LearnerConformance
from sygus.oracles.equivalence import Equivalence

SUITE = LearnerConformance()
ALIKE = SUITE.test_no_proposal_behaves_like_an_earlier_one_unless_it_is_smaller


class Repeats(Random):
    """Proposes everything twice."""

    def ask(self, count: int) -> list[Proposal]:
        return 2 * super().ask(count // 2 or 1)


class Escapes(Random):
    """Leaves the grammar."""

    def ask(self, count: int) -> list[Proposal]:
        return [Proposal(read("(gap (sign gradient))")) for _ in super().ask(count)]


class Lies(Random):
    """Gives signatures that are none."""

    def ask(self, count: int) -> list[Proposal]:
        return [Proposal(proposal.term, 5) for proposal in super().ask(count)]


class Forgets(Random):
    """Has a state without its chance."""

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        pass


CALLS = [0]


class Wavers(Random):
    """Draws from something that is not the seed."""

    def __init__(self, space: Space) -> None:
        CALLS[0] += 1
        super().__init__(space)
        self.draws.take(CALLS[0])


class Counts(Random):
    """Reports a fraction."""

    def status(self) -> Mapping[str, int]:
        return {"share": 0.5}  # type: ignore[dict-item]


class Silent(Random):
    """Says nothing at the end."""

    def conclusion(self) -> str:
        return ""


class Endless(Learner):
    """Never ends."""

    def ask(self, count: int) -> list[Proposal]:
        return [Proposal(read("(gap gradient)"))] * count


class Stumbles(Random):
    """Takes every outcome for a score."""

    def tell(self, _: Proposal, outcome: Outcome) -> None:
        outcome.objectives[0]


class Distorts(Random):
    """Writes into what it shares with the run."""

    def __init__(self, space: Space) -> None:
        super().__init__(space)
        next(iter(space.probes.values.values())).mul_(2)


@pytest.mark.parametrize(
    ("made", "check", "arguments"),
    [
        (
            Repeats,
            ALIKE,
            ("gradcam", Equivalence.MAP),
        ),
        (Repeats, SUITE.test_it_takes_outcomes_of_every_fate_and_ends_for_good, (1,)),
        (Escapes, SUITE.test_it_proposes_terms_of_the_grammar_within_the_size, ("gradcam", 5)),
        (Escapes, SUITE.test_it_proposes_terms_of_the_grammar_within_the_size, ("gradcam", 3)),
        (Lies, SUITE.test_it_proposes_terms_of_the_grammar_within_the_size, ("gradcam", 5)),
        (Forgets, SUITE.test_a_state_goes_on_as_the_search_would_have, ("channel_weights", Equivalence.MAP, 3)),
        (Wavers, SUITE.test_the_same_seed_gives_the_same_proposals, ("gradcam", 7)),
        (Counts, SUITE.test_its_status_is_counts_by_name, ()),
        (Silent, SUITE.test_it_takes_outcomes_of_every_fate_and_ends_for_good, (7,)),
        (Silent, SUITE.test_a_size_below_the_smallest_term_ends_at_once, ("channel_weights",)),
        (Endless, SUITE.test_it_takes_outcomes_of_every_fate_and_ends_for_good, (7,)),
        (Endless, SUITE.test_a_size_below_the_smallest_term_ends_at_once, ("channel_weights",)),
        (Stumbles, SUITE.test_it_takes_outcomes_of_every_fate_and_ends_for_good, (7,)),
        (Distorts, SUITE.test_what_it_is_given_stays_as_it_is, ()),
    ],
)
def test_a_broken_learner_is_found_out(made: type[Learner], check: Any, arguments: tuple[object, ...]) -> None:
    with pytest.raises((AssertionError, IndexError)):
        check(made, *arguments)
    check(Random, *arguments)
