"""Resize and crop: the arithmetic of torchvision's documented rule, worked out by hand and by loops."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sygus.saliency.images import Preprocessing
from sygus.saliency.images.geometry import INTERPOLATIONS

SIDES = st.integers(1, 700)


@pytest.mark.parametrize(
    ("preprocessing", "source", "resized", "offset"),
    [
        # width, height of the source; the short side becomes 256, the other is cut off to a whole number
        (Preprocessing.square(224, 256), (500, 375), (341, 256), (58, 16)),  # 341.33; 58.5 is rounded to even
        (Preprocessing.square(224, 256), (375, 500), (256, 341), (16, 58)),
        (Preprocessing.square(224, 256), (640, 427), (383, 256), (80, 16)),  # 383.7; 79.5 to even
        (Preprocessing.square(224, 256), (256, 256), (256, 256), (16, 16)),
        (Preprocessing.square(224, 256), (1, 1), (256, 256), (16, 16)),
        (Preprocessing.square(224), (300, 200), (336, 224), (56, 0)),
        (Preprocessing.square(3, 4), (5, 7), (4, 5), (0, 1)),  # 5.6; 0.5 to even
        (Preprocessing.square(3, 4), (10, 4), (10, 4), (4, 0)),  # 3.5 to even
        (Preprocessing((30, 20), (24, 20)), (123, 45), (20, 30), (0, 3)),
        (Preprocessing((8, 8), (8, 8)), (1000, 10), (8, 8), (0, 0)),
    ],
)
def test_sizes_and_offsets_by_hand(
    preprocessing: Preprocessing, source: tuple[int, int], resized: tuple[int, int], offset: tuple[int, int]
) -> None:
    placement = preprocessing.placement(*source)
    assert (placement.resized, placement.offset) == (resized, offset)
    assert placement.picture(Image.new("RGB", source)).size == preprocessing.size[::-1]


@given(width=SIDES, height=SIDES, resize=st.integers(8, 64), crop=st.integers(1, 8))
def test_the_short_side_has_the_length_and_the_crop_lies_inside(
    width: int, height: int, resize: int, crop: int
) -> None:
    placement = Preprocessing.square(crop, resize).placement(width, height)
    wide, tall = placement.resized
    assert min(wide, tall) == resize
    assert max(wide, tall) == math.floor(resize * max(width, height) / min(width, height))
    left, top = placement.offset
    assert 0 <= left <= wide - crop
    assert 0 <= top <= tall - crop
    assert abs(left - (wide - crop) / 2) <= 0.5
    assert abs(top - (tall - crop) / 2) <= 0.5


def gradient_picture(width: int, height: int) -> Image.Image:
    y, x = np.mgrid[:height, :width]
    values = np.stack([x * 255 // max(width - 1, 1), y * 255 // max(height - 1, 1), (x + y) % 256], -1)
    return Image.fromarray(values.astype(np.uint8))


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_pictures_are_pils_resize_and_crop(interpolation: str) -> None:
    picture = gradient_picture(50, 37)
    placement = Preprocessing.square(24, 28, interpolation).placement(50, 37)  # type: ignore[arg-type]
    expected = picture.resize((37, 28), Image.Resampling[interpolation.upper()]).crop((6, 2, 30, 26))
    assert placement.offset == (6, 2)
    assert np.array_equal(np.array(placement.picture(picture)), np.array(expected))


def test_a_picture_of_the_right_size_is_not_touched() -> None:
    picture = gradient_picture(24, 24)
    assert np.array_equal(
        np.array(Preprocessing.square(24, None, "bicubic").placement(24, 24).picture(picture)), picture
    )


def test_halving_takes_the_mean_of_four_pixels() -> None:
    """The box filter by hand, and bilinear with antialiasing: 1/8, 3/8, 3/8, 1/8 along each axis, inside."""
    values = np.zeros((8, 8, 3), np.uint8)
    values[2, 3] = 160
    picture = Image.fromarray(values)
    box = np.array(Preprocessing.square(4, None, "box").placement(8, 8).picture(picture))[..., 0]
    assert box[1, 1] == 40
    assert box.sum() == 40
    bilinear = np.array(Preprocessing.square(4).placement(8, 8).picture(picture))[..., 0]
    along_y = {0: 1 / 8 / (1 - 1 / 8), 1: 3 / 8}  # row 2; the first row's filter is cut off at the border
    along_x = {1: 3 / 8, 2: 1 / 8}  # column 3
    for row in range(4):
        for column in range(4):
            assert bilinear[row, column] == pytest.approx(160 * along_y.get(row, 0) * along_x.get(column, 0), abs=1)


def test_masks_keep_their_values() -> None:
    values = np.zeros((37, 50), np.uint8)
    values[10:20, 5:40] = 7
    values[20:30, 5:40] = 200
    for preprocessing in (Preprocessing.square(24, 28, "bicubic"), Preprocessing((90, 120), (90, 120), "lanczos")):
        placed = np.array(preprocessing.placement(50, 37).mask(Image.fromarray(values)))
        assert placed.shape == preprocessing.size
        assert set(np.unique(placed)) == {0, 7, 200}


def test_a_mask_by_the_nearest_pixel() -> None:
    """Pixel i of the result is the source's pixel at (i + 1/2)·50/37, cut off; at column 18, 25, either neighbour."""
    generator = np.random.Generator(np.random.PCG64(0))
    values = generator.integers(0, 9, (37, 50)).astype(np.uint8)
    placed = np.array(Preprocessing.square(24, 28).placement(50, 37).mask(Image.fromarray(values)))
    for row in range(24):
        for column in range(24):
            y, x = (row + 2 + 0.5) * 37 / 28, (column + 6 + 0.5) * 50 / 37
            assert placed[row, column] in (values[int(y), int(x)], values[int(y), int(x - 1e-9)])


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        # (500, 375) to (341, 256): factors 0.682 and 0.68267, less 58 and 16; clipped to 224
        ((111, 108, 441, 193), ((18, 58, 224, 116),)),  # 17.70, 57.73, 242.76, 115.76
        ((0, 0, 500, 375), ((0, 0, 224, 224),)),
        ((100.5, 100.5, 102.5, 102.5), ((11, 53, 12, 54),)),  # 10.54, 52.61, 11.91, 53.97
        ((0, 0, 80, 375), ()),  # ends at -3.4, left of the crop
        ((420, 0, 500, 375), ()),  # begins at 228.4, right of it
        ((200, 100, 200.1, 200), ()),  # 78.40 to 78.47: nothing is left of it
        ((-50, -50, 1000, 1000), ((0, 0, 224, 224),)),
    ],
)
def test_boxes_by_hand(box: tuple[float, ...], expected: tuple[tuple[int, ...], ...]) -> None:
    left, top, right, bottom = box
    placed = Preprocessing.square(224, 256).placement(500, 375).boxes([(left, top, right, bottom)])
    assert placed == expected


@given(
    width=st.integers(4, 90),
    height=st.integers(4, 90),
    corners=st.tuples(*[st.floats(0, 1)] * 4),
    resize=st.integers(16, 40),
)
def test_boxes_follow_masks(width: int, height: int, corners: tuple[float, float, float, float], resize: int) -> None:
    """The box of a filled rectangle is the extent of its mask after the same preprocessing, to one pixel."""
    x1, x2 = sorted((int(corners[0] * width), int(corners[1] * width)))
    y1, y2 = sorted((int(corners[2] * height), int(corners[3] * height)))
    mask = np.zeros((height, width), np.uint8)
    mask[y1 : y2 + 1, x1 : x2 + 1] = 255
    x2, y2 = min(x2 + 1, width), min(y2 + 1, height)
    placement = Preprocessing.square(16, resize).placement(width, height)
    rows, columns = np.nonzero(np.array(placement.mask(Image.fromarray(mask))))
    boxes = placement.boxes([(x1, y1, x2, y2)])
    if len(rows) and boxes:
        extent = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        assert max(abs(a - b) for a, b in zip(boxes[0], extent, strict=True)) <= 1
    elif len(rows) or boxes:
        x, y, right, bottom = boxes[0] if boxes else (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        assert min(right - x, bottom - y) <= 1


@pytest.mark.parametrize(
    ("resize", "crop"), [(10, (11, 5)), (10, (5, 11)), ((10, 20), (11, 5)), ((10, 20), (5, 21)), (10, (0, 5))]
)
def test_a_crop_that_does_not_fit(resize: int | tuple[int, int], crop: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="cannot crop"):
        Preprocessing(resize, crop)


def test_an_unknown_filter() -> None:
    with pytest.raises(ValueError, match="unknown interpolation 'cubic'; choose one of nearest, "):
        Preprocessing(10, (10, 10), "cubic")  # type: ignore[arg-type]
