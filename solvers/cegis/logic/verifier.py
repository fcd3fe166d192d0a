"""The correctness oracle: Z3 proves the constraints of a candidate, or gives a counterexample.

The portfolio asks it of what strategies propose; they do not ask it themselves.
"""

from __future__ import annotations

import select
import signal
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import StrEnum

import z3

from solvers.cegis.answer import Judgement, Verdict, derived
from solvers.cegis.limits import Limits, OutOfTimeError
from solvers.cegis.logic.asking import FIRST, GROWTH, attempt
from solvers.cegis.logic.from_z3 import read_point
from solvers.cegis.logic.to_z3 import Encoder, comparing_solver
from solvers.cegis.specification import Bodies, Conjunct, Point, Specification
from solvers.interrupts import ENDING, Signals
from solvers.pausing import Pausing, finished
from sygus.errors import TooLargeError
from sygus.language.linked import linked, written_out
from sygus.language.terms import BOOL, INT, REAL, SynthFunction, expand
from sygus.language.theories.recursion import endless, is_recursive
from sygus.language.theories.settled import proves
from sygus.records import record


class Status(StrEnum):
    """What Z3 says of bodies."""

    CORRECT = "correct"
    WRONG = "wrong"
    UNKNOWN = "unknown"


@record(frozen=True)
class Correctness:
    """The answer of the correctness oracle.

    Attributes:
        status: correct only where Z3 proved every conjunct.
        conjunct: the one that fails, or is not decided.
        counterexample: values of its variables where it fails.
    """

    status: Status
    conjunct: Conjunct | None = None
    counterexample: Point | None = None

    @property
    def correct(self) -> bool:
        """Whether the bodies are proved."""
        return self.status is Status.CORRECT


def check(specification: Specification, bodies: Bodies, limits: Limits) -> Verdict:
    """The verdict on a candidate under limits."""
    return judged(specification, bodies, limits).under(limits)


def judged(specification: Specification, bodies: Bodies, limits: Limits) -> Verdict:
    """The verdict on a candidate of any size, in the time of the limits: Z3 is asked first, then the grammar."""
    return finished(judging(specification, bodies, limits))


def judging(specification: Specification, bodies: Bodies, limits: Limits) -> Pausing[Verdict]:
    """The same, with a pause wherever Z3 takes long."""
    found = yield from _verifying(specification, bodies, limits)
    if not found.correct:
        wrong = found.status is Status.WRONG
        judgement = Judgement.WRONG if wrong else Judgement.UNDECIDED
        return Verdict(judgement, conjunct=found.conjunct, counterexample=found.counterexample)
    answer = derived(specification, bodies)
    if isinstance(answer, SynthFunction):
        return Verdict(Judgement.NOT_DERIVED, function=answer)
    return Verdict(Judgement.ACCEPTED, answer)


def verify(specification: Specification, bodies: Bodies, limits: Limits) -> Correctness:
    """Ask Z3 whether every conjunct holds of the bodies for all values of the variables."""
    return finished(_verifying(specification, bodies, limits))


def _verifying(specification: Specification, bodies: Bodies, limits: Limits) -> Pausing[Correctness]:
    bodies = linked(bodies)
    claims = _claims(specification, bodies)
    if isinstance(claims, Correctness):
        return claims
    recursive = specification.recursive or any(map(is_recursive, map(expand, bodies.values())))
    return (yield from _decided(claims, limits, joined=not recursive))


def _decided(claims: Sequence[tuple[Conjunct, z3.BoolRef]], limits: Limits, *, joined: bool) -> Pausing[Correctness]:
    """Every conjunct is asked about for a short time before any is for a longer one.

    Together only where they may be joined: of recursion that Z3 unfolds for ever it decides some by themselves.
    """
    if (
        joined
        and len(claims) > 1
        and all(v.sort in (BOOL, INT, REAL) for conjunct, _ in claims for v in conjunct.variables)
    ):
        found = _together(claims, limits.part(TOGETHER_SECONDS))
        if found is not None:
            return found
        yield
    open_ = [(conjunct, _refuting(claim)) for conjunct, claim in claims]
    undecided: Correctness | None = None
    seconds = FIRST
    while open_:
        longer = []
        for conjunct, solver in open_:
            found = _attempted(conjunct, solver, limits, seconds)
            if found is None:
                longer.append((conjunct, solver))
            elif found.status is Status.WRONG:
                return found
            elif found.status is Status.UNKNOWN:
                undecided = found
        if longer:
            yield
        open_, seconds = longer, GROWTH * seconds
    return undecided or Correctness(Status.CORRECT)


def _claims(specification: Specification, bodies: Bodies) -> list[tuple[Conjunct, z3.BoolRef]] | Correctness:
    """What is to be shown of the bodies; what is known of them where a claim is plainly false."""
    encode = Encoder(bodies)
    claims = []
    for conjunct in specification.conjuncts:
        claim = z3.simplify(encode(conjunct.formula))
        if z3.is_false(claim):
            return Correctness(Status.WRONG, conjunct, _any_point(conjunct))
        if not z3.is_true(claim):
            claims.append((conjunct, claim))
    return _beyond_recursion(claims, bodies)


def _beyond_recursion(
    claims: Sequence[tuple[Conjunct, z3.BoolRef]], bodies: Bodies
) -> list[tuple[Conjunct, z3.BoolRef]] | Correctness:
    """The claims but those without variables that hold by recursion which is followed to its end; or one that fails so.

    Of functions that are not proved to end everywhere, which Z3 by itself unfolds only so often.
    """
    left = []
    for conjunct, claim in claims:
        ground = None if conjunct.variables or conjunct.quantified else written_out(conjunct.formula, bodies)
        holds = proves(ground) if ground is not None and endless(ground) else None
        if holds is False:
            return Correctness(Status.WRONG, conjunct, _any_point(conjunct))
        if holds is None:
            left.append((conjunct, claim))
    return left


def _refuting(claim: z3.BoolRef) -> z3.Solver:
    """Looks for a point where a claim fails."""
    solver = z3.Solver()
    solver.add(z3.Not(claim))
    return solver


def _attempted(conjunct: Conjunct, solver: z3.Solver, limits: Limits, seconds: float) -> Correctness | None:
    """What Z3, asked for a point where a conjunct fails, says in so many seconds; None where it needs longer."""
    try:
        result = attempt(solver, limits, seconds)
    except OutOfTimeError:
        return Correctness(Status.UNKNOWN, conjunct)
    if result == z3.sat:
        with suppress(TooLargeError):  # a counterexample that is no value of ours decides nothing
            return Correctness(Status.WRONG, conjunct, read_point(conjunct.variables, solver.model()))
        return Correctness(Status.UNKNOWN, conjunct)
    if result == z3.unknown:
        return Correctness(Status.UNKNOWN, conjunct)
    return None if result is None else Correctness(Status.CORRECT)


TOGETHER_SECONDS = 1.0
"""For one question about all claims on numbers, which share the bodies, before each is asked about by itself."""


def _together(claims: Sequence[tuple[Conjunct, z3.BoolRef]], limits: Limits) -> Correctness | None:
    """What Z3 says of all claims at once: that all hold, or the first that fails in its model; None where neither."""
    solver = comparing_solver()
    solver.set("timeout", limits.milliseconds)
    solver.add(z3.Not(z3.And(*[claim for _, claim in claims])))
    result = solver.check()
    if result == z3.unsat:
        return Correctness(Status.CORRECT)
    if result == z3.sat:
        model = solver.model()
        for conjunct, claim in claims:
            if z3.is_false(model.eval(claim, model_completion=True)):
                with suppress(TooLargeError):
                    return Correctness(Status.WRONG, conjunct, read_point(conjunct.variables, model))
    return None


def _any_point(conjunct: Conjunct) -> Point:
    solver = z3.Solver()
    solver.check()
    return read_point(conjunct.variables, solver.model())


HEED = 1.0
"""Seconds after a signal that ends in which Z3 is interrupted; a handler that ends nothing lets the search go on."""


def _begin_timing() -> None:
    """Let Z3 begin the thread that ends its questions in time, which it keeps, while there is memory for one."""
    solver = z3.Solver()
    solver.set("timeout", 1000)
    solver.check()


def _forget_interrupts() -> None:
    """Let Z3 forget an interrupt that came while it was asked nothing; else it would refuse its next call."""
    with suppress(z3.Z3Exception):
        z3.Solver().check()


@contextmanager
def interrupted(limits: Limits) -> Iterator[None]:
    """Interrupt Z3, from a thread of its own, once the time is over or a signal has come.

    Not every call of Z3 heeds a limit. Nor would Python hear of an interrupt before Z3 returns, or at all: Z3's own way
    is to call the question undecided, which ends no search.
    """
    main = threading.current_thread() is threading.main_thread()

    def watch() -> None:
        heeded = 0.0
        while True:
            if select.select([reader], [], [], min(0.02 + limits.left, 0.2))[0]:
                came = reader.recv(64)
                if b"\0" in came:
                    return
                heeded = time.monotonic() + HEED if any(number in came for number in ENDING) else heeded
            if not limits.left or time.monotonic() < heeded:
                with suppress(z3.Z3Exception):  # of what was asked meanwhile, and found interrupted
                    z3.main_ctx().interrupt()

    with Signals() as signals:
        reader, writer = socket.socketpair()
        with reader, writer:
            writer.setblocking(False)
            own = z3.get_param("ctrl_c")
            before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False) if main else -1
            thread = threading.Thread(target=watch, daemon=True)
            try:
                z3.set_param("ctrl_c", False)  # from the first question on, which else takes an interrupt for its own
                thread.start()
                signals.let()
                _begin_timing()
                yield
            finally:
                signals.postponing = True
                if main:
                    signal.set_wakeup_fd(before)
                if thread.ident is not None:
                    writer.send(b"\0")
                    thread.join()
                _forget_interrupts()
                z3.set_param("ctrl_c", own)
