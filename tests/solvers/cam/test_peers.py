"""The peers that learners are compared with keep the contract of learners, on a few grammars."""

from __future__ import annotations

import pytest

from solvers.cam.learner import Learner
from solvers.cam.testing import LearnerConformance
from sygus.oracles.equivalence import Equivalence

pytest.importorskip("deap", reason="needs the extra 'benchmark'")
pytest.importorskip("optuna", reason="needs the extra 'benchmark'")

import peers

pytestmark = pytest.mark.slow

FEW = ("gradcam_plus", "strict divisions")


class TestPeers(LearnerConformance):
    @pytest.fixture(params=peers.__all__)
    def made(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> type[Learner]:
        made: type[Learner] = getattr(peers, request.param)
        monkeypatch.setattr(made, "patience", 100)
        return made

    @pytest.mark.parametrize(("problem", "size"), [(problem, size) for problem in FEW for size in (3, 7)])
    def test_it_proposes_terms_of_the_grammar_within_the_size(
        self, made: type[Learner], problem: str, size: int
    ) -> None:
        super().test_it_proposes_terms_of_the_grammar_within_the_size(made, problem, size)

    @pytest.mark.parametrize(("problem", "batch"), [(problem, batch) for problem in FEW for batch in (1, 32)])
    def test_the_same_seed_gives_the_same_proposals(self, made: type[Learner], problem: str, batch: int) -> None:
        super().test_the_same_seed_gives_the_same_proposals(made, problem, batch)

    @pytest.mark.parametrize("equivalence", [Equivalence.MAP, Equivalence.NONE])
    @pytest.mark.parametrize("problem", FEW)
    def test_no_proposal_behaves_like_an_earlier_one_unless_it_is_smaller(
        self, made: type[Learner], problem: str, equivalence: Equivalence
    ) -> None:
        super().test_no_proposal_behaves_like_an_earlier_one_unless_it_is_smaller(made, problem, equivalence)

    @pytest.mark.parametrize(("equivalence", "batches"), [(Equivalence.MAP, 3), (Equivalence.NONE, 1)])
    @pytest.mark.parametrize("problem", FEW)
    def test_a_state_goes_on_as_the_search_would_have(
        self, made: type[Learner], problem: str, equivalence: Equivalence, batches: int
    ) -> None:
        super().test_a_state_goes_on_as_the_search_would_have(made, problem, equivalence, batches)
