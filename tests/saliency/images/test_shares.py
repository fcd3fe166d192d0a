"""How pictures are divided: given numbers are binding, the others suit what is there, and what is scaled is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from solvers.cam.settings import Settings
from solvers.cam.subjects import load_subjects, subject_notes
from sygus.app.cli import main
from sygus.errors import OptionError
from sygus.export.record import Record
from sygus.saliency.images import NO_CLASS, Preprocessing, Shares, load_images, share_out
from sygus.saliency.images.generator import CLASSES, generate
from sygus.saliency.images.shares import FEWEST, HELD_OUT, SEARCH, VALIDATION_SHARE

COUNT = 42
OPEN = {"search": None, "held_out": None, "validation": None}
MAYBE = st.none() | st.integers(FEWEST, 60)


def drawn(root: Path, count: int = COUNT, *, flat: bool = False) -> Path:
    """A folder of generated pictures, in folders of their classes or in none."""
    for index in range(count):
        made = generate(index, 7)
        path = root / ("" if flat else CLASSES[made.label]) / f"{index:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((made.image.transpose(1, 2, 0) * 255).round().astype(np.uint8)).save(path)
    return root


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn(tmp_path_factory.mktemp("classes"))


@pytest.fixture(scope="module")
def flat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn(tmp_path_factory.mktemp("flat"), flat=True)


@pytest.mark.parametrize("there", [None, SEARCH + HELD_OUT, 10_000])
def test_where_there_are_enough_the_numbers_are_the_defaults(there: int | None) -> None:
    assert share_out(there, "x", **OPEN) == Shares(96, 384, 384)
    assert share_out(there, "x", search=10, held_out=None, validation=0) == Shares(10, 384, 0)


@pytest.mark.parametrize(
    ("there", "asked", "found"),
    [
        (42, {}, (14, 14, 14)),
        (4, {}, (2, 2, 0)),
        (5, {}, (2, 2, 0)),
        (6, {}, (2, 2, 2)),
        (300, {}, (96, 102, 102)),
        (479, {}, (96, 191, 192)),
        (42, {"validation": 0}, (21, 21, 0)),
        (42, {"search": 30}, (30, 6, 6)),
        (42, {"search": 40}, (40, 2, 0)),
        (42, {"held_out": 20}, (11, 20, 11)),
        (42, {"search": 10, "held_out": 10}, (10, 10, 40)),
        (42, {"held_out": 40}, (2, 40, 0)),
    ],
)
def test_of_fewer_pictures_the_parts_share_evenly(there: int, asked: dict[str, int], found: tuple[int, ...]) -> None:
    assert share_out(there, "x", **(OPEN | asked)) == Shares(*found)


@given(there=st.integers(0, 700), search=MAYBE, held_out=MAYBE, validation=MAYBE | st.just(0))
def test_what_is_given_is_binding(there: int, search: int | None, held_out: int | None, validation: int | None) -> None:
    needed = (search or FEWEST) + (held_out or FEWEST) + (validation or 0)
    if needed > there:
        with pytest.raises(OptionError, match="asked for, 'x' has"):
            share_out(there, "x", search=search, held_out=held_out, validation=validation)
        return
    found = share_out(there, "x", search=search, held_out=held_out, validation=validation)
    assert found.search == (search or found.search)
    assert found.held_out == (held_out or found.held_out)
    assert FEWEST <= found.search <= max(SEARCH, search or 0)
    assert FEWEST <= found.held_out <= max(HELD_OUT, held_out or 0)
    assert found.search + found.held_out + (validation or 0) <= there
    assert found.validation <= VALIDATION_SHARE * found.search if validation is None else found.validation == validation


def test_a_folder_of_few_is_divided_and_says_so(folder: Path) -> None:
    split = load_images(str(folder), search=None, held_out=None, validation=None, seed=0)
    assert split.validation is not None
    parts = (split.search, split.held_out, split.validation)
    assert [len(part) for part in parts] == [14, 14, 14]
    assert len({name for part in parts for name in part.ids}) == COUNT
    (note,) = split.search.notes
    assert note.endswith(
        "42 pictures, so the defaults of 96 and 384 are scaled down: 14 to search on, 14 held out, 14 to choose with"
    )
    again = load_images(str(folder), search=None, held_out=None, validation=None, choosing=False, seed=0)
    assert again.search.ids == split.search.ids  # a table is on the pictures of the search that it belongs to
    assert again.held_out.ids == split.held_out.ids
    assert again.validation is None


def test_of_numbers_that_are_given_nothing_is_said(folder: Path) -> None:
    split = load_images(str(folder), search=10, held_out=20, seed=0)
    assert [len(split.search), len(split.held_out)] == [10, 20]
    assert split.search.notes == ()
    with pytest.raises(OptionError, match=r"30 pictures to search on and 20 held out are asked for, '.*' has 42; give"):
        load_images(str(folder), search=30, held_out=20, seed=0)


def test_what_cannot_be_read_is_made_up_for(tmp_path: Path) -> None:
    drawn(tmp_path, 12, flat=True)
    (tmp_path / "00.png").write_bytes(b"no picture")
    split = load_images(str(tmp_path), search=None, held_out=None, validation=None, seed=0)
    assert split.validation is not None
    assert [len(split.search), len(split.held_out), len(split.validation)] == [4, 4, 3]
    assert "has 12 pictures" in split.search.notes[0]
    for index in range(1, 9):
        (tmp_path / f"{index:02}.png").write_bytes(b"no picture")
    with pytest.raises(OptionError, match="has 12, 9 of which cannot be read or are copies; a search takes at least 2"):
        load_images(str(tmp_path), search=None, held_out=None, validation=None, seed=0)


def test_shapes_have_the_defaults_as_ever() -> None:
    assert Settings().search_images is None
    subjects = load_subjects(Settings(search_images=4, held_out_images=2, device="cpu"))
    assert subjects.counted(Settings()).search_images == 4
    split = load_images("shapes", search=None, held_out=None, validation=0, seed=0)
    assert [len(split.search), len(split.held_out), split.validation] == [96, 384, None]
    assert split.search.name == "shapes[0:96] seed 0"
    assert split.search.notes == ()


def test_a_flat_folder_needs_no_labels_where_the_predicted_class_is_explained(flat: Path) -> None:
    split = load_images(str(flat), search=4, held_out=4, seed=0)
    assert set(split.search.labels.tolist()) == {NO_CLASS}
    assert split.search.ids == load_images(f"flat:{flat}", search=4, held_out=4, seed=0).search.ids
    settings = Settings(images=str(flat), search_images=4, held_out_images=4, device="cpu")
    subjects = load_subjects(settings)
    assert subjects.search.subject.targets.tolist() == subjects.search.subject.predicted.tolist()
    assert not any("is right on" in note for note in subject_notes(subjects))
    with pytest.raises(OptionError, match=r"^--target: the class of 4 of 4 pictures .* use --target predicted$"):
        load_subjects(Settings(images=str(flat), search_images=4, held_out_images=4, device="cpu", target="label"))


def test_a_folder_with_folders_is_still_one_of_classes(flat: Path, folder: Path, tmp_path: Path) -> None:
    drawn(tmp_path, 12)
    (tmp_path / "loose.png").write_bytes((flat / "41.png").read_bytes())
    split = load_images(str(tmp_path), search=4, held_out=4, seed=0, preprocessing=Preprocessing.square(64))
    assert NO_CLASS not in split.search.labels.tolist()
    assert f"1 pictures directly in '{tmp_path}' are in no class and not used" in split.search.notes
    with pytest.raises(OptionError, match="has no pictures; their names end in"):
        load_images(f"flat:{folder}", search=4, held_out=4, seed=0)


def test_what_a_program_puts_into_a_flat_folder_makes_no_classes_of_it(tmp_path: Path) -> None:
    drawn(tmp_path, 12, flat=True)
    before = load_images(str(tmp_path), search=4, held_out=4, seed=0).search.ids
    (tmp_path / "runs").mkdir()
    (tmp_path / "explained").mkdir()
    for name in ("00.png", "01.png"):
        (tmp_path / "explained" / name).write_bytes((tmp_path / "02.png").read_bytes())
    split = load_images(str(tmp_path), search=4, held_out=4, seed=0)
    assert split.search.ids == before
    assert f"2 pictures in folders of '{tmp_path}' are not used" in split.search.notes


@pytest.mark.parametrize("kind", ["folder", "flat"])
def test_a_folder_of_42_is_solved_and_resumed(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    images, out = request.getfixturevalue(kind), tmp_path / "run"
    words = [
        "channel_weights",
        "--images",
        str(images),
        "--budget",
        "size=3",
        "--baselines",
        "gradcam",
        "--out",
        str(out),
    ]
    result = CliRunner().invoke(main, [*words, "--device", "cpu"])
    assert result.exit_code == 0, result.output
    assert (
        "has 42 pictures, so the defaults of 96 and 384 are scaled down: 14 to search on, 14 held out" in result.stderr
    )
    record = Record.read(str(out))
    assert (record.settings["search_images"], record.settings["held_out_images"]) == (14, 14)
    assert (len(record.search.ids), len(record.held_out.ids)) == (14, 14)
    assert record.validation is not None
    assert len(record.validation.ids) == 14
    again = CliRunner().invoke(main, [*words, "--device", "cpu", "--resume"])
    assert (again.exit_code, again.stdout) == (0, result.stdout), again.output
