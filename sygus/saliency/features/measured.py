"""Features measured on a network, each when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property

import torch
from torch import Tensor

from sygus.saliency.features.ablation import ablation
from sygus.saliency.features.cache import Cache
from sygus.saliency.features.feature import FEATURES
from sygus.saliency.features.gradients import smooth_gradients
from sygus.saliency.features.linear import classifier_weights
from sygus.saliency.features.masking import scores
from sygus.saliency.features.opticam import optimal_weights
from sygus.saliency.networks import Network

SMOOTH = ("smooth-gradient", "smooth-square", "smooth-cube")

CACHED = {"score": ("score",), "ablation": ("ablation",), "opticam": ("opticam",), **dict.fromkeys(SMOOTH, SMOOTH)}
"""The features that are expensive enough to be kept on disk, and what is measured together with each."""


class Measurements(Mapping[str, Tensor]):
    """Every feature of some pictures, float32 on the network's device; see ``Rank`` for the shapes.

    A feature is computed when it is first asked for: one trunk pass serves all, one backward pass of the tail the
    gradient features, and the expensive features are kept on disk.

    Args:
        network: the classifier.
        pictures: (N, 3, H, W) in pixel space.
        targets: the class explained in each, (N,).
        cache: where expensive features are kept; None keeps them in memory alone.
        probability: of the targets for the clean pictures, (N,), where it is known already.

    Raises:
        OptionError: when a feature is asked for that the network does not have, such as ``classifier``.
    """

    def __init__(
        self,
        network: Network,
        pictures: Tensor,
        targets: Tensor,
        *,
        cache: Cache | None = None,
        probability: Tensor | None = None,
    ) -> None:
        self.network = network
        self.pictures = pictures
        self.targets = targets
        self._cache = cache
        self._probability = probability
        self._known: dict[str, Tensor] = {}

    def __len__(self) -> int:
        return len(FEATURES)

    def __iter__(self) -> Iterator[str]:
        return iter(FEATURES)

    def __getitem__(self, name: str) -> Tensor:
        if name not in self._known:
            self._known |= self._found(name)
        return self._known[name]

    @cached_property
    def fingerprint(self) -> bytes:
        """Of the pictures and the targets."""
        return self.pictures.cpu().contiguous().numpy().tobytes() + self.targets.cpu().numpy().tobytes()

    def kept(self, name: str, compute: Callable[[], Tensor]) -> Tensor:
        """What is computed of these pictures under a name, kept on disk where there is a cache."""
        if self._cache is None:
            return compute()
        key = self._cache.key(self.network, self.fingerprint, (name,))
        return self._cache.remember(key, ("kept",), self.network.device, lambda: {"kept": compute()})["kept"]

    def at(self, layer: str) -> Measurements:
        """The features of the same pictures at another layer of the network.

        Raises:
            OptionError: the network has no such layer, or it cannot be explained.
        """
        network = self.network.at(layer)
        return Measurements(network, self.pictures, self.targets, cache=self._cache, probability=self._probability)

    def _found(self, name: str) -> Mapping[str, Tensor]:
        feature = FEATURES[name]
        if feature.derive is not None:
            return {name: feature.derive(*(self[need] for need in feature.needs))}
        if self._cache is None or name not in CACHED:
            return self._measure(name)
        key = self._cache.key(self.network, self.fingerprint, CACHED[name])
        return self._cache.remember(key, CACHED[name], self.network.device, lambda: self._measure(name))

    def _measure(self, name: str) -> Mapping[str, Tensor]:
        """This feature and those that come with it."""
        network, targets = self.network, self.targets
        per_channel, per_image = (-1, self._channels, 1, 1), (-1, 1, 1, 1)
        match name:
            case "activation":
                return {name: self._activation}
            case "gradient" | "logit":
                logit, gradient = network.gradient(self._activation, targets, self.pictures)
                return {"gradient": gradient.float(), "logit": logit.float().view(per_image)}
            case "probability":
                return {name: _open_unit(self._clean_probability().view(per_image))}
            case "score":
                return {name: scores(network, self.pictures, targets, self._activation).view(per_channel)}
            case "ablation":
                return {name: ablation(network, self._activation, targets, self.pictures).view(per_channel)}
            case "classifier":
                return {name: classifier_weights(network, self._activation)[targets].view(per_channel)}
            case "opticam":
                weights = optimal_weights(network, self.pictures, targets, self._activation)
                return {name: _open_unit(weights).view(per_channel)}
            case _:
                means = smooth_gradients(network, self.pictures, targets)
                return dict(zip(SMOOTH, means, strict=True))

    @cached_property
    def _activation(self) -> Tensor:
        return self.network.activation(self.pictures).float()

    @property
    def _channels(self) -> int:
        return self._activation.shape[1]

    def _clean_probability(self) -> Tensor:
        if self._probability is not None:
            return self._probability
        return self.network.probabilities(self.pictures, self.targets)


def _open_unit(values: Tensor) -> Tensor:
    """The values in the open interval (0, 1): float32 rounds what is close to an end to the end itself."""
    information = torch.finfo(torch.float32)
    return values.float().clamp(information.tiny, 1 - information.eps / 2)


def measure(network: Network, pictures: Tensor, targets: Tensor) -> Measurements:
    """The features of these pictures, kept in memory alone; see :class:`Measurements`."""
    return Measurements(network, pictures, targets)
