"""Values made of values: those of arrays and of datatypes.

In tensors they are numbers of :data:`sygus.language.theories.interned.VALUES`. What they are made of is held as the
numbers that tensors hold, so a value is as flat as its own constructor, however deep it nests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, product

from sygus.language.terms import BOOL, Sort
from sygus.language.theories.bitvectors import width_of
from sygus.language.theories.interned import STRINGS, VALUES, int64

Held = bool | int | float
"""What a tensor holds of a value."""

LARGEST_DOMAIN = 1 << 16
"""Elements of a sort that are still written out one by one."""


@dataclass(frozen=True)
class Uninterpreted:
    """What a sort of ``declare-sort`` says of itself; its values are numbered from 0, and unlike numbers differ."""

    name: str


@dataclass(frozen=True)
class SortParameter:
    """What a sort says of itself that stands for any, within the declaration of a datatype."""

    name: str


@dataclass(frozen=True)
class Constructor:
    """A constructor of a datatype, with its selectors and their sorts."""

    name: str
    selectors: tuple[tuple[str, Sort], ...]


_SERIAL = count()


@dataclass(eq=False)
class Datatype:
    """What a sort of ``declare-datatype`` says of itself; two declarations are never the same.

    Attributes:
        name: of the sort.
        parameters: sorts that stand for any.
        constructors: filled in once, when the sorts that they mention are known.
        serial: a number of its own, for names in Z3.
    """

    name: str
    parameters: tuple[Sort, ...] = ()
    constructors: tuple[Constructor, ...] = ()
    serial: int = field(default_factory=lambda: next(_SERIAL))

    def sort(self, arguments: tuple[Sort, ...] = ()) -> Sort:
        """The sort with these arguments."""
        return Sort(self.name, (), arguments, self)

    def instance(self, arguments: tuple[Sort, ...]) -> tuple[Constructor, ...]:
        """The constructors of the sort with these arguments."""
        chosen = dict(zip(self.parameters, arguments, strict=True))
        return tuple(
            Constructor(c.name, tuple((name, replaced(sort, chosen)) for name, sort in c.selectors))
            for c in self.constructors
        )


def constructors_of(sort: Sort) -> tuple[Constructor, ...]:
    """The constructors of a datatype's sort; none of every other."""
    return sort.declaration.instance(sort.arguments) if isinstance(sort.declaration, Datatype) else ()


def replaced(sort: Sort, chosen: Mapping[Sort, Sort]) -> Sort:
    """The sort with parameters replaced."""
    if sort in chosen:
        return chosen[sort]
    arguments = tuple(replaced(argument, chosen) for argument in sort.arguments)
    return Sort(sort.name, sort.indices, arguments, sort.declaration) if arguments else sort


@dataclass(frozen=True)
class Constructed:
    """A value of a datatype."""

    constructor: str
    arguments: tuple[Held, ...]


@dataclass(frozen=True)
class ArrayValue:
    """A value of an array: ``default`` but at the keys listed, in ascending order, where it differs from that."""

    default: Held
    entries: tuple[tuple[Held, Held], ...] = ()

    def select(self, key: Held) -> Held:
        """The value at a key."""
        return dict(self.entries).get(key, self.default)

    def store(self, key: Held, value: Held, domain: Sequence[Held]) -> ArrayValue:
        """The array that has this value at a key and is otherwise the same.

        Args:
            key: where.
            value: what.
            domain: every key, where there are few; else empty.
        """
        entries = {**dict(self.entries), key: value}
        default = self.default
        if 2 * len(entries) >= len(domain) > 0:  # most values may not be the default: equal arrays must look equal
            everywhere = [entries.get(each, default) for each in domain]
            default = max(sorted(set(everywhere)), key=everywhere.count)
            entries = dict(zip(domain, everywhere, strict=True))
        return ArrayValue(default, tuple(sorted((k, v) for k, v in entries.items() if v != default)))


def elements(sort: Sort) -> tuple[Held, ...]:
    """Every value of a sort as tensors hold it, where there are at most :data:`LARGEST_DOMAIN`; else none."""
    found = _elements(sort, ())
    return () if found is None else tuple(found)


def _elements(sort: Sort, outer: tuple[Sort, ...]) -> list[Held] | None:
    width = width_of(sort)
    if sort == BOOL:
        return [False, True]
    if width:
        return [int64(value) for value in range(1 << width)] if (1 << width) <= LARGEST_DOMAIN else None
    if sort in outer:
        return None
    found: list[Held] = []
    for constructor in constructors_of(sort):
        parts = [_elements(part, (*outer, sort)) for _, part in constructor.selectors]
        size = 1
        for part in parts:
            size *= LARGEST_DOMAIN + 1 if part is None else len(part)
        if size + len(found) > LARGEST_DOMAIN:
            return None
        found += [VALUES.number(Constructed(constructor.name, chosen)) for chosen in product(*filter(None, parts))]
    return found or None


def smallest_value(sort: Sort) -> Held:
    """A value of a sort as tensors hold it: 0, false, the empty string, the array of such, the shallowest constructor.

    Raises:
        ValueError: the sort has none that is known.
    """
    if sort.name == "Array" and sort.declaration is None:
        return VALUES.number(ArrayValue(smallest_value(sort.arguments[1])))
    if isinstance(sort.declaration, Datatype):
        ranked = ranks(sort)
        if sort not in ranked:
            raise ValueError(f"the sort {sort} has no value")
        first = min(
            (c for c in constructors_of(sort)),
            key=lambda c: max((ranked.get(s, _NEVER) for _, s in c.selectors), default=0),
        )
        return VALUES.number(Constructed(first.name, tuple(smallest_value(s) for _, s in first.selectors)))
    return _plain_zero(sort)


def other_value(sort: Sort) -> Held:
    """A value of a sort as tensors hold it that is not the smallest, where there are two.

    Raises:
        ValueError: the sort has none that is known.
    """
    if sort.name == "Array" and sort.declaration is None:
        return VALUES.number(ArrayValue(other_value(sort.arguments[1])))
    if isinstance(sort.declaration, Datatype):
        smallest, ranked = smallest_value(sort), ranks(sort)
        for constructor in constructors_of(sort):
            parts = [part for _, part in constructor.selectors]
            if all(part in ranked or not isinstance(part.declaration, Datatype) for part in parts):
                found = VALUES.number(Constructed(constructor.name, tuple(map(smallest_value, parts))))
                if found != smallest:
                    return found
        return smallest
    if sort == BOOL:
        return True
    if sort.name == "String":
        return STRINGS.number("?")
    return 5.0 if sort.name == "Real" else 1


def _plain_zero(sort: Sort) -> Held:
    if sort == BOOL:
        return False
    if sort.name == "String":
        return STRINGS.number("")
    return 0.0 if sort.name == "Real" else 0


_NEVER = 1 << 30


def ranks(sort: Sort) -> Mapping[Sort, int]:
    """How deep the shallowest value of each datatype within a sort is; those without a value are missing."""
    reachable = datatypes_within(sort)
    found: dict[Sort, int] = {}
    changed = True
    while changed:
        changed = False
        for one in reachable:
            for constructor in constructors_of(one):
                parts = [_rank(part, found) for _, part in constructor.selectors]
                deep = 1 + max(parts, default=0)
                if deep < found.get(one, _NEVER):
                    found[one] = deep
                    changed = True
    return found


def _rank(sort: Sort, found: Mapping[Sort, int]) -> int:
    if sort.name == "Array" and sort.declaration is None:
        return _rank(sort.arguments[1], found)
    return found.get(sort, _NEVER) if isinstance(sort.declaration, Datatype) else 0


def datatypes_within(sort: Sort) -> tuple[Sort, ...]:
    """The datatypes that values of a sort are made of, the sort itself included."""
    found: dict[Sort, None] = {}
    stack = [sort]
    while stack:
        one = stack.pop()
        if isinstance(one.declaration, Datatype):
            if one in found:
                continue
            found[one] = None
            stack.extend(part for c in constructors_of(one) for _, part in c.selectors)
        else:
            stack.extend(one.arguments)
    return tuple(found)
