"""What a file can ask of metrics: options, sums, thresholds, other expressions, Pareto sets, the standard's letter."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from solvers.cam.archive import Archive, Judged
from solvers.cam.journal import JournalError
from solvers.cam.learner import Fate, Outcome
from solvers.cam.race import Racer
from solvers.cam.search import search as solve
from solvers.cam.settings import Settings
from solvers.cam.solution import Solution
from solvers.cam.subjects import Subjects, load_subjects
from sygus.errors import OptionError, SourceError
from sygus.language.elaborate import load_problem
from sygus.maps import unit_range
from sygus.oracles.cam import CamOracle
from sygus.oracles.expressions import read_expression
from sygus.oracles.objective import CamProblem, Objectives
from sygus.saliency.heatmap import combine, degenerate
from sygus.saliency.metrics import METRICS, find_metric

SMALL = Settings(search_images=16, held_out_images=2, device="cpu", budget="size=3")

HEAD = """(set-logic CAM)
(set-feature :oracles true)
(set-feature :weights true)
(declare-weight size :default 1)
(define-fun gradcam ((activation Map) (gradient Map)) Weight (gap gradient))
"""
GRAMMAR = """(synth-fun w ((activation Map) (gradient Map)) Weight
  ((W Weight) (M Map))
  ((W Weight ((gap M) (gmp M))) (M Map (activation gradient (abs M) (* M M)))))
"""
SIGNATURE = "((-> Map Map Weight)) Real"


def declare(name: str, metric: str = "") -> str:
    return f"(declare-oracle-fun {name} {SIGNATURE} {metric or name})\n"


def cam(body: str, declarations: str, metric: str | None = None) -> CamProblem:
    return CamProblem(load_problem(HEAD + declarations + GRAMMAR + body, "test.sy"), metric)


@pytest.fixture(scope="module")
def subjects() -> Subjects:
    return load_subjects(SMALL)


def search(problem: CamProblem, subjects: Subjects, folder: Path) -> Solution:
    return solve(problem, SMALL, subjects, folder)


def means(problem: CamProblem, subjects: Subjects, text: str) -> dict[str, float]:
    """The mean scores of an expression, by the name of the oracle function."""
    heat = subjects.search.heat_maps([read_expression(text)])
    everything = torch.arange(len(subjects.search.subject.images))
    return {
        symbol.name: float(subjects.search.score(heat, metric, everything).mean(dtype="float64"))
        for symbol, metric in problem.metrics.items()
    }


CHEAP = {
    "deletion": "deletion :steps 4",
    "insertion": "insertion :steps 4",
    "max-sensitivity": "max-sensitivity :draws 2",
}


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_can_be_searched_for(name: str, subjects: Subjects, tmp_path: Path) -> None:
    metric = METRICS[name]
    ask = f"(optimize-synth ((! (m w) :{metric.direction}) (! (_ size w) :min)) :lexico)"
    problem = cam(ask, declare("m", CHEAP.get(name, name)))
    solution = search(problem, subjects, tmp_path)
    assert solution.best is not None
    (scores,) = solution.best.outcome.scores.values()
    assert solution.best.outcome.objectives[0] == pytest.approx(scores.mean(dtype=np.float64))
    best = min if metric.direction == "min" else max
    values = [c.outcome.objectives[0] for c in solution.front]
    assert solution.best.outcome.objectives[0] == best(values)


def test_options_reach_the_metric_and_its_name() -> None:
    problem = cam("(optimize-synth ((! (d w) :min)))", declare("d", "deletion :top 30 :steps 5"))
    (metric,) = problem.metrics.values()
    assert metric.name == "deletion(steps=5,top=30)"
    assert metric.chosen == {"top": 30, "steps": 5, "within": "all"}
    assert problem.goals[0].label == "d"


def test_a_file_may_say_an_alias() -> None:
    problem = cam("(optimize-synth ((! (j w) :max)))", declare("j", "jaccard :t 0.25"))
    (metric,) = problem.metrics.values()
    assert metric.name == "iou(t=0.25)"
    assert problem.goals[0].label == "j"


@pytest.mark.parametrize(
    ("options", "fragments"),
    [
        ("deletion :topp 30", ("no option 'topp'", "top: a number from 0 to 100")),
        ("deletion :top 130", ("'top'", "'130'", "from 0 to 100")),
        ("average-drop :top 30", ("no option 'top'", "within: all or box or outside")),
        ("coverage :top 30", ("no option 'top'", "none")),
        ("win :against nowhere", ("'nowhere'", "gradcam")),
        ("iou :on circles", ("'circles'", "region or boxes")),
    ],
)
def test_wrong_options_are_errors_with_a_position(options: str, fragments: tuple[str, ...]) -> None:
    with pytest.raises(SourceError) as caught:
        cam("(optimize-synth ((! (m w) :min)))", declare("m", options))
    assert str(caught.value).startswith("test.sy:6:1: ")
    for fragment in fragments:
        assert fragment in str(caught.value)


def test_sums_thresholds_and_the_scores_of_other_expressions(subjects: Subjects) -> None:
    body = """(constraint (<= (average-drop w) (+ 5 (average-drop gradcam))))
(constraint (not (= (iou w) (iou gradcam))))
(optimize-synth ((! (+ (average-drop w) (* 2 (- 1 (iou w)))) :min)
                 (! (- (average-drop w) (average-drop gradcam)) :max)))
"""
    problem = cam(body, declare("average-drop") + declare("iou"))
    objectives = Objectives(problem, subjects.search)
    text = "(gap (* activation gradient))"
    named = means(problem, subjects, text)
    given = {symbol: named[symbol.name] for symbol in problem.metrics}
    gradcam = means(problem, subjects, "(gap gradient)")
    candidate = read_expression(text)
    expected = (
        named["average-drop"] + 2 * (1 - named["iou"]),
        named["average-drop"] - gradcam["average-drop"],
    )
    assert objectives.values(candidate, given) == pytest.approx(expected)
    holds = named["average-drop"] <= 5 + gradcam["average-drop"] and named["iou"] != gradcam["iou"]
    assert objectives.feasible(candidate, given) == holds
    same = {symbol: gradcam[symbol.name] for symbol in problem.metrics}
    assert not objectives.feasible(read_expression("(gap gradient)"), same)


def test_win_against_a_function_of_the_file_and_a_method(tmp_path: Path) -> None:
    own = "(define-fun mine ((gradient Map)) Weight (gmp gradient))\n"
    for name in ("mine", "uniform"):
        problem = cam("(optimize-synth ((! (win w) :max)))", own + declare("win", f"win :against {name}"))
        assert [metric.name for metric in problem.metrics.values()] == [f"win(against={name})"]
        (tmp_path / name).mkdir()
        solution = solve(problem, SMALL, load_subjects(SMALL, problem.references), tmp_path / name)
        assert solution.best is not None
        assert solution.best.outcome.objectives[0] > 0


def ordered_pair(body: str) -> CamProblem:
    return cam(body, declare("average-drop") + declare("iou"))


def test_without_an_order_the_front_is_the_pareto_set(subjects: Subjects, tmp_path: Path) -> None:
    ask = "(optimize-synth ((! (average-drop w) :min) (! (sparseness w) :min)))"
    problem = cam(ask, declare("average-drop") + declare("sparseness"))
    solution = search(problem, subjects, tmp_path)
    values = [candidate.outcome.objectives for candidate in solution.front]
    assert solution.best is solution.front[0]
    assert values == sorted(values)
    assert len(values) >= 2
    for drop, sparse in values:
        assert not any((d, s) != (drop, sparse) and d <= drop and s <= sparse for d, s in values)


def test_the_archive_keeps_what_nothing_dominates_and_the_first_of_equals() -> None:
    archive = Archive(ordered_pair("(optimize-synth ((! (average-drop w) :min) (! (iou w) :max)))"))
    points = [(3.0, 0.5), (2.0, 0.4), (3.0, 0.5), (4.0, 0.4), (1.0, 0.1), (2.0, 0.45), (9.0, 0.9)]
    for number, point in enumerate(points):
        outcome = Outcome(Fate.SCORED, point, 16, feasible=number != 6)
        archive.consider(Judged(number, read_expression("(gap gradient)"), outcome))
    assert [(c.id, c.outcome.objectives) for c in archive.front()] == [
        (4, (1.0, 0.1)),
        (5, (2.0, 0.45)),
        (0, (3.0, 0.5)),
    ]
    assert archive.leader is not None
    assert archive.leader.id == 4


LEGAL = """(synth-fun m () Real ((R Real)) ((R Real ((Constant Real)))))
(constraint (= m (average-drop w)))
"""


def test_the_strictly_legal_form_gives_the_same_answer(subjects: Subjects, tmp_path: Path) -> None:
    usual = cam("(optimize-synth ((! (average-drop w) :min)))", declare("average-drop"))
    legal = cam(LEGAL + "(optimize-synth ((! m :min)))", declare("average-drop"))
    turned = cam(
        LEGAL.replace("(= m (average-drop w))", "(= (average-drop w) m)") + "(optimize-synth ((! m :min)))",
        declare("average-drop"),
    )
    answers = []
    for number, problem in enumerate((usual, legal, turned)):
        (tmp_path / str(number)).mkdir()
        answers.append(search(problem, subjects, tmp_path / str(number)).answer)
    assert answers[0] == answers[1] == answers[2]


def test_a_second_function_that_nothing_binds_is_an_error() -> None:
    with pytest.raises(SourceError, match="2 functions to synthesise"):
        cam(LEGAL.splitlines()[0] + "\n(optimize-synth ((! m :min)))", declare("average-drop"))


def test_metric_takes_the_place_of_the_one_declared() -> None:
    body = "(constraint (<= (average-drop w) (average-drop gradcam)))\n(optimize-synth ((! (average-drop w) :min)))"
    problem = cam(body, declare("average-drop"), "deletion(top=30)")
    assert [metric.name for metric in problem.metrics.values()] == ["deletion(top=30)"]
    assert problem.goals[0].label == "deletion(top=30)"


@pytest.mark.parametrize(
    ("metric", "declarations", "fragments"),
    [
        ("average-gain", declare("average-drop"), ("average-gain", "large", ":min", ":max", "deletion")),
        ("deletion", declare("average-drop") + declare("iou"), ("2 metrics", "average-drop, iou")),
        ("nothing", declare("average-drop"), ("--metric", "unknown metric 'nothing'")),
        (
            "nowhere.at.all:function",
            declare("average-drop"),
            ("there is no module 'nowhere.at.all'", "run in the folder"),
        ),
        ("math:sqrt", declare("average-drop"), ("is no metric", "decorate")),
        ("win(against=nobody)", declare("average-drop"), ("nobody",)),
    ],
)
def test_a_metric_that_cannot_take_the_place(metric: str, declarations: str, fragments: tuple[str, ...]) -> None:
    with pytest.raises(OptionError) as caught:
        cam("(optimize-synth ((! (average-drop w) :min)))", declarations, metric)
    for fragment in fragments:
        assert fragment in str(caught.value)


def test_a_file_may_not_import_a_module() -> None:
    with pytest.raises(SourceError, match="unknown metric"):
        cam("(optimize-synth ((! (m w) :min)))", declare("m", "|math:sqrt|"))


def test_explaining_again_ends_the_sharing_of_equal_maps(subjects: Subjects) -> None:
    one, other = subjects.search.heat_maps([read_expression("(gap gradient)"), read_expression("(* 2 (gap gradient))")])
    assert one.key == other.key
    assert one.of_term.key != other.of_term.key
    assert cam("(optimize-synth ((! (m w) :max)))", declare("m", "adcc")).explains_again
    assert not cam("(optimize-synth ((! (m w) :max)))", declare("m", "iou")).explains_again


class Waits(TorchDispatchMode):
    """Counts the operations that wait for a device to give a number."""

    count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


def test_keys_are_of_the_rounded_maps_and_asked_for_at_once(subjects: Subjects) -> None:
    oracle = subjects.search
    activation = oracle.measured["activation"]
    oracle.fingerprint  # noqa: B018 - takes the targets to the host, once
    drawn = torch.randn(activation.shape[:2], generator=torch.Generator().manual_seed(0))[:, :, None, None]
    drawn[3] = 0
    infinite = drawn.clone()
    infinite[1, 2] = torch.inf
    for weights, finite in ((drawn, True), (infinite, False)):
        with Waits() as waits:
            heat = oracle.keyed(combine(weights, activation))
        assert waits.count == 0
        maps = combine(weights, activation)
        digest = hashlib.sha256(oracle.fingerprint.encode())
        if finite:
            digest.update((unit_range(maps) * 1e5).round().to(torch.int32).numpy().tobytes())
            assert heat.degenerate == int(degenerate(maps).sum()) >= 1
        assert (heat.finite, heat.key) == (finite, digest.hexdigest()[:32])
        assert torch.equal(heat.maps.nan_to_num(), maps.nan_to_num())


def test_a_run_does_not_mix_the_scores_of_two_kinds_of_device(subjects: Subjects, tmp_path: Path) -> None:
    def moved(oracle: CamOracle, device: str) -> CamOracle:
        network = replace(oracle.subject.network, device=torch.device(device))
        return CamOracle(replace(oracle.subject, network=network))

    search_on = {name: moved(subjects.search, name) for name in ("cpu", "cuda", "cuda:1")}
    assert search_on["cpu"].fingerprint == subjects.search.fingerprint
    assert search_on["cpu"].fingerprint != search_on["cuda"].fingerprint == search_on["cuda:1"].fingerprint
    problem = cam("(optimize-synth ((! (average-drop w) :min)))", declare("average-drop"))
    search(problem, subjects, tmp_path)
    elsewhere = Subjects(search_on["cuda"], moved(subjects.held_out, "cuda"))
    vars(elsewhere)["remarks"] = ()  # nothing computes on that device
    said = r"differs in fingerprints device: cpu, .* there, cuda here; .* the device of that run"
    with pytest.raises(JournalError, match=said):
        search(problem, elsewhere, tmp_path)


def test_the_pictures_of_a_joint_metric_are_scored_together(subjects: Subjects) -> None:
    metric = find_metric("box-accuracy")
    heat = subjects.search.heat_maps([read_expression("(gap gradient)")])
    known = np.full((1, 16), np.nan, np.float32)
    leader = np.ones(16, np.float32)  # no other metric would get beyond the first look against it
    scores = Racer.of("bound", 16, 0).run(subjects.search, heat, metric, known, leader)
    assert (scores == subjects.search.score(heat, metric, torch.arange(16))).all()
