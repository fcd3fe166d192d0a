"""``sycam-sygus oracle``: a metric answers as the standard's oracles do."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from sygus.app.cli import main
from sygus.language.elaborate import load_problem
from sygus.language.syntax.parser import parse_values
from sygus.language.terms import Definition
from sygus.language.text import measured, number_text
from sygus.language.theories.cam import CAM
from sygus.oracles.external import Lambda, of_function, value_text

GRADCAM = "(lambda ((gradient Map)) (gap gradient))"
FEW = ["--search-images", "8", "--held-out-images", "8"]


def asked(*question: str, metric: str = "average-drop") -> str:
    result = CliRunner().invoke(main, ["oracle", metric, *question, *FEW])
    assert result.exit_code == 0, result.output
    return result.stdout.strip()


def test_the_answer_is_a_tuple_with_the_score_that_evaluate_gives(tmp_path: Path) -> None:
    answer = asked(GRADCAM)
    (value,) = parse_values(answer)
    options = ["--methods", "uniform", "--metrics", "average-drop", "--expression", "(gap gradient)", *FEW]
    table = CliRunner().invoke(main, ["evaluate", *options]).stdout
    assert f"average-drop on the search pictures: {number_text(measured(float(answer[1:-1])))}" in table
    query = tmp_path / "question.query"
    query.write_text(f"({GRADCAM})\n", encoding="utf-8")
    assert asked(str(query)) == answer
    assert getattr(value, "kind", "") == "decimal"


@pytest.mark.parametrize(
    ("question", "fragments"),
    [
        (["(lambda ((gradiant Map)) (gap gradiant))"], ("gradiant",)),
        (["(lambda ((gradient Map)) (< 1 2))"], ("gives Bool",)),
        ([GRADCAM, GRADCAM], ("2 values",)),
        (["(lambda ((gradient Map) gap gradient)"], ("QUESTION:1:",)),
        (["no-such-file"], ("QUESTION: cannot read 'no-such-file'",)),
        (["gap\0"], ("QUESTION: cannot read",)),
    ],
)
def test_bad_questions(question: list[str], fragments: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main, ["oracle", "average-drop", *question, *FEW])
    assert result.exit_code == 2
    assert not result.stdout
    for fragment in fragments:
        assert fragment in result.stderr
    unknown = CliRunner().invoke(main, ["oracle", "no-metric", GRADCAM, *FEW])
    assert unknown.exit_code == 2
    assert "METRIC: " in unknown.stderr


@pytest.mark.slow
def test_another_solver_may_ask_the_metric_as_an_external_oracle(tmp_path: Path) -> None:
    script = tmp_path / "average-drop"
    script.write_text(
        f"#!{sys.executable}\nimport sys\nfrom sygus.app.cli import main\n"
        f"main(['oracle', 'average-drop', *sys.argv[1:], *{FEW}])\n",
        encoding="utf-8",
    )
    script.chmod(0o755)
    problem = load_problem(
        "(set-logic CAM)(set-feature :oracles true)"
        f"(declare-oracle-fun drop ((-> Map Weight)) Real {script})"
        "(define-fun gradcam ((gradient Map)) Weight (gap gradient))"
        "(synth-fun w ((gradient Map)) Weight)"
        "(constraint (< (drop w) (drop gradcam)))(check-synth)",
        "test.sy",
    )
    (symbol,) = problem.oracles
    heads = (argument.arguments[0].head for argument in problem.constraints[0].arguments)
    (definition,) = (head for head in heads if isinstance(head, Definition))
    oracle = of_function(symbol, CAM, seconds=120)
    (value,) = oracle.ask((Lambda(definition.parameters, definition.body),))
    assert f"({value_text(value)})" == asked(GRADCAM)
