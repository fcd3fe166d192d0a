"""Every method against an independent reference: hand-worked numbers, plain loops, numpy."""

import gc
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn
from torch.nn.functional import interpolate

from solvers.cam.settings import Settings
from solvers.cam.subjects import load_subjects
from sygus.errors import OptionError
from sygus.maps import unit_range
from sygus.oracles.cam import CamOracle
from sygus.oracles.methods import applicable_methods, methods
from sygus.saliency.features import Measurements, measure
from sygus.saliency.features.cache import Cache
from sygus.saliency.features.smooth import noise
from sygus.saliency.images import Preprocessing
from sygus.saliency.methods import MAP_METHODS, VARIANTS, input_level
from sygus.saliency.networks import Network
from sygus.saliency.networks.chunks import Chunk
from sygus.saliency.networks.embedded import ShapesNetwork, load

COUNT = 3


@pytest.fixture(scope="module", params=["shapes-vgg", "shapes-resnet"])
def oracle(request: pytest.FixtureRequest) -> CamOracle:
    settings = Settings(network=request.param, search_images=COUNT, held_out_images=2, device="cpu")
    return load_subjects(settings).search


def plain(oracle: CamOracle) -> ShapesNetwork:
    return load(oracle.subject.network.name)  # type: ignore[arg-type]


def masks_of(activation: Tensor, size: tuple[int, int]) -> Tensor:
    """n(up(A_k)) of one picture, (K, H, W), one channel after another; constant ones are NaN."""
    rows = []
    for channel in activation:
        up = interpolate(channel[None, None], size, mode="bilinear", align_corners=False)[0, 0]
        spread = channel.max() - channel.min()
        rows.append((up - up.min()) / (up.max() - up.min()) if spread > 1e-12 else up * torch.nan)
    return torch.stack(rows)


def saliency_by_numpy(weights: np.ndarray, activation: Tensor, size: tuple[int, int]) -> Tensor:
    maps = np.maximum((weights[:, None, None] * activation.numpy()).sum(0), 0)
    up = interpolate(torch.from_numpy(maps)[None, None].float(), size, mode="bilinear", align_corners=False)[0, 0]
    return (up - up.min()) / (up.max() - up.min()) if up.max() > up.min() else up * 0


def toy() -> Measurements:
    """Two channels of 2x2; the tail is y = 2 · mean A_1 - mean A_2 for class 0."""
    linear = nn.Linear(2, 2, bias=False).requires_grad_(False)
    linear.weight.copy_(torch.tensor([[2.0, -1.0], [0.0, 1.0]]))
    tail = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), linear)
    network = Network(
        name="toy",
        layer="features",
        trunk=nn.Sequential(nn.Conv2d(3, 2, 1, bias=False)).requires_grad_(False),
        tail=tail,
        preprocessing=Preprocessing.square(2),
        classes=("a", "b"),
        nonnegative=True,
        fingerprint="toy",
        device=torch.device("cpu"),
    )
    weight = network.trunk[0].weight  # type: ignore[index]
    weight.copy_(torch.tensor([[1.0, 0, 0], [0, 1.0, 0]]).view(2, 3, 1, 1))  # A_1 is red, A_2 is green
    red, green = torch.tensor([[1.0, 0], [0, 0]]), torch.tensor([[0.0, 0.5], [0, 0.5]])
    picture = torch.stack([red, green, torch.zeros(2, 2)])[None]
    return measure(network, picture, torch.tensor([0]))


def test_toy_network_by_hand() -> None:
    measured = toy()  # GAP A = (1/4, 1/4), y = 2/4 - 1/4 = 1/4, g = (2/4, -1/4)
    flat = {name: measured[name].flatten().tolist() for name in ("logit", "classifier", "ablation", "score")}
    assert flat["logit"] == pytest.approx([0.25])
    assert flat["classifier"] == pytest.approx([2, -1])
    assert flat["ablation"] == pytest.approx([2, -1])  # y - y_k = W_k GAP(A_k) = (1/2, -1/4), over y
    # n(A_1) keeps the red pixel: y = 2/4; n(A_2) is 1 at the green ones: y = -1/4; black: 0.
    assert flat["score"] == pytest.approx([0.5, -0.25])
    torch.testing.assert_close(measured["gradient"][0, :, 0, 0], torch.tensor([0.5, -0.25]))
    # ΣA = (1, 1): α = 1 / (2 + g) = (1 / 2.5, 1 / 1.75).
    torch.testing.assert_close(measured["alpha"][0, :, 0, 0], torch.tensor([1 / 2.5, 1 / 1.75]))
    # The gradient of this tail is constant, so that noise changes nothing.
    torch.testing.assert_close(measured["smooth-gradient"], measured["gradient"])
    torch.testing.assert_close(measured["smooth-alpha"], measured["alpha"])
    # Opti-CAM moves all weight to channel 1, whose masked picture has the larger logit.
    assert measured["opticam"][0, 0].item() > 0.9


def test_ablation_is_the_whole_network_with_a_channel_at_zero(oracle: CamOracle) -> None:
    model, subject = plain(oracle), oracle.subject
    found = oracle.measured["ablation"]
    for row in range(COUNT):
        activation = model.features(model.normalise(subject.images.pictures[row : row + 1]))
        target = int(subject.targets[row])
        clean = model.head(activation)[0, target]
        for channel in range(0, activation.shape[1], 7):
            without = activation.clone()
            without[:, channel] = 0
            expected = (clean - model.head(without)[0, target]) / clean
            assert found[row, channel].item() == pytest.approx(expected.item(), abs=1e-5)


def test_score_cam_one_channel_at_a_time(oracle: CamOracle) -> None:
    model, subject = plain(oracle), oracle.subject
    for row in range(COUNT):
        picture, target = subject.images.pictures[row : row + 1], int(subject.targets[row])
        activation = model.features(model.normalise(picture))[0]
        black = model(torch.zeros_like(picture))[0, target]
        u = torch.zeros(len(activation))
        for channel, mask in enumerate(masks_of(activation, subject.network.size)):
            if not mask.isnan().any():
                u[channel] = model(picture * mask)[0, target] - black
        torch.testing.assert_close(oracle.measured["score"][row].flatten(), u, atol=2e-5, rtol=0)
        expected = saliency_by_numpy(torch.softmax(u, 0).numpy(), activation, subject.network.size)
        torch.testing.assert_close(methods()["scorecam"].saliency(oracle)[row], expected, atol=1e-4, rtol=0)
    torch.testing.assert_close(VARIANTS["scorecam"](oracle.measured), methods()["scorecam"].saliency(oracle))


@pytest.mark.parametrize("kind", ["sscam", "iscam"])
def test_noisy_and_partial_masks_one_at_a_time(oracle: CamOracle, kind: str) -> None:
    model, subject = plain(oracle), oracle.subject
    picture, target = subject.images.pictures[:1], int(subject.targets[0])
    activation = model.features(model.normalise(picture))[0]
    draws = noise(2, (1, *subject.network.size), 2.0, 0)
    u = torch.zeros(len(activation))
    for channel, mask in enumerate(masks_of(activation, subject.network.size)):
        if not mask.isnan().any():
            shown = [mask + d[0] for d in draws] if kind == "sscam" else [mask * 0.5, mask]
            u[channel] = sum(model(picture * m)[0, target] for m in shown) / 2
            u[channel] -= model(torch.zeros_like(picture))[0, target]
    expected = saliency_by_numpy(torch.softmax(u, 0).numpy(), activation, subject.network.size)
    measured = measure(subject.network, picture, subject.targets[:1])
    found = (MAP_METHODS | VARIANTS)[kind](measured, n=2)
    torch.testing.assert_close(found[0], expected, atol=1e-3, rtol=0)


@pytest.mark.parametrize("kind", ["scorecam", "sscam", "iscam"])
@pytest.mark.parametrize("channel_softmax", [True, False])
def test_only_the_channels_of_greatest_variance_are_masked(
    oracle: CamOracle, kind: str, channel_softmax: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 5
    model, subject = plain(oracle), oracle.subject
    picture, target = subject.images.pictures[:1], int(subject.targets[0])
    activation = model.features(model.normalise(picture))[0]
    variance = activation.flatten(1).numpy().astype(np.float64).var(1)
    chosen = sorted(range(len(activation)), key=lambda k: -variance[k])[:count]
    draws = noise(1, (1, *subject.network.size), 2.0, 0)
    masks = masks_of(activation, subject.network.size)
    weights = torch.zeros(len(activation))
    for channel in chosen:
        shown = {"scorecam": masks[channel], "sscam": masks[channel] + draws[0][0], "iscam": masks[channel]}[kind]
        weights[channel] = model(picture * shown)[0, target] - model(torch.zeros_like(picture))[0, target]
    if channel_softmax:
        weights[chosen] = torch.softmax(weights[chosen], 0)
    expected = saliency_by_numpy(weights.numpy(), activation, subject.network.size)
    measured = measure(subject.network, picture, subject.targets[:1])
    ran: list[int] = []
    whole = Network.logits_of
    monkeypatch.setattr(Network, "logits_of", lambda n, make, *rows: ran.append(len(rows[0])) or whole(n, make, *rows))
    options = {} if kind == "scorecam" else {"n": 1}
    entry = (MAP_METHODS | VARIANTS)[kind]
    found = entry(measured, channels=count, channel_softmax=channel_softmax, **options)
    torch.testing.assert_close(found[0], expected, atol=1e-3, rtol=0)
    assert ran == [count]
    assert entry.configured({"channels": "5"} | dict.fromkeys(options, "1")).passes(64) == count + 2


def test_as_many_channels_as_there_are_change_no_bit(oracle: CamOracle) -> None:
    channels = oracle.measured["activation"].shape[1]
    whole = VARIANTS["scorecam"](oracle.measured)
    assert torch.equal(VARIANTS["scorecam"](oracle.measured, channels=channels), whole)
    assert torch.equal(VARIANTS["scorecam"](oracle.measured, channels=2 * channels), whole)
    assert not torch.equal(VARIANTS["scorecam"](oracle.measured, channels=8), whole)


def test_masks_made_fewer_at_a_time_change_no_bit(oracle: CamOracle, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large network's masks are made in smaller blocks, so that its progress is seen."""
    whole = VARIANTS["scorecam"](oracle.measured)
    height, width = oracle.subject.network.size
    monkeypatch.setattr("sygus.saliency.features.masking.PIXELS", 13 * height * width)
    assert torch.equal(VARIANTS["scorecam"](oracle.measured), whole)


def test_opti_cam_by_torchs_adam(oracle: CamOracle) -> None:
    model, subject = plain(oracle), oracle.subject
    picture, target = subject.images.pictures[:1], int(subject.targets[0])
    activation = model.features(model.normalise(picture))
    u = torch.full((activation.shape[1],), 0.5, requires_grad=True)
    adam = torch.optim.Adam([u], lr=0.1)
    for _ in range(8):
        maps = (torch.softmax(u, 0)[None, :, None, None] * activation).sum(1, keepdim=True)
        up = interpolate(maps, subject.network.size, mode="bilinear", align_corners=False)
        loss = -model(picture * (up - up.min()) / (up.max() - up.min()))[0, target]
        adam.zero_grad()
        loss.backward()
        adam.step()
    expected = saliency_by_numpy(torch.softmax(u.detach(), 0).numpy(), activation[0], subject.network.size)
    found = VARIANTS["opticam"](measure(subject.network, picture, subject.targets[:1]), steps=8)[0]
    torch.testing.assert_close(found, expected, atol=2e-3, rtol=0)


def test_opti_cam_of_maps_that_are_negative_is_the_weighted_sum_that_it_optimised() -> None:
    """The method and its weights as a feature, of a layer that ends in SiLU."""
    torch.manual_seed(0)
    trunk = nn.Sequential(nn.Conv2d(3, 6, 3), nn.SiLU()).requires_grad_(False)
    tail = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 2)).requires_grad_(False)
    network = replace(toy().network, trunk=trunk, tail=tail, preprocessing=Preprocessing.square(12), nonnegative=False)
    pictures, targets = torch.rand(2, 3, 12, 12), torch.tensor([0, 1])
    measured = measure(network, pictures, targets)
    activation, weights = measured["activation"], measured["opticam"].flatten(1)
    assert activation.min() < 0
    found = VARIANTS["opticam"](measured)
    for row in range(2):
        expected = saliency_by_numpy(weights[row].numpy(), activation[row], network.size)
        torch.testing.assert_close(found[row], expected, atol=1e-5, rtol=0)
    # No small step to other weights masks better, so that the sum is what was optimised.
    logit = network.logits(pictures * found[:, None]).gather(1, targets[:, None])
    for _ in range(20):
        other = torch.softmax(weights.log() + 0.05 * torch.randn(2, 6), 1).numpy()
        masks = torch.stack([saliency_by_numpy(other[row], activation[row], network.size) for row in range(2)])
        assert (network.logits(pictures * masks[:, None]).gather(1, targets[:, None]) < logit + 1e-3).all()


def test_a_batch_of_opti_cam_is_its_pictures(oracle: CamOracle) -> None:
    subject = oracle.subject
    together = VARIANTS["opticam"](oracle.measured, steps=3)
    alone = VARIANTS["opticam"](measure(subject.network, subject.images.pictures[1:2], subject.targets[1:2]), steps=3)
    torch.testing.assert_close(alone[0], together[1], atol=1e-5, rtol=0)


@pytest.mark.parametrize("loss", ["mask", "diff", "iomask", "iodiff"])
@pytest.mark.parametrize("normalisation", ["range", "max", "sigmoid"])
def test_opti_cams_options_never_give_nan(loss: str, normalisation: str) -> None:
    found = VARIANTS["opticam"](toy(), loss=loss, normalisation=normalisation, steps=3)
    assert found.isfinite().all()


def test_eigen_cam_by_numpy(oracle: CamOracle) -> None:
    activation = oracle.measured["activation"]
    found = methods()["eigencam"].saliency(oracle)
    for row in range(COUNT):
        vector = np.linalg.svd(activation[row].flatten(1).double().numpy())[2][0]
        maps = torch.from_numpy(np.abs(vector)).float().view(1, *activation.shape[-2:])  # Perron: of one sign
        expected = saliency_by_numpy(np.ones(1), maps, oracle.subject.network.size)
        torch.testing.assert_close(found[row], expected, atol=1e-5, rtol=0)


def test_relatives_agree_on_a_pooled_linear_head() -> None:
    subjects = load_subjects(Settings(network="shapes-resnet", search_images=8, held_out_images=2, device="cpu"))
    maps = {name: methods()[name].saliency(subjects.search) for name in ("cam", "gradcam", "xgradcam", "hirescam")}
    for name in ("gradcam", "xgradcam", "hirescam"):
        torch.testing.assert_close(maps[name], maps["cam"], atol=2e-5, rtol=0)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name == "opticam" else ()) for name in VARIANTS]
)
def test_with_its_options_by_default_a_variant_is_the_expression(oracle: CamOracle, name: str) -> None:
    if name == "layercam":
        pytest.skip("over one layer tanh lifts the map, several are another method")
    expected = methods()[name].saliency(oracle)
    torch.testing.assert_close(VARIANTS[name](oracle.measured), expected, atol=1e-5, rtol=0)


def test_layer_cam_over_layers(oracle: CamOracle) -> None:
    """Both layers by plain autograd, picture by picture."""
    model, subject = plain(oracle), oracle.subject
    layers = {"shapes-vgg": ("features.5", "features.8"), "shapes-resnet": ("features.3", "features")}[
        subject.network.name
    ]
    found = VARIANTS["layercam"](oracle.measured, layers=layers)
    for row in range(COUNT):
        picture, target = subject.images.pictures[row : row + 1], int(subject.targets[row])
        kept: dict[str, Tensor] = {}

        def keep(module: nn.Module, _: object, out: Tensor, kept: dict[str, Tensor] = kept) -> Tensor:
            kept[next(name for name in layers if model.get_submodule(name) is module)] = out
            return out.clone()

        hooks = [model.get_submodule(name).register_forward_hook(keep) for name in layers]
        logit = model.requires_grad_(True)(picture)[0, target]
        for hook in hooks:
            hook.remove()
        gradients = torch.autograd.grad(logit, [kept[name] for name in layers])
        fused = torch.zeros(subject.network.size)
        for name, gradient in zip(layers, gradients, strict=True):
            maps = (gradient.relu() * kept[name].detach()).sum(1).relu()
            scaled = torch.tanh(2 * maps / maps.max())[None]
            up = interpolate(scaled, subject.network.size, mode="bilinear", align_corners=False)[0, 0]
            fused = torch.maximum(fused, up)
        expected = (fused - fused.min()) / (fused.max() - fused.min())
        torch.testing.assert_close(found[row], expected, atol=2e-4, rtol=0)


@pytest.mark.parametrize("numerator", ["D1", "D2"])
def test_smooth_grad_cam_plus_plus_by_plain_autograd(oracle: CamOracle, numerator: str) -> None:
    model, subject = plain(oracle).double().requires_grad_(True), oracle.subject
    picture, target = subject.images.pictures[:1], int(subject.targets[0])
    deviation = torch.tensor(subject.network.deviation).view(-1, 1, 1)
    powers = []
    for draw in noise(3, tuple(picture.shape[1:]), 0.2, 5) * deviation:
        activation = model.features(model.normalise((picture + draw).double()))
        (gradient,) = torch.autograd.grad(model.head(activation)[0, target], activation)
        powers.append(torch.stack([gradient[0], gradient[0] ** 2, gradient[0] ** 3]))
    first, second, third = torch.stack(powers).mean(0)
    clean = model.features(model.normalise(picture.double()))[0].detach()
    above = first if numerator == "D1" else second
    alpha = above / (2 * second + clean.sum((1, 2), keepdim=True) * third)
    weights = torch.where(second > 0, alpha * first.relu(), 0).sum((1, 2))
    expected = saliency_by_numpy(weights.numpy(), clean, subject.network.size)
    measured = measure(subject.network, picture, subject.targets[:1])
    found = VARIANTS["smoothgradcam++"](measured, n=3, sigma=0.2, seed=5, numerator=numerator)
    torch.testing.assert_close(found[0], expected.float(), atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("names", "title"),
    [
        ("sscam(n=2,noisy=input)", "SS-CAM(n=2,noisy=input)"),
        ("scorecam(score=prob,channel_softmax=false)", "Score-CAM(channel_softmax=false,score=prob)"),
        ("extremal(steps=3)", "Extremal perturbation(steps=3)"),
        ("opticam(loss=iomask,steps=2)", "Opti-CAM(loss=iomask,steps=2)"),
    ],
)
def test_options_of_methods_by_name(oracle: CamOracle, names: str, title: str) -> None:
    (method,) = applicable_methods(names, oracle, lambda _: None)
    assert method.title == title
    maps = method.saliency(oracle)
    assert maps.shape == (COUNT, *oracle.subject.network.size)
    assert bool(((maps >= 0) & (maps <= 1)).all())


@pytest.mark.parametrize(
    ("names", "fragment"),
    [
        ("sscam(n=0)", "'n' of the method 'sscam' is '0'"),
        ("scorecam(channels=-1)", "'channels' of the method 'scorecam' is '-1'"),
        ("gradcam(n=2)", "'gradcam' has no option 'n'"),
        ("scorecam(loss=diff)", "no option 'loss'"),
        ("layercam(layers=nowhere)", "nowhere"),
        ("sscam(n)", "cannot read 'n'"),
    ],
)
def test_wrong_options_of_methods(oracle: CamOracle, names: str, fragment: str) -> None:
    with pytest.raises(OptionError, match=fragment.replace("(", r"\(")):
        applicable_methods(names, oracle, lambda _: None)[0].saliency(oracle)


def test_maps_of_slow_methods_are_kept_on_disk(
    oracle: CamOracle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = oracle.subject

    def measured() -> Measurements:
        return Measurements(subject.network, subject.images.pictures, subject.targets, cache=Cache(tmp_path))

    first = MAP_METHODS["sscam"](measured(), n=2)
    other = MAP_METHODS["sscam"](measured(), n=1)
    monkeypatch.setattr(Network, "logits", lambda *_: pytest.fail("drawn again"))
    assert torch.equal(MAP_METHODS["sscam"](measured(), n=2), first)
    assert not torch.equal(first, other)


FAST = [name for name in methods() if name not in ("sscam", "iscam", "extremal", "smoothgrad", "intgrad", "opticam")]


@pytest.mark.parametrize("name", FAST)
def test_a_batch_is_its_pictures(oracle: CamOracle, name: str) -> None:
    if name == "guidedbackprop":
        pytest.importorskip("captum")
    subject, chosen = oracle.subject, methods()[name]
    lacking = {"legrad": "no attention", "rollout": "no attention", "lficam": "declares no branch"}
    if subject.network.name == "shapes-vgg":
        lacking["cam"] = "global average pooling"
    if name in lacking:
        with pytest.raises(OptionError, match=lacking[name]):
            chosen.saliency(oracle)
        return
    together = chosen.saliency(oracle)
    alone = CamOracle(subject.showing(subject.images.pictures[1:2], torch.tensor([1])))
    assert together.isfinite().all()
    assert together.min() >= 0
    assert together.max() <= 1
    torch.testing.assert_close(chosen.saliency(alone)[0], together[1], atol=1e-6, rtol=0)


def test_extremal_perturbation_by_plain_autograd(oracle: CamOracle) -> None:
    """The same ascent written out: points by distance, scipy's Gaussian, one graph for the whole objective."""
    model, subject = plain(oracle), oracle.subject
    picture, target, side = subject.images.pictures[0], int(subject.targets[0]), subject.network.size[0]
    at = torch.arange(0, side, 7) + 3.0  # the middle of each cell of the grid
    pixel = torch.arange(side).float()
    distance = (pixel[:, None, None, None] - at[None, None, :, None]) ** 2
    distance = (distance + (pixel[None, :, None, None] - at[None, None, None, :]) ** 2).sqrt()
    kernel = torch.exp(-2 * (distance / 21 - 0.5).clamp(min=0) ** 2).flatten(2)
    # The maximum runs over the square of cells within 28 pixels; those outside the picture count as 0.
    cells = torch.arange(side) // 7
    near = ((cells[:, None] - torch.arange(len(at))[None]).abs() <= 4).float()
    inside = (near[:, None, :, None] * near[None, :, None, :]).flatten(2)
    outside = 81 - inside.sum(-1)
    blurred = [
        gaussian_filter(picture.numpy(), (0, s, s), mode="nearest", radius=math.ceil(3 * s)) if s else picture
        for s in (20 * (1 - level / 7) for level in range(8))
    ]
    pyramid = torch.stack([torch.as_tensor(level) for level in blurred])
    reference = (torch.arange(side * side) >= round(0.9 * side * side)).float()
    grid, speed = torch.ones(len(at), len(at)), torch.zeros(len(at), len(at))

    def smooth(grid: Tensor) -> Tensor:
        values = kernel * grid.flatten()
        weights = torch.exp(20 * values) * inside
        return (weights * values).sum(-1) / (weights.sum(-1) + outside)

    for t in range(3):
        leaf = grid.clone().requires_grad_()
        mask = smooth(leaf)
        low = (mask * 7).floor().clamp(max=6).long()
        share = mask * 7 - low
        shown = sum(
            pyramid[level] * torch.where(low == level, 1 - share, torch.where(low + 1 == level, share, 0))
            for level in range(8)
        )
        logit = model(shown.flip(-1)[None] if t % 2 == 0 else shown[None])[0, target]
        objective = logit - 300 * 1.0035**t * ((mask.flatten().sort().values - reference) ** 2).mean()
        (slope,) = torch.autograd.grad(objective, leaf)
        speed = 0.9 * speed + slope
        grid = (grid + 0.01 * speed).clamp(0, 1)
    expected = smooth(grid)
    expected = (expected - expected.min()) / (expected.max() - expected.min())
    measured = measure(subject.network, subject.images.pictures[:1], subject.targets[:1])
    found = MAP_METHODS["extremal"](measured, steps=3)[0]
    assert expected.std() > 0.05
    # All points of the grid begin at 1, so that pixels are tied and rounding decides how sort orders them.
    torch.testing.assert_close(found, expected, atol=2e-2, rtol=0)
    assert (found - expected).abs().mean() < 2e-3


def test_named_methods_that_do_not_apply_are_errors_and_groups_leave_them_out(oracle: CamOracle) -> None:
    notes: list[str] = []
    names = {method.name for method in applicable_methods("all", oracle, notes.append)}
    if oracle.subject.network.name == "shapes-vgg":
        assert "cam" not in names
        assert any("CAM is left out" in note for note in notes)
        with pytest.raises(OptionError, match="--methods: 'cam'"):
            applicable_methods("cam", oracle, notes.append)
    else:
        assert "cam" in names


def test_without_captum_the_error_names_the_extra(oracle: CamOracle, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(input_level.importlib, "import_module", missing)
    with pytest.raises(OptionError) as caught:
        MAP_METHODS["intgrad"](oracle.measured)
    assert 'pip install "sycam-sygus[saliency]"' in str(caught.value)


def test_smooth_gradients_are_captums_with_the_same_draws(oracle: CamOracle) -> None:
    captum = pytest.importorskip("captum.attr")
    subject, network = oracle.subject, oracle.subject.network
    gradient = captum.Saliency(network.classify)
    noisy = [subject.pictures + draw for draw in noise(3, (3, *network.size), 0.2 * sum(network.deviation) / 3, 5)]
    each = [gradient.attribute(x.requires_grad_(), target=subject.targets, abs=False) for x in noisy]
    found = MAP_METHODS["smoothgrad"](oracle.measured, n=3, sigma=0.2, seed=5)
    torch.testing.assert_close(found, unit_range(torch.stack(each).mean(0).abs().mean(1)), atol=1e-4, rtol=0)


def test_smooth_gradients_average_what_noise_changes(oracle: CamOracle) -> None:
    """Without noise every draw gives the gradient itself; captum's own noise has the same statistics."""
    captum = pytest.importorskip("captum.attr")
    subject, network = oracle.subject, oracle.subject.network
    gradient = unit_range(network.input_gradient(subject.pictures, subject.targets)[1].abs().mean(1))
    torch.testing.assert_close(MAP_METHODS["smoothgrad"](oracle.measured, n=2, sigma=0), gradient, atol=1e-5, rtol=0)
    tunnel = captum.NoiseTunnel(captum.Saliency(network.classify))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        theirs = tunnel.attribute(
            subject.pictures[:1].clone().requires_grad_(),
            nt_type="smoothgrad",
            nt_samples=64,
            stdevs=0.3 * sum(network.deviation) / 3,
            target=subject.targets[:1],
            abs=False,
        )
    theirs = unit_range(theirs.detach().abs().mean(1))[0]
    ours = MAP_METHODS["smoothgrad"](oracle.measured, n=64)[0]
    both = torch.corrcoef(torch.stack([ours.flatten(), theirs.flatten()]))[0, 1]
    alone = torch.corrcoef(torch.stack([gradient[0].flatten(), theirs.flatten()]))[0, 1]
    assert both > max(0.8, float(alone))


@pytest.mark.parametrize("name", ["smoothgrad", "intgrad"])
def test_gradients_of_pixels_take_smaller_passes_where_the_memory_ends(oracle: CamOracle, name: str) -> None:
    if name == "intgrad":
        pytest.importorskip("captum")
    network, subject, sizes = oracle.subject.network, oracle.subject, []

    def trunk(x: Tensor) -> Tensor:
        sizes.append(len(x))
        if len(x) > 4:
            raise RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED")
        return network.trunk(x)

    small = replace(network, trunk=trunk, chunk=Chunk(16))
    table = Measurements(small, subject.images.pictures[:1], subject.targets[:1])
    expected = MAP_METHODS[name](oracle.measured)[:1]
    torch.testing.assert_close(MAP_METHODS[name](table), expected, atol=1e-4, rtol=0)
    assert (sizes[:3], max(sizes[3:])) == ([16, 8, 4], 4)


def test_integrated_gradients_by_hand() -> None:
    pytest.importorskip("captum")
    found = MAP_METHODS["intgrad"](toy())  # linear: x ⊙ ∂y/∂x = (1/2 at the red pixel, -1/8 at the green ones) / 3
    torch.testing.assert_close(found[0], torch.tensor([[1.0, 0.25], [0, 0.25]]), atol=1e-5, rtol=0)
    torch.testing.assert_close(MAP_METHODS["smoothgrad"](toy(), n=2)[0], torch.zeros(2, 2))  # constant gradient


@pytest.mark.slow
def test_nothing_is_left_behind() -> None:
    subject = load_subjects(Settings(search_images=2, held_out_images=2, device="cpu")).search.subject
    parts = [part for part in (subject.network.trunk, subject.network.tail) if isinstance(part, nn.Module)]

    def state() -> list[tuple[int, int, bool]]:
        modules = [module for part in parts for module in part.modules()]
        return [(len(m._forward_hooks), len(m._backward_hooks), m.training) for m in modules]

    before, counts = state(), []
    for rebuilt in range(40):
        measured = measure(subject.network, subject.images.pictures, subject.targets)
        measured["alpha"], measured["ablation"]
        if rebuilt in (10, 39):
            gc.collect()
            counts.append(sum(issubclass(type(thing), Tensor) for thing in gc.get_objects()))
    assert state() == before
    assert counts[1] <= counts[0] + 2
    assert all(parameter.grad is None for part in parts for parameter in part.parameters())
