"""From a parsed script to a well-sorted problem."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import replace

from sygus.errors import Position, SourceError
from sygus.language.elaborate.commands import Elaborator
from sygus.language.problem import Problem
from sygus.language.scope import fail, known
from sygus.language.syntax import script as ast
from sygus.language.syntax.parser import parse, parse_answer
from sygus.language.terms import Definition, SynthFunction, Term, Variable, all_called, expand, fold, leaf, substitute
from sygus.language.typecheck import check_definition
from sygus.records import record

__all__ = [
    "ReadAnswer",
    "definitions_of",
    "load_answer",
    "load_definitions",
    "load_problem",
    "problem_of",
    "read_answer",
]


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
        return Elaborator(script).build() if _sets_logic(script) else _guessed(script)
    except SourceError as error:
        raise error.located(script.file, script.text) from None


def _sets_logic(script: ast.Script) -> bool:
    return any(isinstance(command, ast.SetLogic) for command in script.commands) or not script.commands


PLAIN = ("SAT", "LIA", "LRA", "BV", "SLIA", "NIA", "NRA", "ALL")
"""Where a file sets no logic, the first of these in which it is well-sorted, and linear if that is, is its logic."""


def _guessed(script: ast.Script) -> Problem:
    """The problem of a script that sets no logic.

    Raises:
        TypeCheckError: it is well-sorted in none of those that are tried, as one of CAM is not.
    """
    start = script.commands[0].position
    wrong = None
    for logic in PLAIN:
        commands = (ast.SetLogic(logic, position=start), *script.commands)
        try:
            found = Elaborator(replace(script, commands=commands)).build()
        except SourceError as error:
            wrong = error
        else:
            if _is_linear(found) or not found.theory.linear:
                return replace(found, unset=True)
    assert wrong is not None
    hint = f"put (set-logic CAM) or another first; in {PLAIN[-1]}, line {wrong.position.line} is wrong: {wrong.message}"
    return fail("the logic is not set", start, hint)


def _is_linear(problem: Problem) -> bool:
    """Whether the constraints multiply by constants alone."""
    factors: list[int] = []

    def varies(node: Term, parts: list[bool]) -> bool:
        if node.head.name == "*":
            factors.append(sum(parts))
        return isinstance(node.head, Variable | SynthFunction) or any(parts)

    known_parts: dict[Term, bool] = {}
    for constraint in problem.constraints:
        fold(expand(constraint), varies, known_parts)
    return max(factors, default=0) < 2


def load_definitions(text: str, file: str) -> list[Definition]:
    """The macros of a text that need not ask for anything.

    Raises:
        SourceError: with the position of what is wrong.
    """
    return definitions_of(parse(text, file))


def definitions_of(script: ast.Script) -> list[Definition]:
    """The macros of a script that need not ask for anything.

    Raises:
        TypeCheckError: with the position of what is wrong.
    """
    elaborator = Elaborator(script)
    try:
        elaborator.go_through()
    except SourceError as error:
        raise error.located(script.file, script.text) from None
    return [symbol for symbol in elaborator.symbols.values() if isinstance(symbol, Definition)]


@record(frozen=True)
class ReadAnswer:
    """What an answer says.

    Attributes:
        bodies: of the functions, over the problem's own parameters.
        binding: the functions whose bodies are written with ``let``, which their grammars do not make.
        values: of the objectives, as far as they are given.
    """

    bodies: dict[SynthFunction, Term]
    binding: frozenset[SynthFunction]
    values: tuple[ast.TermExpression, ...]


def load_answer(problem: Problem, answer: str, answer_file: str) -> dict[SynthFunction, Term]:
    """The bodies that :func:`read_answer` finds."""
    return read_answer(problem, answer, answer_file).bodies


def read_answer(problem: Problem, answer: str, answer_file: str) -> ReadAnswer:
    """What an answer to a problem says.

    Args:
        problem: what was asked.
        answer: ``((define-fun f …)…)`` or ``((value …) (define-fun f …)…)``; the definitions may use the problem's
            macros.
        answer_file: its name.

    Raises:
        SourceError: with the position of what is wrong in the answer, such as a function that is missing.
    """
    wanted = {target.function.name: target.function for target in problem.targets}
    lets = {target.function for target in problem.targets if target.written.has_lets}
    values, commands = parse_answer(answer, answer_file)
    found: dict[SynthFunction, Term] = {}
    binding: set[SynthFunction] = set()
    try:
        for command in commands:
            function = wanted.get(command.name)
            if function is None or function in found:
                fail(f"'{command.name}' is not asked for", command.position, known(wanted, command.name, "asked for"))
            definition = check_definition(command, replace(problem.scope, lets=function in lets))
            sorts = tuple(p.sort for p in definition.parameters)
            if (sorts, definition.sort) != (tuple(p.sort for p in function.parameters), function.sort):
                hint = f"it takes {' '.join(str(p.sort) for p in function.parameters)} and gives {function.sort}"
                fail(f"'{command.name}' has other sorts than it should", command.position, hint)
            pairs = zip(definition.parameters, function.parameters, strict=True)
            found[function] = substitute(definition.body, {leaf(old): leaf(new) for old, new in pairs})
            if function not in lets and _binds(command.body):
                binding.add(function)
        _refuse_circles(found, dict(zip(found, commands, strict=True)))
        missing = [name for name, function in wanted.items() if function not in found]
        if missing:
            end = commands[-1].position if commands else Position(1, 1, 1, 1)
            fail(f"the answer does not define '{missing[0]}'", end, "define every function asked for")
        if values and len(values) != len(problem.objectives):
            message = f"the answer gives {len(values)} values, the problem has {len(problem.objectives)} objectives"
            fail(message, values[0].position, "give the value of each objective, or no values")
    except SourceError as error:
        raise error.located(answer_file, answer) from None
    return ReadAnswer({function: found[function] for function in wanted.values()}, frozenset(binding), values)


def _refuse_circles(bodies: Mapping[SynthFunction, Term], commands: Mapping[SynthFunction, ast.DefineFun]) -> None:
    """Refuse a ``define-fun`` that calls itself, be it by others, which only ``define-fun-rec`` and its like may."""
    called = {function: all_called(body, SynthFunction) & bodies.keys() for function, body in bodies.items()}
    for function, command in commands.items():
        if isinstance(command, ast.DefineFunRec):
            continue
        if function in called[function]:
            fail(f"'{command.name}' calls itself, which a define-fun may not", command.position, "write define-fun-rec")
        for other in _beyond(function, called):
            if function in _beyond(other, called):
                message = f"'{command.name}' and '{other.name}' call one another, which a define-fun may not"
                fail(message, command.position, "define both by one define-funs-rec")


def _beyond(function: SynthFunction, called: Mapping[SynthFunction, Set[SynthFunction]]) -> dict[SynthFunction, None]:
    """What a function calls, by others too."""
    found: dict[SynthFunction, None] = {}
    waiting = list(called[function])
    while waiting:
        one = waiting.pop()
        if one not in found:
            found[one] = None
            waiting += called[one]
    return found


def _binds(expression: ast.TermExpression) -> bool:
    """Whether there is a ``let`` in an expression."""
    stack = [expression]
    while stack:
        match stack.pop():
            case ast.Let():
                return True
            case ast.Application(arguments=arguments):
                stack.extend(arguments)
            case ast.Annotated(term=inner) | ast.Quantified(body=inner):
                stack.append(inner)
    return False
