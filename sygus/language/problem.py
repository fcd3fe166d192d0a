"""A well-sorted SyGuS problem: what to synthesise, from which grammar, under which constraints, for which objective."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from functools import cached_property
from heapq import heapify, heappop, heappush
from itertools import product
from math import prod
from typing import Literal

from sygus.errors import Position, SourceError, TypeCheckError
from sygus.language import terms
from sygus.language.scope import Scope
from sygus.language.terms import (
    AnyConstant,
    Hole,
    Nonterminal,
    OracleFunction,
    Sort,
    SynthFunction,
    Term,
    Variable,
    WeightSymbol,
    fill,
    first_called,
    fold,
    substitute,
    subterms,
    term,
)
from sygus.language.theories import Theory
from sygus.records import record


@record(frozen=True, eq=False)
class Production:
    """One right-hand side: a term whose holes, numbered from the left, stand for nonterminals.

    Attributes:
        template: the term; a production that only renames is a bare hole.
        holes: the nonterminal of each hole.
        weights: weight keyword to the weight that ``!`` gives this production.
        position: where it stands in the file.
    """

    template: Term
    holes: tuple[Nonterminal, ...]
    weights: Mapping[str, int]
    position: Position

    @property
    def size(self) -> int:
        """The number of nodes the production itself adds to a term."""
        return self.template.size - len(self.holes)

    @property
    def constants(self) -> tuple[AnyConstant, ...]:
        """Every ``(Constant σ)`` in the production."""
        return tuple(node.head for node in subterms(self.template) if isinstance(node.head, AnyConstant))

    @property
    def is_chain(self) -> bool:
        """Whether the production is a single nonterminal."""
        return isinstance(self.template.head, Hole)

    @property
    def is_commutative(self) -> bool:
        """Whether swapping the two holes gives an equal term."""
        head, arguments = self.template.head, self.template.arguments
        return (
            getattr(head, "commutative", False)
            and len(arguments) == 2
            and all(isinstance(argument.head, Hole) for argument in arguments)
            and self.holes[0] == self.holes[1]
        )

    def instantiate(self, children: tuple[Term, ...]) -> Term:
        """The term with the holes filled."""
        return fill(self.template, dict(enumerate(children)))

    def match(self, candidate: Term) -> tuple[Term, ...] | None:
        """The children with which this production makes ``candidate``, None where it does not."""
        found: list[Term | None] = [None] * len(self.holes)
        stack = [(self.template, candidate)]
        while stack:
            pattern, node = stack.pop()
            if isinstance(pattern.head, Hole):
                found[pattern.head.index] = node
            elif isinstance(pattern.head, AnyConstant):
                if node.sort != pattern.sort or not is_constant(node):
                    return None
            elif pattern.head != node.head or len(pattern.arguments) != len(node.arguments):
                return None
            else:
                stack.extend(zip(pattern.arguments, node.arguments, strict=True))
        return tuple(child for child in found if child is not None)


@record(frozen=True, eq=False)
class Derivation:
    """How a grammar makes a term: a production and the derivations of what fills its holes."""

    production: Production
    children: tuple[Derivation, ...]

    @property
    def productions(self) -> tuple[Production, ...]:
        """Every production, each before those of what fills its holes, from the left."""
        found, stack = [], [self]
        while stack:
            node = stack.pop()
            found.append(node.production)
            stack.extend(reversed(node.children))
        return tuple(found)

    def weight(self, keyword: str, default: int) -> int:
        """The sum of the productions' weights."""
        return sum(production.weights.get(keyword, default) for production in self.productions)


@record(frozen=True, eq=False)
class Grammar:
    """Nonterminals with their productions, in the order of the file; the first is the start."""

    productions: Mapping[Nonterminal, tuple[Production, ...]]

    @cached_property
    def callers(self) -> tuple[tuple[Production, SynthFunction | OracleFunction], ...]:
        """The productions that call functions to synthesise or oracles, macros written out, with one such function."""
        memo: dict[terms.Definition, SynthFunction | OracleFunction | None] = {}
        found = []
        for production in (p for productions in self.productions.values() for p in productions):
            called = first_called(production.template, (SynthFunction, OracleFunction), memo)
            if called is not None:
                found.append((production, called))
        return tuple(found)

    @cached_property
    def has_lets(self) -> bool:
        """Whether a production has a ``let``, as older grammars have them."""
        templates = (p.template for productions in self.productions.values() for p in productions)
        return any(isinstance(node.head, terms.Binding) for template in templates for node in subterms(template))

    @property
    def start(self) -> Nonterminal:
        """The nonterminal that answers are derived from."""
        return next(iter(self.productions))

    @property
    def has_constants(self) -> bool:
        """Whether a production holds ``(Constant σ)``."""
        return any(p.constants for productions in self.productions.values() for p in productions)

    def closed(self, constants: Callable[[Sort, Position], Sequence[Term]]) -> Grammar:
        """The grammar with a production for each choice of constants in place of ``(Constant σ)``.

        Args:
            constants: those to choose from, by sort and the position of the production.

        Raises:
            TypeCheckError: that makes more than :data:`MOST_PRODUCTIONS`; with the position of one too many.
        """
        made = 0

        def choices(production: Production) -> Iterator[Production]:
            nonlocal made
            places = production.constants
            values = [constants(place.sort, production.position) for place in places]
            made += check_count(prod(map(len, values)), MOST_PRODUCTIONS - made, production.position)
            for chosen in product(*values):
                pairs = zip(places, chosen, strict=True)
                filled = {term(place, (), place.sort): value for place, value in pairs}
                template = substitute(production.template, filled) if places else production.template
                yield replace(production, template=template) if places else production

        if not self.has_constants:
            return self
        return productive(
            Grammar(
                {n: tuple(c for p in productions for c in choices(p)) for n, productions in self.productions.items()}
            )
        )

    def smallest(self) -> Mapping[Nonterminal, int]:
        """The size of the smallest term of each nonterminal; those that derive nothing are missing.

        D. E. Knuth, A generalization of Dijkstra's algorithm, Information Processing Letters 6(1), 1977.
        """
        sizes: dict[Nonterminal, int] = {}
        waiting: dict[Nonterminal, list[int]] = {}
        owners: list[Nonterminal] = []
        bodies: list[Production] = []
        missing: list[int] = []
        ready: list[tuple[int, int]] = []
        for nonterminal, productions in self.productions.items():
            for production in productions:
                place = len(owners)
                needed = set(production.holes)
                owners.append(nonterminal)
                bodies.append(production)
                missing.append(len(needed))
                for hole in needed:
                    waiting.setdefault(hole, []).append(place)
                if not needed:
                    ready.append((production.size, place))
        heapify(ready)
        while ready:
            size, place = heappop(ready)
            if owners[place] in sizes:
                continue
            sizes[owners[place]] = size
            for other in waiting.get(owners[place], ()):
                missing[other] -= 1
                if not missing[other]:
                    holes = sum(sizes[hole] for hole in bodies[other].holes)
                    heappush(ready, (bodies[other].size + holes, other))
        return sizes

    def derive(self, root: Term) -> Derivation | None:
        """A derivation of ``root`` from the start symbol, None where the grammar does not make it."""
        table: dict[Term, dict[Nonterminal, Derivation]] = {}
        for node in subterms(root):
            table[node] = self._derivations(node, table)
        return table[root].get(self.start)

    def _derivations(
        self, node: Term, table: Mapping[Term, Mapping[Nonterminal, Derivation]]
    ) -> dict[Nonterminal, Derivation]:
        """The first derivation of ``node`` from each nonterminal; ``table`` knows those of its sub-terms."""
        found: dict[Nonterminal, Derivation] = {}
        changed = True
        while changed:  # chain productions may need several rounds
            changed = False
            for nonterminal, productions in self.productions.items():
                if nonterminal in found:
                    continue
                for production in productions:
                    children = production.match(node)
                    if children is None:
                        continue
                    known = [
                        (found if child is node else table[child]).get(hole)
                        for child, hole in zip(children, production.holes, strict=True)
                    ]
                    if all(child is not None for child in known):
                        found[nonterminal] = Derivation(production, tuple(child for child in known if child))
                        changed = True
                        break
        return found


@record(frozen=True, eq=False)
class Target:
    """A function to synthesise.

    Attributes:
        function: its name, parameters and sort.
        grammar: what to enumerate: each ``(Constant σ)`` replaced by a few constants.
        position: where the function is declared.
        parameter_positions: where its parameters are.
        written: the grammar that the answer must be derived from, with ``(Constant σ)`` as :class:`AnyConstant`.
        free: whether the file gives no grammar, so that any term of the logic will do.
        barren: the nonterminals of the file that derive nothing; the grammars are without them.
    """

    function: SynthFunction
    grammar: Grammar
    position: Position
    parameter_positions: tuple[Position, ...]
    written: Grammar
    free: bool = False
    barren: tuple[str, ...] = ()


@record(frozen=True)
class Objective:
    """A number to make small (``min``) or large (``max``)."""

    term: Term
    direction: Literal["min", "max"]


@record(frozen=True, eq=False)
class OracleCall:
    """An oracle that a solver may ask, and what each answer adds.

    Attributes:
        inputs: variables for what is asked; those of a function sort stand for functions.
        outputs: variables for what is answered.
        statement: a Bool over them; with their values in it, a constraint.
        assumed: it is an assumption instead.
        oracle: the name of the executable.
        by_file: it is asked by a text file, not on its command line.
        position: where the command stands.
    """

    inputs: tuple[Variable, ...]
    outputs: tuple[Variable, ...]
    statement: Term
    assumed: bool
    oracle: str
    by_file: bool
    position: Position


@record(frozen=True)
class Setting:
    """The value that the file gives an option, and where."""

    value: str
    position: Position


_START = Position(1, 1, 1, 1)


@record(frozen=True, eq=False)
class Problem:
    """What a script asks.

    Attributes:
        file, text: the source.
        logic, theory: the name given to ``set-logic`` and what it opens.
        scope: what names mean at the end of the file, for reading answers.
        targets: the functions to synthesise, in order.
        constraints: boolean terms the answer must satisfy.
        objectives: empty for ``check-synth``.
        lexicographic: whether an earlier objective outranks the later ones; otherwise all are equal (Pareto).
        weights: the defaults of the declared weights.
        options: the file's ``set-option`` values, not yet checked by whoever uses them.
        oracles: the declared oracle functions, with the position of the oracle's name.
        variables: universally quantified: declared by the file, or bound by a command (``inv-constraint``, …).
        assumptions: boolean terms that may be taken to hold of the variables.
        calls: oracles whose answers add constraints and assumptions.
        positions: where constraints and assumptions are stated.
        asked: the position of the command that asks for an answer.
        legacy: what the file writes as before version 2.1 of the standard, one entry for each kind.
        unset: whether the file sets no logic, and this one was found for it.
        earlier: what the file asks before, each about what was stated up to there.
    """

    file: str
    text: str
    logic: str
    theory: Theory
    scope: Scope
    targets: tuple[Target, ...]
    constraints: tuple[Term, ...]
    objectives: tuple[Objective, ...]
    lexicographic: bool
    weights: Mapping[str, int]
    options: Mapping[str, Setting]
    oracles: Mapping[OracleFunction, Position] = field(default_factory=dict)
    variables: tuple[Variable, ...] = ()
    assumptions: tuple[Term, ...] = ()
    calls: tuple[OracleCall, ...] = ()
    positions: Mapping[Term, Position] = field(default_factory=dict)
    asked: Position = _START
    legacy: tuple[str, ...] = ()
    unset: bool = False
    earlier: tuple[Problem, ...] = ()

    @property
    def questions(self) -> tuple[Problem, ...]:
        """All that the file asks, in order; this problem is the last."""
        return (*self.earlier, self)

    def error(self, message: str, position: Position, hint: str = "") -> SourceError:
        """The error that shows a place of the file."""
        return SourceError(message, position, hint).located(self.file, self.text)

    @property
    def definitions(self) -> list[terms.Definition]:
        """The macros of the file, in order."""
        return [symbol for symbol in self.scope.symbols.values() if isinstance(symbol, terms.Definition)]

    @property
    def target(self) -> Target:
        """The function to synthesise, of a problem that has one."""
        return self.targets[0]


def mentions_weights(problem: Problem) -> bool:
    """Whether what is asked depends on weights of derivations."""
    formulas = (*problem.constraints, *problem.assumptions, *(objective.term for objective in problem.objectives))
    return any(isinstance(node.head, WeightSymbol) for one in formulas for node in subterms(terms.expand(one)))


def is_constant(root: Term) -> bool:
    """Whether the term writes a constant.

    Constants are literals, negated numbers ``(- 5)``, fractions ``(/ 1 3)``, and the values of arrays and datatypes
    that are made of constants.
    """

    def visit(node: Term, constant: list[bool]) -> bool:
        head = node.head
        number = (head.name, len(node.arguments)) in {("-", 1), ("/", 2)}
        makes = isinstance(head, terms.Literal) or number or getattr(head, "constructor", False)
        return makes and all(constant)

    return fold(root, visit)


MOST_PRODUCTIONS = 1_000_000
"""Of a grammar, with every choice of variables and constants written out."""


def check_count(count: int, left: int, position: Position) -> int:
    """The number of productions that one line stands for, where the grammar may still have so many.

    Raises:
        TypeCheckError: it may not.
    """
    if count > left:
        hint = f"a grammar has at most {MOST_PRODUCTIONS}: let the line hold fewer (Variable …) and (Constant …)"
        raise TypeCheckError(f"this line stands for {count} productions", position, hint)
    return count


def productive(grammar: Grammar) -> Grammar:
    """Without the nonterminals that derive nothing and the productions that use them."""
    alive = grammar.smallest()
    return Grammar(
        {
            nonterminal: tuple(p for p in productions if all(hole in alive for hole in p.holes))
            for nonterminal, productions in grammar.productions.items()
            if nonterminal in alive or nonterminal == grammar.start
        }
    )
