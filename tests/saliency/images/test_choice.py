"""Which pictures of a folder are searched on and held out; what cannot be read is skipped, counted, or an error."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from picture_folders import annotation, manifest, mask, picture
from sygus.app.cli import main
from sygus.errors import OptionError, SycamError
from sygus.saliency.images import NO_CLASS, ImageSet, Preprocessing, Split, load_images
from sygus.saliency.images.generator import CLASSES

SMALL = Preprocessing.square(4)
COUNT = 12


def choose(folder: Path | str, search: int = 4, held_out: int = 4, seed: int = 0, **options: Any) -> Split:
    return load_images(str(folder), search=search, held_out=held_out, seed=seed, **({"preprocessing": SMALL} | options))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve pictures in two classes."""
    root = tmp_path_factory.mktemp("pictures")
    for index in range(COUNT):
        picture(root / "ab"[index % 2] / f"{index:02}.png", index)
    return root


NAMES = sorted(f"{'ab'[index % 2]}/{index:02}.png" for index in range(COUNT))


@given(search=st.integers(2, 8), held_out=st.integers(2, 4), seed=st.integers(0, 2**32))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_the_choice_is_that_of_the_seeded_permutation(folder: Path, search: int, held_out: int, seed: int) -> None:
    """The names sorted, then permuted by PCG64: the first are searched on, the next held out; none twice."""
    split = choose(folder, search, held_out, seed)
    order = [NAMES[index] for index in np.random.Generator(np.random.PCG64(seed)).permutation(COUNT)]
    assert split.search.ids == tuple(order[:search])
    assert split.held_out.ids == tuple(order[search : search + held_out])
    assert not set(split.search.ids) & set(split.held_out.ids)


def test_the_same_seed_gives_the_same_pixels_and_another_seed_others(folder: Path) -> None:
    one, again, other = choose(folder), choose(folder), choose(folder, seed=1)
    assert one.search.fingerprint == again.search.fingerprint
    assert one.held_out.fingerprint == again.held_out.fingerprint
    assert len({one.search.fingerprint, one.held_out.fingerprint, other.search.fingerprint}) == 3
    assert one.search.name == f"{folder} search (4 of 12) seed 0"
    assert one.held_out.name == f"{folder} held out (4 of 12) seed 0"


@pytest.mark.parametrize(
    "change",
    [
        lambda images: {"pictures": images.pictures + torch.eye(4) * 1e-7},
        lambda images: {"labels": 1 - images.labels},
        lambda _: {"boxes": ((), (), (), ((0, 0, 1, 1),))},
        lambda _: {"masks": torch.ones(4, 4, 4, dtype=torch.bool)},
    ],
)
def test_the_fingerprint_is_of_pixels_and_ground_truth(folder: Path, change: Any) -> None:
    images = choose(folder).search
    assert len(set(images.labels.tolist())) == 2
    facts = {**vars(images), **change(images)}
    assert ImageSet(**facts).fingerprint != images.fingerprint
    assert ImageSet(**{**vars(images), "name": "other"}).fingerprint == images.fingerprint


@pytest.mark.parametrize(("search", "held_out"), [(1, 4), (0, 4), (4, 1), (4, -1)])
def test_at_least_two_pictures_of_each(folder: Path, search: int, held_out: int) -> None:
    option, count = ("--search-images", search) if search < 2 else ("--held-out-images", held_out)
    with pytest.raises(OptionError, match=f"^{option}: {count} is too few; give at least 2$"):
        choose(folder, search, held_out)


@pytest.mark.parametrize(("search", "held_out"), [(11, 2), (2, 11), (100, 2)])
def test_too_few_pictures(folder: Path, search: int, held_out: int) -> None:
    with pytest.raises(OptionError) as error:
        choose(folder, search, held_out)
    assert error.value.message == (
        f"--images: {search} pictures to search on and {held_out} held out are asked for, '{folder}' has 12"
    )
    assert error.value.hint == "give --search-images, --held-out-images and --validation-images that sum to at most 12"
    assert len(choose(folder, 10, 2).search) == 10


# Pictures that cannot be read


@pytest.fixture
def partly_broken(tmp_path: Path) -> Path:
    """Eight good pictures and three that are not, in eight classes."""
    for index in range(8):
        picture(tmp_path / f"class {index}" / "good.png", index)
    whole = (tmp_path / "class 0" / "good.png").read_bytes()
    (tmp_path / "class 1" / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "class 2" / "text.jpg").write_text("<script>alert(1)</script>")
    (tmp_path / "class 3" / "empty.png").touch()
    return tmp_path


def test_broken_pictures_are_skipped_and_named(partly_broken: Path) -> None:
    split = choose(partly_broken)
    assert {Path(one).name for part in (split.search, split.held_out) for one in part.ids} == {"good.png"}
    skipped = sorted(split.search.skipped + split.held_out.skipped)
    assert set(skipped) <= {
        "class 2/text.jpg: text.jpg is no picture of a known format",
        "class 3/empty.png: empty.png is no picture of a known format",
        *(one for one in skipped if one.startswith("class 1/cut.png: cut.png: ")),
    }
    with pytest.raises(OptionError) as error:
        choose(partly_broken, 5, 4)
    assert "has 11, 3 of which cannot be read" in error.value.message
    assert error.value.hint == "give --search-images, --held-out-images and --validation-images that sum to at most 8"


def test_what_is_skipped_does_not_change_the_order_of_the_rest(partly_broken: Path) -> None:
    before = choose(partly_broken)
    for index, name in enumerate(("class 1/cut.png", "class 2/text.jpg", "class 3/empty.png")):
        (partly_broken / name).unlink()
        picture(partly_broken / name, 20 + index)
    after = choose(partly_broken, 6, 5)
    good = [one for part in (after.search, after.held_out) for one in part.ids if Path(one).name == "good.png"]
    assert [one for part in (before.search, before.held_out) for one in part.ids] == good


def test_strict_is_an_error_at_the_first(partly_broken: Path) -> None:
    with pytest.raises(SycamError) as error:
        choose(partly_broken, strict=True)
    assert error.value.message.startswith("--images: the picture class ")
    assert f"of '{partly_broken}' cannot be read: " in error.value.message
    assert error.value.hint == "remove it, or leave --strict out to skip such pictures"
    for name in ("class 1/cut.png", "class 2/text.jpg", "class 3/empty.png"):
        (partly_broken / name).unlink()
    assert choose(partly_broken, strict=True).search.skipped == ()


def test_files_that_a_manifest_names_and_annotations_that_are_hostile_are_skipped(tmp_path: Path) -> None:
    rows = [{"file": f"{index}.png", "mask_file": f"m{index}.png"} for index in range(7)]
    for index in range(7):
        picture(tmp_path / f"{index}.png", index)
        mask(tmp_path / f"m{index}.png", (0, 0, 5, 5))
    (tmp_path / "0.png").unlink()
    (tmp_path / "m1.png").unlink()
    mask(tmp_path / "m2.png", (0, 0, 5, 5), size=(5, 5))
    split = choose(manifest(tmp_path, rows), 2, 2)
    assert not {"0.png", "1.png", "2.png"} & {*split.search.ids, *split.held_out.ids}
    with pytest.raises(OptionError, match="has 7, 3 of which cannot be read"):
        choose(tmp_path, 3, 2)


def test_hostile_annotations_are_skipped(tmp_path: Path) -> None:
    for index in range(6):
        picture(tmp_path / "JPEGImages" / f"{index}.jpg", index)
        annotation(tmp_path / "Annotations" / f"{index}.xml", [("dog", (1, 1, 9, 9))])
    annotation(tmp_path / "Annotations" / "0.xml", [("dog", (1, 1, 9, 9))], '<!DOCTYPE a [<!ENTITY x "y">]>')
    annotation(tmp_path / "Annotations" / "1.xml", [("martian", (1, 1, 9, 9))])
    (tmp_path / "ImageSets" / "Main").mkdir(parents=True)
    (tmp_path / "ImageSets" / "Main" / "test.txt").write_text("\n".join("012345"))
    with pytest.raises(OptionError, match="has 6, 2 of which cannot be read"):
        choose(tmp_path, 3, 2)
    split = choose(tmp_path, 2, 2)
    assert {*split.search.ids, *split.held_out.ids} == {"2.jpg", "3.jpg", "4.jpg", "5.jpg"}
    reasons = {
        "0.jpg: 0.xml declares a document type, which annotations do not",
        "1.jpg: its annotation has no object of the 20 classes",
    }
    assert {*split.search.skipped, *split.held_out.skipped} <= reasons


@pytest.mark.parametrize("name", ["../../secret", "/etc/passwd", "a/b"])
def test_lists_of_voc_that_lead_out_of_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    picture(tmp_path / "JPEGImages" / "0.jpg")
    (tmp_path / "ImageSets" / "Main").mkdir(parents=True)
    (tmp_path / "ImageSets" / "Main" / "test.txt").write_text(f"0\n{name} 1\n")
    with pytest.raises(OptionError, match=f"test.txt' names '{name}', which is no picture of JPEGImages"):
        choose(tmp_path, 2, 2)


def test_names_that_would_steer_the_terminal_are_written_out(tmp_path: Path) -> None:
    for index in range(4):
        picture(tmp_path / "a" / f"{index}.png", index)
    (tmp_path / "a" / "red \x1b[31m\nline \udcff é.png").touch()
    with pytest.raises(SycamError) as error:
        choose(tmp_path, 2, 3, strict=True)
    assert str(error.value).isprintable()
    assert "a/red \\x1b[31m\\nline \\udcff é.png" in str(error.value)
    result = evaluate(tmp_path, "--held-out-images", "3", "--search-images", "2")
    assert result.exit_code == 2
    assert "has 5, 1 of which cannot be read" in " ".join(result.stderr.split())


# Labels


def labelled(labels: list[int], classes: tuple[str, ...]) -> ImageSet:
    count = len(labels)
    return ImageSet(
        "these", torch.zeros(count, 3, 4, 4), torch.tensor(labels), None, ((),) * count, ("x",) * count, classes
    )


def test_labels_for_a_network() -> None:
    assert labelled([0, 2, 1], tuple("abc")).labels_for(3).tolist() == [0, 2, 1]
    assert labelled([0, 2, 1], ()).labels_for(1000).tolist() == [0, 2, 1]
    for labels, classes, count, message in (
        ([0, NO_CLASS, NO_CLASS], tuple("abc"), 3, "the class of 2 of 3 pictures of these is unknown"),
        ([0, 2, 1], tuple("abc"), 4, "these is labelled with 3 classes, the network has 4"),
        ([0, 2, 1], tuple("abc"), 2, "these is labelled with 3 classes, the network has 2"),
        ([0, 3, 1], tuple("abc"), 3, "these is labelled with 4 classes, the network has 3"),
        ([0, 9, 1], (), 8, "these is labelled with 10 classes, the network has 8"),
    ):
        with pytest.raises(OptionError) as error:
            labelled(labels, classes).labels_for(count)
        assert str(error.value) == f"--target: {message}; use --target predicted"


# The command line


def evaluate(folder: Path, *options: str) -> Result:
    few = ("--search-images", "4", "--held-out-images", "4", "--device", "cpu", "--metrics", "average-drop")
    arguments = ("evaluate", "--methods", "fakecam", *few, "--format", "json", "--images", str(folder), *options)
    return CliRunner().invoke(main, list(arguments))


def test_the_note_names_what_is_skipped_and_strict_ends_it(partly_broken: Path) -> None:
    expected = choose(partly_broken, preprocessing=Preprocessing.square(64))
    skipped = [*expected.search.skipped, *expected.held_out.skipped]
    assert skipped
    result = evaluate(partly_broken)
    assert result.exit_code == 0, result.output
    note = next(line for line in result.stderr.splitlines() if "cannot be read" in line)
    assert f"{len(skipped)} pictures cannot be read and are skipped: " in note
    for one in skipped:
        assert one in note
    assert len(json.loads(result.stdout)) == 1  # the table stays clean
    result = evaluate(partly_broken, "--strict")
    assert result.exit_code == 2
    assert "cannot be read" in result.stderr
    assert "leave --strict out" in result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.output


def test_the_command_line_takes_labels_of_the_folder(partly_broken: Path) -> None:
    for index, name in enumerate(CLASSES):
        (partly_broken / f"class {index}").rename(partly_broken / name)
    assert evaluate(partly_broken, "--target", "label").exit_code == 0
    picture(partly_broken / "class 9" / "good.png", 9)
    result = evaluate(partly_broken, "--target", "label")
    assert result.exit_code == 2
    assert (
        "the classes of the pictures are not those of 'shapes-vgg': the network has no 'class 9'; the pictures': "
        in result.stderr
    )
    assert f"the network's: {', '.join(CLASSES)}" in result.stderr
    assert "or use --target predicted" in result.stderr


@pytest.mark.parametrize("row", [{"file": "../../x.png"}, {"file": "/etc/passwd"}])
def test_the_command_line_refuses_hostile_manifests(tmp_path: Path, row: dict[str, str]) -> None:
    result = evaluate(manifest(tmp_path, [row]))
    assert result.exit_code == 2
    assert f"{tmp_path / 'manifest.csv'}:2: '{row['file']}' is no file of the folder" in "".join(
        result.stderr.splitlines()
    )
    assert "Traceback" not in result.output
