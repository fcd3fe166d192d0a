"""Problems of every logic but CAM, as the command line and Python solve them: no torch, no SymPy, no folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from ctypes import ArgumentError
from dataclasses import field, replace
from fractions import Fraction
from types import MappingProxyType
from typing import TYPE_CHECKING

import z3

from solvers.cegis.answer import Answer, Judgement
from solvers.cegis.limits import Limits, OutOfTimeError
from solvers.cegis.logic.behaviours import Behaviours, Novelty, is_determined
from solvers.cegis.logic.verifier import check, interrupted
from solvers.cegis.portfolio import AUTO, Found, Portfolio, best_answer
from solvers.cegis.specification import Specification
from sygus.app.functions import SynthesizedFunction
from sygus.app.statuses import Status
from sygus.bounds import DIGITS, LAST_SHARE, alarm, bounded_memory, long_numbers, out_of_memory
from sygus.errors import OptionError
from sygus.language.elaborate import load_answer
from sygus.language.linked import linked
from sygus.language.problem import Problem, mentions_weights
from sygus.language.terms import Term
from sygus.language.theories.recursion import endless
from sygus.records import record

if TYPE_CHECKING:
    from solvers.cegis.modulo import Modulo
    from solvers.cegis.optimum import Optimum

LEAST_MEGABYTES = 64
"""Of a limit on memory."""

DEFAULT_SECONDS = 60.0
LEAST_SECONDS = 0.001
SECOND_LOOK = 10.0
"""Seconds at most, of what is left of the time, in which cvc5 may say what it finds of an answer."""

PATIENCE = 0.5
"""After the first answer a shorter one is looked for half as long again as the first one took."""


@record(frozen=True)
class OrdinaryOptions:
    """How to look for an answer.

    Attributes:
        time: seconds.
        size: the nodes of the largest answer; None where there is no limit.
        depth: the depth of the deepest answer, a constant being 1 deep; None where there is no limit.
        strategy: the one to use, or ``auto``.
        certify: read the answer's text back, derive and prove it anew, where cvc5 is installed also by that; what fails
            is no answer.
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


@record(frozen=True)
class Certificate:
    """Who stands for an answer. It prints as a sentence.

    Attributes:
        verifiers: that proved every constraint, Z3 first.
        read_back: whether, as ``certify`` asks, its text was read back, derived anew and proved anew.
        remark: why another verifier that is installed does not stand for it, in words; "" where there is none.
    """

    verifiers: tuple[str, ...] = ("Z3",)
    read_back: bool = False
    remark: str = ""

    def __str__(self) -> str:
        looked = "read back, " if self.read_back else ""
        remark = f"; {self.remark}" if self.remark else ""
        return f"{looked}derived from the grammar, and proved by {' and '.join(self.verifiers)}{remark}"


@record(frozen=True, eq=False, repr=False)
class OrdinaryAnswer:
    """An answer: every function is derived from its grammar, and Z3 has proved every constraint.

    Attributes:
        answer: in SyGuS-IF, as the command line prints it.
        functions: those that were asked for, by name, in the order of the file.
        size: the nodes of all bodies together.
        strategy: that found it.
        seconds: from the beginning of the search until it was found.
        certificate: who stands for it.
        values: of the objectives, where the problem has any.
    """

    answer: str
    functions: Mapping[str, SynthesizedFunction]
    size: int
    strategy: str
    seconds: float
    certificate: Certificate
    values: tuple[int | Fraction, ...] = ()

    @property
    def certified(self) -> bool:
        """Whether, as asked, its text was read back, derived anew and proved anew."""
        return self.certificate.read_back

    @property
    def function(self) -> SynthesizedFunction:
        """The function asked for; the first, where there are several."""
        return next(iter(self.functions.values()))

    def __str__(self) -> str:
        return self.answer

    @property
    def summary(self) -> str:
        """Who found what, and when, in one line."""
        found = " ".join(function.text for function in self.functions.values())
        return f"{found} by {self.strategy}, {self.size} nodes after {self.seconds:.2f} s"

    def __repr__(self) -> str:
        return f"OrdinaryAnswer({self.summary})"


@record(frozen=True, eq=False, repr=False)
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
        earlier: what became of the questions that the file asks before this one, its last.
        optimal: whether it is proved that no answer is better; None where the problem has no objectives.
        others: where the objectives are equals, further answers of the Pareto set, none better than another.
        complete: whether it is proved that the set holds no more.
        cut: where it is not proved that no answer is better, that it is not, and what may help.
    """

    problem: Problem
    options: OrdinaryOptions
    status: Status
    best: OrdinaryAnswer | None
    seconds: float
    reason: str | None = None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    earlier: tuple[OrdinaryResult, ...] = ()
    optimal: bool | None = None
    others: tuple[OrdinaryAnswer, ...] = ()
    complete: bool = False
    cut: str = ""

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
    def printed(self) -> str:
        """The answer as it is printed, below comments of SyGuS-IF that say how good it is."""
        lines = []
        if self.best is not None and self.optimal is False:
            lines.append(f"; cut: {self.cut}")
        if self.others:
            lines.append(f"; of the Pareto set, {'complete' if self.complete else 'as far as it is known'}, also")
            lines += [f"; {other.answer.replace(chr(10), ' ')}" for other in self.others]
        return "\n".join([*lines, self.answer])

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

    @property
    def certificate(self) -> Certificate | None:
        """Who stands for the answer; None where nothing was found."""
        return None if self.best is None else self.best.certificate

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
        said = self.reason if self.best is None else self.best.summary
        return f"OrdinaryResult({self.status}{': ' if said else ''}{said or ''})"


@record(eq=False)
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
                answer = _checked(
                    found,
                    self.portfolio.specification.problem,
                    self.options,
                    self.portfolio.limits.spent,
                    self.warnings.append,
                )
            if answer is not None:
                self.count += 1
                self.warnings += [line for line in _open_ended(answer) if line not in self.warnings]
                return answer


def questions(problem: Problem, options: OrdinaryOptions) -> Iterator[tuple[Problem, OrdinaryOptions]]:
    """All that a file asks, in order, each with the options to answer it with.

    Args:
        problem: its last question.
        options: for all of them; the time begins to run now.

    Yields:
        A question, and the options with an equal share of the time that the earlier ones have left.
    """
    limits = options.limits()
    for waiting, question in zip(range(len(problem.questions), 0, -1), problem.questions, strict=True):
        yield question, replace(options, time=max(LEAST_SECONDS, limits.left / waiting))


@record(eq=False)
class SoFar:
    """What a search has come to, for whoever cannot wait for its end.

    Attributes:
        search: that looks for the answer, once there is one.
    """

    search: Portfolio | Optimum | None = None

    @property
    def answer(self) -> str | None:
        """The best so far, in SyGuS-IF."""
        best = _best(self.search)
        return None if best is None else best.answer


def solve_ordinary(problem: Problem, options: OrdinaryOptions, so_far: SoFar | None = None) -> OrdinaryResult:
    """Look for an answer, and for half as long again for a smaller one.

    A KeyboardInterrupt ends the search; the result then holds the best so far.

    Args:
        problem: of any logic but CAM.
        options: how.
        so_far: is told of the search as it begins; not with ``certify``, where an answer needs a second look.

    Returns:
        What became of it.

    Raises:
        OptionError: there is no such strategy, or it can do nothing here.
        SourceError: the problem asks for something that no solver here answers.
        OracleError: an external oracle does not answer as it should.
    """
    with long_numbers():
        if _asks_oracles(problem, options):
            return _solve_modulo(problem, options)
        if _weighs(problem):
            return _solve_optimum(problem, options, so_far or SoFar())
        return _solve(problem, options, so_far or SoFar())


def _solve(problem: Problem, options: OrdinaryOptions, so_far: SoFar) -> OrdinaryResult:
    limits = options.limits()
    portfolio: Portfolio | None = None
    found: Found | None = None
    warnings: list[str] = []
    try:
        with _bounds(options, limits):
            portfolio = _portfolio(problem, options, limits, further=False)
            so_far.search = None if options.certify else portfolio
            found = best_answer(portfolio, PATIENCE)
    except KeyboardInterrupt:
        return _result(problem, options, portfolio, limits, _best(portfolio), interrupted=True)
    except _SPENT as error:
        warnings += _over(error)
        if portfolio is not None:
            portfolio.out_of_time, found = True, portfolio.best
    best = None if found is None else _checked(found, problem, options, limits.spent, warnings.append)
    notes = () if portfolio is None else tuple(portfolio.notes)
    return _result(problem, options, portfolio, limits, best, warnings, notes)


def unproved(seconds: float) -> str:
    """What to say of an answer that is not proved to be the best once the time is over."""
    return f"not proved to be the best in {seconds:.0f} s; with more time there may be a better answer"


def _unproved(optimum: Optimum, options: OrdinaryOptions, broken: Sequence[str], *, interrupted: bool) -> str:
    """The same, be the search over by the clock, broken off, or because there was nothing left to try."""
    if broken:
        return f"not proved to be the best, for the search was broken off: {broken[0]}"
    if interrupted or optimum.out_of_time:
        return unproved(optimum.limits.spent if interrupted else options.time)
    bounds = {"--size": options.size, "--depth": options.depth}
    larger = " or ".join(f"a larger {option}" for option, bound in bounds.items() if bound is not None)
    remedy = f"with {larger} there may be a better answer" if larger else "more time changes nothing"
    return f"not proved to be the best, though nothing is left to try; {remedy}"


def _result(
    problem: Problem,
    options: OrdinaryOptions,
    search: Portfolio | Modulo | Optimum | None,
    limits: Limits,
    best: OrdinaryAnswer | None,
    warnings: Sequence[str] = (),
    notes: Sequence[str] = (),
    *,
    interrupted: bool = False,
) -> OrdinaryResult:
    """What became of a problem, by the search, where one was begun before the time was over."""
    status = Status.SPENT if search is None else _status(search, found=best is not None)
    proof = None if search is None or best is not None or interrupted else search.infeasible
    return OrdinaryResult(
        problem,
        options,
        Status.INTERRUPTED if interrupted else status,
        best,
        limits.spent if best is None else best.seconds,
        proof,
        tuple(notes),
        (*(["interrupted"] if interrupted else []), *warnings, *([] if best is None else _open_ended(best))),
    )


def _open_ended(answer: OrdinaryAnswer) -> list[str]:
    """What to say of the functions of an answer."""
    return open_ended(function.meaning for function in answer.functions.values())


def open_ended(bodies: Iterable[Term]) -> list[str]:
    """What to say of functions that bodies call, with their own calls written out, and that are not proved to end."""
    names = dict.fromkeys(name for body in bodies for name in endless(body))
    said = "is not proved to end for every argument; nothing is proved where it does not"
    return [f"'{name}' {said}" for name in names]


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


def _best(search: Portfolio | Optimum | None) -> OrdinaryAnswer | None:
    """The best so far."""
    if search is None or search.best is None:
        return None
    if isinstance(search, Portfolio):
        return _answer(search.best, search.specification.problem)
    return _answer(search.best.found, search.problem)


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
    if _weighs(problem):
        why = "--next, --all and answers(): not available with objectives and weights"
        raise OptionError(why, "ask for one answer: those that are as good come with it")
    limits = options.limits()
    with _bounds(options, limits):
        return FurtherAnswers(_portfolio(problem, options, limits, further=True), options)


def _asks_oracles(problem: Problem, options: OrdinaryOptions) -> bool:
    """Whether executables are to be asked; refuses what no ordinary solver answers."""
    return options.allow_external_oracles and bool(problem.oracles or problem.calls)


def _weighs(problem: Problem) -> bool:
    """Whether some answers are better than others, or depend on weights."""
    return bool(problem.objectives) or bool(problem.weights and mentions_weights(problem))


def _solve_optimum(problem: Problem, options: OrdinaryOptions, so_far: SoFar) -> OrdinaryResult:
    """Answer a problem with objectives or weights."""
    from solvers.cegis.optimum import Optimum

    optimum = Optimum(problem, options.limits(), options.strategy)
    so_far.search = None if options.certify else optimum
    warnings: list[str] = []
    ended = False
    try:
        with _bounds(options, optimum.limits):
            optimum.solve()
    except KeyboardInterrupt:
        ended = True
    except _SPENT as error:
        optimum.out_of_time = True
        warnings += _over(error)
        optimum.require_value()
    broken = tuple(warnings)
    answers = [optimum.best, *optimum.others] if optimum.best is not None else []
    spent = optimum.limits.spent
    checked = [_checked(one.found, problem, options, spent, warnings.append, optimum.concrete(one)) for one in answers]
    best = checked[0] if checked else None
    notes = [f"{optimum.searches} searches for answers, and for better ones"]
    if optimum.left_out:
        notes.append(f"left out, as an objective has no value there that Z3 computes: {optimum.left_out}")
    return replace(
        _result(problem, options, optimum, optimum.limits, best, warnings, notes, interrupted=ended),
        optimal=optimum.proved if problem.objectives and best is not None else None,
        others=tuple(one for one in checked[1:] if one is not None),
        complete=optimum.complete,
        cut="" if optimum.proved else _unproved(optimum, options, broken, interrupted=ended),
    )


def _portfolio(problem: Problem, options: OrdinaryOptions, limits: Limits, *, further: bool) -> Portfolio:
    return Portfolio.of(Specification(problem), limits, options.strategy, further=further)


def _solve_modulo(problem: Problem, options: OrdinaryOptions) -> OrdinaryResult:
    """Answer a problem whose oracles are executables."""
    from solvers.cegis.modulo import Modulo
    from sygus.oracles.external import OracleTimeError

    if options.certify:
        raise OptionError("--certify: not available with external oracles", "leave it out")
    if _weighs(problem):
        message = "objectives and weights are not searched for with external oracles"
        raise problem.error(message, problem.asked, "leave out the ones or the others")
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
        return _result(problem, options, modulo, modulo.limits, None, interrupted=True)
    modulo.out_of_time |= spent
    notes = [f"the oracles were asked {modulo.questions} times"]
    best = None if found is None else _answer(found, problem)
    return _result(problem, options, modulo, modulo.limits, best, warnings, notes)


def _status(search: Portfolio | Modulo | Optimum, *, found: bool) -> Status:
    if found:
        return Status.SOLVED
    if search.infeasible is not None:
        return Status.INFEASIBLE
    return Status.SPENT if search.out_of_time else Status.FAIL


def _checked(
    found: Found,
    problem: Problem,
    options: OrdinaryOptions,
    spent: float,
    warn: Callable[[str], None],
    concrete: Problem | None = None,
) -> OrdinaryAnswer | None:
    """The answer; with ``certify`` only where a second look at its text agrees, and cvc5 does not disagree.

    They have the time that is left, or a little more; cvc5 not more than :data:`SECOND_LOOK`. ``concrete`` is the
    problem with numbers for its weights.
    """
    if not options.certify:
        return _answer(found, problem)
    specification = Specification(concrete or problem)
    bodies = load_answer(problem, found.answer.text, "the answer")
    seconds = max(options.time - spent, LAST_SHARE * options.time)
    again = check(specification, bodies, Limits(seconds))
    if again.judgement is not Judgement.ACCEPTED:
        warn(f"an answer is left out, for on a second look it is {again.judgement}")
        return None
    from solvers.cegis import peer

    if not peer.is_installed():
        return _answer(found, problem, Certificate(read_back=True))
    second = peer.opinion(specification, bodies, Limits(min(seconds, SECOND_LOOK)))
    if second.agrees is False:
        warn("an answer is left out, for cvc5 finds it wrong, though Z3 finds it right: one of the two is mistaken")
        return None
    verifiers = ("Z3", "cvc5") if second.agrees else ("Z3",)
    return _answer(found, problem, Certificate(verifiers, read_back=True, remark=second.reason))


def _answer(found: Found, problem: Problem, certificate: Certificate | None = None) -> OrdinaryAnswer:
    answer, certificate = found.answer, certificate or Certificate()
    values = tuple(value.value for value in answer.values if not isinstance(value.value, str))
    return OrdinaryAnswer(
        answer.text, _functions(answer, problem), answer.size, found.strategy, found.seconds, certificate, values
    )


def _functions(answer: Answer, problem: Problem) -> Mapping[str, SynthesizedFunction]:
    meant = linked(answer.bodies)
    return MappingProxyType(
        {
            symbol.name: SynthesizedFunction(symbol, body, answer.derivations[symbol], problem.theory, meant[symbol])
            for symbol, body in answer.bodies.items()
        }
    )
