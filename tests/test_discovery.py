"""Entry points that packages offer, beside what Python's own search for packages finds."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from sygus.discovery import entry_points

GROUP = "sycam_sygus.tests"
POINTS = f"[other]\na = b\n[{GROUP}]\none = package:One\n"


def names(group: str) -> list[str]:
    return sorted(point.name for point in entry_points(group))


@pytest.mark.parametrize("group", sorted(metadata.entry_points().groups))
def test_every_group_of_what_is_installed_is_that_of_python(group: str) -> None:
    assert sorted(entry_points(group)) == sorted(metadata.entry_points(group=group))


@pytest.mark.parametrize("kind", ["dist-info", "egg-info", "DIST-INFO"])
def test_a_package_in_a_folder_is_found(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert names(GROUP) == []
    info = tmp_path / f"package-1.{kind}"
    info.mkdir()
    (info / "entry_points.txt").write_text(POINTS, encoding="utf-8")
    for name in ("METADATA", "PKG-INFO"):
        (info / name).write_text("Name: package\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    assert names(GROUP) == ["one"]


@pytest.mark.parametrize("name", ["package.zip", "package.egg"])
def test_a_package_in_an_archive_is_found(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = "EGG-INFO" if name.endswith("egg") else "package-1.dist-info"
    with zipfile.ZipFile(tmp_path / name, "w") as archive:
        archive.writestr(f"{place}/entry_points.txt", POINTS)
        archive.writestr(f"{place}/PKG-INFO", "Name: package\n")
        archive.writestr(f"{place}/METADATA", "Name: package\n")
    monkeypatch.syspath_prepend(tmp_path / name)
    assert names(GROUP) == sorted(point.name for point in metadata.entry_points(group=GROUP)) == ["one"]


def test_an_egg_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "package.egg" / "EGG-INFO"
    info.mkdir(parents=True)
    (info / "entry_points.txt").write_text(POINTS, encoding="utf-8")
    (info / "PKG-INFO").write_text("Name: package\n", encoding="utf-8")
    monkeypatch.syspath_prepend(info.parent)
    assert names(GROUP) == ["one"]


def test_what_another_finder_finds_is_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "entry_points.txt").write_text(POINTS, encoding="utf-8")
    (tmp_path / "METADATA").write_text("Name: package\n", encoding="utf-8")

    class Finder(metadata.DistributionFinder):
        def find_spec(self, *_: object) -> None:
            return None

        def find_distributions(self, _: object = None) -> Iterator[metadata.Distribution]:
            return iter([metadata.PathDistribution(tmp_path)])

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder()])
    assert names(GROUP) == ["one"]


def test_where_nothing_is_offered_nothing_heavy_is_imported() -> None:
    code = f"""import sys
from sygus.discovery import entry_points
assert entry_points({GROUP!r}) == ()
print("importlib.metadata" in sys.modules)"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
