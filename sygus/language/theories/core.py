"""The core theory: booleans, equality and the conditional."""

from __future__ import annotations

import operator
from collections.abc import Collection, Iterator, Sequence
from functools import reduce
from itertools import combinations
from typing import Any

import z3

from sygus.deferred import sympy
from sygus.language.terms import BOOL, INT, REAL, Sort
from sygus.language.theories.function import (
    ATOM,
    CONNECTIVE,
    RELATION,
    SUM,
    Function,
    Latex,
    Theory,
    all_shapes,
    apart,
    code,
    fixed,
    repeated,
    variadic,
)
from sygus.language.theories.large import to_float
from sygus.language.theories.libraries import array_library, rounded, same

_NOT_COMPARED = ("Map", "Heatmap", "Weight", "Saliency", "RegLan")
"""Values of CAM's sorts may be equal in some places only, which is no Bool; equality of languages is not decided."""


def _equal(given: tuple[Sort, ...]) -> Sort | None:
    """Of values of one sort, or of numbers of either sort, as with comparisons."""
    kinds = set(given)
    numbers = kinds <= {INT, REAL}
    one = len(kinds) == 1 and not given[0].is_function and not _mentions(given[0], _NOT_COMPARED)
    return BOOL if len(given) >= 2 and (numbers or one) else None


def _comparisons(sorts: Collection[Sort]) -> Iterator[tuple[Sort, ...]]:
    yield from repeated(sorts)
    yield from all_shapes((INT, REAL))


def _choices(sorts: Collection[Sort]) -> Iterator[tuple[Sort, ...]]:
    return ((BOOL, sort, sort) for sort in sorts)


def _mentions(sort: Sort, names: tuple[str, ...]) -> bool:
    return sort.name in names or any(_mentions(argument, names) for argument in sort.arguments)


def _numbers(*values: Any) -> Sequence[Any]:
    """As floats, where one of them is."""
    return [to_float(value) for value in values] if rounded(*values) else values


def _all_equal(*values: Any) -> Any:
    first, *others = _numbers(*values)
    return reduce(operator.and_, [same(first, other) for other in others])


def _apart(a: Any, b: Any) -> Any:
    return ~same(a, b) if rounded(a, b) else a != b


def _conditional(given: tuple[Sort, ...]) -> Sort | None:
    fits = len(given) == 3 and given[0] == BOOL and given[1] == given[2] and not given[1].is_function
    return given[1] if fits else None


CORE = Theory.of(
    "Core",
    (BOOL,),
    Function(
        name="not",
        signature=fixed(BOOL, result=BOOL),
        sorts="Bool → Bool",
        doc="Negation.",
        kernel=lambda a: ~a,
        z3=lambda _, a: z3.Not(a),
        sympy=lambda a: sympy.Not(a),
        latex=lambda a: Latex(rf"\lnot {a.within(ATOM)}", ATOM),
        source=code("~{0}"),
    ),
    Function(
        name="and",
        signature=variadic((BOOL,)),
        sorts="Bool… → Bool",
        doc="Conjunction.",
        kernel=lambda *xs: reduce(operator.and_, xs),
        z3=lambda _, *xs: z3.And(*xs),
        sympy=lambda *xs: sympy.And(*xs),
        latex=apart(r" \land ", CONNECTIVE),
        source=lambda *xs: " & ".join(xs),
        commutative=True,
        associative=True,
    ),
    Function(
        name="or",
        signature=variadic((BOOL,)),
        sorts="Bool… → Bool",
        doc="Disjunction.",
        kernel=lambda *xs: reduce(operator.or_, xs),
        z3=lambda _, *xs: z3.Or(*xs),
        sympy=lambda *xs: sympy.Or(*xs),
        latex=apart(r" \lor ", CONNECTIVE),
        source=lambda *xs: " | ".join(xs),
        commutative=True,
        associative=True,
    ),
    Function(
        name="=>",
        signature=variadic((BOOL,)),
        sorts="Bool Bool… → Bool",
        doc="Implication; of several arguments, from the right.",
        kernel=lambda *xs: reduce(lambda b, a: ~a | b, reversed(xs)),
        z3=lambda _, *xs: reduce(lambda b, a: z3.Implies(a, b), reversed(xs)),
        sympy=lambda *xs: reduce(lambda b, a: sympy.Implies(a, b), reversed(xs)),
        latex=apart(r" \Rightarrow ", CONNECTIVE),
        source=lambda *xs: " | ".join([*(f"~{x}" for x in xs[:-1]), xs[-1]]),
    ),
    Function(
        name="xor",
        signature=variadic((BOOL,)),
        sorts="Bool Bool… → Bool",
        doc="Exclusive disjunction: an odd number of arguments holds.",
        kernel=lambda *xs: reduce(operator.xor, xs),
        z3=lambda _, *xs: reduce(z3.Xor, xs),
        sympy=lambda *xs: sympy.Xor(*xs),
        latex=apart(r" \oplus ", CONNECTIVE),
        source=lambda *xs: " ^ ".join(xs),
        commutative=True,
        associative=True,
    ),
    Function(
        name="=",
        signature=_equal,
        shapes=_comparisons,
        sorts="σ σ… → Bool",
        doc="Equality of values of one sort; of several arguments, all equal.",
        kernel=_all_equal,
        z3=lambda _, *xs: z3.And(*[xs[0] == x for x in xs[1:]]),
        sympy=lambda *xs: sympy.And(*[sympy.Eq(xs[0], x) for x in xs[1:]]),
        latex=apart(" = ", RELATION),
        source=lambda *xs: " & ".join(f"({xs[0]} == {x})" for x in xs[1:]),
        commutative=True,
    ),
    Function(
        name="distinct",
        signature=_equal,
        shapes=_comparisons,
        sorts="σ σ… → Bool",
        doc="Whether no two of several values of one sort are equal.",
        kernel=lambda *xs: reduce(operator.and_, [_apart(a, b) for a, b in combinations(_numbers(*xs), 2)]),
        z3=lambda _, *xs: z3.And(*[a != b for a, b in combinations(xs, 2)]),
        sympy=lambda *xs: sympy.And(*[sympy.Ne(a, b) for a, b in combinations(xs, 2)]),
        latex=apart(r" \ne ", RELATION),
        source=lambda *xs: " & ".join(f"({a} != {b})" for a, b in combinations(xs, 2)),
        commutative=True,
    ),
    Function(
        name="ite",
        signature=_conditional,
        shapes=_choices,
        sorts="Bool σ σ → σ",
        doc="The second argument where the first holds, else the third.",
        kernel=lambda c, a, b: array_library(c, a, b).where(c, a, b),
        z3=lambda _, c, a, b: z3.If(c, a, b),
        sympy=lambda c, a, b: sympy.Piecewise((a, c), (b, True)),
        latex=lambda c, a, b: Latex(
            rf"\begin{{cases}}{a.text} & \text{{if }} {c.text}\\ {b.text} & \text{{otherwise}}\end{{cases}}", SUM
        ),
        source=code("torch.where({0}, {1}, {2})"),
    ),
)
