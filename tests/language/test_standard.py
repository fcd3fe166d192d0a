"""SyGuS-IF 2.1 line by line: what every command, feature, attribute and logic of the standard becomes here."""

from __future__ import annotations

from typing import get_args

import pytest

from sygus.errors import SourceError
from sygus.language.elaborate import load_problem
from sygus.language.elaborate.commands import FEATURES
from sygus.language.problem import Problem
from sygus.language.syntax import script as ast
from sygus.language.syntax.parser import parse
from sygus.language.syntax.printer import print_script
from sygus.language.theories import find_logic

F = "(synth-fun f ((x Int)) Int ((I Int)) ((I Int (0 1 x (+ I I)))))"
INV = (
    "(define-fun pre ((x Int)) Bool (= x 0))(define-fun trans ((x Int) (x! Int)) Bool (= x! (+ x 1)))"
    "(define-fun post ((x Int)) Bool (>= x 0))"
)
ORACLES, WEIGHTS = "(set-feature :oracles true)", "(set-feature :weights true)"

ACCEPTED = {
    "assume": f"(declare-var y Int){F}(assume (> y 0))",
    "constraint": f"(declare-var y Int){F}(constraint (= (f y) y))",
    "inv-constraint": f"(synth-fun i ((x Int)) Bool){INV}(inv-constraint i pre trans post)",
    "synth-inv": f"(synth-inv i ((x Int))){INV}(inv-constraint i pre trans post)",
    "synth-inv with a grammar": f"(synth-inv i ((x Int)) ((B Bool)) ((B Bool (true (= x 0))))){INV}",
    "chc-constraint": "(synth-fun p ((x Int)) Bool)(chc-constraint ((x Int)) (= x 0) (p x))",
    "define-fun-rec": f"(define-fun-rec r ((n Int)) Int (ite (<= n 0) 0 (r (- n 1)))){F}(constraint (= (f 1) (r 1)))",
    "define-funs-rec": f"(define-funs-rec ((a ((n Int)) Int) (b () Int)) ((ite (= n b) n (a b)) 1)){F}",
    "declare-var": f"(declare-var y Int){F}",
    "declare-datatype": f"(declare-datatype D ((c) (d (s Int)))){F}(constraint (= (s (d 1)) (f 1)))",
    "declare-datatypes": f"(declare-datatypes ((D 0) (E 0)) (((c)) ((d (s D))))){F}(constraint (= (s (d c)) c))",
    "parametric datatypes": f"(declare-datatypes ((L 1)) ((par (T) ((nil) (cons (h T) (t (L T))))))){F}"
    "(constraint ((_ is nil) (as nil (L Int))))",
    "declare-sort": f"(declare-sort U 0)(declare-sort P 2)(declare-var u U)(declare-var p (P U Int)){F}",
    "define-sort": f"(define-sort S Int)(declare-var y S){F}",
    "define-sort with parameters": f"(define-sort S (u v) (Array u v))(declare-var y (S Int Bool)){F}",
    "define-fun": f"(define-fun g ((x Int)) Int (+ x 1)){F}(constraint (= (f 1) (g 1)))",
    "define-fun in a grammar": "(define-fun g ((x Int)) Int (+ x 1))"
    "(synth-fun f ((x Int)) Int ((I Int)) ((I Int (x (g I)))))",
    "set-feature": f"(set-feature :grammars true)(set-feature :oracles false){F}",
    "set-info": f'(set-info :sygus-version "2.1")(set-info :status unsat){F}',
    "set-option": f"(set-option :random-seed 3){F}",
    "set-logic": F,
    "declare-weight": f"{WEIGHTS}(declare-weight size :default 1)(declare-weight other){F}",
    "weighted productions": f"{WEIGHTS}(declare-weight w)"
    "(synth-fun f ((x Int)) Int ((I Int)) ((I Int ((! x :w 3 :weight 2) 0))))(constraint (< (_ w f) (_ weight f)))",
    "synth-fun": F,
    "synth-fun without a grammar": "(synth-fun f ((x Int)) Int)",
    "older grammars": "(synth-fun f ((x Int)) Int ((I Int (x 0))))",
    "Constant and Variable": "(synth-fun f ((x Int) (y Int)) Int ((I Int)) ((I Int ((Constant Int) (Variable Int)))))",
    "nested productions": "(synth-fun f ((x Int)) Int ((I Int)) ((I Int (x 0 (ite (= I 0) (+ I I) x)))))",
    "let": f"{F}(constraint (let ((a (f 1)) (b 2)) (= a b)))",
    "quantifiers": f"{F}(constraint (exists ((y Int)) (forall ((z Int)) (= (f y) (* 0 z)))))",
    "annotations": f"{F}(constraint (! (= (f 1) 1) :named c :pattern (x y)))",
    "string literals": F + '(constraint (= (str.len "a""b\\u{41}\\") (f 1)))',
    "bit-vector literals": f"{F}(constraint (= #xff ((_ extract 7 0) #b11111111)))",
    "quoted symbols": f"(declare-var |a b| Int){F}(constraint (= (f |a b|) 1))",
    "arrays": f"(declare-var a (Array Int Int)){F}(constraint (= (select (store a 1 2) 1) (f 1)))",
    "function sorts": f"{ORACLES}(declare-var g (-> Int Int)){F}(constraint (= (g 1) (f 1)))",
    "fwd-decls": f"(set-feature :fwd-decls true){F}(synth-fun g ((x Int)) Int ((I Int)) ((I Int (x (f I)))))",
    "recursion": "(set-feature :recursion true)(synth-fun f ((x Int)) Int ((I Int)) ((I Int (x (f I)))))",
    "oracle-assume": f"{ORACLES}{F}(oracle-assume ((a Int)) ((b Int)) (= (f a) b) o)",
    "oracle-constraint": f"{ORACLES}{F}(oracle-constraint ((a Int)) ((b Int)) (= (f a) b) o :command-line)",
    "oracle-constraint, name first": f"{ORACLES}{F}(oracle-constraint ((a Int)) ((b Int)) o (= (f a) b) :file)",
    "declare-oracle-fun": f"{ORACLES}(declare-oracle-fun s (Int) Int o :file){F}(constraint (= (s 1) (f 1)))",
    "declare-oracle-fun, name first": f"{ORACLES}(declare-oracle-fun s o (Int) Int){F}",
    "oracle-constraint-io": f"{ORACLES}{F}(oracle-constraint-io f o)",
    "oracle-constraint-cex": f"{ORACLES}{F}(oracle-constraint-cex f o :file)",
    "oracle-constraint-membership": f"{ORACLES}{F}(oracle-constraint-membership f o)",
    "oracle-constraint-poswitness": f"{ORACLES}{F}(oracle-constraint-poswitness f o)",
    "oracle-constraint-negwitness": f"{ORACLES}{F}(oracle-constraint-negwitness f o)",
    "declare-correctness-oracle": f"{ORACLES}{F}(declare-correctness-oracle f o)",
    "declare-correctness-cex-oracle": f"{ORACLES}{F}(declare-correctness-cex-oracle f o)",
}
OBJECTIVES = {
    "optimize-synth": "(optimize-synth ((f 1)))",
    ":min and :max": "(optimize-synth ((! (f 1) :min) (! (f 2) :max)))",
    ":lexico": "(optimize-synth ((! (f 1) :min) (! (f 2) :max)) :lexico)",
}
REFUSED = {
    "a weight without its feature": (f"(declare-weight w){F}", ":weights true"),
    "an oracle without its feature": (f"{F}(oracle-constraint-io f o)", ":oracles true"),
    "a forward call without its feature": (
        f"{F}(synth-fun g ((x Int)) Int ((I Int)) ((I Int (x (f I)))))",
        ":fwd-decls true",
    ),
    "a forward call within a macro": (
        f"{F}(define-fun m ((x Int)) Int (f x))(synth-fun g ((x Int)) Int ((I Int)) ((I Int (x (m I)))))",
        ":fwd-decls true",
    ),
    "recursion without its feature": ("(synth-fun f ((x Int)) Int ((I Int)) ((I Int (x (f I)))))", ":recursion true"),
    "a grammar without its feature": (f"(set-feature :grammars false){F}", ":grammars true"),
    "an unknown feature": (f"(set-feature :quantifiers true){F}", "known: fwd-decls, grammars"),
    "an unknown attribute of a weight": (f"{WEIGHTS}(declare-weight w :maximum 3){F}", ":default n"),
    "an unknown weight": (
        f"{WEIGHTS}(synth-fun f ((x Int)) Int ((I Int)) ((I Int ((! x :w 3)))))",
        "declared weights: weight",
    ),
    "binders in a grammar": ("(synth-fun f ((x Int)) Bool ((B Bool)) ((B Bool ((exists ((y Int)) B)))))", "no binders"),
    "Constant in a constraint": (f"{F}(constraint (= (f 1) (Constant Int)))", "only in the rules of a grammar"),
    "a start symbol of another sort": ("(synth-fun f ((x Int)) Int ((B Bool)) ((B Bool (true))))", "function's sort"),
    "lists that disagree": ("(synth-fun f ((x Int)) Int ((J Int)) ((I Int (x))))", "where the groups have 'I'"),
    "a production of another sort": ("(synth-fun f ((x Int)) Int ((I Int)) ((I Int (x true))))", "ill-sorted"),
    "a name twice": (f"{F}{F}", "'f' is defined twice"),
    "a macro that calls itself": (f"(define-fun g ((x Int)) Int (g x)){F}", "write define-fun-rec"),
    "universal variables in an objective": (f"(declare-var y Int){F}(optimize-synth ((f y)))", "unknown symbol 'y'"),
    "a macro of no parameters in parentheses": (
        f"(define-fun c () Int 1){F}(constraint (= (f 1) (c)))",
        "applied to no arguments",
    ),
    "exponents": (f"{F}(constraint (= 1e-05 0.0))", ""),
    "a reserved word as a name": ("(declare-var let Int)", "reserved word"),
    "an unknown command": (f"(push 1){F}", "unknown command 'push'"),
}


def load(text: str, end: str = "(check-synth)", logic: str = "ALL") -> Problem:
    return load_problem(f"(set-logic {logic})\n{text}\n{end}", "test.sl")


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_the_standard_has_is_accepted_and_prints_back(name: str) -> None:
    problem = load(ACCEPTED[name])
    assert problem.targets
    script = parse(problem.text)
    printed = print_script(script)
    assert parse(printed) == script
    again = load_problem(printed, "again.sl")
    assert len(again.constraints) == len(problem.constraints)
    assert len(again.calls) == len(problem.calls)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_objectives(name: str) -> None:
    problem = load(F, OBJECTIVES[name])
    assert [o.direction for o in problem.objectives] == (["min"] if name == "optimize-synth" else ["min", "max"])
    assert problem.lexicographic == (name == ":lexico")


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_standard_forbids_is_an_error_that_says_what_would_be_right(name: str) -> None:
    text, hint = REFUSED[name]
    with pytest.raises(SourceError) as caught:
        load(text)
    assert hint in str(caught.value)
    assert str(caught.value).startswith("test.sl:2:")


def test_every_command_of_the_syntax_is_in_the_tables() -> None:
    shown = "".join([*ACCEPTED.values(), *OBJECTIVES.values(), "(check-synth)(set-logic ALL)"])
    kinds = {type(command) for command in parse(shown).commands}
    assert kinds == set(get_args(ast.Command))


def test_the_features_are_those_of_the_standard() -> None:
    assert set(FEATURES) == {"grammars", "fwd-decls", "recursion", "oracles", "weights"}


SMT_LIB = """AUFLIA AUFLIRA AUFNIRA LIA LRA QF_ABV QF_ALIA QF_AUFBV QF_AUFLIA QF_AX QF_BV QF_IDL QF_LIA QF_LRA QF_NIA
QF_NRA QF_RDL QF_UF QF_UFBV QF_UFIDL QF_UFLIA QF_UFLRA QF_UFNRA UFLRA UFNIA QF_S QF_SLIA QF_DT QF_UFDT UFDTLIA ALL
QF_LIRA QF_NIRA BV NIA NRA UF"""
SYGUS = "CAM SAT LIA NIA LRA BV S SLIA PBE_BV PBE_SLIA PBE_LIA INV_LIA Inv_LIA INV_BV CHC_LIA CHC_LRA CHC_BV"


@pytest.mark.parametrize("name", [*SMT_LIB.split(), *SYGUS.split()])
def test_the_logics_of_smt_lib_and_of_the_tracks_open(name: str) -> None:
    theory = find_logic(name)
    assert theory is not None
    assert (
        theory.resolve("ite", (theory.sorts[0],) * 3) is not None or name == "CAM" or "Bool" in map(str, theory.sorts)
    )
    assert ("select" in theory.entries) == (name.removeprefix("QF_").startswith("A"))
    assert ("bvadd" in theory.entries) == ("BV" in name or name == "ALL")
    assert ("div" in theory.entries) == ("IA" in name or "IRA" in name or "IDL" in name or name in ("ALL", "QF_S", "S"))


SYMBOLS = {
    "LIA": "not and or xor => = distinct ite + - * div mod abs <= < >= >",
    "LRA": "+ - * / <= < >= >",
    "QF_LIRA": "to_real to_int is_int",
    "QF_AX": "select store",
    "BV": "concat extract bvnot bvneg bvand bvor bvadd bvmul bvudiv bvurem bvshl bvlshr bvult bvnand bvnor bvxor bvxnor"
    " bvcomp bvsub bvsdiv bvsrem bvsmod bvashr repeat zero_extend sign_extend rotate_left rotate_right bvule bvugt"
    " bvuge bvslt bvsle bvsgt bvsge",
    "SLIA": "str.++ str.len str.< str.to_re str.in_re re.none re.all re.allchar re.++ re.union re.inter re.* str.<="
    " str.at str.substr str.prefixof str.suffixof str.contains str.indexof str.replace str.replace_all str.replace_re"
    " str.replace_re_all str.is_digit str.to_code str.from_code str.to_int str.from_int re.comp re.diff re.+ re.opt"
    " re.range re.^ re.loop",
}


@pytest.mark.parametrize("logic", SYMBOLS)
def test_the_symbols_of_the_theories(logic: str) -> None:
    theory = find_logic(logic)
    assert theory is not None
    assert set(SYMBOLS[logic].split()) <= set(theory.entries)
