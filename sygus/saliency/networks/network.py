"""A classifier, split once at the layer that is explained."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.nn.parameter import is_lazy

from sygus.errors import OptionError, known, listed
from sygus.saliency.devices import is_out_of_memory
from sygus.saliency.foreign import ALWAYS, blamed
from sygus.saliency.images.geometry import Preprocessing
from sygus.saliency.networks.chunks import Chunk, chunk_for, enough
from sygus.saliency.networks.classifier import TRIAL, Classifier, Shape, pipeline, probe_pictures
from sygus.saliency.networks.fingerprint import fingerprint
from sygus.saliency.networks.folding import folded
from sygus.saliency.networks.heads import is_one_number, with_head
from sygus.saliency.networks.hooking import hooked_activations
from sygus.saliency.networks.layers import Layer, find_layer, find_pyramid
from sygus.saliency.networks.nonnegative import is_nonnegative
from sygus.saliency.networks.precision import FULL, Precision, in_precision
from sygus.saliency.networks.probing import remarks_on, require_alone
from sygus.saliency.networks.split import SplitKind, split
from sygus.saliency.networks.state import computed_tensors
from sygus.saliency.networks.target import PREDICTED, Target
from sygus.saliency.networks.views import Grid

Result = TypeVar("Result")

Score = Callable[[Tensor, Tensor], Tensor]
"""From logits (n, classes) and targets (n,) to the number of each picture that is differentiated, (n,)."""


def target_logit(logits: Tensor, targets: Tensor) -> Tensor:
    """Y, the logit of the class explained."""
    return logits.gather(1, targets[:, None])[:, 0]


_FOLD_CHECK = 4
"""Pictures that the folded copy is compared on."""


@dataclass(frozen=True, eq=False)
class Whole:
    """The network unsplit, for passes that need no activation; it belongs to one trunk and tail.

    Attributes:
        trunk, tail: the halves it computes the same as.
        exact: the network itself, for gradients.
        fast: for passes without gradients: the folded copy if that is trusted, else ``exact``; in the precision.
        layer: where the halves meet.
    """

    trunk: Callable[..., Tensor]
    tail: Callable[..., Tensor]
    exact: nn.Module
    fast: nn.Module
    layer: Layer


@dataclass(frozen=True, eq=False)
class Network:
    """A network f = tail ∘ trunk in evaluation mode; pictures are in pixel space, normalisation is part of the trunk.

    Numbers that come out are float32, whatever the network computes with. Pictures go through in chunks of a fixed
    size, so that no result depends on what a picture was batched with. One thread at a time may use a network.

    Attributes:
        name: how the user names it.
        layer: the module whose output is the activation.
        trunk: pictures (B, 3, H, W) in [0, 1] to the activation (B, K, h, w), without gradients.
        tail: activation to logits (B, classes); it may change its argument in place.
        preprocessing: what it expects of the geometry of pictures, masks and boxes.
        classes: the names of the classes; of a number that is explained in their place its name alone.
        nonnegative: whether the activation is nonnegative by construction.
        fingerprint: what tells it from all others, see :mod:`sygus.saliency.networks.fingerprint`.
        device: where it computes.
        deviation: what its normalisation divides each colour by; a unit of noise on pictures.
        needs_pictures: whether the logits depend on the pictures by a way around the layer (a skip connection, a class
            token); the tail then takes them as its second argument.
        prefix: tokens before those of the grid, where the layer gives tokens.
        split: how trunk and tail were made.
        chunk: how many pictures pass at once.
        whole: the unsplit network; used as long as trunk and tail are those it was made with.
        notes: how it was split and folded and how the chunk was chosen, in words.
        classifier: what was split, where it may be split again.
        unknown: what of it the fingerprint cannot tell, in words; where there is any, the fingerprint is of this one
            loading alone, and no other run shares its scores and features.
        target: what is explained. Where that is no class, the logits are the numbers explained, (n, 1).
        multi_label: whether the probability of a class is the sigmoid of its logit, in place of their softmax.
        precision: of the passes that need no activation, see :mod:`sygus.saliency.networks.precision`.
    """

    name: str
    layer: str
    trunk: Callable[..., Tensor]
    tail: Callable[..., Tensor]
    preprocessing: Preprocessing
    classes: tuple[str, ...]
    nonnegative: bool
    fingerprint: str
    device: torch.device
    deviation: tuple[float, ...] = (0.25, 0.25, 0.25)
    needs_pictures: bool = False
    prefix: int = 0
    split: SplitKind = "fx"
    chunk: Chunk = field(default_factory=Chunk)
    whole: Whole | None = None
    notes: tuple[str, ...] = ()
    classifier: Classifier | None = None
    unknown: tuple[str, ...] = ()
    target: Target = PREDICTED
    multi_label: bool = False
    precision: Precision = FULL

    @property
    def no_class(self) -> str:
        """Why there is no probability of a class, in words; "" where there is one."""
        if self.target.is_class:
            return ""
        return f"the probability of a class, which '{self.name}' does not give where '{self.target.text}' is explained"

    def require_class(self, what: str) -> None:
        """Check that what is explained is a class.

        Args:
            what: needs it, for the message.

        Raises:
            OptionError: it is another number.
        """
        if self.no_class:
            hint = "explain a class: --target predicted, label or logit C"
            raise OptionError(f"{what} needs {self.no_class}", hint)

    def at(self, layer: str) -> Network:
        """The same classifier split at another layer; both share the size of passes.

        Raises:
            OptionError: there is no such layer, or it cannot be explained.
        """
        if layer == self.layer:
            return self
        if self.classifier is None:
            raise OptionError(f"--layer: '{self.name}' was split by hand and has no layer but '{self.layer}'")
        return make_network(
            self.classifier, self.name, self.device, layer, self.chunk, self.target, precision=self.precision
        )

    def pyramid(self) -> tuple[str, ...]:
        """The last layer of each resolution of feature maps, down to the layer explained, by the names of modules."""
        if self.whole is None or self.classifier is None:
            return (self.layer,)  # it was split by hand
        trial = probe_pictures(2, self.classifier.shape).to(self.device)
        return find_pyramid(self.whole.exact, trial, self.whole.layer, _grid_of(self.classifier))

    def for_few(self, count: int) -> Network:
        """The same network for so many pictures: its passes are no larger, since they are filled up to their size.

        Scores may differ in the last bits from those of larger passes.
        """
        size = min(self.chunk.size, enough(count))
        return replace(self, chunk=Chunk(size, f"enough for {count}")) if size < self.chunk.size else self

    @property
    def channels(self) -> int:
        """Of the pictures it takes."""
        return len(self.deviation)

    @property
    def size(self) -> tuple[int, int]:
        """H, W of the pictures it takes."""
        return self.preprocessing.size

    def activation(self, pictures: Tensor) -> Tensor:
        """The feature maps (N, K, h, w) of the layer, on the network's device."""
        return self._without_gradients(self.trunk, pictures)

    def shares_passes(self, other: Network) -> bool:
        """Whether a pass runs the modules of another network, so that it shows the feature maps of both."""
        if self._own_whole is None or other._own_whole is None or self.classifier is None or other.classifier is None:
            return False
        return self.classifier.model is other.classifier.model

    def activations(self, networks: Sequence[Network], pictures: Tensor) -> list[Tensor]:
        """The feature maps of networks that share passes with this one, in one pass; see :meth:`activation`."""
        assert self.whole is not None
        layers = [network.whole.layer for network in networks if network.whole is not None]
        return self.in_passes(partial(hooked_activations, self.whole.exact, layers), pictures)

    def logits(self, pictures: Tensor) -> Tensor:
        """The logits (N, classes), on the network's device."""
        return self._without_gradients(self._fast, pictures)

    def probabilities(self, pictures: Tensor, targets: Tensor) -> Tensor:
        """P of each picture (N, 3, H, W) and its target class (N,): softmax(f(x))_c, or of several labels sigmoid.

        Raises:
            OptionError: what is explained is no class.
        """
        return self.probability_of(self.logits(pictures), targets)

    def logits_of(self, make: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        """The logits (n, classes) of pictures that are made pass by pass, since all at once would fill the memory.

        Args:
            make: from so many rows of each input to as many pictures (b, 3, H, W).
            inputs: (n, …) each.
        """

        def run(*rows: Tensor) -> Tensor:
            return self._fast(make(*rows).contiguous(memory_format=torch.channels_last))

        return self._without_gradients(run, *inputs)

    def masked_probabilities(self, pictures: Tensor, index: Tensor, masks: Tensor, targets: Tensor) -> Tensor:
        """P of the pictures x ⊙ S, masked in pixel space.

        Args:
            pictures: (N, 3, H, W), the clean ones.
            index: which of them, (n,).
            masks: S of each, (n, H, W).
            targets: its class, (n,).

        Returns:
            (n,) float32.

        Raises:
            OptionError: what is explained is no class.
        """
        pictures = pictures.to(self.device)
        if len(index) >= len(pictures):  # else the rows are laid out as they are taken
            pictures = pictures.contiguous(memory_format=torch.channels_last)
        logits = self.logits_of(lambda rows, masks: pictures[rows].mul_(masks[:, None]), index, masks)
        return self.probability_of(logits, targets)

    def tail_logits(self, activation: Tensor, pictures: Tensor | None = None) -> Tensor:
        """The logits (N, classes) from the activation (N, K, h, w) on; only the tail runs.

        Args:
            activation: of the layer, perhaps changed.
            pictures: (N, 3, H, W) that it is of; needed if :attr:`needs_pictures`.

        Raises:
            OptionError: the pictures are needed.
        """
        return self._without_gradients(self._from_activation, activation, *self._beside(pictures))

    def gradient(
        self,
        activation: Tensor,
        targets: Tensor,
        pictures: Tensor | None = None,
        *,
        of: Score = target_logit,
        curved: bool = False,
    ) -> tuple[Tensor, Tensor]:
        """The target logit y (N,) and ∂y/∂A (N, K, h, w); only the tail runs, from the activation on.

        The network's parameters, their gradients and its mode are left as they were.

        Args:
            activation: of the layer.
            targets: (N,).
            pictures: (N, 3, H, W) that it is of; needed if :attr:`needs_pictures`.
            of: what is differentiated in place of the logit.
            curved: give H·A in place of the gradient, H the Hessian with respect to A.

        Raises:
            OptionError: the pictures are needed.
        """
        beside = self._beside(pictures)
        return self._differentiated(self._from_activation, activation, targets, *beside, of=of, curved=curved)

    def input_gradient(self, pictures: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """The target logit y (N,) and ∂y/∂x (N, 3, H, W), through the whole network."""
        return self._differentiated(self.classify, pictures, targets)

    def in_passes(self, function: Callable[..., Sequence[Tensor]], *inputs: Tensor) -> list[Tensor]:
        """What a function of several results gives of all rows of the inputs, float32, pass by pass.

        Args:
            function: from as many rows of each input as pass at once to results of as many rows; without gradients,
                unless it switches them on.
            inputs: (n, …) each.
        """

        def run() -> list[Tensor]:
            with torch.no_grad():
                passed = [[one.float() for one in self._passed(function, *chunk)] for chunk in self._chunks(*inputs)]
                return [torch.cat(pieces) for pieces in zip(*passed, strict=True)]

        return [one[: len(inputs[0])] for one in self.fitting(run)]

    def classify(self, pictures: Tensor) -> Tensor:
        """The logits (B, classes) of one batch, exactly and as one differentiable function of the pictures."""
        whole = self._own_whole
        if whole is not None:
            logits: Tensor = whole.exact(pictures)
            return logits
        return self._from_activation(self.trunk(pictures), *((pictures,) if self.needs_pictures else ()))

    def fitting(self, run: Callable[[], Result]) -> Result:
        """What ``run`` gives, again and with smaller chunks while the memory does not suffice.

        Raises:
            SycamError: it does not suffice for a single picture.
        """
        while True:
            try:
                return run()
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
            # The handler is left: its traceback held tensors.
            torch.cuda.empty_cache()
            self.chunk.halve()

    def class_probabilities(self, logits: Tensor) -> Tensor:
        """The probability of each class, float32: the softmax of the logits (n, classes), or of each the sigmoid."""
        return logits.float().sigmoid() if self.multi_label else torch.softmax(logits.float(), 1)

    def probability_of(self, logits: Tensor, targets: Tensor) -> Tensor:
        """P, the probability of the class explained (n,) where these are the logits (n, classes); float32.

        Raises:
            OptionError: what is explained is no class.
        """
        self.require_class("what is asked")
        return target_logit(self.class_probabilities(logits), targets.to(logits.device))

    def log_probability_of(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Ln P, of the logits (n, classes) and the class explained (n,); float32."""
        if self.multi_label:
            return torch.nn.functional.logsigmoid(target_logit(logits.float(), targets))
        return target_logit(torch.log_softmax(logits.float(), 1), targets)

    @property
    def _own_whole(self) -> Whole | None:
        """The unsplit network, unless trunk or tail were replaced."""
        whole = self.whole
        return whole if whole is not None and whole.trunk is self.trunk and whole.tail is self.tail else None

    def _fast(self, pictures: Tensor) -> Tensor:
        whole = self._own_whole
        if whole is None:
            return self.classify(pictures)
        logits: Tensor = whole.fast(pictures)
        return logits

    def _from_activation(self, activation: Tensor, *pictures: Tensor) -> Tensor:
        """The tail on a copy, since operations in place may come first."""
        return self.tail(activation.clone(), *pictures)

    def _beside(self, pictures: Tensor | None) -> tuple[Tensor, ...]:
        if not self.needs_pictures:
            return ()
        if pictures is None:
            raise OptionError(
                f"--layer: after '{self.layer}' the logits of '{self.name}' need the pictures too, "
                "which this method does not give",
                "choose a layer that everything passes through, or another method",
            )
        return (pictures,)

    def _without_gradients(self, function: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        return self.in_passes(lambda *chunk: (function(*chunk),), *inputs)[0]

    def _differentiated(
        self,
        function: Callable[..., Tensor],
        inputs: Tensor,
        targets: Tensor,
        *beside: Tensor,
        of: Score = target_logit,
        curved: bool = False,
    ) -> tuple[Tensor, Tensor]:
        def run() -> tuple[Tensor, Tensor]:
            scores, gradients = [], []
            for chunk, chosen, *others in self._chunks(inputs, targets, *beside):
                leaf = chunk.detach().clone().requires_grad_()
                with torch.enable_grad():
                    score = of(self._passed(function, leaf, *others), chosen)
                    gradient = self._gradient(score, leaf, curved=curved)
                    if curved:
                        gradient = _along(gradient, leaf)
                scores.append(score.detach().float())
                gradients.append(gradient.float())
            return torch.cat(scores), torch.cat(gradients)

        scores, gradients = self.fitting(run)
        return scores[: len(inputs)], gradients[: len(inputs)]

    def _gradient(self, score: Tensor, leaf: Tensor, *, curved: bool) -> Tensor:
        """∂ score / ∂ leaf, itself with a gradient where it is curved.

        Raises:
            OptionError: none comes back through the network.
        """
        what = f"--network: no gradient comes back through '{self.name}'"
        found = None
        if score.requires_grad:
            with blamed(what, "torch.utils.checkpoint needs use_reentrant=False"):
                (found,) = torch.autograd.grad(score.sum(), leaf, create_graph=curved, allow_unused=True)
        if found is None:
            hint = (
                "a part of it runs under torch.no_grad() or in NumPy: choose a layer behind it, and what asks for no "
            )
            raise OptionError(what, f"{hint}gradient with respect to the picture")
        return found

    def _passed(self, function: Callable[..., Result], *inputs: Tensor) -> Result:
        with blamed(f"--network: '{self.name}' fails on a pass of {len(inputs[0])} pictures", ALWAYS):
            return function(*inputs)

    def _chunks(self, *inputs: Tensor) -> Iterator[tuple[Tensor, ...]]:
        """The inputs in pieces of one size, moved to the device as they are taken, the last filled up."""
        if len(inputs[0]) == 0:
            raise ValueError("no pictures to pass through the network")
        size = self.chunk.size
        for start in range(0, len(inputs[0]), size):
            yield tuple(self._piece(one[start : start + size], size) for one in inputs)

    def _piece(self, rows: Tensor, size: int) -> Tensor:
        rows = rows.to(self.device)
        missing = size - len(rows)
        if missing:
            rows = torch.cat([rows, rows[:1].expand(missing, *rows.shape[1:])])
        return rows.contiguous(memory_format=torch.channels_last) if rows.ndim == 4 else rows


def _along(gradient: Tensor, leaf: Tensor) -> Tensor:
    """H·A, of the gradient at the leaf A; 0 where the gradient does not depend on it."""
    if not gradient.requires_grad:
        return torch.zeros_like(leaf)
    slope = (gradient * leaf.detach()).sum()
    (curvature,) = torch.autograd.grad(slope, leaf, allow_unused=True, materialize_grads=True)
    return curvature


def make_network(
    classifier: Classifier,
    name: str,
    device: torch.device,
    layer: str | None = None,
    chunk: Chunk | None = None,
    target: Target = PREDICTED,
    *,
    precision: Precision = FULL,
) -> Network:
    """Split a classifier at a layer, fold it, and choose its chunk.

    The model is copied, unless the classifier says that nobody else holds it; its mode, parameters and hooks are
    left as they are.

    Args:
        classifier: what it is.
        name: for messages and reports.
        device: where to compute.
        layer: which layer; None: the classifier's, else the one that is found.
        chunk: how many pictures pass at once; None: by :func:`chunk_for`.
        target: what is explained.
        precision: of passes that need no activation.

    Raises:
        OptionError: the model cannot be run or copied, the layer cannot be explained, or the network gives nothing
            that the target could be made of.
    """
    target = target.loaded()
    model = _usable(classifier.model)
    _check_importance(model, classifier.importance)
    model = model if classifier.owned else _copied(model)
    model = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    shape = classifier.shape
    outputs, returned = pipeline(classifier, model, device, raw=target.kind == "function")
    sigmoid = classifier.output == "sigmoid"
    judged = target.is_class and not sigmoid and returned.ndim <= 2 and len(returned) == TRIAL
    remarks = remarks_on(outputs, shape, device) if judged else ()
    whole, names = with_head(outputs, returned, target, classifier.classes, name, sigmoid=sigmoid)
    multi_label = target.is_class and (classifier.multi_label or sigmoid) and not is_one_number(returned)
    require_alone(whole, name, shape, device)
    segments = returned.shape[1] if target.kind == "region" else None
    trial = probe_pictures(2, shape).to(device)
    found = find_layer(whole, trial, layer or classifier.layer, _grid_of(classifier), segments)
    halves = split(whole, found, shape, device)
    fast = folded(whole, _laid_out(probe_pictures(_FOLD_CHECK, shape).to(device)))
    stated = f"{found.path}/{found.calls}/{found.view}/{classifier.preprocessing}{'/multi-label' * multi_label}"
    if classifier.importance is not None:
        stated += f"/importance {classifier.importance} of {classifier.layer}"
    if precision != FULL:
        stated += f"/{precision}"
    identity = fingerprint(whole, halves, stated, shape)
    quick = in_precision(fast.module, precision, device)
    chunk = chunk or chunk_for(shape[1:], device, lambda count: _timed_pass(quick, count, shape, device))
    return Network(
        name=name,
        layer=found.name,
        trunk=halves.trunk,
        tail=halves.tail,
        preprocessing=classifier.preprocessing,
        classes=names,
        nonnegative=found.view.kind == "maps" and is_nonnegative(whole.get_submodule(found.path)),
        fingerprint=identity.text,
        device=device,
        deviation=classifier.deviation,
        needs_pictures=halves.needs_pictures,
        prefix=found.view.prefix,
        split=halves.kind,
        chunk=chunk,
        whole=Whole(halves.trunk, halves.tail, whole, quick, found),
        notes=(
            f"split at {found.name} by {halves.kind}" + (f": {halves.reason}" if halves.reason else ""),
            f"passes without gradients are {fast.reason}",
            *([f"masked pictures pass in {precision}"] if precision != FULL else []),
            f"{chunk.size} pictures in a pass, {chunk.reason}",
            *remarks,
            *(["multi-label: the probability of a class is the sigmoid of its logit"] if multi_label else []),
            *_unshared(identity.unknown),
        ),
        classifier=replace(classifier, model=model, owned=True),
        unknown=identity.unknown,
        target=target,
        multi_label=multi_label,
        precision=precision,
    )


def _grid_of(classifier: Classifier) -> Grid:
    """The grid that a classifier is described with."""
    if classifier.grid is None or isinstance(classifier.grid, str):
        return classifier.grid
    rows, columns, prefix = map(int, classifier.grid)
    return rows, columns, prefix


def _unshared(unknown: tuple[str, ...]) -> tuple[str, ...]:
    if not unknown:
        return ()
    return (f"no other run shares its scores, since not all of it can be told: {listed(unknown, _SHOWN)}",)


_SHOWN = 3
"""How much of what is unknown a note names."""


def unwrapped(model: nn.Module) -> nn.Module:
    """The module that runs layer by layer: what torch.compile or DataParallel was given."""
    while True:
        inner = model.module if isinstance(model, nn.DataParallel | DistributedDataParallel) else model
        inner = getattr(inner, "_orig_mod", inner)
        if inner is model:
            return model
        model = inner


def _usable(model: nn.Module) -> nn.Module:
    """The module that runs layer by layer."""
    model = unwrapped(model)
    if any(isinstance(module, torch.jit.ScriptModule) for module in model.modules()):
        raise OptionError(
            "--network: the model is compiled by TorchScript, which hides its layers",
            "give the module that it was compiled from",
        )
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if is_lazy(tensor) or tensor.is_meta:
            raise OptionError(f"--network: '{name}' of the model has no values", "load its weights first")
    return model


def _check_importance(model: nn.Module, name: str | None) -> None:
    modules = [path for path, _ in model.named_modules(remove_duplicate=False) if path]
    if name is not None and name not in modules:
        raise OptionError(f"--network: the model has no module '{name}', its importance=", known(modules, name))


def _copied(model: nn.Module) -> nn.Module:
    # what was computed cannot be copied with how it was; the copy computes it anew, where it is of its own
    plain = {id(tensor): tensor.detach().clone() for tensor in computed_tensors(model)}
    try:
        return copy.deepcopy(model, dict(plain))
    except Exception as error:  # foreign objects hang on modules, and each refuses in its own way
        raise OptionError(
            f"--network: the model cannot be copied: {type(error).__name__}: {error}",
            "describe it with owned=True if nothing else uses it, and it is not copied",
        ) from error


def _laid_out(pictures: Tensor) -> Tensor:
    return pictures.contiguous(memory_format=torch.channels_last)


def _timed_pass(module: nn.Module, count: int, shape: Shape, device: torch.device) -> None:
    with torch.no_grad():
        module(_laid_out(torch.full((count, *shape), 0.5, device=device)))
