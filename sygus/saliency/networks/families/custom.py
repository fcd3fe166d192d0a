"""Networks of the user's own: a function of an importable module makes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from torch import nn

from sygus.errors import OptionError, SycamError, guess
from sygus.foreign import failure, named_function
from sygus.saliency.images.geometry import Preprocessing
from sygus.saliency.networks.classifier import Classifier

DOC = "your own: the function takes nothing and returns a torch.nn.Module, (module, options) or a Classifier"

_HINT = (
    "return a torch.nn.Module; or (module, options) with some of "
    f"{', '.join(field.name for field in fields(Classifier) if field.name != 'model')}; or a Classifier"
)


def load(spec: str) -> Classifier:
    """The classifier that ``package.module:function`` makes; the module is looked for in the current folder too.

    The function takes no arguments. It returns

    * a ``torch.nn.Module``, which takes pictures (B, 3, 224, 224) in [0, 1] and returns logits; it normalises itself,
    * or a pair of a module and a mapping with some of the attributes of :class:`Classifier`, and in place of
      ``preprocessing`` perhaps ``size``: the side of its square pictures, cropped from the middle of a picture whose
      short side is made as long; or (H, W), to which whole pictures are resized,
    * or a :class:`Classifier`.

    Raises:
        OptionError: it cannot be imported, or returns something else.
    """
    made = _call(_function(spec), spec)
    found = described(made, spec)
    if found is None:
        raise OptionError(f"--network: '{spec}' returns {type(made).__name__}, which is no network", _HINT)
    return found


def described(made: object, spec: str) -> Classifier | None:
    """The classifier that is returned, as :func:`load` says; None where it is nothing of the kind.

    Args:
        made: what a function returns, or Python gives.
        spec: where it comes from, for messages.

    Raises:
        OptionError: an attribute of it is unknown, or of another kind.
    """
    if isinstance(made, Classifier):
        return made
    if isinstance(made, nn.Module):
        return Classifier(made)
    if isinstance(made, tuple) and len(made) == 2 and isinstance(made[0], nn.Module) and isinstance(made[1], Mapping):
        return _with_options(made[0], made[1], spec)
    return None


def _with_options(model: nn.Module, options: Mapping[str, Any], spec: str) -> Classifier:
    known = {field.name for field in fields(Classifier)} - {"model"} | {"size"}
    unknown = [str(name) for name in options if name not in known]
    if unknown:
        meant = guess(known, unknown[0])
        raise OptionError(f"--network: '{spec}' gives unknown options: {', '.join(unknown)}", f"{meant}{_HINT}")
    if "size" not in options:
        return Classifier(model, **options)
    if "preprocessing" in options:
        raise OptionError(f"--network: '{spec}' gives size and preprocessing", "give one of them")
    others = {name: value for name, value in options.items() if name != "size"}
    return Classifier(model, _of_size(options["size"], spec), **others)


def _of_size(size: object, spec: str) -> Preprocessing:
    match size:
        case int(side) if side > 0 and not isinstance(side, bool):
            return Preprocessing.square(side)
        case (int(height), int(width)) if height > 0 and width > 0:
            return Preprocessing((height, width), (height, width))
    raise OptionError(f"--network: '{spec}' gives the size {size!r}"[:200], "give a side, as 224, or (H, W)")


def _function(spec: str) -> Callable[..., Any]:
    try:
        return named_function(spec)
    except OptionError as error:
        raise OptionError(f"--network: {error.message}", error.hint) from error


def _call(function: Callable[..., Any], spec: str) -> Any:
    try:
        return function()
    except SycamError:
        raise
    except (Exception, SystemExit) as error:  # the user's code
        raise OptionError(f"--network: '{spec}' fails: {failure(error)}", "it is called without arguments") from error
