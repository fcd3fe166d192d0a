"""Labels are the network's classes by their names; where they cannot be told nothing takes them for known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from picture_folders import manifest
from solvers.cam.subjects import Subjects, subject_notes
from sygus.errors import OptionError
from sygus.oracles.cam import CamOracle
from sygus.saliency.images import NO_CLASS, ImageSet, Preprocessing, load_images
from sygus.saliency.images.imagenet import class_names, wnids
from sygus.saliency.images.labelling import labelled
from sygus.saliency.metrics import find_metric, subject_of
from sygus.saliency.networks import Classifier, Network, make_network

COLOURS = ("red", "green", "blue")
SIDE = 8
COUNT = 4
"""Pictures of each colour."""


class Colours(nn.Module):
    """The logits are the means of the three colours, in this order, then as many zeros as are asked for."""

    def __init__(self, order: Sequence[int], more: int) -> None:
        super().__init__()
        self.maps = nn.Conv2d(3, 3, 1, bias=False)
        self.more = more
        with torch.no_grad():
            self.maps.weight.copy_(torch.eye(3)[list(order)].view(3, 3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        means = self.maps(x).mean((2, 3))
        return torch.cat([means, means.new_zeros(len(means), self.more)], 1)


def colour_network(classes: Sequence[str], order: Sequence[int] = (0, 1, 2), more: int = 0) -> Network:
    """A network that tells the colours apart; ``order`` says which of them each of its first classes is."""
    described = Classifier(Colours(order, more), Preprocessing.square(SIDE), classes=tuple(classes))
    return make_network(described, "colours", torch.device("cpu"), "maps")


def paint(path: Path, colour: str, index: int) -> None:
    """A picture of a colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    value = [(200 if one == colour else 20) + index for one in COLOURS]
    Image.new("RGB", (SIDE, SIDE), tuple(value)).save(path)


def folders(root: Path, names: dict[str, str]) -> Path:
    """Folders of these names with pictures of these colours."""
    for name, colour in names.items():
        for index in range(COUNT):
            paint(root / name / f"{index}.png", colour, index)
    return root


def subjects(folder: Path | str, network: Network, target: Any = "predicted", held_out: int = COUNT) -> Subjects:
    """Most pictures are searched on; each has a shape for metrics that need one."""
    total = 3 * COUNT
    split = load_images(
        str(folder), search=total - held_out, held_out=held_out, seed=0, preprocessing=network.preprocessing
    )
    one, other = (CamOracle(subject_of(network, part, target), {}) for part in (split.search, split.held_out))
    return Subjects(one, other)


def right(found: Subjects) -> bool:
    """Whether every label is the class that is predicted; the network makes no mistake."""
    parts = (found.search.subject, found.held_out.subject)
    return all(torch.equal(one.images.labels, one.predicted) for one in parts)


def noted(found: Subjects, text: str) -> str:
    """The one note that holds a text."""
    (note,) = (note for note in subject_notes(found) if text in note)
    return note


# By name


ALIKE = {"red": "red", "green": "green", "blue": "blue"}


@pytest.mark.parametrize(
    ("classes", "names"),
    [
        (("red", "green", "blue"), ALIKE),
        (("Red", "GREEN", "bl ue"), ALIKE),
        (("deep red", "dark-green", "sky_blue"), {"Deep_Red": "red", "dark green": "green", "Sky-Blue": "blue"}),
        (("red, crimson", "green, viridian", "azure, blue"), {"crimson": "red", "green": "green", "blue": "blue"}),
        (("tench", "n01443537", "great white shark"), {"n01440764": "red", "goldfish": "green", "n01484850": "blue"}),
        (("red", "green", "blue"), {"0": "red", "1": "green", "2": "blue"}),
        (("red", "green", "blue"), {"00": "red", "001": "green", "2": "blue"}),
        (("2", "1", "0"), {"2": "red", "1": "green", "0": "blue"}),
        ((), {"0": "red", "1": "green", "2": "blue"}),
        (("LABEL_0", "LABEL_1", "LABEL_2"), {"a": "red", "b": "green", "c": "blue"}),
    ],
)
def test_folders_are_the_classes_of_their_names(tmp_path: Path, classes: Sequence[str], names: dict[str, str]) -> None:
    """Sorted, the folders stand in another order than the network's classes in nearly all."""
    found = subjects(folders(tmp_path, names), colour_network(classes), "label")
    assert right(found)
    assert noted(found, "is right on 12 of 12 pictures whose class is known (100.0%)")
    if classes:
        assert found.search.subject.images.classes == tuple(classes)


def test_fewer_folders_than_classes_are_no_matter(tmp_path: Path) -> None:
    names = {"blue": "blue", "green": "green", "red": "red"}
    found = subjects(
        folders(tmp_path, names), colour_network(("red", "green", "blue", "grey", "white"), more=2), "label"
    )
    assert right(found)


@pytest.mark.parametrize(
    ("classes", "names", "said"),
    [
        (
            COLOURS,
            {"rouge": "red", "green": "green", "bleu": "blue"},
            "the network has no 'bleu', 'rouge'; the pictures': bleu, green, rouge; the network's: red, green, blue",
        ),
        (
            ("red", "Red", "blue"),
            {"RED": "red", "blue": "green"},
            "'RED' may be any of the network's classes 0, 1; the pictures': RED, blue; the network's: red, Red, blue",
        ),
        (
            ("crane", "crane", "tench"),
            {"crane": "red", "tench": "green"},
            "'crane' may be any of the network's classes 0, 1",
        ),
        (COLOURS, {"red": "red", "Red ": "green"}, "'Red ' and 'red' are both its 'red'"),
        (COLOURS, {"1": "red", "2": "green", "3": "blue"}, "they are the numbers 1, 2, 3, the network's are 0 to 2"),
        (COLOURS, {"1": "red", "01": "green"}, "two of 01, 1 are the same number"),
        (COLOURS, {"9" * 30: "red"}, "they are the numbers 9999"),
        ((), {"a": "red", "b": "green"}, "the pictures have 2, a, b; the network has 3 without names"),
        (COLOURS, {"n01440764": "red", "n01443537": "green"}, "the network has no 'n01440764', 'n01443537'"),
        ((), {"n01440764": "red"}, "the pictures' are of ImageNet, the network has 3 without names"),
        (("crane", "x", "y"), {"n02012849": "red"}, "the network has no 'n02012849'"),
    ],
)
def test_what_does_not_match_is_an_error_with_both_lists(
    tmp_path: Path, classes: Sequence[str], names: dict[str, str], said: str
) -> None:
    network = colour_network(classes)
    folders(tmp_path, names)
    with pytest.raises(OptionError) as caught:
        loaded(tmp_path, network, len(names), "label")
    assert said in caught.value.message
    assert caught.value.message.startswith("--target: the classes of the pictures are not those of 'colours': ")
    assert caught.value.hint.endswith("or use --target predicted")
    found = loaded(tmp_path, network, len(names), "predicted")
    assert found.search.subject.images.labels.unique().tolist() == [NO_CLASS]
    assert said in noted(found, "the true classes are not used: ")
    assert not any("is right on" in note for note in subject_notes(found))


def loaded(folder: Path, network: Network, classes: int, target: Any) -> Subjects:
    split = load_images(
        str(folder), search=2, held_out=COUNT * classes - 2, seed=0, preprocessing=network.preprocessing
    )
    one, other = (CamOracle(subject_of(network, part, target), {}) for part in (split.search, split.held_out))
    return Subjects(one, other)


def test_a_metric_of_true_classes_refuses_with_the_reason(tmp_path: Path) -> None:
    metric = find_metric("official-metric")
    for index, colour in enumerate(COLOURS):
        paint(tmp_path / f"{index}.png", colour, 0)
        paint(tmp_path / f"{index}b.png", colour, 1)
    rows = [
        {"file": f"{index}{kind}.png", "class_name": name, "boxes_xyxy": "0 0 4 4"}
        for index, name in enumerate(("rouge", "green", "blue"))
        for kind in ("", "b")
    ]
    split = load_images(
        str(manifest(tmp_path, rows)), search=4, held_out=2, seed=0, preprocessing=Preprocessing.square(8)
    )
    subject = subject_of(colour_network(COLOURS), split.search)
    with pytest.raises(OptionError, match=r"needs the true class of each picture: .* the network has no 'rouge'"):
        metric.require(subject)
    assert metric.lacking(subject_of(colour_network(("rouge", "green", "blue")), split.search)) == ""


def test_networks_without_names_number_the_folders_and_say_so(tmp_path: Path) -> None:
    found = subjects(folders(tmp_path, {"a": "red", "b": "green", "c": "blue"}), colour_network(()), "label")
    assert right(found)
    assert noted(
        found, "have no names, so those of the pictures are numbered in their order: 0 is 'a', 1 is 'b', 2 is 'c'"
    )


def test_numbers_are_shown_beside_the_networks_names(tmp_path: Path) -> None:
    found = subjects(folders(tmp_path, {"0": "red", "1": "green", "2": "blue"}), colour_network(COLOURS))
    assert noted(found, "are numbers, taken for the network's: 0 is 'red', 1 is 'green', 2 is 'blue'")


# ImageNet


def imagenet_pictures(labels: Sequence[int]) -> ImageSet:
    count = len(labels)
    return ImageSet(
        "these", torch.zeros(count, 3, 4, 4), torch.tensor(labels), None, ((),) * count, ("x",) * count, class_names()
    )


SYNONYMS = tuple(f"{name}, some other words" for name in class_names())
SPELT = tuple(name.upper().replace(" ", "_") for name in class_names())


@pytest.mark.parametrize("classes", [class_names(), SYNONYMS, SPELT, wnids()])
def test_imagenets_classes_in_their_order_are_known_in_every_spelling(classes: Sequence[str]) -> None:
    images = imagenet_pictures([0, 134, 517, 999, 639])
    assert labelled(images, classes, "n").labels.tolist() == [0, 134, 517, 999, 639]


def test_imagenets_classes_in_another_order_are_found_by_name() -> None:
    order = sorted(range(1000), key=lambda index: class_names()[index])
    classes = [class_names()[index] for index in order]
    labels = labelled(imagenet_pictures([0, 7, 999]), classes, "n").labels.tolist()
    assert [order[label] for label in labels] == [0, 7, 999]
    found = labelled(imagenet_pictures([0, 134]), classes, "n")
    assert "the network has no 'n02012849'" in found.unmatched  # of the two cranes the names do not tell which
    by_id = [wnids()[index] for index in order]
    labels = labelled(imagenet_pictures([0, 134, 517]), by_id, "n").labels.tolist()
    assert [order[label] for label in labels] == [0, 134, 517]


def test_a_network_of_some_of_imagenets_classes() -> None:
    found = labelled(imagenet_pictures([217, 0]), ("tench", "English springer", "cassette player"), "n")
    assert found.labels.tolist() == [1, 0]
    assert (
        "the network has no 'n01443537'"
        in labelled(imagenet_pictures([217, 1]), ("tench", "English springer"), "n").unmatched
    )


def test_a_thousand_classes_without_names_are_taken_for_imagenets_with_a_note() -> None:
    found = labelled(imagenet_pictures([3]), [f"class {index}" for index in range(1000)], "n")
    assert found.labels.tolist() == [3]
    assert found.notes == ("the classes of 'n' have no names; they are taken for ImageNet's, in their order",)
    assert labelled(imagenet_pictures([3]), [f"class {index}" for index in range(1001)], "n").unmatched


# Manifests


def of_manifest(root: Path, rows: list[dict[str, Any]], network: Network, target: Any = "label") -> Subjects:
    """Two pictures of each colour, red first, with what the lines state of them."""
    lines = []
    for index, row in enumerate(rows):
        paint(root / f"{index}.png", COLOURS[index // 2], index % 2)
        lines.append({"file": f"{index}.png", "class_name": "", "wnid": "", "class_index": "", **row})
    if not any(line["wnid"] for line in lines):
        lines = [{key: value for key, value in line.items() if key != "wnid"} for line in lines]
    split = load_images(str(manifest(root, lines)), search=3, held_out=3, seed=0, preprocessing=network.preprocessing)
    one, other = (CamOracle(subject_of(network, part, target), {}) for part in (split.search, split.held_out))
    return Subjects(one, other)


def twice(**columns: Sequence[Any]) -> list[dict[str, Any]]:
    """A line for each of two pictures of each colour."""
    return [{name: values[index // 2] for name, values in columns.items()} for index in range(6)]


@pytest.mark.parametrize(
    ("classes", "rows"),
    [
        (("blue", "green", "red"), twice(class_name=COLOURS)),
        (("blue", "green", "red"), twice(class_index=(2, 1, 0))),
        (("blue", "green", "red"), twice(class_name=COLOURS, class_index=(2, 1, 0))),
        (("tench", "goldfish", "great white shark"), twice(wnid=("n01484850", "n01443537", "n01440764"))),
        ((), twice(class_name=("z", "y", "x"), class_index=(2, 1, 0))),
        (("blue", "green", "red"), [*twice(class_name=COLOURS, class_index=(2, 1, 0))[:5], {"class_name": "blue"}]),
        (("blue", "green", "red"), [*twice(class_name=COLOURS, class_index=(2, 1, 0))[:5], {"class_index": 0}]),
    ],
)
def test_manifests_name_and_number(tmp_path: Path, classes: Sequence[str], rows: list[dict[str, Any]]) -> None:
    assert right(of_manifest(tmp_path, rows, colour_network(classes, (2, 1, 0))))


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (twice(class_name=COLOURS, class_index=(0, 1, 2)), " is said to be '"),
        (twice(class_name=("rouge", "green", "blue")), "the network has no 'rouge'"),
        (twice(class_index=(2, 1, 3)), "there is a class 3, the network's are 0 to 2"),
        (twice(class_index=("", "", "")), "the class of 3 of 3 pictures of"),
    ],
)
def test_what_a_manifest_says_against_the_network_is_an_error(
    tmp_path: Path, rows: list[dict[str, Any]], said: str
) -> None:
    network = colour_network(("blue", "green", "red"), (2, 1, 0))
    with pytest.raises(OptionError, match=r"^--target: ") as caught:
        of_manifest(tmp_path, rows, network)
    assert said in caught.value.message
    of_manifest(tmp_path, rows, network, "predicted")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            {"class_name": "red", "class_index": 5},
            "class_index is 5 and class_name 'red'; on another line 'red' is class 2",
        ),
        (
            {"class_name": "pink", "class_index": 2},
            "class_index is 2 and class_name 'pink'; on another line class 2 is 'red'",
        ),
        ({"class_name": "pink"}, "class_name is 'pink', which has no class_index"),
        ({"wnid": "n01440764", "class_index": 1}, "class_index is 1, and 'n01440764' is class 0 of ImageNet"),
        ({"wnid": "n00000000"}, "'n00000000' is no class of ImageNet"),
        ({"wnid": " ", "class_index": 1000}, "class_index is 1000; ImageNet's classes are 0 to 999"),
    ],
)
def test_lines_that_contradict_are_named(tmp_path: Path, row: dict[str, Any], said: str) -> None:
    rows = twice(class_name=COLOURS, class_index=(2, 1, 0))
    if "wnid" in row:
        rows = [{"wnid": "n01440764"} for _ in rows]
    rows[5] = row
    with pytest.raises(OptionError) as caught:
        of_manifest(tmp_path, rows, colour_network(("blue", "green", "red"), (2, 1, 0)))
    assert f"{tmp_path / 'manifest.csv'}:7: {said}" in str(caught.value)


# How often the network is right


def test_wrong_labels_show_in_the_accuracy(tmp_path: Path) -> None:
    """The names are the network's, and every picture lies in the folder of another class."""
    names = {"red": "green", "green": "blue", "blue": "red"}
    found = subjects(folders(tmp_path, names), colour_network(COLOURS))
    note = noted(found, "is right on 0 of 12 pictures whose class is known (0.0%), which is no better than chance")
    assert note.startswith("warning: 'colours'")
    assert "a guess is right on 33.3% and does as well with probability 1" in note


@pytest.mark.parametrize(
    ("right_on", "others", "warned"),
    [
        (12, 0, False),
        (9, 3, False),  # of 12 at 1/3: P(X ≥ 9) = 0.0039
        (8, 4, False),  # 0.0188
        (7, 5, True),  # 0.0664
        (4, 8, True),
        (0, 12, True),
    ],
)
def test_chance_is_ruled_out_by_the_binomial_test(tmp_path: Path, right_on: int, others: int, warned: bool) -> None:
    assert right_on + others == 12
    for index in range(12):
        label = COLOURS[index % 3]
        shown = label if index < right_on else COLOURS[(index + 1) % 3]
        paint(tmp_path / label / f"{index:02}.png", shown, index)
    note = noted(subjects(tmp_path, colour_network(COLOURS)), f"is right on {right_on} of 12")
    assert note.startswith("warning: ") == warned


def test_the_most_common_class_is_a_guess_too(tmp_path: Path) -> None:
    """Right on 10 of 12, where the answer `red` is right on 10 of 12."""
    for index in range(12):
        paint(tmp_path / ("red" if index < 10 else "blue") / f"{index:02}.png", "red", index)
    note = noted(subjects(tmp_path, colour_network(COLOURS)), "is right on 10 of 12")
    assert "a guess is right on 83.3%" in note


def test_pictures_of_one_class_are_compared_with_a_guess_among_all(tmp_path: Path) -> None:
    for index in range(12):
        paint(tmp_path / "red" / f"{index:02}.png", "red" if index else "blue", index)
    note = noted(subjects(tmp_path, colour_network(COLOURS)), "is right on 11 of 12")
    assert not note.startswith("warning: ")


def test_pictures_without_classes_have_no_accuracy(tmp_path: Path) -> None:
    for index in range(12):
        paint(tmp_path / f"{index:02}.png", "red", index)
    found = subjects(manifest(tmp_path, [{"file": f"{index:02}.png"} for index in range(12)]), colour_network(COLOURS))
    assert not any("is right on" in note for note in subject_notes(found))
