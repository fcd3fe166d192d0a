"""The contract between a way to an answer, which proposes, and the portfolio, which alone judges what is proposed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator
from dataclasses import dataclass

from solvers.cegis.answer import Verdict
from solvers.cegis.limits import Limits
from solvers.cegis.specification import Bodies, Specification


class InfeasibleError(Exception):
    """It is proved that no functions satisfy the constraints; the message says how."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """What a strategy proposes.

    Attributes:
        bodies: of every function to synthesise.
        seconds: that Z3 may take to decide about it; None for all that the strategy has left.
    """

    bodies: Bodies
    seconds: float | None = None


Proposals = Generator[Candidate, Verdict, None]
"""Candidates are yielded, and of each the verdict is received."""


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

    The limits are its own share of the search, and it keeps them: by ``limits.check()`` in every loop that may be long,
    by ``limits.milliseconds`` for what it asks Z3, by looking for nothing larger than ``limits.largest`` or deeper than
    ``limits.depth``, and by holding no more values than ``limits.memory`` says.

    Exceptions that end its turn, other strategies being tried after it:

    * ``OutOfTimeError``, from the limits;
    * ``z3.Z3Exception`` once the time is over, for Z3 is interrupted then;
    * ``NotEvaluatedError``, from constraints that only Z3 can evaluate.

    :class:`InfeasibleError` ends the search: it needs a proof that no functions in the grammars satisfy the
    constraints, whatever the limits. Any other exception is an error of the strategy.

    Attributes:
        name: for ``--strategy``.
        doc: how it works, in one line.
        share: of the time left, beside those of the strategies that are still to come.
        turn: those with lower ones are tried first.
        by_size: whether it gives every answer, smallest first; such a strategy is used where several are asked for, in
            place of those that look for one, and nowhere else unless it is named.
    """

    name: str
    doc: str
    share: float = 1.0
    turn: int = 100
    by_size: bool = False

    @abstractmethod
    def applies(self, specification: Specification) -> bool:
        """Whether it can do anything for a specification; quick, and without Z3."""

    @abstractmethod
    def propose(self, specification: Specification, limits: Limits) -> Proposals:
        """Candidates, good ones first."""
