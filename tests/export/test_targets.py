"""Drop-in explainers of targets that are no class: functions of a picture's output, numbers, regions of pixels."""

from __future__ import annotations

import math
import runpy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from number_networks import Number, Pixels
from sygus.app.explainers import SynthesizedCAM, SynthesizedExtractor
from sygus.errors import OptionError
from sygus.export.torch_module import torch_source
from sygus.maps import unit_range
from sygus.oracles.expressions import parse_expression
from sygus.saliency.features import FEATURES
from sygus.saliency.heatmap import combine, saliency
from toy_models import SIDE, chain, pictures


class Logits(nn.Module):
    """The pixels' logits alone."""

    def __init__(self) -> None:
        super().__init__()
        self.pixels = Pixels()

    def forward(self, x: Tensor) -> Tensor:
        return self.pixels(x)["out"]


class Region:
    """As pytorch-grad-cam's SemanticSegmentationTarget: Σ logits of a class over a mask of the picture's own."""

    def __init__(self, category: int, mask: Tensor) -> None:
        self.category = category
        self.mask = mask

    def __call__(self, output: Tensor) -> Tensor:
        return (output[self.category] * self.mask).sum()


class OfClass:
    """As pytorch-grad-cam's ClassifierOutputTarget, or its softmax."""

    def __init__(self, category: int, *, softmax: bool = False) -> None:
        self.category = category
        self.softmax = softmax

    def __call__(self, output: Tensor) -> Tensor:
        return (torch.softmax(output, -1) if self.softmax else output)[self.category]


def raw(output: Tensor) -> Tensor:
    """As pytorch-grad-cam's RawScoresOutputTarget."""
    return output


def made(model: Callable[[], nn.Module]) -> nn.Module:
    torch.manual_seed(1)
    return model().eval()


def regions(count: int) -> list[Region]:
    masks = torch.rand(count, SIDE, SIDE, generator=torch.Generator().manual_seed(5)) > 0.5
    return [Region(index % 3, mask) for index, mask in enumerate(masks)]


def gradcam_by_hand(model: nn.Module, layer: nn.Module, x: Tensor, targets: Sequence[Any] | None) -> Tensor:
    """Grad-CAM's L, picture by picture, by autograd: (N, h, w)."""
    found = []
    for index in range(len(x)):
        kept: list[Tensor] = []
        handle = layer.register_forward_hook(lambda _, __, output, kept=kept: kept.append(output))
        output = model(x[index : index + 1])[0]
        handle.remove()
        value = output.reshape(()) if targets is None else targets[index](output).reshape(())
        (gradient,) = torch.autograd.grad(value, kept)
        found.append(combine(gradient.mean((-2, -1), keepdim=True), kept[0].detach())[0])
    return torch.stack(found)


CASES: dict[str, tuple[Callable[[], nn.Module], Callable[[nn.Module], nn.Module], Callable[[int], Any]]] = {
    "number (n, 1)": (Number, lambda model: model.body[3], lambda _: None),
    "number (n,)": (lambda: Number(flat=True), lambda model: model.body[3], lambda _: None),
    "raw scores": (Number, lambda model: model.body[3], lambda count: [raw] * count),
    "regions": (Logits, lambda model: model.pixels.body[3], regions),
    "margins": (chain, lambda model: model[4], lambda count: [lambda output: output[1] - output[0]] * count),
    "softmax": (chain, lambda model: model[4], lambda count: [OfClass(i % 5, softmax=True) for i in range(count)]),
    "class": (chain, lambda model: model[4], lambda count: [OfClass(i % 5) for i in range(count)]),
}


def explainers(text: str, folder: Path) -> list[Callable[..., Any]]:
    """That of the package, and that of an exported file."""
    (folder / "answer.sy").write_text(text)
    (folder / "exported.py").write_text(torch_source(parse_expression(text, "test")))
    space = runpy.run_path(str(folder / "exported.py"), run_name="exported")
    return [SynthesizedCAM.load(folder / "answer.sy"), space["SynthesizedCAM"]]


@pytest.mark.parametrize("case", CASES)
def test_maps_are_those_of_autograd_by_hand(case: str, tmp_path: Path) -> None:
    make, layer_of, targets_of = CASES[case]
    model, x = made(make), pictures(4)
    layer, targets = layer_of(model), targets_of(4)
    expected = saliency(gradcam_by_hand(model, layer, x, targets), (SIDE, SIDE))
    assert expected.amax() > 0
    for cam in explainers("(gap gradient)", tmp_path):
        found = cam(model, [layer])(x, targets)
        np.testing.assert_allclose(found, expected.numpy(), atol=1e-5)


@pytest.mark.parametrize("name", [name for name, one in FEATURES.items() if not one.conditional])
def test_every_feature_is_measured_of_a_target_or_says_that_it_needs_a_class(name: str, tmp_path: Path) -> None:
    """Of pictures with targets of their own together as of each by itself."""
    model, x, targets = made(Logits), pictures(3), regions(3)
    (tmp_path / "answer.sy").write_text(f"(gap {name})" if FEATURES[name].rank == "map" else name)
    cam = SynthesizedCAM.load(tmp_path / "answer.sy")(model, [model.pixels.body[3]])
    if FEATURES[name].of_class:
        with pytest.raises((OptionError, TypeError), match="no class"):
            cam(x, targets)
        return
    together = cam(x, targets)
    alone = np.concatenate([cam(x[i : i + 1], targets[i : i + 1]) for i in range(3)])
    np.testing.assert_allclose(together, alone, atol=1e-4)


def test_a_function_is_a_class_only_where_it_gives_its_logit(tmp_path: Path) -> None:
    model, x = made(chain), pictures(2)
    (tmp_path / "answer.sy").write_text("(* probability (gap gradient))")
    cam = SynthesizedCAM.load(tmp_path / "answer.sy")(model, [model[4]])
    np.testing.assert_array_equal(cam(x, [OfClass(1), OfClass(2)]), cam(x, [1, 2]))
    np.testing.assert_array_equal(cam(x, [OfClass(1), np.int64(-3)]), cam(x, [1, 2]))
    with pytest.raises(TypeError, match="probability of a target that is no class"):
        cam(x, [OfClass(1, softmax=True), 2])


def test_classes_and_functions_may_be_mixed(tmp_path: Path) -> None:
    model, x = made(chain), pictures(2)
    for text in ("(gap gradient)", "ablation"):
        (tmp_path / "answer.sy").write_text(text)
        cam = SynthesizedCAM.load(tmp_path / "answer.sy")(model, [model[4]])
        mixed = cam(x, [3, lambda output: output[1]])
        np.testing.assert_allclose(mixed, cam(x, [3, 1]), atol=1e-5)


WRONG: dict[str, tuple[Callable[[], nn.Module], Any, type[Exception], str]] = {
    "two numbers": (chain, [lambda o: o[:2]] * 2, TypeError, r"<lambda> gives a tensor \(2,\), not a tensor of one"),
    "no tensor": (chain, [lambda o: float(o[0].detach())] * 2, TypeError, "gives float, not a tensor of one number"),
    "no gradient": (chain, [lambda o: o.detach()[0]] * 2, TypeError, "a number without a gradient"),
    "not finite": (chain, [lambda o: o[0] * math.nan] * 2, ValueError, "gives nan, which is not finite"),
    "raises": (chain, [lambda o: o["out"]] * 2, RuntimeError, r"<lambda> fails on an output \(5,\): "),
    "no class": (chain, [0, 5], ValueError, "there is no class 5, the model gives 5"),
    "too few": (chain, [0], ValueError, "1 targets for 2 pictures"),
    "classes of pixels": (Logits, [0, 1], TypeError, r"the model gives \(2, 3, 16, 16\): give functions"),
    "no target of pixels": (Logits, None, TypeError, r"the model gives \(2, 3, 16, 16\): give functions"),
    "a mapping": (Pixels, [raw, raw], TypeError, "wrap it in a module that picks it"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_with_a_target_is_named(case: str, tmp_path: Path) -> None:
    make, targets, kind, message = WRONG[case]
    model = made(make)
    (tmp_path / "answer.sy").write_text("(gap gradient)")
    layer = next(module for module in model.modules() if isinstance(module, nn.ReLU))
    with pytest.raises(kind, match=message):
        SynthesizedCAM.load(tmp_path / "answer.sy")(model, [layer])(pictures(2), targets)
    assert not any(module._forward_hooks for module in model.modules())


def test_the_extractor_takes_the_one_number_for_class_0(tmp_path: Path) -> None:
    model, x = made(Number), pictures(2)
    (tmp_path / "answer.sy").write_text("(gap gradient)")
    with SynthesizedExtractor.load(tmp_path / "answer.sy")(model, model.body[3]) as extract:
        (small,) = extract(0, model(x))
    expected = gradcam_by_hand(model, model.body[3], x, None)
    torch.testing.assert_close(small, unit_range(expected), atol=1e-5, rtol=0)
    (tmp_path / "answer.sy").write_text("probability")
    with (
        SynthesizedExtractor.load(tmp_path / "answer.sy")(model, model.body[3]) as extract,
        pytest.raises(TypeError, match="no class"),
    ):
        extract(0, model(x))
    pixels = made(Logits)
    with SynthesizedExtractor.load(tmp_path / "answer.sy")(pixels, pixels.pixels.body[3]) as extract:
        scores = pixels(x)
        with pytest.raises(TypeError, match="classes are those of logits"):
            extract(0, scores)
