"""What ``verify`` says of answers: right, wrong with the values where, outside the grammar, or unreadable."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sygus.app.cli import main


def verified(folder: Path, problem: str, answer: str) -> Result:
    for name, text in (("problem.sl", problem), ("answer.sl", answer)):
        (folder / name).write_text(text, encoding="utf-8")
    return CliRunner().invoke(main, ["verify", str(folder / "problem.sl"), str(folder / "answer.sl")])


@pytest.mark.parametrize("logic", ["ALL", "LIRA", "LRA"])
def test_a_real_answer_reads_back_in_its_logic(logic: str, tmp_path: Path) -> None:
    text = f"""(set-logic {logic}) (synth-fun f ((x Real)) Real) (declare-var x Real)
        (constraint (= (f x) (+ x 2.0))) (check-synth)"""
    (tmp_path / "p.sl").write_text(text, encoding="utf-8")
    found = CliRunner().invoke(main, [str(tmp_path / "p.sl"), "--certify", "--time", "20"])
    assert found.exit_code == 0, found.output
    assert "certified" in found.stderr
    assert verified(tmp_path, text, found.stdout).exit_code == 0


@pytest.mark.parametrize(
    ("logic", "sort", "body", "constraint", "shown"),
    [
        ("ALL", "Real", "x", "(=> (= x (- 1.5)) (= (f x) 2.0))", "(f x) 2.0)) fails where x = (- 1.5)"),
        ("LRA", "Real", "x", "(=> (= x (/ 1 3)) (= (f x) 2.0))", "fails where x = (/ 1 3)"),
        ("LIA", "Bool", "x", "(= (f x) (not x))", "fails where x = "),
        ("SLIA", "String", "x", '(=> (= x "a""b") (= (f x) "c"))', 'fails where x = "a""b"'),
        ("BV", "(_ BitVec 8)", "x", "(=> (= x #x0f) (= (f x) #x00))", "fails where x = #x0f"),
        ("LIA", "Int", "x", "(forall ((x Int)) (=> (= x (- 3)) (= (f x) 0)))", "(f x) 0)) fails where x = (- 3)"),
    ],
)  # fmt: skip
def test_counterexamples_are_literals(
    logic: str, sort: str, body: str, constraint: str, shown: str, tmp_path: Path
) -> None:
    problem = f"""(set-logic {logic}) (synth-fun f ((x {sort})) {sort}) (declare-var x {sort})
        (constraint {constraint}) (check-synth)"""
    result = verified(tmp_path, problem, f"((define-fun f ((x {sort})) {sort} {body}))")
    assert result.exit_code == 1
    assert shown in result.stdout
    assert not any(word in result.stdout for word in ("Fraction", "True", "False", "'"))


def test_variables_of_one_name_are_told_apart(tmp_path: Path) -> None:
    problem = """(set-logic LIA) (synth-fun f ((x Int)) Int) (declare-var x Int) (assume (= x 7))
        (constraint (forall ((x Int)) (=> (= x 5) (= (f x) 0)))) (check-synth)"""
    result = verified(tmp_path, problem, "((define-fun f ((x Int)) Int x))")
    assert "(=> (= x 7) (=> (= |x'0| 5) (= (f |x'0|) 0))) fails where x = 7, |x'0| = 5" in result.stdout


@pytest.mark.parametrize(
    ("declared", "sort", "body"),
    [
        ("(declare-sort |my sort| 0)", "|my sort|", "x"),
        ("(declare-datatype |a list| ((|no thing|) (|put on| (|the head| |a list|))))", "|a list|", "(|put on| x)"),
        ("(declare-datatype L (par (|an a|) ((nil) (cons (hd |an a|) (tl (L |an a|))))))(declare-sort |1| 0)",
         "(L |1|)", "(as nil (L |1|))"),
    ],
)  # fmt: skip
def test_answers_over_quoted_names_read_back(declared: str, sort: str, body: str, tmp_path: Path) -> None:
    text = f"""(set-logic ALL) {declared}
        (synth-fun |f 1| ((x {sort})) {sort} ((|a nt| {sort})) ((|a nt| {sort} ({body}))))
        (declare-var |y 1| {sort}) (constraint (= (|f 1| |y 1|) {body.replace("x", "|y 1|")})) (check-synth)"""
    (tmp_path / "p.sl").write_text(text, encoding="utf-8")
    found = CliRunner().invoke(main, [str(tmp_path / "p.sl"), "--certify", "--time", "20"])
    assert found.exit_code == 0, found.output
    assert "certified" in found.stderr
    assert verified(tmp_path, text, found.stdout).exit_code == 0


MAXIMUM = """(set-logic LIA)
(synth-fun f ((x Int) (y Int)) Int ((I Int) (B Bool)) ((I Int (x y 0 (ite B I I))) (B Bool ((<= I I)))))
(declare-var a Int)
(constraint (and (>= (f a 0) a) (>= (f a 0) 0)))
(check-synth)
"""


def test_no_grammar_makes_a_let(tmp_path: Path) -> None:
    body = "(let ((z (<= y x))) (ite z x y))"
    answer = f"((define-fun f ((x Int) (y Int)) Int {body}))"
    result = verified(tmp_path, MAXIMUM, answer)
    assert (result.exit_code, result.stdout) == (
        1,
        "wrong: the grammar does not derive the body of 'f', for grammars have no 'let'\n",
    )
    without = MAXIMUM.replace(" ((I Int) (B Bool)) ((I Int (x y 0 (ite B I I))) (B Bool ((<= I I)))))", ")")
    assert verified(tmp_path, without, answer).exit_code == 0


@pytest.mark.parametrize("answer", ["()", "(())"])
def test_an_answer_of_nothing(answer: str, tmp_path: Path) -> None:
    result = verified(tmp_path, MAXIMUM, answer)
    assert result.exit_code == 2
    assert "answer.sl:1:1" in result.stderr


WEIGHED = """(set-logic LIA)
(set-feature :weights true)
(synth-fun f ((x Int)) Int ((I Int)) ((I Int (x (! 1 :weight 5) 2 (! (+ I I) :weight 2)))))
(declare-var x Int)
(constraint (= (f x) (+ x 4)))
(optimize-synth ((! (_ weight f) :min) (! (f 3) :max)))
"""


@pytest.mark.parametrize(
    ("values", "status", "fragment"),
    [
        ("(4 7)", 0, "the values are right; whether others are better is not checked"),
        ("", 0, "the answer gives no values"),
        ("(11 7)", 1, "not decided: (_ weight f) is 4 by the derivation that was found, the answer says 11"),
        ("(4 (- 7))", 1, "wrong: (f 3) is 7, the answer says (- 7)"),
        ("(4)", 2, "answer.sl:1:3: the answer gives 1 values, the problem has 2 objectives"),
        ("(4 true)", 2, "answer.sl:1:5: this is Bool, not Int"),
    ],
)
def test_the_values_of_objectives_are_checked(values: str, status: int, fragment: str, tmp_path: Path) -> None:
    answer = f"({values} (define-fun f ((x Int)) Int (+ (+ x 2) 2)))"
    result = verified(tmp_path, WEIGHED, answer)
    assert result.exit_code == status, result.output
    assert fragment in result.output


def test_values_that_nothing_asks_for(tmp_path: Path) -> None:
    result = verified(tmp_path, MAXIMUM, "((1) (define-fun f ((x Int) (y Int)) Int x))")
    assert result.exit_code == 2
    assert "answer.sl:1:3: the answer gives 1 values, the problem has 0 objectives" in result.stderr


ONE_ANOTHER = """(set-logic LIA) (synth-fun f ((n Int)) Int) (define-fun through ((n Int)) Int (f n))
    (synth-fun g ((n Int)) Int) (constraint (= (f 1) (g 1))) (check-synth)"""


@pytest.mark.parametrize(
    ("definitions", "name", "hint"),
    [
        ("(define-fun f ((n Int)) Int (f n)) (define-fun g ((n Int)) Int n)", "'f'", "write define-fun-rec"),
        ("(define-fun g ((n Int)) Int n) (define-fun f ((n Int)) Int (through n))", "'f'", "write define-fun-rec"),
        ("(define-fun f ((n Int)) Int (g n)) (define-fun g ((n Int)) Int (f n))", "'f' and 'g'", "one define-funs-rec"),
        ("(define-fun g ((n Int)) Int (through n)) (define-fun f ((n Int)) Int (g n))", "'g' and 'f'",
         "one define-funs-rec"),
        ("(define-fun-rec f ((n Int)) Int (g n)) (define-fun g ((n Int)) Int (f n))", "'g' and 'f'",
         "one define-funs-rec"),
    ],
)  # fmt: skip
def test_a_plain_definition_that_calls_itself_is_refused(
    definitions: str, name: str, hint: str, tmp_path: Path
) -> None:
    result = verified(tmp_path, ONE_ANOTHER, f"({definitions})")
    assert result.exit_code == 2
    assert "answer.sl:1:" in result.stderr
    assert f"{name} call" in result.stderr
    assert "which a define-fun may not" in result.stderr
    assert hint in result.stderr


@pytest.mark.parametrize(
    "definitions",
    [
        "(define-fun-rec f ((n Int)) Int (f n)) (define-fun g ((n Int)) Int n)",
        "(define-funs-rec ((f ((n Int)) Int) (g ((n Int)) Int)) ((g n) (f n)))",
        "(define-fun f ((n Int)) Int (g n)) (define-fun g ((n Int)) Int n)",
    ],
)
def test_definitions_that_may_call_others_are_read(definitions: str, tmp_path: Path) -> None:
    assert "wrong: the grammar does not derive" in verified(tmp_path, ONE_ANOTHER, f"({definitions})").stdout


def test_a_parameter_may_have_the_name_of_its_function(tmp_path: Path) -> None:
    text = "(set-logic LIA) (synth-fun f ((n Int)) Int) (declare-var x Int) (constraint (= (f x) x)) (check-synth)"
    assert verified(tmp_path, text, "((define-fun f ((f Int)) Int f))").exit_code == 0


@pytest.mark.parametrize("certify", [[], ["--certify"]])
def test_a_recursive_answer_reads_back_only_as_one(certify: list[str], tmp_path: Path) -> None:
    text = """(set-logic LIA) (set-feature :recursion true) (synth-fun f ((n Int)) Int ((I Int) (B Bool))
        ((I Int (n 0 1 (+ I I) (- I 1) (ite B I I) (f I))) (B Bool ((<= I I)))))
        (constraint (= (f 0) 0)) (constraint (= (f 1) 1)) (constraint (= (f 3) 6)) (check-synth)"""
    (tmp_path / "p.sl").write_text(text, encoding="utf-8")
    found = CliRunner().invoke(main, [str(tmp_path / "p.sl"), *certify, "--time", "60"])
    assert verified(tmp_path, text, found.stdout).exit_code == 0
    plain = verified(tmp_path, text, found.stdout.replace("define-fun-rec", "define-fun"))
    assert "'f' calls itself" in plain.stderr


@pytest.mark.parametrize(
    ("value", "body", "code", "said"),
    [
        ("(111)", "27", 0, "note: the values are right"),
        ("(112)", "27", 1, "wrong: (c (f 0)) is 111, the answer says 112"),
        ("(0)", "(- 1)", 1, "wrong: (< 5 (c (f 0))) fails"),
    ],
)
def test_recursion_that_is_not_proved_to_end_is_followed(
    value: str, body: str, code: int, said: str, tmp_path: Path
) -> None:
    text = """(set-logic NIA) (define-fun-rec c ((n Int)) Int
        (ite (<= n 1) 0 (+ 1 (c (ite (= (mod n 2) 0) (div n 2) (+ (* 3 n) 1))))))
        (synth-fun f ((x Int)) Int) (constraint (< 5 (c (f 0)))) (optimize-synth ((c (f 0))))"""
    result = verified(tmp_path, text, f"({value} (define-fun f ((x Int)) Int {body}))")
    assert said in result.stdout
    assert result.exit_code == code
