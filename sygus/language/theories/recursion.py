"""Functions of ``define-fun-rec`` and ``define-funs-rec``: defined by a body that may call them.

Z3 has them as recursive functions, which it unfolds as far as a question needs; where it is not proved that they end,
in a form that contradicts itself nowhere, see :mod:`sygus.language.theories.termination`. Kernels make a table: rows of
arguments whose values are wanted are looked at together, what they call is wanted next, until nothing is left or too
much was done. Rows that are left then, for the recursion is deep, go to a machine, one by one, see
:mod:`sygus.language.theories.machine`. What has no value after all counts as left open; where that must not be, it is
an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import field
from functools import partial
from itertools import count, product
from typing import TYPE_CHECKING, Any, TypeAlias

import z3

from sygus.deferred import numpy as np
from sygus.language.terms import INT, REAL, Literal, Sort, Term, Variable, expand, subterms
from sygus.language.theories.function import Function, fixed, named, opaque
from sygus.language.theories.libraries import array_library
from sygus.language.theories.machine import Code, Compiler, EndlessError, Machine, OutOfStepsError, Row
from sygus.language.theories.quantifiers import NotEvaluatedError
from sygus.language.theories.sorts import representation
from sygus.language.theories.structured import other_value, smallest_value
from sygus.language.theories.termination import DECIDING, encoded, measured, parameters, relevant
from sygus.language.theories.undefined import left_open
from sygus.records import record

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_WORK = 1 << 12
"""Rows that one application of a kernel looks at in tables, with :data:`ROUND` more for each round."""

ROUND = 16

STEPS = (1 << 12, 1 << 16)
"""Of the machine for one row, at first, and again where they did not suffice."""

MOST_STEPS = 1 << 17
"""Of the machine for all rows of one application of a kernel."""

STRICT_STEPS = 1 << 23
"""The same where a value must be found."""

MOST_KNOWN = 1 << 18
"""Values of one function that are remembered."""

_STRICT = ContextVar("strict", default=False)
_SERIAL = count()


@record
class _GivenUp:
    """How often a value was missing for want of steps."""

    count: int = 0


_GIVEN_UP = _GivenUp()


def given_up() -> int:
    """How often, so far, a kernel gave up a value that there may be, where it does not raise."""
    return _GIVEN_UP.count


@contextmanager
def strictly() -> Iterator[None]:
    """Meanwhile a value that is not found raises a :class:`NotEvaluatedError`."""
    token = _STRICT.set(True)
    try:
        yield
    finally:
        _STRICT.reset(token)


@record(frozen=True, eq=False, kw_only=True)
class Recursive(Function):
    """A function that its body defines.

    Attributes:
        parameters: of the body.
        sort: of the result.
        serial: a number of its own, for its name in Z3.
    """

    parameters: tuple[Variable, ...]
    sort: Sort
    serial: int
    _bodies: list[Term] = field(default_factory=list, init=False, repr=False)
    _known: dict[Row, Any] = field(default_factory=dict, init=False, repr=False)
    _given_up: dict[Row, bool] = field(default_factory=dict, init=False, repr=False)
    """Rows whose values were not found; whether for want of steps."""
    _codes: dict[bool, Code] = field(default_factory=dict, init=False, repr=False)
    _form: list[Applied] = field(default_factory=list, init=False, repr=False)
    _total: list[bool] = field(default_factory=list, init=False, repr=False)

    @property
    def body(self) -> Term:
        """Without macros."""
        return self._bodies[0]

    def define(self, body: Term) -> None:
        """Give it its body, once."""
        self._bodies.append(expand(body))

    def code(self, *, exact: bool) -> Code:
        """Its body for the machine, of numbers that are Python's own or not."""
        if exact not in self._codes:
            self._codes[exact] = Compiler(self, Recursive, exact=exact).code()
        return self._codes[exact]

    def form(self) -> Applied:
        """Its application in Z3, made with all that it calls when it is first asked for."""
        if not self._form:
            _make_forms(self._knot())
        return self._form[0]

    def ends(self) -> bool:
        """Whether it is proved to end, whatever its arguments, beside what it calls outside of its own knot."""
        self.form()
        return self._total[0]

    def called(self) -> tuple[Recursive, ...]:
        """The functions that its body calls."""
        heads = (node.head for node in subterms(self.body))
        return tuple(dict.fromkeys(head for head in heads if isinstance(head, Recursive)))

    def _knot(self) -> list[Recursive]:
        """It and those that it calls and that call it."""
        callers: dict[Recursive, list[Recursive]] = {}
        for one in reached([self]):
            for callee in one.called():
                callers.setdefault(callee, []).append(one)
        found = dict.fromkeys([self])
        waiting = [self]
        while waiting:
            new = [one for one in callers.get(waiting.pop(), ()) if one not in found]
            found |= dict.fromkeys(new)
            waiting += new
        return list(found)


Applied: TypeAlias = Callable[..., z3.ExprRef]
"""A function of Z3, applied."""

DEEPEST = 1000
"""How often the recursion may go on, from any arguments, where it is not proved to end."""


def reached(functions: Sequence[Recursive]) -> list[Recursive]:
    """Functions, and all that they call."""
    found: dict[Recursive, None] = {}
    waiting = list(reversed(functions))
    while waiting:
        one = waiting.pop()
        if one not in found:
            found[one] = None
            waiting += reversed(one.called())
    return list(found)


def _make_forms(knot: Sequence[Recursive]) -> None:
    """Z3's functions of all that call one another.

    Where their calls are not proved to descend they take a number in front, of the calls that may still be made
    although they do not; beyond it they have values of which nothing is known.
    """
    measure = measured(knot, [one.sort for one in knot])
    sorts = {
        one: [representation(sort).z3_sort() for sort in (*(p.sort for p in one.parameters), one.sort)] for one in knot
    }
    left = z3.Int("left|parameter")
    front = [] if measure.total else [left]
    made = {
        one: z3.RecFunction(f"{one.name}|{one.serial}", *(constant.sort() for constant in front), *sorts[one])
        for one in knot
    }
    for number, one in enumerate(knot):
        before = parameters(one)
        places = dict(zip(one.parameters, before, strict=True))
        if measure.total:
            value = encoded(one.body, places, made)[one.body]
        else:
            forms = encoded(one.body, places, {f: partial(g, left) for f, g in made.items()})
            steps = [
                z3.Implies(needed, measure.descends(number, before, call, forms))
                for call, needed in relevant(one.body, forms, made)
            ]
            deeper = encoded(one.body, places, {f: partial(g, left - 1) for f, g in made.items()})[one.body]
            anything = z3.Function(f"{one.name}|open|{one.serial}", *sorts[one])(*before)
            value = z3.If(z3.And(steps), forms[one.body], z3.If(left > 0, deeper, anything))
        z3.RecAddDefinition(made[one], [*front, *before], value)
    for one in knot:
        one._total.append(measure.total)
        one._form.append(made[one] if measure.total else partial(made[one], z3.IntVal(DEEPEST)))


def recursive(name: str, parameters: tuple[Variable, ...], sort: Sort) -> Recursive:
    """A function that is to be defined."""
    sorts = tuple(parameter.sort for parameter in parameters)
    found = Recursive(
        name=name,
        parameters=parameters,
        sort=sort,
        serial=next(_SERIAL),
        signature=fixed(*sorts, result=sort),
        sorts=f"{' '.join(map(str, sorts))} → {sort}",
        doc="What its definition says.",
        kernel=lambda *arguments: _computed(found, arguments),
        z3=lambda _, *arguments: found.form()(*arguments),
        sympy=opaque(name),
        latex=named(rf"\operatorname{{{name}}}"),
    )
    return found


def is_recursive(root: Term) -> bool:
    """Whether a term without macros calls such a function."""
    return any(isinstance(node.head, Recursive) for node in subterms(root))


def endless(root: Term) -> list[str]:
    """The names of functions that a term calls, or that these call, and that are not proved to end everywhere."""
    heads = dict.fromkeys(node.head for node in subterms(expand(root)) if isinstance(node.head, Recursive))
    return list(dict.fromkeys(one.name for one in reached(list(heads)) if not one.ends()))


def _computed(function: Recursive, arguments: Sequence[Any]) -> Any:
    """The kernel's values of NumPy's arrays, or of torch's tensors."""
    library = array_library(*arguments)
    arrays = [np.asarray(a if library is np else a.cpu().numpy()) for a in arguments]
    broadcast = np.broadcast_arrays(*arrays) if arrays else [np.zeros(())]
    exact = any(array.dtype.kind == "O" for array in arrays)
    columns = [array.reshape(-1).tolist() for array in broadcast] if arrays else []
    rows = [(exact, *row) for row in zip(*columns, strict=True)] if columns else [(exact,)]
    _Table().fill(function, rows)
    open_value = left_open(smallest_value(function.sort), other_value(function.sort))
    values = [function._known.get(row, open_value) for row in rows]
    _GIVEN_UP.count += any(function._given_up.get(row, False) for row in rows)
    if _STRICT.get() and any(row not in function._known for row in rows):
        raise NotEvaluatedError(f"the value of '{function.name}' was not found", "its recursion may not end")
    found = np.array(values, _number(function.sort, exact=exact)).reshape(broadcast[0].shape)
    return found if library is np else library.from_numpy(found).to(arguments[0].device)


def _number(sort: Sort, *, exact: bool) -> Any:
    return object if exact and sort in (INT, REAL) else representation(sort).number


def _find(function: Recursive, rows: Sequence[Row]) -> None:
    """Find values by the machine, as far as its steps go; all rows have a few before any has many."""
    machine = Machine(lambda one, exact: one.code(exact=exact), lambda one: one._known)
    left, each = (STRICT_STEPS, (STRICT_STEPS,)) if _STRICT.get() else (MOST_STEPS, STEPS)
    for steps, row in product(each, rows):
        if row in function._known or function._given_up.get(row) is False:
            continue
        given = machine.steps = min(steps, left)
        try:
            machine.find(function, row)
        except (EndlessError, OutOfStepsError) as error:
            function._given_up[row] = isinstance(error, OutOfStepsError)
        else:
            function._given_up.pop(row, None)
        left -= given - machine.steps


class _Table:
    """Values that are wanted: rows that are ready to be looked at, and those that wait for the values of others."""

    def __init__(self) -> None:
        self._ready: dict[Recursive, dict[Row, None]] = {}
        self._waiting: dict[tuple[Recursive, Row], list[tuple[Recursive, Row]]] = {}
        self._work = 0

    def fill(self, function: Recursive, rows: Sequence[Row]) -> None:
        """Find the values of some rows, as far as that takes no more than the work allowed."""
        if len(function._known) + len(function._given_up) > MOST_KNOWN:
            function._known.clear()
            function._given_up.clear()
        hopeless: Mapping[Row, bool] = {} if _STRICT.get() else function._given_up
        wanted = {row: None for row in rows if row not in function._known and row not in hopeless}
        self._ready[function] = dict(wanted)
        while any(self._ready.values()) and self._work < MOST_WORK:
            for one, ready in list(self._ready.items()):
                self._ready[one] = {}
                if ready:
                    self._round(one, list(ready))
        _find(function, [row for row in wanted if row not in function._known])

    def _round(self, function: Recursive, rows: list[Row]) -> None:
        """Look at the rows once."""
        self._work += len(rows) + ROUND
        evaluation = _Evaluation(function, rows)
        found = evaluation.found()
        function._known.update(found)
        for row in found:
            for caller, waiting in self._waiting.pop((function, row), ()):
                self._ready.setdefault(caller, {})[waiting] = None
        for callee, caller_row, called in evaluation.calls():
            if called not in callee._known:
                is_new = (callee, called) not in self._waiting
                self._waiting.setdefault((callee, called), []).append((function, caller_row))
                if is_new:
                    self._ready.setdefault(callee, {})[called] = None
            else:
                self._ready.setdefault(function, {})[caller_row] = None


class _Evaluation:
    """A body at some rows: its values, where they are found, and the calls that those of the others need."""

    def __init__(self, function: Recursive, rows: list[Row]) -> None:
        self.rows = rows
        self.exact = rows[0][0]
        self.nodes = list(subterms(function.body))
        self.values: dict[Term, NDArray[Any]] = {}
        self.defined: dict[Term, NDArray[np.bool_]] = {}
        self.columns = {
            parameter: np.array([row[place + 1] for row in rows], _number(parameter.sort, exact=self.exact))
            for place, parameter in enumerate(function.parameters)
        }
        with np.errstate(all="ignore"):
            for node in self.nodes:
                value, defined = self._at(node)
                self.values[node] = np.broadcast_to(value, len(rows))
                self.defined[node] = np.broadcast_to(defined, len(rows))

    def found(self) -> dict[Row, Any]:
        """The values that are defined."""
        root = self.nodes[-1]
        values = self.values[root].tolist()
        return {row: value for row, value, ok in zip(self.rows, values, self.defined[root], strict=True) if ok}

    def calls(self) -> Iterator[tuple[Recursive, Row, Row]]:
        """What the values that are not defined need, from the root down: a function, who calls it, and with what."""
        needed = {node: np.zeros(len(self.rows), bool) for node in self.nodes}
        needed[self.nodes[-1]] = ~self.defined[self.nodes[-1]]
        for node in reversed(self.nodes):
            if isinstance(node.head, Recursive):
                ready = needed[node] & ~self.defined[node] & self._all(node.arguments)
                places = np.flatnonzero(ready)
                called = self._arguments(node, places)
                yield from ((node.head, self.rows[place], row) for place, row in zip(places, called, strict=True))
            for argument, where in zip(node.arguments, self._where(node), strict=True):
                needed[argument] = needed[argument] | (needed[node] & where)

    def _at(self, node: Term) -> tuple[Any, Any]:
        """The values of a node, and where they are defined."""
        head, arguments = node.head, [self.values[argument] for argument in node.arguments]
        if isinstance(head, Variable):
            return self.columns[head], True
        if isinstance(head, Literal):
            number = _number(head.sort, exact=self.exact)
            value = head.value if number is object else representation(head.sort).encode(head.value)
            return np.array([value], number), True
        if isinstance(head, Recursive):
            return self._looked_up(node)
        value = head.kernel(*arguments)
        if head.name == "ite":
            condition, first, second = (self.defined[argument] for argument in node.arguments)
            return value, condition & np.where(arguments[0], first, second)
        everywhere = self._all(node.arguments)
        if head.name in DECIDING:
            decided = np.zeros(len(self.rows), bool)
            for place, argument in enumerate(node.arguments):
                decides = DECIDING[head.name] ^ (head.name == "=>" and place == len(arguments) - 1)
                decided |= self.defined[argument] & (self.values[argument] == decides)
            return np.where(decided, head.name != "and", value), everywhere | decided
        return value, everywhere

    def _where(self, node: Term) -> Iterator[Any]:
        """For each argument, where the value of the node may need it."""
        arguments = node.arguments
        if node.head.name == "ite":
            condition, known = self.values[arguments[0]], self.defined[arguments[0]]
            yield from (True, known & condition, known & ~condition)
        elif node.head.name in DECIDING:
            open_so_far: Any = True
            for argument in arguments:
                yield open_so_far
                decides = self.values[argument] == DECIDING[node.head.name]
                open_so_far = open_so_far & self.defined[argument] & ~decides
        else:
            yield from (True for _ in arguments)

    def _all(self, arguments: Sequence[Term]) -> NDArray[np.bool_]:
        found = np.ones(len(self.rows), bool)
        for argument in arguments:
            found &= self.defined[argument]
        return found

    def _arguments(self, node: Term, places: NDArray[np.int64]) -> list[Row]:
        columns = [self.values[argument][places].tolist() for argument in node.arguments]
        return [(self.exact, *row) for row in zip(*columns, strict=True)] if columns else [(self.exact,)] * len(places)

    def _looked_up(self, node: Term) -> tuple[Any, Any]:
        """The values of a call, where they are known."""
        function: Recursive = node.head
        anything = smallest_value(function.sort)
        rows = self._arguments(node, np.arange(len(self.rows)))
        defined = self._all(node.arguments) & np.array([row in function._known for row in rows], bool)
        values = [function._known.get(row, anything) for row in rows]
        return np.array(values, _number(function.sort, exact=self.exact)), defined
