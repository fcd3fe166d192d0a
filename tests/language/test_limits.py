"""Inputs at the limits: long numbers, names that clash, settings given twice, deep and shared terms."""

from __future__ import annotations

import tracemalloc

import pytest
import torch

from sygus.errors import SycamError, TypeCheckError
from sygus.language.elaborate import load_problem
from sygus.language.problem import Problem
from sygus.language.terms import INT, Definition, Literal, Term, Variable, expand, fold, leaf, term
from sygus.language.text import LARGEST, term_text
from sygus.language.theories import find_logic
from sygus.oracles.equivalence import canonical, signatures

X = Variable("x", INT)
CAM = "(set-logic CAM)\n(set-feature :oracles true)\n(set-feature :weights true)\n"
DROP = "(declare-oracle-fun drop ((-> Map Weight)) Real average-drop)\n"
SYNTH = "(synth-fun w ((gradient Map)) Weight ((W Weight)) ((W Weight ((gap gradient)))))\n"


def plus(*arguments: Term) -> Term:
    theory = find_logic("LIA")
    assert theory is not None
    resolved = theory.resolve("+", tuple(argument.sort for argument in arguments))
    assert resolved is not None
    return term(resolved[0], arguments, resolved[1])


def load(text: str) -> Problem:
    return load_problem(text, "test.sy")


def rejected(text: str, *fragments: str) -> None:
    with pytest.raises(TypeCheckError) as caught:
        load(text)
    for fragment in fragments:
        assert fragment in str(caught.value)


@pytest.mark.parametrize("logic", ["CAM", "LRA", "LIA", "ALL"])
@pytest.mark.parametrize("digits", [4001, 5000, 100_000])
def test_a_numeral_of_thousands_of_digits_is_an_error(logic: str, digits: int) -> None:
    text = f"(set-logic {logic})\n(synth-fun f () Bool ((B Bool)) ((B Bool (true))))\n"
    rejected(f"{text}(constraint (= {'9' * digits} 0))(check-synth)", "test.sy:3:", f"a numeral of {digits} digits")
    if logic in ("LRA", "ALL"):
        rejected(f"{text}(constraint (= 0.{'9' * digits} 0.0))(check-synth)", "test.sy:3:", "digits")


def test_a_weight_of_thousands_of_digits_is_an_error() -> None:
    rejected(f"{CAM}(declare-weight w :default {'9' * 5000})", "test.sy:4:", "a numeral of 5000 digits")


def test_a_numeral_at_the_limit_is_read() -> None:
    number = "9" * 4000
    text = f"(set-logic LIA)(synth-fun f () Bool ((B Bool)) ((B Bool (true))))(constraint (= {number} 0))(check-synth)"
    (constraint,) = load(text).constraints
    assert term_text(constraint) == f"(= {number} 0)"


@pytest.mark.parametrize(
    ("value", "fragments"),
    [
        ("", ("no constants of Int are given", '"0 1 -1 2"')),
        ("  ", ("no constants of Int are given",)),
        ("one", ("bad constants 'one' of Int",)),
        ("9" * 5000, ("bad constants",)),
    ],
)
def test_bad_constants(value: str, fragments: tuple[str, ...]) -> None:
    grammar = "(synth-fun f () Int ((I Int)) ((I Int ((Constant Int)))))(check-synth)"
    rejected(f'(set-logic LIA)\n(set-option :constants "{value}")\n{grammar}', "test.sy:2:", *fragments)


def test_a_constant_with_a_huge_exponent_is_refused_before_it_is_written_out() -> None:
    grammar = "(synth-fun f () Real ((R Real)) ((R Real ((Constant Real)))))(check-synth)"
    rejected(f'(set-logic LRA)\n(set-option :constants "1e999999999")\n{grammar}', "test.sy:2:", "bad constants")
    problem = load(f'(set-logic LRA)\n(set-option :constants "1e-3")\n{grammar}')
    assert [len(ps) for ps in problem.target.grammar.productions.values()] == [1]


@pytest.mark.parametrize("name", ["x", "helper"])
def test_a_nonterminal_may_not_hide_a_parameter_or_a_function(name: str) -> None:
    text = "(set-logic LIA)\n(define-fun helper () Int 3)\n(synth-fun f ((x Int)) Int\n"
    rejected(
        f"{text} (({name} Int))\n (({name} Int (0 x))))(check-synth)", "test.sy:5:3", f"nonterminal '{name}'", "rename"
    )


def test_what_is_given_twice_is_an_error() -> None:
    rejected(f"{CAM}(declare-weight a)\n(declare-weight a :default 1)", "test.sy:5:", "declared twice")
    rejected(f"{CAM}(declare-weight weight)", "test.sy:4:", "declared twice")
    rejected(f"{CAM}(declare-weight a :default 1 :default 2)", "test.sy:4:", "more than one default")
    objective = "(optimize-synth ((! (drop w) :min :max)))"
    rejected(f"{CAM}{DROP}{SYNTH}{objective}", "test.sy:6:", "two directions")
    weighted = (
        "(synth-fun w ((gradient Map)) Weight ((W Weight)) ((W Weight ((! (gap gradient) :weight 1 :weight 2)))))"
    )
    rejected(f"{CAM}{weighted}", "test.sy:4:", "':weight' is given twice")


def test_macros_nest_deeply_and_share_their_expansion() -> None:
    definition = Definition("f0", (X,), INT, plus(leaf(X), leaf(Literal(1, INT))))
    for index in range(1, 3000):
        definition = Definition(f"f{index}", (X,), INT, term(definition, (leaf(X),), INT))
    y = leaf(Variable("y", INT))
    assert term_text(expand(term(definition, (y,), INT))) == "(+ y 1)"


def test_macros_that_double_take_time_by_their_number() -> None:
    definition = Definition("f0", (X,), INT, plus(leaf(X), leaf(X)))
    for index in range(1, 60):
        call = term(definition, (leaf(X),), INT)
        definition = Definition(f"f{index}", (X,), INT, plus(call, call))
    expanded = expand(term(definition, (leaf(X),), INT))
    assert expanded.size == 2**61 - 1
    with pytest.raises(SycamError, match=str(LARGEST)):
        term_text(expanded)
    assert repr(expanded).endswith("…")


def test_a_macro_that_is_only_named_stays() -> None:
    definition = Definition("f", (X,), INT, leaf(X))
    named = term(definition, (), INT)
    assert expand(named) is named


def test_the_text_of_a_deep_term_takes_memory_by_its_length() -> None:
    root = leaf(X)
    for _ in range(20_000):
        root = plus(root, leaf(X))
    tracemalloc.start()
    text = term_text(root)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert text.startswith("(+ (+ ")
    assert text.endswith(" x) x)")
    assert len(text) == 20_000 * 6 + 1
    assert peak < 10_000_000
    assert fold(root, lambda _, depths: max(depths, default=0) + 1) == 20_001


def test_string_literals_have_a_canonical_form() -> None:
    theory = find_logic("SLIA")
    assert theory is not None
    text = '(set-logic SLIA)(synth-fun f () String)(constraint (= (str.++ "a" f) "a"))(check-synth)'
    (constraint,) = load(text).constraints
    same, other = (load(text.replace('"a" f', f'"{letter}" f')).constraints[0] for letter in ("a", "b"))
    assert canonical(constraint.arguments[0]) == canonical(same.arguments[0])
    assert canonical(constraint.arguments[0]) != canonical(other.arguments[0])


def test_finite_values_whose_sum_overflows_are_finite() -> None:
    rows = torch.tensor([[1.7e308, 1.7e308], [1.0, float("inf")], [float("nan"), 0.0]], dtype=torch.float64)
    _, finite = signatures(rows)
    assert finite.tolist() == [True, False, False]
