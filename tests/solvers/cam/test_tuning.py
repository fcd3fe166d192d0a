"""Constants of promising terms are tuned on the search pictures; what is printed is what was scored."""

import json
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from solvers.cam.archive import Judged
from solvers.cam.learner import Fate, Outcome
from solvers.cam.tuning import DIGITS, EVALUATIONS, Bar, Tuner, opened, rounded
from sygus.app.cli import main
from sygus.language.elaborate import load_problem
from sygus.language.problem import Grammar
from sygus.language.syntax.parser import parse_term
from sygus.language.terms import Literal, Term, leaf, subterms
from sygus.language.text import term_text
from sygus.oracles.expressions import parse_expression
from sygus.oracles.objective import CamProblem

PROBLEM = """
(set-logic CAM)
(set-feature :oracles true)
(set-feature :weights true)
(declare-weight size :default 1)
(declare-oracle-fun m ((-> Map Heatmap)) Real {metric})
(synth-fun h ((gradient Map)) Heatmap ((H Heatmap) (W Weight))
  ((H Heatmap ((relu (cam W)) (power H (Constant Real)) {more}))
   (W Weight ((gap gradient)))))
(optimize-synth ((! (m h) :max) (! (_ size h) :min)) :lexico)
"""


def grammar(more: str = "") -> Grammar:
    return load_problem(PROBLEM.format(metric="iou :t 0.5", more=more), "p.sy").target.written


def term_of(text: str) -> Term:
    return parse_expression(text, "here")


def test_what_stands_for_a_constant_is_opened_and_nothing_else() -> None:
    found = opened(term_of("(power (power (relu (cam (gap gradient))) 0.5) 3.0)"), grammar())
    assert found is not None
    assert found.values == (0.5, 3.0)
    assert term_text(found.filled([0.123456, 1000.4])) == "(power (power (relu (cam (gap gradient))) 0.123) 1000)"
    assert opened(term_of("(relu (cam (gap gradient)))"), grammar()) is None
    own = opened(term_of("(+ (power (relu (cam (gap gradient))) 2.0) 2.0)"), grammar("(+ H 2)"))
    assert own is not None
    assert own.values == (2.0,)  # the other 2 is the grammar's own


@given(st.floats(1e-6, 1e6))
def test_rounding_keeps_so_many_digits(value: float) -> None:
    found = rounded(value)
    assert abs(float(found) - value) <= value * 10.0 ** (1 - DIGITS) / 2 * 1.0001
    assert rounded(float(found)) == found


@pytest.mark.parametrize("best", [0.2, 0.7, 1.9, 3.0])
def test_brent_finds_the_best_of_a_known_cost(best: float) -> None:
    asked: list[float] = []

    def cost(term: Term) -> float:
        (value,) = (float(node.head.value) for node in subterms(term) if isinstance(node.head, Literal))
        asked.append(value)
        return (value - best) ** 2

    tuner = Tuner(grammar(), cost)
    tuner.tune([term_of("(power (relu (cam (gap gradient))) 1.0)")] * 2)
    assert min(abs(value - best) for value in asked) < 0.05 * best
    assert tuner.shapes == 1
    assert tuner.evaluations == len(asked) == len(set(asked)) <= EVALUATIONS + 1


def run(folder: Path, metric: str, *options: str, more: str = "") -> str:
    (folder / "p.sy").write_text(PROBLEM.format(metric=metric, more=more))
    few = ["--search-images", "6", "--held-out-images", "3", "--baselines", "uniform", "--budget", "size=6"]
    told = ["solve", str(folder / "p.sy"), *few, "--out", str(folder / "run"), *options]
    result = CliRunner().invoke(main, told)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def test_a_search_finds_a_better_constant_and_says_which_was_scored(tmp_path: Path) -> None:
    answer = run(tmp_path, "energy-pointing-game")
    found = re.match(r"\(\(([\d.]+) \d+\) .* ([\d.]+)\)", answer)
    assert found is not None, answer
    value, constant = found.groups()
    assert Fraction(constant) not in (Fraction("0.5"), 1, 2, 3)
    record = json.loads((tmp_path / "run" / "solution.json").read_text())
    tried = {entry["term"]: entry["objectives"][0] for entry in record["candidates"]}
    on_grid = max(score for term, score in tried.items() if re.search(r" (0\.5|1\.0|2\.0|3\.0)\)$", term))
    assert float(value) > on_grid
    assert record["accounting"]["constants tuned"] > 0
    told = ["--methods", "uniform", "--metrics", "energy-pointing-game", "--format", "json", "--search-images", "6"]
    own = ["--held-out-images", "3", "--expression", f"@{tmp_path / 'run' / 'answer.sy'}"]
    scored = CliRunner().invoke(main, ["evaluate", *told, *own])
    rows = {row["method"]: row for row in json.loads(scored.stdout)}
    chosen = record["finalists"][0]["scores"]
    search, validation = (chosen[part]["energy-pointing-game"]["scores"] for part in ("search", "validation"))
    assert rows["expression"]["search"]["energy-pointing-game"]["value"] == pytest.approx(sum(search) / 6, abs=1e-6)
    assert float(value) == pytest.approx(sum(search + validation) / 30, abs=1e-6)


@pytest.mark.slow
def test_tuning_is_the_same_each_time_and_after_a_resumption(tmp_path: Path) -> None:
    first = run(tmp_path, "energy-pointing-game", "--budget", "size=6,terms=5")
    resumed = run(tmp_path, "energy-pointing-game", "--resume", "--budget", "size=6")
    (tmp_path / "fresh").mkdir()
    fresh = run(tmp_path / "fresh", "energy-pointing-game")
    assert resumed == fresh
    assert first != ""


def test_a_budget_of_terms_counts_those_that_are_tuned(tmp_path: Path) -> None:
    run(tmp_path, "energy-pointing-game", "--budget", "size=6,terms=6")
    record = json.loads((tmp_path / "run" / "solution.json").read_text())
    assert len(record["candidates"]) + record["accounting"].get("pruned", 0) <= 6 + 4  # a batch is finished


def test_terms_are_parsed_as_they_are_printed() -> None:
    found = opened(term_of("(power (relu (cam (gap gradient))) 2.0)"), grammar())
    assert found is not None
    for value in (1e-4, 0.0316, 7.0, 123456.0):
        text = term_text(found.filled([value]))
        parse_term(text, "here")
        assert term_of(text) is found.filled([value])
    assert leaf(Literal(rounded(7.0), found.places[0].sort)).head.value == 7  # type: ignore[union-attr]


def judged(number: int, scores: list[float], *, feasible: bool | None = True, fate: Fate = Fate.SCORED) -> Judged:
    """A term with scores by the one metric, NaN where it lost a race."""
    values = np.array(scores, np.float32)
    objectives = () if np.isnan(values).any() or feasible is None else (float(values.mean()), 4.0)
    outcome = Outcome(fate, objectives, int((~np.isnan(values)).sum()), feasible, {METRIC: values})
    return Judged(number, term_of("(relu (cam (gap gradient)))"), outcome)


CAM = CamProblem(load_problem(PROBLEM.format(metric="iou :t 0.5", more=""), "p.sy"))
(METRIC,) = CAM.metrics
NAN = float("nan")


def over(bar: Bar, *batch: Judged) -> list[int]:
    return [one.id for one in bar.over(batch)]


def test_who_is_ahead_of_the_best_untuned_term_is_tuned_and_no_other() -> None:
    bar = Bar(CAM)
    assert over(bar, judged(1, [0.5, 0.4, 0.6, 0.5])) == [1]
    assert over(bar, judged(2, [0.4, 0.4, 0.6, 0.5])) == []
    assert over(bar, judged(3, [0.6, 0.5, 0.61, NAN], feasible=None, fate=Fate.PRUNED)) == [3]  # lost to one tuned
    assert over(bar, judged(4, [0.9, 0.1, 0.6, NAN], feasible=None, fate=Fate.PRUNED)) == []  # by luck, as it seems
    assert over(bar, judged(5, [0.9, 0.9, 0.9, 0.9], feasible=False)) == []
    assert over(bar, judged(6, [0.9, 0.9, 0.9, 0.9], feasible=None, fate=Fate.PRUNED)) == []  # lost to a constraint
    assert over(bar, judged(7, [0.9, 0.9, 0.9, 0.9], fate=Fate.DUPLICATE)) == []
    assert over(bar, judged(8, [0.6, 0.5, 0.7, 0.6]), judged(9, [0.7, 0.6, 0.8, 0.7])) == [9]
    assert over(bar, judged(10, [0.6, 0.5, 0.7, 0.6])) == []


def test_where_no_metric_outranks_the_rest_there_is_no_bar() -> None:
    equal = PROBLEM.format(metric="iou :t 0.5", more="").replace(" :lexico", "")
    bar = Bar(CamProblem(load_problem(equal, "p.sy")))
    assert over(bar, judged(1, [0.5, 0.4, 0.6, 0.5])) == []
