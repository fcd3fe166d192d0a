"""Expressions over several layers: what they mean, what is refused, and the published fusions found again."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result
from torch import Tensor

from cam_terms import read
from exported_files import module_of
from solvers.cam.settings import Settings
from solvers.cam.starts import starts_of
from solvers.cam.subjects import load_subjects
from sygus import SynthesizedCAM, SynthesizedExtractor
from sygus.app.cli import main
from sygus.errors import OptionError, SycamError
from sygus.export.torch_module import torch_source
from sygus.language.elaborate import load_problem
from sygus.language.terms import Definition
from sygus.maps import unit_range, upsample
from sygus.oracles.cam import CamOracle, saliency_of
from sygus.oracles.certificate import certify
from sygus.oracles.expressions import parse_expression
from sygus.oracles.methods import find_methods
from sygus.oracles.objective import CamProblem
from sygus.oracles.parameters import body_of, domains, feature_variables
from sygus.resources import read_problem
from sygus.saliency.metrics import chosen_metric
from sygus.saliency.networks import embedded

MODULES = {"early": "features.7", "late": "features.10"}
LAYERS = " ".join(f"{name}={module}" for name, module in MODULES.items())
FEW = ("--search-images", "4", "--held-out-images", "3", "--device", "cpu", "--baselines", "gradcam")


@cache
def oracle() -> CamOracle:
    settings = Settings(layers=LAYERS, search_images=5, held_out_images=2, device="cpu")
    return load_subjects(settings).search


def drawn(text: str) -> Tensor:
    return saliency_of(parse_expression(text, "test"))(oracle())


@cache
def shipped() -> CamProblem:
    name, text = read_problem("layers")
    stated = load_problem(text, name)
    return CamProblem(stated)


def defined(name: str) -> Definition:
    return next(one for one in shipped().problem.definitions if one.name == name)


# The shipped grammar


def test_layercams_published_fusion_is_a_term_of_the_grammar() -> None:
    fused = body_of(defined("layercam-fused"))
    (published,) = find_methods("layercam(layers=features.10+features)")
    found = saliency_of(fused)(oracle())
    torch.testing.assert_close(found, published.saliency(oracle()), rtol=0, atol=1e-5)
    assert found.amax() == 1


def test_refinecam_is_the_product_of_both_layers_maps() -> None:
    maps = []
    for layer in (oracle().measured.at("features.10"), oracle().measured):
        weighed = layer["gradient"].mean((-2, -1), keepdim=True) * layer["activation"]
        maps.append(upsample(unit_range(weighed.sum(1).relu()), (64, 64)))
    found = saliency_of(body_of(defined("refinecam")))(oracle())
    torch.testing.assert_close(found, unit_range(maps[0] * maps[1]), rtol=0, atol=1e-5)


def test_the_search_begins_with_both_and_goes_beyond(tmp_path: Path) -> None:
    starts = starts_of(shipped(), [], 13).found
    assert [start.name for start in starts] == ["layercam-fused", "refinecam"]
    result = run("layers", tmp_path, "--budget", "size=6")
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "run" / "solution.json").read_text())
    assert record["fingerprints"].keys() >= {"layer early", "layer late"}
    assert record["settings"]["layers"] == LAYERS


def run(file: str, folder: Path, *options: str) -> Result:
    return CliRunner().invoke(main, [file, "--out", str(folder / "run"), *FEW, *options])


# What names mean


def test_a_layers_features_are_those_of_the_network_split_there() -> None:
    measured = oracle().measured
    for layer, module in MODULES.items():
        for name in ("activation", "gradient", "alpha", "smooth-gradient", "eigen"):
            assert torch.equal(oracle().feature(f"{name}.{layer}"), measured.at(module)[name]), name
    assert oracle().feature("gradient").shape[1:] == (64, 8, 8)
    assert oracle().feature("gradient.early").shape[1:] == (48, 16, 16)


def test_weights_of_a_layer_are_of_its_channels() -> None:
    weights, mapped = drawn("(gap gradient.early)"), drawn("(up (relu (cam (gap gradient.early))))")
    torch.testing.assert_close(weights, mapped, rtol=0, atol=1e-6)
    assert not torch.allclose(weights, drawn("(gap gradient)"), atol=0.1)
    weight = feature_variables(("early",))["eigen.early"]
    assert str(read("(cam eigen.early)", {weight.name: weight}).sort) == "(_ Heatmap early)"


def test_equalities_within_a_layer_are_proved_and_of_two_refuted() -> None:
    known = domains(True, {"early": True, "late": False})
    same = ("(up (cam (+ gradient.early gradient.early)))", "(* 2 (up (cam gradient.early)))")
    assert certify(*(parse_expression(one, "") for one in same), known).status == "proved"
    other = ("(up (cam gradient.early))", "(up (cam gradient.late))")
    assert certify(*(parse_expression(one, "") for one in other), known).status == "refuted"
    positive = "(relu activation.late)", "activation.late"
    assert certify(*(parse_expression(one, "") for one in positive), known).status == "refuted"
    assert certify(*(parse_expression(one.replace("late", "early"), "") for one in positive), known).status == "proved"


def test_each_layer_has_its_own_probes(tmp_path: Path) -> None:
    result = run(str(problem(tmp_path, "(up E) (up L) (max S S)")), tmp_path, "--budget", "size=9")
    assert result.exit_code == 0, result.output
    terms = {one["term"] for one in json.loads((tmp_path / "run" / "solution.json").read_text())["candidates"]}
    assert {"(up (cam (gap gradient.early)))", "(up (cam (gap gradient.late)))"} <= terms


def test_other_modules_give_other_keys() -> None:
    split = oracle()
    swapped = CamOracle(split.subject, layers={"early": split.layers["late"], "late": split.layers["early"]})
    assert len({split.fingerprint, swapped.fingerprint, CamOracle(split.subject).fingerprint}) == 3


@pytest.mark.parametrize("metric", ["model-randomization", "max-sensitivity(draws=1)"])
def test_what_is_explained_again_is_explained_at_its_layers(metric: str) -> None:
    expression = parse_expression("(* (up (relu (cam gradient.early))) (up (relu (cam (gap gradient)))))", "test")
    scores = oracle().score(oracle().heat_maps([expression]), chosen_metric(metric), torch.arange(2))
    assert scores.shape == (1, 2)
    assert not (scores == 0).any()


# What is refused

FILE = """
    (set-logic CAM)
    (set-feature :oracles true)
    (set-option :layers "LAYERS")
    (declare-oracle-fun iou ((-> (_ Map early) (_ Map late) Saliency)) Real iou)
    (synth-fun s ((gradient.early (_ Map early)) (gradient.late (_ Map late))) Saliency
      ((S Saliency) (E (_ Heatmap early)) (L (_ Heatmap late)) (W (_ Weight early)))
      ((S Saliency (START))
       (E (_ Heatmap early) ((cam W)))
       (L (_ Heatmap late) ((cam (gap gradient.late))))
       (W (_ Weight early) ((gap gradient.early)))))
    (optimize-synth ((! (iou s) :max)))
"""


def problem(folder: Path, start: str, layers: str = LAYERS) -> Path:
    file = folder / "problem.sy"
    file.write_text(FILE.replace("START", start).replace("LAYERS", layers))
    return file


@pytest.mark.parametrize(
    ("start", "said"),
    [
        ("(up (+ E L))", "'+' is applied to (_ Heatmap early) (_ Heatmap late)"),
        ("(up (+ E L))", "the layers 'early' and 'late' have no axis in common: (up H) brings a Heatmap of each"),
        ("(up (* W L))", "the layers 'early' and 'late' have no axis in common"),
        ("(* (up E) L)", "a Saliency joins Reals alone: (up H) brings a Heatmap to the picture's grid"),
        ("(* (up E) W)", "a Saliency joins Reals alone"),
        ("E", "'S' is Saliency, this production (_ Heatmap early)"),
    ],
)
def test_mixing_layers_is_ill_sorted_and_names_them(start: str, said: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["check", str(problem(tmp_path, f"(up E) {start}"))])
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())


def test_a_layer_that_is_not_known_is_refused_where_it_stands(tmp_path: Path) -> None:
    file = problem(tmp_path, "(up E)", "early=features.7 latte=features.10")
    result = CliRunner().invoke(main, ["check", str(file)])
    assert result.exit_code == 2
    said = " ".join(result.stderr.split())
    assert re.search(r"problem\.sy:6:\d+: there is no layer 'late'", said)
    assert "did you mean 'latte'?" in said
    assert run(str(file), tmp_path, "--layers", LAYERS, "--budget", "size=4").exit_code == 0  # a person's come first


@pytest.mark.parametrize(
    ("parameter", "said"),
    [
        ("(gradient.early Map)", "the feature 'gradient.early' is (_ Map early), not Map"),
        ("(gradient.early (_ Map late))", "the feature 'gradient.early' is (_ Map early), not (_ Map late)"),
        ("(gradient (_ Map early))", "the feature 'gradient' is Map, not (_ Map early)"),
        ("(gradiant.early (_ Map early))", "unknown feature 'gradiant.early'"),
        ("(gradient. Map)", "'gradient.' names no layer"),
        ("(gradient.early (_ Map 3))", "there is no sort '(_ Map 3)'"),
        ("(gradient.early (_ Map early late))", "there is no sort '(_ Map early late)'"),
        ("(gradient.early (_ Saliency early))", "the sort 'Saliency' takes no arguments"),
        ("(logit.early (_ Weight early))", "the feature 'logit.early' is Real, not (_ Weight early)"),
    ],
)
def test_parameters_have_the_sort_of_their_feature_at_their_layer(parameter: str, said: str, tmp_path: Path) -> None:
    options = f'(set-option :layers "{LAYERS}")'
    text = f"(set-logic CAM) {options} (synth-fun s ((eigen Weight) {parameter}) Weight) (check-synth)"
    (tmp_path / "problem.sy").write_text(text)
    result = CliRunner().invoke(main, ["check", str(tmp_path / "problem.sy")])
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())


def test_an_expression_of_a_layer_that_has_no_module_says_what_to_do() -> None:
    expression = parse_expression("(up (cam gradient.erly))", "test")
    with pytest.raises(OptionError, match="there is no layer 'erly'") as caught:
        oracle().heat_maps([expression])
    assert "did you mean 'early'" in caught.value.hint
    bare = CamOracle(oracle().subject)
    with pytest.raises(OptionError) as caught:
        bare.heat_maps([expression])
    assert "--layers erly=MODULE" in caught.value.hint


def test_a_function_without_a_grammar_spans_its_layers() -> None:
    text = """(set-logic CAM)
        (synth-fun s ((gradient.early (_ Map early)) (eigen Weight)) Saliency)
        (check-synth)"""
    grammar = load_problem(text, "test").target.grammar
    for term in (
        "(unit (up (channel-sum (relu gradient.early))))",
        "(* (up (channel-max (* (gap gradient.early) gradient.early))) (channel-mean eigen))",
    ):
        assert grammar.derive(parse_expression(term, "test")) is not None


# Where an answer goes


TEXTS = (
    "(max (up (relu (cam gradient.early))) (* 2 (up (unit (cam (gap alpha.late))))))",
    "(* (up (cam gradient.early)) (up (cam (gap gradient))))",
    "(gap (relu gradient.late))",
    "(up (relu (cam (gap smooth-gradient.early))))",
)


@pytest.mark.parametrize("text", TEXTS)
def test_explainers_draw_what_the_search_scores(text: str, tmp_path: Path) -> None:
    expression = parse_expression(text, "test")
    subject = oracle().subject
    model, pictures, classes = embedded.load("shapes-vgg"), subject.pictures, subject.targets.tolist()
    expected = saliency_of(expression)(oracle())
    targets = [model.features]
    made: list[tuple[Callable[..., Any], Callable[..., Any]]] = [
        (
            lambda *given, **named: SynthesizedCAM(expression, *given, **named),
            lambda *given, **named: SynthesizedExtractor(expression, *given, **named),
        )
    ]
    if "smooth" not in text:
        exported = module_of(torch_source(expression, MODULES), tmp_path)
        made.append((exported.SynthesizedCAM, exported.SynthesizedExtractor))
    for cam, extractor in made:
        found = torch.from_numpy(cam(model, targets, layers=MODULES)(pictures, classes))
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)
        with extractor(model, targets, layers={"early": model.features[7], "late": model.features[10]}) as extract:
            (low,) = extract(classes, model(pictures))
        fine = unit_range(upsample(low, (64, 64)))
        torch.testing.assert_close(fine, expected, rtol=0, atol=1e-4)


def test_a_target_layer_is_needed_only_where_it_is_read(tmp_path: Path) -> None:
    model = embedded.load("shapes-vgg")
    pictures = oracle().subject.pictures
    expression = parse_expression("(* (up (cam gradient.early)) (up (cam gradient.late)))", "test")
    maps = [SynthesizedCAM(expression, model, targets, layers=MODULES)(pictures) for targets in ([], [model.features])]
    torch.testing.assert_close(*map(torch.from_numpy, maps), rtol=0, atol=1e-6)
    exported = module_of(torch_source(expression, MODULES), tmp_path)
    found = exported.SynthesizedCAM(model, [])(pictures)  # the file knows where the run had its layers
    torch.testing.assert_close(torch.from_numpy(found), torch.from_numpy(maps[0]), rtol=0, atol=1e-5)


def test_explainers_ask_for_the_modules_they_do_not_know() -> None:
    model = embedded.load("shapes-vgg")
    expression = parse_expression("(up (cam gradient.early))", "test")
    with pytest.raises(TypeError, match=r"which module is the layer 'early'\? give layers="):
        SynthesizedCAM(expression, model, [model.features])
    with pytest.raises(TypeError, match=r"no module 'features\.70', which is the layer 'early'"):
        SynthesizedExtractor(expression, model, model.features, layers={"early": "features.70"})


def test_a_run_is_exported_drawn_and_reported_with_its_layers(tmp_path: Path) -> None:
    assert run(str(problem(tmp_path, "(* (up E) (up L))")), tmp_path, "--budget", "size=12").exit_code == 0
    folder = str(tmp_path / "run")
    for form, shown in (
        ("sygus", "(gradient.early (_ Map early))"),
        ("latex", r"\right]_{\text{early}}"),
        ("latex-document", f"layers] {LAYERS.split()[0]}"),
        ("sympy", "gradient_early"),
        ("torch", "layers = {'early': 'features.7', 'late': 'features.10'}"),
    ):
        result = CliRunner().invoke(main, ["export", folder, "--to", form])
        assert result.exit_code == 0, result.output
        assert shown in result.stdout, form
    assert CliRunner().invoke(main, ["report", folder]).exit_code == 0
    page = (tmp_path / "run" / "report.html").read_text()
    assert "Of the layer early." in page
    model, pictures = embedded.load("shapes-vgg"), oracle().subject.pictures
    loaded = SynthesizedCAM.load(folder)(model, [])  # the record knows the modules
    expected = drawn("(* (up (cam (gap gradient.early))) (up (cam (gap gradient.late))))")
    found = torch.from_numpy(loaded(pictures, oracle().subject.targets.tolist()))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)
    words = ["explain", "shapes:0", "--methods", "gradcam", "--expression", f"@{folder}/answer.sy"]
    without = CliRunner().invoke(main, [*words, "--out", str(tmp_path / "drawn")])
    assert without.exit_code == 2
    assert "--layers" in without.stderr
    assert CliRunner().invoke(main, [*words, "--out", str(tmp_path / "drawn"), "--layers", LAYERS]).exit_code == 0


def test_a_record_with_other_layers_is_refused(tmp_path: Path) -> None:
    assert run(str(problem(tmp_path, "(up E)")), tmp_path, "--budget", "size=4").exit_code == 0
    path = tmp_path / "run" / "solution.json"
    record = json.loads(path.read_text())
    record["settings"]["layers"] = "early"
    path.write_text(json.dumps(record))
    with pytest.raises(SycamError, match="no name=MODULE"):
        SynthesizedCAM.load(tmp_path / "run")
