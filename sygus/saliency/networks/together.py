"""Several layers of one network: by names of their own, and their feature maps in one pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from sygus.errors import OptionError
from sygus.saliency.networks.network import Network


def split_at(network: Network, layers: Mapping[str, str]) -> dict[str, Network]:
    """The network split at each of these modules, by the layers' names.

    Raises:
        OptionError: there is no such module, or it cannot be explained.
    """
    found = {}
    for name, module in layers.items():
        try:
            found[name] = network.at(module)
        except OptionError as error:
            message = error.message.removeprefix("--layer: ")
            raise OptionError(f"--layers: {name}={module}: {message}", error.hint) from None
    return found


class TrunkPass:
    """The feature maps of some pictures at several layers, in one pass, made when the first of them is asked for.

    Args:
        networks: a classifier, split at each layer.
        pictures: (N, 3, H, W).
    """

    def __init__(self, networks: Sequence[Network], pictures: Tensor) -> None:
        self.networks = list({id(network): network for network in networks}.values())
        self.pictures = pictures
        self._found: dict[int, Tensor] = {}

    def __call__(self, network: Network) -> Tensor:
        """The feature maps (N, K, h, w) of one of the layers."""
        if id(network) not in self._found:
            group = [one for one in self.networks if one is network or one.shares_passes(network)]
            alone = len(group) == 1
            maps = [network.activation(self.pictures)] if alone else network.activations(group, self.pictures)
            self._found.update((id(one), found) for one, found in zip(group, maps, strict=True))
        return self._found[id(network)]
