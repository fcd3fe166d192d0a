"""Networks and pictures that Python holds: they give what those of files and modules give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import ConcatDataset, DataLoader, IterableDataset, Subset, TensorDataset

import sygus
from sygus.app.dispatch import read
from sygus.errors import OptionError, SycamError
from sygus.language.elaborate import load_problem
from sygus.oracles.objective import CamProblem
from sygus.saliency.metrics import given_metric
from sygus.saliency.networks import Classifier
from tests.support.toy_models import CLASSES, SIDE, chain

FEW: dict[str, Any] = {
    "budget": "size=4,terms=8",
    "search_images": 8,
    "held_out_images": 6,
    "validation_images": 4,
    "baselines": "gradcam",
    "device": "cpu",
}
COUNT = 20


@pytest.fixture(scope="module")
def bytes_() -> Tensor:
    return torch.randint(0, 256, (COUNT, 3, SIDE, SIDE), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)


@pytest.fixture(scope="module")
def pictures(bytes_: Tensor) -> Tensor:
    return bytes_.float() / 255


@pytest.fixture(scope="module")
def folder(bytes_: Tensor, tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("pictures")
    (found / "all").mkdir()
    for index, one in enumerate(bytes_):
        Image.fromarray(one.permute(1, 2, 0).numpy()).save(found / "all" / f"{index:02d}.png")
    return found


def model() -> nn.Module:
    torch.manual_seed(5)
    made = chain()
    with torch.no_grad():
        for one in made.parameters():
            one.mul_(3 if one.ndim > 1 else 1)  # so that masks matter
    return made


def run(tmp_path: Path, **options: Any) -> sygus.Result:
    found = sygus.solve("gradcam", **FEW | {"out": tmp_path} | options)
    assert isinstance(found, sygus.Result)
    return found


@pytest.fixture(scope="module")
def expected(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> sygus.Result:
    """The run that the command line would make: a folder, and a description of the network."""
    out = tmp_path_factory.mktemp("expected") / "run"
    return run(out, network=(model(), {"size": SIDE}), images=folder)


def test_a_bare_module_takes_the_tensors_as_they_are(expected: sygus.Result, pictures: Tensor, tmp_path: Path) -> None:
    given = model().train()
    found = run(tmp_path, network=given, images=pictures)
    assert found.record.candidates == expected.record.candidates
    assert found.record.table == expected.record.table
    assert given.training
    assert found.record.settings["network"] == "Sequential, a module given in Python"
    assert found.record.settings["images"] == "tensor of pictures given in Python"


@pytest.mark.parametrize("form", ["paths", "pil", "pair", "dataset"])
def test_every_form_of_pictures_is_the_same_pictures(
    form: str, expected: sygus.Result, pictures: Tensor, folder: Path, tmp_path: Path
) -> None:
    paths = sorted((folder / "all").iterdir())
    images: Any = paths
    if form == "pil":
        images = [Image.fromarray(np.array(Image.open(path))) for path in paths]
    elif form == "pair":
        images = list(pictures), np.arange(COUNT) % CLASSES
    elif form == "dataset":
        images = TensorDataset(pictures)
    found = run(tmp_path, network=(model(), {"size": SIDE}), images=images)
    assert found.record.table == expected.record.table


def test_labels_are_explained_where_they_are_asked_for(pictures: Tensor, tmp_path: Path) -> None:
    labels = torch.arange(COUNT) % CLASSES
    images = TensorDataset(pictures, labels)
    in_order = run(tmp_path / "loader", network=model(), images=DataLoader(images, batch_size=7), target="label")
    assert in_order.record.search.targets == tuple(f"class {label}" for label in labels[: FEW["search_images"]])
    found = run(tmp_path / "set", network=model(), images=images, target="label")
    numbers = [int(one.removeprefix("picture-")) for one in found.record.search.ids]
    assert found.record.search.targets == tuple(f"class {labels[number]}" for number in numbers)
    with pytest.raises(OptionError, match=r"the class of 8 of 8 pictures .* is unknown"):
        run(tmp_path / "none", network=model(), images=pictures, target="label")


class Endless(IterableDataset[Tensor]):
    """Random pictures without an end; counts how many were taken."""

    def __init__(self) -> None:
        self.taken = 0

    def __iter__(self) -> Any:
        generator = torch.Generator().manual_seed(0)
        while True:
            self.taken += 1
            yield torch.rand(3, SIDE, SIDE, generator=generator)


def test_a_stream_is_read_as_far_as_the_splits_need(tmp_path: Path) -> None:
    stream = Endless()
    found = run(tmp_path, network=model(), images=stream)
    needed = FEW["search_images"] + FEW["held_out_images"] + FEW["validation_images"]
    assert stream.taken == needed
    assert found.record.search.ids == tuple(f"picture-{place}" for place in range(FEW["search_images"]))
    assert any(f"the first {needed} pictures are taken, in its order" in note for note in found.record.notes)


def test_a_run_is_resumed_with_the_same_objects_only(pictures: Tensor, tmp_path: Path) -> None:
    given = model()
    first = run(tmp_path, network=given, images=pictures)
    again = run(tmp_path, network=model(), images=pictures.clone(), resume=True)
    assert again.record.candidates == first.record.candidates
    assert again.record.accounting["forwards"] < first.record.accounting["forwards"]
    with torch.no_grad():
        next(given.parameters()).add_(0.1)
    with pytest.raises(SycamError, match=r"fingerprints network: .* there, .* here"):
        run(tmp_path, network=given, images=pictures, resume=True)
    with pytest.raises(SycamError, match="fingerprints search images"):
        run(tmp_path, network=model(), images=pictures.flip(-1), resume=True)


def test_a_classifier_says_what_it_is(pictures: Tensor, tmp_path: Path) -> None:
    classes = tuple("abcde")
    found = run(tmp_path, network=(model(), {"size": SIDE, "classes": classes}), images=pictures)
    assert set(found.record.search.targets) <= set(classes)
    with pytest.raises(OptionError, match="layer of the classifier is 3"):
        Classifier(model(), layer=3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (
            torch.rand(20, 3, SIDE, SIDE) * 3,
            r"has numbers from .* to .*; give pixels in \[0, 1\], and the normalisation",
        ),
        (torch.zeros(20, 3, SIDE, SIDE, dtype=torch.uint8), r"of uint8; give floats .* tensor / 255"),
        (torch.rand(3, SIDE, SIDE), r"the tensor is of shape \(3, 16, 16\); give pictures \(N, C, H, W\)"),
        (torch.rand(20, 3, SIDE, 8), r"is 16x8, the network takes 16x16; tensors are taken as they are"),
        ((torch.rand(4, 3, SIDE, SIDE), [1, 2]), "there are 4 pictures and 2 labels"),
        (torch.rand(4, 3, SIDE, SIDE), "8 pictures to search on and 6 held out and 4 to choose with are asked for"),
        ([torch.rand(3, SIDE, SIDE)] * 18 + [torch.rand(1, SIDE, SIDE)], "channels?"),
        (TensorDataset(torch.rand(20, 3, SIDE, SIDE), torch.rand(20)), "the label of picture .* give the number"),
        (torch.empty(0, 3, SIDE, SIDE), "'tensor of pictures given in Python' has 0"),
        ([1, 2], r"images is \[1, 2\]; give the name of an image set, a folder, a tensor"),
    ],
)
def test_pictures_that_are_none(images: object, message: str, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=message):
        run(tmp_path, network=(model(), {"size": SIDE}), images=images)


def test_a_data_set_that_fails_is_named(pictures: Tensor, tmp_path: Path) -> None:
    class Broken(TensorDataset):
        def __getitem__(self, index: int) -> Any:
            raise RuntimeError("the disk is gone")

    with pytest.raises(
        OptionError, match=r"the Broken given in Python fails at picture \d+: RuntimeError: the disk is"
    ):
        run(tmp_path, network=(model(), {"size": SIDE}), images=Broken(pictures))


def test_a_callback_is_told_of_each_new_best(pictures: Tensor, tmp_path: Path) -> None:
    told: list[sygus.Improvement] = []
    found = run(tmp_path, network=model(), images=pictures, validation_images=0, callback=told.append, budget="size=5")
    scores = [one.score for one in told if one.score is not None]
    assert len(scores) > 1
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == len(scores)
    assert found.record.found is not None
    assert told[-1].expression == found.record.found.term
    assert told[-1].objectives == dict(
        zip([one.label for one in found.record.objectives], found.record.found.objectives, strict=True)
    )
    assert [one.judged for one in told] == sorted(one.judged for one in told)
    assert told[-1].judged <= found.record.accounting["proposed"]


def test_a_callback_that_returns_true_ends_the_search(pictures: Tensor, tmp_path: Path) -> None:
    told: list[sygus.Improvement] = []

    def enough(improvement: sygus.Improvement) -> bool:
        told.append(improvement)
        return np.float32(0) < 1  # type: ignore[return-value]  # as comparisons of arrays give

    options = {"network": model(), "images": pictures, "budget": "size=5"}
    found = run(tmp_path, callback=enough, **options)
    assert len(told) == 1
    assert found.status == sygus.Status.INTERRUPTED
    assert found.record.ended == "interrupted"
    assert found.record.found is not None
    assert found.record.found.term == told[0].expression
    assert run(tmp_path, resume=True, **options).status == sygus.Status.SOLVED


def test_what_a_callback_raises_is_raised_and_the_run_goes_on(pictures: Tensor, tmp_path: Path) -> None:
    def broken(_: sygus.Improvement) -> None:
        raise LookupError("mine")

    options = {"network": model(), "images": pictures}
    with pytest.raises(LookupError, match="mine"):
        run(tmp_path, callback=broken, **options)
    whole, resumed = run(tmp_path / "whole", **options), run(tmp_path, resume=True, **options)
    assert resumed.record.candidates == whole.record.candidates
    assert resumed.record.accounting["forwards"] < whole.record.accounting["forwards"]
    with pytest.raises(OptionError, match="solve: callback is 3; give a function"):
        run(tmp_path, callback=3)
    with pytest.raises(OptionError, match="callback: called in the logic CAM alone"):
        sygus.solve("(set-logic LIA)(synth-fun f () Int)(check-synth)", callback=print)


def bright(maps: Tensor, pictures: Tensor) -> Tensor:
    """How much of the picture's light the map keeps."""
    return (maps[:, None] * pictures).mean((1, 2, 3))


def test_a_function_with_a_direction_takes_the_place_of_the_metric(pictures: Tensor, tmp_path: Path) -> None:
    options = {"network": model(), "images": pictures, "budget": "size=5,terms=16", "metric": bright}
    low, high = (run(tmp_path / one, direction=one, **options) for one in ("min", "max"))
    for found, direction in ((low, "min"), (high, "max")):
        assert next((one.label, one.direction) for one in found.record.objectives) == ("bright", direction)
        assert found.record.measures[0].doc == "How much of the picture's light the map keeps."
        assert found.record.settings["metric"] == f"bright ({direction}), a function given in Python"
        gradcam = found.record.baselines[0].search["bright"].value  # the file asks for at least as good as Grad-CAM
        better = float.__le__ if direction == "min" else float.__ge__
        assert all(one["feasible"] == better(one["bright"], gradcam) for one in found.candidates)
    assert high.score(held_out=False) > low.score(held_out=False)
    explained = sygus.explain(pictures, network=model(), methods="gradcam", expression=high, device="cpu")
    places = [int(one.removeprefix("picture-")) for one in high.record.held_out.ids]
    assert high.score() == pytest.approx(float(bright(explained.maps["expression"], pictures)[places].mean()), rel=1e-4)


def test_other_metrics_of_a_file_stay_where_a_function_takes_the_place_of_one() -> None:
    problem = CamProblem(read("gradcam_plus"), given_metric(bright, "max"))
    assert [metric.name for metric in problem.metrics.values()] == ["bright", "coverage", "contrast"]
    assert [(goal.label, goal.direction) for goal in problem.goals] == [("bright", "max"), ("size", "min")]
    assert [one.head.name for one in problem.problem.constraints] == [">=", ">=", "<=", ">="]
    same = CamProblem(read("gradcam_plus"), given_metric(bright, "min"))
    assert [one.head.name for one in same.problem.constraints] == ["<=", "<=", "<=", ">="]


def test_a_metric_of_an_evaluation_is_the_same_metric(pictures: Tensor, tmp_path: Path) -> None:
    def mine(evaluation: Any) -> Tensor:
        return bright(evaluation.saliency, evaluation.pictures)

    options = {"network": model(), "images": pictures, "direction": "max"}
    one, other = (run(tmp_path / name.__name__, metric=name, **options) for name in (bright, mine))
    assert [entry.objectives for entry in one.record.candidates] == [x.objectives for x in other.record.candidates]


def _three(maps: Tensor, pictures: Tensor, more: Tensor) -> Tensor:
    return maps.mean() + pictures.mean() + more


def _maps(maps: Tensor, pictures: Tensor) -> Tensor:
    return maps * pictures.mean()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"metric": bright},
            "metric is of the type function, no metric; .* or beside a function of yours direction='min'",
        ),
        ({"metric": bright, "direction": "up"}, "solve: direction is 'up'; give 'min' or 'max'"),
        (
            {"metric": _three, "direction": "min"},
            "the metric '_three' takes 3 arguments; let it take an Eval",
        ),
        ({"metric": "insertion", "direction": "max"}, "direction is of a function that is given as metric"),
        ({"direction": "max"}, "direction is of a function"),
        ({"metric": _maps, "direction": "min"}, r"'_maps' gives numbers of shape .* not \(8,\)"),
    ],
)
def test_functions_that_are_no_metrics(options: dict[str, Any], message: str, pictures: Tensor, tmp_path: Path) -> None:
    with pytest.raises(SycamError, match=message):
        run(tmp_path, network=model(), images=pictures, **options)


def mean_of_maps(maps: Tensor, _: Tensor) -> Tensor:
    return maps.mean((1, 2))


PLAIN = """(set-logic CAM)
(set-feature :oracles true)
(synth-fun w ((activation Map) (gradient Map)) Weight)
(declare-oracle-fun NAME ((-> Map Map Weight)) Real average-drop)
(optimize-synth (OBJECTIVE))
"""


@pytest.mark.parametrize("metric", ["insertion", given_metric(mean_of_maps, "max")])
def test_a_metric_of_the_other_direction_turns_no_formula(metric: Any) -> None:
    text = PLAIN.replace("NAME", "drop").replace("OBJECTIVE", "(! (- (drop w)) :max)")
    with pytest.raises(OptionError, match=r"is better when large, but the objective \(- \(drop w\)\) is made for drop"):
        CamProblem(load_problem(text, "text"), metric)


def test_the_objective_has_the_direction_of_the_function_whatever_the_file_says() -> None:
    text = PLAIN.replace("NAME", "drop").replace("OBJECTIVE", "(! (drop w) :max)")
    function = given_metric(mean_of_maps, "min")
    assert [goal.direction for goal in CamProblem(load_problem(text, "text"), function).goals] == ["min"]


@pytest.mark.parametrize("name", ["nodes", "feasible", "id"])
def test_objectives_are_not_called_like_other_columns(name: str) -> None:
    text = PLAIN.replace("NAME", name).replace("OBJECTIVE", f"(! ({name} w) :min)")
    with pytest.raises(OptionError, match=f"two columns of the results would be called '{name}'"):
        CamProblem(load_problem(text, "text"))


NAMES = tuple("abcde")


class Named(TensorDataset):
    """Pictures with labels of two of the network's classes, by other numbers than the network's."""

    classes = (NAMES[2], NAMES[1])


@pytest.mark.parametrize(
    "part",
    [
        lambda data: data,
        lambda data: Subset(data, range(4)),
        lambda data: ConcatDataset([Subset(data, [0, 1]), Subset(data, [2, 3])]),
        lambda data: DataLoader(Subset(data, range(4)), batch_size=2),
    ],
)
def test_labels_of_parts_of_a_data_set_are_matched_by_its_names(part: Any, pictures: Tensor) -> None:
    data = Named(pictures[:4], torch.tensor([0, 1, 1, 0]))
    network = (model(), {"classes": NAMES, "size": SIDE})
    found = sygus.explain(part(data), network=network, methods="gradcam", target="label", device="cpu")
    assert found.explained == (NAMES[2], NAMES[1], NAMES[1], NAMES[2])


def test_data_sets_of_other_classes_are_not_joined(pictures: Tensor) -> None:
    joined = ConcatDataset([TensorDataset(pictures), Named(pictures, torch.zeros(COUNT, dtype=torch.int64))])
    with pytest.raises(OptionError, match="name other classes than each other"):
        sygus.explain(joined, network=model(), methods="gradcam")


def test_of_a_stream_more_are_taken_where_some_are_copies(pictures: Tensor, tmp_path: Path) -> None:
    stream = DataLoader(TensorDataset(torch.cat([pictures[:1], pictures[:1], pictures])), batch_size=3)
    found = run(tmp_path / "copies", network=model(), images=stream)
    plain = run(tmp_path / "plain", network=model(), images=DataLoader(TensorDataset(pictures), batch_size=3))
    assert found.answer == plain.answer


def test_a_metric_is_not_turned_where_constraints_compare_it(tmp_path: Path) -> None:
    text = """(set-logic CAM) (set-feature :oracles true)
    (declare-oracle-fun average-drop ((-> Map Weight)) Real average-drop)
    (synth-fun w ((gradient Map)) Weight ((W Weight)) ((W Weight ((gap gradient)))))
    (constraint (<= (average-drop w) 30.0))
    (optimize-synth ((! (average-drop w) :min)) :lexico)"""
    with pytest.raises(OptionError, match="'bright' is :max, but a constraint of the file holds average-drop to a num"):
        sygus.solve(text, out=tmp_path, metric=bright, direction="max", **FEW)
