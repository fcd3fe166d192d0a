"""Networks of the user's own: a function of an importable module makes them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

from torch import nn

from sygus.errors import OptionError, SycamError
from sygus.saliency.networks.classifier import Classifier

PATTERN = "package.module:function"
DOC = "your own: the function takes nothing and returns a torch.nn.Module, (module, options) or a Classifier"

_HINT = (
    "return a torch.nn.Module; or (module, options) with some of "
    f"{', '.join(field.name for field in fields(Classifier) if field.name != 'model')}; or a Classifier"
)


def load(spec: str) -> Classifier:
    """The classifier that ``package.module:function`` makes; the module is looked for in the current folder too.

    The function takes no arguments. It returns

    * a ``torch.nn.Module``, which takes pictures (B, 3, 224, 224) in [0, 1] and returns logits; it normalises itself,
    * or a pair of a module and a mapping with some of the attributes of :class:`Classifier`,
    * or a :class:`Classifier`.

    Raises:
        OptionError: it cannot be imported, or returns something else.
    """
    made = _call(_function(spec), spec)
    if isinstance(made, Classifier):
        return made
    if isinstance(made, nn.Module):
        return Classifier(made)
    if isinstance(made, tuple) and len(made) == 2 and isinstance(made[0], nn.Module) and isinstance(made[1], Mapping):
        return _with_options(made[0], made[1], spec)
    raise OptionError(f"--network: '{spec}' returns {type(made).__name__}, which is no network", _HINT)


def _with_options(model: nn.Module, options: Mapping[str, Any], spec: str) -> Classifier:
    known = {field.name for field in fields(Classifier)} - {"model"}
    unknown = [str(name) for name in options if name not in known]
    if unknown:
        raise OptionError(f"--network: '{spec}' gives unknown options: {', '.join(unknown)}", _HINT)
    return Classifier(model, **options)


def _function(spec: str) -> Callable[[], Any]:
    module_name, _, name = spec.partition(":")
    if not all(part.isidentifier() for part in module_name.split(".")):
        raise OptionError(f"--network: '{module_name}' in '{spec}' is no name of a module", f"write {PATTERN}")
    try:
        with _current_folder():
            module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and (module_name == error.name or module_name.startswith(f"{error.name}.")):
            message = f"--network: there is no module '{module_name}' to import for '{spec}'"
            raise OptionError(message, "run in the folder that holds it, or install it") from None
        raise OptionError(f"--network: '{module_name}' imports {error.name}, which is not installed") from error
    except Exception as error:  # the user's code
        raise OptionError(f"--network: importing '{module_name}' fails: {_one_line(error)}") from error
    function = getattr(module, name, None)
    if not callable(function):
        what = "has no" if function is None else f"has a {type(function).__name__}, not a function,"
        raise OptionError(f"--network: the module '{module_name}' {what} '{name}'", f"write {PATTERN}")
    made: Callable[[], Any] = function
    return made


def _call(function: Callable[[], Any], spec: str) -> Any:
    try:
        return function()
    except SycamError:
        raise
    except Exception as error:  # the user's code
        raise OptionError(f"--network: '{spec}' fails: {_one_line(error)}", "it is called without arguments") from error


@contextmanager
def _current_folder() -> Iterator[None]:
    """The current folder in the import path, as with ``python -m``."""
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        yield
    finally:
        if here in sys.path:
            sys.path.remove(here)


def _one_line(error: Exception) -> str:
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0]}" if text else type(error).__name__
