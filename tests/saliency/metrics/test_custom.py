"""Metrics of the user's own, ``package.module:function``: found in the current folder, and every way they may fail."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sygus.app.cli import main
from sygus.saliency.metrics import METRICS, metric

SOURCE = '''"""A user's metrics."""

import torch
from sygus.saliency.metrics import metric

CALLS = []


def brightness(evaluation):
    """Mean of S."""
    return evaluation.saliency.mean((-2, -1))


def _declared(name, function, **metadata):
    function.__doc__ = "Not what it should be."
    metric(name, direction="min", **metadata)(function)
    return function


good = _declared("own-good", lambda e: brightness(e), low=0, high=1)
raises = _declared("own-raises", lambda e: brightness(e) @ 3)
nan = _declared("own-nan", lambda e: torch.where(e.index == 2, torch.nan, brightness(e)))
infinite = _declared("own-infinite", lambda e: brightness(e) / 0)
column = _declared("own-column", lambda e: brightness(e)[:, None])
scalar = _declared("own-scalar", lambda e: brightness(e).mean())
plain = _declared("own-plain", lambda e: brightness(e).tolist())
array = _declared("own-array", lambda e: brightness(e).numpy())
nothing = _declared("own-nothing", lambda e: None)
outside = _declared("own-outside", lambda e: -10 * brightness(e), low=0, high=1, passes=5)
limitless = _declared("own-limitless", lambda e: brightness(e), high=1, passes=1)
rounded = _declared("own-rounded", lambda e: 0 * brightness(e) - 5e-7, low=0, high=1)
changing = _declared("own-changing", lambda e: e.saliency.zero_().mean((-2, -1)))
'''

FEW = ("--search-images", "8", "--held-out-images", "4", "--device", "cpu")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "own.py").write_text(SOURCE)
    (tmp_path / "syntax.py").write_text("def here(:\n")
    (tmp_path / "undefined.py").write_text("x = 1\nnowhere()\n")
    (tmp_path / "lacking.py").write_text("import no_such_package\n")
    (tmp_path / "leaving.py").write_text("raise SystemExit(0)\n")
    (tmp_path / "sideways.py").write_text(
        "from sygus.saliency.metrics import metric\n\n\n@metric('own-up', direction='up')\ndef here(e):\n    'x'\n"
    )
    monkeypatch.chdir(tmp_path)
    before = set(METRICS)
    yield tmp_path
    for name in set(METRICS) - before:
        del METRICS[name]
    for name in ("own", "syntax", "undefined", "lacking", "leaving", "sideways"):
        sys.modules.pop(name, None)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, *FEW])


def rejected(result: Result, *fragments: str) -> None:
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit), result.exception
    for fragment in fragments:
        assert fragment in result.stderr


@pytest.mark.parametrize("name", ["good", "rounded"])
def test_a_metric_of_the_current_folder(name: str) -> None:
    assert run("evaluate", "--methods", "gradcam", "--metrics", f"own:{name}").exit_code == 0
    result = run("gradcam", "--metric", f"own:{name}", "--budget", "size=3", "--out", "run")
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("name", "fragments"),
    [
        ("own:missing", ("the module 'own' has no 'missing'", "package.module:function")),
        ("own:CALLS", ("has a list, not a function, 'CALLS'",)),
        ("own:brightness", ("'own:brightness' is no metric", "decorate")),
        ("owm:good", ("there is no module 'owm'", "run in the folder that holds it")),
        ("syntax:here", ("importing 'syntax' fails: SyntaxError", "syntax.py, line 1")),
        ("undefined:here", ("importing 'undefined' fails: NameError", "(undefined.py:2)")),
        ("lacking:here", ("'lacking' imports no_such_package, which is not installed",)),
        ("leaving:here", ("importing 'leaving' fails: SystemExit",)),
        ("sideways:here", ("'own-up' has the direction 'up'", "'min' or 'max'", "(sideways.py:4)")),
    ],
)
def test_metrics_that_cannot_be_had(name: str, fragments: tuple[str, ...]) -> None:
    rejected(run("evaluate", "--methods", "gradcam", "--metrics", name), "error: --metrics: ", *fragments)


@pytest.mark.parametrize(
    ("name", "fragments"),
    [
        ("raises", ("'own-raises' fails: TypeError", "(own.py:", "it must return a tensor (n,)")),
        ("nan", ("'own-nan' gives nan, which is not finite, for the picture", "a finite score")),
        ("infinite", ("'own-infinite' gives inf", "and for")),
        ("column", ("gives numbers of shape (8, 1) for 8 pictures, not (8,)",)),
        ("scalar", ("gives numbers of shape () for 8 pictures",)),
        ("plain", ("gives list",)),
        ("array", ("gives numpy.ndarray",)),
        ("nothing", ("gives None",)),
        ("outside", ("gives a score outside [0, 1], -", "in [0, 1], which it declares")),
        ("changing", ("changes the saliency maps", "clone()")),
    ],
)
def test_metrics_that_do_not_measure(name: str, fragments: tuple[str, ...]) -> None:
    rejected(
        run("evaluate", "--methods", "gradcam", "--metrics", f"own:{name}"), f"the metric 'own-{name}'", *fragments
    )


def test_a_range_that_a_race_would_trust() -> None:
    result = run("gradcam", "--metric", "own:outside", "--budget", "size=4", "--race", "bound", "--out", "run")
    rejected(result, "'own-outside' gives a score outside [0, 1]")


@pytest.mark.parametrize(("name", "in_full"), [("limitless", True), ("good", False)])
def test_a_race_by_betting_says_which_metric_has_no_best_score(name: str, in_full: bool) -> None:
    found = run("gradcam", "--metric", f"own:{name}", "--budget", "size=4", "--race", "betting", "--out", "run")
    assert found.exit_code == 0, found.output
    said = " ".join(found.stderr.split())
    assert "racing by betting and the exact bound" in said
    assert (f"without a best score, so scored in full: own-{name}" in said) == in_full


def test_a_range_that_is_none() -> None:
    with pytest.raises(ValueError, match="low must be less than high"):
        metric("own-empty", direction="min", low=1, high=0)


def test_an_expression_that_is_not_finite() -> None:
    result = run("evaluate", "--methods", "gradcam", "--expression", "(/ gradient activation)")
    rejected(result, "the expression (/ gradient activation) is not finite on 8 of 8 pictures", "div0")
