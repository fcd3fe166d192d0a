"""The journal: what is written stays, and what goes wrong is said and destroys nothing."""

import re
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from solvers.cam.journal import Journal, JournalError

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
