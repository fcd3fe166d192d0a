"""Methods that are expressions: a file says everything of them, and is read strictly."""

from __future__ import annotations

from pathlib import Path

import pytest

from sygus.errors import SourceError
from sygus.oracles.methods import find_methods, methods, read_methods

HEAD = "(set-logic CAM)\n"


def test_a_definition_says_its_title_and_whether_it_is_a_control() -> None:
    found = read_methods(
        HEAD + '(define-fun mine ((gradient Map)) Weight (! (gap gradient) :title "My ""own"" CAM"))'
        "(define-fun floor () Real (! 1 :control true))"
        "(define-fun bare ((score Weight)) Weight score)",
        "mine.sy",
    )
    assert {name: (m.title, m.quick, m.control) for name, m in found.items()} == {
        "mine": ('My "own" CAM', True, False),
        "floor": ("floor", True, True),
        "bare": ("bare", False, False),
    }


@pytest.mark.parametrize(
    ("definition", "column", "fragment"),
    [
        ('(define-fun f () Real (! 1 :titel "F"))', 28, "unknown attribute ':titel'; known: :title, :name, :control"),
        ('(define-fun f () Real (! 1 :name "F G"))', 28, "':name' has no such value; write :name"),
        ("(define-fun f () Real (! 1 :title F))", 28, "':title' has no such value; write :title \"…\""),
        ('(define-fun f () Real (! 1 :title " "))', 28, "':title' has no such value"),
        ("(define-fun f () Real (! 1 :title))", 28, "':title' has no such value"),
        ("(define-fun f () Real (! 1 :control 1))", 28, "':control' has no such value; write :control true"),
        ('(define-fun f () Real (! 1 :title "F" :title "G"))', 39, "':title' is given twice"),
        ("(define-fun f ((gradeint Map)) Map gradeint)", 16, "did you mean 'gradient'?"),
        ("(define-fun f ((gradient Weight)) Weight gradient)", 16, "write (gradient Map)"),
        ("(define-fun f () Bool (< 1 2))", 1, "the method is Bool"),
        ('(define-fun f () Real (! 1 :title "Fake-CAM"))', 1, "two methods have the title 'Fake-CAM'"),
        ("(define-fun fakecam () Real 1)", 1, "two methods have the name 'fakecam'"),
    ],
)
def test_what_is_wrong_is_shown_where_it_stands(definition: str, column: int, fragment: str) -> None:
    with pytest.raises(SourceError) as raised:
        read_methods(HEAD + definition, "mine.sy")
    assert str(raised.value).startswith(f"mine.sy:2:{column}: ")
    assert fragment in str(raised.value)


def test_controls_stay_controls_with_options() -> None:
    assert [name for name, method in methods().items() if method.control] == ["fakecam", "randomcam"]
    (method,) = find_methods("randomcam(seed=1)")
    assert (method.name, method.control) == ("randomcam(seed=1)", True)


def test_what_lies_in_the_current_folder_is_not_taken_for_the_methods(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = list(methods())
    (tmp_path / "methods").write_text("nothing of that kind")
    monkeypatch.chdir(tmp_path)
    methods.cache_clear()
    assert list(methods()) == known
