"""The drop-in classes where models and callers are other than the plain ones."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from cam_terms import read
from sygus import SynthesizedCAM, SynthesizedExtractor
from sygus.errors import OptionError
from sygus.language.theories.evaluate import evaluate
from sygus.oracles.parameters import feature_variables
from sygus.saliency.features import Measurements
from sygus.saliency.heatmap import combine, saliency
from sygus.saliency.images import Preprocessing
from sygus.saliency.networks import Classifier, make_network

SIDE = 16
MEASURED = ("(gap gradient)", "(* (gap gradient) probability)")
"""What a pass shows; the others are measured on a copy of the model."""
FURTHER = ("score", "smooth-gradient", "opticam")
OF_THE_PICTURE = ("input-gradient", "integrated-gradient", "opticam")
"""What needs the gradient with respect to the picture."""


class Net(nn.Module):
    """Two stages and a linear layer; the first stage may be passed in some way, and ``beside`` leads nowhere."""

    def __init__(self, way: str = "") -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.first = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU())
            self.second = nn.Sequential(nn.Conv2d(6, 6, 3, padding=1, stride=2), nn.ReLU())
            self.beside = nn.Conv2d(3, 4, 1)
            self.linear = nn.Linear(6, 4)
        self.way = way

    def forward(self, x: Tensor) -> Tensor:
        if self.way == "no_grad":
            with torch.no_grad():
                maps = self.first(x)
        elif self.way == "numpy":
            maps = torch.from_numpy(self.first(x).detach().numpy())
        elif self.way == "checkpoint":
            maps = checkpoint(self.first, x, use_reentrant=True)
        else:
            maps = self.first(x)
        self.beside(torch.zeros(1, 3, 4, 4))
        found: Tensor = self.linear(self.second(maps).mean((2, 3)))
        return found


@pytest.fixture
def pictures() -> Tensor:
    return torch.rand((3, 3, SIDE, SIDE), generator=torch.Generator().manual_seed(1))


def cam_of(text: str, model: nn.Module, folder: Path, layer: nn.Module | str) -> SynthesizedCAM:
    (folder / "answer.sy").write_text(text)
    return SynthesizedCAM.load(folder / "answer.sy")(model, [layer])


def extractor_of(text: str, model: nn.Module, folder: Path, layer: str) -> SynthesizedExtractor:
    (folder / "answer.sy").write_text(text)
    return SynthesizedExtractor.load(folder / "answer.sy")(model, layer)


@pytest.mark.parametrize("text", [*MEASURED, *FURTHER])
@pytest.mark.parametrize("fails", [False, True])
def test_every_module_keeps_its_mode_and_statistics(text: str, fails: bool, pictures: Tensor, tmp_path: Path) -> None:
    model = Net().train()
    model.first[1].eval()  # frozen while the rest is trained
    modes = [module.training for module in model.modules()]
    state = {name: value.clone() for name, value in model.state_dict().items()}
    cam = cam_of(text, model, tmp_path, model.second)
    assert [module.training for module in model.modules()] == modes
    if fails:
        with pytest.raises(ValueError, match="targets for 3 pictures"):
            cam(pictures, [0])
    else:
        found = cam(pictures, [0, 1, 2])
        other = Net().eval()
        np.testing.assert_array_equal(found, cam_of(text, other, tmp_path, other.second)(pictures, [0, 1, 2]))
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("text", FURTHER)
def test_another_explainer_may_hang_on_the_model(text: str, pictures: Tensor, tmp_path: Path) -> None:
    model = Net().eval()
    expected = cam_of(text, model, tmp_path, model.second)(pictures, [0, 1, 2])
    other = extractor_of("(gap gradient)", model, tmp_path, "second")
    found = cam_of(text, model, tmp_path, model.second)(pictures, [0, 1, 2])  # measured on a copy, hooks and all
    np.testing.assert_array_equal(found, expected)
    other.remove_hooks()


@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
def test_weights_that_are_computed_in_each_pass_are_copied(pictures: Tensor, tmp_path: Path) -> None:
    model = Net().eval()
    expected = cam_of("score", model, tmp_path, model.second)(pictures, [0, 1, 2])
    nn.utils.weight_norm(model.second[0])
    model(pictures)  # leaves a weight with a graph, which cannot be copied as it is
    assert not model.second[0].weight.is_leaf
    found = cam_of("score", model, tmp_path, model.second)(pictures, [0, 1, 2])
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("text", [*MEASURED, *FURTHER])
def test_it_explains_under_no_grad_and_inference_mode(text: str, pictures: Tensor, tmp_path: Path) -> None:
    model = Net().eval()
    cam = cam_of(text, model, tmp_path, model.second)
    expected = cam(pictures, [0, 1, 2])
    with torch.no_grad():
        np.testing.assert_array_equal(cam(pictures, [0, 1, 2]), expected)
    with torch.inference_mode():
        np.testing.assert_array_equal(cam(pictures, [0, 1, 2]), expected)
        made = pictures * 1  # a tensor of that mode, which autograd may not keep
        assert made.is_inference()
        np.testing.assert_array_equal(cam(made, [0, 1, 2]), expected)


@pytest.mark.parametrize("text", [*MEASURED, *FURTHER, "integrated-gradient"])
def test_under_autocast_maps_are_those_of_float32_but_for_the_pass(text: str, pictures: Tensor, tmp_path: Path) -> None:
    model = Net().eval()
    cam = cam_of(text, model, tmp_path, model.second)
    with torch.autocast("cpu", torch.bfloat16):
        found = cam(pictures, [0, 1, 2])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, cam(pictures, [0, 1, 2]), atol=0.15)


@pytest.mark.parametrize("text", [*MEASURED, *FURTHER])
@pytest.mark.parametrize("targets", [torch.tensor([2, 0, 1]), np.array([2, 0, 1]), [np.int64(2), torch.tensor(0), 1]])
def test_targets_are_numbers_of_any_kind(text: str, targets: object, pictures: Tensor, tmp_path: Path) -> None:
    model = Net().eval()
    cam = cam_of(text, model, tmp_path, model.second)
    np.testing.assert_array_equal(cam(pictures, targets), cam(pictures, [2, 0, 1]))  # type: ignore[arg-type]


@pytest.mark.parametrize("text", [*MEASURED, "score"])
def test_a_layer_that_the_explained_does_not_depend_on_is_named(text: str, pictures: Tensor, tmp_path: Path) -> None:
    model = Net().eval()
    with pytest.raises(RuntimeError, match="does not depend on Conv2d"):
        cam_of(text, model, tmp_path, model.beside)(pictures)
    with extractor_of(text, model, tmp_path, "beside") as extract, pytest.raises(RuntimeError, match="not depend on"):
        extract([0, 1, 2], model(pictures))


@pytest.mark.parametrize("text", [*MEASURED, "score"])
def test_the_extractor_sees_keywords_and_says_when_a_pass_kept_no_gradients(
    text: str, pictures: Tensor, tmp_path: Path
) -> None:
    model = Net().eval()
    with extractor_of(text, model, tmp_path, "second") as extract:
        (expected,) = extract([0, 1, 2], model(pictures))
        (found,) = extract([0, 1, 2], model(x=pictures))
        torch.testing.assert_close(found, expected, rtol=0, atol=0)
        for mode in (torch.no_grad(), torch.inference_mode()):
            with mode:
                scores = model(pictures)
            with pytest.raises(RuntimeError, match="ran without gradients"):
                extract([0, 1, 2], scores)


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")  # torch's, of checkpoints
@pytest.mark.parametrize("text", OF_THE_PICTURE)
@pytest.mark.parametrize("way", ["no_grad", "numpy", "checkpoint"])
def test_a_network_that_holds_gradients_back_is_blamed(text: str, way: str, pictures: Tensor, tmp_path: Path) -> None:
    model = Net(way).eval()
    assert np.isfinite(cam_of("score", model, tmp_path, model.second)(pictures)).all()
    with pytest.raises(OptionError, match="no gradient comes back through 'Net'"):
        cam_of(text, model, tmp_path, model.second)(pictures)


@pytest.mark.parametrize("text", [*MEASURED, "score"])
def test_compiled_and_parallel_models_are_explained_as_what_they_were_made_from(
    text: str, pictures: Tensor, tmp_path: Path
) -> None:
    model = Net().eval()
    expected = cam_of(text, model, tmp_path, model.second)(pictures, [0, 1, 2])
    for made in (torch.compile(model, backend="eager"), nn.DataParallel(model)):
        found = cam_of(text, made, tmp_path, model.second)(pictures, [0, 1, 2])
        np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("factor", ["0.0000000000001", "1000000000000.0"])
def test_a_factor_changes_no_map(factor: str, pictures: Tensor, tmp_path: Path) -> None:
    model = Net().eval()
    expected = cam_of("(gap gradient)", model, tmp_path, model.second)(pictures, [0, 1, 2])
    found = cam_of(f"(* {factor} (gap gradient))", model, tmp_path, model.second)(pictures, [0, 1, 2])
    assert expected.max() == 1
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("text", ["(* (gap gradient) ablation)", "(gap smooth-gradient)", "(relu (cam eigen))"])
@pytest.mark.parametrize("targets", [None, [0, 1, 3], [-1, 1, 0]])
def test_further_calls_neither_run_the_model_nor_change_its_maps(
    text: str, targets: list[int] | None, pictures: Tensor, tmp_path: Path
) -> None:
    ran: list[nn.Module] = []

    class Watched(Net):
        def forward(self, x: Tensor) -> Tensor:
            ran.append(self)
            return super().forward(x)

    model = Watched().eval()
    cam = cam_of(text, model, tmp_path, model.second)
    first = cam(pictures, targets)
    assert model in ran
    ran.clear()
    np.testing.assert_array_equal(cam(pictures, targets), first)
    last = cam(pictures[1:], None if targets is None else targets[1:])
    np.testing.assert_allclose(last, first[1:], atol=1e-5)
    assert model not in ran


@pytest.mark.parametrize("text", ["ablation", "(gap smooth-gradient)"])
def test_a_model_that_is_trained_on_is_explained_as_it_is(text: str, pictures: Tensor, tmp_path: Path) -> None:
    model = Net().eval()
    cam = cam_of(text, model, tmp_path, model.second)
    before = cam(pictures, [0, 1, 2])
    for parameter in model.parameters():
        parameter.data.add_(0.3 * torch.rand(parameter.shape, generator=torch.Generator().manual_seed(2)))
    after = cam(pictures, [0, 1, 2])
    np.testing.assert_array_equal(after, cam_of(text, model, tmp_path, model.second)(pictures, [0, 1, 2]))
    assert np.abs(after - before).max() > 0.01


def test_what_was_refused_is_refused_again(pictures: Tensor, tmp_path: Path) -> None:
    (tmp_path / "answer.sy").write_text("ablation")
    model = Net().eval()
    cam = SynthesizedCAM.load(tmp_path / "answer.sy")(model, [model.second], lambda maps: maps[:, :3])
    for _ in range(2):
        with pytest.raises(OptionError, match="not measured where the layer's output is reshaped"):
            cam(pictures, [0, 1, 2])
    cam = cam_of("ablation", model, tmp_path, model.second)
    for _ in range(2):
        cam(pictures, [0, 1, 2])
        with pytest.raises(ValueError, match="there is no class 9"):
            cam(pictures, [0, 1, 9])
        with pytest.raises(ValueError, match="2 targets for 3 pictures"):
            cam(pictures, [0, 1])


def test_a_function_is_explained_after_a_class(pictures: Tensor, tmp_path: Path) -> None:
    model = Net().eval()
    cam = cam_of("(gap smooth-gradient)", model, tmp_path, model.second)
    of_class = cam(pictures, [1, 1, 1])
    np.testing.assert_allclose(cam(pictures, [lambda out: 2 * out[1]] * 3), of_class, atol=1e-5)
    difference = [lambda out: out[1] - out[0]] * 3
    fresh = cam_of("(gap smooth-gradient)", model, tmp_path, model.second)(pictures, difference)
    np.testing.assert_array_equal(cam(pictures, difference), fresh)


class Returned(dict):
    """As transformers return: a mapping whose values are attributes too."""

    def __getattr__(self, name: str) -> object:
        return self[name]


class Named(nn.Module):
    """A model whose logits have a name."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.net, self.kind = Net(), kind

    def forward(self, x: Tensor) -> object:
        logits = self.net(x)
        if self.kind == "object":
            return SimpleNamespace(loss=None, logits=logits)
        return Returned(hidden=x, logits=logits) if self.kind == "both" else {"logits": logits}


@pytest.mark.parametrize("kind", ["object", "mapping", "both"])
@pytest.mark.parametrize("text", ["(gap gradient)", "ablation"])
@pytest.mark.parametrize("targets", [None, [0, 1, 3]])
def test_logits_that_have_a_name_are_found(
    kind: str, text: str, targets: list[int] | None, pictures: Tensor, tmp_path: Path
) -> None:
    model = Named(kind).eval()
    plain = cam_of(text, model.net, tmp_path, model.net.second)(pictures, targets)
    cam = cam_of(text, model, tmp_path, model.net.second)
    for _ in range(2):
        np.testing.assert_allclose(cam(pictures, targets), plain, atol=1e-6)
    extractor = extractor_of(text, model, tmp_path, "net.second")
    (found,) = extractor([0, 1, 3], model(pictures))
    extractor.remove_hooks()
    extractor = extractor_of(text, model.net, tmp_path, "second")
    (expected,) = extractor([0, 1, 3], model.net(pictures))
    extractor.remove_hooks()
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


def test_an_output_without_logits_is_named_with_what_mends_it(pictures: Tensor, tmp_path: Path) -> None:
    class Hidden(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = Net()

        def forward(self, x: Tensor) -> object:
            return {"scores": self.net(x)}

    model = Hidden().eval()
    with pytest.raises(TypeError, match=r"the model must give logits.*wrap it in a module that picks it"):
        cam_of("(gap gradient)", model, tmp_path, model.net.second)(pictures)


@pytest.mark.parametrize("channels", [1, 2, 4, 12])
@pytest.mark.parametrize("text", ["(gap gradient)", "ablation", "score", "(gap smooth-gradient)", "opticam"])
def test_pictures_may_have_any_number_of_channels(channels: int, text: str, tmp_path: Path) -> None:
    """A network of three channels that reads as many by a fixed product is the reference."""
    colours = torch.rand(3, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    mixing = torch.rand(channels, 3, generator=torch.Generator().manual_seed(2))
    plain = Net().eval()
    model = Net().eval()
    mixed = nn.Conv2d(channels, 6, 3, padding=1)
    inverse = torch.linalg.pinv(mixing)  # (3, channels): colours of what was mixed
    with torch.no_grad():
        kernel = plain.first[0].weight
        mixed.weight.copy_(torch.einsum("ocij,cm->omij", kernel, inverse))
        mixed.bias.copy_(plain.first[0].bias)
        colours = torch.einsum("nmij,cm->ncij", torch.einsum("ncij,mc->nmij", colours, mixing), inverse)
    model.first[0] = mixed
    pictures = torch.einsum("ncij,mc->nmij", colours, mixing)
    found = cam_of(text, model, tmp_path, model.second)(pictures, [0, 1, 2])
    assert found.shape == (3, SIDE, SIDE)
    assert np.isfinite(found).all()
    if text not in ("(gap smooth-gradient)", "opticam"):  # of noise on other channels, and of steps along them
        expected = cam_of(text, plain, tmp_path, plain.second)(colours, [0, 1, 2])
        np.testing.assert_allclose(found, expected, atol=2e-3)


class Detector(nn.Module):
    """Gives for each picture a mapping, of as many scores as it likes."""

    def __init__(self) -> None:
        super().__init__()
        self.net = Net()

    def forward(self, x: Tensor) -> list[dict[str, Tensor]]:
        return [
            {"scores": row[: 2 + place], "labels": torch.arange(2 + place)} for place, row in enumerate(self.net(x))
        ]


@pytest.mark.parametrize("text", ["(gap gradient)", "(gap smooth-gradient)"])
def test_what_a_detector_finds_is_explained_by_a_function_of_it(text: str, pictures: Tensor, tmp_path: Path) -> None:
    model, pictures = Detector().eval(), pictures[:2]

    def last(found: dict[str, Tensor]) -> Tensor:
        return found["scores"][0] + found["scores"][1]

    cam = cam_of(text, model, tmp_path, model.net.second)
    found = cam(pictures, [last, last])
    plain = cam_of(text, model.net, tmp_path, model.net.second)
    expected = plain(pictures, [lambda out: out[0] + out[1]] * 2)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    with pytest.raises(TypeError, match="give functions of those as targets"):
        cam(pictures, [0, 1])
    with pytest.raises(TypeError, match="give functions of those as targets"):
        cam(pictures)
    with pytest.raises(ValueError, match="1 targets for 2 pictures"):
        cam(pictures, [last])
    with pytest.raises(RuntimeError, match=r"fails on an output of the kind dict: 'boxes'"):
        cam(pictures, [lambda out: out["boxes"].sum()] * 2)
    with pytest.raises(TypeError, match="gives a number without a gradient"):
        cam(pictures, [lambda out: out["scores"].detach().sum()] * 2)


@pytest.mark.parametrize("kind", ["object", "mapping"])
@pytest.mark.parametrize("text", ["(gap gradient)", "(gap smooth-gradient)"])
def test_functions_are_given_the_logits_that_have_a_name(
    kind: str, text: str, pictures: Tensor, tmp_path: Path
) -> None:
    model, targets = Named(kind).eval(), [lambda out: out[1] - out[0]] * 3
    found = cam_of(text, model, tmp_path, model.net.second)(pictures, targets)
    expected = cam_of(text, model.net, tmp_path, model.net.second)(pictures, targets)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("text", ["(gap gradient)", "score"])
def test_names_are_those_of_the_model_inside_a_wrapper(text: str, pictures: Tensor, tmp_path: Path) -> None:
    model = Net().eval()
    plain = cam_of(text, model, tmp_path, "second")(pictures, [0, 1, 2])
    for wrapped in (nn.DataParallel(model), torch.compile(model, backend="eager")):
        np.testing.assert_allclose(cam_of(text, wrapped, tmp_path, "second")(pictures, [0, 1, 2]), plain, atol=1e-6)


@pytest.mark.parametrize(
    "text", ["(* (gap gradient) probability)", "(gap log-probability-gradient)", "score-probability"]
)
def test_of_several_labels_probabilities_are_those_of_a_run(text: str, pictures: Tensor, tmp_path: Path) -> None:
    (tmp_path / "answer.sy").write_text(text)
    model = Net().eval()
    found = SynthesizedCAM.load(tmp_path / "answer.sy")(model, "second", multi_label=True)(pictures, [0, 1, 2])
    classifier = Classifier(model, Preprocessing.square(SIDE), layer="second", multi_label=True)
    table = Measurements(make_network(classifier, "labels", torch.device("cpu")), pictures, torch.tensor([0, 1, 2]))
    values = evaluate(
        read(text), {v: table[n] for n, v in feature_variables().items() if n in text or n == "activation"}
    )
    expected = saliency(combine(values, table["activation"]), (SIDE, SIDE))
    torch.testing.assert_close(torch.from_numpy(found), expected, atol=1e-5, rtol=0)
    with SynthesizedExtractor.load(tmp_path / "answer.sy")(model, "second", multi_label=True) as extractor:
        (maps,) = extractor([0, 1, 2], model(pictures))
    torch.testing.assert_close(saliency(maps, (SIDE, SIDE)), expected, atol=1e-4, rtol=0)
