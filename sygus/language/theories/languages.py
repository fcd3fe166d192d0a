"""Regular languages, the part of SMT-LIB's Strings that is about sort RegLan."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import z3

from sygus.deferred import numpy as np
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
    no_shapes,
    opaque,
)
from sygus.language.theories.interned import LANGUAGES, python_function


def _constant(name: str, doc: str, *, language: regex.Language, z3: Callable[[], Any], latex: str) -> Function:
    return Function(
        name=name,
        signature=fixed(result=REGLAN),
        sorts="RegLan",
        doc=doc,
        kernel=lambda: np.int64(LANGUAGES.number(language)),
        z3=lambda _: z3(),
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


LARGEST_COUNT = (1 << 32) - 1
"""Z3 holds the numbers of repetitions in 32 bits."""


def _indexed(name: str, doc: str, *, count: int, compute: Callable[..., Any], z3: Callable[..., Any]) -> Family:
    """A function of one language with numbers as indices."""
    form = f"(_ {name} {'i j' if count > 1 else 'i'}) : RegLan → RegLan, at most {LARGEST_COUNT}"

    def build(arguments: tuple[Sort, ...], indices: tuple[Index, ...]) -> Function | None:
        if arguments != (REGLAN,) or len(indices) != count:
            return None
        if not all(isinstance(index, int) and index <= LARGEST_COUNT for index in indices):
            return None
        full = f"(_ {name} {' '.join(map(str, indices))})"
        return python_function(
            full,
            (REGLAN,),
            result=REGLAN,
            doc=doc,
            compute=lambda language: compute(language, *indices),
            z3=lambda a: z3(a, *indices),
            latex=lambda a: Latex(rf"{a.within(ATOM)}^{{{','.join(map(str, indices))}}}", PRODUCT),
        )

    return Family(name=name, sorts=form, doc=doc, build=build, shapes=no_shapes)


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
        result=BOOL,
        doc="Whether the string is in the language.",
        compute=regex.matches,
        z3=z3.InRe,
        latex=infix(r" \in ", SUM),
    ),
    python_function(
        "str.to_re",
        (STRING,),
        result=REGLAN,
        doc="The language of one string.",
        compute=regex.text,
        z3=z3.Re,
        latex=lambda a: a,
    ),
    _constant(
        "re.none", "No string.", language=regex.NOTHING, z3=lambda: z3.Empty(_languages_sort()), latex=r"\emptyset"
    ),
    _constant(
        "re.all", "Every string.", language=regex.EVERYTHING, z3=lambda: z3.Full(_languages_sort()), latex=r"\Sigma^*"
    ),
    _constant(
        "re.allchar",
        "Every single character.",
        language=regex.ANY_CHARACTER,
        z3=lambda: z3.AllChar(_languages_sort()),
        latex=r"\Sigma",
    ),
    python_function(
        "re.range",
        (STRING, STRING),
        result=REGLAN,
        doc="The characters from one to another; none where an end is no single character.",
        compute=regex.characters,
        z3=_range,
        latex=infix(r" \ldots ", SUM),
    ),
    python_function(
        "re.++",
        (REGLAN, REGLAN),
        result=REGLAN,
        doc="A string of each language, one after the other.",
        compute=lambda *xs: reduce(regex.concatenation, xs),
        z3=lambda *xs: z3.Concat(*xs),
        latex=infix(r" \cdot ", PRODUCT),
        any_more=True,
        associative=True,
    ),
    python_function(
        "re.union",
        (REGLAN, REGLAN),
        result=REGLAN,
        doc="The strings in any of the languages.",
        compute=regex.union,
        z3=lambda *xs: z3.Union(*xs),
        latex=infix(r" \cup ", SUM),
        any_more=True,
        commutative=True,
        associative=True,
    ),
    python_function(
        "re.inter",
        (REGLAN, REGLAN),
        result=REGLAN,
        doc="The strings in all languages.",
        compute=regex.intersection,
        z3=lambda *xs: z3.Intersect(*xs),
        latex=infix(r" \cap ", SUM),
        any_more=True,
        commutative=True,
        associative=True,
    ),
    python_function(
        "re.diff",
        (REGLAN, REGLAN),
        result=REGLAN,
        doc="The strings in the first language and in no other.",
        compute=regex.difference,
        z3=lambda *xs: reduce(z3.Diff, xs),
        latex=infix(r" \setminus ", SUM),
        any_more=True,
    ),
    python_function(
        "re.comp",
        (REGLAN,),
        result=REGLAN,
        doc="The strings not in the language.",
        compute=regex.complement,
        z3=z3.Complement,
        latex=lambda a: Latex(rf"\overline{{{a.text}}}"),
    ),
    python_function(
        "re.*",
        (REGLAN,),
        result=REGLAN,
        doc="Any number of strings of the language.",
        compute=regex.star,
        z3=z3.Star,
        latex=_postfix("*"),
    ),
    python_function(
        "re.+",
        (REGLAN,),
        result=REGLAN,
        doc="One string of the language or more.",
        compute=lambda a: regex.concatenation(a, regex.star(a)),
        z3=z3.Plus,
        latex=_postfix("+"),
    ),
    python_function(
        "re.opt",
        (REGLAN,),
        result=REGLAN,
        doc="A string of the language or the empty string.",
        compute=lambda a: regex.union(regex.EMPTY, a),
        z3=z3.Option,
        latex=_postfix("?"),
    ),
    _indexed(
        "re.^", "So many strings of the language.", count=1, compute=regex.power, z3=lambda a, n: _z3_loop(a, n, n)
    ),
    _indexed("re.loop", "From i to j strings of the language.", count=2, compute=regex.loop, z3=_z3_loop),
)
