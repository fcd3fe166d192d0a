"""The theory of bit-vectors: SMT-LIB's FixedSizeBitVectors and the functions that the logic BV adds."""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection
from functools import partial, reduce
from itertools import product
from typing import Any

import z3

from sygus.language.terms import BOOL, Sort, bit_vector
from sygus.language.theories import bitvector_kernels as kernels
from sygus.language.theories.function import (
    ATOM,
    PRODUCT,
    SUM,
    Family,
    Function,
    Index,
    Latex,
    SortFamily,
    Theory,
    fixed,
    infix,
    named,
    no_shapes,
    opaque,
    repeated,
)
from sygus.language.theories.libraries import converted

WIDEST = 1 << 16
"""Bits of a value: of more, Z3's terms would not fit into memory."""


def width_of(sort: Sort) -> int:
    """The number of bits of a bit-vector sort, 0 of every other."""
    return int(sort.indices[0]) if sort.name == "BitVec" else 0


def _make_sort(indices: tuple[Index, ...], arguments: tuple[Sort, ...]) -> Sort | None:
    if len(indices) != 1 or arguments or not isinstance(indices[0], int) or not 1 <= indices[0] <= WIDEST:
        return None
    return bit_vector(indices[0])


def _alike(
    name: str,
    doc: str,
    *,
    kernel: Callable[..., Any],
    z3: Callable[..., Any],
    latex: Callable[..., Latex],
    arity: int = 2,
    any_more: bool = False,
    result: Callable[[int], Sort] = bit_vector,
    commutative: bool = False,
    associative: bool = False,
) -> Family:
    """A function of bit-vectors of one width; ``kernel`` takes the width first. ``any_more`` folds from the left."""

    def build(arguments: tuple[Sort, ...], indices: tuple[Index, ...]) -> Function | None:
        width = width_of(arguments[0]) if arguments else 0
        enough = len(arguments) == arity or (any_more and len(arguments) > arity)
        if indices or not width or not enough or len(set(arguments)) != 1:
            return None
        compute = partial(kernel, width)
        joined = (lambda *xs: reduce(compute, xs)) if any_more else compute
        return Function(
            name=name,
            signature=fixed(*arguments, result=result(width)),
            sorts=sorts,
            doc=doc,
            kernel=kernels.on_patterns(joined, (width,) * len(arguments), width_of(result(width))),
            z3=lambda _, *xs: reduce(z3, xs) if any_more else z3(*xs),
            sympy=opaque(name),
            latex=latex,
            commutative=commutative,
            associative=associative,
        )

    vector = "(_ BitVec n)"
    shown = str(result(8)).replace("8", "n")
    sorts = f"{' '.join([vector] * arity)}{'…' if any_more else ''} → {shown}"
    return Family(name=name, sorts=sorts, doc=doc, build=build, shapes=lambda given: repeated(_vectors(given)))


def _vectors(sorts: Collection[Sort]) -> list[Sort]:
    return [sort for sort in sorts if width_of(sort)]


def _predicate(name: str, doc: str, *, kernel: Any, z3: Any, symbol: str) -> Family:
    return _alike(name, doc, kernel=kernel, z3=z3, latex=infix(f" {symbol} ", SUM), result=lambda _: BOOL)


def _resizing(
    name: str, sorts: str, doc: str, *, count: int, width: Callable[..., int], kernel: Any, z3: Any
) -> Family:
    """A function of one bit-vector with ``count`` indices, after which the kernel, the result's width and Z3 go.

    ``width`` is 0 where the indices do not fit; it and ``kernel`` take the argument's width, then the indices.
    """

    def build(arguments: tuple[Sort, ...], indices: tuple[Index, ...]) -> Function | None:
        given = width_of(arguments[0]) if len(arguments) == 1 else 0
        if not given or len(indices) != count or not all(isinstance(index, int) for index in indices):
            return None
        size = width(given, *indices)
        if not 1 <= size <= WIDEST:
            return None
        full = f"(_ {name} {' '.join(map(str, indices))})"
        shown = ",".join(map(str, indices))
        return Function(
            name=full,
            signature=fixed(*arguments, result=bit_vector(size)),
            sorts=sorts,
            doc=doc,
            kernel=kernels.on_patterns(partial(kernel, given, *indices), (given,), size),
            z3=lambda _, a: z3(*indices, a),
            sympy=opaque(full),
            latex=named(rf"\operatorname{{{name.replace('_', chr(92) + '_')}}}_{{{shown}}}"),
        )

    return Family(name=name, sorts=sorts, doc=doc, build=build, shapes=no_shapes)


def _concatenation(arguments: tuple[Sort, ...], indices: tuple[Index, ...]) -> Function | None:
    widths = [width_of(sort) for sort in arguments]
    if indices or len(widths) < 2 or not all(widths) or sum(widths) > WIDEST:
        return None

    def kernel(first: Any, *others: Any) -> Any:
        for width, other in zip(widths[1:], others, strict=True):
            first = (first << width) | other
        return first

    return Function(
        name="concat",
        signature=fixed(*arguments, result=bit_vector(sum(widths))),
        sorts=_CONCATENATION[0],
        doc=_CONCATENATION[1],
        kernel=kernels.on_patterns(kernel, tuple(widths), sum(widths)),
        z3=lambda _, *xs: z3.Concat(*xs),
        sympy=opaque("concat"),
        latex=infix(r" \mathbin{\|} ", SUM),
    )


_CONCATENATION = (
    f"(_ BitVec m) (_ BitVec n)… → (_ BitVec m+n…), at most {WIDEST} bits",
    "The first followed by the others.",
)


def _inverted(name: str, doc: str, *, combine: Callable[[Any, Any], Any], symbol: str) -> Family:
    """Each bit the opposite of what a bitwise function gives."""

    def latex(a: Latex, b: Latex) -> Latex:
        return Latex(rf"\overline{{{infix(symbol, PRODUCT)(a, b).text}}}", ATOM)

    return _alike(
        name,
        doc,
        kernel=lambda n, a, b: kernels.wrap(n, ~combine(a, b)),
        z3=lambda a, b: ~combine(a, b),
        latex=latex,
        commutative=True,
    )


def _signed(compare: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    return lambda n, a, b: compare(kernels.signed(n, a), kernels.signed(n, b))


def _prefix(symbol: str) -> Callable[[Latex], Latex]:
    return lambda a: Latex(f"{symbol}{a.within(PRODUCT)}", SUM)


_AND, _OR, _XOR = r" \mathbin{\&} ", r" \mathbin{|} ", r" \oplus "
_MANY: dict[str, Any] = {"any_more": True, "commutative": True, "associative": True}


def _equal_bit(a: Any, b: Any) -> z3.BitVecRef:
    return z3.If(a == b, z3.BitVecVal(1, 1), z3.BitVecVal(0, 1))


BITVECTORS = Theory.of(
    "FixedSizeBitVectors",
    (),
    _alike(
        "bvnot",
        "Each bit inverted.",
        kernel=lambda n, a: kernels.wrap(n, ~a),
        z3=lambda a: ~a,
        latex=_prefix(r"{\sim}"),
        arity=1,
    ),
    _alike(
        "bvneg",
        "Negation modulo 2ⁿ.",
        kernel=lambda n, a: kernels.wrap(n, -a),
        z3=lambda a: -a,
        latex=_prefix("-"),
        arity=1,
    ),
    _alike(
        "bvand", "Bitwise and.", kernel=lambda _, a, b: a & b, z3=operator.and_, latex=infix(_AND, PRODUCT), **_MANY
    ),
    _alike("bvor", "Bitwise or.", kernel=lambda _, a, b: a | b, z3=operator.or_, latex=infix(_OR, SUM), **_MANY),
    _alike(
        "bvxor", "Bitwise exclusive or.", kernel=lambda _, a, b: a ^ b, z3=operator.xor, latex=infix(_XOR, SUM), **_MANY
    ),
    _inverted("bvnand", "Bitwise not and.", combine=operator.and_, symbol=_AND),
    _inverted("bvnor", "Bitwise not or.", combine=operator.or_, symbol=_OR),
    _inverted("bvxnor", "Bitwise equality.", combine=operator.xor, symbol=_XOR),
    _alike(
        "bvadd",
        "Sum modulo 2ⁿ.",
        kernel=lambda n, a, b: kernels.wrap(n, a + b),
        z3=operator.add,
        latex=infix(" + ", SUM),
        **_MANY,
    ),
    _alike(
        "bvmul",
        "Product modulo 2ⁿ.",
        kernel=lambda n, a, b: kernels.wrap(n, a * b),
        z3=operator.mul,
        latex=infix(r" \, ", PRODUCT),
        **_MANY,
    ),
    _alike(
        "bvsub",
        "Difference modulo 2ⁿ.",
        kernel=lambda n, a, b: kernels.wrap(n, a - b),
        z3=operator.sub,
        latex=lambda a, b: Latex(f"{a.within(SUM)} - {b.within(PRODUCT)}", SUM),
    ),
    _alike(
        "bvudiv",
        "Unsigned quotient; all ones of division by zero.",
        kernel=kernels.quotient,
        z3=z3.UDiv,
        latex=infix(r" \div_u ", PRODUCT),
    ),
    _alike(
        "bvurem",
        "Unsigned remainder; the dividend of division by zero.",
        kernel=kernels.remainder,
        z3=z3.URem,
        latex=infix(r" \bmod_u ", PRODUCT),
    ),
    _alike(
        "bvsdiv",
        "Signed quotient, rounded towards zero; of division by zero 1 for a negative dividend, else -1.",
        kernel=kernels.signed_quotient,
        z3=operator.truediv,
        latex=infix(r" \div_s ", PRODUCT),
    ),
    _alike(
        "bvsrem",
        "Signed remainder, with the dividend's sign; the dividend of division by zero.",
        kernel=kernels.signed_remainder,
        z3=z3.SRem,
        latex=infix(r" \operatorname{rem}_s ", PRODUCT),
    ),
    _alike(
        "bvsmod",
        "Signed remainder, with the divisor's sign; the dividend of division by zero.",
        kernel=kernels.signed_modulo,
        z3=operator.mod,
        latex=infix(r" \bmod_s ", PRODUCT),
    ),
    _alike(
        "bvshl",
        "Shift left; 0 from n places on.",
        kernel=kernels.shift_left,
        z3=operator.lshift,
        latex=infix(r" \ll ", PRODUCT),
    ),
    _alike(
        "bvlshr",
        "Logical shift right; 0 from n on.",
        kernel=kernels.shift_right,
        z3=z3.LShR,
        latex=infix(r" \gg ", PRODUCT),
    ),
    _alike(
        "bvashr",
        "Arithmetic shift right: the sign bit is repeated.",
        kernel=kernels.arithmetic_shift_right,
        z3=operator.rshift,
        latex=infix(r" \gg_s ", PRODUCT),
    ),
    _predicate("bvult", "Unsigned less than.", kernel=kernels.below, z3=z3.ULT, symbol="<_u"),
    _predicate(
        "bvule", "Unsigned at most.", kernel=lambda n, a, b: ~kernels.below(n, b, a), z3=z3.ULE, symbol=r"\le_u"
    ),
    _predicate(
        "bvugt", "Unsigned greater than.", kernel=lambda n, a, b: kernels.below(n, b, a), z3=z3.UGT, symbol=">_u"
    ),
    _predicate(
        "bvuge", "Unsigned at least.", kernel=lambda n, a, b: ~kernels.below(n, a, b), z3=z3.UGE, symbol=r"\ge_u"
    ),
    _predicate("bvslt", "Signed less than.", kernel=_signed(operator.lt), z3=operator.lt, symbol="<_s"),
    _predicate("bvsle", "Signed at most.", kernel=_signed(operator.le), z3=operator.le, symbol=r"\le_s"),
    _predicate("bvsgt", "Signed greater than.", kernel=_signed(operator.gt), z3=operator.gt, symbol=">_s"),
    _predicate("bvsge", "Signed at least.", kernel=_signed(operator.ge), z3=operator.ge, symbol=r"\ge_s"),
    _alike(
        "bvcomp",
        "The bit 1 where the arguments are equal, else 0.",
        kernel=lambda _, a, b: converted(a == b, "int64"),
        z3=_equal_bit,
        latex=named(r"\operatorname{comp}"),
        result=lambda _: bit_vector(1),
        commutative=True,
    ),
    Family(
        name="concat",
        sorts=_CONCATENATION[0],
        doc=_CONCATENATION[1],
        build=_concatenation,
        shapes=lambda sorts: product(_vectors(sorts), repeat=2),
    ),
    _resizing(
        "extract",
        "(_ extract i j), n > i ≥ j : (_ BitVec n) → (_ BitVec i-j+1)",
        "The bits from i down to j.",
        count=2,
        width=lambda n, high, low: high - low + 1 if n > high else 0,
        kernel=kernels.extract,
        z3=z3.Extract,
    ),
    _resizing(
        "zero_extend",
        f"(_ zero_extend k) : (_ BitVec n) → (_ BitVec n+k), at most {WIDEST} bits",
        "With k zeros in front.",
        count=1,
        width=lambda n, more: n + more,
        kernel=lambda _, __, a: a,
        z3=z3.ZeroExt,
    ),
    _resizing(
        "sign_extend",
        f"(_ sign_extend k) : (_ BitVec n) → (_ BitVec n+k), at most {WIDEST} bits",
        "With k copies of the sign bit in front.",
        count=1,
        width=lambda n, more: n + more,
        kernel=kernels.sign_extend,
        z3=z3.SignExt,
    ),
    _resizing(
        "rotate_left",
        "(_ rotate_left k) : (_ BitVec n) → (_ BitVec n)",
        "Rotated by k places towards the highest bit.",
        count=1,
        width=lambda n, _: n,
        kernel=kernels.rotate_left,
        z3=lambda count, a: z3.RotateLeft(a, count % a.size()),
    ),
    _resizing(
        "rotate_right",
        "(_ rotate_right k) : (_ BitVec n) → (_ BitVec n)",
        "Rotated by k places towards the lowest bit.",
        count=1,
        width=lambda n, _: n,
        kernel=lambda n, count, a: kernels.rotate_left(n, -count, a),
        z3=lambda count, a: z3.RotateRight(a, count % a.size()),
    ),
    _resizing(
        "repeat",
        f"(_ repeat k), k ≥ 1 : (_ BitVec n) → (_ BitVec k·n), at most {WIDEST} bits",
        "k copies.",
        count=1,
        width=lambda n, count: n * count,
        kernel=lambda n, count, a: reduce(lambda found, _: (found << n) | a, range(count - 1), a),
        z3=z3.RepeatBitVec,
    ),
    families=(SortFamily("BitVec", f"(_ BitVec n), n from 1 to {WIDEST}", _make_sort),),
)
