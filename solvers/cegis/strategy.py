"""The contract between a way to an answer, which proposes, and the portfolio, which alone judges what is proposed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator

from solvers.cegis.answer import Verdict
from solvers.cegis.limits import Limits
from solvers.cegis.specification import Bodies, Specification
from sygus.records import record


class InfeasibleError(Exception):
    """It is proved that no functions satisfy the constraints; the message says how."""


class GaveUpError(Exception):
    """A strategy has nothing more to propose; the message says why."""


@record(frozen=True, eq=False)
class Candidate:
    """What a strategy proposes.

    Attributes:
        bodies: of every function to synthesise.
        seconds: that Z3 may take to decide about it; None for all that the strategy has left.
    """

    bodies: Bodies
    seconds: float | None = None


Proposals = Generator[Candidate | None, Verdict, None]
"""Candidates are yielded, and of each the verdict is received; None is a pause, which nothing answers."""


class Strategy(ABC):
    """A way to an answer.

    The portfolio makes one instance, without arguments. Of each problem it asks :meth:`applies`; where that holds it
    calls :meth:`propose` and runs the generator, all in one thread. Several searches may go on at once, so what one of
    them learns is held by its generator and not by the instance. For each candidate it is told the verdict::

        verdict = yield Candidate(bodies)

    Z3 is asked first. A candidate that is wrong comes with the conjunct that fails and a counterexample, whatever its
    size and whether or not the grammar derives it. One that is right may still be no answer, because its grammar does
    not derive it or because it is too large; its meaning is proved then, and another writing of it may serve. One that
    is not decided may be right or wrong. A candidate that was decided is not asked about again when it comes again.

    A strategy never asks Z3 whether a whole candidate is right. It may ask it about parts: for the values of constants,
    whether terms are equal, for a point that no choice serves.

    After an accepted candidate it is run on for another one, or closed where it stands if no other is wanted. Where
    only smaller answers are wanted, ``limits.largest`` says so after that verdict. It returns when it has nothing more
    to propose. With the same verdicts, and time enough, it proposes the same candidates.

    Strategies take turns. One is left for others where it yields a candidate, and where it yields None, which it does
    wherever it may take long: in loops, between blocks of an enumeration, before questions to Z3, of which none should
    take much more than a second. It is gone on with where it stands. One of another package need not pause: where it
    keeps others waiting its limits end, and it is begun anew with twice as long.

    The limits are its own, and it keeps them: by ``limits.check()`` in every loop that may be long,
    by ``limits.milliseconds`` for what it asks Z3, by looking for nothing larger than ``limits.largest`` or deeper than
    ``limits.depth``, and by holding no more values than ``limits.room`` says.

    Exceptions that end its turn, other strategies being tried after it:

    * ``OutOfTimeError``, from the limits;
    * ``z3.Z3Exception`` once the time is over, for Z3 is interrupted then;
    * ``NotEvaluatedError``, from constraints that only Z3 can evaluate;
    * :class:`GaveUpError`, where a user should know why there is nothing more to propose.

    :class:`InfeasibleError` ends the search: it needs a proof that no functions in the grammars satisfy the
    constraints, whatever the limits. Any other exception is an error of the strategy.

    Attributes:
        name: for ``--strategy``.
        doc: how it works, in one line.
        share: of the time, beside those of the others.
        turn: those with lower ones begin.
        by_size: whether it gives every answer, smallest first; such a strategy is used where several are asked for, in
            place of those that look for one, and nowhere else unless it is named.
        on_request: whether it is used only where it is named.
        calling: whether it also searches grammars whose terms call functions to synthesise (``:fwd-decls``,
            ``:recursion``); one that does not is not asked about problems that have such.
    """

    name: str
    doc: str
    share: float = 1.0
    turn: int = 100
    by_size: bool = False
    on_request: bool = False
    calling: bool = False

    def missing(self) -> str:
        """How to install what it needs and is not there; "" where nothing is missing. Asked where it is named."""
        return ""

    @abstractmethod
    def applies(self, specification: Specification) -> bool:
        """Whether it can do anything for a specification; quick, and without Z3."""

    @abstractmethod
    def propose(self, specification: Specification, limits: Limits) -> Proposals:
        """Candidates, good ones first."""
