"""What users of pytorch-grad-cam and torchcam are used to: layers by name, smoothing, pictures of maps, plain texts."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from exported_files import module_of
from sygus import SynthesizedCAM, SynthesizedExtractor
from sygus.errors import OptionError
from sygus.export.torch_module import torch_source
from sygus.oracles.expressions import parse_expression

CLASSES = 4


@pytest.fixture
def model() -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        body = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 5, 3, 2), nn.Softplus())
        head = nn.Sequential(nn.Conv2d(5, 7, 3), nn.Softplus(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        return nn.Sequential(body, head, nn.Linear(7, CLASSES)).eval()


@pytest.fixture
def pictures() -> Tensor:
    return torch.rand((3, 3, 16, 20), generator=torch.Generator().manual_seed(1))


def loaded(text: str, folder: Path) -> Any:
    (folder / "answer.sy").write_text(text)
    return SynthesizedCAM.load(folder / "answer.sy")


def exported(text: str, folder: Path) -> ModuleType:
    return module_of(torch_source(parse_expression(text, "a test")), folder)


@pytest.mark.parametrize("text", ["(gap gradient)", "ablation"])
def test_layers_are_modules_or_their_names_one_or_several(
    text: str, model: nn.Sequential, pictures: Tensor, tmp_path: Path
) -> None:
    make = loaded(text, tmp_path)
    layer, other = model[0][3], model[0][1]
    one = make(model, [layer])(pictures, [0, 1, 2])
    for given in (layer, "0.3", ["0.3"]):
        np.testing.assert_array_equal(make(model, given)(pictures, [0, 1, 2]), one)
    several = make(model, [layer, other])(pictures, [0, 1, 2])
    np.testing.assert_array_equal(make(model, ["0.3", other])(pictures, [0, 1, 2]), several)


@pytest.mark.parametrize("wrong", ["0.33", "", "layer4"])
def test_a_name_of_no_module_is_answered_with_those_there_are(wrong: str, model: nn.Sequential, tmp_path: Path) -> None:
    make = loaded("(gap gradient)", tmp_path)
    with pytest.raises(ValueError, match=f"the model has no module '{wrong}'; there are 0"):
        make(model, [wrong])
    with pytest.raises(ValueError, match=f"the model has no module '{wrong}'; there are 0"):
        SynthesizedExtractor.load(tmp_path / "answer.sy")(model, wrong)
    file = exported("(gap gradient)", tmp_path)
    with pytest.raises(ValueError, match=f"the model has no module '{wrong}'"):
        file.SynthesizedCAM(model, wrong)


@pytest.mark.parametrize("text", ["(gap gradient)", "ablation"])
def test_augmented_maps_are_the_mean_over_six_pictures(
    text: str, model: nn.Sequential, pictures: Tensor, tmp_path: Path
) -> None:
    cam = loaded(text, tmp_path)(model, "0.3")
    with torch.no_grad():
        predicted = model(pictures).argmax(1).tolist()
    for targets in ([0, 1, 2], None):
        classes = predicted if targets is None else targets
        plain = [cam(pictures * factor, classes) for factor in (0.9, 1.0, 1.1)]
        mirrored = [cam(pictures.flip(-1) * factor, classes)[..., ::-1] for factor in (0.9, 1.0, 1.1)]
        found = cam(pictures, targets, aug_smooth=True)
        np.testing.assert_allclose(found, np.mean([*plain, *mirrored], 0), atol=1e-6)
        assert found.dtype == np.float32


@pytest.mark.parametrize("text", ["(gap gradient)", "gradient"])
def test_eigen_smoothing_is_the_first_principal_component(
    text: str, model: nn.Sequential, pictures: Tensor, tmp_path: Path
) -> None:
    activation = model[0](pictures).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(model[2](model[1](activation))[range(3), [0, 1, 2]].sum(), activation)
    weights = gradient.mean((2, 3), keepdim=True) if text == "(gap gradient)" else gradient
    for row, found in enumerate(loaded(text, tmp_path)(model, "0.3")(pictures, [0, 1, 2], eigen_smooth=True)):
        points = (weights * activation)[row].detach().flatten(1).T.double().numpy()
        points = points - points.mean(0)
        values, vectors = np.linalg.eigh(points.T @ points)
        along = points @ vectors[:, values.argmax()]
        along = along * np.sign(along @ points.sum(1))
        large = torch.nn.functional.interpolate(
            torch.from_numpy(along.reshape(activation.shape[2:]).clip(0))[None, None], (16, 20), mode="bilinear"
        )[0, 0]
        expected = (large - large.min()) / (large.max() - large.min())
        np.testing.assert_allclose(found, expected.numpy(), atol=1e-5)
    file = exported(text, tmp_path)
    np.testing.assert_allclose(
        file.SynthesizedCAM(model, "0.3")(pictures, [0, 1, 2], eigen_smooth=True),
        loaded(text, tmp_path)(model, "0.3")(pictures, [0, 1, 2], eigen_smooth=True),
        atol=1e-6,
    )


@pytest.mark.parametrize("text", ["(relu (cam (gap gradient)))", "(relu (cam eigen))"])
def test_a_whole_map_has_no_channels_to_smooth(
    text: str, model: nn.Sequential, pictures: Tensor, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="eigen_smooth: the expression is a whole heat map"):
        loaded(text, tmp_path)(model, "0.3")(pictures, [0, 1, 2], eigen_smooth=True)


@pytest.mark.parametrize(
    "text", ["(exp (* 1000.0 (gap activation)))", "(relu (cam (exp (* 1000.0 (gap activation)))))"]
)
def test_values_that_are_not_finite_are_refused_with_their_pictures(
    text: str, model: nn.Sequential, pictures: Tensor, tmp_path: Path
) -> None:
    message = r"no finite value for the pictures 0, 1, 2 of 3"
    with pytest.raises(ValueError, match=message):
        loaded(text, tmp_path)(model, "0.3")(pictures, [0, 1, 2])
    with (
        SynthesizedExtractor.load(tmp_path / "answer.sy")(model, "0.3") as extractor,
        pytest.raises(ValueError, match=message),
    ):
        extractor([0, 1, 2], model(pictures))
    with pytest.raises(ValueError, match=message):
        exported(text, tmp_path).SynthesizedCAM(model, "0.3")(pictures, [0, 1, 2])


def test_texts_say_what_is_explained_where_and_by_what(model: nn.Sequential, tmp_path: Path) -> None:
    cam = loaded("(gap gradient)", tmp_path)(model, [model[0][3], "0.1"])
    assert repr(cam) == "SynthesizedCAM(Sequential, ['0.3', '0.1'], (gap gradient))"
    with SynthesizedExtractor.load(tmp_path / "answer.sy")(model, "0.3") as extractor:
        assert repr(extractor) == "SynthesizedExtractor(Sequential, ['0.3'], (gap gradient))"
    assert repr(exported("(gap gradient)", tmp_path).SynthesizedCAM(model, "0.3")) == (
        "SynthesizedCAM(Sequential, ['0.3'])"
    )


def test_maps_are_shown_over_their_pictures_side_by_side(
    model: nn.Sequential, pictures: Tensor, tmp_path: Path
) -> None:
    cam = loaded("(abs (gap gradient))", tmp_path)(model, "0.3")
    shown = np.asarray(cam.show(2 * pictures - 1, [0, 1, 2], opacity=0.0)) / 255
    assert shown.shape == (16, 3 * 20, 3)
    for row, tile in enumerate(np.split(shown, 3, axis=1)):
        low, high = pictures[row].min(), pictures[row].max()
        grey = ((pictures[row] - low) / (high - low)).mean(0).numpy()
        np.testing.assert_allclose(tile, np.broadcast_to(grey[..., None], tile.shape), atol=1 / 255)
    again = cam.show(2 * pictures - 1, [0, 1, 2], pictures=pictures, opacity=1.0)
    assert len(np.unique(np.asarray(again).reshape(-1, 3), axis=0)) > 20
    with pytest.raises(OptionError, match="'jet' is not offered"):
        cam.show(pictures, [0, 1, 2], colours="jet")
    with pytest.raises(ValueError, match=r"drawn are pictures \(N, C, H, W\), not \(3, 3, 16\)"):
        cam.show(pictures[..., 0], [0, 1, 2])


def test_tokens_are_told_what_makes_maps_of_them(tmp_path: Path) -> None:
    tokens = nn.Sequential(nn.Conv2d(3, 4, 4, 4), nn.Flatten(2), nn.Flatten(), nn.Linear(64, 3)).eval()
    with pytest.raises(ValueError, match="of tokens reshape_transform makes them"):
        loaded("(gap gradient)", tmp_path)(tokens, "1")(torch.rand(2, 3, 16, 16), [0, 1])
