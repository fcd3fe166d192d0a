"""What constraints ask: examples, single invocations, verdicts with counterexamples that refute."""

import numpy as np
import pytest

from ordinary import specification
from solvers.cegis.limits import Limits
from solvers.cegis.logic.verifier import Status, verify
from solvers.cegis.search.evaluation import Program, column
from solvers.cegis.search.samples import InstanceSamples, first_points
from solvers.cegis.specification import Specification
from sygus.errors import SycamError
from sygus.language.elaborate import load_answer
from sygus.language.terms import SynthFunction, Term, fold, leaf, substitute, term

INT2 = "(set-logic LIA) (synth-fun f ((x Int) (y Int)) Int) (declare-var a Int) (declare-var b Int)"


def body(spec: Specification, text: str) -> dict[SynthFunction, Term]:
    return load_answer(spec.problem, f"((define-fun f ((x Int) (y Int)) Int {text}))", "answer")


def test_examples_are_recognised_in_every_form() -> None:
    spec = specification(
        """(set-logic SLIA) (synth-fun f ((s String) (n Int)) String)
        (constraint (= (f "a" (- 3)) "b")) (constraint (and (= "c" (f "d" 0)) (= (f "a" (- 3)) "b")))"""
    )
    assert spec.examples is not None
    assert {(e.arguments, e.output) for e in spec.examples} == {(("a", -3), "b"), (("d", 0), "c")}


def test_bool_examples() -> None:
    spec = specification(
        "(set-logic BV) (synth-fun f ((a Bool)) Bool) (constraint (f true)) (constraint (not (f false)))"
    )
    assert spec.examples is not None
    assert {(e.arguments, e.output) for e in spec.examples} == {((True,), True), ((False,), False)}


@pytest.mark.parametrize(
    "constraint", ["(= (f a 0) 1)", "(<= (f 0 0) 1)", "(= (f 0 0) (f 1 1))", "(or (= (f 0 0) 1) (= (f 0 0) 2))"]
)
def test_anything_else_is_no_example(constraint: str) -> None:
    assert specification(f"{INT2} (constraint {constraint})").examples is None


@pytest.mark.parametrize(
    ("constraints", "pointwise", "single"),
    [
        ("(constraint (>= (f a b) a)) (constraint (>= (f a b) b))", True, True),
        ("(constraint (>= (f a b) a)) (constraint (>= (f b a) b))", True, False),
        ("(constraint (= (f a b) (f b a)))", False, False),
        ("(constraint (>= (f a 0) a))", True, False),
        ("(constraint (= (f (f a b) b) a))", False, False),
    ],
)
def test_shapes(constraints: str, pointwise: bool, single: bool) -> None:
    spec = specification(f"{INT2} {constraints}")
    assert spec.pointwise == pointwise
    assert (spec.single_invocation is not None) == single


def test_oracles_are_refused() -> None:
    text = (
        "(set-logic LIA) (set-feature :oracles true) (synth-fun f ((x Int)) Int) (declare-oracle-fun o (Int) Int tool)"
    )
    with pytest.raises(SycamError, match="the oracle 'tool' would have to be asked"):
        specification(f"{text} (constraint (= (f 0) (o 1)))")


MAXIMUM = "(constraint (>= (f a b) a)) (constraint (>= (f a b) b)) (constraint (or (= (f a b) a) (= (f a b) b)))"


@pytest.mark.parametrize("text", ["x", "y", "(+ x y)", "(ite (<= x y) x y)", "(ite (<= x (+ y 1)) y x)", "(- 0 x)"])
def test_a_counterexample_refutes(text: str) -> None:
    spec = specification(f"{INT2} {MAXIMUM}")
    verdict = verify(spec, body(spec, text), Limits(10))
    assert verdict.status is Status.WRONG
    assert verdict.conjunct is not None
    assert verdict.counterexample is not None

    def put_in(node: Term, arguments: list[Term]) -> Term:
        if isinstance(node.head, SynthFunction):
            pairs = zip(node.head.parameters, arguments, strict=True)
            return substitute(body(spec, text)[node.head], {leaf(p): a for p, a in pairs})
        return term(node.head, tuple(arguments), node.sort) if arguments else node

    point = {v: column([value], v.sort) for v, value in verdict.counterexample.items()}
    assert not Program(fold(verdict.conjunct.formula, put_in))(point).any()


def test_correct_candidates_are_proved() -> None:
    spec = specification(f"{INT2} {MAXIMUM}")
    for text in ("(ite (<= x y) y x)", "(ite (< y x) x y)", "(ite (<= x (- y 1)) y x)"):
        assert verify(spec, body(spec, text), Limits(10)).correct


def test_assumptions_are_assumed() -> None:
    text = "(assume (> a 0)) (constraint (> (f a b) 0))"
    spec = specification(f"{INT2} {text}")
    assert verify(spec, body(spec, "x"), Limits(10)).correct
    assert not verify(specification(f"{INT2} (constraint (> (f a b) 0))"), body(spec, "x"), Limits(10)).correct


def test_nested_applications_are_verified() -> None:
    spec = specification(f"{INT2} (constraint (= (f (f a b) b) a))")
    assert verify(spec, body(spec, "(+ y x)"), Limits(10)).status is Status.WRONG
    assert verify(spec, body(spec, "(- y x)"), Limits(10)).correct


def test_division_by_zero_may_be_anything() -> None:
    text = "(set-logic NIA) (synth-fun f ((x Int)) Int) (declare-var a Int)"
    spec = specification(f"{text} (constraint (= (f a) 0))")
    answer = "((define-fun f ((x Int)) Int (div x 0)))"
    assert not verify(spec, load_answer(spec.problem, answer, "a"), Limits(10)).correct


def test_samples_judge_as_the_definition_says() -> None:
    spec = specification(f"{INT2} {MAXIMUM} (constraint (= (f a b) (f b a)))")
    samples = InstanceSamples(spec)
    variables = tuple(dict.fromkeys(v for c in spec.conjuncts for v in c.variables))
    samples.add_all(first_points(variables, 20, 3))
    assert not samples.separate
    x, y = spec.functions[0].parameters
    for values, right in ((np.maximum(samples.inputs[x], samples.inputs[y]), True), (samples.inputs[x], False)):
        assert samples.judge(values[None, :]).all() == right


def test_small_domains_are_sampled_completely() -> None:
    spec = specification("(set-logic BV) (synth-fun f ((a Bool) (b (_ BitVec 2))) Bool) (declare-var p Bool)")
    points = first_points(spec.functions[0].parameters, 32, 1)
    assert len({tuple(point.values()) for point in points}) == len(points) == 8
