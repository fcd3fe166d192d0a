"""``sycam-sygus explain``: heat maps of pictures by path and of the embedded set; bad input is named."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from sygus.cli import main


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


@pytest.mark.parametrize(
    ("arguments", "fragments"),
    [
        (["nowhere.png"], ("IMAGES", "nowhere.png")),
        (["shapes:x"], ("IMAGES", "shapes:x")),
        (["shapes:0", "--target", "aeroplane"], ("--target", "aeroplane")),
        (["shapes:0", "--methods", "gradcan"], ("--methods", "gradcan")),
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
