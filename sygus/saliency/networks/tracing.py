"""Splitting a network at a layer by its graph, as torch.fx records it.

Only the modules around the layer are traced into; every other module is a node of the graph, so code elsewhere that
cannot be traced does no harm. torch.export is not used: it fixes the batch size or asks for its symbolic shapes, and
lowers modules to operators, whose numbers differ from the model's in the last bits.
"""

from __future__ import annotations

import linecache
import operator
import weakref
from typing import Any

import torch
from torch import Tensor, fx, nn

from sygus.saliency.networks.classifier import Leaf, Shape, probe_pictures
from sygus.saliency.networks.layers import Layer
from sygus.saliency.networks.views import Extract, Restore

_EXTRACT, _RESTORE = "extract_maps", "restore_maps"


class NotTraceable(Exception):  # noqa: N818 - leads to another way of splitting
    """The graph cannot be recorded, or does not show the layer; the text is the reason."""


class _Tracer(fx.Tracer):
    """Traces into the modules that contain the layer and no others."""

    def __init__(self, layer: str) -> None:
        super().__init__()
        self.layer = layer

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, Leaf) or not self.layer.startswith(f"{module_qualified_name}.")


def split_graph(pipeline: nn.Module, layer: Layer, shape: Shape) -> tuple[fx.GraphModule, fx.GraphModule]:
    """Trunk and tail as modules that share the pipeline's parameters.

    The trunk takes pictures, the tail the activation; if the tail depends on the pictures by a way around the layer
    it takes them as its second argument.

    Raises:
        NotTraceable: the graph cannot be had.
    """
    try:
        graph = _Tracer(layer.path).trace(pipeline)
    except Exception as error:  # tracing runs foreign code with stand-ins for tensors, which raises anything
        raise NotTraceable(f"torch.fx cannot trace the network ({_first_line(error)})") from None
    calls = [node for node in graph.nodes if node.op == "call_module" and node.target == layer.path]
    if len(calls) != layer.calls:
        raise NotTraceable(f"torch.fx shows {len(calls)} of {layer.calls} runs of the layer")
    modules: dict[str, nn.Module] = {_EXTRACT: Extract(layer.view), _RESTORE: Restore(layer.view)}
    trunk = _module(pipeline, _trunk(graph, calls[-1], layer), modules, "Trunk")
    whole = _tail(graph, calls[-1], layer)
    tail = _module(pipeline, _settled(pipeline, whole, modules, layer, shape), modules, "Tail")
    return trunk, tail


def takes_pictures(tail: fx.GraphModule) -> bool:
    """Whether a tail has a second argument."""
    return len([node for node in tail.graph.nodes if node.op == "placeholder"]) > 1


def _trunk(graph: fx.Graph, layer_node: fx.Node, layer: Layer) -> fx.Graph:
    """Everything up to the layer, in the order recorded, since operations may change tensors in place."""
    trunk = fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    for node in graph.nodes:
        copies[node] = trunk.node_copy(node, lambda old: copies[old])
        if node is layer_node:
            break
    maps = copies[layer_node]
    trunk.output(maps if layer.view.plain else trunk.call_module(_EXTRACT, (maps,)))
    return trunk


def _tail(graph: fx.Graph, layer_node: fx.Node, layer: Layer) -> fx.Graph:
    """The whole graph with the layer's output replaced by the activation, which comes first."""
    tail = fx.Graph()
    activation = tail.placeholder("activation")
    copies: dict[fx.Node, fx.Node] = {}
    for node in graph.nodes:
        copies[node] = tail.node_copy(node, lambda old: copies[old])
        if node is layer_node and layer.view.plain:
            copies[node] = activation
        elif node is layer_node:
            rest = () if layer.view.complete else (copies[node],)
            copies[node] = tail.call_module(_RESTORE, (activation, *rest))
    _remove_unused(tail)
    return tail


def _remove_unused(graph: fx.Graph) -> None:
    """Drop what the output does not need, and the pictures if it needs them for nothing.

    An operation that only changes a tensor in place is dropped too; that the split computes the same as the network
    is checked where it is made.
    """
    first = True
    for node in reversed(list(graph.nodes)):
        if node.op not in ("placeholder", "output") and not node.users:
            graph.erase_node(node)
    for node in list(graph.nodes):
        if node.op == "placeholder":
            if not first and not node.users:
                graph.erase_node(node)
            first = False


def _settled(
    pipeline: nn.Module, graph: fx.Graph, modules: dict[str, nn.Module], layer: Layer, shape: Shape
) -> fx.Graph:
    """The tail's graph with its sizes settled, so that it does not need the pictures merely for their number.

    Sizes that follow the number of pictures become that of the activation, and others constants; ``x.view(B, -1)``
    becomes ``flatten``.
    """
    if not any(_asks_size(node) for node in graph.nodes):
        return graph
    tail = _module(pipeline, graph, modules, "Tail")
    seen = [_integers(tail, layer, count, shape, _device(pipeline)) for count in (2, 3)]
    graph = tail.graph
    activation = next(iter(graph.nodes))
    with graph.inserting_after(activation):
        count = graph.call_method("size", (activation, 0))
    for node in list(graph.nodes):
        two, three = (values.get(node.name) for values in seen)
        if node is count or two is None or three is None:
            continue
        if (two, three) == (2, 3):
            node.replace_all_uses_with(count)
        elif two == three:
            _replace_by_number(node, two)
    for node in list(graph.nodes):
        if node.op == "call_method" and node.target in ("view", "reshape"):
            wanted = node.args[1:] if len(node.args) > 2 else node.args[1] if len(node.args) > 1 else ()
            if tuple(wanted if isinstance(wanted, tuple | list) else ()) == (count, -1):
                node.op, node.target, node.args = "call_function", torch.flatten, (node.args[0], 1)
    _remove_unused(graph)
    return graph


def _asks_size(node: fx.Node) -> bool:
    return node.target in ("size", "numel") or (node.target is getattr and bool(node.args[1] == "shape"))


def _replace_by_number(node: fx.Node, value: int) -> None:
    def replaced(argument: fx.Node) -> Any:
        return value if argument is node else argument

    for user in list(node.users):
        user.args = fx.node.map_arg(user.args, replaced)
        user.kwargs = fx.node.map_arg(user.kwargs, replaced)


class _Recorder(fx.Interpreter):
    """Runs a graph and keeps every integer."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.integers: dict[str, int] = {}

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        if type(value) is int:
            self.integers[n.name] = operator.index(value)
        return value


def _integers(tail: fx.GraphModule, layer: Layer, count: int, shape: Shape, device: torch.device) -> dict[str, int]:
    """The integers inside the tail for so many pictures, by the name of their node."""
    recorder = _Recorder(tail)
    activation: Tensor = torch.rand(count, *layer.view.shape, device=device)
    pictures = (probe_pictures(count, shape).to(device),) if takes_pictures(tail) else ()
    with torch.no_grad():
        recorder.run(activation, *pictures)
    return recorder.integers


def _device(module: nn.Module) -> torch.device:
    return next((tensor.device for tensor in (*module.parameters(), *module.buffers())), torch.device("cpu"))


def _module(pipeline: nn.Module, graph: fx.Graph, own: dict[str, nn.Module], name: str) -> fx.GraphModule:
    """A module that runs the graph on the pipeline's own submodules and parameters."""
    graph.lint()
    targets = {str(node.target) for node in graph.nodes if node.op in ("call_module", "get_attr")}
    attributes = {target: own[target] if target in own else operator.attrgetter(target)(pipeline) for target in targets}
    return forgotten_with(fx.GraphModule(attributes, graph, name)).eval()


def forgotten_with(module: fx.GraphModule) -> fx.GraphModule:
    """The module; when it dies, torch's entry for the source of its present graph goes too."""
    file = module.forward.__code__.co_filename
    weakref.finalize(module, linecache.cache.pop, file, None).atexit = False
    return module


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0] if text else 'no message'}"
