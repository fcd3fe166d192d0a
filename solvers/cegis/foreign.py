"""Strategies of other packages, held to the contract: what they do against it is one clear error."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from numbers import Real

import z3

from solvers.cegis.limits import Limits, OutOfTimeError
from solvers.cegis.specification import Specification
from solvers.cegis.strategy import Candidate, GaveUpError, InfeasibleError, Proposals, Strategy
from solvers.pausing import step
from sygus.errors import OptionError, SycamError
from sygus.foreign import failure
from sygus.language.terms import Definition, Literal, SynthFunction, Term, subterms
from sygus.language.theories import Function
from sygus.language.theories.quantifiers import NotEvaluatedError

PATIENCE = 1.0
"""Seconds that a strategy of another package may go on without a candidate or a pause, to begin with."""

_MEND = "mend it, or name another with --strategy"


def made(offered: object, what: str, mend: str) -> Strategy:
    """The strategy of a class, held to the contract.

    Args:
        offered: by a package or a person.
        what: names it where an error begins.
        mend: what to do about it.

    Raises:
        OptionError: it is no class of strategies, or cannot be made.
    """
    if not (isinstance(offered, type) and issubclass(offered, Strategy)):
        raise OptionError(f"{what} is no class derived from solvers.cegis.strategy.Strategy", mend)
    try:
        strategy = offered()
    except (Exception, SystemExit) as error:  # code of another package
        raise OptionError(f"{what} cannot be made: {failure(error)}", mend) from error
    return held(strategy, what, mend)


def held(strategy: Strategy, what: str = "the strategy", mend: str = _MEND) -> Strategy:
    """A strategy held to the contract.

    Raises:
        OptionError: its attributes are not what they should be.
    """
    if isinstance(strategy, _Held):
        return strategy
    texts = (getattr(strategy, "name", None), getattr(strategy, "doc", None))
    if not all(isinstance(text, str) and text for text in texts) or ":" in strategy.name:
        raise OptionError(f"{what} needs a name without a colon, and a doc", mend)
    numbers = (strategy.share, strategy.turn)
    if not all(isinstance(number, Real) and math.isfinite(number) for number in numbers) or strategy.share <= 0:
        raise OptionError(f"{what} needs a positive number as its share, and a number as its turn", mend)
    return _Held(strategy)


class _Held(Strategy):
    """A strategy whose errors name it, and whose candidates are looked at before they are passed on."""

    def __init__(self, strategy: Strategy) -> None:
        self._strategy = strategy
        self.name, self.doc = strategy.name, strategy.doc
        self.share, self.turn = strategy.share, strategy.turn
        self.by_size, self.on_request, self.calling = strategy.by_size, strategy.on_request, strategy.calling

    def missing(self) -> str:
        with self._blamed():
            return str(self._strategy.missing())

    def applies(self, specification: Specification) -> bool:
        with self._blamed():
            return bool(self._strategy.applies(specification))

    def propose(self, specification: Specification, limits: Limits) -> Proposals:
        """What it proposes. Where it does not yield while others wait, it is begun anew, to have twice as long."""
        seconds = PATIENCE
        while True:
            stretch = limits.part(seconds)
            try:
                yield from self._proposed(specification, stretch, seconds)
                return
            except (OutOfTimeError, z3.Z3Exception):
                if stretch.left or not limits.left:
                    raise
            seconds *= 2
            yield None

    def _proposed(self, specification: Specification, limits: Limits, seconds: float) -> Proposals:
        """What it proposes, in limits that begin anew whenever it yields."""
        with self._blamed(limits):
            proposals = self._strategy.propose(specification, limits)
        if not isinstance(proposals, Generator):
            raise self._error("its propose is no generator, with verdict = yield Candidate(bodies)")
        try:
            verdict = None
            while True:
                limits.renew(math.inf if limits.alone else seconds)
                with self._blamed(limits):
                    try:
                        candidate = step(proposals, verdict)
                    except StopIteration:
                        return
                wrong = None if candidate is None else _ill_formed(candidate, specification)
                if wrong is not None:
                    raise self._error(wrong)
                verdict = yield candidate
        finally:
            with self._blamed(limits):
                proposals.close()

    def _error(self, message: str) -> OptionError:
        return OptionError(f"the strategy '{self.name}' fails: {message}", _MEND)

    @contextmanager
    def _blamed(self, limits: Limits | None = None) -> Iterator[None]:
        try:
            yield
        except (SycamError, OutOfTimeError, InfeasibleError, GaveUpError, NotEvaluatedError):
            raise
        except (Exception, SystemExit) as error:
            if isinstance(error, z3.Z3Exception) and limits is not None and not limits.left:
                raise
            raise self._error(failure(error)) from error


def _ill_formed(candidate: object, specification: Specification) -> str | None:
    """What is wrong with the form of a candidate, in words; None where nothing is."""
    if not isinstance(candidate, Candidate):
        return f"it proposes {candidate!r}, which is no Candidate"
    for function in specification.functions:
        body = candidate.bodies.get(function)
        if not isinstance(body, Term):
            return f"it proposes no term for '{function.name}'"
        if body.sort != function.sort:
            return f"it proposes {body!r} for '{function.name}', whose sort is {function.sort}"
        called = specification.calls.get(function, ())
        stray = [node for node in subterms(body) if not _may_stand(node, function, called)]
        if stray:
            return f"it proposes {body!r} for '{function.name}', of which '{stray[0]!r}' is no part"
    return None


def _may_stand(node: Term, function: SynthFunction, called: Sequence[SynthFunction]) -> bool:
    """Whether what a term has at its root may stand in a body."""
    head = node.head
    return isinstance(head, Function | Definition | Literal) or head in function.parameters or head in called
