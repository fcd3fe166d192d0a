"""The functions of datatypes: constructors, selectors and the testers ``(_ is constructor)``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cache

from sygus.deferred import numpy as np
from sygus.errors import listed
from sygus.language.kept import Kept
from sygus.language.terms import BOOL, Sort
from sygus.language.theories.function import Entry, Family, Function, Index, fixed, named, no_shapes, opaque
from sygus.language.theories.interned import VALUES, lift
from sygus.language.theories.sorts import representation, z3_datatype
from sygus.language.theories.structured import (
    Constructed,
    Constructor,
    Datatype,
    Held,
    constructor_named,
    constructors_of,
    datatype_of,
    other_value,
    smallest_value,
)
from sygus.language.theories.undefined import left_open

Quoted = Callable[[str], str]
"""How a symbol is written."""


def functions_of(datatype: Datatype, quoted: Quoted) -> Iterator[Entry]:
    """The entries of a datatype whose constructors are known."""
    for constructor in datatype.constructors:
        yield _constructor_family(datatype, constructor, quoted)
    for constructor in datatype.constructors:
        for position in range(len(constructor.selectors)):
            yield _selector_family(datatype, constructor, position, quoted)
    yield _testers(quoted)


def ascribed_of(datatype: Datatype, quoted: Quoted) -> dict[str, Callable[[Sort, tuple[Sort, ...]], Function | None]]:
    """What ``(as constructor sort)`` means."""

    def ascribed(name: str) -> Callable[[Sort, tuple[Sort, ...]], Function | None]:
        def build(result: Sort, arguments: tuple[Sort, ...]) -> Function | None:
            found = constructor_named(result, name) if result.declaration is datatype else None
            if found is None:
                return None
            fits = tuple(sort for _, sort in found.selectors) == arguments
            return _constructor(result, found, quoted, ascribed=True) if fits else None

        return Kept(build)

    return {constructor.name: ascribed(constructor.name) for constructor in datatype.constructors}


def _instances(datatype: Datatype, sorts: Collection[Sort]) -> Iterable[Sort]:
    """The sorts of a datatype among some sorts."""
    if datatype.parameters:
        return (sort for sort in sorts if sort.declaration is datatype)
    return (datatype.sort(),)


def _general(datatype: Datatype) -> Sort:
    return datatype.sort(datatype.parameters)


def _constructor_family(datatype: Datatype, constructor: Constructor, quoted: Quoted) -> Family:
    patterns = tuple(sort for _, sort in constructor.selectors)

    def build(arguments: tuple[Sort, ...], indices: tuple[Index, ...]) -> Function | None:
        chosen: dict[Sort, Sort] = {}
        fits = len(arguments) == len(patterns) and not indices
        if not fits or not all(_unify(p, a, chosen, datatype) for p, a in zip(patterns, arguments, strict=True)):
            return None
        if any(parameter not in chosen for parameter in datatype.parameters):
            return None  # the arguments do not say of which sort; (as …) does
        sort = datatype.sort(tuple(chosen[parameter] for parameter in datatype.parameters))
        return _constructor(sort, constructor, quoted, ascribed=False)

    def shapes(sorts: Collection[Sort]) -> Iterator[tuple[Sort, ...]]:
        for sort in _instances(datatype, sorts):
            found = constructor_named(sort, constructor.name)
            assert found is not None
            yield tuple(part for _, part in found.selectors)

    words = f"{' '.join(map(str, patterns))} → {_general(datatype)}".lstrip()
    written = words if not datatype.parameters else f"{words}, or (as {quoted(constructor.name)} σ)"
    return Family(name=constructor.name, sorts=written, doc="Makes a value.", build=build, shapes=shapes)


def _unify(pattern: Sort, given: Sort, chosen: dict[Sort, Sort], datatype: Datatype) -> bool:
    """Whether the pattern is the sort for some choice of the parameters, which is noted."""
    if pattern in datatype.parameters:
        return chosen.setdefault(pattern, given) == given
    same = (pattern.name, pattern.indices, pattern.declaration) == (given.name, given.indices, given.declaration)
    return (
        same
        and len(pattern.arguments) == len(given.arguments)
        and all(_unify(p, g, chosen, datatype) for p, g in zip(pattern.arguments, given.arguments, strict=True))
    )


def _same(value: Held) -> Held:
    return value


def _constructor(sort: Sort, constructor: Constructor, quoted: Quoted, *, ascribed: bool) -> Function:
    found = constructors_of(sort)[datatype_of(sort).positions[constructor.name]]
    arguments = tuple(part for _, part in found.selectors)
    name = f"(as {quoted(found.name)} {sort})" if ascribed else quoted(found.name)
    position = datatype_of(sort).positions[found.name]
    make = lift(
        lambda *parts: VALUES.number(Constructed(found.name, parts)), (_same,) * max(1, len(arguments)), _same, "int64"
    )
    return Function(
        name=name,
        signature=fixed(*arguments, result=sort),
        sorts=f"{' '.join(map(str, arguments))} → {sort}".lstrip(),
        doc="Makes a value.",
        kernel=make if arguments else lambda: np.int64(VALUES.number(Constructed(found.name, ()))),
        z3=lambda _, *parts: z3_datatype(sort).constructor(position)(*parts),
        sympy=opaque(found.name),
        latex=named(rf"\operatorname{{{_latex(found.name)}}}"),
        constructor=True,
    )


def _selector_family(datatype: Datatype, constructor: Constructor, position: int, quoted: Quoted) -> Family:
    name, pattern = constructor.selectors[position]

    def build(arguments: tuple[Sort, ...], indices: tuple[Index, ...]) -> Function | None:
        if indices or len(arguments) != 1 or arguments[0].declaration is not datatype:
            return None
        place = datatype.positions[constructor.name]
        result = constructors_of(arguments[0])[place].selectors[position][1]

        def select(number: int) -> Held:
            value = VALUES.value(number)
            if value.constructor != constructor.name:
                return left_open(smallest_value(result), other_value(result), position)
            held: Held = value.arguments[position]
            return held

        return Function(
            name=quoted(name),
            signature=fixed(*arguments, result=result),
            sorts=f"{arguments[0]} → {result}",
            doc="A part of a value; of a value made by another constructor the standard leaves it open.",
            kernel=lift(select, (_same,), _same, representation(result).number),
            z3=lambda _, a: z3_datatype(arguments[0]).accessor(place, position)(a),
            sympy=opaque(name),
            latex=named(rf"\operatorname{{{_latex(name)}}}"),
            partial=True,
        )

    return Family(
        name=name,
        sorts=f"{_general(datatype)} → {pattern}",
        doc="A part of a value.",
        build=build,
        shapes=lambda sorts: ((sort,) for sort in _instances(datatype, sorts)),
    )


@cache
def _testers(quoted: Quoted) -> Family:
    """The testers of all datatypes: one family, for a family for each would be looked through at every tester."""
    return Family(
        name="is",
        sorts=_TESTERS,
        doc="Whether a value is made by this constructor.",
        build=lambda arguments, indices: _tester(arguments, indices, quoted),
        shapes=no_shapes,
        about=_about_testers,
    )


_TESTERS = "(_ is C) : σ → Bool, C a constructor of the datatype σ"


def _about_testers(arguments: tuple[Sort, ...]) -> str:
    names = [constructor.name for constructor in constructors_of(arguments[0])] if len(arguments) == 1 else []
    return f"(_ is C) : {arguments[0]} → Bool, C one of {listed(names)}" if names else _TESTERS


def _tester(arguments: tuple[Sort, ...], indices: tuple[Index, ...], quoted: Quoted) -> Function | None:
    name = indices[0] if len(indices) == 1 else None
    if len(arguments) != 1 or not isinstance(name, str) or constructor_named(arguments[0], name) is None:
        return None
    place = datatype_of(arguments[0]).positions[name]
    full = f"(_ is {quoted(name)})"
    return Function(
        name=full,
        signature=fixed(*arguments, result=BOOL),
        sorts=f"{arguments[0]} → Bool",
        doc="Whether a value is made by this constructor.",
        kernel=lift(lambda number: VALUES.value(number).constructor == name, (_same,), _same, "bool"),
        z3=lambda _, a: z3_datatype(arguments[0]).recognizer(place)(a),
        sympy=opaque(full),
        latex=named(rf"\operatorname{{is}}_{{\operatorname{{{_latex(name)}}}}}"),
    )


def _latex(name: str) -> str:
    return "".join(c if c.isalnum() else "-" if c == "-" else r"\_" for c in name)
