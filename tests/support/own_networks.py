"""Networks of a person's own, as modules in a folder: every place at which an edit changes what they compute."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from sygus.saliency.networks import Network, load_network
from toy_models import CPU

HEAD = '''"""A network of a person's own."""

import dataclasses
import enum
import functools
import types

import torch
from torch import nn
from torch.nn import functional as F

from sygus.saliency.images import Preprocessing
from sygus.saliency.networks import Classifier

SIZE = {"preprocessing": Preprocessing.square(16)}


def body():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 6, 3, 1, 1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 5),
    )


class Net(nn.Module):
    def __init__(self, after=None):
        super().__init__()
        self.body = body()
        self.after = after

    def forward(self, x):
        x = self.body(x)
        return x if self.after is None else self.after(x)


'''

MODULES = ("mine", "helpers", "deeper")
"""What the modules in the folder may be called."""


def write(folder: Path, files: Mapping[str, str]) -> None:
    """The modules, in the place of those that were there."""
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")


def forget() -> None:
    """Import them anew when they are asked for again."""
    for name in MODULES:
        sys.modules.pop(name, None)
    importlib.invalidate_caches()


def load(folder: Path, files: Mapping[str, str]) -> Network:
    """The network ``mine:network`` of these modules; the folder must be in the path, and no bytecode be written."""
    write(folder, files)
    forget()
    return load_network("mine:network", CPU)


def network(text: str) -> str:
    """The module ``mine`` with this text after its head."""
    return HEAD + text


Edit = tuple[Mapping[str, str], str, str]


def _edits() -> dict[str, Edit]:
    """The file ``network_edits.txt``: ``### name: one | other``, the module ``mine``, and others after ``--- name``."""
    text = (Path(__file__).parents[1] / "trust" / "network_edits.txt").read_text(encoding="utf-8")
    found: dict[str, Edit] = {}
    for section in re.split(r"^### ", text, flags=re.MULTILINE)[1:]:
        title, _, rest = section.partition("\n")
        name, _, texts = title.partition(": ")
        one, other = texts.split(" | ")
        first, *others = re.split(r"^--- ", rest, flags=re.MULTILINE)
        modules = {"mine": network(first)} | {
            module: code for module, _, code in (part.partition("\n") for part in others)
        }
        found[name] = (modules, one, other)
    return found


EDITS = _edits()
"""By what is edited: the modules, with ``EDIT`` in the place of the edit, and two texts for it.

All but a few pairs compute the same on every picture of an ordinary kind, so that their code alone tells them apart.
"""


def edition(name: str, text: str) -> dict[str, str]:
    """The modules of an edit with one of its texts."""
    files, _, _ = EDITS[name]
    return {module: source.replace("EDIT", text) for module, source in files.items()}
