"""Weights that a person gives the productions of a grammar: in proportion to them, learners that draw pick."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from sygus.errors import OptionError, Position, SourceError, TypeCheckError, known
from sygus.language.problem import Problem, Production
from sygus.language.scope import check_sort, fail
from sygus.language.syntax import script as ast
from sygus.language.syntax.parser import parse_production
from sygus.language.terms import AnyConstant, Term, leaf, term
from sygus.language.text import term_text
from sygus.language.typecheck import check_term
from sygus.resources import read_named

LEAST, MOST = 1e-6, 1e6
"""What a weight may be."""

_FORM = 'write {"PRODUCTION": WEIGHT, …}, as {"(gap M)": 3, "(* H H)": 0.2}'


@dataclass(frozen=True, eq=False)
class Prior:
    """Weights of productions; one without has 1.

    Attributes:
        weights: by the production of the grammar that terms are proposed from.
        stated: by the text of the production, as the file of the problem has it.
    """

    weights: Mapping[Production, float] = field(default_factory=dict)
    stated: Mapping[str, float] = field(default_factory=dict)


NO_PRIOR = Prior()
"""All productions alike."""


def read_prior(problem: Problem, path: str) -> Prior:
    """The weights in a JSON file, by the texts of productions: ``{"(gap M)": 3, "(* H H)": 0.2}``.

    A production is written as in the grammar, spaces aside; one of several nonterminals gets the weight in each. One
    that holds ``(Constant Real)`` shares its weight among the constants that are taken in its place; a text with one of
    these goes before.

    Raises:
        OptionError: the file cannot be read.
        SourceError: what in it is wrong, and where.
    """
    wanted = "give a JSON file of weights"
    try:
        text = read_named(path, path, "--prior", wanted)
    except FileNotFoundError:
        raise OptionError(f"--prior: there is no file '{path}'", wanted) from None
    try:
        return _prior(problem, text)
    except SourceError as error:
        raise error.located(path, text) from None


def _prior(problem: Problem, text: str) -> Prior:
    given: dict[Term, float] = {}
    known_texts = _texts(problem)
    for written, weight, position in _entries(text):
        found = _read(problem, written, position)
        if found not in known_texts:
            hint = known(known_texts.values(), written, "its productions")
            raise TypeCheckError(f"no production of the grammar is '{written}'", position, hint)
        if found in given:
            raise TypeCheckError(f"'{written}' is given twice", position, "keep one")
        given[found] = weight
    weights = {}
    for nonterminal, productions in problem.target.grammar.productions.items():
        sources = [p for p in problem.target.written.productions[nonterminal] if p.constants and shown(p) in given]
        origins = {p: next((s for s in sources if _is_made_of(p, s)), p) for p in productions}
        made = Counter(origins.values())
        for production, origin in origins.items():
            if shown(production) in given:
                weights[production] = given[shown(production)]
            elif origin is not production:
                weights[production] = given[shown(origin)] / made[origin]
    return Prior(weights, {known_texts[found]: weight for found, weight in given.items()})


def shown(production: Production) -> Term:
    """A production as a term in which nonterminals stand for themselves."""
    return production.instantiate(tuple(map(leaf, production.holes)))


def _texts(problem: Problem) -> dict[Term, str]:
    """What may be given a weight: the productions as they are written, and with constants in their places."""
    grammars = (problem.target.written, problem.target.grammar)
    every = (shown(p) for grammar in grammars for productions in grammar.productions.values() for p in productions)
    return {one: term_text(one) for one in every}


def _is_made_of(production: Production, source: Production) -> bool:
    """Whether a production is another one with constants in the places of ``(Constant σ)``."""
    return production.position == source.position and source.match(production.template) is not None


def _read(problem: Problem, written: str, position: Position) -> Term:
    """The term of a production's text.

    Raises:
        TypeCheckError: at the position: it is no term of the grammar.
    """
    numbers = count()

    def generic(node: ast.AnyConstant | ast.AnyVariable) -> Term:
        if isinstance(node, ast.AnyVariable):
            fail("(Variable …) stands for several productions", node.position, "write each with the parameter's name")
        sort = check_sort(node.sort, problem.scope)
        return term(AnyConstant(next(numbers), sort), (), sort)

    target = problem.target
    names = {parameter.name: leaf(parameter) for parameter in target.function.parameters}
    names |= {nonterminal.name: leaf(nonterminal) for nonterminal in target.written.productions}
    scope = replace(problem.scope, generic=generic).binding(names)
    try:
        return check_term(parse_production(written), scope)
    except SourceError as error:
        raise TypeCheckError(f"'{written}' is no production: {error.message}", position, error.hint) from None


_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


def _entries(text: str) -> Iterator[tuple[str, float, Position]]:
    """The texts and weights of a JSON object, each with the position of the text."""

    def strict(name: str) -> Any:
        raise ValueError(f"{name} is no number of JSON")

    try:
        pairs = json.loads(text, object_pairs_hook=_Pairs, parse_int=float, parse_constant=strict)
    except json.JSONDecodeError as error:
        at = _position(text, error.pos, 1)
        raise TypeCheckError(f"it is no JSON: {error.msg}", at, _FORM) from None
    except (ValueError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise TypeCheckError(f"it is no JSON: {why}", _position(text, 0, 1), _FORM) from None
    if not isinstance(pairs, _Pairs):
        raise TypeCheckError("it is no JSON object", _position(text, 0, 1), _FORM)
    # As long as values are numbers, every string is the text of a production.
    for (written, weight), found in zip(pairs, _STRING.finditer(text), strict=False):
        at = _position(text, found.start(), len(found[0]))
        if not isinstance(weight, float) or not (LEAST <= weight <= MOST and math.isfinite(weight)):
            raise TypeCheckError(f"the weight of '{written}' is none", at, f"give a number from {LEAST:g} to {MOST:g}")
        yield written, weight, at


class _Pairs(list[tuple[str, Any]]):
    """The pairs of a JSON object, those with the same name too."""


def _position(text: str, start: int, length: int) -> Position:
    line, column = text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)
    return Position(line, column, line, column + length)
