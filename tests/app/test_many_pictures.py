"""Pictures that are worked through part by part: the scores of all at once, in memory that does not grow with them."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

import sygus
from solvers.cam import subjects
from solvers.cam.settings import Settings
from solvers.cam.subjects import PARTS, Holding, load_subjects
from sygus.app.cli import main
from sygus.errors import OptionError, SycamError
from sygus.saliency.images import given_images
from sygus.saliency.metrics import METRICS, Evaluation, metric
from sygus.saliency.networks import given_network
from tests.support.picture_folders import mask
from tests.support.toy_models import CLASSES, SIDE, chain

PASS = 32
"""Pictures of this size in a pass: parts are whole passes."""


def model() -> nn.Module:
    torch.manual_seed(5)
    return chain()


@pytest.fixture
def described() -> tuple[nn.Module, dict[str, Any]]:
    return model(), {"size": SIDE}


@pytest.fixture(scope="module")
def pictures() -> Tensor:
    return torch.rand(40 + 110, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(2))


def written(folder: Path, count: int, side: int = SIDE) -> Path:
    """A folder of so many pictures of noise."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.Generator(np.random.PCG64(1))
    for number in range(count):
        Image.fromarray(rng.integers(0, 256, (side, side, 3), np.uint8)).save(folder / f"{number:04}.png")
    return folder


COUNTS: dict[str, Any] = {"search_images": 40, "held_out_images": 110, "device": "cpu"}
METHODS = "gradcam,gradcam++,scorecam,fakecam"
NAMES = "average-drop,coverage,win,deletion,adcc"
EXPRESSION = "(gap (* alpha (relu gradient)))"


def test_scores_are_those_of_all_pictures_at_once(pictures: Tensor) -> None:
    given = {"network": model(), "images": pictures, "expression": EXPRESSION, **COUNTS}
    whole = sygus.evaluate(METHODS, NAMES, **given)
    parted = sygus.evaluate(METHODS, NAMES, at_once=PASS, **given)
    assert len(parted[0].held_out["win"].scores) == 110
    assert parted.pictures == whole.pictures == (40, 110)
    assert parted.to_json() == whole.to_json()


def test_scores_against_the_truth_and_labels_are_too() -> None:
    given = {"search_images": 4, "held_out_images": 70, "device": "cpu"}
    names = "pointing-game,official-metric,iou(on=boxes),average-drop(within=box)"
    whole, parted = (sygus.evaluate("gradcam,box", names, at_once=one, **given) for one in (None, PASS))
    assert parted.to_json() == whole.to_json()


@pytest.mark.parametrize("target", ["label", "logit 2"])
def test_scores_of_other_targets_are_too(target: str, pictures: Tensor) -> None:
    labels = torch.arange(len(pictures)) % CLASSES
    given = {"network": model(), "images": (pictures, labels), "target": target, **COUNTS}
    whole, parted = (sygus.evaluate("gradcam", NAMES, at_once=one, **given) for one in (None, PASS))
    assert parted.to_json() == whole.to_json()


def test_scores_of_a_number_are_too(pictures: Tensor) -> None:
    numbers = nn.Sequential(*chain()[:-1], nn.Linear(6, 1))
    given = {"network": numbers, "images": pictures, "target": "regression", **COUNTS}
    whole, parted = (sygus.evaluate("gradcam", "coverage,spread", at_once=one, **given) for one in (None, PASS))
    assert parted.to_json() == whole.to_json()


def test_scores_of_a_network_of_grey_pictures_are_too(tmp_path: Path) -> None:
    torch.manual_seed(1)
    grey = nn.Sequential(nn.Conv2d(1, 6, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3))
    described = (grey, {"size": SIDE, "mean": (0.5,), "deviation": (0.2,)})
    given = {"network": described, "images": str(written(tmp_path / "many", 80)), "search_images": 4}
    given |= {"held_out_images": 76, "device": "cpu"}
    whole, parted = (sygus.evaluate("gradcam", "average-drop", at_once=one, **given) for one in (None, PASS))
    assert parted.to_json() == whole.to_json()


class Sometimes(nn.Module):
    """Has no finite output for dark pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.body = model()

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x) / (x.amax((1, 2, 3)) > 0.5)[:, None]


def test_pictures_of_no_use_are_left_out_alike(
    tmp_path: Path, pictures: Tensor, caplog: pytest.LogCaptureFixture
) -> None:
    folder = written(tmp_path / "many", 90)
    for number in (3, 50):
        (folder / f"{number:04}.png").write_bytes(b"no picture")
        (folder / f"copy-{number}.png").write_bytes((folder / f"{number + 1:04}.png").read_bytes())
    given = {"network": (model(), {"size": SIDE}), "images": str(folder), "search_images": 8}
    given |= {"held_out_images": 80, "device": "cpu"}
    tables, notes = [], []
    for at_once in (None, PASS):
        caplog.clear()
        with caplog.at_level(logging.INFO, "sygus"):
            tables.append(sygus.evaluate("gradcam", "average-drop", at_once=at_once, **given))
        notes.append([one.getMessage() for one in caplog.records])
    assert tables[0].to_json() == tables[1].to_json()
    held = [line for line in notes[1] if "are in memory at a time" in line]
    assert len(held) == 1
    assert "32 of 80 pictures are in memory at a time" in held[0]
    assert [line for line in notes[1] if line not in held] == notes[0]
    assert sum("cannot be read and are skipped" in line for line in notes[0]) == 1
    assert sum("are copies of others" in line for line in notes[0]) == 1

    dark = pictures.clone()
    dark[::7] *= 0.4
    given = {"network": Sometimes(), "images": dark, **COUNTS}
    whole, parted = (sygus.evaluate("gradcam", "average-drop", at_once=one, **given) for one in (None, PASS))
    assert 80 < len(whole[0].held_out["average-drop"].scores) < 110
    assert parted.to_json() == whole.to_json()


def test_what_is_known_without_pixels_is_the_same(tmp_path: Path) -> None:
    folder = written(tmp_path / "many" / "images", 80)
    lines = ["file,mask"]
    for number in range(80):
        mask(tmp_path / "many" / "masks" / f"{number}.png", (number % 9, 2, 12, 14), (SIDE, SIDE))
        lines.append(f"images/{number:04}.png,masks/{number}.png")
    (tmp_path / "many" / "manifest.csv").write_text("\n".join(lines) + "\n")
    assert folder.is_dir()
    network = given_network((model(), {"size": SIDE}))
    assert network is not None
    settings = Settings(
        network=network,
        images=str(tmp_path / "many"),
        search_images=4,
        held_out_images=76,
        device="cpu",
    )
    whole, parted = (load_subjects(settings, holding=one).held_out for one in (Holding(), Holding(PARTS, PASS)))
    assert parted.subject.images.shelf is not None
    assert [len(rows) for rows in parted.spans] == [32, 32, 12]
    assert parted.subject.images.fingerprint == whole.subject.images.fingerprint
    assert parted.fingerprint == whole.fingerprint
    assert parted.subject.boxes == whole.subject.boxes
    for name in ("targets", "probability", "predicted"):
        assert torch.equal(getattr(parted.subject, name), getattr(whole.subject, name))
    assert all(map(torch.equal, parted.subject.extremes, whole.subject.extremes))
    rows = parted.spans[1]
    part = parted.part(rows).subject
    assert torch.equal(part.region, whole.subject.region[rows.start : rows.stop])
    assert torch.equal(part.pictures, whole.subject.pictures[rows.start : rows.stop])
    assert parted.sample.subject.images.ids == whole.subject.images.ids[:PASS]


def test_parts_are_taken_where_the_pictures_would_fill_the_memory(
    pictures: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sizes() -> list[list[int]]:
        network, images = given_network(model()), given_images(pictures)
        assert network is not None
        assert images is not None
        settings = Settings(network=network.taking(images.shape), images=images, **COUNTS)
        found = load_subjects(settings, holding=Holding(PARTS))
        return [[len(rows) for rows in one.spans] for one in found.parts]

    assert sizes() == [[40], [110]]
    each = 4 * (3 * 3 * SIDE**2 + 4 * SIDE**2 + 6 * 6 * (SIDE // 2) ** 2)
    monkeypatch.setattr(subjects, "MEMORY", 70 * each)
    assert sizes() == [[40], [64, 46]]
    monkeypatch.setattr(subjects, "MEMORY", each)
    assert sizes() == [[32, 8], [32, 32, 32, 14]]


def test_metrics_of_all_pictures_together_are_refused_or_left_out() -> None:
    given = {"search_images": 2, "held_out_images": 40, "device": "cpu"}
    message = (
        r"--metrics: the metric 'box-accuracy\(step=0.5\)' needs all pictures in memory together, where 32 of the 40 "
        r"of shapes\[2:42\] seed 0 are at a time; take fewer pictures, or have all in memory by --at-once 40; metrics"
    )
    with pytest.raises(OptionError, match=message):
        sygus.evaluate("gradcam", "box-accuracy(step=0.5)", at_once=PASS, **given)
    table = sygus.evaluate("gradcam", "box-accuracy(step=0.5)", at_once=40, **given)
    assert table[0].held_out["box-accuracy(step=0.5)"].images == 40


@pytest.fixture
def stopping() -> Iterator[list[int]]:
    """A metric ``stopping`` that counts its calls, and is interrupted at the one that the last number says."""
    calls = [0, 0]

    @metric("stopping", direction="min")
    def stopping(evaluation: Evaluation) -> Tensor:
        """The mean of S; a test's."""
        calls[0] += 1
        if calls[0] == calls[1]:
            raise KeyboardInterrupt
        return evaluation.saliency.mean((-2, -1))

    yield calls
    del METRICS["stopping"]


@pytest.mark.parametrize(
    ("call", "methods", "counts", "said"),
    [
        (4, ["Grad-CAM"], (32, 32), "of the first 32 of 40 search pictures and 32 of 110 held out, without Fake-CAM"),
        (5, ["Grad-CAM", "Fake-CAM"], (32, 32), "of the first 32 of 40 search pictures and 32 of 110 held out"),
        (10, ["Grad-CAM", "Fake-CAM"], (40, 64), "of the first 40 of 40 search pictures and 64 of 110 held out"),
    ],
)
def test_an_interrupt_keeps_the_pictures_that_are_done(
    stopping: list[int],
    pictures: Tensor,
    caplog: pytest.LogCaptureFixture,
    call: int,
    methods: list[str],
    counts: tuple[int, int],
    said: str,
) -> None:
    given = {"network": model(), "images": pictures, **COUNTS}
    whole = sygus.evaluate("gradcam,fakecam", "stopping", **given)
    stopping[:] = [0, call]
    with caplog.at_level(logging.INFO, "sygus"):
        table = sygus.evaluate("gradcam,fakecam", "stopping", at_once=PASS, **given)
    assert [row.title for row in table] == methods
    assert table.pictures == counts
    for row, all_of in zip(table, whole, strict=False):
        assert row.search["stopping"].scores == all_of.search["stopping"].scores[: counts[0]]
        assert row.held_out["stopping"].scores == all_of.held_out["stopping"].scores[: counts[1]]
    assert f"interrupted; what is done is printed, {said}" in [one.getMessage() for one in caplog.records]


def test_an_interrupt_is_a_status_of_the_command(stopping: list[int]) -> None:
    stopping[:] = [0, 3]
    words = ["evaluate", "--methods", "gradcam", "--metrics", "stopping", "--search-images", "4", "--at-once", "32"]
    found = CliRunner().invoke(main, [*words, "--held-out-images", "40", "--device", "cpu", "--format", "json"])
    assert found.exit_code == 130
    assert len(json.loads(found.stdout)[0]["held out"]["stopping"]["scores"]) == 32


def test_a_picture_that_changes_meanwhile_is_named(tmp_path: Path, pictures: Tensor) -> None:
    class Random(Dataset[Tensor]):
        def __len__(self) -> int:
            return 50

        def __getitem__(self, place: int) -> Tensor:
            return pictures[place] if place < 45 else torch.rand(3, SIDE, SIDE)

    given = {"network": model(), "search_images": 4, "held_out_images": 46, "device": "cpu"}
    with pytest.raises(SycamError, match=r"the picture 'picture-4\d' is another one than when it was read first"):
        sygus.evaluate("gradcam", images=Random(), at_once=PASS, **given)

    folder = written(tmp_path / "many", 50)
    network = given_network((model(), {"size": SIDE}))
    assert network is not None
    settings = Settings(
        network=network,
        images=str(folder),
        search_images=4,
        held_out_images=46,
        device="cpu",
    )
    oracle = load_subjects(settings, holding=Holding(PARTS, PASS)).held_out
    (folder / oracle.subject.images.ids[40]).unlink()
    assert len(oracle.part(oracle.spans[0]).subject.images) == PASS
    with pytest.raises(SycamError, match=r"could be read at first, and cannot be read again: there is no file"):
        oracle.part(oracle.spans[1])


def test_a_stream_which_can_be_read_once_is_in_memory(pictures: Tensor) -> None:
    loader = DataLoader(TensorDataset(pictures), batch_size=8)
    given = {"network": (model(), {"size": SIDE}), "images": loader, **COUNTS}
    whole, parted = (sygus.evaluate("gradcam", at_once=one, **given) for one in (None, PASS))
    assert parted.to_json() == whole.to_json()


def test_the_table_of_a_search_is_the_same(tmp_path: Path, pictures: Tensor) -> None:
    given = {"network": model(), "images": pictures, "budget": "size=4,terms=30", **COUNTS}
    given |= {"search_images": 20, "validation_images": 20}
    whole, parted = (
        sygus.solve("channel_weights", at_once=one, out=tmp_path / str(one), **given) for one in (None, PASS)
    )
    one, other = (json.loads((tmp_path / name / "solution.json").read_text()) for name in ("None", str(PASS)))
    assert one.keys() == other.keys()
    notes = [line for line in other["notes"] if "32 of 110 pictures are in memory at a time" not in line]
    assert len(notes) == len(other["notes"]) - 1
    assert notes == one["notes"]
    for name in set(one) - {"notes", "accounting", "settings", "machine"}:
        assert one[name] == other[name], name
    assert isinstance(whole, sygus.Result)
    assert isinstance(parted, sygus.Result)
    assert whole.gallery is not None
    assert parted.gallery is not None
    assert torch.equal(whole.gallery.pictures, parted.gallery.pictures)
    assert list(whole.gallery.maps) == list(parted.gallery.maps)
    assert all(map(torch.equal, whole.gallery.maps.values(), parted.gallery.maps.values()))
    assert all(map(torch.equal, whole.gallery.candidates.values(), parted.gallery.candidates.values()))


MEASURE = """
import sys, json
import torch
from pathlib import Path
from torch import nn
import sygus
torch.set_num_threads(1)
torch.manual_seed(0)
body = [nn.Conv2d(3, 8, 5, 4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4)]
network = (nn.Sequential(*body), {"size": 128})
count = int(sys.argv[2])
counts = {"search_images": 16, "held_out_images": count - 16}
given = {"network": network, "images": sys.argv[1], "at_once": 32, "device": "cpu", **counts}
table = sygus.evaluate("gradcam", "average-drop", **given)
assert table[0].held_out["average-drop"].images == count - 16
words = Path("/proc/self/status").read_text().split()
print(int(words[words.index("VmHWM:") + 1]) * 1024)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from Linux's files")
def test_memory_does_not_grow_with_the_pictures(tmp_path: Path) -> None:
    folder = written(tmp_path / "many", 600, 128)
    peaks = []
    for count in (150, 600):
        command = [sys.executable, "-c", MEASURE, str(folder), str(count)]
        peaks.append(int(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    pixels = 450 * 3 * 128 * 128 * 4
    assert peaks[1] - peaks[0] < 0.1 * pixels
