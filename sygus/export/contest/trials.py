"""The trials of a comparison as plain values, and their JSON, which is read as untrusted input."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from sygus.export.nodes import Node, RecordError
from sygus.export.tables import Direction
from sygus.files import UnfitFileError, read_plain

PROTOCOL = "protocol.json"
"""The protocol's name in the folder of a comparison."""

SCHEMA = 1
"""Of the JSON; a reader refuses others."""

SHARES = (0.1, 0.25, 0.5, 1.0)
"""Of the budget, at which results are compared."""

KEPT = 100
"""So many of the best expressions of a trial are kept."""

TOP = 10
"""The best of the exhaustive table, of which a trial may find some."""

MOST_BYTES = 1 << 26
"""Of a protocol or a trial."""

MOST_TASKS, MOST_STRATEGIES, MOST_SEEDS = 1000, 100, 10_000
MOST_POINTS = 100_000
"""Of a trace, or of an exhaustive table times a hundred."""

LONGEST = 100_000
"""Characters of a text."""

DEEPEST = 10
"""How deep values may be nested."""


@dataclass(frozen=True)
class Point:
    """An improvement of a trial: what was spent when it was known, and what it is.

    Attributes:
        passes: masked passes of single pictures; those of its own scores included, and of what was proposed before it.
        terms: terms scored, in full or in part, likewise.
        proposals: likewise.
        score: the first objective.
        size: in nodes.
        term: the expression.
    """

    passes: int
    terms: int
    proposals: int
    score: float
    size: int
    term: str


@dataclass(frozen=True)
class Scored:
    """An expression that was scored on all search pictures; the key is equal for those with the same maps."""

    key: str
    score: float
    size: int
    term: str


@dataclass(frozen=True)
class Trial:
    """A learner's run with one seed on one task.

    Attributes:
        task: its number.
        strategy, seed: who ran.
        ending: why it ended, in words.
        accounting: proposals by fate, terms scored, passes.
        costs: seconds and others that depend on the machine; those that could not be measured are missing.
        trace: its improvements.
        best: its :data:`KEPT` best within the budget, the best first.
        front: those within the budget that no smaller one matches, the smallest first.
        held_out: of the leader at each of :data:`SHARES`, on the held-out pictures; None where there was none.
        pictures: of the last leader on each held-out picture; empty where the objective is no metric alone.
    """

    task: int
    strategy: str
    seed: int
    ending: str
    accounting: Mapping[str, int]
    costs: Mapping[str, float]
    trace: tuple[Point, ...]
    best: tuple[Scored, ...]
    front: tuple[Scored, ...]
    held_out: tuple[float | None, ...]
    pictures: tuple[float, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def of_json(cls, node: Node) -> Trial:
        """The trial of plain values.

        Raises:
            RecordError: a value is missing or not what it should be.
        """
        found = cls(
            task=_count(node.at("task")),
            strategy=node.at("strategy").text(),
            seed=_count(node.at("seed")),
            ending=node.at("ending").text(),
            accounting=node.at("accounting").mapping(_count),
            costs=node.at("costs").mapping(Node.number),
            trace=_items(node.at("trace"), _point),
            best=_items(node.at("best"), _scored, KEPT),
            front=_items(node.at("front"), _scored),
            held_out=_items(node.at("held_out"), _optional, len(SHARES)),
            pictures=_items(node.at("pictures"), Node.number, MOST_POINTS * 100),
        )
        spent = [point.passes for point in found.trace]
        if spent != sorted(spent) or len(found.held_out) != len(SHARES):
            raise node.wrong("trial: its trace goes back in time, or it lacks held-out scores")
        return found


@dataclass(frozen=True)
class Task:
    """A problem on a network.

    Attributes:
        name: of both.
        file, network: these.
        metric: the label of the first objective.
        unit: of it, "" where it has none.
        direction: whether small or large values are better.
        size: the largest term, in nodes.
        each: passes that scoring a term on all search pictures takes.
        reference: Grad-CAM's score on the search pictures; None where it has none.
        reference_held_out: on the held-out ones.
    """

    name: str
    file: str
    network: str
    metric: str
    unit: str
    direction: Direction
    size: int
    each: int
    reference: float | None
    reference_held_out: float | None

    @property
    def sign(self) -> int:
        """What makes of a score a cost, smaller being better."""
        return 1 if self.direction == "min" else -1

    @classmethod
    def of_json(cls, node: Node) -> Task:
        """The task of plain values.

        Raises:
            RecordError: a value is missing or not what it should be.
        """
        texts = {name: node.at(name).text() for name in ("name", "file", "network", "metric", "unit")}
        return cls(
            **texts,
            direction=cast("Direction", node.at("direction").among(("min", "max"))),
            size=_count(node.at("size")),
            each=_count(node.at("each")),
            reference=_optional(node.at("reference")),
            reference_held_out=_optional(node.at("reference_held_out")),
        )


@dataclass(frozen=True)
class Exhaustive:
    """Every class of expressions of a task up to a size.

    Attributes:
        task: its number.
        size: in nodes.
        passes: that scoring all of them in full takes.
        scores: of each class that is feasible, the best first.
        top: the best :data:`TOP`.
    """

    task: int
    size: int
    passes: int
    scores: tuple[float, ...]
    top: tuple[Scored, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def of_json(cls, node: Node) -> Exhaustive:
        """The table of plain values.

        Raises:
            RecordError: a value is missing or not what it should be.
        """
        counts = {name: _count(node.at(name)) for name in ("task", "size", "passes")}
        scores = _items(node.at("scores"), Node.number, MOST_POINTS * 100)
        return cls(**counts, scores=scores, top=_items(node.at("top"), _scored, TOP))


@dataclass(frozen=True)
class Protocol:
    """What is compared, and under which conditions.

    Attributes:
        conditions: everything that all trials share: versions, budget, cache, race.
        unit: what the budget counts: ``passes`` or ``terms``.
        limit: the budget.
        tasks: what is known of them.
        grounds: of each task what its scores depend on: digest of the grammar, fingerprints, pictures and their order.
        strategies: by name a digest of the learner's code.
        seeds: of the learners.
        exhaustive: the size of the exhaustive table; 0 for none.
    """

    conditions: Mapping[str, Any]
    unit: str
    limit: int
    tasks: tuple[Task, ...]
    grounds: tuple[Mapping[str, Any], ...]
    strategies: Mapping[str, str]
    seeds: tuple[int, ...]
    exhaustive: int

    def as_json(self) -> dict[str, Any]:
        """Plain values, with their digest."""
        plain = {
            "schema": SCHEMA,
            "conditions": dict(self.conditions),
            "unit": self.unit,
            "limit": self.limit,
            "tasks": [asdict(task) for task in self.tasks],
            "grounds": [dict(one) for one in self.grounds],
            "strategies": dict(self.strategies),
            "seeds": list(self.seeds),
            "exhaustive": self.exhaustive,
        }
        return plain | {"digest": digest(plain)}

    @property
    def digest(self) -> str:
        """Of all of it."""
        found: str = self.as_json()["digest"]
        return found

    def task_digest(self, task: int) -> str:
        """Of what all trials of a task stand on."""
        shared = (self.conditions, self.unit, self.limit, asdict(self.tasks[task]), self.grounds[task])
        return digest([*map(_plain, shared)])

    def trial_digest(self, task: int, strategy: str, seed: int) -> str:
        """Of everything that a trial's result depends on."""
        return digest([self.task_digest(task), strategy, self.strategies[strategy], seed])

    def exhaustive_digest(self, task: int) -> str:
        """Of everything that the exhaustive table depends on."""
        return digest([self.task_digest(task), self.exhaustive])

    @classmethod
    def of_json(cls, node: Node) -> Protocol:
        """The protocol of plain values.

        Raises:
            RecordError: a value is missing or not what it should be, or the digest is of another one.
        """
        schema = node.at("schema").integer()
        if schema != SCHEMA:
            raise RecordError(f"{node.where}: it has schema {schema}", f"this version reads schema {SCHEMA}")
        found = cls(
            conditions=_mapping(node.at("conditions")),
            unit=node.at("unit").among(("passes", "terms")),
            limit=_count(node.at("limit")),
            tasks=_items(node.at("tasks"), Task.of_json, MOST_TASKS),
            grounds=_items(node.at("grounds"), _mapping, MOST_TASKS),
            strategies=node.at("strategies").mapping(Node.text),
            seeds=_items(node.at("seeds"), _count, MOST_SEEDS),
            exhaustive=_count(node.at("exhaustive")),
        )
        if not found.tasks or not found.seeds or len(found.tasks) != len(found.grounds) or not found.limit:
            raise node.wrong("protocol: it has no tasks, no seeds or no budget")
        if not 1 <= len(found.strategies) <= MOST_STRATEGIES:
            raise node.wrong(f"protocol of 1 to {MOST_STRATEGIES} strategies")
        if node.at("digest").text() != found.digest:
            raise RecordError(f"{node.where}: its digest is of another protocol", "it was changed; compare anew")
        return found


@dataclass(frozen=True)
class Contest:
    """A comparison that has been run: its protocol, every trial, and the exhaustive tables that there are.

    Attributes:
        protocol: what was compared.
        trials: by task, strategy and seed, in this order.
        exhaustive: by task.
    """

    protocol: Protocol
    trials: tuple[Trial, ...]
    exhaustive: Mapping[int, Exhaustive]

    def of(self, task: int, strategy: str) -> list[Trial]:
        """The trials of a strategy on a task, by seed."""
        return [trial for trial in self.trials if trial.task == task and trial.strategy == strategy]


def digest(value: Any) -> str:
    """Of plain values, the same however they are ordered or spaced."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def read_json(path: Path, most: int = MOST_BYTES) -> Node:
    """The plain values of a file that others may have written.

    Raises:
        RecordError: it is no plain file, too large, or no JSON.
        OSError: it is not there, or cannot be read.
    """
    try:
        value = json.loads(read_plain(path, most).decode("utf-8"), parse_constant=_no_number)
        _check_plain(value)
        return Node(value, str(path))
    except UnfitFileError as error:
        raise RecordError(f"{path}: it is {error}", "take it away, or give another folder") from None
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{path}: no JSON ({error})", "it is damaged; take it away, and compare again") from None


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _check_plain(value: Any, depth: int = 0) -> None:
    """See that values are not nested too deep, texts short and of characters, and numbers finite.

    Raises:
        ValueError: they are not.
    """
    if depth > DEEPEST:
        raise ValueError(f"nested deeper than {DEEPEST}")
    if isinstance(value, str):
        if len(value) > LONGEST:
            raise ValueError(f"a text of more than {LONGEST} characters")
        value.encode("utf-8")  # half of a pair is no character
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a number that is not finite")
    elif isinstance(value, dict | list):
        for one in [*value, *value.values()] if isinstance(value, dict) else value:
            _check_plain(one, depth + 1)


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value


def _count(node: Node) -> int:
    found = node.integer()
    if found < 0:
        raise node.wrong("count")
    return found


def _optional(node: Node) -> float | None:
    return None if node.value is None else node.number()


def _items(node: Node, read: Any, most: int = MOST_POINTS) -> tuple[Any, ...]:
    if isinstance(node.value, Sequence) and len(node.value) > most:
        raise node.wrong(f"list of at most {most} values")
    found: tuple[Any, ...] = node.items(read)
    return found


def _mapping(node: Node) -> Mapping[str, Any]:
    if not isinstance(node.value, dict):
        raise node.wrong("mapping")
    return node.value


def _scored(node: Node) -> Scored:
    key, term = (node.at(name).text() for name in ("key", "term"))
    return Scored(key, node.at("score").number(), _count(node.at("size")), term)


def _point(node: Node) -> Point:
    passes, terms, proposals, size = (_count(node.at(name)) for name in ("passes", "terms", "proposals", "size"))
    return Point(passes, terms, proposals, node.at("score").number(), size, node.at("term").text())
