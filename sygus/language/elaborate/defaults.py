"""What a file may leave out: the grammar of a function, and the constants that enumeration tries."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from sygus.errors import Position
from sygus.language.problem import Grammar, Production, Setting, productive
from sygus.language.scope import fail
from sygus.language.terms import (
    BOOL,
    INT,
    REAL,
    REGLAN,
    STRING,
    AnyConstant,
    Literal,
    Nonterminal,
    Sort,
    SynthFunction,
    Term,
    hole,
    leaf,
    term,
)
from sygus.language.theories import Function, Theory
from sygus.language.theories.bitvectors import width_of
from sygus.language.theories.calls import called
from sygus.language.theories.function import MOST_ARGUMENTS
from sygus.language.theories.ranks import is_rank, layer_of, sorts_at
from sygus.language.theories.sorts import representation
from sygus.language.theories.structured import constructors_of, is_array, smallest_value
from sygus.language.theories.values import Written, constructor_term, value_term
from sygus.language.typecheck import fits_float, negated

DEFAULT_CONSTANTS: Mapping[Sort, str] = {REAL: "0.5 1 2 3", INT: "0 1 -1 2", BOOL: "true false", STRING: ""}
"""What enumeration puts for ``(Constant S)`` where the file sets no ``:constants``; for bit-vectors 0, 1, all ones."""

_WORDS = re.compile(r"[^\s()_]+|_(?=\S)")

_LINEAR = {"*": 0, "div": 1, "mod": 1, "/": 1}
"""The argument that is a constant in linear logics."""


def constants_of(
    sort: Sort, theory: Theory, setting: Setting | None, position: Position, made: Written | None = None
) -> list[Term]:
    """The constants of a sort that enumeration tries, by the file's ``:constants`` or by default.

    The option is a list of numbers, or of strings without spaces, and serves every sort that the grammar asks for.

    Args:
        sort: of the constants.
        theory: whose functions write them.
        setting: the option.
        position: where they are asked for.
        made: constants that were written before, shared between calls for one theory.

    Raises:
        TypeCheckError: constants of another sort, or a sort without any.
    """
    width = width_of(sort)
    if is_array(sort) or constructors_of(sort):
        return _structured_constants(sort, theory, setting, position, made)
    if sort not in DEFAULT_CONSTANTS and not width:
        fail(f"there are no constants of {sort}", position, "write terms in place of (Constant …)")
    default = f"0 1 {(1 << width) - 1}" if width else DEFAULT_CONSTANTS[sort]
    words = (default if setting is None or sort == BOOL else setting.value).split()
    if sort == STRING:
        return [leaf(Literal(word, STRING)) for word in dict.fromkeys(words or [""])]
    if not words:
        where = position if setting is None else setting.position
        fail(f"no constants of {sort} are given", where, f'write, for example, "{default}"')
    try:
        return list(dict.fromkeys(_constant(word, sort, theory, position) for word in words))
    except (ValueError, ZeroDivisionError):
        where = position if setting is None else setting.position
        shown = " ".join(words)[:100]
        return fail(f"bad constants '{shown}' of {sort}", where, f'write, for example, "{default}"')


def has_constants(sort: Sort, theory: Theory, made: Written | None = None) -> bool:
    """Whether enumeration has constants of a sort."""
    if is_array(sort):
        return has_constants(sort.arguments[1], theory, made)
    return sort in DEFAULT_CONSTANTS or width_of(sort) > 0 or bool(_values_of(sort, theory, made))


def _structured_constants(
    sort: Sort, theory: Theory, setting: Setting | None, position: Position, made: Written | None
) -> list[Term]:
    """Of an array those with one value everywhere; of a datatype the constructors without parts, else one value."""
    if is_array(sort):
        function = theory.resolve_as("const", sort, sort.arguments[1:])
        assert function is not None
        return [term(function, (v,), sort) for v in constants_of(sort.arguments[1], theory, setting, position, made)]
    found = _values_of(sort, theory, made)
    if not found:
        fail(f"there are no constants of {sort}", position, "write terms in place of (Constant …)")
    return found


def _values_of(sort: Sort, theory: Theory, made: Written | None) -> list[Term]:
    """Of a datatype the constructors without parts, else one value; none where values cannot be written."""
    bare = [c.name for c in constructors_of(sort) if not c.selectors]
    if bare or not constructors_of(sort):
        return [constructor_term(theory, name, (), sort) for name in bare]
    try:
        return [value_term(representation(sort).decode(smallest_value(sort)), sort, theory, made)]
    except ValueError:
        return []


_LONG = re.compile(r".{1001}|.*[eE][+-]?[0-9]{4}")
"""Numbers that would take too much time or memory to write out."""


def _constant(word: str, sort: Sort, theory: Theory, position: Position) -> Term:
    width = width_of(sort)
    if _LONG.match(word):
        raise ValueError(word)
    if sort == BOOL:
        return leaf(Literal(word == "true", BOOL))
    if width:
        return leaf(Literal(int(word.replace("#", "0", 1), 0) % (1 << width), sort))
    value: int | Fraction = Fraction(word) if sort == REAL else int(word)
    if theory.name == "CAM" and not fits_float(Fraction(value)):
        raise ValueError(word)
    magnitude = leaf(Literal(-value if value < 0 else value, sort))
    return negated(magnitude, theory, position) if value < 0 else magnitude


def default_grammar(theory: Theory, function: SynthFunction, position: Position) -> Grammar:
    """The grammar of every term of the theory over the parameters, for a function given without one.

    Functions of any number of arguments come with two; regular languages that the function neither takes nor gives,
    indexed functions and, in CAM, constants are left out. Bit-vectors have the widths of the parameters and of the
    result, and what has channels or pixels the layers of these.
    """
    functions = [leaf(parameter) for parameter in function.parameters if parameter.sort.is_function]
    given = [function.sort, *(p.sort for p in function.parameters), *(s for f in functions for s in f.sort.arguments)]
    others = [sort for sort in theory.every_sort if sort != REGLAN]
    if theory.name == "CAM":
        others += [sort for one in given if is_rank(one) for sort in sorts_at(layer_of(one))]
    sorts = tuple(sort for sort in dict.fromkeys((*given, *others)) if not sort.is_function)
    nonterminals = {s: Nonterminal("-".join(("any", *_WORDS.findall(str(s)))), s) for s in sorts}
    productions: dict[Nonterminal, list[Production]] = {n: [] for n in nonterminals.values()}
    for parameter in function.parameters:
        if parameter.sort.is_function:
            continue
        productions[nonterminals[parameter.sort]].append(Production(leaf(parameter), (), {}, position))
    if theory.name != "CAM":
        for owner, production in _calls(functions, nonterminals, position):
            productions[owner].append(production)
        made: Written = {}
        for sort, nonterminal in nonterminals.items():
            if not has_constants(sort, theory, made):
                continue
            productions[nonterminal].append(Production(term(AnyConstant(0, sort), (), sort), (), {}, position))
    for head, arguments, result in _applications(theory, sorts):
        if result in nonterminals:
            production = _application(theory, head, [nonterminals[sort] for sort in arguments], result, position)
            productions[nonterminals[result]].append(production)
    return productive(Grammar({n: tuple(ps) for n, ps in productions.items()}))


def _calls(
    functions: Sequence[Term], nonterminals: Mapping[Sort, Nonterminal], position: Position
) -> Iterator[tuple[Nonterminal, Production]]:
    """The applications of parameters that are functions, where there are nonterminals of all sorts that it takes."""
    for function in functions:
        *given, result = function.sort.arguments
        if nonterminals.keys() >= {*given, result}:
            holes = tuple(nonterminals[sort] for sort in given)
            template = called(function, [hole(place, one) for place, one in enumerate(holes)])
            yield nonterminals[result], Production(template, holes, {}, position)


def _applications(theory: Theory, sorts: tuple[Sort, ...]) -> Iterator[tuple[Function, tuple[Sort, ...], Sort]]:
    """Every function of the theory with argument sorts among these and the sort of its result."""
    places = {sort: place for place, sort in enumerate(sorts)}
    for name, entries in theory.entries.items():
        shapes = {shape for entry in entries for shape in entry.tried(places) if all(sort in places for sort in shape)}
        for arguments in sorted(shapes, key=lambda shape: (len(shape), [places[sort] for sort in shape])):
            resolved = theory.resolve(name, arguments) if 0 < len(arguments) <= MOST_ARGUMENTS else None
            several = len(arguments) == MOST_ARGUMENTS
            if resolved is None or not isinstance(resolved[0], Function):
                continue
            if not (several and theory.resolve(name, arguments[:-1]) is not None):
                yield resolved[0], arguments, resolved[1]


def _application(
    theory: Theory, function: Function, arguments: list[Nonterminal], result: Sort, position: Position
) -> Production:
    constant = _LINEAR.get(function.name) if theory.linear else None
    holes = tuple(n for i, n in enumerate(arguments) if i != constant)
    filled = [hole(i, n) for i, n in enumerate(holes)]
    if constant is not None:
        sort = arguments[constant].sort
        filled.insert(constant, term(AnyConstant(0, sort), (), sort))
    return Production(term(function, tuple(filled), result), holes, {}, position)
