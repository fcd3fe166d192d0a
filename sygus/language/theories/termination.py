"""Where recursion ends: measures by which calls descend, so that what Z3 unfolds contradicts itself nowhere.

SMT-LIB takes a recursive definition for an axiom, from which everything follows where it contradicts itself, as
``f(x) = f(x) + 1`` does. A function that takes the definition's value only where all calls that this value depends on
descend in a well-founded order, and is open elsewhere, always exists; every function that satisfies the definition is
one of these. So what is proved of all of them is proved, and nothing for want of any function.

Lexicographic orders are found as by C. S. Lee, N. D. Jones, A. M. Ben-Amram: The size-change principle for program
termination (POPL 2001), restricted to one order for all calls.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations
from typing import Any, Protocol, TypeAlias

import z3

from sygus.language.terms import INT, REAL, STRING, Literal, Sort, Term, Variable, fold, subterms
from sygus.language.theories.function import Function
from sygus.language.theories.quantifiers import is_quantified
from sygus.language.theories.sorts import representation, z3_constant
from sygus.language.theories.structured import constructors_of
from sygus.records import record

WORK = 200_000
"""Z3's own units for one question about a measure: the same on every machine."""

DECIDING = {"and": False, "or": True, "=>": False}
"""The value of an argument, but the last of an implication, that decides the whole."""

Forms = Mapping[Term, z3.ExprRef]
"""Terms as Z3 has them."""


class Defined(Protocol):
    """A function with parameters and a body without macros."""

    @property
    def parameters(self) -> tuple[Variable, ...]:
        """Of the body."""
        ...

    @property
    def body(self) -> Term:
        """Without macros."""
        ...


class Component(Protocol):
    """A part of a measure, of all functions that call one another."""

    def step(self, caller: int, before: Sequence[z3.ExprRef], call: Term, forms: Forms) -> Step:
        """What becomes of it from the parameters of the function of a number to the arguments of a call."""
        ...


Step: TypeAlias = tuple[z3.BoolRef, z3.BoolRef]
"""Whether a part of a measure descends, and whether it stays the same."""


@record(frozen=True)
class _Number:
    """The sum of some parameters less that of others, as long as it is no less than a bound; Reals go down by one."""

    plus: tuple[int, ...]
    minus: tuple[int, ...]
    bound: int

    def step(self, caller: int, before: Sequence[z3.ExprRef], call: Term, forms: Forms) -> Step:  # noqa: ARG002
        after = [forms[argument] for argument in call.arguments]
        old, new = self._of(before), self._of(after)
        return z3.And(old >= self.bound, new <= old - 1), new == old

    def _of(self, values: Sequence[Any]) -> Any:
        return sum(values[place] for place in self.plus) - sum(values[place] for place in self.minus)


@record(frozen=True)
class _Part:
    """One parameter: a text gets shorter, the number that bits write gets smaller, a datatype's value is a part."""

    place: int
    sort: Sort

    def step(self, caller: int, before: Sequence[z3.ExprRef], call: Term, forms: Forms) -> Step:  # noqa: ARG002
        old, new = before[self.place], forms[call.arguments[self.place]]
        if self.sort == STRING:
            return z3.Length(new) < z3.Length(old), z3.Length(new) == z3.Length(old)
        if self.sort.name == "BitVec":
            return z3.ULT(new, old), new == old
        return _is_part(new, old), new == old


def _is_part(new: z3.ExprRef, old: z3.ExprRef) -> z3.BoolRef:
    """Whether a value is taken out of another by selectors of the constructors that made it, as it is written."""
    made: list[z3.BoolRef] = []
    while not new.eq(old):
        if new.num_args() != 1 or new.decl().kind() != z3.Z3_OP_DT_ACCESSOR:
            return z3.BoolVal(False)
        whole = new.arg(0)
        made.append(_maker(new.decl(), whole)(whole))
        new = whole
    return z3.And(made) if made else z3.BoolVal(False)


def _maker(selector: z3.FuncDeclRef, whole: z3.ExprRef) -> z3.FuncDeclRef:
    """The tester of the constructor that a selector is of."""
    sort = whole.sort()
    for place in range(sort.num_constructors()):
        parts = range(sort.constructor(place).arity())
        if any(sort.accessor(place, part).eq(selector) for part in parts):
            return sort.recognizer(place)
    raise ValueError(f"{selector} is no selector of {sort}")


@record(frozen=True)
class _Order:
    """The ranks of the functions that call one another, by their numbers: the lower is called on the same values."""

    ranks: tuple[int, ...]
    numbers: Mapping[Any, int]

    def step(self, caller: int, before: Sequence[z3.ExprRef], call: Term, forms: Forms) -> Step:  # noqa: ARG002
        mine, other = self.ranks[caller], self.ranks[self.numbers[call.head]]
        return z3.BoolVal(other < mine), z3.BoolVal(other == mine)


def encoded(root: Term, places: Mapping[Variable, z3.ExprRef], own: Mapping[Any, Any]) -> dict[Term, z3.ExprRef]:
    """A body and all its parts as Z3 has them.

    Args:
        root: without macros.
        places: what stands for the parameters.
        own: what stands for the functions that are being defined, applied to arguments.
    """
    forms: dict[Term, z3.ExprRef] = {}

    def visit(node: Term, parts: list[z3.ExprRef]) -> z3.ExprRef:
        head = node.head
        if isinstance(head, Literal):
            return representation(head.sort).z3_value(head.value)
        if isinstance(head, Variable):
            return places.get(head, z3_constant(head.name, head.sort))
        return own[head](*parts) if head in own else head.z3(None, *parts)

    fold(root, visit, forms)
    return forms


def relevant(root: Term, forms: Forms, own: Mapping[Any, Any]) -> Iterator[tuple[Term, z3.BoolRef]]:
    """The calls of functions that are being defined, each with when the value of the whole may depend on it."""
    nodes = list(subterms(root))
    calling: set[Term] = set()
    for node in nodes:
        if node.head in own or not calling.isdisjoint(node.arguments):
            calling.add(node)
    ways: dict[Term, list[z3.BoolRef]] = {node: [] for node in nodes}
    ways[root].append(z3.BoolVal(True))
    for node in reversed(nodes):
        if node not in calling:
            continue
        needed = z3.simplify(z3.Or(ways[node]))
        if node.head in own:
            yield node, needed
        for argument, where in _where(node, forms, calling):
            ways[argument].append(z3.And(needed, where))


def _where(node: Term, forms: Forms, calling: set[Term]) -> Iterator[tuple[Term, z3.BoolRef]]:
    """When the value of a node depends on each argument; what calls nothing is looked at first."""
    arguments = node.arguments
    if node.head.name == "ite":
        condition = forms[arguments[0]]
        yield from zip(arguments, (z3.BoolVal(True), condition, z3.Not(condition)), strict=True)
    elif isinstance(node.head, Function) and node.head.name in DECIDING:
        decides = DECIDING[node.head.name]
        open_: list[z3.BoolRef] = []
        for place, argument in sorted(enumerate(arguments), key=lambda item: item[1] in calling):
            yield argument, z3.And(open_)
            holds = decides ^ (node.head.name == "=>" and place == len(arguments) - 1)
            open_.append(z3.Not(forms[argument]) if holds else forms[argument])
    else:
        yield from ((argument, z3.BoolVal(True)) for argument in arguments)


@record(frozen=True)
class Measure:
    """A lexicographic order of arguments.

    Attributes:
        parts: the first counts most.
        total: whether all calls are proved to descend, so that the functions are what their definitions say.
    """

    parts: tuple[Component, ...]
    total: bool

    def descends(self, caller: int, before: Sequence[z3.ExprRef], call: Term, forms: Forms) -> z3.BoolRef:
        """Whether a call descends from the parameters of the function of a number."""
        result: z3.BoolRef = z3.BoolVal(False)
        for part in reversed(self.parts):
            down, same = part.step(caller, before, call, forms)
            result = z3.Or(down, z3.And(same, result))
        return result


def measured(functions: Sequence[Defined], sorts: Sequence[Sort]) -> Measure:
    """The order in which the calls of functions that call one another descend.

    Args:
        functions: all of them.
        sorts: of their results.

    Returns:
        The order; where some calls are not proved to descend in any, one in which some of them may.
    """
    if any(is_quantified(function.body) for function in functions):
        return Measure((), total=False)
    waiting = [call for number, function in enumerate(functions) for call in _calls(number, function, functions, sorts)]
    offered = list(_offered(functions))
    chosen: list[Component] = []
    while waiting:
        found = next((part for part in offered if _serves(part, waiting)), None)
        if found is None:
            rest = max(offered, key=lambda part: sum(call.may_descend(part) for call in waiting), default=None)
            return Measure((*chosen, *([rest] if rest is not None else [])), total=False)
        chosen.append(found)
        waiting = [call for call in waiting if not call.descends(found)]
    return Measure(tuple(chosen), total=True)


@record(frozen=True, eq=False)
class _Call:
    """A call in the body of the function of a number, with when it matters; others' values may be anything."""

    caller: int
    before: tuple[z3.ExprRef, ...]
    call: Term
    forms: Forms
    needed: z3.BoolRef

    def descends(self, part: Component) -> bool:
        down, _ = part.step(self.caller, self.before, self.call, self.forms)
        return bool(_check(self.needed, z3.Not(down)) == z3.unsat)

    def stays(self, part: Component) -> bool:
        down, same = part.step(self.caller, self.before, self.call, self.forms)
        return bool(_check(self.needed, z3.Not(z3.Or(down, same))) == z3.unsat)

    def may_descend(self, part: Component) -> bool:
        down, _ = part.step(self.caller, self.before, self.call, self.forms)
        return bool(_check(self.needed, down) == z3.sat)


def _serves(part: Component, calls: Sequence[_Call]) -> bool:
    """Whether some calls descend by a part of a measure, and all others stay."""
    return all(call.stays(part) for call in calls) and any(call.descends(part) for call in calls)


def _check(*claims: z3.BoolRef) -> z3.CheckSatResult:
    solver = z3.Solver()
    solver.set("rlimit", WORK)
    solver.add(*claims)
    return solver.check()


def _calls(number: int, function: Defined, functions: Sequence[Defined], sorts: Sequence[Sort]) -> Iterator[_Call]:
    """The calls in a body, of whose values nothing is known."""
    own = {
        one: z3.Function(f"any|{place}", *_z3_sorts(one, sort))
        for place, (one, sort) in enumerate(zip(functions, sorts, strict=True))
    }
    before = parameters(function)
    forms = encoded(function.body, dict(zip(function.parameters, before, strict=True)), own)
    for call, needed in relevant(function.body, forms, own):
        yield _Call(number, before, call, forms, needed)


def _z3_sorts(function: Defined, sort: Sort) -> list[z3.SortRef]:
    return [representation(one).z3_sort() for one in (*(p.sort for p in function.parameters), sort)]


def parameters(function: Defined) -> tuple[z3.ExprRef, ...]:
    """Z3's constants for the parameters."""
    return tuple(z3_constant(f"{p.name}|parameter", p.sort) for p in function.parameters)


def _offered(functions: Sequence[Defined]) -> Iterator[Component]:
    """Parts of measures: single parameters that all functions have, their differences, and who is called by whom."""
    places = min(len(function.parameters) for function in functions)
    sorts = [{function.parameters[place].sort for function in functions} for place in range(places)]
    alike = {place: next(iter(found)) for place, found in enumerate(sorts) if len(found) == 1}
    literals = (n.head.value for function in functions for n in subterms(function.body) if isinstance(n.head, Literal))
    bound = -1 - int(sum(abs(value) for value in literals if not isinstance(value, str | bool)))
    for place, sort in alike.items():
        if sort in (INT, REAL):
            yield _Number((place,), (), bound)
        elif sort == STRING or sort.name == "BitVec" or constructors_of(sort):
            yield _Part(place, sort)
    numeric = [place for place, sort in alike.items() if sort in (INT, REAL)]
    yield from (_Number((), (place,), bound) for place in numeric)
    yield from (_Number((a,), (b,), bound) for a, b in permutations(numeric, 2) if alike[a] == alike[b])
    if len(functions) > 1:
        numbers = {function: number for number, function in enumerate(functions)}
        yield _Order(tuple(range(len(functions))), numbers)
        yield _Order(tuple(range(0, -len(functions), -1)), numbers)
