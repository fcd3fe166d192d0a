"""What the attention of a transformer shows of each token: its gradient, and where it leads through the layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from sygus.deferred import torch
from sygus.errors import OptionError
from sygus.saliency.features.draws import positive
from sygus.saliency.features.feature import GRADIENT, Feature, Measured, register

if TYPE_CHECKING:
    from torch import Tensor

    from sygus.saliency.networks import Network


def _measure(measured: Measured) -> Mapping[str, Tensor]:
    network = measured.network
    grid = measured["activation"].shape[-2:]
    gradient, attention = network.in_passes(
        partial(_passed, network, (grid[0], grid[1])), measured.pictures, measured.targets
    )
    return {"attention-gradient": gradient, "attention": attention}


def _passed(network: Network, grid: tuple[int, int], pictures: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Both features of one pass, (b, h, w) each.

    Raises:
        OptionError: no attention is seen.
    """
    from sygus.saliency.networks.attention import Attention
    from sygus.saliency.networks.network import target_logit

    tokens = network.prefix + grid[0] * grid[1]
    with torch.enable_grad():
        leaf = pictures.detach().clone().requires_grad_()
        with Attention(len(pictures), tokens) as seen:
            logits = network.classify(leaf.clone())
        if not seen.found:
            raise OptionError(
                f"'{network.name}' shows no attention among the {tokens} tokens of '{network.layer}'",
                "take a vision transformer, as those of timm, torchvision and transformers, and a layer that gives "
                "its tokens",
            )
        score = target_logit(logits, targets).sum()
        gradients = torch.autograd.grad(score, seen.found, allow_unused=True, materialize_grads=True)

    def drawn(values: Tensor) -> Tensor:
        return values[:, network.prefix :].reshape(len(values), *grid)

    weights = [one.detach().float().reshape(len(pictures), -1, tokens, tokens) for one in seen.found]
    slopes = [one.float().reshape(len(pictures), -1, tokens, tokens) for one in gradients]
    led = rollout(weights)
    return drawn(sensitivity(slopes)), drawn(led[:, 0] if network.prefix else led.mean(1))


def sensitivity(gradients: Sequence[Tensor]) -> Tensor:
    """The mean over layers, heads and queries of ReLU(∂Y/∂a), (b, T), of gradients (b, heads, T, T)."""
    return torch.stack([one.relu().mean((1, 2)) for one in gradients]).mean(0)


def rollout(attention: Sequence[Tensor]) -> Tensor:
    """The product over layers of (I + mean over heads of a) / 2, (b, T, T), of attention (b, heads, T, T)."""
    led = torch.eye(attention[0].shape[-1], device=attention[0].device).expand(len(attention[0]), -1, -1)
    for weights in attention:
        led = (led + weights.mean(1) @ led) / 2
    return led


register(
    Feature(
        name="attention-gradient",
        rank="heatmap",
        latex=r"\mathbb{E}_{l,h,q}\left[\frac{\partial Y^c}{\partial a^{lh}_{q,ij}}\right]_+",
        doc="The mean over layers, heads and queries of the positive part of the logit's gradient with respect to the "
        "attention to each token (after LeGrad, Bousselham et al. 2024, arXiv 2404.03214, which asks the classifier "
        "at each layer by itself); of vision transformers, of those in stages of the layers that attend over the whole "
        "grid.",
        domain="nonnegative",
        measure=_measure,
        draw=positive,
        passes=GRADIENT,
        conditional=True,
        order=90,
    ),
    Feature(
        name="attention",
        rank="heatmap",
        latex=r"\hat{a}_{ij}",
        doc="Attention rollout: how much of each token reaches the first one of those before the grid, as a class "
        "token, or where there is none the mean of all, in the product over layers of (I + a) / 2, a the mean over "
        "heads (Abnar and Zuidema 2020, arXiv 2005.00928); of vision transformers as above.",
        domain="nonnegative",
        measure=_measure,
        draw=positive,
        passes=GRADIENT,
        conditional=True,
        order=91,
    ),
)
