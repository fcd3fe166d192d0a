"""Methods that ask nothing but the activation, or not even that: the floors and sanity rows of every table."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

from sygus.saliency.features import Measurements
from sygus.saliency.heatmap import combine, saliency
from sygus.saliency.methods.method import method
from sygus.saliency.options import whole


@method("fakecam", "Fake-CAM", "Poppi et al. 2021, arXiv 2104.10252", quick=True, passes=0, control=True)
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
