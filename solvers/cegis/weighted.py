"""The ordinary problems that one with weights comes to: with numbers for weights, of the terms of these alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from solvers.cegis.answer import Answer
from solvers.cegis.portfolio import Found
from solvers.cegis.search.weighing import Weighed, Weights, weighed
from sygus.language.problem import Objective, Problem, Target
from sygus.language.terms import (
    INT,
    Expansion,
    Head,
    Literal,
    SynthFunction,
    Term,
    Variable,
    WeightSymbol,
    leaf,
    substitute,
    subterms,
    term,
)


@dataclass(eq=False)
class Weighted:
    """A problem in which weights stand.

    Attributes:
        problem: what is asked.
        constraints, assumptions: without macros.
        objectives: likewise.
        symbols: the weights in them.
        keywords: of each function, by its name, those whose weights matter, with their defaults.
    """

    problem: Problem
    constraints: tuple[Term, ...]
    assumptions: tuple[Term, ...]
    objectives: tuple[Objective, ...]
    symbols: tuple[Term, ...]
    keywords: Mapping[str, Mapping[str, int]]
    _grammars: dict[tuple[str, Weights], Weighed | None] = field(default_factory=dict)

    @classmethod
    def of(cls, problem: Problem) -> Weighted:
        """Find the weights."""
        expand = Expansion()
        constraints = tuple(map(expand, problem.constraints))
        assumptions = tuple(map(expand, problem.assumptions))
        objectives = tuple(replace(one, term=expand(one.term)) for one in problem.objectives)
        formulas = (*constraints, *assumptions, *(one.term for one in objectives))
        found = {node: None for formula in formulas for node in subterms(formula)}
        used = {node.head: node for node in found if isinstance(node.head, WeightSymbol)}
        keywords: dict[str, dict[str, int]] = {}
        for head in used:
            keywords.setdefault(head.function, {})[head.keyword] = problem.weights[head.keyword]
        symbols = tuple(
            used[WeightSymbol(keyword, target.function.name)]
            for target in problem.targets
            for keyword in keywords.get(target.function.name, ())
        )
        return cls(problem, constraints, assumptions, objectives, symbols, keywords)

    def weights_of(self, answer: Answer) -> Weights:
        """Those of an answer's derivations."""
        by_name = {function.name: derivation for function, derivation in answer.derivations.items()}
        return tuple(
            by_name[symbol.head.function].weight(symbol.head.keyword, self.problem.weights[symbol.head.keyword])
            for symbol in self.symbols
        )

    def apply(self, name: str, *arguments: Term) -> Term:
        """A function of the logic applied."""
        resolved = self.problem.theory.resolve(name, tuple(argument.sort for argument in arguments))
        assert resolved is not None
        return term(resolved[0], arguments, resolved[1])

    def numbers(self, weights: Weights) -> Mapping[Term, Term]:
        """What stands for the symbols."""
        return {s: leaf(Literal(weight, INT)) for s, weight in zip(self.symbols, weights, strict=True)}

    def without_weights(self) -> Problem:
        """What is asked apart from weights."""
        about = set(self.symbols)

        def plain(formulas: Sequence[Term]) -> tuple[Term, ...]:
            return tuple(formula for formula in formulas if about.isdisjoint(subterms(formula)))

        assumptions = plain(self.assumptions)
        kept = plain(self.constraints) if len(assumptions) == len(self.assumptions) else ()
        return replace(self.problem, constraints=kept, assumptions=assumptions, objectives=())

    def numbered(self, weights: Weights, targets: Sequence[Target], goals: Sequence[Term]) -> Problem:
        """The problem with numbers for weights."""
        numbers = self.numbers(weights)
        given = (substitute(formula, numbers) for formula in self.constraints)
        constraints = tuple(map(self._everywhere, (*given, *goals)))
        assumptions = tuple(substitute(formula, numbers) for formula in self.assumptions)
        return replace(
            self.problem, constraints=constraints, assumptions=assumptions, objectives=(), targets=tuple(targets)
        )

    def _everywhere(self, formula: Term) -> Term:
        """A formula about points as one about all, so that strategies see functions applied to variables alone.

        Not under assumptions, which would be about these points then.
        """
        called = [node for node in subterms(formula) if isinstance(node.head, SynthFunction)]
        if self.assumptions or is_open(formula) or not called or any(node.head not in self._applied for node in called):
            return formula
        places = dict[Term, Term]()
        for node in called:
            for variable, argument in zip(self._applied[node.head].arguments, node.arguments, strict=True):
                if places.setdefault(variable, argument) != argument or calls_any(argument):
                    return formula
        if not places:
            return formula
        premises = [self.apply("=", variable, argument) for variable, argument in places.items()]
        premise = premises[0] if len(premises) == 1 else self.apply("and", *premises)
        return self.apply("=>", premise, substitute(formula, {node: self._applied[node.head] for node in called}))

    @cached_property
    def _applied(self) -> Mapping[Head, Term]:
        """The application of each function to variables that is the only one to any."""
        found: dict[Head, dict[Term, None]] = {}
        for formula in self.constraints:
            for node in subterms(formula):
                if isinstance(node.head, SynthFunction) and is_open(node):
                    found.setdefault(node.head, {})[node] = None
        return {
            head: next(iter(nodes))
            for head, nodes in found.items()
            if len(nodes) == 1 and distinct_variables(next(iter(nodes)).arguments)
        }

    def with_weights(self, weights: Weights, goals: Sequence[Term]) -> Problem | None:
        """The problem of the terms of some weights; None where their grammar would be too large."""
        targets = []
        for target in self.problem.targets:
            made = self._weighed(target, weights)
            if made is None:
                if target.function.name in self.keywords:
                    return None
                targets.append(target)
            else:
                targets.append(replace(target, grammar=made.grammar, written=made.grammar))
        return self.numbered(weights, targets, goals)

    def _weighed(self, target: Target, weights: Weights) -> Weighed | None:
        """The grammar of a function for some weights; None where these do not matter, or it is too large."""
        name = target.function.name
        if name not in self.keywords:
            return None
        own = tuple(w for symbol, w in zip(self.symbols, weights, strict=True) if symbol.head.function == name)
        if (name, own) not in self._grammars:
            self._grammars[name, own] = weighed(target.written, self.keywords[name], own)
        return self._grammars[name, own]

    def restored(self, found: Found, weights: Weights) -> Found:
        """An answer with its derivations in the grammars of the file."""
        derivations = dict(found.answer.derivations)
        for target in self.problem.targets:
            made = self._weighed(target, weights)
            if made is not None:
                derivations[target.function] = made.original(derivations[target.function])
        return replace(found, answer=replace(found.answer, derivations=derivations))


def is_open(formula: Term) -> bool:
    """Whether there are variables in a formula."""
    return any(isinstance(node.head, Variable) for node in subterms(formula))


def calls_any(root: Term) -> bool:
    """Whether a term applies functions to synthesise."""
    return any(isinstance(node.head, SynthFunction) for node in subterms(root))


def distinct_variables(terms: Sequence[Term]) -> bool:
    """Whether terms are variables, no two the same."""
    return len(set(terms)) == len(terms) and all(isinstance(one.head, Variable) for one in terms)
