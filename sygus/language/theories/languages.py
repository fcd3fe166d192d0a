"""Regular languages, the part of SMT-LIB's Strings that is about sort RegLan."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np
import z3

from sygus.language.terms import BOOL, REGLAN, STRING, Sort
from sygus.language.theories import regex
from sygus.language.theories.function import (
    ATOM,
    PRODUCT,
    SUM,
    Family,
    Function,
    Index,
    Latex,
    Theory,
    fixed,
    infix,
    opaque,
)
from sygus.language.theories.interned import LANGUAGES, python_function


def _constant(name: str, doc: str, language: regex.Language, encode: Callable[[], z3.ReRef], latex: str) -> Function:
    return Function(
        name=name,
        signature=fixed(result=REGLAN),
        sorts="RegLan",
        doc=doc,
        kernel=lambda: np.int64(LANGUAGES.number(language)),
        z3=lambda _: encode(),
        sympy=opaque(name),
        latex=lambda: Latex(latex),
    )


def _languages_sort() -> z3.ReSortRef:
    return z3.ReSort(z3.StringSort())


def _range(a: z3.SeqRef, b: z3.SeqRef) -> z3.ReRef:
    """Z3 takes ends that are no single character as undefined; in SMT-LIB the language is then empty."""
    single = z3.And(z3.Length(a) == 1, z3.Length(b) == 1)
    if z3.is_true(z3.simplify(single)):
        return z3.Range(a, b)
    return z3.If(single, z3.Range(a, b), z3.Empty(_languages_sort()))


def _indexed(name: str, count: int, doc: str, compute: Callable[..., Any], encode: Callable[..., Any]) -> Family:
    """A function of one language with numbers as indices."""
    form = f"(_ {name} {'i j' if count > 1 else 'i'}) : RegLan → RegLan"

    def build(arguments: tuple[Sort, ...], indices: tuple[Index, ...]) -> Function | None:
        if arguments != (REGLAN,) or len(indices) != count or not all(isinstance(i, int) for i in indices):
            return None
        full = f"(_ {name} {' '.join(map(str, indices))})"
        return python_function(
            full,
            (REGLAN,),
            REGLAN,
            doc,
            lambda language: compute(language, *indices),
            lambda a: encode(a, *indices),
            lambda a: Latex(rf"{a.within(ATOM)}^{{{','.join(map(str, indices))}}}", PRODUCT),
        )

    return Family(name=name, sorts=form, doc=doc, build=build)


def _z3_loop(a: z3.ReRef, least: int, most: int) -> z3.ReRef:
    """Z3 takes an upper limit of 0 for none."""
    if least > most:
        return z3.Empty(a.sort())
    return z3.Loop(a, least, most) if most else z3.Re("")


def _postfix(symbol: str) -> Callable[[Latex], Latex]:
    return lambda a: Latex(f"{a.within(ATOM)}^{{{symbol}}}", PRODUCT)


LANGUAGES_THEORY = Theory.of(
    "RegLan",
    (REGLAN,),
    python_function(
        "str.in_re",
        (STRING, REGLAN),
        BOOL,
        "Whether the string is in the language.",
        regex.matches,
        z3.InRe,
        infix(r" \in ", SUM),
    ),
    python_function("str.to_re", (STRING,), REGLAN, "The language of one string.", regex.text, z3.Re, lambda a: a),
    _constant("re.none", "No string.", regex.NOTHING, lambda: z3.Empty(_languages_sort()), r"\emptyset"),
    _constant("re.all", "Every string.", regex.EVERYTHING, lambda: z3.Full(_languages_sort()), r"\Sigma^*"),
    _constant(
        "re.allchar", "Every single character.", regex.ANY_CHARACTER, lambda: z3.AllChar(_languages_sort()), r"\Sigma"
    ),
    python_function(
        "re.range",
        (STRING, STRING),
        REGLAN,
        "The characters from one to another; none where an end is no single character.",
        regex.characters,
        _range,
        infix(r" \ldots ", SUM),
    ),
    python_function(
        "re.++",
        (REGLAN, REGLAN),
        REGLAN,
        "A string of each language, one after the other.",
        lambda *xs: reduce(regex.concatenation, xs),
        lambda *xs: z3.Concat(*xs),
        infix(r" \cdot ", PRODUCT),
        any_more=True,
        associative=True,
    ),
    python_function(
        "re.union",
        (REGLAN, REGLAN),
        REGLAN,
        "The strings in any of the languages.",
        regex.union,
        lambda *xs: z3.Union(*xs),
        infix(r" \cup ", SUM),
        any_more=True,
        commutative=True,
        associative=True,
    ),
    python_function(
        "re.inter",
        (REGLAN, REGLAN),
        REGLAN,
        "The strings in all languages.",
        regex.intersection,
        lambda *xs: z3.Intersect(*xs),
        infix(r" \cap ", SUM),
        any_more=True,
        commutative=True,
        associative=True,
    ),
    python_function(
        "re.diff",
        (REGLAN, REGLAN),
        REGLAN,
        "The strings in the first language and in no other.",
        regex.difference,
        lambda *xs: reduce(z3.Diff, xs),
        infix(r" \setminus ", SUM),
        any_more=True,
    ),
    python_function(
        "re.comp",
        (REGLAN,),
        REGLAN,
        "The strings not in the language.",
        regex.complement,
        z3.Complement,
        lambda a: Latex(rf"\overline{{{a.text}}}"),
    ),
    python_function(
        "re.*", (REGLAN,), REGLAN, "Any number of strings of the language.", regex.star, z3.Star, _postfix("*")
    ),
    python_function(
        "re.+",
        (REGLAN,),
        REGLAN,
        "One string of the language or more.",
        lambda a: regex.concatenation(a, regex.star(a)),
        z3.Plus,
        _postfix("+"),
    ),
    python_function(
        "re.opt",
        (REGLAN,),
        REGLAN,
        "A string of the language or the empty string.",
        lambda a: regex.union(regex.EMPTY, a),
        z3.Option,
        _postfix("?"),
    ),
    _indexed("re.^", 1, "So many strings of the language.", regex.power, lambda a, n: _z3_loop(a, n, n)),
    _indexed("re.loop", 2, "From i to j strings of the language.", regex.loop, _z3_loop),
)
