"""What scores say of terms of which some saw fewer pictures than others: paired with the best, and with their noise.

Of a term that lost a race the mean is over the pictures seen, and these may be easy or hard ones. What is compared is
its difference to a reference on the same pictures: the best term that is known on all of them or, before there is one,
the mean of all terms on each picture. The error of that is the difference's, over n of N pictures:

    f = f* + mean(sᵢ - s*ᵢ),   e² = s² / n · (1 - n / N),

with s² shrunk towards the typical one of all terms, as few pictures say little of it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Booleans = NDArray[np.bool_]

PRIOR = 8
"""Pictures' worth of the typical variance in each term's own."""


def paired(scores: Numbers, preferred: Booleans) -> tuple[Numbers, Numbers]:
    """Means over all pictures, estimated, and the variance of their errors.

    Args:
        scores: (terms, N), smaller is better, NaN where a picture was not seen; each term saw one at least.
        preferred: (terms,) which may be the reference, if they are complete.

    Returns:
        Two (terms,); of those that saw everything the mean itself, without error.
    """
    seen = ~np.isnan(scores)
    counts, pictures = seen.sum(1), scores.shape[1]
    complete = counts == pictures
    candidates = np.flatnonzero(complete & preferred) if (complete & preferred).any() else np.flatnonzero(complete)
    if len(candidates):
        reference = scores[candidates[np.argmin(scores[candidates].mean(1))]]
    else:
        reference = _means_of_pictures(scores, seen)
    differences = np.where(seen, scores - reference, 0.0)
    behind = differences.sum(1) / counts
    squares = (np.where(seen, differences - behind[:, None], 0.0) ** 2).sum(1)
    typical = float(np.median(squares / counts))
    variance = (squares + PRIOR * typical) / (counts + PRIOR - 1)
    return float(reference.mean()) + behind, variance / counts * (1 - counts / pictures)


def _means_of_pictures(scores: Numbers, seen: Booleans) -> Numbers:
    """The mean over the terms that saw each picture; of those that none saw, the mean of the others."""
    counts = seen.sum(0)
    means: Numbers = np.where(seen, scores, 0.0).sum(0) / np.maximum(counts, 1)
    means[counts == 0] = means[counts > 0].mean()
    return means


def compressed(values: Numbers, variances: Numbers) -> tuple[Numbers, Numbers]:
    """Values such that the best is 0 and the median 1, and beyond the median their logarithms; with their variances.

    How much better the good ones are than each other is kept, and no scale has to be known; how bad the bad ones are
    is not worth as much.

    Args:
        values: (terms,) smaller is better.
        variances: (terms,) of their errors.
    """
    best = float(values.min())
    span = float(np.median(values)) - best or float(np.ptp(values)) or 1.0
    scaled = (values - best) / span
    beyond = np.maximum(scaled, 1)
    return np.where(scaled > 1, 1 + np.log(beyond), scaled), variances / (span * beyond) ** 2
