"""The peers that learners are compared with keep the contract of learners."""

from __future__ import annotations

from typing import Any

import pytest

from solvers.cam.learner import Learner
from solvers.cam.testing import LearnerConformance

pytest.importorskip("deap", reason="needs the extra 'benchmark'")
pytest.importorskip("optuna", reason="needs the extra 'benchmark'")

import peers

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Less patience, so that searches end soon."""
    monkeypatch.setattr(peers.OptunaTPE, "patience", 60)


@pytest.mark.parametrize("made", [getattr(peers, name) for name in peers.__all__], scope="class")
class TestPeers(LearnerConformance):
    """Every one."""

    @pytest.fixture
    def made(self, request: Any) -> type[Learner]:
        """The class under test."""
        return request.param
