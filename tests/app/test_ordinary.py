"""``sygus.solve`` on ordinary problems: what the command line prints, as a result that computes."""

from __future__ import annotations

import dataclasses
import logging
import subprocess
import sys
import threading
import time
from itertools import combinations, islice, product
from pathlib import Path
from typing import Any

import pytest
import z3
from click.testing import CliRunner

import sygus
from solvers.cegis import peer
from solvers.cegis.answer import Verdict
from solvers.cegis.limits import Limits
from solvers.cegis.logic.verifier import check
from solvers.cegis.portfolio import Portfolio
from solvers.cegis.specification import Bodies, Specification
from sygus.app.cli import main
from sygus.app.ordinary import Certificate, OrdinaryResult
from sygus.errors import OptionError, SourceError
from sygus.language.terms import leaf

MAXIMUM = """(set-logic LIA)
(synth-fun f ((x Int) (y Int)) Int ((I Int) (B Bool)) ((I Int (x y 0 (+ I I) (ite B I I))) (B Bool ((<= I I)))))
(declare-var a Int)
(declare-var b Int)
(constraint (>= (f a b) a))
(constraint (>= (f a b) b))
(constraint (or (= (f a b) a) (= (f a b) b)))
(check-synth)
"""
TWO = """(set-logic LIA)
(synth-fun g ((x Int)) Int)
(synth-fun f ((x Int)) Int)
(declare-var a Int)
(constraint (= (+ (f a) (g a)) (+ a 1)))
(constraint (= (f a) (- a 2)))
(check-synth)
"""
CONTRADICTION = """(set-logic PBE_BV)
(synth-fun f ((x (_ BitVec 8))) (_ BitVec 8) ((S (_ BitVec 8))) ((S (_ BitVec 8) (x #x01 (bvnot S)))))
(constraint (= (f #x01) #x02))
(constraint (= (f #x01) #x08))
(check-synth)
"""
ONE_CONSTANT = """(set-logic LIA) (synth-fun f ((x Int)) Int ((I Int)) ((I Int ((Constant Int)))))
(set-option :constants "1 2") (constraint (> (f 1) 900)) (check-synth)
"""
HARD = MAXIMUM.replace("(ite B I I)", "(- I I)").replace("((<= I I))", "((<= I I) true)")


def solved(text: str | Path, **options: Any) -> OrdinaryResult:
    result = sygus.solve(text, **({"time": 20} | options))
    assert isinstance(result, OrdinaryResult)
    return result


def test_the_answer_is_that_of_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "max.sl"
    path.write_text(MAXIMUM)
    printed = CliRunner().invoke(main, [str(path), "--time", "20"])
    result = solved(path)
    assert f"{result.answer}\n" == f"{result}\n" == printed.stdout
    assert f"{result.strategy}: {result.size} nodes after" in printed.stderr
    assert solved(MAXIMUM).answer == result.answer  # the text itself
    assert (result.status, result.found) == (sygus.Status.SOLVED, True)
    assert 0 < result.seconds < 20
    assert any("accepted" in note for note in result.notes)


def test_the_questions_before_the_last_are_kept() -> None:
    text = """(set-logic LIA) (synth-fun f ((x Int)) Int) (declare-var x Int) (constraint (> (f x) x)) (check-synth)
        (constraint (> (f x) 9)) (check-synth) (constraint (< (f x) 9)) (check-synth)"""
    result = solved(text)
    assert result.answer == "infeasible"
    first, second = result.earlier
    assert first.function(3) == 4
    assert second.function(3) > 9
    assert (first.earlier, len(second.problem.constraints)) == ((), 2)


def test_functions_compute() -> None:
    result = solved(MAXIMUM)
    assert list(result.functions) == ["f"]
    for x, y in product((-(2**70), -1, 0, 5, 2**70), repeat=2):
        assert result.function(x, y) == max(x, y)
    assert result.function.text in result.answer
    assert result.function.derived_by.splitlines()[0] == "(ite B I I)"
    assert result.size == result.function.size == result.function.term.size


def test_several_functions_are_found_by_name() -> None:
    result = solved(TWO)
    assert list(result.functions) == ["g", "f"]
    f, g = result.functions["f"], result.functions["g"]
    assert result.function is g
    assert all((f(a), f(a) + g(a)) == (a - 2, a + 1) for a in (-3, 0, 9))
    assert result.size == f.size + g.size


def test_a_result_does_not_change() -> None:
    result = solved(MAXIMUM)
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.status = sygus.Status.FAIL  # type: ignore[misc]
    with pytest.raises(TypeError):
        result.functions["g"] = result.function  # type: ignore[index]
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.function.term = None  # type: ignore[misc, assignment]


@pytest.mark.parametrize(
    ("text", "options", "status", "answer", "reason"),
    [
        (CONTRADICTION, {}, "infeasible", "infeasible", "the examples ask for both 2 and 8"),
        (ONE_CONSTANT, {"strategy": "refinement"}, "fail", "fail", None),
        (HARD, {"strategy": "refinement", "time": 0.6}, "spent", "fail", None),
    ],
)
def test_problems_without_an_answer(
    text: str, options: dict[str, Any], status: str, answer: str, reason: str | None
) -> None:
    result = solved(text, **options)
    assert (result.status, result.answer, result.found) == (status, answer, False)
    assert (result.best, result.size, result.strategy, dict(result.functions)) == (None, None, None, {})
    assert not result.certified
    assert result.certificate is None
    assert result.reason is None if reason is None else reason in str(result.reason)
    assert result.seconds > 0
    with pytest.raises(OptionError, match=f"the search found no function: {reason or status}"):
        result.function  # noqa: B018 - the property raises


def test_limits_are_kept() -> None:
    assert solved(MAXIMUM, size=5).status in ("infeasible", "fail")
    assert solved(MAXIMUM, size=6).size == 6
    assert not solved(MAXIMUM, depth=2).found
    assert solved(MAXIMUM, strategy="refinement").strategy == "refinement"


def test_a_second_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer, "is_installed", lambda: False)
    result, plain = solved(MAXIMUM, certify=True), solved(MAXIMUM)
    assert (result.certified, plain.certified) == (True, False)
    assert result.certificate == Certificate(("Z3",), read_back=True)
    assert str(result.certificate) == "read back, derived from the grammar, and proved by Z3"
    assert str(plain.certificate) == "derived from the grammar, and proved by Z3"
    assert next(solved(MAXIMUM, certify=True).answers()).certificate == result.certificate


def test_results_say_in_a_line_what_they_are() -> None:
    result = solved(MAXIMUM)
    line = f"{result.function.text} by {result.strategy}, 6 nodes after {result.seconds:.2f} s"
    assert (repr(result), repr(result.best)) == (f"OrdinaryResult(solved: {line})", f"OrdinaryAnswer({line})")
    assert repr(solved(CONTRADICTION)).startswith("OrdinaryResult(infeasible: the examples ask for both 2 and 8")
    assert repr(solved(ONE_CONSTANT, strategy="refinement")) == "OrdinaryResult(fail)"


def test_a_second_look_has_the_time_that_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[float] = []

    def checked(stated: Specification, bodies: Bodies, limits: Limits) -> Verdict:
        given.append(limits.seconds)
        return check(stated, bodies, limits)

    monkeypatch.setattr("sygus.app.ordinary.check", checked)
    result = solved(MAXIMUM, certify=True, time=20)
    assert [2.0 <= seconds <= 20 - result.seconds for seconds in given] == [True]


def test_what_a_second_look_refuses_is_no_answer(monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    monkeypatch.setattr(
        "sygus.app.ordinary.load_answer",
        lambda problem, *_: {problem.target.function: leaf(problem.target.function.parameters[0])},
    )
    result = solved(MAXIMUM, certify=True, time=3)
    assert not result.found
    assert result.warnings == ("an answer is left out, for on a second look it is wrong",)
    assert result.warnings[0] in caplog.messages
    assert list(islice(result.answers(), 1)) == []


UPPER = """(set-logic LIA)
(synth-fun f ((x Int) (y Int)) Int)
(declare-var a Int)
(declare-var b Int)
(constraint (>= (f a b) a))
(constraint (>= (f a b) b))
(check-synth)
"""
"""Any upper bound of two numbers, of which the maximum is one."""


def test_further_answers_are_those_of_next(tmp_path: Path) -> None:
    path = tmp_path / "upper.sl"
    path.write_text(UPPER)
    printed = CliRunner().invoke(main, [str(path), "--time", "20", "--next", "4"]).stdout
    further = solved(UPPER).answers()
    found = list(islice(further, 4))
    assert "".join(f"{answer}\n" for answer in found) == printed
    assert [answer.size for answer in found] == sorted(answer.size for answer in found)
    assert further.count == 4
    assert all(answer.function(x, y) >= max(x, y) for answer in found for x in range(-3, 4) for y in range(-3, 4))


def test_any_two_further_answers_are_different_functions() -> None:
    """Proved by Z3 without our code: it finds a point at which they differ."""
    found = list(islice(solved(UPPER).answers(), 6))
    constants = "(declare-const x Int) (declare-const y Int)"
    for one, other in combinations([str(answer)[1:-1] for answer in found], 2):
        solver = z3.Solver()
        renamed = other.replace("define-fun f ", "define-fun g ")
        solver.from_string(f"{constants} {one} {renamed} (assert (distinct (f x y) (g x y)))")
        assert solver.check() == z3.sat


def test_the_only_function_is_given_once() -> None:
    further = solved(MAXIMUM).answers()
    start = time.monotonic()
    assert len(list(further)) == 1
    assert time.monotonic() - start < 10  # of 20 s: that there is no other is proved, not awaited
    assert (further.status, further.count, further.determined) == ("solved", 1, True)
    assert any("no other function is right" in note for note in further.notes)


def test_further_answers_end_where_there_are_no_more() -> None:
    grammar = "((S Int) (I Int)) ((S Int ((ite (<= I I) I I))) (I Int (x y)))"
    lines = UPPER.splitlines()
    text = "\n".join([lines[0], f"(synth-fun f ((x Int) (y Int)) Int {grammar})", *lines[2:]])
    further = solved(text).answers()
    assert len(list(further)) == 1  # the maximum, spelled in two ways
    assert (further.status, further.count) == ("solved", 1)
    assert any("nothing more to propose" in note for note in further.notes)
    assert "left out, as Z3 proves that they behave like one that was given: 1" in further.notes
    none = solved(CONTRADICTION).answers()
    assert list(none) == []
    assert (none.status, none.count) == ("infeasible", 0)  # proved by a strategy that does not enumerate


def test_nothing_is_searched_while_nobody_asks() -> None:
    """A generator that is left alone keeps no thread, and interrupts no other use of Z3 when its time is over."""
    result = solved(MAXIMUM, time=1.0)
    before = threading.active_count()
    further = result.answers()
    assert further.count == 0
    next(further)
    assert threading.active_count() == before
    time.sleep(1.2)
    solver, x = z3.Solver(), z3.Int("x")
    solver.add(x * x == 49, x > 0)
    assert solver.check() == z3.sat
    assert list(further) == []


@pytest.mark.parametrize("first", [True, False])
def test_an_interrupt_gives_the_best_so_far(first: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Portfolio.answers

    def stopped(self: Portfolio) -> Any:
        if first:
            yield next(found(self))
        raise KeyboardInterrupt

    monkeypatch.setattr(Portfolio, "answers", stopped)
    result = solved(MAXIMUM)
    assert (result.status, result.found, result.warnings) == ("interrupted", first, ("interrupted",))
    assert result.answer.startswith("(\n(define-fun f" if first else "fail")


def test_an_interrupt_of_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Portfolio.answers

    def stopped(self: Portfolio) -> Any:
        yield next(found(self))
        raise KeyboardInterrupt

    path = tmp_path / "max.sl"
    monkeypatch.setattr(Portfolio, "answers", stopped)
    for text, options in ((MAXIMUM, ()), (UPPER, ("--next", "2"))):
        path.write_text(text)
        result = CliRunner().invoke(main, [str(path), "--quiet", *options])
        assert (result.exit_code, result.stderr) == (130, "interrupted\n")
        assert result.stdout.count("define-fun f") == 1


def test_notes_go_to_the_logger(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "sygus")
    result = solved(MAXIMUM)
    assert set(result.notes) <= set(caplog.messages)


def test_objectives_have_values() -> None:
    result = solved(
        "(set-logic LIA) (synth-fun f () Int) (constraint (> (* 2 f) 7)) (optimize-synth (f))", certify=True
    )
    assert result.best is not None
    assert (result.optimal, result.certified, result.best.values) == (True, True, (4,))
    assert result.answer == result.printed == "(\n(4)\n(define-fun f () Int 4)\n)"
    with pytest.raises(OptionError, match="not available with objectives and weights"):
        result.answers()


def test_the_pareto_set_comes_with_the_answer() -> None:
    text = "(set-logic LIA) (synth-fun f () Int) (constraint (<= 0 f 1)) (optimize-synth (f (! f :max)))"
    result = solved(text)
    assert [other.values for other in result.others] == [(1, 1)]
    assert result.complete
    first, second, *rest = result.printed.splitlines()
    assert (first, second) == (
        "; of the Pareto set, complete, also",
        "; ( (1 1) (define-fun f () Int 1) )",
    )
    assert "\n".join(rest) == result.answer


def test_what_is_not_proved_to_be_the_best_is_said_to_be_cut() -> None:
    result = solved("(set-logic LIA) (synth-fun f () Int) (optimize-synth ((! f :max)))", time=2)
    assert result.optimal is False
    assert result.printed.startswith("; cut: not proved to be the best in 2 s; with more time there may be a better")


ENDING = """(set-logic LIA) (define-fun-rec s ((n Int)) Int (ite (<= n 0) 0 (+ n (s (- n 1)))))
    (synth-fun f ((x Int)) Int ((I Int)) ((I Int (0 1 2 x)))) (constraint (>= (s (f 3)) 1)) (optimize-synth ((f 3)))"""
GROWING = """(set-logic LIA) (synth-fun f ((x Int)) Int ((I Int)) ((I Int (1 x (+ I I)))))
    (optimize-synth ((! (f 3) :max)))"""


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        (ENDING, {}, "though nothing is left to try; more time changes nothing"),
        (GROWING, {"size": 5}, "though nothing is left to try; with a larger --size there may be a better answer"),
        (GROWING, {"depth": 2, "size": 9}, "; with a larger --size or a larger --depth there may be a better answer"),
        (GROWING, {"time": 2}, " in 2 s; with more time there may be a better answer"),
    ],
)
def test_more_time_is_asked_for_only_where_it_may_help(text: str, options: dict[str, Any], said: str) -> None:
    result = solved(text, **{"time": 60, **options})
    assert result.optimal is False
    assert result.printed.startswith("; cut: not proved to be the best")
    assert result.printed.splitlines()[0].endswith(said)


def test_an_optimum_that_is_proved_is_not_cut() -> None:
    assert solved(ENDING.replace("(>= (s (f 3)) 1)", "(>= (f 3) 1)")).cut == ""


def test_a_search_for_an_optimum_that_ends_without_an_answer_has_failed_and_is_not_out_of_time() -> None:
    text = ENDING.replace("(s (f 3)) 1)", "(s (f 3)) 9)").replace("((f 3)))", "((_ weight f)))")
    assert (
        solved(text.replace("(set-logic LIA)", "(set-logic LIA) (set-feature :weights true)"), time=60).status == "fail"
    )


def test_what_is_not_answered_shows_its_place() -> None:
    with pytest.raises(SourceError, match=r"text:2:34: unknown symbol 'y'"):
        solved("(set-logic LIA)\n(define-fun f ((x Int)) Int (+ x y)) (check-synth)")
    for empty in ("", "  "):
        with pytest.raises(OptionError, match=r"solve: file is '.*'; give a path"):
            sygus.solve(empty)


def test_external_oracles_are_asked_where_they_may(tmp_path: Path) -> None:
    program = tmp_path / "double"
    program.write_text(f"#!{sys.executable}\nimport sys\nprint(f'({{2 * int(sys.argv[1])}})')")
    program.chmod(0o755)
    text = f"""(set-logic LIA) (set-feature :oracles true)
        (declare-oracle-fun double (Int) Int |{program}|)
        (synth-fun f ((x Int)) Int ((I Int)) ((I Int (x 0 1 (+ I I)))))
        (constraint (= (f 3) (double 3))) (constraint (= (f 4) (double 4))) (check-synth)"""
    with pytest.raises(SourceError, match="would have to be asked"):
        solved(text)
    result = solved(text, allow_external_oracles=True)
    assert [result.function(x) for x in (3, 4)] == [6, 8]
    assert result.notes == ("the oracles were asked 2 times",)
    with pytest.raises(OptionError, match="not available with external oracles"):
        result.answers()


@pytest.mark.parametrize("asked", ["(>= (f x) x)", "(= (f 1) 2)"])
def test_what_a_problem_does_not_need_is_not_imported(asked: str) -> None:
    problem = f"(set-logic LIA) (synth-fun f ((x Int)) Int) (declare-var x Int) (constraint {asked}) (check-synth)"
    program = f"import sys, sygus; assert sygus.solve({problem!r}).found; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(found.stdout.split())
    assert "solvers.cegis.strategies.examples" in loaded
    assert not {"numpy.ma", "subprocess", "difflib"} & loaded
    assert not {f"solvers.cegis.{name}" for name in ("modulo", "optimum", "peer")} & loaded
    assert not any(name.startswith("sygus.oracles") for name in loaded)


def test_neither_torch_nor_sympy_is_imported() -> None:
    """Importing them takes longer than most problems."""
    program = f"""import sys, sygus
result = sygus.solve({MAXIMUM!r}, time=20, certify=True)
assert result.function(3, 5) == 5
assert next(result.answers()).certified
assert not {{"torch", "sympy", "scipy", "matplotlib", "rich"}} & set(sys.modules), "heavy import"
assert not any(name.startswith(("solvers.cam", "sygus.saliency")) for name in sys.modules)"""
    subprocess.run([sys.executable, "-c", program], check=True)
