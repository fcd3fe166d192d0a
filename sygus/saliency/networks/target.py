"""What is explained: the logit of a class, or one number that is made of what a network returns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from torch import Tensor

from sygus.errors import OptionError, guess
from sygus.foreign import PATTERN, named_function
from sygus.saliency.images.labelling import classes_named

Kind = Literal["predicted", "label", "logit", "regression", "region", "function"]

Compute = Callable[[Any], Tensor]
"""From what a network returns for n pictures to one number for each, (n,)."""

FORMS = ("predicted", "label", "logit C", "regression", "region C", PATTERN)
"""How an option names a target; C is a class, by its name or number."""

_ALONE: tuple[Kind, ...] = ("predicted", "label", "regression")
_OF_CLASS: tuple[Kind, ...] = ("logit", "region")
_SHOWN = 60
"""Characters of a value in a message."""


@dataclass(frozen=True)
class Target:
    """What is explained in every picture.

    Attributes:
        kind: the logit of the class that is ``predicted``, of the true one (``label``), or of one class in every
            picture (``logit``); the one number that the network gives (``regression``); the mean logit of a class over
            the pixels that a segmentation assigns to it (``region``); or what a ``function`` makes of the outputs.
        name: the class as it was named, or what the function is called; "" for the others.
        function: takes what the network returns for n pictures and gives (n,); None of ``package.module:function``
            until :meth:`loaded`.
        numbers: how many numbers the function gives for each picture, as (n, numbers) where they are several; which of
            them is explained in a picture, its entry among the targets says.
    """

    kind: Kind = "predicted"
    name: str = ""
    function: Compute | None = None
    numbers: int = 1

    @property
    def text(self) -> str:
        """As an option names it."""
        return self.name if self.kind == "function" else f"{self.kind} {self.name}".strip()

    @property
    def is_class(self) -> bool:
        """Whether it is a class among others, so that it has a probability."""
        return self.kind in ("predicted", "label", "logit")

    def loaded(self) -> Target:
        """The target with its function, imported where it is only named.

        Raises:
            OptionError: it cannot be imported, or is no function.
        """
        if self.kind != "function" or self.function is not None:
            return self
        try:
            return replace(self, function=named_function(self.name))
        except OptionError as error:
            raise OptionError(f"--target: {error.message}", error.hint) from error


PREDICTED = Target()


def read_target(value: str | Compute | Target) -> Target:
    """The target that an option names, or that a function of Python computes. Nothing is imported.

    Raises:
        OptionError: a text that names none.
    """
    if isinstance(value, Target):
        return value
    if not isinstance(value, str):
        return Target("function", _called(value), value)
    head, _, rest = value.strip().partition(" ")
    for kind in _ALONE:
        if value.strip() == kind:
            return Target(kind)
    for kind in _OF_CLASS:
        if head == kind and rest.strip():
            return Target(kind, rest.strip())
    if ":" in value and head != "" and not rest:
        return Target("function", head)
    message = f"--target: unknown value '{value[:_SHOWN]}'"
    raise OptionError(message, f"{guess([*_ALONE, *_OF_CLASS], head)}choose one of {', '.join(FORMS)}")


def class_number(text: str, classes: Sequence[str], owner: str) -> int:
    """The number of a class, by its name or number; names match as labels do.

    Args:
        text: the name or number.
        classes: the names of the network's classes, in their order.
        owner: the name of the network, for messages.

    Raises:
        OptionError: there is no such class, or there are several.
    """
    found = classes_named(text, classes)
    if len(found) == 1:
        return found[0]
    if found:
        numbers = ", ".join(map(str, found))
        message = f"--target: '{text[:_SHOWN]}' may be any of the classes {numbers} of '{owner}'"
        raise OptionError(message, "give the number of one")
    if text.isascii() and text.isdecimal() and len(text) < _SHOWN and int(text) < len(classes):
        return int(text)
    shown = ", ".join(classes[:_NAMES]) + (", …" if len(classes) > _NAMES else "")
    hint = f"{guess(classes, text)}give a number below {len(classes)}, or a name: {shown}"
    raise OptionError(f"--target: '{owner}' has no class '{text[:_SHOWN]}'", hint)


_NAMES = 10
"""Names of classes in a hint."""


def _called(function: Callable[..., Any]) -> str:
    """What messages and records call a function of Python: where it is found."""
    plain = function if hasattr(function, "__qualname__") else type(function)
    return f"{plain.__module__}:{plain.__qualname__}"
