"""The registry of strategies, the parts of a problem, and the loop in which candidates are proposed and judged."""

from __future__ import annotations

import importlib
import pkgutil
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache, partial
from importlib.metadata import entry_points

import z3

from solvers.cegis import strategies as own
from solvers.cegis.answer import Answer, Judgement, Verdict, within
from solvers.cegis.foreign import held, made
from solvers.cegis.limits import Limits, OutOfTimeError
from solvers.cegis.logic.impossible import contradiction, impossible
from solvers.cegis.logic.verifier import interrupted, judged
from solvers.cegis.specification import Specification
from solvers.cegis.strategy import Candidate, InfeasibleError, Strategy
from sygus.errors import OptionError, TooLargeError
from sygus.foreign import failure, named_class
from sygus.language.problem import Derivation
from sygus.language.terms import SynthFunction, Term
from sygus.language.theories.quantifiers import NotEvaluatedError

GROUP = "sycam_sygus.strategies"
"""The entry point group in which packages offer strategies, each a class."""

AUTO = "auto"
"""The name that stands for all strategies that apply."""

PARTS_SHARE = 4.0
"""Of the time, for the parts of a problem each by itself, beside the strategies for the whole."""


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
    for point in entry_points(group=GROUP):
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
    return known[choice]


def usable_strategies(specification: Specification) -> list[str]:
    """The names of those that can do something for a specification, or for every part of it."""
    return [name for name, strategy in known_strategies().items() if _serves(strategy, specification)]


def _serves(strategy: Strategy, specification: Specification) -> bool:
    """Whether a strategy applies to a problem, or to every part of it."""
    return strategy.applies(specification) or (
        len(specification.parts) > 1 and all(strategy.applies(specification.of(part)) for part in specification.parts)
    )


@dataclass(frozen=True, eq=False)
class Found:
    """An answer with the strategy that found it, or those that found its parts, and the seconds it took."""

    answer: Answer
    strategy: str
    seconds: float


Tally = Counter[Judgement]
"""How many candidates were judged to be what."""


@dataclass(frozen=True, eq=False)
class _Turn:
    """A strategy, or the parts by themselves, with its share of the time and the answers that it gives."""

    name: str
    share: float
    found: Callable[[Limits, Tally], Iterator[Found]]


@dataclass(eq=False)
class Portfolio:
    """Runs the strategies that apply, and judges what they propose.

    Attributes:
        specification: what is asked.
        limits: of the whole search.
        strategies: in the order in which they are tried.
        apart: the strategy, or ``auto``, by which functions that no constraint connects are first looked for each by
            itself; None where they are not.
        even: whether every strategy gets as much time as the others, whatever its share.
        infeasible: the proof that there is no answer, in words, once there is one.
        out_of_time: whether some strategy was stopped by the clock.
        notes: what happened, for the report: one line for each strategy.
        best: the smallest answer so far, where one is looked for.
    """

    specification: Specification
    limits: Limits
    strategies: Sequence[Strategy]
    apart: str | Strategy | None = None
    even: bool = False
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
            applicable = [strategy for strategy in known_strategies().values() if strategy.applies(specification)]
            if specification.propositional:  # few points: enumeration is quick, and instantiation seldom fits
                applicable.sort(key=lambda strategy: strategy.share)
            by_size = [strategy for strategy in applicable if strategy.by_size]
            chosen = by_size if further and by_size else [strategy for strategy in applicable if not strategy.by_size]
            apart = AUTO if len(specification.parts) > 1 else None
            return cls(specification, limits, chosen, apart, specification.propositional)
        strategy = find_strategy(choice)
        if strategy.applies(specification):
            return cls(specification, limits, [strategy])
        if not _serves(strategy, specification):
            usable = ", ".join([AUTO, *usable_strategies(specification)])
            raise OptionError(f"--strategy: '{strategy.name}' can do nothing for this problem", f"use {usable}")
        return cls(specification, limits, [], strategy)

    def answers(self) -> Generator[Found, None, None]:
        """Accepted answers as they are found, of one strategy after the other; repeated ones are left out.

        Raises:
            OptionError: a strategy of another package does not keep the contract.
        """
        self.infeasible = contradiction(self.specification, self.limits) or impossible(self.specification, self.limits)
        turns = self._turns()
        if not turns:
            self.notes.append("no strategy can do anything for this problem")
        for place, turn in enumerate(turns):
            if self.infeasible is not None:
                return
            rest = sum(other.share for other in turns[place:])
            limits = self.limits.part(self.limits.left * turn.share / rest)
            tally = Tally()
            ending = "nothing more to propose"
            try:
                yield from turn.found(limits, tally)
            except (OutOfTimeError, z3.Z3Exception) as error:
                if isinstance(error, z3.Z3Exception) and limits.left:
                    raise
                self.out_of_time = True
                ending = "out of time"
            except (NotEvaluatedError, TooLargeError) as error:
                ending = str(error)
            except InfeasibleError as error:
                self.infeasible = str(error)
                ending = f"proved infeasible: {error}"
            counts = ", ".join(f"{tally[judgement]} {judgement}" for judgement in Judgement if tally[judgement])
            self.notes.append(f"{turn.name}: {counts or 'no candidates'}; {ending} ({limits.spent:.2f} s)")

    def _turns(self) -> list[_Turn]:
        """The parts by themselves, then the strategies for the whole."""
        turns = [_Turn(s.name, 1.0 if self.even else s.share, partial(self._proposed, s)) for s in self.strategies]
        if self.apart is not None:
            turns.insert(0, _Turn("parts", 1.0 if self.even else PARTS_SHARE, self._joined))
        return turns

    def _proposed(self, strategy: Strategy, limits: Limits, tally: Tally) -> Iterator[Found]:
        """What a strategy proposes, where it is accepted; of every candidate it is told the verdict."""
        with closing(strategy.propose(self.specification, limits)) as proposals:
            candidate = next(proposals, None)
            while candidate is not None:
                verdict = self._judged(candidate, limits, tally)
                if verdict.answer is not None and self._is_first(verdict.answer):
                    yield Found(verdict.answer, strategy.name, self.limits.spent)
                try:
                    candidate = proposals.send(verdict)
                except StopIteration:
                    return

    def _judged(self, candidate: Candidate, limits: Limits, tally: Tally) -> Verdict:
        """The verdict on a candidate; what is decided is remembered."""
        key = self._key(candidate.bodies)
        verdict = self._verdicts.get(key)
        if verdict is None or verdict.judgement is Judgement.UNDECIDED:
            is_new = verdict is None
            time = limits if candidate.seconds is None else limits.part(candidate.seconds)
            verdict = self._verdicts[key] = judged(self.specification, candidate.bodies, time)
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

    def _joined(self, limits: Limits, tally: Tally) -> Iterator[Found]:
        """The first answers of the parts, joined: nothing connects them, so they are right together.

        Raises:
            InfeasibleError: a part has none.
            OutOfTimeError: a part was stopped by the clock.
        """
        assert self.apart is not None
        parts = self.specification.parts
        found: list[Found] = []
        for place, functions in enumerate(parts):
            share = limits.part(limits.left / (len(parts) - place))
            portfolio = Portfolio.of(self.specification.of(functions), share, self.apart)
            with closing(portfolio.answers()) as answers:
                first = next(answers, None)
            names = ", ".join(function.name for function in functions)
            self.notes += [f"{names}: {note}" for note in portfolio.notes]
            if portfolio.infeasible is not None:
                raise InfeasibleError(portfolio.infeasible)
            if first is None:
                if portfolio.out_of_time:
                    raise OutOfTimeError
                return
            found.append(first)
        answer = self._join([one.answer for one in found])
        verdict = Verdict(Judgement.ACCEPTED, answer)
        self._verdicts[self._key(answer.bodies)] = verdict
        tally[verdict.under(limits).judgement] += 1
        if within(answer.bodies, limits) and self._is_first(answer):
            yield Found(answer, ", ".join(dict.fromkeys(one.strategy for one in found)), self.limits.spent)

    def _join(self, answers: Sequence[Answer]) -> Answer:
        bodies = {function: body for answer in answers for function, body in answer.bodies.items()}
        derivations: dict[SynthFunction, Derivation] = {}
        for answer in answers:
            derivations |= answer.derivations
        ordered = {function: bodies[function] for function in self.specification.functions}
        return Answer(ordered, derivations, answers[0].numerals)


def best_answer(portfolio: Portfolio, patience: float) -> Found | None:
    """The smallest answer found within ``patience`` times the seconds to the first one, half a second at least.

    It never takes more than half of what was left then.
    """
    with interrupted(portfolio.limits):
        for found in portfolio.answers():
            if portfolio.best is None:
                more = max(0.5, patience * portfolio.limits.spent)
                portfolio.limits.shorten(min(more, portfolio.limits.left / 2))
            if portfolio.best is None or found.answer.size < portfolio.best.answer.size:
                portfolio.best = found
                portfolio.limits.size = found.answer.size - 1  # only a smaller one is of use now
    return portfolio.best
