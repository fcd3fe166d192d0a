"""The learners, one file each, and those of other packages and of the user, by name."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from solvers.cam.learner import LEARNERS, Learner, summary
from sygus.discovery import entry_points
from sygus.errors import OptionError, known
from sygus.foreign import failure, named_class

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "sycam_sygus.learners"
"""The entry point group in which packages offer learners: under each name, a class."""


def learner_names() -> list[str]:
    """The names of the learners of this package and of those that installed packages offer."""
    return list(dict.fromkeys([*_own(), *_offered()]))


def known_learners() -> Mapping[str, str]:
    """Every learner by name, with what it does, or why it cannot be had."""
    found = {}
    for name in learner_names():
        try:
            found[name] = summary(find_learner(name))
        except OptionError as error:
            found[name] = str(error)
    return found


def find_learner(name: str) -> type[Learner]:
    """The learner of this name; a package's is loaded only now.

    Raises:
        OptionError: there is none, or the package's does not load or is no learner.
    """
    if name in _own():
        return _own()[name]
    offered = _offered()
    if name not in offered:
        raise OptionError(f"unknown learner '{name}'", known(learner_names(), name, "known learners"))
    point = offered[name]
    try:
        found = point.load()
    except Exception as error:
        message = f"the learner of the entry point '{name}' does not load: {failure(error)}"
        raise OptionError(message, f"mend or uninstall the package that offers {point.value}") from error
    return _learner(found, point.value)


def chosen_learner(name: str) -> type[Learner]:
    """A learner as the command line names it: by name, or a user's own as ``package.module:Class``.

    Only the command line and Python may name a class, since importing its module runs it; a problem file may not.

    Raises:
        OptionError: naming ``--strategy``: there is none, or the class does not import or is no learner.
    """
    try:
        return _learner(named_class(name), name) if ":" in name else find_learner(name)
    except OptionError as error:
        raise OptionError(f"--strategy: {error.message}", error.hint) from error


def _learner(found: Any, spec: str) -> type[Learner]:
    if isinstance(found, type) and issubclass(found, Learner):
        return found
    raise OptionError(f"'{spec}' is no learner", "derive the class from solvers.cam.learner.Learner")


@cache
def _own() -> Mapping[str, type[Learner]]:
    """The learners of this package; its modules register them."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return {name: made for name, made in LEARNERS.items() if made.__module__.startswith(f"{__name__}.")}


def is_own(made: type[Learner]) -> bool:
    """Whether a learner is of this package."""
    return made in _own().values()


def _offered() -> Mapping[str, EntryPoint]:
    return {point.name: point for point in entry_points(GROUP)}
