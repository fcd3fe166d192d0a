"""A problem file's options choose no code, no folder, no hub: every option with every kind of hostile value.

A further attack is one more line of :data:`VALUES`, or of :data:`FILES` where it is a whole file.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from solvers.cam.settings import Settings
from sygus.app.cli import main

HOSTILE = """
from pathlib import Path
Path("executed").write_text("imported")

def act(*_):
    Path("executed").write_text("called")
"""

VALUES = (
    "hostile:act",
    "hostile:act(n=1)",
    " hostile:act",
    "os:abort",
    "code:interact",
    "http.server:test",
    "hf:somebody/model",
    "hf:hostile",
    "timm:hf-hub:somebody/model",
    "torchvision:../hostile",
    "torchvision:resnet18",
    "voc:pictures",
    "manifest:pictures",
    "pictures",
    "../pictures",
    "/etc",
    "~/pictures",
    "file:///etc/passwd",
    "http://localhost:1/x",
    "hostile",
    "__import__('hostile')",
    "1e400",
    "99999999999999999999999",
    "-1",
    "٣",
    "\\u{1b}[31m",
    "a" * 10_000,
)
OPTIONS = [field.name.replace("_", "-") for field in fields(Settings)]

HARMLESS = {
    "layer": "a name that is looked up among those of the network's modules, and nothing else",
    "budget": "read by one regular expression",
}
"""Options of which any text is as harmless as any other: what is wrong with it is said when it is used."""

WATCHER = """
import json, sys
from click.testing import CliRunner

happened = []
KINDS = "socket.connect socket.getaddrinfo socket.bind subprocess.Popen os.system os.exec os.posix_spawn".split()

def watch(event, arguments):
    if event in KINDS:
        happened.append(event)
    elif event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        happened.append(f"writes {arguments[0]}")

from sygus.app.cli import main  # what the program itself loads is no event
CliRunner().invoke(main, ["check", "gradcam"])
sys.addaudithook(watch)
results = []
for name in json.load(sys.stdin):
    del happened[:]
    result = CliRunner().invoke(main, ["check", name])
    unforeseen = result.exception if not isinstance(result.exception, SystemExit | None) else None
    loaded = "hostile" in sys.modules
    found = {"status": result.exit_code, "said": result.output, "loaded": loaded, "unforeseen": repr(unforeseen)}
    results.append(found | {"happened": list(happened)})
json.dump(results, sys.stdout)
"""


def problem(option: str, value: str) -> str:
    quoted = value.replace('"', '""')
    return f"""
        (set-logic CAM)
        (set-feature :oracles true)
        (set-option :{option} "{quoted}")
        (declare-oracle-fun drop ((-> Map Weight)) Real average-drop)
        (synth-fun w ((gradient Map)) Weight ((W Weight) (M Map)) ((W Weight ((gap M))) (M Map (gradient))))
        (optimize-synth ((! (drop w) :min)))
    """


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Any]:
    """What reading each file did, in a process that is watched."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "hostile.py").write_text(HOSTILE)
    (folder / "pictures").mkdir()
    pairs = [(option, value) for option in OPTIONS for value in VALUES]
    names = []
    for number, (option, value) in enumerate(pairs):
        names.append(f"{number}.sy")
        (folder / names[-1]).write_text(problem(option, value), encoding="utf-8")
    before = {path.name for path in folder.iterdir()}
    ran = subprocess.run(
        [sys.executable, "-c", WATCHER],
        input=json.dumps(names),
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"SYCAM_SYGUS_CACHE": ""},
    )
    assert {path.name for path in folder.iterdir()} - {"__pycache__"} == before
    return dict(zip(pairs, json.loads(ran.stdout), strict=True))


@pytest.mark.parametrize("option", OPTIONS)
def test_no_value_of_a_file_acts(option: str, watched: dict[tuple[str, str], Any]) -> None:
    for value in VALUES:
        found = watched[option, value]
        assert not found["loaded"], (option, value)
        assert found["happened"] == [], (option, value)
        assert found["unforeseen"] == "None", (option, value, found)
        assert "\x1b" not in found["said"]


@pytest.mark.parametrize("option", sorted(set(OPTIONS) - set(HARMLESS) - {"network", "metric"}))
def test_every_hostile_value_is_an_error_with_its_place(option: str, watched: dict[tuple[str, str], Any]) -> None:
    for value in VALUES:
        found = watched[option, value]
        assert found["status"] == 2, (option, value, found["said"])
        assert ".sy:4:" in found["said"], (option, value)


@pytest.mark.parametrize("value", ["hostile:act", "os:abort", "hf:somebody/model", "torchvision:resnet18"])
def test_the_refusal_shows_the_options_of_a_person(value: str, watched: dict[tuple[str, str], Any]) -> None:
    said = " ".join(watched["network", value]["said"].split())
    assert "which a file may not choose" in said
    assert f"--network {value}" in said
    assert "--allow-file-options" in said


def test_what_a_person_allows_is_theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_network.py").write_text(
        "from sygus.saliency.networks.families.embedded import load\n\ndef make():\n    return load('shapes-vgg')\n"
    )
    (tmp_path / "own.sy").write_text(problem("network", "own_network:make"))
    few = ("--search-images", "4", "--held-out-images", "2", "--device", "cpu", "--budget", "size=2")
    refused = CliRunner().invoke(main, ["own.sy", *few])
    assert refused.exit_code == 2
    assert "own_network" not in sys.modules
    allowed = CliRunner().invoke(main, ["own.sy", "--allow-file-options", "--out", "run", *few])
    sys.modules.pop("own_network", None)
    assert allowed.exit_code == 0, allowed.output


def test_numbers_of_a_file_fit_everywhere_that_reads_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "seed.sy").write_text(problem("seed", "9" * 23))
    result = CliRunner().invoke(main, ["check", "seed.sy"])
    assert result.exit_code == 2
    assert "seed.sy:4:9" in result.output
    assert "no whole number up to 9007199254740992" in result.output
