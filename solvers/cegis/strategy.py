"""The ways to an answer. Each proposes candidates from a specification; none is trusted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from solvers.cegis.limits import Limits
from solvers.cegis.specification import Candidate, Specification


class InfeasibleError(Exception):
    """It is proved that no functions satisfy the constraints; the message says how."""


Proposals = Iterator[Candidate]


@dataclass(frozen=True)
class Strategy:
    """A way to an answer.

    Attributes:
        name: for ``--strategy``.
        doc: how it works, in one line.
        applies: whether it can do anything for a specification.
        propose: candidates, good ones first. It may raise :class:`InfeasibleError` and ``OutOfTimeError``; returning
            means that it has nothing more.
        share: of the time left, when others are to come.
    """

    name: str
    doc: str
    applies: Callable[[Specification], bool]
    propose: Callable[[Specification, Limits], Proposals]
    share: float = 1.0


def known_strategies() -> Mapping[str, Strategy]:
    """Every strategy by its name, in the order in which the portfolio tries them."""
    from solvers.cegis.strategies.constants import CONSTANTS
    from solvers.cegis.strategies.examples import EXAMPLES
    from solvers.cegis.strategies.instantiation import INSTANTIATION
    from solvers.cegis.strategies.invariants import INVARIANTS
    from solvers.cegis.strategies.joint import JOINT
    from solvers.cegis.strategies.refinement import REFINEMENT
    from solvers.cegis.strategies.separation import SEPARATION
    from solvers.cegis.strategies.stream import STREAM

    known = (SEPARATION, EXAMPLES, INSTANTIATION, INVARIANTS, CONSTANTS, REFINEMENT, JOINT, STREAM)
    return {strategy.name: strategy for strategy in known}
