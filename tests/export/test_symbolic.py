"""Expressions for SymPy: nothing is cancelled, and pointwise ones compute the same numbers."""

from __future__ import annotations

import pytest
import sympy
import torch
from hypothesis import given, settings

from cam_terms import FEATURES, read, terms
from sygus.export.symbolic import symbolic, symbolic_text
from sygus.language.terms import Term
from sygus.language.theories.evaluate import evaluate
from sygus.language.theories.ranks import MAP

POINTS = torch.tensor([[0.0, -1.5], [0.5, 2.0], [3.0, 0.25]], dtype=torch.float64)


@settings(max_examples=60)
@given(terms(MAP, 3))
def test_pointwise_expressions_compute_the_same(root: Term) -> None:
    expression = symbolic(root)
    symbols = [sympy.Symbol(name, real=True) for name in ("activation", "gradient")]
    for activation, gradient in POINTS.tolist():
        values = {FEATURES["activation"]: activation, FEATURES["gradient"]: gradient}
        expected = evaluate(root, {name: torch.tensor(value, dtype=torch.float64) for name, value in values.items()})
        found = expression.subs(dict(zip(symbols, (activation, gradient), strict=True))).evalf()
        assert float(found) == pytest.approx(float(expected), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("(gap gradient)", "gap(gradient)"),
        ("(spatial-std smooth-gradient)", "spatial_std(smooth_gradient)"),
        ("(* 0.5 (relu gradient))", "Max(0, gradient)/2"),
    ],
)
def test_names_are_python_names(text: str, shown: str) -> None:
    assert symbolic_text(read(text)) == shown


def test_guarded_quotients_are_not_cancelled_and_are_noted() -> None:
    note, quotient = symbolic_text(read("(div0 (relu gradient) (relu gradient))")).splitlines()
    assert note.startswith("#")
    assert quotient == "Max(0, gradient)/Max(0, gradient)"
