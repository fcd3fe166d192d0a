"""How long drawing the maps of methods will take, said before it begins where that is minutes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import torch

from sygus.app.terminal import duration
from sygus.oracles.cam import CamOracle
from sygus.oracles.methods import Method, quicker
from sygus.saliency.metrics import Subject

LONG = 60.0
"""Seconds of work from which on its estimate is said first."""

UNTIMED = 200
"""Passes of pictures that no estimate is made for: timing the network would take longer than it helps."""


def seconds_of_a_pass(subject: Subject) -> float:
    """Seconds that a forward pass takes for each of its pictures, when it is filled up; timed here, once.

    Args:
        subject: the network, and the pictures to fill the pass with.
    """
    network, pictures = subject.network, subject.pictures
    size = network.chunk.size
    filled = pictures[torch.arange(size, device=pictures.device) % len(pictures)]
    start = time.perf_counter()
    network.logits(filled).sum().item()  # a number in hand is work that is done, on every device
    return (time.perf_counter() - start) / size


def costs_of(methods: Sequence[Method], oracles: Sequence[CamOracle]) -> list[int]:
    """Forward passes that the maps of each method take at most, over all pictures.

    Args:
        methods: these.
        oracles: the pictures.
    """
    return [sum(method.passes(one) * len(one.subject.images) for one in oracles) for method in methods]


def warn_of_long_work(
    methods: Sequence[Method],
    oracles: Sequence[CamOracle],
    say: Callable[[str], None],
    keeps: str,
    seconds: Callable[[Subject], float] = seconds_of_a_pass,
) -> None:
    """Say how long the maps of all methods will take where that is over a minute, and the quicker way where one is.

    The estimate is of forward passes, at most: pictures whose channels are constant take fewer.

    Args:
        methods: these.
        oracles: the pictures; the first ones are timed.
        say: told a line for all, and one for each method that takes over half a minute by itself.
        keeps: what Ctrl-C keeps, in words; "" for nothing.
        seconds: of a picture in a pass.
    """
    costs = costs_of(methods, oracles)
    if sum(costs) <= UNTIMED:
        return
    each = seconds(oracles[0].sample.subject)
    if sum(costs) * each <= LONG:
        return
    pictures = sum(len(one.subject.images) for one in oracles)
    whole = duration(sum(costs) * each)
    kept = f"; Ctrl-C keeps {keeps}" if keeps else ""
    say(f"the maps of {pictures} pictures will take at most about {whole}{kept}")
    for method, cost in zip(methods, costs, strict=True):
        if cost * each > LONG / 2:
            line = f"{method.title}: at most about {duration(cost * each)}, {cost // pictures:,} passes a picture"
            fewer = quicker(method)
            less = cost if fewer is None else costs_of([fewer], oracles)[0]
            if fewer is not None and less < cost:
                line += f"; quicker: {fewer.name}, another and rougher map, about {duration(less * each)}"
            say(line)
