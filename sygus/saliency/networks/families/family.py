"""What a family of networks is: names, and how a name becomes a classifier."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

from sygus.errors import OptionError, SycamError
from sygus.saliency.networks.classifier import Classifier

Load = Callable[[str], Classifier]


@dataclass(frozen=True)
class Family:
    """A family of networks.

    Attributes:
        pattern: how a network is named: one name, or ``prefix:NAME``.
        doc: what it is.
        load: makes the classifier from the name after the prefix, or from the one name.
        order: smaller ones are listed first.
    """

    pattern: str
    doc: str
    load: Load
    order: int

    @property
    def prefix(self) -> str:
        """What comes before the colon; "" where the pattern is one name."""
        return self.pattern.partition(":")[0] if ":" in self.pattern else ""

    @property
    def place(self) -> tuple[bool, int, str]:
        """Where it stands in lists: single networks come first, and of one order are sorted by name."""
        return bool(self.prefix), self.order, self.pattern


FAMILIES: dict[str, Family] = {}
"""Every family, by its pattern."""


def family(pattern: str, doc: str, *, order: int = 100) -> Callable[[Load], Load]:
    """Register the decorated function as the loader of a family; see :class:`Family` for the arguments."""

    def register(load: Load) -> Load:
        if pattern in FAMILIES:
            raise ValueError(f"there are two families '{pattern}'; use another name")
        FAMILIES[pattern] = Family(pattern, doc, load, order)
        return load

    return register


def optional(module: str, extra: str) -> ModuleType:
    """An optional package, imported.

    Raises:
        OptionError: it is not installed, or does not import; the install line is in the message.
    """
    package, install = module.partition(".")[0], f'pip install "sycam-sygus[{extra}]"'
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = (error.name or package).partition(".")[0]
        needed = f"this network needs {package}" + ("" if missing == package else f", and that needs {missing}")
        raise OptionError(f"--network: {needed}, which is not installed", install) from None
    except Exception as error:  # compiled parts that do not fit this torch raise RuntimeError, OSError and others
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise OptionError(
            f"--network: {package} is installed but does not import ({reason})",
            f"install a version of {package} that fits this torch: {install}",
        ) from error


def foreign(what: str, work: Callable[[], Classifier]) -> Classifier:
    """What another package loads, its errors in our words.

    Raises:
        SycamError: it raised.
    """
    try:
        return work()
    except SycamError:
        raise
    except Exception as error:  # downloads, files and configurations fail in the ways of each package
        reason = str(error).strip().splitlines()[0] if str(error).strip() else "no message"
        raise SycamError(
            f"cannot load {what}: {type(error).__name__}: {reason}",
            "weights are downloaded when a network is first used: check its name and the connection",
        ) from error


def square(size: tuple[int, int] | int) -> tuple[int, int]:
    """H, W, of which one may stand for both."""
    return (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))
