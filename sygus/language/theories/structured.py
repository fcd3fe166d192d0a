"""Values made of values: those of arrays and of datatypes.

In tensors they are numbers of :data:`sygus.language.theories.interned.VALUES`. What they are made of is held as the
numbers that tensors hold, but for Reals, which may be exact, so a value is as flat as its own constructor,
however deep it nests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from fractions import Fraction
from functools import cached_property, lru_cache
from heapq import heapify, heappop, heappush
from itertools import count, product
from math import prod
from typing import Any, TypeVar

from sygus.language.terms import BOOL, REAL, Sort
from sygus.language.theories.bitvectors import width_of
from sygus.language.theories.interned import STRINGS, VALUES
from sygus.records import record

Held = bool | int | float | Fraction
"""What a tensor holds of a value; in Python's values of arrays and datatypes an Int or a Real itself."""

K = TypeVar("K")
R = TypeVar("R")


def folded(whole: K, parts: Callable[[K], Sequence[K]], made: Callable[[K, list[R]], R], known: dict[K, R]) -> R:
    """What is made of a whole from what is made of its parts, of equal ones once; without recursion.

    Args:
        whole: where to begin.
        parts: what something is made of.
        made: the result for something, those for its parts being given.
        known: results so far, which are added to.
    """
    stack = [whole]
    while stack:
        one = stack[-1]
        own = [] if one in known else parts(one)
        missing = [part for part in own if part not in known]
        if missing:
            stack.extend(reversed(missing))
            continue
        stack.pop()
        if one not in known:
            known[one] = made(one, [known[part] for part in own])
    return known[whole]


LARGEST_DOMAIN = 1 << 16
"""Elements of a sort that are still written out one by one."""


@record(frozen=True)
class Uninterpreted:
    """What a sort of ``declare-sort`` says of itself; its values are numbered from 0, and unlike numbers differ."""

    name: str


@record(frozen=True)
class SortParameter:
    """What a sort says of itself that stands for any, within the declaration of a datatype."""

    name: str


@record(frozen=True)
class Constructor:
    """A constructor of a datatype, with its selectors and their sorts."""

    name: str
    selectors: tuple[tuple[str, Sort], ...]


_SERIAL = count()


@record(eq=False)
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
    _instances: dict[tuple[Sort, ...], tuple[Constructor, ...]] = field(default_factory=dict, init=False, repr=False)
    _smallest: dict[tuple[Sort, ...], tuple[int, Held]] = field(default_factory=dict, init=False, repr=False)
    _unfolded: dict[tuple[Sort, ...], int] = field(default_factory=dict, init=False, repr=False)
    in_z3: dict[tuple[Sort, ...], Any] = field(default_factory=dict, init=False, repr=False)
    """Z3's sorts by their arguments; they end with the declaration."""

    @cached_property
    def positions(self) -> Mapping[str, int]:
        """Where each constructor stands, by its name; first asked for when there are constructors."""
        return {constructor.name: place for place, constructor in enumerate(self.constructors)}

    def sort(self, arguments: tuple[Sort, ...] = ()) -> Sort:
        """The sort with these arguments."""
        return Sort(self.name, (), arguments, self)

    def instance(self, arguments: tuple[Sort, ...]) -> tuple[Constructor, ...]:
        """The constructors of the sort with these arguments."""
        found = self._instances.get(arguments, ())
        if not found:
            chosen = dict(zip(self.parameters, arguments, strict=True))
            found = tuple(
                Constructor(c.name, tuple((name, replaced(sort, chosen)) for name, sort in c.selectors))
                for c in self.constructors
            )
            self._instances[arguments] = found
        return found


def is_array(sort: Sort) -> bool:
    """Whether the sort is one of arrays."""
    return sort.name == "Array" and sort.declaration is None and len(sort.arguments) == 2


def constructors_of(sort: Sort) -> tuple[Constructor, ...]:
    """The constructors of a datatype's sort; none of every other."""
    return sort.declaration.instance(sort.arguments) if isinstance(sort.declaration, Datatype) else ()


def holds_reals(sort: Sort) -> bool:
    """Whether structured values of a sort hold Reals, of which those in tensors and arrays hold the nearest floats."""
    inside = [part for one in datatypes_within(sort) for c in constructors_of(one) for _, part in c.selectors]
    waiting = [*sort.arguments, *inside]
    while waiting:
        one = waiting.pop()
        if one == REAL:
            return True
        waiting += one.arguments
    return False


def datatype_of(sort: Sort) -> Datatype:
    """The datatype of a sort that has one."""
    assert isinstance(sort.declaration, Datatype)
    return sort.declaration


def constructor_named(sort: Sort, name: str) -> Constructor | None:
    """The constructor of a datatype's sort with a name, None where there is none."""
    place = sort.declaration.positions.get(name) if isinstance(sort.declaration, Datatype) else None
    return None if place is None else constructors_of(sort)[place]


def record_of(sort: Sort) -> Constructor | None:
    """The constructor of a datatype's sort that has one only, with parts; None of every other sort."""
    found = constructors_of(sort)
    return found[0] if len(found) == 1 and found[0].selectors else None


def replaced(sort: Sort, chosen: Mapping[Sort, Sort]) -> Sort:
    """The sort with parameters replaced."""
    if sort in chosen:
        return chosen[sort]
    arguments = tuple(replaced(argument, chosen) for argument in sort.arguments)
    return Sort(sort.name, sort.indices, arguments, sort.declaration) if arguments else sort


@record(frozen=True)
class Constructed:
    """A value of a datatype."""

    constructor: str
    arguments: tuple[Held, ...]


@record(frozen=True)
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


def curried(sort: Sort) -> Sort:
    """Arrays of arrays in place of a sort of functions, whose values they hold; every other sort itself."""
    if not sort.is_function:
        return sort
    *keys, found = sort.arguments
    for key in reversed(keys):
        found = Sort("Array", (), (key, found))
    return found


@lru_cache(maxsize=1 << 10)
def elements(sort: Sort) -> tuple[Held, ...]:
    """Every value of a sort as tensors hold it, where there are at most :data:`LARGEST_DOMAIN`; else none."""
    found: dict[Sort, tuple[Held, ...]] = {}
    stack, outer = [sort], set[Sort]()
    while stack:
        one = stack[-1]
        missing = [] if one in found else [part for part in _parts(one) if part not in found]
        if missing:
            outer.add(one)
            if not outer.isdisjoint(missing):
                return ()  # a value may hold one of its own sort, and so on
            stack.extend(reversed(missing))
            continue
        stack.pop()
        outer.discard(one)
        if one not in found:
            found[one] = _elements(one, found)
        if not found[one]:
            return ()
    return found[sort]


def _elements(sort: Sort, known: Mapping[Sort, tuple[Held, ...]]) -> tuple[Held, ...]:
    """Every value of a sort whose parts are known, where they are few; else none."""
    width = width_of(sort)
    if sort == BOOL:
        return (False, True)
    if width:
        return tuple(range(1 << width)) if (1 << width) <= LARGEST_DOMAIN else ()
    found: list[Held] = []
    for constructor in constructors_of(sort):
        parts = [known[part] for _, part in constructor.selectors]
        if prod(map(len, parts)) + len(found) > LARGEST_DOMAIN:
            return ()
        found += [VALUES.number(Constructed(constructor.name, chosen)) for chosen in product(*parts)]
    return tuple(found)


def _parts(sort: Sort) -> dict[Sort, None]:
    """The sorts of what values of a datatype are made of."""
    return {part: None for constructor in constructors_of(sort) for _, part in constructor.selectors}


def smallest_value(sort: Sort) -> Held:
    """A value of a sort as tensors hold it: 0, false, the empty string, the array of such, the shallowest constructor.

    Raises:
        ValueError: the sort has none that is known.
    """
    sort = curried(sort)
    _find_smallest(sort)
    if is_array(sort):
        return VALUES.number(ArrayValue(smallest_value(sort.arguments[1])))
    if isinstance(sort.declaration, Datatype):
        known = _known(sort)
        if known is None:
            raise ValueError(f"the sort {sort} has no value")
        return known[1]
    return _plain_zero(sort)


def _known(sort: Sort) -> tuple[int, Held] | None:
    """How deep the smallest value of a datatype's sort nests, and the value, once they are found."""
    return datatype_of(sort)._smallest.get(sort.arguments)


def _is_open(sort: Sort) -> bool:
    return isinstance(sort.declaration, Datatype) and _known(sort) is None


def _find_smallest(sort: Sort) -> None:
    """Find the smallest values of a sort and of all that it is made of."""
    ranked = ranks(sort, matters=_is_open)
    chosen = {one: _plainest(one, ranked) for one in ranked}
    order = _in_order(sort, chosen)
    if order is None:
        chosen = {one: _shallowest(one, ranked) for one in ranked}
        order = sorted(ranked, key=ranked.__getitem__)
    for one in order:
        parts = tuple(smallest_value(part) for _, part in chosen[one].selectors)
        value = VALUES.number(Constructed(chosen[one].name, parts))
        datatype_of(one)._smallest[one.arguments] = ranked[one], value


def _plainest(sort: Sort, ranked: Mapping[Sort, int]) -> Constructor:
    """The constructor without parts, else the one whose parts are the shallowest datatypes."""

    def depth(part: Sort) -> int:
        return _rank(part, ranked) if isinstance(part.declaration, Datatype) else _NEVER

    return min(constructors_of(sort), key=lambda c: max((depth(part) for _, part in c.selectors), default=0))


def _shallowest(sort: Sort, ranked: Mapping[Sort, int]) -> Constructor:
    """The constructor whose values nest least."""
    return min(constructors_of(sort), key=lambda c: max((_rank(s, ranked) for _, s in c.selectors), default=0))


def _in_order(sort: Sort, chosen: Mapping[Sort, Constructor]) -> list[Sort] | None:
    """The datatypes that the value by these constructors is made of, parts first; None where it never ends."""
    found: dict[Sort, None] = {}
    stack, outer = [_innermost(sort)], set[Sort]()
    while stack:
        one = stack[-1]
        missing = []
        if one in chosen and one not in found:
            parts = (_innermost(part) for _, part in chosen[one].selectors)
            missing = [part for part in parts if part in chosen and part not in found]
        if missing:
            outer.add(one)
            if not outer.isdisjoint(missing):
                return None
            stack.extend(reversed(missing))
            continue
        stack.pop()
        outer.discard(one)
        if one in chosen:
            found[one] = None
    return list(found)


def _innermost(sort: Sort) -> Sort:
    """The sort of the values of an array, or of those of such; of every other sort itself."""
    while is_array(sort):
        sort = sort.arguments[1]
    return sort


@lru_cache(maxsize=1 << 10)
def other_value(sort: Sort) -> Held:
    """A value of a sort as tensors hold it that is not the smallest, where there are two.

    Raises:
        ValueError: the sort has none that is known.
    """

    def parts(one: Sort) -> Sequence[Sort]:
        """What the value is looked for in, if by another constructor there is none."""
        if is_array(one):
            return one.arguments[1:]
        constructors = constructors_of(one)
        return [part for _, part in constructors[0].selectors] if len(constructors) == 1 else []

    return folded(curried(sort), parts, _other, {})


def _other(sort: Sort, others: Sequence[Held]) -> Held:
    """Another value than the smallest, those of the parts of an array or of the only constructor being given."""
    if is_array(sort):
        return VALUES.number(ArrayValue(others[0]))
    constructors, smallest = constructors_of(sort), smallest_value(sort)
    for constructor in constructors:
        plain = [smallest_value(part) for _, part in constructor.selectors]
        changed = [[*plain[:place], other, *plain[place + 1 :]] for place, other in enumerate(others)]
        for held in (plain, *changed):
            found = VALUES.number(Constructed(constructor.name, tuple(held)))
            if found != smallest:
                return found
    if constructors:
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


Matters = Callable[[Sort], bool]
"""Which datatypes are looked into; of every other the values count as plain."""


def ranks(*sorts: Sort, matters: Matters) -> Mapping[Sort, int]:
    """How deep the shallowest value of each datatype within some sorts is; those without a value are missing."""
    found: dict[Sort, int] = {}
    waiting: dict[Sort, list[tuple[Sort, set[Sort], int]]] = {}
    ready: list[tuple[int, int, Sort]] = []
    for one in datatypes_within(*sorts, matters=matters):
        for constructor in constructors_of(one):
            parts = {_innermost(part) for _, part in constructor.selectors}
            missing = {part for part in parts if matters(part)}
            plain = max((_rank(part, found) for part in parts - missing), default=0)
            for part in missing:
                waiting.setdefault(part, []).append((one, missing, plain))
            if not missing:
                ready.append((1 + plain, len(ready), one))
    heapify(ready)
    count = len(ready)
    while ready:  # the shallowest first, so that the part that comes last is the deepest
        depth, _, part = heappop(ready)
        if found.setdefault(part, depth) < depth:
            continue
        for one, missing, plain in waiting.pop(part, ()):
            missing.discard(part)
            if not missing:
                count += 1
                heappush(ready, (1 + max(depth, plain), count, one))
    return found


def _rank(sort: Sort, found: Mapping[Sort, int]) -> int:
    """How deep the shallowest value of a sort is, as far as it is found."""
    inner = _innermost(sort)
    if not isinstance(inner.declaration, Datatype):
        return 0
    known = _known(inner)
    return found.get(inner, _NEVER if known is None else known[0])


def datatypes_within(*sorts: Sort, matters: Matters | None = None) -> tuple[Sort, ...]:
    """The datatypes that values of some sorts are made of, these included."""
    found: dict[Sort, None] = {}
    stack = list(reversed(sorts))
    while stack:
        one = stack.pop()
        if not isinstance(one.declaration, Datatype):
            stack.extend(one.arguments)
        elif one not in found and (matters is None or matters(one)):
            found[one] = None
            stack.extend(_parts(one))
    return tuple(found)


MOST_UNFOLDED = 100_000
"""Parts of a sort that Z3 looks at, one by one, to know how many values there are."""


def unfolded(sort: Sort) -> int:
    """The parts of a sort with those of its parts, each as often as it is there; a recursive datatype is one part.

    More than :data:`MOST_UNFOLDED` count no further.
    """
    for component in _components(sort):
        one = component[0]
        parts = [part for constructor in constructors_of(one) for _, part in constructor.selectors]
        recursive = len(component) > 1 or any(one in _next(part) for part in parts)
        count = 1 if recursive else 1 + sum(map(_count, parts))
        for member in component:
            datatype_of(member)._unfolded[member.arguments] = min(count, MOST_UNFOLDED + 1)
    return _count(sort)


def _count(sort: Sort) -> int:
    """Of a sort whose datatypes are counted."""
    if isinstance(sort.declaration, Datatype):
        return datatype_of(sort)._unfolded.get(sort.arguments, 1)
    return min(1 + sum(map(_count, sort.arguments)), MOST_UNFOLDED + 1)


def _is_counted(sort: Sort) -> bool:
    """Whether a datatype is counted, or is still being declared."""
    return sort.arguments in datatype_of(sort)._unfolded or not datatype_of(sort).constructors


def _next(sort: Sort) -> list[Sort]:
    """The outermost datatypes in a sort."""
    if isinstance(sort.declaration, Datatype):
        return [sort]
    return [inner for argument in sort.arguments for inner in _next(argument)]


def _components(sort: Sort) -> Iterator[list[Sort]]:
    """The datatypes within a sort that are not counted, those together that hold one another, parts first.

    R. Tarjan, Depth-first search and linear graph algorithms, SIAM Journal on Computing 1(2), 1972.
    """
    place: dict[Sort, int] = {}
    lowest: dict[Sort, int] = {}
    open_: list[Sort] = []
    closed: set[Sort] = set()
    work: list[tuple[Sort, Iterator[Sort]]] = [(one, iter(())) for one in _next(sort) if not _is_counted(one)]
    while work:
        one, parts = work[-1]
        if one not in place:
            place[one] = lowest[one] = len(place)
            open_.append(one)
            parts = iter([inner for part in _parts(one) for inner in _next(part) if not _is_counted(inner)])
            work[-1] = one, parts
        part = next((part for part in parts if part not in closed), None)
        if part is not None and part not in place:
            work.append((part, iter(())))
        elif part is not None:
            lowest[one] = min(lowest[one], place[part])
        else:
            work.pop()
            if work:
                before = work[-1][0]
                lowest[before] = min(lowest.get(before, lowest[one]), lowest[one])
            if one not in closed and lowest[one] == place[one]:
                component = _popped(open_, one)
                closed.update(component)
                yield component


def _popped(stack: list[Sort], last: Sort) -> list[Sort]:
    """What is above an element, with it, the element first; removed."""
    found = [stack.pop()]
    while found[-1] != last:
        found.append(stack.pop())
    return found[::-1]
