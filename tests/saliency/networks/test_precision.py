"""Passes in bfloat16: logits as torch's autocast gives them, everything else as before; told apart in fingerprints."""

from __future__ import annotations

import json

import pytest
import torch
from click.testing import CliRunner
from torch import Tensor

from solvers.cam.settings import Settings
from solvers.cam.subjects import load_subjects
from sygus.app.cli import main
from sygus.errors import OptionError
from sygus.oracles.cam import CamOracle
from sygus.oracles.expressions import parse_expression
from sygus.oracles.workers import Workers
from sygus.oracles.workers.processes import Processes
from sygus.saliency.metrics import find_metric
from sygus.saliency.networks import Network
from sygus.saliency.networks.families import load_classifier

FEW = ("--search-images", "8", "--held-out-images", "8", "--device", "cpu", "--format", "json")


@pytest.fixture(scope="module")
def networks() -> dict[str, Network]:
    """One without batch normalisation, so that nothing is folded, in both precisions."""
    return {kind: Settings(device="cpu", precision=kind).load_network() for kind in ("fp32", "bf16")}  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def pictures() -> Tensor:
    return torch.rand(40, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def test_logits_are_those_of_autocast(networks: dict[str, Network], pictures: Tensor) -> None:
    model = load_classifier("shapes-vgg").model.eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        expected = torch.cat([model(part) for part in (pictures[:32], pictures[8:])])
    found = networks["bf16"].logits(pictures)
    assert expected.dtype == torch.bfloat16
    assert found.dtype == torch.float32
    assert torch.allclose(found[:32], expected[:32].float(), atol=2**-7 * float(expected.abs().max()))
    exact = networks["fp32"].logits(pictures)
    assert 0 < float((found - exact).abs().max()) < 2**-5 * float(exact.abs().max())


def test_feature_maps_and_gradients_are_float32(networks: dict[str, Network], pictures: Tensor) -> None:
    targets = torch.zeros(len(pictures), dtype=torch.long)
    exact, rounded = networks["fp32"], networks["bf16"]
    activation = exact.activation(pictures)
    assert torch.equal(activation, rounded.activation(pictures))
    for one, other in zip(exact.gradient(activation, targets), rounded.gradient(activation, targets), strict=True):
        assert torch.equal(one, other)


def test_scores_of_precisions_are_not_shared(networks: dict[str, Network]) -> None:
    assert networks["fp32"].fingerprint != networks["bf16"].fingerprint
    assert "masked pictures pass in bf16" in networks["bf16"].notes


def test_another_layer_has_the_same_precision(networks: dict[str, Network]) -> None:
    assert networks["bf16"].at("features.8").precision == "bf16"


def test_processes_score_in_the_same_precision() -> None:
    settings = Settings(search_images=40, held_out_images=2, device="cpu", precision="bf16")
    metric, index = find_metric("average-drop"), torch.arange(40)
    terms = [parse_expression("(gap gradient)", "test")]
    with Workers(Processes(2), torch.device("cpu")) as workers:
        oracle = load_subjects(settings).search
        other = CamOracle(oracle.subject, oracle.references)
        here = oracle.score(oracle.heat_maps(terms), metric, index)
        workers.serve([other])
        assert (other.score(other.heat_maps(terms), metric, index) == here).all()


def test_evaluate_scores_in_the_precision_asked_for() -> None:
    def table(precision: str) -> dict[str, float]:
        asked = (
            "evaluate",
            *FEW,
            "--methods",
            "gradcam,uniform",
            "--metrics",
            "average-drop",
            "--precision",
            precision,
        )
        result = CliRunner().invoke(main, asked)
        assert result.exit_code == 0, result.output
        return {row["method"]: row["held out"]["average-drop"]["value"] for row in json.loads(result.stdout)}

    exact, rounded = table("fp32"), table("bf16")
    assert exact.keys() == rounded.keys()
    assert exact != rounded
    assert all(abs(exact[name] - rounded[name]) < 2 for name in exact)  # per cent


def test_others_are_refused() -> None:
    with pytest.raises(OptionError, match="--precision: unknown value 'fp16'") as refused:
        Settings(precision="fp16")  # type: ignore[arg-type]
    assert "fp32, bf16" in refused.value.hint
