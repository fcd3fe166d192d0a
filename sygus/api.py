"""The Python interface: ``sygus.solve("gradcam_plus", network=…, images=…)`` does what the command line does."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from rich.console import Console
from torch import nn

from solvers.job import FIGURE_METHODS, JobOptions, execute
from solvers.run import Progress
from solvers.settings import Settings
from sygus.commands.export import FORMS, term_of
from sygus.display import ProgressDisplay
from sygus.errors import OptionError
from sygus.export.gallery import Gallery
from sygus.export.latex import weight_equation
from sygus.export.notebook import notebook_html
from sygus.export.record import Record, record_path
from sygus.export.report import report_page
from sygus.synthesized import SynthesizedCAM, SynthesizedExtractor
from sygus.terms import Term

_LOG = logging.getLogger("sygus")


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

    @cached_property
    def expression(self) -> Term:
        """The term over features that was found.

        Raises:
            OptionError: nothing was found.
        """
        return term_of(self.record)

    @property
    def latex(self) -> str:
        """The formula in one line."""
        return weight_equation(self.expression)

    def score(self, metric: str | None = None, *, held_out: bool = True) -> float:
        """The mean score of what was found.

        Args:
            metric: the metric's name; by default the first of the problem.
            held_out: on the held-out pictures, else on those of the search.

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
        """The result as text in a form of ``sycam-sygus export``: sygus, latex, latex-document, json, sympy or torch.

        Raises:
            OptionError: an unknown form, or nothing was found.
        """
        if form not in FORMS:
            raise OptionError(f"unknown form '{form}'", f"choose one of {', '.join(FORMS)}")
        return FORMS[form](self.record)

    def report(self, path: str | Path | None = None) -> Path:
        """Write the report page, by default into the run's folder; where it is."""
        found = self.folder / "report.html" if path is None else Path(path)
        found.write_text(report_page(self.record, self.gallery), encoding="utf-8")
        return found

    def cam(self, model: nn.Module, target_layers: Sequence[nn.Module]) -> SynthesizedCAM:
        """What was found as an explainer of a model; see :class:`sygus.SynthesizedCAM`."""
        return SynthesizedCAM(self.expression, model, target_layers)

    def extractor(self, model: nn.Module, target_layer: str | nn.Module) -> SynthesizedExtractor:
        """What was found as an extractor of a model; see :class:`sygus.SynthesizedExtractor`."""
        return SynthesizedExtractor(self.expression, model, target_layer)

    def __str__(self) -> str:
        return self.answer

    def __repr__(self) -> str:
        return f"Result({str(self.folder)!r}: {self.answer})"

    def _repr_latex_(self) -> str | None:
        return None if self.record.found is None else f"$$ {self.latex} $$"

    def _repr_html_(self) -> str:
        """The formula, the table of scores, and heat maps of the first pictures."""
        return notebook_html(self.record, self.gallery, FIGURE_METHODS)


def solve(file: str | Path, *, progress: bool = False, **options: Any) -> Result:
    """Search the grammar of a problem file for the best expression.

    Args:
        file: a path, or the bare name of a shipped grammar.
        progress: whether to show the progress on stderr; notes go to the logger ``sygus`` in any case.
        options: as on the command line, with underscores: network, layer, images, search_images, held_out_images,
            target, strategy, budget, race, equivalence, metric, seed, device; out, resume, reuse, listing, certify.

    Returns:
        The run; it is also in its folder. An interrupt ends the search and the best so far is returned.

    Raises:
        SycamError: bad input; it says which.
    """
    settings = {field.name for field in fields(Settings)}
    files = {field.name for field in fields(JobOptions)}
    for name in options:
        if name not in settings | files:
            close = difflib.get_close_matches(name, sorted(settings | files), n=3) or sorted(settings | files)
            raise OptionError(f"solve: unknown option '{name}'", f"known are {', '.join(close)}")
    given: dict[str, Any] = {name: str(value) if isinstance(value, Path) else value for name, value in options.items()}
    job = JobOptions(**{name: given.pop(name) for name in files & given.keys()})
    finished = execute(str(file), given, job, _LOG.info, _shown if progress else _silent)
    return Result(finished.folder, finished.record, finished.gallery)


def load(run: str | Path) -> Result:
    """A finished run, by its folder or its record.

    Raises:
        SycamError: there is none, or it is damaged.
    """
    path = record_path(str(run))
    return Result(path.parent, Record.read(str(run)), Gallery.read(path.parent))


@contextmanager
def _shown(goals: Sequence[str]) -> Iterator[Callable[[Progress], None]]:
    with ProgressDisplay(Console(stderr=True), goals, quiet=False) as display:
        yield display


@contextmanager
def _silent(_: Sequence[str]) -> Iterator[Callable[[Progress], None]]:
    yield lambda _: None
