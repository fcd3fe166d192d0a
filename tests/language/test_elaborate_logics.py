"""Elaboration of ordinary SyGuS problems: logics, sorts, literals, commands, default grammars, constants."""

from __future__ import annotations

from fractions import Fraction

import pytest

from places import SHARED
from sygus.errors import TypeCheckError
from sygus.language.elaborate import load_problem
from sygus.language.problem import Problem
from sygus.language.terms import (
    BOOL,
    INT,
    REAL,
    STRING,
    Literal,
    Sort,
    Term,
    Variable,
    bit_vector,
    leaf,
    plain_name,
    subterms,
)
from sygus.language.text import term_text
from sygus.language.theories import LOGICS, find_logic
from sygus.language.theories.cam import CAM
from sygus.language.theories.evaluate import evaluate

PUBLIC = SHARED / "sygus"


def load(text: str) -> Problem:
    return load_problem(text, "test.sl")


def rejected(text: str, *fragments: str) -> None:
    with pytest.raises(TypeCheckError) as caught:
        load(text)
    for fragment in fragments:
        assert fragment in str(caught.value)


def problem(logic: str, *commands: str) -> str:
    return "\n".join([f"(set-logic {logic})", *commands, "(check-synth)"])


def constraint(logic: str, text: str, *before: str) -> Term:
    """The one constraint of a problem."""
    (found,) = load(problem(logic, "(synth-fun f () Bool)", *before, f"(constraint {text})")).constraints
    return found


# Logics


@pytest.mark.parametrize(
    ("name", "sorts", "numerals", "linear"),
    [
        ("LIA", {"Bool", "Int"}, INT, True),
        ("NIA", {"Bool", "Int"}, INT, False),
        ("LRA", {"Bool", "Real"}, REAL, True),
        ("NRA", {"Bool", "Real"}, REAL, False),
        ("LIRA", {"Bool", "Int", "Real"}, INT, True),
        ("QF_LIA", {"Bool", "Int"}, INT, True),
        ("INV_LIA", {"Bool", "Int"}, INT, True),
        ("CHC_LIA", {"Bool", "Int"}, INT, True),
        ("Inv_LIA", {"Bool", "Int"}, INT, True),
        ("IDL", {"Bool", "Int"}, INT, True),
        ("BV", {"Bool"}, None, True),
        ("PBE_BV", {"Bool"}, None, True),
        ("QF_UFBV", {"Bool"}, None, True),
        ("S", {"Bool", "Int", "String", "RegLan"}, INT, True),
        ("SLIA", {"Bool", "Int", "String", "RegLan"}, INT, True),
        ("PBE_SLIA", {"Bool", "Int", "String", "RegLan"}, INT, True),
        ("SNIA", {"Bool", "Int", "String", "RegLan"}, INT, False),
        ("SAT", {"Bool"}, None, False),
        ("ALL", {"Bool", "Int", "Real", "String", "RegLan"}, INT, False),
    ],
)
def test_logics(name: str, sorts: set[str], numerals: Sort | None, linear: bool) -> None:
    theory = find_logic(name)
    assert theory is not None
    assert {str(sort) for sort in theory.sorts} == sorts
    assert theory.numerals == numerals
    assert theory.linear == linear
    assert ("BitVec" in theory.families) == ("BV" in name or name == "ALL")
    assert find_logic(name) is theory


def test_every_listed_logic_opens() -> None:
    assert all(find_logic(name) is not None for name in LOGICS)
    assert find_logic("CAM") is CAM


@pytest.mark.parametrize("name", ["", "QF_", "CMA", "LIAX", "A", "ALIAX", "DTUF", "PBE_CAM", "lia"])
def test_unknown_logics(name: str) -> None:
    assert find_logic(name) is None


def test_an_unknown_logic_is_an_error() -> None:
    rejected("(set-logic LAI)", "test.sl:1:1", "unknown logic 'LAI'", "LIA")


# Literals and sorts


@pytest.mark.parametrize(
    ("logic", "text", "literal"),
    [
        ("LIA", "12", Literal(12, INT)),
        ("LRA", "12", Literal(Fraction(12), REAL)),
        ("LRA", "1.25", Literal(Fraction(5, 4), REAL)),
        ("ALL", "12", Literal(12, INT)),
        ("ALL", "12.0", Literal(Fraction(12), REAL)),
        ("BV", "#xfF", Literal(255, bit_vector(8))),
        ("BV", "#b0101", Literal(5, bit_vector(4))),
        ("BV", "(_ bv10 32)", Literal(10, bit_vector(32))),
        ("BV", "#xffffffffffffffff", Literal(2**64 - 1, bit_vector(64))),
        ("S", '"a""b\\u{41}\\"', Literal('a"bA\\', STRING)),
        ("S", "(_ char #x41)", Literal("A", STRING)),
        ("LIA", "true", Literal(True, BOOL)),
    ],
)
def test_literals(logic: str, text: str, literal: Literal) -> None:
    assert constraint(logic, f"(= {text} {text})").arguments[0] is leaf(literal)


@pytest.mark.parametrize(
    "text", ["#xff", "#b01011", "#x0000000000000001", '"a""b\\u{e9}"', '"\\u{5c}u{41}"', "12", "(- 12)"]
)
def test_literals_print_back(text: str) -> None:
    assert term_text(constraint("ALL", f"(= {text} {text})").arguments[0]) == text


@pytest.mark.parametrize(
    ("logic", "text", "fragments"),
    [
        ("LIA", "#xff", ("a hexadecimal literal has no sort in the logic LIA",)),
        ("LIA", "1.5", ("a decimal literal has no sort",)),
        ("LIA", '"a"', ("a string literal has no sort",)),
        ("BV", "1", ("a numeral literal has no sort in the logic BV",)),
        ("BV", "(_ bv256 8)", ("256 does not fit into 8 bits", "255")),
        ("BV", "(_ bv1 65537)", ("a bit-vector of 65537 bits", "n from 1 to 65536")),
        ("LIA", "(_ bv1 8)", ("unknown indexed identifier 'bv1'",)),
        ("BV", "(_ extract 1 0)", ("'extract' is a function and needs arguments",)),
        ("LIA", "9" * 5000, ("a numeral of 5000 digits",)),
    ],
)
def test_bad_literals(logic: str, text: str, fragments: tuple[str, ...]) -> None:
    rejected(problem(logic, "(synth-fun f () Bool)", f"(constraint (= {text} {text}))"), "test.sl:3:", *fragments)


def test_a_negative_number_of_older_syntax_is_a_negation() -> None:
    found = constraint("LIA", "(= -5 (- 5))")
    assert found.arguments[0] is found.arguments[1]


def test_sorts() -> None:
    text = problem(
        "ALL",
        "(define-sort Byte (_ BitVec 8))",
        "(define-sort Same (T) T)",
        "(declare-var a Byte)",
        "(declare-var b (Same Byte))",
        "(declare-var c (BitVec 8))",
        "(declare-var s String)",
        "(synth-fun f ((x Byte)) Byte)",
        "(constraint (= (f a) (bvadd b c)))",
    )
    assert load(text).variables == (*(Variable(n, bit_vector(8)) for n in "abc"), Variable("s", STRING))


@pytest.mark.parametrize(
    ("sort", "fragments"),
    [
        ("(_ BitVec 65537)", ("there is no sort '(_ BitVec 65537)'", "n from 1 to 65536")),
        ("(_ BitVec 0)", ("there is no sort",)),
        ("BitVec", ("there is no sort 'BitVec'", "(_ BitVec n)")),
        ("(_ Int 3)", ("the sort 'Int' takes no arguments",)),
        ("(Bool Int)", ("the sort 'Bool' takes no arguments",)),
        ("Pair", ("the sort 'Pair' takes 2 arguments", "write (Pair a b)")),
        ("Strin", ("unknown sort 'Strin'", "did you mean 'String'?")),
    ],
)
def test_bad_sorts(sort: str, fragments: tuple[str, ...]) -> None:
    rejected(problem("ALL", "(define-sort Pair (a b) a)", f"(declare-var x {sort})"), *fragments)


def test_a_sort_is_defined_once() -> None:
    rejected(problem("ALL", "(define-sort Int Bool)"), "the sort 'Int' is defined twice")
    rejected(problem("ALL", "(define-sort BitVec Bool)"), "the sort 'BitVec' is defined twice")


# Terms


def test_indexed_functions() -> None:
    found = constraint("BV", "(= ((_ extract 7 4) #xab) ((_ rotate_left 1) #x5))")
    assert term_text(found) == "(= ((_ extract 7 4) #xab) ((_ rotate_left 1) #x5))"
    assert evaluate(found, {}).item()


def test_older_names_print_as_todays() -> None:
    found = constraint("SLIA", '(= (str.to.int "12") (str.to.int (int.to.str 12)))')
    assert term_text(found) == '(= (str.to_int "12") (str.to_int (str.from_int 12)))'
    assert evaluate(found, {}).item()


@pytest.mark.parametrize(
    ("logic", "text", "same"),
    [
        ("LIA", "(and (or (< 1 2)))", "(< 1 2)"),
        ("LIA", "(= (+ 1) (* (+ 2)))", "(= 1 2)"),
        ("BV", "(= (bvadd #x1) (bvand #x2))", "(= #x1 #x2)"),
        ("SLIA", '(= (str.++ "a") "b")', '(= "a" "b")'),
    ],
)
def test_what_joins_any_number_of_values_leaves_a_single_one_as_it_is(logic: str, text: str, same: str) -> None:
    assert term_text(constraint(logic, text)) == term_text(constraint(logic, same))


@pytest.mark.parametrize(
    ("sort", "text", "logic"),
    [
        ("Bool", "f", "SAT"),
        ("Bool", "(= f (> 1 2))", "LIA"),
        ("Real", "(= f 1.5)", "LRA"),
        ("(_ BitVec 4)", "(= f #x1)", "BV"),
        ("String", "(= (str.len f) 1)", "SLIA"),
        ("Int", "(= (* f f) 4)", "NIA"),
        ("Real", "(= (* f f) 4.0)", "NRA"),
        ("(Array Int Int)", "(= (select f 1) 2)", "ALL"),
    ],
)
def test_a_file_without_a_logic_is_of_the_first_that_it_is_well_sorted_in(sort: str, text: str, logic: str) -> None:
    found = load(f"(synth-fun f () {sort})(constraint {text})(check-synth)")
    assert (found.logic, found.unset) == (logic, True)
    assert not load(f"(set-logic {logic})(synth-fun f () {sort})(constraint {text})(check-synth)").unset


def test_an_unknown_symbol_is_answered_by_the_closest() -> None:
    declared = [f"(declare-var variable{i} Int)" for i in range(5)]
    rejected(problem("LIA", *declared, "(constraint (= variable11 0))"), "did you mean 'variable1' or ")
    with pytest.raises(TypeCheckError) as caught:
        load(problem("LIA", *declared, "(synth-fun f () Int)", "(constraint (qqq f))"))
    assert "declared so far: f, variable0, variable1" in str(caught.value)
    assert "functions of the logic LIA" in str(caught.value)


@pytest.mark.parametrize(
    ("logic", "text", "fragments"),
    [
        ("BV", "((_ extract 8 0) #xab)", ("'(_ extract 8 0)' is applied to (_ BitVec 8)", "n > i ≥ j")),
        ("BV", "(bvadd #xab #xabc)", ("'bvadd' is applied to (_ BitVec 8) (_ BitVec 12)", "(_ BitVec n)…")),
        ("LIA", "(= 1 true)", ("ill-sorted: '='",)),
        ("LIA", "(div 1)", ("Int Int… → Int",)),
        ("LIA", "(bvadd 1 2)", ("unknown symbol 'bvadd'",)),
        ("LIA", "(f 1)", ("'f' takes no arguments",)),
        ("LIA", "(+ 1 2)", ("a constraint must be Bool, this is Int",)),
        ("LIA", "(not (forall ((x Int)) (+ x x)))", ("the body of 'forall' is Int", "it must be Bool")),
    ],
)
def test_bad_terms(logic: str, text: str, fragments: tuple[str, ...]) -> None:
    rejected(problem(logic, "(synth-fun f () Bool)", f"(constraint {text})"), "test.sl:3:", *fragments)


# Commands


def test_variables_assumptions_and_applications() -> None:
    found = load(
        problem(
            "LIA",
            "(declare-var x Int)",
            "(declare-var y Int)",
            "(synth-fun f ((a Int) (b Int)) Int)",
            "(define-fun bound ((a Int)) Bool (< (- 100) a 100))",
            "(assume (bound x))",
            "(constraint (>= (f x y) x))",
            "(constraint (= (f x y) (f y x)))",
        )
    )
    assert found.variables == (Variable("x", INT), Variable("y", INT))
    assert [term_text(t) for t in found.assumptions] == ["(bound x)"]
    assert [term_text(t) for t in found.constraints] == ["(>= (f x y) x)", "(= (f x y) (f y x))"]


def test_several_functions() -> None:
    found = load(problem("LIA", "(synth-fun f () Int)", "(synth-fun g ((x Int)) Int)", "(constraint (= f (g 1)))"))
    assert [target.function.name for target in found.targets] == ["f", "g"]


INVARIANT = (
    "(synth-inv inv ((x Int) (y Int)))",
    "(define-fun pre ((x Int) (y Int)) Bool (= x y))",
    "(define-fun trans ((x Int) (y Int) (x! Int) (y! Int)) Bool (and (= x! (+ x 1)) (= y! (+ y 1))))",
    "(define-fun post ((x Int) (y Int)) Bool (= x y))",
)


def test_invariants() -> None:
    found = load(problem("LIA", *INVARIANT, "(inv-constraint inv pre trans post)"))
    assert found.target.function.sort == BOOL
    assert [term_text(t) for t in found.constraints] == [
        "(=> (pre |x'0| |y'1|) (inv |x'0| |y'1|))",
        "(=> (and (inv |x'0| |y'1|) (trans |x'0| |y'1| |x!'2| |y!'3|)) (inv |x!'2| |y!'3|))",
        "(=> (inv |x'0| |y'1|) (post |x'0| |y'1|))",
    ]
    assert [plain_name(variable.name) for variable in found.variables] == ["x", "y", "x!", "y!"]


@pytest.mark.parametrize(
    ("arguments", "fragments"),
    [
        ("pre pre trans post", ("'pre' is no invariant", "inv")),
        ("inv trans trans post", ("'trans' is not defined as inv-constraint needs it", "it takes Int Int")),
        ("inv pre pre post", ("'pre' is not defined", "Int Int Int Int")),
        ("inv pre trans nothing", ("'nothing' is not defined",)),
    ],
)
def test_bad_invariants(arguments: str, fragments: tuple[str, ...]) -> None:
    rejected(problem("LIA", *INVARIANT, f"(inv-constraint {arguments})"), "test.sl:6:", *fragments)


def test_horn_clauses_bind_their_variables() -> None:
    found = load(
        problem(
            "CHC_LIA",
            "(synth-fun p ((x Int)) Bool)",
            "(chc-constraint ((x Int)) (= x 0) (p x))",
            "(chc-constraint ((x Bool)) (and x (p 0)) false)",
        )
    )
    assert [term_text(t) for t in found.constraints] == ["(=> (= |x'0| 0) (p |x'0|))", "(=> (and |x'1| (p 0)) false)"]
    assert [(plain_name(v.name), v.sort) for v in found.variables] == [("x", INT), ("x", BOOL)]


def test_a_forall_in_the_body_of_a_horn_clause_stays_there() -> None:
    (found,) = load(
        problem(
            "CHC_LIA",
            "(synth-fun p ((x Int)) Bool)",
            "(chc-constraint () (forall ((x Int)) (p x)) (forall ((y Int)) (p (+ y 1))))",
        )
    ).constraints
    body, head = found.arguments
    assert body.head.name.startswith("forall (")
    assert term_text(head) == "(p (+ |y'1| 1))"


LOCAL = {
    "inv-constraint": (*INVARIANT, "(inv-constraint inv pre trans post)"),
    "chc-constraint": ("(synth-fun p ((x Int)) Bool)", "(chc-constraint ((x Int)) (= x 0) (p x))"),
    "forall": ("(synth-fun p ((x Int)) Bool)", "(constraint (forall ((x Int)) (=> (= x 0) (p x))))"),
}


@pytest.mark.parametrize("commands", LOCAL.values(), ids=LOCAL.keys())
def test_what_a_command_binds_is_its_own(commands: tuple[str, ...]) -> None:
    rejected(problem("LIA", *commands, "(constraint (= x 0))"), "unknown symbol 'x'")
    before = load(problem("LIA", "(declare-var x Int)", "(assume (> x 0))", *commands))
    after = load(problem("LIA", *commands, "(declare-var x Int)", "(assume (> x 0))"))
    for found in (before, after):
        (x,) = (variable for variable in found.variables if variable.name == "x")
        assert all(x not in [node.head for node in subterms(c)] for c in found.constraints)


def test_quoted_names_are_free() -> None:
    written = ("|x'|", "|x'0|", "|choice 0|", "|y'1|")
    found = load(problem("LIA", *(f"(declare-var {name} Int)" for name in written), "(synth-fun f () Int)"))
    assert [term_text(leaf(v)) for v in found.variables] == list(written)


def test_a_constraint_may_begin_with_forall() -> None:
    found = load(
        problem(
            "LIA", "(declare-var x Int)", "(synth-fun f ((x Int)) Int)", "(constraint (forall ((x Int)) (> (f x) x)))"
        )
    )
    assert term_text(found.constraints[0]) == "(> (f |x'0|) |x'0|)"


def test_names_are_used_once() -> None:
    rejected(problem("LIA", "(declare-var x Int)", "(declare-var x Int)"), "'x' is defined twice")
    rejected(problem("LIA", "(declare-var x Int)", "(synth-fun x () Int)"), "'x' is defined twice")
    rejected(problem("SLIA", "(declare-var str.len Int)"), "'str.len' is a function of the logic")
    rejected(problem("SLIA", "(declare-var str.to.int Int)"), "'str.to.int' is a function of the logic")


def test_an_assumption_is_a_bool() -> None:
    rejected(problem("LIA", "(assume 1)"), "an assumption must be Bool, this is Int")


def test_older_names_of_functions_are_noted_once() -> None:
    found = load(
        problem("SLIA", "(synth-fun f () Bool)", '(constraint (= (str.to.int "1") (str.to.int (int.to.str 1))))')
    )
    assert found.legacy == ("str.to.int for str.to_int (line 3)", "int.to.str for str.from_int (line 3)")


# Public files


@pytest.mark.skipif(not PUBLIC.is_dir(), reason="the public problems are not on this machine")
@pytest.mark.parametrize("track", ["CLIA_Track", "General_Track", "Inv_Track", "PBE_BV_Track", "PBE_SLIA_Track"])
def test_public_files_elaborate(track: str) -> None:
    files = sorted((PUBLIC / track).glob("*.sl"))
    assert files
    for file in files:
        found = load_problem(file.read_text(encoding="utf-8"), file.name)
        assert found.targets
        assert found.constraints
