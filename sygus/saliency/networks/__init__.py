"""Classifiers by name, split at the layer that is explained.

A network of your own is described by a :class:`Classifier`; see :mod:`sygus.saliency.networks.families.custom`.
"""

from __future__ import annotations

import torch

from sygus.saliency.foreign import ALWAYS, blamed
from sygus.saliency.networks.classifier import Classifier
from sygus.saliency.networks.families import NETWORKS, load_classifier
from sygus.saliency.networks.memory import keep_freed_memory
from sygus.saliency.networks.network import Network, make_network
from sygus.saliency.networks.repeatable import compute_repeatably
from sygus.saliency.networks.together import read_layers, split_at

__all__ = ["NETWORKS", "Classifier", "Network", "load_network", "make_network", "read_layers", "split_at"]


def load_network(name: str, device: torch.device, layer: str | None = None) -> Network:
    """The network of this name, split at ``layer``; from now on the process keeps the memory that it frees.

    On CUDA it also computes repeatably from now on, see :mod:`sygus.saliency.networks.repeatable`.

    Args:
        name: see :data:`NETWORKS`.
        device: where to compute.
        layer: a module by its dotted name, for tokens perhaps with their grid as ``encoder.norm:14x14+1``; None: the
            last convolutional feature map, for transformers the last normalisation before attention that matters.

    Raises:
        OptionError: unknown network or layer, or a package is missing; the message says how to install it.
    """
    keep_freed_memory()
    compute_repeatably(device)
    classifier = load_classifier(name)
    with blamed(f"--network: '{name}' fails while it is tried and split", ALWAYS):
        return make_network(classifier, name, device, layer)
