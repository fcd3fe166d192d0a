"""``sycam-sygus FILE.sl`` for problems of every logic but CAM."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from itertools import islice

from sygus.app.dispatch import Asked
from sygus.app.ordinary import (
    LEAST_SECONDS,
    OrdinaryAnswer,
    OrdinaryOptions,
    SoFar,
    further_answers,
    questions,
    solve_ordinary,
    unproved,
)
from sygus.app.statuses import ExitStatus, Status
from sygus.app.terminal import echo
from sygus.bounds import LastResort
from sygus.language.problem import Problem


def run_ordinary(asked: Asked, began: float, resort: LastResort) -> ExitStatus:
    """Print one answer, or several, to each question of the file.

    Args:
        asked: the problem with its options.
        began: when its time began to run, by the monotonic clock.
        resort: what ends a search that does not end by itself; it is told what there is to say then.

    Returns:
        The exit status: of several questions, the first that is not done.

    Raises:
        SycamError: bad input; it says which.
    """
    given = asked.given
    options = OrdinaryOptions(**{f.name: given[f.name] for f in fields(OrdinaryOptions) if f.name in given})
    options = replace(options, time=max(LEAST_SECONDS, options.time - (time.monotonic() - began)), memory=None)
    quiet, status, waiting = "quiet" in given, ExitStatus.DONE, len(asked.problem.questions)
    for question, share in questions(asked.problem, options):
        if asked.problem.earlier and not quiet:
            echo(f"line {question.asked.line}:", err=True)
        waiting -= 1
        if "next" in given or "every" in given:
            count = None if "every" in given else given["next"]
            ended = _print_several(question, share, count, resort, waiting, quiet=quiet)
        else:
            ended = _print_one(question, share, resort, waiting, quiet=quiet)
        if ended is ExitStatus.INTERRUPTED:
            return ended
        status = status or ended
    return status


def _print_one(
    problem: Problem, options: OrdinaryOptions, resort: LastResort, waiting: int, *, quiet: bool
) -> ExitStatus:
    """Print the answer, or that there is none, while so many questions wait."""
    so_far, unanswered = SoFar(), [None] * waiting
    above = f"; cut: {unproved(options.time)}" if problem.objectives else None
    resort.farewell = lambda: left_behind([so_far.answer, *unanswered], above)
    result = solve_ordinary(problem, options, so_far)
    status = ExitStatus.of(result.status)
    with resort.put_off():
        if result.best is not None and result.status is Status.SOLVED and not quiet:
            echo(f"{result.strategy}: {result.size} nodes after {result.seconds:.2f} s", err=True)
        _say(result.warnings)
        if result.best is not None:
            _print(result.best, result.printed, quiet=quiet)
        if not quiet:
            _say(result.notes)
        if not result.found and result.status is not Status.INTERRUPTED:
            echo(result.answer)
        resort.farewell = lambda: left_behind(unanswered) if unanswered else status
    return status


def left_behind(answers: Sequence[str | None], above: str | None = None) -> ExitStatus:
    """Say what a search that does not end, and those that wait for it, have come to.

    Args:
        answers: None where there is none.
        above: what stands above an answer.
    """
    echo("out of time: the search does not stop by itself", err=True)
    for answer in answers:
        if answer is not None and above is not None:
            echo(above)
        echo(answer or "fail")
    return ExitStatus.of(Status.SOLVED if all(answers) else Status.SPENT)


def _print_several(
    problem: Problem, options: OrdinaryOptions, count: int | None, resort: LastResort, waiting: int, *, quiet: bool
) -> ExitStatus:
    """Print answers as they are found, so many or all, while so many questions wait."""
    answers, unanswered = further_answers(problem, options), [None] * waiting
    resort.farewell = lambda: left_behind(unanswered if answers.count else [None, *unanswered])
    try:
        for answer in islice(answers, None if count is None else min(count, sys.maxsize)):
            with resort.put_off():
                _print(answer, answer.answer, quiet=quiet)
    except KeyboardInterrupt:
        _say(["interrupted"])
        return ExitStatus.INTERRUPTED
    status = ExitStatus.of(answers.status)
    with resort.put_off():
        _say(answers.warnings)
        if not quiet:
            _say(answers.notes)
        if not answers.count:
            echo("infeasible" if answers.status is Status.INFEASIBLE else "fail")
        resort.farewell = lambda: left_behind(unanswered) if unanswered else status
    return status


def _print(answer: OrdinaryAnswer, text: str, *, quiet: bool) -> None:
    if answer.certified and not quiet:
        echo(f"certified: {answer.certificate}", err=True)
    echo(text)


def _say(lines: Iterable[str]) -> None:
    for line in lines:
        echo(line, err=True)
