"""Ordinary problems, solved or not in a time: the tables, the cactus plot and the page of a comparison."""

from __future__ import annotations

import csv
import io
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from scipy.stats import binomtest

from sygus.export.contest.figures import CURVE, legend, styles
from sygus.export.contest.page import Cell, Section, Table, numeric, page
from sygus.export.contest.words import number
from sygus.export.nodes import Node
from sygus.export.plots import figure_bytes, plain, plain_figure
from sygus.statistics import holm
from sygus.writing import make_folder, write_file

STATUSES = ("solved", "infeasible", "fail", "timeout", "not applicable", "unverified", "error")
"""What an attempt comes to: ``not applicable`` where the strategy does nothing for such problems, ``unverified`` where
an answer of a solver from elsewhere is not found to be right."""

LEVEL = 0.05


@dataclass(frozen=True)
class Attempt:
    """A strategy at a problem.

    Attributes:
        file, strategy: which.
        status: one of :data:`STATUSES`.
        seconds: of wall time, the start of the process included.
        nodes: symbols of the answer's bodies; 0 where there is none.
    """

    file: str
    strategy: str
    status: str
    seconds: float
    nodes: int

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def of_json(cls, node: Node) -> Attempt:
        """The attempt of plain values.

        Raises:
            RecordError: a value is missing or not what it should be.
        """
        texts = {name: node.at(name).text() for name in ("file", "strategy")}
        status, seconds = node.at("status").among(STATUSES), node.at("seconds").number()
        return cls(**texts, status=status, seconds=seconds, nodes=node.at("nodes").integer())

    @property
    def decided(self) -> bool:
        """Whether there is an answer, or a proof that there is none."""
        return self.status in ("solved", "infeasible")


@dataclass(frozen=True)
class Duel:
    """Two strategies on the same files: how many one alone decided, how many the other; the sign test, Holm."""

    first: str
    second: str
    first_alone: int
    second_alone: int
    p: float
    corrected: float


@dataclass(frozen=True, eq=False)
class Solved:
    """All attempts of a comparison.

    Attributes:
        attempts: of every strategy at every file.
        strategies: their names.
        seconds: that an attempt had.
    """

    attempts: Sequence[Attempt]
    strategies: Sequence[str]
    seconds: float

    @cached_property
    def by_strategy(self) -> Mapping[str, Mapping[str, Attempt]]:
        """Those of each by file."""
        found: dict[str, dict[str, Attempt]] = {name: {} for name in self.strategies}
        for attempt in self.attempts:
            found[attempt.strategy][attempt.file] = attempt
        return found

    def decided(self, strategy: str) -> dict[str, Attempt]:
        """What a strategy decided, by file."""
        return {file: one for file, one in self.by_strategy[strategy].items() if one.decided}

    def alone(self, strategy: str) -> int:
        """How many files it decided and no other did."""
        others = {file for name in self.strategies if name != strategy for file in self.decided(name)}
        return len(self.decided(strategy).keys() - others)

    @cached_property
    def duels(self) -> list[Duel]:
        """All pairs."""
        pairs = list(combinations(self.strategies, 2))
        counts = []
        for first, second in pairs:
            one, other = self.decided(first).keys(), self.decided(second).keys()
            counts.append((len(one - other), len(other - one)))
        tests = [float(binomtest(a, a + b).pvalue) if a + b else 1.0 for a, b in counts]
        rows = zip(pairs, counts, tests, holm(tests), strict=True)
        return [Duel(*pair, *count, p, corrected) for pair, count, p, corrected in rows]


def write_solved(found: Solved, folder: Path) -> str:
    """Write CSV, cactus plot and page into a folder.

    Returns:
        One paragraph.

    Raises:
        WriteError: it cannot be written.
    """
    plot, said = cactus(found), paragraph(found)
    write_file(folder / "attempts.csv", attempts_csv(found))
    write_file(folder / "report.html", solved_page(found, plot, said))
    write_file(make_folder(folder / "figures", "--out") / "cactus.pdf", figure_bytes(plot, "pdf"))
    return said


def attempts_csv(found: Solved) -> str:
    """A line for each attempt."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("file", "strategy", "status", "seconds", "nodes"))
    for one in found.attempts:
        writer.writerow((one.file, one.strategy, one.status, f"{one.seconds:.3f}", one.nodes or ""))
    return text.getvalue()


def cactus(found: Solved) -> Figure:
    """How many files each strategy decides, when each may take so long."""
    figure, axes = plain_figure(CURVE)
    axes.set_yscale("log")
    for strategy, style in styles(found.strategies):
        times = sorted(one.seconds for one in found.decided(strategy).values())
        axes.plot(range(1, len(times) + 1), times, marker=".", markersize=3, label=plain(strategy), **style)
    axes.axhline(found.seconds, color="#999999", linewidth=0.8, linestyle=":")
    axes.set_xlabel("files decided")
    axes.set_ylabel("seconds of each")
    legend(axes)
    return figure


def paragraph(found: Solved) -> str:
    """What is told apart, and what is not."""
    files = len({attempt.file for attempt in found.attempts})
    decided = ", ".join(f"{name} {len(found.decided(name))}" for name in found.strategies)
    said = [f"Of {files} files, in {found.seconds:g} s each, are decided: {decided}."]
    told = [one for one in found.duels if one.corrected < LEVEL]
    for one in told:
        better, worse = (one.first, one.second) if one.first_alone > one.second_alone else (one.second, one.first)
        alone = max(one.first_alone, one.second_alone), min(one.first_alone, one.second_alone)
        said.append(f"{better} decides {alone[0]} that {worse} does not, and the other way round {alone[1]}.")
    if len(told) < len(found.duels):
        said.append(
            f"{len(found.duels) - len(told)} of {len(found.duels)} pairs are not told apart (sign test on the files "
            f"that one alone decides, Holm, p < {LEVEL:g}), which is no proof of being alike."
        )
    said.append("Files of one family are alike, so the tests are too sure of what they say of other files.")
    return " ".join(said)


def solved_page(found: Solved, plot: Figure, said: str) -> str:
    """The page."""
    rows = [_row(found, strategy) for strategy in found.strategies]
    heads = ("strategy", "solved", "no solution proved", "decided alone", "median s", "median size", *STATUSES[2:])
    duels = [
        (
            Cell(one.first),
            Cell(one.second),
            numeric(one.first_alone, number),
            numeric(one.second_alone, number),
            numeric(_smaller(found, one.first, one.second), number),
            numeric(_smaller(found, one.second, one.first), number),
            numeric(one.p, lambda value: number(value, 2)),
            numeric(one.corrected, lambda value: number(value, 2)),
        )
        for one in found.duels
    ]
    duel_heads = (
        "first",
        "second",
        "first alone decides",
        "second alone",
        "first's answer smaller",
        "second's",
        "p",
        "p, Holm",
    )
    files = list(dict.fromkeys(attempt.file for attempt in found.attempts))
    each = [(Cell(file), *(_cell(found.by_strategy[name].get(file)) for name in found.strategies)) for file in files]
    caption = "Files by the seconds that each takes, the start of the process included."
    sections = [
        Section(
            "solved",
            "Solved",
            ("Every answer is proved; one of a solver from elsewhere counts where this program finds it right.",),
            [Table(f"In {found.seconds:g} s a file", heads, rows)],
            [(plot, caption)],
        ),
        Section("pairs", "Pairs", (), [Table("Pairs of strategies", duel_heads, duels, texts=2)] if duels else []),
        Section("files", "Files", (), [Table("Seconds and symbols of the answer", ("file", *found.strategies), each)]),
    ]
    return page(f"{', '.join(found.strategies)} on {len(files)} files", said, sections)


def _row(found: Solved, strategy: str) -> tuple[Cell, ...]:
    attempts = list(found.by_strategy[strategy].values())
    solved = [one for one in attempts if one.status == "solved"]
    counts = {status: sum(one.status == status for one in attempts) for status in STATUSES}
    median = statistics.median([one.seconds for one in solved]) if solved else float("nan")
    size = statistics.median([one.nodes for one in solved]) if solved else float("nan")
    return (
        Cell(strategy),
        numeric(counts["solved"], number),
        numeric(counts["infeasible"], number),
        numeric(found.alone(strategy), number),
        numeric(median, number),
        numeric(size, number),
        *(numeric(counts[status], number) for status in STATUSES[2:]),
    )


def _smaller(found: Solved, first: str, second: str) -> int:
    """On how many files that both solve the first has the smaller answer."""
    one, other = found.by_strategy[first], found.by_strategy[second]
    both = [file for file in one if file in other and one[file].status == other[file].status == "solved"]
    return sum(one[file].nodes < other[file].nodes for file in both)


def _cell(attempt: Attempt | None) -> Cell:
    if attempt is None:
        return Cell("-", float("nan"))
    if attempt.status != "solved":
        return Cell(attempt.status, float("nan"))
    return Cell(f"{attempt.seconds:.2f}", attempt.seconds, f"{attempt.nodes}")
