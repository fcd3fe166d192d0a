"""Searches in turns: none waits long for another, whatever time there is; what does not yield is begun anew."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator

import pytest

from ordinary import answer_of, specification
from solvers.cegis import turns as module
from solvers.cegis.foreign import held
from solvers.cegis.limits import Limits
from solvers.cegis.logic.verifier import interrupted
from solvers.cegis.portfolio import Portfolio, find_strategy
from solvers.cegis.specification import Specification
from solvers.cegis.strategy import Candidate, Proposals, Strategy
from solvers.cegis.turns import FIRST, GROWTH, Moment, Search, Turn, in_turns
from sygus.language.elaborate import load_answer

STEP = 0.01
"""Seconds of the counted clock for one step."""


class Counted:
    """A clock that goes on only where work is done."""

    def __init__(self) -> None:
        self.now = 0.0

    def work(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    found = Counted()
    monkeypatch.setattr(module, "now", lambda: Moment(found.now, 0.0))
    return found


def search(clock: Counted, seconds: float, name: str, step: float = STEP) -> Callable[[Limits], Search[str, str]]:
    """Finds its name after so many seconds of work, and ends when it is told it back."""

    def steps(_: Limits) -> Search[str, str]:
        end = clock.now
        done = 0.0
        while done < seconds:
            clock.work(step)
            done += step
            yield None
        assert end <= clock.now
        assert (yield name) == f"told {name}"

    return steps


def told(found: Search[str, str]) -> Iterator[str]:
    """What searches find, each told its own."""
    said = next(found, None)
    while True:
        try:
            if said is None:
                said = next(found)
            else:
                yield said
                said = found.send(f"told {said}")
        except StopIteration:
            return


@pytest.mark.parametrize("seconds", [0.05, 0.3, 1.0, 2.6, 10.0, 31.4, 100.0])
@pytest.mark.parametrize("first", [True, False])
def test_nothing_takes_much_more_than_twice_as_long_as_alone(seconds: float, first: bool, counted: Counted) -> None:
    turns = [Turn(search(counted, seconds, "found")), Turn(search(counted, 1e6, "never"))]
    found = told(in_turns(Limits(60), turns if first else turns[::-1]))
    assert next(found) == "found"
    assert counted.now <= (2 if first else 1 + GROWTH) * seconds + FIRST + 2 * STEP


@pytest.mark.parametrize("count", [3, 5])
def test_of_several_each_has_its_part(count: int, counted: Counted) -> None:
    for place in range(count):
        before = counted.now
        turns = [Turn(search(counted, 7.0 if i == place else 1e6, "found")) for i in range(count)]
        assert next(told(in_turns(Limits(60), turns))) == "found"
        assert counted.now - before <= (1 + GROWTH * (count - 1)) * (7.0 + FIRST)


def test_a_share_is_kept(counted: Counted) -> None:
    turns = [Turn(search(counted, 1e6, "large"), 3.0), Turn(search(counted, 10.0, "found"))]
    assert next(told(in_turns(Limits(60), turns))) == "found"
    assert 2.0 <= turns[0].spent / turns[1].spent <= 3.0 * GROWTH


def test_long_steps_are_made_up_for(counted: Counted) -> None:
    """One step of a second, where a turn is a quarter: the others have had a second before there is another."""
    turns = [Turn(search(counted, 1e6, "slow", step=1.0)), Turn(search(counted, 5.0, "found"))]
    assert next(told(in_turns(Limits(60), turns))) == "found"
    assert turns[0].spent <= GROWTH * turns[1].spent + 1.0


def test_every_search_is_told_its_own_answers(counted: Counted) -> None:
    turns = [Turn(search(counted, 0.4 * number, str(number))) for number in (5, 1, 3)]
    assert list(told(in_turns(Limits(60), turns))) == ["1", "3", "5"]


def test_memory_is_shared_with_those_that_go_on(counted: Counted) -> None:
    seen: dict[str, list[int]] = {}

    def holding(name: str, seconds: float) -> Callable[[Limits], Search[str, str]]:
        def steps(limits: Limits) -> Search[str, str]:
            for _ in range(int(seconds / STEP)):
                counted.work(STEP)
                seen.setdefault(name, []).append(limits.part(1.0).room)
                yield None

        return steps

    limits = Limits(60, memory=1200)
    turns = [Turn(holding(name, seconds)) for name, seconds in (("a", 0.1), ("b", 1.0), ("c", 9.0))]
    assert all(item is None for item in in_turns(limits, turns))
    assert set(seen["a"]) == {400}
    assert set(seen["b"]) == {600}
    assert (seen["c"][0], seen["c"][-1]) == (600, 1200)


def test_all_are_closed(counted: Counted) -> None:
    closed: list[int] = []

    def endless(number: int, _: Limits) -> Search[str, str]:
        try:
            while True:
                counted.work(1.0)
                yield None
        finally:
            closed.append(number)

    running = in_turns(Limits(60), [Turn(lambda limits, n=n: endless(n, limits)) for n in range(3)])
    for _ in range(10):
        next(running)
    running.close()
    assert sorted(closed) == [0, 1, 2]


def test_an_effort_is_measured_by_the_processor() -> None:
    whole = Limits(60)
    effort = whole.effort(0.05)
    time.sleep(0.1)
    assert 0 < effort.left <= 0.05
    began = time.thread_time()
    while time.thread_time() - began < 0.06:
        pass
    assert effort.left == 0
    assert whole.left > 0
    assert Limits(0.0).effort(1.0).left == 0


# Strategies

LINE = """(set-logic LIA) (synth-fun f ((x Int)) Int) (declare-var a Int) (constraint (= (f a) (+ (* 3 a) 5)))"""


class Working(Strategy):
    """Proposes the right body after so many seconds of counted work, or of the processor's own."""

    doc = "works, and pauses"

    def __init__(self, name: str, seconds: float, work: Callable[[float], None]) -> None:
        self.name = name
        self.seconds = seconds
        self.work = work

    def applies(self, specification: Specification) -> bool:
        return len(specification.functions) == 1

    def propose(self, specification: Specification, limits: Limits) -> Proposals:
        done = 0.0
        while done < self.seconds:
            limits.check()
            self.work(STEP)
            done += STEP
            yield None
        yield Candidate(load_answer(specification.problem, "((define-fun f ((x Int)) Int (+ (* 3 x) 5)))", "given"))


def spin(seconds: float) -> None:
    began = time.thread_time()
    while time.thread_time() - began < seconds:
        pass


@pytest.mark.parametrize("given", [5.0, 60.0, 1e6])
@pytest.mark.parametrize("seconds", [0.0, 0.4, 20.0])
def test_the_best_strategy_does_not_wait_for_a_share_of_the_time(
    seconds: float, given: float, counted: Counted
) -> None:
    """In counted work, of which there is more than the clock has seconds."""
    strategies = [Working("never", 1e9, counted.work), Working("found", seconds, counted.work)]
    portfolio = Portfolio(specification(LINE), Limits(given), strategies)
    found = next(portfolio.answers())
    assert found.strategy == "found"
    assert counted.now <= (1 + GROWTH) * seconds + FIRST + 2 * STEP


def test_of_what_runs_out_of_time_all_is_noted() -> None:
    strategies = [Working(name, 1e9, spin) for name in ("one", "other")]
    portfolio = Portfolio(specification(LINE), Limits(0.3), strategies)
    assert list(portfolio.answers()) == []
    assert portfolio.out_of_time
    assert {note.split(" (")[0] for note in portfolio.notes} == {
        f"{name}: no candidates; out of time" for name in ("one", "other")
    }  # which comes first is the clock's to say
    assert len(portfolio.notes) == 2


class Unyielding(Strategy):
    """Looks at the clock, as the contract says, and never pauses."""

    name = "unyielding"
    doc = "for long without a candidate"

    def __init__(self, steps: float) -> None:
        self.steps = steps
        self.begun = 0

    def applies(self, specification: Specification) -> bool:
        return len(specification.functions) == 1

    def propose(self, specification: Specification, limits: Limits) -> Proposals:
        self.begun += 1
        for _ in itertools.takewhile(lambda done: done < self.steps, itertools.count()):
            limits.check()
            time.sleep(STEP)
        yield Candidate(load_answer(specification.problem, "((define-fun f ((x Int)) Int (+ (* 3 x) 5)))", "given"))


def test_a_strangers_strategy_that_does_not_pause_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("solvers.cegis.foreign.PATIENCE", 0.1)
    endless = Unyielding(1e9)
    portfolio = Portfolio(specification(LINE), Limits(60), [held(endless), find_strategy("refinement")])
    found = next(portfolio.answers())
    assert found.strategy == "refinement"
    assert portfolio.limits.spent < 30


def test_a_strangers_strategy_that_does_not_pause_is_begun_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("solvers.cegis.foreign.PATIENCE", 0.1)
    slow = Unyielding(40)
    portfolio = Portfolio(specification(LINE), Limits(60), [held(slow), Working("never", 1e9, spin)])
    assert next(portfolio.answers()).strategy == "unyielding"
    assert slow.begun > 1


def test_a_strangers_strategy_that_is_alone_need_not_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("solvers.cegis.foreign.PATIENCE", 0.1)
    slow = Unyielding(40)
    portfolio = Portfolio(specification(LINE), Limits(60), [held(slow)])
    assert next(portfolio.answers()).strategy == "unyielding"
    assert slow.begun == 1
    ended = Portfolio(specification(LINE), Limits(0.5), [held(Unyielding(1e9))])
    assert list(ended.answers()) == []
    assert ended.out_of_time
    assert ended.limits.spent < 10


# Problems

CHOICE = """(set-logic ALL) (declare-sort U 0)
    (synth-fun f ((p Bool) (a U) (b U)) U ((S U) (B Bool)) ((S U (a b (ite B S S))) (B Bool (p (not B) (= S S)))))
    (declare-var p Bool) (declare-var a U) (declare-var b U)
    (constraint (=> p (= (f p a b) a))) (constraint (=> (not p) (= (f p a b) b)))"""


@pytest.mark.parametrize("seconds", [20.0, 240.0])
def test_a_strategy_that_finds_nothing_does_not_take_its_share_first(seconds: float) -> None:
    """Instantiation has no answer here; of 20 s it took 17, of 240 it would take 192."""
    found, _ = answer_of(CHOICE, seconds=seconds)
    assert found is not None
    assert (found.strategy, found.answer.size) == ("refinement", 4)
    assert "(ite p a b)" in found.answer.text
    assert found.seconds < 15


def beside(numbers: int, others: int) -> str:
    """The maximum of some integers, declared before functions that nothing connects with it."""
    names = [f"v{i}" for i in range(numbers)]
    call = f"(m {' '.join(names)})"
    lines = [f"(set-logic LIA) (synth-fun m ({' '.join(f'(x{i} Int)' for i in range(numbers))}) Int)"]
    lines += [f"(synth-fun a{i} ((x Int)) Int)" for i in range(others)]
    lines += [f"(declare-var {name} Int)" for name in names]
    lines += [f"(constraint (>= {call} {name}))" for name in names]
    lines += [f"(constraint (or {' '.join(f'(= {call} {name})' for name in names)}))"]
    lines += [f"(constraint (> (a{i} v0) v0))" for i in range(others)]
    return "\n".join(lines)


def test_a_part_that_takes_longer_than_the_others_has_the_time_that_they_leave() -> None:
    found, portfolio = answer_of(beside(8, 24), seconds=60.0)
    assert found is not None
    assert len(found.answer.bodies) == 25
    assert any(note.startswith("parts: 1 accepted; nothing more") for note in portfolio.notes)


def test_a_part_without_an_answer_is_known_before_another_is_found() -> None:
    text = f"{beside(20, 0)} (synth-fun f ((x Int)) Int) (constraint (= (f 1) 2)) (constraint (= (f 1) 3))"
    found, portfolio = answer_of(text, seconds=120.0)
    assert found is None
    assert portfolio.infeasible == "the examples ask for both 2 and 3 at (1,)"
    assert portfolio.limits.spent < 60


@pytest.mark.parametrize(
    "text",
    [
        # Z3 does not decide any candidate
        """(set-logic NIA) (synth-fun f ((x Int)) Bool ((B Bool)) ((B Bool ((> x 100000000) (or B B)))))
        (declare-var x Int) (declare-var y Int) (declare-var z Int)
        (constraint (=> (= (+ (* x x x) (* y y y) (* z z z)) 42) (f x)))""",
        # strings are slow, and become long
        """(set-logic SLIA) (synth-fun f ((s String)) String ((S String)) ((S String (s "a" (str.++ S S)
        (str.replace S S S))))) (constraint (= (f "abcabcabcabcabcabc") "xyz")) (constraint (= (f "abd") "bda"))""",
    ],
    ids=["Z3", "enumeration"],
)
def test_the_time_is_kept(text: str) -> None:
    portfolio = Portfolio.of(specification(text), Limits(1.0))
    began = time.thread_time()
    with interrupted(portfolio.limits), pytest.raises(StopIteration):
        next(portfolio.answers())
    assert portfolio.out_of_time
    assert time.thread_time() - began < 1.0 + 0.1 + 0.3
