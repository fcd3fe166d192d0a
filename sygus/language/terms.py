"""Sorts and terms: immutable, hash-consed expression trees that know nothing of any theory.

A :class:`Term` is a head applied to arguments. Heads are small immutable symbols: the ones of this module, and the
functions of :mod:`sygus.language.theories`. Two terms of the same structure are the same object, so equality is
identity, hashing is free and every table keyed by terms shares sub-terms.
"""

from __future__ import annotations

import re
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field, fields
from itertools import islice
from typing import Any, Protocol, TypeVar

from sygus.errors import TooLargeError
from sygus.records import record

T = TypeVar("T")


_PLAIN = re.compile(r"(?!(?:_|!|as|let|par|exists|forall)$)[A-Za-z_+\-*&!~<>=/%?.$^@][A-Za-z0-9_+\-*&|!~<>=/%?.$^@]*")
"""Names that need no bars."""


class _Looked:
    """Of records that are looked up often and hold many others: the hash is computed once.

    A record takes ``__hash__`` over and calls :meth:`_remember` when it is made.
    """

    __slots__ = ("_hash",)
    _hash: int

    def _remember(self, *values: object) -> None:
        object.__setattr__(self, "_hash", hash(values))

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[Any, ...]:
        """Made anew where it is unpickled, for hashes of texts differ between processes."""
        record: Any = self
        return type(self), tuple(getattr(self, one.name) for one in fields(record))


@record(frozen=True, slots=True)
class Sort(_Looked):
    """A sort: a name, indices as in ``(_ BitVec 8)``, argument sorts as in ``(Array Int Bool)``.

    ``declaration`` is what a file declared it as, where it is none of the theories'; sorts of one name differ by it.
    """

    name: str
    indices: tuple[int | str, ...] = ()
    arguments: tuple[Sort, ...] = ()
    declaration: object | None = field(default=None, repr=False)

    __hash__ = _Looked.__hash__

    def __post_init__(self) -> None:
        self._remember(self.name, self.indices, self.arguments, self.declaration)

    @property
    def is_function(self) -> bool:
        """Whether this is a function sort ``(-> σ… σ)``."""
        return self.name == "->"

    def __str__(self) -> str:
        name = self.name if _PLAIN.fullmatch(self.name) else f"|{self.name}|"
        head = f"(_ {name} {' '.join(map(str, self.indices))})" if self.indices else name
        return f"({head} {' '.join(map(str, self.arguments))})" if self.arguments else head


BOOL = Sort("Bool")
INT = Sort("Int")
REAL = Sort("Real")
STRING = Sort("String")
REGLAN = Sort("RegLan")


def bit_vector(width: int) -> Sort:
    """``(_ BitVec width)``."""
    return Sort("BitVec", (width,))


def function_sort(parameters: tuple[Sort, ...], result: Sort) -> Sort:
    """The sort of a function; that of a nullary function is its result."""
    return Sort("->", arguments=(*parameters, result)) if parameters else result


class Head(Protocol):
    """What a term applies: anything with a name. Identity or value equality decides which terms are the same."""

    @property
    def name(self) -> str:
        """The symbol as printed."""
        ...


@record(frozen=True, slots=True)
class Variable:
    """A formal parameter or a declared variable."""

    name: str
    sort: Sort


def private_variable(name: str, number: int, sort: Sort) -> Variable:
    """A variable that no file can name: a symbol that holds a bar is written without quotes."""
    return Variable(f"{name}{_PRIVATE}{number}", sort)


def plain_name(name: str) -> str:
    """What a private variable was named after; any other name as it is."""
    return name.partition(_PRIVATE)[0]


def readable_name(name: str) -> str:
    """A name as a symbol that can be written; only that of a private variable may be another's too."""
    return name.replace(_PRIVATE, "'")


_PRIVATE = "|'"


@record(frozen=True, slots=True)
class Literal:
    """A constant: bool, int (of sort Int, or the pattern of a bit-vector), exact Fraction (sort Real) or str.

    Solvers, and no file, have those of function sorts too, whose values are arrays'.
    """

    value: Any
    sort: Sort

    @property
    def name(self) -> str:
        """A text that literals of different values or sorts do not share; :mod:`sygus.language.text` prints them."""
        if self.sort.name == "BitVec":
            return f"(_ bv{self.value} {self.sort.indices[0]})"
        return f'"{self.value}"' if isinstance(self.value, str) else str(self.value)


@record(frozen=True, slots=True)
class Nonterminal:
    """A nonterminal of a grammar."""

    name: str
    sort: Sort


@record(frozen=True, slots=True)
class Hole:
    """The ``index``-th occurrence, from the left, of a nonterminal in a production."""

    index: int
    nonterminal: Nonterminal

    @property
    def name(self) -> str:
        """The nonterminal's name."""
        return self.nonterminal.name


@record(frozen=True, slots=True)
class AnyConstant:
    """The ``index``-th ``(Constant σ)`` of a production, from the left: any constant of the sort may stand there."""

    index: int
    sort: Sort

    @property
    def name(self) -> str:
        """As grammars write it."""
        return f"(Constant {self.sort})"


@record(frozen=True, slots=True)
class Definition(_Looked):
    """A macro of ``define-fun``: its meaning is its body with the arguments put in."""

    name: str
    parameters: tuple[Variable, ...]
    sort: Sort
    body: Term

    __hash__ = _Looked.__hash__

    def __post_init__(self) -> None:
        self._remember(self.name, self.parameters, self.sort, self.body)


@record(frozen=True, slots=True)
class Binding(Definition):
    """A ``let`` that is kept as it is written: a macro of its own, applied to the values that it binds.

    Attributes:
        bound: how many of its parameters it binds; the others stand for what its body takes from outside.
    """

    bound: int

    __hash__ = _Looked.__hash__

    @classmethod
    def applied(cls, variables: tuple[Variable, ...], values: tuple[Term, ...], body: Term) -> Term:
        """``(let ((x value)…) body)``."""
        closed, free = numbered(
            body,
            lambda head: isinstance(head, Variable) and head not in variables,
            lambda place, head: leaf(private_variable("outside", place, head.sort)),
        )
        outside = (private_variable("outside", place, head.sort) for place, head in enumerate(free))
        binding = cls("let", (*variables, *outside), body.sort, closed, len(variables))
        return term(binding, (*values, *map(leaf, free)), body.sort)

    def opened(self, arguments: tuple[Term, ...]) -> Term:
        """The body with what it takes from outside."""
        pairs = zip(self.parameters[self.bound :], arguments[self.bound :], strict=True)
        return substitute(self.body, {leaf(parameter): argument for parameter, argument in pairs})


@record(frozen=True, slots=True)
class SynthFunction(_Looked):
    """A function to synthesise."""

    name: str
    parameters: tuple[Variable, ...]
    sort: Sort

    __hash__ = _Looked.__hash__

    def __post_init__(self) -> None:
        self._remember(self.name, self.parameters, self.sort)


@record(frozen=True, slots=True)
class OracleFunction(_Looked):
    """A symbol of ``declare-oracle-fun``: its meaning is the oracle called ``oracle``."""

    name: str
    parameters: tuple[Sort, ...]
    sort: Sort
    oracle: str
    options: tuple[tuple[str, str], ...] = ()

    __hash__ = _Looked.__hash__

    def __post_init__(self) -> None:
        self._remember(self.name, self.parameters, self.sort, self.oracle, self.options)


@record(frozen=True, slots=True)
class WeightSymbol:
    """``(_ keyword f)``: the summed weight of the productions that derive the body of ``function``."""

    keyword: str
    function: str

    @property
    def name(self) -> str:
        """The indexed identifier."""
        return f"(_ {self.keyword} {self.function})"


MOST_NODES = 1 << 256
"""Where sizes are counted no further: of a term that shares its parts the number alone may fill the memory."""


class Term:
    """An expression: a head applied to arguments. Built only by :func:`term`, so equal terms are identical.

    Attributes:
        head: the symbol applied.
        arguments: the sub-terms.
        sort: the sort of the value.
        size: the number of nodes; :data:`MOST_NODES` stands for that many or more.
    """

    __slots__ = ("__weakref__", "arguments", "head", "size", "sort")

    head: Any
    arguments: tuple[Term, ...]
    sort: Sort
    size: int

    def __init__(self, head: Head, arguments: tuple[Term, ...], sort: Sort) -> None:
        object.__setattr__(self, "head", head)
        object.__setattr__(self, "arguments", arguments)
        object.__setattr__(self, "sort", sort)
        object.__setattr__(self, "size", min(MOST_NODES, 1 + sum(argument.size for argument in arguments)))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("terms are immutable")

    def __copy__(self) -> Term:
        return self

    def __deepcopy__(self, memo: object) -> Term:
        """Itself, as a copy of a number is: there is one term of a structure."""
        return self

    def __repr__(self) -> str:
        pieces = text_pieces(self, lambda head: str(head.name))
        shown = "".join(islice(pieces, LONGEST_REPR))
        return shown if next(pieces, None) is None else f"{shown}…"


_TABLE: weakref.WeakValueDictionary[tuple[Any, tuple[Term, ...], Sort], Term] = weakref.WeakValueDictionary()


def term(head: Head, arguments: tuple[Term, ...], sort: Sort) -> Term:
    """The one term with this head, these arguments and this sort."""
    key = (head, arguments, sort)
    known = _TABLE.get(key)
    if known is None:
        known = _TABLE.setdefault(key, Term(head, arguments, sort))
    return known


def leaf(head: Variable | Literal | Nonterminal) -> Term:
    """The term that is just this symbol."""
    return term(head, (), head.sort)


def hole(index: int, nonterminal: Nonterminal) -> Term:
    """The term that is just this hole."""
    return term(Hole(index, nonterminal), (), nonterminal.sort)


def subterms(root: Term) -> Iterator[Term]:
    """Every distinct sub-term once, arguments before what is built of them."""
    seen: set[Term] = set()
    stack: list[tuple[Term, bool]] = [(root, False)]
    while stack:
        node, ready = stack.pop()
        if ready:
            yield node
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack.extend((argument, False) for argument in reversed(node.arguments))


def fold(root: Term, visit: Callable[[Term, list[T]], T], memo: dict[Term, T] | None = None) -> T:
    """Compute bottom-up: ``visit(node, results of its arguments)``, once per distinct sub-term, without recursion.

    A ``memo`` given is consulted first and filled, so several folds can share work.
    """
    results: dict[Term, T] = {} if memo is None else memo
    if root in results:
        return results[root]
    stack = [root]
    while stack:
        node = stack[-1]
        missing = [argument for argument in node.arguments if argument not in results]
        if missing:
            stack.extend(reversed(missing))
            continue
        stack.pop()
        if node not in results:
            results[node] = visit(node, [results[argument] for argument in node.arguments])
    return results[root]


def substitute(root: Term, replacement: Mapping[Term, Term]) -> Term:
    """``root`` with every occurrence of a key replaced by its value."""

    def visit(node: Term, arguments: list[Term]) -> Term:
        if node in replacement:
            return replacement[node]
        return term(node.head, tuple(arguments), node.sort) if arguments else node

    return fold(root, visit)


def numbered(
    root: Term, wanted: Callable[[Any], bool], place: Callable[[int, Any], Term]
) -> tuple[Term, tuple[Any, ...]]:
    """Number the occurrences of some leaves from the left, each by itself, for equal parts are others each time.

    Args:
        root: of the term.
        wanted: which heads of leaves are numbered.
        place: what stands for the occurrence of a number and a head.

    Returns:
        The term with these in their places, and the heads that were there.
    """
    if not any(wanted(node.head) for node in subterms(root)):
        return root, ()
    found: list[Any] = []
    results: list[Term] = []
    stack: list[tuple[Term, bool]] = [(root, False)]
    while stack:
        node, ready = stack.pop()
        if not node.arguments and wanted(node.head):
            results.append(place(len(found), node.head))
            found.append(node.head)
        elif ready:
            start = len(results) - len(node.arguments)
            results[start:] = [term(node.head, tuple(results[start:]), node.sort)]
        elif node.arguments:
            stack.append((node, True))
            stack.extend((argument, False) for argument in reversed(node.arguments))
        else:
            results.append(node)
    return results[0], tuple(found)


def fill(template: Term, children: Mapping[int, Term]) -> Term:
    """``template`` with its holes filled, by their index."""

    def visit(node: Term, arguments: list[Term]) -> Term:
        if isinstance(node.head, Hole):
            return children[node.head.index]
        return term(node.head, tuple(arguments), node.sort) if arguments else node

    return fold(template, visit)


LARGEST_EXPANSION = 500_000
"""Nodes that writing out macros may make."""


class Expansion:
    """Writes out macros. What an application stands for is made once, and counts once, for all terms that hold it.

    Attributes:
        nodes: how many were made so far.
    """

    def __init__(self) -> None:
        self.nodes = 0
        self._frames: dict[tuple[Definition, tuple[Term, ...]], dict[Term, Term]] = {}

    def __call__(self, root: Term) -> Term:
        """``root`` with every macro that is applied replaced by its body; one that is only named stays.

        Raises:
            TooLargeError: all that was written out so far is more than :data:`LARGEST_EXPANSION` nodes.
        """
        if not any(isinstance(node.head, Definition) for node in subterms(root)):
            return root
        outside: dict[Term, Term] = {}
        stack = [(root, outside)]
        while stack:
            node, made = stack[-1]
            missing = [argument for argument in node.arguments if argument not in made]
            if missing:
                stack.extend((argument, made) for argument in reversed(missing))
                continue
            if node not in made:
                arguments = tuple(made[argument] for argument in node.arguments)
                body, inside = self._opened(node.head, arguments)
                if body is None:
                    made[node] = term(node.head, arguments, node.sort) if arguments else node
                elif body in inside:
                    made[node] = inside[body]
                else:
                    stack.append((body, inside))
                    continue
                if made is not outside:
                    self._count()
            stack.pop()
        return outside[root]

    def _opened(self, head: Any, arguments: tuple[Term, ...]) -> tuple[Term | None, dict[Term, Term]]:
        """The body of a macro, and what its parts stand for given the arguments; no body where no macro is applied."""
        if not isinstance(head, Definition) or len(arguments) != len(head.parameters):
            return None, {}
        frame = self._frames.get((head, arguments))
        if frame is None:
            frame = {leaf(p): a for p, a in zip(head.parameters, arguments, strict=True)}
            self._frames[head, arguments] = frame
        return head.body, frame

    def _count(self) -> None:
        self.nodes += 1
        if self.nodes > LARGEST_EXPANSION:
            raise TooLargeError(
                f"the macros written out come to more than {LARGEST_EXPANSION} nodes", "let fewer be applied"
            )


def expand(root: Term) -> Term:
    """``root`` with every macro that is applied replaced by its body; one that is only named stays.

    Raises:
        TooLargeError: that is more than :data:`LARGEST_EXPANSION` nodes.
    """
    return Expansion()(root)


def first_called(root: Term, kinds: type | tuple[type, ...], memo: dict[Definition, Any]) -> Any:
    """The first function of some kinds that a term calls, also in the macros it applies; None without one.

    Args:
        root: the term.
        kinds: the classes of heads that are looked for.
        memo: what the bodies of macros call, consulted and filled.
    """
    stack = list(_applied(root))
    while stack:
        definition = stack[-1]
        missing = [inner for inner in _applied(definition.body) if inner not in memo]
        if definition not in memo and missing:
            stack.extend(missing)
            continue
        stack.pop()
        if definition not in memo:
            memo[definition] = _first(definition.body, kinds, memo)
    return _first(root, kinds, memo)


def all_called(root: Term, kinds: type | tuple[type, ...]) -> set[Any]:
    """The functions of some kinds that a term calls or names, also in the macros that it does."""
    found: set[Any] = set()
    waiting, seen = [root], set[Definition]()
    while waiting:
        for node in subterms(waiting.pop()):
            if isinstance(node.head, kinds):
                found.add(node.head)
            elif isinstance(node.head, Definition) and node.head not in seen:
                seen.add(node.head)
                waiting.append(node.head.body)
    return found


def _applied(root: Term) -> dict[Definition, None]:
    """The macros that a term applies, without those in their bodies."""
    heads = ((node.head, len(node.arguments)) for node in subterms(root))
    return {head: None for head, count in heads if isinstance(head, Definition) and len(head.parameters) == count}


def _first(root: Term, kinds: type | tuple[type, ...], memo: Mapping[Definition, Any]) -> Any:
    for node in subterms(root):
        head = node.head
        if isinstance(head, kinds):
            return head
        if isinstance(head, Definition) and len(head.parameters) == len(node.arguments) and memo[head] is not None:
            return memo[head]
    return None


LONGEST_REPR = 100_000
"""Words and parentheses that ``repr`` of a term shows; a term that shares its parts may have any number."""


def text_pieces(root: Term, name: Callable[[Any], str]) -> Iterator[str]:
    """The text of a term, piece by piece, in the memory of its depth; ``name`` is the text of a head."""
    stack: list[Term | str] = [root]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item.head, Binding):
            yield "(let ("
            stack += (")", item.head.opened(item.arguments), ") ")
            for place in reversed(range(item.head.bound)):
                stack += (")", item.arguments[place], f"{' ' * (place > 0)}({name(item.head.parameters[place])} ")
        elif item.arguments:
            label = name(item.head)
            yield f"({label}"
            stack.append(")")
            for place in reversed(range(len(item.arguments))):
                stack += (item.arguments[place], " " if label or place else "")
        else:
            yield name(item.head)
