"""What the atoms of a formula say of one unknown: the terms among which its value may be sought."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations

from solvers.cegis.logic.construction import COMPARISONS, FALSE, TRUE, Construction, Linear, linear
from sygus.language.terms import BOOL, INT, REAL, Term, Variable, leaf, subterms

MOST_MIDPOINTS = 40


def terms_for(unknown: Variable, formula: Term, make: Construction) -> Iterator[Term]:
    """Terms without the unknown: those that it is compared with, then those next to them or between two, then 0.

    For integers with unit coefficients one of them always serves where any value does, for between neighbouring bounds
    nothing changes; a strict bound is met by the next integer, and by the middle of two bounds for reals.
    """
    if unknown.sort == BOOL:
        yield from (TRUE, FALSE)
        return
    if unknown.sort not in (INT, REAL):
        yield from _compared(unknown, formula)
        return
    bounds = list(dict.fromkeys(make.sum_of(bound) for bound in _bounds(unknown, formula)))
    yield from bounds
    one = make.number(1, unknown.sort)
    for bound in bounds:
        for sign in (Fraction(1), Fraction(-1)):
            yield make.sum_of(linear(bound).plus(linear(one), sign))
    if unknown.sort == REAL:
        half = Fraction(1, 2)
        for a, b in list(combinations(bounds, 2))[:MOST_MIDPOINTS]:
            yield make.sum_of(linear(a).times(half).plus(linear(b), half))
    else:
        yield from _quotients(unknown, formula, make)
    yield make.number(0, unknown.sort)


def _comparisons(unknown: Variable, formula: Term) -> Iterator[tuple[Term, Term]]:
    """The two sides of each comparison of values of the unknown's sort."""
    for atom in subterms(formula):
        if len(atom.arguments) == 2 and atom.head.name in COMPARISONS | {"distinct"}:
            left, right = atom.arguments
            if left.sort == right.sort == unknown.sort:
                yield left, right


def _compared(unknown: Variable, formula: Term) -> Iterator[Term]:
    own = leaf(unknown)
    for left, right in _comparisons(unknown, formula):
        for side, other in ((left, right), (right, left)):
            if side is own and own not in set(subterms(other)):
                yield other


def _equations(unknown: Variable, formula: Term) -> Iterator[tuple[Fraction, Linear]]:
    """Of each comparison ``factor · unknown + rest ⋈ 0`` the factor and the rest."""
    own = leaf(unknown)
    for left, right in _comparisons(unknown, formula):
        difference = linear(left).plus(linear(right), Fraction(-1))
        factor = difference.factors.get(own)
        if factor is not None:
            rest = difference.without(own)
            if not any(own in set(subterms(part)) for part in rest.factors):
                yield factor, rest


def _bounds(unknown: Variable, formula: Term) -> Iterator[Linear]:
    for factor, rest in _equations(unknown, formula):
        if unknown.sort == REAL or abs(factor) == 1:
            yield rest.times(-1 / factor)


def _quotients(unknown: Variable, formula: Term, make: Construction) -> Iterator[Term]:
    """The integers next to a bound of a multiple of the unknown, where the logic can write them."""
    for factor, rest in _equations(unknown, formula):
        if abs(factor) == 1:
            continue
        total = make.sum_of(rest.times(Fraction(-1 if factor > 0 else 1)))
        try:
            quotient = make.apply("div", total, make.number(abs(factor), INT))
        except KeyError:
            continue
        one = make.number(1, INT)
        yield from (quotient, make.apply("+", quotient, one), make.apply("-", quotient, one))
