"""Exit statuses: what the shell is told of each way in which solving ends."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from sygus.app.cam import status_of
from sygus.app.cli import main
from sygus.app.statuses import ExitStatus, Status


@pytest.mark.parametrize(
    ("status", "number"),
    [
        (Status.SOLVED, 0),
        (Status.INFEASIBLE, 0),
        (Status.FAIL, 0),
        (Status.SPENT, 3),
        (Status.INTERRUPTED, 130),
    ],
)
def test_searches_that_came_to_an_end_are_no_failures(status: Status, number: int) -> None:
    assert ExitStatus.of(status) == number


def test_every_ending_of_a_search_has_an_exit_status() -> None:
    assert all(ExitStatus.of(status) in ExitStatus for status in Status)


@pytest.mark.parametrize(
    ("ended", "found", "status"),
    [
        ("interrupted", True, Status.INTERRUPTED),
        ("interrupted", False, Status.INTERRUPTED),
        ("budget", True, Status.SOLVED),
        ("budget", False, Status.SPENT),
        ("concluded", True, Status.SOLVED),
        ("concluded", False, Status.FAIL),
    ],
)
def test_endings_of_runs(ended: str, found: bool, status: Status) -> None:
    assert status_of(ended, found=found) is status


def test_the_help_says_what_each_means() -> None:
    shown = CliRunner().invoke(main, ["--help"]).stdout
    for status in ExitStatus:
        assert f"{status.value:<3}  {status.meaning}" in shown
