"""The one place that reads a problem file; its logic decides which options mean something and which solver answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sygus.app.options import Side, check_side
from sygus.language.elaborate import load_problem
from sygus.language.problem import Problem
from sygus.records import record
from sygus.resources import read_problem


@record(frozen=True, eq=False)
class Asked:
    """A problem that was read, and how it is to be solved.

    Attributes:
        problem: well-sorted.
        given: options by name, all of them for problems of its kind; those that are missing have their defaults.
    """

    problem: Problem
    given: Mapping[str, Any]

    @property
    def is_cam(self) -> bool:
        """Whether a network judges the answer; it is proved otherwise."""
        return side_of(self.problem) is Side.CAM

    @property
    def notes(self) -> list[str]:
        """What a user should know of the file, in words."""
        return file_notes(self.problem)


def read(file: str) -> Problem:
    """Read and check a problem file.

    Args:
        file: a path, or the bare name of a shipped grammar.

    Returns:
        What it asks.

    Raises:
        OptionError: there is no such file, or it is no text.
        SourceError: with the position of what is wrong in it.
    """
    name, text = read_problem(file)
    return load_problem(text, name)


def read_text(text: str) -> Problem:
    """Check the text of a problem that is in no file.

    Args:
        text: of the whole problem.

    Returns:
        What it asks; its name is ``text``.

    Raises:
        SourceError: with the position of what is wrong in it.
    """
    return load_problem(text, "text")


def asked(problem: Problem, given: Mapping[str, Any], *, python: bool = False) -> Asked:
    """A problem with the options that were given.

    Args:
        problem: from :func:`read`.
        given: options by name; None, False and () where one is not given.
        python: whether they were given as keywords of Python.

    Returns:
        Both.

    Raises:
        OptionError: an option that the problem has no use for.
    """
    chosen = {name: value for name, value in given.items() if value is not None and value is not False and value != ()}
    check_side(chosen, side_of(problem), problem.logic, problem.file, python=python)
    return Asked(problem, chosen)


def side_of(problem: Problem) -> Side:
    """Whether a problem asks for heat maps or is an ordinary one.

    Args:
        problem: any.

    Returns:
        Its side.
    """
    return Side.CAM if problem.logic == "CAM" else Side.ORDINARY


def file_notes(problem: Problem) -> list[str]:
    """What a user should know of a file, in words.

    Args:
        problem: as it was read.

    Returns:
        The notes; none where there is nothing to say.
    """
    notes = []
    if problem.unset:
        notes.append(f"{problem.file} sets no logic and is read in {problem.logic}, the first that fits it")
    if problem.legacy:
        notes.append(f"{problem.file} uses syntax older than 2.1: {'; '.join(problem.legacy)}")
    for target in problem.targets:
        if target.barren:
            names = ", ".join(f"'{name}'" for name in target.barren)
            notes.append(f"in the grammar of '{target.function.name}' nothing is derived from {names}: left out")
    return notes
