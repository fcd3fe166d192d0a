"""Every metric on cases worked out by hand, with a network whose probabilities are known: p = σ(Σ red)."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.sparse import lil_matrix
from scipy.sparse.linalg import spsolve
from scipy.stats import spearmanr
from torch import Tensor, nn
from torch.nn.functional import interpolate

from sygus.errors import OptionError
from sygus.saliency.blurring import blur
from sygus.saliency.images import Preprocessing
from sygus.saliency.metrics import Change, Evaluation, find_metric
from sygus.saliency.metrics.causal import NOISE, ranks
from sygus.saliency.metrics.evaluation import Explain
from sygus.saliency.metrics.imputation import impute
from sygus.saliency.metrics.localization import crops
from sygus.saliency.metrics.robustness import randomized, transforms
from sygus.saliency.networks import Classifier, make_network
from toy_models import CPU, EXAMPLES, chain, network_of, pictures
from toy_subject import PIXELS, SIZE, box_map, evaluated, red_subject

HALF = box_map(0, 0, 8, 4)
ALL = torch.ones(SIZE, SIZE)
NONE = torch.zeros(SIZE, SIZE)
U = box_map(2, 2, 6, 4)


def score(name: str, evaluation: Evaluation) -> float:
    (value,) = find_metric(name).score(evaluation).tolist()
    return float(value)


def shown(share: float) -> float:
    """P when this share of the red, which sums to ln 3, is left."""
    return 3**share / (1 + 3**share)


def test_confidence() -> None:
    half = evaluated(HALF)
    assert score("average-drop", half) == pytest.approx(100 * (0.75 - shown(0.5)) / 0.75, abs=1e-4)
    assert score("average-gain", half) == 0
    assert score("average-increase", half) == 0
    # Red that speaks against the class: hiding half of it raises p from 1/4 to σ(-ln(3)/2), target "red" by label.
    subject = red_subject(torch.full((SIZE, SIZE), -math.log(3) / PIXELS))
    against = replace(subject, targets=torch.tensor([0]), known_probability=torch.tensor([0.25]))
    gain = evaluated(HALF, against)
    assert score("average-drop", gain) == 0
    assert score("average-gain", gain) == pytest.approx(100 * (shown(-0.5) - 0.25) / 0.75, abs=1e-4)
    assert score("average-increase", gain) == 100


def test_a_map_of_ones_changes_nothing() -> None:
    for name in ("average-drop", "average-gain", "average-increase"):
        assert score(name, evaluated(ALL)) == 0


def test_certainty_and_impossibility_do_not_divide_by_zero() -> None:
    subject = red_subject()
    for probability in (0.0, 1.0):
        certain = replace(subject, known_probability=torch.tensor([probability]))
        for name in ("average-drop", "average-gain", "average-increase"):
            assert math.isfinite(score(name, evaluated(HALF, certain)))


def test_win_and_tie() -> None:
    subject = red_subject()
    other = evaluated(HALF, subject)

    def compared(saliency: Tensor) -> Evaluation:
        return replace(evaluated(saliency, subject), refer=lambda _: other)

    assert [score("win", compared(m)) for m in (ALL, HALF, NONE)] == [100, 0, 0]
    assert [score("tie", compared(m)) for m in (ALL, HALF, NONE)] == [0, 100, 0]


def test_deletion_and_insertion() -> None:
    ramp = torch.arange(PIXELS, 0, -1).view(SIZE, SIZE) / PIXELS
    curve = [shown(1 - step / 8) for step in range(9)]
    area = sum((a + b) / 2 for a, b in itertools.pairwise(curve)) / 8
    assert score("deletion", evaluated(ramp)) == pytest.approx(area, abs=1e-6)
    assert score("deletion(top=50)", evaluated(ramp)) == pytest.approx(shown(0.5), abs=1e-6)
    assert score("deletion(top=0)", evaluated(ramp)) == pytest.approx(0.75, abs=1e-6)
    assert score("deletion(steps=1)", evaluated(ramp)) == pytest.approx((0.75 + 0.5) / 2, abs=1e-6)
    assert score("insertion", evaluated(ramp)) == pytest.approx(0.75, abs=1e-6)  # a uniform picture is its own blur


def test_deletion_removes_the_highest_first() -> None:
    red = HALF * math.log(3) / HALF.sum()
    subject = red_subject(red)
    assert score("deletion(top=50)", evaluated(HALF, subject)) == pytest.approx(0.5)
    assert score("deletion(top=50)", evaluated(1 - HALF, subject)) == pytest.approx(0.75)
    assert score("insertion(top=50)", evaluated(HALF, subject)) > score(
        "insertion(top=50)", evaluated(1 - HALF, subject)
    )


def test_ranks_break_ties_by_index() -> None:
    assert ranks(torch.tensor([[[0.5, 1.0], [0.5, 0.0]]])).tolist() == [[[1, 0], [2, 3]]]


def test_blur_keeps_uniform_pictures_and_the_mean_of_an_inner_dot() -> None:
    dot = torch.zeros(1, 3, 33, 33)
    dot[..., 16, 16] = 1
    found = blur(dot)
    assert found.sum((-2, -1)).flatten().tolist() == pytest.approx([1, 1, 1], abs=1e-6)
    one = [math.exp(-(d**2) / 50) for d in range(-5, 6)]
    assert found[0, 0, 16, 16].item() == pytest.approx((1 / sum(one)) ** 2, abs=1e-7)
    assert found[0, 0, 16, 11].item() == pytest.approx(math.exp(-0.5) / sum(one) ** 2, abs=1e-7)
    assert found[0, 0, 16, 10].item() == 0


def test_road_rewards_the_order_of_importance() -> None:
    red = HALF * math.log(9) / HALF.sum()
    right, wrong = (score("road", evaluated(m, red_subject(red))) for m in (HALF, 1 - HALF))
    assert right > 0.05
    assert wrong < -0.05


SIDE = 24
ROWS, COLUMNS = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
WAYS = {
    "scattered": torch.rand(SIDE, SIDE, generator=torch.Generator().manual_seed(0)) > 0.5,
    "hole": (ROWS - 14).square() + (COLUMNS - 10).square() > 50,
    "border": (ROWS - 14).square() + (COLUMNS - 10).square() < 50,
}


@pytest.mark.parametrize("way", WAYS)
def test_imputation_solves_the_linear_system(way: str) -> None:
    picture = blur(torch.rand(2, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(1)))
    known = torch.stack(list(WAYS.values())).expand(2, -1, -1, -1)
    found = impute(picture, known, torch.zeros_like(picture))[1, list(WAYS).index(way), 0]
    here = WAYS[way]
    away = found[~here] - solved(picture[1, 0], here)
    assert away.abs().max() < NOISE
    assert away.square().mean().sqrt() < NOISE / 3
    assert torch.equal(found[here], picture[1, 0][here])


def solved(picture: Tensor, known: Tensor) -> Tensor:
    """The missing pixels by a direct solver, their weights written one by one."""
    weights = {(0, 1): 1 / 6, (1, 0): 1 / 6, (0, -1): 1 / 6, (-1, 0): 1 / 6}
    weights |= {(y, x): 1 / 12 for y in (-1, 1) for x in (-1, 1)}
    number = {tuple(place): i for i, place in enumerate((~known).nonzero().tolist())}
    matrix, right = lil_matrix((len(number), len(number))), np.zeros(len(number))
    for (y, x), i in number.items():
        for (dy, dx), weight in weights.items():
            near = (y + dy, x + dx)
            if not (0 <= near[0] < SIDE and 0 <= near[1] < SIDE):
                continue
            matrix[i, i] += weight
            if near in number:
                matrix[i, number[near]] -= weight
            else:
                right[i] += weight * picture[near].item()
    return torch.from_numpy(spsolve(matrix.tocsr(), right)).float()


def test_imputation_adds_the_noise_where_pixels_are_missing_and_fills_nothing_known_with_0() -> None:
    generator = torch.Generator().manual_seed(0)
    picture, noise = torch.rand(2, 1, 3, 9, 7, generator=generator).unbind()
    known = torch.stack([torch.rand(9, 7, generator=generator) > 0.5, torch.zeros(9, 7, dtype=torch.bool)])[None]
    plain, noisy = (impute(picture, known, added) for added in (torch.zeros_like(noise), noise))
    torch.testing.assert_close(noisy - plain, noise[:, None] * ~known[:, :, None])
    assert (plain[:, 1] == 0).all()


def test_localization_of_the_perfect_map() -> None:
    perfect = evaluated(U)
    for name in ("localization-error", "official-metric", "official-metric(overlap=ilsvrc)"):
        assert score(name, perfect) == 0
    for name in (
        "pixel-f1",
        "box-accuracy",
        "pointing-game",
        "energy-pointing-game",
        "iou",
        "iou(on=boxes)",
        "iou(t=mean)",
        "dice",
        "pearson",
        "pxap",
    ):
        assert score(name, perfect) == pytest.approx(1)


def test_localization_of_a_shifted_box() -> None:
    shifted = evaluated(box_map(4, 2, 8, 4))  # overlaps U in half of each: 4 of 12 pixels of the union
    assert score("localization-error", shifted) == pytest.approx(2 / 3)
    assert score("official-metric", shifted) == pytest.approx(2 / 3)
    assert score("official-metric(overlap=ilsvrc)", shifted) == 1
    assert score("official-metric", evaluated(box_map(4, 2, 8, 4), red_subject(label=1))) == 1
    assert score("pixel-f1", shifted) == pytest.approx(0.5)
    assert score("box-accuracy", shifted) == pytest.approx(1 / 3)  # IoU 1/3 passes 0.3 of 0.3, 0.5, 0.7
    assert score("energy-pointing-game", shifted) == pytest.approx(0.5)
    assert score("iou", shifted) == pytest.approx(1 / 3)
    assert score("dice", shifted) == pytest.approx(0.5)
    # U and the map have mean 1/8 each and overlap in 4 of 64: (1/16 - 1/64) / (1/8 · 7/8).
    assert score("pearson", shifted) == pytest.approx((4 / 64 - 1 / 64) / (1 / 8 - 1 / 64))
    # 4 of the 8 highest are hits, then all 56 others tie: 1/2 · 1/2 + 1/2 · 8/64.
    assert score("pxap", shifted) == pytest.approx(0.25 + 0.5 * 8 / 64)


def test_ties_of_the_pointing_game() -> None:
    shifted = evaluated(box_map(0, 2, 4, 4))  # the first maximum is outside U, half of them are inside
    assert score("pointing-game", shifted) == 1
    assert score("pointing-game(ties=first)", shifted) == 0
    assert score("pointing-game(ties=mean)", shifted) == pytest.approx(0.5)


def test_uniform_maps_have_the_area_as_their_energy() -> None:
    assert score("energy-pointing-game", evaluated(ALL)) == pytest.approx(8 / 64)
    assert score("pixel-f1", evaluated(ALL)) == pytest.approx(2 * 8 / (64 + 8))


def test_black_maps_localize_nothing() -> None:
    black = evaluated(NONE)
    for name in ("localization-error", "official-metric"):
        assert score(name, black) == 1
    for name in ("pixel-f1", "box-accuracy", "pointing-game", "pointing-game(ties=mean)", "energy-pointing-game"):
        assert score(name, black) == 0
    for name in ("iou", "dice", "pearson", "pxap", "sparseness"):
        assert score(name, black) == 0


def test_loc_of_grad_cam_plus_plus_is_the_iou_with_the_box() -> None:
    ramp = torch.arange(PIXELS).view(SIZE, SIZE) / PIXELS
    above = ramp > 0.25
    inside = (above & U.bool()).sum()
    loc = inside / (U.sum() + (above & ~U.bool()).sum())
    assert score("iou(on=boxes,t=0.25)", evaluated(ramp)) == pytest.approx(loc.item())


def test_saliency_metric() -> None:
    # The crop of a uniform picture is the picture: p stays 3/4. U covers 8 of 64 pixels, one pixel less than 5 %.
    assert score("saliency-metric", evaluated(U)) == pytest.approx(math.log(8 / 64) - math.log(0.75), abs=1e-6)
    dot = box_map(3, 3, 4, 4)
    assert score("saliency-metric", evaluated(dot)) == pytest.approx(math.log(0.05) - math.log(0.75), abs=1e-6)
    assert score("saliency-metric", evaluated(NONE)) == pytest.approx(math.log(0.05) - math.log(0.5), abs=1e-6)


def test_crops_are_torchs_interpolation() -> None:
    pictures = torch.rand(3, 3, 12, 10, generator=torch.Generator().manual_seed(0))
    boxes = torch.tensor([[0, 0, 10, 12], [3, 2, 7, 9], [4, 5, 5, 6]])
    found = crops(pictures, boxes)
    for row, (x1, y1, x2, y2) in enumerate(boxes.tolist()):
        expected = interpolate(pictures[row : row + 1, :, y1:y2, x1:x2], (12, 10), mode="bilinear", align_corners=False)
        torch.testing.assert_close(found[row], expected[0], atol=2e-6, rtol=0)


def test_sparseness_is_the_gini_index() -> None:
    assert score("sparseness", evaluated(ALL)) == pytest.approx(0, abs=1e-12)
    assert score("sparseness", evaluated(box_map(3, 3, 4, 4))) == pytest.approx(1 - 1 / 64)
    assert score("sparseness", evaluated(HALF)) == pytest.approx(0.5)


def explained(clean: Tensor, *again: Tensor) -> Evaluation:
    """An evaluation whose explanations under changes are these, in turn."""
    answers = iter(again)
    return replace(evaluated(clean), explain=lambda _change, _index: next(answers)[None].float())


def test_max_sensitivity_takes_the_largest_distance() -> None:
    evaluation = explained(HALF, HALF, box_map(0, 0, 8, 3), box_map(0, 0, 8, 2))
    assert score("max-sensitivity(draws=3)", evaluation) == pytest.approx(math.sqrt(16 / 32))
    assert score("max-sensitivity(draws=1)", explained(HALF, HALF)) == 0
    assert score("max-sensitivity(draws=1)", explained(NONE, NONE)) == 1


def test_equivariance_of_maps_that_follow_and_of_one_that_stays() -> None:
    clean = torch.rand(SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    moved = [transform(clean) for transform in transforms((SIZE, SIZE)).values()]
    assert len(moved) == 6
    assert score("equivariance", explained(clean, *moved)) == pytest.approx(1)
    assert score("equivariance", explained(clean, *[clean] * 6)) < 0.5
    assert score("equivariance", explained(NONE, *[NONE] * 6)) == 0


def test_the_translation_and_the_flip_move_pixels() -> None:
    dot = box_map(2, 3, 3, 4)
    moves = transforms((SIZE, SIZE))
    assert moves["translation"](dot)[4, 3] == 1
    assert moves["flip"](dot)[3, 5] == 1
    assert moves["rotation 180"](dot)[4, 5] == 1


def test_model_randomization_is_spearmans_correlation() -> None:
    ramp = torch.arange(PIXELS).view(SIZE, SIZE) / PIXELS
    assert score("model-randomization", explained(ramp, ramp**3)) == pytest.approx(1)
    assert score("model-randomization", explained(ramp, 1 - ramp)) == pytest.approx(-1)
    assert score("model-randomization", explained(ramp, ALL)) == 0
    assert score("model-randomization", explained(NONE, ramp)) == 1


def test_randomizing_changes_the_tail_of_a_copy() -> None:
    network = red_subject().network
    before = [parameter.clone() for parameter in network.tail.parameters()]
    other = randomized(network, 0)
    pictures, targets = torch.rand(1, 3, SIZE, SIZE), torch.tensor([0])
    assert not torch.equal(other.probabilities(pictures, targets), network.probabilities(pictures, targets))
    assert torch.equal(other.activation(pictures), network.activation(pictures))
    assert all(torch.equal(a, b) for a, b in zip(before, network.tail.parameters(), strict=True))
    assert other.fingerprint != network.fingerprint


def test_a_randomized_network_is_random_at_other_layers_too() -> None:
    """The layer explained is the last convolution of a chain, so only the linear layer is drawn anew."""
    network = network_of(EXAMPLES[0])
    x = pictures(3)
    logits = network.logits(x)
    other = randomized(network, 0)
    elsewhere = other.at("0")
    assert network.classifier is not None
    assert elsewhere.classifier is not None
    model, redrawn = network.classifier.model, elsewhere.classifier.model
    for (name, old), new in zip(model.named_parameters(), redrawn.parameters(), strict=True):
        assert (old is new) == (not name.startswith("7.")), name
    torch.testing.assert_close(elsewhere.logits(x), other.logits(x))
    assert (other.logits(x) - logits).abs().max() > 0.1
    assert torch.equal(network.logits(x), logits)
    torch.testing.assert_close(network.at("0").logits(x), logits)
    assert elsewhere.fingerprint != network.at("0").fingerprint


def test_a_model_that_cannot_be_copied_is_randomized_without_other_layers() -> None:
    class Single(nn.Sequential):
        def __deepcopy__(self, _: object) -> nn.Module:
            raise TypeError("only one")

    classifier = Classifier(Single(*chain()), Preprocessing.square(16), layer="4", owned=True)
    network = make_network(classifier, "single", CPU)
    x = pictures(2)
    other = randomized(network, 0)
    assert not torch.equal(other.logits(x), network.logits(x))
    with pytest.raises(OptionError, match="no layer but '4'"):
        other.at("0")


def test_adcc_is_the_harmonic_mean() -> None:
    drop = (0.75 - shown(0.5)) / 0.75
    expected = 3 / (1 / 1 + 1 / (1 - 0.5) + 1 / (1 - drop))
    assert score("adcc", explained(HALF, HALF)) == pytest.approx(expected, abs=1e-6)
    assert score("adcc", explained(HALF, 1 - HALF)) == 0  # coherency 0
    assert score("adcc", explained(NONE, NONE)) == 0


def test_arcc_is_the_harmonic_mean_with_road(monkeypatch: pytest.MonkeyPatch) -> None:
    for given, wish in ((0.2, 0.4), (0.5, 1.0)):
        monkeypatch.setattr("sygus.saliency.metrics.coherence.road", lambda _, value=given: torch.tensor([value]))
        assert score("arcc", explained(HALF, HALF)) == pytest.approx(3 / (1 / 1 + 1 / 0.5 + 1 / wish), abs=1e-6)
    monkeypatch.setattr("sygus.saliency.metrics.coherence.road", lambda _: torch.tensor([-0.1]))
    assert score("arcc", explained(HALF, HALF)) == 0
    assert score("arcc", explained(NONE, NONE)) == 0


def test_arcc_asks_road() -> None:
    evaluation = explained(HALF, HALF)
    wish = min(max(2 * score("road", evaluation), 0), 1)
    expected = 3 / (1 / 1 + 1 / 0.5 + 1 / wish) if wish > 0 else 0
    assert score("arcc", evaluation) == pytest.approx(expected, abs=1e-6)


def test_coverage() -> None:
    assert [score("coverage", evaluated(m)) for m in (ALL, HALF, NONE)] == [1, 0.5, 0]


def test_spread_is_the_standard_deviation_over_the_pixels() -> None:
    fake = ALL.clone()
    fake[0, 0] = 0
    assert [score("spread", evaluated(m)) for m in (ALL, HALF, NONE)] == [0, 0.5, 0]
    assert score("spread", evaluated(fake)) == pytest.approx(math.sqrt(63) / 64)
    assert score("spread", evaluated(box_map(2, 2, 6, 6))) == pytest.approx(math.sqrt(0.25 * 0.75))


def test_class_agreement_is_spearmans_correlation_with_the_map_of_the_most_probable_other_class() -> None:
    ramp = torch.arange(PIXELS).view(SIZE, SIZE) / PIXELS
    subject = red_subject()
    asked: list[int] = []

    def explain(other: Tensor) -> Explain:
        def again(change: Change, index: Tensor) -> Tensor:
            asked.extend(change.apply(subject).targets[index].tolist())
            return other[None].float()

        return again

    for first, second, expected in (
        (ramp, ramp**3, 1),
        (ramp, 1 - ramp, -1),
        (ramp, ALL, 0),
        (NONE, ramp, 1),
        (ramp, HALF, spearmanr(ramp.flatten(), HALF.flatten()).statistic),
    ):
        evaluation = replace(evaluated(first, subject), explain=explain(second))
        assert score("class-agreement", evaluation) == pytest.approx(expected)
    assert set(asked) == {1 - int(subject.targets[0])}


def test_contrast_compares_with_the_most_probable_other_class() -> None:
    subject = red_subject()
    asked: list[int] = []

    def explain(change: Change, index: Tensor) -> Tensor:
        other = change.apply(subject)
        asked.extend(other.targets[index].tolist())
        torch.testing.assert_close(other.probability, torch.softmax(subject.logits, 1)[:, 1 - subject.targets[0]])
        return NONE[None]

    assert score("contrast", replace(evaluated(HALF, subject), explain=explain)) == 0.5
    assert asked == [1 - int(subject.targets[0])]
