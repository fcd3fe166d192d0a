"""Explaining a model where it is used: expressions behind the calling conventions of pytorch-grad-cam and torchcam.

Needs torch and numpy alone, besides a few functions of this package that are written into exported modules with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sygus.saliency.features import alpha
from sygus.saliency.heatmap import combine, saliency, unit_range, whole

Self = TypeVar("Self")

MEASURED = ("activation", "gradient", "alpha", "logit", "probability")
"""The features that one forward and one backward pass show."""


@dataclass(frozen=True, eq=False)
class Reached:
    """What a pass through a model shows of one layer.

    Attributes:
        layer: the layer.
        activation: its output A, (N, K, h, w).
        gradient: of the targets' values with respect to A, the same shape.
        logit: the targets' values y, (N,).
        logits: what the model returned, (N, classes).
        classes: the class explained in each, (N,); None where a target is any function of the logits.
        pictures: what the model was given, (N, 3, H, W).
        beside: the same of the layers that have names.
    """

    layer: nn.Module
    activation: Tensor
    gradient: Tensor
    logit: Tensor
    logits: Tensor
    classes: Tensor | None
    pictures: Tensor
    beside: Mapping[str, Reached] = field(default_factory=dict)


class Expression:
    """The weights w of heat maps L = ReLU(Σ_k w_k A_k), or the heat maps H of L = ReLU(H), from named features.

    Attributes:
        names: the features, at a layer that has a name as ``gradient.early``.
        is_whole: whether the values are heat maps.
        layer: the name of the layer whose channels the weights are of; "" is the target layer.
        layers: the modules of the layers that have names, where none are given.
    """

    names: Sequence[str] = ()
    is_whole: bool = False
    layer: str = ""
    layers: Mapping[str, nn.Module | str] = {}

    def values(self, features: Mapping[str, Tensor], size: tuple[int, int]) -> Tensor:
        """w, (N, K, 1, 1) or (N, K, h, w) or of fewer channels or none; or H, (N, 1, h, w) or (N, 1, H, W).

        Args:
            features: maps have shape (N, K, h, w), weights (N, K, 1, 1), numbers per picture (N, 1, 1, 1).
            size: H, W of the pictures.
        """
        raise NotImplementedError

    def measured(self, reached: Reached) -> Mapping[str, Tensor]:
        """The features of a layer, and of those that have names."""
        found = self._shown(reached, "")
        for name, layer in reached.beside.items():
            found |= self._shown(layer, f".{name}")
        return found

    def _shown(self, reached: Reached, suffix: str) -> dict[str, Tensor]:
        """The features of one layer, with what follows their names."""
        found = {f"activation{suffix}": reached.activation, f"gradient{suffix}": reached.gradient}
        if (name := f"alpha{suffix}") in self.names:
            found[name] = alpha(reached.activation, reached.gradient)
        if (name := f"logit{suffix}") in self.names:
            found[name] = reached.logit.view(-1, 1, 1, 1)
        if (name := f"probability{suffix}") in self.names:
            if reached.classes is None:
                raise TypeError("the probability of a target that is no class is not defined: give class numbers")
            chosen = torch.softmax(reached.logits, 1).gather(1, reached.classes[:, None])
            found[name] = chosen.view(-1, 1, 1, 1)
        return found

    def named_modules(self, model: nn.Module, given: Mapping[str, nn.Module | str] | None) -> dict[str, nn.Module]:
        """The modules of the layers that have names: as given, else as :attr:`layers` says."""
        known = {**self.layers, **(given or {})}
        wanted = dict.fromkeys(filter(None, (self.layer, *(name.partition(".")[2] for name in self.names))))
        missing = [name for name in wanted if name not in known]
        if missing:
            raise TypeError(f"which module is the layer '{missing[0]}'? give layers={{'{missing[0]}': module, …}}")
        found = {}
        for name in wanted:
            try:
                found[name] = model.get_submodule(one) if isinstance(one := known[name], str) else one
            except AttributeError:
                message = f"the model has no module '{one}', which is the layer '{name}'"
                raise TypeError(f"{message}: give layers={{'{name}': module, …}}") from None
        return found

    def heat_map(self, reached: Reached) -> Tensor:
        """L, (N, h, w), or (N, H, W) where the expression is on the picture's grid."""
        with torch.no_grad():
            height, width = reached.pictures.shape[-2:]
            weights = torch.as_tensor(self.values(self.measured(reached), (height, width)))
            if self.is_whole:
                return whole(weights)
            weights = weights.reshape(1, 1, 1) if weights.dim() == 0 else weights
            activation = (reached.beside[self.layer] if self.layer else reached).activation
            return combine(weights.expand(len(activation), *weights.shape[-3:]), activation)


class _Hooks:
    """Keeps what some layers give in a pass; the last time, where a layer runs several times.

    Args:
        targets: the layers that are explained; where there are none, the first that has a name.
        named: layers that have names.
        reshape: makes maps of what they give.
    """

    def __init__(
        self,
        targets: Sequence[nn.Module],
        named: Mapping[str, nn.Module],
        reshape: Callable[[Tensor], Tensor] | None,
    ) -> None:
        self.targets = list(targets) or list(named.values())[:1]
        self.named = named
        self.layers = list(dict.fromkeys((*self.targets, *named.values())))
        self.reshape = reshape
        self.outputs: dict[nn.Module, Tensor] = {}
        self.attach()

    def attach(self) -> None:
        """Watch the layers."""
        self.handles = [layer.register_forward_hook(self._keep) for layer in self.layers]

    def detach(self) -> None:
        """Leave the model as it was, and keep what was seen."""
        for handle in self.handles:
            handle.remove()

    def _keep(self, layer: nn.Module, _: Any, output: Any) -> Tensor:
        if not isinstance(output, Tensor):
            raise TypeError(f"the layer {type(layer).__name__} gives {type(output).__name__}, not a tensor of maps")
        maps: Tensor = output if output.requires_grad else output.detach().requires_grad_()
        self.outputs[layer] = maps
        return maps.clone()  # the next operation may work in place

    def reached(
        self, logits: Tensor, values: Tensor, classes: Tensor | None, pictures: Tensor, *, retain_graph: bool
    ) -> list[Reached]:
        """What the pass shows of each layer that is explained, once the targets' values (N,) are known."""
        missing = [type(layer).__name__ for layer in self.layers if layer not in self.outputs]
        if missing:
            raise RuntimeError(f"no pass with gradients reached {', '.join(missing)}: run the model on pictures first")
        outputs = [self.outputs[layer] for layer in self.layers]
        gradients = torch.autograd.grad(values.sum(), outputs, retain_graph=retain_graph)
        found = {}
        for layer, output, gradient in zip(self.layers, outputs, gradients, strict=True):
            maps = [one if self.reshape is None else self.reshape(one) for one in (output.detach(), gradient)]
            if maps[0].dim() != 4:
                shape = tuple(maps[0].shape)
                raise ValueError(f"the layer {type(layer).__name__} gives {shape}, not maps (N, K, h, w)")
            activation, slope = (one.float() for one in maps)
            known = (values.detach().float(), logits.detach().float())
            found[layer] = Reached(layer, activation, slope, *known, classes, pictures)
        beside = {name: found[layer] for name, layer in self.named.items()}
        return [replace(found[layer], beside=beside) for layer in self.targets]

    def remove(self) -> None:
        """Leave the model as it was."""
        self.detach()
        self.outputs = {}


class ExpressionCAM(Expression):
    """Called as the classes of pytorch-grad-cam are: ``cam(input_tensor, targets)``.

    Hooks are on the model during a call only. The model is put into evaluation mode, until :meth:`release`.

    Args:
        model: gives logits (N, classes).
        target_layers: whose output maps are explained; of several the mean of the saliency maps is taken. May be
            empty where the expression reads only layers that have names.
        reshape_transform: makes maps (N, K, h, w) of the layers' outputs, for transformers.
        layers: the modules of the layers that have names, or their paths.
    """

    def __init__(
        self,
        model: nn.Module,
        target_layers: Sequence[nn.Module],
        reshape_transform: Callable[[Tensor], Tensor] | None = None,
        layers: Mapping[str, nn.Module | str] | None = None,
    ) -> None:
        if isinstance(target_layers, nn.Module):
            raise TypeError("target_layers is one module; give a list of them")
        self.model, self.target_layers, self.reshape_transform = model, list(target_layers), reshape_transform
        self._named = self.named_modules(model, layers)
        self._was_training = model.training
        model.eval()

    def __call__(
        self, input_tensor: Tensor, targets: Sequence[int | Callable[[Tensor], Tensor]] | None = None
    ) -> NDArray[np.float32]:
        """The saliency maps S of the pictures.

        Args:
            input_tensor: as the model takes them, (N, 3, H, W).
            targets: for each picture a class number, or a function of its logits (classes,) such as
                ``ClassifierOutputTarget(281)``; None: the predicted class.

        Returns:
            (N, H, W) in [0, 1]; black where the heat map is constant.
        """
        place = next((p.device for p in self.model.parameters()), input_tensor.device)
        pictures = input_tensor.to(place)
        hooks = _Hooks(self.target_layers, self._named, self.reshape_transform)
        try:
            with torch.enable_grad():
                logits = self.model(pictures)
                values, classes = _values(logits, targets)
                reached = hooks.reached(logits, values, classes, pictures.detach(), retain_graph=False)
        finally:
            hooks.remove()
        height, width = pictures.shape[-2:]
        maps = [saliency(self.heat_map(one), (height, width)) for one in reached]
        found: NDArray[np.float32] = unit_range(torch.stack(maps).mean(0)).cpu().numpy()
        return found

    def release(self) -> None:
        """Put the model back into the mode it was in."""
        self.model.train(self._was_training)

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class ExpressionExtractor(Expression):
    """Called as the extractors of torchcam are: ``extractor(class_idx, scores)`` after a pass of the model.

    Args:
        model: gives logits (N, classes).
        target_layer: a layer, its name, or a list of either; the list may be empty where the expression reads only
            layers that have names.
        layers: the modules of the layers that have names, or their paths.
    """

    def __init__(
        self,
        model: nn.Module,
        target_layer: str | nn.Module | Sequence[str | nn.Module],
        layers: Mapping[str, nn.Module | str] | None = None,
    ) -> None:
        several = [target_layer] if isinstance(target_layer, str | nn.Module) else list(target_layer)
        targets = [model.get_submodule(one) if isinstance(one, str) else one for one in several]
        self.model = model
        self._hooks = _Hooks(targets, self.named_modules(model, layers), None)
        self._pictures: Tensor | None = None
        self._input = model.register_forward_pre_hook(self._keep)

    @contextmanager
    def _detached(self) -> Iterator[None]:
        """Without hooks on the model, so that copies of it have none."""
        self._hooks.detach()
        self._input.remove()
        try:
            yield
        finally:
            self._hooks.attach()
            self._input = self.model.register_forward_pre_hook(self._keep)

    def _keep(self, _: nn.Module, given: tuple[Any, ...]) -> None:
        self._pictures = given[0].detach()

    def __call__(
        self, class_idx: int | Sequence[int], scores: Tensor, normalized: bool = True, *, retain_graph: bool = False
    ) -> list[Tensor]:
        """The heat maps of the last pass.

        Args:
            class_idx: the class explained, for all pictures or for each.
            scores: what the model gave, (N, classes).
            normalized: whether each map is scaled to [0, 1].
            retain_graph: whether the same pass is explained again afterwards.

        Returns:
            for each layer L, (N, h, w), or (N, H, W) where the expression is on the picture's grid.
        """
        if self._pictures is None:
            raise RuntimeError("the model has not run: scores = model(pictures) first")
        wanted = [class_idx] * len(scores) if isinstance(class_idx, int) else list(class_idx)
        values, classes = _values(scores, wanted)
        reached = self._hooks.reached(scores, values, classes, self._pictures, retain_graph=retain_graph)
        with self._detached():
            maps = [self.heat_map(one) for one in reached]
        return [unit_range(one) for one in maps] if normalized else maps

    def remove_hooks(self) -> None:
        """Leave the model as it was."""
        self._input.remove()
        self._hooks.remove()

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove_hooks()


def _values(logits: Tensor, targets: Sequence[int | Callable[[Tensor], Tensor]] | None) -> tuple[Tensor, Tensor | None]:
    """The targets' values (N,), and their classes where all are classes.

    A function is a class where it says so by an attribute ``category``, as pytorch-grad-cam's do.
    """
    if not isinstance(logits, Tensor) or logits.dim() != 2:
        raise TypeError("the model must give logits (N, classes); wrap it in a module that picks them")
    chosen = logits.argmax(1).tolist() if targets is None else list(targets)
    if len(chosen) != len(logits):
        raise ValueError(f"{len(chosen)} targets for {len(logits)} pictures")
    values = [target(row) if callable(target) else row[target] for target, row in zip(chosen, logits, strict=True)]
    numbers = [getattr(target, "category", None) if callable(target) else target for target in chosen]
    known = all(isinstance(number, int) for number in numbers)
    return torch.stack(values), torch.tensor(numbers, device=logits.device) if known else None
