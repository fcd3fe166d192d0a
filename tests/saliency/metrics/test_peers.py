"""The same maps scored by torchcam and Quantus, where they are installed; where definitions differ, how."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from solvers.cam.settings import Settings
from solvers.cam.subjects import load_subjects
from sygus.oracles.cam import CamOracle, Saliency, saliency_of
from sygus.oracles.expressions import read_expression
from sygus.saliency.metrics import find_metric
from sygus.saliency.metrics.causal import probabilities_after, ranks
from sygus.saliency.metrics.robustness import _noise
from sygus.saliency.networks.embedded import load

PICTURES, STEPS = 12, 8
GRADCAM = saliency_of(read_expression("(gap gradient)"))


@pytest.fixture(scope="module")
def oracle() -> CamOracle:
    return load_subjects(Settings(search_images=PICTURES, held_out_images=2, device="cpu")).search


@pytest.fixture(scope="module")
def maps(oracle: CamOracle) -> Tensor:
    return GRADCAM(oracle)


@pytest.fixture(scope="module")
def model() -> nn.Module:
    return load("shapes-vgg").eval()


def ours(oracle: CamOracle, maps: Tensor, name: str, again: Saliency = GRADCAM) -> np.ndarray:
    return oracle.judge(oracle.evaluation(maps, torch.arange(PICTURES), again), find_metric(name))


class Extractor:
    """These maps, behind the interface that torchcam's metrics ask of an extractor."""

    def __init__(self, model: nn.Module, maps: Tensor) -> None:
        self.model, self.maps = model, maps

    def __call__(self, *_: object, **__: object) -> list[Tensor]:
        return [self.maps]

    def fuse_cams(self, cams: list[Tensor]) -> Tensor:
        return cams[0]

    def _hooks_off(self) -> nullcontext[None]:
        return nullcontext()


def torchcam_metrics() -> Any:
    return pytest.importorskip("torchcam.metrics", reason="torchcam is not installed, or does not import")


def quantus() -> Any:
    return pytest.importorskip("quantus", reason="Quantus is not installed, or does not import")


def by_quantus(metric: Any, oracle: CamOracle, model: nn.Module, maps: Tensor, **given: Any) -> np.ndarray:
    subject = oracle.subject
    batch = {
        "x_batch": subject.pictures.numpy(),
        "y_batch": subject.targets.numpy(),
        "a_batch": maps[:, None].numpy(),
        "s_batch": subject.images.masks[:, None].numpy(),  # type: ignore[index]
    }
    return np.array(metric(model=model, softmax=True, device="cpu", channel_first=True, **(batch | given)))


def test_average_drop_and_increase_as_torchcam_has_them(oracle: CamOracle, maps: Tensor, model: nn.Module) -> None:
    metric = torchcam_metrics().ClassificationMetric(Extractor(model, maps), partial(torch.softmax, dim=-1))
    metric.update(oracle.subject.pictures, oracle.subject.targets.tolist())
    summary = metric.summary()
    assert ours(oracle, maps, "average-drop").mean() == pytest.approx(100 * summary["avg_drop"], abs=1e-3)
    assert ours(oracle, maps, "average-increase").mean() == pytest.approx(100 * summary["conf_increase"])


def test_deletion_and_insertion_as_torchcam_has_them(oracle: CamOracle, maps: Tensor, model: nn.Module) -> None:
    """The same deletion; insertion on black there, on the blurred picture here, so that one is compared on black."""
    metric = torchcam_metrics().DeletionInsertionMetric(
        Extractor(model, maps), partial(torch.softmax, dim=-1), steps=STEPS
    )
    metric.update(oracle.subject.pictures, oracle.subject.targets.tolist())
    summary = metric.summary()
    deletion = next(value for name, value in summary.items() if "del" in name)
    insertion = next(value for name, value in summary.items() if "ins" in name)
    assert ours(oracle, maps, f"deletion(steps={STEPS})").mean() == pytest.approx(deletion, abs=1e-5)

    evaluation, rank = oracle.evaluation(maps, torch.arange(PICTURES), GRADCAM), ranks(maps)

    bounds = torch.arange(STEPS + 1) * rank[0].numel() // STEPS

    def revealed(rows: slice, steps: slice) -> Tensor:
        shown = rank[rows, None] < bounds[steps, None, None]
        return evaluation.pictures[rows, None] * shown[:, :, None]

    curve = probabilities_after(evaluation, revealed, STEPS + 1).double()
    assert torch.trapezoid(curve, dx=1 / STEPS).mean().item() == pytest.approx(insertion, abs=1e-5)


def test_pointing_game_as_quantus_has_it(oracle: CamOracle, maps: Tensor, model: nn.Module) -> None:
    metric = quantus().PointingGame(abs=False, normalise=False, disable_warnings=True)
    expected = by_quantus(metric, oracle, model, maps).astype(float)
    np.testing.assert_array_equal(ours(oracle, maps, "pointing-game"), expected)


def test_energy_pointing_game_is_relevance_mass(oracle: CamOracle, maps: Tensor, model: nn.Module) -> None:
    metric = quantus().RelevanceMassAccuracy(abs=False, normalise=False, disable_warnings=True)
    expected = by_quantus(metric, oracle, model, maps)
    np.testing.assert_allclose(ours(oracle, maps, "energy-pointing-game"), expected, atol=1e-5)


def test_sparseness_as_quantus_has_it(oracle: CamOracle, maps: Tensor, model: nn.Module) -> None:
    """The Gini index; Quantus adds 1e-7 to every pixel."""
    metric = quantus().Sparseness(abs=True, normalise=False, disable_warnings=True)
    expected = by_quantus(metric, oracle, model, maps)
    np.testing.assert_allclose(ours(oracle, maps, "sparseness"), expected, atol=1e-4)


class Masked(nn.Module):
    """The model on its pictures times a mask (N, 1, H, W), so that Quantus flips pixels and not single colours."""

    def __init__(self, model: nn.Module, pictures: Tensor) -> None:
        super().__init__()
        self.model, self.pictures = model, pictures

    def forward(self, mask: Tensor) -> Tensor:
        logits: Tensor = self.model(self.pictures * mask)
        return logits


def test_deletion_is_pixel_flipping(oracle: CamOracle, maps: Tensor, model: nn.Module) -> None:
    """Quantus leaves the clean picture out of the curve, breaks ties anyhow (it is given ranks), and calls the least
    value of a picture black (it is given 0)."""
    metric = quantus().PixelFlipping(
        features_in_step=maps[0].numel() // STEPS,
        abs=False,
        normalise=False,
        perturb_baseline=0.0,
        disable_warnings=True,
    )
    masked = Masked(model, oracle.subject.pictures).eval()
    curve = by_quantus(
        metric,
        oracle,
        masked,
        maps,
        x_batch=np.ones((PICTURES, 1, *maps.shape[1:]), np.float32),
        a_batch=-ranks(maps)[:, None].double().numpy(),
    )
    clean = oracle.subject.probability.double().numpy()
    expected = np.trapezoid(np.column_stack([clean, curve]), dx=1 / STEPS, axis=1)
    np.testing.assert_allclose(ours(oracle, maps, f"deletion(steps={STEPS})"), expected, atol=1e-5)


def test_max_sensitivity_as_quantus_has_it(oracle: CamOracle, maps: Tensor, model: nn.Module) -> None:
    """The same draws given to both."""
    draws = 3
    noisy = [_noise(0.2, draw).apply(oracle.subject).pictures.numpy() for draw in range(draws)]
    shown = iter([picture for draw in noisy for picture in draw])

    def perturbed(arr: np.ndarray, **_: object) -> np.ndarray:
        return np.stack([next(shown) for _ in range(PICTURES)]).reshape(arr.shape) if arr.ndim > 1 else next(shown)

    def explained(inputs: np.ndarray, **_: object) -> np.ndarray:
        moved = oracle.subject.showing(torch.from_numpy(np.asarray(inputs)).float(), torch.arange(PICTURES))
        return GRADCAM(CamOracle(moved))[:, None].numpy()

    metric = quantus().MaxSensitivity(
        nr_samples=draws, perturb_func=perturbed, abs=False, normalise=False, disable_warnings=True
    )
    expected = by_quantus(metric, oracle, model, maps, explain_func=explained)
    np.testing.assert_allclose(ours(oracle, maps, f"max-sensitivity(draws={draws})"), expected, rtol=1e-3)
