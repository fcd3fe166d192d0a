"""The Python interface: ``sygus.solve("gradcam_plus", network=…, images=…)`` does what the command line does."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import cached_property
from numbers import Integral
from pathlib import Path
from typing import Any

from rich.console import Console
from torch import nn

from solvers.cam.job import JobOptions, execute
from solvers.cam.run import Progress
from solvers.cam.settings import Settings
from sygus.app.display import ProgressDisplay
from sygus.app.explainers import SynthesizedCAM, SynthesizedExtractor
from sygus.errors import OptionError
from sygus.export.figures import FIGURE_METHODS
from sygus.export.forms import FORMS, Source
from sygus.export.gallery import Gallery
from sygus.export.latex import weight_equation
from sygus.export.notebook import notebook_html
from sygus.export.record import Record, record_path
from sygus.export.report import report_page
from sygus.language.terms import Term
from sygus.saliency.metrics import known_metrics

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
        texts = {name: one.text for name, one in FORMS.items() if one.text is not None}
        if form not in texts:
            raise OptionError(f"unknown form '{form}'", f"choose one of {', '.join(texts)}")
        return texts[form](Source(self.record, self.folder))

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
            strict, target, strategy, budget, race, equivalence, metric, seed, device; out, resume, reuse, listing,
            certify. The metric may also be a function that is registered as one.

    Returns:
        The run; it is also in its folder. An interrupt ends the search and the best so far is returned.

    Raises:
        SycamError: bad input; it says which.
    """
    kinds = {field.name: str(field.type) for kind in (Settings, JobOptions) for field in fields(kind)}
    for name in options:
        if name not in kinds:
            close = difflib.get_close_matches(name, sorted(kinds), n=3) or sorted(kinds)
            raise OptionError(f"solve: unknown option '{name}'", f"known are {', '.join(close)}")
    problem = _file(file)
    given = {name: _read(name, kinds[name], value) for name, value in options.items() if value is not None}
    job = JobOptions(**{field.name: given.pop(field.name) for field in fields(JobOptions) if field.name in given})
    finished = execute(problem, given, job, _LOG.info, _shown if progress else _silent)
    return Result(finished.folder, finished.record, finished.gallery)


def _file(file: object) -> str:
    if not isinstance(file, str | Path):
        raise OptionError(f"solve: file is {_shown_value(file)}", "give a path, or the bare name of a shipped grammar")
    if str(file).lstrip()[:1] in ("(", ";", ""):
        raise OptionError(
            "solve: file is the text of a problem, not where it is", "write it into a file; give its path"
        )
    return str(file)


def _read(name: str, kind: str, value: object) -> Any:
    """The value of an option whose field has this type.

    Raises:
        OptionError: it is of another.
    """
    if kind == "bool" and isinstance(value, bool):
        return value
    if kind == "int" and isinstance(value, Integral) and not isinstance(value, bool):
        return int(value)
    if kind.startswith("str"):
        if name == "metric" and callable(value):
            return _metric_name(value)
        if isinstance(value, str) or (isinstance(value, Path) and name in ("images", "out", "listing")):
            return str(value)
    paths = isinstance(value, list | tuple) and all(isinstance(item, str | Path) for item in value)
    if kind.startswith("Sequence") and isinstance(value, list | tuple) and paths:
        return [str(item) for item in value]
    raise OptionError(f"solve: {name} is {_shown_value(value)}", f"give {_WANTED.get(name) or _WANTED[kind]}")


_WANTED = {
    "bool": "True or False",
    "int": "a whole number",
    "str": "a text, as on the command line",
    "str | None": "a text, as on the command line",
    "network": "its name; of your own, 'package.module:function' that makes it",
    "images": "the name of an image set, or a folder",
    "metric": "its name, 'package.module:function', or a function that sygus.saliency.metrics.metric decorates",
    "budget": "a text, as 'size=7,time=60s'",
    "out": "a folder",
    "listing": "a file",
    "reuse": "a list of the folders of runs",
}
"""What an option takes, by its name or by the type of its field."""


def _metric_name(function: object) -> str:
    found = next((metric.name for metric in known_metrics().values() if metric.function is function), None)
    if found is None:
        raise OptionError(f"solve: metric is {_shown_value(function)}, no metric", f"give {_WANTED['metric']}")
    return found


def _shown_value(value: object) -> str:
    if isinstance(value, str | int | float | bool | dict | list | tuple | set):
        text = repr(value)
        return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return f"of the type {type(value).__name__}"


_SHOWN = 60
"""Characters of a value in a message."""


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
