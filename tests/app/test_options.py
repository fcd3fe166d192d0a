"""The one table of options: it fits the solvers, the command line and Python, and speaks for all three."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

import sygus
from solvers.cam.job import JobOptions
from solvers.cam.settings import Settings
from sygus.app.cli import main
from sygus.app.kinds import (
    COUNT,
    IMAGES,
    METRIC,
    NETWORK,
    PLACE,
    PLACES,
    SECONDS,
    SWITCH,
    TARGET,
    TEXT,
    WHOLE,
    Kind,
)
from sygus.app.options import BY_NAME, OPTIONS, SUBJECTS, Option, Side
from sygus.app.ordinary import OrdinaryOptions
from sygus.errors import OptionError

LIA = "(set-logic LIA)\n(synth-fun f ((x Int)) Int)\n(constraint (= (f 1) 1))\n(check-synth)\n"
VALUES: dict[Kind, Any] = {
    COUNT: 3,
    IMAGES: "place",
    METRIC: "insertion",
    NETWORK: "word",
    PLACE: "place",
    PLACES: ["place"],
    SECONDS: 2.5,
    SWITCH: True,
    TARGET: "label",
    TEXT: "word",
    WHOLE: 4,
}
OF_SHELL = {"form", "quiet", "verbose", "next", "every"}
"""Options that say what is printed; the solvers know none of them."""


def of(*sides: Side) -> list[Option]:
    return [option for option in OPTIONS if option.side in sides]


def named(options: list[Option]) -> Any:
    return pytest.mark.parametrize("option", options, ids=lambda option: option.name)


@pytest.fixture
def ordinary(tmp_path: Path) -> str:
    path = tmp_path / "plain.sl"
    path.write_text(LIA)
    return str(path)


def test_the_table_has_what_the_solvers_take_and_no_more() -> None:
    cam = {field.name for kind in (Settings, JobOptions) for field in fields(kind)}
    plain = {field.name for field in fields(OrdinaryOptions)}
    assert {option.name for option in of(Side.CAM, Side.BOTH)} - OF_SHELL == cam
    assert {option.name for option in of(Side.ORDINARY, Side.BOTH)} - OF_SHELL == plain
    assert cam & plain == {option.name for option in of(Side.BOTH)} - OF_SHELL
    assert len({option.name for option in OPTIONS}) == len(OPTIONS)
    assert all(option.help for option in OPTIONS if option.name != "every")


def test_the_command_line_has_each_flag_once() -> None:
    given = [p.opts for p in main.commands["solve"].params if isinstance(p, click.Option)]
    assert sorted(flag for flags in given for flag in flags) == sorted({option.spelled for option in OPTIONS})
    for command in ("evaluate", "oracle", "plan"):
        names = [parameter.name for parameter in main.commands[command].params]
        assert {option.name for option in SUBJECTS} <= set(names)


@named(of(Side.CAM))
def test_options_of_cam_on_an_ordinary_file(option: Option, ordinary: str) -> None:
    result = CliRunner().invoke(main, [ordinary, *option.words(VALUES[option.kind])])
    assert result.exit_code == 2
    assert result.stdout == ""
    assert re.match(rf"error: {option.spelled}: .*; (write|leave it out|put)", result.stderr)
    assert result.stderr.count("\n") == 1
    with pytest.raises(OptionError) as error:
        sygus.solve(ordinary, **{option.name: VALUES[option.kind]})
    assert str(error.value).startswith(f"solve: {option.name}: ")
    assert "--" not in str(error.value)
    if not option.refusal:
        for message in (result.stderr, str(error.value)):
            assert "the logic LIA has no use for it" in message
            assert f"'{ordinary}' asks for no heat maps" in message


@named([option for option in of(Side.ORDINARY) if option.name != "every"])
def test_options_of_ordinary_problems_on_a_cam_file(option: Option) -> None:
    result = CliRunner().invoke(main, ["gradcam", *option.words(VALUES[option.kind])])
    assert result.exit_code == 2
    found = f"error: {option.spelled}: not available in the logic CAM ('gradcam' asks for heat maps); "
    assert result.stderr.startswith(found)
    assert result.stderr.count("\n") == 1
    if not option.in_python:
        with pytest.raises(OptionError, match=f"solve: {option.name}: not available in the logic CAM"):
            sygus.solve("gradcam", **{option.name: VALUES[option.kind]})


def test_what_would_be_right_is_an_option_of_the_other_side() -> None:
    for option in OPTIONS:
        if not isinstance(option.instead, str):
            for name, value in option.instead.items():
                other = BY_NAME[name]
                assert {option.side, other.side} == {Side.CAM, Side.ORDINARY} or other.spelled == "--all"
                assert other.in_python or other.kind.read(value) is not None


def test_what_would_be_right_in_the_words_of_the_shell_and_of_python(ordinary: str) -> None:
    shell = CliRunner().invoke(main, [ordinary, "--budget", "size=3"]).stderr
    assert shell.endswith("; write --time 60, --size 7 or --depth 3\n")
    with pytest.raises(OptionError, match=r"; write time=60, size=7 or depth=3$"):
        sygus.solve(ordinary, budget="size=3")
    assert CliRunner().invoke(main, ["gradcam", "--time", "3"]).stderr.endswith("; write --budget time=60s\n")
    with pytest.raises(OptionError, match=r"; write budget='time=60s'$"):
        sygus.solve("gradcam", time=3)


def test_all_has_a_file_in_cam_and_none_elsewhere(ordinary: str) -> None:
    assert "--all: where to?; give a file: --all FILE.csv" in CliRunner().invoke(main, ["gradcam", "--all"]).stderr
    assert "--all: takes a file in the logic CAM alone" in CliRunner().invoke(main, [ordinary, "--all", "a.csv"]).stderr
    with pytest.raises(OptionError, match=r"listing: takes a file in the logic CAM alone; iterate over answers\(\)"):
        sygus.solve(ordinary, listing="a.csv")


def test_zero_is_a_value_that_was_given() -> None:
    result = CliRunner().invoke(main, ["gradcam", "--search-images", "0", "--device", "cpu"])
    assert result.exit_code == 2
    assert "--search-images" in result.stderr
    assert "too few" in result.stderr


@pytest.mark.parametrize(
    ("keyword", "message"),
    [
        ("netwrk", "solve: unknown option 'netwrk'; did you mean 'network'? known: network, "),
        ("tme", "solve: unknown option 'tme'; did you mean 'time'? known: "),
        ("next", "solve: unknown option 'next'; iterate over answers() of the result"),
        ("all", "solve: unknown option 'all'; for further answers iterate over answers()"),
        ("format", "solve: unknown option 'format'; the result has answer"),
        ("quiet", "solve: unknown option 'quiet'; notes go to the logger 'sygus'"),
    ],
)
def test_keywords_that_are_none(keyword: str, message: str) -> None:
    with pytest.raises(OptionError) as error:
        sygus.solve("gradcam", **{keyword: 1})
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"time": 0}, "time is 0; give a number of seconds above 0"),
        ({"time": "5s"}, "time is '5s'; give a number of seconds above 0"),
        ({"size": 0}, "size is 0; give a whole number of at least 1"),
        ({"depth": 2.5}, "depth is 2.5; give a whole number of at least 1"),
        ({"certify": "yes"}, "certify is 'yes'; give True or False"),
        ({"strategy": 3}, "strategy is 3; give a text, as on the command line"),
        ({"strategy": "magic"}, "there is no 'magic'"),
    ],
)
def test_values_of_another_type(given: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=re.escape(message)):
        sygus.solve(LIA, **given)


def test_help_puts_options_under_the_problems_that_they_are_for() -> None:
    shown = CliRunner().invoke(main, ["solve", "--help"]).stdout
    sections = dict(re.findall(r"^(Options[^\n]*):\n(.*?)(?=\n\n|\Z)", shown, re.MULTILINE | re.DOTALL))
    assert list(sections) == [side.value for side in Side]
    for option in OPTIONS:
        expected = Side.BOTH if option.spelled == "--all" else option.side
        inside = [title for title, text in sections.items() if re.search(rf"^  {option.spelled}\b", text, re.MULTILINE)]
        assert inside == [expected.value], option.name
    assert "--help" in sections["Options"]
