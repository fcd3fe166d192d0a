"""Terms of thousands of levels, and of thousands of parts, go through every command: no walk over them recurses."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from big_texts import MANY, OF_STRINGS, SMALL, each, nested, problem, words
from solvers.cam.grammar_statistics import GrammarStatistics
from solvers.cam.hazards import MOST_DIVISIONS, hazards
from solvers.cegis.limits import Limits
from solvers.cegis.logic.construction import Construction
from solvers.cegis.logic.fitting import Fitter
from solvers.cegis.specification import Specification
from sygus.app.cli import main
from sygus.language.elaborate import load_problem
from sygus.language.text import term_text
from sygus.oracles.safety import LARGEST, SafetyOracle

DEEP = 2000

ONE_MORE = "(synth-fun f ((x Int)) Int ((I Int)) ((I Int (x (+ I 1)))))"
V, B = "(declare-var v Int)", "(declare-var v (_ BitVec 8))"
LISTS = "(declare-datatype L ((nil) (cons (hd Int) (tl L))))"
GUARDED = (
    "(synth-fun f ((x Int)) Int ((I Int) (B Bool)) ((I Int (x 0 1 (+ I I) (ite B I I))) (B Bool ((> I I) (not B)))))"
)
TURNS = "".join(f"(and (> v {level}) (or (< v {level}) " for level in range(DEEP // 2))
ADDED, NEGATED = nested(DEEP, "(+ 1 ", "I"), nested(DEEP, "(not ", "B")
SUMS, NOTS = f"((I Int (x {ADDED})))", f"((B Bool ({NEGATED} (> I I))) (I Int (x 0)))"

ORDINARY = {
    "a sum": problem(V, f"(constraint (= (f v) {nested(DEEP, '(+ 1 ', 'v')}))"),
    "choices": problem(V, f"(constraint (= (f v) {nested(DEEP, '(ite (> v #) # ', 'v')}))", functions=GUARDED),
    "negations": problem(V, f"(constraint {nested(DEEP, '(not ', '(= (f v) v)')})"),
    "connectives in turn": problem(V, f"(constraint (not {TURNS}(= (f v) v){'))' * (DEEP // 2)}))"),
    "a negation of many parts": problem(V, f"(constraint (not (or {words(DEEP, '(> (f v) #)')})))"),
    "many premises": problem(V, f"(constraint (=> (and {words(DEEP, '(> v #)')}) (> (f v) v)))"),
    "the function in itself": problem(V, f"(constraint (= {nested(DEEP, '(f ', 'v')} v))", functions=SMALL),
    "a production": problem(V, "(constraint (= (f v) v))", functions=f"(synth-fun f ((x Int)) Int ((I Int)) {SUMS})"),
    "a production of negations": problem(
        V,
        "(constraint (= (f v) (> v 0)))",
        functions=f"(synth-fun f ((x Int)) Bool ((B Bool) (I Int)) {NOTS})",
    ),
    "strings": problem(
        f"(constraint (= (f {nested(DEEP, '(str.++ x ', 'x').replace('x', chr(34) * 2)}) 1))",
        logic="SLIA",
        functions=OF_STRINGS,
    ),
    "languages": problem(
        f'(constraint (= f (str.in_re "a" {nested(DEEP, "(re.comp (re.* (re.++ re.allchar ", "re.none", ")))")})))',
        logic="SLIA",
        functions="(synth-fun f () Bool)",
    ),
    "bit-vectors": problem(
        B,
        f"(constraint (= (f v) {nested(DEEP, '(bvnot ', 'v')}))",
        logic="BV",
        functions="(synth-fun f ((x (_ BitVec 8))) (_ BitVec 8))",
    ),
    "a list": problem(
        f"(constraint (= (f {nested(DEEP, '(cons # ', 'nil')}) 1))",
        logic="ALL",
        functions=f"{LISTS}(synth-fun f ((x L)) Int)",
    ),
    "a list to be made": problem(
        f"(constraint (= (f 0) {nested(DEEP, '(cons # ', 'nil')}))",
        logic="ALL",
        functions=f"{LISTS}(synth-fun f ((x Int)) L)",
    ),
    "parts of parts": problem(
        "(declare-var v L)",
        f"(constraint (=> ((_ is cons) {nested(DEEP, '(tl ', 'v')}) (= (f v) 1)))",
        logic="ALL",
        functions=f"{LISTS}(synth-fun f ((x L)) Int)",
    ),
    "arrays": problem(
        "(declare-var v (Array Int Int))",
        f"(constraint (= (f v) {nested(DEEP, '(store ', 'v', ' 1 2)')}))",
        logic="ALL",
        functions="(synth-fun f ((x (Array Int Int))) (Array Int Int))",
    ),
    "a Horn clause": problem(
        f"(chc-constraint ((x Int)) (p x) (p {nested(DEEP, '(+ 1 ', 'x')}))",
        functions="(synth-fun p ((x Int)) Bool)",
    ),
    "datatypes": problem(
        functions="(declare-datatype D0 ((n0)))"
        + "".join(f"(declare-datatype D{i} ((c{i} (s{i} D{i - 1}))))" for i in range(1, DEEP // 4))
        + f"(synth-fun f ((x D{DEEP // 4 - 1})) D{DEEP // 4 - 1})",
        logic="ALL",
    ),
    "many functions": problem(V, each(100, "(constraint (= (f# v) v))"), functions=each(100, MANY)),
}


def invoked(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def written(folder: Path, text: str, name: str = "deep.sl") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


@pytest.mark.slow
@pytest.mark.parametrize("text", ORDINARY.values(), ids=ORDINARY.keys())
def test_deep_problems_are_checked_and_looked_at(text: str, tmp_path: Path) -> None:
    file = written(tmp_path, text)
    checked = invoked("check", file)
    assert checked.exit_code == 0, checked.output
    solved = invoked(file, "--time", "4")
    assert solved.exit_code in (0, 3), (solved.output, solved.exception)


@pytest.mark.slow
@pytest.mark.parametrize(("off", "status"), [(0, 0), (1, 1)])
def test_a_deep_answer_is_verified(off: int, status: int, tmp_path: Path) -> None:
    file = written(tmp_path, problem(V, f"(constraint (= (f v) (+ v {DEEP})))"))
    answer = f"((define-fun f ((x Int)) Int {nested(DEEP + off, '(+ 1 ', 'x')}))"
    result = invoked("verify", file, written(tmp_path, answer, "answer.sl"))
    assert result.exit_code == status, (result.output, result.exception)


def test_a_deep_answer_is_found(tmp_path: Path) -> None:
    text = problem("(constraint (= (f 0) 500))", functions=ONE_MORE)
    result = invoked(written(tmp_path, text), "--time", "60")
    assert result.exit_code == 0, (result.output, result.exception)
    assert result.stdout.count("(+") == 500


def test_a_deep_term_is_fitted() -> None:
    macro = f"(define-fun g ((x Int)) Int {nested(DEEP, '(+ 1 ', 'x')})"
    stated = load_problem(problem(macro, V, "(constraint (= (f v) (g v)))", functions=ONE_MORE), "deep.sl")
    body = stated.constraints[0].arguments[1].head.body
    found = Fitter(Specification(stated), stated.targets[0], Limits(60)).fit(body)
    assert found is not None
    assert term_text(found) == nested(DEEP, "(+ ", "x", " 1)")


def test_of_many_parts_each_is_negated() -> None:
    stated = load_problem(problem(V, f"(constraint (and {words(DEEP, '(< v #)')}))"), "deep.sl")
    make = Construction(stated.theory)
    chained = make.conjunction(stated.constraints[0].arguments)
    negated = make.negation(chained)
    assert negated.size == chained.size
    assert make.negation(negated) is chained
    assert term_text(negated).startswith("(or (>= v 0) (or (>= v 1) (or")


CAM = """(set-logic CAM)
(set-feature :oracles true)
(declare-oracle-fun drop ((-> Map Weight)) Real average-drop)
(synth-fun w ((gradient Map)) Weight ((W Weight) (M Map)) ((W Weight ({} (gap M))) (M Map (gradient (+ M M)))))
(optimize-synth ((! (drop w) :min)))
"""
DIVIDED = nested(DEEP, "(/ 1 (+ 1 ", "gradient", "))")

IN_CAM = {
    "sums": f"(gap {nested(DEEP, '(+ gradient ', 'gradient')})",
    "divisions": f"(gap {DIVIDED})",
    "divisions by what is to be filled in": f"(gap (/ M {nested(7, '(+ M ', 'M')}))",
    "functions": f"(gap {nested(DEEP, '(relu ', 'M')})",
}


@pytest.mark.slow
@pytest.mark.parametrize("production", IN_CAM.values(), ids=IN_CAM.keys())
def test_deep_productions_of_cam_are_checked(production: str, tmp_path: Path) -> None:
    result = invoked("check", written(tmp_path, CAM.format(production), "deep.sy"))
    assert result.exit_code == 0, (result.output, result.exception)


@pytest.mark.slow
def test_denominators_that_are_looked_at_have_limits() -> None:
    grammar = load_problem(CAM.format(IN_CAM["divisions"]), "deep.sy").targets[0].grammar
    (found,) = hazards(grammar, SafetyOracle({}))
    assert found.denominators == MOST_DIVISIONS
    (large,) = (v.denominator for v in found.unsafe[-1:])
    assert large is not None
    assert large.size > LARGEST
    filled = load_problem(CAM.format(IN_CAM["divisions by what is to be filled in"]), "deep.sy").targets[0].grammar
    (found,) = hazards(filled, SafetyOracle({}))
    sizes = [verdict.denominator.size for verdict in found.unsafe if verdict.denominator]
    assert sizes == sorted(sizes)
    assert sizes[0] == 15


@pytest.mark.slow
@pytest.mark.parametrize("body", ["sums", "divisions"])
def test_deep_expressions_are_evaluated(body: str, tmp_path: Path) -> None:
    answer = written(tmp_path, f"(define-fun w ((gradient Map)) Weight {IN_CAM[body]})", "answer.sy")
    few = ("--search-images", "4", "--held-out-images", "4", "--metrics", "average-drop", "--methods", "gradcam")
    result = invoked("evaluate", "--expression", f"@{answer}", *few)
    assert result.exit_code in (0, 2), (result.output, result.exception)
    assert "recursion" not in result.stderr


def test_derivations_of_many_holes_are_counted() -> None:
    text = "(synth-fun f ((x Bool)) Bool ((B Bool)) ((B Bool (x true (and {})))))"
    two = GrammarStatistics(load_problem(problem(functions=text.format("B B")), "f").targets[0].grammar)
    start = next(iter(two.grammar.productions))
    assert [two.count(start, size) for size in range(8)] == [0, 2, 0, 4, 0, 16, 0, 80]  # Catalan numbers by powers of 2
    many = GrammarStatistics(load_problem(problem(functions=text.format("B " * DEEP)), "f").targets[0].grammar)
    start = next(iter(many.grammar.productions))
    assert [many.count(start, size) for size in range(8)] == [0, 2, 0, 0, 0, 0, 0, 0]
    some = GrammarStatistics(load_problem(problem(functions=text.format("B " * 40)), "f").targets[0].grammar)
    start = next(iter(some.grammar.productions))
    assert some.count(start, 41) == 2**40
