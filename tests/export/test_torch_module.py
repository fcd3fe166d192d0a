"""Found expressions as explainers of models: with the numbers of the run, and the conventions that users know."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from torch import Tensor, nn

from cam_terms import read, terms
from exported_files import module_of
from sygus.app.explainers import SynthesizedCAM, SynthesizedExtractor, load_expression
from sygus.errors import OptionError, SycamError
from sygus.export.record import Record
from sygus.export.torch_module import torch_source
from sygus.language.terms import Term
from sygus.language.theories.cam import CAM
from sygus.language.theories.evaluate import evaluate
from sygus.language.theories.ranks import MAP, WEIGHT, is_whole
from sygus.maps import unit_range
from sygus.oracles.cam import CamOracle
from sygus.oracles.expressions import parse_expression
from sygus.oracles.parameters import feature_variables, features_of
from sygus.saliency.features import FEATURES, Measurements, derive, draw
from sygus.saliency.heatmap import saliency
from sygus.saliency.images import load_images
from sygus.saliency.metrics import find_metric, subject_of
from sygus.saliency.networks import embedded, load_network
from toy_models import CLASSES, SIDE, chain, pictures

CPU = torch.device("cpu")
EXPRESSIONS = (
    "(gap gradient)",
    "(relu gradient)",
    "(gap (* alpha (relu gradient)))",
    "(* logit (+ probability 1))",
    "2",
    "(cam (gap gradient))",
    "(* (power (cam (relu gradient)) 0.5) (channel-mean activation))",
    "(above-mean (blur (cam alpha) 1))",
    "(sqrt0 (* (unit (up (cam (gap gradient)))) (up (relu (cam gradient)))))",
)


@pytest.fixture
def model() -> nn.Sequential:
    torch.manual_seed(0)
    return chain()


def expected(expression: Term, model: nn.Sequential, layer: int, x: Tensor, classes: list[int]) -> Tensor:
    """L by hand: the layers one after the other."""
    with torch.no_grad():
        activation = model[: layer + 1](x)
    leaf = activation.clone().requires_grad_()
    logits = model[layer + 1 :](leaf)
    logit = logits[torch.arange(len(x)), classes]
    (gradient,) = torch.autograd.grad(logit.sum(), leaf)
    probability = torch.softmax(logits.detach(), 1)[torch.arange(len(x)), classes]
    known = {"activation": activation, "gradient": gradient, "logit": logit.detach().view(-1, 1, 1, 1)}
    known["probability"] = probability.view(-1, 1, 1, 1)
    variables = feature_variables()
    names = dict.fromkeys(("activation", *features_of(expression)))
    values = derive(known, names)
    found = evaluate(expression, {variables[name]: values[name] for name in names}, size=(SIDE, SIDE))
    return found[:, 0].relu() if is_whole(expression.sort) else (found * activation).sum(1).relu()


def load_both(text: str, tmp_path: Path) -> list[tuple[Callable[..., Any], Callable[..., Any]]]:
    """The CAM class and the extractor, of the package and of an exported file."""
    (tmp_path / "answer.sy").write_text(text)
    exported = module_of(torch_source(read(text)), tmp_path)
    path = tmp_path / "answer.sy"
    return [
        (SynthesizedCAM.load(path), SynthesizedExtractor.load(path)),
        (exported.SynthesizedCAM, exported.SynthesizedExtractor),
    ]


@pytest.mark.parametrize("text", EXPRESSIONS)
@pytest.mark.parametrize("layer", [0, 4])
def test_numbers_are_those_worked_out_by_hand(text: str, layer: int, model: nn.Sequential, tmp_path: Path) -> None:
    x, classes = pictures(3), [1, 0, 2]
    maps = expected(read(text), model.eval(), layer, x, classes)
    for cam, extractor in load_both(text, tmp_path):
        found = cam(model, [model[layer]])(x, classes)
        assert found.dtype == np.float32
        assert found.shape == (3, SIDE, SIDE)
        torch.testing.assert_close(torch.from_numpy(found), saliency(maps, (SIDE, SIDE)), atol=1e-5, rtol=0)
        with extractor(model, model[layer]) as extract:
            scores = model(x)
            (plain,) = extract(classes, scores, normalized=False)
        torch.testing.assert_close(plain, maps, atol=1e-5, rtol=1e-5)


HELPERS = ("guarded_division", "unit", "positive_power", "blur")


@pytest.mark.slow
@settings(max_examples=100)
@given(terms(MAP, 3) | terms(WEIGHT, 3))
def test_exported_source_computes_what_the_kernels_do(root: Term) -> None:
    code = torch_source(root)
    body = next(node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.ClassDef) and node.name == "_Found")
    function = ast.get_source_segment(code, next(node for node in body.body if isinstance(node, ast.FunctionDef)))
    assert function is not None
    space: dict[str, Any] = {"torch": torch, "Tensor": Tensor, "Mapping": dict}
    helpers = [n for n in ast.parse(code).body if isinstance(n, ast.FunctionDef) and n.name in HELPERS]
    guards = "\n\n".join(str(ast.get_source_segment(code, helper)) for helper in helpers)
    exec(f"GUARD, FLAT = 1e-12, 1e-6\n{guards}\n{function}", space)  # noqa: S102 - our own text
    measured = draw((4, 3, 5, 4), torch.Generator().manual_seed(0), nonnegative=True)
    variables = feature_variables()
    expected = evaluate(root, {variables[n]: measured[n] for n in dict.fromkeys(("activation", *features_of(root)))})
    torch.testing.assert_close(space["values"](None, measured, (10, 8)), expected, rtol=0, atol=0, equal_nan=True)


CONNECTIVES = (
    "(ite (and (< logit 0) (> probability 0.5)) activation gradient)",
    "(ite (or (not (<= logit 0 1)) (= logit 2)) (abs activation) gradient)",
    "(ite (=> (>= logit 0) (distinct logit probability)) activation (sqrt0 gradient))",
    "(ite (xor (> logit 0) true false) (gap (exp (neg gradient))) (log1p (minmax (gap gradient))))",
    "(spatial-std (/ activation 2))",
    "(l1norm (center (softmax (gmp (max 1 (min activation (div0 gradient (total activation))))))))",
    "(above-mean (unit (* (channel-sum gradient) (+ (channel-mean activation) (channel-max gradient)))))",
    "(power (blur (cam (gap gradient)) 0.75) 0.5)",
    "(above-mean (tanh (* 2 (up (cam (gap gradient))))))",
)


def test_every_function_of_the_theory_is_exported(tmp_path: Path) -> None:
    used = " ".join((*CONNECTIVES, *EXPRESSIONS, "(sign abs square * + - neg gap relu)"))
    names = {word.strip("()") for word in used.split()}
    assert {function.name for function in CAM.functions if function.name != "ite"} <= names
    measured = {name: value.float() for name, value in draw((4, 3, 5, 4), torch.Generator(), nonnegative=True).items()}
    variables = feature_variables()
    for text in CONNECTIVES:
        root = read(text)
        module = module_of(torch_source(root), tmp_path)
        known = {variables[n]: measured[n] for n in dict.fromkeys(("activation", *features_of(root)))}
        torch.testing.assert_close(
            module._Found().values(measured, (10, 8)), evaluate(root, known, size=(10, 8)), rtol=0, atol=0
        )


def test_the_round_trip_scores_what_the_run_reported(finished_run: Path, tmp_path: Path) -> None:
    record = Record.read(str(finished_run))
    reported = record.found_row
    assert reported is not None
    network = load_network("shapes-vgg", CPU)
    split = load_images("shapes", search=24, held_out=16, seed=0)
    exported = module_of(torch_source(load_expression(finished_run)), tmp_path).SynthesizedCAM
    for part, images in (("search", split.search), ("held_out", split.held_out)):
        oracle = CamOracle(subject_of(network, images, "predicted"))
        everything = torch.arange(len(images))
        for make in (SynthesizedCAM.load(finished_run), exported):
            model = embedded.load("shapes-vgg")
            with make(model=model, target_layers=[model.features]) as cam:
                maps = torch.from_numpy(cam(input_tensor=images.pictures))
            scores = oracle.judge(oracle.evaluation(maps, everything), find_metric("average-drop"))
            means = getattr(reported, part)["average-drop"]
            np.testing.assert_allclose(scores, means.scores, rtol=0, atol=2e-3)
            assert float(scores.mean(dtype=np.float64)) == pytest.approx(means.value, abs=1e-4)


def test_the_exported_file_needs_only_torch_and_numpy(tmp_path: Path) -> None:
    (tmp_path / "found.py").write_text(torch_source(read("(gap (* alpha (div0 gradient probability)))")))
    code = (
        "import sys; sys.modules['sygus'] = sys.modules['solvers'] = None; import found, torch\n"
        "model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), "
        "torch.nn.LazyLinear(5))\n"
        "model(torch.rand(1, 3, 8, 8))\n"
        "with found.SynthesizedCAM(model, [model[1]]) as cam: print(cam(torch.rand(2, 3, 8, 8), [1, 2]).shape)"
    )
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert result.stdout.strip() == "(2, 8, 8)", result.stderr
    ruff = shutil.which("ruff")
    if ruff is not None:
        options = ("--isolated", "--select", "E,F,I", "--line-length", "120")
        run = subprocess.run(
            [ruff, "check", *options, "found.py"], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stdout


class CategoryTarget:
    """As pytorch-grad-cam writes it."""

    def __init__(self, category: int) -> None:
        self.category = category

    def __call__(self, output: Tensor) -> Tensor:
        return output[self.category]


def test_targets_may_be_numbers_functions_or_the_prediction(model: nn.Sequential, tmp_path: Path) -> None:
    x = pictures(3)
    for cam, _ in load_both("(gap gradient)", tmp_path):
        explain = cam(model, [model[4]])
        predicted = model(x).argmax(1).tolist()
        assert np.array_equal(explain(x), explain(x, predicted))
        assert np.array_equal(explain(x, [CategoryTarget(1)] * 3), explain(x, [1, 1, 1]))
        twice = explain(x, [lambda row: 2 * row[0] - row[1]] * 3)
        assert twice.shape == (3, SIDE, SIDE)
        assert not np.array_equal(twice, explain(x, [0, 0, 0]))
        with pytest.raises(ValueError, match="2 targets for 3 pictures"):
            explain(x, [0, 1])
        assert np.array_equal(cam(model, model[4])(x, [1, 1, 1]), explain(x, [1, 1, 1]))


def test_a_target_that_is_no_class_has_no_probability(model: nn.Sequential, tmp_path: Path) -> None:
    for cam, _ in load_both("(* probability (gap gradient))", tmp_path):
        with pytest.raises(TypeError, match="no class"):
            cam(model, [model[4]])(pictures(1), [lambda row: row.sum()])
        assert cam(model, [model[4]])(pictures(1), [CategoryTarget(1)]).max() == 1


def test_several_layers_are_averaged(model: nn.Sequential, tmp_path: Path) -> None:
    x = pictures(2)
    for cam, _ in load_both("(gap gradient)", tmp_path):
        one, other = (cam(model, [model[layer]])(x, [0, 1]) for layer in (0, 4))
        mean = torch.from_numpy(one + other) / 2
        low, high = mean.amin((1, 2), keepdim=True), mean.amax((1, 2), keepdim=True)
        both = cam(model, [model[0], model[4]])(x, [0, 1])
        torch.testing.assert_close(torch.from_numpy(both), (mean - low) / (high - low))


def test_the_model_is_left_as_it_was(model: nn.Sequential, tmp_path: Path) -> None:
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    for cam, extractor in load_both("(gap gradient)", tmp_path):
        with cam(model, [model[4]]) as explain:
            assert model.training
            explain(pictures(2))
            assert model.training
        with extractor(model, "4") as extract:
            extract(0, model.eval()(pictures(2)))
        model.train()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items() if "batches" not in name)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_an_error_in_the_model_leaves_no_hook(model: nn.Sequential, tmp_path: Path) -> None:
    for cam, _ in load_both("(gap gradient)", tmp_path):
        with pytest.raises(RuntimeError):
            cam(model, [model[4]])(torch.rand(1, 5, SIDE, SIDE))
        assert not any(module._forward_hooks for module in model.modules())


def test_operations_in_place_and_frozen_parameters(tmp_path: Path) -> None:
    torch.manual_seed(0)
    plain = chain().eval()
    torch.manual_seed(0)
    in_place = chain(in_place=True).eval().requires_grad_(False)
    for cam, _ in load_both("(gap gradient)", tmp_path):
        found = [cam(model, [model[3]])(pictures(2), [0, 1]) for model in (plain, in_place)]
        np.testing.assert_allclose(found[0], found[1], atol=1e-6)


def test_outputs_that_are_no_maps_need_a_transform(tmp_path: Path) -> None:
    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patches, self.head = nn.Conv2d(3, 6, 4, stride=4), nn.Linear(6, CLASSES)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.norm(self.patches(x).flatten(2).transpose(1, 2)).mean(1))

        norm = nn.LayerNorm(6)

    tokens = Tokens().eval()
    side = SIDE // 4

    def reshape(output: Tensor) -> Tensor:
        return output.transpose(1, 2).unflatten(2, (side, side))

    for cam, _ in load_both("(gap gradient)", tmp_path):
        with pytest.raises(ValueError, match="not maps"):
            cam(tokens, [tokens.norm])(pictures(2))
        assert cam(tokens, [tokens.norm], reshape_transform=reshape)(pictures(2)).shape == (2, SIDE, SIDE)


BRANCHED = ("importance",)
"""Of networks with a branch; these have explainers among the tests of the feature."""


@pytest.mark.parametrize(
    "name", [name for name, feature in FEATURES.items() if feature.rank != "heatmap" and name not in BRANCHED]
)
def test_the_package_measures_every_feature(name: str, model: nn.Sequential, tmp_path: Path) -> None:
    text = f"(gap {name})" if FEATURES[name].rank == "map" else name
    (tmp_path / "answer.sy").write_text(text)
    x, classes = pictures(3), [0, 1, 2]
    model.eval()
    found = SynthesizedCAM.load(tmp_path / "answer.sy")(model, [model[4]])(x, classes)
    from sygus.saliency.images.geometry import Preprocessing
    from sygus.saliency.networks import Classifier, make_network

    network = make_network(Classifier(model, Preprocessing.square(SIDE), layer="4"), "chain", CPU)
    table = Measurements(network, x, torch.tensor(classes))
    values = evaluate(read(text), {v: table[n] for n, v in feature_variables().items() if n in (name, "activation")})
    maps = (values if FEATURES[name].rank == "saliency" else values * table["activation"]).sum(1).relu()
    torch.testing.assert_close(torch.from_numpy(found), saliency(maps, (SIDE, SIDE)), atol=1e-4, rtol=0)
    with SynthesizedExtractor.load(tmp_path / "answer.sy")(model, model[4]) as extract:
        (small,) = extract(classes, model(x))
    torch.testing.assert_close(small, unit_range(maps), atol=1e-4, rtol=0)


def test_no_size_of_passes_is_timed_for_a_few_pictures(
    model: nn.Sequential, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def timed(*_: object) -> None:
        raise AssertionError("timed")

    monkeypatch.setattr("sygus.saliency.networks.network.chunk_for", timed)
    sizes: list[int] = []
    monkeypatch.setattr(
        "sygus.app.explainers.Measurements",
        lambda network, *_, **named: sizes.append(network.chunk.size) or measured(network, *_, **named),
    )
    measured = Measurements
    (tmp_path / "answer.sy").write_text("ablation")
    for count in (1, 3):
        SynthesizedCAM.load(tmp_path / "answer.sy")(model, [model[4]])(pictures(count), [0] * count)
    assert sizes == [1, 4]


def test_a_feature_that_a_file_alone_cannot_measure_is_an_error() -> None:
    with pytest.raises(OptionError, match=r"ablation cannot be measured.*"):
        torch_source(read("ablation"))


@pytest.mark.parametrize(
    "text",
    ["__import__('os').system('true')", "(define-fun w () Weight (system 1))", "(gap", "", "\x00"],
)
def test_what_is_no_expression_is_an_error_and_never_runs(text: str, tmp_path: Path) -> None:
    (tmp_path / "answer.sy").write_text(text)
    with pytest.raises(SycamError):
        SynthesizedCAM.load(tmp_path / "answer.sy")
    with pytest.raises(SycamError):
        SynthesizedCAM.load(tmp_path / "missing.sy")


def test_hostile_names_do_not_reach_the_exported_file() -> None:
    text = '(define-fun |"""; import os #| ((gradient Map)) Weight (gap gradient))'
    source = torch_source(parse_expression(text, "test"))
    assert "import os" not in source
    ast.parse(source)


def test_an_extractor_needs_a_pass_first(model: nn.Sequential, tmp_path: Path) -> None:
    for _, extractor in load_both("(gap gradient)", tmp_path):
        with extractor(model, ["1", "4"]) as extract:
            with pytest.raises(RuntimeError, match="has not run"):
                extract(0, torch.zeros(1, CLASSES))
            scores = model(pictures(2))
            first = extract(0, scores, retain_graph=True)
            assert [maps.shape[0] for maps in first] == [2, 2]
            assert all(maps.min() >= 0 and maps.max() <= 1 for maps in first)
            again = extract([0, 0], scores)
            assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
