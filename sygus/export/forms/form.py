"""What a form of a result is: a short function from a run to a text, or to files in a folder, and its metadata."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from sygus.errors import OptionError
from sygus.records import record

if TYPE_CHECKING:
    from sygus.export.gallery import Gallery
    from sygus.export.record import Record
    from sygus.language.terms import Term


@record(frozen=True, eq=False)
class Source:
    """What is exported.

    Attributes:
        record: of the run.
        folder: where it is.
    """

    record: Record
    folder: Path

    @cached_property
    def expression(self) -> Term:
        """The expression that the run found.

        Raises:
            OptionError: it found none.
            SourceError: the record's answer does not parse.
        """
        from sygus.oracles.expressions import parse_expression

        if self.record.found is None:
            raise OptionError("RUN: the search found no expression", "export a run that has an answer")
        return parse_expression(self.record.answer, "the run's answer")

    @cached_property
    def gallery(self) -> Gallery | None:
        """Some held-out pictures with heat maps; None where they were not kept.

        Raises:
            SycamError: they are damaged.
        """
        from sygus.export.gallery import Gallery

        return Gallery.read(self.folder)


Text = Callable[[Source], str]
"""The result as text."""

Note = Callable[[str], None]
"""Told what is left out, and why."""

Files = Callable[[Source, Path, Note], Iterator[Path]]
"""Writes the result into a folder; gives each file once it is written."""


@record(frozen=True)
class Form:
    """A form: a text, or files.

    Attributes:
        name: as ``--to`` names it.
        doc: what it is, in a few words.
        text: makes the text; None where the form is files.
        files: writes the files; None where it is a text.
        obvious: whether the name says it all, so that the help of the command has no need of ``doc``.
        order: smaller ones are listed first.
    """

    name: str
    doc: str
    text: Text | None = None
    files: Files | None = None
    obvious: bool = False
    order: int = 100


REGISTERED: dict[str, Form] = {}
"""Every form, by name."""


def text_form(name: str, doc: str, *, obvious: bool = False, order: int = 100) -> Callable[[Text], Text]:
    """Register the decorated function as a form that is a text; see :class:`Form` for the arguments."""

    def enter(text: Text) -> Text:
        _register(Form(name, doc, text=text, obvious=obvious, order=order))
        return text

    return enter


def files_form(name: str, doc: str, *, obvious: bool = False, order: int = 100) -> Callable[[Files], Files]:
    """Register the decorated function as a form that is files; see :class:`Form` for the arguments."""

    def enter(files: Files) -> Files:
        _register(Form(name, doc, files=files, obvious=obvious, order=order))
        return files

    return enter


def _register(form: Form) -> None:
    if form.name in REGISTERED:
        raise ValueError(f"there are two forms '{form.name}'; use another name")
    REGISTERED[form.name] = form
