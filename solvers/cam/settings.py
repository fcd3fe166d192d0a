"""The options of a run: from the command line, else from the file, else by default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import torch

from solvers.cam.budget import Budget
from solvers.cam.file_options import stated_value
from solvers.cam.learners import learner_names
from sygus.errors import OptionError, guess
from sygus.language.problem import Problem
from sygus.oracles.equivalence import Equivalence
from sygus.oracles.methods import find_methods
from sygus.saliency.images import GivenImages, check_counts
from sygus.saliency.metrics import Metric
from sygus.saliency.networks import (
    FULL,
    PRECISIONS,
    GivenNetwork,
    Network,
    Precision,
    Target,
    load_network,
    read_target,
)
from sygus.saliency.options import read_layers

AUTO = "auto"
"""As baselines: the quick methods, those whose costly features the grammar reads, and all that cost no more passes than
the search did."""

RACES = ("t", "bound", "betting", "off")
DEVICES = ("auto", "cpu", "cuda", "mps")


@dataclass(frozen=True)
class Settings:
    """The options of a run.

    Attributes:
        network: name of the network, or one that Python gives.
        layer: the layer explained; None for the network's default.
        layers: further layers that expressions may read, as ``early=features.4 late=features.8``.
        images: name of the image set, or pictures that Python gives.
        search_images, held_out_images: how many pictures to search on, and to hold out; None for 96 and 384, or where
            there are too few for that what :func:`sygus.saliency.images.share_out` makes of them.
        validation_images: how many to choose between finalists with; 0 for none, None for four times those of the
            search, or as many as there are.
        strict: whether a picture that cannot be read is an error; otherwise it is skipped and named.
        target: what is explained: as :func:`sygus.saliency.networks.read_target` reads it, or a target.
        strategy: the learner that proposes; of the user's own ``package.module:Class``.
        budget: what may be spent; by default nothing that a slow or busy machine has less of, as seconds are.
        race: how candidates race.
        equivalence: which terms count as alike.
        metric: scores in place of the one metric that the file declares; its name, or one that Python gives.
        baselines: the methods of the table: ``auto``, ``quick``, ``all``, or their names.
        seed: of the pictures, their order, the probes and the learner.
        device: where to compute.
        precision: in which masked pictures pass the network.
    """

    network: str | GivenNetwork = "shapes-vgg"
    layer: str | None = None
    layers: str | None = None
    images: str | GivenImages = "shapes"
    search_images: int | None = None
    held_out_images: int | None = None
    validation_images: int | None = None
    strict: bool = False
    target: str | Target = "predicted"
    strategy: str = "auto"
    budget: str = "size=7,terms=1000"
    race: str = "t"
    equivalence: str = "map"
    metric: str | Metric | None = None
    baselines: str = AUTO
    seed: int = 0
    device: str = "auto"
    precision: Precision = FULL

    def __post_init__(self) -> None:
        if ":" not in self.strategy:
            _choice("--strategy", self.strategy, tuple(learner_names()))
        _choice("--race", self.race, RACES)
        _choice("--equivalence", self.equivalence, tuple(Equivalence))
        _choice("--device", self.device, DEVICES)
        _choice("--precision", self.precision, PRECISIONS)
        self.explained  # noqa: B018 - reads the target now, so that a bad one is an error here
        if self.baselines != AUTO:
            find_methods(self.baselines, "--baselines")
        if self.seed < 0:
            raise OptionError(f"--seed: {self.seed} is negative", "give a whole number of at least 0")
        if self.seed > LARGEST_SEED:
            raise OptionError("--seed: it has more than 63 bits", f"give a whole number from 0 to {LARGEST_SEED}")
        for part in ("search", "held-out", "validation"):
            count = getattr(self, f"{part.replace('-', '_')}_images")
            if count is not None and count > MOST_PICTURES:
                message = f"--{part}-images: so many pictures are never looked at"
                raise OptionError(message, f"give at most {MOST_PICTURES}")
        check_counts(self.search_images, self.held_out_images, self.validation_images)
        self.modules  # noqa: B018 - reads the layers now, likewise
        self.limits  # noqa: B018 - reads the budget now, likewise

    @property
    def explained(self) -> Target:
        """The target, read."""
        return read_target(self.target)

    @property
    def modules(self) -> Mapping[str, str]:
        """The modules of the further layers, by the layers' names."""
        return read_layers(self.layers or "")

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

    def load_network(self) -> Network:
        """The network, split at the layer, on the device.

        Raises:
            OptionError: any of them is unknown or not there.
        """
        return load_network(self.network, self.torch_device(), self.layer, self.explained, self.precision)

    def as_dict(self) -> dict[str, Any]:
        """The options as plain values; of what Python gives what it is called."""
        network, images = (one if isinstance(one, str) else one.text for one in (self.network, self.images))
        metric = self.metric
        if isinstance(metric, Metric):
            metric = f"{metric.name} ({metric.direction}), a function given in Python"
        return asdict(replace(self, network=network, images=images, metric=metric, target=self.explained.text))


LARGEST_SEED = (1 << 63) - 1
"""What every generator takes."""

MOST_PICTURES = 10_000_000
"""Of a part of the pictures; how many fit into memory, their size decides."""

LARGEST_SIZE = 25
"""The size at which a search without a ``size`` in its budget ends."""


def resolve(problem: Problem, given: Mapping[str, Any], *, allowed: bool = False) -> tuple[Settings, list[str]]:
    """Join what a person gives (None where they do not) with what the file sets.

    Args:
        problem: whose options are the file's; what they may choose is the affair of :mod:`solvers.cam.file_options`.
        given: the person's.
        allowed: whether the person allows the file's options to choose like their own.

    Returns:
        The settings, and a note for each option of the file that means nothing here.

    Raises:
        OptionError: a bad value; of the file's, with its position.
    """
    kinds = {field.name: str(field.type) for field in fields(Settings)}
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
        try:
            chosen[name] = stated_value(keyword, setting, kinds[name], allowed=allowed)
            Settings(**{name: chosen[name]})
        except OptionError as error:
            raise OptionError(f"{where}: {error.message}", error.hint) from None
    return Settings(**(chosen | {name: value for name, value in given.items() if value is not None})), notes


_OTHER_OPTIONS = {"constants"}  # read while the grammar is built


def _choice(option: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise OptionError(
            f"{option}: unknown value '{value}'", f"{guess(allowed, value)}choose one of {', '.join(allowed)}"
        )
