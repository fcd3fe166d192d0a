"""Methods that are expressions: a file says everything of them, and is read strictly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from solvers.cam.baselines import baselines
from solvers.cam.settings import Settings
from solvers.cam.subjects import Subjects, load_subjects
from sygus.errors import OptionError, SourceError
from sygus.language.elaborate import load_problem
from sygus.oracles.cam import CamOracle
from sygus.oracles.methods import applicable_methods, find_methods, methods, read_methods
from sygus.resources import grammar_folder
from sygus.saliency.images import NO_CLASS, ImageSet
from sygus.saliency.metrics import find_metric, subject_of
from sygus.saliency.networks.embedded import load
from toy_models import EXAMPLES, network_of, pictures

HEAD = "(set-logic CAM)\n"


def test_a_definition_says_its_title_and_whether_it_is_a_control() -> None:
    found = read_methods(
        HEAD + '(define-fun mine ((gradient Map)) Weight (! (gap gradient) :title "My ""own"" CAM"))'
        "(define-fun floor () Real (! 1 :control true))"
        "(define-fun bare ((score Weight)) Weight score)",
        "mine.sy",
    )
    assert {name: (m.title, m.quick, m.control) for name, m in found.items()} == {
        "mine": ('My "own" CAM', True, False),
        "floor": ("floor", True, True),
        "bare": ("bare", False, False),
    }


@pytest.mark.parametrize(
    ("definition", "column", "fragment"),
    [
        ('(define-fun f () Real (! 1 :titel "F"))', 28, "unknown attribute ':titel'; known: :title, :name, :control"),
        ('(define-fun f () Real (! 1 :name "F G"))', 28, "':name' has no such value; write :name"),
        ("(define-fun f () Real (! 1 :title F))", 28, "':title' has no such value; write :title \"…\""),
        ('(define-fun f () Real (! 1 :title " "))', 28, "':title' has no such value"),
        ("(define-fun f () Real (! 1 :title))", 28, "':title' has no such value"),
        ("(define-fun f () Real (! 1 :control 1))", 28, "':control' has no such value; write :control true"),
        ('(define-fun f () Real (! 1 :title "F" :title "G"))', 39, "':title' is given twice"),
        ("(define-fun f ((gradeint Map)) Map gradeint)", 16, "did you mean 'gradient'?"),
        ("(define-fun f ((gradient Weight)) Weight gradient)", 16, "write (gradient Map)"),
        ("(define-fun f () Bool (< 1 2))", 1, "the method is Bool"),
        ('(define-fun f () Real (! 1 :title "Fake-CAM"))', 1, "two methods have the title 'Fake-CAM'"),
        ("(define-fun fakecam () Real 1)", 1, "two methods have the name 'fakecam'"),
    ],
)
def test_what_is_wrong_is_shown_where_it_stands(definition: str, column: int, fragment: str) -> None:
    with pytest.raises(SourceError) as raised:
        read_methods(HEAD + definition, "mine.sy")
    assert str(raised.value).startswith(f"mine.sy:2:{column}: ")
    assert fragment in str(raised.value)


def test_controls_stay_controls_with_options() -> None:
    controls = [name for name, method in methods().items() if method.control]
    assert controls == ["fakecam", "randomcam", "box", "outside-box"]
    (method,) = find_methods("randomcam(seed=1)")
    assert (method.name, method.control) == ("randomcam(seed=1)", True)


def test_what_lies_in_the_current_folder_is_not_taken_for_the_methods(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = list(methods())
    (tmp_path / "methods").write_text("nothing of that kind")
    monkeypatch.chdir(tmp_path)
    methods.cache_clear()
    assert list(methods()) == known


NAMED = {
    "cam": "CAM",
    "gradcam": "Grad-CAM",
    "layercam(layers=pyramid)": "Layer-CAM(layers=pyramid)",
    "gradcam++": "Grad-CAM++",
    "smoothgradcam++": "Smooth Grad-CAM++",
    "scorecam": "Score-CAM",
    "sscam": "SS-CAM",
    "ablationcam": "Ablation-CAM",
    "lficam": "LFI-CAM",
    "taylor": "Gradient × activation",
    "intgrad": "Integrated gradients",
    "smoothgrad": "SmoothGrad",
    "guidedbackprop": "Guided backpropagation",
}


def test_groups_stand_for_their_methods() -> None:
    assert {method.name: method.title for method in find_methods("flavours")} == NAMED
    assert find_methods("all") == list(methods().values())
    assert find_methods("quick") == [method for method in methods().values() if method.quick]
    with pytest.raises(OptionError, match="did you mean 'flavours'"):
        find_methods("flavors")
    with pytest.raises(OptionError, match="unknown method 'flavours'"):  # a group stands alone, as all and quick do
        find_methods("flavours,gradcam")


@pytest.fixture(scope="module")
def resnet() -> Subjects:
    return load_subjects(Settings(network="shapes-resnet", search_images=3, held_out_images=2, device="cpu"))


def test_what_does_not_apply_is_left_out_of_a_group_with_the_reason() -> None:
    subjects = load_subjects(Settings(network="shapes-vgg", search_images=2, held_out_images=2, device="cpu"))
    notes: list[str] = []
    found = applicable_methods("flavours", subjects.search, notes.append)
    assert notes[0].startswith(
        "CAM is left out: CAM is not defined for 'shapes-vgg' at 'features': global average pooling"
    )
    assert any(note.startswith("LFI-CAM is left out: ") for note in notes)
    assert {method.name for method in found} >= {"gradcam", "layercam(layers=pyramid)", "taylor"}
    assert len(found) + len(notes) == len(NAMED)


def test_layer_cam_over_the_pyramid_by_plain_autograd(resnet: Subjects) -> None:
    """The last modules of the three resolutions, each hooked by itself; tanh(2 L / max L), the pixelwise maximum."""
    oracle = resnet.search
    model, pictures = load("shapes-resnet"), oracle.subject.images.pictures
    (method,) = find_methods("layercam(layers=pyramid)")
    scaled = []
    for layer in (model.features[3], model.features[4], model.features):
        kept: list[Tensor] = []
        handle = layer.register_forward_hook(lambda _, __, output, kept=kept: kept.append(output))
        logits = model(pictures.clone().requires_grad_())
        handle.remove()
        (gradient,) = torch.autograd.grad(logits.gather(1, oracle.subject.targets[:, None]).sum(), kept)
        maps = (gradient.relu() * kept[0]).sum(1).relu()
        tanh = torch.tanh(2 * maps / maps.amax((-2, -1), keepdim=True))
        scaled.append(interpolate(tanh[:, None], (64, 64), mode="bilinear", align_corners=False)[:, 0])
    joined = torch.stack(scaled).amax(0)
    low, high = joined.amin((-2, -1), keepdim=True), joined.amax((-2, -1), keepdim=True)
    torch.testing.assert_close(method.saliency(oracle), (joined - low) / (high - low), atol=1e-4, rtol=0)


def test_a_network_without_a_pyramid_is_told_so() -> None:
    (example,) = (one for one in EXAMPLES if one.name == "sequence")
    oracle = CamOracle(subject_of(network_of(example), number_of_pictures(2)))
    with pytest.raises(OptionError, match=r"'layercam\(layers=pyramid\)': 'sequence' has no pyramid.*name layers"):
        applicable_methods("layercam(layers=pyramid)", oracle, lambda _: None)


def number_of_pictures(count: int) -> ImageSet:
    """Pictures without ground truth."""
    return ImageSet(
        name="plain",
        pictures=pictures(count),
        labels=torch.full((count,), NO_CLASS),
        masks=None,
        boxes=((),) * count,
        ids=tuple(map(str, range(count))),
    )


def test_maps_of_the_ground_truth_stand_in_no_table_unless_named(resnet: Subjects) -> None:
    metrics = [find_metric("average-drop")]
    target = load_problem((grammar_folder() / "gradcam.sy").read_text(encoding="utf-8"), "gradcam.sy").target
    for names, there in (("auto", False), ("quick", False), ("all", True), ("gradcam,box", True)):
        if names == "all":
            found = applicable_methods(names, resnet.search, lambda _: None)
        else:
            table = baselines(names, target, resnet, metrics, passes=10**9)
            assert not any("Box" in note for note in table.notes)
            found = table.methods
        assert ("box" in {method.name for method in found}) is there


def test_pictures_of_which_one_has_no_ground_truth_leave_the_box_out(resnet: Subjects) -> None:
    images = resnet.held_out.subject.images
    blind = replace(images, masks=None, boxes=(images.boxes[0], ()))
    other = CamOracle(replace(resnet.held_out.subject, images=blind))
    notes: list[str] = []
    found = applicable_methods("all", resnet.search, notes.append, also=[other])
    assert "box" not in {method.name for method in found}
    assert any("the map 'box' needs a mask or boxes, which 1 of 2 pictures of" in note for note in notes)
    with pytest.raises(OptionError, match=r"--methods: 'outside-box': .* 1 of 2 pictures"):
        applicable_methods("outside-box", resnet.search, notes.append, also=[other])
