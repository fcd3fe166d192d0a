"""The grammars that enumeration works on: with constants of the problem, and cut to a depth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

from solvers.cegis.specification import Specification, literal_value
from sygus.errors import Position
from sygus.language.elaborate.defaults import constants_of
from sygus.language.problem import Grammar, Production, Target, productive
from sygus.language.terms import (
    INT,
    REAL,
    Hole,
    Literal,
    Nonterminal,
    Sort,
    Term,
    expand,
    fold,
    hole,
    subterms,
    term,
)
from sygus.language.theories.structured import holds_reals
from sygus.language.theories.values import value_term

MOST_CONSTANTS = 16
"""Constants of a sort that are tried for ``(Constant σ)``: the usual ones, those of the constraints, and the integers
beside those."""


DEEPEST = 1000
"""Deeper terms than any enumeration comes to: a grammar that is not cut has the same."""


def enumerable(specification: Specification, target: Target, depth: int | None = None) -> Grammar:
    """The grammar of a target with constants in place of ``(Constant σ)``, and without what is too deep."""
    problem = specification.problem
    setting = problem.options.get("constants")

    def constants(sort: Sort, position: Position) -> Sequence[Term]:
        usual = constants_of(sort, problem.theory, setting, position)
        if setting is not None or specification.examples is not None:
            return usual
        own = specification.literals.get(sort, ())
        beside = (
            value_term(literal_value(node) + step, INT, problem.theory)
            for node in (own if sort == INT else ())
            for step in (-1, 1)
        )
        return list(dict.fromkeys([*usual, *own, *beside]))[: max(MOST_CONSTANTS, len(usual))]

    grammar = target.written.closed(constants)
    return grammar if depth is None or depth > DEEPEST else bounded(grammar, depth)


FINEST, COARSEST = Fraction(1, 10**6), 10**6
"""Of the constants with which reals may be rounded while candidates are judged; others are lost beside numbers as 1."""


def has_reals(grammar: Grammar) -> bool:
    """Whether a grammar makes reals, none of which are parts of other values."""
    sorts = {node.sort for node in _nodes(grammar)}
    return REAL in sorts and not any(map(holds_reals, sorts))


def needs_exact(specification: Specification, grammar: Grammar) -> bool:
    """Whether reals are so small or so large that rounded ones would be taken for one another."""
    if not has_reals(grammar):
        return False
    literals = [node.head for node in _nodes(grammar) if isinstance(node.head, Literal)]
    literals += [node.head for roots in specification.literals.values() for root in roots for node in subterms(root)]
    numbers = [abs(Fraction(one.value)) for one in literals if isinstance(one, Literal) and one.sort in (INT, REAL)]
    return any(number and not FINEST <= number <= COARSEST for number in numbers)


def _nodes(grammar: Grammar) -> Iterator[Term]:
    for productions in grammar.productions.values():
        for production in productions:
            yield from subterms(expand(production.template))


def bounded(grammar: Grammar, depth: int) -> Grammar:
    """The grammar of the terms that are at most so deep: a copy of each nonterminal for each depth."""
    copies = {(n, d): Nonterminal(f"{n.name} {d}", n.sort) for n in grammar.productions for d in range(depth + 1)}

    def copy(production: Production, limit: int) -> Production | None:
        levels = _hole_depths(production.template)
        if _height(production.template) > limit:
            return None
        holes = tuple(copies[n, limit - levels[i]] for i, n in enumerate(production.holes))
        return replace(production, template=with_holes(production.template, holes), holes=holes)

    productions = {}
    for d in range(depth, -1, -1):
        for nonterminal, given in grammar.productions.items():
            found = (copy(production, d) for production in given)
            productions[copies[nonterminal, d]] = tuple(p for p in found if p is not None)
    start = copies[grammar.start, depth]
    return productive(Grammar({start: productions.pop(start), **productions}))


def _height(root: Term) -> int:
    """Nodes above and including the lowest that is no hole."""
    return fold(root, lambda node, below: 0 if isinstance(node.head, Hole) else 1 + max(below, default=0))


def _hole_depths(root: Term) -> dict[int, int]:
    """How many nodes stand above each hole."""
    found: dict[int, int] = {}
    stack = [(root, 0)]
    while stack:
        node, above = stack.pop()
        if isinstance(node.head, Hole):
            found[node.head.index] = above
        stack.extend((argument, above + 1) for argument in node.arguments)
    return found


def with_holes(root: Term, holes: tuple[Nonterminal, ...]) -> Term:
    """The term with other nonterminals in its holes."""

    def visit(node: Term, arguments: list[Term]) -> Term:
        if isinstance(node.head, Hole):
            return hole(node.head.index, holes[node.head.index])
        return term(node.head, tuple(arguments), node.sort) if arguments else node

    return fold(root, visit)
