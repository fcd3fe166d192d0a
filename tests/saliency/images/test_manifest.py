"""``manifest.csv``: what its columns mean, and what is wrong with a line."""

from pathlib import Path
from typing import Any

import pytest
import torch

from picture_folders import manifest, mask, picture
from sygus.errors import OptionError
from sygus.saliency.images import NO_CLASS, ImageSet, Preprocessing, load_images
from sygus.saliency.images.imagenet import class_names, wnids
from sygus.saliency.images.layouts import detect

SAME = Preprocessing((30, 40), (30, 40))


def loaded(folder: Path | str, count: int = 4) -> ImageSet:
    """The pictures by name, half of them searched on."""
    split = load_images(str(folder), search=2, held_out=count - 2, seed=0, preprocessing=SAME)
    rows = [(one, part, row) for part in (split.search, split.held_out) for row, one in enumerate(part.ids)]
    rows.sort(key=lambda entry: entry[0])
    has_masks = all(part.masks is not None for part in (split.search, split.held_out))
    return ImageSet(
        name="",
        pictures=torch.stack([part.pictures[row] for _, part, row in rows]),
        labels=torch.stack([part.labels[row] for _, part, row in rows]),
        masks=torch.stack([part.masks[row] for _, part, row in rows]) if has_masks else None,  # type: ignore[index]
        boxes=tuple(part.boxes[row] for _, part, row in rows),
        ids=tuple(one for one, _, _ in rows),
        classes=split.search.classes,
        notes=split.search.notes + split.held_out.notes,
    )


def folder_of(path: Path, rows: list[dict[str, Any]]) -> Path:
    """A folder with four pictures and masks, whose manifest has these rows, filled up with good ones."""
    for index in range(4):
        picture(path / "images" / f"{index}.png", index)
        mask(path / "masks" / f"{index}.png", (index, 0, 10, 10))
    columns = {"file": "", "class_index": "", "boxes_xyxy": "", "mask_file": ""}
    rows = [columns | {"file": f"images/{index}.png"} | row for index, row in enumerate(rows)]
    rows += [columns | {"file": f"images/{index}.png"} for index in range(len(rows), 4)]
    return manifest(path, rows)


def test_classes_boxes_and_masks(tmp_path: Path) -> None:
    rows = [{"class_index": str(index), "mask_file": f"masks/{index}.png"} for index in (3, 1, 2, 0)]
    rows[0] |= {"file": "images/3.png", "boxes_xyxy": "1 2 30 20;0 0 5 5"}
    rows[1] |= {"file": "images/1.png", "boxes_xyxy": "1.4 2.5 30.5 20.6 ; "}
    rows[2] |= {"file": "images/2.png"}
    rows[3] |= {"file": "images/0.png", "boxes_xyxy": "-5 -5 100 100"}
    folder_of(tmp_path, rows)
    layout = detect(tmp_path)
    assert layout is not None
    assert layout.name == "manifest"
    images = loaded(tmp_path)
    assert images.ids == tuple(f"images/{index}.png" for index in range(4))
    assert images.labels.tolist() == [0, 1, 2, 3]
    # 2.5 is rounded to even, 30.5 too
    assert images.boxes == (((0, 0, 40, 30),), ((1, 2, 30, 21),), (), ((1, 2, 30, 20), (0, 0, 5, 5)))
    assert images.masks is not None
    for index in range(4):
        expected = torch.zeros(30, 40, dtype=torch.bool)
        expected[:10, index:10] = True
        assert torch.equal(images.masks[index], expected)
    assert images.classes == ()
    assert images.labels_for(4).tolist() == [0, 1, 2, 3]


def test_only_the_file_is_needed(tmp_path: Path) -> None:
    folder_of(tmp_path, [])
    manifest(tmp_path, [{"file": f"images/{index}.png"} for index in range(4)])
    images = loaded(tmp_path)
    assert images.labels.tolist() == [NO_CLASS] * 4
    assert images.boxes == ((),) * 4
    assert images.masks is None
    with pytest.raises(
        OptionError, match=r"--target: the class of 4 of 4 pictures of .* is unknown; use --target pred"
    ):
        images.labels_for(4)


def test_a_column_of_wordnet_ids_means_imagenets_classes(tmp_path: Path) -> None:
    folder_of(tmp_path, [])
    ids = [wnids()[i] if i else "" for i in range(4)]
    rows = [{"file": f"images/{i}.png", "class_index": i if i < 3 else "", "wnid": ids[i]} for i in range(4)]
    images = loaded(manifest(tmp_path, rows))
    assert images.classes == class_names()
    assert images.labels_for(1000).tolist() == [0, 1, 2, 3]
    with pytest.raises(OptionError, match="is labelled with 1000 classes, the network has 8; use --target predicted"):
        images.labels_for(8)


def test_masks_of_some_pictures_are_not_used_and_that_is_said(tmp_path: Path) -> None:
    folder_of(tmp_path, [{"mask_file": f"masks/{index}.png"} for index in range(3)])
    images = loaded(tmp_path)
    assert images.masks is None
    assert "1 of 2 pictures have no mask, so no mask is used" in images.notes


def test_a_byte_order_mark_blank_lines_and_quotes(tmp_path: Path) -> None:
    for index in range(4):
        picture(tmp_path / f"a, {index}.png", index)
    lines = ["file,class_index", '"a, 0.png",0', "", '"a, 1.png", 1', '"a, 2.png"', '"a, 3.png",3,more,cells']
    (tmp_path / "manifest.csv").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    images = loaded(tmp_path)
    assert images.ids[3] == "a, 3.png"
    assert images.labels.tolist() == [0, 1, NO_CLASS, 3]


@pytest.mark.parametrize(
    ("row", "message", "hint"),
    [
        ({"class_index": "cat"}, "class_index is 'cat'", "give a whole number"),
        ({"class_index": "-1"}, "class_index is '-1'", "nothing where it is unknown"),
        ({"class_index": "1.0"}, "class_index is '1.0'", "give a whole number"),
        ({"class_index": "\u0661\u00b2"}, "class_index is '", "give a whole number"),
        ({"class_index": "1" * 30}, "class_index is '111", "give a whole number"),
        ({"boxes_xyxy": "1 2 3"}, "the box '1 2 3' is not four numbers", "write x1 y1 x2 y2"),
        ({"boxes_xyxy": "1 2 3 4;5 6 7 x"}, "the box '5 6 7 x' is not four numbers", "write x1 y1 x2 y2"),
        ({"boxes_xyxy": "1,2,3,4"}, "the box '1,2,3,4' is not four numbers", "write x1 y1 x2 y2"),
        ({"boxes_xyxy": "5 2 5 4"}, "the box '5 2 5 4' is empty", "the end exclusive"),
        ({"boxes_xyxy": "1 9 5 4"}, "the box '1 9 5 4' is empty", "the end exclusive"),
        ({"boxes_xyxy": "nan 1 5 4"}, "the box 'nan 1 5 4' is not finite", "x1 y1 x2 y2"),
        ({"boxes_xyxy": "1 1 inf 4"}, "the box '1 1 inf 4' is not finite", "x1 y1 x2 y2"),
        ({"file": ""}, "'' is no file of the folder", "relative to manifest.csv"),
        ({"file": "../secret.png"}, "'../secret.png' is no file of the folder", "relative to manifest.csv"),
        ({"file": "images/../../secret.png"}, "is no file of the folder", "relative to manifest.csv"),
        ({"file": "/etc/passwd"}, "'/etc/passwd' is no file of the folder", "relative to manifest.csv"),
        ({"mask_file": "../secret.png"}, "'../secret.png' is no file of the folder", "relative to manifest.csv"),
        ({"mask_file": "/secret.png"}, "'/secret.png' is no file of the folder", "relative to manifest.csv"),
    ],
)
def test_wrong_lines_are_named_by_number(tmp_path: Path, row: dict[str, Any], message: str, hint: str) -> None:
    picture(tmp_path / "secret.png")
    folder = folder_of(tmp_path / "set", [{}, {}, row])
    with pytest.raises(OptionError) as error:
        loaded(folder)
    assert error.value.message.startswith(f"--images: {folder / 'manifest.csv'}:4: ")
    assert message in error.value.message
    assert hint in error.value.hint


@pytest.mark.parametrize(
    ("content", "message", "hint"),
    [
        (b"", "has no column 'file'", ""),
        (b"picture,class\na.png,1\n", "has no column 'file'", "its columns: picture, class"),
        (b"file\nx\xff\xfe.png\n", "is no CSV file: ", "UTF-8"),
        (b'file,class_index\n"a.png,1\n', "is no CSV file: ", "separated by commas"),
        (b"file\n" + b"x" * 200_000, "is no CSV file: field larger than field limit", "separated by commas"),
        (b"file\n", "'{}' has 0", "a search takes at least 2 pictures"),
    ],
    ids=["empty", "columns", "bytes", "quote", "field", "no rows"],
)
def test_files_that_are_no_manifest(tmp_path: Path, content: bytes, message: str, hint: str) -> None:
    (tmp_path / "manifest.csv").write_bytes(content)
    with pytest.raises(OptionError) as error:
        loaded(tmp_path)
    assert str(tmp_path) in error.value.message
    assert message.format(tmp_path) in error.value.message
    assert hint in error.value.hint


def test_a_manifest_of_x_rays_with_a_wrong_share(tmp_path: Path) -> None:
    folder_of(tmp_path, [])
    row = {"finding": "COVID-19", "mask_lungs": "masks/0.png", "mask_infection": "masks/0.png"}
    rows = [{"file": f"images/{i}.png"} | row | {"infection_inside_lungs": ("1", "much")[i == 2]} for i in range(4)]
    with pytest.raises(OptionError, match=r"manifest.csv:4: infection_inside_lungs is 'much'; give a share"):
        loaded(manifest(tmp_path, rows))
