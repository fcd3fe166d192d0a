"""What the suites of pytorch-grad-cam and torchcam ask of theirs, asked of the drop-in classes."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from exported_files import module_of
from sygus import SynthesizedCAM, SynthesizedExtractor
from sygus.errors import OptionError
from sygus.export.torch_module import torch_source
from sygus.oracles.expressions import parse_expression

TERMS = (
    "(gap gradient)",
    "(* (gap gradient) probability)",
    "(gap (* alpha (relu gradient)))",
    "gradient",
    "ablation",
    "(gap smooth-gradient)",
    "(relu (cam eigen))",
    "(unit (up (relu (cam score))))",
)
"""Of one pass and of further features; weights, maps and whole heat maps, on the layer's grid and the picture's."""

CLASSES = 5


class Stages(nn.Module):
    """Two stages that end in a ReLU in place, frozen; any size of pictures."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.first = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(inplace=True))
            self.second = nn.Sequential(nn.Conv2d(6, 6, 3, padding=1, stride=2), nn.ReLU(inplace=True))
            self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, CLASSES))
        self.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.head(self.second(self.first(x)))
        return found


def hooks_of(model: nn.Module) -> int:
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return sum(len(getattr(module, kind)) for module in model.modules() for kind in kinds)


@pytest.fixture(params=TERMS)
def answer(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    (tmp_path / "answer.sy").write_text(request.param)
    return tmp_path / "answer.sy"


@pytest.fixture
def model() -> Iterator[Stages]:
    model = Stages().eval()
    yield model
    assert hooks_of(model) == 0


def pictures(count: int, height: int, width: int) -> Tensor:
    return torch.rand((count, 3, height, width), generator=torch.Generator().manual_seed(count))


@pytest.mark.parametrize(("count", "height", "width"), [(2, 16, 16), (1, 16, 22)])
@pytest.mark.parametrize("targets", [None, 3])
def test_maps_are_of_the_size_of_the_pictures_and_between_0_and_1(
    answer: Path, model: Stages, count: int, height: int, width: int, targets: int | None
) -> None:
    layers = [model.first, model.second]
    cam = SynthesizedCAM.load(answer)(model, layers)
    x = pictures(count, height, width)
    found = cam(x, None if targets is None else [targets] * count)
    assert found.shape == (count, height, width)
    assert np.isfinite(found).all()
    assert found.min() >= 0
    assert found.max() <= 1
    alone = [SynthesizedCAM.load(answer)(model, [layer]) for layer in layers]
    classes = model(x).argmax(1).tolist() if targets is None else [targets] * count
    mean = np.stack([one(x, classes) for one in alone]).mean(0)
    span = np.ptp(mean, axis=(1, 2), keepdims=True)
    expected = (mean - mean.min((1, 2), keepdims=True)) / np.where(span > 0, span, 1) * (span > 0)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("layer", ["first.1", "second.0"])
def test_a_layer_before_an_operation_in_place_is_read_before_it(answer: Path, model: Stages, layer: str) -> None:
    plain = Stages().eval()
    for module in plain.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
    x = pictures(2, 16, 16)
    found, expected = (
        SynthesizedCAM.load(answer)(one, [one.get_submodule(layer)])(x, [0, 4]) for one in (model, plain)
    )
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_nothing_of_the_caller_is_changed(answer: Path, model: Stages) -> None:
    model.requires_grad_(True)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    x = pictures(2, 16, 16).requires_grad_()
    before = x.detach().clone()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    with SynthesizedCAM.load(answer)(model, [model.second]) as cam:
        cam(x, [0, 1])
        cam(x, [0, 1])
    with SynthesizedExtractor.load(answer)(model, "second") as extractor:
        extractor([0, 1], model(x))
    assert torch.equal(x.detach(), before)
    assert x.grad is None
    assert all(torch.equal(one, state[name]) for name, one in model.state_dict().items())
    assert all(bool((parameter.grad == 1).all()) for parameter in model.parameters())
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_hooks_go_when_the_extractor_is_left_however(answer: Path, model: Stages) -> None:
    x = pictures(2, 16, 16)
    extractor = SynthesizedExtractor.load(answer)(model, "second")
    assert hooks_of(model) > 0
    extractor.remove_hooks()
    extractor.remove_hooks()
    assert hooks_of(model) == 0
    with pytest.raises(RuntimeError, match="boom"), SynthesizedExtractor.load(answer)(model, "second"):
        raise RuntimeError("boom")
    assert hooks_of(model) == 0
    with SynthesizedExtractor.load(answer)(model, "second") as extractor:
        scores = model(x)
        held = hooks_of(model)
        with pytest.raises(ValueError, match="there is no class 9"):
            extractor([0, 9], scores)
        assert hooks_of(model) == held


def test_the_same_pass_is_explained_twice_where_its_graph_is_kept(answer: Path, model: Stages) -> None:
    with SynthesizedExtractor.load(answer)(model, "second") as extractor:
        scores = model(pictures(2, 16, 16))
        (first,) = extractor([0, 1], scores, retain_graph=True)
        (again,) = extractor([0, 1], scores)
    assert torch.equal(first, again)


@pytest.mark.slow
def test_calls_in_a_loop_keep_no_tensors(answer: Path, model: Stages) -> None:
    x = pictures(2, 16, 16)
    cam = SynthesizedCAM.load(answer)(model, [model.second])

    def living() -> int:
        gc.collect()
        return sum(1 for one in gc.get_objects() if issubclass(type(one), Tensor))

    for _ in range(2):
        cam(x, [0, 1])
    before = living()
    for _ in range(5):
        cam(x, [0, 1])
    assert living() <= before
    del cam
    for _ in range(3):
        with SynthesizedCAM.load(answer)(model, [model.second]) as fresh:
            fresh(x, [0, 1])
        del fresh
    assert living() <= before


def of_dimensions(count: int) -> nn.Sequential:
    """A network of signals (1), pictures (2) or volumes (3)."""
    convolution = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[count - 1]
    pool = (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)[count - 1]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        first, second = convolution(3, 6, 3, stride=2), convolution(6, 5, 3, padding=1)
        rest = convolution(5, 7, 3), nn.Softplus(), pool(1), nn.Flatten(), nn.Linear(7, CLASSES)
    for module in (rest[0], rest[-1]):
        module.weight.data.abs_()  # so that no map is black
    return nn.Sequential(first, nn.ReLU(), second, nn.Softplus(), *rest)


SIZES = {1: (33,), 2: (17, 21), 3: (9, 17, 13)}
MODES = {1: "linear", 2: "bilinear", 3: "trilinear"}


def by_hand(text: str, model: nn.Sequential, x: Tensor, classes: list[int]) -> tuple[Tensor, Tensor]:
    """L and S of the output of the second stage, in any number of dimensions."""
    activation = model[:4](x).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(model[4:](activation)[range(len(x)), classes].sum(), activation)
    cells = tuple(range(2, x.dim()))
    with torch.no_grad():
        if text == "gradient":
            found = (gradient * activation).sum(1).relu()
        elif text == "(gap gradient)":
            found = (gradient.mean(cells, keepdim=True) * activation).sum(1).relu()
        else:
            found = (activation.sum(1) - activation.sum(1).mean(tuple(c - 1 for c in cells), keepdim=True)).relu()
        large = torch.nn.functional.interpolate(found[:, None], x.shape[2:], mode=MODES[x.dim() - 2])[:, 0]
    return tuple(
        (one - one.flatten(1).amin(1).view(-1, *(1,) * len(cells)))
        / (one.flatten(1).amax(1) - one.flatten(1).amin(1)).view(-1, *(1,) * len(cells))
        for one in (found, large)
    )


@pytest.mark.parametrize("dimensions", [1, 2, 3])
@pytest.mark.parametrize("text", ["(gap gradient)", "gradient", "(above-mean (channel-sum activation))"])
def test_signals_and_volumes_are_explained_as_pictures_are(dimensions: int, text: str, tmp_path: Path) -> None:
    (tmp_path / "answer.sy").write_text(text)
    model = of_dimensions(dimensions).eval()
    x = torch.rand((3, 3, *SIZES[dimensions]), generator=torch.Generator().manual_seed(1))
    small, large = by_hand(text, model, x, [0, 2, 4])
    found = SynthesizedCAM.load(tmp_path / "answer.sy")(model, [model[3]])(x, [0, 2, 4])
    torch.testing.assert_close(torch.from_numpy(found), large, atol=1e-5, rtol=0)
    with SynthesizedExtractor.load(tmp_path / "answer.sy")(model, "3") as extractor:
        (maps,) = extractor([0, 2, 4], model(x))
    torch.testing.assert_close(maps, small, atol=1e-5, rtol=0)
    file = module_of(torch_source(parse_expression(text, "a test")), tmp_path)
    exported = file.SynthesizedCAM(model, [model[3]])(x, [0, 2, 4])
    np.testing.assert_allclose(exported, found, atol=1e-6)


@pytest.mark.parametrize("dimensions", [1, 3])
def test_what_is_known_of_pictures_alone_is_an_error(dimensions: int, tmp_path: Path) -> None:
    model = of_dimensions(dimensions).eval()
    x = torch.rand((2, 3, *SIZES[dimensions]))
    for text in ("(blur (relu (cam (gap gradient))) 1.0)", "(up (relu (cam (gap gradient))))"):
        (tmp_path / "answer.sy").write_text(text)
        with pytest.raises(ValueError, match=r"smooths or up-samples maps \(h, w\), the layer gives cells \("):
            SynthesizedCAM.load(tmp_path / "answer.sy")(model, [model[3]])(x, [0, 1])
        file = module_of(torch_source(parse_expression(text, "a test")), tmp_path)
        with pytest.raises(ValueError, match="smooths or up-samples"):
            file.SynthesizedCAM(model, [model[3]])(x, [0, 1])
    (tmp_path / "answer.sy").write_text("ablation")
    with pytest.raises(OptionError, match=r"ablation: measured of pictures \(N, C, H, W\) only"):
        SynthesizedCAM.load(tmp_path / "answer.sy")(model, [model[3]])(x, [0, 1])


def test_tokens_are_no_signals_of_pictures(tmp_path: Path) -> None:
    (tmp_path / "answer.sy").write_text("(gap gradient)")
    model = nn.Sequential(nn.Conv2d(3, 4, 4, 4), nn.Flatten(2), nn.Flatten(), nn.LazyLinear(3)).eval()
    x = torch.rand(2, 3, 16, 16)
    model(x)
    with pytest.raises(ValueError, match=r"the layer Flatten gives \(2, 4, 16\), not maps \(N, K, h, w\)"):
        SynthesizedCAM.load(tmp_path / "answer.sy")(model, [model[1]])(x, [0, 1])
    with (
        SynthesizedExtractor.load(tmp_path / "answer.sy")(model, "1") as extractor,
        pytest.raises(ValueError, match=r"not maps \(N, K, h, w\)"),
    ):
        extractor([0, 1], model(x))
