"""The Python interface: ``sygus.solve("gradcam_plus", network=…, images=…)`` does what the command line does."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sygus.app.dispatch import Asked, asked, read, read_text
from sygus.app.kinds import shown
from sygus.app.options import BY_NAME, SPREAD, SUBJECTS, read_keywords
from sygus.errors import WARNING, OptionError
from sygus.language.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sygus.app.cam import Result
    from sygus.app.evaluating import ScoreTable
    from sygus.app.explaining import Explanations
    from sygus.app.improvements import Callback
    from sygus.app.ordinary import OrdinaryResult
    from sygus.language.terms import Term
    from sygus.saliency.metrics import Metric

_LOG = logging.getLogger("sygus")


def solve(
    file: str | Path,
    *,
    progress: bool = False,
    callback: Callback | None = None,
    direction: str | None = None,
    **options: Any,
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
        direction: ``min`` or ``max``, of a function given as ``metric`` that no decorator says it of. It takes an
            :class:`Evaluation`, or maps (n, H, W) and pictures (n, C, H, W), and takes the place of the metric and of
            the objective that the problem states.
        options: as on the command line, with underscores; see the table below. In Python ``network`` may be a module,
            (module, options) or a :class:`Classifier`; ``images`` a tensor (N, C, H, W) in [0, 1], a list of paths, PIL
            images or tensors, (pictures, labels), or a torch Dataset or DataLoader; ``metric`` a function.

    Returns:
        In the logic CAM the run, which is also in its folder; in every other logic what was found. An interrupt ends
        the search, and the result holds the best so far. Of a file that asks several times it is the last result, and
        ``earlier`` holds those before it.

    Raises:
        SycamError: bad input; it says which.
    """
    if callback is not None and not callable(callback):
        raise OptionError(f"solve: callback is {shown(callback)}", "give a function of an Improvement")
    if direction is not None:
        options["metric"] = _directed(options.get("metric"), direction)
    given = _fitted(read_keywords(options))
    chosen = asked(_problem(file), given, python=True)
    for note in chosen.notes:
        _LOG.info(note)
    if chosen.is_cam:
        _check_gradients("solve")
        return _solve_cam(chosen, callback, progress=progress)
    if callback is not None:
        raise OptionError("solve: callback: called in the logic CAM alone", "leave it out")
    return _solve_ordinary(chosen)


def evaluate(
    methods: str | Sequence[str] = "quick",
    metrics: str | Sequence[str | Callable[..., Any]] | None = None,
    *,
    expression: str | Path | Result | None = None,
    study: str | None = None,
    progress: bool = False,
    **options: Any,
) -> ScoreTable:
    """Score methods, and an expression, by metrics, as ``sycam-sygus evaluate`` does.

    Args:
        methods: their names, as a list or separated by commas; or ``quick``, ``flavours`` or ``all``.
        metrics: their names, with options as ``deletion(top=30)``, or functions that
            :func:`sygus.saliency.metrics.metric` decorates; or ``all``. By default ``average-drop``; of a study and of
            the flavours their own.
        expression: to be scored too, last: a term over features, a define-fun or an answer as text; a path of a run or
            of a file that holds one; or a result.
        study: ``boxes``, the metrics of each map whole, inside and outside the boxes of the ground truth.
        progress: whether to show the progress on stderr; notes go to the logger ``sygus`` in any case.
        options: network, layer, layers, images, search_images, held_out_images, strict, target, seed, device and
            at_once, workers and ray, as :func:`solve` takes them.

    Returns:
        The table: a row for each method, with its means, intervals and scores of pictures.

    Raises:
        SycamError: bad input; it says which.
    """
    _check_gradients("evaluate")
    taken = [one for one in SUBJECTS if one.name != "validation_images"] + [BY_NAME[name] for name in SPREAD]
    given = _fitted(read_keywords(options, "evaluate", taken))
    elsewhere = {name: given.pop(name, None) for name in SPREAD}
    from solvers.cam.settings import Settings
    from sygus.app.evaluating import evaluated
    from sygus.app.explaining import joined

    names = list(metrics) if isinstance(metrics, list | tuple) else [metrics]
    asked_of = None if metrics is None else ",".join(_metric_name(one) for one in names)
    rows, term = joined(methods, "evaluate: methods"), _expression("evaluate", expression)
    settings, display = Settings(**given), _display(progress)
    return evaluated(settings, rows, asked_of, term, _said, display, study=study, **elsewhere).table


def explain(
    pictures: Any,
    *,
    methods: str | Sequence[str] = "gradcam,gradcam++,layercam",
    expression: str | Path | Result | None = None,
    target: Any = None,
    progress: bool = False,
    **options: Any,
) -> Explanations:
    """Heat maps of pictures, as ``sycam-sygus explain`` draws them.

    Args:
        pictures: a path, or ``shapes:3`` for picture 3 of the embedded set, or a list of these; or PIL images, tensors,
            a Dataset or a DataLoader as :func:`solve` takes them. Here all are explained, in their order, and a file
            that cannot be read is an error.
        methods: their names, as a list or separated by commas.
        expression: to be drawn too, last, as :func:`evaluate` takes it.
        target: what is explained: a class by its name or number, or as :func:`solve` takes it; by default the class
            that the network predicts.
        progress: whether to show the progress on stderr; notes go to the logger ``sygus`` in any case.
        options: network, layer, layers and device, as :func:`solve` takes them.

    Returns:
        The maps by the name of the method, and their figure.

    Raises:
        SycamError: bad input; it says which.
    """
    _check_gradients("explain")
    given = read_keywords(options, "explain", [BY_NAME[name] for name in ("network", "layer", "layers", "device")])
    from torch import Tensor

    from solvers.cam.settings import Settings
    from sygus.app.explaining import class_or_target, explained, joined
    from sygus.saliency.images import given_images
    from sygus.saliency.images.single import read_given, read_pictures

    listed = [pictures] if isinstance(pictures, str | Path) else pictures
    if isinstance(listed, list | tuple) and listed and all(isinstance(one, str | Path) for one in listed):
        paths = [str(one) for one in listed]
        read = partial(read_pictures, paths, strict=True)
    else:
        found = given_images(listed)
        if found is None:
            raise OptionError(f"explain: pictures is {shown(pictures)}", f"give {PICTURES}")
        given = _fitted(given | {"images": found})
        read = partial(read_given, given.pop("images"))
    if target is not None:
        text = str(target) if isinstance(target, Integral) and not isinstance(target, bool) else target
        if not isinstance(text, str) and (isinstance(text, Tensor) or not callable(text)):
            hint = "give one class for all, by its name or number, or a function of the network's outputs"
            raise OptionError(f"explain: target is {shown(target)}", hint)
        given["target"] = class_or_target(text)
    names, term = joined(methods, "explain: methods"), _expression("explain", expression)
    return explained(Settings(**given), read, names, term, _said, _display(progress))


def _display(progress: bool) -> AbstractContextManager[object]:
    """What shows the progress on stderr, where it is asked for."""
    if not progress:
        return nullcontext()
    from rich.console import Console

    from sygus.app.display import Display

    return Display(Console(stderr=True))


def _check_gradients(call: str) -> None:
    import torch

    if torch.is_inference_mode_enabled():
        raise OptionError(f"{call}: torch.inference_mode() is on, where nothing has a gradient", "call it outside")


PICTURES = (
    "a path or a list of them, a tensor (N, C, H, W) in [0, 1], a list of PIL images or tensors (C, H, W), or a torch "
    "Dataset or DataLoader"
)
"""What :func:`explain` takes, in words."""


def _directed(metric: object, direction: str) -> Metric:
    """The metric of a function that Python gives with its direction."""
    from sygus.saliency.metrics import given_metric, known_metrics

    if not callable(metric) or any(one.function is metric for one in known_metrics().values()):
        message = "solve: direction is of a function that is given as metric and that no decorator says it of"
        raise OptionError(message, "leave it out")
    try:
        return given_metric(metric, direction)
    except OptionError as error:
        raise OptionError(f"solve: {error.message}", error.hint) from None


def _metric_name(metric: object) -> str:
    from sygus.app.kinds import METRIC

    try:
        name = METRIC.read(metric)
    except OptionError as error:
        hint = f"give {METRIC.wanted}; a function of yours is one by @sygus.saliency.metrics.metric"
        raise OptionError(f"evaluate: {error.message.removeprefix('solve: ')}", hint) from None
    if name is None:
        raise OptionError(f"evaluate: metrics holds {shown(metric)}", f"give of each {METRIC.wanted}")
    found: str = name
    return found


def _expression(call: str, value: object) -> Term | None:
    """The term over features that Python names."""
    from sygus.app.cam import Result
    from sygus.app.explainers import load_expression
    from sygus.oracles.expressions import parse_expression

    match value:
        case None:
            return None
        case str():
            return parse_expression(value, "expression")
        case Path():
            return load_expression(value)
        case Result():
            return value.expression
    raise OptionError(f"{call}: expression is {shown(value)}", "give a text, a path of a run or of a file, or a result")


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


def _fitted(given: dict[str, Any]) -> dict[str, Any]:
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
    from sygus.app.ordinary import OrdinaryOptions, questions, solve_ordinary
    from sygus.app.statuses import Status

    results: list[OrdinaryResult] = []
    for question, options in questions(chosen.problem, OrdinaryOptions(**chosen.given)):
        result = solve_ordinary(question, options)
        for note in result.notes:
            _LOG.info(note)
        for warning in result.warnings:
            _LOG.warning(warning)
        results.append(result)
        if result.status is Status.INTERRUPTED:
            break
    *earlier, last = results
    return replace(last, earlier=tuple(earlier))
