"""Every registered learner keeps the contract."""

from __future__ import annotations

import pytest

from solvers.cam.learner import Learner
from solvers.cam.learners import find_learner, learner_names, surrogate
from solvers.cam.testing import LearnerConformance


@pytest.fixture(autouse=True)
def small_pools(monkeypatch: pytest.MonkeyPatch) -> None:
    """The surrogate draws few maps, and leaves the space that it enumerates early."""
    for name, value in {"DERIVATIONS": 1000, "LEAST": 16, "MOST": 32, "DRAWN": 16, "POOL": 128, "KNOWN": 24}.items():
        monkeypatch.setattr(surrogate, name, value)


class TestRegistered(LearnerConformance):
    @pytest.fixture(params=[name for name in learner_names() if name != "auto"])  # which is one of the others
    def made(self, request: pytest.FixtureRequest) -> type[Learner]:
        return find_learner(request.param)
