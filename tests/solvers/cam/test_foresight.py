"""What is known of constraints before a score is paid is what the run finds later; a score is never among it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

import sygus
from solvers.cam.foresight import Foresight
from solvers.cam.settings import Settings
from solvers.cam.subjects import Subjects, load_subjects
from sygus.language.elaborate import load_problem
from sygus.language.terms import OracleFunction
from sygus.oracles.cam import UNSCORED, CamOracle, NotFinite
from sygus.oracles.expressions import read_expression
from sygus.oracles.objective import CamProblem, Objectives
from sygus.saliency.metrics.coherence import NEXT_CLASS

PICTURES = 16

HEAD = """(set-logic CAM) (set-feature :oracles true) (set-feature :weights true)
(declare-weight size :default 1)
(define-fun gradcam ((activation Map) (gradient Map)) Heatmap (relu (cam (gap gradient))))
"""
TAIL = """(synth-fun h ((activation Map) (gradient Map)) Heatmap ((H Heatmap) (M Map))
  ((H Heatmap ((relu (cam M)) (relu (cam (gap M))) (power H (Constant Real))))
   (M Map (activation gradient (* M M)))))
"""
DECLARED = "".join(
    f"(declare-oracle-fun {name} ((-> Map Map Heatmap)) Real {metric})\n"
    for name, metric in {
        "average-drop": "average-drop",
        "coverage": "coverage",
        "contrast": "contrast",
        "iou": "iou :t 0.5",
        "max-sensitivity": "max-sensitivity :draws 3",
    }.items()
)
EXPRESSIONS = (
    "(relu (cam gradient))",
    "(power (relu (cam (gap gradient))) 0.3)",
    "(power (relu (cam activation)) 0.1)",
)


@cache
def subjects() -> Subjects:
    return load_subjects(Settings(search_images=PICTURES, held_out_images=2, device="cpu"))


def problem(body: str) -> CamProblem:
    return CamProblem(load_problem(f"{HEAD}{DECLARED}{TAIL}{body}", "test.sy"))


def foreseen(stated: CamProblem, oracle: CamOracle, expressions: Sequence[str] = EXPRESSIONS) -> np.ndarray:
    """(expressions, constraints)."""
    heat = oracle.heat_maps([read_expression(one) for one in expressions])
    return np.array(Foresight(stated, oracle)(heat))


def test_it_is_what_the_run_finds_and_costs_no_pass() -> None:
    oracle = CamOracle(subjects().search.subject)
    stated = problem("""(constraint (<= (coverage h) 0.5))
(constraint (<= (average-drop h) (average-drop gradcam)))
(constraint (>= (contrast h) (* 0.5 (contrast gradcam))))
(constraint (and (<= (coverage h) 0.7) (<= (_ size h) 2)))
(constraint (or (<= (max-sensitivity h) 0.5) (<= (coverage h) 0.2)))
(optimize-synth ((! (average-drop h) :min) (! (_ size h) :min)) :lexico)""")
    before = oracle.forwards
    found = foreseen(stated, oracle)
    assert Foresight(stated, oracle)
    assert oracle.forwards == before
    assert np.isnan(found[:, 1]).all()  # by average drop, which takes passes
    assert np.isnan(found[:, 4]).all()  # by what explains three times over
    objectives = Objectives(stated, oracle)
    everything = torch.arange(PICTURES)
    for row, text in zip(found, EXPRESSIONS, strict=True):
        term = read_expression(text)
        heat = oracle.heat_maps([term])
        scores = {symbol: oracle.score(heat, metric, everything)[0] for symbol, metric in stated.metrics.items()}
        margins = np.array(objectives.margins(term, scores))
        known = ~np.isnan(row)
        np.testing.assert_allclose(row[known], margins[known], rtol=1e-6)
        means = {symbol: float(values.mean(dtype=np.float64)) for symbol, values in scores.items()}
        assert (margins >= 0).all() == objectives.feasible(term, means)
        assert row[3] == pytest.approx(min(0.7 - means[one("coverage", stated)], 2 - objectives.weight(term, "size")))
    assert found[2, 0] < 0  # it keeps nearly all
    assert found[1, 3] < 0  # it has more nodes


def one(name: str, stated: CamProblem) -> OracleFunction:
    """The oracle function of that name."""
    return next(symbol for symbol in stated.metrics if symbol.name == name)


@pytest.mark.parametrize(
    "body",
    [
        "(constraint (>= (iou h) 0.2)) (optimize-synth ((! (iou h) :max)))",
        "(constraint (<= (coverage h) 0.5)) (optimize-synth ((! (average-drop h) :min) (! (coverage h) :min)))",
        "(constraint (<= (average-drop h) 20.0)) (optimize-synth ((! (average-drop h) :min)))",
        "(optimize-synth ((! (average-drop h) :min)))",
    ],
)
def test_what_an_objective_says_is_never_looked_up(body: str) -> None:
    """Although IoU and coverage take no pass: a budget in terms is for them."""
    assert not Foresight(problem(body), subjects().search)


def test_a_score_of_the_objective_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    stated = problem(
        "(constraint (<= (coverage h) 0.5)) (constraint (>= (iou h) 0.2)) (optimize-synth ((! (iou h) :max)))"
    )
    oracle, asked = CamOracle(subjects().search.subject), []
    attempt = oracle.attempt
    monkeypatch.setattr(oracle, "attempt", lambda h, metric, i: asked.append(metric.name) or attempt(h, metric, i))
    found = foreseen(stated, oracle)
    assert asked == ["coverage"]
    assert np.isnan(found[:, 1]).all()
    assert not np.isnan(found[:, 0]).any()


def test_a_margin_is_over_the_pictures_that_were_seen() -> None:
    stated = problem("""(constraint (< (average-drop h) (average-drop gradcam)))
(constraint (>= (coverage h) 0.1))
(constraint (not (<= (coverage h) 0.3)))
(constraint (=> (<= (coverage h) 0.3) (>= (iou h) 0.9)))
(constraint (= (coverage h) 0.25))
(optimize-synth ((! (average-drop h) :min)))""")
    objectives = Objectives(stated, subjects().search)
    drop, coverage = one("average-drop", stated), one("coverage", stated)
    gradcam = subjects().search.score(
        subjects().search.heat_maps([read_expression("(relu (cam (gap gradient)))")]),
        stated.metric(drop),
        torch.arange(PICTURES),
    )[0]
    seen = np.where(np.arange(PICTURES) < 4, gradcam - 3, np.nan).astype(np.float32)
    row = np.full(PICTURES, 0.25, np.float32)
    term = read_expression("(relu (cam gradient))")
    margins = objectives.margins(term, {drop: seen, coverage: row})
    np.testing.assert_allclose(margins[:3], [3, 0.15, -0.05], rtol=1e-5)
    assert math.isnan(margins[3])
    assert margins[4] == 1
    assert objectives.margins(term, {})[0] != objectives.margins(term, {})[0]
    iou = {one("iou", stated): np.full(PICTURES, 0.5, np.float32)}
    assert objectives.margins(term, {coverage: row, **iou})[3] == pytest.approx(-0.05)
    assert objectives.margins(term, {coverage: row + 0.2, **iou})[3] == pytest.approx(0.15)
    assert math.isnan(objectives.margins(term, {drop: np.full(PICTURES, np.nan, np.float32)})[0])


def overflowing(oracle: CamOracle) -> str:
    """A map that is finite for the classes explained and overflows for the next most probable one, on some picture.

    Its 64th power, scaled so that the largest number there is lies between the two.
    """
    of_next, limit = oracle.changed(NEXT_CLASS), float(np.finfo(np.float32).max) ** (1 / 64)
    for base in ("gradient", "(abs gradient)", "(* activation gradient)", "activation", "(* gradient gradient)"):
        term = read_expression(f"(relu (cam (gap {base})))")
        (mine,), (other,) = oracle.heat_maps([term]), of_next.heat_maps([term])
        ends = float(mine.maps.max()), float(other.maps.max())
        if ends[1] > 1.1 * ends[0] > 0:
            text = f"(relu (cam (* {limit / math.sqrt(ends[0] * ends[1]):.6f} (gap {base}))))"
            for _ in range(6):
                text = f"(* {text} {text})"
            return text
    pytest.fail("no map tells the classes apart")


def test_what_is_not_finite_for_another_class_has_failed_and_ends_no_run() -> None:
    stated = problem("(constraint (>= (contrast h) 0.0)) (optimize-synth ((! (average-drop h) :min)))")
    oracle = CamOracle(subjects().search.subject)
    text = overflowing(oracle)
    contrast = stated.metric(one("contrast", stated))
    heat = oracle.heat_maps([read_expression(text), read_expression("(relu (cam gradient))")])
    everything = torch.arange(PICTURES)
    scores = oracle.attempt([each.of_term for each in heat], contrast, everything)
    assert np.isnan(scores[0]).all()
    assert not np.isnan(scores[1]).any()
    assert [repr(term) for term in oracle.failed.values()] == [repr(read_expression(text))]
    with pytest.raises(NotFinite, match="is not finite on"):
        oracle.score(heat[:1], contrast, everything)
    (margins,) = Foresight(stated, oracle)(heat[:1])
    assert math.isnan(margins[0])
    assert "is not finite on what a metric has it explain again" in UNSCORED


def test_a_run_goes_on_where_a_term_is_not_finite_for_another_class(tmp_path: Path) -> None:
    text = overflowing(subjects().search)
    body = f"""(synth-fun h ((activation Map) (gradient Map)) Heatmap
  ((H Heatmap)) ((H Heatmap ({text} (relu (cam gradient))))))
(constraint (>= (contrast h) 0.0))
(optimize-synth ((! (average-drop h) :min)))"""
    (tmp_path / "file.sy").write_text(f"{HEAD}{DECLARED}{body}")
    few = {"search_images": PICTURES, "validation_images": 0, "held_out_images": 2, "device": "cpu"}
    options = {"budget": "size=999", "baselines": "gradcam", "race": "off", "out": tmp_path / "run"}
    sygus.solve(str(tmp_path / "file.sy"), **options, **few)
    assert (tmp_path / "run" / "answer.sy").read_text().endswith("Heatmap (relu (cam gradient))))\n")
