"""ROAD beside the same with its linear systems solved by SciPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import spsolve
from torch import Tensor

from solvers.cam.settings import Settings
from solvers.cam.subjects import load_subjects
from sygus.oracles.methods import methods
from sygus.saliency.metrics import causal, find_metric

PICTURES = 16


def filled(picture: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """A picture (C, H, W) whose missing pixels are the weighted means of their neighbours."""
    height, width = known.shape
    places = np.argwhere(~known)
    number = np.full(known.shape, -1)
    number[~known] = np.arange(len(places))
    rows, columns, entries = [], [], []
    right, total = np.zeros((len(places), len(picture))), np.zeros(len(places))
    for step in [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0)]:
        weight = 1 / 6 if 0 in step else 1 / 12
        near = places + step
        inside = ((near >= 0) & (near < (height, width))).all(1)
        row, (y, x) = np.flatnonzero(inside), near[inside].T
        total[row] += weight
        given = known[y, x]
        right[row[given]] += weight * picture[:, y[given], x[given]].T
        rows += row[~given].tolist()
        columns += number[y[~given], x[~given]].tolist()
        entries += [-weight] * int((~given).sum())
    diagonal = list(range(len(places)))
    shape = (len(places), len(places))
    matrix = coo_matrix((entries + total.tolist(), (rows + diagonal, columns + diagonal)), shape=shape)
    result = picture.copy()
    result[:, ~known] = spsolve(matrix.tocsc(), right).T
    return result


def exactly(pictures: Tensor, known: Tensor, noise: Tensor) -> Tensor:
    """As ``impute``, by a direct solver."""
    made = [
        [torch.from_numpy(filled(picture.double().numpy(), way.numpy())) + added * ~way for way in ways]
        for picture, ways, added in zip(pictures, known, noise, strict=True)
    ]
    return torch.stack([torch.stack(one) for one in made]).float()


@pytest.mark.slow
@pytest.mark.parametrize("network", ["shapes-vgg", "shapes-resnet"])
def test_it_differs_from_the_solved_systems_by_what_is_stated(network: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(network=network, search_images=PICTURES, held_out_images=2, device="cpu", seed=1)
    oracle, metric = load_subjects(settings).search, find_metric("road")
    quick = [methods()[name].score(oracle, metric) for name in ("gradcam", "uniform")]
    monkeypatch.setattr(causal, "impute", exactly)
    solved = [methods()[name].score(oracle, metric) for name in ("gradcam", "uniform")]
    errors = np.abs(np.array(quick) - np.array(solved))
    assert 0 < np.median(errors) < 0.005
    assert errors.max() < 0.03
    assert (np.abs(np.mean(quick, 1) - np.mean(solved, 1)) < 0.005).all()
