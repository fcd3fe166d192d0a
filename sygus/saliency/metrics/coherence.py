"""Properties of the map as an explanation by itself: how concentrated, and whether it explains what it keeps."""

from __future__ import annotations

import torch
from torch import Tensor

from sygus.saliency.metrics.confidence import drop
from sygus.saliency.metrics.evaluation import Evaluation
from sygus.saliency.metrics.metric import metric


@metric("adcc", direction="max", low=0, high=1, passes=1, needs=("explain",))
def adcc(evaluation: Evaluation) -> Tensor:
    """ADCC = 3 / (1/Coh + 1/(1 - Com) + 1/(1 - AD)), the harmonic mean of three wishes (Poppi et al. 2021).

    Coh = (Pearson(S(x), S(x ⊙ S)) + 1) / 2, Com = mean S, AD = [p - o]₊ / p; 0 where one of the three terms is 0, and
    for black maps, which explain nothing.
    """
    coherency = (pearson(evaluation.saliency, evaluation.explained_masked()) + 1) / 2
    complexity = evaluation.saliency.double().mean((-2, -1))
    terms = torch.stack([coherency, 1 - complexity, 1 - drop(evaluation).double()]).clamp(0, 1)
    zero = (terms <= 0).any(0) | evaluation.empty
    return torch.where(zero, 0, 3 / torch.where(terms > 0, terms, 1).reciprocal().sum(0))


@metric("sparseness", direction="max", low=0, high=1, invariances=("gain", "mirror"))
def sparseness(evaluation: Evaluation) -> Tensor:
    """Gini index of S, Σ (2i - n - 1) s_i / (n Σ s) over ascending s (Chalasani et al. 2020).

    0 where S is uniform, towards 1 where one pixel holds everything; 0 for black maps.
    """
    values = evaluation.saliency.flatten(1).double().sort(1).values
    count = values.shape[1]
    place = 2 * torch.arange(1, count + 1, device=values.device) - count - 1
    total = values.sum(1)
    return torch.where(total > 0, (place * values).sum(1) / (count * torch.where(total > 0, total, 1)), 0)


def pearson(a: Tensor, b: Tensor, where: Tensor | None = None) -> Tensor:
    """Pearson's correlation of two maps over their pixels; 0 where one of them is constant.

    Args:
        a: (n, H, W).
        b: (n, H, W).
        where: (H, W) bool, the pixels compared; all by default.

    Returns:
        (n,) float64 in [-1, 1].
    """
    one, other = (m.double().flatten(1) if where is None else m.double()[:, where] for m in (a, b))
    one, other = (m - m.mean(1, keepdim=True) for m in (one, other))
    norms = one.norm(dim=1) * other.norm(dim=1)
    defined = norms > FLAT
    return torch.where(defined, (one * other).sum(1) / torch.where(defined, norms, 1), 0).clamp(-1, 1)


FLAT = 1e-9
"""A product of the norms of two centred maps that is smaller than this is rounding: one of them is constant."""
