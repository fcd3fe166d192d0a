"""Every registered learner keeps the contract."""

from __future__ import annotations

import pytest

from solvers.cam.learner import Learner
from solvers.cam.learners import find_learner, learner_names
from solvers.cam.testing import LearnerConformance


class TestRegistered(LearnerConformance):
    @pytest.fixture(params=learner_names())
    def made(self, request: pytest.FixtureRequest) -> type[Learner]:
        return find_learner(request.param)
