"""Values and the terms that write them."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, TypeAlias

from sygus.language.terms import BOOL, INT, REAL, STRING, Literal, Sort, Term, leaf, term
from sygus.language.theories.bitvectors import width_of
from sygus.language.theories.function import Theory
from sygus.language.theories.sorts import parts_of
from sygus.language.theories.structured import constructors_of, folded, is_array

Written: TypeAlias = dict[tuple[Any, Sort], Term]
"""The terms that write values of sorts, in one theory."""


def value_term(value: Any, sort: Sort, theory: Theory, made: Written | None = None) -> Term:
    """The term that writes a value, as :mod:`sygus.language.theories.sorts` holds it, with the functions of a theory.

    What a value holds several times is made once, without recursion; a table given shares it between values.

    Raises:
        ValueError: values of the sort cannot be written, or the theory lacks what writing them takes.
    """
    made = {} if made is None else made
    return folded((value, sort), lambda one: parts_of(*one), lambda one, parts: _written(*one, parts, theory), made)


def _written(value: Any, sort: Sort, parts: list[Term], theory: Theory) -> Term:
    if sort in (INT, REAL):
        return _number(value, sort, theory)
    if sort in (BOOL, STRING) or width_of(sort) or sort.is_function:
        return leaf(Literal(bool(value) if sort == BOOL else value, sort))
    if is_array(sort):
        key, part = sort.arguments
        const, store = theory.resolve_as("const", sort, (part,)), theory.resolve("store", (sort, key, part))
        if const is None or store is None:
            raise ValueError(f"the logic {theory.name} has no arrays")
        found = term(const, (parts[0],), sort)
        for k, v in zip(parts[1::2], parts[2::2], strict=True):
            found = term(store[0], (found, k, v), sort)
        return found
    if not constructors_of(sort):
        raise ValueError(f"values of {sort} cannot be written")
    return constructor_term(theory, value.constructor, tuple(parts), sort)


def constructor_term(theory: Theory, name: str, arguments: tuple[Term, ...], sort: Sort) -> Term:
    """A constructor of a datatype applied, with its sort where the arguments do not tell it."""
    sorts = tuple(argument.sort for argument in arguments)
    resolved = theory.resolve(name, sorts)
    function = resolved[0] if resolved and resolved[1] == sort else theory.resolve_as(name, sort, sorts)
    if function is None:
        raise ValueError(f"the logic {theory.name} has no constructor '{name}' of {sort}")
    return term(function, arguments, sort)


def _number(value: Any, sort: Sort, theory: Theory) -> Term:
    exact = Fraction(value)
    magnitude = leaf(Literal(abs(exact) if sort == REAL else abs(int(exact)), sort))
    if exact >= 0:
        return magnitude
    resolved = theory.resolve("-", (sort,))
    if resolved is None:
        raise ValueError(f"there are no negative numbers in the logic {theory.name}")
    return term(resolved[0], (magnitude,), sort)
