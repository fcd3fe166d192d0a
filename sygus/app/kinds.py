"""What options take: how messages call it, and how a value of Python is read as it."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from sygus.errors import OptionError
from sygus.records import record


@record(frozen=True, eq=False)
class Kind:
    """What an option takes.

    Attributes:
        wanted: in words, for messages.
        read: from a value of Python to the option's, None where it is none.
    """

    wanted: str
    read: Callable[[object], Any]


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _place(value: object) -> str | None:
    return str(value) if isinstance(value, str | Path) else None


def _places(value: object) -> list[str] | None:
    fits = isinstance(value, list | tuple) and all(isinstance(item, str | Path) for item in value)
    return [str(item) for item in value] if fits and isinstance(value, list | tuple) else None


def _whole(value: object) -> int | None:
    return int(value) if isinstance(value, Integral) and not isinstance(value, bool) else None


def _count(value: object) -> int | None:
    number = _whole(value)
    return None if number is None or number < 1 else number


def _seconds(value: object) -> float | None:
    number = float(value) if isinstance(value, Real) and not isinstance(value, bool) else 0.0
    return number if number > 0 else None


def _truth(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _metric(value: object) -> Any:
    """A metric by its name, or by the function that is registered as one; or as it was made of a function."""
    if isinstance(value, str):
        return value
    from sygus.saliency.metrics import Metric, known_metrics

    if isinstance(value, Metric):
        return value
    if not callable(value):
        return None

    found = next((metric.name for metric in known_metrics().values() if metric.function is value), None)
    if found is None:
        hint = f"give {METRIC.wanted}; or beside a function of yours direction='min' or direction='max'"
        raise OptionError(f"solve: metric is {shown(value)}, no metric", hint)
    return found


def _network(value: object) -> Any:
    """A network by its name, or one that Python holds."""
    if isinstance(value, str):
        return value
    from sygus.saliency.networks import given_network

    return given_network(value)


def _images(value: object) -> Any:
    """An image set by its name, or pictures that Python holds."""
    if isinstance(value, str | Path):
        return str(value)
    from sygus.saliency.images import given_images

    return given_images(value)


def _target(value: object) -> Any:
    """A target by its text, or by the function that computes it."""
    if not callable(value):
        return _text(value)
    from sygus.saliency.networks import read_target

    return read_target(value)


TEXT = Kind("a text, as on the command line", _text)
PLACE = Kind("a file", _place)
PLACES = Kind("a list of the folders of runs", _places)
WHOLE = Kind("a whole number", _whole)
COUNT = Kind("a whole number of at least 1", _count)
SECONDS = Kind("a number of seconds above 0", _seconds)
SWITCH = Kind("True or False", _truth)
METRIC = Kind(
    "its name, 'package.module:function', or a function that sygus.saliency.metrics.metric decorates", _metric
)

NETWORK = Kind("its name, a torch.nn.Module, (module, options) or a Classifier", _network)
IMAGES = Kind(
    "the name of an image set, a folder, a tensor (N, C, H, W), a list of pictures, (pictures, labels), "
    "or a torch Dataset or DataLoader",
    _images,
)
TARGET = Kind("a text, as on the command line, or a function of the network's outputs", _target)


def shown(value: object) -> str:
    """A value for a message: short ones as Python writes them, others by their type.

    Args:
        value: any.

    Returns:
        The words.
    """
    if isinstance(value, str | int | float | bool | dict | list | tuple | set):
        text = repr(value)
        return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return f"of the type {type(value).__name__}"


_SHOWN = 60
"""Characters of a value in a message."""
