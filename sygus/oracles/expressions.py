"""An expression as a user types it on the command line."""

from __future__ import annotations

import re
from pathlib import Path

from sygus.errors import OptionError, Position, SourceError, TypeCheckError
from sygus.language.scope import Scope
from sygus.language.scope import check_parameters as parameters_of
from sygus.language.syntax import script as ast
from sygus.language.syntax.parser import parse_answer, parse_term, parse_values
from sygus.language.terms import Term, leaf
from sygus.language.theories.cam import CAM
from sygus.language.theories.ranks import EXPLAINED, LAYER, is_rank
from sygus.language.typecheck import check_definition, check_term
from sygus.oracles.parameters import body_of, check_parameters, feature_variables
from sygus.resources import read_text

FILE = "--expression"

_NAMED = re.compile(rf"[a-z]\.({LAYER.pattern})")
"""After the name of a feature, that of a layer."""


def read_expression(text: str) -> Term:
    """The term over features that a text means: a bare term, a define-fun, or a whole answer; ``@FILE`` is read.

    Raises:
        SourceError: what is wrong and where.
        OptionError: the file cannot be read, or the text defines not exactly one function.
    """
    if text.startswith("@"):
        if Path(text[1:]).is_dir():
            answer = Path(text[1:]) / "answer.sy"
            hint = f"write --expression @{answer}" if answer.is_file() else "name a file in it"
            raise OptionError(f"--expression: '{text[1:]}' is a folder", hint)
        try:
            text = read_text(text[1:])
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


def function_expression(text: str, where: str) -> Term:
    """The term over features of a tuple that holds one closed lambda term, as oracles are asked about functions.

    Raises:
        SourceError: there is not one value, or it is no function over features.
    """
    values = parse_values(text, where)
    if len(values) != 1:
        raise TypeCheckError(f"{len(values)} values", Position(1, 1, 1, 2), "a metric is asked about one function")
    (value,) = values
    scope = Scope(CAM, {str(sort): sort for sort in CAM.sorts})
    if isinstance(value, ast.Lambda):
        parameters = parameters_of(value.variables, scope)
        check_parameters(parameters, [variable.position for variable in value.variables])
        found = check_term(value.body, scope.binding({p.name: leaf(p) for p in parameters}))
    else:
        found = check_term(value, scope)
    if not is_rank(found.sort):
        raise TypeCheckError(f"the function gives {found.sort}", value.position, f"it must give {EXPLAINED}")
    return found


def _read(text: str, where: str) -> Term:
    variables = feature_variables(("", *_NAMED.findall(text)))
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
    if not is_rank(found.sort):
        raise TypeCheckError(f"the expression is {found.sort}", position, f"it must be {EXPLAINED}")
    return found
