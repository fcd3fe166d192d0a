"""One entry per function, carrying every meaning the function has."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from itertools import product
from typing import Any, Literal, Protocol, TypeAlias, TypeVar

import z3

from sygus.deferred import sympy
from sygus.language.kept import Kept
from sygus.language.layers import Layers
from sygus.language.terms import INT, Definition, Sort
from sygus.records import record

K = TypeVar("K")
V = TypeVar("V")

Index: TypeAlias = int | str
"""An index of an identifier such as ``(_ extract 7 0)``."""

Signature = Callable[[tuple[Sort, ...]], Sort | None]
"""The sort of the result for these argument sorts, None where the application is ill-sorted."""

Shapes = Callable[[Collection[Sort]], Iterable[tuple[Sort, ...]]]
"""Argument sorts worth trying, among some sorts: at least those that are accepted with a result among them.

Sorts are many where a file declares many; trying all would take the cube of their number.
"""

MOST_ARGUMENTS = 3
"""Arguments of functions in grammars that nobody wrote."""


class Facts(Protocol):
    """What the Z3 form of a function may ask of the safety oracle while a term is being encoded."""

    def fresh(self, name: str) -> z3.ArithRef:
        """A new real constant."""
        ...

    def assume(self, fact: z3.BoolRef) -> None:
        """State a fact that holds of every value, such as ``softmax > 0``."""
        ...

    def proves(self, claim: z3.BoolRef) -> bool:
        """Whether the claim follows from everything assumed so far."""
        ...


@record(frozen=True, slots=True)
class Latex:
    """Rendered LaTeX and how tightly its outermost operator binds."""

    text: str
    binding: int = 3

    def within(self, binding: int) -> str:
        """The text, in parentheses if it binds less tightly than ``binding``."""
        return self.text if self.binding >= binding else rf"\left({self.text}\right)"


CONNECTIVE, RELATION, SUM, PRODUCT, POWER, ATOM = -2, -1, 0, 1, 2, 3
"""How tightly LaTeX operators bind, loosest first."""


@record(frozen=True, eq=False, kw_only=True)
class Function:
    """A function symbol of a theory and all its faces.

    Attributes:
        name: the symbol.
        signature: argument sorts to result sort, or None where ill-sorted.
        sorts: the signature in words, for messages and the manual.
        doc: what it computes, one sentence.
        kernel: vectorised, of torch's tensors; outside CAM of NumPy's arrays as well. In the theory CAM a Map has
            shape (..., K, h, w), a Weight (..., K, 1, 1) and every other sort (..., 1, 1, 1), so smaller ranks
            broadcast into larger ones; in the others values have shape (..., points) and hold what
            :mod:`sygus.language.theories.sorts` says, or Python's own numbers, see
            :mod:`sygus.language.theories.exact`. Constants have no dimensions.
        z3: the value at one pixel of one channel; reductions introduce a fresh constant with what is known of it.
        sympy: for canonical forms and names; guards of total division are not represented.
        latex: as the papers write it.
        source: torch code of an application to named tensors, for exported modules; None where the logic has none.
        constructor: whether it makes constants of constants, as datatypes' constructors do.
        commutative: of two arguments, whose order does not matter.
        associative: nested applications may be regrouped.
        nonzero: positions of the arguments that the safety oracle must prove nonzero.
        partial: whether the standard leaves open what some arguments give.
        axis: along which a function of CAM looks at other places than its own: ``pixels`` or ``channels``; empty for
            what is pointwise.
        placed: whether the pixels it looks at are neighbours, so that the order of pixels matters.
        sized: whether kernel and source take the size (H, W) of the pictures as a last argument.
        shapes: argument sorts worth trying; by default the signature's, or :func:`plain_shapes`.
    """

    name: str
    signature: Signature
    sorts: str
    doc: str
    kernel: Callable[..., Any]
    z3: Callable[..., z3.ExprRef]
    sympy: Callable[..., sympy.Basic]
    latex: Callable[..., Latex]
    source: Callable[..., str] | None = None
    constructor: bool = False
    commutative: bool = False
    associative: bool = False
    nonzero: tuple[int, ...] = ()
    partial: bool = False
    axis: Literal["", "pixels", "channels"] = ""
    placed: bool = False
    sized: bool = False
    shapes: Shapes | None = None

    def __repr__(self) -> str:
        return f"Function({self.name!r}: {self.sorts})"

    def tried(self, sorts: Collection[Sort]) -> Iterable[tuple[Sort, ...]]:
        """Argument sorts worth trying, in any order; see :data:`Shapes`."""
        return (self.shapes or getattr(self.signature, "shapes", None) or plain_shapes)(sorts)

    def takes(self, _: tuple[Sort, ...]) -> str:
        """What it takes, in words."""
        return self.sorts

    def resolve(self, arguments: tuple[Sort, ...], indices: tuple[Index, ...] = ()) -> tuple[Function, Sort] | None:
        """This function with the sort of its result, where it accepts these argument sorts and no index is given."""
        result = None if indices else self.signature(arguments)
        return None if result is None else (self, result)

    def value(self, arguments: Sequence[Any], size: tuple[int, int] | None) -> Any:
        """What the kernel gives; ``size`` is that of the pictures.

        Raises:
            ValueError: the function is sized, and there is no size.
        """
        if not self.sized:
            return self.kernel(*arguments)
        if size is None:
            raise ValueError(f"'{self.name}' needs the size of the pictures")
        return self.kernel(*arguments, size)


@record(frozen=True, eq=False, kw_only=True)
class Family:
    """One symbol for many functions, told apart by argument sorts and indices: ``bvadd``, ``(_ extract i j)``.

    Attributes:
        name: the symbol.
        sorts: the signatures in words, for messages and the manual.
        doc: what the functions compute, one sentence.
        build: the function for these argument sorts and indices, None where the application is ill-sorted. It is
            not asked again for a combination whose function is in use, so that equal applications have one.
        shapes: argument sorts worth trying without indices; by default :func:`plain_shapes`.
        about: the signatures in words for argument sorts, where they say more than those for all.
    """

    name: str
    sorts: str
    doc: str
    build: Callable[[tuple[Sort, ...], tuple[Index, ...]], Function | None]
    shapes: Shapes | None = None
    about: Callable[[tuple[Sort, ...]], str] | None = None
    _members: Kept[Function | None] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_members", Kept(self.build))

    def resolve(self, arguments: tuple[Sort, ...], indices: tuple[Index, ...] = ()) -> tuple[Function, Sort] | None:
        """The member that accepts these argument sorts with these indices, and the sort of its result."""
        member = self._members(arguments, indices)
        return None if member is None else member.resolve(arguments)

    def tried(self, sorts: Collection[Sort]) -> Iterable[tuple[Sort, ...]]:
        """Argument sorts worth trying, in any order; see :data:`Shapes`."""
        return (self.shapes or plain_shapes)(sorts)

    def takes(self, arguments: tuple[Sort, ...]) -> str:
        """What it takes, in words for somebody who gave these."""
        return self.sorts if self.about is None else self.about(arguments)


@record(frozen=True, eq=False, kw_only=True)
class Macro:
    """A symbol that a theory defines by its other functions: terms keep it, and all faces are those of its meaning.

    Attributes:
        name: the symbol.
        sorts: the signatures in words, for messages and the manual.
        doc: what it means, one sentence.
        build: the definition for these argument sorts, None where the application is ill-sorted.
    """

    name: str
    sorts: str
    doc: str
    build: Callable[[tuple[Sort, ...]], Definition | None]

    def tried(self, sorts: Collection[Sort]) -> Iterable[tuple[Sort, ...]]:
        """Argument sorts worth trying; see :data:`Shapes`."""
        return plain_shapes(sorts)

    def takes(self, _: tuple[Sort, ...]) -> str:
        """What it takes, in words."""
        return self.sorts

    def resolve(self, arguments: tuple[Sort, ...], indices: tuple[Index, ...] = ()) -> tuple[Definition, Sort] | None:
        """The definition for these argument sorts, and the sort of its result."""
        found = None if indices else self.build(arguments)
        return None if found is None else (found, found.sort)


Entry: TypeAlias = Function | Family | Macro

Ascribed: TypeAlias = Callable[[Sort, tuple[Sort, ...]], Function | None]
"""The function whose result has a sort, for these argument sorts; it is asked often and gives one function each."""


@record(frozen=True)
class SortFamily:
    """A sort with indices or arguments.

    Attributes:
        name: as in ``(_ BitVec 8)``.
        form: how it is written, and within which limits.
        make: the sort with these indices and arguments, None where there is none.
    """

    name: str
    form: str
    make: Callable[[tuple[Index, ...], tuple[Sort, ...]], Sort | None]


@record(frozen=True)
class Theory:
    """A named set of functions; one symbol may have several entries, told apart by their argument sorts.

    Attributes:
        name: of the theory or logic.
        sorts: those without indices and arguments that are not declared by a file.
        entries: by symbol.
        families: of sorts, by name.
        aliases: names of older versions of the standards to today's.
        numerals: the sort of ``0``; None where numerals mean nothing.
        linear: whether a product has at most one factor that is not a constant.
        ascribed: by symbol, the function of ``(as symbol sort)``, where the sort of the result tells it apart.
        remedy: what would make a function accept arguments of these sorts, in words; "" where nothing is known.
        declared: sorts without arguments that a file declares, the last one first.
    """

    name: str
    sorts: tuple[Sort, ...]
    entries: Mapping[str, tuple[Entry, ...]] = field(default_factory=dict)
    families: Mapping[str, SortFamily] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    numerals: Sort | None = INT
    linear: bool = False
    ascribed: Mapping[str, tuple[Ascribed, ...]] = field(default_factory=dict)
    remedy: Callable[[tuple[Sort, ...]], str] = lambda _: ""
    declared: Layers[Sort, None] = field(default_factory=lambda: Layers({}))

    @classmethod
    def of(
        cls,
        name: str,
        sorts: tuple[Sort, ...],
        *entries: Entry,
        includes: Iterable[Theory] = (),
        families: Iterable[SortFamily] = (),
        aliases: Mapping[str, str] | None = None,
        numerals: Sort | None = None,
        linear: bool = False,
        ascribed: Mapping[str, Ascribed] | None = None,
        remedy: Callable[[tuple[Sort, ...]], str] = lambda _: "",
    ) -> Theory:
        """The theory of these functions and those of the theories it includes; own entries are tried first."""
        parts = tuple(includes)
        table: dict[str, tuple[Entry, ...]] = {}
        for entry in dict.fromkeys((*entries, *(e for part in parts for es in part.entries.values() for e in es))):
            table[entry.name] = (*table.get(entry.name, ()), entry)
        return cls(
            name=name,
            sorts=tuple(dict.fromkeys((*sorts, *(sort for part in parts for sort in part.sorts)))),
            entries=table,
            families={f.name: f for f in (*families, *(f for part in parts for f in part.families.values()))},
            aliases=dict(aliases or {}) | {old: new for part in parts for old, new in part.aliases.items()},
            numerals=numerals,
            linear=linear,
            ascribed=_merged([{name: (one,) for name, one in (ascribed or {}).items()}, *(p.ascribed for p in parts)]),
            remedy=remedy,
        )

    def extended(
        self,
        *entries: Entry,
        sorts: tuple[Sort, ...] = (),
        families: Iterable[SortFamily] = (),
        ascribed: Mapping[str, Ascribed] | None = None,
    ) -> Theory:
        """The theory with what a file declares, whose entries are tried first."""
        own: dict[str, dict[Entry, None]] = {}
        for entry in entries:
            own.setdefault(entry.name, {})[entry] = None
        return replace(
            self,
            entries=_layered(self.entries).added(
                {name: tuple(dict.fromkeys((*found, *self.entries.get(name, ())))) for name, found in own.items()}
            ),
            families=_layered(self.families).added({family.name: family for family in families}),
            ascribed=_layered(self.ascribed).added(
                {name: (one, *self.ascribed.get(name, ())) for name, one in (ascribed or {}).items()}
            ),
            declared=self.declared.added(dict.fromkeys(reversed(sorts))),
        )

    @property
    def every_sort(self) -> tuple[Sort, ...]:
        """The sorts without indices and arguments, those that a file declares last and in its order."""
        return (*self.sorts, *reversed(tuple(self.declared)))

    def resolve_as(self, name: str, result: Sort, arguments: tuple[Sort, ...]) -> Function | None:
        """The function of ``(as name result)`` that accepts these argument sorts."""
        for ascribed in self.ascribed.get(name, ()):
            found = ascribed(result, arguments)
            if found is not None:
                return found
        return None

    @property
    def functions(self) -> tuple[Function, ...]:
        """Every entry that is a function of its own, in the order of declaration."""
        return tuple(e for entries in self.entries.values() for e in entries if isinstance(e, Function))

    @property
    def symbols(self) -> tuple[Function | Macro, ...]:
        """The functions, and what is defined by them, in the order of declaration."""
        return tuple(e for entries in self.entries.values() for e in entries if isinstance(e, Function | Macro))

    def entries_of(self, name: str) -> tuple[Entry, ...]:
        """The entries of a symbol, which may be an older name; empty where the theory lacks it."""
        return self.entries.get(self.aliases.get(name, name), ())

    def resolve(
        self, name: str, arguments: tuple[Sort, ...], indices: tuple[Index, ...] = ()
    ) -> tuple[Function | Definition, Sort] | None:
        """What accepts these argument sorts with these indices, and the sort of the result."""
        for entry in self.entries_of(name):
            resolved = entry.resolve(arguments, indices)
            if resolved is not None:
                return resolved
        return None


def _merged(tables: Iterable[Mapping[str, tuple[Ascribed, ...]]]) -> dict[str, tuple[Ascribed, ...]]:
    """One table of all; what has the same name is kept in order."""
    found: dict[str, tuple[Ascribed, ...]] = {}
    for table in tables:
        for name, ascribed in table.items():
            found[name] = tuple(dict.fromkeys((*found.get(name, ()), *ascribed)))
    return found


def _layered(table: Mapping[K, V]) -> Layers[K, V]:
    return table if isinstance(table, Layers) else Layers(table)


@record(frozen=True, slots=True)
class Fixed:
    """Exactly these argument sorts."""

    arguments: tuple[Sort, ...]
    result: Sort

    def __call__(self, given: tuple[Sort, ...]) -> Sort | None:
        """The sort of the result."""
        return self.result if given == self.arguments else None

    def shapes(self, _: Collection[Sort]) -> Iterable[tuple[Sort, ...]]:
        """The one that is accepted."""
        return (self.arguments,)


@record(frozen=True, slots=True)
class Variadic:
    """At least ``least`` arguments of one sort among ``sorts``; the result defaults to that sort."""

    sorts: tuple[Sort, ...]
    result: Sort | None
    least: int

    def __call__(self, given: tuple[Sort, ...]) -> Sort | None:
        """The sort of the result."""
        if len(given) >= self.least and len(set(given)) == 1 and given[0] in self.sorts:
            return self.result or given[0]
        return None

    def shapes(self, _: Collection[Sort]) -> Iterable[tuple[Sort, ...]]:
        """Those that are accepted."""
        return repeated(self.sorts)


def fixed(*arguments: Sort, result: Sort) -> Signature:
    """Exactly these argument sorts."""
    return Fixed(arguments, result)


def variadic(sorts: tuple[Sort, ...], result: Sort | None = None, least: int = 2) -> Signature:
    """At least ``least`` arguments of one sort among ``sorts``; the result defaults to that sort."""
    return Variadic(sorts, result, least)


def all_shapes(sorts: Iterable[Sort]) -> Iterator[tuple[Sort, ...]]:
    """All argument sorts there are."""
    given = tuple(sorts)
    for count in range(1, MOST_ARGUMENTS + 1):
        yield from product(given, repeat=count)


def plain_shapes(sorts: Iterable[Sort]) -> Iterator[tuple[Sort, ...]]:
    """All argument sorts there are without those that a file declares, or that are made of others."""
    return all_shapes(sort for sort in sorts if sort.declaration is None and not sort.arguments)


def repeated(sorts: Iterable[Sort]) -> Iterator[tuple[Sort, ...]]:
    """Any number of arguments of one sort."""
    for sort in sorts:
        for count in range(1, MOST_ARGUMENTS + 1):
            yield (sort,) * count


def no_shapes(_: Collection[Sort]) -> Iterable[tuple[Sort, ...]]:
    """Of functions that are never applied without an index."""
    return ()


def infix(symbol: str, binding: int) -> Callable[..., Latex]:
    """LaTeX of an infix operator; operands that bind equally are not parenthesised, so it must be associative."""

    def render(*arguments: Latex) -> Latex:
        return Latex(symbol.join(argument.within(binding) for argument in arguments), binding)

    return render


def apart(symbol: str, binding: int) -> Callable[..., Latex]:
    """LaTeX of an infix operator that does not mix with its like: operands that bind equally are parenthesised."""

    def render(*arguments: Latex) -> Latex:
        return Latex(symbol.join(argument.within(binding + 1) for argument in arguments), binding)

    return render


def added(*arguments: Latex) -> Latex:
    """LaTeX of a sum; an operand with a leading minus is subtracted."""
    first, *others = (argument.within(SUM) for argument in arguments)
    signed = (f" - {text[1:]}" if text.startswith("-") else f" + {text}" for text in others)
    return Latex(first + "".join(signed), SUM)


def named(name: str) -> Callable[..., Latex]:
    r"""LaTeX of a function applied in parentheses, ``name`` being a command such as ``\exp``."""

    def render(*arguments: Latex) -> Latex:
        return Latex(rf"{name}\left({', '.join(argument.text for argument in arguments)}\right)", ATOM)

    return render


def code(pattern: str) -> Callable[..., str]:
    """Source in which ``{0}``, ``{1}`` … stand for the arguments."""
    return pattern.format


def opaque(name: str) -> Callable[..., Any]:
    """An uninterpreted SymPy function of this name."""
    return lambda *arguments: sympy.Function(name)(*arguments)
