"""Every layout of picture folders, built small: found, detected, labelled, with boxes and masks where they belong."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from picture_folders import annotation, colour, manifest, mask, picture
from places import SHARED
from sygus.errors import OptionError
from sygus.saliency.images import IMAGE_SETS, NO_CLASS, ImageSet, Preprocessing, load_images
from sygus.saliency.images.imagenet import class_names, class_of_wnid
from sygus.saliency.images.layouts import LAYOUTS, detect

DATA = SHARED / "data"
SAME = Preprocessing((30, 40), (30, 40))
"""Leaves pictures of 40x30 as they are."""

SQUARE = Preprocessing.square(12, 15)
"""Pictures of 40x30 become 20x15; the crop begins at 4, 2 (1.5 rounded to even)."""


def loaded(name: Path | str, search: int, held_out: int = 2, *, seed: int = 0, **options: Any) -> ImageSet:
    """Both parts as one, sorted by name."""
    options = {"preprocessing": SAME} | options
    split = load_images(str(name), search=search, held_out=held_out, seed=seed, **options)
    parts = (split.search, split.held_out)
    order = sorted(((one, i, row) for i, part in enumerate(parts) for row, one in enumerate(part.ids)))
    masks = None
    if all(part.masks is not None for part in parts):
        masks = torch.stack([parts[i].masks[row] for _, i, row in order])  # type: ignore[index]
    return ImageSet(
        name=str(name),
        pictures=torch.stack([parts[i].pictures[row] for _, i, row in order]),
        labels=torch.stack([parts[i].labels[row] for _, i, row in order]),
        masks=masks,
        boxes=tuple(parts[i].boxes[row] for _, i, row in order),
        ids=tuple(one for one, _, _ in order),
        classes=split.search.classes,
        skipped=split.search.skipped + split.held_out.skipped,
        notes=tuple(dict.fromkeys(split.search.notes + split.held_out.notes)),
    )


def assert_colours(images: ImageSet, indices: list[int]) -> None:
    """Each picture is the one with this number, to the losses of JPEG."""
    for pixels, index in zip(images.pictures, indices, strict=True):
        expected = torch.tensor(colour(index)).view(3, 1, 1).expand_as(pixels) / 255
        torch.testing.assert_close(pixels, expected, rtol=0, atol=3 / 255)


def box_mask(left: int, top: int, right: int, bottom: int, size: tuple[int, int] = (30, 40)) -> torch.Tensor:
    found = torch.zeros(size, dtype=torch.bool)
    found[top:bottom, left:right] = True
    return found


# Class folders


def test_class_folders(tmp_path: Path) -> None:
    picture(tmp_path / "b dog" / "deep" / "2.jpg", 2)
    picture(tmp_path / "b dog" / "1.PNG", 1)
    picture(tmp_path / "a cat" / "0.bmp", 0)
    picture(tmp_path / "c newt" / "3.webp", 3)
    picture(tmp_path / "c newt" / ".hidden.png", 9)
    picture(tmp_path / ".cache" / "9.png", 9)
    picture(tmp_path / "outside.png", 9)
    (tmp_path / "c newt" / "notes.txt").write_text("no picture")
    layout = detect(tmp_path)
    assert layout is not None
    assert layout.name == "folder"
    images = loaded(tmp_path, 2)
    assert images.ids == ("a cat/0.bmp", "b dog/1.PNG", "b dog/deep/2.jpg", "c newt/3.webp")
    assert images.classes == ("a cat", "b dog", "c newt")
    assert images.labels.tolist() == [0, 1, 1, 2]
    assert_colours(images, [0, 1, 2, 3])
    assert images.masks is None
    assert images.boxes == ((), (), (), ())


def test_folders_named_by_wordnet_ids_have_imagenets_classes(tmp_path: Path) -> None:
    for index, wnid in enumerate(["n01440764", "n02102040", "n03888257", "n15075141"]):  # tench, springer, parachute
        picture(tmp_path / wnid / "x.png", index)
    images = loaded(f"folder:{tmp_path}", 2)
    assert images.labels.tolist() == [0, 217, 701, 999]
    assert images.classes == class_names()
    assert images.labels_for(1000) is images.labels
    picture(tmp_path / "others" / "x.png", 4)  # now they are names like any others
    assert loaded(tmp_path, 2, 3).labels.tolist() == [0, 1, 2, 3, 4]


def test_the_table_of_imagenets_classes() -> None:
    assert len(class_names()) == len(class_of_wnid()) == 1000
    assert list(class_of_wnid()) == sorted(class_of_wnid())
    named = {
        0: "tench",
        1: "goldfish",
        207: "golden retriever",
        281: "tabby",
        409: "analog clock",
        999: "toilet tissue",
    }
    assert {index: class_names()[index].replace("_", " ") for index in named} == named


def test_imagenette(tmp_path: Path) -> None:
    for part in ("train", "val"):
        for index, wnid in enumerate(["n01440764", "n03888257"]):
            for rank in range(2):
                picture(
                    tmp_path / part / wnid / f"{part}_{rank}.JPEG", 2 * index + rank + (5 if part == "train" else 0)
                )
    (tmp_path / "noisy_imagenette.csv").write_text("path\n")
    layout = detect(tmp_path)
    assert layout is not None
    assert layout.name == "imagenette"
    images = loaded(tmp_path, 2)
    assert images.ids[0] == "n01440764/val_0.JPEG"
    assert images.labels.tolist() == [0, 0, 701, 701]
    assert_colours(images, [0, 1, 2, 3])


# ImageNet's validation pictures


def imagenet(root: Path, pictures: str, annotations: str, *, flat: bool) -> Path:
    names = {"ILSVRC2012_val_00000001": "n01440764", "ILSVRC2012_val_00000002": "n03888257", "x3": "n01440764"}
    for index, (stem, wnid) in enumerate(names.items()):
        picture(root / pictures / ("" if flat else wnid) / f"{stem}.JPEG", index)
        objects = [(wnid, (4.0, 6.0, 14.0, 26.0)), ("n02102040", (0.0, 0.0, 5.0, 5.0)), (wnid, (20.0, 0.0, 40.0, 30.0))]
        annotation(root / annotations / f"{stem}.xml", objects[:1] if stem == "x3" else objects)
    return root


@pytest.mark.parametrize(
    ("pictures", "annotations", "flat"),
    [
        ("val", "ILSVRC2012_bbox_val_v3/val", False),  # torchvision's
        ("val", "bbox/val", True),
        ("ILSVRC/Data/CLS-LOC/val", "ILSVRC/Annotations/CLS-LOC/val", True),  # Kaggle's
        ("Data/CLS-LOC/val", "Annotations/CLS-LOC/val", True),
    ],
)
def test_imagenet_with_boxes(tmp_path: Path, pictures: str, annotations: str, flat: bool) -> None:
    imagenet(tmp_path, pictures, annotations, flat=flat)
    layout = detect(tmp_path)
    assert layout is not None
    assert layout.name == "imagenet"
    picture(tmp_path / pictures / ("" if flat else "n03888257") / "y4.JPEG", 3)
    annotation(tmp_path / annotations / "y4.xml", [("n03888257", (1.0, 2.0, 3.0, 4.0))])
    found = loaded(tmp_path, 2)
    by_stem = {Path(one).stem: row for row, one in enumerate(found.ids)}
    rows = [by_stem[stem] for stem in ("ILSVRC2012_val_00000001", "ILSVRC2012_val_00000002", "x3", "y4")]
    assert [int(found.labels[row]) for row in rows] == [0, 701, 0, 701]
    assert [found.boxes[row] for row in rows] == [
        ((4, 6, 14, 26), (20, 0, 40, 30)),
        ((4, 6, 14, 26), (20, 0, 40, 30)),
        ((4, 6, 14, 26),),
        ((1, 2, 3, 4),),
    ]
    assert found.classes == class_names()


# VOC


def voc(root: Path, part: str = "test") -> Path:
    """Four pictures: two dogs, the larger counted; a difficult cat beside a bird; only a difficult car; a person."""
    annotated: dict[str, list[Any]] = {
        "000001": [("cat", (1, 1, 10, 10)), ("dog", (3, 5, 22, 24)), ("dog", (31, 1, 40, 30))],
        "000002": [("cat", (1, 1, 40, 30), 1), ("bird", (5, 5, 8, 8), 0)],
        "000003": [("car", (11, 11, 20, 20), 1)],
        "000004": [("person", (2, 3, 4, 5), 0), ("head", (1, 1, 40, 30))],
    }
    for index, (name, objects) in enumerate(annotated.items()):
        picture(root / "JPEGImages" / f"{name}.jpg", index)
        annotation(root / "Annotations" / f"{name}.xml", objects)
        mask(root / "SegmentationClass" / f"{name}.png", (2, 4, 22, 24), value=(12, 3, 7, 15)[index])
    for kind in ("Main", "Segmentation"):
        (root / "ImageSets" / kind).mkdir(parents=True)
        (root / "ImageSets" / kind / f"{part}.txt").write_text("".join(f"{name}\n" for name in annotated))
    picture(root / "JPEGImages" / "000009.jpg", 9)  # of another list
    return root


@pytest.mark.parametrize("inner", ["", "VOC2007", "VOCdevkit/VOC2007", "VOCdevkit/VOC2012"])
@pytest.mark.parametrize("part", ["test", "val", "trainval"])
def test_voc(tmp_path: Path, inner: str, part: str) -> None:
    voc(tmp_path / inner, part)
    layout = detect(tmp_path)
    assert layout is not None
    assert layout.name == "voc"
    images = loaded(tmp_path, 2)
    assert images.ids == ("000001.jpg", "000002.jpg", "000003.jpg", "000004.jpg")
    assert [images.classes[label] for label in images.labels] == ["dog", "bird", "car", "person"]
    assert images.labels.tolist() == [11, 2, 6, 14]
    assert len(images.classes) == 20
    # VOC counts from 1 and includes the last pixel
    assert images.boxes == (((2, 4, 22, 24), (30, 0, 40, 30)), ((4, 4, 8, 8),), ((10, 10, 20, 20),), ((1, 2, 4, 5),))
    assert images.masks is None
    assert_colours(images, [0, 1, 2, 3])


def test_voc_with_segmentation(tmp_path: Path) -> None:
    """Values of the segmentation are classes from 1; those of other classes and the border, 255, are outside."""
    voc(tmp_path)
    mask(tmp_path / "SegmentationClass" / "000003.png", (2, 4, 22, 24), value=255)
    images = loaded(f"voc-segmentation:{tmp_path}", 2)
    assert images.masks is not None
    inside = box_mask(2, 4, 22, 24)
    assert torch.equal(images.masks[0], inside)  # dog is 12
    assert torch.equal(images.masks[1], inside)  # bird is 3
    assert not images.masks[2].any()
    assert torch.equal(images.masks[3], inside)
    assert images.boxes[0] == ((2, 4, 22, 24), (30, 0, 40, 30))


def test_voc_resized_and_cropped(tmp_path: Path) -> None:
    """Halved, less 4, 2, clipped to 12: the box 2 4 22 24 is 1-4, 2-2, 11-4, 12-2."""
    voc(tmp_path)
    images = loaded(f"voc-segmentation:{tmp_path}", 2, preprocessing=SQUARE)
    assert images.boxes == (((0, 0, 7, 10), (11, 0, 12, 12)), (), ((1, 3, 6, 8),), ())
    assert images.masks is not None
    assert torch.equal(images.masks[0], box_mask(0, 0, 7, 10, (12, 12)))


# X-rays


def covid(root: Path, nested: bool) -> Path:
    for half, kinds in (
        ("Infection Segmentation Data", ("infection masks", "lung masks")),
        ("Lung Segmentation Data", ("lung masks",)),
    ):
        part = root / half / (half if nested else "") / "Test"
        for label, name in enumerate(("COVID-19", "Non-COVID", "Normal")):
            for rank in range(2):
                file = f"{name.lower()}_{rank}.png"
                picture(part / name / "images" / file, 2 * label + rank)
                for kind in kinds:
                    mask(part / name / kind / file, (rank, 0, 10 + label, 20 if kind == "lung masks" else 10))
        picture(root / half / (half if nested else "") / "Train" / "Normal" / "images" / "t.png", 20)
    return root


@pytest.mark.parametrize("nested", [False, True])
def test_covid_qu_ex(tmp_path: Path, nested: bool) -> None:
    covid(tmp_path, nested)
    layout = detect(tmp_path)
    assert layout is not None
    assert layout.name == "covid"
    for name, height in ((str(tmp_path), 10), (f"covid:{tmp_path}", 10), (f"covid-lungs:{tmp_path}", 20)):
        images = loaded(name, 3, 3)
        assert images.classes == ("COVID-19", "Non-COVID", "Normal")
        assert images.labels.tolist() == [0, 0, 1, 1, 2, 2]
        assert images.ids[0] == "COVID-19/images/covid-19_0.png"
        assert_colours(images, list(range(6)))
        assert images.masks is not None
        for row in range(6):
            assert torch.equal(images.masks[row], box_mask(row % 2, 0, 10 + row // 2, height))


def x_rays(folder: Path) -> Path:
    rows = []
    for index in range(8):
        picture(folder / "images" / f"{index}.png", index)
        mask(folder / "masks" / f"{index}_lungs.png", (0, 0, 20, 20))
        mask(folder / "masks" / f"{index}_infection.png", (0, 0, 5, 5))
        rows.append(
            {
                "file": f"images/{index}.png",
                "finding": ("SARS", "COVID-19")[index % 2],
                "mask_lungs": f"masks/{index}_lungs.png" if index != 7 else "",
                "mask_infection": f"masks/{index}_infection.png" if index < 6 else "",
                "infection_inside_lungs": ("1.0", "0.9", "0.899", "", "0.95", "0.5", "", "")[index],
            }
        )
    return manifest(folder, rows)


def test_x_rays_with_a_manifest(tmp_path: Path) -> None:
    x_rays(tmp_path)
    layout = detect(tmp_path)
    assert layout is not None
    assert layout.name == "covid"
    images = loaded(tmp_path, 2)
    assert images.ids == tuple(f"images/{index}.png" for index in (0, 1, 3, 4))
    assert images.classes == ("COVID-19", "SARS")
    assert images.labels.tolist() == [1, 0, 0, 1]
    assert images.masks is not None
    assert all(torch.equal(one, box_mask(0, 0, 5, 5)) for one in images.masks)
    assert images.notes == (
        "2 of 8 pictures have no mask_infection and are left out",
        "2 whose infection is drawn outside the lungs are left out",
    )
    lungs = loaded(f"covid-lungs:{tmp_path}", 4, 3)
    assert len(lungs) == 7
    assert lungs.masks is not None
    assert all(torch.equal(one, box_mask(0, 0, 20, 20)) for one in lungs.masks)
    assert lungs.notes == ("1 of 8 pictures have no mask_lungs and are left out",)


# What no layout fits


def test_a_folder_of_no_layout_is_answered_with_the_layouts(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(OptionError) as error:
        loaded(tmp_path, 2)
    assert error.value.message == f"--images: the folder '{tmp_path}' has no known layout"
    assert "or put pictures into it" in error.value.hint
    assert all(f"{name}:{tmp_path}" in error.value.hint for name in LAYOUTS)


@pytest.mark.parametrize("name", ["nowhere", "shapes:", "shape", "voc:nowhere", "vocs:.", "file.png"])
def test_unknown_image_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    picture(tmp_path / "file.png")
    with pytest.raises(OptionError) as error:
        loaded(name, 2)
    assert name.removeprefix("voc:") in error.value.message
    known = error.value.hint == "write voc:DIR" or all(one in error.value.hint for one in IMAGE_SETS)
    assert known


LACKING: dict[str, tuple[Callable[[Path], object], str]] = {
    "flat": (lambda folder: picture(folder / "a" / "x.png"), "has no pictures"),
    "folder": (lambda folder: picture(folder / "x.png"), "has no class folders"),
    "manifest": (lambda folder: picture(folder / "a" / "x.png"), "there is no '"),
    "voc": (lambda folder: picture(folder / "a" / "x.png"), "has no folder JPEGImages"),
    "voc-segmentation": (lambda folder: picture(folder / "JPEGImages" / "x.jpg"), "has no list of its pictures"),
    "imagenet": (lambda folder: picture(folder / "val" / "x.JPEG"), "has none of the folders Annotations/CLS-LOC/val"),
    "imagenette": (lambda folder: picture(folder / "val" / "dogs" / "x.JPEG"), "no folders named by WordNet ids"),
    "covid": (lambda folder: picture(folder / "Test" / "x.png"), "has neither manifest.csv with findings nor"),
    "covid-lungs": (lambda folder: picture(folder / "Test" / "x.png"), "has neither manifest.csv with findings nor"),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_named_layout_says_what_the_folder_lacks(tmp_path: Path, name: str) -> None:
    prepare, message = LACKING[name]
    prepare(tmp_path)
    with pytest.raises(OptionError) as error:
        loaded(f"{name}:{tmp_path}", 2)
    assert error.value.message.startswith("--images: '") or error.value.message.startswith("--images: there")
    assert message in error.value.message


def test_an_empty_folder_of_a_layout_has_too_few_pictures(tmp_path: Path) -> None:
    (tmp_path / "empty class").mkdir()
    with pytest.raises(OptionError, match="has 0; a search takes at least 2 pictures"):
        loaded(tmp_path, 2)


# The folders of real pictures


@pytest.mark.parametrize(
    ("name", "count", "boxes", "masks"),
    [
        ("imagenet_val_boxes", 56, 56, False),
        ("ecssd_subset", 75, 75, True),
        ("oxford_pet_subset", 26, 26, True),
        ("imagenet_samples", 125, 0, False),
        ("covid_cxr_seg", 34, 0, True),
    ],
)
def test_the_shared_folders_load_with_their_counts(name: str, count: int, boxes: int, masks: bool) -> None:
    if not (DATA / name).is_dir():
        pytest.skip(f"needs the pictures of ../shared/data/{name}")
    whole = Preprocessing((32, 32), (32, 32))  # nothing is cropped away, so no box is lost
    prefix = "covid-lungs:" if name == "covid_cxr_seg" else ""
    images = loaded(f"{prefix}{DATA / name}", 2, count - 2, preprocessing=whole)
    assert len(images) == count == len(set(images.ids))
    assert images.skipped == ()
    assert sum(map(bool, images.boxes)) == boxes
    assert (images.masks is not None) == masks
    assert images.masks is None or bool(images.masks.flatten(1).any(1).all())
    assert NO_CLASS not in images.labels
    with pytest.raises(OptionError, match=f"has {count}"):
        loaded(f"{prefix}{DATA / name}", 2, count, preprocessing=whole)


def test_a_folder_that_looks_like_several_layouts_has_the_most_special(tmp_path: Path) -> None:
    picture(tmp_path / "JPEGImages" / "a.png")
    (tmp_path / "manifest.csv").write_text("file\nJPEGImages/a.png\n")

    def found() -> str | None:
        layout = detect(tmp_path)
        return None if layout is None else layout.name

    assert found() == "manifest"
    (tmp_path / "manifest.csv").unlink()
    assert found() == "voc"
    (tmp_path / "JPEGImages").rename(tmp_path / "pictures")
    assert found() == "folder"
    shutil.rmtree(tmp_path / "pictures")
    assert found() is None
