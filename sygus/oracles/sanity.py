"""Whether an answer's maps say anything: what a metric may reward although nothing was explained, measured once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

from sygus.errors import WARNING, SycamError
from sygus.language.terms import Term
from sygus.oracles.cam import CamOracle, saliency_of
from sygus.saliency.metrics import METRICS

PICTURES = 32
"""The first of the search pictures, whose order is drawn with the seed: so the cost has a bound."""

COUNTED = "pictures"
"""How many they were, among the numbers."""


@dataclass(frozen=True)
class Check:
    """A metric whose mean tells maps that say nothing from others.

    Attributes:
        metric: its name.
        limit: what maps that say something do not reach.
        above: whether such maps stay below the limit, else above it.
        finding: what is to be said of maps that reach it.
        example: a shipped grammar whose constraints rule such maps out.
    """

    metric: str
    limit: float
    above: bool
    finding: str
    example: str

    def fails(self, value: float) -> bool:
        """Whether a mean reaches the limit."""
        return value >= self.limit if self.above else value <= self.limit


LEAST_SPREAD = 0.05
"""Of the methods that are expressions none is below 0.14 on the embedded networks; Fake-CAM has 0.016 at 64x64, and so
has one bright pixel. Maps of gradients on pixels, as SmoothGrad's, come to 0.09."""

MOST_COVERAGE = 0.9
"""The methods that are expressions stay below 0.4; a layer's grid of 8x8 with one dark cell comes to 0.98, where the
spread, 0.1, does not show it."""

MOST_AGREEMENT = 0.98
"""Methods that do not ask for the class or the network have 1, up to rounding, and SS-CAM, whose weights are nearly
equal, 0.99; Grad-CAM has at most 0.4. Up to 0.96 there are methods that mostly show the activation, as Grad-CAM++ and
Score-CAM."""

CHECKS = (
    Check("spread", LEAST_SPREAD, False, "are nearly constant", "faithful.sy"),
    Check("coverage", MOST_COVERAGE, True, "keep nearly the whole picture", "faithful.sy"),
    Check(
        "class-agreement",
        MOST_AGREEMENT,
        True,
        "are nearly the same for the most probable other class, so they do not show which class is explained",
        "sensitive.sy",
    ),
    Check(
        "model-randomization",
        MOST_AGREEMENT,
        True,
        "are nearly the same when the layers after the one explained are drawn anew, so they do not show what these do",
        "sensitive.sy",
    ),
)


@dataclass(frozen=True)
class Sanity:
    """What is measured of an answer's maps.

    Attributes:
        numbers: the means by the metrics' names, without those that cannot be measured, and how many pictures.
        notes: warnings where a limit is reached, and what could not be measured, with the reason.
    """

    numbers: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def sanity_of(oracle: CamOracle, expression: Term | None) -> Sanity:
    """Check the maps of an expression on the first pictures of an oracle.

    It costs what the expression's features cost on these pictures, once for the other class and once for the network
    with random top layers; nothing of it is counted as a pass of the search.

    Args:
        oracle: of the search pictures.
        expression: that was found, if one was.
    """
    if expression is None:
        return Sanity()
    subject = oracle.subject
    index = torch.arange(min(PICTURES, len(subject.images)))
    few = CamOracle(subject.showing(subject.pictures[index], index), layers=oracle.layers, lasting=False)
    (heat,) = oracle.heat_maps([expression])
    evaluation = few.evaluation(oracle.drawn(heat, index), index, saliency_of(expression))
    numbers, notes = dict[str, float](), list[str]()
    for check in CHECKS:
        try:
            value = float(few.judge(evaluation, METRICS[check.metric]).mean())
        except SycamError as error:
            notes.append(f"the answer's {check.metric} is not measured: {error.message}")
            continue
        numbers[check.metric] = value
        if check.fails(value):
            measured = f"{check.metric} {value:.3f} on {len(index)} search pictures"
            remedy = f"a constraint over {check.metric} rules such maps out, as {check.example} shows"
            notes.append(f"{WARNING}the answer's maps {check.finding} ({measured}); {remedy}")
    return Sanity(numbers | {COUNTED: len(index)}, tuple(notes))
