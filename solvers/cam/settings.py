"""The options of a run: from the command line, else from the file, else by default."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import torch

from solvers.cam.budget import Budget
from solvers.cam.learners import learner_names
from sygus.errors import OptionError, guess
from sygus.language.problem import Problem
from sygus.oracles.equivalence import Equivalence
from sygus.saliency.networks.families.family import FAMILIES

RACES = ("t", "bound", "off")
DEVICES = ("auto", "cpu", "cuda", "mps")


@dataclass(frozen=True)
class Settings:
    """The options of a run.

    Attributes:
        network: name of the network.
        layer: the layer explained; None for the network's default.
        images: name of the image set.
        search_images, held_out_images: how many pictures to search on, and to hold out.
        strict: whether a picture that cannot be read is an error; otherwise it is skipped and named.
        target: explain the class ``predicted``, or the true ``label``.
        strategy: the learner that proposes; of the user's own ``package.module:Class``.
        budget: what may be spent.
        race: how candidates race.
        equivalence: which terms count as alike.
        metric: scores in place of the one metric that the file declares.
        seed: of the pictures, their order, the probes and the learner.
        device: where to compute.
    """

    network: str = "shapes-vgg"
    layer: str | None = None
    images: str = "shapes"
    search_images: int = 96
    held_out_images: int = 192
    strict: bool = False
    target: str = "predicted"
    strategy: str = "enumerate"
    budget: str = "size=7,time=100s"
    race: str = "t"
    equivalence: str = "map"
    metric: str | None = None
    seed: int = 0
    device: str = "auto"

    def __post_init__(self) -> None:
        if ":" not in self.strategy:
            _choice("--strategy", self.strategy, tuple(learner_names()))
        _choice("--race", self.race, RACES)
        _choice("--equivalence", self.equivalence, tuple(Equivalence))
        _choice("--device", self.device, DEVICES)
        _choice("--target", self.target, ("predicted", "label"))
        if self.seed < 0:
            raise OptionError(f"--seed: {self.seed} is negative", "give a whole number of at least 0")
        self.limits  # noqa: B018 - reads the budget now, so that a bad one is an error here

    @property
    def limits(self) -> Budget:
        """The budget, read; a size is always set, since the space of terms is infinite."""
        budget = Budget.parse(self.budget)
        return budget if budget.size is not None else replace(budget, size=LARGEST_SIZE)

    def torch_device(self) -> torch.device:
        """The device; ``auto`` takes CUDA, then Apple's, then the CPU.

        Raises:
            OptionError: it is not available.
        """
        available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
        if self.device == "auto":
            return torch.device(next(name for name in ("cuda", "mps", "cpu") if available[name]))
        if not available[self.device]:
            usable = ", ".join(name for name, there in available.items() if there)
            raise OptionError(f"--device: torch finds no '{self.device}' here", f"available: auto, {usable}")
        return torch.device(self.device)

    def as_dict(self) -> dict[str, Any]:
        """The options as plain values."""
        return asdict(self)


LARGEST_SIZE = 25
"""The size at which a search without a ``size`` in its budget ends."""


def resolve(problem: Problem, given: Mapping[str, Any]) -> tuple[Settings, list[str]]:
    """Join what the command line gives (None where it does not) with what the file sets.

    Returns:
        The settings, and a note for each option of the file that means nothing here.

    Raises:
        OptionError: a bad value; of the file's, with its position.
    """
    kinds: dict[str, Callable[[str], Any]] = {f.name: _READERS.get(str(f.type), str) for f in fields(Settings)}
    chosen: dict[str, Any] = {}
    notes = []
    for keyword, setting in problem.options.items():
        name = keyword.replace("-", "_")
        where = f"{problem.file}:{setting.position.line}:{setting.position.column}"
        if keyword in _OTHER_OPTIONS:
            continue
        if name not in kinds:
            meant = guess([f":{option.replace('_', '-')}" for option in kinds], f":{keyword}").strip()
            ignored = f"{where}: the option ':{keyword}' means nothing here and is ignored"
            notes.append(f"{ignored}; {meant}" if meant else ignored)
            continue
        if given.get(name) is not None:
            continue
        if _imports(keyword, setting.value):
            hint = f"a file names no module to import; give --{keyword} {setting.value} on the command line"
            raise OptionError(f"{where}: :{keyword} is '{setting.value}'", hint)
        try:
            chosen[name] = kinds[name](setting.value)
            Settings(**{name: chosen[name]})
        except ValueError as error:
            raise OptionError(f"{where}: :{keyword} is '{setting.value}'", str(error)) from None
        except OptionError as error:
            raise OptionError(f"{where}: {error.message}", error.hint) from None
    return Settings(**(chosen | {name: value for name, value in given.items() if value is not None})), notes


def _imports(option: str, value: str) -> bool:
    """Whether a value names a module of the user's own, whose code would run."""
    prefix, colon, _ = value.partition("(")[0].partition(":")
    own_network = option == "network" and all(family.prefix != prefix for family in FAMILIES.values())
    return bool(colon) and (own_network or option in ("metric", "strategy"))


_OTHER_OPTIONS = {"constants"}  # read while the grammar is built


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError("give a whole number") from None


def _truth(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("give true or false")
    return text == "true"


_READERS: Mapping[str, Callable[[str], Any]] = {"int": _whole, "bool": _truth}
"""Of option values that are no text, by the type they are read as."""


def _choice(option: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise OptionError(
            f"{option}: unknown value '{value}'", f"{guess(allowed, value)}choose one of {', '.join(allowed)}"
        )
