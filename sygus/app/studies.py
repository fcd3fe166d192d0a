"""Studies: published tables that ``evaluate`` makes anew, of some metrics by the values of one of their options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console

from sygus.app.display import wide_table
from sygus.errors import OptionError, known
from sygus.export.tables import Row, arrow
from sygus.saliency.metrics import Metric, known_metrics


@dataclass(frozen=True)
class Study:
    """A table of methods by some metrics, each by every value of an option.

    Attributes:
        name: as ``--study`` names it.
        methods: the rows that stand above all others.
        metrics: taken where none are named.
        option: of the metrics.
        headings: for each value of the option what stands over its column.
        caption: what the headings mean.
    """

    name: str
    methods: tuple[str, ...]
    metrics: tuple[str, ...]
    option: str
    headings: Mapping[str, str]
    caption: str

    def all_metrics(self) -> list[Metric]:
        """Every metric that has the option."""
        return [metric for metric in known_metrics().values() if self.option in metric.options]

    def columns(self, metrics: Sequence[Metric]) -> list[Metric]:
        """Each metric by every value of the option.

        Raises:
            OptionError: a metric does not have the option.
        """
        return [metric.configured({self.option: value}) for metric in metrics for value in self.headings]

    def show(self, console: Console, rows: Sequence[Row], metrics: Sequence[Metric], counts: tuple[int, int]) -> None:
        """Print a table for each metric.

        Args:
            console: where to.
            rows: the methods.
            metrics: the columns, see :meth:`columns`.
            counts: how many search pictures and how many held-out pictures there are.
        """
        search, held_out = counts
        console.print(f"{self.caption}; mean score on {search} search pictures / on {held_out} held-out pictures")
        width = len(self.headings)
        for start in range(0, len(metrics), width):
            block = metrics[start : start + width]
            headings = {one.name: self.headings[str(one.chosen[self.option])] for one in block}
            plain = block[0].configured({self.option: str(block[0].options[self.option].default)})
            console.print(" ".join(filter(None, [plain.name, plain.unit, arrow(plain)])))
            for table in wide_table(rows, block, console.width, headings=headings):
                console.print(table)


BOXES = Study(
    "boxes",
    ("box", "outside-box"),
    ("average-drop", "average-gain", "average-increase"),
    "within",
    {"all": "S", "box": "B ∩ S", "outside": "S ∖ B"},
    "maps S whole, inside the boxes B and outside of them, not normalised again",
)
"""How much of a map's score lies in the object's box (Zhang et al. 2024, Opti-CAM, figure 4)."""

STUDIES = {study.name: study for study in (BOXES,)}


def find_study(name: str) -> Study:
    """The study of this name.

    Raises:
        OptionError: there is none.
    """
    if name not in STUDIES:
        raise OptionError(f"--study: there is no study '{name}'", known(STUDIES, name, "known studies"))
    return STUDIES[name]
