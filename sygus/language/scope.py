"""What names mean at one place of a script, and the sorts that expressions name there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from itertools import count
from typing import NoReturn

from sygus.errors import Position, TypeCheckError
from sygus.errors import known as listed
from sygus.language.layers import Overlay
from sygus.language.syntax import script as ast
from sygus.language.syntax.printer import print_sort
from sygus.language.terms import Definition, OracleFunction, Sort, SynthFunction, Term, Variable, function_sort
from sygus.language.theories import Theory
from sygus.language.theories.recursion import Recursive
from sygus.language.theories.structured import MOST_UNFOLDED, unfolded
from sygus.records import record

Symbol = Definition | SynthFunction | OracleFunction | Recursive


def fail(message: str, position: Position, hint: str = "") -> NoReturn:
    """Raise a :class:`TypeCheckError`."""
    raise TypeCheckError(message, position, hint)


def known(names: Iterable[str], wrong: str = "", what: str = "known") -> str:
    """The hint that lists what there is in order, with the closest match first."""
    return listed(sorted(set(names)), wrong, what)


@record(frozen=True)
class SortMacro:
    """A sort of ``define-sort`` with parameters: its meaning is its body with the arguments put in.

    Attributes:
        parameters: sorts that stand for any.
        body: made of them and of what the file declares before.
    """

    parameters: tuple[Sort, ...]
    body: Sort


@record
class Scope:
    """What names mean at one place of the script.

    Attributes:
        theory: what the logic opens, with what the file declares.
        sorts, symbols, weights: declared by the file.
        variables: terms that names stand for.
        generic: gives meaning to ``(Constant S)`` inside grammars.
        higher_order: whether sorts of functions may be written.
        fresh: numbers of the variables that quantifiers bind, so that no two have one name.
        lets: whether a ``let`` is kept, as older grammars have them; elsewhere it is written out.
        defining: the name of the ``define-fun`` whose body is read, which does not know it.
        defined: the names of all functions that the file defines, some of which may come only later.
    """

    theory: Theory
    sorts: Mapping[str, Sort | SortMacro]
    symbols: Mapping[str, Symbol] = field(default_factory=dict)
    weights: Mapping[str, int] = field(default_factory=dict)
    variables: Mapping[str, Term] = field(default_factory=dict)
    generic: Callable[[ast.AnyConstant | ast.AnyVariable], Term] | None = None
    higher_order: bool = True
    fresh: Iterator[int] = field(default_factory=count)
    lets: bool = False
    defining: str | None = None
    defined: frozenset[str] = frozenset()

    def binding(self, variables: Mapping[str, Term]) -> Scope:
        """The scope with these local names added, in the time of their number alone."""
        return replace(self, variables=Overlay(variables, self.variables))

    def with_sorts(self, sorts: Mapping[str, Sort | SortMacro]) -> Scope:
        """The scope with these sorts added, such as parameters."""
        return replace(self, sorts=Overlay(sorts, self.sorts))


LARGEST_SORT = 200
"""Names in a sort with all that it is made of."""


def _small(sort: Sort, position: Position) -> Sort:
    size, stack = 0, [sort]
    while stack and size <= LARGEST_SORT:
        size += 1
        stack.extend(stack.pop().arguments)
    if size > LARGEST_SORT:
        fail("this sort is too large", position, f"a sort is made of at most {LARGEST_SORT} names")
    if sort.arguments:
        check_unfolded(sort, position)
    return sort


def check_unfolded(sort: Sort, position: Position) -> None:
    """Refuse a sort whose datatypes hold one another so often that Z3 would not come to an end."""
    if unfolded(sort) > MOST_UNFOLDED:
        message = f"with all that it holds, '{sort}' has more than {MOST_UNFOLDED} parts"
        fail(message, position, "let datatypes that are not recursive hold fewer others")


def check_sort(sort: ast.SortExpression, scope: Scope, depth: int = 0) -> Sort:
    """The sort that an expression names."""
    if depth > LARGEST_SORT:
        fail("this sort nests too deeply", sort.position, f"at most {LARGEST_SORT} levels are read")
    name, indices = sort.identifier.symbol, sort.identifier.indices
    if sort.identifier.sort is not None:
        fail(f"'{print_sort(sort)}' is no sort", sort.position, "(as …) may stand only in terms")
    arguments = tuple(check_sort(argument, scope, depth + 1) for argument in sort.arguments)
    if name == "->":
        return _function_sort(sort, arguments, scope)
    family = scope.theory.families.get(name)
    if family is not None:
        made = family.make(indices, arguments)
        if made is None:
            fail(f"there is no sort '{print_sort(sort)}'", sort.position, f"write {family.form}")
        return _small(made, sort.position)
    if name not in scope.sorts:
        fail(f"unknown sort '{name}'", sort.position, known((*scope.sorts, *scope.theory.families), name))
    found = scope.sorts[name]
    parameters = found.parameters if isinstance(found, SortMacro) else ()
    if indices or len(arguments) != len(parameters):
        count = f"{len(parameters)} arguments" if parameters else "no arguments"
        shown = f"({' '.join((name, *(p.name for p in parameters)))})" if parameters else name
        fail(f"the sort '{name}' takes {count}", sort.position, f"write {shown}")
    if isinstance(found, SortMacro):
        made = _put_in(found.body, dict(zip(parameters, arguments, strict=True)), sort, scope)
        return _small(made, sort.position)
    return found


def _put_in(body: Sort, chosen: Mapping[Sort, Sort], sort: ast.SortExpression, scope: Scope) -> Sort:
    """The body of a macro with sorts in place of its parameters; what it is made of must take them."""
    if body in chosen:
        return chosen[body]
    if not body.arguments:
        return body
    arguments = tuple(_put_in(argument, chosen, sort, scope) for argument in body.arguments)
    if body.is_function:
        return _function_sort(sort, arguments, scope)
    family = scope.theory.families[body.name]
    made = family.make(body.indices, arguments)
    if made is None:
        fail(f"there is no sort '{print_sort(sort)}'", sort.position, f"it is made of {family.form}")
    return made


def _function_sort(sort: ast.SortExpression, arguments: tuple[Sort, ...], scope: Scope) -> Sort:
    if len(arguments) < 2 or (sort.identifier.symbol == "->" and sort.identifier.indices):
        fail(f"there is no sort '{print_sort(sort)}'", sort.position, "write (-> argument… result)")
    if not scope.higher_order:
        fail("function sorts need the feature :oracles", sort.position, "add (set-feature :oracles true)")
    if arguments[-1].is_function:
        fail("the result of a function is no function", sort.position, "write (-> argument… result)")
    return _small(function_sort(arguments[:-1], arguments[-1]), sort.position)


def parameter_sorts(symbol: Symbol) -> tuple[Sort, ...]:
    """The sorts of the arguments that a symbol takes."""
    if isinstance(symbol, OracleFunction):
        return symbol.parameters
    return tuple(parameter.sort for parameter in symbol.parameters)


def check_parameters(variables: Sequence[ast.SortedVariable], scope: Scope) -> tuple[Variable, ...]:
    """The parameters of a function, each of a name of its own."""
    seen: set[str] = set()
    for variable in variables:
        if variable.name in seen:
            fail(f"the parameter '{variable.name}' appears twice", variable.position, "rename one of them")
        seen.add(variable.name)
    return tuple(Variable(v.name, check_sort(v.sort, scope)) for v in variables)
