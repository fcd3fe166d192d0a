"""What a network says itself of the importance of its channels: LFI-CAM's branch."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from sygus.deferred import torch
from sygus.errors import OptionError
from sygus.saliency.features.draws import normal
from sygus.saliency.features.feature import Feature, Measured, register

if TYPE_CHECKING:
    from torch import Tensor, nn

    from sygus.saliency.networks import Network


def importance(network: Network, activation: Tensor, pictures: Tensor) -> Tensor:
    """S, what the branch that a network declares gives for each channel of the layer explained.

    LFI-CAM (Lee et al. 2021, arXiv 2105.00937) weighs the feature maps by softmax(s) and classifies them under the
    attention of their sum; see :class:`sygus.saliency.networks.embedded.AttentiveHead`. The same whatever the class.

    Args:
        network: the classifier; :attr:`sygus.saliency.networks.Classifier.importance` names its branch.
        activation: (N, K, h, w).
        pictures: (N, 3, H, W) that it is of.

    Returns:
        (N, K) float32.

    Raises:
        OptionError: the network declares no branch, or one of another layer; or the branch does not run once after
            the layer, or gives anything else than a finite number for each channel.
    """
    name, branch = _branch(network)
    beside = (pictures,) if network.needs_pictures else ()
    (found,) = network.in_passes(partial(_passed, network, name, branch), activation, *beside)
    return found


_DESCRIBED = "describe it with importance=, the name of the module that gives them"


def _branch(network: Network) -> tuple[str, nn.Module]:
    """The branch and its name inside the model.

    Raises:
        OptionError: there is none, or it is another layer's.
    """
    from sygus.saliency.networks.classifier import MODEL
    from sygus.saliency.networks.hooking import HookedTail

    classifier = network.classifier
    if classifier is None or classifier.importance is None:
        message = f"'{network.name}' declares no branch that gives the importance of channels"
        raise OptionError(message, f"take shapes-lfi; if your network has such a branch, {_DESCRIBED}")
    layer = (classifier.layer or "").partition(":")[0]
    if network.layer != layer:
        what = f"the branch '{classifier.importance}' of '{network.name}' weighs the channels of '{layer}'"
        raise OptionError(f"{what}, not of '{network.layer}'", f"explain that layer: --layer {layer}")
    tail: Any = network.tail.pipeline if isinstance(network.tail, HookedTail) else network.tail
    try:
        return classifier.importance, tail.get_submodule(f"{MODEL}.{classifier.importance}")
    except AttributeError:
        raise _unfit(network, classifier.importance, f"does not run after '{layer}'") from None


def _unfit(network: Network, branch: str, what: str) -> OptionError:
    hint = "it must run once in a pass, after the layer, and give (B, channels of the layer)"
    return OptionError(f"--network: the branch '{branch}' of '{network.name}' {what}", hint)


def _passed(network: Network, name: str, branch: nn.Module, activation: Tensor, *pictures: Tensor) -> tuple[Tensor]:
    """What the branch gives in one pass of the tail, (b, K)."""
    seen: list[Any] = []

    def hook(_: nn.Module, __: Any, output: Any) -> None:
        seen.append(output.clone() if isinstance(output, torch.Tensor) else output)  # what follows may work in place

    handle = branch.register_forward_hook(hook)
    try:
        network.tail(activation.clone(), *pictures)
    finally:
        handle.remove()
    if len(seen) != 1:
        raise _unfit(network, name, f"runs {len(seen)} times in a pass")
    (given,), wanted = seen, tuple(activation.shape[:2])
    if not isinstance(given, torch.Tensor):
        raise _unfit(network, name, f"gives {type(given).__name__}, not a tensor")
    if tuple(given.shape) not in (wanted, (*wanted, 1, 1)):
        raise _unfit(network, name, f"gives numbers of shape {tuple(given.shape)} for maps {tuple(activation.shape)}")
    if not bool(torch.isfinite(given).all()):
        raise _unfit(network, name, "gives a number that is not finite")
    return (given.reshape(wanted),)


def _measure(measured: Measured) -> Mapping[str, Tensor]:
    return {"importance": importance(measured.network, measured["activation"], measured.pictures)}


register(
    Feature(
        name="importance",
        rank="weight",
        latex="s_k",
        doc="What a branch of the network says of the importance of the channel, whatever the class (LFI-CAM, Lee et "
        "al. 2021); of networks that declare one, as shapes-lfi, at the layer that it weighs.",
        measure=_measure,
        draw=normal,
        conditional=True,
        order=98,
    )
)
