"""``sycam-sygus explain``: heat maps of pictures by path and of the embedded set; bad input is named."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from matplotlib.figure import Figure
from PIL import Image

from sygus.app.cli import main
from sygus.export.figures import CAPTION, WIDEST, row_captions, rows_of_heat_maps
from sygus.saliency.methods import masked


def run(tmp_path: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["explain", *arguments, "--out", str(tmp_path / "out")])


def test_draws_and_prints(tmp_path: Path) -> None:
    picture = tmp_path / "grey.png"
    Image.new("L", (90, 50), 128).save(picture)
    result = run(tmp_path, "shapes:3", str(picture), "--methods", "gradcam,eigencam", "--expression", "(gap gradient)")
    assert result.exit_code == 0, result.output
    assert [line.partition(": ")[0] for line in result.stdout.splitlines()] == ["shapes:3", str(picture)]
    with Image.open(tmp_path / "out" / "heatmaps.png") as figure:
        assert figure.size[0] > 300


def test_single_overlays(tmp_path: Path) -> None:
    def drawn(*options: str) -> dict[str, np.ndarray]:
        out = tmp_path / "-".join(["out", *options])
        arguments = ["shapes:0", "shapes:1", "--methods", "gradcam,gradcam++", "--single", *options]
        result = CliRunner().invoke(main, ["explain", *arguments, "--out", str(out)])
        assert result.exit_code == 0, result.output
        return {path.name: np.asarray(Image.open(path)) for path in sorted(out.iterdir())}

    opaque, half, bare = (drawn("--alpha", alpha) for alpha in ("1", "0.5", "0"))
    names = ["001-shapes_0-gradcam++.png", "001-shapes_0-gradcam.png"]
    assert list(opaque) == [*names, *(name.replace("001", "002").replace("_0", "_1") for name in names)]
    for name, picture in bare.items():
        assert picture.shape == (64, 64, 3)
        assert (picture == picture[..., :1]).all()
        mixed = (opaque[name].astype(float) + picture) / 2
        assert np.abs(half[name] - mixed).max() <= 1.01
    assert not np.array_equal(drawn("--colours", "cividis")[names[0]], drawn("--colours", "viridis")[names[0]])


@pytest.mark.slow
def test_flavours_are_drawn_in_rows_that_fit(tmp_path: Path) -> None:
    result = run(tmp_path, "shapes:0", "shapes:3", "--methods", "flavours", "--network", "shapes-resnet")
    assert result.exit_code == 0, result.output
    with Image.open(tmp_path / "out" / "heatmaps.png") as figure:
        width, height = figure.size
    assert width <= WIDEST * 1.6 * 150
    assert height > 4 * 1.6 * 150  # two rows for each picture


@pytest.mark.parametrize(("count", "shape"), [(3, (2, 4)), (WIDEST - 1, (2, WIDEST)), (WIDEST, (4, 5)), (13, (4, 7))])
def test_many_maps_are_folded_into_rows_of_about_equal_length(count: int, shape: tuple[int, int]) -> None:
    titles = [f"method {place}" for place in range(count)]
    maps = [torch.full((2, 8, 8), place / count) for place in range(count)]
    figure = rows_of_heat_maps(torch.rand(2, 3, 8, 8), titles, maps, [[f"p {place}" for place in range(count)]] * 2)
    axes = np.array(figure.axes).reshape(2, -1)
    assert axes.size == shape[0] * shape[1]
    drawn = [axis.get_xlabel() for axis in axes[1][1 : count + 1]]
    assert drawn == [f"p {place}" for place in range(count)]
    assert [bool(axis.images) for axis in axes[1]] == [place <= count for place in range(axes.shape[1])]
    assert [axis.get_title() for axis in axes[0]][: count + 1] == ["picture", *titles]


def interrupted_at(monkeypatch: pytest.MonkeyPatch, call: int) -> None:
    """Ctrl-C while the masked pictures of one picture are scored, counted from 1."""
    whole, calls = masked.scores, iter(range(1, 100))

    def scores(*arguments: Any, **options: Any) -> Any:
        if next(calls) == call:
            raise KeyboardInterrupt
        return whole(*arguments, **options)

    monkeypatch.setattr(masked, "scores", scores)


INTERRUPTED = ["shapes:0", "shapes:1", "shapes:2", "--methods", "gradcam,scorecam(channels=9),eigencam"]


def test_an_interrupt_draws_what_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = CliRunner().invoke(main, ["explain", *INTERRUPTED, "--single", "--out", str(tmp_path / "whole")])
    assert whole.exit_code == 0, whole.output
    interrupted_at(monkeypatch, 3)  # Score-CAM has drawn two pictures
    result = run(tmp_path, *INTERRUPTED, "--single")
    assert result.exit_code == 130, result.output
    missing = "without Score-CAM(channels=9) of shapes:2; EigenCAM"
    assert f"interrupted; what is done is drawn, {missing}\n" in result.stderr
    drawn = {path.name for path in (tmp_path / "out").iterdir()}
    assert len(drawn) == 5
    assert drawn < {path.name for path in (tmp_path / "whole").iterdir()}
    for name in drawn:
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_an_interrupt_leaves_places_empty_in_the_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupted_at(monkeypatch, 2)
    result = run(tmp_path, *INTERRUPTED)
    assert result.exit_code == 130, result.output
    assert "Score-CAM(channels=9) of shapes:1, shapes:2; EigenCAM" in result.stderr
    with Image.open(tmp_path / "out" / "heatmaps.png") as figure:
        pixels = np.asarray(figure.convert("L"))
    height, width = pixels.shape
    right = pixels[:, 2 * width // 3 :]
    assert right[height // 10 : height // 3].std() > 20  # the first picture has its map
    assert np.percentile(right[2 * height // 3 :], 10) == 255  # the last has a caption at most


def test_an_interrupt_before_anything_is_done_draws_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupted_at(monkeypatch, 1)
    result = run(tmp_path, "shapes:0", "--methods", "scorecam(channels=9)")
    assert result.exit_code != 0
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "fragments"),
    [
        (["nowhere.png"], ("IMAGES", "nowhere.png")),
        (["shapes:x"], ("IMAGES", "shapes:x")),
        (["shapes:0", "--target", "aeroplane"], ("--target", "aeroplane")),
        (["shapes:0", "--methods", "gradcan"], ("--methods", "gradcan")),
        (["shapes:0", "--alpha", "1.5"], ("--alpha", "from 0 to 1")),
        (["shapes:0", "--colours", "jet"], ("--colours", "viridis, cividis")),
        (["shapes:0", "--methods", "cam"], ("--methods", "global average pooling")),
    ],
)
def test_bad_input(tmp_path: Path, arguments: list[str], fragments: tuple[str, ...]) -> None:
    result = run(tmp_path, *arguments)
    assert result.exit_code == 2, result.output
    for fragment in fragments:
        assert fragment in result.stderr


def test_truncated_and_foreign_files(tmp_path: Path) -> None:
    whole, cut, text = tmp_path / "whole.png", tmp_path / "cut.png", tmp_path / "text.png"
    Image.effect_noise((64, 64), 50).save(whole)
    cut.write_bytes(whole.read_bytes()[:200])
    text.write_text("no picture")
    for path in (cut, text):
        result = run(tmp_path, str(path))
        assert result.exit_code == 2
        assert str(path) in result.stderr
        assert "Traceback" not in result.stderr


def test_one_bad_file_is_skipped_and_named(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.png", tmp_path / "cut.png"
    Image.effect_noise((64, 64), 50).save(whole)
    cut.write_bytes(whole.read_bytes()[:200])
    result = run(tmp_path, str(cut), str(whole), "shapes:1", "--methods", "gradcam", "--single")
    assert result.exit_code == 0, result.output
    assert [line.rpartition(": ")[0] for line in result.stdout.splitlines()] == [str(whole), "shapes:1"]
    assert f"note: 1 picture cannot be read and is skipped: {cut}: cut.png: " in result.stderr
    assert len(list((tmp_path / "out").iterdir())) == 2
    missing = run(tmp_path, str(whole), str(tmp_path / "nowhere.png"))
    assert missing.exit_code == 2
    assert "there is no file" in missing.stderr


def test_rows_of_a_figure_carry_file_and_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[list[str]] = []
    save = Figure.savefig

    def kept(figure: Figure, *arguments: object, **options: object) -> None:
        drawn.append([axis.get_xlabel() for axis in figure.axes])
        save(figure, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Figure, "savefig", kept)
    picture = tmp_path / "a $grey$ one.png"
    Image.new("L", (90, 50), 128).save(picture)
    result = run(tmp_path, "shapes:3", str(picture), "--methods", "gradcam", "--target", "ring")
    assert result.exit_code == 0, result.output
    ((first, under_first, second, under_second),) = drawn
    assert [first, second] == ["shapes:3\nring", "a $grey$ one.png\nring"]
    assert all(text.startswith(("p 0.", "p 1.")) for text in (under_first, under_second))


def test_long_names_keep_their_ends() -> None:
    name = f"folder/{'x' * 40}-0017.jpeg"
    (caption,) = row_captions([name], ["tench"])
    line, _, explained = caption.partition("\n")
    assert len(line) == CAPTION
    assert line.endswith("-0017.jpeg")
    assert explained == "tench"
