"""Values of more than 64 bits: bit-vectors of any width and integers of any size, in every strategy."""

import pytest

from ordinary import answer_of
from solvers.cegis.portfolio import Portfolio
from sygus.language.terms import Term
from sygus.language.text import term_text
from sygus.language.theories.exact import value_of

WIDTHS = (65, 128, 256)

LOWEST_BIT = """(set-logic BV) (declare-var a (_ BitVec {n}))
(synth-fun f ((x (_ BitVec {n}))) (_ BitVec {n}) ((S (_ BitVec {n}))) ((S (_ BitVec {n})
    (x (_ bv1 {n}) (bvadd S S) (bvand S S) (bvneg S) (bvlshr S S)))))
"""
LARGER = """(set-logic BV) (declare-var a (_ BitVec {n})) (declare-var b (_ BitVec {n}))
(synth-fun f ((x (_ BitVec {n})) (y (_ BitVec {n}))) (_ BitVec {n}))
(constraint (bvuge (f a b) a)) (constraint (bvuge (f a b) b)) (constraint (or (= (f a b) a) (= (f a b) b)))
"""


def solved(text: str, strategy: str) -> tuple[Term, Portfolio]:
    found, portfolio = answer_of(text, strategy)
    assert found is not None, portfolio.notes
    return next(iter(found.answer.bodies.values())), portfolio


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("strategy", ["instantiation", "refinement"])
def test_the_lowest_bit(strategy: str, width: int) -> None:
    text = LOWEST_BIT.format(n=width) + "(constraint (= (f a) (bvand a (bvneg a))))"
    assert term_text(solved(text, strategy)[0]) in ("(bvand x (bvneg x))", "(bvand (bvneg x) x)")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("strategy", ["instantiation", "refinement"])
def test_the_larger_of_two(strategy: str, width: int) -> None:
    body, portfolio = solved(LARGER.format(n=width), strategy)
    parameters = portfolio.specification.functions[0].parameters
    pairs = ((3, 2**width - 1), (2**width - 1, 3), (2 ** (width - 1), 2 ** (width - 1) - 1))
    for pair in pairs:
        assert value_of(body, dict(zip(parameters, pair, strict=True))) == max(pair)


def test_examples_swap_the_ends_of_a_word() -> None:
    text = """(set-logic BV) (synth-fun f ((x (_ BitVec 96))) (_ BitVec 96) ((S (_ BitVec 96)) (H (_ BitVec 32)))
        ((S (_ BitVec 96) (x (concat H H H) (bvxor S S)))
         (H (_ BitVec 32) (((_ extract 31 0) x) ((_ extract 63 32) x) ((_ extract 95 64) x)))))
        (constraint (= (f #x0123456789abcdef00112233) #x0011223389abcdef01234567))
        (constraint (= (f #xffffffff0000000011111111) #x1111111100000000ffffffff))"""
    expected = "(concat ((_ extract 31 0) x) ((_ extract 63 32) x) ((_ extract 95 64) x))"
    assert term_text(solved(text, "examples")[0]) == expected


def test_a_constant_is_found() -> None:
    text = """(set-logic BV) (declare-var a (_ BitVec 128)) (synth-fun f ((x (_ BitVec 128))) (_ BitVec 128)
        ((S (_ BitVec 128))) ((S (_ BitVec 128) (x (Constant (_ BitVec 128)) (bvxor S S)))))
        (constraint (= (f a) (bvxor a #xdeadbeefdeadbeefdeadbeefdeadbeef)))"""
    assert "#xdeadbeefdeadbeefdeadbeefdeadbeef" in term_text(solved(text, "constants")[0])


def test_an_invariant_of_a_wide_counter() -> None:
    text = """(set-logic BV) (synth-fun inv ((x (_ BitVec 80)) (n (_ BitVec 80))) Bool)
        (define-fun pre ((x (_ BitVec 80)) (n (_ BitVec 80))) Bool (= x (_ bv0 80)))
        (define-fun trans ((x (_ BitVec 80)) (n (_ BitVec 80)) (y (_ BitVec 80)) (m (_ BitVec 80))) Bool
            (and (bvult x n) (= y (bvadd x (_ bv1 80))) (= m n)))
        (define-fun post ((x (_ BitVec 80)) (n (_ BitVec 80))) Bool (bvule x n))
        (inv-constraint inv pre trans post)"""
    assert term_text(solved(text, "refinement")[0]) == "(bvule x n)"


def test_functions_that_are_connected() -> None:
    grammar = "(_ BitVec 72) ((S (_ BitVec 72))) ((S (_ BitVec 72) (x (_ bv1 72) ({} S S))))"
    text = f"""(set-logic BV) (declare-var a (_ BitVec 72))
        (synth-fun f ((x (_ BitVec 72))) {grammar.format("bvadd")})
        (synth-fun g ((x (_ BitVec 72))) {grammar.format("bvsub")})
        (constraint (= (f (g a)) a)) (constraint (not (= (f a) a)))"""
    found, portfolio = answer_of(text, "joint")
    assert found is not None, portfolio.notes
    one = "#x000000000000000001"
    sums = [{f"(bvadd x {one})", f"(bvadd {one} x)"}, {f"(bvsub x {one})"}]
    assert all(term_text(body) in texts for body, texts in zip(found.answer.bodies.values(), sums, strict=True))


@pytest.mark.parametrize("width", [64, 65])
def test_a_finite_grammar_is_refuted(width: int) -> None:
    text = """(set-logic BV) (declare-var a (_ BitVec {n})) (synth-fun f ((x (_ BitVec {n}))) (_ BitVec {n})
        ((S (_ BitVec {n}))) ((S (_ BitVec {n}) (x (bvand S S) (bvor S S))))) (constraint (= (f a) (bvnot a)))"""
    found, portfolio = answer_of(text.format(n=width), "refinement")
    assert found is None
    assert portfolio.infeasible is not None


@pytest.mark.parametrize(
    ("constraints", "expected"),
    [
        ("(constraint (= (f 4294967296) 79228162514264337593543950336))", {"(* x (* x x))", "(* (* x x) x)"}),
        ("(constraint (= (f 18446744073709551616) 0)) (constraint (= (f 1) 0))", {"0"}),
        ("(constraint (= (f (- 9223372036854775808)) 85070591730234615865843651857942052864))", {"(* x x)"}),
    ],
)
@pytest.mark.parametrize("strategy", ["examples", "auto"])
def test_integers_are_exact(strategy: str, constraints: str, expected: set[str]) -> None:
    """Modulo 2⁶⁴ each of these values is that of another term, which comes first."""
    text = f"(set-logic NIA) (synth-fun f ((x Int)) Int ((I Int)) ((I Int (x 0 1 (* I I))))) {constraints}"
    assert term_text(solved(text, strategy)[0]) in expected


def test_large_integers_are_told_apart_by_comparisons() -> None:
    text = """(set-logic LIA) (synth-fun f ((x Int)) Int ((I Int) (B Bool))
        ((I Int (0 1 (ite B I I))) (B Bool ((<= x 18446744073709551617)))))
        (constraint (= (f 18446744073709551617) 1)) (constraint (= (f 18446744073709551618) 0))"""
    assert term_text(solved(text, "examples")[0]) == "(ite (<= x 18446744073709551617) 1 0)"


def test_a_grammar_of_large_integers_is_refuted() -> None:
    text = """(set-logic LIA) (declare-var a Int) (synth-fun f ((x Int)) Int ((I Int)) ((I Int (x
        36893488147419103232 (ite (<= x 5) I I))))) (constraint (> (f a) 36893488147419103232))"""
    found, portfolio = answer_of(text)
    assert found is None
    assert portfolio.infeasible is not None


def test_numbers_of_many_digits() -> None:
    text = """(set-logic SLIA) (synth-fun f ((s String)) Int ((I Int) (S String))
        ((I Int (1 (str.to_int S) (+ I I))) (S String (s))))
        (constraint (= (f "99999999999999999999999") 100000000000000000000000))"""
    assert term_text(solved(text, "examples")[0]) in ("(+ 1 (str.to_int s))", "(+ (str.to_int s) 1)")
