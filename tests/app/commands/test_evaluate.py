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

from sygus.app.cli import main
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
