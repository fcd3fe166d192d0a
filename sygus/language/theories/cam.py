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


def _reduction(name: str, **faces: Any) -> Function:
    """From a map to a number per channel."""
    signature = fixed(MAP, result=WEIGHT)
    return Function(name=name, signature=signature, sorts="Map → Weight", sympy=opaque(name), **faces)


def _across(name: str, **faces: Any) -> Function:
    """From a number per channel to a number per channel, looking at all channels."""
    return Function(
        name=name,
        signature=fixed(WEIGHT, result=WEIGHT),
        sorts="Weight → Weight",
        sympy=opaque(name),
        latex=named(rf"\operatorname{{{name}}}_k"),
        **faces,
    )


def _unary(name: str, **faces: Any) -> Function:
    """Pointwise, of any rank."""
    return Function(name=name, signature=_pointwise(1), sorts="σ → σ", **faces)


def _binary(name: str, **faces: Any) -> Function:
    """Pointwise, of any ranks."""
    return Function(name=name, signature=_pointwise(2), sorts="σ τ → the larger of σ, τ", **faces)


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

_NEGATION: dict[str, Any] = {
    "doc": "Negation.",
    "kernel": torch.neg,
    "z3": lambda _, a: -a,
    "sympy": lambda a: -a,
    "latex": _minus,
    "source": code("-{0}"),
}
"""``-`` of one argument, also under a name of its own."""

CAM = Theory.of(
    "CAM",
    (MAP, WEIGHT, REAL, INT),
    _binary(
        "+",
        doc="Sum.",
        kernel=torch.add,
        z3=lambda _, a, b: a + b,
        sympy=lambda a, b: a + b,
        latex=added,
        source=code("{0} + {1}"),
        **_SUMS,
    ),
    _binary(
        "*",
        doc="Product.",
        kernel=torch.mul,
        z3=lambda _, a, b: a * b,
        sympy=lambda a, b: a * b,
        latex=infix(r" \, ", PRODUCT),
        source=code("{0} * {1}"),
        **_SUMS,
    ),
    _binary(
        "-",
        doc="Difference.",
        kernel=torch.sub,
        z3=lambda _, a, b: a - b,
        sympy=lambda a, b: a - b,
        latex=lambda a, b: Latex(f"{a.within(SUM)} - {b.within(PRODUCT)}", SUM),
        source=code("{0} - {1}"),
    ),
    _unary("-", **_NEGATION),
    _unary("neg", **_NEGATION),
    _binary(
        "/",
        doc="Strict division: legal only where the denominator is proved nonzero.",
        kernel=torch.div,
        z3=lambda _, a, b: a / b,
        sympy=lambda a, b: a / b,
        latex=_fraction,
        source=code("{0} / {1}"),
        nonzero=(1,),
    ),
    _binary(
        "div0",
        doc="Total division: 0 where the denominator is below 1e-12 in magnitude.",
        kernel=guarded_division,
        z3=lambda _, a, b: z3.If(z3.And(b < GUARD, b > -GUARD), 0, a / b),
        sympy=lambda a, b: a / b,
        latex=_guarded_fraction,
        source=code("guarded_division({0}, {1})"),
    ),
    _binary(
        "max",
        doc="The larger.",
        kernel=torch.maximum,
        z3=lambda _, a, b: z3.If(a >= b, a, b),
        sympy=lambda a, b: sympy.Max(a, b),
        latex=named(r"\max"),
        source=code("torch.maximum({0}, {1})"),
        **_SUMS,
    ),
    _binary(
        "min",
        doc="The smaller.",
        kernel=torch.minimum,
        z3=lambda _, a, b: z3.If(a <= b, a, b),
        sympy=lambda a, b: sympy.Min(a, b),
        latex=named(r"\min"),
        source=code("torch.minimum({0}, {1})"),
        **_SUMS,
    ),
    _unary(
        "relu",
        doc="The positive part.",
        kernel=torch.relu,
        z3=lambda _, a: z3.If(a > 0, a, 0),
        sympy=lambda a: sympy.Max(a, 0),
        latex=_RELU,
        source=code("torch.relu({0})"),
    ),
    _unary(
        "abs",
        doc="The magnitude.",
        kernel=torch.abs,
        z3=lambda _, a: z3.If(a >= 0, a, -a),
        sympy=lambda a: sympy.Abs(a),
        latex=lambda a: Latex(rf"\left|{a.text}\right|"),
        source=code("torch.abs({0})"),
    ),
    _unary(
        "square",
        doc="The square.",
        kernel=torch.square,
        z3=lambda _, a: a * a,
        sympy=lambda a: a**2,
        latex=lambda a: Latex(rf"\left({a.text}\right)^2", POWER),
        source=code("torch.square({0})"),
    ),
    _unary(
        "sqrt0",
        doc="The square root of the positive part.",
        kernel=lambda a: torch.sqrt(torch.relu(a)),
        z3=_square_root,
        sympy=lambda a: sympy.sqrt(sympy.Max(a, 0)),
        latex=lambda a: Latex(rf"\sqrt{{{_RELU(a).text}}}"),
        source=code("torch.sqrt(torch.relu({0}))"),
    ),
    _unary(
        "exp",
        doc="The exponential.",
        kernel=torch.exp,
        z3=_exponential,
        sympy=lambda a: sympy.exp(a),
        latex=named(r"\exp"),
        source=code("torch.exp({0})"),
    ),
    _unary(
        "log1p",
        doc="ln(1 + x) of the positive part x.",
        kernel=lambda a: torch.log1p(torch.relu(a)),
        z3=_logarithm,
        sympy=lambda a: sympy.log(1 + sympy.Max(a, 0)),
        latex=lambda a: named(r"\ln")(Latex(f"1 + {_RELU(a).text}")),
        source=code("torch.log1p(torch.relu({0}))"),
    ),
    _unary(
        "sign",
        doc="-1, 0 or 1.",
        kernel=torch.sign,
        z3=lambda _, a: z3.If(a > 0, z3.RealVal(1), z3.If(a < 0, z3.RealVal(-1), z3.RealVal(0))),
        sympy=lambda a: sympy.sign(a),
        latex=named(r"\operatorname{sign}"),
        source=code("torch.sign({0})"),
    ),
    _reduction(
        "gap",
        doc="Mean over the pixels (global average pooling).",
        kernel=lambda a: a.mean((-2, -1), keepdim=True),
        z3=_between("gap"),
        latex=_over_pixels(r"\frac{1}{Z}\sum_i\sum_j"),
        source=code("{0}.mean((-2, -1), keepdim=True)"),
    ),
    _reduction(
        "gmp",
        doc="Maximum over the pixels (global maximum pooling).",
        kernel=lambda a: a.amax((-2, -1), keepdim=True),
        z3=_between("gmp"),
        latex=_over_pixels(r"\max_{i,j}"),
        source=code("{0}.amax((-2, -1), keepdim=True)"),
    ),
    _reduction(
        "total",
        doc="Sum over the pixels.",
        kernel=lambda a: a.sum((-2, -1), keepdim=True),
        z3=_between("total"),
        latex=_over_pixels(r"\sum_i\sum_j"),
        source=code("{0}.sum((-2, -1), keepdim=True)"),
    ),
    _reduction(
        "spatial-std",
        doc="Standard deviation over the pixels, without Bessel's correction.",
        kernel=lambda a: a.std((-2, -1), correction=0, keepdim=True),
        z3=_bounded("spatial-std", lambda value: value >= 0),
        latex=named(r"\operatorname{std}_{i,j}"),
        source=code("{0}.std((-2, -1), correction=0, keepdim=True)"),
    ),
    _across(
        "softmax",
        doc="Softmax over the channels.",
        kernel=lambda a: torch.softmax(a, -3),
        z3=_bounded("softmax", lambda value: value > 0, lambda value: value <= 1),
        source=code("torch.softmax({0}, -3)"),
    ),
    _across(
        "minmax",
        doc="Scaled to [0, 1] over the channels; 0 where all are equal.",
        kernel=_minmax,
        z3=_bounded("minmax", lambda value: value >= 0, lambda value: value <= 1),
        source=code(
            "guarded_division({0} - {0}.amin(-3, keepdim=True), "
            "{0}.amax(-3, keepdim=True) - {0}.amin(-3, keepdim=True))"
        ),
    ),
    _across(
        "l1norm",
        doc="Divided by the sum of magnitudes over the channels; 0 where that is 0.",
        kernel=lambda a: guarded_division(a, a.abs().sum(-3, keepdim=True)),
        z3=_signed_share,
        source=code("guarded_division({0}, {0}.abs().sum(-3, keepdim=True))"),
    ),
    _across(
        "center",
        doc="Minus the mean over the channels.",
        kernel=lambda a: a - a.mean(-3, keepdim=True),
        z3=_bounded("center"),
        source=code("{0} - {0}.mean(-3, keepdim=True)"),
    ),
    includes=(CORE, COMPARISON),
    numerals=REAL,
)
