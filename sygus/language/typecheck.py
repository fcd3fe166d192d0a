"""Sorts and terms of the file, checked against what is in scope."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import NoReturn

from sygus.errors import Position, guess
from sygus.language.scope import Scope, Symbol, check_parameters, check_sort, fail, known, parameter_sorts
from sygus.language.syntax import script as ast
from sygus.language.syntax.printer import print_term
from sygus.language.terms import (
    BOOL,
    INT,
    REAL,
    STRING,
    Binding,
    Definition,
    Literal,
    Sort,
    SynthFunction,
    Term,
    Variable,
    WeightSymbol,
    function_sort,
    leaf,
    private_variable,
    term,
)
from sygus.language.theories import Theory
from sygus.language.theories.calls import called
from sygus.language.theories.quantifiers import quantifier
from sygus.language.theories.strings import unescape

FLOATS = "give one of magnitude 5e-324 to 1.7e308"

LONGEST_NUMERAL = 4000
"""Digits of a numeral; Python reads no more than 4,300 without being told."""


def check_term(expression: ast.TermExpression, scope: Scope) -> Term:
    """The well-sorted term that an expression means; annotations are dropped, ``let`` is mostly expanded.

    Works with a stack of its own, so that depth is bounded by memory alone.
    """
    return _TermChecker(scope).check(expression)


class _TermChecker:
    """A stack of results and a stack of work to do, each piece a closure that may add more.

    Terms are gone through in order and one at a time, so what names are bound to at this moment is one table.
    """

    def __init__(self, scope: Scope) -> None:
        self.results: list[Term] = []
        self.work: list[Callable[[], None]] = []
        self.bound: dict[str, Term] = {}
        self.scope = scope.binding(self.bound)

    def check(self, expression: ast.TermExpression) -> Term:
        self.later(expression)
        while self.work:
            self.work.pop()()
        return self.results[0]

    def later(self, node: ast.TermExpression) -> None:
        self.work.append(lambda: self.visit(node))

    def within(self, names: Mapping[str, Term], body: ast.TermExpression) -> None:
        """Go through ``body`` with names bound, which mean again afterwards what they mean now."""
        hidden = {name: self.bound.get(name) for name in names}
        self.work.append(lambda: self.unbind(hidden))
        self.bound |= names
        self.later(body)

    def unbind(self, hidden: Mapping[str, Term | None]) -> None:
        for name, before in hidden.items():
            if before is None:
                del self.bound[name]
            else:
                self.bound[name] = before

    def take(self, count: int) -> tuple[Term, ...]:
        """The last results, removed."""
        start = len(self.results) - count
        taken = tuple(self.results[start:])
        del self.results[start:]
        return taken

    def visit(self, node: ast.TermExpression) -> None:
        match node:
            case ast.Application():
                self.work.append(lambda: self.apply(node))
                for argument in reversed(node.arguments):
                    self.later(argument)
            case ast.Let():
                self.work.append(lambda: self.enter(node))
                for _, bound in reversed(node.bindings):
                    self.later(bound)
            case ast.Annotated():
                self.later(node.term)
            case ast.Quantified():
                variables = {v.name: bound_variable(v, self.scope) for v in node.variables}
                self.work.append(lambda: self.bind(node, tuple(variables.values())))
                self.within(variables, node.body)
            case _:
                self.results.append(_atom(node, self.scope))

    def apply(self, node: ast.Application) -> None:
        self.results.append(_application(node, self.take(len(node.arguments)), self.scope))

    def bind(self, node: ast.Quantified, bound: tuple[Term, ...]) -> None:
        (body,) = self.take(1)
        if body.sort != BOOL:
            fail(f"the body of '{node.quantifier}' is {body.sort}", node.body.position, "it must be Bool")
        binder = quantifier(node.quantifier, tuple(variable.head for variable in bound))
        self.results.append(term(binder, (body,), BOOL))

    def enter(self, node: ast.Let) -> None:
        names = [name for name, _ in node.bindings]
        if len(set(names)) < len(names):
            fail("a let binds a name twice", node.position, "give each binding a name of its own")
        values = self.take(len(names))
        if self.scope.lets:
            variables = tuple(Variable(name, value.sort) for name, value in zip(names, values, strict=True))
            self.work.append(lambda: self.keep(variables, values))
            self.within({variable.name: leaf(variable) for variable in variables}, node.body)
        else:
            self.within(dict(zip(names, values, strict=True)), node.body)

    def keep(self, variables: tuple[Variable, ...], values: tuple[Term, ...]) -> None:
        (body,) = self.take(1)
        self.results.append(Binding.applied(variables, values, body))


def bound_variable(variable: ast.SortedVariable, scope: Scope) -> Term:
    """A variable of a quantifier, under a name that no other has, so that nothing is ever captured."""
    return leaf(private_variable(variable.name, next(scope.fresh), check_sort(variable.sort, scope)))


def _atom(node: ast.LiteralExpression | ast.Reference | ast.AnyConstant | ast.AnyVariable, scope: Scope) -> Term:
    match node:
        case ast.LiteralExpression():
            return _literal(node, scope.theory)
        case ast.Reference():
            return _reference(node, scope)
        case _:
            if scope.generic is None:
                fail(f"{print_term(node)} stands outside a grammar", node.position, "use it in a production")
            return scope.generic(node)


def _literal(node: ast.LiteralExpression, theory: Theory) -> Term:
    """The constant that a literal means; a negative number of older syntax is the negation of its magnitude."""
    text, made = node.text.lstrip("-"), None
    match node.kind:
        case "numeral" if theory.numerals == REAL:
            made = Literal(Fraction(_integer(text, node.position)), REAL)
        case "numeral" if theory.numerals == INT:
            made = Literal(_integer(text, node.position), INT)
        case "decimal" if REAL in theory.sorts:
            _check_digits(text, node.position)
            made = Literal(Fraction(text), REAL)
        case "boolean":
            made = Literal(text == "true", BOOL)
        case "string" if STRING in theory.sorts:
            made = Literal(unescape(node.text), STRING)
        case "hexadecimal":
            made = _bit_vector(int(text[2:], 16), 4 * len(text[2:]), node.position, theory)
        case "binary":
            made = _bit_vector(int(text[2:], 2), len(text[2:]), node.position, theory)
    if made is None:
        fail(f"a {node.kind} literal has no sort in the logic {theory.name}", node.position, "use one of its constants")
    if theory.name == "CAM" and isinstance(made.value, Fraction) and not fits_float(made.value):
        fail("this number is no float: it is too large, or too near to 0", node.position, FLOATS)
    value = leaf(made)
    return negated(value, theory, node.position) if node.kind in ("numeral", "decimal") and text != node.text else value


def fits_float(value: Fraction) -> bool:
    """Whether a number is computed with as it is written, up to rounding: neither infinite nor 0 that is not 0."""
    try:
        return float(value) != 0 or value == 0
    except OverflowError:
        return False


def negated(value: Term, theory: Theory, position: Position) -> Term:
    """The term ``(- value)``, by which the standard writes negative numbers."""
    resolved = theory.resolve("-", (value.sort,))
    if resolved is None:
        fail(f"there are no negative numbers in the logic {theory.name}", position, "write it without a sign")
    return term(resolved[0], (value,), resolved[1])


def _integer(text: str, position: Position) -> int:
    _check_digits(text, position)
    return int(text)


def _check_digits(text: str, position: Position) -> None:
    if len(text) > LONGEST_NUMERAL:
        fail(f"a numeral of {len(text)} digits", position, f"at most {LONGEST_NUMERAL} are read")


def _bit_vector(value: int, width: int, position: Position, theory: Theory) -> Literal | None:
    family = theory.families.get("BitVec")
    if family is None:
        return None
    sort = family.make((width,), ())
    if sort is None:
        fail(f"a bit-vector of {width} bits", position, f"the sorts are {family.form}")
    if value >= 1 << width:
        fail(f"{value} does not fit into {width} bits", position, f"the largest is {(1 << width) - 1}")
    return Literal(value, sort)


def _reference(node: ast.Reference, scope: Scope) -> Term:
    identifier = node.identifier
    if identifier.sort is not None:
        return _ascribed(identifier, (), node.position, scope)
    if identifier.indices:
        return _indexed(identifier, node.position, scope)
    name = identifier.symbol
    if name in scope.variables:
        return scope.variables[name]
    symbol = scope.symbols.get(name)
    if symbol is not None:
        return term(symbol, (), _sort_of(symbol))
    resolved = scope.theory.resolve(name, ())
    if resolved is not None:
        return term(resolved[0], (), resolved[1])
    entries = scope.theory.entries_of(name)
    if entries:
        takes = " or ".join(dict.fromkeys(entry.sorts for entry in entries))
        fail(f"'{name}' is a function and needs arguments", node.position, f"write ({name} …); {name} : {takes}")
    return _unknown(name, node.position, scope)


def _ascribed(identifier: ast.Identifier, arguments: tuple[Term, ...], position: Position, scope: Scope) -> Term:
    """``(as name sort)``: a constructor of that sort, a constant array, or what the name means anyway."""
    assert identifier.sort is not None
    sort = check_sort(identifier.sort, scope)
    function = scope.theory.resolve_as(identifier.symbol, sort, tuple(argument.sort for argument in arguments))
    if function is not None:
        return term(function, arguments, sort)
    if not arguments:
        name = ast.Identifier(identifier.symbol, identifier.indices, position=position)
        plain = _reference(ast.Reference(name, position=position), scope)
        if plain.sort == sort:
            return plain
        fail(f"'{identifier.symbol}' is {plain.sort}, not {sort}", position, f"write {identifier.symbol}")
    hint = known(scope.theory.ascribed, identifier.symbol, "what may be ascribed a sort")
    given = _shown(tuple(argument.sort for argument in arguments))
    return fail(f"'{identifier.symbol}' makes no {sort} of {given}", position, hint)


def _indexed(identifier: ast.Identifier, position: Position, scope: Scope) -> Term:
    """``(_ bv5 8)``, ``(_ char #x41)``, or ``(_ keyword f)``, the weight of a function."""
    keyword, indices = identifier.symbol, identifier.indices
    only = indices[0] if len(indices) == 1 else None
    if re.fullmatch(r"bv[0-9]+", keyword) and isinstance(only, int):
        literal = _bit_vector(_integer(keyword[2:], position), only, position, scope.theory)
        if literal is not None:
            return leaf(literal)
    if keyword == "char" and STRING in scope.theory.sorts and re.fullmatch(r"#x[0-2]?[0-9A-Fa-f]{1,4}", str(only)):
        return leaf(Literal(chr(int(str(only)[2:], 16)), STRING))
    if scope.theory.entries_of(keyword):
        fail(f"'{keyword}' is a function and needs arguments", position, f"write ((_ {keyword} …) …)")
    if keyword not in scope.weights:
        fail(f"unknown indexed identifier '{keyword}'", position, known(scope.weights, keyword, "declared weights"))
    if not isinstance(scope.symbols.get(str(only)), SynthFunction):
        functions = [name for name, symbol in scope.symbols.items() if isinstance(symbol, SynthFunction)]
        fail(f"(_ {keyword} …) takes the name of a function to synthesise", position, known(functions))
    return term(WeightSymbol(keyword, str(only)), (), INT)


def _unknown(name: str, position: Position, scope: Scope) -> NoReturn:
    if name == scope.defining:
        fail(f"'{name}' calls itself, which a define-fun may not", position, "write define-fun-rec")
    if name in scope.defined:
        hint = "define it before; functions that call one another are defined together, by define-funs-rec"
        fail(f"'{name}' is defined further on", position, hint)
    declared = [*scope.variables, *scope.symbols]
    meant = guess(sorted({*declared, *scope.theory.entries}), name, most=3).strip()
    functions = f"the functions of the logic {scope.theory.name}"
    fail(f"unknown symbol '{name}'", position, meant or f"{known(declared, what='declared so far')}; and {functions}")


def _sort_of(symbol: Symbol) -> Sort:
    return function_sort(parameter_sorts(symbol), symbol.sort)


def _application(node: ast.Application, arguments: tuple[Term, ...], scope: Scope) -> Term:
    name, indices = node.identifier.symbol, node.identifier.indices
    if node.identifier.sort is not None:
        return _ascribed(node.identifier, arguments, node.position, scope)
    if not indices and name in scope.variables:
        return _variable_applied(node, scope.variables[name], arguments)
    sorts = tuple(argument.sort for argument in arguments)
    if not indices and name in scope.symbols:
        symbol = scope.symbols[name]
        expected = parameter_sorts(symbol)
        if not expected:
            fail(f"'{name}' takes no arguments", node.position, f"write {name}")
        if sorts != expected:
            fail(f"'{name}' is applied to {_shown(sorts)}", node.position, f"it takes {_shown(expected)}")
        return term(symbol, arguments, symbol.sort)
    if name.startswith("is-") and not indices and not scope.theory.entries_of(name):
        name, indices = "is", (name[3:],)  # how solvers write (_ is C) too
    resolved = scope.theory.resolve(name, sorts, indices)
    if resolved is None and len(sorts) == 1 and not indices and _joins(name, sorts[0], scope.theory):
        return arguments[0]
    if resolved is None:
        entries = scope.theory.entries_of(name)
        if not entries:
            _unknown(name, node.position, scope)
        symbol_text = f"(_ {name} {' '.join(map(str, indices))})" if indices else name
        takes = " or ".join(dict.fromkeys(entry.takes(sorts) for entry in entries))
        hint = "; ".join(filter(None, [f"{name} : {takes}", scope.theory.remedy(sorts)]))
        fail(f"ill-sorted: '{symbol_text}' is applied to {_shown(sorts)}", node.position, hint)
    return term(resolved[0], arguments, resolved[1])


def _joins(name: str, sort: Sort, theory: Theory) -> bool:
    """Whether a function joins any number of values of a sort to one, so that a single one is itself.

    The standard asks for two; generators of problems write ``(and c)`` where a list has one part.
    """
    resolved = theory.resolve(name, (sort, sort, sort))
    return resolved is not None and resolved[1] == sort and getattr(resolved[0], "associative", False)


def _variable_applied(node: ast.Application, variable: Term, arguments: tuple[Term, ...]) -> Term:
    """A variable whose values are functions, such as the candidate that an oracle is asked about, applied."""
    name = node.identifier.symbol
    if not variable.sort.is_function or variable.arguments:
        fail(f"'{name}' is a variable and takes no arguments", node.position, f"write {name}")
    *expected, _ = variable.sort.arguments
    sorts = tuple(argument.sort for argument in arguments)
    if sorts != tuple(expected):
        fail(f"'{name}' is applied to {_shown(sorts)}", node.position, f"it takes {_shown(tuple(expected))}")
    return called(variable, arguments)


def _shown(sorts: tuple[Sort, ...]) -> str:
    return " ".join(map(str, sorts))


def whole_number(attribute: ast.Attribute) -> int:
    """The numeral that an attribute such as ``:default 1`` gives."""
    value = attribute.value
    if not isinstance(value, ast.LiteralExpression) or value.kind != "numeral":
        fail(f"':{attribute.keyword}' takes a whole number", attribute.position, f"write :{attribute.keyword} 1")
    number = _integer(value.text, attribute.position)
    if number < 0:
        fail(f"':{attribute.keyword}' takes no negative number", attribute.position, f"write :{attribute.keyword} 0")
    return number


def check_definition(command: ast.DefineFun, scope: Scope) -> Definition:
    """The macro that a define-fun states, in a scope."""
    parameters = check_parameters(command.parameters, scope)
    sort = check_sort(command.sort, scope)
    body = check_term(command.body, scope.binding({p.name: leaf(p) for p in parameters}))
    if body.sort != sort:
        fail(
            f"'{command.name}' is declared {sort}, its body is {body.sort}", command.body.position, f"write {body.sort}"
        )
    return Definition(command.name, parameters, sort, body)
