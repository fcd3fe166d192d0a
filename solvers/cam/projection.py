"""Heat maps as points: few numbers for each term, such that terms that draw alike maps are near each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import adaptive_avg_pool2d

from sygus.maps import unit_range
from sygus.oracles.cam import HeatMaps

Points = NDArray[np.float32]

GRID, PICTURES, FEATURES = 8, 128, 256
"""Finer maps are averaged to so many cells a side, on so many pictures; all that is projected to so many numbers."""


class Projection:
    """Heat maps as few numbers, such that distances stay about what they are (Johnson & Lindenstrauss 1984).

    Maps are scaled to [0, 1], as they are scored. Of those with more than :data:`GRID` cells a side, each block of
    cells is stood for by its mean and its standard deviation, which tells fine maps from their blurred ones.

    Args:
        seed: of the directions, and of which pictures are looked at where there are many.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._pictures: torch.Tensor | None = None
        self._directions: Points = np.empty((0, FEATURES), np.float32)

    def __call__(self, heat: Sequence[HeatMaps]) -> Points:
        """(maps, :data:`FEATURES`)."""
        if not heat:
            return np.empty((0, FEATURES), np.float32)
        flat = np.stack([self._flat(one.maps) for one in heat])
        if not len(self._directions):
            chance = np.random.Generator(np.random.PCG64(self._seed))
            self._directions = chance.standard_normal((flat.shape[1], FEATURES), np.float32) / FEATURES**0.5
        return flat @ self._directions

    def _flat(self, maps: torch.Tensor) -> Points:
        if self._pictures is None:
            chosen = np.random.Generator(np.random.PCG64(self._seed)).permutation(len(maps))[:PICTURES]
            self._pictures = torch.from_numpy(np.sort(chosen))
        seen = unit_range(maps[self._pictures.to(maps.device)].float())
        height, width = (min(side, GRID) for side in seen.shape[-2:])
        mean, square = (adaptive_avg_pool2d(one[:, None], (height, width)) for one in (seen, seen**2))
        finer = seen.shape[-2:] != (height, width)
        parts = [mean, (square - mean**2).clamp(min=0).sqrt()] if finer else [mean]
        found: Points = torch.stack(parts).flatten().cpu().numpy()
        return found
