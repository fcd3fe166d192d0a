"""Every term of grammars that have few: one is right, or all are refuted."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import product
from math import prod

from solvers.cegis.answer import Judgement, Verdict
from solvers.cegis.limits import Limits
from solvers.cegis.logic.solving import Solving
from solvers.cegis.specification import Bodies, Specification
from solvers.cegis.strategy import Candidate, InfeasibleError, Proposals, Strategy
from sygus.language.problem import Grammar
from sygus.language.terms import AnyConstant, Nonterminal, Term, Variable, leaf, subterms, term

MOST = 1000
"""Candidates that are tried, and terms of a nonterminal that are looked at."""

LARGEST = 1000
"""Nodes of a term in which each ``(Constant σ)`` gets a symbol of its own."""

SECONDS = 0.5
"""For one candidate, until all were tried once."""


class Every(Strategy):
    """The terms as they are, Z3 being asked about each: so what it says of reals, quotients and parts is exact."""

    name = "every"
    doc = "every term of grammars that have few; all refuted, there is none"
    share = 0.5
    turn = 55

    def applies(self, specification: Specification) -> bool:
        """To grammars without recursion that have few terms, counted with (Constant σ) as one."""
        return not any(target.free for target in specification.targets) and _candidates(specification) is not None

    def propose(self, specification: Specification, limits: Limits) -> Proposals:
        """Each tuple of terms, smallest first.

        Raises:
            InfeasibleError: each is refuted, those with constants for all values of these.
        """
        candidates = _candidates(specification) or []
        solving = Solving(specification, limits)
        refuted, waiting = 0, []
        for bodies in candidates:
            yield None
            limits.check()
            opened, symbols = _opened(bodies)
            if symbols:
                refuted += yield from _refuted_for_all_values(solving, opened, symbols)
            elif solving.refuted(bodies) or (yield from _refuted(solving, Candidate(bodies, SECONDS))):
                refuted += 1
            else:
                waiting.append(bodies)
        for bodies in waiting:
            refuted += yield from _refuted(solving, Candidate(bodies))
        if refuted == len(candidates):
            what = "terms" if len(specification.functions) == 1 else "choices of terms"
            raise InfeasibleError(f"the grammar has {refuted} {what}, each of which is refuted")


Refuted = Generator[Candidate | None, Verdict, bool]
"""Proposes; whether Z3 shows what is proposed to be wrong."""


def _refuted(solving: Solving, candidate: Candidate) -> Refuted:
    """By the point that the verdict gives."""
    verdict = yield candidate
    solving.note(verdict)
    return verdict.judgement is Judgement.WRONG and solving.refuted(candidate.bodies)


def _refuted_for_all_values(solving: Solving, bodies: Bodies, symbols: Sequence[Variable]) -> Refuted:
    """By all points together, else by those that refuted some values."""
    found = yield from solving.solved_at_once(bodies, symbols)
    if found is None:
        found = yield from solving.solved(bodies, symbols)
    return found is False


def _candidates(specification: Specification) -> list[Bodies] | None:
    """Tuples of terms, smallest first; None where they are not few."""
    pools = [every_term(target.written, MOST) for target in specification.targets]
    known = [pool for pool in pools if pool is not None]
    if len(known) < len(pools) or prod(map(len, known)) > MOST:
        return None
    if any(root.size > LARGEST and _has_constants(root) for pool in known for root in pool):
        return None
    functions = [target.function for target in specification.targets]
    tuples = sorted(product(*known), key=lambda terms: sum(one.size for one in terms))
    return [dict(zip(functions, terms, strict=True)) for terms in tuples]


def every_term(grammar: Grammar, most: int) -> Sequence[Term] | None:
    """The terms of a grammar, ``(Constant σ)`` in them as it stands; None where they are more than so many.

    A grammar that is recursive counts as having more, even where only renamings are so.
    """
    used: dict[Nonterminal, set[Nonterminal]] = {}
    stack = [grammar.start]
    while stack:
        one = stack.pop()
        if one not in used:
            used[one] = {hole for production in grammar.productions[one] for hole in production.holes}
            stack.extend(used[one])
    found: dict[Nonterminal, dict[Term, None]] = {}
    try:
        for one in TopologicalSorter(used).static_order():
            found[one] = {}
            for production in grammar.productions[one]:
                pools = [found[hole] for hole in production.holes]
                if len(found[one]) + prod(map(len, pools)) > most:
                    return None
                found[one].update((production.instantiate(parts), None) for parts in product(*pools))
    except CycleError:
        return None
    return list(found[grammar.start])


def _has_constants(root: Term) -> bool:
    return any(isinstance(node.head, AnyConstant) for node in subterms(root))


def _opened(bodies: Bodies) -> tuple[Bodies, Sequence[Variable]]:
    """The bodies with a symbol for each place of ``(Constant σ)``, and the symbols."""
    symbols: list[Variable] = []
    return {f: _with_symbols(body, symbols) if _has_constants(body) else body for f, body in bodies.items()}, symbols


def _with_symbols(root: Term, symbols: list[Variable]) -> Term:
    """The term with a symbol for each place, however often the term shares it; without recursion."""
    done: list[Term] = []
    work = [(root, False)]
    while work:
        node, ready = work.pop()
        if isinstance(node.head, AnyConstant):
            symbols.append(Variable(f"|constant {len(symbols)}", node.sort))
            done.append(leaf(symbols[-1]))
        elif ready:
            first = len(done) - len(node.arguments)
            done[first:] = [term(node.head, tuple(done[first:]), node.sort)]
        elif node.arguments:
            work.append((node, True))
            work.extend((argument, False) for argument in reversed(node.arguments))
        else:
            done.append(node)
    return done[0]
