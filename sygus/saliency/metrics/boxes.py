"""The box of a map: of its largest connected component above a threshold, and the overlap of boxes.

Pixels connect with their eight neighbours. Of components of one size the first in reading order is taken. Boxes are
``x1 y1 x2 y2`` in pixels, end exclusive; where nothing is above the threshold the box is ``0 0 0 0``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sygus.saliency.images import Box

Boxes = NDArray[np.int64]

_WITHIN_PICTURES = np.zeros((3, 3, 3), bool)
_WITHIN_PICTURES[1] = True
"""Pixels of different pictures do not connect, so that one call labels all of them."""


def largest_boxes(active: NDArray[np.bool_]) -> Boxes:
    """The box of the largest component of each picture (n, H, W): (n, 4)."""
    from scipy import ndimage  # most metrics do without

    labels, count = ndimage.label(active, _WITHIN_PICTURES)
    areas = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    places = ndimage.find_objects(labels)
    owners = np.array([place[0].start for place in places], np.int64)
    order = np.lexsort((np.arange(count), -areas, owners))
    found, first = np.unique(owners[order], return_index=True)
    result = np.zeros((len(active), 4), np.int64)
    for picture, component in zip(found, order[first], strict=True):
        _, rows, columns = places[component]
        result[picture] = columns.start, rows.start, columns.stop, rows.stop
    return result


def overlap(boxes: Boxes, truth: Sequence[Box]) -> NDArray[np.float64]:
    """The largest IoU of each box (…, 4) with any of the true ones."""
    best = np.zeros(boxes.shape[:-1])
    x1, y1, x2, y2 = np.moveaxis(boxes, -1, 0)
    area = (x2 - x1) * (y2 - y1)
    for left, top, right, bottom in truth:
        width = np.clip(np.minimum(x2, right) - np.maximum(x1, left), 0, None)
        height = np.clip(np.minimum(y2, bottom) - np.maximum(y1, top), 0, None)
        both = width * height
        best = np.maximum(best, both / (area + (right - left) * (bottom - top) - both))
    return best


def boxes_by_threshold(saliency: NDArray[np.float32], thresholds: NDArray[np.float64]) -> Boxes:
    """The box of {S > t} for every threshold at once: (T, 4), as :func:`largest_boxes` gives for each.

    The pixels fall into basins: from each, steps to the highest neighbour lead to one peak, so a basin is connected
    above any threshold. Two basins join at their saddle, the highest pair of neighbours across their border. Counting
    pixels and extents per basin and threshold and merging basins along their saddles, highest first, gives every
    component at every threshold.

    Args:
        saliency: S, (H, W).
        thresholds: (T,) ascending.
    """
    level = np.searchsorted(thresholds, saliency, side="left")  # above how many thresholds a pixel is
    basin, peaks = _basins(level)
    if len(peaks) == 0:
        return np.zeros((len(thresholds), 4), np.int64)
    measures = _measures(level, basin, len(peaks), len(thresholds))
    _merge(measures, _saddles(level, basin, len(peaks)))
    area, first, extent = measures
    largest = (area * level.size - first).argmax(0)
    column = np.arange(len(thresholds))
    x1, y1, x2, y2 = extent[:, largest, column]
    found = np.stack([x1, y1, -x2, -y2], 1)
    return np.where(area[largest, column][:, None] > 0, found, 0)


def _basins(level: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The number of each pixel's basin, -1 where its level is 0, and the flat index of each basin's peak."""
    height, width = level.shape
    index = np.arange(level.size).reshape(height, width)
    order = level * level.size + (level.size - 1 - index)  # ties: the earlier pixel is higher
    padded = np.pad(order, 1, constant_values=-1)
    shifts = [padded[y : y + height, x : x + width] for y in range(3) for x in range(3)]
    highest = np.maximum.reduce(shifts)
    leads = (level.size - 1 - highest % level.size).ravel()
    while True:
        further = leads[leads]
        if np.array_equal(further, leads):
            break
        leads = further
    peaks, number = np.unique(leads, return_inverse=True)
    alive = level.ravel()[peaks] > 0
    numbers = np.where(alive, alive.cumsum() - 1, -1)[number].reshape(height, width)
    return np.where(level > 0, numbers, -1), peaks[alive]


Measures = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
"""Per basin and threshold: the pixels above it, the first of them, and the extent (4, …) as x1, y1, -x2, -y2."""


def _measures(level: NDArray[np.int64], basin: NDArray[np.int64], count: int, thresholds: int) -> Measures:
    rows, columns = np.nonzero(basin >= 0)
    place = basin[rows, columns] * thresholds + level[rows, columns] - 1  # the last threshold the pixel is above
    area = np.bincount(place, minlength=count * thresholds).reshape(count, thresholds)
    least = []
    for values in (rows * level.shape[1] + columns, columns, rows, -columns - 1, -rows - 1):
        table = np.full(count * thresholds, level.size, np.int64)
        np.minimum.at(table, place, values)
        least.append(np.minimum.accumulate(table.reshape(count, thresholds)[:, ::-1], 1)[:, ::-1])
    return area[:, ::-1].cumsum(1)[:, ::-1].copy(), least[0].copy(), np.stack(least[1:])


def _saddles(level: NDArray[np.int64], basin: NDArray[np.int64], count: int) -> list[tuple[int, int, int]]:
    """The saddle of every two basins that touch, highest first: (level, one, other)."""
    highest = np.zeros(count * count, np.int64)
    for one, other in (
        (np.s_[:, :-1], np.s_[:, 1:]),
        (np.s_[:-1], np.s_[1:]),
        (np.s_[:-1, :-1], np.s_[1:, 1:]),
        (np.s_[1:, :-1], np.s_[:-1, 1:]),
    ):
        a, b = basin[one], basin[other]
        touching = (a >= 0) & (b >= 0) & (a != b)
        pair = np.minimum(a, b)[touching] * count + np.maximum(a, b)[touching]
        np.maximum.at(highest, pair, np.minimum(level[one], level[other])[touching])
    (pairs,) = highest.nonzero()
    ordered = pairs[np.argsort(-highest[pairs], kind="stable")]
    return [(int(highest[pair]), int(pair // count), int(pair % count)) for pair in ordered]


def _merge(measures: Measures, saddles: list[tuple[int, int, int]]) -> None:
    """Join basins below their saddles, in place: the pixels of one count for the other there."""
    area, first, extent = measures
    root = list(range(len(area)))

    def find(basin: int) -> int:
        while root[basin] != basin:
            root[basin] = root[root[basin]]
            basin = root[basin]
        return basin

    for level, one, other in saddles:
        kept, gone = sorted((find(one), find(other)))
        if kept == gone:
            continue
        root[gone] = kept
        below = np.s_[:level]
        area[kept, below] += area[gone, below]
        area[gone, below] = 0
        np.minimum(first[kept, below], first[gone, below], out=first[kept, below])
        np.minimum(extent[:, kept, below], extent[:, gone, below], out=extent[:, kept, below])
