"""Bodies that call functions to synthesise, by ``:fwd-decls`` and ``:recursion``, as bodies that call none."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from sygus.language.terms import SynthFunction, Term, expand, first_called, fold, leaf, substitute, subterms, term
from sygus.language.theories.recursion import Recursive, recursive

KEPT = 1 << 12
"""Recursive bodies of which what was made, and what is known of their values, is kept."""


def linked(bodies: Mapping[SynthFunction, Term]) -> Mapping[SynthFunction, Term]:
    """The bodies with what they call written out; one that calls itself is the application of a recursive function.

    Args:
        bodies: over the functions' parameters. Each may call itself and functions declared before it; calls of
            functions that have no body here, and calls back to one that is just being written out, stay.

    Returns:
        The same where none calls any; otherwise, of those that call some, bodies without macros.
    """
    macros: dict[Any, Any] = {}
    if not any(first_called(body, SynthFunction, macros) for body in bodies.values()):
        return bodies
    links = _Links(bodies)
    return {function: links.body(function) for function in bodies}


class _Links:
    def __init__(self, bodies: Mapping[SynthFunction, Term]) -> None:
        self._given = bodies
        self._made: dict[SynthFunction, Term] = {}
        self._busy: set[SynthFunction] = set()

    def body(self, function: SynthFunction) -> Term:
        """The body of one function."""
        if function not in self._made:
            self._busy.add(function)
            self._made[function] = self._written_out(function)
            self._busy.discard(function)
        return self._made[function]

    def _written_out(self, function: SynthFunction) -> Term:
        def visit(node: Term, arguments: list[Term]) -> Term:
            head = node.head
            if isinstance(head, SynthFunction) and head in self._given and head not in self._busy:
                pairs = zip(head.parameters, arguments, strict=True)
                return substitute(self.body(head), {leaf(parameter): argument for parameter, argument in pairs})
            return term(head, tuple(arguments), node.sort) if arguments else node

        body = fold(expand(self._given[function]), visit)
        if not calls(function, body):
            return body
        return term(_recursive(function, body), tuple(map(leaf, function.parameters)), function.sort)


def written_out(root: Term, bodies: Mapping[SynthFunction, Term]) -> Term:
    """A term with the bodies of the functions to synthesise in place of their applications.

    Args:
        root: without macros.
        bodies: that :func:`linked` made.
    """

    def visit(node: Term, arguments: list[Term]) -> Term:
        head = node.head
        if isinstance(head, SynthFunction) and head in bodies:
            pairs = zip(head.parameters, arguments, strict=True)
            return substitute(expand(bodies[head]), {leaf(parameter): argument for parameter, argument in pairs})
        return term(head, tuple(arguments), node.sort) if arguments else node

    return fold(root, visit)


def calls(function: SynthFunction, body: Term) -> bool:
    """Whether a body calls a function; macros, which are declared before it, do not."""
    return any(node.head == function for node in subterms(body))


def defining(function: SynthFunction, body: Term) -> str:
    """The command that defines a function by a body, as the standard asks."""
    return "define-fun-rec" if calls(function, body) else "define-fun"


def unfolded(root: Term) -> Term:
    """Of the application of a recursive function to its own parameters, the body that defines it; else the same."""
    head = root.head
    own = isinstance(head, Recursive) and root.arguments == tuple(map(leaf, head.parameters))
    return head.body if own else root


@lru_cache(KEPT)
def _recursive(function: SynthFunction, body: Term) -> Recursive:
    """The function whose body calls it."""
    found = recursive(function.name, function.parameters, function.sort)

    def visit(node: Term, arguments: list[Term]) -> Term:
        head = found if node.head == function else node.head
        return term(head, tuple(arguments), node.sort) if arguments or head is found else node

    found.define(fold(body, visit))
    return found
