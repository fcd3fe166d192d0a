"""The table of scores, methods by metrics, as CSV, LaTeX and plain values."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

from sygus.export.escaping import latex_text
from sygus.statistics import Difference, Mean, holm

Part = Literal["search", "held_out"]
Direction = Literal["min", "max"]

PARTS: Mapping[Part, str] = {"search": "search", "held_out": "held out"}
"""The sets of pictures and what they are called."""

BLOCK = 3
"""So many metrics stand side by side in a LaTeX table."""


class Directed(Protocol):
    """What has a better and a worse side."""

    @property
    def direction(self) -> Direction:
        """Whether small or large values are better."""
        ...


class Scale(Directed, Protocol):
    """What a table says of a metric; see :class:`sygus.saliency.metrics.Metric`."""

    @property
    def name(self) -> str:
        """The metric's name with its options."""
        ...

    @property
    def unit(self) -> str:
        """Of the values; "" where they have none."""
        ...


@dataclass(frozen=True)
class Row:
    """A line of the table of scores.

    Attributes:
        title: of the method.
        search, held_out: by metric name.
        black: how many maps were constant and scored as black, on the search and the held-out pictures.
        control: whether it explains nothing and only shows what the metric rewards; it is never marked as the best.
    """

    title: str
    search: Mapping[str, Mean]
    held_out: Mapping[str, Mean]
    black: tuple[int, int] = (0, 0)
    control: bool = False

    def mean(self, part: Part, metric: Scale) -> Mean | None:
        """The mean score on one set of pictures; None where it was left out."""
        found = self.search if part == "search" else self.held_out
        return found.get(metric.name)


LEVEL = 0.05
"""The probability of a single false verdict among the methods of a table, by one metric."""

Verdict = Literal["better", "behind", "open"]
"""Of the found expression beside a row: better, worse (behind), or not told apart."""


@dataclass(frozen=True)
class Compared:
    """The found expression against a baseline on the held-out pictures.

    Attributes:
        title: the baseline's.
        search: the difference of the means on the search pictures; no test is made there, since it was searched on.
        held_out: the paired differences and their p value.
        corrected: p after Holm's correction.
        better: whether the found expression's mean is better.
        control: whether the baseline is one.
    """

    title: str
    search: float
    held_out: Difference
    corrected: float
    better: bool
    control: bool

    @property
    def verdict(self) -> Verdict:
        """What the corrected test says at :data:`LEVEL`."""
        if self.corrected >= LEVEL:
            return "open"
        return "better" if self.better else "behind"


def compared(found: Row, baselines: Sequence[Row], metric: Scale) -> list[Compared]:
    """The found expression against each baseline by one metric; those that it does not score are left out.

    Holm's method corrects for the methods, and apart from them for the controls: what is claimed is about methods, and
    a control more or less, which nobody competes with, must not change it.
    """
    mine = found.held_out[metric.name]
    rows = [row for row in baselines if metric.name in row.held_out]
    tests = [Difference.of(mine.scores, row.held_out[metric.name].scores) for row in rows]
    corrected = [0.0] * len(rows)
    for control in (False, True):
        family = [index for index, row in enumerate(rows) if row.control is control]
        for index, p in zip(family, holm([tests[index].p for index in family]), strict=True):
            corrected[index] = p
    sign = 1 if metric.direction == "max" else -1
    return [
        Compared(
            row.title,
            found.search[metric.name].value - row.search[metric.name].value,
            test,
            p,
            sign * test.mean.value > 0,
            row.control,
        )
        for row, test, p in zip(rows, tests, corrected, strict=True)
    ]


TESTS = "two-sided paired permutation tests on the held-out pictures, corrected by Holm's method"
"""What the verdicts stand on."""

MARKS: Mapping[Verdict, str] = {"better": "+", "behind": "-", "open": "~"}
"""How a table marks a row, in characters that every terminal has."""

MARKS_NOTE = (
    f"{MARKS['better']} found expression better, {MARKS['behind']} worse, {MARKS['open']} not told apart: paired "
    f"permutation tests on the held-out pictures, Holm-corrected p < {LEVEL:g}, controls by themselves"
)
"""What the marks mean."""


def is_best(row: Row, rows: Sequence[Row], part: Part, metric: Scale) -> bool:
    """Whether no other row has a better mean; controls neither win nor compete."""
    mean = row.mean(part, metric)
    rivals = (other.mean(part, metric) for other in rows if not other.control)
    values = [rival.value for rival in rivals if rival is not None]
    best = min(values, default=None) if metric.direction == "min" else max(values, default=None)
    return mean is not None and not row.control and mean.value == best


def arrow(metric: Directed) -> str:
    """↓ where lower is better, ↑ where higher is."""
    return "↓" if metric.direction == "min" else "↑"


LEFT_OUT = "-"


def value_text(mean: Mean | None, metric: Scale) -> str:
    """A mean as tables show it: percentages to a tenth, others to a thousandth, a hyphen where it was left out."""
    if mean is None:
        return LEFT_OUT
    return score_text(mean.value, metric)


def score_text(score: float, metric: Scale) -> str:
    """A score without its unit: percentages to a tenth, others to a thousandth."""
    text = f"{score:.1f}" if metric.unit == "%" else f"{score:.3f}"
    return text.removeprefix("-") if float(text) == 0 else text


def table_as_json(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The table as plain values."""
    return [
        {
            "method": row.title,
            "search": {name: asdict(mean) for name, mean in row.search.items()},
            "held out": {name: asdict(mean) for name, mean in row.held_out.items()},
            "black maps": {"search": row.black[0], "held out": row.black[1]},
            "control": row.control,
        }
        for row in rows
    ]


def table_as_csv(rows: Sequence[Row], metrics: Sequence[Scale]) -> str:
    """One line for each method, set of pictures and metric: mean, bootstrap 95 % interval, number of pictures."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(table_records(rows, metrics))
    return text.getvalue()


COLUMNS = ("method", "pictures", "metric", "direction", "unit", "mean", "low", "high", "images", "black maps")
"""Of the table as records."""


def table_records(rows: Sequence[Row], metrics: Sequence[Scale]) -> list[dict[str, Any]]:
    """A record of :data:`COLUMNS` for each method, set of pictures and metric."""
    records = []
    for row in rows:
        for (part, called), black in zip(PARTS.items(), row.black, strict=True):
            for metric in metrics:
                mean = row.mean(part, metric)
                if mean is None:
                    continue
                about = [row.title, called, metric.name, metric.direction, metric.unit]
                values = [*about, mean.value, mean.low, mean.high, mean.images, black]
                records.append(dict(zip(COLUMNS, values, strict=True)))
    return records


CONTROL_NOTE = "a control: it explains nothing, and shows what the metric rewards"
"""What the mark of a control means."""


def table_as_latex(rows: Sequence[Row], metrics: Sequence[Scale]) -> str:
    """Booktabs tables, a line for each method, the best of each column in bold; a control is marked with an asterisk.

    At most :data:`BLOCK` metrics stand side by side, each on both sets of pictures; further ones follow below.
    """
    blocks = [metrics[start : start + BLOCK] for start in range(0, len(metrics), BLOCK)]
    text = "\n\n\\medskip\n".join(_latex_block(rows, block) for block in blocks)
    note = f"\n% * {CONTROL_NOTE}" if _has_controls(rows) else ""
    return f"% needs \\usepackage{{booktabs}}{note}\n{text}\n"


def _has_controls(rows: Sequence[Row]) -> bool:
    return any(row.control for row in rows)


def _latex_block(rows: Sequence[Row], metrics: Sequence[Scale]) -> str:
    width = len(PARTS)
    spans = [(2 + width * index, 1 + width * (index + 1)) for index in range(len(metrics))]
    heads = [rf"\multicolumn{{{width}}}{{c}}{{{_latex_heading(metric)}}}" for metric in metrics]
    lines = [
        rf"\begin{{tabular}}{{l{'r' * width * len(metrics)}}}",
        r"\toprule",
        " & ".join(["", *heads]) + r" \\",
        " ".join(rf"\cmidrule(lr){{{first}-{last}}}" for first, last in spans),
        " & ".join(["method", *list(PARTS.values()) * len(metrics)]) + r" \\",
        r"\midrule",
    ]
    for row in rows:
        cells = [_latex_cell(row, rows, part, metric) for metric in metrics for part in PARTS]
        lines.append(" & ".join([latex_text(row.title) + ("*" if row.control else ""), *cells]) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])


def _latex_heading(metric: Scale) -> str:
    arrow = r"$\downarrow$" if metric.direction == "min" else r"$\uparrow$"
    return " ".join(filter(None, [latex_text(metric.name), latex_text(metric.unit), arrow]))


def _latex_cell(row: Row, rows: Sequence[Row], part: Part, metric: Scale) -> str:
    text = value_text(row.mean(part, metric), metric).replace("-", "$-$")
    return rf"\textbf{{{text}}}" if is_best(row, rows, part, metric) else text
