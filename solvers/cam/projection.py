"""Heat maps as points: few numbers for each term, such that terms that draw alike maps are near each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import adaptive_avg_pool2d

from sygus.oracles.cam import HeatMaps
from sygus.saliency.heatmap import unit_range

Points = NDArray[np.float32]

GRID, PICTURES, FEATURES = 8, 128, 256
"""Maps are averaged to so many cells a side, on so many pictures, and projected at random to so many numbers."""


class Projection:
    """Heat maps as few numbers, such that distances stay about what they are (Johnson & Lindenstrauss 1984).

    Maps are scaled to [0, 1], as they are scored, and averaged to :data:`GRID` cells a side where they are finer.

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
        found: Points = adaptive_avg_pool2d(seen[:, None], (height, width)).flatten().cpu().numpy()
        return found
