"""What a method is that is no expression: a short function from measured features to saliency maps."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from sygus.saliency.features import Measurements
from sygus.saliency.networks import Network

Draw = Callable[..., Tensor]
"""From the features of some pictures, and options by keyword, to S (N, H, W) in [0, 1]."""

Check = Callable[[Network], None]


def applies_everywhere(_: Network) -> None:
    """What most methods ask of a network: nothing."""


@dataclass(frozen=True)
class MapMethod:
    """A method and its metadata.

    Attributes:
        name: how options name it.
        title: how papers and tables write it.
        source: the paper.
        quick: whether it costs a few passes a picture and applies to every network.
        draw: the decorated function.
        check: raises OptionError where the method does not apply to a network.
    """

    name: str
    title: str
    source: str
    quick: bool
    draw: Draw
    check: Check

    @property
    def doc(self) -> str:
        """The formula, and the options."""
        return inspect.cleandoc(self.draw.__doc__ or "")

    def __call__(self, measured: Measurements, **options: object) -> Tensor:
        """S (N, H, W) of every picture.

        Raises:
            OptionError: the method does not apply to the network.
        """
        self.check(measured.network)
        return self.draw(measured, **options)


MAP_METHODS: dict[str, MapMethod] = {}
"""Every method that is no expression, by name."""


def method(
    name: str, title: str, source: str, *, quick: bool = False, check: Check = applies_everywhere
) -> Callable[[Draw], Draw]:
    """Register the decorated function as a method; see :class:`MapMethod` for the arguments.

    A picture's map must not depend on the other pictures.
    """

    def register(draw: Draw) -> Draw:
        if name in MAP_METHODS:
            raise ValueError(f"there are two methods '{name}'; use another name")
        MAP_METHODS[name] = MapMethod(name, title, source, quick, draw, check)
        return draw

    return register
