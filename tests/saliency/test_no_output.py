"""Pictures for which a network gives no number: they are left out, they are named, and the network is blamed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image
from torch import Tensor, nn

from sygus.app.cli import main

FEW = ("--search-images", "6", "--held-out-images", "5", "--images")


class Standardised(nn.Module):
    """Divides every picture by its own deviation, so that one of a single colour becomes NaN."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.features = nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1), nn.ReLU(), nn.Conv2d(6, 6, 3, 2, 1), nn.ReLU())
        self.head = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        centred = x - x.mean((1, 2, 3), keepdim=True)
        return self.head(self.features(centred / x.std((1, 2, 3), keepdim=True)).mean((2, 3)))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Twelve pictures, of which ``07.png`` is black."""
    chance = np.random.default_rng(0)
    folder = tmp_path / "pictures" / "a"
    folder.mkdir(parents=True)
    for number in range(12):
        pixels = chance.integers(0, 256, (40, 40, 3), np.uint8) * (number != 7)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number:02}.png")
    return folder.parent


def run(*told: str) -> Result:
    return CliRunner().invoke(main, [*told, "--network", f"{__name__}:Standardised"])


def test_a_table_is_made_of_the_others(pictures: Path) -> None:
    told = ("evaluate", *FEW, str(pictures), "--methods", "gradcam,uniform", "--metrics", "average-drop")
    result = run(*told, "--format", "json")
    assert result.exit_code == 0, result.output
    assert "gives a NaN or an infinity for 1 of " in result.stderr
    assert "07.png" in result.stderr
    rows = json.loads(result.stdout)
    assert len(rows) == 2
    assert all(np.isfinite(row["search"]["average-drop"]["value"]) for row in rows)


@pytest.mark.slow
def test_a_search_goes_on_with_the_others(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    result = run("channel_weights", *FEW, str(pictures), "--budget", "size=3", "--out", str(out))
    assert result.exit_code == 0, result.output
    assert "which are left out" in result.stderr
    assert "07.png" in (out / "solution.json").read_text()


def test_it_is_an_error_where_pictures_are_asked_for_one_by_one(pictures: Path, tmp_path: Path) -> None:
    named = [str(pictures / "a" / name) for name in ("06.png", "07.png")]
    result = run("explain", *named, "--out", str(tmp_path / "maps"))
    assert result.exit_code == 2
    assert "gives a NaN or an infinity for 1 of 2 pictures" in result.stderr
    strict = run("evaluate", *FEW, str(pictures), "--methods", "uniform", "--metrics", "average-drop", "--strict")
    assert strict.exit_code == 2
    assert "07.png" in strict.stderr


def test_a_network_that_gives_nothing_is_to_blame(pictures: Path) -> None:
    for name in pictures.glob("a/*.png"):
        Image.new("RGB", (40, 40), (9 * int(name.stem),) * 3).save(name)
    result = run("evaluate", *FEW, str(pictures), "--methods", "uniform", "--metrics", "average-drop")
    assert result.exit_code == 2
    assert "gives a NaN or an infinity for 6 of 6 pictures" in result.stderr
    assert "mend the network" in result.stderr
