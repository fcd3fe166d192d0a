"""Every function of the theory CAM, in all its meanings, against an independent reference."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
import sympy
import torch
import z3

from sygus.language.terms import BOOL, INT, REAL, Sort
from sygus.language.theories import Function
from sygus.language.theories.cam import CAM
from sygus.language.theories.function import ATOM, CONNECTIVE, POWER, PRODUCT, RELATION, SUM, Latex
from sygus.language.theories.guards import GUARD
from sygus.language.theories.ranks import HEATMAP, MAP, SALIENCY, WEIGHT

N, K, H, W = 5, 4, 3, 2
SIZE = (5, 4)
"""Of the pictures."""
SHAPES = {MAP: (N, K, H, W), WEIGHT: (N, K, 1, 1), HEATMAP: (N, 1, H, W), SALIENCY: (N, 1, *SIZE)}
SORTS = (MAP, WEIGHT, HEATMAP, SALIENCY, REAL, INT, BOOL)
ARGUMENTS = [sorts for arity in (1, 2, 3) for sorts in product(SORTS, repeat=arity)]
CASES = [
    pytest.param(function, sorts, id=f"{function.name} {' '.join(map(str, sorts))}")
    for function in CAM.functions
    for sorts in ARGUMENTS
    if function.signature(sorts) is not None
]
every_case = pytest.mark.parametrize(("function", "sorts"), CASES)
every_function = pytest.mark.parametrize("function", CAM.functions, ids=lambda f: f"{f.name}-{f.sorts.split(' → ')[0]}")

Array = np.ndarray[Any, Any]


def guarded(a: Array, b: Array) -> Array:
    return np.divide(a, b, out=np.zeros(np.broadcast_shapes(a.shape, b.shape)), where=~np.isclose(b, 0, 0, 1e-12))


def softmax(a: Array) -> Array:
    powers = np.exp(a - a.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def power(a: Array, b: Array) -> Array:
    return np.where(a > 0, np.where(a > 0, a, 1.0) ** b, 0.0)


def unit(a: Array) -> Array:
    low, high = a.min((2, 3), keepdims=True), a.max((2, 3), keepdims=True)
    return np.where(high > low, (a - low) / np.where(high > low, high - low, 1.0), 0.0)


def blurred(a: Array, width: Array) -> Array:
    """The definition, pixel by pixel."""
    result = np.zeros_like(a)
    height, width_ = a.shape[2:]
    for n, i, j in product(range(N), range(height), range(width_)):
        sigma = width[n, 0, 0, 0]
        if sigma <= 0:
            result[n, :, i, j] = a[n, :, i, j]
            continue
        rows = np.exp(-((np.arange(height) - i) ** 2) / (2 * sigma**2))
        columns = np.exp(-((np.arange(width_) - j) ** 2) / (2 * sigma**2))
        weights = np.outer(rows / rows.sum(), columns / columns.sum())
        result[n, :, i, j] = (a[n] * weights).sum((1, 2))
    return result


def between_cells(place: int, wanted: int, count: int) -> tuple[int, int, float]:
    """The two cells beside the centre of one of ``wanted`` equal pixels, and the share of the second."""
    at = min(max((place + 0.5) * count / wanted - 0.5, 0), count - 1)
    return int(at), min(int(at) + 1, count - 1), at - int(at)


def enlarged(a: Array) -> Array:
    """Bilinear interpolation, pixel by pixel."""
    result = np.zeros((N, 1, *SIZE))
    for i, j in product(*map(range, SIZE)):
        (top, bottom, down), (left, right, along) = between_cells(i, SIZE[0], H), between_cells(j, SIZE[1], W)
        upper = a[:, :, top, left] * (1 - along) + a[:, :, top, right] * along
        lower = a[:, :, bottom, left] * (1 - along) + a[:, :, bottom, right] * along
        result[:, :, i, j] = upper * (1 - down) + lower * down
    return result


def minus(*arguments: Array) -> Array:
    return -arguments[0] if len(arguments) == 1 else arguments[0] - arguments[1]


def chained(compare: Callable[[Array, Array], Array]) -> Callable[..., Array]:
    return lambda *xs: np.logical_and.reduce([compare(xs[i], xs[i + 1]) for i in range(len(xs) - 1)])


REFERENCE: dict[str, Callable[..., Array]] = {
    "+": np.add,
    "*": np.multiply,
    "-": minus,
    "neg": np.negative,
    "/": np.divide,
    "div0": guarded,
    "max": np.maximum,
    "min": np.minimum,
    "relu": lambda a: np.maximum(a, 0),
    "abs": np.abs,
    "square": lambda a: a * a,
    "sqrt0": lambda a: np.sqrt(np.clip(a, 0, None)),
    "exp": np.exp,
    "log1p": lambda a: np.log(1 + np.clip(a, 0, None)),
    "tanh": np.tanh,
    "sign": np.sign,
    "power": power,
    "gap": lambda a: a.reshape(*a.shape[:2], -1).mean(-1)[..., None, None],
    "gmp": lambda a: a.reshape(*a.shape[:2], -1).max(-1)[..., None, None],
    "total": lambda a: a.reshape(*a.shape[:2], -1).sum(-1)[..., None, None],
    "spatial-std": lambda a: np.sqrt(((a - a.mean((2, 3), keepdims=True)) ** 2).mean((2, 3), keepdims=True)),
    "softmax": softmax,
    "minmax": lambda a: guarded(a - a.min(1, keepdims=True), np.ptp(a, axis=1, keepdims=True)),
    "l1norm": lambda a: guarded(a, np.abs(a).sum(1, keepdims=True)),
    "center": lambda a: a - a.mean(1, keepdims=True),
    "channel-sum": lambda a: a.sum(1, keepdims=True),
    "channel-mean": lambda a: a.sum(1, keepdims=True) / K,
    "channel-max": lambda a: a.max(1, keepdims=True),
    "unit": unit,
    "above-mean": lambda a: np.clip(a - a.sum((2, 3), keepdims=True) / (a.shape[2] * a.shape[3]), 0, None),
    "up": enlarged,
    "blur": blurred,
    "not": np.logical_not,
    "and": lambda *xs: np.logical_and.reduce(xs),
    "or": lambda *xs: np.logical_or.reduce(xs),
    "=>": lambda *xs: np.logical_or.reduce([*map(np.logical_not, xs[:-1]), xs[-1]]),
    "xor": lambda *xs: sum(x.astype(int) for x in xs) % 2 == 1,
    "=": chained(np.equal),
    "distinct": lambda *xs: np.logical_and.reduce([a != b for a, b in combinations(xs, 2)]),
    "<=": chained(np.less_equal),
    "<": chained(np.less),
    ">=": chained(np.greater_equal),
    ">": chained(np.greater),
    "ite": np.where,
}
FRESH = {"sqrt0", "exp", "log1p", "tanh"}
"""Pointwise functions of which Z3 knows only facts."""
POWERS = {"power"}
"""Pointwise functions of two arguments of which Z3 knows only facts."""
ACROSS = {function.name for function in CAM.functions if function.axis}
"""Functions that look at several pixels or channels."""
ALONE = sorted(ACROSS - {"blur"})
"""Those of one argument."""


def shape_of(sort: Sort) -> tuple[int, ...]:
    return SHAPES.get(sort, (N, 1, 1, 1))


def draw(sort: Sort, generator: np.random.Generator) -> Array:
    """Multiples of 1/4, so that zeros, signs and ties occur, or of 1."""
    if sort == BOOL:
        return generator.random(shape_of(sort)) < 0.5
    return generator.integers(-8, 9, shape_of(sort)) / (1 if sort == INT else 4)


def values(function: Function, sorts: tuple[Sort, ...], seed: int = 0) -> list[Array]:
    """Arguments in the domain of the function."""
    generator = np.random.default_rng(seed)
    drawn = [draw(sort, generator) for sort in sorts]
    for position in function.nonzero:
        drawn[position] = np.where(drawn[position] == 0, 1.5, drawn[position])
    return drawn


def kernel(function: Function, arguments: list[Array]) -> Array:
    result: Array = function.value([torch.from_numpy(one) for one in arguments], SIZE).numpy()
    return result


def points(arguments: list[Array], result: Array, count: int = 25) -> list[tuple[list[Any], Any]]:
    """The arguments and the result at some pixels of some channels."""
    arrays = (*arguments, result)
    shape = np.broadcast_shapes(*(array.shape for array in arrays))
    spread = [np.broadcast_to(array, shape).reshape(-1) for array in arrays]
    step = max(1, spread[0].size // count) | 1
    return [(list(row[:-1]), row[-1]) for row in zip(*(array[::step] for array in spread), strict=True)]


# Kernels


def test_the_reference_knows_every_function() -> None:
    assert {function.name for function in CAM.functions} <= set(REFERENCE)


@every_case
def test_the_kernel_computes_what_the_reference_does(function: Function, sorts: tuple[Sort, ...]) -> None:
    for seed in range(3):
        arguments = values(function, sorts, seed)
        result = kernel(function, arguments)
        np.testing.assert_allclose(result, REFERENCE[function.name](*arguments), rtol=1e-12, atol=1e-14)
        assert (result.dtype == np.bool_) == (function.signature(sorts) == BOOL)


@every_case
def test_the_value_has_the_shape_of_its_sort(function: Function, sorts: tuple[Sort, ...]) -> None:
    result = function.signature(sorts)
    assert result is not None
    assert kernel(function, values(function, sorts)).shape == shape_of(result)


@every_case
def test_leading_dimensions_are_carried_along(function: Function, sorts: tuple[Sort, ...]) -> None:
    first, second = values(function, sorts, 1), values(function, sorts, 2)
    stacked = kernel(function, [np.stack(pair) for pair in zip(first, second, strict=True)])
    np.testing.assert_array_equal(stacked, [kernel(function, first), kernel(function, second)])


def test_div0_is_zero_just_below_the_guard_and_divides_just_above() -> None:
    (divide,) = CAM.entries["div0"]
    below, above = np.full((1, 1, 1), GUARD * 0.999), np.full((1, 1, 1), GUARD * 1.001)
    for sign in (1, -1):
        assert kernel(divide, [np.ones((1, 1, 1)), sign * below]).item() == 0
        assert kernel(divide, [np.ones((1, 1, 1)), sign * above]).item() == pytest.approx(sign / (GUARD * 1.001))


@pytest.mark.parametrize(("name", "flat"), [("minmax", 0.0), ("center", 0.0), ("softmax", 1 / K), ("l1norm", 0.0)])
def test_equal_channels(name: str, flat: float) -> None:
    (function,) = CAM.entries[name]
    value = 0.0 if name == "l1norm" else 3.0
    np.testing.assert_allclose(kernel(function, [np.full((N, K, 1, 1), value)]), flat)


# Resolution


def test_no_symbol_has_two_entries_for_the_same_arguments() -> None:
    accepted = Counter((function.name, sorts) for function in CAM.functions for sorts in ARGUMENTS
                       if function.signature(sorts) is not None)  # fmt: skip
    assert max(accepted.values()) == 1


@every_case
def test_resolution_finds_the_entry(function: Function, sorts: tuple[Sort, ...]) -> None:
    assert CAM.resolve(function.name, sorts) == (function, function.signature(sorts))


@every_function
def test_a_function_accepts_something_and_not_everything(function: Function) -> None:
    accepted = [sorts for sorts in ARGUMENTS if function.signature(sorts) is not None]
    assert 0 < len(accepted) < len(ARGUMENTS)
    assert function.signature(()) is None
    assert all(function.signature(sorts) in CAM.sorts for sorts in accepted)
    assert function.doc.endswith(".")


def test_ranks_join_like_sets_of_axes() -> None:
    (add,) = CAM.entries["+"]
    axes = {REAL: set(), WEIGHT: {"channels"}, HEATMAP: {"pixels"}, MAP: {"channels", "pixels"}, SALIENCY: {"picture"}}
    known = list(axes.values())
    for a, b in product(axes, repeat=2):
        result, union = add.signature((a, b)), axes[a] | axes[b]
        assert result is None if union not in known else axes[result] == union
    assert add.signature((BOOL, REAL)) is None


def test_only_the_strict_division_restricts_an_argument() -> None:
    assert {f.name: f.nonzero for f in CAM.functions if f.nonzero} == {"/": (1,)}


# Algebraic properties

SAME = [(f, sort) for f in CAM.functions for sort in SORTS if f.signature((sort, sort)) is not None]


@pytest.mark.parametrize(("function", "sort"), SAME, ids=lambda x: getattr(x, "name", None))
def test_the_flags_state_what_the_kernel_does(function: Function, sort: Sort) -> None:
    a, b, c = (values(function, (sort, sort), seed)[1] for seed in range(3))

    def apply(x: Array, y: Array) -> Array:
        return kernel(function, [x, y])

    assert function.commutative == np.array_equal(apply(a, b), apply(b, a))
    regroups = function.signature((sort, sort)) == sort and np.allclose(apply(apply(a, b), c), apply(a, apply(b, c)))
    chain = function.name in ("=", "distinct")  # (= (= a b) c) is not (= a b c)
    assert function.associative == (regroups and not chain)


@every_function
def test_flags_are_of_functions_of_two_arguments(function: Function) -> None:
    if function.commutative or function.associative:
        assert any(function.signature((sort, sort)) is not None for sort in SORTS)


# Z3


class Recorder:
    """Collects what the Z3 form of a function states; knows the assumptions it is given."""

    def __init__(self, *known: z3.BoolRef) -> None:
        self.facts = list(known)
        self.constants: list[z3.ArithRef] = []

    def fresh(self, name: str) -> z3.ArithRef:
        self.constants.append(z3.Real(f"{name}!{len(self.constants)}"))
        return self.constants[-1]

    def assume(self, fact: z3.BoolRef) -> None:
        self.facts.append(fact)

    def proves(self, claim: z3.BoolRef) -> bool:
        solver = z3.Solver()
        solver.add(*self.facts, z3.Not(claim))
        return bool(solver.check() == z3.unsat)


def symbol(sort: Sort, index: int) -> z3.ExprRef:
    kind = {BOOL: z3.Bool, INT: z3.Int}.get(sort, z3.Real)
    return kind(f"x{index}")


def constant(value: Any, sort: Sort) -> z3.ExprRef:
    if sort == BOOL:
        return z3.BoolVal(bool(value))
    return z3.IntVal(int(value)) if sort == INT else z3.RealVal(str(Fraction(float(value))))


def number(expression: z3.ExprRef) -> bool | float:
    value = z3.simplify(expression)
    if z3.is_bool(value):
        assert z3.is_true(value) or z3.is_false(value)
        return bool(z3.is_true(value))
    return float(value.as_fraction() if z3.is_rational_value(value) else value.as_long())


@pytest.mark.parametrize(("function", "sorts"), [c for c in CASES if c.values[0].name not in FRESH | POWERS | ACROSS])
def test_the_z3_form_is_the_kernel_at_a_point(function: Function, sorts: tuple[Sort, ...]) -> None:
    arguments = values(function, sorts)
    symbols = [symbol(sort, i) for i, sort in enumerate(sorts)]
    recorder = Recorder()
    encoded = function.z3(recorder, *symbols)
    assert not recorder.facts
    assert not recorder.constants
    for given, expected in points(arguments, kernel(function, arguments)):
        pairs = [(s, constant(v, sort)) for s, v, sort in zip(symbols, given, sorts, strict=True)]
        assert number(z3.substitute(encoded, *pairs)) == pytest.approx(expected, rel=1e-12), given


def holds(facts: list[z3.BoolRef], near: list[tuple[z3.ArithRef, float]]) -> bool:
    """Whether the facts can be true where each constant has about this value."""
    solver = z3.Solver()
    solver.add(*facts)
    for value, about in near:
        exact = z3.RealVal(str(Fraction(about)))
        solver.add(value <= exact + 1e-9, value >= exact - 1e-9)
    return bool(solver.check() == z3.sat)


@pytest.mark.parametrize("name", sorted(FRESH))
def test_the_facts_of_a_fresh_value_hold_and_exclude_the_wrong_sign(name: str) -> None:
    (function,) = CAM.entries[name]
    a, recorder = z3.Real("a"), Recorder()
    result = function.z3(recorder, a)
    for value in (-3.0, -0.25, 0.0, 0.25, 1.0, 2.7):
        expected = float(REFERENCE[name](np.float64(value)))
        point = [*recorder.facts, a == z3.RealVal(str(Fraction(value)))]
        assert holds(point, [(result, expected)])
        assert not holds(point, [(result, -expected - 1)])


def test_the_facts_of_a_power_hold_and_exclude_the_wrong_sign() -> None:
    (function,) = CAM.entries["power"]
    a, b, recorder = z3.Real("a"), z3.Real("b"), Recorder()
    result = function.z3(recorder, a, b)
    for base, exponent in product((-3.0, 0.0, 0.25, 2.0), (-1.0, 0.0, 0.5, 3.0)):
        expected = float(power(np.float64(base), np.float64(exponent)))
        point = [*recorder.facts, *(x == z3.RealVal(str(Fraction(v))) for x, v in ((a, base), (b, exponent)))]
        assert holds(point, [(result, expected)])
        assert not holds(point, [(result, -expected - 1)])


def test_the_sign_of_what_is_smoothed_is_kept() -> None:
    (function,) = CAM.entries["blur"]
    recorder = Recorder(z3.Real("a") >= 0)
    assert recorder.proves(function.z3(recorder, z3.Real("a"), z3.Real("b")) >= 0)
    values_, width = draw(MAP, np.random.default_rng(0)), np.full((N, 1, 1, 1), 0.75)
    assert (kernel(function, [np.abs(values_), width]) >= 0).all()


DOMAINS: dict[str, tuple[Callable[[Any], Any], Callable[[Array], Array]]] = {
    "any": (lambda a: a == a, lambda x: x),
    "nonnegative": (lambda a: a >= 0, np.abs),
    "positive": (lambda a: a > 0, lambda x: np.abs(x) + 0.125),
    "nonpositive": (lambda a: a <= 0, lambda x: -np.abs(x)),
    "negative": (lambda a: a < 0, lambda x: -np.abs(x) - 0.125),
}


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("name", ALONE)
def test_the_facts_of_a_reduction_hold_on_random_values(name: str, domain: str) -> None:
    (function,) = CAM.entries[name]
    sort = next(sort for sort in (MAP, WEIGHT, HEATMAP) if function.signature((sort,)))
    fact, restrict = DOMAINS[domain]
    a = z3.Real("a")
    recorder = Recorder(fact(a))
    result = function.z3(recorder, a)
    arguments = [restrict(draw(sort, np.random.default_rng(3)))]
    arguments[0][0] = 0.0 if domain in ("any", "nonnegative", "nonpositive") else arguments[0][0]
    results = kernel(function, arguments)
    if function.sized:  # the pixels of the result are others, and any of the argument may be looked at
        arguments = [np.resize(one, results.shape) for one in arguments]
    seen = points(arguments, results, count=12)
    assert all(holds(recorder.facts, [(a, float(given)), (result, float(value))]) for (given,), value in seen)


@pytest.mark.parametrize("name", sorted(function.name for function in CAM.functions if function.axis == "pixels"))
def test_what_does_not_ask_where_pixels_lie_takes_them_in_any_order(name: str) -> None:
    """Those that do say so; layers of other dimensions are explained by the others, with their cells in a row."""
    (function,) = CAM.entries[name]
    sort = next(sort for sort in (MAP, HEATMAP) if function.signature((sort, *([REAL] if name == "blur" else []))))
    given = torch.rand((2, 3 if sort == MAP else 1, 4, 5), generator=torch.Generator().manual_seed(5))
    order = torch.randperm(20, generator=torch.Generator().manual_seed(6))
    further = [*([torch.tensor(1.0)] if name == "blur" else []), *([(8, 10)] if function.sized else [])]

    def mixed(maps: torch.Tensor) -> torch.Tensor:
        flat = maps.flatten(2)
        return flat[..., order].view(maps.shape) if flat.shape[2] == len(order) else maps

    one, other = function.kernel(mixed(given), *further), mixed(function.kernel(given, *further))
    alike = one.shape == other.shape and torch.allclose(one, other, atol=1e-6)
    assert alike != function.placed


REDUCTIONS = ("gap", "gmp", "total", "channel-sum", "channel-mean", "channel-max", "up")


@pytest.mark.parametrize(
    ("name", "domain", "claim"),
    [
        *((name, "positive", ">") for name in REDUCTIONS),
        *((name, "nonnegative", ">=") for name in (*REDUCTIONS, "l1norm")),
        *((name, "negative", "<") for name in REDUCTIONS),
        *((name, "nonpositive", "<=") for name in (*REDUCTIONS, "l1norm")),
        ("unit", "any", ">="),
        ("above-mean", "any", ">="),
        ("softmax", "any", ">"),
        ("minmax", "any", ">="),
        ("spatial-std", "any", ">="),
    ],
)
def test_what_is_known_of_the_sign(name: str, domain: str, claim: str) -> None:
    (function,) = CAM.entries[name]
    recorder = Recorder(DOMAINS[domain][0](z3.Real("a")))
    result = function.z3(recorder, z3.Real("a"))
    claims = {">": result > 0, ">=": result >= 0, "<": result < 0, "<=": result <= 0}
    assert recorder.proves(claims[claim])
    assert not recorder.proves(z3.BoolVal(False))


@pytest.mark.parametrize("name", [*REDUCTIONS, "l1norm", "center"])
def test_nothing_is_known_of_the_sign_without_that_of_the_argument(name: str) -> None:
    (function,) = CAM.entries[name]
    recorder = Recorder()
    result = function.z3(recorder, z3.Real("a"))
    assert not recorder.proves(result >= 0)
    assert not recorder.proves(result <= 0)


# SymPy


@every_case
def test_the_sympy_form_is_the_kernel_where_no_denominator_is_zero(function: Function, sorts: tuple[Sort, ...]) -> None:
    symbols = [sympy.Symbol(f"x{i}", **({} if s == BOOL else {"real": True})) for i, s in enumerate(sorts)]
    expression = function.sympy(*symbols)
    if function.name in ACROSS:
        assert expression.func.__name__ == function.name
        assert expression.args == tuple(symbols)
        return
    arguments = values(function, sorts)
    if function.name == "div0":
        arguments[1] = np.where(arguments[1] == 0, 1.5, arguments[1])
    if function.name in POWERS:
        arguments[0] = np.abs(arguments[0]) + 0.25
    for given, expected in points(arguments, kernel(function, arguments), count=10):
        exact = [bool(v) if sort == BOOL else sympy.Rational(float(v)) for v, sort in zip(given, sorts, strict=True)]
        found = expression.subs(dict(zip(symbols, exact, strict=True)))
        assert type(expected.item())(found) == pytest.approx(expected, rel=1e-12), given


# LaTeX

_TOKEN = re.compile(r"\\left|\\right|\\begin\{\w+\}|\\end\{\w+\}|\\[{}]|[{}]")


def balanced(text: str) -> bool:
    """Whether braces, \\left … \\right and environments nest."""
    closes = {"}": "{", r"\right": r"\left"}
    stack: list[str] = []
    for token in _TOKEN.findall(text):
        if token in ("{", r"\left") or token.startswith(r"\begin"):
            stack.append(token)
        elif token in closes or token.startswith(r"\end"):
            opening = closes.get(token) or token.replace("end", "begin")
            if not stack or stack.pop() != opening:
                return False
    return not stack


def test_balance_is_noticed() -> None:
    assert balanced(r"\frac{a}{b} \left(\begin{cases}x\end{cases}\right)")
    for wrong in (r"\frac{a}{b", "}{", r"\left(a", r"\left(\frac{a\right)}", r"\begin{cases}x\end{array}"):
        assert not balanced(wrong)


@every_case
def test_latex_is_balanced_and_shows_its_arguments(function: Function, sorts: tuple[Sort, ...]) -> None:
    levels = (CONNECTIVE, RELATION, SUM, PRODUCT, POWER, ATOM)
    for bindings in product(levels, repeat=len(sorts)):
        rendered = function.latex(*(Latex(f"x_{{{i}}}", binding) for i, binding in enumerate(bindings)))
        assert balanced(rendered.text)
        assert rendered.binding in levels
        assert all(f"x_{{{i}}}" in rendered.text for i in range(len(sorts)))


def test_latex_puts_parentheses_where_operators_bind_less_tightly() -> None:
    def latex(name: str, *arguments: Latex) -> Latex:
        found = CAM.resolve(name, (REAL,) * len(arguments))
        assert found is not None
        return found[0].latex(*arguments)

    a, b, c = Latex("a"), Latex("b"), Latex("c")
    total = latex("+", a, b)
    assert total.text == "a + b"
    assert latex("*", total, c).text == r"\left(a + b\right) \, c"
    assert latex("+", latex("*", a, b), c).text == r"a \, b + c"
    assert latex("-", a, total).text == r"a - \left(a + b\right)"
    assert latex("-", total, a).text == "a + b - a"
    assert latex("neg", total).text == r"-\left(a + b\right)"
    assert latex("*", latex("neg", a), b).text == r"\left(-a\right) \, b"
    assert latex("div0", total, c).text == r"\frac{a + b}{c}^{\dagger}"
    assert latex("/", total, c).text == r"\frac{a + b}{c}"
    assert latex("+", a, latex("neg", b)).text == "a - b"
    assert latex("+", latex("neg", a), latex("+", latex("neg", b), c)).text == "-a - b + c"
    assert latex("log1p", a).text == r"\ln\left(1 + \operatorname{ReLU}\left(a\right)\right)"
    assert latex("sqrt0", a).text == r"\sqrt{\operatorname{ReLU}\left(a\right)}"
    assert latex("square", latex("square", a)).text == r"\left(\left(a\right)^2\right)^2"
    assert latex("abs", total).text == r"\left|a + b\right|"
