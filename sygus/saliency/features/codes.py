"""What code a feature or a map on disk is of, so that none is taken for that of code which was edited since."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

from sygus.saliency.features.cache import say_once
from sygus.saliency.features.feature import FEATURES

_PACKAGE = "sygus.saliency."
"""Its code is part of every key; see :meth:`sygus.saliency.features.cache.Cache.key`."""


def code_of(function: Callable[..., Any], names: tuple[str, ...]) -> str | None:
    """What tells the code of a function from that of others; "" for one of this package.

    A function of the user's own may ask for every feature, so those of the user's own are part of it.

    Args:
        function: is not called.
        names: of what it gives.

    Returns:
        None where it cannot be told, which is said in the log: nothing is shared with other runs then.
    """
    if _is_shipped(function):
        return ""
    from sygus.saliency.networks.fingerprint import code_fingerprint

    digest = hashlib.sha256()
    for one, name in ((function, ", ".join(names)), *_of_users()):
        found = code_fingerprint(one, name)
        if found.unknown:
            said = ", ".join(found.unknown)
            say_once(f"note: {', '.join(names)!r} is not kept on disk, since not all code can be told: {said!r}")
            return None
        digest.update(f"{name!r} {found.text}\n".encode())
    return digest.hexdigest()


def _of_users() -> Iterator[tuple[Callable[..., Any], str]]:
    """The functions of all features that are not of this package, with their names."""
    for name, feature in sorted(FEATURES.items()):
        for function in (feature.measure, feature.derive):
            if function is not None and not _is_shipped(function):
                yield function, name


def _is_shipped(function: Callable[..., Any]) -> bool:
    return str(getattr(function, "__module__", "")).startswith(_PACKAGE)
