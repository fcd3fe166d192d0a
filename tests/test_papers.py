"""The page that maps the names of the papers to options: what it names exists, and it names all there is."""

from __future__ import annotations

import re

import pytest

from places import ROOT
from sygus.app.options import OPTIONS
from sygus.app.studies import STUDIES
from sygus.oracles.methods import FLAVOURS, GROUPS, find_methods, methods
from sygus.resources import grammar_names
from sygus.saliency.features import FEATURES
from sygus.saliency.metrics import METRICS, find_metric
from sygus.saliency.networks import NETWORKS

PAGE = (ROOT / "docs" / "papers.md").read_text(encoding="utf-8")
ROWS = [
    (line.split(" | ")[0].removeprefix("| "), line.split(" | ", 1)[1].removesuffix(" |"))
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith(("| in the ", "| name", "| ---"))
]
CODE = re.compile(r"`([^`]+)`")


def spans(prefix: str) -> list[str]:
    """What follows a word or an option in all the rows."""
    return [code.removeprefix(prefix) for _, cell in ROWS for code in CODE.findall(cell) if code.startswith(prefix)]


@pytest.mark.parametrize(("name", "cell"), ROWS, ids=[name for name, _ in ROWS])
def test_what_a_row_names_exists(name: str, cell: str) -> None:
    codes, links = CODE.findall(cell), re.findall(r"\]\(([^)#]+)", cell)
    assert codes or links, name
    assert all((ROOT / "docs" / link).is_file() for link in links)
    for code in codes:
        option, _, value = code.partition(" ")
        match option:
            case "--methods":
                assert value in GROUPS or [method.name for method in find_methods(value)] == [named(value)]
            case "--metrics":
                metric = find_metric(value)
                assert metric.family in METRICS
            case "--study":
                assert value in STUDIES
            case "--network":
                assert value in NETWORKS
            case "--strategy" | "--equivalence":
                assert option.removeprefix("--") in {one.name for one in OPTIONS}
            case _:
                assert code in (FEATURES if "feature" in cell else grammar_names()), code


def named(value: str) -> str:
    """The name of a method without the options that are as by default."""
    return value.removesuffix("(loss=mask)").removesuffix("(normalisation=range)")


def test_every_method_metric_and_feature_is_on_the_page() -> None:
    assert {value.partition("(")[0] for value in spans("--methods ")} == {*methods(), "flavours"}
    assert {find_metric(value).family for value in spans("--metrics ")} == set(METRICS)
    features = {code for _, cell in ROWS if "feature" in cell for code in CODE.findall(cell) if " " not in code}
    assert features == set(FEATURES)
    assert set(spans("--study ")) == set(STUDIES)


def test_the_page_of_flavours_has_a_line_for_each() -> None:
    page = (ROOT / "docs" / "flavours.md").read_text(encoding="utf-8")
    lines = [line for line in page.splitlines() if line.startswith("| ") and "`" in line]
    assert [CODE.findall(line)[0] for line in lines] == list(FLAVOURS)
    titles = {name: find_methods(name)[0].title.partition("(")[0] for name in FLAVOURS}
    for line, name in zip(lines, FLAVOURS, strict=True):
        assert line.startswith(f"| {'Taylor-type' if name == 'taylor' else titles[name]}, ")
        assert line.count(" | ") == 2


def test_the_pages_are_in_the_navigation() -> None:
    for page in ("flavours.md", "papers.md"):
        assert page in (ROOT / ".ci" / "mkdocs.yml").read_text(encoding="utf-8")
        assert page in (ROOT / "docs" / "llms.txt").read_text(encoding="utf-8")
