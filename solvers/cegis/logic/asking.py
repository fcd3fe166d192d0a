"""Questions to Z3 for which nothing else need wait."""

from __future__ import annotations

import z3

from solvers.cegis.limits import Limits
from solvers.pausing import Pausing

FIRST, GROWTH = 0.5, 2.0
"""Seconds for the first attempt at a question, and how many times as many for each further one.

Z3 cannot be left in the middle of a question: it is interrupted, and asked anew.
"""


def attempt(solver: z3.Solver, limits: Limits, seconds: float, *assumptions: z3.BoolRef) -> z3.CheckSatResult | None:
    """What Z3 says within so many seconds, under assumptions; None where it would need longer.

    Raises:
        OutOfTimeError: no time is left.
    """
    limits.check()
    solver.set("timeout", limits.part(seconds).milliseconds)
    result = solver.check(*assumptions)
    return None if result == z3.unknown and solver.reason_unknown() in ("timeout", "canceled") else result


def asked(solver: z3.Solver, limits: Limits, *assumptions: z3.BoolRef) -> Pausing[z3.CheckSatResult]:
    """What Z3 says, with a pause before each attempt that follows one that was too short.

    Raises:
        OutOfTimeError: the time is over before Z3 says anything.
    """
    seconds = FIRST
    while (result := attempt(solver, limits, seconds, *assumptions)) is None:
        yield
        seconds *= GROWTH
    return result
