"""No two networks that could differ have one fingerprint, and one network has one, whoever loads it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import torch
from torch.nn import functional

import own_networks
from own_networks import EDITS, edition, load, network
from sygus.saliency.networks import load_network
from toy_models import CPU, pictures


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for modules of a person's own; what they put into torch is taken out again."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(functional, "celu", functional.celu)
    monkeypatch.setattr(torch.nn.SiLU, "forward", torch.nn.SiLU.forward)
    monkeypatch.setattr(functional, "kept_for_a_test", 0.0, raising=False)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield tmp_path
    torch.set_num_threads(threads)
    torch.nn.modules.module._global_forward_hooks.clear()
    own_networks.forget()


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_is_seen(folder: Path, name: str) -> None:
    _, one, other = EDITS[name]
    first, second, again = (load(folder, edition(name, text)) for text in (one, other, one))
    assert first.unknown == second.unknown == ()
    assert first.fingerprint != second.fingerprint
    assert again.fingerprint == first.fingerprint


COMPILED = """
#include <Python.h>
static PyObject *most(PyObject *self, PyObject *none) { return PyFloat_FromDouble(EDIT); }
static PyMethodDef methods[] = {{"most", most, METH_NOARGS, ""}, {0}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "helpers", 0, -1, methods};
PyMODINIT_FUNC PyInit_helpers(void) { return PyModule_Create(&module); }
"""


def test_an_edit_of_a_compiled_helper_is_seen(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler, headers = shutil.which("cc"), sysconfig.get_path("include")
    if compiler is None or not Path(headers, "Python.h").is_file():
        pytest.skip("needs a compiler and Python's headers")
    text = "import helpers\n\n\ndef after(y):\n    return y.clamp(max=helpers.most())\n\n\n"
    found = []
    for value in ("1e6", "1e7"):
        place = folder / value
        place.mkdir()
        (place / "helpers.c").write_text(COMPILED.replace("EDIT", value))
        command = [
            compiler,
            "-shared",
            "-fPIC",
            f"-I{headers}",
            str(place / "helpers.c"),
            "-o",
            str(place / "helpers.so"),
        ]
        subprocess.run(command, check=True)
        monkeypatch.syspath_prepend(str(place))
        found.append(load(folder, {"mine": network(f"{text}def network():\n    return Net(after), SIZE\n")}))
    assert found[0].unknown == found[1].unknown == ()
    assert found[0].fingerprint != found[1].fingerprint


@pytest.mark.slow
def test_most_edits_are_told_by_their_code_alone(folder: Path) -> None:
    """The logits of ordinary pictures are the same before and after."""
    x = pictures(2)
    for name, (_, one, other) in EDITS.items():
        logits = [load(folder, edition(name, text)).logits(x) for text in (one, other)]
        assert torch.equal(*logits) == (name not in ("a scale", "what is kept in an installed package")), name


EVERYTHING = {
    "mine": network(
        "import helpers\n\n"
        "TABLE = {'c': 3, 'a': [1, {'b', 'a', 'c'}]}\n\n"
        "class Limits:\n    names = {'x', 'y', 'z'}\n\n"
        "class Held(Net):\n    def forward(self, x):\n"
        "        return helpers.limited(self.body(x)) * (TABLE['c'] - 2) if Limits.names else x\n\n"
        "def network():\n    net = Held(lambda y: y)\n    net.limits = Limits()\n    net.seen = {1.5, 2.5, 'many'}\n"
        "    net.register_forward_hook(lambda module, given, output: output * 1)\n    return net, SIZE\n"
    ),
    "helpers": "def limited(y):\n    return y.clamp(max=1e6)\n",
}

PRINTED = """
import sys
sys.path.insert(0, ".")
import torch
torch.set_num_threads(1)
from sygus.saliency.networks import load_network
for name in sys.argv[1:]:
    network = load_network(name, torch.device("cpu"))
    print(network.fingerprint, *network.unknown)
"""


def printed(folder: Path, *names: str, seed: str, before: str = "") -> list[str]:
    """The fingerprints of networks in a process of their own, with another order of sets of texts."""
    command = [sys.executable, "-c", before + PRINTED, *names]
    environment = {"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path), "OMP_NUM_THREADS": "1"}
    found = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return found.stdout.splitlines()


@pytest.mark.slow
def test_every_process_finds_the_same(folder: Path) -> None:
    """Whatever order its sets are in, and whatever it has done and imported before."""
    own_networks.write(folder, EVERYTHING)
    names = ("shapes-vgg", "shapes-resnet", "mine:network")
    first = printed(folder, *names, seed="1")
    assert all(len(line) == 16 for line in first)
    assert (
        printed(folder, *names, seed="2", before="import torch._dynamo, torch.fx.experimental.proxy_tensor\n") == first
    )
    assert printed(folder, *reversed(names), seed="3") == first[::-1]
    assert [load_network(name, CPU).fingerprint for name in names] == first


def test_what_no_pass_goes_through_does_not_matter(folder: Path) -> None:
    """Comments, lines, other functions, and where the folder is."""
    first = load(folder, EVERYTHING).fingerprint
    text = EVERYTHING["mine"].replace("import helpers\n", "# a comment\n\nimport helpers  # another\n\n")
    changed = {**EVERYTHING, "mine": text + "\n\ndef other():\n    return 3\n"}
    changed["helpers"] += "\n\nUNUSED = 7\n"
    assert load(folder, changed).fingerprint == first


def test_the_number_of_threads_is_part_of_it() -> None:
    """Their number decides how sums are rounded; a run says which it had."""
    threads = torch.get_num_threads()
    found = []
    for count in (1, 2):
        torch.set_num_threads(count)
        found.append(load_network("shapes-vgg", CPU).fingerprint)
    torch.set_num_threads(threads)
    assert found[0] != found[1]


# What cannot be told


UNKNOWN: dict[str, tuple[Mapping[str, str], str]] = {
    "an object without a state to look at": (
        {
            "mine": network(
                "def network():\n    net = Net()\n    net.held = (one for one in [1])\n"
                "    return Classifier(net, **SIZE, owned=True)\n"
            )
        },
        r"model\.held is a generator",
    ),
    "an object of a compiled class": (
        {
            "mine": network(
                "import _thread\n\ndef network():\n    net = Net()\n    net.held = _thread._local()\n"
                "    return Classifier(net, **SIZE, owned=True)\n"
            )
        },
        r"model\.held is a _thread\._local",
    ),
    "a file read in the pass": (
        {
            "mine": network(
                "def after(y):\n    with open(__file__) as file:\n        return y + 0 * len(file.readline())\n\n"
                "def network():\n    return Net(after), SIZE\n"
            )
        },
        r"model\.after uses 'open'",
    ),
    "a file read in an earlier pass": (
        {
            "mine": network(
                "@functools.lru_cache\ndef first():\n    with open(__file__) as file:\n"
                "        return len(file.readline())\n\n\n"
                "def after(y):\n    return y + 0 * first()\n\n\ndef network():\n    return Net(after), SIZE\n"
            )
        },
        r"'first' that model\.after reads uses 'open'",
    ),
    "the environment": (
        {
            "mine": network(
                "import os\n\ndef after(y):\n    return y * float(os.environ.get('SCALE', '1'))\n\n"
                "def network():\n    return Net(after), SIZE\n"
            )
        },
        r"model\.after uses 'environ'",
    ),
    "a global that cannot be looked into": (
        {
            "mine": network(
                "ONES = (one for one in [1])\n\ndef after(y):\n    return y if ONES else -y\n\n"
                "def network():\n    return Net(after), SIZE\n"
            )
        },
        r"'ONES' that model\.after reads is a generator",
    ),
    "code that is found nowhere": (
        {
            "mine": network(
                "def hidden():\n    def celu(y, alpha=1.0, inplace=False):\n        return y\n    return celu\n\n"
                "F.celu = hidden()\n\ndef network():\n    return Net(nn.CELU()), SIZE\n"
            )
        },
        r"hidden\.<locals>\.celu runs and is found nowhere",
    ),
    "a compiled function of no module": (
        {
            "mine": network(
                "most = {}.get\nmost.__module__ = 'nowhere'\n\n\ndef after(y):\n    return y + most(0, 0)\n\n\n"
                "def network():\n    return Net(after), SIZE\n"
            )
        },
        r"'most' that model\.after reads is compiled, and its module 'nowhere' is found nowhere",
    ),
    "noise in the last bits": (
        {
            "mine": network(
                "def after(y):\n    return y * (1 + 1.2e-7 * torch.randint(0, 9, ()).item())\n\n"
                "def network():\n    return Net(after), SIZE\n"
            )
        },
        r"the last bits of its logits are others each time",
    ),
    "objects in no order": (
        {"mine": network("def network():\n    net = Net()\n    net.held = {(1, nn.ReLU())}\n    return net, SIZE\n")},
        r"model\.held is a set of objects in no order",
    ),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_cannot_be_told_is_said_and_not_shared(folder: Path, name: str) -> None:
    files, said = UNKNOWN[name]
    one, other = load(folder, files), load(folder, files)
    assert len(one.unknown) == 1, one.unknown
    assert re.fullmatch(said, one.unknown[0])
    assert one.fingerprint != other.fingerprint
    note = next(note for note in one.notes if "no other run shares its scores" in note)
    assert one.unknown[0] in note


def test_what_only_functions_that_do_not_run_read_does_no_harm(folder: Path) -> None:
    """Networks have methods that load and train them; their code counts, what they read need not be known."""
    text = (
        "import logging\n\nLOG, ONES = logging.getLogger('x'), (one for one in [1])\n\n"
        "class Held(Net):\n    @classmethod\n    def fetched(cls):\n        return torch.load(next(ONES), EDIT)\n\n"
        "    def forward(self, x):\n        LOG.debug('a pass')\n        return self.body(x)\n\n"
        "def network():\n    return Held(), SIZE\n"
    )
    one, other = (load(folder, {"mine": network(text.replace("EDIT", value))}) for value in ("1", "2"))
    assert one.unknown == other.unknown == ()
    assert one.fingerprint != other.fingerprint
