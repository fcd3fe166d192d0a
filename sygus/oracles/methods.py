"""Every CAM method by name, scored on a subject: the rows that a found expression is compared with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import torch

from sygus.errors import OptionError
from sygus.errors import known as listed
from sygus.language.elaborate import load_definitions
from sygus.language.terms import Term
from sygus.oracles.cam import CamOracle, Saliency, Scores, body_of, features_of, saliency_of
from sygus.resources import read_problem
from sygus.saliency.features import FEATURES
from sygus.saliency.methods import MAP_METHODS, VARIANTS, MapMethod
from sygus.saliency.metrics import Evaluation, Metric
from sygus.saliency.options import read_call, split_calls


@dataclass(frozen=True)
class Method:
    """A CAM method.

    Attributes:
        name: how options name it.
        title: how papers and tables write it.
        saliency: S (N, H, W) of every picture of a subject.
        quick: whether it costs a few passes a picture and applies to every network.
        check: raises OptionError where it does not apply to a subject's network.
        control: whether it explains nothing and only shows what a metric rewards.
    """

    name: str
    title: str
    saliency: Saliency
    quick: bool
    check: Callable[[CamOracle], None]
    control: bool = False

    def score(self, oracle: CamOracle, metric: Metric) -> Scores:
        """The score of each picture, (N,)."""
        return oracle.judge(self.evaluation(oracle), metric)

    def evaluation(self, oracle: CamOracle) -> Evaluation:
        """The maps of every picture, drawn once for as many metrics as are asked of them."""
        everything = torch.arange(len(oracle.subject.targets))
        return oracle.evaluation(self.saliency(oracle), everything, self.saliency)


def expression_method(name: str, title: str, expression: Term) -> Method:
    """The method whose weights are a term over features."""
    features = features_of(expression)

    def check(oracle: CamOracle) -> None:
        for feature in features:
            if FEATURES[feature].conditional:
                oracle.measured[feature]

    quick = not any(FEATURES[feature].slow or FEATURES[feature].conditional for feature in features)
    return Method(name, title, saliency_of(expression), quick, check)


def _map_method(entry: MapMethod) -> Method:
    return Method(
        entry.name,
        entry.title,
        lambda oracle: entry(oracle.measured),
        entry.quick,
        lambda oracle: entry.check(oracle.subject.network),
        entry.name in CONTROLS,
    )


CONTROLS = ("fakecam", "randomcam")
"""The methods that explain nothing: they show what a metric gives to a map of everything, and to one of chance."""


_TITLES = {
    "uniform": "Uniform weights",
    "cam": "CAM",
    "gradcam": "Grad-CAM",
    "gradcam++": "Grad-CAM++",
    "smoothgradcam++": "Smooth Grad-CAM++",
    "xgradcam": "XGrad-CAM",
    "layercam": "Layer-CAM",
    "hirescam": "HiResCAM",
    "taylor": "Gradient × activation",
    "scorecam": "Score-CAM",
    "ablationcam": "Ablation-CAM",
    "opticam": "Opti-CAM",
}


@cache
def methods() -> Mapping[str, Method]:
    """Every method, by name; the expressions come from ``grammars/methods.sy``."""
    file, text = read_problem("methods")
    found = [
        expression_method(definition.name, _TITLES[definition.name], body_of(definition))
        for definition in load_definitions(text, file)
    ]
    found.extend(map(_map_method, MAP_METHODS.values()))
    return {method.name: method for method in found}


ALL, QUICK = "all", "quick"
"""Every method; and those that cost a few passes a picture and apply to every network."""


def find_methods(names: str) -> list[Method]:
    """The methods of a comma-separated list of names, with options as ``sscam(n=8)``; or :data:`ALL` or :data:`QUICK`.

    Raises:
        OptionError: an unknown one, or a wrong option.
    """
    known = methods()
    if names in (ALL, QUICK):
        return [method for method in known.values() if names == ALL or method.quick]
    try:
        return [_found(name) for name in split_calls(names)]
    except OptionError as error:
        raise OptionError(f"--methods: {error.message}", error.hint) from None


def _found(text: str) -> Method:
    """The method of a name, perhaps with options."""
    known, (name, given) = methods(), read_call(text, "method")
    if name not in known:
        raise OptionError(f"unknown method '{name}'", listed([ALL, QUICK, *known], name, "known methods"))
    if not given:
        return known[name]
    entry = MAP_METHODS.get(name) or VARIANTS.get(name)
    if entry is None:
        raise OptionError(f"the method '{name}' has no option '{next(iter(given))}'", "its options: none")
    return _map_method(entry.configured(given))


def applicable_methods(names: str, oracle: CamOracle, note: Callable[[str], None]) -> list[Method]:
    """The methods of :func:`find_methods` that apply to a subject's network.

    Args:
        names: as there.
        oracle: the subject.
        note: told which methods of a group are left out, and why.

    Raises:
        OptionError: an unknown method, or one that is named and does not apply.
    """
    found = []
    for method in find_methods(names):
        try:
            method.check(oracle)
        except OptionError as error:
            if names not in (ALL, QUICK):
                raise OptionError(f"--methods: '{method.name}': {error.message}", error.hint) from None
            note(f"{method.title} is left out: {error.message}; {error.hint}")
        else:
            found.append(method)
    return found
