"""Classifiers by name, split at the layer that is explained.

A network of your own is described by a :class:`Classifier`; see :mod:`sygus.saliency.networks.families.custom`.
"""

from __future__ import annotations

import torch

from sygus.saliency.foreign import ALWAYS, blamed
from sygus.saliency.networks.classifier import Classifier
from sygus.saliency.networks.families import NETWORKS, load_classifier
from sygus.saliency.networks.given import GivenNetwork, given_network
from sygus.saliency.networks.memory import keep_freed_memory
from sygus.saliency.networks.network import Network, make_network
from sygus.saliency.networks.precision import FULL, PRECISIONS, Precision
from sygus.saliency.networks.repeatable import compute_repeatably
from sygus.saliency.networks.target import PREDICTED, Target, class_number, read_target
from sygus.saliency.networks.together import split_at

__all__ = [
    "FULL",
    "NETWORKS",
    "PRECISIONS",
    "Classifier",
    "GivenNetwork",
    "Network",
    "Precision",
    "Target",
    "class_number",
    "given_network",
    "load_network",
    "make_network",
    "read_target",
    "split_at",
]


def load_network(
    network: str | GivenNetwork,
    device: torch.device,
    layer: str | None = None,
    target: Target = PREDICTED,
    precision: Precision = FULL,
) -> Network:
    """The network of this name, or that Python gives, split at ``layer``.

    From now on the process keeps the memory that it frees. On CUDA it also computes repeatably from now on, see
    :mod:`sygus.saliency.networks.repeatable`.

    Args:
        network: its name, see :data:`NETWORKS`; or what Python gives.
        device: where to compute.
        layer: a module by its dotted name, for tokens perhaps with their grid as ``encoder.norm:14x14+1``; None: the
            last convolutional feature map, for transformers the last normalisation before attention that matters.
        target: what is explained.
        precision: in which masked pictures pass.

    Raises:
        OptionError: unknown network or layer, or a package is missing; the message says how to install it. Or the
            network gives nothing that the target could be made of.
    """
    keep_freed_memory()
    compute_repeatably(device)
    name, target = str(network), target.loaded()
    classifier = load_classifier(network) if isinstance(network, str) else network.classifier
    with blamed(f"--network: '{name}' fails while it is tried and split", ALWAYS):
        return make_network(classifier, name, device, layer, target=target, precision=precision)
