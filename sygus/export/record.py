"""The record of a run: what it found and everything needed to judge, draw and repeat it, as plain values in JSON.

A record is read as untrusted input: every value is checked, nothing in it is ever executed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar, cast

from sygus.errors import OptionError, SycamError
from sygus.export.tables import PARTS, Direction, Part, Row, table_as_json
from sygus.saliency.networks import read_layers
from sygus.statistics import Mean
from sygus.writing import write_file

SOLUTION = "solution.json"
"""The record's name in the folder of a run."""

FOUND = "found expression"
"""The title of the found expression's line of the table."""

SCHEMA = 3
"""Of the JSON; a reader refuses others."""

ENDINGS = ("concluded", "satisfied", "budget", "interrupted")
"""Why a search ends: nothing more is proposed, the constraints are met, a limit is reached, or somebody stops it."""

LARGEST_WHOLE = (1 << 63) - 1
LARGEST_NUMBER = 1e100
"""What numbers may be; of larger ones not even the squares are known."""

Value = TypeVar("Value")


class RecordError(SycamError):
    """A record cannot be read."""


@dataclass(frozen=True)
class Measure:
    """A metric of the run.

    Attributes:
        name: with its options.
        direction: whether small or large values are better.
        unit: of the scores, "" where they have none.
        doc: definition and source.
    """

    name: str
    direction: Direction
    unit: str
    doc: str


@dataclass(frozen=True)
class Objective:
    """An objective of the run: its label, its direction, and the metric that it is, if it is one and nothing else."""

    label: str
    direction: Direction
    metric: str | None


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


@dataclass(frozen=True)
class Pictures:
    """One set of pictures: what it is, their names, and the class explained in each."""

    name: str
    ids: tuple[str, ...]
    targets: tuple[str, ...]


@dataclass(frozen=True)
class Record:
    """A run.

    Attributes:
        answer: as printed: values and definition, or ``fail``.
        found: the answer's expression; None where nothing satisfied the constraints.
        ordered: whether the objectives have an order; else ``front`` is a Pareto set.
        front: the best of each size that no smaller one matches, or the Pareto set.
        candidates: every expression scored on all search pictures, in the order of the proposals.
        duplicates: how many proposals were recognised as alike an earlier one, by what showed it.
        ended: why the search ended, one of :data:`ENDINGS`.
        ending, racing: that in words, and what racing saved.
        accounting: what was proposed and spent.
        certificates: what Z3 says of terms pruned as equal to the answer; None where it was not asked.
        objectives, measures: what was asked.
        table: every baseline, and the found expression last; with the score of each picture.
        search, held_out: the pictures.
        sanity: what is measured of the answer's maps beside the metrics asked for, see :mod:`sygus.oracles.sanity`.
        problem: file, its text and its SHA-256.
        settings, fingerprints, versions, machine: what the result depends on.
        notes: how the network was split and fed, which pictures were skipped.
    """

    answer: str
    found: Entry | None
    ordered: bool
    front: tuple[Entry, ...]
    candidates: tuple[Entry, ...]
    duplicates: Mapping[str, int]
    ended: str
    ending: str
    racing: str
    accounting: Mapping[str, Any]
    certificates: Sequence[Mapping[str, Any]] | None
    objectives: tuple[Objective, ...]
    measures: tuple[Measure, ...]
    table: tuple[Row, ...]
    search: Pictures
    held_out: Pictures
    sanity: Mapping[str, float]
    problem: Mapping[str, str]
    settings: Mapping[str, Any]
    fingerprints: Mapping[str, str]
    versions: Mapping[str, str]
    machine: Mapping[str, Any]
    notes: tuple[str, ...]

    @property
    def baselines(self) -> tuple[Row, ...]:
        """The table without the found expression."""
        return self.table[:-1] if self.found is not None else self.table

    @property
    def found_row(self) -> Row | None:
        """The found expression's line of the table."""
        return self.table[-1] if self.found is not None else None

    @property
    def layers(self) -> Mapping[str, str]:
        """The modules of the layers that have names.

        Raises:
            OptionError: the record does not name them as the option does.
        """
        return read_layers(str(self.settings.get("layers") or ""))

    def pictures(self, part: Part) -> Pictures:
        """One set of pictures."""
        return self.search if part == "search" else self.held_out

    def as_json(self) -> dict[str, Any]:
        """Plain values, from which :meth:`from_json` makes the record again."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            "schema": SCHEMA,
            **plain,
            "found": None if self.found is None else asdict(self.found),
            **{name: [asdict(item) for item in plain[name]] for name in _LISTS},
            "table": table_as_json(self.table),
            "search": asdict(self.search),
            "held_out": asdict(self.held_out),
        }

    def write(self, folder: Path) -> None:
        """Write :data:`SOLUTION` into a folder.

        Raises:
            WriteError: it cannot be written.
        """
        write_file(folder / SOLUTION, json.dumps(self.as_json(), indent=1))

    @classmethod
    def read(cls, run: str) -> Record:
        """The record of a run, by its folder, a file in it, or its JSON.

        Raises:
            OptionError: there is none.
            RecordError: it is damaged, or of another version.
        """
        path = record_path(run)
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise OptionError(f"RUN: cannot read '{path}' ({error.strerror})", "give a readable file") from None
        except (ValueError, RecursionError) as error:
            raise RecordError(f"{path}: no JSON ({error})", f"give the folder of a run, or its {SOLUTION}") from None
        return cls.from_json(value, str(path))

    @classmethod
    def from_json(cls, value: Any, file: str = SOLUTION) -> Record:
        """The record of plain values.

        Raises:
            RecordError: a value is missing or not what it should be; the message says which.
        """
        top = _Node(value, file)
        schema = top.at("schema").integer()
        if schema != SCHEMA:
            raise RecordError(f"{file}: it has schema {schema}", f"this version reads schema {SCHEMA}")
        found, certificates = top.at("found"), top.at("certificates")
        record = cls(
            answer=top.at("answer").text(),
            found=None if found.value is None else _entry(found),
            ordered=top.at("ordered").boolean(),
            front=top.at("front").items(_entry),
            candidates=top.at("candidates").items(_entry),
            duplicates=top.at("duplicates").mapping(_Node.integer),
            ended=top.at("ended").among(ENDINGS),
            ending=top.at("ending").text(),
            racing=top.at("racing").text(),
            accounting=top.at("accounting").mapping(_Node.number),
            certificates=None
            if certificates.value is None
            else certificates.items(lambda node: node.mapping(_Node.plain)),
            objectives=top.at("objectives").items(_objective),
            measures=top.at("measures").items(_measure),
            table=top.at("table").items(_row),
            search=_pictures(top.at("search")),
            held_out=_pictures(top.at("held_out")),
            sanity=top.at("sanity").mapping(_Node.number),
            problem=_problem(top.at("problem")),
            settings=top.at("settings").mapping(_Node.plain),
            fingerprints=top.at("fingerprints").mapping(_Node.text),
            versions=top.at("versions").mapping(_Node.text),
            machine=top.at("machine").mapping(_Node.plain),
            notes=top.at("notes").items(_Node.text),
        )
        _check(record, file)
        return record


_LISTS = ("front", "candidates", "objectives", "measures")


def record_path(run: str) -> Path:
    """Where the record of a run is.

    Raises:
        OptionError: there is none.
    """
    path = Path(run)
    if path.is_dir() or path.suffix == ".sqlite":
        folder = path if path.is_dir() else path.parent
        found = folder / SOLUTION
        if not found.is_file():
            begun = (folder / "journal.sqlite").exists()
            hint = f"end the run first: sycam-sygus FILE.sy --out {folder} --resume, with its options"
            raise OptionError(
                f"RUN: '{folder}' holds no {SOLUTION}" if begun else f"RUN: there is no run in '{folder}'",
                hint if begun else "give the folder of a run, as the search prints it at its end",
            )
        return found
    if not path.exists():
        raise OptionError(f"RUN: there is no '{run}'", f"give the folder of a run, or its {SOLUTION}")
    return path


def _check(record: Record, file: str) -> None:
    """What the parts say of each other."""
    for name, entries in (("front", record.front), ("candidates", record.candidates)):
        for index, entry in enumerate(entries):
            if len(entry.objectives) != len(record.objectives):
                raise RecordError(f"{file}: {name}[{index}] has {len(entry.objectives)} objectives, not as asked")
    if record.found is not None and not record.table:
        raise RecordError(f"{file}: the table lacks the found expression")
    for row in record.table:
        for part, called in PARTS.items():
            count = len(record.pictures(part).ids)
            for measure in record.measures:
                mean = row.mean(part, measure)
                if mean is None or len(mean.scores) != count:
                    raise RecordError(
                        f"{file}: the row '{row.title}' lacks {measure.name} of the {count} {called} pictures"
                    )


@dataclass(frozen=True)
class _Node:
    """A value of the JSON and where it stands."""

    value: Any
    where: str

    def _wrong(self, expected: str) -> RecordError:
        return RecordError(f"{self.where} is no {expected}", "the record is damaged or of another version; run again")

    def at(self, name: str) -> _Node:
        if not isinstance(self.value, dict):
            raise self._wrong("mapping")
        if name not in self.value:
            raise RecordError(f"{self.where}: '{name}' is missing", "the record is of another version; run again")
        return _Node(self.value[name], f"{self.where}: {name}")

    def text(self) -> str:
        if not isinstance(self.value, str):
            raise self._wrong("text")
        return self.value

    def boolean(self) -> bool:
        if not isinstance(self.value, bool):
            raise self._wrong("true or false")
        return self.value

    def integer(self) -> int:
        if not isinstance(self.value, int) or isinstance(self.value, bool) or abs(self.value) > LARGEST_WHOLE:
            raise self._wrong("whole number of at most 63 bits")
        return self.value

    def number(self) -> float:
        number = isinstance(self.value, int | float) and not isinstance(self.value, bool)
        if not number or not abs(self.value) <= LARGEST_NUMBER:  # of what is no number no comparison holds
            raise self._wrong(f"finite number of at most {LARGEST_NUMBER:.0e}")
        found: float = self.value
        return found

    def plain(self) -> str | float | bool | None:
        """A text, a number, true, false or nothing."""
        if isinstance(self.value, str | bool | None):
            return self.value
        return self.number()

    def among(self, choices: Sequence[str]) -> str:
        """One of these texts."""
        found = self.text()
        if found not in choices:
            raise self._wrong(f"one of {', '.join(choices)}")
        return found

    def items(self, read: Callable[[_Node], Value]) -> tuple[Value, ...]:
        if not isinstance(self.value, list):
            raise self._wrong("list")
        return tuple(read(_Node(item, f"{self.where}[{index}]")) for index, item in enumerate(self.value))

    def mapping(self, read: Callable[[_Node], Value]) -> dict[str, Value]:
        if not isinstance(self.value, dict):
            raise self._wrong("mapping")
        return {name: read(self.at(name)) for name in self.value}


def _problem(node: _Node) -> dict[str, str]:
    for name in ("file", "text", "sha256"):
        node.at(name)
    return node.mapping(_Node.text)


def _direction(node: _Node) -> Direction:
    if node.value not in ("min", "max"):
        raise RecordError(f"{node.where} is neither min nor max")
    return cast("Direction", node.value)


def _entry(node: _Node) -> Entry:
    return Entry(
        id=node.at("id").integer(),
        term=node.at("term").text(),
        size=node.at("size").integer(),
        objectives=node.at("objectives").items(_Node.number),
        feasible=node.at("feasible").boolean(),
    )


def _objective(node: _Node) -> Objective:
    metric = node.at("metric")
    name = None if metric.value is None else metric.text()
    return Objective(node.at("label").text(), _direction(node.at("direction")), name)


def _measure(node: _Node) -> Measure:
    texts = (node.at(name).text() for name in ("name", "unit", "doc"))
    name, unit, doc = texts
    return Measure(name, _direction(node.at("direction")), unit, doc)


def _pictures(node: _Node) -> Pictures:
    ids, targets = (node.at(name).items(_Node.text) for name in ("ids", "targets"))
    return Pictures(node.at("name").text(), ids, targets)


def _row(node: _Node) -> Row:
    black = node.at("black maps")
    return Row(
        title=node.at("method").text(),
        search=node.at("search").mapping(_mean),
        held_out=node.at("held out").mapping(_mean),
        black=(black.at("search").integer(), black.at("held out").integer()),
        control=node.at("control").boolean(),
    )


def _mean(node: _Node) -> Mean:
    value, low, high = (node.at(name).number() for name in ("value", "low", "high"))
    return Mean(value, low, high, node.at("images").integer(), node.at("scores").items(_Node.number))
