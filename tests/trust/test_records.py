"""Whatever is wrong with a record, what reads records says so in one line: every place of one, with hostile values."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from sygus.app.cam import Result
from sygus.app.cli import main
from sygus.errors import SycamError
from sygus.export.forms import FORMS, Source
from sygus.export.gallery import Gallery
from sygus.export.record import SOLUTION, Record, RecordError
from sygus.export.report import report_page

MISSING = object()
"""The place is removed."""

HOSTILE = (
    *(None, True, -1, 1.5, 10**400, -(10**30), 1e308, float("nan"), float("-inf")),
    *("", "<script>", "(", "(" * 5000, "\x1b[2J", "../../etc", [], {}, [1], [[]], {"a": 1}, {"": []}, MISSING),
)

Place = tuple[str | int, ...]


@pytest.fixture(scope="module")
def plain(finished_run: Path) -> Any:
    found = json.loads((finished_run / SOLUTION).read_text())
    return found | {"candidates": found["candidates"][:2]}


def places(value: Any, above: Place = ()) -> Iterator[Place]:
    """Every place; of lists the first entries."""
    entries = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    for key, inner in entries:
        yield (*above, key)
        yield from places(inner, (*above, key))


def damaged(plain: Any, place: Place, value: Any) -> Any:
    found = copy.deepcopy(plain)
    inner = found
    for key in place[:-1]:
        inner = inner[key]
    if value is MISSING:
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    return found


def read_everywhere(record: Record, folder: Path) -> None:
    """All that reads records; a SycamError is right, every other error is not."""
    result = Result(folder, record, Gallery.read(folder))
    readers = [form.text for form in FORMS.values() if form.text is not None]
    for reader in (*readers, lambda _: report_page(record, result.gallery), lambda _: result._repr_html_()):
        with contextlib.suppress(SycamError):
            reader(Source(record, folder))


@pytest.mark.parametrize("part", range(4))
@pytest.mark.slow
def test_every_place_of_a_record(part: int, plain: Any, finished_run: Path) -> None:
    for number, place in enumerate(list(places(plain))[part::4]):
        for step in range(5):  # every value comes to many places
            value = HOSTILE[(5 * number + step) % len(HOSTILE)]
            with contextlib.suppress(RecordError):
                read_everywhere(Record.from_json(damaged(plain, place, value), "mutant.json"), finished_run)


COMMANDS = (
    ("report", "RUN"),
    *(("export", "RUN", "--to", form) for form in ("sygus", "latex", "json", "torch")),
    ("export", "RUN", "--to", "figures", "--out", "OUT"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("problem",), {}, "problem: 'file' is missing"),
        (("problem",), [], "problem is no mapping"),
        (("table",), {}, "table is no list"),
        (("found", "id"), 10**400, "found: id is no whole number"),
        (("front", 0, "objectives", 0), 10**400, "objectives[0] is no finite number"),
        (("accounting", "seconds"), MISSING, None),
        (("schema",), "2", "schema is no whole number"),
    ],
)
def test_commands_say_what_is_wrong(
    command: tuple[str, ...], place: Place, value: Any, message: str | None, plain: Any, tmp_path: Path
) -> None:
    (tmp_path / SOLUTION).write_text(json.dumps(damaged(plain, place, value)))
    words = [{"RUN": str(tmp_path), "OUT": str(tmp_path / "out")}.get(word, word) for word in command]
    result = CliRunner().invoke(main, words)
    if message is None:
        assert result.exit_code in (0, 2)
        return
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
