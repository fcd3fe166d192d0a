"""Predicates of which the constraints say that one implies another: what strategies for them share."""

from __future__ import annotations

from collections.abc import Iterator

from solvers.cegis.answer import Judgement
from solvers.cegis.limits import Limits
from solvers.cegis.logic.construction import Construction
from solvers.cegis.logic.fitting import proposed
from solvers.cegis.specification import Bodies, Specification
from solvers.cegis.strategy import Candidate, Proposals
from sygus.language.terms import BOOL, Term

DECISION_SECONDS = 0.5
"""For a candidate with less in it; the next is tried where Z3 takes longer."""


def are_predicates(specification: Specification) -> bool:
    """Whether all functions are predicates, of which one implies another, or itself elsewhere."""
    predicates = all(function.sort == BOOL and function.parameters for function in specification.functions)
    return (
        predicates
        and not specification.recursive
        and any(len(conjunct.applications) > 1 for conjunct in specification.conjuncts)
    )


def smaller(specification: Specification, bodies: Bodies, make: Construction, limits: Limits) -> Proposals:
    """Without conjuncts, and without disjuncts, that the constraints do not need; largest first.

    Raises:
        OutOfTimeError: from the limits.
    """
    best = bodies
    improved = True
    while improved:
        improved = False
        for function in specification.functions:
            for body in sorted(_without_part(best[function], make), key=lambda term: term.size):
                if body.size >= best[function].size:
                    continue
                limits.check()
                attempt = {**best, function: body}
                verdict = yield Candidate(attempt, DECISION_SECONDS)
                if verdict.judgement is Judgement.NOT_DERIVED:
                    improved = yield from proposed(specification, attempt, limits)
                else:
                    improved = verdict.right
                if improved:
                    best = attempt
                    break


def _without_part(body: Term, make: Construction) -> Iterator[Term]:
    """The body with one conjunct or disjunct of its two outermost layers left out."""
    join = {"and": make.conjunction, "or": make.disjunction}
    if body.head.name not in join:
        return
    parts = parts_of(body, body.head.name)
    for i, part in enumerate(parts):
        yield join[body.head.name]([*parts[:i], *parts[i + 1 :]])
        if part.head.name in join:
            inner = parts_of(part, part.head.name)
            for j in range(len(inner)):
                less = join[part.head.name]([*inner[:j], *inner[j + 1 :]])
                yield join[body.head.name]([*parts[:i], less, *parts[i + 1 :]])


def parts_of(root: Term, name: str) -> list[Term]:
    """What a connective connects, also through nested ones of its name."""
    found, stack = [], [root]
    while stack:
        node = stack.pop()
        if node.head.name == name:
            stack.extend(reversed(node.arguments))
        else:
            found.append(node)
    return found
