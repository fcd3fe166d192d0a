"""Problems of ordinary logics through the command line: answers, checks of answers, exit statuses, bad input."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sygus.app.cli import main
from sygus.app.commands.ordinary import left_behind
from sygus.app.ordinary import unproved
from sygus.language.syntax import parse_answer

MAXIMUM = """(set-logic LIA)
(synth-fun f ((x Int) (y Int)) Int ((I Int) (B Bool)) ((I Int (x y 0 (+ I I) (ite B I I))) (B Bool ((<= I I)))))
(declare-var a Int)
(declare-var b Int)
(constraint (>= (f a b) a))
(constraint (>= (f a b) b))
(constraint (or (= (f a b) a) (= (f a b) b)))
(check-synth)
"""
PROBLEMS = {
    "maximum": MAXIMUM,
    "no grammar": MAXIMUM.replace(MAXIMUM.splitlines()[1], "(synth-fun f ((x Int) (y Int)) Int)"),
    "examples": """(set-logic PBE_BV)
(synth-fun f ((x (_ BitVec 8))) (_ BitVec 8) ((S (_ BitVec 8))) ((S (_ BitVec 8) (x #x01 (bvnot S) (bvadd S S)))))
(constraint (= (f #x01) #x02))
(constraint (= (f #x07) #x08))
(check-synth)""",
    "strings": """(set-logic PBE_SLIA)
(synth-fun |the f| ((s String)) String ((T String) (I Int))
  ((T String (s "\\u{e9}" "" (str.++ T T) (str.substr T I I))) (I Int (0 1 (str.len T)))))
(constraint (= (|the f| "abc") "bc\\u{e9}"))
(constraint (= (|the f| "xy") "y\\u{e9}"))
(check-synth)""",
    "invariant": """(set-logic LIA)
(synth-inv inv ((x Int)))
(define-fun pre ((x Int)) Bool (= x 0))
(define-fun trans ((x Int) (x! Int)) Bool (= x! (+ x 2)))
(define-fun post ((x Int)) Bool (not (= x (- 1))))
(inv-constraint inv pre trans post)
(check-synth)""",
    "two functions": """(set-logic LIA)
(synth-fun g ((x Int)) Int)
(synth-fun f ((x Int)) Int)
(declare-var a Int)
(constraint (= (+ (f a) (g a)) (+ a 1)))
(constraint (= (f a) (- a 2)))
(check-synth)""",
    "reals": """(set-logic LRA)
(synth-fun f ((x Real)) Real)
(declare-var a Real)
(constraint (and (> (f a) a) (< (f a) (+ a 0.5))))
(check-synth)""",
}


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def written(folder: Path, text: str, name: str = "problem.sl") -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("name", PROBLEMS)
def test_an_answer_is_the_standards_and_stands(name: str, tmp_path: Path) -> None:
    problem = written(tmp_path, PROBLEMS[name])
    result = run(problem, "--time", "20", "--certify")
    assert result.exit_code == 0, result.output
    assert "certified" in result.stderr
    assert result.stdout.startswith("(\n(define-fun ")
    assert result.stdout.endswith(")\n)\n")
    _, functions = parse_answer(result.stdout)
    declared = re.findall(r"\(synth-\w+ (?:\|([^|]+)\||(\S+)) ", PROBLEMS[name])
    assert [f.name for f in functions] == ["".join(names) for names in declared]
    checked = run("verify", problem, written(tmp_path, result.stdout, "answer.sl"))
    assert checked.exit_code == 0, checked.output
    assert checked.stdout.strip().endswith("correct: in the grammar, and every constraint is proved by Z3")


def test_without_a_grammar_any_term_of_the_logic_is_in_it(tmp_path: Path) -> None:
    text = """(set-logic LIA) (synth-fun f ((x Int) (y Int)) Int) (declare-var a Int) (declare-var b Int)
        (constraint (= (f a b) (+ a a b 1))) (check-synth)"""
    for body, status in (
        ("(+ (* x 2) y 1)", 0),
        ("(- (+ 1 x x y 5) 2 3)", 0),
        ("(+ (* x x) y 1)", 1),
        ("(+ x y 1)", 1),
    ):
        answer = written(tmp_path, f"((define-fun f ((x Int) (y Int)) Int {body}))", "answer.sl")
        assert run("verify", written(tmp_path, text), answer).exit_code == status, body


@pytest.mark.parametrize(
    ("answer", "fragments"),
    [
        ("((define-fun f ((x Int) (y Int)) Int x))", ("wrong: (>= (f a b) b) fails where a = ",)),
        ("((define-fun f ((x Int) (y Int)) Int (ite (>= x y) x y)))", ("the grammar does not derive the body of 'f'",)),
        ("((define-fun f ((x Int) (y Int)) Int (ite (<= x y) (+ y 1) x)))", ("does not derive",)),
    ],
)
def test_wrong_answers(answer: str, fragments: tuple[str, ...], tmp_path: Path) -> None:
    result = run("verify", written(tmp_path, MAXIMUM), written(tmp_path, answer, "answer.sl"))
    assert result.exit_code == 1
    assert result.stdout.startswith("wrong: ")
    for fragment in fragments:
        assert fragment in result.stdout


def test_the_derivation_is_printed(tmp_path: Path) -> None:
    answer = written(tmp_path, "((define-fun f ((b Int) (a Int)) Int (ite (<= b a) a b)))", "answer.sl")
    result = run("verify", written(tmp_path, MAXIMUM), answer)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[:6] == [
        "f is derived by",
        "  (ite B I I)",
        "    (<= I I)",
        "      x",
        "      y",
        "    y",
    ]


@pytest.mark.parametrize(
    ("answer", "fragment"),
    [
        ("((define-fun g ((x Int) (y Int)) Int x))", "answer.sl:1:2: 'g' is not asked for"),
        ("((define-fun f ((x Int)) Int x))", "answer.sl:1:2: 'f' has other sorts than it should"),
        ("((define-fun f ((x Int) (y Int)) Int z))", "answer.sl:1:38: unknown symbol 'z'"),
        ("((define-fun f ((x Int) (y Int)) Int x)", "answer.sl:1:"),
        ("infeasible", "'infeasible' defines no function"),
        ("", "answer.sl:1:1"),
    ],
)
def test_what_is_no_answer(answer: str, fragment: str, tmp_path: Path) -> None:
    result = run("verify", written(tmp_path, MAXIMUM), written(tmp_path, answer, "answer.sl"))
    assert result.exit_code == 2
    assert fragment in result.stderr
    assert result.stdout == ""


def test_infeasible(tmp_path: Path) -> None:
    text = PROBLEMS["examples"].replace("#x07", "#x01")
    result = run(written(tmp_path, text), "--time", "20")
    assert (result.exit_code, result.stdout) == (0, "infeasible\n")
    assert "proved infeasible: the examples ask for both 2 and 8" in result.stderr


def test_fail_where_time_is_over(tmp_path: Path) -> None:
    text = MAXIMUM.replace("(ite B I I)", "(- I I)").replace("((<= I I))", "((<= I I) true)")
    result = run(written(tmp_path, text), "--time", "0.6", "--strategy", "refinement")
    assert (result.exit_code, result.stdout) == (3, "fail\n")


def test_fail_where_nothing_is_left(tmp_path: Path) -> None:
    """A constant that is not among those tried: neither an answer nor a proof."""
    text = """(set-logic LIA) (synth-fun f ((x Int)) Int ((I Int)) ((I Int ((Constant Int)))))
        (set-option :constants "1 2") (constraint (> (f 1) 900)) (check-synth)"""
    result = run(written(tmp_path, text), "--time", "20", "--strategy", "refinement")
    assert (result.exit_code, result.stdout) == (0, "fail\n")


def test_next_answers(tmp_path: Path) -> None:
    loose = "\n".join(line for line in MAXIMUM.splitlines() if not line.startswith(("(constraint (or", "(synth-fun")))
    text = loose.replace("(set-logic LIA)", "(set-logic LIA) (synth-fun f ((x Int) (y Int)) Int)")
    result = run(written(tmp_path, text), "--next", "3", "--time", "20", "--quiet")
    assert result.exit_code == 0
    assert result.stderr == ""
    answers = result.stdout.split("(\n")[1:]
    assert len(answers) == len(set(answers)) == 3
    assert sum("(ite (<" in answer for answer in answers) <= 1  # one maximum, not its spellings


def test_next_answers_of_a_problem_with_one_right_function(tmp_path: Path) -> None:
    result = run(written(tmp_path, MAXIMUM), "--next", "3", "--time", "20")
    assert result.exit_code == 0
    assert result.stdout.count("define-fun") == 1
    assert "no other function is right" in result.stderr


def test_next_answers_where_enumeration_finds_none(tmp_path: Path) -> None:
    """A constant that is not among those tried; Z3 finds one."""
    text = """(set-logic LIA) (synth-fun f ((x Int)) Int ((I Int)) ((I Int ((Constant Int)))))
        (set-option :constants "1 2") (constraint (> (f 1) 900)) (check-synth)"""
    result = run(written(tmp_path, text), "--next", "2", "--time", "20")
    assert result.exit_code == 0, result.output
    (value,) = re.findall(r"Int (\d+)\)", result.stdout)
    assert int(value) > 900
    assert "stream: no candidates" in result.stderr


def test_all_answers(tmp_path: Path) -> None:
    grammar = "((S Int) (I Int)) ((S Int ((ite (<= I I) I I))) (I Int (x y)))"
    text = "\n".join(
        [MAXIMUM.splitlines()[0], f"(synth-fun f ((x Int) (y Int)) Int {grammar})", *MAXIMUM.splitlines()[2:]]
    )
    result = run(written(tmp_path, text), "--time", "20", "--all")
    assert result.exit_code == 0
    assert result.stdout.count("define-fun") == 1  # the maximum, which this grammar spells in two ways


@pytest.mark.parametrize(
    ("options", "fragments"),
    [
        (("--network", "shapes-vgg"), ("--network: the logic LIA has no use for it",)),
        (("--strategy", "magic"), ("there is no 'magic'", "instantiation")),
        (("--strategy", "examples"), ("'examples' can do nothing for this problem",)),
        (("--time", "0"), ("--time",)),
        (("--format", "latex"), ("--format",)),
        (("--all", "x.csv"), ("--all: takes a file in the logic CAM alone",)),
    ],
)
def test_bad_options(options: tuple[str, ...], fragments: tuple[str, ...], tmp_path: Path) -> None:
    result = run(written(tmp_path, MAXIMUM), *options)
    assert result.exit_code == 2
    assert "Traceback" not in result.output
    for fragment in fragments:
        assert fragment in result.stderr


@pytest.mark.parametrize("options", [("--time", "5"), ("--next", "2"), ("--size", "3"), ("--depth", "3")])
def test_options_that_cam_has_not(options: tuple[str, ...]) -> None:
    result = run("gradcam", *options)
    assert result.exit_code == 2
    assert f"{options[0]}: not available in the logic CAM" in result.stderr


def test_check_says_what_is_asked(tmp_path: Path) -> None:
    result = run("check", written(tmp_path, MAXIMUM))
    assert result.exit_code == 0
    assert "synthesise f : Int from x Int, y Int" in result.stdout
    assert "  I Int: 5 productions" in result.stdout
    assert "3 constraints" in result.stdout
    assert "strategies: instantiation, refinement, stream" in result.stdout


SEVERAL = {
    "constraints are added": (
        """(set-logic LIA) (synth-fun f ((x Int)) Int) (declare-var x Int)
        (constraint (> (f x) x)) (check-synth)
        (constraint (> (f x) (+ x 1))) (check-synth)
        (constraint (< (f x) x)) (check-synth)""",
        ["(define-fun f ((x Int)) Int (+ x 1))", "(define-fun f ((x Int)) Int (+ x 2))", "infeasible"],
    ),
    "functions and variables are added": (
        """(set-logic BV) (synth-fun f ((x (_ BitVec 8))) (_ BitVec 8)) (declare-var a (_ BitVec 8))
        (constraint (= (bvadd (f a) a) #x00)) (check-synth)
        (declare-var b (_ BitVec 8))
        (synth-fun g ((y (_ BitVec 8))) Bool ((B Bool) (V (_ BitVec 8)))
         ((B Bool ((= V V))) (V (_ BitVec 8) (y (bvneg V)))))
        (constraint (= (g b) (= (f b) b))) (check-synth)""",
        [
            "(define-fun f ((x (_ BitVec 8))) (_ BitVec 8) (bvneg x))",
            "(define-fun f ((x (_ BitVec 8))) (_ BitVec 8) (bvneg x)) "
            "(define-fun g ((y (_ BitVec 8))) Bool (= y (bvneg y))",
        ],
    ),
    "the same twice, then sorts and macros": (
        """(set-logic SLIA) (synth-fun f () String ((S String)) ((S String ("a" "bc")))) (check-synth) (check-synth)
        (define-sort Text () String) (define-fun is ((t Text)) Bool (= t "bc")) (constraint (is f)) (check-synth)""",
        [
            '(define-fun f () String "a")',
            '(define-fun f () String "a")',
            '(define-fun f () String "bc")',
        ],
    ),
}


@pytest.mark.parametrize("name", SEVERAL)
def test_every_question_of_a_file_is_answered(name: str, tmp_path: Path) -> None:
    text, expected = SEVERAL[name]
    path = written(tmp_path, text)
    result = run(path, "--time", "20", "--quiet", "--certify")
    assert (result.exit_code, result.stderr) == (0, "")
    shown, place = " ".join(result.stdout.split()), 0
    for answer in expected:
        place = shown.index(answer, place) + len(answer)
    assert result.stdout.count("\n)\n") + result.stdout.count("infeasible\n") == len(expected)
    checked = run("check", path)
    assert checked.stdout.count(" asks\n") == len(expected)


def test_the_exit_status_of_several_questions(tmp_path: Path) -> None:
    """It is that of the first search that is not done; those after it are made all the same."""
    text = """(set-logic NIA) (declare-var a Int) (declare-var b Int)
        (synth-fun f ((a Int) (b Int)) Int ((I Int)) ((I Int (a b (* I I) (+ I I)))))
        (constraint (= (f a b) (+ (* a a a a b b b) (* b b a a) (* 3 b a a a) (* a b)))) (check-synth)
        (constraint false) (check-synth)"""
    result = run(written(tmp_path, text), "--time", "3", "--strategy", "refinement")
    assert (result.exit_code, result.stdout) == (3, "fail\ninfeasible\n")
    assert result.stderr.count("line ") == 2


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ("(set-logic LIA) (check-synth) (synth-fun f () Int) (check-synth)", "the file has nothing to synthesise"),
        ("(set-logic LIA) (synth-fun f () Int) (check-synth) (constraint (= f 1))", "a command after the last one"),
    ],
)
def test_questions_that_are_none(text: str, fragment: str, tmp_path: Path) -> None:
    result = run(written(tmp_path, text))
    assert result.exit_code == 2
    assert fragment in result.stderr


def test_strategies_are_listed() -> None:
    result = run("list", "strategies")
    for name in ("enumerate", "examples", "instantiation", "invariants", "linear", "refinement", "every", "stream"):
        assert f"\n{name} " in f"\n{result.stdout}"


def test_objectives_and_weights(tmp_path: Path) -> None:
    text = """(set-logic LIA) (set-feature :weights true)
        (synth-fun f ((x Int)) Int ((I Int)) ((I Int (x (! 1 :weight 1) (! (+ I I) :weight 3)))))
        (constraint (= (f 2) 4)) (constraint (< (_ weight f) 7)) (optimize-synth ((! (_ weight f) :min)))"""
    path = written(tmp_path, text)
    result = run(path, "--time", "20", "--certify")
    assert result.exit_code == 0, result.output
    assert result.stdout == "(\n(3)\n(define-fun f ((x Int)) Int (+ x x))\n)\n"
    answer = tmp_path / "answer.sl"
    answer.write_text(result.stdout, encoding="utf-8")
    assert "correct" in run("verify", path, str(answer)).stdout
    answer.write_text("((define-fun f ((x Int)) Int (+ 1 (+ 1 x))))", encoding="utf-8")
    refuted = run("verify", path, str(answer))
    assert refuted.exit_code == 1
    assert "not decided: (< 8 7) fails, by the weights of the derivation that was found" in refuted.stdout


def test_ordinary_problems_do_without_torch(tmp_path: Path) -> None:
    """Importing it takes longer than most problems."""
    path = written(tmp_path, MAXIMUM)
    program = (
        "import sys; from sygus.app.cli import main\ntry: main()\nfinally: print(*sorted(sys.modules), file=sys.stderr)"
    )
    command = [sys.executable, "-c", program, path, "--time", "20"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0
    assert "define-fun" in result.stdout
    modules = set(result.stderr.splitlines()[-1].split())
    assert "z3" in modules
    assert not modules & {"torch", "sympy", "scipy", "matplotlib"}


HALVED = """(set-logic NIA) (set-feature :recursion true)
(synth-fun f ((x Int)) Int ((S Int) (B Bool)) ((S Int (1 (+ S S) (f (div x 2)) (ite B S S))) (B Bool ((= x 0)))))
(constraint (= (f 0) 1)) (constraint (= (f 4) 4)) (check-synth)
"""


@pytest.mark.parametrize(("base", "ends"), [("(= x 0)", False), ("(<= x 0)", True)])
def test_recursion_that_is_not_proved_to_end_is_told(base: str, ends: bool, tmp_path: Path) -> None:
    """(div -1 2) is -1, so that below 0 the function has no value by (= x 0), and one by (<= x 0)."""
    file, answer = tmp_path / "file.sl", tmp_path / "answer.sl"
    file.write_text(HALVED.replace("(= x 0)", base))
    said = "'f' is not proved to end for every argument; nothing is proved where it does not"
    found = run(str(file), "--time", "20")
    assert "(f (div x 2))" in found.stdout
    assert (said in found.stderr) is not ends
    answer.write_text(found.stdout)
    verified = run("verify", str(file), str(answer))
    assert verified.exit_code == 0
    assert (f"note: {said}" in verified.stdout) is not ends


def test_what_the_last_resort_prints_of_an_optimum_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    left_behind(["((0) (define-fun f () Int 0))", None], f"; cut: {unproved(4.0)}")
    assert capsys.readouterr().out.splitlines() == [
        "; cut: not proved to be the best in 4 s; with more time there may be a better answer",
        "((0) (define-fun f () Int 0))",
        "fail",
    ]
