from __future__ import annotations

import hashlib
import json
from importlib import resources

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from torch import nn

from sygus.errors import OptionError
from sygus.saliency.images.generator import CLASSES, SIZE, ShapesPicture, generate, generate_many
from sygus.saliency.networks.embedded import NAMES, NetworkName, ShapesNetwork, ShapesResNet, build, load
from sygus.saliency.training import STREAM, pictures, soft_masks

SEED = 123  # evaluation streams are small numbers; training uses STREAM + seed


@pytest.fixture(scope="module")
def many() -> list[ShapesPicture]:
    return generate_many(range(400), SEED)


@pytest.fixture(scope="module", params=NAMES)
def network(request: pytest.FixtureRequest) -> ShapesNetwork:
    return load(request.param)


def images_of(many: list[ShapesPicture]) -> torch.Tensor:
    return torch.from_numpy(np.stack([picture.image for picture in many]))


def same(one: ShapesPicture, other: ShapesPicture) -> bool:
    return (
        np.array_equal(one.image, other.image)
        and np.array_equal(one.mask, other.mask)
        and (one.label, one.boxes) == (other.label, other.boxes)
    )


# The pictures


def test_a_picture_depends_on_seed_and_index_alone(many: list[ShapesPicture]) -> None:
    assert all(same(generate(index, SEED), many[index]) for index in (399, 0, 17))
    assert same(generate_many([250, 3], SEED)[1], many[3])


def test_seeds_and_indices_give_different_pictures(many: list[ShapesPicture]) -> None:
    different = [*many, *generate_many(range(8), SEED + 1), *generate_many(range(8), STREAM)]
    assert len({picture.image.tobytes() for picture in different}) == len(different)


def test_the_bits_are_those_of_every_machine() -> None:
    digest = hashlib.sha256()
    for picture in generate_many(range(64), 0):
        digest.update(np.ascontiguousarray(picture.image, dtype="<f4").tobytes())
        digest.update(np.packbits(picture.mask).tobytes())
        digest.update(repr((picture.label, picture.boxes)).encode())
    assert digest.hexdigest() == "f635be37d698240253615e223d7741d9eb083124c60cb490c4c5256682b31264"


def test_negative_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="non-negative"):
        generate(0, -1)
    with pytest.raises(ValueError, match="non-negative"):
        generate(-1, 0)


def test_range_and_types(many: list[ShapesPicture]) -> None:
    for picture in many:
        assert picture.image.shape == (3, SIZE, SIZE)
        assert picture.image.dtype == np.float32
        assert picture.image.min() >= 0
        assert picture.image.max() <= 1
        assert picture.image.std() > 0.02
        assert picture.mask.shape == (SIZE, SIZE)
        assert picture.mask.dtype == np.bool_


def test_every_block_of_eight_holds_each_class_once_in_varying_order(many: list[ShapesPicture]) -> None:
    blocks = [tuple(picture.label for picture in many[start : start + 8]) for start in range(0, 400, 8)]
    assert all(sorted(block) == list(range(len(CLASSES))) for block in blocks)
    assert len(set(blocks)) > 40


def test_boxes_are_exact_for_the_mask(many: list[ShapesPicture]) -> None:
    for picture in many:
        inside = np.zeros_like(picture.mask)
        for x1, y1, x2, y2 in picture.boxes:
            inside[y1:y2, x1:x2] = True
            part = picture.mask[y1:y2, x1:x2]
            assert part[0].any()
            assert part[-1].any()
            assert part[:, 0].any()
            assert part[:, -1].any()
        assert not (picture.mask & ~inside).any()


def test_one_box_is_the_extent_of_the_mask(many: list[ShapesPicture]) -> None:
    single = [picture for picture in many if len(picture.boxes) == 1]
    for picture in single:
        y, x = np.nonzero(picture.mask)
        assert picture.boxes == ((x.min(), y.min(), x.max() + 1, y.max() + 1),)
    assert 0.65 < len(single) / len(many) < 0.85
    assert {len(picture.boxes) for picture in many} == {1, 2}


def test_the_mask_is_where_the_picture_shows_the_shape(many: list[ShapesPicture]) -> None:
    """Luminance differs across the outline: by 0.3 or more on average, less where textures and clutter meet it."""
    for picture in many:
        luminance = np.tensordot(np.array([0.299, 0.587, 0.114], dtype=np.float32), picture.image, axes=1)
        inner = picture.mask & ~eroded(picture.mask)
        outer = ~picture.mask & ~eroded(~picture.mask)
        assert abs(np.median(luminance[inner]) - np.median(luminance[outer])) > 0.15


def eroded(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    padded = np.pad(mask, 1, mode="edge")
    inner: NDArray[np.bool_] = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:] & mask
    return inner


def test_the_shapes_are_distinct(many: list[ShapesPicture]) -> None:
    """How much of its box a shape fills, and how far its pixels are from its centre, tell some classes apart."""
    filled = [np.mean([fill(picture) for picture in many if picture.label == label]) for label in range(len(CLASSES))]
    named = dict(zip(CLASSES, filled, strict=True))
    assert named["circle"] == pytest.approx(np.pi / 4, abs=0.02)
    assert named["ring"] == pytest.approx(np.pi / 4 * (1 - (0.5 / 0.94) ** 2), abs=0.02)
    assert max(named["star"], named["cross"], named["crescent"]) < min(named["circle"], named["square"], named["heart"])


def fill(picture: ShapesPicture) -> float:
    return float(np.mean([picture.mask[y1:y2, x1:x2].mean() for x1, y1, x2, y2 in picture.boxes]))


# The networks


def test_accuracy_on_fresh_pictures(network: ShapesNetwork, many: list[ShapesPicture]) -> None:
    labels = torch.tensor([picture.label for picture in many])
    with torch.no_grad():
        right = network(images_of(many)).argmax(dim=1) == labels
    assert right.float().mean().item() >= 0.95


def test_probabilities_leave_room_for_a_drop_and_a_gain(network: ShapesNetwork, many: list[ShapesPicture]) -> None:
    with torch.no_grad():
        probability = network(images_of(many)).softmax(dim=1).amax(dim=1)
    assert 0.8 < probability.median().item() < 0.99


def test_forward_is_normalise_features_head(network: ShapesNetwork, many: list[ShapesPicture]) -> None:
    x = images_of(many[:4])
    with torch.no_grad():
        activation = network.features(network.normalise(x))
        assert activation.shape == (4, 64, 8, 8)
        assert activation.min() == 0
        assert torch.equal(network(x), network.head(activation))
    assert torch.allclose(network.normalise(x), (x - 0.47) / 0.25)


def test_a_loaded_network_is_frozen_and_in_evaluation_mode(network: ShapesNetwork) -> None:
    assert not any(module.training for module in network.modules())
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert sum(parameter.numel() for parameter in network.parameters()) < 250_000


def test_the_head_of_the_resnet_is_the_mean_and_one_linear_layer() -> None:
    network = load("shapes-resnet")
    assert isinstance(network, ShapesResNet)
    linear = [module for module in network.head.modules() if isinstance(module, nn.Linear)]
    activation = torch.rand(2, 64, 8, 8, generator=torch.Generator().manual_seed(0))
    expected = activation.mean(dim=(2, 3)) @ linear[0].weight.T + linear[0].bias
    assert len(linear) == 1
    assert torch.allclose(network.head(activation), expected, atol=1e-5)


def test_gradients_of_the_vgg_vary_in_space() -> None:
    network = load("shapes-vgg")
    activation = torch.rand(1, 64, 8, 8, generator=torch.Generator().manual_seed(0)).requires_grad_()
    (gradient,) = torch.autograd.grad(network.head(activation)[0, 0], activation)
    assert gradient.std(dim=(2, 3)).mean() > 0


@pytest.mark.parametrize("name", NAMES)
def test_weight_files_are_small(name: NetworkName) -> None:
    file = resources.files("sygus.saliency") / "weights" / f"{name}.safetensors"
    assert 0 < len(file.read_bytes()) < 1_000_000


DIGESTS = {
    "shapes-vgg": "17b46e343fd9255c717fe8c713f81ee53e9dd9fa87f25bf67da1685b2f218302",
    "shapes-resnet": "5553fd6db6391c51663b7448ee08ceddeb1f4febff5322cadf557e2d52184f03",
    "shapes-lfi": "80a5e8bbc67402d246a4765465cffaa6d413cb6cdf31d85767dcb03337c4b395",
}
"""Of the weights as `python -m sygus.saliency.training` writes them."""


@pytest.mark.parametrize("name", NAMES)
def test_the_weights_are_those_that_training_writes(name: NetworkName) -> None:
    file = resources.files("sygus.saliency") / "weights" / f"{name}.safetensors"
    assert hashlib.sha256(file.read_bytes()).hexdigest() == DIGESTS[name]


@pytest.mark.parametrize("name", NAMES)
def test_weight_files_say_how_they_were_made(name: NetworkName) -> None:
    file = resources.files("sygus.saliency") / "weights" / f"{name}.safetensors"
    with resources.as_file(file) as path, safe_open(path, framework="pt") as tensors:
        facts = json.loads(tensors.metadata()["training"])
    assert facts["command"] == "python -m sygus.saliency.training --seed 0"
    assert facts["accuracy"] >= 0.97


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(OptionError, match="choose one of shapes-vgg, shapes-resnet, shapes-lfi"):
        build("shapes-vit")


# Training


def test_training_pictures_come_from_their_own_stream() -> None:
    data = pictures(range(8), seed=5)
    expected = generate_many(range(8), STREAM + 5)
    assert data.labels.tolist() == [picture.label for picture in expected]
    assert torch.allclose(data.pixels(), images_of(expected), atol=0.5 / 255 + 1e-6)
    areas = torch.tensor([picture.mask.mean() for picture in expected])
    assert torch.allclose(data.coverage.mean(dim=(1, 2, 3)), areas.float())


def test_soft_masks_span_zero_to_one_and_keep_the_object() -> None:
    data = pictures(range(64), seed=5)
    masks = soft_masks(data.coverage, torch.Generator().manual_seed(0))
    assert masks.shape == (64, 1, 64, 64)
    assert torch.equal(masks.amin(dim=(1, 2, 3)), torch.zeros(64))
    assert torch.equal(masks.amax(dim=(1, 2, 3)), torch.ones(64))
    inside = nn.functional.avg_pool2d(masks, 8)[data.coverage > 0.5].mean()
    outside = nn.functional.avg_pool2d(masks, 8)[data.coverage == 0].mean()
    assert inside > 2 * outside
