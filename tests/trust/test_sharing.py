"""Scores and features of one network are never those of another: ``--reuse``, ``--resume``, the cache of features."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

import own_networks
from own_networks import network
from sygus.app.cli import main
from sygus.saliency.features.cache import VARIABLE

PROBLEM = """
(set-logic CAM)
(set-feature :oracles true)
(declare-oracle-fun goal ((-> Map Map Weight Weight)) Real average-drop)
(synth-fun w ((activation Map) (gradient Map) (score Weight)) Weight
  ((W Weight) (M Map))
  ((W Weight ((gap M) (gmp M) score))
   (M Map    (activation gradient (relu M)))))
(optimize-synth ((! (goal w) :min)))
"""

SCALED = (
    "class Scaled(Net):\n    def forward(self, x):\n        return self.body(x) * EDIT\n\n\n"
    "def network():\n    return Scaled(), SIZE\n"
)
UNTOLD = (
    "def network():\n    net = Net()\n    net.held = (one for one in [1])\n"
    "    return Classifier(net, **SIZE, owned=True)\n"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a problem, pictures, and room for a module of a person's own; one thread computes."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "problem.sy").write_text(PROBLEM)
    random = np.random.Generator(np.random.PCG64(0))
    for index in range(10):
        path = tmp_path / "pictures" / "01"[index % 2] / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (16, 16, 3)).astype(np.uint8)).save(path)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield tmp_path
    torch.set_num_threads(threads)
    own_networks.forget()


def edit(folder: Path, text: str) -> None:
    """Write the network anew; the next run imports it again."""
    own_networks.write(folder, {"mine": network(text)})
    own_networks.forget()


def solve(folder: Path, name: str, *options: str) -> Result:
    few = ("--search-images", "6", "--held-out-images", "4", "--device", "cpu", "--race", "off", "--budget", "size=4")
    fixed = ("--network", "mine:network", "--images", str(folder / "pictures"), *few)
    return CliRunner().invoke(main, [str(folder / "problem.sy"), *fixed, "--out", str(folder / name), *options])


def scores(folder: Path, name: str) -> list[dict[str, Any]]:
    """What a finished run says of every expression."""
    record: dict[str, Any] = json.loads((folder / name / "solution.json").read_text(encoding="utf-8"))
    assert record["candidates"]
    return [record["found"], *record["candidates"], *record["table"]]


@pytest.mark.slow
def test_reuse_takes_nothing_of_a_network_that_was_edited(folder: Path) -> None:
    edit(folder, SCALED.replace("EDIT", "0.02"))
    assert solve(folder, "before").exit_code == 0
    edit(folder, SCALED.replace("EDIT", "1.0"))
    assert solve(folder, "fresh").exit_code == 0
    assert solve(folder, "reusing", "--reuse", str(folder / "before")).exit_code == 0
    assert scores(folder, "reusing") == scores(folder, "fresh") != scores(folder, "before")


@pytest.mark.slow
def test_resume_refuses_a_network_that_was_edited(folder: Path) -> None:
    edit(folder, SCALED.replace("EDIT", "0.02"))
    assert solve(folder, "run").exit_code == 0
    kept = (folder / "run" / "solution.json").read_bytes()
    assert solve(folder, "run", "--resume").exit_code == 0
    edit(folder, SCALED.replace("EDIT", "1.0"))
    result = solve(folder, "run", "--resume")
    assert result.exit_code == 2
    assert "is of another run: it differs in fingerprints network: " in " ".join(result.stderr.split())
    assert json.loads((folder / "run" / "solution.json").read_bytes())["found"] == json.loads(kept)["found"]


@pytest.mark.slow
def test_the_cache_serves_no_features_of_a_network_that_was_edited(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(folder / "cache"))
    edit(folder, SCALED.replace("EDIT", "0.02"))
    assert solve(folder, "before").exit_code == 0
    count = len(list((folder / "cache").iterdir()))
    assert count > 0
    edit(folder, SCALED.replace("EDIT", "1.0"))
    assert solve(folder, "cached").exit_code == 0
    assert len(list((folder / "cache").iterdir())) == 2 * count
    monkeypatch.setenv(VARIABLE, "")
    assert solve(folder, "fresh").exit_code == 0
    assert scores(folder, "cached") == scores(folder, "fresh")


@pytest.mark.slow
def test_another_number_of_threads_is_refused_with_the_reason(folder: Path) -> None:
    edit(folder, SCALED.replace("EDIT", "1.0"))
    assert solve(folder, "run").exit_code == 0
    torch.set_num_threads(2)
    result = solve(folder, "run", "--resume")
    assert result.exit_code == 2
    said = " ".join(result.stderr.split())
    assert "it differs in fingerprints device: cpu, " in said
    assert "1 thread there, cpu, " in said
    assert "2 threads here; give another --out, or the options and the device of that run" in said


def test_what_cannot_be_told_is_shared_with_no_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(folder / "cache"))
    edit(folder, UNTOLD)
    first = solve(folder, "first")
    assert first.exit_code == 0
    why = "model.held is a generator"
    note = next(line for line in first.stderr.splitlines() if line.startswith("note: mine:network"))
    assert f"no other run shares its scores, since not all of it can be told: {why}" in note
    assert any(why in note for note in json.loads((folder / "first" / "solution.json").read_bytes())["notes"])
    assert not (folder / "cache").exists()
    result = solve(folder, "first", "--resume")
    assert result.exit_code == 2
    said = " ".join(result.stderr.split())
    assert f"--resume: it cannot be told whether 'mine:network' is the network of that run: {why}" in said
    assert solve(folder, "second", "--reuse", str(folder / "first")).exit_code == 0
    spent = [json.loads((folder / name / "solution.json").read_bytes())["accounting"] for name in ("first", "second")]
    assert spent[0]["forwards"] == spent[1]["forwards"]
    assert scores(folder, "second") == scores(folder, "first")
