"""Which layer is explained: by its name, or the last feature maps that a trial run shows."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from sygus.errors import OptionError
from sygus.saliency.networks.classifier import MODEL
from sygus.saliency.networks.views import Grid, View, parse_grid, square_grid, view_of

_POOLING = (
    nn.MaxPool2d,
    nn.AvgPool2d,
    nn.LPPool2d,
    nn.FractionalMaxPool2d,
    nn.AdaptiveAvgPool2d,
    nn.AdaptiveMaxPool2d,
)
_PASSING = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.AlphaDropout, nn.FeatureAlphaDropout)
_OF_TOKENS, _OF_MAPS = 3, 4
"""Dimensions of tokens (B, T, K) and of maps (B, K, h, w)."""
_CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)


@dataclass(frozen=True, eq=False)
class Layer:
    """The layer that is explained.

    Attributes:
        path: the name of its module inside the pipeline.
        calls: how often it runs in one pass; its last output is meant.
        view: how its output is read.
    """

    path: str
    calls: int
    view: View

    @property
    def name(self) -> str:
        """As the user names it."""
        return self.path.removeprefix(f"{MODEL}.")


@dataclass(frozen=True, eq=False)
class Call:
    """A module's run in a trial."""

    path: str
    module: nn.Module
    given: Any
    output: Any


@contextmanager
def plain_attention() -> Iterator[None]:
    """Attention without torch's fused path for evaluation, which runs no submodules."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def observe(
    pipeline: nn.Module, pictures: Tensor, wanted: Callable[[nn.Module], bool], *, leaves: bool = False
) -> tuple[list[Call], Tensor]:
    """The runs of the wanted modules in the order in which they end, and the logits; hooks do not stay behind.

    Args:
        pipeline: from pixel space on.
        pictures: for the trial run.
        wanted: which modules.
        leaves: whether an output without a gradient, as after a part under ``torch.no_grad``, begins anew.
    """
    calls: list[Call] = []
    handles = []

    def hook_of(path: str) -> Callable[[nn.Module, Any, Any], Any]:
        def hook(module: nn.Module, given: Any, output: Any) -> Any:
            kept, further = output, None
            if leaves and isinstance(output, Tensor) and output.is_floating_point() and not output.requires_grad:
                with torch.inference_mode(mode=False), torch.enable_grad():
                    kept = output.clone().detach().requires_grad_()
                    further = kept.clone()
            calls.append(Call(path, module, given[0] if given else None, kept))
            return further

        return hook

    try:
        for path, module in pipeline.named_modules():
            if path and wanted(module):
                handles.append(module.register_forward_hook(hook_of(path)))
        with plain_attention():
            logits = pipeline(pictures)
    finally:
        for handle in handles:
            handle.remove()
    return calls, logits


def find_layer(
    pipeline: nn.Module, pictures: Tensor, name: str | None, grid: Grid, segments: int | None = None
) -> Layer:
    """The layer of this name, or the one found.

    Found is the last of these that the logits depend on. Feature maps of more than one pixel that are not merely
    pooled: a network whose last feature maps are max-pooled, as VGG, is explained before that pooling. Of tokens, a
    normalisation: where a class token is read, the first of the last block, as patches do not reach the logits after
    its attention. And where nothing is called a normalisation, the tokens that the last of several blocks of one kind
    gives, or what comes after it.

    Args:
        pipeline: with the model at :data:`MODEL`.
        pictures: for the trial run.
        name: of a module inside the model, perhaps with a grid as ``encoder.norm:14x14+1``.
        grid: of the tokens, where it is known.
        segments: of a segmentation the number of classes; the convolution to that many maps, and what follows it, is
            not what is found.

    Raises:
        OptionError: no such layer, or none is found.
    """
    if name is not None:
        return _named(pipeline, pictures, name, grid)
    calls, reached = _reached(pipeline, pictures, grid)
    inside = _before_classes([call for call in calls if call.path.startswith(f"{MODEL}.")], segments)
    found = _last(inside, reached, pictures, grid)
    if found is None:
        raise OptionError("--layer: no layer of the network gives feature maps", "name the layer to explain")
    return _layer(found, calls, len(pictures), grid)


def _before_classes(calls: list[Call], segments: int | None) -> list[Call]:
    """The runs before the last convolution to so many maps, which are those of the classes; all where there is none."""
    last = [
        i for i, call in enumerate(calls) if isinstance(call.module, _CONVOLUTIONS) and call.output.shape[1] == segments
    ]
    return calls[: last[-1]] if last else calls


def _layer(call: Call, calls: list[Call], batch: int, grid: Grid) -> Layer:
    name = call.path.removeprefix(f"{MODEL}.")
    view = view_of(call.output, batch, name, call.module, grid)
    if view.shape[1] * view.shape[2] < 2:
        raise OptionError(f"--layer: the maps of '{name}' have one pixel", "choose a layer before the pooling")
    return Layer(call.path, sum(other.module is call.module for other in calls), view)


def _named(pipeline: nn.Module, pictures: Tensor, given: str, grid: Grid) -> Layer:
    name, colon, text = given.partition(":")
    if colon:
        try:
            grid = parse_grid(text)
        except ValueError:
            message = f"--layer: '{text}' after '{name}' is no grid"
            raise OptionError(message, "write HxW+P as in blocks.11.norm1:14x14+1, or channels-last") from None
    model = pipeline.get_submodule(MODEL)
    named = dict(model.named_modules(remove_duplicate=False))
    if not name or name not in named:
        raise OptionError(f"--layer: the network has no layer '{name}'", _similar(name, [n for n in named if n]))
    module = named[name]
    with torch.no_grad():
        calls, _ = observe(pipeline, pictures, lambda other: other is module)
    if not calls:
        raise OptionError(
            f"--layer: '{name}' does not run as a module of its own", "choose a layer around or beside it"
        )
    return _layer(calls[-1], calls, len(pictures), grid)


def _similar(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=5, cutoff=0.5)
    close += [other for other in known if other.endswith(f".{name}") and other not in close][:5]
    if not close:
        close = [other for other in known if "." not in other][:12]
    return (
        f"known layers, among others: {', '.join(close)}" if len(known) > len(close) else f"known: {', '.join(close)}"
    )


def _reached(pipeline: nn.Module, pictures: Tensor, grid: Grid) -> tuple[list[Call], set[Call]]:
    """All runs of modules, and those that give maps or tokens on which the logits depend, by their gradients.

    Where no gradient is to be had, or all are zero, as of a last layer of zeros, it is all that may be on the way; the
    split says what is wrong then.
    """
    try:
        with torch.enable_grad():
            leaf = pictures.clone().requires_grad_()
            calls, logits = observe(pipeline, leaf.clone(), lambda _: True, leaves=True)  # it may work in place
            given = _that_may_be_explained(calls, len(pictures), grid)
            asked = {call: held for call, held in given.items() if held.requires_grad}
            numbers = logits.flatten(1)
            total = (numbers * torch.linspace(-1, 1, numbers.shape[1], device=numbers.device)).sum()
            gradients = torch.autograd.grad(total, list(asked.values()), allow_unused=True)
    except RuntimeError:  # the network holds them back, or works in place on what must be kept
        with torch.no_grad():
            calls, _ = observe(pipeline, pictures, lambda _: True)
        return calls, set(_that_may_be_explained(calls, len(pictures), grid))
    passed = {call: one for call, one in zip(asked, gradients, strict=True) if one is not None}
    views = {call: view_of(one, len(pictures), call.path, call.module, grid) for call, one in passed.items()}
    matters = {call for call, one in passed.items() if bool((views[call].extract(one) != 0).any())}
    return calls, matters or set(passed) or set(given)


def _that_may_be_explained(calls: list[Call], batch: int, grid: Grid) -> dict[Call, Tensor]:
    """What may be feature maps; of a module that runs often its last output is what is explained."""
    last = {call.path: call for call in calls}
    return {call: held for call in last.values() if (held := _maps_or_tokens(call, batch, grid)) is not None}


def _maps_or_tokens(call: Call, batch: int, grid: Grid) -> Tensor | None:
    """What may be feature maps of a call's output, of several things the first."""
    output = _tensor(call.output)
    if output is None or not output.is_floating_point():
        return None
    fits = output.ndim == _OF_MAPS or _has_tokens(output, grid)
    return output if fits and len(output) == batch else None  # windows of attention are no pictures


def _tensor(output: Any) -> Tensor | None:
    """What a module gives, of several things the first."""
    first = output[0] if isinstance(output, tuple | list) and output else output
    return first if isinstance(first, Tensor) else None


def _last(calls: list[Call], reached: set[Call], pictures: Tensor, grid: Grid) -> Call | None:
    """The last call that gives what may be explained."""
    maps = next(reversed(_of_several_pixels(calls, reached, len(pictures), grid)), None)
    norms, others = None, []
    for call in calls:
        output = _maps_or_tokens(call, len(pictures), grid)
        if output is None or output.ndim != _OF_TOKENS:
            continue
        if not _is_norm(call.module):
            others.append(call)
        elif call in reached:
            norms = call
    places = {call: place for place, call in enumerate(calls)}
    after = [call for call in others if maps is None or places[call] > places[maps]]
    tokens = norms if norms is not None else _last_of_blocks(after, reached)
    return max(filter(None, (maps, tokens)), key=places.__getitem__, default=None)


def _of_several_pixels(calls: list[Call], reached: set[Call], batch: int, grid: Grid) -> dict[Call, tuple[int, int]]:
    """The calls that give feature maps which are not merely pooled, in their order, with h and w."""
    normed = [one for call in calls if _is_norm(call.module) and (one := _tensor(call.output)) is not None]
    counts, widths = ({one.shape[place] for one in normed if one.ndim == _OF_TOKENS} for place in (1, 2))
    pooled: set[int] = set()
    found = {}
    for call in calls:
        output = _maps_or_tokens(call, batch, grid)
        if output is None:
            continue
        if isinstance(call.module, _POOLING) or (isinstance(call.module, _PASSING) and id(call.given) in pooled):
            pooled.add(id(output))
        if output.ndim != _OF_MAPS or call not in reached or id(output) in pooled:
            continue
        channels, height, width = view_of(output, batch, call.path, call.module, grid).shape
        # (B, heads, T, T) and (B, heads, T, C / heads) of attention among tokens are no maps
        heads = bool(counts & {height, width}) or (height == 1 and channels * width in widths)
        if height * width > 1 and not heads:
            found[call] = (height, width)
    return found


def find_pyramid(pipeline: nn.Module, pictures: Tensor, layer: Layer, grid: Grid) -> tuple[str, ...]:
    """The last layer of each resolution that runs before the one explained, and that one, in the order they run.

    As in :func:`find_layer`, those on which the logits depend, of more than one pixel and not merely pooled. What runs
    before the first module with parameters, as a normalisation, gives the picture again and no feature maps.

    Args:
        pipeline: with the model at :data:`MODEL`.
        pictures: for the trial run.
        layer: explained.
        grid: of the tokens, where it is known.
    """
    calls, reached = _reached(pipeline, pictures, grid)
    places = range(len(calls))
    last = max((place for place in places if calls[place].path == layer.path), default=len(calls))
    first = next((place for place in places if _is_learned(calls[place].module)), last)
    before = [call for call in calls[first:last] if call.path.startswith(f"{MODEL}.")]
    of_resolution = {
        size: call.path.removeprefix(f"{MODEL}.")
        for call, size in _of_several_pixels(before, reached, len(pictures), grid).items()
        if size != layer.view.shape[1:]
    }
    return (*of_resolution.values(), layer.name)


def _last_of_blocks(calls: list[Call], reached: set[Call]) -> Call | None:
    """The last that a block gives, or what comes after the blocks and is as wide; None where no two are of a kind."""
    parents = [call for call in calls if any(True for _ in call.module.children())]
    kinds = Counter(type(call.module) for call in parents if type(call.module) is not nn.Sequential)
    blocks = [call for call in parents if kinds[type(call.module)] > 1]
    inside = tuple(f"{call.path}." for call in blocks)
    shapes = {call.output.shape[1:] for call in blocks}
    found = [call for call in calls if call in reached and not call.path.startswith(inside)]
    return next((call for call in reversed(found) if call.output.shape[1:] in shapes), None)


def _is_norm(module: nn.Module) -> bool:
    return "norm" in type(module).__name__.lower() and not any(True for _ in module.children())


def _is_learned(module: nn.Module) -> bool:
    return any(True for _ in module.parameters(recurse=False))


def _has_tokens(output: Any, grid: Grid) -> bool:
    if not isinstance(output, Tensor) or output.ndim != _OF_TOKENS or not output.is_floating_point():
        return False
    count = output.shape[1]
    return grid[0] * grid[1] + grid[2] == count if isinstance(grid, tuple) else square_grid(count) is not None
