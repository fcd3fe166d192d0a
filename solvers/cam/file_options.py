"""What a problem file may choose by ``set-option``: a file is other people's, so its choices are fewer than a person's.

A file names what this package holds or what an installed package offers under a name of its own. A module to import, a
folder, a hub of networks are a person's to name: on the command line, in Python, or for the file as a whole by
``--allow-file-options``.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from typing import Any

from sygus.errors import OptionError
from sygus.language.problem import Setting
from sygus.saliency.metrics import known_metrics
from sygus.saliency.networks import read_target

LARGEST_NUMBER = 2**53
"""The largest whole number in an option of a file: every reader of it holds such numbers exactly."""

ALLOW = "--allow-file-options"


def stated_value(keyword: str, setting: Setting, kind: str, *, allowed: bool) -> Any:
    """The value of an option that a file sets, read as its type.

    Args:
        keyword: the option, without colon.
        setting: what the file says.
        kind: the type of the field that it sets: ``int``, ``bool`` or a text.
        allowed: whether a person has allowed the file's options, so that they choose like a person's.

    Raises:
        OptionError: the value is not of this type, or a file may not choose it.
    """
    value = _READERS.get(kind, str)(setting.value)
    if not allowed and keyword in _OWN and not _OWN[keyword](setting.value):
        own = shlex.join([f"--{keyword}", setting.value])
        hint = (
            f"a file names no module, no folder and no hub; if you mean it, give {own}, or {ALLOW} for the whole file"
        )
        raise OptionError(f":{keyword} is '{setting.value}', which a file may not choose", hint)
    return value


def _is_network(text: str) -> bool:
    """One of this package: families load what the rest of their names says, from anywhere."""
    return ":" not in text


def _is_target(text: str) -> bool:
    return read_target(text).kind != "function"


def _is_metric(text: str) -> bool:
    return ":" not in text.partition("(")[0] or text.partition("(")[0] in known_metrics()


_OWN: Mapping[str, Callable[[str], bool]] = {
    "network": _is_network,
    "images": lambda text: text == "shapes",
    "metric": _is_metric,
    "strategy": lambda text: ":" not in text,
    "target": _is_target,
}
"""By option, whether a file may choose a value; of the others every value that there is is harmless."""


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > len(str(LARGEST_NUMBER)):
        raise OptionError(f"'{text[:40]}' is no whole number up to {LARGEST_NUMBER}", "give a whole number")
    found = int(text)
    if found > LARGEST_NUMBER:
        raise OptionError(f"{found} is more than {LARGEST_NUMBER}", "give a smaller number")
    return found


def _truth(text: str) -> bool:
    if text not in ("true", "false"):
        raise OptionError(f"'{text[:40]}' is neither true nor false", "give true or false")
    return text == "true"


_READERS: Mapping[str, Callable[[str], Any]] = {"int": _whole, "int | None": _whole, "bool": _truth}
"""By type; every other option is a text."""
