"""Pictures of heat maps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

COLOURS = "viridis"
"""The colour map of heat maps: even in brightness, readable with every kind of colour vision."""

OPACITY = 0.6


def rows_of_heat_maps(
    pictures: Tensor, titles: Sequence[str], maps: Sequence[Tensor], captions: Sequence[Sequence[str]], path: Path
) -> None:
    """Write a figure: a row per picture, the picture first and then each method's heat map over it.

    Args:
        pictures: (n, 3, H, W) in [0, 1].
        titles: of the columns after the picture.
        maps: for each column its saliency maps (n, H, W) in [0, 1].
        captions: for each row the text under each of those columns.
        path: where to; the suffix decides the format.
    """
    rows, columns = len(pictures), len(titles) + 1
    figure = Figure(figsize=(1.6 * columns, 1.85 * rows + 0.25), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for row in range(rows):
        picture = pictures[row].permute(1, 2, 0).cpu().numpy()
        axes[row, 0].imshow(picture)
        for column, saliency in enumerate(maps, start=1):
            axes[row, column].imshow(np.broadcast_to(picture.mean(2, keepdims=True), picture.shape))
            axes[row, column].imshow(saliency[row].cpu().numpy(), cmap=COLOURS, alpha=OPACITY, vmin=0, vmax=1)
            axes[row, column].set_xlabel(captions[row][column - 1], fontsize=8)
    for axis, title in zip(axes[0], ["picture", *titles], strict=True):
        axis.set_title(title, fontsize=9)
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])
        axis.spines[:].set_visible(False)
    figure.savefig(path, dpi=150)
