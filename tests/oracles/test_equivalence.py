"""Value signatures tell apart what differs and nothing else; normal forms and SymPy agree with them."""

from __future__ import annotations

import random
from collections import defaultdict

import pytest
import sympy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cam_terms import FEATURES, apply, read, terms
from sygus.language.terms import Definition, Term, Variable, leaf, term
from sygus.language.theories.ranks import MAP, WEIGHT
from sygus.oracles.cam import PROBE_SHAPE, probes
from sygus.oracles.equivalence import SMALLEST, Probes, canonical, normal_form, signatures
from sygus.saliency.features import alpha

PROPERTY = settings(max_examples=150)
NONNEGATIVE, ANY = (probes(FEATURES.values(), nonnegative=flag, seed=0) for flag in (True, False))
SEEDS = [probes(FEATURES.values(), nonnegative=True, seed=seed) for seed in range(1, 6)]
BOTH = [NONNEGATIVE, ANY, *SEEDS]


def same(on: Probes, one: str, other: str) -> bool:
    first, second = on.signature(read(one)), on.signature(read(other))
    assert first is not None
    assert second is not None
    return first == second


# Identities and near misses

IDENTITIES = [
    ("(+ activation gradient)", "(+ gradient activation)"),
    ("(+ (+ activation gradient) alpha)", "(+ activation (+ gradient alpha))"),
    ("(* activation (+ gradient alpha))", "(+ (* activation gradient) (* activation alpha))"),
    ("(square (+ activation gradient))",
     "(+ (+ (square activation) (square gradient)) (* 2 (* activation gradient)))"),
    ("(- gradient)", "(neg gradient)"),
    ("(- activation gradient)", "(+ activation (neg gradient))"),
    ("(relu gradient)", "(* 0.5 (+ gradient (abs gradient)))"),
    ("(max activation gradient)", "(neg (min (neg activation) (neg gradient)))"),
    ("(gap (+ activation gradient))", "(+ (gap activation) (gap gradient))"),
    ("(gap (* gradient logit))", "(* logit (gap gradient))"),
    ("(softmax (gap gradient))", "(softmax (center (gap gradient)))"),
    ("(minmax (gap gradient))", "(minmax (+ (* 3 (gap gradient)) logit))"),
    ("(sqrt0 (square gradient))", "(abs gradient)"),
    ("(exp (+ logit probability))", "(* (exp logit) (exp probability))"),
    ("(- gradient gradient)", "(* 0 activation)"),
    ("(div0 gradient 0)", "(* 0 gradient)"),
    ("(div0 (div0 gradient probability) 2)", "(div0 gradient (* 2 probability))"),
]  # fmt: skip
NEAR_MISSES = [
    ("(+ (* 2 (gap gradient)) (gap activation))", "(+ (gap gradient) (gap activation))"),
    ("(gap gradient)", "(* 2 (gap gradient))"),
    ("(gap (* activation gradient))", "(* (gap activation) (gap gradient))"),
    ("(gap (relu gradient))", "(relu (gap gradient))"),
    ("(gap gradient)", "(total gradient)"),
    *(("(total gradient)", f"(* {number} (gap gradient))") for number in (1, 2, 3, 4, 6, 8)),
    ("(gap gradient)", "(gmp gradient)"),
    ("(gmp gradient)", "(relu (gmp gradient))"),
    ("(gap (relu alpha))", "(relu (gap alpha))"),
    ("(gmp gradient)", "(+ (gap gradient) (spatial-std gradient))"),
    ("(relu logit)", "logit"),
    ("gradient", "(neg gradient)"),
    ("(abs gradient)", "gradient"),
    ("(sign gradient)", "gradient"),
    ("(div0 (relu gradient) (relu gradient))", "(exp (* 0 gradient))"),
    ("(square (square gradient))", "(square gradient)"),
    ("(softmax (gap gradient))", "(l1norm (gap gradient))"),
    ("(+ 1 gradient)", "(+ 1.00001 gradient)"),
    ("alpha", "(div0 1 (+ 2 (* gradient (total activation))))"),
]
ONLY_WHERE_NONNEGATIVE = [
    ("(relu activation)", "activation"),
    ("(abs activation)", "activation"),
    ("(div0 activation activation)", "(sign activation)"),
    ("(square (sqrt0 activation))", "activation"),
    ("(gap (abs activation))", "(gap activation)"),
    ("(max activation 0)", "activation"),
]
ZERO_SOMEWHERE = [
    ("(div0 gradient gradient)", "(exp (* 0 gradient))"),
    ("(abs (sign gradient))", "(exp (* 0 gradient))"),
    ("(div0 (* gradient activation) gradient)", "activation"),
    ("(div0 (gap gradient) (gap gradient))", "(exp (* 0 (gap gradient)))"),
    ("(div0 (gap activation) (gap activation))", "(exp (* 0 (gap activation)))"),
]


@pytest.mark.parametrize(("one", "other"), IDENTITIES)
def test_identities_share_a_signature(one: str, other: str) -> None:
    assert all(same(on, one, other) for on in BOTH)


@pytest.mark.parametrize(("one", "other"), NEAR_MISSES)
def test_near_misses_do_not(one: str, other: str) -> None:
    assert not any(same(on, one, other) for on in BOTH)


@pytest.mark.parametrize(("one", "other"), ONLY_WHERE_NONNEGATIVE)
def test_some_identities_hold_only_for_nonnegative_activations(one: str, other: str) -> None:
    assert all(same(on, one, other) for on in (NONNEGATIVE, *SEEDS))
    assert not same(ANY, one, other)


@pytest.mark.parametrize(("one", "other"), ZERO_SOMEWHERE)
def test_activations_and_gradients_are_zero_somewhere(one: str, other: str) -> None:
    assert not any(same(on, one, other) for on in (NONNEGATIVE, *SEEDS))


def test_scaling_is_no_congruence() -> None:
    """The reason why equality up to scale may not prune: it does not survive addition."""
    assert not same(NONNEGATIVE, "(+ (* 2 (gap gradient)) (gap alpha))", "(* 2 (+ (gap gradient) (gap alpha)))")


# Probes


def test_probes_respect_domains_and_definitions() -> None:
    for on in BOTH:
        value = {variable.name: tensor for variable, tensor in on.values.items()}
        assert value["activation"].shape == PROBE_SHAPE
        assert bool(((value["probability"] > 0) & (value["probability"] < 1)).all())
        assert bool((value["gradient"] > 0).any())
        assert bool((value["gradient"] < 0).any())
        assert torch.equal(value["alpha"], alpha(value["activation"], value["gradient"]))
        assert all(tensor.dtype == torch.float64 for tensor in value.values())
    assert bool((NONNEGATIVE.values[FEATURES["activation"]] >= 0).all())
    assert bool((ANY.values[FEATURES["activation"]] < 0).any())


def test_probes_depend_on_the_seed_alone() -> None:
    one, other = (probes(FEATURES.values(), nonnegative=True, seed=1) for _ in range(2))
    assert all(torch.equal(one.values[v], other.values[v]) for v in FEATURES.values())
    assert one.signature(read("gradient")) != NONNEGATIVE.signature(read("gradient"))


def test_a_feature_has_the_same_values_whichever_others_are_asked_for() -> None:
    alone = probes([FEATURES["alpha"]], nonnegative=True, seed=0)
    assert alone.signature(read("alpha")) == NONNEGATIVE.signature(read("alpha"))


# Rounding


def noisy(values: torch.Tensor, relative: float) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return values * (1 + relative * (2 * torch.rand(values.shape, generator=generator, dtype=torch.float64) - 1))


def test_rounding_errors_leave_the_signature_alone() -> None:
    values = torch.randn(5000, 48, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    keys, _ = signatures(values)
    assert int((signatures(noisy(values, 1e-12))[0] != keys).sum()) <= 5  # a few lie on the edge of a bucket
    quarters = (values * 4).round() / 4
    assert torch.equal(signatures(noisy(quarters, 1e-7))[0], signatures(quarters)[0])


def test_differences_beyond_rounding_change_it() -> None:
    values = torch.randn(5000, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    keys, _ = signatures(values)
    for other in (values * (1 + 1e-5), -values, values * 2, values.flip(1), values + (values < -3)):
        changed = (other != values).any(1)
        assert not bool((signatures(other)[0] == keys)[changed].any())


def test_one_flipped_sign_changes_it() -> None:
    values = torch.ones(48, 48, dtype=torch.float64)
    keys = signatures(values - 2 * torch.eye(48, dtype=torch.float64))[0]
    assert len({*keys.tolist(), int(signatures(values)[0][0])}) == 49


def test_what_is_smaller_than_the_guard_counts_as_zero() -> None:
    values = torch.tensor([[0.0], [-0.0], [SMALLEST * 0.9], [-SMALLEST * 0.9], [SMALLEST * 1.1]], dtype=torch.float64)
    keys = signatures(values)[0].tolist()
    assert len(set(keys[:4])) == 1
    assert keys[4] != keys[0]


@pytest.mark.parametrize("text", ["(exp (exp (exp (+ 5 activation))))", "(* 0 (exp (exp (exp (+ 5 activation)))))"])
def test_a_value_that_is_not_finite_has_no_signature(text: str) -> None:
    assert NONNEGATIVE.signature(read(text)) is None


def test_finiteness_is_told_row_by_row() -> None:
    values = torch.tensor([[1.0, 2.0], [torch.inf, 1.0], [torch.nan, 1.0], [torch.inf, -torch.inf]]).double()
    assert signatures(values)[1].tolist() == [True, False, False, False]


def test_integers_and_booleans_are_hashed_as_they_are() -> None:
    for values in (torch.tensor([[1, 2], [1, 3], [1, 2]]), torch.tensor([[True, False], [True, True], [True, False]])):
        keys, finite = signatures(values)
        assert keys[0] == keys[2] != keys[1]
        assert bool(finite.all())


# Normal forms


def structure(root: Term) -> object:
    """The term up to order and grouping, as nested sorted tuples."""
    if not root.arguments:
        return root.head.name
    operands: list[object] = []

    def flatten(node: Term) -> None:
        if root.head.associative and node.head == root.head:
            for argument in node.arguments:
                flatten(argument)
        else:
            operands.append(structure(node))

    for argument in root.arguments:
        flatten(argument)
    return (root.head.name, *(sorted(operands, key=repr) if root.head.commutative else operands))


def rearranged(root: Term, generator: random.Random) -> Term:
    """Operands of commutative functions in another order, chains of associative ones grouped otherwise."""
    if not root.arguments:
        return root
    if not root.head.associative:
        arguments = [rearranged(argument, generator) for argument in root.arguments]
        if root.head.commutative:
            generator.shuffle(arguments)
        return apply(root.head.name, *arguments)
    operands, stack = [], [root]
    while stack:
        node = stack.pop()
        if node.head == root.head:
            stack.extend(node.arguments)
        else:
            operands.append(rearranged(node, generator))
    while len(operands) > 1:
        generator.shuffle(operands)
        operands.append(apply(root.head.name, operands.pop(), operands.pop()))
    return operands[0]


MAPS = terms(MAP, 3)
SMALL = terms(MAP, 2, unary=("neg", "relu"), binary=("+", "*", "-", "max"), reductions=())


@PROPERTY
@given(MAPS, st.randoms(use_true_random=False))
def test_rearranging_keeps_the_normal_form_and_the_signature(root: Term, generator: random.Random) -> None:
    other = rearranged(root, generator)
    assert normal_form(other) == normal_form(root)
    assert NONNEGATIVE.signature(other) == NONNEGATIVE.signature(root)


@PROPERTY
@given(st.lists(SMALL, min_size=2, max_size=12))
def test_normal_forms_are_equal_exactly_for_rearranged_terms(pool: list[Term]) -> None:
    for one in pool:
        for other in pool:
            assert (normal_form(one) == normal_form(other)) == (structure(one) == structure(other))


def test_the_normal_form_expands_macros_and_keeps_the_order_of_differences() -> None:
    x = Variable("x", MAP)
    twice = Definition("twice", (x,), MAP, apply("+", leaf(x), leaf(x)))
    assert normal_form(term(twice, (read("gradient"),), MAP)) == normal_form(read("(+ gradient gradient)"))
    assert normal_form(read("(- activation gradient)")) != normal_form(read("(- gradient activation)"))
    assert normal_form(read("(max activation (+ gradient alpha))")) == normal_form(
        read("(max (+ alpha gradient) activation)")
    )


# SymPy

POLYNOMIALS = terms(MAP, 3, unary=("neg", "square"), binary=("+", "-", "*"), reductions=())


@settings(max_examples=20)
@given(st.lists(POLYNOMIALS, min_size=15, max_size=15))
def test_polynomials_share_a_signature_exactly_where_sympy_proves_them_equal(pool: list[Term]) -> None:
    by_value, by_form = defaultdict(set), defaultdict(set)
    for root in pool:
        polynomial = apply("+", root, read("(* 0 activation)"))  # of sort Map, whatever it is made of
        by_value[NONNEGATIVE.signature(polynomial)].add(root)
        by_form[sympy.expand(canonical(root))].add(root)
    assert {frozenset(group) for group in by_value.values()} == {frozenset(group) for group in by_form.values()}


def test_the_canonical_form_ignores_guards_and_must_not_prune() -> None:
    ratio = read("(div0 (relu gradient) (relu gradient))")
    assert canonical(ratio) == 1
    assert NONNEGATIVE.signature(ratio) != NONNEGATIVE.signature(read("(exp (* 0 gradient))"))


def test_numbers_are_exact_in_the_canonical_form() -> None:
    assert canonical(read("(+ 0.1 0.2)")) == sympy.Rational(3, 10)
    assert canonical(read("(* 3 (/ 1 3))")) == 1


@PROPERTY
@given(terms(WEIGHT, 3))
def test_the_signature_of_one_term_is_that_of_its_row(root: Term) -> None:
    value = NONNEGATIVE.evaluate(root)
    assert value.shape == NONNEGATIVE.shapes[root.sort]
    keys, finite = signatures(torch.stack([value, value + 1]))
    assert NONNEGATIVE.signature(root) == (int(keys[0]) if finite[0] else None)
