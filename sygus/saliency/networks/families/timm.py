"""The networks of timm (Wightman, PyTorch Image Models): convolutions and transformers."""

from __future__ import annotations

from typing import Any

from sygus.errors import OptionError
from sygus.saliency.images.geometry import Interpolation, Preprocessing
from sygus.saliency.images.imagenet import class_names
from sygus.saliency.networks.classifier import Classifier
from sygus.saliency.networks.families.family import family, foreign, optional
from sygus.saliency.networks.views import CHANNELS_LAST, Grid

_IMAGENET_CLASSES = 1000


@family("timm:NAME", "a network of timm with its weights, as timm:resnet50 or timm:vit_base_patch16_224")
def load(name: str) -> Classifier:
    """A pretrained network; preprocessing is that of its configuration, the grid of tokens its patches.

    Raises:
        OptionError: timm is missing or has no such network.
    """
    timm: Any = optional("timm", "timm")
    if not timm.is_model(name):
        raise OptionError(f"--network: timm has no network '{name}'", _similar(timm, name))
    return foreign(f"timm:{name}", lambda: describe(timm.create_model(name, pretrained=True)))


def describe(model: Any) -> Classifier:
    """The classifier of a network that timm has made."""
    config = optional("timm.data", "timm").resolve_model_data_config(model)
    return Classifier(
        model,
        preprocessing_of(config),
        mean=tuple(config["mean"]),
        deviation=tuple(config["std"]),
        classes=_classes(model),
        grid=grid_of(model),
        owned=True,
    )


def preprocessing_of(config: Any) -> Preprocessing:
    """Timm's evaluation transform: resize to the crop's size over ``crop_pct``, then crop.

    Raises:
        OptionError: the configuration asks for a transform that is none of timm's two usual ones.
    """
    _, height, width = config["input_size"]
    interpolation: Interpolation = config.get("interpolation", "bilinear")
    share, mode = config.get("crop_pct", 1.0), config.get("crop_mode", "center")
    tall, wide = int(height / share), int(width / share)
    if mode == "squash" or (mode == "center" and height != width):
        return Preprocessing((tall, wide), (height, width), interpolation)
    if mode != "center":
        raise OptionError(f"--network: this network of timm crops its pictures by '{mode}'", "take another network")
    return Preprocessing(tall, (height, width), interpolation)


def grid_of(model: Any) -> Grid:
    """Rows, columns and leading tokens, where the network cuts its pictures into patches and keeps them in a row."""
    if getattr(model, "output_fmt", None) == "NHWC":
        return CHANNELS_LAST
    patches = getattr(getattr(model, "patch_embed", None), "grid_size", None)
    prefix = getattr(model, "num_prefix_tokens", None)
    return None if patches is None or prefix is None else (int(patches[0]), int(patches[1]), int(prefix))


def _classes(model: Any) -> tuple[str, ...]:
    return class_names() if getattr(model, "num_classes", None) == _IMAGENET_CLASSES else ()


def _similar(timm: Any, name: str) -> str:
    close = timm.list_models(f"*{name}*")[:5] or timm.list_models(f"{name.partition('_')[0]}*")[:5]
    return f"similar: {', '.join(close)}" if close else "timm.list_models() lists the names"
