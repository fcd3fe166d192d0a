"""Problems of the logic CAM, as the command line and Python solve them: a run, in its folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

from torch import nn

from solvers.cam.job import Display, Finished, JobOptions, execute
from solvers.cam.settings import Settings
from sygus.app.dispatch import Asked
from sygus.app.explainers import SynthesizedCAM, SynthesizedExtractor
from sygus.app.statuses import Status
from sygus.errors import OptionError
from sygus.export.comparisons import as_sentence
from sygus.export.figures import FIGURE_METHODS
from sygus.export.forms import FORMS, Source
from sygus.export.gallery import Gallery
from sygus.export.latex import weight_equation
from sygus.export.notebook import notebook_html
from sygus.export.record import Record, record_path
from sygus.export.report import report_page
from sygus.language.terms import Term
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

    def cam(self, model: nn.Module, target_layers: Sequence[nn.Module]) -> SynthesizedCAM:
        """What was found as an explainer of a model.

        Args:
            model: see :class:`sygus.SynthesizedCAM`.
            target_layers: see there.

        Returns:
            The explainer.

        Raises:
            OptionError: nothing was found.
        """
        return SynthesizedCAM(self.expression, model, target_layers, layers=self.record.layers)

    def extractor(self, model: nn.Module, target_layer: str | nn.Module) -> SynthesizedExtractor:
        """What was found as an extractor of a model.

        Args:
            model: see :class:`sygus.SynthesizedExtractor`.
            target_layer: see there.

        Returns:
            The extractor.

        Raises:
            OptionError: nothing was found.
        """
        return SynthesizedExtractor(self.expression, model, target_layer, layers=self.record.layers)

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
