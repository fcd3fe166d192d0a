"""Sorts and terms of the file, checked against what is in scope."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from fractions import Fraction
from typing import NoReturn

from sygus.errors import Position, TypeCheckError
from sygus.syntax import script as ast
from sygus.syntax.printer import print_term
from sygus.terms import (
    BOOL,
    INT,
    REAL,
    Definition,
    Literal,
    OracleFunction,
    Sort,
    SynthFunction,
    Term,
    Variable,
    WeightSymbol,
    function_sort,
    leaf,
    term,
)
from sygus.theories import Theory

Symbol = Definition | SynthFunction | OracleFunction


def fail(message: str, position: Position, hint: str = "") -> NoReturn:
    """Raise a :class:`TypeCheckError`."""
    raise TypeCheckError(message, position, hint)


def known(names: Iterable[str], wrong: str = "", what: str = "known") -> str:
    """The hint that lists what there is, with the closest match first."""
    ordered = sorted(set(names))
    close = get_close_matches(wrong, ordered, n=1)
    guess = f"did you mean '{close[0]}'? " if close else ""
    return f"{guess}{what}: {', '.join(ordered) or 'none'}"


@dataclass
class Scope:
    """What names mean at one place of the script; ``generic`` gives meaning to ``(Constant S)`` inside grammars."""

    theory: Theory
    sorts: Mapping[str, Sort]
    symbols: Mapping[str, Symbol] = field(default_factory=dict)
    weights: Mapping[str, int] = field(default_factory=dict)
    variables: Mapping[str, Term] = field(default_factory=dict)
    generic: Callable[[ast.AnyConstant | ast.AnyVariable], Term] | None = None

    def binding(self, variables: Mapping[str, Term]) -> Scope:
        """The scope with these local names added."""
        return replace(self, variables={**self.variables, **variables})


def check_sort(sort: ast.SortExpression, sorts: Mapping[str, Sort]) -> Sort:
    """The sort that an expression names."""
    name = sort.identifier.symbol
    arguments = tuple(check_sort(argument, sorts) for argument in sort.arguments)
    if name == "->":
        return function_sort(arguments[:-1], arguments[-1])
    if name not in sorts:
        fail(f"unknown sort '{name}'", sort.position, known(sorts, name))
    if arguments or sort.identifier.indices:
        fail(f"the sort '{name}' takes no arguments", sort.position, f"write {name}")
    return sorts[name]


def check_term(expression: ast.TermExpression, scope: Scope) -> Term:
    """The well-sorted term that an expression means; annotations are dropped, ``let`` is expanded.

    Works with a stack of its own, so that depth is bounded by memory alone.
    """
    return _TermChecker().check(expression, scope)


class _TermChecker:
    """A stack of results and a stack of work to do, each piece a closure that may add more."""

    def __init__(self) -> None:
        self.results: list[Term] = []
        self.work: list[Callable[[], None]] = []

    def check(self, expression: ast.TermExpression, scope: Scope) -> Term:
        self.later(expression, scope)
        while self.work:
            self.work.pop()()
        return self.results[0]

    def later(self, node: ast.TermExpression, scope: Scope) -> None:
        self.work.append(lambda: self.visit(node, scope))

    def take(self, count: int) -> tuple[Term, ...]:
        """The last results, removed."""
        start = len(self.results) - count
        taken = tuple(self.results[start:])
        del self.results[start:]
        return taken

    def visit(self, node: ast.TermExpression, scope: Scope) -> None:
        match node:
            case ast.Application():
                self.work.append(lambda: self.apply(node, scope))
                for argument in reversed(node.arguments):
                    self.later(argument, scope)
            case ast.Let():
                self.work.append(lambda: self.enter(node, scope))
                for _, bound in reversed(node.bindings):
                    self.later(bound, scope)
            case ast.Annotated():
                self.later(node.term, scope)
            case _:
                self.results.append(_atom(node, scope))

    def apply(self, node: ast.Application, scope: Scope) -> None:
        self.results.append(_application(node, self.take(len(node.arguments)), scope))

    def enter(self, node: ast.Let, scope: Scope) -> None:
        names = [name for name, _ in node.bindings]
        if len(set(names)) < len(names):
            fail("a let binds a name twice", node.position, "give each binding a name of its own")
        self.later(node.body, scope.binding(dict(zip(names, self.take(len(names)), strict=True))))


def _atom(
    node: ast.LiteralExpression | ast.Reference | ast.Quantified | ast.AnyConstant | ast.AnyVariable, scope: Scope
) -> Term:
    match node:
        case ast.LiteralExpression():
            return _literal(node, scope.theory)
        case ast.Reference():
            return _reference(node, scope)
        case ast.Quantified():
            return fail(f"'{node.quantifier}' is not part of the logic", node.position, "use no quantifiers")
        case _:
            if scope.generic is None:
                fail(f"{print_term(node)} stands outside a grammar", node.position, "use it in a production")
            return scope.generic(node)


def _literal(node: ast.LiteralExpression, theory: Theory) -> Term:
    """Numerals are Reals where the logic has no Int of its own, as the standard says of real logics."""
    match node.kind:
        case "numeral":
            real = INT not in theory.sorts or theory.name == "CAM"
            return leaf(Literal(Fraction(node.text), REAL) if real else Literal(int(node.text), INT))
        case "decimal":
            return leaf(Literal(Fraction(node.text), REAL))
        case "boolean":
            return leaf(Literal(node.text == "true", BOOL))
        case _:
            return fail(f"a {node.kind} literal has no sort in the logic {theory.name}", node.position, "use a number")


def _reference(node: ast.Reference, scope: Scope) -> Term:
    identifier = node.identifier
    if identifier.indices:
        return _indexed(identifier, node.position, scope)
    name = identifier.symbol
    if name in scope.variables:
        return scope.variables[name]
    symbol = scope.symbols.get(name)
    if symbol is not None:
        return term(symbol, (), _sort_of(symbol))
    if name in scope.theory.entries:
        fail(f"'{name}' is a function and needs arguments", node.position, f"write ({name} …)")
    return _unknown(name, node.position, scope)


def _indexed(identifier: ast.Identifier, position: Position, scope: Scope) -> Term:
    """``(_ keyword f)``, the weight of a function."""
    keyword, indices = identifier.symbol, identifier.indices
    if keyword not in scope.weights:
        fail(f"unknown indexed identifier '{keyword}'", position, known(scope.weights, keyword, "declared weights"))
    functions = [name for name, symbol in scope.symbols.items() if isinstance(symbol, SynthFunction)]
    if len(indices) != 1 or indices[0] not in functions:
        fail(f"(_ {keyword} …) takes the name of a function to synthesise", position, known(functions))
    return term(WeightSymbol(keyword, str(indices[0])), (), INT)


def _unknown(name: str, position: Position, scope: Scope) -> NoReturn:
    names = [*scope.variables, *scope.symbols, *scope.theory.entries]
    fail(f"unknown symbol '{name}'", position, known(names, name))


def _sort_of(symbol: Symbol) -> Sort:
    if isinstance(symbol, OracleFunction):
        return function_sort(symbol.parameters, symbol.sort)
    return function_sort(tuple(parameter.sort for parameter in symbol.parameters), symbol.sort)


def _application(node: ast.Application, arguments: tuple[Term, ...], scope: Scope) -> Term:
    name, sorts = node.identifier.symbol, tuple(argument.sort for argument in arguments)
    shown = " ".join(map(str, sorts))
    if node.identifier.indices:
        fail(f"'{name}' with indices cannot be applied", node.position, "use it without arguments")
    if name in scope.variables:
        fail(f"'{name}' is a variable and takes no arguments", node.position, f"write {name}")
    if name in scope.symbols:
        symbol = scope.symbols[name]
        expected = _sort_of(symbol).arguments[:-1] if _sort_of(symbol).is_function else ()
        if isinstance(symbol, OracleFunction):
            expected = symbol.parameters
        if not expected:
            fail(f"'{name}' takes no arguments", node.position, f"write {name}")
        if sorts != expected:
            fail(f"'{name}' is applied to {shown}", node.position, f"it takes {' '.join(map(str, expected))}")
        return term(symbol, arguments, symbol.sort)
    resolved = scope.theory.resolve(name, sorts)
    if resolved is None:
        entries = scope.theory.entries.get(name)
        if entries is None:
            _unknown(name, node.position, scope)
        takes = " or ".join(function.sorts for function in entries)
        fail(f"ill-sorted: '{name}' is applied to {shown}", node.position, f"{name} : {takes}")
    return term(resolved[0], arguments, resolved[1])


def check_definition(command: ast.DefineFun, scope: Scope) -> Definition:
    """The macro that a define-fun states, in a scope."""
    parameters = tuple(Variable(v.name, check_sort(v.sort, scope.sorts)) for v in command.parameters)
    sort = check_sort(command.sort, scope.sorts)
    body = check_term(command.body, scope.binding({p.name: leaf(p) for p in parameters}))
    if body.sort != sort:
        fail(
            f"'{command.name}' is declared {sort}, its body is {body.sort}", command.body.position, f"write {body.sort}"
        )
    return Definition(command.name, parameters, sort, body)
