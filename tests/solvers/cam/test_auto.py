"""The learner ``auto`` is one of two, by the size of the space, and says which."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import sygus
from solvers.cam.grammar_statistics import GrammarStatistics
from solvers.cam.learners import auto, find_learner
from solvers.cam.learners.auto import Auto
from solvers.cam.testing import Search, space_for, terms
from sygus.export.record import Record


@pytest.mark.parametrize(("more", "name"), [(0, "enumerate"), (-1, "surrogate")])
def test_it_proposes_what_the_learner_that_fits_proposes(more: int, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    grammar = space_for("gradcam_plus", 4).grammar
    statistics = GrammarStatistics(grammar)
    derivations = sum(statistics.count(grammar.start, size) for size in range(1, 5))
    monkeypatch.setattr(auto, "DERIVATIONS", derivations + more)
    mine, other = Auto(space_for("gradcam_plus", 4)), find_learner(name)(space_for("gradcam_plus", 4))
    assert mine.plan().startswith(f"auto: {name}, as at most 4 nodes make ")
    assert f"{derivations if name == 'enumerate' else derivations - 1:,} derivations" in mine.plan()
    first, second = Search(mine), Search(other)
    assert terms(first.go_on(20)) == terms(second.go_on(20))
    assert mine.status() == other.status()
    again = Auto(space_for("gradcam_plus", 4))
    again.load_state_dict(json.loads(json.dumps(mine.state_dict())))
    third = Search(again)
    first._fates, third._fates = iter([]), iter([])
    assert [p.term for p in mine.ask(8)] == [p.term for p in again.ask(8)]
    assert mine.conclusion() == again.conclusion()


def test_a_budget_that_cannot_score_everything_is_no_case_for_enumeration() -> None:
    learner = Auto(replace(space_for("gradcam_plus", 4), rationed=True))
    assert learner.plan() == "auto: surrogate, as the budget limits what is scored"
    search = Search(learner)
    search.go_on(5_000)
    assert search.ended
    assert learner.conclusion().startswith("best of all terms up to size 4")


def test_huge_spaces_are_counted_no_further_than_need_be() -> None:
    learner = Auto(space_for("channel_weights", 60))
    assert learner.plan().startswith("auto: surrogate")


def test_a_run_says_what_it_did(tmp_path: Path) -> None:
    few = {"search_images": 8, "validation_images": 0, "held_out_images": 2, "device": "cpu"}
    sygus.solve("gradcam_plus", budget="size=3", baselines="gradcam", out=tmp_path / "run", **few)
    assert "auto: enumerate, as at most 3 nodes make" in Record.read(str(tmp_path / "run")).ending
