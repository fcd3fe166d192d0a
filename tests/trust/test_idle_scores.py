"""Networks whose scores say nothing of a heat map do not let one win in silence."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

import own_networks
import sygus
from own_networks import network
from sygus.app.cli import main

PROBLEM = """
(set-logic CAM)
(set-feature :oracles true)
(declare-oracle-fun goal ((-> Map Map Weight)) Real average-drop)
(synth-fun w ((activation Map) (gradient Map)) Weight ((W Weight) (M Map))
  ((W Weight ((gap M) (gmp M))) (M Map (activation gradient))))
(optimize-synth ((! (goal w) :min)))
"""

AFTER = "class Held(Net):\n    def forward(self, x):\n        y = self.body(x)\n        return {}\n\n\n"
CHANGED = "def network():\n    net = Net()\n    {}\n    return net, SIZE\n"

IDLE = {
    "constant logits": (
        AFTER.format("0 * y + torch.arange(5.0)") + "def network():\n    return Held(), SIZE\n",
        [
            "gives all 10 pictures the same logits, so scores that ask it say nothing of a heat map",
            "the logits explained do not change with the layer 'body.3': their gradient is zero on every picture",
        ],
    ),
    "nearly constant logits": (
        AFTER.format("1e-9 * y + torch.arange(5.0)") + "def network():\n    return Held(), SIZE\n",
        ["gives all 10 pictures the same logits"],
    ),
    "a constant probability": (
        AFTER.format("1e6 * y") + "def network():\n    return Held(), SIZE\n",
        ["gives what is explained the same probability on all 10 pictures, 1"],
    ),
    "a dead layer": (
        CHANGED.format("nn.init.constant_(net.body[2].bias, -9)"),
        [
            "the layer 'body.3' gives nothing but zeros, so every heat map is black",
            "gives all 10 pictures the same logits",
        ],
    ),
    "maps without a place": (
        CHANGED.format("nn.init.zeros_(net.body[2].weight)"),
        [
            "every map of the layer 'body.3' is constant, so weights of maps are black",
            "gives all 10 pictures the same logits",
        ],
    ),
    "a head that does not listen": (
        CHANGED.format("nn.init.zeros_(net.body[6].weight)"),
        ["their gradient is zero on every picture", "gives all 10 pictures the same logits"],
    ),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "problem.sy").write_text(PROBLEM)
    random = np.random.Generator(np.random.PCG64(0))
    for index in range(10):
        path = tmp_path / "pictures" / "x" / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (16, 16, 3)).astype(np.uint8)).save(path)
    yield tmp_path
    own_networks.forget()


FEW = ("--search-images", "6", "--held-out-images", "4", "--device", "cpu")


def run(folder: Path, text: str, *arguments: str) -> Result:
    own_networks.write(folder, {"mine": network(text)})
    own_networks.forget()
    result = CliRunner().invoke(main, [*arguments, "--network", "mine:network", "--images", "pictures", *FEW])
    assert result.exit_code == 0, result.output
    return result


def warnings(result: Result) -> list[str]:
    return [line for line in result.stderr.splitlines() if line.startswith("warning: ")]


@pytest.mark.parametrize("name", IDLE)
def test_a_run_warns_before_the_search_beside_its_answer_and_in_its_record(folder: Path, name: str) -> None:
    text, said = IDLE[name]
    result = run(folder, text, "problem.sy", "--out", "run")
    before, _, after = result.stderr.partition("search ended: ")
    for one in said:
        assert one in before
        assert one in after
    record = json.loads((folder / "run" / "solution.json").read_text(encoding="utf-8"))
    assert [note for note in record["notes"] if note.startswith("warning: ")] == [
        line for line in after.splitlines() if line.startswith("warning: ")
    ]


def test_the_scores_that_are_warned_of_would_win(folder: Path) -> None:
    """With constant logits every map has an average drop of 0, the best there is."""
    text, _ = IDLE["constant logits"]
    run(folder, text, "problem.sy", "--out", "run")
    record = json.loads((folder / "run" / "solution.json").read_text(encoding="utf-8"))
    assert record["found"]["objectives"] == [0.0]
    said = "warning: all 3 expressions scored in full have the same goal 0: no score chose the answer"
    assert said in record["notes"]


def test_evaluating_warns_too(folder: Path) -> None:
    text, said = IDLE["a dead layer"]
    result = run(folder, text, "evaluate", "--methods", "gradcam", "--metrics", "average-drop")
    assert all(any(one in warning for warning in warnings(result)) for one in said)


def test_a_run_in_order_warns_of_nothing_and_notes_how_often_the_network_is_right(finished_run: Path) -> None:
    notes = json.loads((finished_run / "solution.json").read_text(encoding="utf-8"))["notes"]
    idle = [one for _, said in IDLE.values() for one in said]
    assert not any(one in note for one in idle for note in notes)
    assert any(note.startswith("'shapes-vgg' is right on ") and "of 136 pictures" in note for note in notes)


@pytest.mark.slow
def test_in_python_warnings_are_logged_as_such(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    own_networks.write(folder, {"mine": network(IDLE["a dead layer"][0])})
    own_networks.forget()
    with caplog.at_level(logging.WARNING, "sygus"):
        sygus.solve(
            "problem.sy",
            network="mine:network",
            images="pictures",
            search_images=6,
            held_out_images=4,
            device="cpu",
            out="run",
        )
    assert any("gives nothing but zeros" in record.getMessage() for record in caplog.records)
