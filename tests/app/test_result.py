"""A run as Python sees it: its candidates, its front, its plots, and that it can be pickled."""

from __future__ import annotations

import io
import pickle
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

import sygus
from sygus.errors import OptionError
from sygus.language.text import term_text
from sygus.saliency.networks import embedded


@pytest.fixture(scope="module")
def result(finished_run: Path) -> sygus.Result:
    return sygus.load(finished_run)


def test_candidates_are_records_where_pandas_is_missing(result: sygus.Result, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    records = result.candidates
    labels = [one.label for one in result.record.objectives]
    assert [list(one) for one in records[:1]] == [["id", "term", "nodes", *labels, "feasible"]]
    assert [one["average-drop"] for one in records] == [one.objectives[0] for one in result.record.candidates]


def test_candidates_are_a_frame_where_pandas_is_installed(
    result: sygus.Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake: Any = ModuleType("pandas")
    fake.DataFrame = lambda records: ("frame", records)
    monkeypatch.setitem(sys.modules, "pandas", fake)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: object())
    kind, records = result.candidates
    assert kind == "frame"
    assert len(records) == len(result.record.candidates)


def test_the_front_has_scores_on_all_pictures(result: sygus.Result) -> None:
    assert [one.expression for one in result.front] == [one.term for one in result.record.front]
    assert result.record.found is not None
    (answer,) = [one for one in result.front if one.expression == result.record.found.term]
    assert answer.held_out["average-drop"].value == result.score()
    assert answer.search["average-drop"].value == result.score(held_out=False)
    assert answer.validation["average-drop"].images == 96
    assert str(answer) == answer.expression
    assert answer.objectives["average-drop"] == result.record.found.objectives[0]


def test_a_member_of_the_front_explains_models(result: sygus.Result) -> None:
    model = embedded.load("shapes-vgg")
    pictures = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    for place, member in enumerate(result.front):
        with result.cam(model, [model.features], expression=place) as cam:
            assert term_text(cam.expression) == member.expression
            assert torch.as_tensor(cam(pictures)).shape == (2, 64, 64)
    last = len(result.front)
    for wrong in (last, True, "1"):
        with pytest.raises(OptionError, match=f"is no place in the front, which has {last}; give a number from 0 to"):
            result.cam(model, [model.features], expression=wrong)  # type: ignore[arg-type]


def test_results_can_be_pickled(result: sygus.Result) -> None:
    result.expression  # noqa: B018 - what is computed once does not hinder
    copied = pickle.loads(pickle.dumps(result))  # noqa: S301 - our own
    assert copied == result
    assert hash(copied) == hash(result)
    assert copied.answer == result.answer
    assert copied != sygus.Result(result.folder, result.record, None)
    assert copied != 3


def test_figures_are_figures(result: sygus.Result) -> None:
    for figure in (result.plot_progress(), result.plot_front(), result.plot_maps(pictures=2)):
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png")
        assert buffer.getvalue().startswith(b"\x89PNG")
    assert len(result.plot_maps(["Grad-CAM"], pictures=3).axes) == 6
    with pytest.raises(OptionError, match="plot_maps: the run has none of Nothing; it has Grad-CAM"):
        result.plot_maps(["Nothing"])
    with pytest.raises(OptionError, match="pictures is 0; give at least 1"):
        result.plot_maps(pictures=0)
    with pytest.raises(OptionError, match="plot_maps: the run kept no heat maps"):
        sygus.Result(result.folder, result.record, None).plot_maps()
