"""The loop in which strategies propose and are told verdicts, the parts of a problem, and strategies from elsewhere."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

import strangers
from ordinary import answer_of, specification
from solvers.cegis import portfolio as module
from solvers.cegis.answer import Judgement, Verdict
from solvers.cegis.limits import Limits
from solvers.cegis.logic.verifier import judged
from solvers.cegis.portfolio import Portfolio, best_answer, find_strategy, known_strategies, usable_strategies
from solvers.cegis.specification import Bodies, Specification
from solvers.cegis.strategy import Candidate, Proposals, Strategy
from solvers.pausing import Pausing
from strategy_conformance import EXAMPLES
from sygus.errors import OptionError
from sygus.language.elaborate import load_answer

THRICE = """(set-logic LIA) (synth-fun f ((x Int)) Int ((I Int) (J Int)) ((I Int ((+ J I) x)) (J Int (x))))
    (declare-var a Int) (constraint (= (f a) (* 3 a)))"""


class Given(Strategy):
    """Proposes bodies that it is given as texts, and remembers what it is told."""

    name = "given"
    doc = "what it is given"

    def __init__(self, *texts: str, seconds: float | None = None) -> None:
        self.texts = texts
        self.seconds = seconds
        self.told: list[Verdict] = []
        self.closed = False

    def applies(self, specification: Specification) -> bool:
        return len(specification.functions) == 1

    def propose(self, specification: Specification, limits: Limits) -> Proposals:
        limits.check()
        try:
            for text in self.texts:
                answer = f"((define-fun f ((x Int)) {specification.functions[0].sort} {text}))"
                bodies = load_answer(specification.problem, answer, "given")
                verdict = yield Candidate(bodies, self.seconds)
                self.told.append(verdict)
        finally:
            self.closed = True


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The candidates that Z3 is asked about, in order."""
    found: list[tuple[str, ...]] = []
    judging = module.judging

    def counted(specification: Specification, bodies: Bodies, limits: Limits) -> Pausing[Verdict]:
        found.append(tuple(map(repr, bodies.values())))
        return judging(specification, bodies, limits)

    monkeypatch.setattr(module, "judging", counted)
    return found


def test_of_every_candidate_the_verdict_is_told() -> None:
    stated = specification(THRICE)
    strategy = Given("(+ x x)", "(* 3 x)", "(+ x (+ x x))", "(+ x (+ x x))")
    (found,) = Portfolio.of(stated, Limits(5), strategy).answers()
    wrong, underived, accepted, again = strategy.told
    assert wrong.judgement is Judgement.WRONG
    assert not wrong.right
    assert wrong.conjunct is stated.conjuncts[0]
    assert wrong.counterexample is not None
    ((variable, value),) = wrong.counterexample.items()
    assert variable.name == "a"
    assert 2 * value != 3 * value
    assert (underived.judgement, underived.function) == (Judgement.NOT_DERIVED, stated.functions[0])
    assert underived.right
    assert accepted.judgement is again.judgement is Judgement.ACCEPTED
    assert accepted.answer is found.answer


def test_a_right_candidate_may_be_too_large() -> None:
    for limits in (Limits(5, size=4), Limits(5, depth=2)):
        strategy = Given("(+ x (+ x x))", "(+ x x)")
        assert list(Portfolio.of(specification(THRICE), limits, strategy).answers()) == []
        assert [told.judgement for told in strategy.told] == [Judgement.TOO_LARGE, Judgement.WRONG]
        assert strategy.told[0].right
        assert strategy.told[0].answer is None


def test_only_smaller_answers_count_after_the_first() -> None:
    text = "(set-logic LIA) (synth-fun f ((x Int)) Int) (declare-var a Int) (constraint (> (f a) a))"
    strategy = Given("(+ x (+ 1 1))", "(+ x (+ 1 1))", "(+ x (+ 2 1))", "(+ x 1)")
    portfolio = Portfolio.of(specification(text), Limits(20), strategy)
    found = best_answer(portfolio, 10.0)
    assert found is not None
    assert found.answer.size == 3
    large = Judgement.TOO_LARGE
    assert [told.judgement for told in strategy.told] == [Judgement.ACCEPTED, large, large, Judgement.ACCEPTED]
    assert "given: 2 accepted, 1 larger or deeper than allowed; nothing more to propose" in portfolio.notes[0]


def test_nothing_is_asked_twice(asked: list[tuple[str, ...]]) -> None:
    strategy = Given("(+ x x)", "(+ x (+ x x))", "(+ x x)", "(* 3 x)", "(+ x x)", "(* 3 x)")
    assert len(list(Portfolio.of(specification(THRICE), Limits(5), strategy).answers())) == 1
    assert len(asked) == len(set(asked)) == 3
    first, _, second, _, third, _ = strategy.told
    assert first.counterexample is second.counterexample is third.counterexample


@pytest.mark.parametrize(
    "name", ["instantiation", "invariants", "conjunctions", "refinement", "stream", "joint", "constants"]
)
def test_strategies_ask_nothing_twice(name: str, asked: list[tuple[str, ...]]) -> None:
    """What they propose is looked at once, and what is an answer was looked at."""
    for example in EXAMPLES.values():
        if name in example.by and example.solvable:
            asked.clear()
            found, _ = answer_of(example.text, name)
            assert found is not None
            assert len(asked) == len(set(asked))
            assert tuple(map(repr, found.answer.bodies.values())) in asked


HARD = """(set-logic NIA) (synth-fun f ((x Int)) Bool) (declare-var x Int) (declare-var y Int) (declare-var z Int)
    (constraint (=> (= (+ (* x x x) (* y y y) (* z z z)) 42) (f x)))"""


def test_a_candidate_may_say_how_long_it_may_take() -> None:
    strategy = Given("(> x 100000000)", "(> x 100000001)", seconds=0.2)
    portfolio = Portfolio.of(specification(HARD), Limits(30), strategy)
    assert list(portfolio.answers()) == []
    assert [told.judgement for told in strategy.told] == [Judgement.UNDECIDED] * 2
    assert strategy.told[0].conjunct is not None
    assert portfolio.limits.spent < 10


def test_a_generator_is_closed_when_no_more_is_wanted() -> None:
    strategy = Given("(+ x (+ x x))", "(+ x x)")
    answers = Portfolio.of(specification(THRICE), Limits(5), strategy).answers()
    next(answers)
    assert not strategy.closed
    answers.close()
    assert strategy.closed
    assert strategy.told == []


def test_an_answer_is_given_once(monkeypatch: pytest.MonkeyPatch) -> None:
    strategies = [Given("(+ x (+ x x))"), Given("(+ x (+ x x))", "(+ x x)")]
    portfolio = Portfolio(specification(THRICE), Limits(5), strategies)
    monkeypatch.setattr(module, "PROOFS", ())
    assert len(list(portfolio.answers())) == 1
    assert strategies[1].told[0].judgement is Judgement.ACCEPTED
    assert portfolio.notes[1].startswith("given: 1 wrong; nothing more to propose")


def test_strategies_are_tried_in_this_order() -> None:
    own = ["examples", "instantiation", "invariants", "conjunctions", "constants", "linear", "refinement"]
    own += ["every", "joint", "stream"]
    assert [name for name in known_strategies() if name in own] == own


APART = """(set-logic LIA) (synth-fun f ((x Int)) Int) (synth-fun g ((x Int)) Int) (synth-fun h ((x Int)) Int)
    (declare-var a Int) (constraint (= (f 1) 2)) (constraint (= (f 3) 6))
    (constraint (= (g (h a)) (+ a 1))) (constraint (= (h a) (- a 1)))"""


def test_parts_are_found_each_by_itself(asked: list[tuple[str, ...]]) -> None:
    stated = specification(APART)
    assert [[function.name for function in part] for part in stated.parts] == [["f"], ["g", "h"]]
    portfolio = Portfolio.of(stated, Limits(20))
    found = next(portfolio.answers())
    assert found.strategy == "examples, linear"
    assert list(found.answer.bodies) == list(stated.functions)
    assert set(found.answer.derivations) == set(stated.functions)
    assert all(len(bodies) < 3 for bodies in asked)  # what is right apart is right together
    assert [note for note in portfolio.notes if note.startswith("f: ")] == []
    assert judged(stated, found.answer.bodies, Limits(20)).judgement is Judgement.ACCEPTED


def test_a_strategy_may_be_named_for_parts() -> None:
    """Refinement looks for one function at a time."""
    text = """(set-logic LIA) (synth-fun f ((x Int)) Int) (synth-fun g ((x Int)) Int) (declare-var a Int)
        (constraint (> (f a) a)) (constraint (= (g a) (g (- a)))) (constraint (> (g a) 0))"""
    found, portfolio = answer_of(text, "refinement")
    assert found is not None
    assert found.strategy == "refinement"
    assert any(note.startswith("parts: 1 accepted") for note in portfolio.notes)
    assert "refinement" in usable_strategies(specification(text))
    with pytest.raises(OptionError, match=r"'instantiation' can do nothing .* use auto, linear, refinement"):
        Portfolio.of(specification(text), Limits(1), "instantiation")


def test_parts_together_may_be_too_large() -> None:
    text = """(set-logic LIA) (synth-fun f ((x Int)) Int) (synth-fun g ((y Int)) Int) (declare-var a Int)
        (constraint (= (f a) (+ a 1))) (constraint (= (g a) (- a 1)))"""
    portfolio = Portfolio.of(specification(text), Limits(20, size=5))
    assert list(portfolio.answers()) == []
    assert "parts: 1 larger or deeper than allowed; nothing more to propose" in "\n".join(portfolio.notes)


def test_a_part_that_has_no_answer() -> None:
    text = f"{APART} (constraint (= (f 1) 3))"
    found, portfolio = answer_of(text)
    assert found is None
    assert portfolio.infeasible == "the examples ask for both 2 and 3 at (1,)"
    assert any(note.startswith("f: proved infeasible: the examples") for note in portfolio.notes)
    assert any(note.startswith("parts: no candidates; proved infeasible: the examples") for note in portfolio.notes)


SUM = """(set-logic LIA) (synth-fun f ((x Int) (y Int)) Int) (declare-var a Int) (declare-var b Int)
    (constraint (= (f a b) (+ b a)))"""


def test_a_strangers_strategy_is_used() -> None:
    for choice in ("strangers:Sums", strangers.Sums()):
        portfolio = Portfolio.of(specification(SUM), Limits(10), choice)
        found = next(portfolio.answers())
        assert found.strategy == "sums"
        assert found.answer.size == 3
    text = "(set-logic BV) (synth-fun f ((x Bool)) Bool) (declare-var a Bool) (constraint (= (f a) a))"
    with pytest.raises(OptionError, match="'sums' can do nothing for this problem; use auto"):
        Portfolio.of(specification(text), Limits(1), "strangers:Sums")


@pytest.mark.parametrize("name", strangers.BAD)
def test_what_breaks_the_contract_is_one_clear_error(name: str) -> None:
    with pytest.raises(OptionError) as caught:
        list(Portfolio.of(specification(SUM), Limits(10), f"strangers:{name}").answers())
    assert strangers.BAD[name] in str(caught.value)
    assert "\n" not in str(caught.value)


def test_modules_that_there_are_not() -> None:
    with pytest.raises(OptionError, match="--strategy: there is no module 'nowhere' to import for 'nowhere:Mine'"):
        find_strategy("nowhere:Mine")


Package = Callable[[str, Sequence[str]], None]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Package]:
    """Installs a package that offers strategies, for one test."""

    def install(code: str, offered: Sequence[str]) -> None:
        (tmp_path / "offered_strategies.py").write_text(code, encoding="utf-8")
        info = tmp_path / "offered_strategies-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: offered-strategies\nVersion: 1\n")
        lines = [f"{name} = offered_strategies:{name}" for name in offered]
        (info / "entry_points.txt").write_text("\n".join(["[sycam_sygus.strategies]", *lines, ""]))
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.delitem(sys.modules, "offered_strategies", raising=False)
        known_strategies.cache_clear()

    yield install
    monkeypatch.undo()
    known_strategies.cache_clear()


OFFERED = """
from strangers import Sums
class Early(Sums):
    name, turn = "early", 0
class Taken(Sums):
    name = "joint"
class Auto(Sums):
    name = "auto"
"""


def test_an_entry_point_brings_a_strategy(package: Package) -> None:
    package(OFFERED, ["Early"])
    assert next(iter(known_strategies())) == "early"
    found = next(Portfolio.of(specification(SUM), Limits(10)).answers())
    assert found.strategy == "early"
    assert usable_strategies(specification(SUM)) == ["early", "instantiation", "refinement", "stream"]


@pytest.mark.parametrize(
    ("code", "offered", "message"),
    [
        (OFFERED, "Taken", "the strategy of the entry point 'Taken' is named 'joint', which means another"),
        (OFFERED, "Auto", "the strategy of the entry point 'Auto' is named 'auto', which means another"),
        (OFFERED, "Missing", "the strategy of the entry point 'Missing' does not load: AttributeError"),
        ("import absent", "Early", "the strategy of the entry point 'Early' does not load: ModuleNotFoundError"),
        ("Early = 3", "Early", "the strategy of the entry point 'Early' is no class derived from"),
    ],
)
def test_a_broken_package_is_one_clear_error(package: Package, code: str, offered: str, message: str) -> None:
    package(code, [offered])
    with pytest.raises(OptionError) as caught:
        Portfolio.of(specification(SUM), Limits(10))
    assert message in str(caught.value)
    assert "offers offered_strategies:" in str(caught.value)


def test_further_answers_come_from_what_has_them_by_size() -> None:
    portfolio = Portfolio.of(specification(SUM), Limits(20), further=True)
    assert [strategy.name for strategy in portfolio.strategies] == ["stream"]
    sizes = [found.answer.size for found in itertools.islice(portfolio.answers(), 4)]
    assert sizes == sorted(sizes)
