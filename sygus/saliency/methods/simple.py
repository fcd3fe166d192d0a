"""Methods that ask nothing but the activation, or not even that: the floors and sanity rows of every table."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

from sygus.saliency.features import Measurements
from sygus.saliency.heatmap import combine, saliency
from sygus.saliency.methods.method import method
from sygus.saliency.options import whole


@method("fakecam", "Fake-CAM", "Poppi et al. 2021, arXiv 2104.10252", quick=True, control=True)
def fake_cam(measured: Measurements) -> Tensor:
    """S = 1 everywhere but 0 in the top-left pixel: average drop and gain come out near 0."""
    mask = torch.ones(len(measured.targets), *measured.network.size, device=measured.network.device)
    mask[:, 0, 0] = 0
    return mask


@method(
    "randomcam",
    "Random-CAM",
    "the floor of every table",
    quick=True,
    control=True,
    options={"seed": whole(0, 0)},
)
def random_cam(measured: Measurements, *, seed: int) -> Tensor:
    """w_k ~ U(-1, 1), from ``seed`` and the picture's pixels, so that it does not depend on its place in a batch."""
    activation = measured["activation"]
    rows = []
    for picture in measured.pictures.cpu().contiguous():
        digest = hashlib.sha256(seed.to_bytes(8, "little") + picture.numpy().tobytes()).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "little"))
        rows.append(torch.rand(activation.shape[1], 1, 1, generator=generator) * 2 - 1)
    return saliency(combine(torch.stack(rows).to(activation.device), activation), measured.network.size)


@method("eigencam", "EigenCAM", "Muhammad and Yeasin 2020, arXiv 2008.00299", quick=True)
def eigen_cam(measured: Measurements) -> Tensor:
    """L = ReLU(v), v the first right singular vector of A (K x hw), uncentred.

    A singular vector has no sign of its own; it gets the one with which the sum over channels of A v is at least 0.
    """
    activation = measured["activation"]
    matrix = activation.flatten(2).double()
    vector = torch.linalg.svd(matrix, full_matrices=False).Vh[:, 0]
    coefficients = (matrix @ vector[:, :, None]).sum((1, 2))
    signed = torch.where(coefficients < 0, -1.0, 1.0)[:, None] * vector
    empty = matrix.abs().amax((1, 2)) == 0  # then every vector is singular, and none means anything
    maps = torch.where(empty[:, None], 0, signed).relu().float().view(len(matrix), *activation.shape[-2:])
    return saliency(maps, measured.network.size)
