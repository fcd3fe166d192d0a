"""Formulas as the papers write them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings

from cam_terms import apply, read, terms
from sygus.elaborate import load_definitions
from sygus.export.latex import latex, weight_equation
from sygus.oracles.cam import body_of
from sygus.resources import read_problem
from sygus.terms import Term
from sygus.theories.cam import MAP, WEIGHT

PROPERTY = settings(derandomize=True, deadline=None, max_examples=200)
G = r"\frac{\partial Y^c}{\partial A^k_{ij}}"
A = "A^k_{ij}"


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("gradcam", rf"w^c_k = \frac{{1}}{{Z}}\sum_{{i,j}} {G}"),
        ("gradcam++", rf"w^c_k = \sum_{{i,j}} \alpha^{{kc}}_{{ij}} \, \operatorname{{ReLU}}\left({G}\right)"),
        ("xgradcam", rf"w^c_k = \frac{{\sum_{{i,j}} {G} \, {A}}}{{\sum_{{i,j}} {A}}}"),
        ("layercam", rf"w^{{kc}}_{{ij}} = \operatorname{{ReLU}}\left({G}\right)"),
    ],
)
def test_the_methods_are_written_as_in_their_papers(name: str, formula: str) -> None:
    file, text = read_problem("methods")
    definitions = {definition.name: definition for definition in load_definitions(text, file)}
    assert weight_equation(body_of(definitions[name])) == formula


@pytest.mark.parametrize(
    ("text", "formula"),
    [
        ("(square activation)", rf"\left({A}\right)^2"),
        ("(square (+ activation gradient))", rf"\left({A} + {G}\right)^2"),
        ("(* 0.5 activation)", rf"\tfrac{{1}}{{2}} \, {A}"),
        ("(+ activation 3)", rf"{A} + 3"),
        ("(* (+ activation 1) gradient)", rf"\left({A} + 1\right) \, {G}"),
        ("(gap (+ activation gradient))", rf"\frac{{1}}{{Z}}\sum_{{i,j}} \left({A} + {G}\right)"),
        ("(* (gap activation) (gap gradient))",
         rf"\left(\frac{{1}}{{Z}}\sum_{{i,j}} {A}\right) \, \left(\frac{{1}}{{Z}}\sum_{{i,j}} {G}\right)"),
        ("(gmp activation)", rf"\max_{{i,j}} {A}"),
        ("(softmax (gap gradient))",
         rf"\operatorname{{softmax}}_k\left(\frac{{1}}{{Z}}\sum_{{i,j}} {G}\right)"),
        ("(- activation (- gradient))", rf"{A} - \left(-{G}\right)"),
        ("(max logit probability)", r"\max\left(Y^c, p^c\right)"),
    ],
)  # fmt: skip
def test_precedence_is_shown(text: str, formula: str) -> None:
    assert latex(read(text)) == formula


@PROPERTY
@given(terms(MAP, 3) | terms(WEIGHT, 3))
def test_no_superscript_is_doubled_and_braces_balance(root: Term) -> None:
    for shown in (latex(root), latex(apply("square", root))):
        assert shown.count("{") == shown.count("}")
        assert shown.count(r"\left") == shown.count(r"\right")
        assert not re.search(r"\^(\w|\{[^{}]*\})(_(\w|\{[^{}]*\}))?\^", shown)
