"""Problems of every logic but CAM, as the command line and Python solve them: no torch, no SymPy, no folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from ctypes import ArgumentError
from dataclasses import dataclass, field
from types import MappingProxyType

import z3

from solvers.cegis.answer import Answer, Judgement
from solvers.cegis.limits import Limits, OutOfTimeError
from solvers.cegis.logic.behaviours import Behaviours, Novelty, is_determined
from solvers.cegis.logic.verifier import check, interrupted
from solvers.cegis.modulo import Modulo
from solvers.cegis.portfolio import AUTO, Found, Portfolio, best_answer
from solvers.cegis.specification import Specification
from sygus.app.functions import SynthesizedFunction
from sygus.app.statuses import Status
from sygus.bounds import DIGITS, alarm, bounded_memory, long_numbers, out_of_memory
from sygus.errors import OptionError
from sygus.language.elaborate import load_answer
from sygus.language.problem import Problem
from sygus.oracles.external import OracleTimeError

LEAST_MEGABYTES = 64
"""Of a limit on memory."""

DEFAULT_SECONDS = 60.0
PATIENCE = 0.5
"""After the first answer a shorter one is looked for half as long again as the first one took."""


@dataclass(frozen=True)
class OrdinaryOptions:
    """How to look for an answer.

    Attributes:
        time: seconds.
        size: the nodes of the largest answer; None where there is no limit.
        depth: the depth of the deepest answer, a constant being 1 deep; None where there is no limit.
        strategy: the one to use, or ``auto``.
        certify: read the answer's text back, derive and prove it anew; what fails is no answer.
        allow_external_oracles: executables that the file names as oracles may be started.
        memory: megabytes that this process may take beyond what it has; None where there is no limit.
    """

    time: float = DEFAULT_SECONDS
    size: int | None = None
    depth: int | None = None
    strategy: str = AUTO
    certify: bool = False
    allow_external_oracles: bool = False
    memory: int | None = None

    def __post_init__(self) -> None:
        """Refuse so little memory that not even a thread could be started; Z3 would end the process."""
        if self.memory is not None and self.memory < LEAST_MEGABYTES:
            raise OptionError(f"--memory: {self.memory} MB are too little", f"give at least {LEAST_MEGABYTES}")

    def limits(self) -> Limits:
        """The limits of a search that begins at this moment."""
        return Limits(self.time, self.size, self.depth)


@dataclass(frozen=True, eq=False)
class OrdinaryAnswer:
    """An answer: every function is derived from its grammar, and Z3 has proved every constraint.

    Attributes:
        answer: in SyGuS-IF, as the command line prints it.
        functions: those that were asked for, by name, in the order of the file.
        size: the nodes of all bodies together.
        strategy: that found it.
        seconds: from the beginning of the search until it was found.
        certified: whether, as asked, its text was read back, derived anew and proved anew.
    """

    answer: str
    functions: Mapping[str, SynthesizedFunction]
    size: int
    strategy: str
    seconds: float
    certified: bool

    @property
    def function(self) -> SynthesizedFunction:
        """The function asked for; the first, where there are several."""
        return next(iter(self.functions.values()))

    def __str__(self) -> str:
        return self.answer


@dataclass(frozen=True, eq=False, repr=False)
class OrdinaryResult:
    """What became of an ordinary problem. It prints as the answer.

    Attributes:
        problem: what was asked.
        options: with which options.
        status: how the search ended.
        best: the smallest answer that was found in the time for it; None where none was.
        seconds: until the answer was found, or until the search ended without one.
        reason: the proof that there is none, in words; None where there is no such proof.
        notes: what each strategy did.
        warnings: what stood in the way.
    """

    problem: Problem
    options: OrdinaryOptions
    status: Status
    best: OrdinaryAnswer | None
    seconds: float
    reason: str | None = None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def found(self) -> bool:
        """Whether there is an answer."""
        return self.best is not None

    @property
    def answer(self) -> str:
        """The answer in SyGuS-IF, as the command line prints it: definitions, ``infeasible`` or ``fail``."""
        if self.best is not None:
            return self.best.answer
        return "infeasible" if self.status is Status.INFEASIBLE else "fail"

    @property
    def functions(self) -> Mapping[str, SynthesizedFunction]:
        """The functions that were found, by name; empty where there are none."""
        return MappingProxyType({}) if self.best is None else self.best.functions

    @property
    def function(self) -> SynthesizedFunction:
        """The function asked for; the first, where there are several.

        Raises:
            OptionError: nothing was found.
        """
        if self.best is None:
            raise OptionError(f"the search found no function: {self.reason or self.status}", "look at notes")
        return self.best.function

    @property
    def size(self) -> int | None:
        """The nodes of all bodies together; None where nothing was found."""
        return None if self.best is None else self.best.size

    @property
    def strategy(self) -> str | None:
        """The strategy that found the answer; None where nothing was found."""
        return None if self.best is None else self.best.strategy

    @property
    def certified(self) -> bool:
        """Whether, as ``certify`` asks, the answer's text was read back, derived anew and proved anew."""
        return self.best is not None and self.best.certified

    def answers(self) -> FurtherAnswers:
        """Answers, smallest first, any two of them different functions; this one may be among them.

        Returns:
            An iterator, which searches while one iterates, see :func:`further_answers`. Its search has the options of
            this one, and its time begins to run now.

        Raises:
            OptionError: the problem has external oracles.
        """
        return further_answers(self.problem, self.options)

    def __str__(self) -> str:
        return self.answer

    def __repr__(self) -> str:
        return f"OrdinaryResult({self.status}: {self.answer})"


@dataclass(eq=False)
class FurtherAnswers(Iterator[OrdinaryAnswer]):
    """Answers as they are found, any two of them proved to differ at a point.

    Attributes:
        portfolio: that looks for them; another one where enumeration found none.
        options: with which options.
        count: how many were given.
        warnings: what stood in the way.
        left_out: how many right answers were left out, as they behave like one that was given, or as Z3 could not tell.
        determined: whether it is proved that every further answer behaves like the first.
    """

    portfolio: Portfolio
    options: OrdinaryOptions
    count: int = 0
    warnings: list[str] = field(default_factory=list)
    left_out: Counter[Novelty] = field(default_factory=Counter)
    determined: bool = False

    def __post_init__(self) -> None:
        self._found = self._different(self._right())
        self._earlier: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What each strategy that has ended did, and what was left out."""
        notes = [*self._earlier, *self.portfolio.notes]
        if self.determined:
            notes.append("no other function is right, so that every further answer behaves like this one: proved by Z3")
        same, undecided = self.left_out[Novelty.SAME], self.left_out[Novelty.UNDECIDED]
        if same:
            notes.append(f"left out, as Z3 proves that they behave like one that was given: {same}")
        if undecided:
            notes.append(f"left out, as Z3 could not decide whether they behave like one that was given: {undecided}")
        return tuple(notes)

    def _right(self) -> Iterator[Found]:
        """Right answers by size; where enumeration has none, and time is left, those of the other strategies."""
        yield from self.portfolio.answers()
        search = self.portfolio
        if self.count or search.infeasible is not None or self.options.strategy != AUTO or not search.limits.left:
            return
        self._earlier = tuple(search.notes)
        self.portfolio = _portfolio(search.specification.problem, self.options, search.limits, further=False)
        yield from self.portfolio.answers()

    def _different(self, answers: Iterator[Found]) -> Iterator[Found]:
        """Those that behave unlike all before, in the bounds in which they are asked for."""
        limits, specification = self.portfolio.limits, self.portfolio.specification
        behaviours = Behaviours(specification.functions)
        for found in answers:
            novelty = behaviours.add(found.answer.bodies, limits)
            if novelty is not Novelty.NEW:
                self.left_out[novelty] += 1
                limits.check()
                continue
            yield found
            if self.count == 1 and is_determined(specification, found.answer.bodies, limits):
                self.determined = True
                return

    @property
    def status(self) -> Status:
        """What the search has come to so far; once there are no more answers, how it ended."""
        return _status(self.portfolio, found=self.count > 0)

    def __next__(self) -> OrdinaryAnswer:
        while True:
            try:
                with _bounds(self.options, self.portfolio.limits), interrupted(self.portfolio.limits), long_numbers():
                    found = next(self._found, None)  # while somebody looks at an answer, Z3 is left alone
            except _SPENT as error:
                self.warnings += _over(error)
                self.portfolio.out_of_time = True
                found = None
            if found is None:
                raise StopIteration
            with long_numbers():
                answer = _checked(found, self.portfolio.specification.problem, self.options, self.warnings.append)
            if answer is not None:
                self.count += 1
                return answer


def solve_ordinary(problem: Problem, options: OrdinaryOptions) -> OrdinaryResult:
    """Look for an answer, and for half as long again for a smaller one.

    A KeyboardInterrupt ends the search; the result then holds the best so far.

    Args:
        problem: of any logic but CAM.
        options: how.

    Returns:
        What became of it.

    Raises:
        OptionError: there is no such strategy, or it can do nothing here.
        SourceError: the problem asks for something that no solver here answers.
        OracleError: an external oracle does not answer as it should.
    """
    with long_numbers():
        return _solve_modulo(problem, options) if _asks_oracles(problem, options) else _solve(problem, options)


def _solve(problem: Problem, options: OrdinaryOptions) -> OrdinaryResult:
    limits = options.limits()
    portfolio: Portfolio | None = None
    found: Found | None = None
    warnings: list[str] = []
    try:
        with _bounds(options, limits):
            portfolio = _portfolio(problem, options, limits, further=False)
            found = best_answer(portfolio, PATIENCE)
    except KeyboardInterrupt:
        best = _best(portfolio)
        seconds = limits.spent if best is None else best.seconds
        return OrdinaryResult(problem, options, Status.INTERRUPTED, best, seconds, warnings=("interrupted",))
    except _SPENT as error:
        warnings += _over(error)
        if portfolio is not None:
            portfolio.out_of_time, found = True, portfolio.best
    best = None if found is None else _checked(found, problem, options, warnings.append)
    return OrdinaryResult(
        problem,
        options,
        Status.SPENT if portfolio is None else _status(portfolio, found=best is not None),
        best,
        limits.spent if best is None else best.seconds,
        portfolio.infeasible if portfolio is not None and best is None else None,
        () if portfolio is None else tuple(portfolio.notes),
        tuple(warnings),
    )


@contextmanager
def _bounds(options: OrdinaryOptions, limits: Limits) -> Iterator[None]:
    """The bounds of a search, also for what does not look at them."""
    with ExitStack() as bounds:
        if options.memory is not None:
            bounds.enter_context(bounded_memory(options.memory << 20))
        bounds.enter_context(alarm(limits.left, OutOfTimeError))
        yield


def _over(error: Exception) -> list[str]:
    """What to say where the time or the memory is over; every other error is raised."""
    if isinstance(error, OutOfTimeError):
        return []
    if isinstance(error, ValueError) and "integer string conversion" in str(error):
        return [f"a number of more than {DIGITS} digits came up"]
    if not out_of_memory(error):
        raise error
    return ["out of memory: give it more by --memory, or ask for less by --size"]


_SPENT = (OutOfTimeError, MemoryError, z3.Z3Exception, ValueError, RuntimeError, ArgumentError)
"""What :func:`_over` looks at."""


def _best(portfolio: Portfolio | None) -> OrdinaryAnswer | None:
    """The best so far."""
    if portfolio is None or portfolio.best is None:
        return None
    return _answer(portfolio.best, portfolio.specification.problem)


def further_answers(problem: Problem, options: OrdinaryOptions) -> FurtherAnswers:
    """Answers, smallest first, as many as there are and time allows, any two of them different functions.

    An answer is left out where Z3 proves that it behaves like one before it, or cannot decide that. Where the
    constraints leave no other function the first is the only one, and the search ends.

    Args:
        problem: of any logic but CAM.
        options: how; the time begins to run now.

    Returns:
        An iterator that searches while it is asked for the next one.

    Raises:
        OptionError: there is no such strategy, it can do nothing here, or the problem has external oracles.
        SourceError: the problem asks for something that no solver here answers.
    """
    if _asks_oracles(problem, options):
        raise OptionError("--next, --all and answers(): not available with external oracles", "ask for one answer")
    limits = options.limits()
    with _bounds(options, limits):
        return FurtherAnswers(_portfolio(problem, options, limits, further=True), options)


def _asks_oracles(problem: Problem, options: OrdinaryOptions) -> bool:
    """Whether executables are to be asked; refuses what no ordinary solver answers."""
    if problem.objectives:
        message = f"optimize-synth is not available in the logic {problem.logic}"
        raise problem.error(message, problem.asked, "end the file with (check-synth), or use the logic CAM")
    return options.allow_external_oracles and bool(problem.oracles or problem.calls)


def _portfolio(problem: Problem, options: OrdinaryOptions, limits: Limits, *, further: bool) -> Portfolio:
    return Portfolio.of(Specification(problem), limits, options.strategy, further=further)


def _solve_modulo(problem: Problem, options: OrdinaryOptions) -> OrdinaryResult:
    """Answer a problem whose oracles are executables."""
    if options.certify:
        raise OptionError("--certify: not available with external oracles", "leave it out")
    modulo = Modulo(problem, options.limits(), options.strategy)
    found, spent, warnings = None, False, list[str]()
    try:
        with _bounds(options, modulo.limits):
            found = modulo.solve()
    except _SPENT as error:
        spent = True
        warnings += _over(error)
    except OracleTimeError as error:
        spent = True
        warnings.append(f"out of time: {error}")
    except KeyboardInterrupt:
        return OrdinaryResult(
            problem, options, Status.INTERRUPTED, None, modulo.limits.spent, warnings=("interrupted",)
        )
    status = Status.SPENT if spent else _status(modulo, found=found is not None)
    best = None if found is None else _answer(found, problem)
    return OrdinaryResult(
        problem,
        options,
        status,
        best,
        modulo.limits.spent if best is None else best.seconds,
        modulo.infeasible if best is None else None,
        (f"the oracles were asked {modulo.questions} times",),
        tuple(warnings),
    )


def _status(search: Portfolio | Modulo, *, found: bool) -> Status:
    if found:
        return Status.SOLVED
    if search.infeasible is not None:
        return Status.INFEASIBLE
    return Status.SPENT if search.out_of_time else Status.FAIL


def _checked(
    found: Found, problem: Problem, options: OrdinaryOptions, warn: Callable[[str], None]
) -> OrdinaryAnswer | None:
    """The answer; with ``certify`` only where a second look at its text agrees."""
    if not options.certify:
        return _answer(found, problem)
    bodies = load_answer(problem, found.answer.text, "the answer")
    again = check(Specification(problem), bodies, Limits(options.time))
    if again.judgement is not Judgement.ACCEPTED:
        warn(f"an answer is left out, for on a second look it is {again.judgement}")
        return None
    return _answer(found, problem, certified=True)


def _answer(found: Found, problem: Problem, *, certified: bool = False) -> OrdinaryAnswer:
    answer = found.answer
    return OrdinaryAnswer(
        answer.text, _functions(answer, problem), answer.size, found.strategy, found.seconds, certified
    )


def _functions(answer: Answer, problem: Problem) -> Mapping[str, SynthesizedFunction]:
    return MappingProxyType(
        {
            symbol.name: SynthesizedFunction(symbol, body, answer.derivations[symbol], problem.theory)
            for symbol, body in answer.bodies.items()
        }
    )
