"""Formulas as the papers write them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings

from cam_terms import apply, read, terms
from sygus.export.latex import latex, weight_equation, weight_equations, width
from sygus.language.elaborate import load_definitions
from sygus.language.terms import REAL, Term, Variable, leaf
from sygus.language.theories.ranks import MAP, WEIGHT
from sygus.oracles.parameters import body_of
from sygus.resources import read_problem

PROPERTY = settings(max_examples=200)
G = r"\frac{\partial Y^c}{\partial A^k_{ij}}"
A = "A^k_{ij}"


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("gradcam", rf"w^c_k = \frac{{1}}{{Z}}\sum_i\sum_j {G}"),
        ("gradcam++", rf"w^c_k = \sum_i\sum_j \alpha^{{kc}}_{{ij}} \, \operatorname{{ReLU}}\left({G}\right)"),
        ("xgradcam", rf"w^c_k = \frac{{\sum_i\sum_j {G} \, {A}}}{{\sum_i\sum_j {A}}}^{{\dagger}}"),
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
        ("(* 0.252 activation)", rf"0.252 \, {A}"),
        ("(* 0.05 activation)", rf"0.05 \, {A}"),
        ("(* (/ 1 30) activation)", rf"\frac{{1}}{{30}} \, {A}"),
        ("(+ activation 3)", rf"{A} + 3"),
        ("(* (+ activation 1) gradient)", rf"\left({A} + 1\right) \, {G}"),
        ("(gap (+ activation gradient))", rf"\frac{{1}}{{Z}}\sum_i\sum_j \left({A} + {G}\right)"),
        ("(* (gap activation) (gap gradient))",
         rf"\left(\frac{{1}}{{Z}}\sum_i\sum_j {A}\right) \, \left(\frac{{1}}{{Z}}\sum_i\sum_j {G}\right)"),
        ("(gmp activation)", rf"\max_{{i,j}} {A}"),
        ("(softmax (gap gradient))",
         rf"\operatorname{{softmax}}_k\left(\frac{{1}}{{Z}}\sum_i\sum_j {G}\right)"),
        ("(- activation (- gradient))", rf"{A} - \left(-{G}\right)"),
        ("(max logit probability)", r"\max\left(Y^c, p^c\right)"),
        ("(+ activation (neg gradient))", rf"{A} - {G}"),
        ("(+ (neg gradient) activation)", rf"-{G} + {A}"),
        ("(log1p activation)", rf"\ln\left(1 + \operatorname{{ReLU}}\left({A}\right)\right)"),
        ("(sqrt0 gradient)", rf"\sqrt{{\operatorname{{ReLU}}\left({G}\right)}}"),
        ("(div0 activation gradient)", rf"\frac{{{A}}}{{{G}}}^{{\dagger}}"),
        ("(/ activation 2)", rf"\frac{{{A}}}{{2}}"),
        ("(ite (or (and (< logit 2) true) (= logit 3)) 1 0)",
         r"\begin{cases}1 & \text{if } \left(Y^c < 2 \land \text{true}\right) \lor Y^c = 3\\"
         r" 0 & \text{otherwise}\end{cases}"),
        ("(ite (not (= logit 2)) 1 0)",
         r"\begin{cases}1 & \text{if } \lnot \left(Y^c = 2\right)\\ 0 & \text{otherwise}\end{cases}"),
    ],
)  # fmt: skip
def test_precedence_is_shown(text: str, formula: str) -> None:
    assert latex(read(text)) == formula


@pytest.mark.parametrize(
    ("name", "shown"),
    [("x", r"\mathrm{x}"), ("x_1", r"\text{x\_1}"), (r"\input{a}", r"\text{\textbackslash{}input\{a\}}"),
     ("é", r"\text{é}"), ("漢", r"\text{(U+6F22)}"), ("a\x07", r"\text{a(U+0007)}")],
)  # fmt: skip
def test_names_mean_themselves(name: str, shown: str) -> None:
    assert latex(leaf(Variable(name, REAL))) == shown


@PROPERTY
@given(terms(MAP, 4) | terms(WEIGHT, 4))
def test_wide_formulas_are_taken_apart_into_lines_that_fit(root: Term) -> None:
    equations = weight_equations(root, 30)
    whole = weight_equation(root)
    assert (equations.parts == ()) == (width(latex(root)) <= 30)
    for text in (equations.right, *(text for _, text in equations.parts)):
        assert width(text) <= 30
    unfolded = equations.right
    for symbol, text in reversed(equations.parts):
        assert symbol in unfolded or any(symbol in other for _, other in equations.parts)
        unfolded = unfolded.replace(symbol, text)
    for command in (r"\frac", r"\operatorname{ReLU}", r"\partial", r"\sum"):
        assert unfolded.count(command) == whole.count(command)


@pytest.mark.parametrize(
    ("text", "letters"),
    [("a + b", 3), (r"\frac{a + b}{c}", 3), ("A^k_{ij}", 2.4), (r"\left(a\right)^2", 3.7), (r"\operatorname{ReLU}", 4)],
)
def test_width(text: str, letters: float) -> None:
    assert width(text) == pytest.approx(letters)


@PROPERTY
@given(terms(MAP, 3) | terms(WEIGHT, 3))
def test_no_superscript_is_doubled_and_braces_balance(root: Term) -> None:
    for shown in (latex(root), latex(apply("square", root))):
        assert shown.count("{") == shown.count("}")
        assert shown.count(r"\left") == shown.count(r"\right")
        assert not re.search(r"\^(\w|\{[^{}]*\})(_(\w|\{[^{}]*\}))?\^", shown)
