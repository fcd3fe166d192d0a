"""What is packaged beside the code: the citation, the changelog, the map of the documentation, what an sdist holds."""

from __future__ import annotations

import re
import tomllib

from places import ROOT

DOCS = ROOT / "docs"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

CITATION = {
    *("cff-version", "message", "title", "authors"),  # what the format (1.2.0) asks for
    *("abstract", "commit", "contact", "date-released", "doi", "identifiers", "keywords", "license", "license-url"),
    *("preferred-citation", "references", "repository", "repository-artifact", "repository-code", "type", "url"),
    "version",
}


def test_the_citation_has_the_keys_of_its_format_and_says_what_the_project_says() -> None:
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    keys = re.findall(r"^([a-z-]+):", text, re.MULTILINE)
    assert len(keys) == len(set(keys))
    assert {"cff-version", "message", "title", "authors"} <= set(keys) <= CITATION
    values = dict(re.findall(r'^([a-z-]+): "?(.+?)"?$', text, re.MULTILINE))
    project = PROJECT["project"]
    assert values["cff-version"] == "1.2.0"
    assert (values["title"], values["version"], values["license"]) == (
        project["name"],
        project["version"],
        project["license"],
    )
    assert values["type"] in ("software", "dataset")
    listed = text.partition("keywords:\n")[2].partition("identifiers:")[0]
    assert re.findall(r"^  - (.+)$", listed, re.MULTILINE) == project["keywords"]


def test_the_changelog_begins_with_this_version() -> None:
    (first, *_) = re.findall(r"^## (\S+?),? ", (DOCS / "changelog.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert first == PROJECT["project"]["version"]


def test_the_map_for_assistants_has_every_page_and_no_other() -> None:
    lines = (DOCS / "llms.txt").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "# sycam-sygus"
    linked = re.findall(r"^- \[.+?\]\((.+?)\): \S", "\n".join(lines), re.MULTILINE)
    files = (path for path in DOCS.rglob("*.md") if path.parent.name != "ISSUE_TEMPLATE")
    pages = {path.relative_to(DOCS).as_posix() for path in files}
    assert len(linked) == len(set(linked))
    assert set(linked) == pages
    navigation = (ROOT / ".ci" / "mkdocs.yml").read_text(encoding="utf-8").partition("nav:")[2]
    assert set(re.findall(r": (\S+\.md)$", navigation, re.MULTILINE)) == pages


def test_an_sdist_holds_every_part_of_the_tree() -> None:
    included = {name.removeprefix("/") for name in PROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]}
    assert all((ROOT / name).exists() for name in included)
    assert {"sygus", "solvers", "grammars", "tests", "benchmarks", "docs", ".ci", "CITATION.cff"} <= included
