"""Fitting a term to a grammar: an equal term that the grammar derives, found by rewriting from the root.

Nothing here is trusted: what comes out is checked for membership and by Z3 like every candidate.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from fractions import Fraction
from functools import cached_property
from typing import TypeAlias, TypeVar

from solvers.cegis.answer import Verdict, within
from solvers.cegis.limits import Limits, OutOfTimeError
from solvers.cegis.logic.construction import FALSE, MIRROR, TRUE, Construction, Linear, linear
from solvers.cegis.logic.lookup import Lookup
from solvers.cegis.search.grammars import enumerable
from solvers.cegis.specification import Bodies, Specification, literal_value
from solvers.cegis.strategy import Candidate
from sygus.language.problem import Grammar, Production, Target
from sygus.language.terms import BOOL, INT, REAL, Nonterminal, Sort, SynthFunction, Term, expand, term

DEEPEST = 6
"""Rewriting steps in a row without a production being matched."""

SECONDS = 0.6
"""Of the processor, for one candidate: what fits, fits soon."""

R = TypeVar("R")

Steps: TypeAlias = Generator["Steps[Term | None]", "Term | None", R]
"""A piece of work that yields others, and is told what came out; see :func:`_followed`."""


class Fitter:
    """Fits terms to the grammar of one function.

    Args:
        specification: whose constants may be used for ``(Constant σ)``.
        target: whose grammar.
        limits: of time.
    """

    def __init__(self, specification: Specification, target: Target, limits: Limits) -> None:
        self.grammar: Grammar = target.written
        self.make = Construction(specification.problem.theory)
        self.limits = limits
        self._specification, self._target = specification, target
        self._known: dict[tuple[Term, Nonterminal], Term | None] = {}
        self._busy: set[tuple[Term, Nonterminal]] = set()

    @cached_property
    def lookup(self) -> Lookup:
        """Small terms by their values, for what nothing else fits."""
        grammar = enumerable(self._specification, self._target)
        return Lookup(grammar, self._target.function.parameters, self.limits)

    def fit(self, root: Term) -> Term | None:
        """A term equal to ``root`` that the start symbol derives, None where none is found."""
        if self.grammar.derive(root) is not None:
            return root
        return _followed(self._fit(root, self.grammar.start, DEEPEST))

    def _fit(self, root: Term, nonterminal: Nonterminal, steps: int) -> Steps[Term | None]:
        key = (root, nonterminal)
        if key in self._known:
            return self._known[key]
        if key in self._busy or root.sort != nonterminal.sort:
            return None
        self.limits.check()
        self._busy.add(key)
        found = yield from self._matched(root, nonterminal, steps)
        if found is None and steps:
            for other in rewritings(root, self.make):
                found = yield self._fit(other, nonterminal, steps - 1)
                if found is not None:
                    break
        if found is None and steps == DEEPEST:
            found = self.lookup.equal_term(root, nonterminal)
        self._busy.discard(key)
        if found is not None or steps == DEEPEST:
            self._known[key] = found
        return found

    def _matched(self, root: Term, nonterminal: Nonterminal, steps: int) -> Steps[Term | None]:
        """By a production whose template matches, arguments in either order, and what fits its holes."""
        for production in self.grammar.productions[nonterminal]:
            for candidate in _orders(root, production):
                children = production.match(candidate)
                if children is None:
                    continue
                if not production.holes:
                    return candidate
                filled = yield from self._children(children, production, root, steps)
                if filled is not None:
                    return _instantiate(production, candidate, filled)
        return None

    def _children(
        self, children: tuple[Term, ...], production: Production, root: Term, steps: int
    ) -> Steps[tuple[Term, ...] | None]:
        filled: list[Term] = []
        for child, hole in zip(children, production.holes, strict=True):
            found = yield self._fit(child, hole, steps if child is root else DEEPEST)
            if found is None:
                return None
            filled.append(found)
        return tuple(filled)


def _followed(first: Steps[Term | None]) -> Term | None:
    """What a generator returns when each that it yields is followed, and told what that one returned.

    So the depth of terms is bounded by memory alone.
    """
    stack, answer = [first], None
    while stack:
        try:
            stack.append(stack[-1].send(answer))
            answer = None
        except StopIteration as end:
            stack.pop()
            answer = end.value
    return answer


def _orders(root: Term, production: Production) -> Iterator[Term]:
    """The term as it is and, where its function commutes, mirrored."""
    yield root
    if getattr(root.head, "commutative", False) and len(root.arguments) == 2 and not production.is_commutative:
        yield term(root.head, root.arguments[::-1], root.sort)


def _instantiate(production: Production, candidate: Term, children: tuple[Term, ...]) -> Term:
    """The production's term; where it has ``(Constant σ)``, the constants are the candidate's."""
    if not production.constants:
        return production.instantiate(children)
    pairs = dict(zip(production.match(candidate) or (), children, strict=True))
    arguments = tuple(pairs.get(argument, argument) for argument in candidate.arguments)
    return term(candidate.head, arguments, candidate.sort)


def rewritings(root: Term, make: Construction) -> Iterator[Term]:
    """Terms that equal this one, by one step at the root; those whose functions the logic lacks are left out."""
    for rewrite in (_expanded, _regrouped, _comparisons, _connectives, _numbers, _conditionals):
        try:
            yield from rewrite(root, make)
        except KeyError:
            continue


def _expanded(root: Term, make: Construction) -> Iterator[Term]:
    plain = make.simplified(expand(root))
    if plain is not root:
        yield plain


def _regrouped(root: Term, make: Construction) -> Iterator[Term]:
    """Of more than two arguments, two at a time."""
    if getattr(root.head, "associative", False) and len(root.arguments) > 2:
        found = root.arguments[-1]
        for argument in reversed(root.arguments[:-1]):
            found = make.apply(root.head.name, argument, found)
        yield found


def _comparisons(root: Term, make: Construction) -> Iterator[Term]:
    name = root.head.name
    if len(root.arguments) != 2:
        return
    a, b = root.arguments
    if name in ("<=", "<", ">=", ">"):
        yield make.apply(MIRROR[name], b, a)
        strict = name in ("<", ">")
        opposite = {"<": ">=", ">": "<=", "<=": ">", ">=": "<"}[name]
        yield make.apply("not", make.apply(opposite, a, b))
        yield make.apply("not", make.apply(MIRROR[opposite], b, a))
        if a.sort == b.sort == INT:
            step = Fraction(1 if strict else -1)
            loose = {"<": "<=", ">": ">=", "<=": "<", ">=": ">"}[name]
            direction = step if name in ("<", "<=") else -step
            total = linear(a).plus(linear(b), Fraction(-1))
            moved = Linear(total.factors, total.constant + direction, INT)
            yield make.comparison(loose, moved)
        if a.sort in (INT, REAL) and b.sort == a.sort:
            yield from _one_sided(name, linear(a).plus(linear(b), Fraction(-1)), make)
    elif name == "=" and a.sort in (INT, REAL) and a.sort == b.sort:
        yield make.apply("and", make.apply("<=", a, b), make.apply(">=", a, b))
        yield from _one_sided(name, linear(a).plus(linear(b), Fraction(-1)), make)
    elif name == "=" and a.sort == BOOL:
        yield make.apply("ite", a, b, make.negation(b))
        both = make.apply("and", a, b)
        yield make.apply("or", both, make.apply("and", make.negation(a), make.negation(b)))
    elif name == "distinct":
        yield make.apply("not", make.apply("=", a, b))


def _one_sided(name: str, total: Linear, make: Construction) -> Iterator[Term]:
    """A comparison with a constant, or with zero."""
    if not total.factors:
        return
    sort = total.sort
    for sign in (Fraction(1), Fraction(-1)):
        turned = total.times(sign)
        compare = name if sign > 0 else MIRROR[name]
        variables = make.sum_of(Linear(turned.factors, Fraction(0), sort))
        yield make.apply(compare, variables, make.number(-turned.constant, sort))
        yield make.apply(compare, make.sum_of(turned), make.number(0, sort))


def _connectives(root: Term, make: Construction) -> Iterator[Term]:
    name, arguments = root.head.name, root.arguments
    if name == "not" and arguments[0].head.name != "not":
        inside = make.negation(arguments[0])
        if inside is not root:
            yield inside
        return
    if name == "not":
        yield arguments[0].arguments[0]
    if name in ("and", "or") and len(arguments) == 2:
        other = "or" if name == "and" else "and"
        yield make.apply("not", make.apply(other, *(make.negation(a) for a in arguments)))
        a, b = arguments
        yield make.apply("ite", a, b, FALSE) if name == "and" else make.apply("ite", a, TRUE, b)
    if name == "=>" and len(arguments) == 2:
        yield make.apply("or", make.negation(arguments[0]), arguments[1])
    if name == "xor" and len(arguments) == 2:
        yield make.apply("not", make.apply("=", *arguments))
    if root in (TRUE, FALSE):
        zero = make.number(0, INT)
        yield make.apply("=" if root is TRUE else "<", zero, zero)


def _numbers(root: Term, make: Construction) -> Iterator[Term]:
    if root.sort not in (INT, REAL):
        return
    sort: Sort = root.sort
    value = literal_value(root)
    if value is not None:
        yield from _constants(Fraction(value), sort, make)
        return
    total = linear(root)
    plain = make.sum_of(total)
    if plain is not root:
        yield plain
    parts = list(total.factors.items())
    if len(parts) == 1 and not total.constant:
        yield from _multiples(*parts[0], sort, make)
        return
    if total.constant:
        rest = make.sum_of(Linear(total.factors, Fraction(0), sort))
        yield make.apply("+", rest, make.number(total.constant, sort))
        yield make.apply("-", rest, make.number(-total.constant, sort))
    if len(parts) > 1 or total.constant:
        for part, factor in parts:
            if len(parts) == 1 and not total.constant:
                continue
            one = make.sum_of(Linear({part: abs(factor)}, Fraction(0), sort))
            rest = make.sum_of(total.without(part))
            yield make.apply("+", rest, one) if factor > 0 else make.apply("-", rest, one)
            if factor < 0:
                yield make.apply("+", rest, make.apply("*", make.number(factor, sort), part))


def _constants(value: Fraction, sort: Sort, make: Construction) -> Iterator[Term]:
    """A number from smaller ones."""
    if value < 0:
        yield make.apply("-", make.number(0, sort), make.number(-value, sort))
        yield make.apply("-", make.number(-value, sort))
        yield make.apply("+", make.number(value + 1, sort), make.number(-1, sort))
    elif value > 1:
        yield make.apply("+", make.number(value // 2, sort), make.number(value - value // 2, sort))
        yield make.apply("+", make.number(value - 1, sort), make.number(1, sort))


def _multiples(part: Term, factor: Fraction, sort: Sort, make: Construction) -> Iterator[Term]:
    """A multiple of a term, by a product or by sums."""
    if factor == 1:
        yield make.apply("+", part, make.number(0, sort))
        yield make.apply("*", make.number(1, sort), part)
        return
    if factor < 0:
        positive = make.sum_of(Linear({part: -factor}, Fraction(0), sort))
        yield make.apply("-", make.number(0, sort), positive)
    yield make.apply("*", make.number(factor, sort), part)
    yield make.apply("*", part, make.number(factor, sort))
    if factor > 1 and factor.denominator == 1:
        half = factor.numerator // 2
        pieces = (make.sum_of(Linear({part: Fraction(n)}, Fraction(0), sort)) for n in (half, factor.numerator - half))
        yield make.apply("+", *pieces)


def _conditionals(root: Term, make: Construction) -> Iterator[Term]:
    if root.head.name != "ite":
        return
    condition, then, other = root.arguments
    yield make.apply("ite", make.negation(condition), other, then)
    if root.sort == BOOL:
        yield make.disjunction(
            [make.conjunction([condition, then]), make.conjunction([make.negation(condition), other])]
        )


def fit_all(specification: Specification, bodies: Bodies, limits: Limits) -> Bodies | None:
    """Every body fitted to its grammar; None where one cannot be, soon enough.

    Raises:
        OutOfTimeError: from the limits.
    """
    fitted: dict[SynthFunction, Term] = {}
    part = limits.effort(SECONDS)
    for target in specification.targets:
        try:
            found = Fitter(specification, target, part).fit(bodies[target.function])
        except OutOfTimeError:
            limits.check()
            return None
        except RecursionError:  # nested too deeply to be rewritten
            return None
        if found is None:
            return None
        fitted[target.function] = found
    return fitted


def proposed(
    specification: Specification, bodies: Bodies, limits: Limits
) -> Generator[Candidate | None, Verdict, bool]:
    """Propose bodies as their grammars write them, unless they are too large then; whether they can be written so."""
    yield None
    fitted = fit_all(specification, bodies, limits)
    if fitted is not None and within(fitted, limits):
        yield Candidate(fitted)
    return fitted is not None
