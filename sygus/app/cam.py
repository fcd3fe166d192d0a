"""Problems of the logic CAM, as the command line and Python solve them: a run, in its folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from numbers import Integral
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import nn

from solvers.cam.job import Display, Finished, JobOptions, execute
from solvers.cam.settings import Settings
from sygus.app.dispatch import Asked
from sygus.app.explainers import SynthesizedCAM, SynthesizedExtractor
from sygus.app.kinds import shown
from sygus.app.members import Member, as_table, candidate_records, members_of
from sygus.app.statuses import Status
from sygus.errors import OptionError
from sygus.export.comparisons import as_sentence
from sygus.export.figures import FIGURE_METHODS, FIGURE_PICTURES, heat_map_figure
from sygus.export.forms import FORMS, Source
from sygus.export.gallery import Gallery
from sygus.export.latex import weight_equation
from sygus.export.notebook import notebook_html
from sygus.export.plots import front_plot, score_curve
from sygus.export.record import Record, record_path
from sygus.export.report import report_page
from sygus.language.terms import Term
from sygus.oracles.expressions import parse_expression
from sygus.writing import write_named


@dataclass(frozen=True, eq=False)
class Result:
    """A finished run. In notebooks it shows its formula, its scores and some heat maps.

    Attributes:
        folder: where it is.
        record: what was found and everything needed to judge and repeat it.
        gallery: some held-out pictures with heat maps; None where they were not kept.
    """

    folder: Path
    record: Record
    gallery: Gallery | None

    @property
    def answer(self) -> str:
        """The answer in SyGuS-IF, as the command line prints it."""
        return self.record.answer

    @property
    def found(self) -> bool:
        """Whether there is an answer."""
        return self.record.found is not None

    @property
    def status(self) -> Status:
        """How the search ended."""
        return status_of(self.record.ended, found=self.found)

    @property
    def verdict(self) -> str:
        """How the answer stands beside the methods of the table on the held-out pictures, as the report page says."""
        return " ".join(map(as_sentence, self.record.verdict))

    @cached_property
    def expression(self) -> Term:
        """The term over features that was found.

        Raises:
            OptionError: nothing was found.
        """
        return Source(self.record, self.folder).expression

    @property
    def latex(self) -> str:
        """The formula in one line."""
        return weight_equation(self.expression)

    def score(self, metric: str | None = None, *, held_out: bool = True) -> float:
        """The mean score of what was found.

        Args:
            metric: the metric's name; by default the first of the problem.
            held_out: on the held-out pictures, else on those of the search.

        Returns:
            The mean over the pictures.

        Raises:
            OptionError: nothing was found, or the run has no such metric.
        """
        row = self.record.found_row
        if row is None:
            raise OptionError("the search found no expression", "look at record.ending")
        means = row.held_out if held_out else row.search
        name = next(iter(means), None) if metric is None else metric
        if name is None or name not in means:
            raise OptionError(f"the run has no metric '{name}'", f"it has {', '.join(means) or 'none'}")
        return means[name].value

    def export(self, form: str) -> str:
        """The result as text in a form of ``sycam-sygus export``.

        Args:
            form: sygus, latex, latex-document, json, sympy or torch.

        Returns:
            The text.

        Raises:
            OptionError: an unknown form, or nothing was found.
        """
        texts = {name: one.text for name, one in FORMS.items() if one.text is not None}
        if form not in texts:
            raise OptionError(f"unknown form '{form}'", f"choose one of {', '.join(texts)}")
        return texts[form](Source(self.record, self.folder))

    def report(self, path: str | Path | None = None) -> Path:
        """Write the report page.

        Args:
            path: where to; by default into the run's folder.

        Returns:
            Where it is.

        Raises:
            SycamError: it cannot be written there.
        """
        found = self.folder / "report.html" if path is None else Path(path)
        write_named(found, report_page(self.record, self.gallery), "path")
        return found

    @property
    def candidates(self) -> Any:
        """Every expression that was scored on all search pictures, in the order of the proposals.

        A pandas DataFrame where pandas is installed, else a list of dictionaries: ``id``, ``term``, ``nodes``, each
        objective by its label, and ``feasible``.
        """
        return as_table(candidate_records(self.record))

    @cached_property
    def front(self) -> tuple[Member, ...]:
        """The best of each size that no smaller one matches, or the Pareto set, with their scores."""
        return members_of(self.record)

    def cam(
        self, model: nn.Module, target_layers: Sequence[nn.Module], *, expression: int | None = None
    ) -> SynthesizedCAM:
        """What was found as an explainer of a model.

        Args:
            model: see :class:`sygus.SynthesizedCAM`.
            target_layers: see there.
            expression: the place of a member in :attr:`front`, from 0, in place of the answer.

        Returns:
            The explainer.

        Raises:
            OptionError: nothing was found, or the front has no such member.
        """
        return SynthesizedCAM(self._chosen(expression), model, target_layers, layers=self.record.layers)

    def extractor(
        self, model: nn.Module, target_layer: str | nn.Module, *, expression: int | None = None
    ) -> SynthesizedExtractor:
        """What was found as an extractor of a model.

        Args:
            model: see :class:`sygus.SynthesizedExtractor`.
            target_layer: see there.
            expression: the place of a member in :attr:`front`, from 0, in place of the answer.

        Returns:
            The extractor.

        Raises:
            OptionError: nothing was found, or the front has no such member.
        """
        return SynthesizedExtractor(self._chosen(expression), model, target_layer, layers=self.record.layers)

    def _chosen(self, place: int | None) -> Term:
        if place is None:
            return self.expression
        if (
            isinstance(place, bool)
            or not isinstance(place, Integral)
            or not -len(self.front) <= place < len(self.front)
        ):
            message = f"expression: {shown(place)} is no place in the front, which has {len(self.front)}"
            hint = f"give a number from 0 to {len(self.front) - 1}" if self.front else "look at record.ending"
            raise OptionError(message, hint)
        return parse_expression(self.front[int(place)].expression, f"front[{place}]")

    def plot_progress(self) -> Figure:
        """The first objective of each candidate in the order of the proposals, with the best so far.

        Returns:
            The figure, which notebooks show.

        Raises:
            OptionError: nothing was scored in full, or there are no objectives.
        """
        self._require_candidates()
        return score_curve(self.record)

    def plot_front(self) -> Figure:
        """The first objective by size with the best of each size; or two objectives with their Pareto set.

        Returns:
            The figure.

        Raises:
            OptionError: nothing was scored in full, or there are no objectives.
        """
        self._require_candidates()
        return front_plot(self.record)

    def plot_maps(self, methods: Sequence[str] = FIGURE_METHODS, pictures: int = FIGURE_PICTURES) -> Figure:
        """The first held-out pictures, none chosen, with heat maps.

        Args:
            methods: titles of rows of the table; those that the run does not have, or not scored, are left out.
            pictures: how many at most.

        Returns:
            The figure.

        Raises:
            OptionError: the run kept no maps, or it has none of these methods, or less than one picture is asked for.
        """
        if self.gallery is None or not self.record.measures:
            raise OptionError("plot_maps: the run kept no heat maps", "run again with a metric")
        if pictures < 1:
            raise OptionError(f"plot_maps: pictures is {pictures}", "give at least 1")
        there = [row.title for row in self.record.table if row.title in self.gallery.maps]
        if not set(methods) & set(there):
            raise OptionError(f"plot_maps: the run has none of {', '.join(methods)}", f"it has {', '.join(there)}")
        return heat_map_figure(self.record, self.gallery, methods, pictures)

    def _require_candidates(self) -> None:
        if not self.record.objectives or not self.record.candidates:
            why = "no expression was scored in full" if self.record.objectives else "the problem has no objectives"
            raise OptionError(f"there is nothing to plot: {why}", "look at record.ending")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Result):
            return NotImplemented
        alike = self.folder == other.folder and self.record == other.record
        return alike and _same_gallery(self.gallery, other.gallery)

    def __hash__(self) -> int:
        return hash(self.folder)

    def __reduce__(self) -> tuple[Any, ...]:
        return Result, (self.folder, self.record, self.gallery)

    def __str__(self) -> str:
        return self.answer

    def __repr__(self) -> str:
        return f"Result({str(self.folder)!r}: {self.answer})"

    def _repr_latex_(self) -> str | None:
        return None if self.record.found is None else f"$$ {self.latex} $$"

    def _repr_html_(self) -> str:
        """The verdict, the formula, the table of scores, and heat maps of the first pictures."""
        return notebook_html(self.record, self.gallery, FIGURE_METHODS)

    @classmethod
    def load(cls, run: str | Path) -> Result:
        """A finished run, by its folder or its record.

        Args:
            run: where it is.

        Returns:
            The run.

        Raises:
            SycamError: there is none, or it is damaged.
        """
        path = record_path(str(run))
        return cls(path.parent, Record.read(str(run)), Gallery.read(path.parent))


def _same_gallery(one: Gallery | None, other: Gallery | None) -> bool:
    if one is None or other is None:
        return one is other
    same = one.maps.keys() == other.maps.keys() and torch.equal(one.pictures, other.pictures)
    return same and all(torch.equal(maps, other.maps[title]) for title, maps in one.maps.items())


def run(asked: Asked, note: Callable[[str], None], display: Display) -> Finished:
    """Solve a problem and write the run's folder.

    A KeyboardInterrupt ends the search early; the solution then holds the best so far and says so.

    Args:
        asked: the problem with its options.
        note: told what a user should know before the search.
        display: shows its progress.

    Returns:
        The run.

    Raises:
        BrokenOffError: the run fails after it has begun.
        SycamError: bad input; it says which.
    """
    settings, job = (
        {field.name: asked.given[field.name] for field in fields(kind) if field.name in asked.given}
        for kind in (Settings, JobOptions)
    )
    return execute(asked.problem, settings, JobOptions(**job), note, display)


def status_of(ended: str, *, found: bool) -> Status:
    """How a run ended.

    Args:
        ended: why its search ended, as its record says.
        found: whether there is an answer.

    Returns:
        The status.
    """
    if ended == "interrupted":
        return Status.INTERRUPTED
    if found:
        return Status.SOLVED
    return Status.SPENT if ended == "budget" else Status.FAIL
