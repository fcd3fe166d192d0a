"""A copy of a network for passes without gradients: every batch normalisation folded into the convolution before it.

Scaling and shifting the output of a convolution is scaling its weights and shifting its bias: exact in real numbers.
In floating point the copy is trusted only after its logits have been compared with the network's.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, fx, nn
from torch.nn.utils import parametrize
from torch.nn.utils.fusion import fuse_conv_bn_eval

from sygus.saliency.devices import is_out_of_memory
from sygus.saliency.networks.classifier import Leaf
from sygus.saliency.networks.split import deviation
from sygus.saliency.networks.tracing import forgotten_with

TOLERANCE = 1e-5
"""Of the largest logit: how far the folded copy may be from the network."""

_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


@dataclass(frozen=True, eq=False)
class Folded:
    """What passes without gradients run.

    Attributes:
        module: the folded copy, or the network itself where there is none or it is not trusted.
        folds: batch normalisations folded in ``module``.
        reason: what was done, in words.
    """

    module: nn.Module
    folds: int
    reason: str


def folded(pipeline: nn.Module, pictures: Tensor) -> Folded:
    """The folded copy of a network, if its logits on some pictures are within :data:`TOLERANCE` of the network's."""
    try:
        fold = _Fold()
        module = fold.apply(_copy(pipeline))
        if fold.count == 0:
            return Folded(pipeline, 0, "plain: no batch normalisation to fold")
        with torch.no_grad():
            off = deviation(module(pictures), pipeline(pictures))
    except Exception as error:  # code of the model that looks into its own modules may not find them folded
        if is_out_of_memory(error):
            raise
        return Folded(pipeline, 0, f"plain: the folded copy fails ({type(error).__name__})")
    if off > TOLERANCE:
        return Folded(pipeline, 0, f"plain: the folded copy is off by {off:.1e} of the largest logit")
    return Folded(module, fold.count, f"{fold.count} batch normalisations folded, {off:.1e} off the largest logit")


def _copy(module: nn.Module) -> nn.Module:
    """A copy whose modules are its own and whose tensors are shared."""
    tensors = [*module.parameters(), *module.buffers()]
    copied: nn.Module = copy.deepcopy(module, {id(tensor): tensor for tensor in tensors})
    return copied


class _Tracer(fx.Tracer):
    """Stops at torch's modules and at convolutions of any make, as those with another padding."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, (Leaf, *_NORMS, *_CONVOLUTIONS)) or super().is_leaf_module(m, module_qualified_name)


class _Fold:
    """Folds what can be traced as a whole; where a module cannot, its parts."""

    def __init__(self) -> None:
        self.count = 0

    def apply(self, module: nn.Module) -> nn.Module:
        """The module, or what replaces it."""
        if all(_after_norm(part) is None for part in module.modules()):
            return module
        try:
            graph = _Tracer().trace(module)
        except Exception:  # foreign code run with stand-ins for tensors raises anything; its parts may still trace
            for name, child in list(module.named_children()):
                module._modules[name] = self.apply(child)
            return module
        before = self.count
        traced = forgotten_with(fx.GraphModule(module, graph))
        for node in list(traced.graph.nodes):
            self._fold(node, traced)
        if self.count == before:
            return module
        traced.delete_all_unused_submodules()
        traced.recompile()
        return forgotten_with(traced)

    def _fold(self, node: fx.Node, traced: fx.GraphModule) -> None:
        """Fold the batch normalisation at a node into the convolution that feeds it alone."""
        if node.op != "call_module" or len(node.args) != 1 or node.kwargs:
            return
        before = node.args[0]
        if not isinstance(before, fx.Node) or before.op != "call_module" or len(before.users) != 1:
            return
        norm, convolution = (cast("Any", traced.get_submodule(str(one.target))) for one in (node, before))
        if not (_foldable(norm, convolution) and _runs_once(before, traced)):
            return
        replaced = fuse_conv_bn_eval(convolution, norm).requires_grad_(False)
        parent, _, name = str(before.target).rpartition(".")
        setattr(traced.get_submodule(parent), name, replaced)
        rest = _after_norm(norm)
        if rest:
            traced.add_submodule(str(node.target), nn.Sequential(*rest).eval())
        else:
            node.replace_all_uses_with(before)
            traced.graph.erase_node(node)
        self.count += 1


def _after_norm(module: nn.Module) -> tuple[nn.Module, ...] | None:
    """What a batch normalisation does after it has normalised: nothing, or timm's dropout and activation.

    None for every other module.
    """
    if type(module) in _NORMS:
        return ()
    if type(module).__name__ == "BatchNormAct2d" and isinstance(module, nn.BatchNorm2d):
        return tuple(module.children())
    return None


def _foldable(norm: Any, convolution: Any) -> bool:
    return (
        _after_norm(norm) is not None
        and isinstance(convolution, _CONVOLUTIONS)
        and norm.running_mean is not None
        and not norm.training
        and not any(_is_altered(module) for module in (norm, convolution))
    )


def _is_altered(module: nn.Module) -> bool:
    """Whether hooks or parametrizations compute more than the class says."""
    return bool(module._forward_hooks or module._forward_pre_hooks) or parametrize.is_parametrized(module)


def _runs_once(node: fx.Node, traced: fx.GraphModule) -> bool:
    module = traced.get_submodule(str(node.target))
    same = [n for n in traced.graph.nodes if n.op == "call_module" and traced.get_submodule(str(n.target)) is module]
    return len(same) == 1
