"""Reading picture files: kinds of pixels by hand-worked numbers; broken, huge and hostile files named and left out."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from picture_folders import annotation, mask, picture
from sygus.saliency.images import Preprocessing
from sygus.saliency.images.collection import Record, Unreadable
from sygus.saliency.images.layouts.annotation import read_annotation
from sygus.saliency.images.reading import read_record


def pixels(path: Path, size: tuple[int, int]) -> list[tuple[int, ...]]:
    """The pixels of a file, row by row, as colours from 0 to 255; size is H, W."""
    found, _, _ = read_record(Record(path), Preprocessing(size, size))
    assert found.dtype == torch.float32
    assert found.is_contiguous()
    assert 0 <= float(found.min()) <= float(found.max()) <= 1
    scaled = found * 255
    assert torch.equal(scaled.round() / 255, found)
    return [tuple(colour) for colour in scaled.round().int().flatten(1).T.tolist()]


# Kinds of pixels


def test_colours(tmp_path: Path) -> None:
    image = Image.new("RGB", (2, 1))
    image.putdata([(0, 51, 255), (1, 2, 3)])
    image.save(tmp_path / "x.png")
    assert pixels(tmp_path / "x.png", (1, 2)) == [(0, 51, 255), (1, 2, 3)]


def test_grey_pictures_have_three_equal_channels(tmp_path: Path) -> None:
    for mode, value, expected in (("L", 77, 77), ("1", 1, 255), ("LA", (77, 0), 77)):
        Image.new(mode, (1, 2), value).save(tmp_path / "x.png")
        assert pixels(tmp_path / "x.png", (2, 1)) == [(expected,) * 3] * 2


def test_palettes_are_looked_up(tmp_path: Path) -> None:
    image = Image.new("P", (3, 1))
    image.putpalette([9, 8, 7, 200, 100, 50, 1, 2, 3])
    image.putdata([1, 0, 2])
    for options in ({}, {"transparency": 1}):
        image.save(tmp_path / "x.png", **options)
        with Image.open(tmp_path / "x.png") as written:
            assert written.mode == "P"
        assert pixels(tmp_path / "x.png", (1, 3)) == [(200, 100, 50), (9, 8, 7), (1, 2, 3)]


def test_transparency_is_ignored(tmp_path: Path) -> None:
    image = Image.new("RGBA", (2, 1))
    image.putdata([(10, 20, 30, 0), (40, 50, 60, 128)])
    image.save(tmp_path / "x.png")
    assert pixels(tmp_path / "x.png", (1, 2)) == [(10, 20, 30), (40, 50, 60)]


def test_inks(tmp_path: Path) -> None:
    """C, M, Y, K of 255 each leave nothing of red, green, blue, and all."""
    image = Image.new("CMYK", (5, 1))
    image.putdata([(0, 0, 0, 0), (255, 0, 0, 0), (0, 255, 0, 0), (0, 0, 255, 0), (0, 0, 0, 255)])
    image.save(tmp_path / "x.tif")
    white, cyan, magenta, yellow, black = pixels(tmp_path / "x.tif", (1, 5))
    assert (white, cyan, magenta) == ((255, 255, 255), (0, 255, 255), (255, 0, 255))
    assert (yellow, black) == ((255, 255, 0), (0, 0, 0))


@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm"])
def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path, suffix: str) -> None:
    """v/257, so that 65535 is 255; 128 is less than a half, 129 more."""
    values = np.array([[0, 128, 129, 257, 32896, 65535]], np.uint16)
    Image.fromarray(values).save(tmp_path / f"x{suffix}")
    assert pixels(tmp_path / f"x{suffix}", (1, 6)) == [(v,) * 3 for v in (0, 0, 1, 1, 128, 255)]


def test_thirty_two_bits_where_the_values_fit_sixteen(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 65535]], np.int32)).save(tmp_path / "x.tif")
    assert pixels(tmp_path / "x.tif", (1, 2)) == [(0, 0, 0), (255, 255, 255)]
    for values in ([[0, 65536]], [[-1, 5]]):
        Image.fromarray(np.array(values, np.int32)).save(tmp_path / "x.tif")
        with pytest.raises(Unreadable, match="grey values do not fit 16 bits"):
            pixels(tmp_path / "x.tif", (1, 2))


def test_floating_point_pictures_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.ones((2, 2), np.float32)).save(tmp_path / "x.tif")
    with pytest.raises(Unreadable, match="no known range"):
        pixels(tmp_path / "x.tif", (2, 2))


def test_orientation_is_not_applied_since_boxes_count_stored_pixels(tmp_path: Path) -> None:
    image = Image.new("RGB", (2, 1))
    image.putdata([(255, 0, 0), (0, 0, 255)])
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "x.png", exif=exif)
    assert pixels(tmp_path / "x.png", (1, 2)) == [(255, 0, 0), (0, 0, 255)]


def test_the_content_counts_not_the_suffix(tmp_path: Path) -> None:
    picture(tmp_path / "x.png", 3).rename(tmp_path / "x.jpg")
    assert pixels(tmp_path / "x.jpg", (30, 40))[0] == (30, 225, 77)


# Masks


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "LA", "I;16"])
def test_masks_of_every_mode_are_nonzero_inside(tmp_path: Path, mode: str) -> None:
    picture(tmp_path / "x.png")
    values = np.zeros((30, 40), np.uint8)
    values[5:10, 20:40] = 1 if mode != "RGB" else 255
    image = Image.fromarray(values.astype(np.uint16) if mode == "I;16" else values)
    if mode == "1":
        image = Image.fromarray(values * 255).convert("1")
    elif mode == "P":
        image.putpalette([0] * 768)
    elif mode != "I;16":
        image = image.convert(mode)
    image.save(tmp_path / "m.png")
    _, found, _ = read_record(Record(tmp_path / "x.png", mask=tmp_path / "m.png"), Preprocessing((30, 40), (30, 40)))
    assert found is not None
    assert found.dtype == torch.bool
    assert torch.equal(found, torch.from_numpy(values != 0))


def test_masks_by_their_value(tmp_path: Path) -> None:
    picture(tmp_path / "x.png")
    mask(tmp_path / "m.png", (1, 2, 3, 4), value=7)
    for value, count in ((7, 4), (8, 0), (0, 1196)):
        record = Record(tmp_path / "x.png", mask=tmp_path / "m.png", mask_value=value)
        _, found, _ = read_record(record, Preprocessing((30, 40), (30, 40)))
        assert found is not None
        assert int(found.sum()) == count


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        (lambda path: mask(path, (0, 0, 5, 5), size=(30, 40)), "its mask m.png is 30x40, the picture 40x30"),
        (lambda path: path.write_text("no"), "m.png is no picture of a known format"),
        (lambda _: None, "there is no file m.png"),
    ],
)
def test_masks_that_do_not_fit(tmp_path: Path, prepare: Callable[[Path], object], reason: str) -> None:
    picture(tmp_path / "x.png")
    prepare(tmp_path / "m.png")
    with pytest.raises(Unreadable, match=reason):
        read_record(Record(tmp_path / "x.png", mask=tmp_path / "m.png"), Preprocessing.square(8))


# Broken and hostile pictures


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(path: Path) -> None:
    """A PNG of a few bytes that says it has 60000 x 60000 pixels."""
    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\0" * 1000)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b""))


def smaller_bomb(path: Path) -> None:
    """Of 10000 x 10000 pixels, of which PIL only warns."""
    header = struct.pack(">IIBBBBB", 10000, 10000, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IEND", b""))


def cut(kind: str) -> Callable[[Path], object]:
    def prepare(path: Path) -> None:
        noise = np.random.Generator(np.random.PCG64(0)).integers(0, 256, (60, 60, 3)).astype(np.uint8)
        Image.fromarray(noise).save(path, kind)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    return prepare


def damaged(path: Path) -> None:
    picture(path)
    content = bytearray(path.read_bytes())
    place = content.index(b"IDAT") + 8
    content[place] ^= 255
    path.write_bytes(bytes(content))


def postscript(path: Path) -> None:
    """PIL would run Ghostscript on it."""
    path.write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 40 30\n%%EndComments\nshowpage\n%%EOF\n")


def line(path: Path) -> None:
    """Of one pixel by 400000, which a short side of 256 would make 26 thousand million."""
    Image.new("L", (400_000, 1)).save(path)


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "a cut PNG": (cut("PNG"), "x.png: "),
    "a cut JPEG": (cut("JPEG"), "x.png: "),
    "a cut TIFF": (cut("TIFF"), "x.png"),
    "a cut WebP": (cut("WEBP"), "x.png"),
    "a cut BMP": (cut("BMP"), "x.png: "),
    "a damaged PNG": (damaged, "x.png: "),
    "an empty file": (lambda path: path.write_bytes(b""), "x.png is no picture of a known format"),
    "text": (lambda path: path.write_text("<html>not found</html>"), "x.png is no picture of a known format"),
    "a header alone": (lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n"), "x.png"),
    "a folder": (lambda path: path.mkdir(), "x.png: "),
    "nothing": (lambda _: None, "there is no file x.png"),
    "a bomb": (bomb, "x.png has more than 89 million pixels, which may be an attack"),
    "a smaller bomb": (smaller_bomb, "x.png has more than 89 million pixels, which may be an attack"),
    "a line": (line, "x.png is 400000x1, which the network would have as 102400000x256 pixels"),
    "PostScript": (postscript, "x.png is no picture of a known format"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_pictures_say_why(tmp_path: Path, name: str) -> None:
    prepare, reason = BROKEN[name]
    prepare(tmp_path / "x.png")
    with pytest.raises(Unreadable) as error:
        read_record(Record(tmp_path / "x.png"), Preprocessing.square(224, 256))
    assert str(error.value).startswith(reason)
    assert "\n" not in str(error.value)
    assert str(tmp_path) not in str(error.value)  # its name in the folder comes before


# Annotations


def test_annotations(tmp_path: Path) -> None:
    path = annotation(tmp_path / "x.xml", [(" dog ", (1, 2.5, 3, 4), 1), ("cat", (5, 6, 7, 8))], "<!-- by hand -->")
    dog, cat = read_annotation(path)
    assert (dog.name, dog.box, dog.difficult) == ("dog", (1, 2.5, 3, 4), True)
    assert (cat.name, cat.box, cat.difficult) == ("cat", (5, 6, 7, 8), False)


LAUGHS = '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;&x;">]>'
FILE = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
GOOD = "<annotation><object><name>{}</name><bndbox><xmin>{}</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax></bndbox>"
GOOD += "</object></annotation>"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ((LAUGHS + GOOD.format("&y;", 1)).encode(), "x.xml declares a document type"),
        ((FILE + GOOD.format("&x;", 1)).encode(), "x.xml declares a document type"),
        ((LAUGHS + GOOD.format("&y;", 1)).encode("utf-16"), "x.xml is no annotation: it is not written in UTF-8"),
        ((FILE + GOOD.format("&x;", 1)).encode("utf-16-be"), "x.xml is no annotation: it is not written in UTF-8"),
        (b"<annotation><object>", "x.xml is no annotation: "),
        (b"", "x.xml is no annotation: "),
        (b"\xff\xff\xff", "x.xml is no annotation: "),
        (b"<annotation><object><name>dog</name></object></annotation>", "lacks its name or a corner of its box"),
        (GOOD.replace("<name>{}</name>", "").format(1).encode(), "lacks its name or a corner of its box"),
        (GOOD.format("dog", "one").encode(), "x.xml is no annotation: could not convert"),
        (GOOD.format("dog", "inf").encode(), "x.xml is no annotation: a corner of a box is not finite"),
        (GOOD.format("dog", "nan").encode(), "x.xml is no annotation: a corner of a box is not finite"),
        (b"<annotation>" + b" " * 1_000_001 + b"</annotation>", "x.xml is too large for an annotation"),
        (None, "there is no annotation x.xml"),
    ],
)
def test_annotations_that_are_none(tmp_path: Path, content: bytes | None, reason: str) -> None:
    path = tmp_path / "x.xml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Unreadable) as error:
        read_annotation(path)
    assert reason in str(error.value)
    assert "root:" not in str(error.value)  # nothing of another file
