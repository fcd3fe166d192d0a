"""The table of scores, methods by metrics, as CSV, LaTeX and plain values."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sygus.saliency.metrics import Metric
from sygus.statistics import Mean

Part = Literal["search", "held_out"]

PARTS: Mapping[Part, str] = {"search": "search", "held_out": "held out"}
"""The sets of pictures and what they are called."""


@dataclass(frozen=True)
class Row:
    """A line of the table of scores.

    Attributes:
        title: of the method.
        search, held_out: by metric name.
        black: how many maps were constant and scored as black, on the search and the held-out pictures.
    """

    title: str
    search: Mapping[str, Mean]
    held_out: Mapping[str, Mean]
    black: tuple[int, int] = (0, 0)

    def mean(self, part: Part, metric: Metric) -> Mean | None:
        """The mean score on one set of pictures; None where it was left out."""
        found = self.search if part == "search" else self.held_out
        return found.get(metric.name)


def is_best(row: Row, rows: Sequence[Row], part: Part, metric: Metric) -> bool:
    """Whether no other row has a better mean."""
    mean = row.mean(part, metric)
    values = [other.value for other in (row.mean(part, metric) for row in rows) if other is not None]
    return mean is not None and mean.value == (min(values) if metric.direction == "min" else max(values))


LEFT_OUT = "-"


def value_text(mean: Mean | None, metric: Metric) -> str:
    """A mean as tables show it: percentages to a tenth, others to a thousandth, a hyphen where it was left out."""
    if mean is None:
        return LEFT_OUT
    text = f"{mean.value:.1f}" if metric.unit == "%" else f"{mean.value:.3f}"
    return text.removeprefix("-") if float(text) == 0 else text


def table_as_json(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The table as plain values."""
    return [
        {
            "method": row.title,
            "search": {name: asdict(mean) for name, mean in row.search.items()},
            "held out": {name: asdict(mean) for name, mean in row.held_out.items()},
            "black maps": {"search": row.black[0], "held out": row.black[1]},
        }
        for row in rows
    ]


def table_as_csv(rows: Sequence[Row], metrics: Sequence[Metric]) -> str:
    """One line for each method, set of pictures and metric: mean, bootstrap 95 % interval, number of pictures."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["method", "pictures", "metric", "direction", "unit", "mean", "low", "high", "images", "black maps"]
    )
    for row in rows:
        for (part, called), black in zip(PARTS.items(), row.black, strict=True):
            for metric in metrics:
                mean = row.mean(part, metric)
                if mean is None:
                    continue
                about = [row.title, called, metric.name, metric.direction, metric.unit]
                writer.writerow([*about, mean.value, mean.low, mean.high, mean.images, black])
    return text.getvalue()


def table_as_latex(rows: Sequence[Row], metrics: Sequence[Metric]) -> str:
    """A booktabs table, metrics as lines, each on both sets of pictures, and the best of each in bold."""
    lines = [
        r"% needs \usepackage{booktabs}",
        rf"\begin{{tabular}}{{ll{'r' * len(rows)}}}",
        r"\toprule",
        " & ".join(["metric", "pictures", *(_latex(row.title) for row in rows)]) + r" \\",
        r"\midrule",
    ]
    for metric in metrics:
        arrow = r"$\downarrow$" if metric.direction == "min" else r"$\uparrow$"
        title = " ".join(filter(None, [_latex(metric.name), _latex(metric.unit), arrow]))
        for part, called in PARTS.items():
            cells = [_latex_cell(row, rows, part, metric) for row in rows]
            lines.append(" & ".join([title, called, *cells]) + r" \\")
            title = ""
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def _latex_cell(row: Row, rows: Sequence[Row], part: Part, metric: Metric) -> str:
    text = value_text(row.mean(part, metric), metric).replace("-", "$-$")
    return rf"\textbf{{{text}}}" if is_best(row, rows, part, metric) else text


_ESCAPES = str.maketrans({c: f"\\{c}" for c in "&%$#_{}"})


def _latex(text: str) -> str:
    return text.translate(_ESCAPES)
