"""From a parsed script to a well-sorted problem."""

from __future__ import annotations

from sygus.elaborate.commands import Elaborator
from sygus.errors import SourceError
from sygus.problem import Problem
from sygus.scope import fail, known
from sygus.syntax import script as ast
from sygus.syntax.parser import parse, parse_answer
from sygus.terms import Definition, SynthFunction, Term, leaf, substitute
from sygus.typecheck import check_definition

__all__ = ["load_answer", "load_definitions", "load_problem", "problem_of"]


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
        return Elaborator(script).build()
    except SourceError as error:
        raise error.located(script.file, script.text) from None


def load_definitions(text: str, file: str) -> list[Definition]:
    """The macros of a script that need not ask for anything.

    Raises:
        SourceError: with the position of what is wrong.
    """
    elaborator = Elaborator(parse(text, file))
    try:
        elaborator.go_through()
    except SourceError as error:
        raise error.located(file, text) from None
    return [symbol for symbol in elaborator.symbols.values() if isinstance(symbol, Definition)]


def load_answer(text: str, file: str, answer: str, answer_file: str) -> dict[SynthFunction, Term]:
    """The bodies that an answer gives the functions of a problem, over the problem's own parameters.

    Args:
        text: of the problem.
        file: its name.
        answer: ``((define-fun f …)…)``; the definitions may use the problem's macros.
        answer_file: its name.

    Raises:
        SourceError: with the position of what is wrong in either text, such as a function that is missing.
    """
    elaborator = Elaborator(parse(text, file))
    try:
        elaborator.go_through()
    except SourceError as error:
        raise error.located(file, text) from None
    wanted = {target.function.name: target.function for target in elaborator.targets}
    _, commands = parse_answer(answer, answer_file)
    found: dict[SynthFunction, Term] = {}
    try:
        for command in commands:
            function = wanted.get(command.name)
            if function is None or function in found:
                fail(f"'{command.name}' is not asked for", command.position, known(wanted, command.name, "asked for"))
            definition = check_definition(command, elaborator.scope)
            sorts = tuple(p.sort for p in definition.parameters)
            if (sorts, definition.sort) != (tuple(p.sort for p in function.parameters), function.sort):
                hint = f"it takes {' '.join(str(p.sort) for p in function.parameters)} and gives {function.sort}"
                fail(f"'{command.name}' has other sorts than it should", command.position, hint)
            pairs = zip(definition.parameters, function.parameters, strict=True)
            found[function] = substitute(definition.body, {leaf(old): leaf(new) for old, new in pairs})
        missing = [name for name, function in wanted.items() if function not in found]
        if missing:
            fail(f"the answer does not define '{missing[0]}'", commands[-1].position, "define every function asked for")
    except SourceError as error:
        raise error.located(answer_file, answer) from None
    return {function: found[function] for function in wanted.values()}
