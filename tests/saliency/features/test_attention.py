"""Features of attention on small vision transformers, however attention is written, against one image at a time."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from cam_terms import read
from sygus.app.explainers import SynthesizedCAM
from sygus.errors import OptionError
from sygus.oracles.cam import CamOracle
from sygus.oracles.methods import applicable_methods, find_methods, methods
from sygus.saliency.features import FEATURES, Measurements, draw
from sygus.saliency.heatmap import saliency
from sygus.saliency.images import ImageSet, Preprocessing
from sygus.saliency.metrics import subject_of
from sygus.saliency.metrics.robustness import randomized
from sygus.saliency.networks import Classifier, Network, make_network
from sygus.saliency.networks.attention import Attention
from toy_models import CLASSES, CPU, SIDE, TorchEncoder, Transformer, chain, pictures

WIDTH, HEADS, PATCH = 12, 3, 4
GRID = SIDE // PATCH
COUNT = 3

Attend = Callable[[nn.Module, Tensor, Tensor, Tensor], Tensor]
"""What heads (B, heads, T, d) of query, key and value give."""


def fused(_: nn.Module, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return functional.scaled_dot_product_attention(query, key, value)


def scaled(_: nn.Module, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """With all that the function may be told: a scale, and a mask that hides nothing."""
    every = torch.ones(query.shape[-2], key.shape[-2], dtype=torch.bool)
    return functional.scaled_dot_product_attention(
        query * 2, key, value, attn_mask=every, dropout_p=0.0, is_causal=False, scale=0.5 / math.sqrt(query.shape[-1])
    )


def by_method(_: nn.Module, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """As timm without its fused kernels."""
    weights = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)
    return functional.dropout(weights.softmax(dim=-1), 0.1, training=False) @ value


def by_function(_: nn.Module, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """As transformers' eager attention."""
    weights = torch.matmul(query, key.transpose(2, 3)) / math.sqrt(query.shape[-1])
    return torch.matmul(functional.softmax(weights, dim=-1, dtype=torch.float32).to(query.dtype), value)


def flattened(_: nn.Module, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """As OpenCLIP, pictures and heads in one dimension."""
    shape = query.shape
    query, key, value = (one.flatten(0, 1) for one in (query, key, value))
    weights = torch.softmax(torch.bmm(query, key.transpose(1, 2)) / math.sqrt(shape[-1]), 2)
    return torch.bmm(weights, value).view(shape)


class Block(nn.Module):
    """``attend`` is None for torch's multi-head attention."""

    def __init__(self, attend: Attend | None, first: bool) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH)
        self.many = nn.MultiheadAttention(WIDTH, HEADS, batch_first=first)
        self.mlp = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 20), nn.GELU(), nn.Linear(20, WIDTH))
        self.attend, self.first = attend, first

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.mixed(self.norm(x))
        return x + self.mlp(x)

    def mixed(self, x: Tensor) -> Tensor:
        if self.attend is None and self.first:
            return self.many(x, x, x, need_weights=False)[0]
        if self.attend is None:
            x = x.transpose(0, 1)
            return self.many(x, x, x)[0].transpose(0, 1)
        parts = functional.linear(x, self.many.in_proj_weight, self.many.in_proj_bias).chunk(3, -1)
        query, key, value = (one.unflatten(-1, (HEADS, -1)).transpose(1, 2) for one in parts)
        return self.many.out_proj(self.attend(self, query, key, value).transpose(1, 2).flatten(2))


class Vit(nn.Module):
    """Tokens before those of the grid, of which the first is read, or the mean of all where there are none."""

    def __init__(self, attend: Attend | None, *, prefix: int = 1, first: bool = True) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, WIDTH, PATCH, stride=PATCH)
        self.prefix = nn.Parameter(torch.randn(1, prefix, WIDTH))
        self.places = nn.Parameter(torch.randn(1, prefix + GRID * GRID, WIDTH))
        self.blocks = nn.Sequential(*(Block(attend, first) for _ in range(3)))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.prefix.expand(len(x), -1, -1), tokens], 1) + self.places
        tokens = self.norm(self.blocks(tokens))
        return self.head(tokens[:, 0] if self.prefix.shape[1] else tokens.mean(1))


def seeded(make: Callable[[], nn.Module]) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        model = make().eval()
        for module in model.modules():  # attention that differs from token to token, and biases that are there
            if isinstance(module, nn.MultiheadAttention):
                module.in_proj_weight.data.normal_(0, 0.6)
                module.in_proj_bias.data.normal_(0, 0.3)
        return model


def by_hand(model: Vit, picture: Tensor, target: int) -> tuple[Tensor, Tensor]:
    """LeGrad's map and the rollout of one picture (3, H, W), float64, one head and one query at a time."""
    model = model.double()
    leaves: list[list[Tensor]] = []
    count = model.places.shape[1]
    patches = functional.conv2d(picture[None].double(), model.patches.weight, model.patches.bias, stride=PATCH)[0]
    x = torch.cat([model.prefix[0], patches.flatten(1).T]) + model.places[0]
    size = WIDTH // HEADS
    for block in model.blocks:
        projected = block.norm(x) @ block.many.in_proj_weight.T + block.many.in_proj_bias
        joined, weights = [], []
        for head in range(HEADS):
            start = head * size
            query, key, value = (projected[:, part * WIDTH + start : part * WIDTH + start + size] for part in range(3))
            rows = [torch.softmax(torch.stack([q @ k for k in key]) / math.sqrt(size), 0) for q in query]
            weights.append(torch.stack(rows))
            joined.append(torch.stack([sum(weights[-1][i, j] * value[j] for j in range(count)) for i in range(count)]))
        leaves.append(weights)
        x = x + torch.cat(joined, 1) @ block.many.out_proj.weight.T + block.many.out_proj.bias
        x = x + block.mlp(x)
    x = model.norm(x)
    prefix = model.prefix.shape[1]
    logit = model.head(x[0] if prefix else x.mean(0))[target]
    gradients = torch.autograd.grad(logit, [one for weights in leaves for one in weights])
    gradient = sum(one.clamp(min=0).mean(0) for one in gradients) / len(gradients)
    led = torch.eye(count, dtype=torch.float64)
    for weights in leaves:
        led = (torch.eye(count) / 2 + sum(weights) / HEADS / 2).detach() @ led
    rolled = led[0] if prefix else led.mean(0)
    return gradient[prefix:].view(GRID, GRID), rolled[prefix:].view(GRID, GRID)


WAYS: dict[str, Callable[[], nn.Module]] = {
    "fused": lambda: Vit(fused),
    "fused, with a mask and a scale": lambda: Vit(scaled),
    "a softmax as a method": lambda: Vit(by_method),
    "a softmax as a function": lambda: Vit(by_function),
    "heads in the batch": lambda: Vit(flattened),
    "torch's module": lambda: Vit(None),
    "torch's module, tokens first": lambda: Vit(None, first=False),
    "registers": lambda: Vit(fused, prefix=3),
    "no class token": lambda: Vit(None, prefix=0),
}


def network_of(model: nn.Module, layer: str | None = None) -> Network:
    return make_network(Classifier(model, Preprocessing.square(SIDE)), "vit", CPU, layer)


def tokens_of(way: str) -> Network:
    """Explained at the tokens of the second block."""
    model = seeded(WAYS[way])
    return network_of(model, f"blocks.1.norm:{GRID}x{GRID}+{model.prefix.shape[1]}")


@pytest.mark.parametrize("way", WAYS)
def test_however_attention_is_written_image_by_image(way: str) -> None:
    x, targets = pictures(COUNT), torch.tensor([1, 4, 2])
    measured = Measurements(tokens_of(way), x, targets)
    assert measured["attention"].shape == measured["attention-gradient"].shape == (COUNT, 1, GRID, GRID)
    for row in range(COUNT):
        gradient, rolled = by_hand(seeded(WAYS[way]), x[row], int(targets[row]))
        assert gradient.max() > 0
        for name, expected in (("attention-gradient", gradient), ("attention", rolled)):
            found = measured[name][row, 0].double()
            torch.testing.assert_close(found, expected, atol=2e-5 * float(expected.max()), rtol=0)


@pytest.mark.parametrize("way", WAYS)
def test_watching_leaves_the_network_as_it_is(way: str) -> None:
    network, x = tokens_of(way), pictures(2)
    before = network.logits(x)
    Measurements(network, x, torch.tensor([0, 1]))["attention"]
    assert torch.equal(network.logits(x), before)


class Staged(nn.Module):
    """As Swin: a block among windows of a finer grid, patches merged, and two blocks among all that are left.

    A window has as many tokens as the last grid.
    """

    def __init__(self, attend: Attend | None) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, WIDTH, PATCH // 2, stride=PATCH // 2)
        self.windows = Block(attend, first=True)
        self.merge = nn.Linear(4 * WIDTH, WIDTH)
        self.blocks = nn.Sequential(*(Block(attend, first=True) for _ in range(2)))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).permute(0, 2, 3, 1)  # (B, 2 GRID, 2 GRID, C)
        windows = x.unflatten(1, (2, GRID)).unflatten(3, (2, GRID)).permute(0, 1, 3, 2, 4, 5)
        windows = self.windows(windows.reshape(-1, GRID * GRID, WIDTH)).view(windows.shape)
        x = windows.permute(0, 1, 3, 2, 4, 5).reshape(x.shape)
        corners = x.unflatten(1, (GRID, 2)).unflatten(3, (GRID, 2)).permute(0, 1, 3, 2, 4, 5)
        tokens = self.norm(self.blocks(self.merge(corners.reshape(len(x), GRID * GRID, -1))))
        return self.head(tokens.mean(1))


@pytest.mark.parametrize("attend", [fused, by_method, by_function, None])
def test_of_a_network_in_stages_the_layers_count_that_attend_over_the_whole_grid(attend: Attend | None) -> None:
    x, targets = pictures(COUNT), torch.tensor([1, 4, 2])
    measured = Measurements(network_of(seeded(lambda: Staged(attend)), "norm"), x, targets)
    recorded: list[Tensor] = []

    def recording(_: nn.Module, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        recorded.append((query @ key.transpose(2, 3) / math.sqrt(query.shape[-1])).softmax(3))
        return recorded[-1] @ value

    model = seeded(lambda: Staged(recording)).double()
    for row in range(COUNT):
        recorded.clear()
        logit = model(x[row : row + 1].double())[0, targets[row]]
        last = recorded[1:]
        gradients = torch.autograd.grad(logit, last)
        gradient = sum(one.relu().mean((1, 2))[0] for one in gradients) / 2
        first, second = (torch.eye(GRID * GRID) / 2 + one[0].mean(0).detach() / 2 for one in last)
        for name, expected in (("attention-gradient", gradient), ("attention", (second @ first).mean(0))):
            found = measured[name][row, 0].double()
            torch.testing.assert_close(found, expected.view(GRID, GRID), atol=2e-5 * float(expected.max()), rtol=0)


TOKENS = 6


def values(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).requires_grad_()


HIDDEN = torch.rand(TOKENS, TOKENS, generator=torch.Generator().manual_seed(1)) < 0.3
HIDDEN.fill_diagonal_(False)


GROUPED = "enable_gqa" in (functional.scaled_dot_product_attention.__doc__ or "")
"""Whether torch lets several heads of queries share keys."""


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"scale": 0.7},
        {"is_causal": True},
        {"attn_mask": ~HIDDEN},
        {"attn_mask": torch.where(HIDDEN, -2.0, 0.5)},
        {"attn_mask": (~HIDDEN).expand(2, 1, -1, -1), "scale": 2.0},
        pytest.param({"enable_gqa": True}, marks=pytest.mark.skipif(not GROUPED, reason="of a later torch")),
    ],
    ids=str,
)
def test_what_is_done_step_by_step_is_what_torchs_function_gives(given: dict[str, object]) -> None:
    few = 2 if "enable_gqa" in given else 4
    query, key, value = values(2, 4, TOKENS, 5), values(2, few, TOKENS, 5, seed=1), values(2, few, TOKENS, 5, seed=2)
    with Attention(2, TOKENS) as seen:
        found = functional.scaled_dot_product_attention(query, key, value, **given)
    expected = functional.scaled_dot_product_attention(query, key, value, **given)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)
    (weights,) = seen.found
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 4, TOKENS))


@pytest.mark.parametrize("average", [True, False])
@pytest.mark.parametrize("mask", [None, HIDDEN, torch.where(HIDDEN, -2.0, 0.5), HIDDEN.expand(2 * 3, -1, -1)], ids=str)
@pytest.mark.parametrize("made", [{}, {"bias": False}, {"kdim": 8, "vdim": 9}], ids=str)
def test_what_is_done_step_by_step_is_what_torchs_module_gives(
    made: dict[str, object], mask: Tensor | None, average: bool
) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        module = nn.MultiheadAttention(12, 3, batch_first=True, dropout=0.5, **made).eval()
    key, value = values(2, TOKENS, module.kdim, seed=1), values(2, TOKENS, module.vdim, seed=2)
    given = {"attn_mask": mask, "average_attn_weights": average}
    with Attention(2, TOKENS) as seen:
        found = module(values(2, TOKENS, 12), key, value, **given)
    expected = module(values(2, TOKENS, 12), key, value, **given)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=0)
    assert [one.shape for one in seen.found] == [(2, 3, TOKENS, TOKENS)]


@pytest.mark.parametrize(
    "run",
    [
        lambda: functional.scaled_dot_product_attention(values(8, 2, 3, 4), values(8, 2, 3, 4), values(8, 2, 3, 4)),
        lambda: functional.scaled_dot_product_attention(values(3, 2, 6, 4), values(3, 2, 6, 4), values(3, 2, 6, 4)),
        lambda: functional.scaled_dot_product_attention(values(2, 2, 1, 4), values(2, 2, 6, 4), values(2, 2, 6, 4)),
        lambda: values(2, 6, 6).softmax(1),
        lambda: values(6, 6).softmax(-1),
        lambda: values(2, 6, 6).detach().softmax(-1),
        lambda: nn.MultiheadAttention(4, 2, add_zero_attn=True)(*[values(6, 2, 4)] * 3),
        lambda: nn.MultiheadAttention(4, 2, add_bias_kv=True)(*[values(6, 2, 4)] * 3),
    ],
    ids=["windows", "another batch", "one query", "along the queries", "no pictures", "no gradient", "zeros", "biases"],
)
def test_what_is_no_attention_among_the_tokens_runs_as_it_is(run: Callable[[], object]) -> None:
    with Attention(2, TOKENS) as seen:
        run()
    assert not seen.found


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("make", [Transformer, TorchEncoder])
def test_other_transformers_are_seen(make: Callable[[], nn.Module], dtype: torch.dtype) -> None:
    network = network_of(seeded(make).to(dtype), "encoder.norm1" if make is TorchEncoder else None)
    measured = Measurements(network, pictures(2), torch.tensor([0, 1]))
    for name in ("attention", "attention-gradient"):
        assert float(measured[name].amax((1, 2, 3)).min()) > 0
        assert bool((measured[name] >= 0).all())


def oracle_of(network: Network) -> CamOracle:
    images = ImageSet(
        name="toy",
        pictures=pictures(COUNT),
        labels=torch.zeros(COUNT, dtype=torch.int64),
        masks=None,
        boxes=((),) * COUNT,
        ids=tuple("abc"),
    )
    return CamOracle(subject_of(network, images), lasting=False)


def test_methods_and_expressions_draw_the_features() -> None:
    oracle = oracle_of(tokens_of("fused"))
    for name, feature in (("legrad", "attention-gradient"), ("rollout", "attention")):
        maps = oracle.measured[feature][:, 0]
        expected = saliency(maps, (SIDE, SIDE))
        torch.testing.assert_close(methods()[name].saliency(oracle), expected)
    (heat,) = oracle.heat_maps([read("(* attention-gradient (cam (gap gradient)))")])
    weights = oracle.measured["gradient"].mean((2, 3), keepdim=True)
    whole = (weights * oracle.measured["activation"]).sum(1) * oracle.measured["attention-gradient"][:, 0]
    torch.testing.assert_close(heat.maps, whole.relu())


@pytest.mark.parametrize("name", ["legrad", "rollout"])
def test_a_batch_is_its_pictures(name: str) -> None:
    oracle = oracle_of(tokens_of("torch's module"))
    alone = CamOracle(oracle.subject.showing(oracle.subject.images.pictures[1:2], torch.tensor([1])), lasting=False)
    together = methods()[name].saliency(oracle)
    torch.testing.assert_close(methods()[name].saliency(alone)[0], together[1], atol=1e-6, rtol=0)


def test_a_randomized_network_draws_other_maps() -> None:
    network = tokens_of("fused")
    before, after = (
        Measurements(one, pictures(2), torch.tensor([0, 1]))["attention-gradient"]
        for one in (network, randomized(network, 0))
    )
    assert float((before - after).abs().max()) > 0.01 * float(before.max())


def test_explainers_measure_attention_on_a_copy_of_the_model(tmp_path: Path) -> None:
    (tmp_path / "answer.sy").write_text("attention-gradient")
    model = seeded(lambda: Vit(fused, prefix=0))
    cam = SynthesizedCAM.load(tmp_path / "answer.sy")(
        model, [model.blocks[1].norm], lambda output: output.transpose(1, 2).unflatten(2, (GRID, GRID))
    )
    measured = Measurements(network_of(model, "blocks.1.norm"), pictures(2), torch.tensor([3, 0]))
    expected = saliency(measured["attention-gradient"][:, 0], (SIDE, SIDE))
    torch.testing.assert_close(torch.from_numpy(cam(pictures(2), [3, 0])), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("make", "layer"), [(chain, None), (lambda: Vit(fused), "patches")], ids=["cnn", "patches"])
def test_a_network_without_such_attention_is_told_which_have_it(
    make: Callable[[], nn.Module], layer: str | None
) -> None:
    oracle = oracle_of(network_of(seeded(make), layer))
    tokens = math.prod(oracle.measured["activation"].shape[-2:])
    with pytest.raises(OptionError, match=f"'vit' shows no attention among the {tokens} tokens of") as caught:
        oracle.measured["attention-gradient"]
    assert "a vision transformer, as those of timm, torchvision and transformers" in caught.value.hint
    notes: list[str] = []
    names = {method.name for method in applicable_methods("all", oracle, notes.append)}
    assert not names & {"legrad", "rollout"}
    assert [note.partition(" is left out")[0] for note in notes if "attention" in note] == [
        "LeGrad",
        "Attention rollout",
    ]
    with pytest.raises(OptionError, match="--methods: 'legrad': 'vit' shows no attention"):
        applicable_methods("legrad", oracle, notes.append)


def test_they_are_no_quick_methods_and_their_probes_are_whole_maps() -> None:
    assert not {"legrad", "rollout"} & {method.name for method in find_methods("quick")}
    drawn = draw((8, 3, 5, 2), torch.Generator().manual_seed(0), nonnegative=True)
    for name in ("attention", "attention-gradient"):
        assert FEATURES[name].conditional
        assert drawn[name].shape == (8, 1, 5, 2)
        assert 0 < float((drawn[name] == 0).double().mean()) < 0.5
        assert float(drawn[name].min()) == 0
