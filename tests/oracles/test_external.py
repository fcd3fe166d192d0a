"""External oracles: the protocol of the standard, spoken with small programs, and with those that misbehave."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from sygus.language.elaborate import load_problem
from sygus.language.problem import Problem
from sygus.language.scope import Scope
from sygus.language.syntax.parser import parse_term
from sygus.language.terms import BOOL, INT, REAL, STRING, Literal, Sort, Term, Variable, bit_vector, function_sort, leaf
from sygus.language.text import term_text
from sygus.language.theories import Theory, find_logic
from sygus.language.theories.arrays import array
from sygus.language.typecheck import check_term
from sygus.oracles.external import (
    LONGEST_ANSWER,
    ExternalOracle,
    Lambda,
    OracleError,
    OracleValue,
    of_call,
    of_function,
    value_text,
    with_answers,
)

Program = Callable[[str], str]

X = Variable("x", INT)
FUNCTION = function_sort((INT,), INT)


def all_theories() -> Theory:
    theory = find_logic("ALL")
    assert theory is not None
    return theory


def number(value: int) -> Term:
    return value_of(str(value) if value >= 0 else f"(- {-value})")


def value_of(text: str, theory: Theory | None = None) -> Term:
    opened = theory or all_theories()
    return check_term(parse_term(text), Scope(opened, {str(s): s for s in opened.sorts}, variables={"x": leaf(X)}))


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Makes an executable of Python code."""

    def make(code: str) -> str:
        path = tmp_path / "oracle"
        path.write_text(f"#!{sys.executable}\nimport sys\n{dedent(code)}", encoding="utf-8")
        path.chmod(0o755)
        return str(path)

    return make


def oracle(path: str, inputs: tuple[Sort, ...], *outputs: Sort, **options: object) -> ExternalOracle:
    return ExternalOracle(path, inputs, outputs, all_theories(), **options)  # type: ignore[arg-type]


def texts(values: tuple[OracleValue, ...]) -> list[str]:
    return [value_text(value) for value in values]


def test_arguments_go_on_the_command_line(program: Program) -> None:
    path = program("""
        import json, os
        assert sys.stdin.read() == ""
        print("(" + '"' + "|".join(sys.argv[1:]).replace('"', '""') + '"' + ")")
    """)
    asked = (number(-3), value_of('"a ""b"" $(touch x); \\u{e9}"'), value_of("#xff"), value_of("1.5"),
             Lambda((X,), value_of("(+ x 1)")))  # fmt: skip
    found = oracle(path, (INT, STRING, bit_vector(8), REAL, FUNCTION), STRING).ask(asked)
    assert texts(found) == ['"(- 3)|""a """"b"""" $(touch x); \\u{e9}""|#xff|1.5|(lambda ((x Int)) (+ x 1))"']


def test_arguments_go_into_a_file(program: Program) -> None:
    path = program("""
        assert len(sys.argv) == 2 and sys.argv[1].endswith(".query")
        assert open(sys.argv[1]).read().strip() == "((- 3) (lambda ((x Int)) x))"
        print("(7 true)")
    """)
    found = oracle(path, (INT, FUNCTION), INT, BOOL, by_file=True).ask((number(-3), Lambda((X,), leaf(X))))
    assert texts(found) == ["7", "true"]


@pytest.mark.parametrize(
    ("printed", "sort", "text"),
    [
        ("(3)", INT, "3"),
        ("( (- 3) ) ; done", INT, "(- 3)"),
        ("(-3)", INT, "(- 3)"),
        ("(3)", REAL, "3"),
        ("(0.50)", REAL, "0.5"),
        ("((/ 1 3))", REAL, "(/ 1 3)"),
        ("((/ (- 2) 6))", REAL, "(- (/ 1 3))"),
        ('("a""b")', STRING, '"a""b"'),
        ("(#b0101)", bit_vector(4), "#x5"),
        ("((_ bv5 4))", bit_vector(4), "#x5"),
        ("((lambda ((y Int)) (* y y)))", FUNCTION, "(lambda ((y Int)) (* y y))"),
        ("((store ((as const (Array Int Int)) 0) 1 0))", array(INT, INT), "((as const (Array Int Int)) 0)"),
    ],
)  # fmt: skip
def test_answers_are_read_into_one_form(program: Program, printed: str, sort: Sort, text: str) -> None:
    path = program(f"print({printed!r})")
    assert texts(oracle(path, (), sort).ask(())) == [text]


@pytest.mark.parametrize(
    ("code", "fragments"),
    [
        ("print('')", ("answered ''", "cannot be read", "a tuple of values (Int)")),
        ("print('3')", ("answered '3'", "cannot be read")),
        ("print('(3')", ("never closed",)),
        ("print('(3 4)')", ("answered 2 values, not 1",)),
        ("print('()')", ("answered 0 values, not 1",)),
        ("print('(true)')", ("this is Bool, not Int",)),
        ("print('(1.5)')", ("this is Real, not Int",)),
        ("print('((+ 1 2))')", ("this is no constant",)),
        ("print('(y)')", ("unknown symbol 'y'",)),
        ("print('((lambda ((x Int)) x))')", ("a function of sort (-> Int Int) is no Int",)),
        ("print('(' + '9' * 5000 + ')')", ("a numeral of 5000 digits",)),
        ("sys.exit(3)", ("ended with status 3",)),
        ("print('(3)'); sys.exit('it broke')", ("ended with status 1: it broke",)),
        ("import os; os.kill(os.getpid(), 9)", ("ended with status -9",)),
        ("sys.stdout.buffer.write(b'\\xff\\xfe(3)')", ("cannot be read",)),
        (f"print('(' + '0 ' * {LONGEST_ANSWER} + ')')", (f"more than {LONGEST_ANSWER} bytes",)),
        ("\nwhile True: print('0' * 1000)", (f"more than {LONGEST_ANSWER} bytes",)),
    ],
)
def test_what_is_no_answer_says_so(program: Program, code: str, fragments: tuple[str, ...]) -> None:
    path = program(code)
    with pytest.raises(OracleError) as caught:
        oracle(path, (INT,), INT).ask((number(5),))
    for fragment in (f"the oracle '{path}'", "asked (5)", *fragments):
        assert fragment in str(caught.value)


@pytest.mark.parametrize(
    "code",
    [
        "import time; time.sleep(60)",
        "print('(3)', flush=True); import time; time.sleep(60)",
        "sys.stdout.close(); import os, time; os.close(1); time.sleep(60)",
        "import subprocess; subprocess.run(['sleep', '60'])",
    ],
)
def test_a_hanging_oracle_is_stopped_with_all_that_it_started(program: Program, code: str) -> None:
    started = time.monotonic()
    with pytest.raises(OracleError, match=r"took more than 0\.5 s"):
        oracle(program(code), (), INT, seconds=0.5).ask(())
    assert time.monotonic() - started < 20


def test_an_oracle_that_cannot_be_started() -> None:
    with pytest.raises(OracleError, match="'no-such-oracle' is no executable"):
        oracle("no-such-oracle", (), INT)


def test_a_question_too_long_for_a_command_line(program: Program) -> None:
    path = program("print('(3)')")
    long = leaf(Literal("a" * 3_000_000, STRING))
    with pytest.raises(OracleError, match="cannot be started") as caught:
        oracle(path, (STRING,), INT).ask((long,))
    assert len(str(caught.value)) < 1000
    assert texts(oracle(path, (STRING,), INT, by_file=True).ask((long,))) == ["3"]


def test_answers_are_remembered_and_a_lie_is_found(program: Program, tmp_path: Path) -> None:
    count = tmp_path / "count"
    path = program(f"""
        from pathlib import Path
        count = Path({str(count)!r})
        number = int(count.read_text()) if count.exists() else 0
        count.write_text(str(number + 1))
        print(f"({{number // 2}})")
    """)
    asked = oracle(path, (INT,), INT)
    assert texts(asked.ask((number(1),))) == texts(asked.ask((number(1),))) == ["0"]
    assert asked.asked == 1
    assert texts(asked.ask((number(1),), again=True)) == ["0"]
    with pytest.raises(OracleError, match=r"answered \(0\) before and \(1\) now"):
        asked.ask((number(1),), again=True)


def test_a_question_of_the_wrong_sorts_is_our_mistake(program: Program) -> None:
    with pytest.raises(ValueError, match="takes Int, not Bool"):
        oracle(program(""), (INT,), INT).ask((value_of("true"),))


# From the commands of a file


def load(*commands: str) -> Problem:
    text = "\n".join(["(set-logic ALL)", "(set-feature :oracles true)", *commands, "(check-synth)"])
    return load_problem(text, "test.sl")


SQUARE = """
    import re
    values = [int(text) if text.isdigit() else -int(text[3:-1]) for text in sys.argv[1:]]
    print(f"({values[0] ** 2})")
"""


def test_a_declared_oracle_function(program: Program) -> None:
    path = program(SQUARE)
    problem = load(f"(declare-oracle-fun square (Int) Int {path})", "(synth-fun f ((x Int)) Int)",
                   "(constraint (= (f 3) (square 3)))")  # fmt: skip
    (symbol,) = problem.oracles
    assert texts(of_function(symbol, problem.theory).ask((number(-4),))) == ["16"]


@pytest.mark.parametrize(
    ("command", "asked", "answered", "statement"),
    [
        ("oracle-constraint-io f", ["3"], ["9"], "(= (f 3) 9)"),
        ("oracle-constraint-poswitness f", [], ["3", "9"], "(= (f 3) 9)"),
        ("oracle-constraint-negwitness f", [], ["3", "9"], "(not (= (f 3) 9))"),
        ("oracle-constraint-membership f", ["3", "9"], ["false"], "(= (= (f 3) 9) false)"),
    ],
)
def test_what_an_answer_adds(command: str, asked: list[str], answered: list[str], statement: str) -> None:
    (call,) = load("(synth-fun f ((x Int)) Int)", f"({command} some-oracle)").calls
    assert not call.assumed
    assert [v.sort for v in call.inputs] == [value_of(text).sort for text in asked]
    assert [v.sort for v in call.outputs] == [value_of(text).sort for text in answered]
    given, told = [value_of(t) for t in asked], [value_of(t) for t in answered]
    assert term_text(with_answers(call, given, told)) == statement


@pytest.mark.parametrize("command", ["oracle-constraint-cex", "declare-correctness-cex-oracle"])
def test_what_a_counterexample_adds(program: Program, command: str) -> None:
    path = program("""
        assert sys.argv[1:] == ["(lambda ((x Int)) (+ x 1))"]
        print("(true (- 2))")
    """)
    problem = load("(synth-fun f ((x Int)) Int)", f"({command} f {path})")
    (call,) = problem.calls
    candidate = Lambda((X,), value_of("(+ x 1)"))
    answer = of_call(call, problem.theory).ask((candidate,))
    assert term_text(with_answers(call, (candidate,), answer)) == "(=> true (not (= (f (- 2)) (+ (- 2) 1))))"
    correct = [term_text(constraint) for constraint in problem.constraints]
    assert correct == ([f"(|f is correct by {path}| f)"] if "correctness" in command else [])


def test_assumptions_and_names_before_the_term() -> None:
    problem = load(
        "(synth-fun f ((x Int)) Int)",
        "(declare-var y Int)",
        "(oracle-assume ((c (-> Int Int))) ((y Int)) some-oracle (=> (> (f y) 0) (= (c y) y)) :file)",
    )
    (call,) = problem.calls
    assert call.assumed
    assert call.by_file
    statement = with_answers(call, (Lambda((X,), value_of("(* x x)")),), (number(4),))
    assert term_text(statement) == "(=> (> (f 4) 0) (= (* 4 4) 4))"


@pytest.mark.parametrize(
    ("command", "fragment"),
    [
        ("(oracle-constraint-io g o)", "'g' is no function to synthesise; functions to synthesise: f"),
        ("(oracle-constraint-io f o :file :command-line)", "an oracle is asked in one way"),
        ("(oracle-constraint-io f o :timeout 3)", "unknown attribute ':timeout' of an oracle"),
        ("(oracle-constraint ((x Int)) ((y Int)) (+ x y) o)", "the statement must be Bool"),
        ("(oracle-constraint ((x Int)) ((x Int)) (= x x) o)", "the parameter 'x' appears twice"),
        ("(declare-oracle-fun h (Int) Int o :other)", "unknown attribute ':other'"),
    ],
)
def test_wrong_oracle_commands(command: str, fragment: str) -> None:
    with pytest.raises(Exception, match=r"test.sl:4:") as caught:
        load("(synth-fun f ((x Int)) Int)", command)
    assert fragment in str(caught.value)


def test_oracle_commands_need_their_feature() -> None:
    for command in ("oracle-constraint-io f o", "declare-correctness-oracle f o", "oracle-assume () () true o"):
        with pytest.raises(Exception, match="needs the feature :oracles"):
            load_problem(f"(set-logic LIA)(synth-fun f () Int)({command})(check-synth)", "test.sl")
    with pytest.raises(Exception, match="function sorts need the feature :oracles"):
        load_problem("(set-logic CAM)(declare-var f (-> Map Weight))(check-synth)", "test.sl")
