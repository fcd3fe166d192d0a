"""The parser's tables are those of the grammar, and words end where what is written ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sygus.errors import ParseError
from sygus.language.syntax import engine, parse, parser

FILES = sorted(Path(engine.GRAMMAR).parents[3].joinpath("grammars").glob("*.sy"))


@pytest.fixture
def without_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make the tables anew, as for another grammar."""
    (tmp_path / "grammar.json").write_text(json.dumps({"made by": "another"}))
    monkeypatch.setattr(engine, "TABLES", tmp_path / "grammar.json")
    parser._engine.cache_clear()
    yield
    parser._engine.cache_clear()


def test_the_tables_are_those_of_the_grammar() -> None:
    kept = json.loads(engine.TABLES.read_text(encoding="utf-8"))
    assert kept["made by"] == engine.maker(), f"the tables are of another grammar or Lark: {engine.__doc__}"


def test_without_them_a_text_is_read_alike(request: pytest.FixtureRequest) -> None:
    texts = [path.read_text(encoding="utf-8") for path in FILES]
    scripts = [parse(text) for text in texts]
    with pytest.raises(ParseError) as kept:
        parse("(set-logic LIA) (declare-var x)")
    request.getfixturevalue("without_tables")
    assert [parse(text) for text in texts] == scripts
    with pytest.raises(ParseError) as made:
        parse("(set-logic LIA) (declare-var x)")
    assert str(made.value) == str(kept.value)


@pytest.mark.parametrize("command", ["constraintx", "assumetrue", "constraint|x|"])
def test_a_command_ends_where_its_word_ends(command: str) -> None:
    with pytest.raises(ParseError, match="unknown command"):
        parse(f"(set-logic LIA) ({command})")


def test_words_are_symbols_where_no_word_may_stand() -> None:
    script = parse("(synth-fun par ((as Int) (lambda Int)) Int)")
    assert (script.commands[0].name, [one.name for one in script.commands[0].parameters]) == ("par", ["as", "lambda"])
