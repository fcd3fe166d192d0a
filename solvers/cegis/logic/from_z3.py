"""What Z3 says, read back: formulas as terms of a logic, models as points."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import z3

from solvers.cegis.logic.construction import FALSE, TRUE, Construction
from solvers.cegis.specification import Point
from sygus.language.terms import INT, REAL, Literal, Term, Variable, bit_vector, leaf
from sygus.language.theories.sorts import representation, z3_constant

_NAMES = {
    z3.Z3_OP_IMPLIES: "=>",
    z3.Z3_OP_XOR: "xor",
    z3.Z3_OP_EQ: "=",
    z3.Z3_OP_IFF: "=",
    z3.Z3_OP_DISTINCT: "distinct",
    z3.Z3_OP_ITE: "ite",
    z3.Z3_OP_LE: "<=",
    z3.Z3_OP_GE: ">=",
    z3.Z3_OP_LT: "<",
    z3.Z3_OP_GT: ">",
    z3.Z3_OP_SUB: "-",
    z3.Z3_OP_UMINUS: "-",
    z3.Z3_OP_IDIV: "div",
    z3.Z3_OP_MOD: "mod",
    z3.Z3_OP_DIV: "/",
    z3.Z3_OP_TO_REAL: "to_real",
    z3.Z3_OP_TO_INT: "to_int",
    z3.Z3_OP_BADD: "bvadd",
    z3.Z3_OP_BSUB: "bvsub",
    z3.Z3_OP_BMUL: "bvmul",
    z3.Z3_OP_BNEG: "bvneg",
    z3.Z3_OP_BNOT: "bvnot",
    z3.Z3_OP_BAND: "bvand",
    z3.Z3_OP_BOR: "bvor",
    z3.Z3_OP_BXOR: "bvxor",
    z3.Z3_OP_BSHL: "bvshl",
    z3.Z3_OP_BLSHR: "bvlshr",
    z3.Z3_OP_BASHR: "bvashr",
    z3.Z3_OP_ULEQ: "bvule",
    z3.Z3_OP_ULT: "bvult",
    z3.Z3_OP_UGEQ: "bvuge",
    z3.Z3_OP_UGT: "bvugt",
    z3.Z3_OP_SLEQ: "bvsle",
    z3.Z3_OP_SLT: "bvslt",
    z3.Z3_OP_SGEQ: "bvsge",
    z3.Z3_OP_SGT: "bvsgt",
    z3.Z3_OP_BV2INT: "ubv_to_int",
    z3.Z3_OP_SELECT: "select",
    z3.Z3_OP_STORE: "store",
}
_JOINED = {z3.Z3_OP_ADD: "+", z3.Z3_OP_MUL: "*"}


class UnreadableError(Exception):
    """The formula has something that the logic cannot write."""


def read(formula: z3.ExprRef, names: Mapping[str, Term], make: Construction) -> Term:
    """The term of a formula without quantifiers.

    Args:
        formula: of Z3.
        names: what its constants stand for.
        make: builds in the logic.

    Raises:
        UnreadableError: something has no counterpart in the logic.
    """
    known: dict[int, Term] = {}
    stack = [formula]
    while stack:
        node = stack[-1]
        if node.get_id() in known:
            stack.pop()
            continue
        if not z3.is_app(node):
            raise UnreadableError(str(node))
        missing = [child for child in node.children() if child.get_id() not in known]
        if missing:
            stack.extend(missing)
            continue
        stack.pop()
        try:
            known[node.get_id()] = _node(node, [known[child.get_id()] for child in node.children()], names, make)
        except KeyError:
            raise UnreadableError(node.decl().name()) from None
    return known[formula.get_id()]


def _constant(node: z3.ExprRef, make: Construction) -> Term | None:
    """The value of a constant, None of any other formula."""
    if z3.is_int_value(node):
        return make.number(node.as_long(), INT)
    if z3.is_rational_value(node):
        return make.number(Fraction(node.numerator_as_long(), node.denominator_as_long()), REAL)
    if z3.is_bv_value(node):
        return leaf(Literal(node.as_long(), bit_vector(node.size())))
    if z3.is_true(node) or z3.is_false(node):
        return TRUE if z3.is_true(node) else FALSE
    return None


def _node(node: z3.ExprRef, arguments: list[Term], names: Mapping[str, Term], make: Construction) -> Term:
    kind = node.decl().kind()
    constant = _constant(node, make)
    if constant is not None:
        return constant
    if kind == z3.Z3_OP_UNINTERPRETED and not arguments:
        return names[node.decl().name()]
    match kind:
        case z3.Z3_OP_AND:
            return make.conjunction(arguments)
        case z3.Z3_OP_OR:
            return make.disjunction(arguments)
        case z3.Z3_OP_NOT:
            return make.negation(arguments[0])
    if kind in _JOINED:
        found = arguments[0]
        for argument in arguments[1:]:
            found = make.apply(_JOINED[kind], found, argument)
        return found
    return make.apply(_NAMES[kind], *arguments)


def read_point(variables: tuple[Variable, ...], model: z3.ModelRef) -> Point:
    """The values of variables in a model; those that it leaves open get any value."""
    found: dict[Variable, Any] = {}
    for variable in variables:
        value = model.eval(z3_constant(variable.name, variable.sort), model_completion=True)
        found[variable] = representation(variable.sort).read_z3(value)
    return found
