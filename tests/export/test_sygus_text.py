"""Numbers, terms and answers as text: what is written reads back as the same."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cam_terms import FEATURES, NUMBERS, apply, read, terms
from sygus.language.syntax.parser import parse_answer, parse_term
from sygus.language.terms import BOOL, REAL, Definition, Literal, SynthFunction, Term, Variable, fold, leaf, term
from sygus.language.text import answer_text, definition_text, number_text, term_text
from sygus.language.theories import LOGICS, find_logic
from sygus.language.theories.cam import CAM
from sygus.language.theories.ranks import MAP, WEIGHT
from sygus.language.theories.values import value_term
from sygus.language.typecheck import Scope, check_definition, check_term

PROPERTY = settings(max_examples=200)
SCOPE = Scope(CAM, {str(sort): sort for sort in CAM.sorts})
MAGNITUDE = re.compile(r"\d+(\.\d+)?|\(/ \d+ \d+\)")


def exact(root: Term) -> Fraction:
    """The value of a number written with literals, ``(- x)`` and ``(/ a b)``."""

    def visit(node: Term, arguments: list[Fraction]) -> Fraction:
        if isinstance(node.head, Literal):
            assert isinstance(node.head.value, Fraction)
            return node.head.value
        assert node.head.name in ("-", "/")
        return -arguments[0] if len(arguments) == 1 else arguments[0] / arguments[1]

    return fold(root, visit)


def written(text: str) -> None:
    """A number of the standard: an unsigned decimal or a fraction of numerals, at most within ``(- …)``."""
    inner = text.removeprefix("(- ").removesuffix(")") if text.startswith("(- ") else text
    inner = f"{inner})" if inner.startswith("(/") and not inner.endswith(")") else inner
    assert MAGNITUDE.fullmatch(inner), text


DECIMALS = st.builds(lambda digits, places: Fraction(digits, 10**places), st.integers(), st.integers(0, 12))
FLOATS = st.floats(allow_nan=False, allow_infinity=False)


@PROPERTY
@given(st.fractions() | st.integers() | DECIMALS)
def test_an_exact_number_reads_back_as_itself(value: Fraction | int) -> None:
    written(number_text(value))
    assert exact(read(number_text(value))) == value


@PROPERTY
@given(FLOATS)
def test_a_float_reads_back_as_the_same_float(value: float) -> None:
    text = number_text(value)
    written(text)
    assert "." in text
    assert float(exact(read(text))) == value
    assert text.startswith("(-") == (value < 0)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "3"),
        (-3, "(- 3)"),
        (Fraction(1, 2), "0.5"),
        (Fraction(-1, 40), "(- 0.025)"),
        (Fraction(1, 3), "(/ 1 3)"),
        (Fraction(-22, 7), "(- (/ 22 7))"),
        (Fraction(7), "7"),
        (0.1, "0.1"),
        (2.0, "2.0"),
        (-0.0, "0.0"),
        (1e22, "10000000000000000000000.0"),
        (1e-7, "0.0000001"),
        (12.5, "12.5"),
    ],
)
def test_numbers_as_people_write_them(value: float | Fraction, text: str) -> None:
    assert number_text(value) == text


# Terms


def decimal(value: Fraction) -> Term:
    return leaf(Literal(value, REAL))


@PROPERTY
@given(terms(MAP, 3) | terms(WEIGHT, 3), DECIMALS.map(abs).map(decimal))
def test_a_term_reads_back_as_the_same_object(root: Term, constant: Term) -> None:
    bigger = apply("*", constant, root)
    assert read(term_text(root)) is root
    assert read(term_text(bigger)) is bigger


def test_booleans_and_conditionals_read_back() -> None:
    root = read("(ite (and true (not (< logit 0.25))) gradient (neg gradient))")
    assert term_text(root) == "(ite (and true (not (< logit 0.25))) gradient (neg gradient))"
    assert term_text(leaf(Literal(False, BOOL))) == "false"


@pytest.mark.parametrize("number", NUMBERS)
def test_literals_read_back(number: Term) -> None:
    assert read(term_text(number)) is number


REALS = [name for name in LOGICS if REAL in find_logic(name).sorts]  # type: ignore[union-attr]


@pytest.mark.parametrize("logic", REALS)
@settings(PROPERTY, max_examples=50)
@given(DECIMALS.map(abs).map(decimal), st.fractions())
def test_reals_read_back_in_every_logic(logic: str, constant: Term, number: Fraction) -> None:
    theory = find_logic(logic)
    assert theory is not None
    scope = Scope(theory, {str(sort): sort for sort in theory.sorts})
    text = term_text(constant, theory.numerals)
    assert check_term(parse_term(text), scope) is constant
    assert ("." in text) == (theory.numerals != REAL or constant.head.value.denominator != 1)
    value = value_term(number, REAL, theory)
    again = check_term(parse_term(term_text(value, theory.numerals)), scope)
    assert again.sort == REAL
    assert exact(again) == number


# Definitions and answers

GRADIENT, ACTIVATION = FEATURES["gradient"], FEATURES["activation"]


def read_back(text: str) -> Definition:
    _, (function,) = parse_answer(text)
    return check_definition(function, SCOPE)


@PROPERTY
@given(terms(WEIGHT, 3))
def test_an_answer_reads_back(body: Term) -> None:
    function = SynthFunction("w", (ACTIVATION, GRADIENT), body.sort)
    expected = Definition("w", (ACTIVATION, GRADIENT), body.sort, body)
    assert read_back(definition_text(function, body)) == expected
    assert read_back(answer_text(function, body)) == expected
    assert read_back(answer_text(function, body, [1.5, -2])) == expected


def test_the_answer_to_each_question() -> None:
    function = SynthFunction("w", (GRADIENT,), WEIGHT)
    body = read("(gap gradient)")
    definition = "(define-fun w ((gradient Map)) Weight (gap gradient))"
    assert definition_text(function, body) == definition
    assert answer_text(function, body) == f"({definition})"
    assert answer_text(function, body, []) == f"(() {definition})"
    assert answer_text(function, body, [-0.5, 3]) == f"(((- 0.5) 3) {definition})"


@pytest.mark.parametrize("name", ["my w", "let", "1st", "(odd)"])
def test_names_that_are_no_plain_symbols_are_quoted(name: str) -> None:
    variable = Variable(name, MAP)
    macro = Definition(f"{name} macro", (variable,), MAP, apply("relu", leaf(variable)))
    body = apply("gap", term(macro, (leaf(variable),), MAP))
    text = definition_text(SynthFunction(name, (variable,), WEIGHT), body)
    _, (function,) = parse_answer(text)
    assert (function.name, function.parameters[0].name) == (name, name)
    assert read(term_text(apply("relu", leaf(variable))), {name: variable}) is apply("relu", leaf(variable))
    assert f"(|{name} macro| |{name}|)" in text
