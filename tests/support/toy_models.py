"""Small classifiers with every habit that makes splitting hard; random weights, pictures of 16x16."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from sygus.saliency.images import Preprocessing
from sygus.saliency.networks import Classifier, Network, make_network

SIDE = 16
CLASSES = 5
CPU = torch.device("cpu")


def chain(*, in_place: bool = False) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(inplace=in_place),
        nn.Conv2d(8, 6, 3, padding=1),
        nn.ReLU(inplace=in_place),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, CLASSES),
    )


class Residual(nn.Module):
    """Additions as functions, one ReLU module for several places, in place, and a view by the number of pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, stride=2, padding=1)
        self.first = nn.Conv2d(6, 6, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(6)
        self.second = nn.Conv2d(6, 6, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.head = nn.Linear(6, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        count = x.size(0)
        x = self.relu(self.stem(x))
        x = self.relu(self.norm(self.first(x)) + x)
        x = self.relu(self.second(x) + x)
        return self.head(nn.functional.adaptive_avg_pool2d(x, 1).view(count, -1))


class InPlaceStatement(nn.Module):
    """The result of an operation in place is not used, only its effect."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, padding=1)
        self.head = nn.Linear(6, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        x.relu_()
        return self.head(x.mean((2, 3)))


class Branching(nn.Module):
    """Control flow on values, which no tracer follows."""

    def __init__(self) -> None:
        super().__init__()
        self.body = chain()

    def forward(self, x: Tensor) -> Tensor:
        if bool((x.mean() > 2).item()):
            x = x / 2
        return self.body(x)


class BranchingElsewhere(nn.Module):
    """Control flow in a part that does not contain the layer."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Branching()
        self.stem.body = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())
        self.conv = nn.Conv2d(4, 6, 3)
        self.head = nn.Linear(6, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.conv(self.stem(x)).relu().mean((2, 3)))


class BranchingTwice(nn.Module):
    """Control flow and a skip connection around the layer."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.conv = nn.Conv2d(6, 6, 3, padding=1)
        self.head = nn.Linear(6, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        if bool((x.abs().max() > 1e6).item()):
            return self.head(x.mean((2, 3)))
        return self.head((self.conv(x) + x).relu().mean((2, 3)))


class Wrapped(nn.Module):
    """Returns something else than a tensor."""

    def __init__(self, wrap: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.body = chain(in_place=True)
        self.wrap = wrap

    def forward(self, x: Tensor) -> Any:
        return self.wrap(self.body(x))


@dataclass
class Output:
    """As transformers returns."""

    logits: Tensor


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.project = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.qkv(self.norm1(x)).chunk(3, -1)
        x = x + self.project(nn.functional.scaled_dot_product_attention(query, key, value))
        return x + self.mlp(self.norm2(x))


class Transformer(nn.Module):
    """Patches of 4x4, so 4x4 tokens of width 12; a class token is read, or the mean of all tokens."""

    def __init__(self, *, class_token: bool = True, registers: int = 0) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 12, 4, stride=4)
        self.prefix = nn.Parameter(torch.randn(1, int(class_token) + registers, 12))
        self.blocks = nn.Sequential(Block(12), Block(12))
        self.norm = nn.LayerNorm(12)
        self.head = nn.Linear(12, CLASSES)
        self.class_token = class_token

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.prefix.expand(tokens.shape[0], -1, -1), tokens], 1)
        tokens = self.norm(self.blocks(tokens))
        return self.head(tokens[:, 0] if self.class_token else tokens.mean(1))


class TorchEncoder(nn.Module):
    """torch's own encoder layer, whose fused path for evaluation runs no submodules."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 12, 4, stride=4)
        self.encoder = nn.TransformerEncoderLayer(12, 2, 16, dropout=0.0, batch_first=True)
        self.head = nn.Linear(12, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.encoder(self.patches(x).flatten(2).transpose(1, 2)).mean(1))


class ChannelsLast(nn.Module):
    """Maps (B, h, w, K) between blocks, as Swin has them."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 12, 4, stride=4)
        self.mix = nn.Linear(12, 12)
        self.norm = nn.LayerNorm(12)
        self.head = nn.Linear(12, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        maps = self.patches(x).permute(0, 2, 3, 1)
        return self.head(self.norm(maps + self.mix(maps).relu()).mean((1, 2)))


@dataclass(frozen=True)
class Example:
    """A model, the layer to split it at (None: found), and what must come out."""

    name: str
    make: Callable[[], nn.Module]
    layer: str | None
    found: str
    split: str
    needs_pictures: bool = False
    nonnegative: bool = False
    output: Callable[[Any], Tensor] | None = None
    dtype: torch.dtype = torch.float32


EXAMPLES = (
    Example("sequence", chain, None, "4", "fx", nonnegative=True),
    Example("before ReLU in place", lambda: chain(in_place=True), "3", "3", "fx"),
    Example("before the norm", lambda: chain(in_place=True), "0", "0", "fx"),
    Example("pooled", chain, "5:1x1", "5", "error"),
    Example("residual", Residual, None, "relu", "fx", nonnegative=True),
    Example("beside a skip", Residual, "second", "second", "fx", needs_pictures=True),
    Example("in place, unused", InPlaceStatement, "conv", "conv", "hook"),
    Example("untraceable", Branching, None, "body.4", "hook", nonnegative=True),
    Example("untraceable, inside", Branching, "body.3", "body.3", "hook"),
    Example("untraceable elsewhere", BranchingElsewhere, None, "conv", "fx"),
    Example("untraceable, beside a skip", BranchingTwice, "conv", "conv", "hook", needs_pictures=True),
    Example("mapping", lambda: Wrapped(lambda y: {"logits": y}), "body.3", "body.3", "fx"),
    Example("object", lambda: Wrapped(Output), "body.4", "body.4", "fx", nonnegative=True),
    Example("tuple", lambda: Wrapped(lambda y: (0, y)), "body.4", "body.4", "fx", False, True, lambda out: out[1]),
    Example("class token", Transformer, None, "blocks.1.norm1", "fx", needs_pictures=True),
    Example("mean of tokens", lambda: Transformer(class_token=False), None, "norm", "fx"),
    Example("registers", lambda: Transformer(registers=2), "blocks.0:4x4+3", "blocks.0", "fx", needs_pictures=True),
    Example("torch's encoder", TorchEncoder, "encoder.norm1", "encoder.norm1", "hook"),
    Example("channels last", ChannelsLast, None, "norm", "fx"),
    Example("bfloat16", chain, "3", "3", "fx", dtype=torch.bfloat16),
    Example("bfloat16 transformer", Transformer, None, "blocks.1.norm1", "fx", True, dtype=torch.bfloat16),
)
"""The zoo; ``error`` marks a layer that cannot be explained."""

SPLITTABLE = tuple(example for example in EXAMPLES if example.split != "error")


def model_of(example: Example) -> nn.Module:
    """The example's model with its own random weights, batch statistics included."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(sum(map(ord, example.name)))
        model = example.make()
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2)
                nn.init.normal_(module.weight)
        return model.to(example.dtype)


def classifier_of(example: Example, model: nn.Module | None = None) -> Classifier:
    return Classifier(
        model or model_of(example),
        Preprocessing.square(SIDE),
        mean=(0.4, 0.5, 0.6),
        deviation=(0.2, 0.3, 0.4),
        output=example.output,
    )


def network_of(example: Example) -> Network:
    return make_network(classifier_of(example), example.name, CPU, example.layer)


def pictures(count: int, seed: int = 0) -> Tensor:
    return torch.rand(count, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))
