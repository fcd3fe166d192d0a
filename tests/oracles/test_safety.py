"""Strict divisions: proved safe only where no value of the domain makes the denominator zero."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
import z3
from hypothesis import given, settings
from hypothesis import strategies as st

from cam_terms import BINARY, FEATURES, POINTWISE, apply, read, terms
from sygus.language.terms import Term, expand, subterms
from sygus.language.theories import Function
from sygus.language.theories.evaluate import evaluate
from sygus.language.theories.ranks import MAP, WEIGHT
from sygus.oracles.certificate import certify
from sygus.oracles.parameters import domains
from sygus.oracles.safety import SafetyOracle
from sygus.saliency.features import derive, draw

NONNEGATIVE, ANY = SafetyOracle(domains(nonnegative=True)), SafetyOracle(domains(nonnegative=False))
PROPERTY = settings(max_examples=150)
N, K, H, W = 40, 3, 2, 2


def drawn(seed: int, *, nonnegative: bool) -> dict[str, torch.Tensor]:
    """Values in the features' domains, zeros and ties among them."""
    generator = np.random.default_rng(seed)

    def values(*shape: int) -> torch.Tensor:
        return torch.from_numpy(generator.integers(-6, 7, shape) / 4)

    activation = values(N, K, H, W)
    others = draw((N, K, H, W), torch.Generator().manual_seed(seed), nonnegative=nonnegative)
    return {
        **others,
        "activation": activation.relu() if nonnegative else activation,
        "gradient": values(N, K, H, W),
        "logit": values(N, 1, 1, 1),
        "probability": torch.from_numpy(generator.uniform(0.01, 0.99, (N, 1, 1, 1))),
    }


def environment(seed: int, *, nonnegative: bool) -> dict[object, torch.Tensor]:
    return {FEATURES[name]: value for name, value in derive(drawn(seed, nonnegative=nonnegative), FEATURES).items()}


# What is safe, and what is not

SAFE = [
    "(/ gradient (+ 1 (square gradient)))",
    "(/ gradient (+ 1 (abs gradient)))",
    "(/ gradient (exp gradient))",
    "(/ gradient (+ 0.5 (relu gradient)))",
    "(/ gradient (+ 1 (sqrt0 gradient)))",
    "(/ gradient (+ 1 (log1p gradient)))",
    "(/ gradient (max 1 gradient))",
    "(/ gradient (- (min gradient 0) 1))",
    "(/ gradient 2)",
    "(/ gradient probability)",
    "(/ gradient (- 1 probability))",
    "(/ gradient (gap (+ 1 (square gradient))))",
    "(/ gradient (total (+ 1 (abs gradient))))",
    "(/ gradient (gmp (neg (exp gradient))))",
    "(/ gradient (+ 1 (spatial-std gradient)))",
    "(/ gradient (softmax (gap gradient)))",
    "(/ gradient (+ 1 (minmax (gap gradient))))",
    "(/ gradient (+ 2 (l1norm (gap gradient))))",
    "(/ gradient (+ 1 (l1norm (gap (square gradient)))))",
    "(/ gradient (ite (< probability 0.5) 1 probability))",
    "(+ gradient gradient)",
]
UNSAFE = [
    "(/ activation gradient)",
    "(/ gradient (square gradient))",
    "(/ gradient (- gradient gradient))",
    "(/ gradient 0)",
    "(/ gradient (- 1 (abs gradient)))",
    "(/ gradient (sqrt0 (square gradient)))",
    "(/ gradient (gap gradient))",
    "(/ gradient (gmp (relu gradient)))",
    "(/ gradient (spatial-std gradient))",
    "(/ gradient (- 1 (softmax (gap gradient))))",
    "(/ gradient (minmax (gap gradient)))",
    "(/ gradient (+ 1 (l1norm (gap gradient))))",
    "(/ gradient (center (gap gradient)))",
    "(/ gradient (div0 1 gradient))",
    "(/ gradient logit)",
    "(/ gradient (+ 2 alpha))",
    "(/ gradient (- probability 0.5))",
    "(+ gradient (/ 1 (relu (/ gradient (exp gradient)))))",
]
DEPENDS = [
    "(/ gradient (+ 1 activation))",
    "(/ gradient (gap (+ activation 0.5)))",
    "(/ gradient (+ 1 (gap activation)))",
    "(/ gradient (+ 1 (gmp activation)))",
    "(/ gradient (+ 1 (l1norm (total activation))))",
    "(/ gradient (+ 1 (* activation (square activation))))",
]


@pytest.mark.parametrize("text", SAFE)
def test_it_is_safe(text: str) -> None:
    for oracle in (NONNEGATIVE, ANY):
        verdict = oracle.check(read(text))
        assert verdict.safe
        assert verdict.witness is None


@pytest.mark.parametrize("text", UNSAFE)
def test_it_is_not_safe(text: str) -> None:
    for oracle in (NONNEGATIVE, ANY):
        assert not oracle.check(read(text)).safe


@pytest.mark.parametrize("text", DEPENDS)
def test_it_is_safe_only_where_the_activation_is_nonnegative(text: str) -> None:
    assert NONNEGATIVE.check(read(text)).safe
    assert not ANY.check(read(text)).safe


# Witnesses


def test_the_witness_makes_the_denominator_zero() -> None:
    verdict = ANY.check(read("(/ activation gradient)"))
    assert verdict.denominator is read("gradient")
    assert verdict.witness == {"gradient": "0"}


def test_the_witness_knows_nothing_of_other_problems_of_the_process() -> None:
    rest = z3.RecFunction("rest", z3.IntSort(), z3.IntSort())
    number = z3.Int("n")
    z3.RecAddDefinition(rest, number, z3.If(number <= 0, z3.IntVal(0), rest(number - 1)))
    assert SafetyOracle({}).check(read("(/ activation gradient)")).witness == {"gradient": "0"}


def test_the_denominator_named_is_the_one_that_fails() -> None:
    verdict = ANY.check(read("(/ (/ 1 (exp gradient)) (+ (/ 1 (+ activation 3)) 1))"))
    assert not verdict.safe
    assert verdict.denominator is read("(+ activation 3)")


def number(text: str) -> float:
    """A rational or, cut off, an algebraic number of Z3."""
    upper, _, lower = text.rstrip("?").partition("/")
    return float(upper) / float(lower or 1)


@PROPERTY
@given(terms(MAP, 3, unary=POINTWISE, binary=BINARY, reductions=()))
def test_every_witness_of_a_pointwise_denominator_makes_it_zero(denominator: Term) -> None:
    verdict = NONNEGATIVE.nonzero(denominator)
    if verdict.witness is None:
        return
    found = {"activation": 0.0, "gradient": 0.0} | {name: number(text) for name, text in verdict.witness.items()}
    assert found["activation"] >= 0
    values = {
        FEATURES[name]: torch.tensor(value, dtype=torch.float64).reshape(1, 1, 1) for name, value in found.items()
    }
    assert evaluate(denominator, values).item() == pytest.approx(0, abs=1e-6)


# Soundness

DENOMINATORS = st.one_of(
    terms(MAP, 2),
    terms(WEIGHT, 3),
    st.builds(lambda a: apply("+", read("1"), apply("square", a)), terms(MAP, 2)),
    st.builds(lambda a: apply("+", read("1"), a), terms(WEIGHT, 3)),
    st.builds(lambda a: apply("+", read("0.5"), apply("abs", a)), terms(WEIGHT, 2)),
    st.builds(lambda a, b: apply("max", a, apply("exp", b)), terms(WEIGHT, 2), terms(WEIGHT, 1)),
)


@PROPERTY
@given(DENOMINATORS, st.booleans(), st.integers(0, 5))
def test_no_value_of_the_domain_makes_a_safe_denominator_zero(denominator: Term, nonnegative: bool, seed: int) -> None:
    oracle = NONNEGATIVE if nonnegative else ANY
    root = apply("/", read("gradient"), denominator)
    if oracle.check(root).safe:
        assert oracle.nonzero(denominator).safe
        value = evaluate(denominator, environment(seed, nonnegative=nonnegative))
        assert bool((value != 0).all())


@pytest.mark.parametrize("nonnegative", [True, False])
def test_safe_examples_never_divide_by_zero(nonnegative: bool) -> None:
    oracle = NONNEGATIVE if nonnegative else ANY
    for text in [*SAFE, *DEPENDS, *UNSAFE]:
        root = read(text)
        if oracle.check(root).safe:
            denominators = [
                node.arguments[position]
                for node in subterms(expand(root))
                if isinstance(node.head, Function)
                for position in node.head.nonzero
            ]
            for denominator in denominators:
                assert bool((evaluate(denominator, environment(1, nonnegative=nonnegative)) != 0).all()), text


def test_a_verdict_is_remembered() -> None:
    oracle = SafetyOracle(domains(nonnegative=True))
    denominator = read("(+ 1 (square gradient))")
    assert oracle.nonzero(denominator) is oracle.nonzero(denominator)


# Verdicts hang on no clock

SQUARE = "(* activation gradient)", "(+ gradient (square alpha))"
DEEP = "(+ 1 (- (+ (square {0}) (square {1})) (* (* 2 {0}) {1})))".format(*SQUARE)
"""(a - b)² + 1, written out: proved nonzero with about 2,000 units of work."""


def test_a_verdict_is_the_same_on_a_busy_machine() -> None:
    def verdicts() -> list[bool]:
        denominator = read(DEEP)
        return [SafetyOracle(domains(True), effort).nonzero(denominator).safe for effort in (300, 20_000)]

    quiet = verdicts()
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2 * (os.cpu_count() or 1))]
    try:
        assert verdicts() == quiet == [False, True]
    finally:
        for process in busy:
            process.kill()
            process.wait()


def test_no_clock_bounds_a_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, object] = {}
    original = z3.Solver.set

    def noted(solver: z3.Solver, *names: object, **named: object) -> None:
        given.update(zip(names[::2], names[1::2], strict=True))
        original(solver, *names, **named)

    monkeypatch.setattr(z3.Solver, "set", noted)
    SafetyOracle(domains(True)).nonzero(read(DEEP))
    certify(read("(relu activation)"), read("activation"), domains(True))
    assert "rlimit" in given
    assert "timeout" not in given
