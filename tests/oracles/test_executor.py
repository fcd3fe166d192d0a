"""Units of work: however rows are cut into them, and wherever these are scored, the scores are the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from solvers.cam.journal import JOURNAL, Journal
from solvers.cam.search import search
from solvers.cam.settings import Settings
from solvers.cam.solution import Solution
from solvers.cam.subjects import Subjects, load_subjects
from sygus.errors import SycamError
from sygus.language.elaborate import load_problem
from sygus.oracles.cam import CamOracle
from sygus.oracles.executor import Executor, InProcess, Judge, Scores, Unit
from sygus.oracles.expressions import parse_expression
from sygus.oracles.methods import methods
from sygus.oracles.objective import CamProblem
from sygus.resources import read_problem
from sygus.saliency.metrics import find_metric

FEW = Settings(search_images=20, held_out_images=2, validation_images=4, device="cpu", budget="size=4")
MAPS = ("(gap gradient)", "(unit (cam (gap gradient)))", "(relu gradient)", "(gmp activation)")


@pytest.fixture(scope="module")
def subjects() -> Subjects:
    return load_subjects(FEW, choosing=True)


class Recording(Executor):
    """Scores here, in units of so many passes, and knows them; candidates with a certain first map have no score."""

    def __init__(self, passes: int = 1, unscored: torch.Tensor | None = None) -> None:
        self.passes = passes
        self.unscored = unscored
        self.units: list[Unit] = []

    def rows(self, size: int) -> int:
        return self.passes * size

    def map(self, units: Sequence[Unit], judge: Judge) -> Iterable[Scores]:
        self.units += units
        return [np.where(self._fails(unit), np.float32(np.nan), judge(unit)) for unit in units]

    def _fails(self, unit: Unit) -> np.ndarray:
        if self.unscored is None:
            return np.zeros(len(unit.index), bool)
        return np.array([any(torch.equal(one, other) for other in self.unscored) for one in unit.maps])


def on(oracle: CamOracle, executor: Executor) -> CamOracle:
    return CamOracle(oracle.subject, oracle.references, executor=executor)


@pytest.mark.parametrize(
    "name", ["average-drop", "insertion(steps=5)", "iou", "win", "road", "max-sensitivity(draws=2)", "adcc", "pxap"]
)
def test_scores_do_not_depend_on_how_rows_are_cut(name: str, subjects: Subjects) -> None:
    metric, index = find_metric(name), torch.tensor([3, 1, 18, 0, 7, 11, 5])
    found = []
    for executor in (InProcess(), Recording(1), Recording(2)):
        oracle = on(subjects.search, executor)
        terms = [parse_expression(text, "test") for text in MAPS]
        found.append(oracle.score(oracle.heat_maps(terms), metric, index))
        assert oracle.forwards == metric.passes((64, 64)) * found[0].size
    for other in found[1:]:
        np.testing.assert_array_equal(found[0], other)


def test_units_fill_passes_with_maps_of_one_size(subjects: Subjects) -> None:
    executor = Recording(1)
    oracle = on(subjects.search, executor)
    heat = oracle.heat_maps([parse_expression(text, "test") for text in ("(gap gradient)", "(gmp gradient)")])
    large = replace(heat[0], maps=torch.nn.functional.interpolate(heat[0].maps[:, None], size=(64, 64))[:, 0])
    index = torch.arange(20)
    found = oracle.score([heat[0], large, heat[1]], find_metric("average-drop"), index)
    assert [tuple(unit.maps.shape) for unit in executor.units] == [(32, 8, 8), (8, 8, 8), (20, 64, 64)]
    assert [unit.candidates for unit in executor.units] == [[0, 2], [2], [1]]
    here = on(subjects.search, InProcess())
    alone = [here.score([one], find_metric("average-drop"), index)[0] for one in (*heat, large)]
    np.testing.assert_array_equal(found, [alone[0], alone[2], alone[1]])


def test_a_candidate_by_itself_keeps_its_places_and_its_scores(subjects: Subjects) -> None:
    executor = Recording(1)
    oracle = on(subjects.search, executor)
    heat = oracle.heat_maps([parse_expression(text, "test") for text in ("(gap gradient)", "(gmp gradient)")])
    oracle.score(heat, find_metric("average-drop"), torch.arange(20))
    together = oracle.judged(executor.units[0])
    for candidate in (0, 1):
        by_itself = executor.units[0].only(candidate)
        assert by_itself.candidates == [candidate]
        mine = executor.units[0].owners == candidate
        np.testing.assert_array_equal(oracle.judged(by_itself)[:, mine], together[:, mine])


Rows = list[tuple[str, str]]
"""Terms proposed, with their fates."""


def solved(subjects: Subjects, executor: Executor, folder: Path, race: str = "t") -> tuple[Solution, Rows]:
    problem = CamProblem(load_problem(read_problem("gradcam")[1], "gradcam"))
    parts = [part and on(part, executor) for part in (subjects.search, subjects.held_out, subjects.validation)]
    folder.mkdir()
    found = search(problem, replace(FEW, race=race), Subjects(*parts), folder)
    with Journal(folder / JOURNAL, FEW.search_images) as journal:
        return found, [(row["term"], row["fate"]) for row in journal.proposals(len(problem.goals))]


@pytest.mark.parametrize("race", ["t", "betting", "off"])
def test_what_cannot_be_scored_has_failed_and_the_rest_is_unharmed(
    race: str, subjects: Subjects, tmp_path: Path
) -> None:
    plain, rows = solved(subjects, InProcess(), tmp_path / "plain", race)
    assert plain.best is not None
    lost = subjects.search.heat_maps([plain.best.term])[0].maps
    found, others = solved(subjects, Recording(1, lost), tmp_path / "lost", race)
    assert found.best is not None
    assert found.best.term is not plain.best.term
    fates, unlike = dict(rows), Counter(fate for term, fate in others if dict(rows)[term] != fate)
    assert fates.keys() == dict(others).keys()
    assert dict(others)[repr(plain.best.term)] == "failed"
    assert unlike["failed"] == 1
    (note,) = found.unscored
    assert note.startswith("warning: 1 expression could not be scored and counts as failed: it ended the process")
    assert repr(plain.best.term) in note


def test_finalists_that_cannot_be_scored_are_left_out(subjects: Subjects, tmp_path: Path) -> None:
    plain, _ = solved(subjects, InProcess(), tmp_path / "plain")
    assert plain.choice is not None
    assert plain.best is not None
    assert subjects.validation is not None
    lost = subjects.validation.heat_maps([plain.best.term])[0].maps
    found, _ = solved(subjects, Recording(1, lost), tmp_path / "lost")
    assert found.choice is not None
    assert {one.judged.term for one in found.choice.finalists} == {
        one.judged.term for one in plain.choice.finalists if one.judged.term is not plain.best.term
    }
    assert found.choice.broken == plain.choice.broken + 1
    assert found.unscored


def test_a_reference_that_cannot_be_scored_is_an_error(subjects: Subjects) -> None:
    heat = subjects.search.heat_maps([parse_expression("(gap gradient)", "test")])
    oracle = on(subjects.search, Recording(1, heat[0].maps))
    with pytest.raises(SycamError, match=r"^\(gap gradient\) cannot be scored: it ended the process that scored it"):
        oracle.score(heat, find_metric("average-drop"), torch.arange(20))
    assert methods()["gradcam"].score(on(subjects.search, InProcess()), find_metric("average-drop")).shape == (20,)
