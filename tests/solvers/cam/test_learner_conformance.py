"""Every registered learner keeps the contract; the ends of the grids that say little more, and those learners that no
run uses unless it is told to, are slow."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from solvers.cam import pool, variants
from solvers.cam.learner import Learner
from solvers.cam.learners import find_learner, learner_names, surrogate
from solvers.cam.testing import FEW, SIZES, LearnerConformance, problem_names
from sygus.oracles.equivalence import Equivalence

STATES = ((Equivalence.MAP, 0), (Equivalence.MAP, 3), (Equivalence.SCORE, 1), (Equivalence.NONE, 3))


def grid(every: Iterable[tuple[object, ...]], quick: Iterable[tuple[object, ...]]) -> list[object]:
    kept = set(quick)
    return [pytest.param(*values, marks=() if values in kept else pytest.mark.slow) for values in every]


@pytest.fixture(autouse=True)
def small_pools(monkeypatch: pytest.MonkeyPatch) -> None:
    """The surrogate draws few maps, leaves the space that it enumerates early, and sets aside and leaves out terms."""
    for name, value in {"DERIVATIONS": 1000, "GROWN": 32, "DRAWN": 16}.items():
        monkeypatch.setattr(pool, name, value)
    for name, value in {"POOL": 128, "KNOWN": 24, "SETTLED": 16}.items():
        monkeypatch.setattr(surrogate, name, value)
    for name, value in {"EACH": 2, "KEPT": 24}.items():
        monkeypatch.setattr(variants, name, value)


QUICK = ("enumerate", "random")

NAMES = [name for name in learner_names() if name != "auto"]  # which is one of the others


class TestRegistered(LearnerConformance):
    @pytest.fixture(params=[pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in NAMES])
    def made(self, request: pytest.FixtureRequest) -> type[Learner]:
        return find_learner(request.param)

    @pytest.mark.parametrize(
        ("problem", "size"),
        grid(
            ((problem, size) for problem in problem_names() for size in SIZES),
            ((problem, size) for problem in problem_names() for size in SIZES if size == 5 or problem in FEW),
        ),
    )
    def test_it_proposes_terms_of_the_grammar_within_the_size(
        self, made: type[Learner], problem: str, size: int
    ) -> None:
        super().test_it_proposes_terms_of_the_grammar_within_the_size(made, problem, size)

    @pytest.mark.parametrize(
        ("problem", "batch"),
        grid(
            ((problem, batch) for problem in FEW for batch in (1, 7, 32)),
            ((problem, batch) for problem in FEW for batch in (1, 32)),
        ),
    )
    def test_the_same_seed_gives_the_same_proposals(self, made: type[Learner], problem: str, batch: int) -> None:
        super().test_the_same_seed_gives_the_same_proposals(made, problem, batch)

    @pytest.mark.parametrize(
        ("problem", "batches", "equivalence"),
        grid(
            (
                (problem, batches, equivalence)
                for problem in FEW
                for batches in (0, 1, 3)
                for equivalence in (Equivalence.MAP, Equivalence.SCORE, Equivalence.NONE)
            ),
            ((problem, batches, equivalence) for problem in FEW for equivalence, batches in STATES),
        ),
    )
    def test_a_state_goes_on_as_the_search_would_have(
        self, made: type[Learner], problem: str, equivalence: Equivalence, batches: int
    ) -> None:
        super().test_a_state_goes_on_as_the_search_would_have(made, problem, equivalence, batches)
