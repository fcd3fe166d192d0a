"""cvc5 as a strategy and as a second verifier: what it says is judged, and whatever it does, the search goes on."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

import sygus
from ordinary import answer_of, specification
from solvers.cegis import peer
from solvers.cegis.limits import Limits
from solvers.cegis.peer import Opinion, claim_text, opinion, problem_text
from solvers.cegis.portfolio import Portfolio, usable_strategies
from solvers.cegis.strategies.cvc5 import Cvc5
from sygus.app.cli import main
from sygus.errors import OptionError
from sygus.language.elaborate import load_answer

installed = pytest.mark.skipif(not peer.is_installed(), reason="cvc5 is not installed (the extra cvc5)")

MAXIMUM = """(set-logic LIA) (synth-fun f ((x Int) (y Int)) Int) (declare-var x Int) (declare-var y Int)
    (constraint (>= (f x y) x)) (constraint (>= (f x y) y)) (constraint (or (= (f x y) x) (= (f x y) y)))"""
UNREAD = "cvc5: no candidates; cvc5's answer cannot be read here: "
LARGER = "((define-fun f ((x Int) (y Int)) Int (ite (<= x y) y x)))"
PAIR = """(set-logic ALL) (declare-datatype Pair ((pair (first Int) (second Int)))) (declare-sort |a sort| 0)
    (synth-fun f ((p Pair)) Pair ((S Pair) (I Int)) ((S Pair (p (pair I I))) (I Int ((first S) (second S)))))
    (synth-fun g ((u |a sort|)) |a sort| ((U |a sort|)) ((U |a sort| (u))))
    (declare-var q Pair) (declare-var |let 0| |a sort|)
    (constraint (= (first (f q)) (second q))) (constraint (= (second (f q)) (first q)))
    (constraint (= (g |let 0|) |let 0|))"""
SWAPPED = "((define-fun f ((p Pair)) Pair (pair (second p) (first p))) (define-fun g ((u |a sort|)) |a sort| u))"


@installed
@pytest.mark.parametrize(
    "text",
    [
        MAXIMUM,
        PAIR,
        """(set-logic LIA) (define-fun |my twice| ((n Int)) Int (+ n n)) (define-fun one () Int 1)
        (synth-fun |f'| ((v0 Int)) Int ((S Int)) ((S Int (v0 one (|my twice| S) (+ S S)))))
        (declare-var v1 Int) (constraint (= (|f'| v1) (+ v1 (+ v1 1))))""",
        '(set-logic SLIA) (synth-fun f ((s String)) String ((S String)) ((S String (s "\\u{e9}""" "!" (str.++ S S)))))'
        '(constraint (= (f "a") "a\\u{e9}"""))',
        """(set-logic LRA) (synth-fun f ((x Real)) Real ((R Real)) ((R Real (x 0.5 (Constant Real) (+ R R)))))
        (declare-var x Real) (constraint (= (f x) (+ x 1.25)))""",
        """(set-logic ALL) (synth-fun f ((a (Array Int Int)) (i Int)) (Array Int Int)
        ((A (Array Int Int)) (I Int)) ((A (Array Int Int) (a (store A I I))) (I Int (0 1 i (select A I)))))
        (declare-var a (Array Int Int)) (declare-var i Int) (constraint (= (select (f a i) i) (select a 1)))
        (constraint (forall ((j Int)) (=> (distinct i j) (= (select (f a i) j) (select a j)))))""",
    ],
)
def test_its_answers_are_read_and_judged(text: str) -> None:
    found, portfolio = answer_of(text, "cvc5", seconds=60.0)
    assert found is not None, portfolio.notes
    assert found.strategy == "cvc5"
    read = load_answer(portfolio.specification.problem, found.answer.text, "answer")
    assert opinion(specification(text), read, Limits(60.0)) == Opinion(agrees=True)


@installed
def test_without_a_grammar_any_term_of_the_logic_will_do() -> None:
    result = sygus.solve(f"{MAXIMUM} (check-synth)", strategy="cvc5", time=60, certify=True)
    assert isinstance(result, sygus.OrdinaryResult)
    assert [result.function(3, 5), result.function(-1, -2)] == [5, -1]
    assert result.certificate is not None
    assert result.certificate.verifiers == ("Z3", "cvc5")
    assert str(result.certificate) == "read back, derived from the grammar, and proved by Z3 and cvc5"


@installed
def test_it_refutes_what_is_wrong() -> None:
    for text, wrong in (
        (MAXIMUM, LARGER.replace("y x)", "x y)")),
        (PAIR, SWAPPED.replace("(second p) (first p)", "(first p) (second p)")),
    ):
        asked = specification(text)
        assert opinion(asked, load_answer(asked.problem, wrong, "answer"), Limits(60.0)) == Opinion(agrees=False)


@installed
def test_further_answers_come_when_they_are_asked_for() -> None:
    text = "(set-logic NIA) (synth-fun f ((x Int)) Int) (declare-var x Int) (constraint (> (f x) x))"
    portfolio = Portfolio.of(specification(text), Limits(60.0), "cvc5")
    answers = portfolio.answers()
    found = [next(answers).answer for _ in range(2)]
    answers.close()
    assert found[0].text != found[1].text


@installed
def test_what_a_file_asks_of_its_solver_does_not_reach_it(tmp_path: Path) -> None:
    """cvc5 writes files where options say so."""
    spied = tmp_path / "spied"
    text = f'(set-logic LIA) (set-option :regular-output-channel "{spied}") {MAXIMUM.removeprefix("(set-logic LIA)")}'
    found, portfolio = answer_of(text, "cvc5", seconds=60.0)
    assert found is not None
    assert not spied.exists()
    assert "set-option" not in problem_text(portfolio.specification)


def test_what_is_shared_is_written_once() -> None:
    """Written out, this term has 2⁶⁰ leaves."""
    doubled = "".join(f"(define-fun d{i + 1} ((n Int)) Int (d{i} (+ n n)))" for i in range(60))
    text = f"""(set-logic LIA) (define-fun d0 ((n Int)) Int n) {doubled}
        (synth-fun f ((x Int)) Int) (declare-var x Int) (constraint (= (f x) (d60 x)))"""
    assert len(problem_text(specification(text))) < 10_000


def test_bound_variables_are_not_those_around_them() -> None:
    text = """(set-logic LIA) (define-fun above ((n Int)) Bool (exists ((x Int)) (> x n)))
        (synth-fun f ((x Int)) Int) (declare-var x Int) (constraint (and (above x) (= (f x) x)))"""
    asked = specification(text)
    claim = claim_text(asked, load_answer(asked.problem, "((define-fun f ((x Int)) Int x))", "answer"))
    assert "(and true (exists ((v1 Int)) (> v1 v0)) (= (f v0) v0))" in claim


@pytest.fixture
def played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A program in the place of cvc5's, with ``say`` to answer the next request."""

    def play(program: str) -> None:
        path = tmp_path / "played.py"
        path.write_text(
            "import json, sys, time\n"
            "def say(text):\n    next(sys.stdin)\n    print(json.dumps({'printed': text}), flush=True)\n" + program
        )
        monkeypatch.setattr(peer, "_PROGRAM", path)
        monkeypatch.setattr(peer, "PACKAGE", "json")

    return play


@pytest.mark.parametrize(
    ("program", "note"),
    [
        ("say('((define-fun f ((x Int) (y Int)) Int x))')", "cvc5: 1 wrong; cvc5 ended without an answer"),
        (
            "say('((define-fun f ((x Int) (y Int)) Int (sin x)))')",
            UNREAD,
        ),
        ("say('((define-fun g () Int 1))')", "'g' is not asked for"),
        ("say('(((')", UNREAD),
        ("say('infeasible')", "cvc5: no candidates; cvc5 says that there is no answer, which is not proved here"),
        ("say('fail')", "cvc5: no candidates; nothing more to propose"),
        ("say('unknown')", UNREAD),
        ("print('nonsense', flush=True)\nnext(sys.stdin)", "cvc5: no candidates; cvc5 ended without an answer"),
        ("import os\nos.abort()", "cvc5: no candidates; cvc5 ended without an answer"),
        ("next(sys.stdin)\nprint(json.dumps({'error': 'no such logic'}))", "cvc5: no candidates; cvc5 says: no such"),
    ],
)
def test_whatever_it_says_the_search_goes_on(played: Callable[[str], None], program: str, note: str) -> None:
    played(program)
    portfolio = Portfolio.of(specification(MAXIMUM), Limits(30.0), "cvc5")
    assert list(portfolio.answers()) == []
    assert portfolio.infeasible is None
    assert note in portfolio.notes[-1]


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 20_000])
def test_what_goes_on_beside_it_does_not_wait_for_it(played: Callable[[str], None], count: int) -> None:
    """It pauses while there is no answer, and while a text larger than any buffer is not read."""
    played("time.sleep(600)")
    stated = specification(MAXIMUM + " ".join(f"(constraint (distinct (f {n} {n}) {n + 1}))" for n in range(count)))
    with closing(Cvc5().propose(stated, Limits(30.0))) as proposals:
        assert next(proposals) is None
        began = time.monotonic()
        assert [next(proposals) for _ in range(10)] == [None] * 10
        assert time.monotonic() - began < 5


def test_it_is_ended_with_the_time(played: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def noted(*given: object, **named: object) -> subprocess.Popen[bytes]:
        started.append(popen(*given, **named))  # type: ignore[call-overload]
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", noted)
    played("time.sleep(600)")
    portfolio = Portfolio.of(specification(MAXIMUM), Limits(0.5), "cvc5")
    began = time.monotonic()
    assert list(portfolio.answers()) == []
    assert time.monotonic() - began < 10
    assert portfolio.out_of_time
    assert [process.poll() is not None for process in started] == [True]


@pytest.mark.parametrize(
    ("program", "verifiers", "remark"),
    [
        ("say('unsat')", ("Z3", "cvc5"), ""),
        ("say('unknown')", ("Z3",), "cvc5 could not decide it"),
        ("pass", ("Z3",), "cvc5 ended without an answer"),
    ],
)
def test_a_certificate_says_who_agrees(
    played: Callable[[str], None], program: str, verifiers: tuple[str, ...], remark: str, tmp_path: Path
) -> None:
    played(program)
    result = sygus.solve(f"{MAXIMUM} (check-synth)", time=30, certify=True)
    assert isinstance(result, sygus.OrdinaryResult)
    assert result.certificate is not None
    assert (result.certificate.verifiers, result.certificate.remark) == (verifiers, remark)
    path = tmp_path / "max.sl"
    path.write_text(f"{MAXIMUM} (check-synth)")
    printed = CliRunner().invoke(main, [str(path), "--time", "30", "--certify"])
    assert f"certified: {result.certificate}\n" in printed.stderr
    assert str(result.certificate).startswith("read back, derived from the grammar, and proved by Z3")


def test_what_it_refutes_is_no_answer(played: Callable[[str], None]) -> None:
    played("say('sat')")
    result = sygus.solve(f"{MAXIMUM} (check-synth)", time=30, certify=True)
    assert isinstance(result, sygus.OrdinaryResult)
    assert (result.found, result.answer) == (False, "fail")
    assert result.warnings == (
        "an answer is left out, for cvc5 finds it wrong, though Z3 finds it right: one of the two is mistaken",
    )


def test_where_it_is_not_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(peer, "PACKAGE", "not_installed_anywhere")
    with pytest.raises(OptionError, match="what 'cvc5' needs is not installed; pip install"):
        Portfolio.of(specification(MAXIMUM), Limits(1.0), "cvc5")
    path = tmp_path / "max.sl"
    path.write_text(f"{MAXIMUM} (check-synth)")
    refused = CliRunner().invoke(main, [str(path), "--strategy", "cvc5"])
    assert refused.exit_code == 2
    assert "is not installed; pip install" in refused.stderr
    certified = CliRunner().invoke(main, [str(path), "--time", "30", "--certify"])
    assert "proved by Z3\n" in certified.stderr


def test_it_is_used_only_where_it_is_named(played: Callable[[str], None]) -> None:
    played("say('fail')")
    assert "cvc5" not in usable_strategies(specification(MAXIMUM))
    _, portfolio = answer_of(MAXIMUM)
    assert "cvc5" not in [strategy.name for strategy in portfolio.strategies]
