"""The registry of strategies, the parts of a problem, and the loop in which candidates are proposed and judged."""

from __future__ import annotations

import importlib
import pkgutil
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import field
from functools import cache, partial

import z3

from solvers.cegis import strategies as own
from solvers.cegis.answer import Answer, Judgement, Verdict, within
from solvers.cegis.foreign import held, made
from solvers.cegis.limits import Limits, OutOfTimeError
from solvers.cegis.logic.impossible import contradiction, impossible
from solvers.cegis.logic.verifier import interrupted, judging
from solvers.cegis.search.exhaustion import refute_by_few
from solvers.cegis.specification import Specification
from solvers.cegis.strategy import Candidate, GaveUpError, InfeasibleError, Strategy
from solvers.cegis.turns import Turn, in_turns
from solvers.pausing import Pausing, finished, step
from sygus.discovery import entry_points
from sygus.errors import OptionError, TooLargeError
from sygus.foreign import failure, named_class
from sygus.language.problem import Derivation
from sygus.language.terms import SynthFunction, Term
from sygus.language.theories.quantifiers import NotEvaluatedError
from sygus.records import record

GROUP = "sycam_sygus.strategies"
"""The entry point group in which packages offer strategies, each a class."""

PROOFS, PROOF_SHARE = (contradiction, impossible, refute_by_few), 0.2
"""Proofs that there is no answer, and the time of each beside strategies."""

AUTO = "auto"
"""The name that stands for all strategies that apply."""


@cache
def known_strategies() -> Mapping[str, Strategy]:
    """Every strategy by its name, in the order in which they are tried; entry points are loaded on the first call.

    Raises:
        OptionError: an entry point offers none that can be used.
    """
    found: dict[str, Strategy] = {}
    for info in pkgutil.iter_modules(own.__path__, f"{own.__name__}."):
        for value in vars(importlib.import_module(info.name)).values():
            if isinstance(value, type) and issubclass(value, Strategy) and value.__module__ == info.name:
                strategy = value()
                found[strategy.name] = strategy
    for point in entry_points(GROUP):
        what, mend = f"the strategy of the entry point '{point.name}'", f"mend or uninstall what offers {point.value}"
        try:
            offered = point.load()
        except (Exception, SystemExit) as error:  # code of another package
            raise OptionError(f"{what} does not load: {failure(error)}", mend) from error
        strategy = made(offered, what, mend)
        if strategy.name in {AUTO, *found}:
            raise OptionError(f"{what} is named '{strategy.name}', which means another", mend)
        found[strategy.name] = strategy
    return dict(sorted(found.items(), key=lambda item: (item[1].turn, item[0])))


def find_strategy(choice: str | Strategy) -> Strategy:
    """The strategy of a name, or a person's own: an instance, or a class as ``package.module:Class``.

    Only the command line and Python may name a class, since importing its module runs it; a problem file may not.

    Raises:
        OptionError: there is none, or it cannot be used.
    """
    if isinstance(choice, Strategy):
        return choice if choice in known_strategies().values() else held(choice)
    if ":" in choice:
        try:
            offered = named_class(choice)
        except OptionError as error:
            raise OptionError(f"--strategy: {error.message}", error.hint) from error
        return made(offered, f"--strategy: '{choice}'", "see the docstring of solvers.cegis.strategy.Strategy")
    known = known_strategies()
    if choice not in known:
        raise OptionError(f"--strategy: there is no '{choice}'", f"known: {', '.join([AUTO, *known])}")
    missing = known[choice].missing()
    if missing:
        raise OptionError(f"--strategy: what '{choice}' needs is not installed", missing)
    return known[choice]


def usable_strategies(specification: Specification) -> list[str]:
    """The names of those that can do something for a specification, or for every part of it, without being named."""
    offered = {name: strategy for name, strategy in known_strategies().items() if not strategy.on_request}
    return [name for name, strategy in offered.items() if _serves(strategy, specification)]


def _serves(strategy: Strategy, specification: Specification) -> bool:
    """Whether a strategy applies to a problem, or to every part of it."""
    parts = specification.parts
    return _applies(strategy, specification) or (
        len(parts) > 1 and all(_applies(strategy, specification.of(part)) for part in parts)
    )


def _applies(strategy: Strategy, specification: Specification) -> bool:
    """Whether a strategy applies to a whole problem."""
    return (strategy.calling or not specification.calls) and strategy.applies(specification)


@record(frozen=True, eq=False)
class Found:
    """An answer with the strategy that found it, or those that found its parts, and the seconds it took."""

    answer: Answer
    strategy: str
    seconds: float


Tally = Counter[Judgement]
"""How many candidates were judged to be what."""

Answers = Generator[Found | None, None, None]
"""Answers, and None wherever the search may be left for a while."""


class _NoAnswerError(Exception):
    """A part of the problem has none, as far as can be told."""


@record(eq=False)
class Portfolio:
    """Runs the strategies that apply, in turns, and judges what they propose.

    Attributes:
        specification: what is asked.
        limits: of the whole search.
        strategies: in the order in which they begin.
        apart: the strategy, or ``auto``, by which functions that no constraint connects are also looked for each by
            itself; None where they are not.
        infeasible: the proof that there is no answer, in words, once there is one.
        out_of_time: whether some strategy was stopped by the clock.
        notes: what happened, for the report: one line for each strategy.
        best: the smallest answer so far, where one is looked for.
    """

    specification: Specification
    limits: Limits
    strategies: Sequence[Strategy]
    apart: str | Strategy | None = None
    infeasible: str | None = None
    out_of_time: bool = False
    notes: list[str] = field(default_factory=list)
    best: Found | None = None
    _verdicts: dict[tuple[Term, ...], Verdict] = field(default_factory=dict)
    _given: set[tuple[Term, ...]] = field(default_factory=set)

    @classmethod
    def of(
        cls, specification: Specification, limits: Limits, choice: str | Strategy = AUTO, *, further: bool = False
    ) -> Portfolio:
        """With the strategy of a choice, or all that apply; for further answers those that have them by size, if any.

        Raises:
            OptionError: there is no such strategy, or it can do nothing here.
        """
        if choice == AUTO:
            offered = [strategy for strategy in known_strategies().values() if not strategy.on_request]
            applicable = [strategy for strategy in offered if _applies(strategy, specification)]
            if specification.propositional:  # few points: enumeration is quick, and instantiation seldom fits
                applicable.sort(key=lambda strategy: strategy.name == "instantiation")
            by_size = [strategy for strategy in applicable if strategy.by_size]
            chosen = by_size if further and by_size else [strategy for strategy in applicable if not strategy.by_size]
            return cls(specification, limits, chosen, AUTO if len(specification.parts) > 1 else None)
        strategy = find_strategy(choice)
        if _applies(strategy, specification):
            return cls(specification, limits, [strategy])
        if not _serves(strategy, specification):
            usable = ", ".join([AUTO, *usable_strategies(specification)])
            raise OptionError(f"--strategy: '{strategy.name}' can do nothing for this problem", f"use {usable}")
        return cls(specification, limits, [], strategy)

    def answers(self) -> Generator[Found, None, None]:
        """Accepted answers as they are found; repeated ones are left out.

        Raises:
            OptionError: a strategy of another package does not keep the contract.
        """
        with closing(self.search()) as steps:
            yield from (found for found in steps if found is not None)

    def search(self) -> Answers:
        """The same, to be taken in turns with others."""
        turns = [self._turn(s.name, partial(self._proposed, s), s.share) for s in self.strategies]
        if self.apart is not None:
            turns.insert(0, self._turn("parts", self._joined))
        if not turns:
            self.notes.append("no strategy can do anything for this problem")
        if not self.specification.recursive:
            turns = [*(Turn(partial(self._proved, prove), PROOF_SHARE) for prove in PROOFS), *turns]
        steps = in_turns(self.limits, turns)
        with closing(steps):
            for item in steps:
                if self.infeasible is not None:
                    return
                yield item

    def _turn(self, name: str, found: Callable[[Limits, Tally], Answers], share: float = 1.0) -> Turn[Found, None]:
        """A search, the end of which is noted."""
        turn: Turn[Found, None] = Turn(lambda limits: self._noted(turn, name, found, limits), share)
        return turn

    def _noted(
        self, turn: Turn[Found, None], name: str, found: Callable[[Limits, Tally], Answers], limits: Limits
    ) -> Answers:
        tally = Tally()
        ending = "nothing more to propose"
        try:
            with closing(found(limits, tally)) as answers:
                for answer in answers:
                    yield answer
                    limits.check()
        except (OutOfTimeError, z3.Z3Exception) as error:
            if isinstance(error, z3.Z3Exception) and limits.left:
                raise
            self.out_of_time = True
            ending = "out of time"
        except (NotEvaluatedError, TooLargeError, GaveUpError) as error:
            ending = str(error)
        except InfeasibleError as error:
            if self.specification.recursive:  # what follows from definitions that contradict themselves is no proof
                ending = f"nothing more to propose: {error}"
            else:
                self.infeasible = str(error)
                ending = f"proved infeasible: {error}"
        counts = ", ".join(f"{tally[judgement]} {judgement}" for judgement in Judgement if tally[judgement])
        self.notes.append(f"{name}: {counts or 'no candidates'}; {ending} ({turn.spent:.2f} s)")
        yield None

    def _proved(self, prove: Callable[[Specification, Limits], Pausing[None]], limits: Limits) -> Answers:
        """No answers: a proof that there is none, which is given up once there is one."""
        try:
            for _ in prove(self.specification, limits):
                if self._given:
                    return
                yield None
        except InfeasibleError as error:
            self.infeasible = str(error)
            self.notes.append(f"proved infeasible: {error}")
        except OutOfTimeError:
            self.out_of_time = True
        except TooLargeError:
            return
        yield None

    def _proposed(self, strategy: Strategy, limits: Limits, tally: Tally) -> Answers:
        """What a strategy proposes, where it is accepted; of every candidate it is told the verdict."""
        with closing(strategy.propose(self.specification, limits)) as proposals:
            verdict: Verdict | None = None
            while True:
                try:
                    candidate = step(proposals, verdict)
                except StopIteration:
                    return
                verdict = None
                if candidate is None:
                    yield None
                    continue
                verdict = yield from self._judged(candidate, limits, tally)
                if verdict.answer is not None and self._is_first(verdict.answer):
                    yield Found(verdict.answer, strategy.name, self.limits.spent)

    def _judged(self, candidate: Candidate, limits: Limits, tally: Tally) -> Pausing[Verdict]:
        """The verdict on a candidate; what is decided is remembered."""
        key = self._key(candidate.bodies)
        verdict = self._verdicts.get(key)
        if verdict is None or verdict.judgement is Judgement.UNDECIDED:
            is_new = verdict is None
            if candidate.seconds is None:
                verdict = yield from judging(self.specification, candidate.bodies, limits)
            else:
                verdict = finished(judging(self.specification, candidate.bodies, limits.part(candidate.seconds)))
            self._verdicts[key] = verdict
            if is_new:
                tally[verdict.under(limits).judgement] += 1
        return verdict.under(limits)

    def _is_first(self, answer: Answer) -> bool:
        """Whether an answer is not one that was given before; it counts as given now."""
        key = self._key(answer.bodies)
        if key in self._given:
            return False
        self._given.add(key)
        return True

    def _key(self, bodies: Mapping[SynthFunction, Term]) -> tuple[Term, ...]:
        return tuple(bodies[function] for function in self.specification.functions)

    def _joined(self, limits: Limits, tally: Tally) -> Answers:
        """The first answers of the parts, joined: nothing connects them, so they are right together.

        The parts take turns, so that one without an answer is known before another is found that takes long.

        Raises:
            InfeasibleError: a part has none.
            OutOfTimeError: a part was stopped by the clock.
        """
        parts = self.specification.parts
        first: dict[tuple[SynthFunction, ...], Found] = {}
        try:
            yield from in_turns(limits, [Turn(partial(self._apart, part, first)) for part in parts])
        except _NoAnswerError:
            return
        found = [first[part] for part in parts]
        answer = self._join([one.answer for one in found])
        verdict = Verdict(Judgement.ACCEPTED, answer)
        self._verdicts[self._key(answer.bodies)] = verdict
        tally[verdict.under(limits).judgement] += 1
        if within(answer.bodies, limits) and self._is_first(answer):
            yield Found(answer, ", ".join(dict.fromkeys(one.strategy for one in found)), self.limits.spent)

    def _apart(
        self, functions: tuple[SynthFunction, ...], first: dict[tuple[SynthFunction, ...], Found], limits: Limits
    ) -> Answers:
        """Look for one part's first answer.

        Raises:
            InfeasibleError: it has none.
            OutOfTimeError: it was stopped by the clock.
            _NoAnswerError: nothing more can be done for it.
        """
        assert self.apart is not None
        portfolio = Portfolio.of(self.specification.of(functions), limits, self.apart)
        with closing(portfolio.search()) as search:
            for found in search:
                if found is not None:
                    first[functions] = found
                    break
                yield None
        names = ", ".join(function.name for function in functions)
        self.notes += [f"{names}: {note}" for note in portfolio.notes]
        if functions in first:
            return
        if portfolio.infeasible is not None:
            raise InfeasibleError(portfolio.infeasible)
        raise OutOfTimeError if portfolio.out_of_time else _NoAnswerError

    def _join(self, answers: Sequence[Answer]) -> Answer:
        bodies = {function: body for answer in answers for function, body in answer.bodies.items()}
        derivations: dict[SynthFunction, Derivation] = {}
        for answer in answers:
            derivations |= answer.derivations
        ordered = {function: bodies[function] for function in self.specification.functions}
        return Answer(ordered, derivations, answers[0].numerals)


LEAST = 0.15
"""Seconds in which a smaller answer is looked for, however soon there was one: about what a process takes to start."""


def best_answer(portfolio: Portfolio, patience: float) -> Found | None:
    """The smallest answer found within ``patience`` times the seconds to the first one, :data:`LEAST` at least.

    It never takes more than half of what was left then.
    """
    with interrupted(portfolio.limits):
        for found in portfolio.answers():
            if portfolio.best is None:
                more = max(LEAST, patience * portfolio.limits.spent)
                portfolio.limits.shorten(min(more, portfolio.limits.left / 2))
            if portfolio.best is None or found.answer.size < portfolio.best.answer.size:
                portfolio.best = found
                portfolio.limits.size = found.answer.size - 1  # only a smaller one is of use now
    return portfolio.best
