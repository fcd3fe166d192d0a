"""The audit of what is installed never passes in silence."""

from __future__ import annotations

import runpy
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
if not (ROOT / ".ci").is_dir():
    pytest.skip("the tests of a release, which has no .ci", allow_module_level=True)
VERDICT = runpy.run_path(str(ROOT / ".ci" / "audit"))["verdict"]

FINE = {"name": "fine", "version": "1.0", "vulns": []}
BAD = {"name": "bad", "version": "2.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.1"]}]}
UNKNOWN = {"name": "unknown", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("packages", "status", "fragments"),
    [
        ([FINE], 0, ["1 packages, 0 known"]),
        ([FINE, BAD], 1, ["bad 2.0: PYSEC-1, mended in 2.1", "2 packages, 1 known"]),
        ([FINE, UNKNOWN], 0, ["not audited: unknown", "1 packages, 0 known"]),
        ([UNKNOWN, UNKNOWN], 0, ["SKIPPED"]),
        ([], 0, ["SKIPPED"]),
    ],
)
def test_what_is_said_of_a_report(packages: list[dict[str, Any]], status: int, fragments: list[str]) -> None:
    found, lines = VERDICT({"dependencies": packages})
    assert found == status
    assert all(fragment in "\n".join(lines) for fragment in fragments), lines


def test_every_dependency_has_a_lowest_and_a_highest_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [one for extra in project["optional-dependencies"].values() for one in extra]
    for requirement in (*project["dependencies"], *extras):
        assert ">=" in requirement, requirement
        assert "<" in requirement, requirement
