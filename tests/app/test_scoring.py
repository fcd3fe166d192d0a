"""``sygus.evaluate`` and ``sygus.explain``: the same numbers and maps as the commands, of Python's own objects too."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

import sygus
from sygus.app.cli import main
from sygus.errors import OptionError, SycamError
from sygus.saliency.images import given
from sygus.saliency.metrics import find_metric
from sygus.saliency.networks import embedded
from tests.support.toy_models import CLASSES, SIDE, chain

FEW: dict[str, Any] = {"search_images": 4, "held_out_images": 3, "device": "cpu"}


def model() -> nn.Module:
    torch.manual_seed(5)
    return chain()


@pytest.fixture(scope="module")
def pictures() -> Tensor:
    return torch.rand(9, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(2))


def test_evaluate_gives_what_the_command_prints(tmp_path: Path) -> None:
    options = ["--methods", "gradcam,gradcam++", "--expression", "(gap gradient)", "--format", "csv"]
    counts = ["--search-images", "4", "--held-out-images", "3", "--device", "cpu"]
    printed = CliRunner().invoke(main, ["evaluate", *options, *counts])
    assert printed.exit_code == 0, printed.output
    table = sygus.evaluate(["gradcam", "gradcam++"], expression="(gap gradient)", **FEW)
    assert table.to_csv(tmp_path / "table.csv") == printed.stdout == (tmp_path / "table.csv").read_text()
    assert [row.title for row in table] == ["Grad-CAM", "Grad-CAM++", "expression"]
    assert table[0].held_out == table[2].held_out
    assert len(table[0].search["average-drop"].scores) == 4
    read = list(csv.DictReader(io.StringIO(printed.stdout)))
    assert [one["method"] for one in table.records] == [one["method"] for one in read]
    assert json.loads(table.to_json())[1]["held out"]["average-drop"]["images"] == 3
    assert table.to_latex().count("Grad-CAM++") == 1
    assert "Grad-CAM++" in str(table)


def test_evaluate_takes_objects(pictures: Tensor, finished_run: Path) -> None:
    metrics = [find_metric("average-gain").function, "deletion(top=30)"]
    table = sygus.evaluate("gradcam", metrics, network=model(), images=pictures, **FEW)
    assert [metric.name for metric in table.metrics] == ["average-gain", "deletion(top=30)"]
    result = sygus.load(finished_run)
    scored = [
        sygus.evaluate("gradcam", expression=one, **FEW)[1].search for one in (result, finished_run, result.answer)
    ]
    assert scored[0] == scored[1] == scored[2]


def test_explain_gives_the_maps_of_a_drop_in_explainer(finished_run: Path) -> None:
    result = sygus.load(finished_run)
    found = sygus.explain(["shapes:0", "shapes:1"], methods=["gradcam"], expression=result, device="cpu")
    assert list(found.maps) == ["gradcam", "expression"]
    network = embedded.load("shapes-vgg")
    with result.cam(network, [network.features]) as cam:
        maps = torch.as_tensor(cam(found.pictures))
    assert (found.maps["expression"] - maps).abs().max() < 1e-4
    one = sygus.explain("shapes:1", methods="gradcam", device="cpu")
    assert (one.maps["gradcam"][0] - found.maps["gradcam"][1]).abs().max() < 1e-4
    printed = CliRunner().invoke(main, ["explain", "shapes:1", "--out", str(finished_run.parent / "explained")])
    assert printed.stdout == f"shapes:1: {one.predictions[0]}\n"


def test_explain_takes_objects_in_their_order(pictures: Tensor) -> None:
    tensors = sygus.explain(pictures, network=model(), methods="gradcam", target=2, device="cpu")
    assert tensors.explained == ("class 2",) * len(pictures)
    assert torch.equal(tensors.pictures, pictures)
    assert isinstance(tensors.figure(colours="magma", alpha=0.5), Figure)
    labels = torch.arange(len(pictures)) % CLASSES
    loader = DataLoader(TensorDataset(pictures, labels), batch_size=4)
    of_labels = sygus.explain(loader, network=model(), methods="gradcam", target="label", device="cpu")
    assert of_labels.explained == tuple(f"class {one}" for one in labels.tolist())
    same = labels == 2
    assert (of_labels.maps["gradcam"][same] - tensors.maps["gradcam"][same]).abs().max() < 1e-4
    image = Image.new("RGB", (40, 30), (200, 30, 90))
    pil = sygus.explain([image], network=(model(), {"size": SIDE}), methods="gradcam", device="cpu")
    assert pil.maps["gradcam"].shape == (1, SIDE, SIDE)


def test_a_stream_without_an_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless(IterableDataset[Tensor]):
        def __iter__(self) -> Any:
            while True:
                yield torch.zeros(3, SIDE, SIDE)

    monkeypatch.setattr(given, "LONGEST", 3)
    with pytest.raises(OptionError, match="pictures: the Endless given in Python has more than 3 pictures"):
        sygus.explain(Endless(), network=model())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sygus.explain(3), r"explain: pictures is 3; give a path or a list of them, a tensor"),
        (lambda: sygus.explain([]), r"explain: pictures is \[\]; give a path"),
        (
            lambda: sygus.explain("shapes:0", netwrk="shapes-vgg"),
            "explain: unknown option 'netwrk'; did you mean 'netw",
        ),
        (lambda: sygus.explain("shapes:0", expression=4), "explain: expression is 4; give a text, a path"),
        (lambda: sygus.explain("shapes:0", expression="(gap"), "expression:1"),
        (lambda: sygus.evaluate(metrics=[3]), "evaluate: metrics holds 3; give of each its name"),
        (
            lambda: sygus.evaluate(metrics=[len]),
            "evaluate: metric is of the type builtin_function_or_method, no metric",
        ),
        (lambda: sygus.evaluate(budget="size=3"), "evaluate: unknown option 'budget'; known: network, layer"),
        (lambda: sygus.evaluate("gradcan"), "did you mean 'gradcam'"),
        (lambda: sygus.evaluate(None), "evaluate: methods is of the type NoneType; give names"),  # type: ignore[arg-type]
        (lambda: sygus.explain("shapes:0", target=[0]), r"explain: target is \[0\]; give one class for all"),
        (
            lambda: sygus.explain((torch.zeros(2, 3, 4, 4), torch.zeros(2))),
            "there is a tensor .2,. of float32 for labels",
        ),
    ],
)
def test_what_is_wrong_is_named(call: Any, message: str) -> None:
    with pytest.raises(SycamError, match=message):
        call()


def test_a_file_that_cannot_be_read_is_an_error_of_explain(tmp_path: Path) -> None:
    (tmp_path / "no.png").write_text("no picture")
    with pytest.raises(OptionError, match=r"cannot read '.*no.png'"):
        sygus.explain(["shapes:0", str(tmp_path / "no.png")])


def test_inference_mode_is_named() -> None:
    with torch.inference_mode(), pytest.raises(OptionError, match=r"explain: torch.inference_mode\(\) is on"):
        sygus.explain("shapes:0")
