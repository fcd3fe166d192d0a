"""One entry per function, carrying every meaning the function has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import sympy
import torch
import z3

from sygus.terms import Sort

Signature = Callable[[tuple[Sort, ...]], Sort | None]
"""The sort of the result for these argument sorts, None where the application is ill-sorted."""


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


@dataclass(frozen=True, slots=True)
class Latex:
    """Rendered LaTeX and how tightly its outermost operator binds."""

    text: str
    binding: int = 3

    def within(self, binding: int) -> str:
        """The text, in parentheses if it binds less tightly than ``binding``."""
        return self.text if self.binding >= binding else rf"\left({self.text}\right)"


SUM, PRODUCT, POWER, ATOM = 0, 1, 2, 3
"""How tightly LaTeX operators bind, loosest first."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Function:
    """A function symbol of a theory and all its faces.

    Attributes:
        name: the symbol.
        signature: argument sorts to result sort, or None where ill-sorted.
        sorts: the signature in words, for messages and the manual.
        doc: what it computes, one sentence.
        kernel: torch, vectorised. A value of sort Map has shape (..., K, h, w), Weight (..., K, 1, 1) and every
            other sort (..., 1, 1, 1), so smaller ranks broadcast into larger ones.
        z3: the value at one pixel of one channel; reductions introduce a fresh constant with what is known of it.
        sympy: for canonical forms and names; guards of total division are not represented.
        latex: as the papers write it.
        commutative: of two arguments, whose order does not matter.
        associative: nested applications may be regrouped.
        nonzero: positions of the arguments that the safety oracle must prove nonzero.
    """

    name: str
    signature: Signature
    sorts: str
    doc: str
    kernel: Callable[..., torch.Tensor]
    z3: Callable[..., z3.ExprRef]
    sympy: Callable[..., sympy.Basic]
    latex: Callable[..., Latex]
    commutative: bool = False
    associative: bool = False
    nonzero: tuple[int, ...] = ()

    def __repr__(self) -> str:
        return f"Function({self.name!r}: {self.sorts})"


@dataclass(frozen=True)
class Theory:
    """A named set of functions; one symbol may have several entries, told apart by their argument sorts."""

    name: str
    sorts: tuple[Sort, ...]
    entries: Mapping[str, tuple[Function, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str, sorts: tuple[Sort, ...], *functions: Function, includes: tuple[Theory, ...] = ()) -> Theory:
        """The theory of these functions and those of the theories it includes; own entries are tried first."""
        entries: dict[str, tuple[Function, ...]] = {}
        for function in (*functions, *(f for theory in includes for fs in theory.entries.values() for f in fs)):
            entries[function.name] = (*entries.get(function.name, ()), function)
        known = dict.fromkeys((*sorts, *(sort for theory in includes for sort in theory.sorts)))
        return cls(name, tuple(known), entries)

    @property
    def functions(self) -> tuple[Function, ...]:
        """Every entry, in the order of declaration."""
        return tuple(function for entries in self.entries.values() for function in entries)

    def resolve(self, name: str, arguments: tuple[Sort, ...]) -> tuple[Function, Sort] | None:
        """The entry that accepts these argument sorts, and the sort of the result."""
        for function in self.entries.get(name, ()):
            result = function.signature(arguments)
            if result is not None:
                return function, result
        return None


def fixed(*arguments: Sort, result: Sort) -> Signature:
    """Exactly these argument sorts."""
    return lambda given: result if given == arguments else None


def variadic(sorts: tuple[Sort, ...], result: Sort | None = None, least: int = 2) -> Signature:
    """At least ``least`` arguments of one sort among ``sorts``; the result defaults to that sort."""

    def signature(given: tuple[Sort, ...]) -> Sort | None:
        if len(given) >= least and len(set(given)) == 1 and given[0] in sorts:
            return result or given[0]
        return None

    return signature


def infix(symbol: str, binding: int) -> Callable[..., Latex]:
    """LaTeX of an infix operator; later operands are parenthesised at equal binding only where it matters."""

    def render(*arguments: Latex) -> Latex:
        return Latex(symbol.join(argument.within(binding) for argument in arguments), binding)

    return render


def named(name: str) -> Callable[..., Latex]:
    r"""LaTeX of a function applied in parentheses, ``name`` being a command such as ``\exp``."""

    def render(*arguments: Latex) -> Latex:
        return Latex(rf"{name}\left({', '.join(argument.text for argument in arguments)}\right)", ATOM)

    return render


def opaque(name: str) -> Callable[..., Any]:
    """An uninterpreted SymPy function of this name."""
    return sympy.Function(name)  # type: ignore[no-any-return]
