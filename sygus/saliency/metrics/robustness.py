"""Whether the explanation changes as it should when the picture or the network does."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import affine_grid, grid_sample

from sygus.errors import OptionError
from sygus.saliency.metrics.coherence import pearson, rank_agreement
from sygus.saliency.metrics.evaluation import Change, Evaluation, Subject
from sygus.saliency.metrics.metric import metric
from sygus.saliency.networks import Classifier, Network
from sygus.saliency.options import number, whole


@metric(
    "max-sensitivity",
    direction="min",
    low=0,
    explanations=lambda _, draws, **__: draws,
    needs=("explain",),
    invariances=(),
    options={"radius": number(0.2, 0, 1), "draws": whole(10, 1)},
)
def max_sensitivity(evaluation: Evaluation, *, radius: float, draws: int) -> Tensor:
    """max_r ‖S(x + d_r) - S(x)‖ / ‖S(x)‖ over draws of d ~ U(-``radius``, ``radius``) (Yeh et al. 2019).

    The class explained stays that of the clean picture; pixels may leave [0, 1]. 1 for black maps, as if every draw
    changed them wholly.
    """
    clean = evaluation.saliency.double()
    norm = clean.flatten(1).norm(dim=1)
    distances = [
        (evaluation.explained(_noise(radius, draw)).double() - clean).flatten(1).norm(dim=1) for draw in range(draws)
    ]
    largest = torch.stack(distances).amax(0)
    return torch.where(evaluation.empty, 1, largest / torch.where(evaluation.empty, 1, norm))


def _noise(radius: float, draw: int) -> Change:
    """Uniform noise on every picture, drawn from its index and the draw's."""

    def apply(subject: Subject) -> Subject:
        shape, rows = subject.pictures.shape[1:], range(len(subject.images))
        drawn = np.stack([np.random.default_rng([draw, row]).random(shape, np.float32) for row in rows])
        noise = radius * (2 * torch.from_numpy(drawn).to(subject.pictures.device) - 1)
        return subject.showing(subject.pictures + noise, torch.arange(len(rows)))

    return Change(f"noise {radius:g} draw {draw}", apply)


Transform = Callable[[Tensor], Tensor]
"""Moves the pixels of (…, H, W)."""

SHIFT, ZOOM = 1 / 8, 1.25
"""The translation as a part of height and width, and the factor of the zoom about the centre."""


@metric(
    "equivariance",
    direction="max",
    low=-1,
    high=1,
    explanations=lambda size: len(transforms(size)),
    needs=("explain",),
)
def equivariance(evaluation: Evaluation) -> Tensor:
    """Mean Pearson's correlation of S(Tx) and T S(x), on the pixels both cover.

    T runs over the horizontal flip, rotations by 90, 180 and 270 degrees (square pictures), a translation by an
    eighth of height and width, and a zoom by 1.25 about the centre (the constraint of SEAM, Wang et al. 2020).
    0 where a map is constant.
    """
    clean = evaluation.saliency
    ones = torch.ones_like(clean[:1])
    similarities = []
    for name, transform in transforms(evaluation.subject.network.size).items():
        moved = evaluation.explained(_moved(name, transform))
        covered = transform(ones)[0] > 1 - 1e-6
        similarities.append(pearson(moved, transform(clean), covered))
    return torch.stack(similarities).mean(0)


def transforms(size: tuple[int, int]) -> dict[str, Transform]:
    """The transforms of pictures of H, W, by name; rotations by 90 and 270 degrees only where H = W."""
    height, width = size
    down, right = int(height * SHIFT), int(width * SHIFT)
    turns = (1, 2, 3) if height == width else (2,)
    return {
        "flip": lambda x: x.flip(-1),
        **{f"rotation {90 * turn}": partial(torch.rot90, k=turn, dims=(-2, -1)) for turn in turns},
        "translation": lambda x: _shifted(x, down, right),
        "zoom": _zoomed,
    }


def _shifted(x: Tensor, down: int, right: int) -> Tensor:
    result = torch.zeros_like(x)
    result[..., down:, right:] = x[..., : x.shape[-2] - down, : x.shape[-1] - right]
    return result


def _zoomed(x: Tensor) -> Tensor:
    stacked = x.reshape(-1, 1, *x.shape[-2:])
    matrix = torch.tensor([[1 / ZOOM, 0, 0], [0, 1 / ZOOM, 0]], device=x.device, dtype=x.dtype)
    grid = affine_grid(matrix[None], [1, 1, *x.shape[-2:]], align_corners=False)
    zoomed = grid_sample(stacked, grid.expand(len(stacked), -1, -1, -1), align_corners=False, padding_mode="border")
    return zoomed.view(x.shape)


def _moved(name: str, transform: Transform) -> Change:
    def apply(subject: Subject) -> Subject:
        return subject.showing(transform(subject.pictures), torch.arange(len(subject.images)))

    return Change(name, apply)


@metric("model-randomization", direction="min", low=-1, high=1, needs=("explain",), options={"seed": whole(0, 0)})
def model_randomization(evaluation: Evaluation, *, seed: int) -> Tensor:
    """Spearman's correlation of S before and after the top layers are re-initialised (Adebayo et al. 2018).

    The top layers are those after the layer explained; each of their parameters is drawn anew from a normal
    distribution of its mean and deviation. An explanation of the network must change: lower is better. Tied pixels
    share their mean rank. 1 for black maps, in which no change shows; 0 where only the second is constant.
    """
    return rank_agreement(evaluation, _randomized(seed))


def _randomized(seed: int) -> Change:
    def apply(subject: Subject) -> Subject:
        return Subject(randomized(subject.network, seed), subject.images, subject.targets)

    return Change(f"randomized {seed}", apply)


def randomized(network: Network, seed: int) -> Network:
    """A copy of the network with the parameters after the layer explained drawn anew, at other layers too.

    What is not drawn is shared with the network.

    Raises:
        OptionError: there are none, or they cannot be copied.
    """
    tail = network.tail
    parameters = list(tail.parameters()) if isinstance(tail, nn.Module) else []
    if not parameters:
        message = f"model-randomization: '{network.name}' has no parameters after the layer '{network.layer}'"
        raise OptionError(message, "explain an earlier layer")
    generator = torch.Generator().manual_seed(seed)
    fresh: dict[int, Tensor] = {}
    with torch.no_grad():
        for parameter in parameters:
            drawn = torch.randn(parameter.shape, generator=generator).to(parameter.device, parameter.dtype)
            redrawn = copy.deepcopy(parameter)
            fresh[id(parameter)] = redrawn.copy_(parameter.mean() + parameter.std(correction=0) * drawn)
    return replace(
        network,
        tail=_redrawn(network, fresh),
        fingerprint=f"{network.fingerprint}-randomized-{seed}",
        classifier=_reclassified(network.classifier, fresh),
    )


def _redrawn(network: Network, fresh: dict[int, Tensor]) -> Any:
    """A copy of the network's tail with the parameters drawn anew.

    Raises:
        OptionError: it cannot be copied.
    """
    try:
        return _with(network.tail, fresh)
    except Exception as error:  # foreign objects hang on modules, and each refuses in its own way
        where = f"what '{network.name}' has after the layer '{network.layer}'"
        reason = f"{type(error).__name__}: {error}"
        raise OptionError(f"model-randomization: {where} cannot be copied ({reason})", "use another metric") from error


def _with(module: Any, fresh: dict[int, Tensor]) -> Any:
    """A copy of a module with other tensors in the place of some, given by the identity of these; all else shared."""
    tensors = {id(tensor): tensor for tensor in (*module.parameters(), *module.buffers())}
    return copy.deepcopy(module, {**tensors, **fresh})


def _reclassified(classifier: Classifier | None, fresh: dict[int, Tensor]) -> Classifier | None:
    """The classifier with the parameters drawn anew; None where its model cannot be copied, so has no other layers."""
    if classifier is None:
        return None
    try:
        return replace(classifier, model=_with(classifier.model, fresh))
    except Exception:  # foreign objects hang on modules, and each refuses in its own way
        return None
