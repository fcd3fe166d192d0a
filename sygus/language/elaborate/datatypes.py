"""What ``declare-sort``, ``declare-datatype`` and ``declare-datatypes`` add to a theory."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import replace

from sygus.errors import Position
from sygus.language.kept import Kept
from sygus.language.scope import LARGEST_SORT, Scope, check_sort, check_unfolded, fail
from sygus.language.syntax import script as ast
from sygus.language.syntax.printer import print_command, print_symbol
from sygus.language.terms import Sort
from sygus.language.theories import Entry, Theory
from sygus.language.theories.datatypes import ascribed_of, functions_of
from sygus.language.theories.function import Ascribed, Index, SortFamily
from sygus.language.theories.structured import (
    Constructor,
    Datatype,
    SortParameter,
    Uninterpreted,
    ranks,
)
from sygus.records import record


def declared_sort(command: ast.DeclareSort, theory: Theory) -> tuple[Theory, Sort | None]:
    """The theory with the sort; without parameters also the sort itself."""
    mark = Uninterpreted(command.name)
    if command.arity > LARGEST_SORT:
        fail(f"the sort '{command.name}' takes too many others", command.position, f"at most {LARGEST_SORT}")

    def make(indices: tuple[Index, ...], arguments: tuple[Sort, ...]) -> Sort | None:
        fits = not indices and len(arguments) == command.arity
        return Sort(command.name, (), arguments, mark) if fits else None

    if command.arity:
        form = f"({command.name}{' σ' * command.arity})"
        return theory.extended(families=(SortFamily(command.name, form, make),)), None
    sort = Sort(command.name, declaration=mark)
    return theory.extended(sorts=(sort,)), sort


def declared_datatypes(
    names: Sequence[ast.SortDeclaration],
    bodies: Sequence[ast.DatatypeDeclaration],
    scope: Scope,
    check_new: Callable[[str, Position], None],
) -> tuple[Theory, Mapping[str, Sort]]:
    """The theory with datatypes that may mention one another, and those without parameters by their names.

    Args:
        names: with the number of parameters.
        bodies: one for each.
        scope: what they may mention beside themselves.
        check_new: refuses the names of functions that are taken.

    Raises:
        TypeCheckError: names that clash, unknown sorts, or a datatype without values.
    """
    datatypes = []
    for name, body in zip(names, bodies, strict=True):
        if name.arity != len(body.parameters):
            message = f"'{name.name}' is declared with {name.arity} parameters, its datatype has {len(body.parameters)}"
            fail(message, body.position, "write (par (…) …) with as many")
        if len(set(body.parameters)) < len(body.parameters):
            fail(f"'{name.name}' has two parameters of one name", body.position, "rename one of them")
        parameters = tuple(Sort(p, declaration=SortParameter(p)) for p in body.parameters)
        datatypes.append(Datatype(name.name, parameters))
    group = set(datatypes)
    theory = scope.theory.extended(
        sorts=tuple(d.sort() for d in datatypes if not d.parameters),
        families=tuple(_family(d) for d in datatypes if d.parameters),
    )
    plain = {d.name: d.sort() for d in datatypes if not d.parameters}
    inside = replace(scope, theory=theory).with_sorts(plain)
    taken: set[str] = set()
    for datatype, body in zip(datatypes, bodies, strict=True):
        datatype.constructors = _constructors(datatype, body, inside, group, taken, check_new)
    entries: list[Entry] = []
    ascribed: dict[str, Ascribed] = {}
    generals = [datatype.sort(datatype.parameters) for datatype in datatypes]
    with_values = ranks(*generals, matters=lambda sort: sort.declaration in group)  # what is declared before has values
    for datatype, general, body in zip(datatypes, generals, bodies, strict=True):
        if general not in with_values:
            hint = "give it a constructor whose parts are of other sorts"
            fail(f"the datatype '{datatype.name}' has no value", body.position, hint)
        check_unfolded(general, body.position)
        entries.extend(functions_of(datatype, print_symbol))
        ascribed |= ascribed_of(datatype, print_symbol)
    made = _Declared(tuple(datatypes), tuple(entries), ascribed)
    key = _key(names, bodies, scope)
    if key is not None:
        if len(_KNOWN) >= MOST_KNOWN:
            _KNOWN.clear()
        made = _KNOWN.setdefault(key, made)
    return made.added_to(scope.theory), made.plain


@record(frozen=True, eq=False)
class _Declared:
    """Datatypes declared together, and their functions."""

    datatypes: tuple[Datatype, ...]
    entries: tuple[Entry, ...]
    ascribed: Mapping[str, Ascribed]

    @property
    def plain(self) -> Mapping[str, Sort]:
        return {d.name: d.sort() for d in self.datatypes if not d.parameters}

    def added_to(self, theory: Theory) -> Theory:
        families = tuple(_family(d) for d in self.datatypes if d.parameters)
        return theory.extended(
            *self.entries, sorts=tuple(self.plain.values()), families=families, ascribed=self.ascribed
        )


MOST_KNOWN = 200
"""Declarations that are remembered."""

_KNOWN: dict[Hashable, _Declared] = {}
"""What was declared before: a file read twice, as for checking its answer, has the same sorts and functions."""


def _key(
    names: Sequence[ast.SortDeclaration], bodies: Sequence[ast.DatatypeDeclaration], scope: Scope
) -> Hashable | None:
    """What a declaration says, with what the names in it mean; None where that cannot be compared."""
    own = {name.name for name in names}.union(*(body.parameters for body in bodies))
    meant: dict[str, Hashable] = {}
    stack = [s.sort for body in bodies for c in body.constructors for s in c.selectors]
    while stack:
        sort = stack.pop()
        stack.extend(sort.arguments)
        name = sort.identifier.symbol
        if name not in own:
            found = scope.sorts.get(name) or scope.theory.families.get(name)
            if not isinstance(found, Sort | SortFamily):
                return None
            meant[name] = found
    command = ast.DeclareDatatypes(tuple(names), tuple(bodies), position=bodies[0].position)
    return print_command(command), tuple(meant.items())


def _made_family(datatype: Datatype) -> SortFamily:
    def make(indices: tuple[Index, ...], arguments: tuple[Sort, ...]) -> Sort | None:
        fits = not indices and len(arguments) == len(datatype.parameters)
        return datatype.sort(arguments) if fits and not any(a.is_function for a in arguments) else None

    return SortFamily(datatype.name, f"({datatype.name}{' σ' * len(datatype.parameters)})", make)


_family: Kept[SortFamily] = Kept(_made_family)
"""The sorts of a datatype with parameters."""


def _constructors(
    datatype: Datatype,
    body: ast.DatatypeDeclaration,
    scope: Scope,
    group: set[Datatype],
    taken: set[str],
    check_new: Callable[[str, Position], None],
) -> tuple[Constructor, ...]:
    if datatype.parameters:
        scope = scope.with_sorts({p.name: p for p in datatype.parameters})

    def claim(name: str, position: Position) -> None:
        check_new(name, position)
        if name in taken:
            fail(f"'{name}' is declared twice", position, "give each constructor and selector a name of its own")
        taken.add(name)

    found = []
    for constructor in body.constructors:
        claim(constructor.name, constructor.position)
        selectors = []
        for selector in constructor.selectors:
            claim(selector.name, selector.position)
            sort = check_sort(selector.sort, scope)
            if sort.is_function or not _is_regular(sort, datatype, group):
                hint = "a part is of another sort, or of one of the datatypes declared together with its parameters"
                fail(f"a part of '{datatype.name}' cannot be {sort}", selector.sort.position, hint)
            selectors.append((selector.name, sort))
        found.append(Constructor(constructor.name, tuple(selectors)))
    return tuple(found)


def _is_regular(sort: Sort, datatype: Datatype, group: set[Datatype]) -> bool:
    """Whether the datatypes declared together stand alone, with the same parameters: else values would nest sorts."""
    if sort.declaration in group:
        return sort.arguments == datatype.parameters
    return not any(one.declaration in group for argument in sort.arguments for one in _mentioned(argument))


def _mentioned(sort: Sort) -> Iterator[Sort]:
    """The sorts that the name of a sort holds; a datatype declared before mentions none that is declared now."""
    yield sort
    for argument in sort.arguments:
        yield from _mentioned(argument)
