"""From a parsed script to a well-sorted problem."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from itertools import product
from typing import Any

from sygus.errors import Position, SourceError
from sygus.problem import Grammar, Objective, Problem, Production, Setting, Target, default_grammar
from sygus.syntax import script as ast
from sygus.syntax.parser import parse
from sygus.syntax.printer import print_command
from sygus.terms import (
    BOOL,
    INT,
    REAL,
    STRING,
    Definition,
    Literal,
    Nonterminal,
    OracleFunction,
    SynthFunction,
    Term,
    Variable,
    hole,
    leaf,
    substitute,
    subterms,
    term,
)
from sygus.theories import LOGICS, Theory
from sygus.typecheck import Scope, Symbol, check_definition, check_sort, check_term, fail, known

DEFAULT_CONSTANTS = "0.5 1 2 3"
"""What ``(Constant Real)`` draws from where the file sets no ``:constants``."""


def load_problem(text: str, file: str) -> Problem:
    """Parse and check a script.

    Raises:
        SourceError: with the position of what is wrong.
    """
    return problem_of(parse(text, file))


def problem_of(script: ast.Script) -> Problem:
    """The well-sorted problem that a script states.

    Raises:
        TypeCheckError: with the position of what is wrong.
    """
    try:
        return _Builder(script).build()
    except SourceError as error:
        raise error.located(script.file, script.text) from None


def load_definitions(text: str, file: str) -> list[Definition]:
    """The macros of a script that need not ask for anything.

    Raises:
        SourceError: with the position of what is wrong.
    """
    script = parse(text, file)
    builder = _Builder(script)
    try:
        builder.go_through()
    except SourceError as error:
        raise error.located(file, text) from None
    return [symbol for symbol in builder.scope.symbols.values() if isinstance(symbol, Definition)]


class _Builder:
    """Goes through the commands in order; what a command may use is what came before it."""

    def __init__(self, script: ast.Script) -> None:
        self.script = script
        self.logic: ast.SetLogic | None = None
        self.features = {"grammars"}
        self.scope = Scope(Theory("none", ()), {"Bool": BOOL})
        self.options: dict[str, Setting] = {}
        self.targets: list[Target] = []
        self.oracles: dict[OracleFunction, Position] = {}
        self.constraints: list[Term] = []
        self.objectives: tuple[Objective, ...] = ()
        self.lexicographic = False
        self.finished: ast.Command | None = None
        self.used: dict[str, Position] = {}

    def go_through(self) -> None:
        for command in self.script.commands:
            if self.finished is not None:
                fail("a command after the last one", command.position, "check-synth or optimize-synth ends the file")
            handler = _HANDLERS.get(type(command))
            if handler is None:
                name = print_command(command).split()[0].lstrip("(")
                fail(f"'{name}' is not available in this logic", command.position, "see the language page")
            if handler in _NEED_LOGIC and self.logic is None:
                fail("the logic is not set", command.position, "put (set-logic CAM) before this command")
            handler(self, command)

    def build(self) -> Problem:
        self.go_through()
        end = Position(1, 1, 1, 1) if not self.script.commands else self.script.commands[-1].position
        if not self.targets:
            fail("the file has nothing to synthesise", end, "add a synth-fun")
        if self.finished is None:
            fail("the file does not ask for an answer", end, "end it with (check-synth) or (optimize-synth …)")
        assert self.logic is not None
        return Problem(
            file=self.script.file,
            text=self.script.text,
            logic=self.logic.logic,
            theory=self.scope.theory,
            targets=tuple(self.targets),
            constraints=tuple(self.constraints),
            objectives=self.objectives,
            lexicographic=self.lexicographic,
            weights=dict(self.scope.weights),
            options=self.options,
            oracles=self.oracles,
        )

    def need(self, feature: str, command: ast.Command) -> None:
        if feature not in self.features:
            hint = f"add (set-feature :{feature} true) near the top"
            fail(f"this command needs the feature :{feature}", command.position, hint)

    def define(self, name: str, symbol: Symbol, position: Position) -> None:
        if name in self.scope.symbols:
            fail(f"'{name}' is defined twice", position, "use another name")
        if name in self.scope.theory.entries:
            fail(f"'{name}' is a function of the logic", position, "use another name")
        self.scope.symbols = {**self.scope.symbols, name: symbol}

    def parameters(self, variables: tuple[ast.SortedVariable, ...]) -> tuple[Variable, ...]:
        names = [variable.name for variable in variables]
        for index, variable in enumerate(variables):
            if variable.name in names[:index]:
                fail(f"the parameter '{variable.name}' appears twice", variable.position, "rename one of them")
        return tuple(Variable(v.name, check_sort(v.sort, self.scope.sorts)) for v in variables)

    def set_logic(self, command: ast.SetLogic) -> None:
        if self.logic is not None:
            fail("the logic is set twice", command.position, "keep one set-logic")
        if command.logic not in LOGICS:
            fail(f"unknown logic '{command.logic}'", command.position, known(LOGICS, command.logic, "available"))
        self.logic = command
        theory = LOGICS[command.logic]
        self.scope = Scope(theory, {str(sort): sort for sort in (*theory.sorts, BOOL, INT, REAL, STRING)})

    def set_info(self, command: ast.SetInfo) -> None:
        """Information for readers; nothing to check."""

    def set_option(self, command: ast.SetOption) -> None:
        value = command.value
        text = value.text if isinstance(value, ast.LiteralExpression) else ""
        if isinstance(value, ast.Identifier):
            text = value.symbol
        self.options[command.keyword] = Setting(text, command.position)

    def set_feature(self, command: ast.SetFeature) -> None:
        features = ("grammars", "fwd-decls", "recursion", "oracles", "weights")
        if command.feature not in features:
            fail(f"unknown feature ':{command.feature}'", command.position, known(features, command.feature))
        (self.features.add if command.enabled else self.features.discard)(command.feature)

    def declare_weight(self, command: ast.DeclareWeight) -> None:
        self.need("weights", command)
        default = 0
        for attribute in command.attributes:
            value = attribute.value
            if attribute.keyword != "default" or not isinstance(value, ast.LiteralExpression):
                fail(f"unknown attribute ':{attribute.keyword}'", attribute.position, "write :default n")
            default = int(value.text)
        self.scope.weights = {**self.scope.weights, command.keyword: default}

    def define_fun(self, command: ast.DefineFun) -> None:
        definition = check_definition(command, self.scope)
        self.define(command.name, definition, command.position)

    def declare_oracle_fun(self, command: ast.DeclareOracleFun) -> None:
        self.need("oracles", command)
        options = tuple((a.keyword, _attribute_text(a)) for a in command.attributes)
        parameters = tuple(check_sort(sort, self.scope.sorts) for sort in command.parameters)
        sort = check_sort(command.sort, self.scope.sorts)
        symbol = OracleFunction(command.name, parameters, sort, command.oracle, options)
        self.define(command.name, symbol, command.position)
        self.oracles[symbol] = command.position

    def synth_fun(self, command: ast.SynthFun) -> None:
        parameters = self.parameters(command.parameters)
        function = SynthFunction(command.name, parameters, check_sort(command.sort, self.scope.sorts))
        if command.grammar is None:
            leaves = tuple(leaf(parameter) for parameter in parameters)
            grammar = default_grammar(self.scope.theory, leaves, function.sort, command.position)
        else:
            grammar = self.grammar(command.grammar, function)
        positions = tuple(variable.position for variable in command.parameters)
        self.targets.append(Target(function, grammar, command.position, positions))
        self.define(command.name, function, command.position)

    def constraint(self, command: ast.Constraint) -> None:
        constraint = check_term(command.term, self.scope)
        if constraint.sort != BOOL:
            fail(f"a constraint must be Bool, this is {constraint.sort}", command.term.position, "compare two numbers")
        self.constraints.append(constraint)

    def check_synth(self, command: ast.CheckSynth) -> None:
        self.finished = command

    def optimize_synth(self, command: ast.OptimizeSynth) -> None:
        for attribute in command.attributes:
            if attribute.keyword != "lexico":
                fail(f"unknown attribute ':{attribute.keyword}'", attribute.position, "write :lexico")
            self.lexicographic = True
        self.objectives = tuple(self.objective(expression) for expression in command.objectives)
        if not self.objectives:
            fail("optimize-synth has no objective", command.position, "write ((! (metric f) :min) …)")
        self.finished = command

    def objective(self, expression: ast.TermExpression) -> Objective:
        direction: Any = "min"
        if isinstance(expression, ast.Annotated):
            for attribute in expression.attributes:
                if attribute.keyword not in ("min", "max"):
                    fail(f"unknown attribute ':{attribute.keyword}'", attribute.position, "write :min or :max")
                direction = attribute.keyword
        value = check_term(expression, self.scope)
        if value.sort not in (INT, REAL):
            fail(f"an objective must be a number, this is {value.sort}", expression.position, "name a metric")
        return Objective(value, direction)

    def grammar(self, grammar: ast.GrammarExpression, function: SynthFunction) -> Grammar:
        nonterminals = {
            group.name: Nonterminal(group.name, check_sort(group.sort, self.scope.sorts)) for group in grammar.groups
        }
        self.check_predeclarations(grammar, nonterminals)
        first = grammar.groups[0]
        if nonterminals[first.name].sort != function.sort:
            message = f"the grammar starts with {nonterminals[first.name].sort}, '{function.name}' is {function.sort}"
            fail(message, first.position, "the first nonterminal must have the function's sort")
        names: dict[str, Term] = {parameter.name: leaf(parameter) for parameter in function.parameters}
        scope = self.scope.binding(names | {name: leaf(n) for name, n in nonterminals.items()})
        result = Grammar(
            {
                nonterminals[group.name]: tuple(
                    production
                    for expression in group.productions
                    for production in self.productions(expression, nonterminals[group.name], scope, function)
                )
                for group in grammar.groups
            }
        )
        alive = result.smallest()
        for group in grammar.groups:
            if nonterminals[group.name] not in alive:
                message = f"the nonterminal '{group.name}' derives nothing"
                fail(message, group.position, "give it a production without nonterminals, or remove it")
        return result

    def check_predeclarations(self, grammar: ast.GrammarExpression, nonterminals: Mapping[str, Nonterminal]) -> None:
        seen: set[str] = set()
        for group in grammar.groups:
            if group.name in seen:
                fail(f"the nonterminal '{group.name}' has two groups", group.position, "join them")
            seen.add(group.name)
        declared = grammar.predeclarations
        if declared is None:
            return
        pairs = [(v.name, check_sort(v.sort, self.scope.sorts), v.position) for v in declared]
        for (name, sort, position), group in zip(pairs, grammar.groups, strict=False):
            if name != group.name or sort != nonterminals[group.name].sort:
                message = f"the list declares '{name}' of {sort} where the groups have '{group.name}'"
                fail(message, position, f"write ({group.name} {nonterminals[group.name].sort})")
        if len(pairs) != len(grammar.groups):
            message = f"{len(pairs)} nonterminals are declared, {len(grammar.groups)} have a group"
            fail(message, grammar.position, "declare each nonterminal once, in the order of the groups")

    def productions(
        self, expression: ast.TermExpression, nonterminal: Nonterminal, scope: Scope, function: SynthFunction
    ) -> list[Production]:
        """The productions of one line: several where it holds ``(Constant S)`` or ``(Variable S)``."""
        weights: dict[str, int] = {}
        if isinstance(expression, ast.Annotated):
            for attribute in expression.attributes:
                value = attribute.value
                if attribute.keyword not in self.scope.weights or not isinstance(value, ast.LiteralExpression):
                    hint = known(self.scope.weights, attribute.keyword, "declared weights")
                    fail(f"':{attribute.keyword}' is no declared weight", attribute.position, hint)
                weights[attribute.keyword] = int(value.text)
        choices: dict[Term, list[Term]] = {}

        def generic(node: ast.AnyConstant | ast.AnyVariable) -> Term:
            options = self.generic(node, function)
            placeholder = leaf(Variable(f"choice {len(choices)}", options[0].sort))
            choices[placeholder] = options
            return placeholder

        pattern = check_term(expression, replace(scope, generic=generic))
        if pattern.sort != nonterminal.sort:
            message = f"ill-sorted: '{nonterminal.name}' is {nonterminal.sort}, this production {pattern.sort}"
            fail(message, expression.position, f"a production of {nonterminal.name} must be {nonterminal.sort}")
        return [
            _production(substitute(pattern, dict(zip(choices, values, strict=True))), weights, expression.position)
            for values in product(*choices.values())
        ]

    def generic(self, node: ast.AnyConstant | ast.AnyVariable, function: SynthFunction) -> list[Term]:
        """What ``(Constant S)`` or ``(Variable S)`` stands for."""
        sort = check_sort(node.sort, self.scope.sorts)
        if isinstance(node, ast.AnyVariable):
            found = [leaf(parameter) for parameter in function.parameters if parameter.sort == sort]
            if not found:
                fail(f"'{function.name}' has no parameter of {sort}", node.position, "name another sort")
            return found
        if sort != REAL:
            fail(f"there are no constants of {sort}", node.position, "write (Constant Real)")
        setting = self.options.get("constants", Setting(DEFAULT_CONSTANTS, node.position))
        try:
            return [leaf(Literal(Fraction(text), REAL)) for text in dict.fromkeys(setting.value.split())]
        except (ValueError, ZeroDivisionError):
            fail(f"bad constants '{setting.value}'", setting.position, f'write numbers, as "{DEFAULT_CONSTANTS}"')


def _attribute_text(attribute: ast.Attribute) -> str:
    value = attribute.value
    if isinstance(value, ast.LiteralExpression):
        return value.text
    return value.symbol if isinstance(value, ast.Identifier) else ""


def _production(template: Term, weights: Mapping[str, int], position: Position) -> Production:
    """Number the occurrences of nonterminals from the left."""
    holes: list[Nonterminal] = []

    def number(node: Term) -> Term:  # productions are written by hand: their depth is small
        if isinstance(node.head, Nonterminal):
            holes.append(node.head)
            return hole(len(holes) - 1, node.head)
        return term(node.head, tuple(number(a) for a in node.arguments), node.sort) if node.arguments else node

    if all(not isinstance(node.head, Nonterminal) for node in subterms(template)):
        return Production(template, (), dict(weights), position)
    numbered = number(template)
    return Production(numbered, tuple(holes), dict(weights), position)


_HANDLERS: dict[type[Any], Callable[[_Builder, Any], None]] = {
    ast.SetLogic: _Builder.set_logic,
    ast.SetInfo: _Builder.set_info,
    ast.SetOption: _Builder.set_option,
    ast.SetFeature: _Builder.set_feature,
    ast.DeclareWeight: _Builder.declare_weight,
    ast.DefineFun: _Builder.define_fun,
    ast.DeclareOracleFun: _Builder.declare_oracle_fun,
    ast.SynthFun: _Builder.synth_fun,
    ast.Constraint: _Builder.constraint,
    ast.CheckSynth: _Builder.check_synth,
    ast.OptimizeSynth: _Builder.optimize_synth,
}

_NEED_LOGIC = {
    _Builder.declare_weight,
    _Builder.define_fun,
    _Builder.declare_oracle_fun,
    _Builder.synth_fun,
    _Builder.constraint,
    _Builder.optimize_synth,
}
