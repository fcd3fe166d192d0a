"""Which layer is explained: by its name, or the last feature maps that a trial run shows."""

from __future__ import annotations

import difflib
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


def observe(pipeline: nn.Module, pictures: Tensor, wanted: Callable[[nn.Module], bool]) -> tuple[list[Call], Tensor]:
    """The runs of the wanted modules in the order in which they end, and the logits; hooks do not stay behind."""
    calls: list[Call] = []
    handles = []

    def hook_of(path: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(module: nn.Module, given: Any, output: Any) -> None:
            calls.append(Call(path, module, given[0] if given else None, output))

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

    Found is the later of two. The last feature maps of more than one pixel that are not merely pooled: a network whose
    last feature maps are max-pooled, as VGG, is explained before that pooling. And where tokens are normalised after
    the last convolution (a transformer), the last such normalisation whose tokens of the grid the logits depend on:
    where a class token is read, the first of the last block, as patches do not reach the logits after its attention.

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
    with torch.no_grad():
        calls, _ = observe(pipeline, pictures, lambda _: True)
    inside = _before_classes([call for call in calls if call.path.startswith(f"{MODEL}.")], segments)
    found = _later(inside, _tokens(pipeline, pictures, inside, grid), _last_maps(inside, pictures, grid))
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


def _later(calls: list[Call], one: Call | None, other: Call | None) -> Call | None:
    """Which of two runs ended last."""
    if one is None or other is None:
        return one or other
    last = max(i for i, call in enumerate(calls) if call.path == one.path)
    return one if last > calls.index(other) else other


def _last_maps(calls: list[Call], pictures: Tensor, grid: Grid) -> Call | None:
    """The last call that gives maps of more than one pixel which are no pooled ones.

    Attention among tokens, (B, heads, T, T) or (B, heads, T, C), is no map.
    """
    pooled: set[int] = set()
    tokens = {call.output.shape[1] for call in calls if _is_norm(call.module) and _has_tokens(call.output, grid)}
    last, batch = None, len(pictures)
    for call in calls:
        output = call.output[0] if isinstance(call.output, tuple | list) and call.output else call.output
        if not isinstance(output, Tensor):
            continue
        if isinstance(call.module, _POOLING) or (isinstance(call.module, _PASSING) and id(call.given) in pooled):
            pooled.add(id(output))
        if output.ndim == 4 and len(output) == batch and output.is_floating_point() and id(output) not in pooled:
            _, height, width = view_of(output, batch, call.path, call.module, grid).shape
            last = call if height * width > 1 and not tokens & {height, width} else last
    return last


def _is_norm(module: nn.Module) -> bool:
    return "norm" in type(module).__name__.lower() and not any(True for _ in module.children())


def _tokens(pipeline: nn.Module, pictures: Tensor, calls: list[Call], grid: Grid) -> Call | None:
    """The normalisation of tokens to explain in a transformer; None where the network is none."""
    after = 1 + max((i for i, call in enumerate(calls) if isinstance(call.module, _CONVOLUTIONS)), default=-1)
    norms = {call.module for call in calls[after:] if _is_norm(call.module) and _has_tokens(call.output, grid)}
    if not norms:
        return None
    with torch.enable_grad():
        watched, logits = observe(pipeline, pictures.clone().requires_grad_(), lambda module: module in norms)
    tokens = [call for call in watched if _has_tokens(call.output, grid) and call.output.requires_grad]
    direction = torch.linspace(-1, 1, logits.shape[1], device=logits.device)
    gradients = torch.autograd.grad((logits * direction).sum(), [c.output for c in tokens], allow_unused=True)
    for call, gradient in reversed(list(zip(tokens, gradients, strict=True))):
        view = view_of(call.output, len(pictures), call.path, call.module, grid)
        if gradient is not None and bool((view.extract(gradient) != 0).any()):
            return call
    return None


def _has_tokens(output: Any, grid: Grid) -> bool:
    if not isinstance(output, Tensor) or output.ndim != 3 or not output.is_floating_point():
        return False
    count = output.shape[1]
    return grid[0] * grid[1] + grid[2] == count if isinstance(grid, tuple) else square_grid(count) is not None
