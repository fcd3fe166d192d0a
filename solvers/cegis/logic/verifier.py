"""The correctness oracle: Z3 proves the constraints of a candidate, or gives a counterexample.

The portfolio asks it of what strategies propose; they do not ask it themselves.
"""

from __future__ import annotations

import select
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum

import z3

from solvers.cegis.answer import Judgement, Verdict, derived
from solvers.cegis.limits import Limits
from solvers.cegis.logic.from_z3 import read_point
from solvers.cegis.logic.to_z3 import Encoder
from solvers.cegis.specification import Bodies, Conjunct, Point, Specification
from sygus.language.terms import SynthFunction


class Status(StrEnum):
    """What Z3 says of bodies."""

    CORRECT = "correct"
    WRONG = "wrong"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
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
    found = verify(specification, bodies, limits)
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
    encode = Encoder(bodies)
    open_: list[tuple[Conjunct, z3.BoolRef]] = []
    for conjunct in specification.conjuncts:
        claim = z3.simplify(encode(conjunct.formula))
        if z3.is_false(claim):
            return Correctness(Status.WRONG, conjunct, _any_point(conjunct))
        if not z3.is_true(claim):
            open_.append((conjunct, claim))
    undecided: Conjunct | None = None
    for conjunct, claim in open_:
        solver = z3.Solver()
        solver.set("timeout", limits.milliseconds)
        solver.add(z3.Not(claim))
        result = solver.check()
        if result == z3.sat:
            return Correctness(Status.WRONG, conjunct, read_point(conjunct.variables, solver.model()))
        if result == z3.unknown:
            undecided = conjunct
    return Correctness(Status.CORRECT) if undecided is None else Correctness(Status.UNKNOWN, undecided)


def _any_point(conjunct: Conjunct) -> Point:
    solver = z3.Solver()
    solver.check()
    return read_point(conjunct.variables, solver.model())


ENDING = {getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)}
"""Signals for which Python's handlers may wait until Z3 returns; Z3 is interrupted so that it does."""

HEED = 1.0
"""Seconds after such a signal in which Z3 is interrupted; a handler that ends nothing lets the search go on."""


@contextmanager
def interrupted(limits: Limits) -> Iterator[None]:
    """Interrupt Z3, from a thread of its own, once the time is over or a signal has come.

    Not every call of Z3 heeds a limit. Nor would Python hear of an interrupt before Z3 returns, or at all: Z3's own way
    is to call the question undecided, which ends no search.
    """
    reader, writer = socket.socketpair()
    main = threading.current_thread() is threading.main_thread()

    def watch() -> None:
        with suppress(OSError, ValueError):  # closed by an interrupt that came before the thread could be told to end
            attend()

    def attend() -> None:
        heeded = 0.0
        while True:
            if select.select([reader], [], [], min(0.02 + limits.left, 0.2))[0]:
                came = reader.recv(64)
                if b"\0" in came:
                    return
                heeded = time.monotonic() + HEED if ENDING.intersection(came) else heeded
            if not limits.left or time.monotonic() < heeded:
                z3.main_ctx().interrupt()

    thread = threading.Thread(target=watch, daemon=True)
    with reader, writer:
        writer.setblocking(False)
        before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False) if main else -1
        own = z3.get_param("ctrl_c")
        z3.set_param("ctrl_c", False)
        thread.start()
        try:
            yield
        finally:
            z3.set_param("ctrl_c", own)
            if main:
                signal.set_wakeup_fd(before)
            writer.send(b"\0")
            thread.join()
