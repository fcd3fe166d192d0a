"""Comparisons of learners: what a trial counts, what a cache changes, and how work that is divided is joined."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from contests import quickly
from solvers.cam.contest.contest import Comparison, ContestOptions, Shard
from solvers.cam.contest.costs import Meter
from solvers.cam.contest.folder import Folder, complete, gathered
from solvers.cam.contest.scores import ScoreTable
from solvers.cam.contest.trial import play
from sygus.app.dispatch import read
from sygus.errors import OptionError, SycamError
from sygus.export.contest.findings import findings
from sygus.export.contest.tables import summary_csv
from sygus.export.contest.trials import PROTOCOL, SHARES, Contest, Trial
from sygus.export.nodes import RecordError
from sygus.oracles.expressions import read_expression

GIVEN = {"budget": "size=5,forwards=300", "search_images": 8, "held_out_images": 8, "device": "cpu"}
TWO = ContestOptions(("random", "enumerate"), 2, exhaustive=3)


def made(options: ContestOptions = TWO, **given: Any) -> Comparison:
    return Comparison([read("channel_weights")], GIVEN | given, options, lambda _: None)


@pytest.fixture(scope="module")
def comparison() -> Iterator[Comparison]:
    with pytest.MonkeyPatch.context() as patch:
        quickly(patch)
        yield made()


@pytest.fixture(scope="module")
def finished(comparison: Comparison, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A comparison that one process has run; to be read, not written."""
    path = tmp_path_factory.mktemp("compared") / "one"
    comparison.run(Folder.begin(path, comparison.protocol), Shard(), lambda _: None)
    return path


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    quickly(monkeypatch)


def summary(*paths: Path) -> str:
    return summary_csv(findings(complete([Folder.open(path) for path in paths])))


def of(contest: Contest, strategy: str) -> list[Trial]:
    return contest.of(0, strategy)


def without_costs(trials: Sequence[Trial]) -> list[Trial]:
    return [replace(trial, costs={}) for trial in trials]


def test_a_trial_counts_every_pass_that_its_scores_stand_for(finished: Path) -> None:
    contest = complete([Folder.open(finished)])
    assert len(contest.trials) == 4
    for trial in contest.trials:
        counts = trial.accounting
        fates = ("scored", "duplicate", "unsafe", "failed", "pruned")
        assert sum(counts[fate] for fate in fates) == counts["proposed"]
        assert counts["passes"] >= 300
        assert counts["terms scored"] == counts["scored"] + counts["pruned"]
        baselines = 2 * 8  # the constraints compare with two, which each trial scores once
        assert counts["scored"] * 8 <= counts["passes"] <= counts["passes in full"] + baselines
        scores = [point.score for point in trial.trace]
        assert scores == sorted(scores, reverse=True)
        assert trial.trace[-1].passes <= counts["passes"]
        inside = [point for point in trial.trace if point.passes <= 300]
        assert trial.best[0].score == inside[-1].score
        assert len(trial.held_out) == len(SHARES)
        assert sum(trial.pictures) / 8 == pytest.approx(trial.held_out[-1])
        assert trial.costs["seconds"] > 0
    first, second = of(contest, "enumerate")
    assert replace(first, seed=1, costs={}) == replace(second, costs={})
    assert of(contest, "random")[0].trace != of(contest, "random")[1].trace


def test_the_exhaustive_table_holds_every_class_and_ranks_the_winners(finished: Path) -> None:
    contest = complete([Folder.open(finished)])
    table = contest.exhaustive[0]
    assert table.size == 3
    assert list(table.scores) == sorted(table.scores)
    assert table.top[0].score == table.scores[0]
    assert len({one.key for one in table.top}) == len(table.top)
    (recall, *_) = findings(contest).recalls
    assert recall.classes == len(table.scores)
    enumerated = {one.key for one in of(contest, "enumerate")[0].best}
    assert {one.key for one in table.top} <= enumerated, "the enumeration scored all of size 3 first"


def test_what_others_have_scored_costs_no_passes_and_changes_no_result(finished: Path) -> None:
    contest = complete([Folder.open(finished)])
    again = of(contest, "enumerate")[1]
    assert again.costs["passes made"] == 0
    assert again.accounting["passes"] > 0
    alone = made(replace(TWO, cache="run", exhaustive=0))
    stage = alone.arenas[0].opened(None)
    paid = play(stage, 0, "enumerate", 1)
    assert paid.costs["passes made"] >= paid.accounting["passes"]
    assert without_costs([paid]) == without_costs([again])


def test_maps_that_are_equal_but_for_rounding_share_no_scores_between_trials(
    comparison: Comparison, tmp_path: Path
) -> None:
    """Which of them comes first differs from trial to trial, and a metric may tell them apart."""
    (arena,) = comparison.arenas
    plain = arena.opened(None)
    one, other = plain.search.heat_maps([read_expression("(gap gradient)"), read_expression("(gap activation)")])
    other = replace(other, key=one.key)
    (metric,) = arena.problem.metrics.values()
    every = torch.arange(len(plain.search.subject.images))
    with ScoreTable(tmp_path / "scores.sqlite", len(every), arena.name) as table:
        shared = arena.opened(table)
        for heat in (one, other, one, other):
            np.testing.assert_array_equal(
                shared.search.score([heat], metric, every), plain.search.score([heat], metric, every)
            )
        assert shared.search.paid == 2 * len(every) * metric.passes(shared.search.subject.network.size)


def test_what_learners_look_at_is_drawn_once_for_all_trials(comparison: Comparison, tmp_path: Path) -> None:
    (arena,) = comparison.arenas
    terms = [read_expression(text) for text in ("(gap gradient)", "(gap activation)", "(gap gradient)")]
    with ScoreTable(tmp_path / "scores.sqlite", 8, arena.name) as table:
        stage = arena.opened(table)
        first, second = (stage.space(seed).heat_maps(terms) for seed in (0, 1))
    assert all(a is b for a, b in zip(first, second, strict=True))
    assert first[0] is first[2]
    assert [heat.key for heat in first] == [heat.key for heat in arena.opened(None).space(0).heat_maps(terms)]


def test_without_a_cache_duplicates_are_paid_again() -> None:
    bare = made(replace(TWO, cache="none", exhaustive=0))
    trial = play(bare.arenas[0].opened(None), 0, "random", 0)
    assert trial.accounting["duplicate"] == 0
    assert bare.protocol.grounds[0]["settings"]["equivalence"] == "none"
    with pytest.raises(OptionError, match="--cache none scores duplicates again"):
        made(replace(TWO, cache="none"), equivalence="map")


@pytest.mark.parametrize("cache", ["run", "none"])
def test_each_term_is_charged_when_its_own_scores_are_paid(cache: Any) -> None:
    """Without races a term costs a pass a picture, also in the middle of a batch; two baselines come first."""
    whole = made(replace(TWO, cache=cache, exhaustive=0), race="off")
    stage = whole.arenas[0].opened(None)
    trials = [play(stage, 0, "random", seed) for seed in (0, 1)]
    points = [point for trial in trials for point in trial.trace]
    assert any(point.proposals % 32 for point in points), "improvements come within batches too"
    for point in points:
        assert point.passes == 2 * 8 + 8 * point.terms
        assert point.terms <= point.proposals
    for last in (trial.accounting for trial in trials):
        assert last["passes"] == 2 * 8 + 8 * last["terms scored"]
        if cache == "none":
            assert last["terms scored"] == last["proposed"] - last["unsafe"] - last["failed"]


def test_shards_say_what_one_process_says(comparison: Comparison, finished: Path, tmp_path: Path) -> None:
    shards = [Folder.begin(tmp_path / name, comparison.protocol) for name in ("a", "b")]
    for index, folder in enumerate(shards, start=1):
        comparison.run(folder, Shard(index, 2), lambda _: None)
    results = [len(list((folder.path / "trials").iterdir())) for folder in shards]
    assert sorted(results) == [2, 2]
    assert summary(*(folder.path for folder in shards)) == summary(finished)
    with pytest.raises(OptionError, match="results are missing: channel_weights on shapes-vgg"):
        complete([shards[0]])


def test_what_is_interrupted_goes_on(comparison: Comparison, finished: Path, tmp_path: Path) -> None:
    class EnoughError(Exception):
        pass

    def stop(progressed: Any) -> None:
        if progressed.done == 3:
            raise EnoughError

    folder = Folder.begin(tmp_path / "one", comparison.protocol)
    with pytest.raises(EnoughError):
        comparison.run(folder, Shard(), stop)
    _, missing = gathered([folder])
    assert len(missing) == 2
    known = []
    comparison.run(Folder.begin(tmp_path / "one", comparison.protocol), Shard(), lambda one: known.append(one.known))
    assert known == [True, True, True, False, False]
    assert summary(tmp_path / "one") == summary(finished)


@pytest.mark.parametrize(
    ("options", "given", "said"),
    [
        (TWO, {"budget": "size=5,forwards=400"}, "budget"),
        (TWO, {"seed": 1}, "seed: 0 there, 1 here"),
        (TWO, {"race": "off"}, "race: t there, off here"),
        (replace(TWO, cache="run"), {}, "cache: shared there, run here"),
        (replace(TWO, seeds=3), {}, "seeds"),
        (replace(TWO, strategies=("random",)), {}, "strategies enumerate"),
        (replace(TWO, networks=("shapes-resnet",)), {}, "network: shapes-vgg there, shapes-resnet here"),
    ],
)
def test_a_folder_under_another_protocol_is_refused(
    options: ContestOptions, given: dict[str, Any], said: str, finished: Path
) -> None:
    with pytest.raises(OptionError, match="holds a comparison under another protocol") as caught:
        Folder.begin(finished, made(options, **given).protocol)
    assert said in str(caught.value)


def test_other_strategies_under_the_same_protocol_are_joined(finished: Path, tmp_path: Path) -> None:
    parts = []
    for strategy in TWO.strategies:
        alone = made(replace(TWO, strategies=(strategy,)))
        parts.append(Folder.begin(tmp_path / strategy, alone.protocol))
        shutil.copytree(finished / "trials", tmp_path / strategy / "trials", dirs_exist_ok=True)
        shutil.copytree(finished / "exhaustive", tmp_path / strategy / "exhaustive", dirs_exist_ok=True)
    assert summary(*(folder.path for folder in parts)) == summary(finished)
    other = Folder.begin(tmp_path / "other", made(replace(TWO, strategies=("random",)), race="off").protocol)
    with pytest.raises(OptionError, match="under different protocols"):
        gathered([parts[1], other])


def _damaged(text: str) -> str:
    return text.replace('"score": ', '"score": 1', 1)


@pytest.mark.parametrize(
    ("place", "change", "said"),
    [
        ("trials", _damaged, "it is not what was written"),
        ("trials", lambda _: "[" * 100_000, "no JSON"),
        ("trials", lambda text: text.replace('"seed": 0', '"seed": NaN'), "no JSON"),
        ("trials", lambda _: '{"stands on": "another"}', "another protocol"),
        ("exhaustive", _damaged, "it is not what was written"),
        (PROTOCOL, lambda text: text.replace('"limit": 300', '"limit": 301'), "its digest is of another protocol"),
        (PROTOCOL, lambda text: text.replace('"limit": 300', '"limit": 1e999'), "no JSON"),
        (PROTOCOL, lambda text: text.replace('"cache": "shared"', '"cache": "\\ud800"'), "no JSON"),
    ],
)
def test_files_that_were_changed_are_refused(
    place: str, change: Callable[[str], str], said: str, finished: Path, tmp_path: Path
) -> None:
    shutil.copytree(finished, tmp_path / "one")
    path = tmp_path / "one" / place
    path = sorted(path.iterdir())[0] if path.is_dir() else path
    path.write_text(change(path.read_text()))
    with pytest.raises(RecordError) as caught:
        summary(tmp_path / "one")
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


def test_links_are_not_followed(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "one")
    path = sorted((tmp_path / "one" / "trials").iterdir())[0]
    elsewhere = tmp_path / "elsewhere.json"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    with pytest.raises(RecordError, match="a symbolic link"):
        summary(tmp_path / "one")


def test_scores_that_were_changed_are_paid_again(comparison: Comparison, finished: Path, tmp_path: Path) -> None:
    """The table is a journal: a row that does not fit its digest is not believed."""
    import sqlite3

    shutil.copytree(finished, tmp_path / "one")
    shutil.rmtree(tmp_path / "one" / "trials")
    connection = sqlite3.connect(tmp_path / "one" / "scores" / "1.sqlite")
    connection.execute("UPDATE scores SET values_ = zeroblob(length(values_))")
    connection.commit()
    connection.close()
    comparison.run(Folder.begin(tmp_path / "one", comparison.protocol), Shard(), lambda _: None)
    assert summary(tmp_path / "one") == summary(finished)


def test_a_folder_with_something_else_is_left_alone(comparison: Comparison, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(OptionError, match="is not empty, and holds no comparison"):
        Folder.begin(tmp_path, comparison.protocol)
    with pytest.raises(OptionError, match="there is no comparison in"):
        Folder.open(tmp_path)


@pytest.mark.parametrize(
    ("options", "given", "said"),
    [
        (TWO, {"budget": "size=5"}, "a comparison has one limit"),
        (TWO, {"budget": "forwards=10,terms=10"}, "a comparison has one limit"),
        (TWO, {"budget": "forwards=10,time=3s"}, "seconds would compare machines"),
        (replace(TWO, strategies=("random", "nobody")), {}, "unknown learner 'nobody'"),
    ],
)
def test_what_cannot_be_compared(options: ContestOptions, given: dict[str, Any], said: str) -> None:
    with pytest.raises(SycamError, match=said):
        made(options, **given)


def test_options_that_make_no_comparison() -> None:
    for values, said in (
        ({"strategies": ("random", "random")}, "'random' is given twice"),
        ({"strategies": ()}, "0 are given"),
        ({"seeds": 0}, "0 are asked for"),
    ):
        with pytest.raises(OptionError, match=said):
            replace(TWO, **values)  # type: ignore[arg-type]
    for text in ("0/2", "3/2", "1", "a/b", "1/²"):
        with pytest.raises(OptionError, match="is no part"):
            Shard.parse(text)


def test_passes_are_no_budget_where_scores_take_none() -> None:
    with pytest.raises(OptionError, match="write --budget terms=N"):
        Comparison([read("energy")], GIVEN, TWO, lambda _: None)


def test_energy_is_read_where_a_counter_is(tmp_path: Path) -> None:
    """It begins anew where it has run over; parts of a package are not counted twice."""
    for zone in ("intel-rapl:0", "intel-rapl:0:0"):
        (tmp_path / zone).mkdir()
        (tmp_path / zone / "energy_uj").write_text("900000")
        (tmp_path / zone / "max_energy_range_uj").write_text("1000000")
    meter = Meter(tmp_path)
    (tmp_path / "intel-rapl:0" / "energy_uj").write_text("400000")
    assert meter.read()["joules"] == 0.5
    assert "joules" not in Meter(tmp_path / "nowhere").read()


def test_the_protocol_names_pictures_order_and_code(finished: Path) -> None:
    plain = json.loads((finished / PROTOCOL).read_text())
    (grounds,) = plain["grounds"]
    assert len(grounds["pictures"]["search"]) == 8
    assert sorted(grounds["order"]) == list(range(8))
    assert {"network", "device", "search images"} <= grounds["fingerprints"].keys()
    assert grounds["alpha"] == 0.01
    assert set(plain["strategies"]) == {"random", "enumerate"}
    assert all(len(code) == 64 for code in plain["strategies"].values())
    assert plain["conditions"]["cache"] == "shared"
