"""An expression as a user types it on the command line."""

from __future__ import annotations

from pathlib import Path

from sygus.errors import OptionError, SourceError, TypeCheckError
from sygus.oracles.cam import body_of, check_parameters, feature_variables
from sygus.syntax import script as ast
from sygus.syntax.parser import parse_answer, parse_term
from sygus.terms import REAL, Term, leaf
from sygus.theories.cam import CAM, MAP, WEIGHT
from sygus.typecheck import Scope, check_definition, check_term

FILE = "--expression"


def read_expression(text: str) -> Term:
    """The term over features that a text means: a bare term, a define-fun, or a whole answer; ``@FILE`` is read.

    Raises:
        SourceError: what is wrong and where.
        OptionError: the file cannot be read, or the text defines not exactly one function.
    """
    if text.startswith("@"):
        try:
            text = Path(text[1:]).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise OptionError(f"--expression: cannot read '{text[1:]}' ({error})", "give a text file") from None
    return parse_expression(text, FILE)


def parse_expression(text: str, where: str) -> Term:
    """The term over features that a text means; ``where`` stands for the text in errors.

    Raises:
        SourceError: what is wrong and where.
        OptionError: the text defines not exactly one function.
    """
    try:
        return _read(text, where)
    except SourceError as error:
        raise error.located(where, text) from None


def _read(text: str, where: str) -> Term:
    variables = feature_variables()
    scope = Scope(CAM, {str(sort): sort for sort in CAM.sorts})
    if "define-fun" in text:
        _, functions = parse_answer(text, where)
        if len(functions) != 1:
            raise OptionError(f"{where}: it defines {len(functions)} functions", "give one define-fun")
        definition = check_definition(functions[0], scope)
        check_parameters(definition.parameters, [parameter.position for parameter in functions[0].parameters])
        found, position = body_of(definition), functions[0].position
    else:
        expression: ast.TermExpression = parse_term(text, where)
        found = check_term(expression, scope.binding({name: leaf(v) for name, v in variables.items()}))
        position = expression.position
    if found.sort not in (WEIGHT, MAP, REAL):
        raise TypeCheckError(f"the expression is {found.sort}", position, "it must be a Weight or a Map")
    return found
