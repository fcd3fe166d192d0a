"""What each command means, in the order of the script."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import count
from typing import Any

from sygus.errors import Position, TooLargeError
from sygus.language.elaborate.datatypes import declared_datatypes, declared_sort
from sygus.language.elaborate.defaults import constants_of, default_grammar
from sygus.language.elaborate.grammar import GrammarReader
from sygus.language.elaborate.objectives import objective
from sygus.language.elaborate.oracles import OracleSugar, by_file, oracle_call
from sygus.language.problem import MOST_PRODUCTIONS, Objective, OracleCall, Problem, Setting, Target
from sygus.language.scope import (
    Scope,
    SortMacro,
    Symbol,
    check_parameters,
    check_sort,
    fail,
    known,
    parameter_sorts,
)
from sygus.language.syntax import script as ast
from sygus.language.terms import (
    BOOL,
    Definition,
    Expansion,
    OracleFunction,
    Sort,
    SynthFunction,
    Term,
    Variable,
    first_called,
    leaf,
    private_variable,
    subterms,
    term,
)
from sygus.language.theories import LOGICS, Theory, find_logic
from sygus.language.theories.recursion import Recursive, recursive
from sygus.language.theories.structured import SortParameter
from sygus.language.theories.values import Written
from sygus.language.typecheck import check_definition, check_term, whole_number

FEATURES = ("grammars", "fwd-decls", "recursion", "oracles", "weights")


class Elaborator:
    """Goes through the commands in order; what a command may use is what came before it."""

    def __init__(self, script: ast.Script) -> None:
        self.script = script
        self.defined = frozenset(name for command in script.commands for name in _defined_by(command))
        self.logic: ast.SetLogic | None = None
        self.features = {"grammars"}
        self.sorts: dict[str, Sort | SortMacro] = {}
        self.symbols: dict[str, Symbol] = {}
        self.variables: dict[str, Term] = {}
        self.locals: list[Variable] = []
        self.weights: dict[str, int] = {}
        self.fresh = count()
        self.expansion = Expansion()
        self.called: dict[Definition, SynthFunction | None] = {}
        self.productions = 0
        self.scope = self._scope_of(Theory("none", ()))
        self.options: dict[str, Setting] = {}
        self.targets: list[Target] = []
        self.oracles: dict[OracleFunction, Position] = {}
        self.calls: list[OracleCall] = []
        self.assumptions: list[Term] = []
        self.constraints: list[Term] = []
        self.positions: dict[Term, Position] = {}
        self.questions: list[Problem] = []

    def _scope_of(self, theory: Theory) -> Scope:
        """The scope of everything declared, which grows with it."""
        higher_order = theory.name != "CAM" or "oracles" in self.features
        return Scope(
            theory,
            self.sorts,
            self.symbols,
            self.weights,
            self.variables,
            higher_order=higher_order,
            fresh=self.fresh,
            defined=self.defined,
        )

    def go_through(self) -> None:
        """Take in every command.

        Raises:
            TypeCheckError: with the position of what is wrong.
        """
        for command in self.script.commands:
            if self.questions and self.scope.theory.name == "CAM":
                fail("a command after the last one", command.position, "check-synth or optimize-synth ends the file")
            handler = _HANDLERS[type(command)]
            if handler not in _BEFORE_LOGIC and self.logic is None:
                fail("the logic is not set", command.position, "put (set-logic CAM) or another before this command")
            handler(self, command)

    def build(self) -> Problem:
        """The problem that the whole script states: its last question, with those before it.

        Raises:
            TypeCheckError: with the position of what is wrong.
        """
        self.go_through()
        end = Position(1, 1, 1, 1) if not self.script.commands else self.script.commands[-1].position
        if not self.targets:
            fail("the file has nothing to synthesise", end, "add a synth-fun")
        if not self.questions:
            fail("the file does not ask for an answer", end, "end it with (check-synth) or (optimize-synth …)")
        *earlier, last = self.questions
        if last.asked != end:
            fail("a command after the last one", end, "check-synth or optimize-synth ends the file")
        return replace(last, earlier=tuple(earlier))

    def _ask(self, asked: Position, objectives: tuple[Objective, ...] = (), *, lexicographic: bool = False) -> None:
        """A question about all that was stated so far; what comes after it is of later ones alone."""
        assert self.logic is not None
        if not self.targets:
            fail("the file has nothing to synthesise", asked, "put a synth-fun before this")
        scope = replace(
            self.scope,
            sorts=dict(self.sorts),
            symbols=dict(self.symbols),
            weights=dict(self.weights),
            variables=dict(self.variables),
        )
        question = Problem(
            file=self.script.file,
            text=self.script.text,
            logic=self.logic.logic,
            theory=scope.theory,
            scope=scope,
            targets=tuple(self.targets),
            constraints=tuple(self.constraints),
            objectives=objectives,
            lexicographic=lexicographic,
            weights=scope.weights,
            options=dict(self.options),
            oracles=dict(self.oracles),
            variables=(*(variable.head for variable in self.variables.values()), *self.locals),
            assumptions=tuple(self.assumptions),
            calls=tuple(self.calls),
            positions=self.positions,
            asked=asked,
            legacy=self.script.legacy,
        )
        self.questions.append(question)

    def _need(self, feature: str, position: Position) -> None:
        if feature not in self.features:
            hint = f"add (set-feature :{feature} true) near the top"
            fail(f"this command needs the feature :{feature}", position, hint)

    def _check_new(self, name: str, position: Position) -> None:
        if name in self.symbols or name in self.variables:
            fail(f"'{name}' is defined twice", position, "use another name")
        if self.scope.theory.entries_of(name):
            fail(f"'{name}' is a function of the logic", position, "use another name")

    def _define(self, name: str, symbol: Symbol, position: Position) -> None:
        self._check_new(name, position)
        self.symbols[name] = symbol

    def _setting(self, command: ast.SetOption) -> None:
        value = command.value
        text = value.text if isinstance(value, ast.LiteralExpression) else ""
        if isinstance(value, ast.Identifier):
            text = value.symbol
        self.options[command.keyword] = Setting(text, command.position)

    def _set_info(self, command: ast.SetInfo) -> None:
        """Information for readers; nothing to check."""

    def _set_logic(self, command: ast.SetLogic) -> None:
        if self.logic is not None:
            fail("the logic is set twice", command.position, "keep one set-logic")
        theory = find_logic(command.logic)
        if theory is None:
            fail(f"unknown logic '{command.logic}'", command.position, known(LOGICS, command.logic, "available"))
        self.logic = command
        self.sorts.update({str(sort): sort for sort in theory.sorts})
        self.scope = self._scope_of(theory)

    def _set_feature(self, command: ast.SetFeature) -> None:
        if command.feature not in FEATURES:
            fail(f"unknown feature ':{command.feature}'", command.position, known(FEATURES, command.feature))
        (self.features.add if command.enabled else self.features.discard)(command.feature)
        self.scope = self._scope_of(self.scope.theory)
        if command.feature == "weights" and command.enabled:
            self.weights.setdefault("weight", 0)

    def _declare_weight(self, command: ast.DeclareWeight) -> None:
        self._need("weights", command.position)
        if command.keyword in self.weights:
            fail(f"the weight '{command.keyword}' is declared twice", command.position, "use another name")
        if len(command.attributes) > 1:
            fail("more than one default", command.attributes[1].position, "keep one :default n")
        default = 0
        for attribute in command.attributes:
            if attribute.keyword != "default":
                fail(f"unknown attribute ':{attribute.keyword}'", attribute.position, "write :default n")
            default = whole_number(attribute)
        self.weights[command.keyword] = default

    def _check_new_sort(self, name: str, position: Position) -> None:
        if name in self.sorts or name in self.scope.theory.families or name == "->":
            fail(f"the sort '{name}' is defined twice", position, "use another name")

    def _declare_sort(self, command: ast.DeclareSort) -> None:
        self._check_new_sort(command.name, command.position)
        theory, sort = declared_sort(command, self.scope.theory)
        if sort is not None:
            self.sorts[command.name] = sort
        self.scope = self._scope_of(theory)

    def _declare_datatype(self, command: ast.DeclareDatatype) -> None:
        arity = len(command.datatype.parameters)
        name = ast.SortDeclaration(command.name, arity, position=command.position)
        self._declare_datatypes(ast.DeclareDatatypes((name,), (command.datatype,), position=command.position))

    def _declare_datatypes(self, command: ast.DeclareDatatypes) -> None:
        seen: set[str] = set()
        for name in command.sorts:
            self._check_new_sort(name.name, name.position)
            if name.name in seen:
                fail(f"the sort '{name.name}' is declared twice", name.position, "use another name")
            seen.add(name.name)
        theory, plain = declared_datatypes(command.sorts, command.datatypes, self.scope, self._check_new)
        self.sorts.update(plain)
        self.scope = self._scope_of(theory)

    def _define_sort(self, command: ast.DefineSort) -> None:
        self._check_new_sort(command.name, command.position)
        if command.parameters:
            if len(set(command.parameters)) < len(command.parameters):
                fail("two parameters of one name", command.position, "rename one of them")
            any_sort = {p: Sort(p, declaration=SortParameter(p)) for p in command.parameters}
            body = check_sort(command.sort, self.scope.with_sorts(any_sort))
            self.sorts[command.name] = SortMacro(tuple(any_sort.values()), body)
        else:
            self.sorts[command.name] = check_sort(command.sort, self.scope)

    def _declare_var(self, command: ast.DeclareVar) -> None:
        self._check_new(command.name, command.position)
        self.variables[command.name] = leaf(Variable(command.name, check_sort(command.sort, self.scope)))

    def _local(self, name: str, sort: Sort) -> Term:
        """A universally quantified variable of one command alone."""
        variable = self._private(name, sort)
        self.locals.append(variable)
        return leaf(variable)

    def _local_variables(self, variables: Iterable[ast.SortedVariable]) -> dict[str, Term]:
        """Variables for those that a command binds."""
        return {v.name: self._local(v.name, check_sort(v.sort, self.scope)) for v in variables}

    def _define_fun(self, command: ast.DefineFun) -> None:
        definition = check_definition(command, replace(self.scope, defining=command.name))
        self._define(command.name, definition, command.position)

    def _define_funs_rec(self, command: ast.DefineFunsRec) -> None:
        made: list[Recursive] = []
        for declaration in command.declarations:
            parameters = check_parameters(declaration.parameters, self.scope)
            sort = check_sort(declaration.sort, self.scope)
            if sort.is_function:
                fail(
                    f"the result of '{declaration.name}' is a function", declaration.position, "give it more parameters"
                )
            made.append(recursive(declaration.name, parameters, sort))
            self._define(declaration.name, made[-1], declaration.position)
        for function, expression in zip(made, command.bodies, strict=True):
            body = check_term(expression, self.scope.binding({p.name: leaf(p) for p in function.parameters}))
            if body.sort != function.sort:
                message = f"'{function.name}' is declared {function.sort}, its body is {body.sort}"
                fail(message, expression.position, f"write {body.sort}")
            self._check_size(body, expression.position)
            called = first_called(body, (SynthFunction, OracleFunction), {})
            if called is not None:
                message = f"the recursive function '{function.name}' calls '{called.name}'"
                fail(message, expression.position, "let it call what the file defines")
            outside = [node.head for node in subterms(body) if isinstance(node.head, Variable)]
            declared = {variable.head for variable in self.variables.values()}
            if any(head in declared and head not in function.parameters for head in outside):
                fail(f"'{function.name}' holds variables of the file", expression.position, "make them parameters")
            function.define(body)

    def _declare_oracle_fun(self, command: ast.DeclareOracleFun) -> None:
        self._need("oracles", command.position)
        options = tuple((a.keyword, _attribute_text(a)) for a in command.attributes)
        parameters = tuple(check_sort(sort, self.scope) for sort in command.parameters)
        sort = check_sort(command.sort, self.scope)
        if self.scope.theory.name != "CAM":  # there the attributes are options of the metric
            by_file(command.attributes)
        symbol = OracleFunction(command.name, parameters, sort, command.oracle, options)
        self._define(command.name, symbol, command.position)
        self.oracles[symbol] = command.position

    def _private(self, name: str, sort: Sort) -> Variable:
        """A variable that nothing else is named like."""
        return private_variable(name, next(self.fresh), sort)

    def _oracle_term(self, command: ast.OracleTermCommand) -> None:
        self._need("oracles", command.position)
        self.calls.append(oracle_call(command, self.scope, self._private))
        self._check_size(self.calls[-1].statement, command.position)

    def _oracle_of_function(self, command: ast.OracleOfFunctionCommand) -> None:
        self._need("oracles", command.position)
        written = OracleSugar(self.symbols, self.scope.theory, self._private).write_out(command)
        self.calls.extend(written.calls)
        if written.symbol is not None and written.constraint is not None:
            self.oracles[written.symbol] = command.position
            self._constrain(written.constraint, command.position)

    def _synth_fun(self, command: ast.SynthFun) -> None:
        self._synthesise(command, check_sort(command.sort, self.scope))

    def _synth_inv(self, command: ast.SynthInv) -> None:
        self._synthesise(command, BOOL)

    def _synthesise(self, command: ast.SynthFun | ast.SynthInv, sort: Sort) -> None:
        theory = self.scope.theory
        function = SynthFunction(command.name, check_parameters(command.parameters, self.scope), sort)
        if function.sort.is_function:
            fail(f"the result of '{function.name}' is a function", command.position, "give it more parameters")
        barren: tuple[str, ...] = ()
        if command.grammar is None:
            written = default_grammar(theory, function, command.position)
        else:
            self._need("grammars", command.grammar.position)
            written = GrammarReader(self.scope, function, self.features, self.called).read(command.grammar)
            alive = {nonterminal.name for nonterminal in written.productions}
            barren = tuple(group.name for group in command.grammar.groups if group.name not in alive)
        setting = self.options.get("constants")
        made: Written = {}
        grammar = written.closed(lambda sort, position: constants_of(sort, theory, setting, position, made))
        for production in (p for productions in written.productions.values() for p in productions):
            self._check_size(production.template, production.position)
        self.productions += sum(map(len, grammar.productions.values()))
        if self.productions > MOST_PRODUCTIONS:
            message = f"up to here the file's grammars have more than {MOST_PRODUCTIONS} productions"
            fail(message, command.position, "give the functions grammars, or smaller ones")
        positions = tuple(variable.position for variable in command.parameters)
        self._define(command.name, function, command.position)
        free = command.grammar is None
        self.targets.append(Target(function, grammar, command.position, positions, written, free, barren))

    def _statement(self, expression: ast.TermExpression, what: str, scope: Scope) -> Term:
        """A Bool; a forall in front binds fresh variables, for every statement holds for all values of those."""
        bound: dict[str, Term] = {}
        while isinstance(expression, ast.Quantified) and expression.quantifier == "forall":
            bound |= self._local_variables(expression.variables)
            expression = expression.body
        return self._formula(expression, what, scope.binding(bound) if bound else scope)

    def _formula(self, expression: ast.TermExpression, what: str, scope: Scope) -> Term:
        checked = check_term(expression, scope)
        if checked.sort != BOOL:
            fail(f"{what} must be Bool, this is {checked.sort}", expression.position, "compare two values")
        self._check_size(checked, expression.position)
        return checked

    def _check_size(self, root: Term, position: Position) -> None:
        """Refuse a term that is too large with its macros written out, which all that looks at its meaning does."""
        try:
            self.expansion(root)
        except TooLargeError as error:
            fail(f"up to here {error.message}", position, error.hint)

    def _constraint(self, command: ast.Constraint) -> None:
        self._constrain(self._statement(command.term, "a constraint", self.scope), command.position)

    def _constrain(self, constraint: Term, position: Position) -> None:
        self.constraints.append(constraint)
        self.positions.setdefault(constraint, position)

    def _assume(self, command: ast.Assume) -> None:
        self.assumptions.append(self._formula(command.term, "an assumption", self.scope))
        self.positions.setdefault(self.assumptions[-1], command.position)

    def _inv_constraint(self, command: ast.InvConstraint) -> None:
        """Pre(x) → S(x), S(x) ∧ Trans(x, x!) → S(x!), S(x) → Post(x), as the standard says."""
        invariant = self.symbols.get(command.invariant)
        if not isinstance(invariant, SynthFunction) or invariant.sort != BOOL:
            functions = [t.function.name for t in self.targets if t.function.sort == BOOL]
            hint = known(functions, command.invariant, "functions to synthesise of sort Bool")
            fail(f"'{command.invariant}' is no invariant to synthesise", command.position, hint)
        now = tuple(self._local(p.name, p.sort) for p in invariant.parameters)
        then = tuple(self._local(f"{p.name}!", p.sort) for p in invariant.parameters)
        holds, holds_then = (term(invariant, state, BOOL) for state in (now, then))
        before = self._predicate(command.precondition, now, command.position)
        step = self._predicate(command.transition, now + then, command.position)
        after = self._predicate(command.postcondition, now, command.position)
        both = self._apply("and", holds, step)
        for premise, conclusion in ((before, holds), (both, holds_then), (holds, after)):
            self._constrain(self._apply("=>", premise, conclusion), command.position)

    def _predicate(self, name: str, arguments: tuple[Term, ...], position: Position) -> Term:
        symbol = self.symbols.get(name)
        sorts = tuple(argument.sort for argument in arguments)
        if symbol is None or symbol.sort != BOOL or parameter_sorts(symbol) != sorts:
            hint = f"it takes {' '.join(map(str, sorts)) or 'nothing'} and gives a Bool"
            fail(f"'{name}' is not defined as inv-constraint needs it", position, hint)
        return term(symbol, arguments, BOOL)

    def _chc_constraint(self, command: ast.ChcConstraint) -> None:
        check_parameters(command.variables, self.scope)
        scope = self.scope.binding(self._local_variables(command.variables))
        body = self._formula(command.body, "the body", scope)
        head = self._statement(command.head, "the head", scope)
        self._constrain(self._apply("=>", body, head), command.position)

    def _apply(self, name: str, *arguments: Term) -> Term:
        """A function of the core theory, which every logic has, applied to Bools."""
        resolved = self.scope.theory.resolve(name, (BOOL,) * len(arguments))
        assert resolved is not None
        return term(resolved[0], arguments, BOOL)

    def _check_synth(self, command: ast.CheckSynth) -> None:
        self._ask(command.position)

    def _optimize_synth(self, command: ast.OptimizeSynth) -> None:
        for attribute in command.attributes:
            if attribute.keyword != "lexico":
                fail(f"unknown attribute ':{attribute.keyword}'", attribute.position, "write :lexico")
        objectives = tuple(objective(expression, self.scope) for expression in command.objectives)
        for expression, found in zip(command.objectives, objectives, strict=True):
            self._check_size(found.term, expression.position)
        if not objectives:
            fail("optimize-synth has no objective", command.position, "write ((! (metric f) :min) …)")
        self._ask(command.position, objectives, lexicographic=bool(command.attributes))


def _defined_by(command: ast.Command) -> Iterable[str]:
    """The names of the functions that a command defines."""
    if isinstance(command, ast.DefineFunsRec):
        return (declaration.name for declaration in command.declarations)
    return (command.name,) if isinstance(command, ast.DefineFun) else ()


def _attribute_text(attribute: ast.Attribute) -> str:
    value = attribute.value
    if isinstance(value, ast.LiteralExpression):
        return value.text
    return value.symbol if isinstance(value, ast.Identifier) else ""


_HANDLERS: dict[type[Any], Callable[[Elaborator, Any], None]] = {
    ast.SetLogic: Elaborator._set_logic,
    ast.SetInfo: Elaborator._set_info,
    ast.SetOption: Elaborator._setting,
    ast.SetFeature: Elaborator._set_feature,
    ast.DeclareWeight: Elaborator._declare_weight,
    ast.DeclareVar: Elaborator._declare_var,
    ast.DeclareSort: Elaborator._declare_sort,
    ast.DeclareDatatype: Elaborator._declare_datatype,
    ast.DeclareDatatypes: Elaborator._declare_datatypes,
    ast.DefineSort: Elaborator._define_sort,
    ast.DefineFun: Elaborator._define_fun,
    ast.DefineFunsRec: Elaborator._define_funs_rec,
    ast.DeclareOracleFun: Elaborator._declare_oracle_fun,
    ast.SynthFun: Elaborator._synth_fun,
    ast.SynthInv: Elaborator._synth_inv,
    ast.Assume: Elaborator._assume,
    ast.Constraint: Elaborator._constraint,
    ast.InvConstraint: Elaborator._inv_constraint,
    ast.ChcConstraint: Elaborator._chc_constraint,
    ast.CheckSynth: Elaborator._check_synth,
    ast.OptimizeSynth: Elaborator._optimize_synth,
    ast.OracleConstraint: Elaborator._oracle_term,
    ast.OracleAssume: Elaborator._oracle_term,
    ast.OracleConstraintIO: Elaborator._oracle_of_function,
    ast.OracleConstraintCex: Elaborator._oracle_of_function,
    ast.OracleConstraintMembership: Elaborator._oracle_of_function,
    ast.OracleConstraintPosWitness: Elaborator._oracle_of_function,
    ast.OracleConstraintNegWitness: Elaborator._oracle_of_function,
    ast.DeclareCorrectnessOracle: Elaborator._oracle_of_function,
    ast.DeclareCorrectnessCexOracle: Elaborator._oracle_of_function,
}

_BEFORE_LOGIC = {Elaborator._set_logic, Elaborator._set_info, Elaborator._setting, Elaborator._set_feature}
