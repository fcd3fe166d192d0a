"""The theory CAM: expressions of class activation maps, written for one channel as the papers write them.

Sorts: ``Map``, an h×w map per channel; ``Weight``, a number per channel; ``Heatmap``, an h×w map per picture;
``Saliency``, an H×W map per picture, on the picture's own grid; ``Real``, a number per picture. See the table in
:mod:`sygus.language.theories.ranks` for their shapes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import z3

from sygus.deferred import Deferred, sympy, torch
from sygus.language.terms import INT, REAL, Definition, Sort, Variable, leaf, term
from sygus.language.theories.arithmetic import COMPARISON
from sygus.language.theories.core import CORE
from sygus.language.theories.function import (
    POWER,
    PRODUCT,
    SUM,
    Facts,
    Function,
    Latex,
    Macro,
    Theory,
    added,
    code,
    infix,
    named,
)
from sygus.language.theories.ranks import (
    FAMILIES,
    HEATMAP,
    MAP,
    SALIENCY,
    WEIGHT,
    at_layer,
    find_rank,
    layer_of,
    named_at,
    pointwise,
    remedy,
)
from sygus.language.theories.regions import AMONG_CHANNELS, AMONG_PIXELS, CHANNEL_SUM, OVER_CHANNELS, OVER_PIXELS, UP

if TYPE_CHECKING:
    from sygus.language.theories import guards
else:
    guards = Deferred("sygus.language.theories.guards")


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


def _hyperbolic_tangent(facts: Facts, a: z3.ArithRef) -> z3.ArithRef:
    """It has the sign of a, and its magnitude lies between |a| / (1 + |a|) and |a|, and below 1."""
    value = facts.fresh("tanh")
    size, magnitude = (z3.If(one >= 0, one, -one) for one in (a, value))
    facts.assume(z3.And(magnitude <= size, magnitude < 1, magnitude * (1 + size) >= size))
    facts.assume(z3.And(z3.Implies(a > 0, value > 0), z3.Implies(a < 0, value < 0)))
    return value


def _unary(name: str, **faces: Any) -> Function:
    """Pointwise, of any rank."""
    return Function(name=name, signature=pointwise(1), sorts="σ → σ", **faces)


def _binary(name: str, **faces: Any) -> Function:
    """Pointwise, of any ranks whose axes are of one place."""
    return Function(name=name, signature=pointwise(2), sorts="σ τ → the axes of both", **faces)


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
    "kernel": lambda a: torch.neg(a),
    "z3": lambda _, a: -a,
    "sympy": lambda a: -a,
    "latex": _minus,
    "source": code("-{0}"),
}
"""``-`` of one argument, also under a name of its own."""

PRODUCT_OF_TWO = _binary(
    "*",
    doc="Product.",
    kernel=lambda a, b: torch.mul(a, b),
    z3=lambda _, a, b: a * b,
    sympy=lambda a, b: a * b,
    latex=infix(r" \, ", PRODUCT),
    source=code("{0} * {1}"),
    **_SUMS,
)


def _power(facts: Facts, a: z3.ArithRef, _: z3.ArithRef) -> z3.ArithRef:
    power = facts.fresh("power")
    facts.assume(z3.If(a > 0, power > 0, power == 0))
    return power


def activation_at(layer: str) -> Variable:
    """The feature maps A of a layer, which every CAM sums up."""
    return Variable(named_at("activation", layer), at_layer(MAP, layer))


def _cam(sorts: tuple[Sort, ...]) -> Definition | None:
    rank = find_rank(sorts[0]) if len(sorts) == 1 else None
    if rank is None or not rank.channels:
        return None
    weight, activation = Variable("w", sorts[0]), activation_at(layer_of(sorts[0]))
    weighted = term(PRODUCT_OF_TWO, (leaf(weight), leaf(activation)), activation.sort)
    summed = term(CHANNEL_SUM, (weighted,), at_layer(HEATMAP, layer_of(sorts[0])))
    return Definition("cam", (weight,), summed.sort, summed)


CAM_SUM = Macro(
    name="cam",
    sorts="Weight → Heatmap, Map → Heatmap",
    doc="The sum Σ_k w_k A_k over the channels, of the weight's layer, that every class activation map ends in.",
    build=_cam,
)

CAM = Theory.of(
    "CAM",
    (MAP, HEATMAP, WEIGHT, SALIENCY, REAL, INT),
    _binary(
        "+",
        doc="Sum.",
        kernel=lambda a, b: torch.add(a, b),
        z3=lambda _, a, b: a + b,
        sympy=lambda a, b: a + b,
        latex=added,
        source=code("{0} + {1}"),
        **_SUMS,
    ),
    PRODUCT_OF_TWO,
    _binary(
        "-",
        doc="Difference.",
        kernel=lambda a, b: torch.sub(a, b),
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
        kernel=lambda a, b: torch.div(a, b),
        z3=lambda _, a, b: a / b,
        sympy=lambda a, b: a / b,
        latex=_fraction,
        source=code("{0} / {1}"),
        nonzero=(1,),
    ),
    _binary(
        "div0",
        doc="Total division: 0 where the denominator is below 1e-12 in magnitude.",
        kernel=lambda a, b: guards.guarded_division(a, b),
        z3=lambda _, a, b: z3.If(z3.And(b < guards.GUARD, b > -guards.GUARD), 0, a / b),
        sympy=lambda a, b: a / b,
        latex=_guarded_fraction,
        source=code("guarded_division({0}, {1})"),
    ),
    _binary(
        "max",
        doc="The larger.",
        kernel=lambda a, b: torch.maximum(a, b),
        z3=lambda _, a, b: z3.If(a >= b, a, b),
        sympy=lambda a, b: sympy.Max(a, b),
        latex=named(r"\max"),
        source=code("torch.maximum({0}, {1})"),
        **_SUMS,
    ),
    _binary(
        "min",
        doc="The smaller.",
        kernel=lambda a, b: torch.minimum(a, b),
        z3=lambda _, a, b: z3.If(a <= b, a, b),
        sympy=lambda a, b: sympy.Min(a, b),
        latex=named(r"\min"),
        source=code("torch.minimum({0}, {1})"),
        **_SUMS,
    ),
    _unary(
        "relu",
        doc="The positive part.",
        kernel=lambda a: torch.relu(a),
        z3=lambda _, a: z3.If(a > 0, a, 0),
        sympy=lambda a: sympy.Max(a, 0),
        latex=_RELU,
        source=code("torch.relu({0})"),
    ),
    _unary(
        "abs",
        doc="The magnitude.",
        kernel=lambda a: torch.abs(a),
        z3=lambda _, a: z3.If(a >= 0, a, -a),
        sympy=lambda a: sympy.Abs(a),
        latex=lambda a: Latex(rf"\left|{a.text}\right|"),
        source=code("torch.abs({0})"),
    ),
    _unary(
        "square",
        doc="The square.",
        kernel=lambda a: torch.square(a),
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
    _binary(
        "power",
        doc="The power of the positive part; 0 where that is 0.",
        kernel=lambda a, b: guards.positive_power(a, b),
        z3=_power,
        sympy=lambda a, b: sympy.Max(a, 0) ** b,
        latex=lambda a, b: Latex(rf"{{{_RELU(a).text}}}^{{{b.text}}}", POWER),
        source=code("positive_power({0}, {1})"),
    ),
    _unary(
        "exp",
        doc="The exponential.",
        kernel=lambda a: torch.exp(a),
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
        "tanh",
        doc="The hyperbolic tangent.",
        kernel=lambda a: torch.tanh(a),
        z3=_hyperbolic_tangent,
        sympy=lambda a: sympy.tanh(a),
        latex=named(r"\tanh"),
        source=code("torch.tanh({0})"),
    ),
    _unary(
        "sign",
        doc="-1, 0 or 1.",
        kernel=lambda a: torch.sign(a),
        z3=lambda _, a: z3.If(a > 0, z3.RealVal(1), z3.If(a < 0, z3.RealVal(-1), z3.RealVal(0))),
        sympy=lambda a: sympy.sign(a),
        latex=named(r"\operatorname{sign}"),
        source=code("torch.sign({0})"),
    ),
    *OVER_PIXELS,
    *OVER_CHANNELS,
    *AMONG_PIXELS,
    *AMONG_CHANNELS,
    CAM_SUM,
    UP,
    includes=(CORE, COMPARISON),
    families=FAMILIES,
    numerals=REAL,
    remedy=remedy,
)
