"""The finalists of a run: what the answer was chosen from, with their scores on all three sets of pictures."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sygus.export.nodes import Node, mean_of
from sygus.export.tables import Scale
from sygus.statistics import Difference, Mean, holm

Seen = Literal["search", "validation", "held_out"]

SEEN: Mapping[Seen, str] = {"search": "search", "validation": "validation", "held_out": "held out"}
"""The sets of pictures that finalists are scored on, and what they are called."""


@dataclass(frozen=True)
class Entry:
    """An expression that was scored on every search picture.

    Attributes:
        id: its number among the proposals.
        term: in SyGuS-IF.
        size: in nodes.
        objectives: in the order of the record's objectives.
        feasible: whether the constraints hold.
    """

    id: int
    term: str
    size: int
    objectives: tuple[float, ...]
    feasible: bool

    @classmethod
    def of_json(cls, node: Node) -> Entry:
        """The entry of plain values.

        Raises:
            RecordError: a value is missing or not what it should be.
        """
        return cls(
            id=node.at("id").integer(),
            term=node.at("term").text(),
            size=node.at("size").integer(),
            objectives=node.at("objectives").items(Node.number),
            feasible=node.at("feasible").boolean(),
        )


@dataclass(frozen=True)
class Finalist(Entry):
    """An expression that the answer was chosen from.

    Its objectives, and whether the constraints hold, are over all pictures that chose, those of the search and of the
    validation.

    Attributes:
        probability: that it is the best of the finalists, by the bootstrap over these pictures; 0 of one that was
            dropped before it had seen all of them, or does not satisfy the constraints.
        scores: by set of pictures, then by metric. Of one that was dropped the validation counts the pictures it saw.
    """

    probability: float
    scores: Mapping[Seen, Mapping[str, Mean]]

    def optimism(self, metric: Scale) -> float:
        """By how much better the score on the search pictures is than that on the held-out pictures."""
        gap = self.scores["search"][metric.name].value - self.scores["held_out"][metric.name].value
        return gap if metric.direction == "max" else -gap

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        scores = {part: {name: asdict(mean) for name, mean in means.items()} for part, means in self.scores.items()}
        return {**{name: value for name, value in vars(self).items() if name != "scores"}, "scores": scores}

    @classmethod
    def of_json(cls, node: Node) -> Finalist:
        """The finalist of plain values.

        Raises:
            RecordError: a value is missing or not what it should be.
        """
        scores = node.at("scores")
        return cls(
            **vars(Entry.of_json(node)),
            probability=_share(node.at("probability")),
            scores={part: scores.at(part).mapping(mean_of) for part in SEEN},
        )


def _share(node: Node) -> float:
    share = node.number()
    if not 0 <= share <= 1:
        raise node.wrong("share between 0 and 1")
    return share


def differences(finalists: Sequence[Finalist], answer: int, metric: Scale) -> dict[int, tuple[Difference, float]]:
    """How each finalist but the answer differs from it on the held-out pictures, with p after Holm's correction.

    Args:
        finalists: one of them with the number ``answer``.
        answer: the number of the answer.
        metric: which scores to compare.

    Returns:
        By number.
    """
    held_out = {one.id: one.scores["held_out"][metric.name].scores for one in finalists}
    tests = {id_: Difference.of(scores, held_out[answer]) for id_, scores in held_out.items() if id_ != answer}
    return dict(zip(tests, zip(tests.values(), holm([test.p for test in tests.values()]), strict=True), strict=True))


def median_optimism(finalists: Sequence[Finalist], metric: Scale) -> float:
    """Of all finalists."""
    return statistics.median(one.optimism(metric) for one in finalists)
