"""The same network and pictures explained by grad-cam and torchcam, where they import; where maps differ, why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from solvers.cam.settings import Settings
from solvers.cam.subjects import load_subjects
from sygus.maps import unit_range
from sygus.oracles.cam import CamOracle
from sygus.oracles.methods import methods
from sygus.saliency.networks.embedded import ShapesNetwork, load

PICTURES = 3
EQUAL = {"atol": 1e-5, "rtol": 0}
Peer = Callable[[str, CamOracle], Tensor]


@pytest.fixture(scope="module", params=["shapes-vgg", "shapes-resnet"])
def oracle(request: pytest.FixtureRequest) -> CamOracle:
    settings = Settings(network=request.param, search_images=PICTURES, held_out_images=2, device="cpu")
    return load_subjects(settings).search


def imported(name: str) -> Any:
    """A package that need not be there, or not import beside this torch."""
    try:
        return import_module(name)
    except (ImportError, RuntimeError) as error:
        pytest.skip(f"{name} does not import: {error}")


def model_of(oracle: CamOracle) -> ShapesNetwork:
    return load(oracle.subject.network.name).requires_grad_(True).eval()  # type: ignore[arg-type]


def one_by_one(oracle: CamOracle) -> Iterator[tuple[Tensor, int]]:
    """Each picture (1, 3, H, W) with its class."""
    subject = oracle.subject
    for row in range(PICTURES):
        yield subject.pictures[row : row + 1], int(subject.targets[row])


def by_gradcam(kind: str, oracle: CamOracle, target: str = "ClassifierOutputTarget") -> Tensor:
    """S (n, H, W) by a class of grad-cam, one picture at a time."""
    package, model = imported("pytorch_grad_cam"), model_of(oracle)
    of_class = getattr(import_module("pytorch_grad_cam.utils.model_targets"), target)
    with getattr(package, kind)(model=model, target_layers=[model.features]) as cam:
        maps = [cam(picture, [of_class(label)]) for picture, label in one_by_one(oracle)]
    return torch.from_numpy(np.concatenate(maps))


def by_torchcam(kind: str, oracle: CamOracle) -> Tensor:
    """S (n, H, W) by an extractor of torchcam, one picture at a time."""
    package, model = imported("torchcam.methods"), model_of(oracle)
    found = []
    for picture, label in one_by_one(oracle):
        with getattr(package, kind)(model, target_layer="features") as extractor:
            (maps,) = extractor(label, model(picture))
        found.append(drawn(maps.detach()[0], oracle))
    return torch.stack(found)


def drawn(maps: Tensor, oracle: CamOracle) -> Tensor:
    """n(up(L)) of one map (h, w)."""
    up = interpolate(maps[None, None], oracle.subject.network.size, mode="bilinear", align_corners=False)[0]
    return unit_range(up)[0]


def of_weights(weights: Tensor, activation: Tensor, oracle: CamOracle) -> Tensor:
    """S of the weights (K,) or (K, h, w) of one picture."""
    weights = weights if weights.dim() == 3 else weights[:, None, None]
    return drawn((weights * activation).sum(0).relu(), oracle)


@pytest.mark.parametrize(
    ("by", "kind", "name"),
    [
        (by_gradcam, "GradCAM", "gradcam"),
        (by_gradcam, "XGradCAM", "xgradcam"),
        (by_gradcam, "LayerCAM", "layercam"),
        (by_gradcam, "HiResCAM", "hirescam"),
        (by_gradcam, "AblationCAM", "ablationcam"),
        (by_gradcam, "FEM", "fem"),
        (by_torchcam, "GradCAM", "gradcam"),
        (by_torchcam, "XGradCAM", "xgradcam"),
        (by_torchcam, "LayerCAM", "layercam"),
    ],
)
def test_maps_agree(by: Peer, kind: str, name: str, oracle: CamOracle) -> None:
    torch.testing.assert_close(methods()[name].saliency(oracle), by(kind, oracle), **EQUAL)


def test_grad_cams_plus_plus_adds_a_constant_that_is_large_beside_small_gradients(oracle: CamOracle) -> None:
    """Its denominators are 2 g² + g³ ΣA + 1e-6, which is no small change where g² is of that size."""
    theirs = by_gradcam("GradCAMPlusPlus", oracle)
    for row, (a, g) in enumerate(zip(oracle.measured["activation"], oracle.measured["gradient"], strict=True)):
        alpha = torch.where(g != 0, g**2 / (2 * g**2 + a.sum((1, 2), keepdim=True) * g**3 + 1e-6), 0)
        torch.testing.assert_close(of_weights((alpha * g.relu()).sum((1, 2)), a, oracle), theirs[row], **EQUAL)
    assert (methods()["gradcam++"].saliency(oracle) - theirs).abs().max() > 1e-4


def test_torchcams_grad_cam_plus_plus_leaves_alpha_undivided(oracle: CamOracle) -> None:
    """The quotient is written to a copy, so what it weighs by is Σ g² relu(g)."""
    theirs = by_torchcam("GradCAMpp", oracle)
    for row, (a, g) in enumerate(zip(oracle.measured["activation"], oracle.measured["gradient"], strict=True)):
        torch.testing.assert_close(of_weights((g**2 * g.relu()).sum((1, 2)), a, oracle), theirs[row], **EQUAL)
    assert (methods()["gradcam++"].saliency(oracle) - theirs).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("by", "aligned", "early"), [(by_gradcam, True, False), (by_torchcam, False, True), (None, False, False)]
)
def test_score_cams_differ_in_how_masks_are_drawn(
    by: Peer | None, aligned: bool, early: bool, oracle: CamOracle
) -> None:
    """grad-cam aligns the corners of masks, torchcam scales maps to [0, 1] before up-sampling; ours do neither."""
    theirs = methods()["scorecam"].saliency(oracle) if by is None else by("ScoreCAM", oracle)
    model, size = model_of(oracle), oracle.subject.network.size
    with torch.no_grad():
        for row, (picture, label) in enumerate(one_by_one(oracle)):
            activation = oracle.measured["activation"][row]
            small = unit_range(activation) if early else activation
            up = interpolate(small[:, None], size, mode="bilinear", align_corners=aligned)
            masks = up if early else unit_range(up[:, 0])[:, None]
            weights = torch.softmax(model(picture * masks)[:, label], 0)
            torch.testing.assert_close(of_weights(weights, activation, oracle), theirs[row], atol=1e-4, rtol=0)


def test_torchcams_cam_keeps_what_is_negative() -> None:
    """Its map is scaled to [0, 1] without a ReLU before."""
    oracle = load_subjects(Settings(network="shapes-resnet", search_images=PICTURES, held_out_images=2)).search
    theirs = by_torchcam("CAM", oracle)
    for row, weights in enumerate(oracle.measured["classifier"]):
        maps = (weights * oracle.measured["activation"][row]).sum(0)
        torch.testing.assert_close(drawn(maps, oracle), theirs[row], **EQUAL)


def test_grad_cams_eigen_cam_is_centred(oracle: CamOracle) -> None:
    """Channels have their means taken off first, and the sign of the vector is as it falls."""
    theirs = by_gradcam("EigenCAM", oracle)
    for row, activation in enumerate(oracle.measured["activation"]):
        pixels = activation.flatten(1).T.double()
        centred = pixels - pixels.mean(0)
        vector = torch.linalg.svd(centred, full_matrices=False).Vh[0]
        maps = [drawn((sign * centred @ vector).float().view(activation.shape[1:]).relu(), oracle) for sign in (1, -1)]
        assert min(float((one - theirs[row]).abs().max()) for one in maps) < 1e-4


def test_grad_cams_shapley_cam_agrees_where_its_target_is_the_papers(oracle: CamOracle) -> None:
    """ReST, the logit plus the logarithm of the probability; a plain logit leaves the second-order term out."""
    ours = methods()["shapleycam"].saliency(oracle)
    torch.testing.assert_close(ours, by_gradcam("ShapleyCAM", oracle, "ClassifierOutputReST"), **EQUAL)
    assert (ours - by_gradcam("ShapleyCAM", oracle)).abs().max() > 1e-4


def nearest(logits: Tensor, label: int) -> list[int]:
    """The three classes whose logits are nearest to that of another."""
    order = (logits - logits[label]).abs().argsort().tolist()
    return [index for index in order if index != label][:3]


def test_grad_cams_finer_cam_agrees_on_our_target(oracle: CamOracle) -> None:
    """Y minus 0.6 times the mean logit of the three classes nearest to it."""
    package, ours = imported("pytorch_grad_cam"), methods()["finercam"].saliency(oracle)
    model = model_of(oracle)
    cam = package.FinerCAM(model=model, target_layers=[model.features])
    for row, (picture, label) in enumerate(one_by_one(oracle)):

        def target(logits: Tensor, label: int = label) -> Tensor:
            return logits[label] - 0.6 * logits[nearest(logits.detach(), label)].mean()

        torch.testing.assert_close(ours[row], torch.from_numpy(cam(picture, targets=[target])[0]), **EQUAL)


def test_grad_cams_finer_cam_weighs_the_classes_by_their_probabilities(oracle: CamOracle) -> None:
    """By default alpha = 1 in place of our gamma = 0.6, and the weights are differentiated too."""
    package, ours = imported("pytorch_grad_cam"), methods()["finercam"].saliency(oracle)
    model, differs = model_of(oracle), []
    cam = package.FinerCAM(model=model, target_layers=[model.features])
    for row, (picture, label) in enumerate(one_by_one(oracle)):
        theirs = torch.from_numpy(cam(picture, target_idx=label)[0])
        activation = oracle.measured["activation"][row]
        leaf = activation.clone().requires_grad_()
        logits = model.head(leaf[None])[0]
        weights = torch.softmax(logits, 0)
        others = nearest(logits.detach(), label)
        distance = sum(weights[other] * (logits[label] - logits[other]) for other in others)
        (gradient,) = torch.autograd.grad(distance / (weights[others].sum() + 1e-9), leaf)
        torch.testing.assert_close(of_weights(gradient.mean((1, 2)), activation, oracle), theirs, atol=1e-4, rtol=0)
        differs.append(float((ours[row] - theirs).abs().max()))
    assert max(differs) > 1e-3
