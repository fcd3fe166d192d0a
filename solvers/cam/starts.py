"""Formulas that a run proposes before its learner proposes anything: what is known already is what has to be beaten."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sygus.language.problem import Grammar
from sygus.language.terms import Definition, Term, expand, term
from sygus.language.theories.cam import CAM
from sygus.oracles.objective import CamProblem


@dataclass(frozen=True)
class Start:
    """A formula by the name of its definition."""

    name: str
    term: Term


@dataclass(frozen=True)
class Starts:
    """The formulas that a grammar derives, of any size, and why others are not proposed, in words."""

    found: tuple[Start, ...]
    notes: tuple[str, ...]


def starts_of(problem: CamProblem, further: Sequence[Definition], size: int) -> Starts:
    """The macros of a problem, and further ones, as terms that its grammar derives.

    Where the grammar makes whole maps, a definition of weights w stands for the map that it is explained by, as
    (cam w), see :data:`WAYS`.

    Args:
        problem: what is asked.
        further: definitions that a person gives; of those that cannot be proposed, a note says why.
        size: the largest term that may be proposed, in nodes; larger ones are found too, so that a run may be continued
            with a larger size.
    """
    grammar = problem.problem.target.written
    found: dict[Term, Start] = {}
    notes = []
    for definition, is_own in [(one, True) for one in problem.problem.definitions] + [(one, False) for one in further]:
        made = _derived(definition, grammar)
        if made is not None:
            found.setdefault(made, Start(definition.name, made))
        if not is_own and (made is None or made.size > size):
            why = "the grammar does not derive it" if made is None else f"it has {made.size} nodes, more than {size}"
            notes.append(f"--start: '{definition.name}' is not proposed: {why}")
    return Starts(tuple(found.values()), tuple(notes))


def _derived(definition: Definition, grammar: Grammar) -> Term | None:
    """The definition's body, or a map that it stands for, as the grammar derives it; None where it does not."""
    return next((one for one in _forms(definition.body, grammar) if grammar.derive(one) is not None), None)


def _forms(body: Term, grammar: Grammar) -> Iterator[Term]:
    """What a body may be written as; a grammar may name a macro or write it out."""
    same = body.sort == grammar.start.sort
    for one in (_applied(functions, body) for functions in ([()] if same else WAYS)):
        if one is not None and one.sort == grammar.start.sort:
            yield from (one, expand(one))


WAYS = (
    ("cam",),
    ("cam", "relu"),
    ("relu", "up"),
    ("relu", "unit", "up"),
    ("cam", "relu", "up"),
    ("cam", "relu", "unit", "up"),
)
"""Functions that make, one after the other, a whole map of a term of another sort that is explained alike."""


def _applied(functions: Sequence[str], body: Term) -> Term | None:
    """The functions applied one after the other; None where one of them does not apply."""
    for name in functions:
        resolved = CAM.resolve(name, (body.sort,))
        if resolved is None:
            return None
        body = term(resolved[0], (body,), resolved[1])
    return body
