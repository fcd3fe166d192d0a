"""The journal: what is written stays, and what goes wrong is said and destroys nothing."""

import re
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from solvers.cam.journal import Journal, JournalError, Onlooker, file
from sygus.app.cli import main

ROW = (0, "(gap gradient)", 2, "scored", None, "key", 4, "[1.5]", 1)
SCORES = np.array([1, np.nan, 3, 4], np.float32)


def test_what_is_recorded_is_read_back(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.sqlite", 4) as journal:
        journal.keep([ROW], [("key", "average-drop", SCORES)])
    with Journal(tmp_path / "journal.sqlite", 4) as journal:
        stored = journal.scores("key", "average-drop", 4, 0, 100)
        assert stored is not None
        np.testing.assert_array_equal(stored, SCORES)
        assert journal.scores("key", "other", 4, 0, 100) is None
        (row,) = journal.proposals(1)
    assert (row["term"], row["fate"], row["objectives"], row["feasible"]) == ("(gap gradient)", "scored", [1.5], 1)


def test_scores_of_another_run_are_found(tmp_path: Path) -> None:
    with Journal(tmp_path / "one.sqlite", 4) as journal:
        journal.keep([], [("key", "average-drop", SCORES)])
    with Journal(tmp_path / "two.sqlite", 4, [tmp_path / "one.sqlite"]) as journal:
        assert journal.scores("key", "average-drop", 4, 0, 100) is not None
        assert journal.proposals(1) == []


def test_another_run_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="--reuse"):
        Journal(tmp_path / "two.sqlite", 4, [tmp_path / "missing.sqlite"])


def test_a_batch_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.sqlite", 4) as journal:
        with pytest.raises(JournalError, match="cannot write"):
            journal.keep([ROW, ("too", "short")], [])
        assert journal.proposals(1) == []
        journal.keep([ROW], [])
        assert len(journal.proposals(1)) == 1


def test_a_full_disk_is_said_and_loses_nothing(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.sqlite", 4) as journal:
        journal.keep([ROW], [("key", "average-drop", SCORES)])
        pages = journal._connection.execute("PRAGMA page_count").fetchone()[0]
        journal._connection.execute(f"PRAGMA max_page_count={pages}")  # what SQLite sees of a full disk
        large = np.zeros(100_000, np.float32)
        with pytest.raises(JournalError, match="full"):
            journal.keep([(1, *ROW[1:])], [("more", "average-drop", large)])
        assert len(journal.proposals(1)) == 1
    with Journal(tmp_path / "journal.sqlite", 4) as journal:
        assert journal.scores("key", "average-drop", 4, 0, 100) is not None


def test_two_runs_cannot_write_to_one_journal(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.sqlite", 4), pytest.raises(JournalError, match="another run writes"):
        Journal(tmp_path / "journal.sqlite", 4)
    with Journal(tmp_path / "journal.sqlite", 4):
        pass


def test_a_reader_may_look_on(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.sqlite", 4) as journal:
        journal.keep([ROW], [])
        reader = sqlite3.connect(tmp_path / "journal.sqlite")
        assert reader.execute("SELECT count(*) FROM proposals").fetchone() == (1,)
        reader.close()


def test_a_journal_of_another_run_is_refused_and_kept(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.sqlite", 4) as journal:
        journal.begin({"seed": 0, "network": "a"})
        journal.begin({"seed": 0, "network": "a"})
        with pytest.raises(JournalError, match="differs in network: a there, b here;"):
            journal.begin({"seed": 0, "network": "b"})


def test_the_entries_that_differ_are_named(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.sqlite", 4) as journal:
        journal.begin({"settings": {"seed": 0}, "fingerprints": {"layer": "a", "device": "cuda", "network": "x"}})
        said = "differs in --target: None there, label here; fingerprints device: cuda there, cpu here;"
        with pytest.raises(JournalError, match=said):
            journal.begin(
                {
                    "settings": {"seed": 0, "target": "label"},
                    "fingerprints": {"layer": "a", "device": "cpu", "network": "y"},
                }
            )


STATED = {
    "settings": {
        "baselines": "auto",
        "held_out_images": 8,
        "strict": False,
        "device": "auto",
        "seed": 0,
        "race": "t",
        "budget": "size=5",
    },
    "fingerprints": {"search images": "s", "held-out images": "h", "device": "cpu"},
}


def other(**changes: object) -> dict[str, dict[str, object]]:
    """What is stated, with other values under these names, a blank or hyphen written as _."""
    return {
        group: {name: changes.get(re.sub("[ -]", "_", name), value) for name, value in values.items()}
        for group, values in STATED.items()
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"baselines": "gradcam"},
        {"held_out_images": 9},
        {"strict": True, "baselines": "all"},
    ],
)
def test_what_the_search_does_not_depend_on_may_change(tmp_path: Path, changes: dict[str, object]) -> None:
    with Journal(tmp_path / "journal.sqlite", 4) as journal:
        journal.begin(STATED)
        journal.begin(other(**changes))
        journal.begin(STATED)


def test_a_journal_that_does_not_say_the_objectives_is_continued(tmp_path: Path) -> None:
    """They are stated for onlookers, and follow from the problem; earlier versions did not state them."""
    with Journal(tmp_path / "journal.sqlite", 4) as journal:
        journal.begin(STATED)
        journal.begin(STATED | {"objectives": {"ordered": True, "goals": [["average-drop", "min"]]}})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"baselines": "all", "seed": 1}, "--baselines: auto there, all here; --seed: 0 there, 1 here"),
        ({"race": "off"}, "--race: t there, off here"),
        ({"held_out_images": 9, "search_images": "x"}, "--held-out-images: 8 there, 9 here"),
        ({"search_images": "x"}, "fingerprints search images: s there, x here"),
        ({"device": "cuda"}, "--device: auto there, cuda here; fingerprints device: cpu there, cuda here"),
    ],
)
def test_what_it_depends_on_may_not(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    with Journal(tmp_path / "journal.sqlite", 4) as journal:
        journal.begin(STATED)
        with pytest.raises(JournalError, match=re.escape(said)):
            journal.begin(other(**changes))


@pytest.mark.parametrize("damage", [b"this is no database", b"\x00" * 4096])
def test_a_damaged_journal_is_said_and_kept(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "journal.sqlite"
    with Journal(path, 4) as journal:
        journal.keep([ROW], [("key", "average-drop", SCORES)])
    content = bytearray(path.read_bytes())
    content[: len(damage)] = damage
    path.write_bytes(bytes(content))
    with pytest.raises(JournalError, match="nothing in it was changed"), Journal(path, 4) as journal:
        journal.proposals(1)
    assert path.read_bytes() == bytes(content)


# File systems that share no memory

WITHOUT_MEMORY = ("unix-none", "unix-dotfile")
"""SQLite's own ways to files that have no memory to share."""


@pytest.fixture(params=[*WITHOUT_MEMORY, "nfs4"])
def alone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a file system on which nobody looks on: one that shares no memory, or one of several hosts."""
    kind = str(request.param)
    if kind in WITHOUT_MEMORY:
        monkeypatch.setattr(file, "VFS", kind)
    else:
        monkeypatch.setattr(file, "kind_of_file_system", lambda _: kind)


@pytest.mark.usefixtures("alone")
def test_without_shared_memory_a_journal_holds_the_same_and_says_who_may_look_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "journal.sqlite"
    with Journal(path, 4) as journal:
        assert "shares no memory between processes" in caplog.text
        journal.begin({"seed": 0})
        journal.keep([ROW], [("key", "average-drop", SCORES)])
        assert not (tmp_path / "journal.sqlite-shm").exists()
        assert not (tmp_path / "journal.sqlite-journal").exists()
        with pytest.raises(JournalError, match="its run goes where no memory is shared"):
            Onlooker(path).read(-1, 1)
    with Journal(tmp_path / "other.sqlite", 4, [path]) as other:
        assert other.scores("key", "average-drop", 4, 0, 100) is not None
    assert len(Onlooker(path).read(-1, 1).rows) == 1
    with Journal(path, 4) as journal:
        journal.begin({"seed": 0})
        assert len(journal.proposals(1)) == 1


@pytest.mark.parametrize("vfs", [None, "unix-none"])
def test_what_a_kill_leaves_without_shared_memory_is_taken_in(
    vfs: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file, "VFS", "unix-none")
    (tmp_path / "killed").mkdir()
    with Journal(tmp_path / "journal.sqlite", 4) as journal:
        journal.keep([ROW], [("key", "average-drop", SCORES)])
        for name in ("journal.sqlite", "journal.sqlite-wal"):
            shutil.copy(tmp_path / name, tmp_path / "killed" / name)
    monkeypatch.setattr(file, "VFS", vfs)  # it may have been carried to another file system
    with Journal(tmp_path / "killed" / "journal.sqlite", 4) as journal:
        assert len(journal.proposals(1)) == 1
        stored = journal.scores("key", "average-drop", 4, 0, 100)
        assert stored is not None
        np.testing.assert_array_equal(stored, SCORES)


def test_the_file_system_of_a_folder_is_the_one_mounted_nearest() -> None:
    if not Path("/proc/self/mounts").exists():
        pytest.skip("only Linux lists what is mounted")
    assert file.kind_of_file_system(Path("/proc/self")) == "proc"
    assert file.kind_of_file_system(Path("/proc/nowhere/at/all")) == "proc"
    assert file.kind_of_file_system(Path("/")) not in (None, "proc")


def test_a_search_without_shared_memory_gives_the_answer_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    few = ("--search-images", "8", "--held-out-images", "4", "--validation-images", "0", "--baselines", "gradcam")
    usual = ["gradcam", "--device", "cpu", *few]
    expected = CliRunner().invoke(main, [*usual, "--budget", "terms=20", "--out", str(tmp_path / "usual")])
    monkeypatch.setattr(file, "VFS", "unix-none")
    run = ["--out", str(tmp_path / "run")]
    first = CliRunner().invoke(main, [*usual, "--budget", "terms=8", *run])
    assert first.exit_code == 0, first.output
    assert "nobody can look on before the run is over" in caplog.text
    again = CliRunner().invoke(main, [*usual, "--budget", "terms=20", *run, "--resume"])
    assert again.exit_code == 0, again.output
    assert again.stdout == expected.stdout
