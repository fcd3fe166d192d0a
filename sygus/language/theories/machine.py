"""Recursive functions at one row of arguments after another, by a machine with a stack of its own.

Tables of many rows, see :mod:`sygus.language.theories.recursion`, serve recursion that is shallow. This one goes down
one chain of calls at a time, in a few microseconds for each, so that how deep it comes is a matter of steps alone. A
body is compiled once: conditionals and connectives jump over what is not needed, and common parts are computed once for
each call.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import partial
from operator import add, eq, ge, gt, le, lt, mul, sub
from typing import Any, Protocol, TypeAlias

from sygus.deferred import numpy as np
from sygus.errors import TooLargeError
from sygus.language.terms import INT, REAL, Literal, Sort, Term, Variable, subterms
from sygus.language.theories.function import Function
from sygus.language.theories.large import MOST_BITS, SMALL
from sygus.language.theories.quantifiers import Quantifier
from sygus.language.theories.sorts import representation
from sygus.language.theories.undefined import WAYS, way
from sygus.records import record

Row: TypeAlias = tuple[Any, ...]
"""Arguments as arrays hold them; in front, whether numbers are Python's own."""

KERNEL_STEPS = 8
"""Steps that the application of a kernel counts for."""

QUICK = SMALL // 2
"""Integers of a smaller magnitude are computed with as they are, in place of by kernels."""


class Defined(Protocol):
    """A function with parameters and a body without macros."""

    @property
    def parameters(self) -> tuple[Variable, ...]:
        """Of the body."""
        ...

    @property
    def sort(self) -> Sort:
        """Of the result."""
        ...

    @property
    def body(self) -> Term:
        """Without macros."""
        ...


class EndlessError(Exception):
    """A value waits for itself, or depends on what the standard leaves open: there is none to be found."""


class OutOfStepsError(Exception):
    """The steps do not suffice."""


Known = Callable[[Any], dict[Row, Any]]
"""The values of a function that are known, to be added to."""

Step = Callable[["Machine", Any, Any], None]
Instruction = tuple[Step, Any, Any]
Code = tuple[list[Instruction], int]
"""What to do, and for how many common parts there must be room."""

_MISSING = object()


@record(frozen=True, eq=False)
class _Kernel:
    """A function of the theories, applied to single values."""

    function: Function
    sort: Sort
    numbers: tuple[str, ...]
    exact: bool

    def value(self, arguments: Sequence[Any], *, settled: bool) -> Any:
        """Its value.

        Raises:
            EndlessError: ``settled``, and the standard leaves it open.
        """
        arrays = [np.array([value], number) for value, number in zip(arguments, self.numbers, strict=True)]
        found = self._applied(arrays)
        if settled and (self.function.partial or self.function.nonzero):
            for number in range(1, WAYS):
                with way(number):
                    if self._applied(arrays) != found:
                        raise EndlessError
        return found

    def _applied(self, arrays: Sequence[Any]) -> Any:
        found = np.asarray(self.function.kernel(*arrays)).reshape(-1)
        if not self.exact or self.sort not in (INT, REAL):
            return found[:1].tolist()[0]
        value = found[0] if found.dtype == object else representation(self.sort).decode(found[:1].tolist()[0])
        number = int(value) if self.sort == INT else Fraction(value)
        if max(number.numerator.bit_length(), number.denominator.bit_length()) > MOST_BITS:
            raise TooLargeError(f"a number of more than {MOST_BITS} bits is not computed", "let numbers be smaller")
        return number


_ON_TWO: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": add, "-": sub, "*": mul, "<=": le, "<": lt, ">=": ge, ">": gt, "=": eq,
}  # fmt: skip
"""What kernels compute of two integers where none is large; of others they do it themselves."""


class Compiler:
    """Makes the code of a body.

    Args:
        function: whose body it is.
        calls: the class of the functions that are defined by bodies.
        exact: whether numbers are Python's own.
    """

    def __init__(self, function: Defined, calls: type, *, exact: bool) -> None:
        self._body = function.body
        self._places = {parameter: place + 1 for place, parameter in enumerate(function.parameters)}
        self._calls = calls
        self._exact = exact
        self._code: list[Instruction] = []
        self._labels: dict[object, int] = {}
        self._work: list[Callable[[], None]] = []
        uses = Counter(argument for node in subterms(self._body) for argument in node.arguments)
        shared = [node for node, count in uses.items() if count > 1 and node.arguments]
        self._slots = {node: slot for slot, node in enumerate(shared)}
        self._forms = {"ite": self._ite, "not": self._not, "and": self._connective, "or": self._connective}
        self._forms["=>"] = self._implication

    def code(self) -> Code:
        """The instructions, those of the common parts last.

        Raises:
            NotEvaluatedError: there is a quantifier in the body.
        """
        self._go_through(self._body)
        self._code.append((Machine.end, None, None))
        for node, slot in self._slots.items():
            self._labels[node] = len(self._code)
            self._go_through(node)
            self._code.append((Machine.store, slot, None))
        placed = [
            (step, self._labels[first] if step in _JUMPS else first, second) for step, first, second in self._code
        ]
        return placed, len(self._slots)

    def _go_through(self, root: Term) -> None:
        self._work.append(partial(self._node, root))
        while self._work:
            self._work.pop()()

    def _then(self, *work: Term | Instruction | _Label) -> None:
        """Go on with parts of terms and with instructions, in this order."""
        for one in reversed(work):
            if isinstance(one, Term):
                self._work.append(partial(self._part, one))
            elif isinstance(one, _Label):
                self._work.append(partial(self._place, one))
            else:
                self._work.append(partial(self._code.append, one))

    def _place(self, label: _Label) -> None:
        self._labels[label] = len(self._code)

    def _part(self, node: Term) -> None:
        if node in self._slots:
            self._code.append((Machine.shared, node, self._slots[node]))
        else:
            self._node(node)

    def _node(self, node: Term) -> None:
        head = node.head
        if isinstance(head, Variable):
            self._code.append((Machine.parameter, self._places[head], None))
        elif isinstance(head, Literal):
            own = self._exact and head.sort in (INT, REAL)
            value = head.value if own else representation(head.sort).encode(head.value)
            self._code.append((Machine.constant, value, None))
        elif isinstance(head, self._calls):
            self._then(*node.arguments, (Machine.call, head, len(node.arguments)))
        elif isinstance(head, Quantifier):
            head.kernel()  # raises: what it binds has no value here
        else:
            self._forms.get(head.name, self._applied)(node)

    def _ite(self, node: Term) -> None:
        condition, then, other = node.arguments
        otherwise, end = _Label(), _Label()
        choice = (Machine.unless, otherwise, None)
        self._then(condition, choice, then, (Machine.jump, end, None), otherwise, other, end)

    def _not(self, node: Term) -> None:
        self._then(*node.arguments, (Machine.negate, None, None))

    def _connective(self, node: Term) -> None:
        end = _Label()
        decided = (Machine.keep, end, node.head.name == "or")
        first, *others = node.arguments
        self._then(first, *(part for argument in others for part in (decided, argument)), end)

    def _implication(self, node: Term) -> None:
        holds, end = _Label(), _Label()
        *premises, last = node.arguments
        unless = (Machine.unless, holds, None)
        parts = (part for premise in premises for part in (premise, unless))
        self._then(*parts, last, (Machine.jump, end, None), holds, (Machine.constant, True, None), end)

    def _applied(self, node: Term) -> None:
        sorts = [argument.sort for argument in node.arguments]
        kernel = _Kernel(node.head, node.sort, tuple(map(self._number, sorts)), self._exact)
        compute = _ON_TWO.get(node.head.name) if sorts == [INT, INT] else None
        step = (Machine.kernel, kernel, len(sorts)) if compute is None else (Machine.quick, compute, kernel)
        self._then(*node.arguments, step)

    def _number(self, sort: Sort) -> str:
        return "object" if self._exact and sort in (INT, REAL) else representation(sort).number


class _Label:
    """A place in the code that is known only later."""


class Machine:
    """Finds values of functions. What its instructions do are its methods.

    Args:
        code: of the body of a function, of numbers that are Python's own or not.
        known: the values that were found, of each function.
        settled: take no value that depends on what the standard leaves open.

    Attributes:
        steps: how many are left.
    """

    def __init__(self, code: Callable[[Any, bool], Code], known: Known, *, settled: bool = False) -> None:
        self.steps = 0
        self._code_of = code
        self._known = known
        self._settled = settled

    def find(self, function: Any, row: Row) -> None:
        """Find the value at a row, and those that it takes.

        Raises:
            EndlessError: there is none.
            OutOfStepsError: the steps did not suffice.
            NotEvaluatedError: there is a quantifier in a body.
        """
        self._waiting: set[tuple[Any, Row]] = set()
        self._frames: list[tuple[Any, ...]] = []
        self._done = False
        self._enter(function, row)
        with np.errstate(all="ignore"):
            while not self._done:
                if self.steps <= 0:
                    raise OutOfStepsError
                self.steps -= 1
                step, first, second = self._instructions[self._place]
                self._place += 1
                step(self, first, second)

    def _enter(self, function: Any, row: Row) -> None:
        if (function, row) in self._waiting:
            raise EndlessError
        self._waiting.add((function, row))
        self._function, self._row = function, row
        self._instructions, slots = self._code_of(function, row[0])
        self._place = 0
        self._stack: list[Any] = []
        self._slots = [_MISSING] * slots
        self._returns: list[int] = []

    def parameter(self, place: int, _: None) -> None:
        """The argument at a place."""
        self._stack.append(self._row[place])

    def constant(self, value: Any, _: None) -> None:
        """A value."""
        self._stack.append(value)

    def quick(self, compute: Callable[[Any, Any], Any], kernel: _Kernel) -> None:
        """What is computed of two integers as they are, or where one is large by a kernel."""
        first, second = self._stack[-2:]
        if -QUICK < first < QUICK and -QUICK < second < QUICK:
            value = compute(first, second)
            if -QUICK < value < QUICK:
                self._stack[-2:] = (value,)
                return
        self.kernel(kernel, 2)

    def kernel(self, kernel: _Kernel, count: int) -> None:
        """What a kernel makes of so many arguments."""
        self.steps -= KERNEL_STEPS
        place = len(self._stack) - count
        self._stack[place:] = (kernel.value(self._stack[place:], settled=self._settled),)

    def unless(self, place: int, _: None) -> None:
        """Go on at a place unless what is on top holds."""
        if not self._stack.pop():
            self._place = place

    def jump(self, place: int, _: None) -> None:
        """Go on at a place."""
        self._place = place

    def keep(self, place: int, deciding: bool) -> None:
        """Go on at a place where what is on top decides, else without it."""
        if bool(self._stack[-1]) is deciding:
            self._place = place
        else:
            self._stack.pop()

    def negate(self, _: None, __: None) -> None:
        """The negation of what is on top."""
        self._stack[-1] = not self._stack[-1]

    def shared(self, place: int, slot: int) -> None:
        """A common part, of which the code is at a place."""
        if self._slots[slot] is _MISSING:
            self._returns.append(self._place)
            self._place = place
        else:
            self._stack.append(self._slots[slot])

    def store(self, slot: int, _: None) -> None:
        """The end of a common part."""
        self._slots[slot] = self._stack[-1]
        self._place = self._returns.pop()

    def call(self, function: Any, count: int) -> None:
        """The value of a function at so many arguments."""
        place = len(self._stack) - count
        row = (self._row[0], *self._stack[place:])
        del self._stack[place:]
        value = self._known(function).get(row, _MISSING)
        if value is not _MISSING:
            self._stack.append(value)
            return
        self._frames.append(
            (self._function, self._row, self._instructions, self._place, self._stack, self._slots, self._returns)
        )
        self._enter(function, row)

    def end(self, _: None, __: None) -> None:
        """The end of a body."""
        value = self._stack.pop()
        self._known(self._function)[self._row] = value
        self._waiting.discard((self._function, self._row))
        if not self._frames:
            self._done = True
            return
        (
            self._function,
            self._row,
            self._instructions,
            self._place,
            self._stack,
            self._slots,
            self._returns,
        ) = self._frames.pop()
        self._stack.append(value)


_JUMPS = {Machine.unless, Machine.jump, Machine.keep, Machine.shared}
