"""Explaining a model where it is used: expressions behind the calling conventions of pytorch-grad-cam and torchcam.

Needs torch and numpy alone, besides a few functions of this package that are written into exported modules with it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from types import TracebackType
from typing import Any, SupportsIndex, TypeAlias, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sygus.maps import unit_range, upsample
from sygus.saliency.features import alpha
from sygus.saliency.heatmap import combine, whole

Self = TypeVar("Self")

Explained: TypeAlias = SupportsIndex | Callable[[Tensor], Tensor]
"""Of a picture: the number of a class, or a function from the model's output for it to one number."""

MEASURED = ("activation", "gradient", "alpha", "logit", "probability")
"""The features that one forward and one backward pass show."""


@dataclass(frozen=True, eq=False)
class Reached:
    """What a pass through a model shows of one layer.

    Of a layer that gives signals (N, K, t) or volumes (N, K, d, h, w), h is the product of all lengths but the last.

    Attributes:
        layer: the layer.
        activation: its output A, (N, K, h, w).
        gradient: of the targets' values with respect to A, the same shape.
        logit: the targets' values y, (N,).
        logits: what the model returned, (N, classes); of other models (N, …), or the values explained, (N, 1).
        classes: the class explained in each, (N,); None where a target is any function of the model's output.
        pictures: what the model was given, (N, C, H, W), or (N, C, T) or (N, C, D, H, W).
        beside: the same of the layers that have names.
        targets: what is explained in each.
        grid: the lengths of the layer's output behind its channels; of maps h and w.
    """

    layer: nn.Module
    activation: Tensor
    gradient: Tensor
    logit: Tensor
    logits: Tensor
    classes: Tensor | None
    pictures: Tensor
    beside: Mapping[str, Reached] = field(default_factory=dict)
    targets: Sequence[Explained] = ()
    grid: tuple[int, ...] = ()


class Expression:
    """The weights w of heat maps L = ReLU(Σ_k w_k A_k), or the heat maps H of L = ReLU(H), from named features.

    Attributes:
        names: the features, at a layer that has a name as ``gradient.early``.
        is_whole: whether the values are heat maps.
        layer: the name of the layer whose channels the weights are of; "" is the target layer.
        layers: the modules of the layers that have names, where none are given.
        multi_label: whether the probability of a class is the sigmoid of its logit, in place of their softmax.
        placed: whether the values depend on where the pixels of a map lie, which is told of two dimensions only.
    """

    names: Sequence[str] = ()
    is_whole: bool = False
    layer: str = ""
    layers: Mapping[str, nn.Module | str] = {}
    placed: bool = False
    multi_label: bool = False

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
            of_all = reached.logits.sigmoid() if self.multi_label else torch.softmax(reached.logits, 1)
            chosen = of_all.gather(1, reached.classes[:, None])
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
                found[name] = module_of(model, known[name])
            except ValueError:
                message = f"the model has no module '{known[name]}', which is the layer '{name}'"
                raise TypeError(f"{message}: give layers={{'{name}': module, …}}") from None
        return found

    def heat_map(self, reached: Reached, *, eigen_smooth: bool = False) -> Tensor:
        """L, (N, h, w), or (N, H, W) where the expression is on the picture's grid; in float32, whatever the pass.

        Args:
            reached: what a pass shows.
            eigen_smooth: see :func:`principal`.

        Raises:
            ValueError: the layer gives signals or volumes, and the expression asks where their cells lie; or its values
                are not finite, or have no channels to smooth.
        """
        if self.placed and len(reached.grid) != _OF_MAPS:
            shape = ", ".join(map(str, reached.grid))
            raise ValueError(f"the expression smooths or up-samples maps (h, w), the layer gives cells ({shape})")
        with torch.no_grad(), torch.autocast(reached.pictures.device.type, enabled=False):
            size = (reached.pictures.shape[-2], reached.pictures.shape[-1])
            activation = (reached.beside[self.layer] if self.layer else reached).activation
            return self.heat_map_of(self.measured(reached), activation, size, eigen_smooth=eigen_smooth)

    def heat_map_of(
        self,
        features: Mapping[str, Tensor],
        activation: Tensor,
        size: tuple[int, int],
        *,
        eigen_smooth: bool = False,
    ) -> Tensor:
        """L, (N, h, w) or (N, H, W).

        Args:
            features: see :meth:`values`.
            activation: of the layer whose channels the weights are of, (N, K, h, w).
            size: H, W of the pictures.
            eigen_smooth: see :func:`principal`.

        Raises:
            ValueError: values that are not finite, or that have no channels to smooth.
        """
        weights = torch.as_tensor(self.values(features, size))
        weights = weights.reshape(1, 1, 1) if weights.dim() == 0 else weights
        weights = weights.expand(len(activation), *weights.shape[-3:])
        wrong = (~weights.isfinite()).flatten(1).any(1).nonzero()[:, 0].tolist()
        if wrong:
            pictures = ", ".join(map(str, wrong[:_SHOWN])) + (", …" if len(wrong) > _SHOWN else "")
            raise ValueError(f"the expression has no finite value for the pictures {pictures} of {len(weights)}")
        if self.is_whole and eigen_smooth:
            raise ValueError("eigen_smooth: the expression is a whole heat map and has no channels to smooth")
        if self.is_whole:
            return whole(weights)
        return principal(weights * activation) if eigen_smooth else combine(weights, activation)


_SHOWN = 8
"""Pictures that a message names."""

_LENGTHS = {1: "t", 2: "h, w", 3: "d, h, w"}
"""What lies behind the channels of what a layer gives for signals, pictures and volumes."""

_OF_MAPS = 2
"""Lengths of a grid on which it is known where pixels lie."""


def principal(maps: Tensor) -> Tensor:
    """The first principal component of the maps (N, K, h, w) of each picture in place of their sum, (N, h, w) ≥ 0.

    The pixels are points of K numbers, less their mean; what is negative becomes 0. It points where the sum does, which
    settles its sign.
    """
    points = maps.flatten(2).transpose(1, 2).double()
    points = points - points.mean(1, keepdim=True)
    first = torch.linalg.svd(points, full_matrices=False).Vh[:, :1]
    along = (points * first).sum(2)
    sign = torch.where((along * points.sum(2)).sum(1, keepdim=True) < 0, -1.0, 1.0)
    found: Tensor = (sign * along).view(len(maps), *maps.shape[2:]).relu().float()
    return found


def module_of(model: nn.Module, layer: nn.Module | str) -> nn.Module:
    """A layer by itself, or by its name in the model.

    Raises:
        ValueError: there is no such module.
    """
    if not isinstance(layer, str):
        return layer
    inner = getattr(model, "_orig_mod", model.module if isinstance(model, nn.DataParallel) else model)
    modules: dict[str, nn.Module] = dict(inner.named_modules(remove_duplicate=False))
    modules.update(model.named_modules(remove_duplicate=False))
    if not layer or layer not in modules:
        close = get_close_matches(layer, [name for name in modules if name]) or list(dict(model.named_children()))
        raise ValueError(f"the model has no module '{layer}'; there are {', '.join(close)}")
    return modules[layer]


def modules_of(model: nn.Module, layers: nn.Module | str | Sequence[nn.Module | str]) -> list[nn.Module]:
    """One layer or several, by themselves or by name; see :func:`module_of`."""
    several = [layers] if isinstance(layers, nn.Module | str) else list(layers)
    return [module_of(model, one) for one in several]


def layers_explained(targets: Sequence[nn.Module], named: Mapping[str, nn.Module]) -> list[nn.Module]:
    """The layers that are explained; where none is given, the first of those that have names."""
    return list(targets) or list(named.values())[:1]


def _named_in(model: nn.Module, layers: Sequence[nn.Module]) -> str:
    """The names of layers in a model, for texts."""
    names = {module: name for name, module in model.named_modules()}
    return ", ".join(repr(names.get(layer, type(layer).__name__)) for layer in layers)


def laid_out(maps: Tensor, grid: tuple[int, ...]) -> Tensor:
    """L (N, h, w) on the grid of signals or volumes, (N, *grid); of maps as it is."""
    return maps if len(grid) == _OF_MAPS else maps.reshape(len(maps), *grid)


def enlarged(maps: Tensor, size: tuple[int, ...]) -> Tensor:
    """Up-sampled linearly along every dimension (align_corners=False): (N, …) of any grid to (N, *size)."""
    if len(size) == _OF_MAPS:
        return upsample(maps, (size[0], size[1]))
    for place, wanted in enumerate(size, start=1):
        lines = maps.movedim(place, -1)[..., None, :]  # as maps of one row
        maps = upsample(lines, (1, wanted))[..., 0, :].movedim(-1, place)
    return maps


def in_range(maps: Tensor) -> Tensor:
    """n(·) over all cells of each of (N, …)."""
    return unit_range(maps.reshape(len(maps), 1, -1)).view_as(maps)


class _Hooks:
    """Keeps what some layers give in a pass; the last time, where a layer runs several times.

    Args:
        targets: see :func:`layers_explained`.
        named: layers that have names.
        reshape: makes maps of what they give.
    """

    def __init__(
        self,
        targets: Sequence[nn.Module],
        named: Mapping[str, nn.Module],
        reshape: Callable[[Tensor], Tensor] | None,
    ) -> None:
        self.targets = layers_explained(targets, named)
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
        if not values.requires_grad:
            raise RuntimeError(
                "the model ran without gradients: run it outside torch.no_grad() and torch.inference_mode()"
            )
        slopes = torch.autograd.grad(values.sum(), outputs, retain_graph=retain_graph, allow_unused=True)
        apart = [type(layer).__name__ for layer, slope in zip(self.layers, slopes, strict=True) if slope is None]
        if apart:
            raise RuntimeError(f"what is explained does not depend on {', '.join(apart)}: choose a layer on its way")
        gradients = [slope for slope in slopes if slope is not None]
        found = {}
        for layer, output, gradient in zip(self.layers, outputs, gradients, strict=True):
            maps = [one if self.reshape is None else self.reshape(one) for one in (output.detach(), gradient)]
            grid = tuple(maps[0].shape[2:])
            lengths = _LENGTHS.get(pictures.dim() - 2, "h, w")
            if len(grid) != lengths.count(",") + 1:
                shape = tuple(maps[0].shape)
                hint = " (of tokens reshape_transform makes them)" if lengths == _LENGTHS[_OF_MAPS] else ""
                raise ValueError(f"the layer {type(layer).__name__} gives {shape}, not maps (N, K, {lengths}){hint}")
            activation, slope = (one.float().reshape(*one.shape[:2], -1, grid[-1]) for one in maps)
            known = (values.detach().float(), logits.detach().float())
            found[layer] = Reached(layer, activation, slope, *known, classes, pictures, grid=grid)
        beside = {name: found[layer] for name, layer in self.named.items()}
        return [replace(found[layer], beside=beside) for layer in self.targets]

    def remove(self) -> None:
        """Leave the model as it was."""
        self.detach()
        self.outputs = {}


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """The model in evaluation mode; afterwards each of its modules is in the mode that it was in."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


_FACTORS = (0.9, 1.0, 1.1)
"""Of the brightness of augmented pictures, as pytorch-grad-cam's."""


class ExpressionCAM(Expression):
    """Called as the classes of pytorch-grad-cam are: ``cam(input_tensor, targets)``.

    Hooks are on the model during a call only, and only then is it in evaluation mode. A call works under
    ``torch.no_grad`` and ``torch.inference_mode`` too.

    Args:
        model: gives logits (N, classes), as they are or named ``logits`` in a mapping or an object, as transformers do;
            or with functions as targets any tensor (N, …), or a list of what it finds in each picture, as detectors do.
        target_layers: whose output maps are explained: modules, or their names in the model; of several the mean of the
            saliency maps is taken. May be empty where the expression reads only layers that have names.
        reshape_transform: makes maps (N, K, h, w) of the layers' outputs, for transformers.
        layers: the modules of the layers that have names, or their paths.
        multi_label: whether each class is there or not by itself.
    """

    def __init__(
        self,
        model: nn.Module,
        target_layers: nn.Module | str | Sequence[nn.Module | str],
        reshape_transform: Callable[[Tensor], Tensor] | None = None,
        layers: Mapping[str, nn.Module | str] | None = None,
        *,
        multi_label: bool = False,
    ) -> None:
        self.model, self.reshape_transform, self.multi_label = model, reshape_transform, multi_label
        self.target_layers = modules_of(model, target_layers)
        self.named = self.named_modules(model, layers)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({type(self.model).__name__}, [{_named_in(self.model, self.target_layers)}])"

    def __call__(
        self,
        input_tensor: Tensor,
        targets: Sequence[Explained] | None = None,
        aug_smooth: bool = False,
        eigen_smooth: bool = False,
    ) -> NDArray[np.float32]:
        """The saliency maps S of the pictures.

        Args:
            input_tensor: as the model takes them, (N, C, H, W); signals (N, C, T) and volumes (N, C, D, H, W) too.
            targets: for each picture a class number, or a function from the model's output for it to one number, such
                as ``ClassifierOutputTarget(281)``; None: the predicted class, or the one number that the model gives.
            aug_smooth: the mean over the pictures and their mirror images, each 0.9, 1 and 1.1 times as bright: six
                times the work.
            eigen_smooth: the first principal component of the weighted maps in place of their sum.

        Returns:
            (N, H, W) in [0, 1], or (N, T) or (N, D, H, W) as the pictures; black where the heat map is constant.

        Raises:
            TypeError: a target does not fit what the model gives, or gives no number that has a gradient.
            ValueError: there is another number of targets, or one gives what is not finite; or the expression does, or
                has no channels to smooth.
            RuntimeError: a target fails, or no pass reached the layers.
        """
        if not aug_smooth:
            return self.explained(input_tensor, targets, eigen_smooth=eigen_smooth)
        if targets is None:
            with torch.no_grad(), evaluating(self.model):
                targets = targets_of(logits_of(self.model(input_tensor.to(self.place or input_tensor.device))), None)
        maps = []
        for axes in ((), (-1,)):
            for factor in _FACTORS:
                found = self.explained(input_tensor.flip(axes) * factor, targets, eigen_smooth=eigen_smooth)
                maps.append(np.flip(found, axes))
        mean: NDArray[np.float32] = np.mean(maps, 0, dtype=np.float32)
        return mean

    def explained(
        self, input_tensor: Tensor, targets: Sequence[Explained] | None, *, eigen_smooth: bool
    ) -> NDArray[np.float32]:
        """S of the pictures as they are; see :meth:`__call__`."""
        with torch.inference_mode(mode=False), torch.enable_grad(), evaluating(self.model):
            pictures = input_tensor.to(self.place or input_tensor.device)
            pictures = pictures.clone() if pictures.is_inference() else pictures
            hooks = _Hooks(self.target_layers, self.named, self.reshape_transform)
            try:
                logits = logits_of(self.model(pictures))
                chosen = targets_of(logits, targets)
                values, classes = values_of(logits, chosen)
                shown = logits if isinstance(logits, Tensor) else values[:, None]
                reached = hooks.reached(shown, values, classes, pictures.detach(), retain_graph=False)
            finally:
                hooks.remove()
            with torch.autocast(pictures.device.type, enabled=False):
                maps = [
                    laid_out(self.heat_map(replace(one, targets=chosen), eigen_smooth=eigen_smooth), one.grid)
                    for one in reached
                ]
                return self.joined(maps, tuple(pictures.shape[2:]))

    @property
    def place(self) -> torch.device | None:
        """Where the model computes; None where it has no parameters."""
        return next((parameter.device for parameter in self.model.parameters()), None)

    def joined(self, maps: Sequence[Tensor], size: tuple[int, ...]) -> NDArray[np.float32]:
        """S, (N, …): the mean of the saliency maps of several L, up-sampled to the size of the pictures, in [0, 1]."""
        mean = torch.stack([in_range(enlarged(one, size)) for one in maps]).mean(0)
        found: NDArray[np.float32] = in_range(mean).cpu().numpy()
        return found

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is left to be undone."""


class ExpressionExtractor(Expression):
    """Called as the extractors of torchcam are: ``extractor(class_idx, scores)`` after a pass of the model.

    Args:
        model: gives logits (N, classes).
        target_layer: a layer, its name, or a list of either; the list may be empty where the expression reads only
            layers that have names.
        layers: the modules of the layers that have names, or their paths.
        multi_label: whether each class is there or not by itself.
    """

    def __init__(
        self,
        model: nn.Module,
        target_layer: str | nn.Module | Sequence[str | nn.Module],
        layers: Mapping[str, nn.Module | str] | None = None,
        *,
        multi_label: bool = False,
    ) -> None:
        self.model, self.multi_label = model, multi_label
        self._hooks = _Hooks(modules_of(model, target_layer), self.named_modules(model, layers), None)
        self._pictures: Tensor | None = None
        self._watch()

    def _watch(self) -> None:
        self._input = self.model.register_forward_pre_hook(self._keep, with_kwargs=True)

    @contextmanager
    def _detached(self) -> Iterator[None]:
        """Without hooks on the model, so that copies of it have none."""
        self._hooks.detach()
        self._input.remove()
        try:
            yield
        finally:
            self._hooks.attach()
            self._watch()

    def _keep(self, _: nn.Module, given: tuple[Any, ...], named: Mapping[str, Any]) -> None:
        """The first tensor that the model is given."""
        tensors = (one for one in (*given, *named.values()) if isinstance(one, Tensor))
        pictures = next(tensors, None)
        self._pictures = None if pictures is None else pictures.detach()

    def __call__(
        self, class_idx: int | Sequence[int], scores: Tensor, normalized: bool = True, *, retain_graph: bool = False
    ) -> list[Tensor]:
        """The heat maps of the last pass.

        Args:
            class_idx: the class explained, for all pictures or for each.
            scores: what the model gave, (N, classes), or an object of which they are the ``logits``; of one number for
                each picture (N, 1), which is class 0.
            normalized: whether each map is scaled to [0, 1].
            retain_graph: whether the same pass is explained again afterwards.

        Returns:
            for each layer L, (N, h, w), or (N, H, W) where the expression is on the picture's grid; of
                signals (N, t), of volumes (N, d, h, w).
        """
        if self._pictures is None:
            raise RuntimeError("the model has not run: scores = model(pictures) first")
        scores = logits_of(scores)
        wanted = targets_of(scores, [class_idx] * len(scores) if isinstance(class_idx, int) else class_idx)
        values, classes = values_of(scores, wanted)
        reached = self._hooks.reached(scores, values, classes, self._pictures, retain_graph=retain_graph)
        with self._detached():
            maps = [laid_out(self.heat_map(replace(one, targets=wanted)), one.grid) for one in reached]
        return [in_range(one) for one in maps] if normalized else maps

    def __repr__(self) -> str:
        return f"{type(self).__name__}({type(self.model).__name__}, [{_named_in(self.model, self._hooks.targets)}])"

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


def logits_of(returned: Any) -> Any:
    """What is called ``logits`` in what a model returned, where that is no tensor."""
    named = returned.get("logits") if isinstance(returned, Mapping) else getattr(returned, "logits", None)
    return named if not isinstance(returned, Tensor) and isinstance(named, Tensor) else returned


def targets_of(outputs: Any, targets: Sequence[Explained] | None) -> list[Explained]:
    """What is explained in each picture."""
    if isinstance(outputs, list | tuple) and targets is not None and all(map(callable, targets)):
        return _as_many(list(targets), len(outputs))
    if not isinstance(outputs, Tensor) or outputs.dim() == 0:
        raise TypeError(
            "the model must give logits (N, classes), or a tensor (N, …); wrap it in a module that picks it, or where "
            "it gives a list of an output for each picture, give functions of those as targets"
        )
    shape = tuple(outputs.shape)
    if targets is None and (outputs.dim() == 1 or shape[1:] == (1,)):
        return [_only] * len(outputs)
    if outputs.dim() != 2 and (targets is None or not all(map(callable, targets))):
        raise TypeError(f"classes are those of logits (N, classes), the model gives {shape}: give functions as targets")
    chosen: list[Explained] = outputs.argmax(1).tolist() if targets is None else list(targets)
    return _as_many(chosen, len(outputs))


def _as_many(targets: list[Explained], count: int) -> list[Explained]:
    if len(targets) != count:
        raise ValueError(f"{len(targets)} targets for {count} pictures")
    return targets


def _only(output: Tensor) -> Tensor:
    """The one number of a picture's output."""
    return output.reshape(())


def value_of(target: Explained, output: Any) -> Tensor:
    """The number, (), that a target makes of the model's output for one picture: a tensor, or a mapping."""
    if not callable(target):
        index = operator.index(target)
        if not -len(output) <= index < len(output):
            raise ValueError(f"there is no class {index}, the model gives {len(output)}")
        chosen: Tensor = output[index]
        return chosen
    name = getattr(target, "__qualname__", type(target).__name__)
    try:
        found = target(output)
    except Exception as error:
        what = tuple(output.shape) if isinstance(output, Tensor) else f"of the kind {type(output).__name__}"
        raise RuntimeError(f"the target {name} fails on an output {what}: {error}") from error
    if not isinstance(found, Tensor) or found.numel() != 1:
        what = f"a tensor {tuple(found.shape)}" if isinstance(found, Tensor) else type(found).__name__
        raise TypeError(f"the target {name} gives {what}, not a tensor of one number")
    parts = list(output.values()) if isinstance(output, Mapping) else [output]
    if any(isinstance(one, Tensor) and one.requires_grad for one in parts) and not found.requires_grad:
        raise TypeError(f"the target {name} gives a number without a gradient: compute it by torch's operations")
    if not bool(found.isfinite()):
        raise ValueError(f"the target {name} gives {float(found.detach())}, which is not finite")
    return found.reshape(())


def values_of(outputs: Any, targets: Sequence[Explained]) -> tuple[Tensor, Tensor | None]:
    """The targets' values (N,), and their classes where all are classes among others.

    A function is one where it names it by an attribute ``category``, as pytorch-grad-cam's do, and gives its logit.
    """
    values = torch.stack([value_of(target, output) for target, output in zip(targets, outputs, strict=True)])
    if not isinstance(outputs, Tensor) or outputs.dim() != 2 or outputs.shape[1] < 2:
        return values, None
    named = [getattr(target, "category", None) if callable(target) else target for target in targets]
    if not all(isinstance(one, SupportsIndex) for one in named):
        return values, None
    classes = torch.tensor([operator.index(one) for one in named if one is not None], device=outputs.device)
    classes = classes % outputs.shape[1]  # those counted from the end
    return values, classes if torch.equal(values, outputs.gather(1, classes[:, None])[:, 0]) else None
