"""Elaboration of grammars: constants and variables in them, what is derived from them, and default grammars."""

from __future__ import annotations

import pytest
import torch

from sygus.app.dispatch import file_notes
from sygus.errors import TypeCheckError
from sygus.language.elaborate import load_problem
from sygus.language.problem import Problem
from sygus.language.terms import AnyConstant
from sygus.language.text import term_text
from sygus.language.theories.evaluate import evaluate


def load(text: str) -> Problem:
    return load_problem(text, "test.sl")


def rejected(text: str, *fragments: str) -> None:
    with pytest.raises(TypeCheckError) as caught:
        load(text)
    for fragment in fragments:
        assert fragment in str(caught.value)


def problem(logic: str, *commands: str) -> str:
    return "\n".join([f"(set-logic {logic})", *commands, "(check-synth)"])


def test_constants_and_variables_in_grammars() -> None:
    found = load(
        problem(
            "LIA",
            "(declare-var z Int)",
            "(synth-fun f ((x Int) (b Bool) (y Int)) Int",
            "  ((I Int)) ((I Int ((Constant Int) (Variable Int) (+ I (Constant Int)))))) ",
        )
    ).target
    written = [production.template for production in found.written.productions[found.written.start]]
    assert [len(p.constants) for p in found.written.productions[found.written.start]] == [1, 0, 0, 1]
    assert isinstance(written[0].head, AnyConstant)
    shown = [term_text(p.template) for p in found.grammar.productions[found.grammar.start]]
    assert shown == ["0", "1", "(- 1)", "2", "x", "y", "(+ I 0)", "(+ I 1)", "(+ I (- 1))", "(+ I 2)"]


def test_a_parameter_is_never_taken_for_the_choice_of_one() -> None:
    text = "(synth-fun f ((|choice 0| Int) (y Int)) Int ((S Int)) ((S Int ((+ (Variable Int) |choice 0|)))))"
    grammar = load(problem("LIA", text)).target.grammar
    shown = [term_text(p.template) for p in grammar.productions[grammar.start]]
    assert shown == ["(+ |choice 0| |choice 0|)", "(+ y |choice 0|)"]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("(_ BitVec 8)", ["#x00", "#x01", "#xff"]),
        ("String", ['""']),
        ("Bool", ["true", "false"]),
        ("Real", ["0.5", "1", "2", "3"]),
        ("Int", ["0", "1", "(- 1)", "2"]),
    ],
)
def test_default_constants(sort: str, expected: list[str]) -> None:
    grammar = load(
        problem("ALL", f"(synth-fun f () {sort} ((S {sort})) ((S {sort} ((Constant {sort})))))")
    ).target.grammar
    assert [term_text(p.template) for p in grammar.productions[grammar.start]] == expected


@pytest.mark.parametrize(
    ("setting", "sort", "expected"),
    [
        ("0 -7 0 100", "Int", ["0", "(- 7)", "100"]),
        ("-0.25 3", "Real", ["(- 0.25)", "3"]),
        ("0 255 #xf0", "(_ BitVec 8)", ["#x00", "#xff", "#xf0"]),
        ("a b", "String", ['"a"', '"b"']),
    ],
)
def test_constants_of_the_file(setting: str, sort: str, expected: list[str]) -> None:
    text = f"(synth-fun f () {sort} ((S {sort})) ((S {sort} ((Constant {sort})))))"
    grammar = load(problem("ALL", f'(set-option :constants "{setting}")', text)).target.grammar
    assert [term_text(p.template) for p in grammar.productions[grammar.start]] == expected


def test_a_nonterminal_that_nothing_needs_may_derive_nothing() -> None:
    grammar = "((S Int) (D Int) (E Int)) ((S Int (x 1 (+ S S))) (D Int ((+ D E))) (E Int ((+ D 1) x)))"
    target = load(problem("LIA", f"(synth-fun f ((x Int)) Int {grammar})")).target
    for found in (target.grammar, target.written):
        assert [n.name for n in found.productions] == ["S", "E"]
        assert [len(productions) for productions in found.productions.values()] == [3, 1]


def test_annotations_that_are_no_weights_say_nothing() -> None:
    for before in ("", "(set-feature :weights true)"):
        line = "(x (! (+ S S) :foo) (! 1 :named (a b) :bar z))" if before else "(x (! (+ S S) :foo 3) (! 1 :bar z))"
        text = problem("LIA", before, f"(synth-fun f ((x Int)) Int ((S Int)) ((S Int {line})))")
        grammar = load(text).target.written
        assert [dict(p.weights) for p in grammar.productions[grammar.start]] == [{}, {}, {}]
    misspelt = "(synth-fun f ((x Int)) Int ((S Int)) ((S Int ((! x :wieght 3)))))"
    rejected(problem("LIA", "(set-feature :weights true)", misspelt), "':wieght' is no declared weight", "'weight'")


def test_a_nonterminal_may_be_named_like_a_sort() -> None:
    text = (
        "(synth-fun f ((x Int)) Int ((Int Int) (Bool Bool)) ((Int Int (x (ite Bool Int 0))) (Bool Bool ((< Int 3)))))"
    )
    grammar = load(problem("LIA", text)).target.grammar
    shown = [term_text(p.template) for p in grammar.productions[grammar.start]]
    assert shown == ["x", "(ite Bool Int 0)"]


def test_productions_nest_as_deep_as_one_likes() -> None:
    deep = f"{'(+ S ' * 6000}x{')' * 6000}"
    grammar = load(problem("LIA", f"(synth-fun f ((x Int)) Int ((S Int)) ((S Int (x {deep}))))")).target.grammar
    _, production = grammar.productions[grammar.start]
    assert len(production.holes) == 6000
    assert [h.name for h in production.holes[:2]] == ["S", "S"]


def test_bad_constants() -> None:
    text = "(synth-fun f () Int ((S Int)) ((S Int ((Constant Int)))))"
    rejected(problem("LIA", '(set-option :constants "1 x")', text), "bad constants '1 x' of Int", '"0 1 -1 2"')
    text = "(synth-fun f () RegLan ((S RegLan)) ((S RegLan ((Constant RegLan)))))"
    rejected(problem("S", text), "there are no constants of RegLan")


def test_any_constant_may_be_derived() -> None:
    """Membership is asked of the grammar as written, enumeration of a few constants."""
    found = load(
        problem(
            "LIA",
            "(synth-fun f ((x Int)) Int ((I Int)) ((I Int (x (+ I (Constant Int))))))",
            "(define-fun a ((x Int)) Int (+ x 77))",
            "(define-fun b ((x Int)) Int (+ x (- 77)))",
            "(define-fun c ((x Int)) Int (+ x x))",
            "(constraint (and (= (f 0) (a 0)) (= (f 0) (b 0)) (= (f 0) (c 0))))",
        )
    )
    bodies = [equation.arguments[1].head.body for equation in found.constraints[0].arguments]
    assert [found.target.written.derive(body) is not None for body in bodies] == [True, True, False]
    assert [found.target.grammar.derive(body) is not None for body in bodies] == [False, False, False]


def default_productions(logic: str, command: str) -> dict[str, list[str]]:
    grammar = load(problem(logic, command)).target.written
    return {n.name: [term_text(p.template) for p in ps] for n, ps in grammar.productions.items()}


def test_the_default_grammar_of_linear_integers() -> None:
    found = default_productions("LIA", "(synth-fun f ((x Int)) Int)")
    assert set(found) == {"any-Int", "any-Bool"}
    assert found["any-Int"][:2] == ["x", "(Constant Int)"]
    assert {"(+ any-Int any-Int)", "(- any-Int any-Int)", "(- any-Int)", "(ite any-Bool any-Int any-Int)"} <= set(
        found["any-Int"]
    )
    assert "(* (Constant Int) any-Int)" in found["any-Int"]
    assert "(* any-Int any-Int)" not in found["any-Int"]
    assert "(<= any-Int any-Int)" in found["any-Bool"]
    assert "(* any-Int any-Int)" in default_productions("NIA", "(synth-fun f ((x Int)) Int)")["any-Int"]


def test_the_default_grammar_of_bit_vectors() -> None:
    found = default_productions("BV", "(synth-fun f ((x (_ BitVec 8)) (y (_ BitVec 16))) (_ BitVec 8))")
    assert set(found) == {"any-BitVec-8", "any-BitVec-16", "any-Bool"}
    assert "(bvadd any-BitVec-8 any-BitVec-8)" in found["any-BitVec-8"]
    assert "(concat any-BitVec-8 any-BitVec-8)" in found["any-BitVec-16"]
    assert "(bvult any-BitVec-16 any-BitVec-16)" in found["any-Bool"]


def test_the_default_grammar_of_strings() -> None:
    found = default_productions("SLIA", "(synth-fun f ((s String)) String)")
    assert set(found) == {"any-String", "any-Bool", "any-Int"}
    assert "(str.substr any-String any-Int any-Int)" in found["any-String"]
    assert "(str.len any-String)" in found["any-Int"]
    assert not any("re." in text for texts in found.values() for text in texts)


def test_the_default_grammar_of_cam_has_no_constants() -> None:
    found = default_productions("CAM", "(synth-fun w ((activation Map)) Weight)")
    assert "(gap any-Map)" in found["any-Weight"]
    assert not any("Constant" in text for texts in found.values() for text in texts)


def test_grammars_do_not_see_declared_variables() -> None:
    text = problem("LIA", "(declare-var z Int)", "(synth-fun f () Int ((I Int)) ((I Int (0 z))))")
    rejected(text, "unknown symbol 'z'")


def test_macros_in_grammars_are_evaluated() -> None:
    found = load(
        problem(
            "BV",
            "(define-fun shr1 ((x (_ BitVec 8))) (_ BitVec 8) (bvlshr x #x01))",
            "(synth-fun f ((x (_ BitVec 8))) (_ BitVec 8) ((S (_ BitVec 8))) ((S (_ BitVec 8) (x (shr1 x)))))",
        )
    ).target
    x = found.function.parameters[0]
    template = found.grammar.productions[found.grammar.start][1].template
    assert evaluate(template, {x: torch.tensor([3, 255])}).tolist() == [1, 127]


@pytest.mark.parametrize(
    ("grammar", "derived", "barren"),
    [
        ("(I Int (x (+ I N))) (N Int ((+ N 1)))", ["x"], ("N",)),
        ("(I Int (x (ite B I I) (+ I 1))) (B Bool ((= I N) (not B))) (N Int (N))", ["x", "(+ I 1)"], ("B", "N")),
        ("(I Int (x (ite B I I))) (B Bool ((= I I))) (N Int ((- N)))", ["x", "(ite B I I)"], ("N",)),
        ("(I Int (x A)) (A Int (B 2)) (B Int (A C)) (C Int ((+ C x)))", ["x", "A"], ("C",)),
    ],
)
def test_what_derives_nothing_is_left_out(grammar: str, derived: list[str], barren: tuple[str, ...]) -> None:
    found = load(problem("LIA", f"(synth-fun f ((x Int)) Int ({grammar}))"))
    written = found.target.written
    assert [term_text(p.template) for p in written.productions[written.start]] == derived
    assert found.target.barren == barren
    assert not set(barren) & {nonterminal.name for nonterminal in written.productions}
    assert all(name in file_notes(found)[-1] for name in barren)


def test_the_first_nonterminal_derives_something() -> None:
    text = "(synth-fun f ((x Int)) Int ((I Int ((+ I x) (ite B I 1))) (B Bool ((not B)))))"
    rejected(problem("LIA", text), "the nonterminal 'I' derives nothing", "a production without nonterminals")
