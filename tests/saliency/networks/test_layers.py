"""Which layer is explained: found by itself, named, or refused with what would be right; and grids of tokens."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sygus.errors import OptionError
from sygus.saliency.images import Preprocessing
from sygus.saliency.networks import Classifier, Network, make_network
from sygus.saliency.networks.layers import find_layer
from sygus.saliency.networks.views import View, parse_grid, square_grid
from toy_models import CLASSES, CPU, EXAMPLES, SIDE, Example, Transformer, chain, model_of, pictures


def make(model: nn.Module, layer: str | None = None, size: int | tuple[int, int] = SIDE, **options: Any) -> Network:
    preprocessing = Preprocessing(size, size, "bilinear") if isinstance(size, tuple) else Preprocessing.square(size)
    return make_network(Classifier(model, preprocessing, **options), "toy", CPU, layer)


FOUND = {
    "sequence": "4",
    "before ReLU in place": "4",
    "before the norm": "4",
    "pooled": "4",
    "residual": "relu",
    "beside a skip": "relu",
    "in place, unused": "conv",
    "untraceable": "body.4",
    "untraceable, inside": "body.4",
    "untraceable elsewhere": "conv",
    "untraceable, beside a skip": "conv",
    "mapping": "body.4",
    "object": "body.4",
    "tuple": "body.4",
    "class token": "blocks.1.norm1",
    "mean of tokens": "norm",
    "torch's encoder": "encoder.norm2",
    "channels last": "norm",
    "bfloat16": "4",
    "bfloat16 transformer": "blocks.1.norm1",
}


@pytest.mark.parametrize("example", [e for e in EXAMPLES if e.name in FOUND], ids=lambda e: e.name)
def test_the_layer_that_is_found(example: Example) -> None:
    network = make(model_of(example), output=example.output)
    assert network.layer == FOUND[example.name]
    _, channels, height, width = network.activation(pictures(1)).shape
    assert height * width > 1
    assert channels in (6, 12)


def head(channels: int) -> tuple[nn.Module, ...]:
    return nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, CLASSES)


class Towers(nn.Module):
    """Two branches that are joined; the pooled one ends last."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.one, self.other = nn.Conv2d(3, 6, 3, 2), nn.Conv2d(6, 4, 3), nn.Conv2d(6, 2, 3)
        self.mix = nn.Conv2d(6, 6, 1)
        self.pool = nn.MaxPool2d(2)
        self.head = nn.Linear(6, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.mix(torch.cat([self.one(x), self.other(x)], 1))
        return self.head(self.pool(x).mean((2, 3)))


class Attending(nn.Module):
    """Convolutions; then attention among their pixels, (B, heads, T, T), which is no map of the picture."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 4, 4)
        self.norm = nn.LayerNorm(8)
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(8, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.norm(self.conv(x).flatten(2).transpose(1, 2))
        heads = tokens.unflatten(2, (2, 4)).transpose(1, 2)
        weights = self.dropout((heads @ heads.transpose(2, 3)).softmax(3))
        return self.head((weights @ heads).transpose(1, 2).flatten(2).mean(1))


@pytest.mark.parametrize(
    ("model", "layer"),
    [
        (nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(), *head(6)), "1"),
        (nn.Sequential(nn.Conv2d(3, 6, 3), nn.MaxPool2d(2), nn.Conv2d(6, 6, 3), nn.AvgPool2d(2), *head(6)), "2"),
        (nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.SiLU(), nn.Dropout2d(), *head(6)), "3"),
        (nn.Sequential(nn.Sequential(nn.Conv2d(3, 6, 3)), nn.Sequential(nn.ReLU()), *head(6)), "1"),
        (nn.Sequential(nn.Conv2d(3, 6, 3), nn.Conv2d(6, 9, 14), nn.ReLU(), *head(9)), "0"),
        (Towers(), "mix"),
        (Attending(), "norm"),
    ],
    ids=["VGG", "two pools", "dropout", "nested", "one pixel later", "towers", "attention"],
)
def test_the_last_maps_that_are_not_pooled(model: nn.Module, layer: str) -> None:
    assert make(model).layer == layer


class Block(nn.Module):
    """Attention by one head among tokens (B, T, C), then a layer for each by itself; ``norm`` before both."""

    def __init__(self, width: int, norm: type[nn.Module] | None) -> None:
        super().__init__()
        self.norm1, self.norm2 = (nn.Identity() if norm is None else norm(width) for _ in range(2))
        self.qkv, self.proj, self.mlp = (nn.Linear(width, count) for count in (3 * width, width, width))

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.qkv(self.norm1(x)).chunk(3, -1)
        x = x + self.proj((query @ key.transpose(1, 2)).softmax(-1) @ value)
        return x + self.mlp(self.norm2(x)).tanh()


class Scale(nn.Module):
    """What stands for a normalisation in networks without statistics, and is called otherwise."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.linspace(0.5, 1.5, width))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight


class Tokens(nn.Module):
    """Patches, two blocks, and a head that reads a class token or the mean.

    Args:
        norm: of the blocks; None for none.
        read: "class": the class token; "mean": all; "scaled": all, after a scale.
        maps: whether the patches come out of the last block as maps beside the class token.
    """

    def __init__(self, norm: type[nn.Module] | None, read: str, *, maps: bool = False) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 4, 4)
        self.token = nn.Parameter(torch.ones(1, 1, 8)) if read == "class" else None
        self.blocks = nn.ModuleList(Block(8, norm) for _ in range(2))
        self.last = Scale(8) if read == "scaled" else nn.Identity()
        self.patches = nn.Unflatten(2, (4, 4)) if maps else None
        self.head = nn.Linear(8, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).flatten(2).transpose(1, 2)
        x = x if self.token is None else torch.cat([self.token.expand(len(x), 1, 8), x], 1)
        for block in self.blocks:
            x = block(x)
        if self.patches is not None:
            self.patches(x[:, 1:].transpose(1, 2))
        x = self.last(x)
        return self.head(x[:, 0] if self.token is not None else x.mean(1))


class Pooled(nn.Module):
    """Maps, then attention that pools them: queries, keys and values are no blocks of a transformer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.relu = nn.Conv2d(3, 8, 4, 4), nn.ReLU()
        self.query, self.key, self.value = (nn.Linear(8, 8) for _ in range(3))
        self.split = nn.Unflatten(2, (2, 4))
        self.head = nn.Linear(8, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.relu(self.conv(x)).flatten(2).transpose(1, 2)
        tokens = torch.cat([tokens.mean(1, keepdim=True), tokens], 1)
        query, key, value = self.query(tokens[:, :1]), self.key(tokens), self.value(tokens)
        return self.head(((query @ key.transpose(1, 2)).softmax(-1) @ value)[:, 0])


class Shared(nn.Module):
    """One convolution in each of two blocks, of which the second is not read where it gives patches."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.shared = nn.Conv2d(3, 8, 4, 4), nn.Conv2d(8, 8, 3, padding=1)
        self.norms = nn.ModuleList(nn.LayerNorm(8) for _ in range(2))
        self.head = nn.Linear(8, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = x + self.shared(x)
        tokens = self.norms[0](x.flatten(2).transpose(1, 2))
        read = self.norms[1](tokens).mean(1)
        self.shared(tokens.transpose(1, 2).unflatten(2, (4, 4)))
        return self.head(read)


class Windows(nn.Module):
    """Attention in windows, whose tokens (B · windows, T, C) are of no picture by itself, between two convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.last = nn.Conv2d(3, 8, 2, 2), nn.Conv2d(8, 8, 3)
        self.norm, self.block, self.head = nn.LayerNorm(8), Block(8, nn.LayerNorm), nn.Linear(8, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        windows = x.unflatten(2, (2, 4)).unflatten(4, (2, 4)).permute(0, 2, 4, 3, 5, 1).reshape(-1, 16, 8)
        windows = self.block(self.norm(windows)).reshape(len(x), 2, 2, 4, 4, 8)
        x = windows.permute(0, 5, 1, 3, 2, 4).reshape(len(x), 8, 8, 8)
        return self.head(self.last(x).mean((2, 3)))


class HeldBack(nn.Module):
    """Two stages, the first without gradients."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 6, 3), nn.Linear(6, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            x = self.first(x).relu()
        return self.head(self.second(x).mean((2, 3)))


@pytest.mark.parametrize(
    ("model", "layer"),
    [
        (Tokens(nn.LayerNorm, "class"), "blocks.1.norm1"),
        (Tokens(nn.LayerNorm, "class", maps=True), "blocks.1.norm1"),
        (Tokens(nn.LayerNorm, "mean"), "blocks.1.norm2"),
        (Tokens(Scale, "scaled"), "last"),
        (Tokens(Scale, "mean"), "last"),
        (Tokens(None, "class"), "blocks.0"),
        (Pooled(), "relu"),
        (Shared(), "norms.1"),
        (Windows(), "last"),
        (HeldBack(), "second"),
    ],
    ids=[
        *("a class token", "patches beside it", "a mean", "no norms", "no norms, a mean", "no norms, a class token"),
        *("pooled by attention", "shared", "windows", "held back"),
    ],
)
def test_the_last_that_the_logits_depend_on(model: nn.Module, layer: str) -> None:
    network = make(model)
    assert network.layer == layer
    x = pictures(2)
    _, gradient = network.gradient(network.activation(x), torch.tensor([0, 1]), x)
    assert gradient.abs().amax((1, 2, 3)).min() > 0


class Frozen(nn.Module):
    """A backbone without gradients below a linear probe.

    Args:
        how: the gradients are off by ``no_grad`` or ``inference_mode``, of the backbone or in its own forward; or the
            network works ``in place`` on its pictures.
    """

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how
        self.backbone = nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 6, 3))
        self.head = nn.Linear(6, CLASSES)
        if how == "own":
            self.backbone.forward = torch.inference_mode()(self.backbone.forward)  # type: ignore[method-assign]

    def forward(self, x: Tensor) -> Tensor:
        if self.how == "in place":
            x.clamp_(0.1, 0.9)
            return self.head(self.backbone(x).mean((2, 3)))
        if self.how == "own":
            return self.head(self.backbone(x).clone().mean((2, 3)))
        with torch.no_grad() if self.how == "no_grad" else torch.inference_mode():
            maps = self.backbone(x)
        return self.head(maps.clone().mean((2, 3)))


@pytest.mark.parametrize("how", ["no_grad", "inference_mode", "own", "in place"])
def test_the_layer_of_a_frozen_backbone_is_found(how: str) -> None:
    torch.manual_seed(0)
    calls = pictures(2)
    layer = find_layer(nn.Sequential(OrderedDict(model=Frozen(how).eval().requires_grad_(False))), calls, None, None)
    assert layer.name.startswith("backbone")
    assert layer.view.shape == (6, SIDE - 4, SIDE - 4)


def test_a_head_of_zeros_hides_no_layer() -> None:
    model = nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), *head(6))
    nn.init.zeros_(model[-1].weight)
    assert make(model).layer == "1"


def test_the_layer_of_the_description_is_taken_and_the_option_goes_before_it() -> None:
    assert make(chain(), layer=None).layer == "4"
    classifier = Classifier(chain(), Preprocessing.square(SIDE), layer="0")
    assert make_network(classifier, "toy", CPU).layer == "0"
    assert make_network(classifier, "toy", CPU, "3").layer == "3"


def test_of_a_layer_that_runs_several_times_the_last_output_is_meant() -> None:
    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.conv = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 6, 3, padding=1)
            self.head = nn.Linear(6, CLASSES)

        def forward(self, x: Tensor) -> Tensor:
            x = self.stem(x)
            for _ in range(3):
                x = torch.tanh(self.conv(x))
            return self.head(x.mean((2, 3)))

    torch.manual_seed(0)
    model, x = Recurrent().eval(), pictures(2)
    activation = make(model, "conv").activation(x)
    with torch.no_grad():
        expected = model.stem(x)
        for _ in range(2):
            expected = torch.tanh(model.conv(expected))
        expected = model.conv(expected)
    torch.testing.assert_close(activation, expected)


def test_names_like_the_one_given_are_offered() -> None:
    model = nn.ModuleDict({"encoder": nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU()), "rest": nn.Sequential(*head(6))})
    whole = nn.Sequential()
    whole.add_module("encoder", model["encoder"])
    whole.add_module("rest", model["rest"])
    for given, offered in (("encoder.2", "encoder.1"), ("enconder", "encoder"), ("1", "encoder.1"), ("zzz", "rest")):
        with pytest.raises(OptionError) as error:
            make(whole, given)
        assert error.value.message == f"--layer: the network has no layer '{given}'"
        assert offered in error.value.hint


class Listed(nn.Module):
    """A layer that returns maps and something else."""

    class Pair(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 6, 3)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            maps = self.conv(x)
            return maps, maps.mean((2, 3))

    def __init__(self) -> None:
        super().__init__()
        self.pair = self.Pair()
        self.head = nn.Linear(6, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        maps, means = self.pair(x)
        return self.head(maps.relu().mean((2, 3)) + means)


def test_the_first_of_several_outputs_is_explained() -> None:
    torch.manual_seed(0)
    model, x = Listed().eval(), pictures(2)
    network = make(model, "pair")
    with torch.no_grad():
        torch.testing.assert_close(network.activation(x), model.pair(x)[0])
        torch.testing.assert_close(network.logits(x), model(x))
        torch.testing.assert_close(network.tail_logits(network.activation(x), x), model(x))
    assert network.needs_pictures  # by the means


class ByTokens(nn.Module):
    """Tokens of patches of any number, and some before them; all are averaged."""

    def __init__(self, prefix: int, patch: int = 4) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, patch, stride=patch)
        self.prefix = nn.Parameter(torch.randn(1, prefix, 8))
        self.mix = nn.Linear(8, 8)
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(8, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.prefix.expand(len(x), -1, -1), tokens], 1)
        return self.head(self.norm(self.mix(tokens)).mean(1))


@pytest.mark.parametrize("prefix", [0, 1])
@pytest.mark.parametrize("size", [16, 24, 28])
def test_square_grids_with_and_without_a_class_token_are_guessed(size: int, prefix: int) -> None:
    torch.manual_seed(0)
    model = ByTokens(prefix).eval()
    network = make(model, size=size)
    assert network.layer == "norm"
    x = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    side = size // 4
    activation = network.activation(x)
    assert activation.shape == (2, 8, side, side)
    with torch.no_grad():
        patches = model.patches(x)
        for row in range(side):
            for column in range(side):
                expected = model.norm(model.mix(patches[:, :, row, column]))
                torch.testing.assert_close(activation[:, :, row, column], expected)


@pytest.mark.parametrize(
    ("model", "size", "tokens"),
    [(ByTokens(2), 16, 18), (ByTokens(3), 16, 19), (ByTokens(0), (16, 24), 24), (ByTokens(1), (8, 24), 13)],
    ids=["two before", "three before", "oblong", "oblong with a class token"],
)
def test_other_grids_are_an_error_that_names_the_option(
    model: nn.Module, size: int | tuple[int, int], tokens: int
) -> None:
    with pytest.raises(OptionError) as error:
        make(model, "norm", size=size)
    assert error.value.message == (
        f"--layer: 'norm' gives {tokens} tokens, no square grid, with or without a class token"
    )
    for part in ("NAME:HxW+P", "grid=(H, W, P)"):
        assert part in error.value.hint


@pytest.mark.parametrize(
    ("make_model", "size", "layer", "options", "shape"),
    [
        (lambda: ByTokens(2), 16, "norm:4x4+2", {}, (8, 4, 4)),
        (lambda: ByTokens(2), 16, None, {"grid": (4, 4, 2)}, (8, 4, 4)),
        (lambda: ByTokens(0), (16, 24), "norm:4x6", {}, (8, 4, 6)),
        (lambda: ByTokens(0), (16, 24), None, {"grid": (4, 6, 0)}, (8, 4, 6)),
        (lambda: ByTokens(1), (8, 24), "norm:2x6+1", {}, (8, 2, 6)),
        (lambda: ByTokens(1), 16, "norm:1x16+1", {"grid": (4, 4, 1)}, (8, 1, 16)),
        (lambda: Transformer(registers=3), 16, None, {"grid": (4, 4, 4)}, (12, 4, 4)),
    ],
)
def test_grids_are_given_with_the_layer_or_the_description(
    make_model: Callable[[], nn.Module], size: int | tuple[int, int], layer: str | None, options: Any, shape: Any
) -> None:
    network = make(make_model(), layer, size, **options)
    x = torch.rand(2, 3, *network.size)
    activation = network.activation(x)
    assert activation.shape == (2, *shape)
    torch.testing.assert_close(network.tail_logits(activation, x), network.logits(x))
    inner = "blocks.0" if "blocks" in network.layer else "mix"
    other = network.at(layer.replace("norm", inner) if layer else inner)
    assert (other.layer, other.activation(x).shape) == (inner, (2, *shape))
    torch.testing.assert_close(other.logits(x), network.logits(x))


@pytest.mark.parametrize("grid", ["4x4", "4x4+2", "5x5+1", "2x8", "17x1+1"])
def test_a_grid_of_another_number_of_tokens_is_refused(grid: str) -> None:
    with pytest.raises(OptionError, match=rf"gives 17 tokens, not the grid \({grid[0]}.*NAME:HxW\+P"):
        make(ByTokens(1), f"norm:{grid}")


@pytest.mark.parametrize("grid", ["4", "4x", "x4", "4x4+", "axb", "4x4x4", "4,4", "-4x-4+1", "channels_last"])
def test_what_is_no_grid(grid: str) -> None:
    with pytest.raises(OptionError) as error:
        make(ByTokens(1), f"norm:{grid}")
    assert str(error.value).startswith("--layer")
    assert "HxW+P" in str(error.value)


def test_grids_as_text() -> None:
    assert parse_grid("14x14+1") == (14, 14, 1)
    assert parse_grid("7x9") == (7, 9, 0)
    assert parse_grid("channels-last") == "channels-last"
    assert [square_grid(n) for n in (196, 197, 198, 4, 5, 2, 1, 0)] == [
        (14, 14, 0),
        (14, 14, 1),
        None,
        (2, 2, 0),
        (2, 2, 1),
        None,
        None,
        None,
    ]


@pytest.mark.parametrize("listed", [None, tuple, list])
@pytest.mark.parametrize(("kind", "prefix"), [("maps", 0), ("tokens", 0), ("tokens", 2), ("channels-last", 0)])
def test_restoring_undoes_extracting(kind: Any, prefix: int, listed: Any) -> None:
    view = View(kind, (3, 2, 5), prefix, listed is not None)
    shape = {"maps": (4, 3, 2, 5), "tokens": (4, 10 + prefix, 3), "channels-last": (4, 2, 5, 3)}[kind]
    value = torch.rand(shape)
    output = value if listed is None else listed([value, "more"])
    maps = view.extract(output)
    assert maps.shape == (4, 3, 2, 5)
    back = view.restore(maps, output)
    if listed is not None:
        assert type(back) is listed
        assert back[1:] == output[1:]
        back = back[0]
    assert torch.equal(back, value)
    place = {"maps": (1, 2, 1, 3), "tokens": (1, prefix + 8, 2), "channels-last": (1, 1, 3, 2)}[kind]
    assert maps[1, 2, 1, 3] == value[place]


class Stages(nn.Module):
    """Three resolutions, by a stride and by pooling; a picture is scaled before the first convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Identity()
        self.one = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU())
        self.two = nn.Sequential(nn.Conv2d(4, 4, 3, 2, padding=1), nn.ReLU(), nn.Conv2d(4, 6, 3, padding=1), nn.ReLU())
        self.aside = nn.Conv2d(6, 6, 3)  # runs, and nothing depends on it
        self.pool = nn.MaxPool2d(2)
        self.three = nn.Sequential(nn.Conv2d(6, 8, 3, padding=1), nn.ReLU())
        self.head = nn.Sequential(*head(8))

    def forward(self, x: Tensor) -> Tensor:
        x = self.two(self.one(self.scale(2 * x)))
        self.aside(x)
        return self.head(self.three(self.pool(x)))


@pytest.mark.parametrize(
    ("layer", "pyramid"), [(None, ("one", "two", "three")), ("two", ("one", "two")), ("one.0", ("one.0",))]
)
def test_the_pyramid_is_the_last_layer_of_each_resolution(layer: str | None, pyramid: tuple[str, ...]) -> None:
    network = make(Stages(), layer)
    assert network.pyramid() == pyramid
    sizes = [tuple(network.at(one).activation(pictures(1)).shape[-2:]) for one in network.pyramid()]
    assert sizes == [(16, 16), (8, 8), (4, 4)][: len(pyramid)]


@pytest.mark.parametrize(
    "example", [e for e in EXAMPLES if e.name in ("class token", "registers")], ids=lambda e: e.name
)
def test_tokens_of_one_grid_have_a_pyramid_of_one(example: Example) -> None:
    network = make(model_of(example), example.layer, output=example.output)
    assert network.pyramid() == (network.layer,)
