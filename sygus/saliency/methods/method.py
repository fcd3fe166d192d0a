"""What a method is that is no expression: a short function from measured features to saliency maps."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from torch import Tensor

from sygus.saliency.features import Measurements
from sygus.saliency.networks import Network
from sygus.saliency.options import Options, Value, called, read_options

Draw = Callable[..., Tensor]
"""From the features of some pictures, and options by keyword, to S (N, H, W) in [0, 1]."""

Check = Callable[..., None]
"""Of a network, and of options by keyword: raises OptionError where a method does not apply."""


def applies_everywhere(_: Network, **__: Value) -> None:
    """What most methods ask of a network: nothing."""


@dataclass(frozen=True)
class MapMethod:
    """A method and its metadata.

    Attributes:
        name: how options name it, with those of its own that were set.
        title: how papers and tables write it.
        source: the paper.
        quick: whether it costs a few passes a picture and applies to every network.
        cost: forward passes of a picture, of the number of channels and the options.
        control: whether it explains nothing and only shows what a metric rewards.
        draw: the decorated function.
        check: raises OptionError where the method does not apply to a network with the options.
        options: what may be set.
        chosen: their values.
        quicker: options with which it takes far fewer passes for a rougher map, as ``channels=64``; "" for none.
    """

    name: str
    title: str
    source: str
    quick: bool
    cost: Callable[..., int]
    control: bool
    draw: Draw
    check: Check
    options: Options
    chosen: Mapping[str, Value]
    quicker: str = ""

    @property
    def doc(self) -> str:
        """The formula, and the options."""
        return inspect.cleandoc(self.draw.__doc__ or "")

    def passes(self, channels: int) -> int:
        """Forward passes that the map of a picture takes at most, with those for the features that it reads.

        Of the network or a part of it; those with a gradient count as :data:`sygus.saliency.features.GRADIENT`.

        Args:
            channels: of the layer explained.
        """
        return self.cost(channels, **self.chosen)

    def require(self, network: Network) -> None:
        """Check that this method applies.

        Raises:
            OptionError: it does not apply to the network.
        """
        self.check(network, **self.chosen)

    def configured(self, given: Mapping[str, str]) -> MapMethod:
        """This method with options set.

        Raises:
            OptionError: an option it does not have, or a value it does not take.
        """
        chosen = {**self.chosen, **read_options(f"method '{self.name}'", self.options, given)}
        name = called(self.name, self.options, chosen)
        return replace(self, name=name, title=self.title + name.removeprefix(self.name), chosen=chosen)

    def __call__(self, measured: Measurements, **options: Value) -> Tensor:
        """S (N, H, W) of every picture; those of a slow method are kept on disk.

        Args:
            measured: the pictures.
            options: in place of the values chosen.

        Raises:
            OptionError: the method does not apply to the network.
        """
        chosen = {**self.chosen, **options}
        self.check(measured.network, **chosen)
        if self.quick:
            return self.draw(measured, **chosen)
        return measured.kept(f"{self.name} {sorted(chosen.items())}", self.draw, lambda: self.draw(measured, **chosen))


MAP_METHODS: dict[str, MapMethod] = {}
"""Every method that is no expression, by name."""

VARIANTS: dict[str, MapMethod] = {}
"""Methods that are expressions, as functions with options, by the name of the expression.

With the options by default function and expression are the same, and the expression runs.
"""


def method(
    name: str,
    title: str,
    source: str,
    *,
    quick: bool = False,
    passes: int | Callable[..., int] | None = None,
    control: bool = False,
    check: Check = applies_everywhere,
    options: Options | None = None,
    variant: bool = False,
    quicker: str = "",
) -> Callable[[Draw], Draw]:
    """Register the decorated function as a method.

    A picture's map must not depend on the other pictures. See :class:`MapMethod` for the arguments.

    Args:
        name: how options name it.
        title: how papers and tables write it.
        source: the paper.
        quick: whether it costs a few passes a picture and applies to every network.
        passes: see :meth:`MapMethod.passes`; a function of the number of channels, and by keyword of the options, where
            it depends on them. None: one, or of a method that is not quick one per channel.
        control: whether it explains nothing and only shows what a metric rewards.
        check: raises OptionError where the method does not apply to a network; it takes the options by keyword.
        options: what may be set; the function takes each by keyword.
        variant: whether it is an expression of ``grammars/methods.sy`` with options.
        quicker: options with which it takes far fewer passes for a rougher map.
    """
    register, settable = VARIANTS if variant else MAP_METHODS, options or {}

    def enter(draw: Draw) -> Draw:
        if name in register:
            raise ValueError(f"there are two methods '{name}'; use another name")
        chosen = {option: entry.default for option, entry in settable.items()}
        register[name] = MapMethod(name, title, source, quick, cost, control, draw, check, settable, chosen, quicker)
        return draw

    stated = (1 if quick else _one_per_channel) if passes is None else passes
    cost: Callable[..., int] = stated if callable(stated) else partial(_constant, stated)
    return enter


def _one_per_channel(channels: int, **_: Value) -> int:
    return channels


def _constant(passes: int, _: int, **__: Value) -> int:
    return passes
