"""The oracle commands of the standard: each is one, or several, of three kinds of statement."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sygus.language.problem import OracleCall
from sygus.language.scope import Scope, Symbol, check_parameters, check_sort, fail, known
from sygus.language.syntax import script as ast
from sygus.language.terms import BOOL, OracleFunction, Sort, SynthFunction, Term, Variable, function_sort, leaf, term
from sygus.language.theories import Theory
from sygus.language.theories.calls import called
from sygus.language.typecheck import check_term
from sygus.records import record

FORMS = ("command-line", "file")


def by_file(attributes: Sequence[ast.Attribute]) -> bool:
    """Whether the oracle is asked by a text file.

    Raises:
        TypeCheckError: attributes of another kind, or both ways.
    """
    for index, attribute in enumerate(attributes):
        if attribute.keyword not in FORMS or attribute.value is not None:
            fail(f"unknown attribute ':{attribute.keyword}' of an oracle", attribute.position, "write :file or nothing")
        if index:
            fail("an oracle is asked in one way", attribute.position, "keep one of :file and :command-line")
    return any(attribute.keyword == "file" for attribute in attributes)


def oracle_call(command: ast.OracleTermCommand, scope: Scope, private: Callable[[str, Sort], Variable]) -> OracleCall:
    """What ``oracle-constraint`` and ``oracle-assume`` state.

    Args:
        command: one of them.
        scope: of the command.
        private: a variable that the file cannot name.

    Raises:
        TypeCheckError: the statement is no Bool.
    """
    both = (*command.inputs, *command.outputs)
    check_parameters(both, scope)
    named = [private(v.name, check_sort(v.sort, scope)) for v in both]
    values = {v.name: leaf(variable) for v, variable in zip(both, named, strict=True)}
    statement = check_term(command.term, scope.binding(values))
    if statement.sort != BOOL:
        fail(f"the statement must be Bool, this is {statement.sort}", command.term.position, "compare two values")
    asked = len(command.inputs)
    inputs, outputs = tuple(named[:asked]), tuple(named[asked:])
    assumed = isinstance(command, ast.OracleAssume)
    form = by_file(command.attributes)
    return OracleCall(inputs, outputs, statement, assumed, command.oracle, form, command.position)


@record(frozen=True)
class Sugar:
    """What a command of a predefined kind stands for."""

    calls: tuple[OracleCall, ...] = ()
    symbol: OracleFunction | None = None
    constraint: Term | None = None


class OracleSugar:
    """Writes out the commands that declare an oracle of a predefined kind, as the standard does.

    Args:
        symbols: what the file defines so far.
        theory: of the logic.
        private: a variable that the file cannot name.
    """

    def __init__(self, symbols: dict[str, Symbol], theory: Theory, private: Callable[[str, Sort], Variable]) -> None:
        self.symbols = symbols
        self.theory = theory
        self.private = private
        self.command: ast.OracleOfFunctionCommand

    def write_out(self, command: ast.OracleOfFunctionCommand) -> Sugar:
        """The statements that the command stands for.

        Raises:
            TypeCheckError: it names no function to synthesise.
        """
        self.command = command
        function = self.symbols.get(command.function)
        if not isinstance(function, SynthFunction):
            names = [name for name, symbol in self.symbols.items() if isinstance(symbol, SynthFunction)]
            hint = known(names, command.function, "functions to synthesise")
            fail(f"'{command.function}' is no function to synthesise", command.position, hint)
        inputs = tuple(self.private(p.name, p.sort) for p in function.parameters)
        output = self.private("y", function.sort)
        applied = term(function, tuple(map(leaf, inputs)), function.sort)
        equal = self._apply("=", applied, leaf(output))
        match command:
            case ast.OracleConstraintIO():
                return Sugar((self._call(inputs, (output,), equal),))
            case ast.OracleConstraintPosWitness():
                return Sugar((self._call((), (*inputs, output), equal),))
            case ast.OracleConstraintNegWitness():
                return Sugar((self._call((), (*inputs, output), self._apply("not", equal)),))
            case ast.OracleConstraintMembership():
                answer = self.private("answer", BOOL)
                return Sugar((self._call((*inputs, output), (answer,), self._apply("=", equal, leaf(answer))),))
            case ast.OracleConstraintCex():
                return Sugar((self._counterexample(function, inputs, applied),))
            case ast.DeclareCorrectnessOracle():
                return self._correctness(function)
            case ast.DeclareCorrectnessCexOracle():
                asked = self._correctness(function)
                return Sugar((self._counterexample(function, inputs, applied),), asked.symbol, asked.constraint)

    def _counterexample(self, function: SynthFunction, inputs: tuple[Variable, ...], applied: Term) -> OracleCall:
        sort = function_sort(tuple(p.sort for p in function.parameters), function.sort)
        candidate = self.private(function.name, sort)
        found = self.private("found", BOOL)
        other = called(leaf(candidate), tuple(map(leaf, inputs))) if inputs else leaf(candidate)
        differs = self._apply("not", self._apply("=", applied, other))
        return self._call((candidate,), (found, *inputs), self._apply("=>", leaf(found), differs))

    def _correctness(self, function: SynthFunction) -> Sugar:
        command = self.command
        sort = function_sort(tuple(p.sort for p in function.parameters), function.sort)
        options = tuple((attribute.keyword, "") for attribute in command.attributes)
        by_file(command.attributes)
        name = f"{function.name} is correct by {command.oracle}"
        symbol = OracleFunction(name, (sort,), BOOL, command.oracle, options)
        return Sugar(symbol=symbol, constraint=term(symbol, (term(function, (), sort),), BOOL))

    def _call(self, inputs: tuple[Variable, ...], outputs: tuple[Variable, ...], statement: Term) -> OracleCall:
        command = self.command
        form = by_file(command.attributes)
        return OracleCall(inputs, outputs, statement, False, command.oracle, form, command.position)

    def _apply(self, name: str, *arguments: Term) -> Term:
        resolved = self.theory.resolve(name, tuple(argument.sort for argument in arguments))
        if resolved is None:
            sorts = " and ".join(str(argument.sort) for argument in arguments)
            fail(f"values of {sorts} cannot be compared", self.command.position, "use an oracle-constraint")
        return term(resolved[0], arguments, resolved[1])
