"""The theory of arrays: SMT-LIB's ArraysEx, and the constant arrays that solvers add to it."""

from __future__ import annotations

import z3

from sygus.language.kept import Kept
from sygus.language.terms import Sort
from sygus.language.theories.function import (
    Family,
    Function,
    Index,
    Latex,
    SortFamily,
    Theory,
    fixed,
    named,
    opaque,
)
from sygus.language.theories.interned import VALUES, lift
from sygus.language.theories.sorts import representation
from sygus.language.theories.structured import ArrayValue, Held, elements, is_array


def array(key: Sort, value: Sort) -> Sort:
    """``(Array key value)``."""
    return Sort("Array", (), (key, value))


def _make_sort(indices: tuple[Index, ...], arguments: tuple[Sort, ...]) -> Sort | None:
    if indices or len(arguments) != 2 or any(a.is_function or a.name == "RegLan" for a in arguments):
        return None
    return array(*arguments)


def _same(value: Held) -> Held:
    return value


def _select(arguments: tuple[Sort, ...], indices: tuple[Index, ...]) -> Function | None:
    if indices or len(arguments) != 2 or not is_array(arguments[0]) or arguments[0].arguments[0] != arguments[1]:
        return None
    result = arguments[0].arguments[1]
    return Function(
        name="select",
        signature=fixed(*arguments, result=result),
        sorts=_SELECT[0],
        doc=_SELECT[1],
        kernel=lift(lambda a, k: VALUES.value(a).select(k), (_same, _same), _same, representation(result).number),
        z3=lambda _, a, k: z3.Select(a, k),
        sympy=opaque("select"),
        latex=lambda a, k: Latex(rf"{a.within(3)}\left[{k.text}\right]"),
    )


def _store(arguments: tuple[Sort, ...], indices: tuple[Index, ...]) -> Function | None:
    if indices or len(arguments) != 3 or not is_array(arguments[0]) or arguments[0].arguments != arguments[1:]:
        return None
    domain = elements(arguments[1])
    return Function(
        name="store",
        signature=fixed(*arguments, result=arguments[0]),
        sorts=_STORE[0],
        doc=_STORE[1],
        kernel=lift(
            lambda a, k, v: VALUES.number(VALUES.value(a).store(k, v, domain)), (_same, _same, _same), _same, "int64"
        ),
        z3=lambda _, a, k, v: z3.Store(a, k, v),
        sympy=opaque("store"),
        latex=named(r"\operatorname{store}"),
        constructor=True,
    )


def _constant_array(result: Sort, arguments: tuple[Sort, ...]) -> Function | None:
    if not is_array(result) or arguments != result.arguments[1:]:
        return None
    name = f"(as const {result})"
    key = representation(result.arguments[0])
    return Function(
        name=name,
        signature=fixed(*arguments, result=result),
        sorts=f"{name} : {arguments[0]} → {result}",
        doc="The array that has one value everywhere.",
        kernel=lift(lambda v: VALUES.number(ArrayValue(v)), (_same,), _same, "int64"),
        z3=lambda _, v: z3.K(key.z3_sort(), v),
        sympy=opaque("const"),
        latex=named(r"\operatorname{const}"),
        constructor=True,
    )


constant_array: Kept[Function | None] = Kept(_constant_array)
"""The function of ``(as const (Array key value))`` by its sort and its arguments': an array of one value."""

_SELECT = ("(Array σ τ) σ → τ", "The value of an array at a key.")
_STORE = ("(Array σ τ) σ τ → (Array σ τ)", "The array with the value at one key replaced.")

ARRAYS = Theory.of(
    "ArraysEx",
    (),
    Family(
        name="select",
        sorts=_SELECT[0],
        doc=_SELECT[1],
        build=_select,
        shapes=lambda sorts: ((sort, sort.arguments[0]) for sort in sorts if is_array(sort)),
    ),
    Family(
        name="store",
        sorts=_STORE[0],
        doc=_STORE[1],
        build=_store,
        shapes=lambda sorts: ((sort, *sort.arguments) for sort in sorts if is_array(sort)),
    ),
    families=(SortFamily("Array", "(Array σ τ), σ and τ sorts with values", _make_sort),),
    ascribed={"const": constant_array},
)
