"""Every CAM method by name, scored on a subject: the rows that a found expression is compared with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import torch

from sygus.elaborate import load_definitions
from sygus.errors import OptionError
from sygus.oracles.cam import CamOracle, Scores, body_of
from sygus.resources import read_problem
from sygus.saliency.heatmap import saliency
from sygus.saliency.methods import fake_cam, random_weights
from sygus.saliency.metrics import Metric
from sygus.terms import Term

RANDOM_SEED = 0


@dataclass(frozen=True)
class Method:
    """A CAM method.

    Attributes:
        name: how options name it.
        title: how papers and tables write it.
        saliency: S (N, H, W) of every picture of a subject.
    """

    name: str
    title: str
    saliency: Callable[[CamOracle], torch.Tensor]

    def score(self, oracle: CamOracle, metric: Metric) -> Scores:
        """The score of each picture, (N,)."""
        everything = torch.arange(len(oracle.subject.targets))
        return oracle.score_saliency(self.saliency(oracle), metric, everything)


def expression_method(name: str, title: str, expression: Term) -> Method:
    """The method whose weights are a term over features."""

    def maps(oracle: CamOracle) -> torch.Tensor:
        (heat,) = oracle.heat_maps([expression])
        return saliency(heat.maps, oracle.subject.network.size)

    return Method(name, title, maps)


def _random(oracle: CamOracle) -> torch.Tensor:
    weights = random_weights(oracle.subject, oracle.measured["activation"].shape[1], RANDOM_SEED)
    return saliency(oracle.combined(weights).maps, oracle.subject.network.size)


_TITLES = {
    "uniform": "Uniform weights",
    "gradcam": "Grad-CAM",
    "gradcam++": "Grad-CAM++",
    "xgradcam": "XGrad-CAM",
    "layercam": "Layer-CAM",
}


@cache
def methods() -> Mapping[str, Method]:
    """Every method, by name; the expressions come from ``grammars/methods.sy``."""
    file, text = read_problem("methods")
    found = [
        expression_method(definition.name, _TITLES[definition.name], body_of(definition))
        for definition in load_definitions(text, file)
    ]
    found.append(Method("fakecam", "Fake-CAM", lambda oracle: fake_cam(oracle.subject)))
    found.append(Method("randomcam", "Random-CAM", _random))
    return {method.name: method for method in found}


def find_methods(names: str) -> list[Method]:
    """The methods of a comma-separated list, or ``all``.

    Raises:
        OptionError: an unknown one.
    """
    known = methods()
    wanted = list(known) if names == "all" else [name.strip() for name in names.split(",")]
    for name in wanted:
        if name not in known:
            raise OptionError(f"--methods: unknown method '{name}'", f"known methods: all, {', '.join(known)}")
    return [known[name] for name in wanted]
