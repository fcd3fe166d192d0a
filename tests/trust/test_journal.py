"""Journals that were edited: the answer is that of the untouched run, or the file is refused by name and left alone."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import random
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from solvers.cam.journal import JOURNAL
from solvers.cam.journal.rows import digest
from solvers.cam.subjects import load_subjects
from sygus.app.cli import main

PROBLEM = """
(set-logic CAM)
(set-feature :oracles true)
(declare-oracle-fun goal ((-> Map Map Weight)) Real average-drop)
(synth-fun w ((activation Map) (gradient Map)) Weight
  ((W Weight) (M Map))
  ((W Weight ((gap M) (gmp M)))
   (M Map    (activation gradient (relu M) (square M)))))
(optimize-synth ((! (goal w) :min)))
"""
PICTURES = 8
FEW = (
    *("--search-images", str(PICTURES), "--held-out-images", "2", "--device", "cpu"),
    *("--budget", "size=4", "--baselines", "gradcam", "--quiet"),
)


@dataclass(frozen=True)
class Base:
    """A run that nobody touched."""

    folder: Path
    answer: str
    record: dict[str, Any]

    def copy(self, folder: Path) -> Path:
        """The run in a folder of its own; its journal."""
        shutil.copytree(self.folder, folder)
        return folder / JOURNAL


@pytest.fixture(scope="module", autouse=True)
def _quick() -> Iterator[None]:
    """The network is loaded once, and nothing is drawn."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYCAM_SYGUS_CACHE", "")
        loaded = cache(lambda settings: load_subjects(settings, choosing=True))
        patch.setattr("solvers.cam.job.load_subjects", lambda settings, *_, **__: loaded(settings))
        patch.setattr("solvers.cam.job.heat_map_figure", lambda *_: None)
        patch.setattr("solvers.cam.job.write_figure", lambda *_: None)
        yield


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    folder = tmp_path_factory.mktemp("base")
    (folder / "problem.sy").write_text(PROBLEM)
    result = solve(folder / "run", folder)
    assert result.exit_code == 0, result.output
    return Base(folder / "run", result.stdout, record_in(folder / "run"))


def solve(out: Path, folder: Path, *options: str) -> Result:
    return CliRunner().invoke(main, [str(folder / "problem.sy"), *FEW, "--out", str(out), *options])


def resume(base: Base, out: Path, *options: str) -> Result:
    result = solve(out, base.folder.parent, "--resume", *options)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    return result


def record_in(out: Path) -> dict[str, Any]:
    """What a run says, but for what it cost."""
    record: dict[str, Any] = json.loads((out / "solution.json").read_text(encoding="utf-8"))
    spent = ("seconds", "forwards", "validation forwards")
    accounting = {name: value for name, value in record["accounting"].items() if name not in spent}
    return record | {"accounting": accounting, "racing": ""}


def rows_in(journal: Path) -> list[list[tuple[Any, ...]]]:
    with contextlib.closing(sqlite3.connect(journal)) as connection:
        orders = {"meta": "name", "proposals": "id", "scores": "key, metric"}
        return [connection.execute(f"SELECT * FROM {one} ORDER BY {by}").fetchall() for one, by in orders.items()]  # noqa: S608


def is_that_of(base: Base, result: Result, out: Path) -> None:
    assert result.exit_code == 0, result.output
    assert result.stdout == base.answer
    assert (out / "answer.sy").read_text() == (base.folder / "answer.sy").read_text()
    assert record_in(out) == base.record


def contents(folder: Path) -> dict[str, bytes]:
    plain = (path for path in folder.iterdir() if path.is_file() and not path.is_symlink())
    return {path.name: path.read_bytes() for path in plain if path.stat().st_size < 1 << 28}


def is_refused(result: Result, journal: Path, *fragments: str) -> None:
    said = " ".join(result.stderr.split())
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert str(journal) in said
    assert "nothing in it was changed" in said or "is of another run" in said, said
    for fragment in fragments:
        assert fragment in said, said


def is_same_or_refused(base: Base, result: Result, journal: Path, before: dict[str, bytes]) -> bool:
    """Whether it was refused; then nothing was touched."""
    if result.exit_code == 0:
        is_that_of(base, result, journal.parent)
        return False
    is_refused(result, journal)
    after = contents(journal.parent)
    assert {name: after.get(name) for name in before} == before
    return True


def notes(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [message for message in caplog.messages if "journal" in message]


# -- edits of rows

COLUMNS = {
    "meta": ("name", "value", "digest"),
    "proposals": (
        "id",
        "term",
        "size",
        "fate",
        "alias",
        "key",
        "images",
        "objectives",
        "feasible",
        "digest",
    ),
    "scores": ("key", "metric", "values_", "digest"),
}
VALUES: dict[str, Any] = {
    "NULL": None,
    "text": "somebody's",
    "escapes": "\x1b]0;t\x07\x1b[31m",
    "a blob": b"\x00\xff\xfe",
    "a number": 0.5,
    "infinite": float("inf"),
    "negative": -(1 << 62),
    "too large": (1 << 63) - 1,
    "long": "x" * 1_000_000,
    "JSON": '{"a": [NaN, 1e999, null]}',
    "nested JSON": "[" * 50_000,
    "empty": b"",
    "no UTF-8": None,
}


def loosely(journal: Path, edit: Callable[[sqlite3.Connection], object]) -> None:
    """An edit that the tables would refuse, such as NULL where there must be something."""
    with contextlib.closing(sqlite3.connect(journal, isolation_level=None)) as connection:
        before = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
        connection.execute("PRAGMA writable_schema=ON")
        connection.execute("UPDATE sqlite_master SET sql = replace(sql, ' NOT NULL', '')")
    with contextlib.closing(sqlite3.connect(journal, isolation_level=None)) as connection:
        edit(connection)
        connection.execute("PRAGMA writable_schema=ON")
        connection.executemany("UPDATE sqlite_master SET sql = ? WHERE name = ?", [(sql, name) for name, sql in before])


@pytest.mark.slow
@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("place", [f"{table}.{column}" for table, columns in COLUMNS.items() for column in columns])
def test_a_value_in_every_column(
    base: Base, tmp_path: Path, caplog: pytest.LogCaptureFixture, place: str, value: str
) -> None:
    table, column = place.split(".")
    journal = base.copy(tmp_path / "run")
    replaced = "CAST(x'41fffe42' AS TEXT)" if value == "no UTF-8" else "?"
    given = () if value == "no UTF-8" else (VALUES[value],)

    def edit(connection: sqlite3.Connection) -> None:
        with contextlib.suppress(sqlite3.IntegrityError):  # no kind but whole numbers may be a row's number
            connection.execute(f"UPDATE OR IGNORE {table} SET {column} = {replaced}", given)  # noqa: S608

    loosely(journal, edit)
    before = contents(journal.parent)
    changed = rows_in_any(journal) != rows_in_any(base.folder / JOURNAL)
    with caplog.at_level(logging.WARNING):
        refused = is_same_or_refused(base, resume(base, tmp_path / "run"), journal, before)
    assert len(notes(caplog)) <= 1
    if changed and table == "scores" and column in ("values_", "digest") and not refused:
        assert len(notes(caplog)) == 1
    if changed and table == "meta":
        assert refused


def rows_in_any(journal: Path) -> list[Any]:
    """Rows, whatever is in them."""
    with contextlib.closing(sqlite3.connect(journal)) as connection:
        connection.text_factory = bytes
        return [connection.execute(f"SELECT * FROM {table}").fetchall() for table in COLUMNS]  # noqa: S608


SWAP = (
    "UPDATE scores SET {0} = (SELECT {0} FROM scores AS o WHERE o.rowid != scores.rowid ORDER BY o.rowid {1} LIMIT 1)"
)
EDITS = {
    "scores deleted": "DELETE FROM scores",
    "a score deleted": "DELETE FROM scores WHERE rowid = 1",
    "proposals deleted": "DELETE FROM proposals",
    "a proposal deleted": "DELETE FROM proposals WHERE id = 2",
    "all deleted": "DELETE FROM scores; DELETE FROM proposals; DELETE FROM meta",
    "meta deleted": "DELETE FROM meta",
    "settings deleted": "DELETE FROM meta WHERE name = 'settings'",
    "fingerprints deleted": "DELETE FROM meta WHERE name = 'fingerprints'",
    "more meta": "INSERT INTO meta VALUES ('more', '1', x'00')",
    "meta renamed": "UPDATE meta SET name = 'else' WHERE name = 'problem'",
    "another seed": "UPDATE meta SET value = replace(value, '\"seed\": 0', '\"seed\": 1')",
    "a smaller budget": "UPDATE meta SET value = replace(value, 'size=4', 'size=3')",
    "a larger budget": "UPDATE meta SET value = replace(value, 'size=4', 'size=9')",
    "no budget": "UPDATE meta SET value = replace(value, 'size=4', 'size=many')",
    "scores of another": SWAP.format("values_", "ASC"),
    "scores of another, last": SWAP.format("values_", "DESC"),
    "scores and digests of another": "BEGIN; CREATE TEMP TABLE t AS SELECT * FROM scores; "
    "UPDATE scores SET (values_, digest) = (SELECT values_, digest FROM t WHERE t.key != scores.key "
    "ORDER BY t.key LIMIT 1); COMMIT",
    "keys of others": "UPDATE OR IGNORE scores SET key = key || 'x' WHERE rowid = 1; "
    "UPDATE scores SET key = (SELECT substr(key, 1, 32) FROM scores AS o WHERE length(o.key) > 32) WHERE rowid = 2",
    "zeros": "UPDATE scores SET values_ = zeroblob(length(values_))",
    "more scores": "UPDATE scores SET values_ = values_ || values_",
    "fewer scores": "UPDATE scores SET values_ = substr(values_, 1, 28)",
    "half a score": "UPDATE scores SET values_ = substr(values_, 1, 30)",
    "very long scores": "UPDATE scores SET values_ = zeroblob(70000000) WHERE rowid = 1",
    "a very long term": "UPDATE proposals SET term = CAST(zeroblob(70000000) AS TEXT) WHERE id = 1",
    "more proposals": "INSERT INTO proposals SELECT id + 1000, term, size, fate, alias, key, images, '[-5]', feasible, "
    "digest FROM proposals",
    "proposals renumbered": "UPDATE proposals SET id = id + 500",
    "proposals reversed": "UPDATE proposals SET id = 1000 - id",
    "another fate": "UPDATE proposals SET fate = 'scored'",
    "no fate": "UPDATE proposals SET fate = 'won'",
    "all feasible": "UPDATE proposals SET feasible = 7",
    "objectives": "UPDATE proposals SET objectives = '[0.0]'",
    "objectives of NaN": "UPDATE proposals SET objectives = '[NaN]'",
    "many objectives": "UPDATE proposals SET objectives = '[1, 2, 3]'",
    "an alias of itself": "UPDATE proposals SET alias = id",
}


@pytest.mark.parametrize("name", EDITS)
def test_edits_of_rows(base: Base, tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str) -> None:
    journal = base.copy(tmp_path / "run")
    with contextlib.closing(sqlite3.connect(journal, isolation_level=None)) as connection:
        connection.executescript(EDITS[name])
    before = contents(journal.parent)
    assert before[JOURNAL] != (base.folder / JOURNAL).read_bytes()
    with caplog.at_level(logging.WARNING):
        is_same_or_refused(base, resume(base, tmp_path / "run"), journal, before)
    assert len(notes(caplog)) <= 1
    assert all(note.isprintable() for note in notes(caplog))


def numbers(value: float) -> bytes:
    return np.full(PICTURES, value, np.float32).tobytes()


FORGED: dict[str, tuple[str, dict[str, Any]]] = {
    "scores below the range": ("scores", {"values_": numbers(-1)}),
    "scores above the range": ("scores", {"values_": numbers(101)}),
    "scores infinite": ("scores", {"values_": numbers(np.inf)}),
    "scores infinitely good": ("scores", {"values_": numbers(-np.inf)}),
    "scores unknown": ("scores", {"values_": numbers(np.nan)}),
    "scores of more": ("scores", {"values_": numbers(0) * 2}),
    "scores of none": ("scores", {"values_": b""}),
    "scores of doubles": ("scores", {"values_": np.zeros(PICTURES).tobytes()}),
    "scores that are text": ("scores", {"values_": "0" * 4 * PICTURES}),
    "a fate that is none": ("proposals", {"fate": "won", "id": 900}),
    "a size that is none": ("proposals", {"size": -3, "id": 900}),
    "a term that is none": ("proposals", {"term": 5, "id": 900}),
    "a number that is negative": ("proposals", {"id": -1}),
    "objectives that are none": ("proposals", {"objectives": '["a"]', "id": 900}),
    "objectives that are deep": ("proposals", {"objectives": "[" * 9999, "id": 900}),
    "objectives that are more": ("proposals", {"objectives": "[1, 2]", "id": 900}),
    "more pictures than there are": ("proposals", {"images": 99, "id": 900}),
    "an alias to come": ("proposals", {"alias": 950, "id": 900}),
    "a truth that is none": ("proposals", {"feasible": 2, "id": 900}),
    "a key that is none": ("proposals", {"key": 3.5, "id": 900}),
    "a budget that is none": ("meta", {"name": "settings", "value": '{"budget": "size=' + "9" * 400 + '"}'}),
    "settings that are none": ("meta", {"name": "settings", "value": "[]"}),
    "settings that are deep": ("meta", {"name": "settings", "value": "[" * 900 + "]" * 900}),
    "settings that are no JSON": ("meta", {"name": "settings", "value": "{"}),
}
"""Rows with digests that fit: what no run writes is not believed even so."""


@pytest.mark.parametrize("name", FORGED)
def test_what_no_run_writes_is_not_believed_with_a_digest(
    base: Base, tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    journal = base.copy(tmp_path / "run")
    table, values = FORGED[name]
    names = COLUMNS[table][:-1]
    with contextlib.closing(sqlite3.connect(journal, isolation_level=None)) as connection:
        for row in connection.execute(f"SELECT {', '.join(names)} FROM {table} LIMIT 9").fetchall():  # noqa: S608
            forged = dict(zip(names, row, strict=True)) | values
            plain = tuple(forged.values())
            fits = digest(*plain)
            if table == "scores" and isinstance(forged["values_"], bytes):
                fits = digest(*plain[:2], content=plain[2])
            marks = ", ".join("?" * (1 + len(names)))
            connection.execute(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", (*plain, fits))  # noqa: S608
    before = contents(journal.parent)
    with caplog.at_level(logging.WARNING):
        is_same_or_refused(base, resume(base, tmp_path / "run"), journal, before)
    assert len(notes(caplog)) == (0 if table == "meta" or name == "scores unknown" else 1)


def test_an_untouched_journal_is_replayed_without_a_pass(base: Base, tmp_path: Path, caplog: Any) -> None:
    journal = base.copy(tmp_path / "run")
    with caplog.at_level(logging.WARNING):
        is_that_of(base, resume(base, tmp_path / "run"), tmp_path / "run")
    assert notes(caplog) == []
    assert rows_in(journal) == rows_in(base.folder / JOURNAL)
    assert json.loads((tmp_path / "run" / "solution.json").read_bytes())["accounting"]["forwards"] == 0


def test_bad_rows_are_scored_again_and_written_anew(base: Base, tmp_path: Path) -> None:
    journal = base.copy(tmp_path / "run")
    with contextlib.closing(sqlite3.connect(journal)) as connection, connection:
        connection.execute(EDITS["zeros"])
    resume(base, tmp_path / "run")
    assert rows_in(journal) == rows_in(base.folder / JOURNAL)


# -- what stands in the file beside its rows

SCHEMAS = {
    "a foreign table": ("CREATE TABLE loot (a)", "the table 'loot'"),
    "a virtual table": ("CREATE VIRTUAL TABLE loot USING fts5(a)", "the table 'loot'"),
    "a name with escapes": ('CREATE TABLE "\x1b[31m" (a)', r"\x1b[31m"),
    "a view": ("CREATE VIEW scores2 AS SELECT * FROM scores", "the view 'scores2'"),
    "a view in place of a table": (
        "ALTER TABLE scores RENAME TO kept; CREATE VIEW scores AS SELECT *, 1 FROM kept",
        "the view 'scores'",
    ),
    "an insert trigger": (
        "CREATE TRIGGER t AFTER INSERT ON scores BEGIN UPDATE scores SET values_ = zeroblob(32); END",
        "the trigger 't'",
    ),
    "a delete trigger": ("CREATE TRIGGER t BEFORE DELETE ON meta BEGIN SELECT raise(ABORT, 'no'); END", "trigger"),
    "an index": ("CREATE INDEX i ON proposals (fate)", "the index 'i'"),
    "an index of an expression": ("CREATE INDEX i ON proposals (abs(size) + length(term))", "the index 'i'"),
    "a partial index": ("CREATE INDEX i ON proposals (fate) WHERE size > 3", "the index 'i'"),
    "a column more": ("ALTER TABLE scores ADD COLUMN more", "the table 'scores'"),
    "a generated column": ("ALTER TABLE scores ADD COLUMN more AS (length(values_))", "the table 'scores'"),
    "a column renamed": ("ALTER TABLE scores RENAME COLUMN metric TO measure", "the table 'scores'"),
    "a column dropped": ("ALTER TABLE proposals DROP COLUMN feasible", "the table 'proposals'"),
    "a table dropped": ("DROP TABLE scores", "it lacks scores"),
    "a default": (
        "PRAGMA writable_schema=ON; UPDATE sqlite_master SET sql = replace(sql, 'fate TEXT', 'fate TEXT DEFAULT (1)')",
        "the table 'proposals'",
    ),
    "a table that is none": (
        "PRAGMA writable_schema=ON; UPDATE sqlite_master SET sql = 'no statement' WHERE name = 'scores'",
        "malformed",
    ),
    "roots swapped": (
        "PRAGMA writable_schema=ON; UPDATE sqlite_master SET rootpage = 1 WHERE name = 'scores'",
        "",
    ),
    "statistics": ("ANALYZE", "sqlite_stat1"),
    "another application": ("PRAGMA application_id = 7", "it is no journal, or of another version"),
    "another version": ("PRAGMA user_version = 1", "it is no journal, or of another version"),
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_what_is_no_journals_is_refused_by_name(base: Base, tmp_path: Path, name: str) -> None:
    journal = base.copy(tmp_path / "run")
    statement, said = SCHEMAS[name]
    with contextlib.closing(sqlite3.connect(journal, isolation_level=None)) as connection:
        connection.executescript(statement)
    before = contents(journal.parent)
    result = resume(base, tmp_path / "run")
    assert is_same_or_refused(base, result, journal, before)
    assert said in " ".join(result.stderr.split())
    assert "give another --out" in " ".join(result.stderr.split())
    reused = solve(tmp_path / "other", base.folder.parent, "--reuse", str(journal.parent))
    assert reused.exit_code == 2
    assert "--reuse" in reused.stderr
    assert contents(journal.parent) == before


def bytes_of(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(change(path.read_bytes())) and None


def instead(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        path.unlink(missing_ok=True)
        make(path)

    return damage


def to_another(path: Path) -> None:
    victim = path.parent.parent / "victim"
    path.rename(victim) if path.exists() else victim.write_bytes(b"mine")
    path.symlink_to(victim)


def grown(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(1 << 41)


def beside(suffix: str, damage: Callable[[Path], None]) -> Callable[[Path], None]:
    return lambda path: damage(Path(f"{path}{suffix}"))


def of_lock(damage: Callable[[Path], None]) -> Callable[[Path], None]:
    return lambda path: damage(path.with_suffix(".lock"))


FILES: dict[str, Callable[[Path], None]] = {
    "empty": bytes_of(lambda _: b""),
    "text": bytes_of(lambda _: b"this is no database. " * 200),
    "random, as if encrypted": bytes_of(lambda old: random.Random(0).randbytes(len(old))),  # noqa: S311
    "a good head before random bytes": bytes_of(lambda old: old[:100] + random.Random(0).randbytes(len(old) - 100)),  # noqa: S311
    "cut in the middle": bytes_of(lambda old: old[: len(old) // 2]),
    "cut in its first page": bytes_of(lambda old: old[:1000]),
    "cut in its head": bytes_of(lambda old: old[:60]),
    "a byte less": bytes_of(lambda old: old[:-1]),
    "a page more": bytes_of(lambda old: old + bytes(4096)),
    "twice": bytes_of(lambda old: old + old),
    "a page zero": bytes_of(lambda old: old[:4096] + bytes(4096) + old[8192:]),
    "a page random": bytes_of(lambda old: old[:8192] + random.Random(1).randbytes(4096) + old[12288:]),  # noqa: S311
    "pages swapped": bytes_of(lambda old: old[:4096] + old[8192:12288] + old[4096:8192] + old[12288:]),
    "a terabyte": grown,
    "a pipe": instead(os.mkfifo),
    "a folder": instead(Path.mkdir),
    "a link": to_another,
    "a link to zeros": instead(lambda path: path.symlink_to("/dev/zero")),
    "a link to itself": instead(lambda path: path.symlink_to(path)),
    "a log that is a link": beside("-wal", to_another),
    "a log that is a pipe": beside("-wal", os.mkfifo),
    "an index of the log that is a link": beside("-shm", to_another),
    "a journal to play back": beside(
        "-journal", lambda path: path.write_bytes(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" * 99)
    ),
    "a lock that is a link": of_lock(instead(to_another)),
    "a lock that is a pipe": of_lock(instead(os.mkfifo)),
    "a lock that is a folder": of_lock(instead(Path.mkdir)),
    "a lock with something in it": of_lock(lambda path: path.write_bytes(b"mine")),
    "a lock to play back": of_lock(beside("-journal", lambda path: path.write_bytes(b"\xd9\xd5\x05\xf9" * 99))),
}


@pytest.mark.parametrize("name", FILES)
def test_files_that_are_no_journals(base: Base, tmp_path: Path, name: str) -> None:
    journal = base.copy(tmp_path / "run")
    FILES[name](journal)
    before, victim = contents(journal.parent), tmp_path / "victim"
    untouched = victim.read_bytes() if victim.exists() else b""
    result = resume(base, tmp_path / "run")
    assert result.exit_code == 2, result.output
    said = " ".join(result.stderr.split())
    assert "journal" in said
    assert str(tmp_path / "run") in said
    assert "--out" in said or "there is no run in" in said
    after = contents(journal.parent)
    assert {one: after.get(one) for one in before} == before
    assert not untouched or victim.read_bytes() == untouched


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(60))
def test_random_bytes_somewhere(base: Base, tmp_path: Path, seed: int) -> None:
    journal = base.copy(tmp_path / "run")
    chance, content = random.Random(seed), bytearray(journal.read_bytes())  # noqa: S311
    for _ in range(chance.choice([1, 1, 3, 20])):
        at = chance.randrange(chance.choice([100, 4096, len(content)]))
        length = chance.choice([1, 1, 4, 64])
        content[at : at + length] = chance.randbytes(length)[: len(content) - at]
    journal.write_bytes(bytes(content))
    before = contents(journal.parent)
    is_same_or_refused(base, resume(base, tmp_path / "run"), journal, before)


# -- a run that was killed, and journals of other runs


def killed(base: Base, out: Path, statement: str) -> Path:
    """A copy of the run as a kill leaves it: the last that was written is in the log beside the file."""
    whole = base.copy(out.with_name("whole"))
    out.mkdir()
    with contextlib.closing(sqlite3.connect(whole, isolation_level=None)) as connection:
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.executescript(statement)
        for path in whole.parent.iterdir():
            if not path.name.endswith("-shm"):
                shutil.copy(path, out / path.name)
    assert (out / f"{JOURNAL}-wal").stat().st_size > 0
    return out / JOURNAL


def test_what_a_kill_left_beside_the_file_counts(base: Base, tmp_path: Path) -> None:
    journal = killed(base, tmp_path / "run", "DELETE FROM scores WHERE rowid > 3")
    is_that_of(base, resume(base, tmp_path / "run"), tmp_path / "run")
    assert rows_in(journal) == rows_in(base.folder / JOURNAL)


@pytest.mark.parametrize("name", ["a foreign table", "an insert trigger", "a view", "an index of an expression"])
def test_what_is_no_journals_is_found_beside_the_file(base: Base, tmp_path: Path, name: str) -> None:
    journal = killed(base, tmp_path / "run", SCHEMAS[name][0])
    before = contents(journal.parent)
    is_refused(resume(base, tmp_path / "run"), journal, SCHEMAS[name][1])
    after = contents(journal.parent)
    assert {one: after.get(one) for one in before} == before


@pytest.mark.parametrize("name", ["zeros", "scores and digests of another", "more scores", "fewer scores"])
def test_bad_rows_of_other_runs_are_not_used(
    base: Base, tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    journal = base.copy(tmp_path / "edited")
    with contextlib.closing(sqlite3.connect(journal, isolation_level=None)) as connection:
        connection.executescript(EDITS[name])
    before = contents(journal.parent)
    with caplog.at_level(logging.WARNING):
        result = solve(tmp_path / "run", base.folder.parent, "--reuse", str(journal.parent))
    is_that_of(base, result, tmp_path / "run")
    (note,) = notes(caplog)
    assert repr(str(journal)) in note
    after = contents(journal.parent)
    assert {one: after.get(one) for one in before} == before


def test_scores_of_an_untouched_run_cost_nothing(base: Base, tmp_path: Path) -> None:
    result = solve(tmp_path / "run", base.folder.parent, "--reuse", str(base.folder))
    is_that_of(base, result, tmp_path / "run")
    assert json.loads((tmp_path / "run" / "solution.json").read_bytes())["accounting"]["forwards"] == 0


def test_what_was_begun_and_not_finished_is_made_anew(base: Base, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / f"{JOURNAL}.begun").symlink_to(victim)
    (tmp_path / "run" / f"{JOURNAL}.begun-journal").write_bytes(b"\xd9\xd5\x05\xf9" * 99)
    result = solve(tmp_path / "run", base.folder.parent)
    is_that_of(base, result, tmp_path / "run")
    assert victim.read_bytes() == b"mine"
    assert stat.S_ISREG((tmp_path / "run" / JOURNAL).lstat().st_mode)
    assert [path.name for path in (tmp_path / "run").iterdir() if "begun" in path.name] == []


def test_a_link_to_nothing_is_not_written_through(base: Base, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / JOURNAL).symlink_to(tmp_path / "elsewhere")
    result = solve(tmp_path / "run", base.folder.parent)
    assert result.exit_code == 2
    assert "is a symbolic link" in result.stderr
    assert not (tmp_path / "elsewhere").exists()
