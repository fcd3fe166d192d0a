"""Non-dominated sorting and crowding distance: who of several goes on, where there is more than one thing to want.

K. Deb, A. Pratap, S. Agarwal, T. Meyarivan, A fast and elitist multiobjective genetic algorithm: NSGA-II, IEEE
Transactions on Evolutionary Computation 6(2), 2002.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

Vector = tuple[float, ...]
"""Numbers of one candidate, each the smaller the better; finite."""


def fronts(vectors: Sequence[Vector]) -> list[int]:
    """In which front each vector is: 0 for those that none dominates, 1 for those that only these do, and so on.

    One vector dominates another that it is as good as in everything and better than in something.
    """
    if not vectors:
        return []
    values = np.array(vectors, dtype=float)
    at_least = np.all(values[:, None] <= values[None], axis=2)
    dominates = at_least & ~at_least.T
    found = np.full(len(vectors), -1)
    front = 0
    while (found < 0).any():
        open_ones = found < 0
        found[open_ones & ~np.any(dominates[open_ones], axis=0)] = front
        front += 1
    return [int(number) for number in found]


def crowding(vectors: Sequence[Vector]) -> list[float]:
    """How far the neighbours of each vector are from each other, summed over the numbers, as shares of the range.

    Infinite for the first and the last by some number; of vectors of one front.
    """
    found = [0.0] * len(vectors)
    for column in range(len(vectors[0]) if vectors else 0):
        order = sorted(range(len(vectors)), key=lambda one: vectors[one][column])
        values = [vectors[one][column] for one in order]
        span = values[-1] - values[0]
        found[order[0]] = found[order[-1]] = math.inf
        for before, one, after in zip(values, order[1:-1], values[2:], strict=False):
            found[one] += (after - before) / span if span else 0.0
    return found


def best_first(vectors: Sequence[Vector]) -> list[int]:
    """The positions of the vectors, by front and, in a front, the loneliest first; earlier ones before later ones.

    A vector that an earlier one equals comes after all that none equals: it adds nothing.
    """
    first = {vector: position for position, vector in reversed([*enumerate(vectors)])}
    distinct = sorted(first.values())
    level = dict(zip(distinct, fronts([vectors[one] for one in distinct]), strict=True))
    alone: dict[int, float] = {}
    for front in set(level.values()):
        members = [one for one in distinct if level[one] == front]
        alone |= zip(members, crowding([vectors[one] for one in members]), strict=True)
    repeated = [one for one in range(len(vectors)) if one not in level]
    return [*sorted(distinct, key=lambda one: (level[one], -alone[one], one)), *repeated]
