"""``sycam-sygus FILE.sl`` for problems of every logic but CAM."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from dataclasses import fields, replace
from itertools import islice

from sygus.app.dispatch import Asked
from sygus.app.ordinary import OrdinaryAnswer, OrdinaryOptions, further_answers, solve_ordinary
from sygus.app.statuses import ExitStatus, Status
from sygus.app.terminal import echo

_LEAST_SECONDS = 0.001


def run_ordinary(asked: Asked, began: float) -> ExitStatus:
    """Print one answer, or several.

    Args:
        asked: the problem with its options.
        began: when its time began to run, by the monotonic clock.

    Returns:
        The exit status.

    Raises:
        SycamError: bad input; it says which.
    """
    given = asked.given
    options = OrdinaryOptions(**{f.name: given[f.name] for f in fields(OrdinaryOptions) if f.name in given})
    options = replace(options, time=max(_LEAST_SECONDS, options.time - (time.monotonic() - began)), memory=None)
    quiet = "quiet" in given
    if "next" in given or "every" in given:
        return _print_several(asked, options, None if "every" in given else given["next"], quiet=quiet)
    result = solve_ordinary(asked.problem, options)
    if result.best is not None and result.status is Status.SOLVED and not quiet:
        echo(f"{result.strategy}: {result.size} nodes after {result.seconds:.2f} s", err=True)
    _say(result.warnings)
    if result.best is not None:
        _print(result.best, quiet=quiet)
    if not quiet:
        _say(result.notes)
    if not result.found and result.status is not Status.INTERRUPTED:
        echo(result.answer)
    return ExitStatus.of(result.status)


def _print_several(asked: Asked, options: OrdinaryOptions, count: int | None, *, quiet: bool) -> ExitStatus:
    """Print answers as they are found, so many or all."""
    answers = further_answers(asked.problem, options)
    try:
        for answer in islice(answers, None if count is None else min(count, sys.maxsize)):
            _print(answer, quiet=quiet)
    except KeyboardInterrupt:
        _say(["interrupted"])
        return ExitStatus.INTERRUPTED
    _say(answers.warnings)
    if not quiet:
        _say(answers.notes)
    if not answers.count:
        echo("infeasible" if answers.status is Status.INFEASIBLE else "fail")
    return ExitStatus.of(answers.status)


def _print(answer: OrdinaryAnswer, *, quiet: bool) -> None:
    if answer.certified and not quiet:
        echo("certified: read back, derived from the grammar, and proved by Z3", err=True)
    echo(answer.answer)


def _say(lines: Iterable[str]) -> None:
    for line in lines:
        echo(line, err=True)
