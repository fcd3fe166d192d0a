"""Properties of the map as an explanation by itself: how concentrated, and whether it explains what it keeps."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from sygus.saliency.metrics.causal import road
from sygus.saliency.metrics.confidence import drop
from sygus.saliency.metrics.evaluation import Change, Evaluation, Subject
from sygus.saliency.metrics.metric import metric


@metric("adcc", direction="max", low=0, high=1, passes=1, needs=("explain", "probability"))
def adcc(evaluation: Evaluation) -> Tensor:
    """ADCC = 3 / (1/Coh + 1/(1 - Com) + 1/(1 - AD)), the harmonic mean of three wishes (Poppi et al. 2021).

    Coh = (Pearson(S(x), S(x ⊙ S)) + 1) / 2, Com = mean S, AD = [p - o]₊ / p; 0 where one of the three terms is 0, and
    for black maps, which explain nothing.
    """
    return _harmonic(evaluation, _coherency(evaluation), 1 - coverage(evaluation), 1 - drop(evaluation).double())


@metric("arcc", direction="max", low=0, high=1, passes=19, needs=("explain", "probability"))
def arcc(evaluation: Evaluation) -> Tensor:
    """ARCC, the harmonic mean of Coh, 1 - Com and min(max(2 ROAD, 0), 1) (Domeniconi et al. 2026, arXiv 2605.14641).

    Coh and Com as in ADCC, where average drop stands in place of ROAD. (The text says geometric mean, the authors'
    code takes the harmonic one, and so does this.) 0 where one of the three terms is 0, and for black maps.
    """
    return _harmonic(evaluation, _coherency(evaluation), 1 - coverage(evaluation), 2 * road(evaluation))


def _coherency(evaluation: Evaluation) -> Tensor:
    """Coh = (Pearson(S(x), S(x ⊙ S)) + 1) / 2, (n,) float64."""
    return (pearson(evaluation.saliency, evaluation.explained_masked()) + 1) / 2


def _harmonic(evaluation: Evaluation, *wishes: Tensor) -> Tensor:
    """The harmonic mean of numbers (n,) in [0, 1], clipped to that; 0 where one is 0 and for black maps."""
    terms = torch.stack(wishes).clamp(0, 1)
    zero = (terms <= 0).any(0) | evaluation.empty
    return torch.where(zero, 0, len(terms) / torch.where(terms > 0, terms, 1).reciprocal().sum(0))


@metric("coverage", direction="min", low=0, high=1, invariances=("mirror",))
def coverage(evaluation: Evaluation) -> Tensor:
    """Mean S, the part of the picture that the map keeps: Com of ADCC (Poppi et al. 2021).

    Neither a small nor a large one is good by itself. As a constraint it rules out maps that win by keeping all, or
    nearly nothing: (<= (coverage w) 0.6), (>= (coverage w) 0.05).
    """
    return evaluation.saliency.double().mean((-2, -1))


@metric("spread", direction="max", low=0, high=0.5, invariances=("mirror",))
def spread(evaluation: Evaluation) -> Tensor:
    """Standard deviation of S over its pixels: 0 for black maps, 1/√n for Fake-CAM's of n pixels.

    Meant as a constraint against maps that are nearly constant, whatever the constant. For values in [0, 1] of mean c
    it is at most √(c (1 - c)) (Bhatia and Davis 2000), so less than 0.1 wherever coverage is above 0.99 or below 0.01.
    """
    return evaluation.saliency.double().flatten(1).std(1, correction=0)


@metric("contrast", direction="max", low=0, high=1, needs=("explain", "probability"))
def contrast(evaluation: Evaluation) -> Tensor:
    """Mean |S_c - S_d| over the pixels, d the most probable other class: 0 where the map does not ask for which class.

    Meant as a constraint against maps that show the same whatever is explained, as class-discriminative maps must not
    (Selvaraju et al. 2017, section 4).
    """
    return (evaluation.saliency.double() - evaluation.explained(NEXT_CLASS).double()).abs().mean((-2, -1))


@metric("class-agreement", direction="min", low=-1, high=1, needs=("explain", "probability"))
def class_agreement(evaluation: Evaluation) -> Tensor:
    """Spearman's correlation of S_c and S_d, d the most probable other class: 1 where the map is the same for both.

    ``contrast`` without the size of the maps, which for small ones is small whatever they show; the correlation is
    that of ``model-randomization``. 1 for black maps, in which no difference shows; 0 where only S_d is constant.
    """
    return rank_agreement(evaluation, NEXT_CLASS)


def rank_agreement(evaluation: Evaluation, change: Change) -> Tensor:
    """Spearman's correlation of S before and after a change, (n,) float64; tied pixels share their mean rank.

    1 for black maps, in which no change shows; 0 where only the second is constant.
    """
    from scipy.stats import rankdata  # a second of imports, which most metrics do without

    before, after = evaluation.saliency, evaluation.explained(change)
    rank = [torch.from_numpy(rankdata(m.flatten(1).cpu().numpy(), axis=1)).to(before.device) for m in (before, after)]
    one, other = (r.view(before.shape) for r in rank)
    return torch.where(evaluation.empty, 1, pearson(one, other))


def _of_the_next_class(subject: Subject) -> Subject:
    logits = subject.logits.float()
    targets = logits.scatter(1, subject.targets[:, None], -torch.inf).argmax(1)
    return replace(subject, targets=targets, known_probability=subject.network.probability_of(logits, targets))


NEXT_CLASS = Change("the most probable other class", _of_the_next_class)
"""The most probable class beside the one explained is explained in its place."""


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
