"""The report page: complete, escaped, and usable in a browser by mouse, keyboard and screen reader."""

from __future__ import annotations

import dataclasses
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from sygus.app.cli import main
from sygus.export.gallery import Gallery
from sygus.export.notebook import notebook_html
from sygus.export.record import Record
from sygus.export.report import report_page
from sygus.statistics import Difference, holm

HOSTILE = "\"'><script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>{{ 7*7 }}&amp;$x^$"


class Outline(HTMLParser):
    """The tags of a page with their attributes, and its texts outside of scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


@pytest.fixture(scope="module")
def record(finished_run: Path) -> Record:
    return Record.read(str(finished_run))


@pytest.fixture(scope="module")
def gallery(finished_run: Path) -> Gallery:
    found = Gallery.read(finished_run)
    assert found is not None
    return found


def hostile_run(record: Record, gallery: Gallery) -> tuple[Record, Gallery]:
    """Every text of the run is an attack."""
    rows = tuple(dataclasses.replace(row, title=f"{index}{HOSTILE}") for index, row in enumerate(record.table))
    measure = record.measures[0]
    entries = tuple(dataclasses.replace(entry, term=HOSTILE) for entry in record.front)
    pictures = dataclasses.replace(
        record.held_out,
        name=HOSTILE,
        ids=(HOSTILE,) * len(record.held_out.ids),
        targets=(HOSTILE,) * len(record.held_out.ids),
    )
    attacked = dataclasses.replace(
        record,
        table=rows,
        measures=(dataclasses.replace(measure, doc=HOSTILE),),
        objectives=tuple(dataclasses.replace(objective, label=HOSTILE) for objective in record.objectives),
        front=entries,
        held_out=pictures,
        ending=HOSTILE,
        racing=HOSTILE,
        problem={"file": HOSTILE, "text": HOSTILE, "sha256": HOSTILE},
        settings={HOSTILE: HOSTILE},
        versions={HOSTILE: HOSTILE},
        machine={HOSTILE: HOSTILE},
        fingerprints={HOSTILE: HOSTILE},
        accounting={HOSTILE: 1},
        duplicates={HOSTILE: 1},
        notes=(HOSTILE,),
        certificates=({"term": HOSTILE, "status": HOSTILE},),
    )
    maps = {row.title: values for row, values in zip(rows, gallery.maps.values(), strict=True)}
    return attacked, Gallery(gallery.pictures, maps)


def test_the_page_holds_the_numbers_of_the_run(record: Record, gallery: Gallery) -> None:
    outline = Outline(report_page(record, gallery))
    for row in record.table:
        mean = row.held_out["average-drop"]
        assert f"{mean.value:.1f} [{mean.low:.1f}, {mean.high:.1f}]" in outline.text
    assert record.answer in outline.text
    assert record.ending in outline.text
    assert all(entry.term in outline.text for entry in record.front)
    for text in (*record.fingerprints.values(), *record.versions.values(), record.problem["sha256"]):
        assert text in outline.text
    forwards = f"{record.accounting['forwards']:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    assert any(forwards in text for text in outline.texts)


def test_significance_is_that_of_the_paired_tests(record: Record, gallery: Gallery) -> None:
    page = report_page(record, gallery)
    found = record.found_row
    assert found is not None
    mine = found.held_out["average-drop"].scores
    expected = {}
    for control in (False, True):
        rows = [row for row in record.baselines if row.control is control]
        p = holm([Difference.of(mine, row.held_out["average-drop"].scores).p for row in rows])
        expected |= dict(zip((row.title for row in rows), p, strict=True))
    section = page[page.index('id="significance"') : page.index('id="finalists"')]
    shown = [float(value) for value in re.findall(r'data-value="([^"]+)">(?:&lt; )?\d\.\d{3}</td>\s*<td>', section)]
    assert shown == pytest.approx([expected[row.title] for row in record.baselines])


def test_the_verdict_is_the_same_sentence_everywhere(record: Record, gallery: Gallery) -> None:
    said, nearest = record.verdict
    assert said.startswith("held out, by average-drop: ")
    assert nearest.startswith("nearest known method: ")
    for page, later in (
        (report_page(record, gallery), "The expression found has"),
        (notebook_html(record, gallery, ["Grad-CAM"]), record.ending),
    ):
        text = Outline(page).text
        assert text.index(said[1:]) < text.index(nearest[1:]) < text.index(later)


def with_a_gap(record: Record, title: str) -> Record:
    """The record with a method that was not scored."""
    rows = (dataclasses.replace(row, search={}, held_out={}) if row.title == title else row for row in record.table)
    return dataclasses.replace(record, table=tuple(rows))


def test_a_method_that_was_not_scored_has_a_row_and_no_test(record: Record, gallery: Gallery) -> None:
    gap = with_a_gap(record, "Layer-CAM")
    page = Outline(report_page(gap, gallery))
    assert "Layer-CAM - - " in page.text
    (caption,) = (index for index, text in enumerate(page.texts) if text.startswith("Differences in average-drop"))
    assert "Layer-CAM" not in page.texts[caption : caption + 10 * len(record.table)]
    assert "Layer-CAM" in Outline(notebook_html(gap, gallery, ["Layer-CAM"])).text
    assert len(gap.comparisons[0][1]) == len(record.baselines) - 1


def test_the_page_needs_nothing_else(record: Record, gallery: Gallery) -> None:
    outline = Outline(report_page(record, gallery))
    for tag, attributes in outline.tags:
        assert tag not in ("link", "iframe", "object", "embed", "base") or attributes.get("href") == "data:,"
        for name in ("src", "href"):
            assert (attributes.get(name) or "data:").startswith(("data:", "#")), attributes
        assert not any(name.startswith("on") or name == "style" for name in attributes if tag != "math")
    assert sum(tag == "script" for tag, _ in outline.tags) == 1


def test_everything_has_a_label(record: Record, gallery: Gallery) -> None:
    outline = Outline(report_page(record, gallery))
    ids = [attributes["id"] for _, attributes in outline.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    labelled = {attributes.get("for") for tag, attributes in outline.tags if tag == "label"}
    for tag, attributes in outline.tags:
        if tag == "img":
            assert attributes["alt"]
        if tag in ("input", "select"):
            assert attributes["id"] in labelled
        if tag == "section":
            assert attributes["aria-labelledby"] in ids
        if tag == "a":
            assert (attributes["href"] or "").removeprefix("#") in ids
        if attributes.get("tabindex") == "0":
            assert attributes["aria-label"]
    headings = [int(tag[1]) for tag, _ in outline.tags if re.fullmatch("h[1-6]", tag)]
    assert headings[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(headings))


def test_every_text_of_the_run_is_escaped(record: Record, gallery: Gallery) -> None:
    plain, attacked = (Outline(report_page(*run)) for run in ((record, gallery), hostile_run(record, gallery)))
    assert attacked.text.count("{{ 7*7 }}") > 30
    assert "onerror='window.hacked" in attacked.text
    kinds = {"script", "img"}
    for kind in kinds:
        assert sum(t == kind for t, _ in attacked.tags) == sum(t == kind for t, _ in plain.tags)
    assert not any(name.startswith("on") for _, attributes in attacked.tags for name in attributes)


def test_runs_without_an_answer_or_pictures_have_a_page(record: Record, gallery: Gallery) -> None:
    nothing = dataclasses.replace(record, answer="fail", found=None, table=record.table[:-1], front=())
    assert "found no expression" in report_page(nothing, gallery)
    assert "were not kept" in report_page(record, None)
    first = dataclasses.replace(
        record,
        objectives=(),
        candidates=tuple(dataclasses.replace(entry, objectives=()) for entry in record.candidates),
        front=(),
    )
    assert 'id="search"' not in report_page(first, gallery)


def test_a_pareto_set_is_called_one(record: Record, gallery: Gallery) -> None:
    pareto = Outline(report_page(dataclasses.replace(record, ordered=False), gallery)).text
    assert "The Pareto set" in pareto
    assert "the line joins the Pareto set" in pareto
    assert "best of each size" not in pareto


def test_the_command_writes_beside_the_run_or_elsewhere(finished_run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(finished_run, folder)
    result = CliRunner().invoke(main, ["report", str(folder)])
    assert (result.exit_code, result.stdout) == (0, f"{folder / 'report.html'}\n")
    out = tmp_path / "page.html"
    assert CliRunner().invoke(main, ["report", str(folder), "--out", str(out)]).exit_code == 0
    assert out.read_text() == (folder / "report.html").read_text()
    result = CliRunner().invoke(main, ["report", str(folder), "--out", str(tmp_path / "no" / "page.html")])
    assert result.exit_code == 2
    assert "--out: cannot write" in result.stderr
    assert "RUN" in CliRunner().invoke(main, ["report", str(tmp_path / "nowhere")]).stderr


# In a browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        pytest.skip("no Chromium is installed")
    with api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield launched
        launched.close()


class Shown:
    """A page in the browser with everything that it complained about."""

    def __init__(self, browser: Any, path: Path, width: int) -> None:
        self.page = browser.new_page(viewport={"width": width, "height": 900})
        self.complaints: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self._note(request.url))
        self.page.goto(path.as_uri())

    def _note(self, address: str) -> None:
        if not address.startswith(("file:", "data:")):
            self.complaints.append(f"asked for {address}")


@pytest.fixture(scope="module")
def page_file(record: Record, gallery: Gallery, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(report_page(record, gallery))
    return path


@pytest.mark.parametrize("width", [360, 1440])
def test_it_loads_without_complaint_and_fits(width: int, browser: Any, page_file: Path) -> None:
    shown = Shown(browser, page_file, width)
    assert shown.complaints == []
    assert shown.page.evaluate("document.documentElement.scrollWidth") == width
    broken = "[...document.images].filter(i => !i.hidden && !(i.complete && i.naturalWidth)).length"
    assert shown.page.evaluate(broken) == 0
    small = (
        "[...document.querySelectorAll('p, td, th, li, dd, label, output, figcaption')]"
        ".filter(e => parseFloat(getComputedStyle(e).fontSize) < 12).length"
    )
    assert shown.page.evaluate(small) == 0
    formula = shown.page.locator(".formula math").first.bounding_box()
    assert formula["width"] > 50
    assert formula["height"] > 20
    shown.page.close()


def test_tables_sort_by_mouse_and_by_keyboard(browser: Any, page_file: Path, record: Record) -> None:
    page = Shown(browser, page_file, 1440).page
    table = page.locator("#scores table")
    held_out = table.locator("thead button").nth(2)
    methods = table.locator("tbody th")

    def order() -> list[str]:
        return [text.replace("control", "").strip() for text in methods.all_text_contents()]

    expected = [row.title for row in sorted(record.table, key=lambda row: row.held_out["average-drop"].value)]
    held_out.click()
    assert order() == expected
    assert table.locator("thead th").nth(2).get_attribute("aria-sort") == "ascending"
    held_out.focus()
    page.keyboard.press("Enter")
    assert order() == expected[::-1]
    assert table.locator("thead th").nth(2).get_attribute("aria-sort") == "descending"
    table.locator("thead button").nth(0).click()
    assert order() == sorted(expected, key=str.casefold)
    page.close()


def test_what_was_not_scored_sorts_last_either_way(
    browser: Any, record: Record, gallery: Gallery, tmp_path: Path
) -> None:
    path = tmp_path / "gap.html"
    path.write_text(report_page(with_a_gap(record, "Layer-CAM"), gallery))
    page = Shown(browser, path, 1440).page
    table = page.locator("#scores table")
    for _ in range(2):
        table.locator("thead button").nth(2).click()
        assert table.locator("tbody th").all_text_contents()[-1] == "Layer-CAM"
    page.close()


def test_the_gallery_shows_what_the_slider_says(browser: Any, page_file: Path, record: Record) -> None:
    page = Shown(browser, page_file, 1440).page
    figure = page.locator(".gallery figure").nth(1)
    slider = figure.locator("input.methods")
    shown = figure.locator(".map:visible")
    assert shown.get_attribute("alt") == "Heat map of found expression"
    slider.focus()
    page.keyboard.press("Home")
    assert shown.get_attribute("alt") == f"Heat map of {record.table[0].title}"
    score = record.table[0].held_out["average-drop"].scores[1]
    assert figure.locator("output").inner_text() == f"{record.table[0].title} average-drop {score:.1f}%"
    assert slider.get_attribute("aria-valuetext") == f"{record.table[0].title} average-drop {score:.1f}%"
    page.keyboard.press("ArrowRight")
    assert shown.get_attribute("alt") == f"Heat map of {record.table[1].title}"
    page.locator("#everywhere").select_option(label="Layer-CAM")
    alternatives = page.locator(".gallery .map:visible").evaluate_all("nodes => nodes.map(n => n.alt)")
    assert set(alternatives) == {"Heat map of Layer-CAM"}
    page.locator("#opacity").fill("25")
    assert shown.evaluate("node => getComputedStyle(node).opacity") == "0.25"
    page.close()


def test_attacks_do_nothing(browser: Any, record: Record, gallery: Gallery, tmp_path: Path) -> None:
    path = tmp_path / "hostile.html"
    path.write_text(report_page(*hostile_run(record, gallery)))
    shown = Shown(browser, path, 1440)
    shown.page.wait_for_timeout(200)
    assert shown.page.evaluate("window.hacked") is None
    assert shown.complaints == []
    shown.page.close()


def test_the_gallery_keeps_the_values_of_maps(gallery: Gallery) -> None:
    assert gallery.pictures.dtype == torch.uint8
    assert all(maps.max() == 255 for title, maps in gallery.maps.items() if title != "Random-CAM")
