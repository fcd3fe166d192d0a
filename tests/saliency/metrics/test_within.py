"""Metrics of a part of the picture, by hand on a network with p = σ(Σ red), and against masked pictures one by one."""

import itertools
import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from solvers.cam.settings import Settings
from solvers.cam.subjects import load_subjects
from sygus.app.api import evaluate
from sygus.errors import OptionError
from sygus.language.elaborate import load_problem
from sygus.oracles.cam import CamOracle
from sygus.oracles.methods import find_methods, methods
from sygus.oracles.objective import CamProblem
from sygus.saliency.blurring import blur
from sygus.saliency.images import Box
from sygus.saliency.metrics import Evaluation, Subject, find_metric
from toy_subject import PIXELS, SIZE, box_map, evaluated, red_subject

CONFIDENCE = ("average-drop", "average-increase", "average-gain")
PARTIAL = (*CONFIDENCE, "insertion", "deletion")
TOP = box_map(0, 0, 8, 4)
RAMP = torch.arange(PIXELS, 0, -1).view(SIZE, SIZE) / PIXELS


def score(name: str, evaluation: Evaluation) -> float:
    (value,) = find_metric(name).score(evaluation).tolist()
    return float(value)


def shown(share: float, total: float = math.log(3)) -> float:
    """P when this share of the red, whose sum is ``total``, is left."""
    return 1 / (1 + math.exp(-share * total))


def drop(share: float) -> float:
    """AD% where this share of the red is left, of p = 3/4."""
    return 100 * (0.75 - shown(share)) / 0.75


def test_drop_of_the_parts_by_hand() -> None:
    """The box has 8 of the 64 pixels, all of them in the top half."""
    top = evaluated(TOP)
    assert score("average-drop(within=box)", top) == pytest.approx(drop(8 / 64), abs=1e-4)
    assert score("average-drop(within=outside)", top) == pytest.approx(drop(24 / 64), abs=1e-4)
    assert score("average-drop(within=all)", top) == score("average-drop", top)
    half = evaluated(TOP / 2)  # not normalised again
    assert score("average-drop(within=box)", half) == pytest.approx(drop(4 / 64), abs=1e-4)


def test_gain_of_the_parts_by_hand() -> None:
    """Red that speaks against the class: the less of it is shown, the larger p gets; S is 1 everywhere."""
    subject = red_subject(torch.full((SIZE, SIZE), -math.log(3) / PIXELS), boxes=((0, 0, 8, 2),))
    against = replace(subject, targets=torch.tensor([0]), known_probability=torch.tensor([0.25]))
    white = evaluated(torch.ones(SIZE, SIZE), against)
    for part, share in (("box", 16 / 64), ("outside", 48 / 64)):
        gain = 100 * (shown(-share) - 0.25) / 0.75
        assert score(f"average-gain(within={part})", white) == pytest.approx(gain, abs=1e-4)
        assert score(f"average-increase(within={part})", white) == 100
        assert score(f"average-drop(within={part})", white) == 0
    assert score("average-gain", white) == score("average-increase", white) == 0


def test_boxes_that_overlap_count_once() -> None:
    subject = red_subject(boxes=((0, 0, 4, 4), (2, 2, 6, 6), (7, 7, 8, 8)))  # 16 + 16 - 4 + 1 = 29 pixels
    white = evaluated(torch.ones(SIZE, SIZE), subject)
    assert score("average-drop(within=box)", white) == pytest.approx(drop(29 / 64), abs=1e-4)
    assert score("average-drop(within=outside)", white) == pytest.approx(drop(35 / 64), abs=1e-4)


def masked(mask: Tensor) -> Subject:
    """A picture with a mask and no boxes."""
    subject = red_subject()
    return replace(subject, images=replace(subject.images, masks=mask[None] > 0, boxes=((),)))


def test_a_mask_alone_has_the_box_around_it() -> None:
    corner = box_map(1, 1, 2, 5) + box_map(2, 4, 5, 5)  # an L: 7 pixels, in a box of 4x4
    white = evaluated(torch.ones(SIZE, SIZE), masked(corner))
    assert score("average-drop(within=box)", white) == pytest.approx(drop(16 / 64), abs=1e-4)


@pytest.mark.parametrize("name", PARTIAL)
def test_without_boxes_or_masks_it_is_the_error_of_localisation(name: str) -> None:
    subject = red_subject()
    blind = replace(subject, images=replace(subject.images, masks=None, boxes=((),)))
    oracle = CamOracle(blind)
    evaluation = oracle.evaluation(TOP[None], torch.tensor([0]))
    assert oracle.judge(evaluation, find_metric(name)).shape == (1,)
    messages = {}
    for metric in (f"{name}(within=box)", f"{name}(within=outside)", "iou"):
        with pytest.raises(OptionError) as caught:
            oracle.judge(evaluation, find_metric(metric))
        messages[metric] = str(caught.value).partition("' ")[2]
    assert set(messages.values()) == {messages["iou"]}
    assert "needs a mask or boxes, which 1 of 1 pictures of red lack" in messages["iou"]


def test_only_the_pixels_of_the_part_are_ranked() -> None:
    """Red lies in the box alone: 4 pixels a step of two steps, of the 8 in it, the first row before the second."""
    box = box_map(2, 2, 6, 4)
    subject = red_subject(box * math.log(3) / 8)
    curve = [shown(1), shown(0.5), shown(0)]
    area = sum((a + b) / 2 for a, b in itertools.pairwise(curve)) / 2
    ramp = evaluated(RAMP, subject)
    assert score("deletion(steps=2,within=box)", ramp) == pytest.approx(area, abs=1e-6)
    assert score("deletion(top=50,within=box)", ramp) == pytest.approx(shown(0.5), abs=1e-6)
    assert score("deletion(steps=2,within=outside)", ramp) == pytest.approx(shown(1), abs=1e-6)  # no red outside
    assert score("deletion(steps=2,within=all)", ramp) == score("deletion(steps=2)", ramp)
    rows = box_map(2, 2, 6, 3) * 2 + box_map(2, 3, 6, 4)  # now the first row has two thirds of the red
    uneven = red_subject(rows * math.log(3) / 12)
    assert score("deletion(top=50,within=box)", evaluated(RAMP, uneven)) == pytest.approx(shown(1 / 3), abs=1e-6)
    assert score("deletion(top=50,within=box)", evaluated(1 - RAMP, uneven)) == pytest.approx(shown(2 / 3), abs=1e-6)


def test_insertion_reveals_the_part_on_the_blurred_picture() -> None:
    """Of a uniform picture nothing changes; else all of the part is sharp at the end, and the rest stays blurred."""
    assert score("insertion(within=box)", evaluated(RAMP)) == pytest.approx(0.75, abs=1e-6)
    subject = red_subject(box_map(2, 2, 6, 4) * math.log(3) / 8)
    picture, blurred = subject.pictures[0, 0], blur(subject.pictures)[0, 0]
    for part, inside in (("box", box_map(2, 2, 6, 4)), ("outside", 1 - box_map(2, 2, 6, 4))):
        end = 1 / (1 + math.exp(-float((torch.where(inside > 0, picture, blurred)).sum())))
        assert score(f"insertion(top=100,within={part})", evaluated(RAMP, subject)) == pytest.approx(end, abs=1e-6)


def test_where_the_box_is_the_whole_picture_nothing_is_outside() -> None:
    subject = red_subject(boxes=((0, 0, SIZE, SIZE),))
    ramp = evaluated(RAMP, subject)
    for name in PARTIAL:
        assert score(f"{name}(within=box)", ramp) == score(name, ramp)
    assert score("average-drop(within=outside)", ramp) == pytest.approx(drop(0), abs=1e-4)  # black
    assert score("deletion(within=outside)", ramp) == pytest.approx(0.75, abs=1e-6)


boxes = st.tuples(*(st.integers(0, SIZE - 2) for _ in range(2)), *(st.integers(1, SIZE) for _ in range(2))).map(
    lambda b: (b[0], b[1], min(SIZE, b[0] + b[2]), min(SIZE, b[1] + b[3]))
)


@given(st.lists(boxes, min_size=1, max_size=3), st.integers(0, 2**32 - 1))
@settings(max_examples=25)
def test_parts_are_the_metric_of_the_masked_maps(found: list[Box], seed: int) -> None:
    """B ∩ S and S ∖ B as maps of their own; and what lies in one part has the score of the whole there."""
    generator = torch.Generator().manual_seed(seed)
    subject = red_subject(torch.randn(SIZE, SIZE, generator=generator) / 4, found)
    saliency = torch.rand(SIZE, SIZE, generator=generator)
    inside = torch.zeros(SIZE, SIZE)
    for left, top, right, bottom in found:
        inside = torch.maximum(inside, box_map(left, top, right, bottom))
    for name in CONFIDENCE:
        for part, region in (("box", inside), ("outside", 1 - inside)):
            alone = evaluated(saliency * region, subject)
            assert score(f"{name}(within={part})", evaluated(saliency, subject)) == score(name, alone)
            assert score(f"{name}(within={part})", alone) == score(name, alone)


@pytest.fixture(scope="module")
def oracle() -> CamOracle:
    return load_subjects(Settings(search_images=5, held_out_images=2, device="cpu")).search


def test_batches_against_pictures_one_by_one(oracle: CamOracle) -> None:
    subject = oracle.subject
    saliency = methods()["gradcam"].saliency(oracle)
    evaluation = oracle.evaluation(saliency, torch.arange(5))
    for part in ("box", "outside"):
        expected = []
        for row in range(5):
            inside = torch.zeros(64, 64, dtype=torch.bool)
            for left, top, right, bottom in subject.images.boxes[row]:
                inside[top:bottom, left:right] = True
            kept = saliency[row] * (inside if part == "box" else ~inside)
            target = int(subject.targets[row])
            logits = subject.network.logits(torch.stack([subject.pictures[row], subject.pictures[row] * kept]))
            p, o = logits.double().softmax(1)[:, target].tolist()
            expected.append(100 * max(p - o, 0) / p)
        found = oracle.judge(evaluation, find_metric(f"average-drop(within={part})"))
        assert found.tolist() == pytest.approx(expected, abs=1e-3)


def test_metrics_of_one_part_share_its_pass(oracle: CamOracle) -> None:
    evaluation = oracle.evaluation(methods()["gradcam"].saliency(oracle), torch.arange(5))
    assert evaluation.within("all") is evaluation
    assert evaluation.within("box") is evaluation.within("box")
    assert not replace(evaluation, index=evaluation.index.flip(0))._parts


PROBLEM = """(set-logic CAM)
(set-feature :oracles true)
(declare-oracle-fun inside ((-> Map Weight)) Real average-drop :within box)
(declare-oracle-fun ranked ((-> Map Weight)) Real deletion :within outside :top 30)
(synth-fun w ((gradient Map)) Weight ((W Weight)) ((W Weight ((gap gradient)))))
(optimize-synth ((! (inside w) :min) (! (ranked w) :min)) :lexico)
"""


def test_files_and_python_name_the_option() -> None:
    problem = CamProblem(load_problem(PROBLEM, "mine.sy"))
    assert [one.name for one in problem.metrics.values()] == [
        "average-drop(within=box)",
        "deletion(top=30,within=outside)",
    ]
    few = {"search_images": 3, "held_out_images": 2, "device": "cpu"}
    table = evaluate("box,gradcam", ["average-drop", "average-drop(within=box)"], **few)
    assert table[0].search["average-drop"].scores == table[0].search["average-drop(within=box)"].scores
    with pytest.raises(OptionError, match=r"'within'.*'inside'.*give all or box or outside"):
        find_metric("average-drop(within=inside)")


def test_the_box_and_its_complement_are_controls(oracle: CamOracle) -> None:
    box, outside = find_methods("box,outside-box")
    assert box.control
    assert outside.control
    assert not box.quick
    maps = box.saliency(oracle)
    assert torch.equal(maps, oracle.subject.boxed.float())
    assert torch.equal(outside.saliency(oracle), 1 - maps)
    assert box.passes(oracle) == 0
    areas = [(x2 - x1) * (y2 - y1) for ((x1, y1, x2, y2),) in oracle.subject.images.boxes]
    assert maps.sum((-2, -1)).tolist() == areas
