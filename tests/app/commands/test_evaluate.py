"""``evaluate``: every method by every metric, in every format; a user's own metric."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image

import sygus
from sygus.app.cli import main
from sygus.app.studies import find_study
from sygus.oracles import methods
from sygus.saliency.methods import masked
from sygus.saliency.metrics import METRICS

FEW = ("--search-images", "4", "--held-out-images", "4", "--device", "cpu")


def evaluate(*options: str) -> Result:
    return CliRunner().invoke(main, ["evaluate", *FEW, *options])


@pytest.fixture(scope="module")
def everything() -> Result:
    result = evaluate("--methods", "gradcam,fakecam", "--metrics", "all", "--network", "shapes-vgg")
    assert result.exit_code == 0, result.output
    return result


def test_the_table_has_every_metric_and_fits(everything: Result) -> None:
    squeezed = "".join(everything.stdout.split())
    for part in {part for name in METRICS for part in name.split("-")}:
        assert part in squeezed
    assert all(len(line) <= 80 for line in everything.stdout.splitlines())
    assert everything.stdout.count("Grad-CAM") >= 2


def test_csv_and_json_agree() -> None:
    options = ("--methods", "gradcam,fakecam", "--metrics", "average-drop,deletion(top=30),iou")
    rows = list(csv.DictReader(io.StringIO(evaluate(*options, "--format", "csv").stdout)))
    table = json.loads(evaluate(*options, "--format", "json").stdout)
    assert len(rows) == 2 * 2 * 3
    assert {row["metric"] for row in rows} == {"average-drop", "deletion(top=30)", "iou"}
    for row in rows:
        line = next(line for line in table if line["method"] == row["method"])
        assert float(row["mean"]) == line[row["pictures"]][row["metric"]]["value"]


def test_latex_is_a_booktabs_table() -> None:
    text = evaluate("--methods", "gradcam,fakecam", "--metrics", "average-drop,road", "--format", "latex").stdout
    assert text.count(r"\toprule") == text.count(r"\bottomrule") == 1
    assert r" & \multicolumn{2}{c}{average-drop \% $\downarrow$} & \multicolumn{2}{c}{road " in text
    grad_cam, fake_cam = (line for line in text.splitlines() if "-CAM" in line)
    assert grad_cam.count(r"\textbf{") == 4
    assert fake_cam.startswith("Fake-CAM* & ")
    assert r"\textbf{" not in fake_cam
    assert grad_cam.count("&") == fake_cam.count("&") == 4


def test_constant_maps_are_reported() -> None:
    result = evaluate("--methods", "fakecam", "--metrics", "iou", "--expression", "(neg (gap activation))")
    assert "note: expression: constant maps scored as black: 4 search, 4 held out" in result.stderr


@pytest.mark.parametrize(
    ("metrics", "fragments"),
    [
        ("drop", ("--metrics", "unknown metric 'drop'", "average-drop")),
        ("deletion(top=101)", ("--metrics", "'top'", "from 0 to 100")),
        ("win(against=nobody)", ("--metrics", "nobody", "gradcam")),
        ("no.module:here", ("--metrics", "there is no module 'no.module'", "run in the folder")),
    ],
)
def test_bad_metrics(metrics: str, fragments: tuple[str, ...]) -> None:
    result = evaluate("--methods", "gradcam", "--metrics", metrics)
    assert result.exit_code == 2
    for fragment in fragments:
        assert fragment in result.stderr


OWN = '''"""A user's metric."""

from torch import Tensor

from sygus.saliency.metrics import Evaluation, metric


@metric("{name}", direction="min", low=0, high=1)
def brightness(evaluation: Evaluation) -> Tensor:
    """Mean of S: how much of the picture the map lights up."""
    return evaluation.saliency.mean((-2, -1))
'''


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "own_metric.py").write_text(OWN.format(name="own-brightness"))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "own_metric:brightness"
    METRICS.pop("own-brightness", None)
    sys.modules.pop("own_metric", None)


def test_a_users_metric(own: str, tmp_path: Path) -> None:
    result = evaluate("--methods", "gradcam,fakecam", "--metrics", f"{own},average-drop", "--format", "json")
    assert result.exit_code == 0, result.output
    fake = json.loads(result.stdout)[1]
    assert fake["search"]["own-brightness"]["value"] == pytest.approx(1 - 1 / 64**2)
    solved = ["gradcam", "--metric", own, "--budget", "size=3", *FEW, "--out", str(tmp_path / "run")]
    result = CliRunner().invoke(main, solved)
    assert result.exit_code == 0, result.output
    assert "own-brightness" in result.stderr


def test_an_entry_point_brings_a_metric(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "offered_metric.py").write_text(OWN.format(name="offered-brightness"))
    info = tmp_path / "offered_metric-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: offered-metric\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[sycam_sygus.metrics]\noffered = offered_metric\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    from sygus.saliency.metrics.registry import known_metrics

    known_metrics.cache_clear()
    try:
        assert "offered-brightness" in CliRunner().invoke(main, ["list", "metrics"]).stdout
    finally:
        METRICS.pop("offered-brightness", None)
        known_metrics.cache_clear()


def test_metric_of_another_direction_is_an_error(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["gradcam", "--metric", "average-gain", "--out", str(tmp_path / "run"), *FEW])
    assert result.exit_code == 2
    assert "is better when large" in result.stderr
    assert ":max" in result.stderr


def test_an_interrupt_prints_the_rows_that_are_done(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = masked.scores
    methods = ("--methods", "gradcam,scorecam(channels=4),fakecam", "--format", "csv")
    done = evaluate("--methods", "gradcam", "--format", "csv").stdout

    def interrupt(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(masked, "scores", interrupt)
    result = evaluate(*methods)
    assert result.exit_code == 130, result.output
    assert result.stdout == done
    assert "interrupted; what is done is printed, without Score-CAM(channels=4), Fake-CAM\n" in result.stderr
    monkeypatch.setattr(masked, "scores", whole)
    assert len(evaluate(*methods).stdout.splitlines()) > len(done.splitlines())


CONFIDENCE = ("average-drop", "average-gain", "average-increase")
PARTS = {"S": "", "B ∩ S": "(within=box)", "S ∖ B": "(within=outside)"}


def test_the_study_of_boxes_is_the_figures_table() -> None:
    options = ("--study", "boxes", "--methods", "fakecam,gradcam,box")
    table = evaluate(*options)
    assert table.exit_code == 0, table.output
    assert all(len(line) <= 80 for line in table.stdout.splitlines())
    lines = [line.split("│")[1:-1] for line in table.stdout.splitlines() if line.startswith("│")]
    heads = [line for line in table.stdout.splitlines() if line.startswith("┃")]
    assert [[cell.strip() for cell in head.split("┃")[2:-1]] for head in heads] == [list(PARTS)] * 3
    titles = [row[0].strip() for row in lines]
    assert titles == ["Box (control)", "Outside the box (control)", "Fake-CAM (control)", "Grad-CAM"] * 3
    rows = json.loads(evaluate(*options, "--format", "json").stdout)
    for place, (metric, part) in enumerate((m, p) for m in CONFIDENCE for p in PARTS.values()):
        for offset, row in enumerate(rows):
            cell = lines[4 * (place // 3) + offset][1 + place % 3]
            shown = [round(row[pictures][metric + part]["value"], 1) for pictures in ("search", "held out")]
            assert [float(value) for value in cell.split("/")] == shown
    box, outside, fake, _ = (row["search"] for row in rows)
    for metric in CONFIDENCE:
        assert box[metric] == box[f"{metric}(within=box)"]
        assert outside[metric] == outside[f"{metric}(within=outside)"]
        inside, rest = fake[f"{metric}(within=box)"], fake[f"{metric}(within=outside)"]
        assert inside["value"] == pytest.approx(box[metric]["value"], abs=0.01)  # 1 everywhere but in a corner
        assert rest["value"] == pytest.approx(outside[metric]["value"], abs=0.5)


def test_a_study_from_python_shows_the_same_table() -> None:
    table = sygus.evaluate("gradcam", study="boxes", search_images=4, held_out_images=4, device="cpu")
    assert [row.title for row in table] == ["Box", "Outside the box", "Grad-CAM"]
    assert [metric.name for metric in table.metrics] == [m + part for m in CONFIDENCE for part in PARTS.values()]
    shown = evaluate("--study", "boxes", "--methods", "gradcam").stdout
    assert [line for line in str(table).splitlines() if "│" in line] == [
        line for line in shown.splitlines() if "│" in line
    ]
    study = find_study("boxes")
    partial = [name for name, metric in METRICS.items() if "within" in metric.options]
    every = [metric.name for metric in study.columns(study.all_metrics())]
    assert every == [metric + part for metric in partial for part in PARTS.values()]


def test_a_study_takes_other_metrics_that_have_its_option() -> None:
    study = ("--study", "boxes", "--methods", "gradcam", "--format", "csv")
    rows = csv.DictReader(io.StringIO(evaluate(*study, "--metrics", "deletion(top=30)").stdout))
    parts = ("deletion(top=30)", "deletion(top=30,within=box)", "deletion(top=30,within=outside)")
    assert tuple(dict.fromkeys(row["metric"] for row in rows)) == parts
    refused = evaluate(*study, "--metrics", "road")
    assert refused.exit_code == 2
    assert "error: --metrics: the metric 'road' has no option 'within'; its options: none" in refused.stderr
    unknown = evaluate("--study", "box")
    assert unknown.exit_code == 2
    assert "error: --study: there is no study 'box'; did you mean 'boxes'" in unknown.stderr


def test_a_study_of_pictures_without_boxes_is_the_error_of_localisation(tmp_path: Path) -> None:
    for index in range(8):
        (tmp_path / "some").mkdir(exist_ok=True)
        Image.new("RGB", (64, 64), (30 * index, 100, 50)).save(tmp_path / "some" / f"{index}.png")
    where = ("--images", str(tmp_path), "--methods", "gradcam")
    for option, words in (("--study", ("--study", "boxes")), ("--metrics", ("--metrics", "iou"))):
        result = evaluate(*where, *words)
        assert result.exit_code == 2
        assert f"error: {option}: the metric '" in result.stderr
        assert "' needs a mask or boxes, which 4 of 4 pictures of" in result.stderr
        assert "metrics that can be computed: deletion, insertion" in result.stderr


@pytest.fixture
def fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The flavours without those of many passes."""
    monkeypatch.setattr(methods, "FLAVOURS", ("cam", "gradcam", "layercam(layers=pyramid)", "taylor"))


@pytest.mark.usefixtures("fewer")
def test_flavours_are_scored_by_win_loc_and_proportion() -> None:
    result = evaluate("--methods", "flavours", "--network", "shapes-resnet", "--format", "csv", "--search-images", "2")
    assert result.exit_code == 0, result.output
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    asked = ["win", "iou(on=boxes,t=0)", "iou(on=boxes,t=0.25)", "iou(on=boxes)", "energy-pointing-game"]
    assert list(dict.fromkeys(row["metric"] for row in rows)) == asked
    titles = list(dict.fromkeys(row["method"] for row in rows))
    assert titles == ["CAM", "Grad-CAM", "Layer-CAM(layers=pyramid)", "Gradient × activation"]
    assert {row["mean"] for row in rows if (row["method"], row["metric"]) == ("Grad-CAM", "win")} == {"0.0"}


@pytest.mark.usefixtures("fewer")
def test_flavours_of_pictures_without_boxes_have_the_metrics_that_they_can(tmp_path: Path) -> None:
    (tmp_path / "some").mkdir()
    for index in range(8):
        Image.new("RGB", (64, 64), (30 * index, 100, 50)).save(tmp_path / "some" / f"{index}.png")
    table = sygus.evaluate("flavours", images=str(tmp_path), search_images=2, held_out_images=2, device="cpu")
    assert [metric.name for metric in table.metrics] == ["win"]
