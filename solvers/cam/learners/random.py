"""The learner ``random``: terms drawn from the grammar as a probabilistic one."""

from __future__ import annotations

from collections.abc import Mapping

from solvers.cam.drawing import Draws
from solvers.cam.learner import Learner, Proposal, Space, learner


@learner("random")
class Random(Learner):
    """Random terms, none like an earlier one; guarantees nothing but how much of the space it has drawn.

    Each nonterminal picks one of its productions, of those that fit the largest size: all equally likely, or in
    proportion to the weights of ``--prior``. It ends when every derivation was drawn, or when many draws in a row gave
    nothing new.
    """

    uses_prior = True

    def __init__(self, space: Space) -> None:
        super().__init__(space)
        self.draws = Draws(space)
        self.draws.weights.update(space.prior)

    def ask(self, count: int) -> list[Proposal]:
        """The next terms drawn."""
        return self.draws.take(count)

    def status(self) -> Mapping[str, int]:
        """What became of the draws."""
        return self.draws.status()

    def conclusion(self) -> str:
        """How much of the space was drawn."""
        return self.draws.conclusion()
