"""Values of every sort that Z3 may give: read, printed, parsed and compared."""

from __future__ import annotations

from fractions import Fraction
from random import Random
from typing import Any

import pytest
import z3

from agreement import seeded, z3_equals
from solvers.cegis.logic.to_z3 import Encoder
from sygus.errors import TooLargeError
from sygus.language.elaborate import load_problem
from sygus.language.problem import Problem
from sygus.language.terms import Sort, Term
from sygus.language.text import term_text
from sygus.language.theories.evaluate import evaluate
from sygus.language.theories.sorts import parts_of, representation, z3_constant, z3_datatype
from sygus.language.theories.structured import constructors_of, other_value, smallest_value
from sygus.language.theories.values import value_term

DECLARED = """(set-logic ALL)
(declare-datatype Color ((red) (green) (blue)))
(declare-datatype Chain ((longer (next Chain)) (end (value Int))))
(declare-datatypes ((Even 0) (Odd 0)) (((after (odd Odd)) (zero (e Real))) ((behind (even Even)) (one (o String)))))
(declare-datatype |a list| (par (T) ((|no more|) (|one more| (|its head| T) (|its tail| (|a list| T))))))
(declare-datatype Pair (par (X Y) ((pair (first X) (second Y)))))
(declare-datatypes ((Tree 1) (Forest 1)) ((par (T) ((node (label T) (below (Forest T)))))
                                         (par (T) ((none) (some (tree (Tree T)) (rest (Forest T)))))))
"""
LETTERS = ('"', "\\u{5c}", "u", "{41}", "\\u{0}", "\\u{1f600}", " ", "é")
PLAIN = (
    "Bool",
    "Int",
    "Real",
    "String",
    "(_ BitVec 1)",
    "(_ BitVec 8)",
    "(_ BitVec 63)",
    "Color",
    "Chain",
    "Even",
    "Odd",
)


def sort_text(random: Random, depth: int) -> str:
    """A sort that nests so deep."""
    if depth == 0:
        return random.choice(PLAIN)
    parts = [sort_text(random, random.randrange(depth)) for _ in range(2)]
    return random.choice(["(Array {} {})", "(Pair {} {})", "(|a list| {})", "(Tree {})", "(Forest {})"]).format(*parts)


def z3_value(sort: Sort, random: Random, depth: int = 6) -> z3.ExprRef:
    """A value of a sort in Z3."""
    match sort.name:
        case "Bool":
            return z3.BoolVal(random.random() < 0.5)
        case "Int":
            return z3.IntVal(random.choice([0, -1, 7, 1 << 63, -(1 << 80), random.randrange(-9, 9)]))
        case "Real":
            return z3.Q(random.randrange(-(1 << 70), 1 << 70) if random.random() < 0.3 else random.randrange(-9, 9), 12)
        case "String":
            return z3.StringVal("".join(random.choices(LETTERS, k=3)))
        case "BitVec":
            width = int(sort.indices[0])
            return z3.BitVecVal(random.getrandbits(width), width)
        case "Array":
            key, part = sort.arguments
            found = z3.K(representation(key).z3_sort(), z3_value(part, random, depth - 1))
            for _ in range(random.randrange(4)):
                found = z3.Store(found, z3_value(key, random, depth - 1), z3_value(part, random, depth - 1))
            return found
    places = list(enumerate(constructors_of(sort)))
    place, constructor = random.choice(places)
    if depth <= 0:
        place, constructor = min(
            places, key=lambda one: (any(s.name == sort.name for _, s in one[1].selectors), one[0] == 0)
        )
    return z3_datatype(sort).constructor(place)(*(z3_value(s, random, depth - 1) for _, s in constructor.selectors))


def of_sorts(*sorts: str) -> Problem:
    variables = "\n".join(f"(declare-var v{place} {sort})" for place, sort in enumerate(sorts))
    return load_problem(f"{DECLARED}{variables}\n(synth-fun f () Bool)\n(check-synth)\n", "test.sl")


def parsed(text: str, sort: str) -> Term:
    text = f"{DECLARED}(declare-var v {sort})\n(synth-fun f () Bool)\n(constraint (= v {text}))\n(check-synth)\n"
    return load_problem(text, "test.sl").constraints[0].arguments[1]


@pytest.mark.parametrize("seed", range(6))
def test_values_of_random_sorts_are_read_printed_parsed_and_equal(seed: int) -> None:
    random = seeded(seed)
    texts = [sort_text(random, random.randrange(4)) for _ in range(8)]
    problem = of_sorts(*texts)
    for text, variable in zip(texts, problem.variables, strict=True):
        given = z3_value(variable.sort, random)
        solver = z3.Solver()
        solver.add(z3_constant("x", variable.sort) == given)
        assert solver.check() == z3.sat
        held = representation(variable.sort)
        value = held.read_z3(solver.model().eval(z3_constant("x", variable.sort), model_completion=True))
        assert z3_equals(held.z3_value(value), given), text
        printed = term_text(value_term(value, variable.sort, problem.theory), problem.theory.numerals)
        assert z3_equals(Encoder()(parsed(printed, text)), given), printed
        again = held.read_z3(z3.simplify(held.z3_value(value)))
        assert again == value
        assert held.encode(again) == held.encode(value)
        assert held.encode(held.decode(held.encode(value))) == held.encode(value)
        if (
            "Int" not in text
            and "Chain" not in text
            and "Real" not in text
            and "Even" not in text
            and "Odd" not in text
        ):
            assert held.decode(held.encode(value)) == value


@pytest.mark.parametrize("seed", range(6))
def test_the_smallest_value_of_a_random_sort_is_one_and_another_differs(seed: int) -> None:
    random = seeded(100 + seed)
    texts = [sort_text(random, random.randrange(4)) for _ in range(8)]
    problem = of_sorts(*texts)
    for text, variable in zip(texts, problem.variables, strict=True):
        held = representation(variable.sort)
        smallest, other = (held.decode(find(variable.sort)) for find in (smallest_value, other_value))
        printed = term_text(value_term(smallest, variable.sort, problem.theory), problem.theory.numerals)
        assert evaluate(parsed(printed, text), {}).item() == held.encode(smallest)
        assert (smallest == other) == (text == "|a list|")


def test_numbers_in_values_are_exact_and_tensors_hold_what_they_can() -> None:
    (variable,) = of_sorts("(Pair Int Real)").variables
    held = representation(variable.sort)
    made = z3_datatype(variable.sort).constructor(0)
    value = held.read_z3(made(z3.IntVal((1 << 64) + 3), z3.Q(1, 3)))

    def parts(whole: Any) -> list[Any]:
        return [part for part, _ in parts_of(whole, variable.sort)]

    assert parts(value) == [(1 << 64) + 3, Fraction(1, 3)]
    assert parts(held.decode(held.encode(value))) == [(1 << 64) + 3, 1 / 3]


@pytest.mark.slow
def test_values_that_nest_deep_are_read_and_written_without_recursion() -> None:
    depth = 1000
    (variable,) = of_sorts("(|a list| Int)").variables
    made = z3_datatype(variable.sort)
    form = made.constructor(0)()
    for number in range(depth):
        form = made.constructor(1)(z3.IntVal(number), form)
    held = representation(variable.sort)
    value = held.read_z3(form)
    assert held.z3_value(value).eq(form)
    assert held.decode(held.encode(value)) == value
    assert value_term(value, variable.sort, of_sorts("Int").theory).size == 2 * depth + 1


@pytest.mark.parametrize("sort", ["(Array Int Int)", "(Array (_ BitVec 8) Bool)", "(Array Int (Array Int Bool))"])
def test_arrays_that_z3_gives_as_functions_are_read_where_a_table_holds_them(sort: str) -> None:
    (variable,) = of_sorts(sort).variables
    held, key = representation(variable.sort), z3_constant("k", variable.sort.arguments[0])
    inside = z3.Lambda([z3.Int("j")], z3.Int("j") == 5)
    value = {"(Array Int Int)": z3.If(key == 7, z3.IntVal(2), z3.If(key == -7, z3.IntVal(3), z3.IntVal(0)))}.get(sort)
    if value is None:
        value = z3.ULT(key, 9) if "BitVec" in sort else z3.If(key == 3, inside, z3.K(z3.IntSort(), z3.BoolVal(True)))
    function = z3.Lambda([key], value)
    assert z3_equals(held.z3_value(held.read_z3(function)), function)


def test_an_array_that_no_table_holds_is_refused() -> None:
    (variable,) = of_sorts("(Array Int Int)").variables
    with pytest.raises(TooLargeError, match="no table holds"):
        representation(variable.sort).read_z3(z3.Lambda([z3.Int("k")], z3.Int("k")))
