"""Functions that constraints connect or apply to one another: tuples of terms, smallest first.

Where one value of a function decides where another is asked for, no table of values by point judges a term alone. The
terms of each function are enumerated by their behaviour on common arguments; tuples of them are run on the points that
refuted others, and Z3 sees what holds there. Bodies that call functions, themselves among them, are run with the calls
written out a few times before their recursion is followed to its end.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import field
from functools import lru_cache
from typing import Any, Protocol

import numpy as np

from solvers.cegis.limits import Limits
from solvers.cegis.search.behaviour import sample_bank
from solvers.cegis.search.calling import BITS, CallingTerms, StandIns
from solvers.cegis.search.evaluation import Program, Values
from solvers.cegis.search.grammars import enumerable
from solvers.cegis.search.samples import ArgumentSamples
from solvers.cegis.search.tuples import Arguments, Check, Points, Programs
from solvers.cegis.specification import Bodies, Specification
from solvers.cegis.strategy import Candidate, Proposals, Strategy
from solvers.cegis.turns import Moment, now, since
from solvers.pausing import Pausing
from sygus.errors import TooLargeError
from sygus.language.linked import linked
from sygus.language.problem import Target
from sygus.language.terms import REGLAN, SynthFunction, Term
from sygus.language.theories.recursion import given_up
from sygus.language.theories.undefined import WAYS, way
from sygus.records import record

PREPARED = 1 << 14
"""Programs of terms that are kept for the next tuple."""

DEPTHS = (1, 2, 4)
"""How often calls are written out inside one another where bodies with calls are looked at for the first time."""

MORE = 4
"""Times the bits by which terms that call functions are told apart once more, where all were tried in vain."""

BEYOND = 3
"""How many nodes more each counts, where a smaller body that calls functions holds out beside those of others."""

DOUBT_SHARE = 0.25
"""Of the time, for bodies whose recursion was given up where they are run: Z3 is asked about them all the same."""

MOST_DOUBTS = 1000
"""Bodies that wait to be asked about; of more the last."""

CALLING_SECONDS = 1.5
"""For Z3 to decide about bodies with calls: what takes it longer mostly takes induction, and it would take for ever."""


@record(eq=False)
class _Doubts:
    """Bodies of which some values were given up, until Z3 is asked about them.

    Attributes:
        waiting: those that it was not asked about.
        spent: seconds in which it was asked.
        began: when the search began.
        asked: the last of them.
    """

    waiting: deque[Bodies] = field(default_factory=lambda: deque(maxlen=MOST_DOUBTS))
    spent: float = 0.0
    began: Moment = field(default_factory=now)
    asked: Bodies | None = None

    def next(self) -> Bodies | None:
        """The next ones to ask about, where there are any and there is time."""
        if not self.waiting or self.spent > DOUBT_SHARE * since(self.began):
            return None
        self.asked = self.waiting.popleft()
        return self.asked

    def rest(self) -> Proposals:
        """All that wait, once there is nothing else to propose."""
        while self.waiting:
            yield Candidate(self.waiting.popleft(), CALLING_SECONDS)

    def note(self, bodies: Bodies, seconds: float) -> None:
        """Note how long Z3 took about bodies."""
        if bodies is self.asked:
            self.spent += seconds


class _Pool(Protocol):
    """The terms of one function by size."""

    function: SynthFunction

    @property
    def largest(self) -> int:
        """The largest size of which there are terms so far."""
        ...

    @property
    def ended(self) -> bool:
        """Whether there are no larger ones than those so far."""
        ...

    def of_size(self, size: int) -> Pausing[Sequence[Any]]:
        """What stands for the terms of a size.

        Raises:
            OutOfTimeError: from the limits.
        """
        ...

    def price(self, size: int) -> int:
        """What a term of a size adds to that of a tuple: the size, or more where smaller ones are to be tried first."""
        ...

    def prepared(self, one: Any, bodies: Bodies) -> tuple[Term, Program]:
        """A term, ready to be run beside the bodies of functions declared before."""
        ...


class _Calling:
    """Those of a grammar that calls functions declared before, or the function itself."""

    def __init__(
        self,
        specification: Specification,
        target: Target,
        points: Points,
        seen: Arguments,
        stand_ins: StandIns,
        limits: Limits,
        bits: int,
    ) -> None:
        self.function = target.function
        self._stand_ins = stand_ins
        self._calling = specification.calls
        self._refused: set[Term] = set()
        self._first: int | None = None
        grammar = enumerable(specification, target, limits.depth)
        alone = [c for c in map(Check, specification.conjuncts) if c.functions == {target.function}]
        instances = [found for check in alone if (found := check.instance(points)) is not None]
        self._inputs = seen.of(target.function)
        self._count = len(next(iter(self._inputs.values()))) if self._inputs else 1
        self._terms = CallingTerms(grammar, target.function, self._inputs, instances, stand_ins, limits, bits)
        self.of_size = self._terms.of_size

    @property
    def largest(self) -> int:
        return self._terms.largest

    @property
    def ended(self) -> bool:
        return self._terms.ended

    def promises(self, one: Term, bodies: Programs, checks: list[Check], points: Points) -> bool:
        """Whether a term may be right, by calls that are written out a few times.

        No constraint fails, whatever comes of further calls, and the more are written out the more values are known.
        What fails comes first the next time.
        """
        if one in self._refused:
            return False
        found = self._holds_out(one, bodies, checks, points)
        if not found and not bodies:
            self._refused.add(one)
        if found and checks and not bodies:
            self._first = self._first or one.size
        return found

    def price(self, size: int) -> int:
        """Beyond the first that holds out by what is asked of it alone, others are hardly of use."""
        return size if self._first is None else size + BEYOND * max(0, size - self._first)

    def _holds_out(self, one: Term, bodies: Programs, checks: list[Check], points: Points) -> bool:
        running = self._stand_ins.running
        running |= {function: program for function, program in bodies.items() if function not in self._calling}
        running[self.function] = program = Program(one)
        ready = {**bodies, self.function: program}
        before = self._count + 1
        try:
            for depth in DEPTHS:
                with self._stand_ins.written_out(depth):
                    failing = next((place for place, one in enumerate(checks) if one.fails(ready, points)), None)
                    if failing is not None:
                        checks.insert(0, checks.pop(failing))
                        return False
                    values = [self._at(program, number) for number in range(WAYS)]
                open_ = int(np.any([one != values[0] for one in values], 0).sum())
                if open_ >= max(1, before):
                    return False
                before = open_
        except TooLargeError:
            return False
        return True

    def _at(self, program: Program, number: int) -> Values:
        """The values of a body in a way."""
        with way(number):
            return np.broadcast_to(program(self._inputs), self._count)

    def prepared(self, one: Term, bodies: Bodies) -> tuple[Term, Program]:
        body = self._stand_ins.restored(one)
        return body, Program(linked({**bodies, self.function: body})[self.function])


class _Terms:
    """Those of a grammar that calls none; what fails what is asked of the function alone is left out."""

    def __init__(
        self, specification: Specification, target: Target, points: Points, seen: Arguments, limits: Limits
    ) -> None:
        self.function = target.function
        self.grammar = enumerable(specification, target, limits.depth)
        self._bank = sample_bank(self.grammar, ArgumentSamples(seen.of(target.function)), limits)
        self._points = points
        self._alone = [c for c in map(Check, specification.conjuncts) if c.functions == {target.function}]
        self._rows: list[list[int]] = [[]]
        self._kept = lru_cache(PREPARED)(self._prepared)
        self.ended = False

    @property
    def largest(self) -> int:
        return max((size for size, rows in enumerate(self._rows) if rows), default=0)

    def of_size(self, size: int) -> Pausing[Sequence[tuple[int, int]]]:
        while len(self._rows) <= size and not self.ended:
            self.ended = not (yield from self._bank.growing()) or self._bank.exhausted
            reached = self._bank.size
            if reached == len(self._rows):
                kept = []
                for row in range(len(self._bank.level(self.grammar.start, reached))):
                    yield
                    if self._is_kept(reached, row):
                        kept.append(row)
                self._rows.append(kept)
        return [(size, row) for row in self._rows[size]] if size < len(self._rows) else []

    def price(self, size: int) -> int:
        return size

    def prepared(self, one: tuple[int, int], bodies: Bodies) -> tuple[Term, Program]:  # noqa: ARG002 - it calls none
        return self._kept(*one)

    def _is_kept(self, size: int, row: int) -> bool:
        return all(c.holds({self.function: self._kept(size, row)[1]}, self._points) for c in self._alone)

    def _prepared(self, size: int, row: int) -> tuple[Term, Program]:
        term = self._bank.term(self.grammar.start, size, row)
        return term, Program(term)


class Joint(Strategy):
    """Tuples of terms that hold at all points, by the nodes of all of them together."""

    name = "joint"
    doc = "functions that constraints or calls connect, recursive ones too: tuples of terms, smallest first"
    turn = 60
    calling = True

    def applies(self, specification: Specification) -> bool:
        """To functions that are all connected, applied to what depends on one, or recursive; with random arguments."""
        several = len(specification.functions) > 1
        nested = any(conjunct.nested for conjunct in specification.conjuncts)
        random = all(p.sort != REGLAN for function in specification.functions for p in function.parameters)
        decided = not any(conjunct.quantified for conjunct in specification.conjuncts)
        together = several or nested or bool(specification.calls)
        return together and random and decided and len(specification.parts) == 1

    def propose(self, specification: Specification, limits: Limits) -> Proposals:
        """Terms that are alike on the arguments seen so far count as one.

        When those have doubled, or all terms are tried and there are new ones, everything begins anew; where calls are
        and nothing was right, once more with terms told apart by more of what they may call.
        """
        points, seen = Points(specification, limits), Arguments(specification)
        checks = [Check(conjunct) for conjunct in specification.conjuncts]
        doubts = _Doubts()
        bits, proved = BITS, False
        while True:
            stand_ins = StandIns()
            pools = [
                _pool(specification, target, points, seen, stand_ins, limits, bits) for target in specification.targets
            ]
            before, total = seen.count, len(pools)
            while not _is_last(pools, total - 1, limits):
                limits.check()
                for bodies in _tuples(pools, checks, points, seen, total, doubts):
                    bodies = doubts.next() if bodies is None else bodies
                    if bodies is None:
                        yield None
                        continue
                    asked = now()
                    verdict = yield Candidate(bodies, CALLING_SECONDS if specification.calls else None)
                    doubts.note(bodies, since(asked))
                    proved |= verdict.right
                    if verdict.counterexample is not None:
                        points.add(verdict.counterexample)
                        _note(bodies, checks, points, seen)
                    if limits.largest is not None and total > limits.largest:  # an answer was smaller
                        return
                if seen.count > 2 * before:
                    break
                total += 1
            else:
                if seen.count == before:
                    if proved or not specification.calls or bits > BITS:
                        yield from doubts.rest()
                        return
                    bits *= MORE


def _pool(
    specification: Specification,
    target: Target,
    points: Points,
    seen: Arguments,
    stand_ins: StandIns,
    limits: Limits,
    bits: int,
) -> _Pool:
    if target.function in specification.calls:
        return _Calling(specification, target, points, seen, stand_ins, limits, bits)
    return _Terms(specification, target, points, seen, limits)


def _note(bodies: Bodies, checks: Sequence[Check], points: Points, seen: Arguments) -> None:
    """Note what a candidate applies the functions to."""
    programs = {function: Program(body) for function, body in linked(bodies).items()}
    for check in checks:
        check.holds(programs, points, seen)


def _is_last(pools: Sequence[_Pool], total: int, limits: Limits) -> bool:
    """Whether no larger tuple is to be looked at."""
    if limits.largest is not None and total >= limits.largest:
        return True
    if any(pool.ended and not pool.largest for pool in pools):
        return True
    return all(pool.ended for pool in pools) and total >= sum(pool.largest for pool in pools)


def _hold(checks: Sequence[Check], bodies: Programs, points: Points, seen: Arguments | None, *, calling: bool) -> bool:
    """Whether all hold at all points; what grows out of hand by calls is wrong."""
    try:
        return all(check.holds(bodies, points, seen) for check in checks)
    except TooLargeError:
        if calling:
            return False
        raise


def _tuples(
    pools: Sequence[_Pool], checks: Sequence[Check], points: Points, seen: Arguments, total: int, doubts: _Doubts
) -> Iterator[Bodies | None]:
    """The candidates of a size that hold at all points; a tuple is given up where its first functions fail.

    Those whose values were not all found wait among the doubts. None is a pause.
    """

    def extended(
        rest: int, terms: dict[SynthFunction, Term], bodies: dict[SynthFunction, Program]
    ) -> Iterator[Bodies | None]:
        if len(terms) == len(pools):
            yield terms
            return
        pool, after = pools[len(terms)], len(pools) - len(terms) - 1
        known = {*bodies, pool.function}
        due = [check for check in checks if pool.function in check.functions and check.functions <= known]
        for size in range(1, rest - after + 1):
            price = pool.price(size) if len(pools) > 1 else size
            if price > rest - after or (not after and price < rest):
                continue
            for place, one in enumerate((yield from pool.of_size(size))):
                yield None
                if isinstance(pool, _Calling) and not pool.promises(one, bodies, due, points):
                    continue
                term, program = pool.prepared(one, terms)
                ready = {**bodies, pool.function: program}
                before = given_up()
                if _hold(due, ready, points, None if place else seen, calling=isinstance(pool, _Calling)):
                    yield from extended(rest - price, {**terms, pool.function: term}, ready)
                elif not after and given_up() > before:
                    doubts.waiting.append({**terms, pool.function: term})

    yield from extended(total, {}, {})
