"""The Python interface: ``sygus.solve("gradcam_plus", network=…, images=…)`` does what the command line does."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sygus.app.dispatch import Asked, asked, read, read_text
from sygus.app.kinds import shown
from sygus.app.options import read_keywords
from sygus.errors import WARNING, OptionError
from sygus.language.problem import Problem

if TYPE_CHECKING:
    from sygus.app.cam import Result
    from sygus.app.improvements import Callback
    from sygus.app.ordinary import OrdinaryResult

_LOG = logging.getLogger("sygus")


def solve(
    file: str | Path, *, progress: bool = False, callback: Callback | None = None, **options: Any
) -> Result | OrdinaryResult:
    """Solve a problem: search for the best expression in the logic CAM, for one that is proved in every other.

    Both results have ``answer``, ``found`` and ``status``, and print as the answer.

    Args:
        file: a path, the bare name of a shipped grammar, or the text of a problem: a str that begins with a
            parenthesis, or with the semicolon of a comment.
        progress: whether to show the progress of a run in the logic CAM on stderr; notes go to the logger ``sygus`` in
            any case.
        callback: of a search in the logic CAM, told of every :class:`Improvement`, on resuming also of those of the
            earlier try; to return True ends the search as an interrupt does, with the best so far. What it raises ends
            the search too and is raised here; the run can be resumed.
        options: as on the command line, with underscores; see the table below.

    Returns:
        In the logic CAM the run, which is also in its folder; in every other logic what was found. An interrupt ends
        the search, and the result holds the best so far.

    Raises:
        SycamError: bad input; it says which.
    """
    if callback is not None and not callable(callback):
        raise OptionError(f"solve: callback is {shown(callback)}", "give a function of an Improvement")
    given = fitted(read_keywords(options))
    chosen = asked(_problem(file), given, python=True)
    for note in chosen.notes:
        _LOG.info(note)
    if chosen.is_cam:
        return _solve_cam(chosen, callback, progress=progress)
    if callback is not None:
        raise OptionError("solve: callback: called in the logic CAM alone", "leave it out")
    return _solve_ordinary(chosen)


def load(run: str | Path) -> Result:
    """A finished run of the logic CAM, by its folder or its record.

    Args:
        run: where it is.

    Returns:
        The run.

    Raises:
        SycamError: there is none, or it is damaged.
    """
    from sygus.app.cam import Result

    return Result.load(run)


def fitted(given: dict[str, Any]) -> dict[str, Any]:
    """Options with a bare module said to take what the pictures are, where those are tensors.

    Args:
        given: options by name.

    Returns:
        The same but for the network.

    Raises:
        SycamError: the pictures cannot be had.
    """
    network, images = given.get("network"), given.get("images")
    if network is None or images is None or isinstance(network, str) or isinstance(images, str):
        return given
    return given | {"network": network.taking(images.shape)}


def _problem(file: object) -> Problem:
    if isinstance(file, str) and file.lstrip()[:1] in ("(", ";"):
        return read_text(file)
    if not isinstance(file, str | Path) or not str(file).strip():
        hint = "give a path, or the bare name of a shipped grammar, or the text of a problem"
        raise OptionError(f"solve: file is {shown(file)}", hint)
    return read(str(file))


def _solve_cam(chosen: Asked, callback: Callback | None, *, progress: bool) -> Result:
    from sygus.app.cam import Result, run
    from sygus.app.display import shown_progress, silent
    from sygus.app.improvements import calling

    display = shown_progress if progress else silent
    finished = run(chosen, _said, display if callback is None else calling(callback, display))
    for note in finished.record.notes:
        if note not in finished.solution.protocol["notes"]:  # those were said before the search
            _said(note)
    return Result(finished.folder, finished.record, finished.gallery)


def _said(note: str) -> None:
    _LOG.log(logging.WARNING if note.startswith(WARNING) else logging.INFO, note.removeprefix(WARNING))


def _solve_ordinary(chosen: Asked) -> OrdinaryResult:
    from sygus.app.ordinary import OrdinaryOptions, solve_ordinary

    result = solve_ordinary(chosen.problem, OrdinaryOptions(**chosen.given))
    for note in result.notes:
        _LOG.info(note)
    for warning in result.warnings:
        _LOG.warning(warning)
    return result
