"""The families of networks, one module each; optional packages are imported when a network of theirs is loaded."""

from __future__ import annotations

from sygus.errors import OptionError, known
from sygus.foreign import PATTERN
from sygus.saliency.networks.classifier import Classifier
from sygus.saliency.networks.families import (  # noqa: F401 - they register themselves
    custom,
    efficientnet_lite,
    embedded,
    huggingface,
    timm,
    torchvision,
)
from sygus.saliency.networks.families.family import FAMILIES

ORDER = ("shapes-vgg", "shapes-resnet", "efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2")

NETWORKS: dict[str, str] = {
    **{name: FAMILIES[name].doc for name in ORDER},
    **{pattern: one.doc for pattern, one in FAMILIES.items() if one.prefix},
    PATTERN: custom.DOC,
}
"""How networks are named and what they are."""


def load_classifier(spec: str) -> Classifier:
    """The classifier of this name.

    Raises:
        OptionError: it is unknown, or needs a package that is missing.
    """
    prefix, colon, name = spec.partition(":")
    if spec in FAMILIES and not FAMILIES[spec].prefix:
        return FAMILIES[spec].load(spec)
    if colon and prefix and name:
        chosen = next((one for one in FAMILIES.values() if one.prefix == prefix), None)
        return chosen.load(name) if chosen is not None else custom.load(spec)
    raise OptionError(f"--network: unknown network '{spec}'", known(NETWORKS, spec, "known networks"))
