"""The record of a run: what it found and everything needed to judge, draw and repeat it, as plain values in JSON.

A record is read as untrusted input: every value is checked, nothing in it is ever executed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any, cast

from sygus.errors import OptionError
from sygus.export.comparisons import nearest, verdict
from sygus.export.finalists import Entry, Finalist
from sygus.export.nodes import Node, RecordError, mean_of
from sygus.export.tables import PARTS, Compared, Direction, Part, Row, compared, table_as_json
from sygus.saliency.options import read_layers
from sygus.writing import write_file

SOLUTION = "solution.json"
"""The record's name in the folder of a run."""

FOUND = "found expression"
"""The title of the found expression's line of the table."""

SCHEMA = 4
"""Of the JSON; a reader refuses others."""

ENDINGS = ("concluded", "satisfied", "budget", "interrupted")
"""Why a search ends: nothing more is proposed, the constraints are met, a limit is reached, or somebody stops it."""


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
        front: the best of each size that no smaller one matches, or the Pareto set; its objectives and those of
            ``found`` are over all pictures that chose.
        finalists: what the answer was chosen from, best first; none where nothing was chosen by validation pictures.
        choice: how the answer was chosen, in words.
        candidates: every expression scored on all search pictures, in the order of the proposals.
        duplicates: how many proposals were recognised as alike an earlier one, by what showed it.
        ended: why the search ended, one of :data:`ENDINGS`.
        ending, racing: that in words, and what racing saved.
        accounting: what was proposed and spent.
        certificates: what Z3 says of terms pruned as equal to the answer; None where it was not asked.
        objectives, measures: what was asked.
        table: every baseline, and the found expression last; with the score of each picture.
        alike: how much the answer's maps are as those of each baseline, by its title: Pearson's correlation over the
            pixels, the mean over the held-out pictures.
        search, held_out, validation: the pictures; None where there are none of the last.
        sanity: what is measured of the answer's maps beside the metrics asked for, see :mod:`sygus.oracles.sanity`.
        problem: file, its text and its SHA-256.
        settings, fingerprints, versions, machine: what the result depends on.
        notes: how the network was split and fed, which pictures were skipped.
    """

    answer: str
    found: Entry | None
    ordered: bool
    front: tuple[Entry, ...]
    finalists: tuple[Finalist, ...]
    choice: str
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
    alike: Mapping[str, float]
    search: Pictures
    held_out: Pictures
    validation: Pictures | None
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

    @cached_property
    def comparisons(self) -> Sequence[tuple[Measure, Sequence[Compared]]]:
        """For each metric the found expression against the baselines that it scores.

        None where nothing was found, nothing stands beside it, or the held-out pictures are fewer than a test takes.
        """
        found = self.found_row
        if found is None or not self.baselines or len(self.held_out.ids) < 2:
            return []
        return [(measure, compared(found, self.baselines, measure)) for measure in self.measures]

    @property
    def verdict(self) -> tuple[str, ...]:
        """How the answer stands beside the methods of the table: what terminal, page and notebook say first.

        Sentences without their first capital and their last point: one for each metric that is an objective, or for
        each metric where none is an objective by itself, then the nearest known method.
        """
        if self.found is None:
            return ("no expression that satisfies the constraints was found, so none stands beside the methods",)
        if len(self.held_out.ids) < 2:
            return (
                f"no verdict: a test takes two held-out pictures or more, and this run has {len(self.held_out.ids)}",
            )
        asked = [objective.metric for objective in self.objectives if objective.metric is not None]
        tests = {measure.name: found for measure, found in self.comparisons}
        measures = [measure for measure in self.measures if measure.name in asked] or self.measures
        said = [self._verdict(measure, tests.get(measure.name, ())) for measure in measures]
        methods = {row.title for row in self.baselines if not row.control}
        alike = {title: value for title, value in self.alike.items() if title in methods}
        return tuple(filter(None, (*said, nearest(alike, len(self.held_out.ids)))))

    def _verdict(self, measure: Measure, tests: Sequence[Compared]) -> str:
        methods = sum(not row.control for row in self.baselines)
        return verdict(tests, measure, methods - sum(not test.control for test in tests))

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
            "finalists": [one.as_json() for one in self.finalists],
            "table": table_as_json(self.table),
            "search": asdict(self.search),
            "held_out": asdict(self.held_out),
            "validation": None if self.validation is None else asdict(self.validation),
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
        top = Node(value, file)
        schema = top.at("schema").integer()
        if schema != SCHEMA:
            raise RecordError(f"{file}: it has schema {schema}", f"this version reads schema {SCHEMA}")
        found, certificates, validation = top.at("found"), top.at("certificates"), top.at("validation")
        record = cls(
            answer=top.at("answer").text(),
            found=None if found.value is None else Entry.of_json(found),
            ordered=top.at("ordered").boolean(),
            front=top.at("front").items(Entry.of_json),
            finalists=top.at("finalists").items(Finalist.of_json),
            choice=top.at("choice").text(),
            candidates=top.at("candidates").items(Entry.of_json),
            duplicates=top.at("duplicates").mapping(Node.integer),
            ended=top.at("ended").among(ENDINGS),
            ending=top.at("ending").text(),
            racing=top.at("racing").text(),
            accounting=top.at("accounting").mapping(Node.number),
            certificates=None
            if certificates.value is None
            else certificates.items(lambda node: node.mapping(Node.plain)),
            objectives=top.at("objectives").items(_objective),
            measures=top.at("measures").items(_measure),
            table=top.at("table").items(_row),
            alike=top.at("alike").mapping(Node.number),
            search=_pictures(top.at("search")),
            held_out=_pictures(top.at("held_out")),
            validation=None if validation.value is None else _pictures(validation),
            sanity=top.at("sanity").mapping(Node.number),
            problem=_problem(top.at("problem")),
            settings=top.at("settings").mapping(Node.plain),
            fingerprints=top.at("fingerprints").mapping(Node.text),
            versions=top.at("versions").mapping(Node.text),
            machine=top.at("machine").mapping(Node.plain),
            notes=top.at("notes").items(Node.text),
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
    lists: Mapping[str, Sequence[Entry]] = {
        "front": record.front,
        "candidates": record.candidates,
        "finalists": record.finalists,
    }
    for name, entries in lists.items():
        for index, entry in enumerate(entries):
            if len(entry.objectives) != len(record.objectives):
                raise RecordError(f"{file}: {name}[{index}] has {len(entry.objectives)} objectives, not as asked")
    _check_finalists(record, file)
    if record.found is not None and not record.table:
        raise RecordError(f"{file}: the table lacks the found expression")
    for row in record.table:
        for measure in record.measures:
            for part, called in _scored(record, row, measure).items():
                count, mean = len(record.pictures(part).ids), row.mean(part, measure)
                if mean is None or len(mean.scores) != count:
                    raise RecordError(
                        f"{file}: the row '{row.title}' lacks {measure.name} of the {count} {called} pictures"
                    )


def _scored(record: Record, row: Row, measure: Measure) -> Mapping[Part, str]:
    """The sets of pictures that a row must have scores of: none where a baseline was left out by this metric."""
    left_out = row is not record.found_row and all(row.mean(part, measure) is None for part in PARTS)
    return {} if left_out else PARTS


def _check_finalists(record: Record, file: str) -> None:
    if record.finalists and (record.found is None or record.found.id not in {one.id for one in record.finalists}):
        raise RecordError(f"{file}: the answer is none of the finalists")
    for index, finalist in enumerate(record.finalists):
        _check_finalist(finalist, record, f"{file}: finalists[{index}]")


def _check_finalist(finalist: Finalist, record: Record, where: str) -> None:
    counts = {part: len(record.pictures(part).ids) for part in PARTS}
    for part, measure in product(PARTS, record.measures):
        mean = finalist.scores[part].get(measure.name)
        if mean is None or len(mean.scores) != counts[part]:
            raise RecordError(f"{where} lacks {measure.name} of the {counts[part]} {PARTS[part]} pictures")
    count = 0 if record.validation is None else len(record.validation.ids)
    for measure in record.measures:
        mean = finalist.scores["validation"].get(measure.name)
        if mean is None or not 0 < len(mean.scores) == mean.images <= count:
            raise RecordError(f"{where} lacks {measure.name} of some of the {count} validation pictures")


def _problem(node: Node) -> dict[str, str]:
    for name in ("file", "text", "sha256"):
        node.at(name)
    return node.mapping(Node.text)


def _direction(node: Node) -> Direction:
    if node.value not in ("min", "max"):
        raise RecordError(f"{node.where} is neither min nor max")
    return cast("Direction", node.value)


def _objective(node: Node) -> Objective:
    metric = node.at("metric")
    name = None if metric.value is None else metric.text()
    return Objective(node.at("label").text(), _direction(node.at("direction")), name)


def _measure(node: Node) -> Measure:
    texts = (node.at(name).text() for name in ("name", "unit", "doc"))
    name, unit, doc = texts
    return Measure(name, _direction(node.at("direction")), unit, doc)


def _pictures(node: Node) -> Pictures:
    ids, targets = (node.at(name).items(Node.text) for name in ("ids", "targets"))
    return Pictures(node.at("name").text(), ids, targets)


def _row(node: Node) -> Row:
    black = node.at("black maps")
    return Row(
        title=node.at("method").text(),
        search=node.at("search").mapping(mean_of),
        held_out=node.at("held out").mapping(mean_of),
        black=(black.at("search").integer(), black.at("held out").integer()),
        control=node.at("control").boolean(),
    )
