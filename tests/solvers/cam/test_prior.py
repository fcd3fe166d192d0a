"""Weights that a person gives productions: drawn in proportion, stated in the journal, refused where they are wrong."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from solvers.cam.drawing import Sampler
from solvers.cam.learners.random import Random
from solvers.cam.prior import Prior, read_prior, shown
from solvers.cam.testing import space_for
from sygus.app.cli import main
from sygus.errors import SycamError
from sygus.language.elaborate import load_problem
from sygus.language.problem import Problem
from sygus.language.text import term_text

PROBLEM = """
(set-logic CAM)
(set-feature :oracles true)
(set-option :constants "0.5 2")
(define-fun twice ((m Map)) Map (+ m m))
(declare-oracle-fun m ((-> Map Map Heatmap)) Real iou :t 0.5)
(synth-fun h ((gradient Map) (activation Map)) Heatmap ((H Heatmap) (W Weight) (M Map) (R Real))
  ((H Heatmap ((cam W) (* H H) (* R H)))
   (W Weight ((gap M) (* W W)))
   (M Map ((Variable Map) (relu M) (twice M)))
   (R Real ((Constant Real) 3))))
(optimize-synth ((! (m h) :max)))
"""
FEW = ["--search-images", "3", "--held-out-images", "3", "--baselines", "uniform", "--strategy", "random"]


def problem() -> Problem:
    return load_problem(PROBLEM, "problem.sy")


def read(folder: Path, text: str) -> Prior:
    (folder / "prior.json").write_text(text, encoding="utf-8")
    return read_prior(problem(), str(folder / "prior.json"))


def by_text(prior: Prior) -> dict[str, float]:
    return {term_text(shown(production)): weight for production, weight in prior.weights.items()}


def test_productions_are_known_by_their_text_whatever_its_spaces(tmp_path: Path) -> None:
    prior = read(tmp_path, '{"( *  H\\n H)": 0.2, "(twice M)": 5, "gradient": 1e-3, "(\\u0067ap M)": 2}')
    expected = {"(* H H)": 0.2, "(twice M)": 5.0, "gradient": 0.001, "(gap M)": 2.0}
    assert by_text(prior) == expected
    assert prior.stated == expected
    assert read(tmp_path, "{}").weights == {}


def test_the_weight_of_a_constant_is_shared_and_one_of_its_values_may_have_its_own(tmp_path: Path) -> None:
    assert by_text(read(tmp_path, '{"(Constant Real)": 6}')) == {"0.5": 3.0, "2": 3.0}
    found = read(tmp_path, '{"(Constant Real)": 6, "0.5": 10, "3": 4}')
    assert by_text(found) == {"0.5": 10.0, "2": 3.0, "3": 4.0}
    assert found.stated == {"(Constant Real)": 6.0, "0.5": 10.0, "3": 4.0}


def test_a_text_counts_in_every_nonterminal_that_has_it(tmp_path: Path) -> None:
    text = PROBLEM.replace("(W Weight ((gap M)", "(W Weight ((gap M) (gap (relu M))").replace(
        "(R Real ((Constant Real) 3))", "(R Real (3)) (S Real (3 R))"
    )
    text = text.replace("(R Real))", "(R Real) (S Real))").replace("(* R H)", "(* R H) (* S H)")
    (tmp_path / "prior.json").write_text('{"3": 7}')
    prior = read_prior(load_problem(text, "problem.sy"), str(tmp_path / "prior.json"))
    assert list(prior.weights.values()) == [7.0, 7.0]


def test_the_learner_draws_in_proportion() -> None:
    space = space_for("gradcam_plus", 9)
    weights = {p: 1.0 for productions in space.grammar.productions.values() for p in productions}
    start = space.grammar.productions[space.grammar.start]
    assert len(start) > 1
    plain = dict.fromkeys(weights, 1.0)
    weights[start[0]] = 9.0 * (len(start) - 1)
    learner = Random(replace(space, prior={start[0]: weights[start[0]]}))
    assert learner.draws.weights == weights
    assert Random(space).draws.weights == plain
    sampler, generator = Sampler(space.grammar, 30), np.random.default_rng(0)
    sampler.weights.update({start[0]: weights[start[0]]})
    first = Counter(sampler.draw(generator)[0] is start[0] for _ in range(2000))
    assert first[True] / 2000 == pytest.approx(0.9, abs=0.03)


def test_other_weights_give_other_terms_and_the_same_ones_the_same() -> None:
    space = space_for("gradcam_plus", 7)
    (rare, *_) = (p for p in space.grammar.productions[space.grammar.start] if p.holes)
    liked = {p: 50.0 for ps in space.grammar.productions.values() for p in ps if p is not rare and p.holes}

    def proposed(prior: dict[Any, float]) -> list[str]:
        return [term_text(one.term) for one in Random(replace(space, prior=prior)).ask(40)]

    assert proposed(liked) == proposed(liked)
    assert proposed(liked) != proposed({})


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("", "1:1", "it is no JSON"),
        ('{"(gap M)": 1,\n "(relu M)" 2}', "2:13", "it is no JSON: Expecting ':' delimiter"),
        ('{"(gap M)": NaN}', "1:1", "NaN is no number of JSON"),
        ("[" * 100_000, "1:1", "it is no JSON"),
        ("[1]", "1:1", "it is no JSON object"),
        ("3", "1:1", "it is no JSON object"),
        ('{"(gap M)": 1,\n   "(gap (relu M))": 2}', "2:4", "no production of the grammar is '(gap (relu M))'"),
        ('{"(gap M)": 1,\n\n"(gap W)": 2}', "3:1", "'(gap W)' is no production: "),
        ('{"(gap": 1}', "1:2", "'(gap' is no production: "),
        ('{"": 1}', "1:2", "'' is no production: "),
        ('{"(Variable Map)": 1}', "1:2", "stands for several productions"),
        ('{"(gap M)": 1, "(gap  M)": 2}', "1:16", "'(gap  M)' is given twice"),
        ('{"(gap M)": 1, "(gap M)": 2}', "1:16", "'(gap M)' is given twice"),
        (
            '{"(gap M)": 1,\n"(relu M)": 0}',
            "2:1",
            "the weight of '(relu M)' is none; give a number from 1e-06 to 1e+06",
        ),
        ('{"(gap M)": -1}', "1:2", "the weight of '(gap M)' is none"),
        ('{"(gap M)": 1e999}', "1:2", "the weight of '(gap M)' is none"),
        (f'{{"(gap M)": {"9" * 6000}}}', "1:2", "the weight of '(gap M)' is none"),
        ('{"(gap M)": true}', "1:2", "the weight of '(gap M)' is none"),
        ('{"(relu M)": 2, "(gap M)": {"(relu M)": "3"}}', "1:17", "the weight of '(gap M)' is none"),
        ('{"(gap M)": "\\u001b[31m"}', "1:2", "the weight of '(gap M)' is none"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, text: str, place: str, message: str) -> None:
    with pytest.raises(SycamError) as caught:
        read(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path / 'prior.json'}:{place}: ")
    assert message in str(caught.value)


def run(folder: Path, prior: str | None, *options: str, size: int = 5) -> Result:
    (folder / "problem.sy").write_text(PROBLEM)
    given = [] if prior is None else ["--prior", str(folder / "prior.json")]
    if prior is not None:
        (folder / "prior.json").write_text(prior)
    told = [*FEW, "--budget", f"size={size},terms=24", "--out", str(folder / "run"), *given, *options]
    return CliRunner().invoke(main, ["solve", str(folder / "problem.sy"), *told])


def stated(folder: Path) -> Any:
    with sqlite3.connect(folder / "run" / "journal.sqlite") as connection:
        (text,) = connection.execute("SELECT value FROM meta WHERE name = 'prior'").fetchone()
    return json.loads(text)


def test_it_is_stated_and_a_run_with_another_one_is_not_continued(tmp_path: Path) -> None:
    result = run(tmp_path, '{"(cam W)": 3}')
    assert result.exit_code == 0, result.stderr
    assert stated(tmp_path) == {"(cam W)": 3.0}
    assert "--prior" not in result.stderr
    assert run(tmp_path, '{ "( cam  W )" : 3.0 }', "--resume").exit_code == 0
    for other in ('{"(cam W)": 2}', None):
        result = run(tmp_path, other, "--resume")
        assert result.exit_code == 2
        assert "prior (cam W)" in " ".join(result.stderr.split())


def test_a_learner_that_does_not_use_it_is_named(tmp_path: Path) -> None:
    result = run(tmp_path, '{"(cam W)": 3}', "--strategy", "enumerate", size=3)
    assert result.exit_code == 0, result.stderr
    said = " ".join(result.stderr.split())
    assert "note: --prior: the learner 'enumerate' does not use weights of productions" in said
    assert stated(tmp_path) == {}


def test_a_wrong_file_ends_before_anything_is_made(tmp_path: Path) -> None:
    result = run(tmp_path, '{"(cam \\u001b[31mW)": 3}')
    assert result.exit_code == 2
    assert "\x1b" not in result.stderr
    assert not (tmp_path / "run").exists()
    (tmp_path / "prior.json").unlink()
    told = ["solve", str(tmp_path / "problem.sy"), *FEW, "--prior"]
    missing = CliRunner().invoke(main, [*told, str(tmp_path / "none.json")])
    assert missing.exit_code == 2
    assert "--prior: there is no file" in missing.stderr
    (tmp_path / "bytes.json").write_bytes(b"{\xff}")
    binary = CliRunner().invoke(main, [*told, str(tmp_path / "bytes.json")])
    assert binary.exit_code == 2
    assert "is not a text file (byte 1 is not UTF-8)" in binary.stderr
    folder = CliRunner().invoke(main, [*told, str(tmp_path)])
    assert folder.exit_code == 2
    assert "--prior: cannot read" in folder.stderr
