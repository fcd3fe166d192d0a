"""Grammars with ``let``, as the first standard had them: what is searched, printed, read back and refused."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import sygus
from sygus.app.cli import main
from sygus.language.syntax import parse, print_script

A, B = "(declare-var a Int)", "(declare-var b Int)"
SOLVED = {
    "what is bound serves several times": (
        f"""(set-logic LIA) (synth-fun f ((x Int)) Int ((S Int (x 1 (let ((y Int S)) (+ y y)))))) {A}
        (constraint (= (f a) (+ a a a a)))""",
        "(let ((y (let ((y x)) (+ y y)))) (+ y y))",
    ),
    "names of parameters": (
        f"""(set-logic LIA) (synth-fun f ((x Int)) Int ((S Int (x 1 (let ((x Int S)) (+ x x)))))) {A}
        (constraint (= (f a) (+ a a)))""",
        "(let ((x x)) (+ x x))",
    ),
    "parameters inside, and lets in lets": (
        f"""(set-logic LIA) (synth-fun f ((x Int) (y Int)) Int
          ((S Int (x y (let ((a Int S)) (let ((b Int (+ a x)) (c Int a)) (+ (* 2 b) c y))))))) {A} {B}
        (constraint (= (f a b) (+ (* 3 a) (* 2 a) b)))""",
        "(let ((a x)) (let ((b (+ a x)) (c a)) (+ (* 2 b) c y)))",
    ),
    "any constant, any parameter": (
        f"""(set-logic LIA) (synth-fun f ((x Int) (y Int)) Int
          ((S Int ((let ((c Int (Constant Int))) (+ c c (Variable Int) (Variable Int))))))) {A} {B}
        (constraint (= (f a b) (+ b b 34)))""",
        "(let ((c 17)) (+ c c y y))",
    ),
    "bit-vectors": (
        """(set-logic BV) (synth-fun f ((x (BitVec 16))) (BitVec 16)
          ((S (BitVec 16) (x #x0001 (let ((t (BitVec 16) S) (u (BitVec 16) S)) (bvor (bvand t u) (bvnot t)))))))
        (declare-var a (BitVec 16)) (constraint (= (f a) (bvor #x0001 (bvnot a))))""",
        "(let ((t x) (u #x0001)) (bvor (bvand t u) (bvnot t)))",
    ),
    "strings": (
        """(set-logic SLIA) (synth-fun f ((s String)) String
          ((S String (s "-" (let ((t String S) (u String S)) (str.++ t u t))))))
        (constraint (= (f "a") "a-a")) (constraint (= (f "bb") "bb-bb"))""",
        '(let ((t s) (u "-")) (str.++ t u t))',
    ),
    "Bools": (
        """(set-logic SAT) (synth-fun f ((p Bool) (q Bool)) Bool
          ((S Bool (p q (let ((t Bool S) (u Bool S)) (and (or t u) (not (and t u)))))))) (declare-var a Bool)
        (declare-var b Bool) (constraint (= (f a b) (xor a b)))""",
        "(let ((t p) (u q)) (and (or t u) (not (and t u))))",
    ),
    "a let that adds nothing": (
        f"""(set-logic LIA) (synth-fun f ((x Int)) Int ((S Int (x z (+ S S) (let ((z Int S)) S))))) {A}
        (constraint (= (f a) (+ a a)))""",
        "(+ x x)",
    ),
}


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def written(folder: Path, text: str, name: str = "problem.sl") -> str:
    path = folder / name
    path.write_text(f"{text} (check-synth)" if name == "problem.sl" else text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("name", SOLVED)
def test_answers_have_the_lets_of_the_grammar(name: str, tmp_path: Path) -> None:
    text, body = SOLVED[name]
    problem = written(tmp_path, text)
    result = run(problem, "--time", "20", "--certify")
    assert result.exit_code == 0, result.output
    assert body in result.stdout
    assert "certified" in result.stderr
    assert "a let in the rules of a grammar" in result.stderr
    checked = run("verify", problem, written(tmp_path, result.stdout, "answer.sl"))
    assert checked.exit_code == 0, checked.output
    script = parse(f"{text} (check-synth)")
    assert print_script(parse(print_script(script))) == print_script(script)


def test_a_let_that_the_grammar_has_not(tmp_path: Path) -> None:
    text, _ = SOLVED["what is bound serves several times"]
    for body, status in (
        ("(let ((y (let ((y x)) (+ y y)))) (+ y y))", 0),
        ("(let ((y x)) (+ (+ y y) (+ y y)))", 1),
        ("(+ x x x x)", 1),
        ("(let ((y (let ((y x)) (+ y y)))) (+ y y y))", 1),
    ):
        answer = written(tmp_path, f"((define-fun f ((x Int)) Int {body}))", "answer.sl")
        assert run("verify", written(tmp_path, text), answer).exit_code == status, body


def test_an_answer_with_a_let_computes() -> None:
    text, _ = SOLVED["parameters inside, and lets in lets"]
    function = sygus.solve(f"{text} (check-synth)", time=20).function
    assert [function(3, 4), function(2**70, -1)] == [19, 5 * 2**70 - 1]


def test_without_the_lets_that_add_nothing_there_is_no_answer() -> None:
    text = """(set-logic SAT) (synth-fun f ((x Bool)) Bool ((S Bool (x z (and S S) (let ((z Bool S)) S)))))
        (declare-var a Bool) (constraint (= (f a) (not a))) (check-synth)"""
    assert sygus.solve(text, time=20).answer == "infeasible"


@pytest.mark.parametrize(
    ("rules", "fragment"),
    [
        ("(S Int (x (let ((c Int S)) T))) (T Int (1 (+ T T)))", "a let around 'T' is not searched"),
        ("(S Int (x (let ((c Int S)) (+ c (Constant Int)))))", "a let around '(Constant Int)' is not searched"),
        ("(S Int (x T c (let ((c Int T)) S))) (T Int (1))", "'c' stands where its value is not derived"),
        ("(S Int (x T (let ((c Int (+ x 1))) S))) (T Int (1 c))", "'c' stands where its value is not derived"),
        ("(S Int (x (let ((c Int S) (c Int S)) (+ c c))))", "a let binds a name twice"),
        ("(S Int (x (let ((c Int S Int)) c)))", "expected"),
        ("(S Int (x (let ((c Int S)) (+ c true))))", "ill-sorted"),
    ],
)
def test_what_is_refused(rules: str, fragment: str, tmp_path: Path) -> None:
    result = run(written(tmp_path, f"(set-logic LIA) (synth-fun f ((x Int)) Int ({rules}))"))
    assert result.exit_code == 2
    assert fragment in result.stderr
    assert "problem.sl:1:" in result.stderr
