"""From the grammar of a function to its productions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import cached_property
from itertools import product
from math import prod

from sygus.errors import Position
from sygus.language.layers import Overlay
from sygus.language.problem import MOST_PRODUCTIONS, Grammar, Production, check_count, productive
from sygus.language.scope import Scope, check_sort, fail, known
from sygus.language.syntax import script as ast
from sygus.language.terms import (
    AnyConstant,
    Binding,
    Definition,
    Nonterminal,
    Sort,
    SynthFunction,
    Term,
    first_called,
    hole,
    leaf,
    numbered,
    private_variable,
    substitute,
    subterms,
    term,
)
from sygus.language.typecheck import check_term, whole_number


class GrammarReader:
    """Reads the grammar of one function, in the scope of its command; ``(Constant S)`` stays as it is written.

    Args:
        scope: of the command.
        function: to synthesise.
        features: of the file: those that let a grammar call functions to synthesise.
        called: a function to synthesise that each macro calls, as far as that is known; more is added.
    """

    def __init__(
        self,
        scope: Scope,
        function: SynthFunction,
        features: Collection[str],
        called: dict[Definition, SynthFunction | None],
    ) -> None:
        self.scope = replace(scope, symbols=Overlay({function.name: function}, scope.symbols))
        self.function = function
        self.features = features
        self.called = called
        self.made = 0

    def read(self, grammar: ast.GrammarExpression) -> Grammar:
        """The grammar as written.

        Raises:
            TypeCheckError: with the position of what is wrong.
        """
        function = self.function
        nonterminals = {
            group.name: Nonterminal(group.name, check_sort(group.sort, self.scope)) for group in grammar.groups
        }
        self._check_predeclarations(grammar, nonterminals)
        first = grammar.groups[0]
        if nonterminals[first.name].sort != function.sort:
            message = f"the grammar starts with {nonterminals[first.name].sort}, '{function.name}' is {function.sort}"
            fail(message, first.position, "the first nonterminal must have the function's sort")
        names: dict[str, Term] = {parameter.name: leaf(parameter) for parameter in function.parameters}
        scope = replace(self.scope, variables=names | {name: leaf(n) for name, n in nonterminals.items()}, lets=True)
        skipped = self._idle_lets(grammar)
        result = Grammar(
            {
                nonterminals[group.name]: tuple(
                    production
                    for expression in group.productions
                    if id(expression) not in skipped
                    for production in self._productions(expression, nonterminals[group.name], scope)
                )
                for group in grammar.groups
            }
        )
        alive = result.smallest()
        if nonterminals[first.name] not in alive:
            message = f"the nonterminal '{first.name}' derives nothing"
            fail(message, first.position, "give it a production without nonterminals, or with such as have one")
        return result if len(alive) == len(nonterminals) else productive(result)

    def _check_predeclarations(self, grammar: ast.GrammarExpression, nonterminals: Mapping[str, Nonterminal]) -> None:
        seen: set[str] = set()
        parameters = {parameter.name for parameter in self.function.parameters}
        for group in grammar.groups:
            if group.name in seen:
                fail(f"the nonterminal '{group.name}' has two groups", group.position, "join them")
            seen.add(group.name)
            if group.name in self.scope.symbols or group.name in parameters:
                fail(
                    f"the nonterminal '{group.name}' is named like a parameter or function", group.position, "rename it"
                )
        declared = grammar.predeclarations
        if declared is None:
            return
        pairs = [(v.name, check_sort(v.sort, self.scope), v.position) for v in declared]
        for (name, sort, position), group in zip(pairs, grammar.groups, strict=False):
            if name != group.name or sort != nonterminals[group.name].sort:
                message = f"the list declares '{name}' of {sort} where the groups have '{group.name}'"
                fail(message, position, f"write ({group.name} {nonterminals[group.name].sort})")
        if len(pairs) != len(grammar.groups):
            message = f"{len(pairs)} nonterminals are declared, {len(grammar.groups)} have a group"
            fail(message, grammar.position, "declare each nonterminal once, in the order of the groups")

    def _idle_lets(self, grammar: ast.GrammarExpression) -> set[int]:
        """The productions, by identity, that add nothing, as in ``(S Int (x z (let ((z S)) S)))``: a let around S in S.

        There ``z`` is a production that stands for another S, so every term without the let is derived anyway.
        """
        named = {parameter.name for parameter in self.function.parameters} | {group.name for group in grammar.groups}
        places: dict[str, set[str]] = {}
        for group in grammar.groups:
            for expression in group.productions:
                name = _plain_name(expression)
                if name is not None and name not in named and name not in self.scope.symbols:
                    places.setdefault(name, set()).add(group.name)
        skipped: set[int] = set()
        bound: set[str] = set()
        for group in grammar.groups:
            for expression in group.productions:
                if not isinstance(expression, ast.Let) or _plain_name(expression.body) != group.name:
                    continue
                for name, value in expression.bindings:
                    if places.get(name, set()) - {_plain_name(value)}:
                        hint = f"let '{name}' be a production of {_plain_name(value) or 'a nonterminal'} alone"
                        fail(f"'{name}' stands where its value is not derived", expression.position, hint)
                    bound.add(name)
                skipped.add(id(expression))
        standing = (expression for group in grammar.groups for expression in group.productions)
        return skipped | {id(one) for one in standing if _plain_name(one) in bound & places.keys()}

    def _productions(self, expression: ast.TermExpression, nonterminal: Nonterminal, scope: Scope) -> list[Production]:
        """The productions of one line: one for each choice of parameters where it holds ``(Variable S)``."""
        weights = self._weights(expression)
        choices: dict[Term, list[Term]] = {}
        constants = 0

        def generic(node: ast.AnyConstant | ast.AnyVariable) -> Term:
            nonlocal constants
            sort = check_sort(node.sort, self.scope)
            if isinstance(node, ast.AnyConstant):
                constants += 1
                return term(AnyConstant(constants - 1, sort), (), sort)
            placeholder = leaf(private_variable("choice", len(choices), sort))
            choices[placeholder] = self._parameters.get(sort, [])
            return placeholder

        pattern = check_term(expression, replace(scope, generic=generic))
        _check_lets(pattern, expression.position)
        self._check_calls(pattern, expression)
        if pattern.sort != nonterminal.sort:
            message = f"ill-sorted: '{nonterminal.name}' is {nonterminal.sort}, this production {pattern.sort}"
            fail(message, expression.position, f"a production of {nonterminal.name} must be {nonterminal.sort}")
        count = prod(map(len, choices.values()))
        self.made += check_count(count, MOST_PRODUCTIONS - self.made, expression.position)
        return [
            _production(substitute(pattern, dict(zip(choices, values, strict=True))), weights, expression.position)
            for values in product(*choices.values())
        ]

    @cached_property
    def _parameters(self) -> dict[Sort, list[Term]]:
        """The parameters of the function by their sorts."""
        found: dict[Sort, list[Term]] = {}
        for parameter in self.function.parameters:
            found.setdefault(parameter.sort, []).append(leaf(parameter))
        return found

    def _check_calls(self, pattern: Term, expression: ast.TermExpression) -> None:
        """Calls of functions to synthesise, macros written out, need a feature."""
        called = first_called(pattern, SynthFunction, self.called)
        if called is None:
            return
        direct = (node.head for node in subterms(pattern) if isinstance(node.head, SynthFunction))
        for head in dict.fromkeys((called, *direct)):
            feature = "recursion" if head == self.function else "fwd-decls"
            if feature not in self.features:
                message = f"a production that calls '{head.name}' needs the feature :{feature}"
                fail(message, expression.position, f"add (set-feature :{feature} true) near the top")

    def _weights(self, expression: ast.TermExpression) -> dict[str, int]:
        weights: dict[str, int] = {}
        if isinstance(expression, ast.Annotated):
            for attribute in expression.attributes:
                if attribute.keyword not in self.scope.weights and not self._meant_as_weight(attribute):
                    continue
                if attribute.keyword not in self.scope.weights:
                    hint = known(self.scope.weights, attribute.keyword, "declared weights")
                    fail(f"':{attribute.keyword}' is no declared weight", attribute.position, hint)
                if attribute.keyword in weights:
                    fail(f"':{attribute.keyword}' is given twice", attribute.position, "keep one")
                weights[attribute.keyword] = whole_number(attribute)
        return weights

    def _meant_as_weight(self, attribute: ast.Attribute) -> bool:
        """Other annotations may say anything; a number in a file with weights is one that is misspelt."""
        value = attribute.value
        return "weights" in self.features and isinstance(value, ast.LiteralExpression) and value.kind == "numeral"


def _plain_name(expression: ast.TermExpression) -> str | None:
    """The symbol that an expression is, None of any other."""
    if isinstance(expression, ast.Reference) and not expression.identifier.indices and not expression.identifier.sort:
        return expression.identifier.symbol
    return None


def _check_lets(pattern: Term, position: Position) -> None:
    """Refuse a let whose body holds what is chosen anew for every term."""
    for node in subterms(pattern):
        if isinstance(node.head, Binding):
            chosen = [one.head for one in subterms(node.head.body) if isinstance(one.head, Nonterminal | AnyConstant)]
            if chosen:
                hint = "bind it: a let may have nonterminals in what it binds"
                fail(f"a let around '{chosen[0].name}' is not searched", position, hint)


def _production(template: Term, weights: Mapping[str, int], position: Position) -> Production:
    """Number the occurrences of nonterminals from the left."""
    numbered_template, holes = numbered(template, lambda head: isinstance(head, Nonterminal), hole)
    return Production(numbered_template, holes, dict(weights), position)
