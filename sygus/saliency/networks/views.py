"""How the output of a layer is read as feature maps (B, K, h, w), and written back."""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt
from typing import Any, Literal

import torch
from torch import Tensor, nn

from sygus.errors import OptionError
from sygus.saliency.networks.classifier import Leaf

CHANNELS_LAST = "channels-last"
GRID_HINT = (
    "write the layer as NAME:HxW+P, for H x W tokens after P others, or NAME:channels-last; or describe the network "
    "with grid=(H, W, P)"
)

Grid = tuple[int, int, int] | str | None
"""Rows, columns and number of leading tokens; or :data:`CHANNELS_LAST`; None: guess."""


@dataclass(frozen=True)
class View:
    """A layer's output as feature maps.

    Attributes:
        kind: maps (B, K, h, w); tokens (B, T, K); or maps (B, h, w, K).
        shape: K, h, w.
        prefix: tokens before those of the grid, as a class token.
        listed: whether the layer returns a tuple, of which the first is meant.
        dtype: of the layer's output.
    """

    kind: Literal["maps", "tokens", "channels-last"]
    shape: tuple[int, int, int]
    prefix: int = 0
    listed: bool = False
    dtype: torch.dtype = torch.float32

    @property
    def plain(self) -> bool:
        """Whether the layer's output is the feature maps as they are."""
        return self.kind == "maps" and not self.listed and self.dtype == torch.float32

    @property
    def complete(self) -> bool:
        """Whether the feature maps are all of the layer's output."""
        return not self.prefix and not self.listed

    def extract(self, output: Any) -> Tensor:
        """The feature maps (B, K, h, w), float32."""
        value: Tensor = output[0] if self.listed else output
        if self.kind == "tokens":
            value = value[:, self.prefix :].transpose(1, 2).reshape(len(value), *self.shape)
        elif self.kind == "channels-last":
            value = value.permute(0, 3, 1, 2)
        return value.float()

    def restore(self, maps: Tensor, output: Any = None) -> Any:
        """The layer's output with these feature maps (B, K, h, w); ``output`` gives the rest where there is one."""
        value = maps.to(self.dtype)
        if self.kind == "tokens":
            value = value.flatten(2).transpose(1, 2)
            if self.prefix:
                first = output[0] if self.listed else output
                value = torch.cat([first[:, : self.prefix], value], 1)
        elif self.kind == "channels-last":
            value = value.permute(0, 2, 3, 1)
        return type(output)((value, *output[1:])) if self.listed else value


class Extract(Leaf):
    """:meth:`View.extract` as a module."""

    def __init__(self, view: View) -> None:
        super().__init__()
        self.view = view

    def forward(self, output: Any) -> Tensor:
        """The feature maps (B, K, h, w)."""
        return self.view.extract(output)


class Restore(Leaf):
    """:meth:`View.restore` as a module."""

    def __init__(self, view: View) -> None:
        super().__init__()
        self.view = view

    def forward(self, maps: Tensor, output: Any = None) -> Any:
        """The layer's output."""
        return self.view.restore(maps, output)


def square_grid(tokens: int) -> tuple[int, int, int] | None:
    """Rows, columns and leading tokens of a square grid, with or without a class token; None where neither fits."""
    for prefix in (0, 1):
        side = isqrt(max(tokens - prefix, 0))
        if side > 1 and side * side == tokens - prefix:
            return side, side, prefix
    return None


def parse_grid(text: str) -> Grid:
    """Read ``14x14+1``, ``7x7`` or ``channels-last``.

    Raises:
        ValueError: it is neither.
    """
    if text == CHANNELS_LAST:
        return CHANNELS_LAST
    grid, _, prefix = text.partition("+")
    rows, _, columns = grid.partition("x")
    return int(rows), int(columns), int(prefix or 0)


def view_of(output: Any, batch: int, layer: str, module: nn.Module, grid: Grid) -> View:
    """How to read the output of a layer for a batch of so many pictures.

    Raises:
        OptionError: it holds no feature maps, or the grid of its tokens cannot be guessed.
    """
    listed = isinstance(output, tuple | list) and len(output) > 0
    value = output[0] if listed else output
    if not isinstance(value, Tensor) or not value.is_floating_point() or value.ndim not in (3, 4):
        what = f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
        raise OptionError(f"--layer: '{layer}' gives {what}, not feature maps", "choose a layer inside or before it")
    if value.shape[0] != batch:
        raise OptionError(f"--layer: '{layer}' gives {tuple(value.shape)} for {batch} pictures, the batch is not first")
    if value.ndim == 4:
        if grid == CHANNELS_LAST or (grid is None and _channels_last(value, module)):
            _, height, width, channels = value.shape
            return View("channels-last", (channels, height, width), 0, listed, value.dtype)
        _, channels, height, width = value.shape
        return View("maps", (channels, height, width), 0, listed, value.dtype)
    _, tokens, channels = value.shape
    found = grid if isinstance(grid, tuple) else square_grid(tokens)
    if found is None or found[0] * found[1] + found[2] != tokens or min(found) < 0:
        why = "no square grid, with or without a class token" if grid is None else f"not the grid {grid}"
        raise OptionError(f"--layer: '{layer}' gives {tokens} tokens, {why}", GRID_HINT)
    return View("tokens", (channels, found[0], found[1]), found[2], listed, value.dtype)


def _channels_last(value: Tensor, module: nn.Module) -> bool:
    """LayerNorm normalises the last dimension; and of square pictures, the equal dimensions are the pixels."""
    if isinstance(module, nn.LayerNorm) and tuple(module.normalized_shape) in ((value.shape[1],), (value.shape[3],)):
        return value.shape[3] == module.normalized_shape[0] != value.shape[1]
    return value.shape[1] == value.shape[2] != value.shape[3]
