"""The theory CAM: expressions of class activation maps, written for one channel as the papers write them.

Sorts: ``Map``, an h×w map per channel; ``Weight``, a number per channel; ``Real``, a number per image. A smaller rank
broadcasts into a larger one. See the table in :mod:`sygus.language.theories.function` for the shapes of values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy
import torch
import z3

from sygus.language.terms import INT, REAL, Sort
from sygus.language.theories.arithmetic import COMPARISON
from sygus.language.theories.core import CORE
from sygus.language.theories.function import (
    POWER,
    PRODUCT,
    SUM,
    Facts,
    Function,
    Latex,
    Signature,
    Theory,
    added,
    code,
    fixed,
    infix,
    named,
    opaque,
)

MAP = Sort("Map")
WEIGHT = Sort("Weight")
RANKS = (REAL, WEIGHT, MAP)
GUARD = 1e-12
"""``div0`` is 0 where the denominator is smaller than this in magnitude."""


def _pointwise(arity: int, most: int | None = None) -> Signature:
    """Any ranks; the result has the largest."""

    def signature(given: tuple[Sort, ...]) -> Sort | None:
        if arity <= len(given) <= (most or arity) and all(sort in RANKS for sort in given):
            return max(given, key=RANKS.index)
        return None

    return signature


def guarded_division(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """The quotient, and 0 where the magnitude of b is below :data:`GUARD`; the arguments broadcast."""
    tiny = b.abs() < GUARD
    return torch.where(tiny, 0.0, a / torch.where(tiny, 1.0, b))


def _square_root(facts: Facts, a: z3.ArithRef) -> z3.ArithRef:
    root = facts.fresh("sqrt0")
    facts.assume(root >= 0)
    facts.assume(root * root == z3.If(a > 0, a, 0))
    return root


def _exponential(facts: Facts, a: z3.ArithRef) -> z3.ArithRef:
    power = facts.fresh("exp")
    facts.assume(power > 0)
    facts.assume(power >= 1 + a)
    return power


def _logarithm(facts: Facts, a: z3.ArithRef) -> z3.ArithRef:
    logarithm = facts.fresh("log1p")
    facts.assume(z3.If(a > 0, z3.And(logarithm > 0, logarithm <= a), logarithm == 0))
    return logarithm


def _between(name: str) -> Callable[[Facts, z3.ArithRef], z3.ArithRef]:
    """A mean, a maximum or a sum has the sign that all values have."""

    def encode(facts: Facts, a: z3.ArithRef) -> z3.ArithRef:
        value = facts.fresh(name)
        for claim, fact in ((a > 0, value > 0), (a >= 0, value >= 0), (a < 0, value < 0), (a <= 0, value <= 0)):
            if facts.proves(claim):
                facts.assume(fact)
        return value

    return encode


def _bounded(name: str, *bounds: Callable[[Any], Any]) -> Callable[[Facts, z3.ArithRef], z3.ArithRef]:
    """A fresh value of which only bounds are known, whatever the argument."""

    def encode(facts: Facts, _: z3.ArithRef) -> z3.ArithRef:
        value = facts.fresh(name)
        for bound in bounds:
            facts.assume(bound(value))
        return value

    return encode


def _signed_share(facts: Facts, a: z3.ArithRef) -> z3.ArithRef:
    share = facts.fresh("l1norm")
    facts.assume(z3.And(share <= 1, share >= -1, z3.Implies(a >= 0, share >= 0), z3.Implies(a <= 0, share <= 0)))
    return share


def _minmax(a: torch.Tensor) -> torch.Tensor:
    low, high = a.amin(-3, keepdim=True), a.amax(-3, keepdim=True)
    return guarded_division(a - low, high - low)


def _over_pixels(latex: str) -> Callable[[Latex], Latex]:
    """A big operator, which reaches over products but not over sums."""
    return lambda a: Latex(rf"{latex} {a.within(PRODUCT)}", SUM)


def _reduction(
    name: str, doc: str, kernel: Callable[..., torch.Tensor], encode: Any, latex: Any, source: str
) -> Function:
    """From a map to a number per channel."""
    return Function(
        name=name,
        signature=fixed(MAP, result=WEIGHT),
        sorts="Map → Weight",
        doc=doc,
        kernel=kernel,
        z3=encode,
        sympy=opaque(name),
        latex=latex,
        source=code(source),
    )


def _across(name: str, doc: str, kernel: Callable[..., torch.Tensor], encode: Any, source: str) -> Function:
    """From a number per channel to a number per channel, looking at all channels."""
    return Function(
        name=name,
        signature=fixed(WEIGHT, result=WEIGHT),
        sorts="Weight → Weight",
        doc=doc,
        kernel=kernel,
        z3=encode,
        sympy=opaque(name),
        latex=named(rf"\operatorname{{{name}}}_k"),
        source=code(source),
    )


def _unary(name: str, doc: str, kernel: Any, encode: Any, symbolic: Any, latex: Any, source: str) -> Function:
    return Function(
        name=name,
        signature=_pointwise(1),
        sorts="σ → σ",
        doc=doc,
        kernel=kernel,
        z3=encode,
        sympy=symbolic,
        latex=latex,
        source=code(source),
    )


def _binary(
    name: str, doc: str, kernel: Any, encode: Any, symbolic: Any, latex: Any, source: str, **properties: Any
) -> Function:
    return Function(
        name=name,
        signature=_pointwise(2),
        sorts="σ τ → the larger of σ, τ",
        doc=doc,
        kernel=kernel,
        z3=encode,
        sympy=symbolic,
        latex=latex,
        source=code(source),
        **properties,
    )


def _minus(a: Latex) -> Latex:
    return Latex(f"-{a.within(PRODUCT)}", SUM)


def _fraction(a: Latex, b: Latex) -> Latex:
    return Latex(rf"\frac{{{a.text}}}{{{b.text}}}", PRODUCT)


GUARDED = r"\dagger"
"""Marks a fraction that is 0 where its denominator vanishes."""


def _guarded_fraction(a: Latex, b: Latex) -> Latex:
    return Latex(rf"\frac{{{a.text}}}{{{b.text}}}^{{{GUARDED}}}", PRODUCT)


_RELU = named(r"\operatorname{ReLU}")


_SUMS = {"commutative": True, "associative": True}

CAM = Theory.of(
    "CAM",
    (MAP, WEIGHT, REAL, INT),
    _binary("+", "Sum.", torch.add, lambda _, a, b: a + b, lambda a, b: a + b, added, "{0} + {1}", **_SUMS),
    _binary(
        "*",
        "Product.",
        torch.mul,
        lambda _, a, b: a * b,
        lambda a, b: a * b,
        infix(r" \, ", PRODUCT),
        "{0} * {1}",
        **_SUMS,
    ),
    _binary(
        "-",
        "Difference.",
        torch.sub,
        lambda _, a, b: a - b,
        lambda a, b: a - b,
        lambda a, b: Latex(f"{a.within(SUM)} - {b.within(PRODUCT)}", SUM),
        "{0} - {1}",
    ),
    _unary("-", "Negation.", torch.neg, lambda _, a: -a, lambda a: -a, _minus, "-{0}"),
    _unary("neg", "Negation.", torch.neg, lambda _, a: -a, lambda a: -a, _minus, "-{0}"),
    _binary(
        "/",
        "Strict division: legal only where the denominator is proved nonzero.",
        torch.div,
        lambda _, a, b: a / b,
        lambda a, b: a / b,
        _fraction,
        "{0} / {1}",
        nonzero=(1,),
    ),
    _binary(
        "div0",
        "Total division: 0 where the denominator is below 1e-12 in magnitude.",
        guarded_division,
        lambda _, a, b: z3.If(z3.And(b < GUARD, b > -GUARD), 0, a / b),
        lambda a, b: a / b,
        _guarded_fraction,
        "guarded_division({0}, {1})",
    ),
    _binary(
        "max",
        "The larger.",
        torch.maximum,
        lambda _, a, b: z3.If(a >= b, a, b),
        lambda a, b: sympy.Max(a, b),
        named(r"\max"),
        "torch.maximum({0}, {1})",
        **_SUMS,
    ),
    _binary(
        "min",
        "The smaller.",
        torch.minimum,
        lambda _, a, b: z3.If(a <= b, a, b),
        lambda a, b: sympy.Min(a, b),
        named(r"\min"),
        "torch.minimum({0}, {1})",
        **_SUMS,
    ),
    _unary(
        "relu",
        "The positive part.",
        torch.relu,
        lambda _, a: z3.If(a > 0, a, 0),
        lambda a: sympy.Max(a, 0),
        _RELU,
        "torch.relu({0})",
    ),
    _unary(
        "abs",
        "The magnitude.",
        torch.abs,
        lambda _, a: z3.If(a >= 0, a, -a),
        lambda a: sympy.Abs(a),
        lambda a: Latex(rf"\left|{a.text}\right|"),
        "torch.abs({0})",
    ),
    _unary(
        "square",
        "The square.",
        torch.square,
        lambda _, a: a * a,
        lambda a: a**2,
        lambda a: Latex(rf"\left({a.text}\right)^2", POWER),
        "torch.square({0})",
    ),
    _unary(
        "sqrt0",
        "The square root of the positive part.",
        lambda a: torch.sqrt(torch.relu(a)),
        _square_root,
        lambda a: sympy.sqrt(sympy.Max(a, 0)),
        lambda a: Latex(rf"\sqrt{{{_RELU(a).text}}}"),
        "torch.sqrt(torch.relu({0}))",
    ),
    _unary(
        "exp", "The exponential.", torch.exp, _exponential, lambda a: sympy.exp(a), named(r"\exp"), "torch.exp({0})"
    ),
    _unary(
        "log1p",
        "ln(1 + x) of the positive part x.",
        lambda a: torch.log1p(torch.relu(a)),
        _logarithm,
        lambda a: sympy.log(1 + sympy.Max(a, 0)),
        lambda a: named(r"\ln")(Latex(f"1 + {_RELU(a).text}")),
        "torch.log1p(torch.relu({0}))",
    ),
    _unary(
        "sign",
        "-1, 0 or 1.",
        torch.sign,
        lambda _, a: z3.If(a > 0, z3.RealVal(1), z3.If(a < 0, z3.RealVal(-1), z3.RealVal(0))),
        lambda a: sympy.sign(a),
        named(r"\operatorname{sign}"),
        "torch.sign({0})",
    ),
    _reduction(
        "gap",
        "Mean over the pixels (global average pooling).",
        lambda a: a.mean((-2, -1), keepdim=True),
        _between("gap"),
        _over_pixels(r"\frac{1}{Z}\sum_i\sum_j"),
        "{0}.mean((-2, -1), keepdim=True)",
    ),
    _reduction(
        "gmp",
        "Maximum over the pixels (global maximum pooling).",
        lambda a: a.amax((-2, -1), keepdim=True),
        _between("gmp"),
        _over_pixels(r"\max_{i,j}"),
        "{0}.amax((-2, -1), keepdim=True)",
    ),
    _reduction(
        "total",
        "Sum over the pixels.",
        lambda a: a.sum((-2, -1), keepdim=True),
        _between("total"),
        _over_pixels(r"\sum_i\sum_j"),
        "{0}.sum((-2, -1), keepdim=True)",
    ),
    _reduction(
        "spatial-std",
        "Standard deviation over the pixels, without Bessel's correction.",
        lambda a: a.std((-2, -1), correction=0, keepdim=True),
        _bounded("spatial-std", lambda value: value >= 0),
        named(r"\operatorname{std}_{i,j}"),
        "{0}.std((-2, -1), correction=0, keepdim=True)",
    ),
    _across(
        "softmax",
        "Softmax over the channels.",
        lambda a: torch.softmax(a, -3),
        _bounded("softmax", lambda value: value > 0, lambda value: value <= 1),
        "torch.softmax({0}, -3)",
    ),
    _across(
        "minmax",
        "Scaled to [0, 1] over the channels; 0 where all are equal.",
        _minmax,
        _bounded("minmax", lambda value: value >= 0, lambda value: value <= 1),
        "guarded_division({0} - {0}.amin(-3, keepdim=True), {0}.amax(-3, keepdim=True) - {0}.amin(-3, keepdim=True))",
    ),
    _across(
        "l1norm",
        "Divided by the sum of magnitudes over the channels; 0 where that is 0.",
        lambda a: guarded_division(a, a.abs().sum(-3, keepdim=True)),
        _signed_share,
        "guarded_division({0}, {0}.abs().sum(-3, keepdim=True))",
    ),
    _across(
        "center",
        "Minus the mean over the channels.",
        lambda a: a - a.mean(-3, keepdim=True),
        _bounded("center"),
        "{0} - {0}.mean(-3, keepdim=True)",
    ),
    includes=(CORE, COMPARISON),
    numerals=REAL,
)
