"""Torchvision's classifiers with their weights."""

from __future__ import annotations

import difflib
from typing import Any

from sygus.errors import OptionError
from sygus.saliency.images.geometry import Preprocessing
from sygus.saliency.networks.classifier import Classifier
from sygus.saliency.networks.families.family import family, foreign, optional, square


@family("torchvision:NAME", "a classifier of torchvision, as torchvision:resnet50 or torchvision:vgg16@IMAGENET1K_V1")
def load(name: str) -> Classifier:
    """A classifier with its default weights, or those after ``@``; preprocessing and classes are the weights' own.

    Raises:
        OptionError: torchvision is missing, or has no such network or weights.
    """
    models: Any = optional("torchvision.models", "torchvision")
    model, _, version = name.partition("@")
    known = models.list_models(module=models)
    if model not in known:
        raise OptionError(f"--network: torchvision has no classifier '{model}'", _known(model, known))
    versions = models.get_model_weights(model)
    weights = versions.DEFAULT if not version else getattr(versions, version, None)
    if weights is None:
        names = ", ".join(f"{model}@{one.name}" for one in versions)
        raise OptionError(f"--network: '{model}' has no weights '{version}'", f"known: {names}")
    return foreign(f"torchvision:{name}", lambda: _described(models.get_model(model, weights=weights), weights))


def _described(model: Any, weights: Any) -> Classifier:
    transforms = weights.transforms()
    (crop,), (resize,) = transforms.crop_size, transforms.resize_size
    return Classifier(
        model,
        Preprocessing(resize, square(crop), transforms.interpolation.value),
        mean=tuple(transforms.mean),
        deviation=tuple(transforms.std),
        classes=weights.meta["categories"],
        owned=True,
    )


def _known(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=5, cutoff=0.4)
    return f"similar: {', '.join(close)}" if close else f"known: {', '.join(known)}"
