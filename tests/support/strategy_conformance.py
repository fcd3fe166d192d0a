"""What every strategy for ordinary problems keeps, the project's own and those of others.

A strategy proves itself by a class of tests with one fixture::

    class TestMine(StrategyConformance):
        @pytest.fixture
        def choice(self) -> str:
            return "package.module:Mine"
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise

import pytest
import z3

from ordinary import specification
from solvers.cegis.answer import Answer, Judgement, Verdict, derivation_of, derived
from solvers.cegis.limits import Limits, OutOfTimeError
from solvers.cegis.logic.verifier import check, interrupted
from solvers.cegis.portfolio import Portfolio, find_strategy
from solvers.cegis.search.samples import any_value
from solvers.cegis.specification import Specification
from solvers.cegis.strategy import Candidate, GaveUpError, InfeasibleError, Proposals, Strategy
from solvers.pausing import step
from sygus.language.elaborate import load_answer
from sygus.language.terms import Definition, Literal, Variable, subterms
from sygus.language.theories import Function
from sygus.language.theories.quantifiers import NotEvaluatedError


@dataclass(frozen=True)
class Example:
    """A small problem with what is known of it.

    Attributes:
        text: the file, without its last command.
        solvable: whether there is an answer.
        of: the project's own strategies that apply.
        by: those of them that find an answer, or prove that there is none, in seconds.
    """

    text: str
    solvable: bool
    of: frozenset[str]
    by: frozenset[str]


def _example(text: str, of: str, by: str, *, solvable: bool = True) -> Example:
    return Example(text, solvable, frozenset(of.split()), frozenset(by.split()))


_INTEGERS = "((I Int) (B Bool)) ((I Int (x y 0 1 (+ I I) (ite B I I))) (B Bool ((<= I I))))"
_TWO = "(declare-var a Int) (declare-var b Int)"
_BITS = """(set-logic BV) (synth-fun f ((x (_ BitVec 8))) (_ BitVec 8) ((S (_ BitVec 8)))
    ((S (_ BitVec 8) (x #x01 (bvnot S) (bvadd S S)))))"""
_BOOLS = """(set-logic BV) (synth-fun f ((p Bool) (q Bool)) Bool ((B Bool)) ((B Bool (p q (and B B) (or B B)))))
    (declare-var a Bool) (declare-var b Bool)"""
_COUNTER = """(set-logic LIA) (synth-fun inv ((x Int) (n Int)) Bool) (declare-var x Int) (declare-var n Int)
    (constraint (=> (and (= x 0) (>= n 0)) (inv x n))) (constraint (=> (and (inv x n) (< x n)) (inv (+ x 1) n)))"""
_FEW = """(set-logic LRA) (synth-fun f ((x Real)) Real ((S Real)) ((S Real (x 0.5 (+ x 0.5)))))
    (declare-var a Real)"""

EXAMPLES: Mapping[str, Example] = {
    "maximum": _example(
        f"""(set-logic LIA) (synth-fun f ((x Int) (y Int)) Int {_INTEGERS}) {_TWO} (constraint (>= (f a b) a))
        (constraint (>= (f a b) b)) (constraint (or (= (f a b) a) (= (f a b) b)))""",
        of="instantiation refinement stream",
        by="instantiation refinement stream",
    ),
    "without a grammar": _example(
        f"(set-logic LIA) (synth-fun f ((x Int) (y Int)) Int) {_TWO} (constraint (= (f a b) (+ a a b)))",
        of="instantiation refinement stream",
        by="instantiation refinement stream",
    ),
    "symmetric": _example(
        f"""(set-logic LIA) (synth-fun f ((x Int) (y Int)) Int {_INTEGERS}) {_TWO} (constraint (= (f a b) (f b a)))
        (constraint (and (>= (f a b) a) (>= (f a b) b)))""",
        of="linear refinement stream",
        by="refinement stream",
    ),
    "multiples": _example(
        f"""(set-logic LIA) (synth-fun f ((x Int) (y Int)) Int) {_TWO} (constraint (= (f a b) (f b a)))
        (constraint (= (f a 0) (- (* 19 a) 7)))""",
        of="linear refinement stream",
        by="linear",
    ),
    "examples": _example(
        f"{_BITS} (constraint (= (f #x01) #x02)) (constraint (= (f #x07) #x08))",
        of="examples stream",
        by="examples stream",
    ),
    "contradicting examples": _example(
        f"{_BITS} (constraint (= (f #x01) #x02)) (constraint (= (f #x01) #x08))",
        of="examples stream",
        by="examples",
        solvable=False,
    ),
    "a constant": _example(
        """(set-logic NIA) (synth-fun f ((x Int)) Int ((I Int)) ((I Int (x (Constant Int) (+ I I) (* I I)))))
        (declare-var a Int) (constraint (= (f a) (+ (* 17 a) (* 5 5))))""",
        of="instantiation constants refinement stream",
        by="instantiation constants refinement stream",
    ),
    "few terms": _example(
        f"{_FEW} (constraint (>= (f a) (+ a 0.5)))",
        of="instantiation refinement every stream",
        by="instantiation refinement every stream",
    ),
    "few terms, none right": _example(
        f"{_FEW} (constraint (> (f a) (+ a 1.0)))",
        of="instantiation refinement every stream",
        by="every",
        solvable=False,
    ),
    "conjunctions": _example(
        f"{_BOOLS} (constraint (= (f a b) (and a b)))",
        of="instantiation refinement stream",
        by="instantiation refinement stream",
    ),
    "nothing but conjunctions": _example(
        f"{_BOOLS} (constraint (= (f a b) (xor a b)))",
        of="instantiation refinement stream",
        by="refinement",
        solvable=False,
    ),
    "no value": _example(
        "(set-logic LIA) (synth-fun f ((x Int)) Int) (declare-var a Int) (constraint (and (> (f a) a) (< (f a) a)))",
        of="instantiation refinement stream",
        by="instantiation",
        solvable=False,
    ),
    "an invariant": _example(
        f"{_COUNTER} (constraint (=> (and (inv x n) (>= x n)) (= x n)))",
        of="invariants conjunctions refinement stream",
        by="invariants conjunctions refinement stream",
    ),
    "no invariant": _example(
        f"{_COUNTER} (constraint (=> (and (inv x n) (>= x n)) (= x (+ n 1))))",
        of="invariants conjunctions refinement stream",
        by="invariants refinement stream",
        solvable=False,
    ),
    "applied to itself": _example(
        """(set-logic LIA) (synth-fun f ((x Int)) Int) (declare-var a Int) (constraint (= (f (f a)) a))
        (constraint (not (= (f a) a)))""",
        of="joint linear",
        by="joint linear",
    ),
    "connected": _example(
        """(set-logic LIA) (synth-fun f ((x Int)) Int) (synth-fun g ((x Int)) Int) (declare-var a Int)
        (constraint (= (f (g a)) a)) (constraint (= (g a) (+ a 3)))""",
        of="joint linear",
        by="joint linear",
    ),
}


@dataclass
class Course:
    """What a strategy did.

    Attributes:
        candidates: that it proposed, with the verdicts that it was told.
        ending: the exception that ended it, None where it returned.
        seconds: that it took.
        longest: seconds of the processor that it took without a candidate or a pause.
    """

    candidates: list[tuple[Candidate, Verdict]] = field(default_factory=list)
    ending: Exception | None = None
    seconds: float = 0.0
    longest: float = 0.0

    def step(self, proposals: Proposals, verdict: Verdict | None = None) -> Candidate | None:
        """The next candidate, pauses being passed over; None where there are no more."""
        while True:
            began = time.thread_time()
            try:
                candidate = step(proposals, verdict)
            except StopIteration:
                return None
            finally:
                self.longest = max(self.longest, time.thread_time() - began)
            verdict = None
            if candidate is not None:
                return candidate


def run(
    strategy: Strategy,
    specification: Specification,
    limits: Limits,
    judge: Callable[[Candidate], Verdict],
    most: int = 10_000,
) -> Course:
    """Run a strategy as the portfolio does, with verdicts of one's own, for so many candidates at most."""
    course, began = Course(), time.monotonic()
    with interrupted(limits):
        proposals = strategy.propose(specification, limits)
        try:
            candidate = course.step(proposals)
            while candidate is not None and len(course.candidates) < most:
                verdict = judge(candidate)
                course.candidates.append((candidate, verdict))
                candidate = course.step(proposals, verdict)
        except (OutOfTimeError, InfeasibleError, GaveUpError, NotEvaluatedError, z3.Z3Exception) as error:
            course.ending = error
        finally:
            proposals.close()
    course.seconds = time.monotonic() - began
    return course


def honest(specification: Specification, limits: Limits) -> Callable[[Candidate], Verdict]:
    """The verdicts of the portfolio; after an accepted candidate only smaller ones are wanted."""

    def judge(candidate: Candidate) -> Verdict:
        verdict = check(specification, candidate.bodies, limits.part(2.0))
        if verdict.answer is not None:
            limits.size = verdict.answer.size - 1
        return verdict

    return judge


def always(judgement: Judgement, specification: Specification) -> Callable[[Candidate], Verdict]:
    """The same judgement of every candidate, with all that goes with it, be it true or not."""
    conjunct = specification.conjuncts[0]
    point = {variable: any_value(variable.sort) for variable in conjunct.variables}

    def judge(candidate: Candidate) -> Verdict:
        match judgement:
            case Judgement.ACCEPTED:
                answer = derived(specification, candidate.bodies)
                return Verdict(judgement, answer) if isinstance(answer, Answer) else Verdict(Judgement.NOT_DERIVED)
            case Judgement.NOT_DERIVED:
                return Verdict(judgement, function=specification.functions[0])
            case Judgement.WRONG:
                return Verdict(judgement, conjunct=conjunct, counterexample=point)
            case Judgement.UNDECIDED:
                return Verdict(judgement, conjunct=conjunct)
        return Verdict(judgement)

    return judge


def stated(strategy: Strategy) -> Iterator[tuple[str, Example, Specification]]:
    """The examples that a strategy applies to, by name, each read anew."""
    for name, example in EXAMPLES.items():
        found = specification(example.text)
        if strategy.applies(found):
            yield name, example, found


@cache
def _courses(choice: str) -> Courses:
    """A second of each example that a strategy applies to, with the verdicts of the portfolio."""
    found = []
    strategy = find_strategy(choice)
    for name, _, problem in stated(strategy):
        limits = Limits(1.0)
        found.append((name, problem, run(strategy, problem, limits, honest(problem, limits))))
    return found


def interleaved(one: Strategy, other: Strategy) -> Iterator[str]:
    """What two searches for the same propose, at once and until each has an answer; a line for each candidate."""
    for name in SOLVABLE:
        problems = [specification(EXAMPLES[name].text) for _ in range(2)]
        if not one.applies(problems[0]):
            continue
        searches = [s.propose(p, Limits(ENOUGH)) for s, p in zip((one, other), problems, strict=True)]
        candidates = [Course().step(search) for search in searches]
        while any(candidates):
            for place, candidate in enumerate(candidates):
                if candidate is None:
                    continue
                yield f"{place} of {name}: {[repr(body) for body in candidate.bodies.values()]}"
                verdict = check(problems[place], candidate.bodies, Limits(ENOUGH))
                if verdict.answer is not None:
                    searches[place].close()
                candidates[place] = Course().step(searches[place], verdict)


Courses = list[tuple[str, Specification, Course]]

ENOUGH = 600.0
"""Seconds for what takes some of the processor, however busy the machine is."""

GRACE = 2.0
"""Seconds that the clock may be late, on a busy machine."""

LONGEST = 1.5
"""Seconds of the processor between a strategy's candidates or pauses."""

SOLVABLE = tuple(name for name, example in EXAMPLES.items() if example.solvable)


class StrategyConformance:
    """The tests; the fixture ``choice`` says which strategy, as ``--strategy`` names it."""

    @pytest.fixture
    def strategy(self, choice: str) -> Strategy:
        return find_strategy(choice)

    @pytest.fixture
    def courses(self, choice: str) -> Courses:
        return _courses(choice)

    def test_it_says_what_it_is(self, strategy: Strategy) -> None:
        assert strategy.name
        assert ":" not in strategy.name
        assert strategy.doc
        assert "\n" not in strategy.doc
        assert strategy.share > 0

    def test_it_applies_to_some_example(self, strategy: Strategy) -> None:
        assert list(stated(strategy))

    def test_bodies_are_terms_over_the_parameters(self, courses: Courses) -> None:
        for name, problem, course in courses:
            for candidate, _ in course.candidates:
                assert set(candidate.bodies) == set(problem.functions), name
                for function, body in candidate.bodies.items():
                    assert body.sort == function.sort, name
                    heads = [node.head for node in subterms(body)]
                    assert {h for h in heads if isinstance(h, Variable)} <= set(function.parameters), name
                    assert all(isinstance(h, Function | Definition | Literal | Variable) for h in heads), name

    def test_what_is_right_ends_up_in_the_grammar(self, courses: Courses) -> None:
        """A right candidate that is not derived is proposed for its meaning alone: the next one is derived."""
        for name, problem, course in courses:
            for (_, verdict), (after, _) in pairwise(course.candidates):
                if verdict.judgement is Judgement.NOT_DERIVED:
                    theory = problem.problem.theory
                    made = [derivation_of(t, after.bodies[t.function], theory) for t in problem.targets]
                    assert all(derivation is not None for derivation in made), name

    def test_after_an_answer_it_looks_for_smaller_ones_and_ends(self, courses: Courses) -> None:
        for name, _, course in courses:
            sizes = [verdict.answer.size for _, verdict in course.candidates if verdict.answer is not None]
            assert sizes == sorted(set(sizes), reverse=True), name
            assert course.seconds < 1.0 + GRACE, name

    def test_it_lets_others_have_their_turns(self, courses: Courses) -> None:
        for name, _, course in courses:
            assert course.longest < LONGEST, name

    def test_answers_stand_on_a_second_look(self, strategy: Strategy) -> None:
        """Read back from their text; and nothing is proved that is not so."""
        for name, example, problem in stated(strategy):
            portfolio = Portfolio.of(problem, Limits(2.0), strategy)
            with interrupted(portfolio.limits):
                found = next(portfolio.answers(), None)
            assert portfolio.infeasible is None or not example.solvable, name
            assert found is None or example.solvable, name
            if found is not None:
                read = load_answer(problem.problem, found.answer.text, "the answer")
                again = check(specification(example.text), read, Limits(ENOUGH))
                assert again.judgement is Judgement.ACCEPTED, name

    @pytest.mark.parametrize("seconds", [0.0, 0.3])
    def test_it_keeps_the_time(self, strategy: Strategy, seconds: float) -> None:
        for name, _, problem in stated(strategy):
            course = run(strategy, problem, Limits(seconds), always(Judgement.UNDECIDED, problem))
            assert course.seconds < seconds + GRACE, name
            assert seconds or len(course.candidates) <= 1, name

    @pytest.mark.parametrize("limit", ["size", "depth"])
    def test_it_finds_nothing_beyond_the_limits(self, strategy: Strategy, limit: str) -> None:
        """No example has an answer of one node, and that there is none so small is no proof that there is none."""
        for name, example, problem in stated(strategy):
            limits = Limits(0.5, **{limit: 1})
            course = run(strategy, problem, limits, honest(problem, limits))
            assert all(verdict.answer is None for _, verdict in course.candidates), name
            assert not (example.solvable and isinstance(course.ending, InfeasibleError)), name
            assert course.seconds < 0.5 + GRACE, name

    @pytest.mark.parametrize("judgement", Judgement)
    def test_it_bears_every_verdict(self, strategy: Strategy, judgement: Judgement) -> None:
        """Whatever it is told, it ends in time, and proves nothing that is not so."""
        for name, example, problem in stated(strategy):
            course = run(strategy, problem, Limits(0.2), always(judgement, problem))
            assert course.seconds < 0.2 + GRACE, name
            assert not (example.solvable and isinstance(course.ending, InfeasibleError)), name

    @pytest.mark.slow
    def test_it_proposes_the_same_again_whatever_else_it_does_and_without_torch(self, choice: str) -> None:
        """What one search learns is held by its generator: with two instances all is as with one."""
        if find_strategy(choice).on_request:
            pytest.skip("another program searches, for as long as it is let")
        again = "known_strategies.cache_clear(); other = find_strategy(choice)"
        one, other = (_in_a_process(choice, second) for second in ("other = one", again))
        assert one == other
        assert one.splitlines()[-1] == "imported: set()"
        assert len(one.splitlines()) > 2


def _in_a_process(choice: str, second: str) -> str:
    """What two searches propose in a process of their own, so that Z3 has been asked nothing else before."""
    program = f"""
import sys
from solvers.cegis.portfolio import find_strategy, known_strategies
choice = {choice!r}
one = find_strategy(choice)
{second}
from strategy_conformance import interleaved
print(*interleaved(one, other), sep="\\n")
print("imported:", {{"torch", "sympy"}} & set(sys.modules))
"""
    path = os.pathsep.join(entry for entry in sys.path if entry)
    command = [sys.executable, "-c", program]
    result = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": path}
    )
    assert result.returncode == 0, result.stderr
    return result.stdout
