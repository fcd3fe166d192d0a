"""Code of the user's own, named as ``package.module:name``: found, and what it raises in one line."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sygus.errors import OptionError, SycamError

PATTERN = "package.module:function"
CLASS_PATTERN = "package.module:Class"


def named_function(spec: str) -> Callable[..., Any]:
    """The function that ``package.module:function`` names; the module is looked for in the current folder too.

    Raises:
        OptionError: it cannot be imported, or is no function.
    """
    found: Callable[..., Any] = _named(spec, "a function", PATTERN, callable)
    return found


def named_class(spec: str) -> type:
    """The class that ``package.module:Class`` names; the module is looked for in the current folder too.

    Raises:
        OptionError: it cannot be imported, or is no class.
    """
    found: type = _named(spec, "a class", CLASS_PATTERN, lambda found: isinstance(found, type))
    return found


def _named(spec: str, kind: str, pattern: str, is_kind: Callable[[object], bool]) -> Any:
    module_name, _, name = spec.partition(":")
    if not all(part.isidentifier() for part in module_name.split(".")):
        raise OptionError(f"'{module_name}' in '{spec}' is no name of a module", f"write {pattern}")
    try:
        with _current_folder():
            module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and (module_name == error.name or module_name.startswith(f"{error.name}.")):
            message = f"there is no module '{module_name}' to import for '{spec}'"
            raise OptionError(message, "run in the folder that holds it, or install it") from None
        raise OptionError(f"'{module_name}' imports {error.name}, which is not installed") from error
    except (Exception, SystemExit) as error:  # the user's code
        raise OptionError(f"importing '{module_name}' fails: {failure(error)}", "mend the module") from error
    found = getattr(module, name, None)
    if not is_kind(found):
        what = "has no" if found is None else f"has a {type(found).__name__}, not {kind},"
        raise OptionError(f"the module '{module_name}' {what} '{name}'", f"write {pattern}")
    return found


def failure(error: BaseException) -> str:
    """What foreign code raised, in one line, with the innermost place outside installed packages."""
    text = str(error).strip()
    said = f"{type(error).__name__}: {text.splitlines()[0]}" if text else type(error).__name__
    if isinstance(error, SyntaxError | SycamError):
        return said
    places = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_own(frame.filename)]
    return f"{said} ({Path(places[-1].filename).name}:{places[-1].lineno})" if places else said


def _is_own(file: str) -> bool:
    """Whether a file is neither installed, nor of this project, nor of Python."""
    path = Path(file)
    installed = {"site-packages", "dist-packages"} & set(path.parts)
    return path.is_file() and not installed and not any(map(path.is_relative_to, (*_PROJECT, _PYTHON)))


_PROJECT = (Path(__file__).parent, Path(__file__).parents[1] / "solvers")
_PYTHON = Path(traceback.__file__).parent


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
