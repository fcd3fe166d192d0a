"""Image classifiers of the Hugging Face hub, or of a local folder, through transformers."""

from __future__ import annotations

from typing import Any

from sygus.errors import OptionError
from sygus.saliency.images.geometry import Interpolation, Preprocessing
from sygus.saliency.networks.classifier import Classifier
from sygus.saliency.networks.families.family import family, foreign, optional, square

_RESAMPLING: dict[int, Interpolation] = {
    0: "nearest",
    1: "lanczos",
    2: "bilinear",
    3: "bicubic",
    4: "box",
    5: "hamming",
}
"""PIL's numbers, which processors store."""

_CONVNEXT_SQUASH = 384
"""From this size on ConvNeXt's processor resizes without cropping."""


@family("hf:NAME", "an image classifier of the Hugging Face hub or a local folder, as hf:google/vit-base-patch16-224")
def load(name: str) -> Classifier:
    """A classifier by ``AutoModelForImageClassification``; its processor tells the preprocessing.

    Raises:
        OptionError: transformers is missing, or the processor does what cannot be done alike to masks and boxes.
    """
    transformers: Any = optional("transformers", "hf")

    def work() -> Classifier:
        processor = transformers.AutoImageProcessor.from_pretrained(name)
        model = transformers.AutoModelForImageClassification.from_pretrained(name)
        return _described(model, processor.to_dict())

    return foreign(f"hf:{name}", work)


def _described(model: Any, config: dict[str, Any]) -> Classifier:
    names = model.config.id2label
    normalises = config.get("do_normalize", True)
    scale = 255 * config.get("rescale_factor", 1 / 255) if config.get("do_rescale", True) else 255.0
    mean, deviation = (config["image_mean"], config["image_std"]) if normalises else ((0.0,) * 3, (1.0,) * 3)
    return Classifier(
        model,
        preprocessing_of(config),
        mean=(mean[0] / scale, mean[1] / scale, mean[2] / scale),
        deviation=(deviation[0] / scale, deviation[1] / scale, deviation[2] / scale),
        classes=tuple(names[index] for index in range(len(names))),
        multi_label=getattr(model.config, "problem_type", None) == "multi_label_classification",
        owned=True,
    )


def preprocessing_of(config: dict[str, Any]) -> Preprocessing:
    """The resize and centre crop of a processor's configuration.

    Raises:
        OptionError: it is no such thing.
    """
    size, crop = _size(config.get("size")), _size(config.get("crop_size"))
    interpolation = _RESAMPLING[int(config.get("resample", 2))]
    resizes, crops = config.get("do_resize", True), bool(config.get("do_center_crop")) and crop is not None
    if not resizes or size is None:
        raise OptionError(
            "--network: the processor of this model does not say the size of its pictures", "take another"
        )
    if crops:
        assert crop is not None
        resize = size[0] if size[0] == size[1] and "shortest_edge" in config["size"] else size
        return Preprocessing(resize, crop, interpolation)
    if "shortest_edge" not in config["size"]:
        return Preprocessing(size, size, interpolation)
    if config.get("crop_pct") and size[0] < _CONVNEXT_SQUASH:
        return Preprocessing(int(size[0] / config["crop_pct"]), size, interpolation)
    return Preprocessing(size[0] if not config.get("crop_pct") else size, size, interpolation)


def _size(value: Any) -> tuple[int, int] | None:
    """H, W of a size as processors store it: a number, or named numbers."""
    if isinstance(value, int):
        return square(value)
    if not isinstance(value, dict):
        return None
    if value.get("shortest_edge"):
        return square(value["shortest_edge"])
    return (value["height"], value["width"]) if value.get("height") else None
