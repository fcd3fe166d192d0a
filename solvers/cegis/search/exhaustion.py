"""Proof by exhaustion: a grammar has finitely many behaviours on some points, and all are wrong."""

from __future__ import annotations

from collections.abc import Sequence

from solvers.cegis.limits import Limits
from solvers.cegis.search.behaviour import sample_bank
from solvers.cegis.search.exact_exhaustion import refute_exactly
from solvers.cegis.search.initial import initial_samples
from solvers.cegis.search.open_values import looked_at
from solvers.cegis.search.samples import Samples
from solvers.cegis.specification import Specification
from solvers.cegis.strategy import InfeasibleError
from solvers.pausing import Pausing
from sygus.language.problem import Grammar, Target
from sygus.language.terms import REAL, Term, expand, subterms
from sygus.language.theories.quantifiers import Quantifier
from sygus.language.theories.recursion import Recursive
from sygus.language.theories.structured import holds_reals


def refute(
    grammar: Grammar, target: Target, samples: Samples, limits: Limits, formulas: Sequence[Term] = ()
) -> Pausing[None]:
    """Enumerate without hashing and without leaving anything out, with pauses.

    Values must be exact, in terms and in constraints: no quantifiers, no recursion; of reals a few points are looked at
    in exact numbers. What the standard leaves open, such as quotients by zero, is looked at in some ways: an answer is
    right in all. A grammar that was cut, to some of its constants or to a depth, proves nothing.

    Args:
        grammar: of the terms.
        target: whose grammar it was made of.
        samples: what the terms must hold on.
        limits: of time, memory and size.
        formulas: the constraints that the samples evaluate.

    Raises:
        InfeasibleError: all behaviours on the samples are enumerated, and none satisfies all of them.
        OutOfTimeError: from the limits.
    """
    templates = [p.template for productions in grammar.productions.values() for p in productions]
    whole = _is_whole(grammar, target) and limits.largest is None and limits.depth is None
    if not whole or not all(map(_is_evaluated, (*templates, *formulas))):
        return
    if any(map(_is_rounded, (*templates, *formulas))):
        yield from refute_exactly(grammar, samples, limits)
        return
    points = samples.points
    samples = looked_at(samples, grammar, formulas)
    bank = sample_bank(grammar, samples, limits, exact=True)
    count = 0
    while not bank.exhausted:
        if not (yield from bank.growing()):
            return
        count += sum(len(bank.level(nonterminal, bank.size)) for nonterminal in grammar.productions)
        level = bank.level(grammar.start, bank.size)
        if len(level) and samples.judge(level.values).all(1).any():
            return
    raise InfeasibleError(
        f"the terms of the grammar behave in {count} ways on {points} points, each of which fails a constraint"
    )


def refute_by_few(specification: Specification, limits: Limits) -> Pausing[None]:
    """The same before any search, of the grammar of one function on a few points.

    Raises:
        InfeasibleError: all behaviours there are enumerated, and none satisfies the constraints.
        OutOfTimeError: from the limits.
    """
    if len(specification.functions) != 1 or any(conjunct.nested for conjunct in specification.conjuncts):
        return
    (target,) = specification.targets
    grammar = target.written
    templates = [p.template for productions in grammar.productions.values() for p in productions]
    formulas = [conjunct.formula for conjunct in specification.conjuncts if not conjunct.quantified]
    cut = target.free or grammar.has_constants or limits.depth is not None or specification.calls
    if not cut and all(map(_is_evaluated, (*templates, *formulas))):
        yield from refute_exactly(grammar, initial_samples(specification), limits)


def _is_evaluated(root: Term) -> bool:
    """Whether kernels evaluate a term as the standard says, in exact numbers where there are Reals."""
    nodes = list(subterms(expand(root)))
    if any(isinstance(node.head, Quantifier | Recursive) for node in nodes):
        return False
    return not any(map(holds_reals, {node.sort for node in nodes}))


def _is_rounded(root: Term) -> bool:
    """Whether there are reals in a term."""
    return any(node.sort == REAL for node in subterms(expand(root)))


def _is_whole(grammar: Grammar, target: Target) -> bool:
    """Whether nothing stands for ``(Constant σ)``, and the grammar is as it is written."""
    return grammar is target.written
