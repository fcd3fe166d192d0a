"""Invariants and other predicates as conjunctions: of many simple facts, those that the constraints do not refute.

Flanagan, Leino: Houdini, an Annotation Assistant for ESC/Java (FME 2001).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import field
from itertools import combinations, permutations

import z3

from solvers.cegis.limits import Limits, OutOfTimeError
from solvers.cegis.logic.asking import asked
from solvers.cegis.logic.construction import Construction
from solvers.cegis.logic.fitting import proposed
from solvers.cegis.logic.predicates import are_predicates, smaller
from solvers.cegis.logic.to_z3 import Encoder, comparing_solver
from solvers.cegis.specification import Conjunct, Specification, literal_value
from solvers.cegis.strategy import Proposals, Strategy
from solvers.pausing import Pausing
from sygus.language.terms import BOOL, INT, REAL, Sort, SynthFunction, Term, Variable, leaf, substitute, subterms
from sygus.records import record

MOST = 2500
"""Facts of one function; a kind of which there would be more is left out."""

MOST_CONSTANTS = 12
"""Of one sort, in facts."""

SMALLER_SHARE = 0.3
"""Of the time left, for leaving out what is not needed; other strategies may find something smaller."""

SOLVER = {"core.minimize": True, "phase_selection": 5, "arith.random_initial_value": True}
"""Options of Z3: few facts in a proof, and points of which each refutes many."""

Facts = dict[SynthFunction, list[Term]]
"""Of each predicate, formulas over its parameters."""


class Conjunctions(Strategy):
    """The strongest conjunction of facts that the constraints let stand, then what of it they need.

    Facts are what the constraints compare, comparisons of parameters and constants, then of sums, then implications.
    """

    name = "conjunctions"
    doc = "predicates under Horn constraints as conjunctions of simple facts, what is refuted left out (Houdini)"
    turn = 31

    def applies(self, specification: Specification) -> bool:
        """To predicates of which one implies another, or itself elsewhere; applied to nothing that holds one."""
        plain = not any(conjunct.quantified or conjunct.nested for conjunct in specification.conjuncts)
        return plain and are_predicates(specification)

    def propose(self, specification: Specification, limits: Limits) -> Proposals:
        """With more facts each time, until those that are left are enough."""
        make = Construction(specification.problem.theory)
        facts: Facts = {function: [] for function in specification.functions}
        for more in _kinds(specification, make):
            if not any(more.values()):
                continue
            yield None
            facts = {function: list(dict.fromkeys([*facts[function], *more[function]])) for function in facts}
            left = yield from _standing(specification, facts, limits)
            if left is None:
                continue
            needed = yield from _needed(specification, left, limits)
            bodies = {function: make.simplified(make.conjunction(needed[function])) for function in facts}
            if (yield from proposed(specification, bodies, limits)):
                with suppress(OutOfTimeError):
                    yield from smaller(specification, bodies, make, limits.part(SMALLER_SHARE * limits.left))
                return


@record(eq=False)
class _Place:
    """One application in a conjunct: where each fact stands as a formula of Z3, and by what name it is taken in.

    Attributes:
        function: that is applied.
        holds: Z3's name for its value.
        facts: of the arguments.
        assumed: where the conjunct assumes it, so that it has all facts whose names hold.
        claimed: where the conjunct claims it, so that, where it does not hold, a fact fails whose name may hold.
    """

    function: SynthFunction
    holds: z3.BoolRef
    facts: dict[Term, z3.BoolRef]
    assumed: dict[Term, z3.BoolRef] = field(default_factory=dict)
    claimed: dict[Term, z3.BoolRef] = field(default_factory=dict)


class _Claim:
    """One conjunct, of which Z3 is asked for points where it fails when the predicates are conjunctions.

    Args:
        conjunct: without quantifiers; no application in another.
        facts: that may be taken in.
        limits: of what is asked.
    """

    def __init__(self, conjunct: Conjunct, facts: Facts, limits: Limits) -> None:
        self.limits = limits
        self.solver = comparing_solver()
        for option, value in SOLVER.items():
            self.solver.set(option, value)
        encode = Encoder()
        signs = _signs(conjunct.formula)
        self.places: list[_Place] = []
        for number, application in enumerate(conjunct.applications):
            function = application.head
            assert isinstance(function, SynthFunction)
            arguments = dict(zip(map(leaf, function.parameters), application.arguments, strict=True))
            at = {fact: encode(substitute(fact, arguments)) for fact in facts[function]}
            place = _Place(function, z3.Bool(f"holds|{number}"), at)
            self._describe(place, number, signs[application])
            self.places.append(place)
        applied = [encode(application) for application in conjunct.applications]
        values = zip(applied, (place.holds for place in self.places), strict=True)
        self.solver.add(z3.Not(z3.substitute(encode(conjunct.formula), *values)))

    def _describe(self, place: _Place, number: int, signs: set[int]) -> None:
        if -1 in signs:
            place.assumed = {fact: z3.Bool(f"assumed|{number}|{i}") for i, fact in enumerate(place.facts)}
            fails = z3.Not(place.holds)
            for fact, name in place.assumed.items():
                self.solver.add(z3.Implies(name, z3.Or(fails, place.facts[fact])))
        if 1 in signs:
            place.claimed = {fact: z3.Bool(f"claimed|{number}|{i}") for i, fact in enumerate(place.facts)}
            for fact, name in place.claimed.items():
                self.solver.add(z3.Implies(name, z3.Not(place.facts[fact])))
            self.solver.add(z3.Or(place.holds, *place.claimed.values()))

    def leave_out(self, function: SynthFunction, facts: Iterable[Term]) -> None:
        """Claim these no more."""
        for place in self.places:
            if place.function == function and place.claimed:
                self.solver.add(*(z3.Not(place.claimed[fact]) for fact in facts if fact in place.claimed))

    def failing(self, taken: Facts) -> Pausing[z3.CheckSatResult]:
        """Whether it fails anywhere when these facts are assumed."""
        names = (place.assumed[fact] for place in self.places if place.assumed for fact in taken[place.function])
        return asked(self.solver, self.limits, *names)

    def refuted(self, taken: Facts) -> list[tuple[SynthFunction, set[Term]]]:
        """The facts that fail at the point that was found, where a predicate is claimed and does not hold."""
        model = self.solver.model()
        found = []
        for place in self.places:
            if place.claimed and z3.is_false(model.eval(place.holds, model_completion=True)):
                fails = (f for f in taken[place.function] if z3.is_false(model.eval(place.facts[f], True)))
                found.append((place.function, set(fails)))
        return found

    def used(self) -> list[tuple[SynthFunction, set[Term]]]:
        """The assumed facts without which the proof that was found does not hold."""
        core = {name.decl().name() for name in self.solver.unsat_core() if z3.is_const(name)}
        return [
            (place.function, {fact for fact, name in place.assumed.items() if name.decl().name() in core})
            for place in self.places
        ]


def _standing(specification: Specification, facts: Facts, limits: Limits) -> Pausing[Facts | None]:
    """The most facts with which all that claims them holds; None where they are not enough for what else is claimed.

    A fact that is left out never comes back: with fewer facts assumed, no more of them follow. What assumes nothing
    comes first, for it leaves little to the others.
    """
    taken = {function: list(own) for function, own in facts.items()}
    claims: dict[Conjunct, _Claim] = {}
    claiming = filter(_claims_any, specification.conjuncts)
    waiting = deque(sorted(claiming, key=lambda conjunct: len(conjunct.applications)))
    shown = 0
    while shown < len(waiting):
        yield
        conjunct = waiting[0]
        claim = claims.get(conjunct) or claims.setdefault(conjunct, _Claim(conjunct, taken, limits))
        result = yield from claim.failing(taken)
        if result == z3.unsat:
            waiting.rotate(-1)
            shown += 1
            continue
        refuted = claim.refuted(taken) if result == z3.sat else []
        if not any(fails for _, fails in refuted):
            return None
        shown = 0
        for function, fails in refuted:
            taken[function] = [fact for fact in taken[function] if fact not in fails]
            for each in claims.values():
                each.leave_out(function, fails)
    for conjunct in specification.conjuncts:
        if not _claims_any(conjunct) and (yield from _Claim(conjunct, taken, limits).failing(taken)) != z3.unsat:
            return None
    return taken


def _needed(specification: Specification, taken: Facts, limits: Limits) -> Pausing[Facts]:
    """Facts that follow from one another and are enough, as few as the proofs that Z3 finds use."""
    needed: dict[SynthFunction, set[Term]] = {function: set() for function in taken}
    new: Facts = {function: [] for function in taken}
    first = True
    while first or any(new.values()):
        found: dict[SynthFunction, set[Term]] = {function: set() for function in taken}
        for conjunct in specification.conjuncts:
            if _claims_any(conjunct) is not first:
                yield
                claim = _Claim(conjunct, taken, limits)
                for function, facts in taken.items():
                    claim.leave_out(function, set(facts).difference(new[function]))
                yield from claim.failing(taken)
                for function, used in claim.used():
                    found[function] |= used
        new = {f: [fact for fact in own if fact in found[f] and fact not in needed[f]] for f, own in taken.items()}
        for function, facts in new.items():
            needed[function].update(facts)
        first = False
    return {function: [f for f in own if f in needed[function]] for function, own in taken.items()}


def _claims_any(conjunct: Conjunct) -> bool:
    """Whether a predicate must hold somewhere for it; else it only says what must follow from them."""
    signs = _signs(conjunct.formula)
    return any(1 in signs[application] for application in conjunct.applications)


def _signs(formula: Term) -> dict[Term, set[int]]:
    """Of each part, whether what it is a part of grows with it (1), with its negation (-1), or both."""
    found: dict[Term, set[int]] = {}
    stack = [(formula, 1)]
    while stack:
        node, sign = stack.pop()
        if sign in found.setdefault(node, set()):
            continue
        found[node].add(sign)
        match node.head.name:
            case "and" | "or":
                stack += [(argument, sign) for argument in node.arguments]
            case "not":
                stack.append((node.arguments[0], -sign))
            case "=>":
                stack += [(argument, -sign) for argument in node.arguments[:-1]]
                stack.append((node.arguments[-1], sign))
            case _:
                stack += [(argument, one) for argument in node.arguments for one in (1, -1)]
    return found


def _kinds(specification: Specification, make: Construction) -> Iterator[Facts]:
    """Facts of growing kinds, each beside those before."""
    compared: Facts = {function: _compared(function, specification) for function in specification.functions}
    simple = {f: [*own, *_limited(_simple(f, specification, LOOSE, make))] for f, own in compared.items()}
    yield simple
    yield {f: _limited(_simple(f, specification, STRICT, make)) for f in specification.functions}
    yield {f: _limited(_sums(f, specification, make)) for f in specification.functions}
    yield {
        f: _limited(make.disjunction([make.negation(g), fact]) for g in own for fact in simple[f] if fact is not g)
        for f, own in compared.items()
    }


def _limited(facts: Iterator[Term]) -> list[Term]:
    """All of them, or none where there are too many."""
    found = []
    for fact in facts:
        found.append(fact)
        if len(found) > MOST:
            return []
    return found


def _compared(function: SynthFunction, specification: Specification) -> list[Term]:
    """What the constraints say of nothing but the arguments of one application, and its negation."""
    make = Construction(specification.problem.theory)
    found: dict[Term, None] = {}
    for conjunct in specification.conjuncts:
        for application in conjunct.applications:
            heads = [argument.head for argument in application.arguments]
            if application.head != function or not all(isinstance(head, Variable) for head in heads):
                continue
            places = {a: leaf(p) for a, p in zip(application.arguments, function.parameters, strict=True)}
            for node in subterms(conjunct.formula):
                if node.sort != BOOL or node.head.name in ("and", "or", "not", "=>") or not node.arguments:
                    continue
                leaves = [part for part in subterms(node) if isinstance(part.head, Variable | SynthFunction)]
                if leaves and all(part in places for part in leaves):
                    fact = make.simplified(substitute(node, places))
                    found |= dict.fromkeys((fact, make.negation(fact)))
    return list(found)


def _constants(sort: Sort, specification: Specification, make: Construction) -> list[Term]:
    """Those of the constraints; of numbers, also 0 and 1."""
    found = list(specification.literals.get(sort, ()))
    if sort in (INT, REAL):
        values = dict.fromkeys((0, 1, *(literal_value(one) for one in found)))
        found = [make.number(value, sort) for value in values]
    return found[:MOST_CONSTANTS]


LOOSE, STRICT = ("<=", "bvule", "bvsle"), ("<", "bvult", "bvslt")


def _orders(a: Term, b: Term, names: tuple[str, ...], make: Construction) -> Iterator[Term]:
    """One side not above, or below, the other; where their sort has no order, whether they are equal."""
    ordered = False
    for name in names:
        with suppress(KeyError):
            yield make.simplified(make.apply(name, a, b))
            ordered = True
    if not ordered:
        yield make.apply("=", a, b)


def _simple(
    function: SynthFunction, specification: Specification, names: tuple[str, ...], make: Construction
) -> Iterator[Term]:
    """Parameters compared with constants and with one another."""
    for parameter in function.parameters:
        one = leaf(parameter)
        if parameter.sort == BOOL:
            yield from (one, make.negation(one))
        else:
            for constant in _constants(parameter.sort, specification, make):
                yield from _orders(one, constant, names, make)
                yield from _orders(constant, one, names, make)
    for a, b in permutations(function.parameters, 2):
        if a.sort == b.sort:
            yield from _orders(leaf(a), leaf(b), names, make)


def _sums(function: SynthFunction, specification: Specification, make: Construction) -> Iterator[Term]:
    """Sums and differences of two numbers compared with a third and with constants; multiples with one another."""
    for sort in (INT, REAL):
        numbers = [leaf(parameter) for parameter in function.parameters if parameter.sort == sort]
        constants = _constants(sort, specification, make)
        with suppress(KeyError):
            for a, b in combinations(numbers, 2):
                for total in (make.apply("+", a, b), make.apply("-", a, b)):
                    for other in (*(c for c in numbers if c not in (a, b)), *constants):
                        yield from (make.simplified(make.apply(name, total, other)) for name in ("<=", ">="))
        with suppress(KeyError):
            for a, b in permutations(numbers, 2):
                for constant in constants:
                    multiple = make.apply("*", constant, b)
                    yield from (make.simplified(make.apply(name, a, multiple)) for name in ("<=", ">="))
