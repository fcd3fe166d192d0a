"""Bets against a candidate: evidence, valid at every look, that it is worse than a rival on a finite set of pictures.

A candidate's cost cᵢ ≥ 0 on picture i is how far its score is from the best possible one; the rival's costs ℓᵢ are
known on all N pictures. The hypothesis H is that the candidate is no worse over all N: Σ cᵢ ≤ L = Σ ℓᵢ. The pictures
are seen in random order without replacement, and before each of them it is bet that the candidate costs more than H
allows; a share κ of the capital K is at stake:

    Kₜ = Kₜ₋₁ (1 + κ xₜ / rₜ),   xₜ = (cₜ - mₜ) - (gₜ - eₜ),   rₜ = mₜ + hₜ - eₜ,
    mₜ = (L - c₁ - … - cₜ₋₁) / (N - t + 1)

mₜ is the most that the pictures not seen yet can cost on average under H. gᵢ is a guess at cᵢ from the rival's costs
alone, min(ℓᵢ, L / N), and eₜ and hₜ are its mean and its maximum over the pictures not seen yet; it takes out of xₜ
what is known of the picture beforehand, which is easy or hard for all (a control variate), and being capped it leaves
the most that can be lost, rₜ, small. Since cₜ ≥ 0 and gₜ ≤ hₜ, xₜ ≥ -rₜ.

*Validity.* Given what was seen, the next picture is any of the others with the same probability. So gₜ - eₜ is zero on
average, and cₜ - mₜ at most zero under H; the mean of the factor is at most 1, and it is never less than 1 - κ > 0.
K is then a nonnegative supermartingale that starts at 1, and so is the mean of several with different κ. By Ville's
inequality it ever reaches 1/α with probability at most α over the orders: for every N and all costs, at as many looks
as one likes. Nothing is assumed of the scores but that none is better than the best possible; the other end of their
range is not used.

This is the betting without replacement of Waudby-Smith & Ramdas, *Estimating means of bounded random variables by
betting* (arXiv:2010.09686), one-sided and for a single hypothesis; mₜ is the conditional mean there and in
arXiv:2006.04347. Where the rival's costs are all alike, it is their capital process with the bets λₜ = κ / mₜ.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Costs = NDArray[np.float64]

SHARES = (0.5, 0.75, 0.95)
"""The shares κ. Large ones end a race early where a candidate is worse on most pictures, small ones bear losses."""

ROUNDING = 1e-9
"""Of the rival's costs: where less than this share of their mean can be lost, nothing is bet, and who costs more than
their sum by less is not called worse; rounding would decide both."""


def evidence(costs: Costs, rival: Costs) -> Costs:
    """The natural logarithm of the most that was ever won by betting against each candidate.

    A candidate no worse than the rival over all pictures ever has at least log(1/α) with probability at most α. The
    largest capital so far is given, not the last, so the evidence only grows with the pictures seen.

    Args:
        costs: (candidates, n) at least 0, of the first n pictures of a random order.
        rival: (N,) at least 0, on all pictures of that order; N ≥ n.

    Returns:
        (candidates,) at least 0; infinite where the candidate is worse whatever is still to come.
    """
    count, seen = costs.shape
    if seen == 0:
        return np.zeros(count)
    left = np.arange(len(rival), len(rival) - seen, -1)
    spent = np.cumsum(costs, axis=1)
    allowed = (rival.sum() - np.concatenate([np.zeros((count, 1)), spent[:, :-1]], axis=1)) / left
    guess = np.minimum(rival, rival.mean())
    expected = (np.cumsum(guess[::-1])[::-1] / np.arange(len(rival), 0, -1))[:seen]
    largest = np.maximum.accumulate(guess[::-1])[::-1][:seen]
    surprise = (costs - allowed) - (guess[:seen] - expected)
    risk = allowed + largest - expected
    bets = (allowed >= 0) & (risk > ROUNDING * rival.mean())
    odds = np.divide(surprise, risk, out=np.zeros_like(risk), where=bets)
    won = np.stack([np.cumsum(np.log1p(share * np.maximum(odds, -1)), axis=1) for share in SHARES])
    capital = np.logaddexp.reduce(won, axis=0) - math.log(len(SHARES))
    lost: NDArray[np.bool_] = spent[:, -1] > rival.sum() * (1 + ROUNDING)
    most: Costs = np.where(lost, np.inf, np.maximum(capital.max(axis=1), 0))
    return most
