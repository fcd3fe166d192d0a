"""Values and the terms that write them."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from sygus.language.terms import BOOL, INT, REAL, STRING, Literal, Sort, Term, leaf, term
from sygus.language.theories.arrays import is_array
from sygus.language.theories.bitvectors import width_of
from sygus.language.theories.function import Theory
from sygus.language.theories.sorts import representation
from sygus.language.theories.structured import constructors_of


def value_term(value: Any, sort: Sort, theory: Theory) -> Term:
    """The term that writes a value, as :mod:`sygus.language.theories.sorts` holds it, with the functions of a theory.

    Raises:
        ValueError: values of the sort cannot be written, or the theory lacks what writing them takes.
    """
    if sort in (INT, REAL):
        return _number(value, sort, theory)
    if sort in (BOOL, STRING) or width_of(sort):
        return leaf(Literal(bool(value) if sort == BOOL else value, sort))
    if is_array(sort):
        key, part = sort.arguments
        const, store = theory.resolve_as("const", sort, (part,)), theory.resolve("store", (sort, key, part))
        if const is None or store is None:
            raise ValueError(f"the logic {theory.name} has no arrays")
        found = term(const, (_held(value.default, part, theory),), sort)
        for k, v in value.entries:
            found = term(store[0], (found, _held(k, key, theory), _held(v, part, theory)), sort)
        return found
    for constructor in constructors_of(sort):
        if constructor.name == value.constructor:
            parts = zip(value.arguments, constructor.selectors, strict=True)
            arguments = tuple(_held(number, part, theory) for number, (_, part) in parts)
            return constructor_term(theory, constructor.name, arguments, sort)
    raise ValueError(f"values of {sort} cannot be written")


def constructor_term(theory: Theory, name: str, arguments: tuple[Term, ...], sort: Sort) -> Term:
    """A constructor of a datatype applied, with its sort where the arguments do not tell it."""
    sorts = tuple(argument.sort for argument in arguments)
    resolved = theory.resolve(name, sorts)
    function = resolved[0] if resolved and resolved[1] == sort else theory.resolve_as(name, sort, sorts)
    if function is None:
        raise ValueError(f"the logic {theory.name} has no constructor '{name}' of {sort}")
    return term(function, arguments, sort)


def _held(number: Any, sort: Sort, theory: Theory) -> Term:
    held = representation(sort)
    return value_term(held.decode(number), sort, theory)


def _number(value: Any, sort: Sort, theory: Theory) -> Term:
    exact = Fraction(value)
    magnitude = leaf(Literal(abs(exact) if sort == REAL else abs(int(exact)), sort))
    if exact >= 0:
        return magnitude
    resolved = theory.resolve("-", (sort,))
    if resolved is None:
        raise ValueError(f"there are no negative numbers in the logic {theory.name}")
    return term(resolved[0], (magnitude,), sort)
