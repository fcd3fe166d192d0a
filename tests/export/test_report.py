"""The report page: complete, escaped, and usable in a browser by mouse, keyboard and screen reader."""

from __future__ import annotations

import dataclasses
import re
import shutil
import zlib
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
from sygus.export.record import FOUND, Record
from sygus.export.report import CANDIDATES, mathml, report_page
from sygus.saliency.metrics import METRICS, find_metric
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


@pytest.fixture(scope="module")
def page_file(record: Record, gallery: Gallery, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(report_page(record, gallery))
    return path


def hostile_run(record: Record, gallery: Gallery) -> tuple[Record, Gallery]:
    """Every text of the run is an attack."""
    rows = tuple(dataclasses.replace(row, title=f"{index}{HOSTILE}") for index, row in enumerate(record.table))
    measure = record.measures[0]
    entries, candidates = (
        tuple(dataclasses.replace(entry, term=HOSTILE) for entry in group)
        for group in (record.front, record.candidates)
    )
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
        candidates=candidates,
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
    return attacked, Gallery(gallery.pictures, maps, gallery.candidates)


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


def points_of(outline: Outline, attribute: str) -> list[dict[str, str | None]]:
    return [attributes for tag, attributes in outline.tags if tag == "a" and attribute in attributes]


def test_every_candidate_has_a_row_and_a_point_in_both_plots(record: Record, page_file: Path) -> None:
    outline = Outline(page_file.read_text())
    rows = {attributes.get("id") for tag, attributes in outline.tags if tag == "tr"}
    expected = [f"candidate-{entry.id}" for entry in record.candidates]
    assert set(expected) == rows - {None}
    assert sorted(str(one["href"]) for one in points_of(outline, "data-candidate")) == sorted(
        f"#{name}" for name in expected * 2
    )
    assert all(entry.term in outline.text for entry in record.candidates)
    seen = {one.id: one.scores["held_out"]["average-drop"].value for one in record.finalists}
    for entry in record.front:
        assert f"{entry.size} {entry.objectives[0]:.4g} {entry.size} {seen[entry.id]:.1f} [" in outline.text


def test_of_many_candidates_the_best_and_the_front_are_listed(record: Record, gallery: Gallery) -> None:
    front = {entry.id for entry in record.front}
    many = [entry for entry in record.candidates if entry.id in front]
    many += [
        dataclasses.replace(record.candidates[-1], id=10_000 + index, objectives=(1000.0 - index, 5.0), feasible=True)
        for index in range(CANDIDATES + 100)
    ]
    outline = Outline(report_page(dataclasses.replace(record, candidates=tuple(many)), gallery))
    shown = {int(str(one["data-candidate"])) for one in points_of(outline, "data-candidate")}
    assert shown == front | {10_000 + index for index in range(100 + len(front), CANDIDATES + 100)}
    assert f"The {CANDIDATES} best of the {len(many)} expressions" in outline.text


def test_dots_of_the_gallery_lead_to_their_maps(record: Record, gallery: Gallery, page_file: Path) -> None:
    outline = Outline(page_file.read_text())
    titles = list(gallery.maps)
    methods = [row.title for row in record.baselines if not row.control]
    led = [(one["href"], titles[int(str(one["data-map"]))]) for one in points_of(outline, "data-map")]
    pictures = range(1, len(gallery.pictures) + 1)
    assert led == [(f"#picture-{picture}", title) for title in methods for picture in pictures]
    assert record.found_row is not None
    mine, other = (row.held_out["average-drop"].scores[0] for row in (record.found_row, record.table[0]))
    signed = f"{mine - other:+.1f}".replace("-", "\N{MINUS SIGN}")
    assert f"{record.held_out.ids[0]}, against {record.table[0].title}: {signed}%" in outline.text


def test_rows_lead_to_the_maps_of_the_front_and_the_finalists(record: Record, gallery: Gallery) -> None:
    outline = Outline(report_page(record, gallery))
    kept = {entry.id for entry in (*record.front, *record.finalists)}
    assert kept == set(gallery.candidates)
    assert record.found is not None
    assert torch.equal(gallery.candidates[record.found.id], gallery.maps[FOUND])
    links = [attributes["href"] for tag, attributes in outline.tags if tag == "a"]
    anchors = {attributes.get("id") for _, attributes in outline.tags}
    for number in kept:
        assert f"maps-{number}" in anchors
        assert links.count(f"#maps-{number}") >= 2  # its rows of the front or the finalists, and of the candidates
    assert {link for link in links if link.startswith("#maps-")} == {f"#maps-{number}" for number in kept}


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


@pytest.mark.parametrize("width", [360, 1440])
def test_it_loads_without_complaint_and_fits(width: int, browser: Any, page_file: Path) -> None:
    shown = Shown(browser, page_file, width)
    assert shown.complaints == []
    assert shown.page.evaluate("document.documentElement.scrollWidth") == width
    shown.page.evaluate(  # those further down are read when they are scrolled to
        "Promise.allSettled([...document.images].map(i => { i.loading = 'eager'; return i.decode(); }))"
    )
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


def test_methods_stand_side_by_side(browser: Any, page_file: Path, record: Record, gallery: Gallery) -> None:
    page = Shown(browser, page_file, 1440).page
    maps = page.locator(".gallery figure").first.locator(".map:visible")
    assert maps.count() == 1
    page.locator("#together").check()
    assert maps.evaluate_all("nodes => nodes.map(n => n.alt)") == [f"Heat map of {title}" for title in gallery.maps]
    assert page.locator(".gallery input:visible, .gallery output:visible").count() == 0
    boxes = [maps.nth(index).bounding_box() for index in range(maps.count())]
    assert len({(box["x"], box["y"]) for box in boxes}) == len(boxes)
    found = min(boxes, key=lambda box: (box["y"], box["x"]))
    assert boxes.index(found) == len(boxes) - 1, "the found expression comes first"
    page.locator("#together").uncheck()
    assert maps.count() == 1
    page.locator(".point[data-map='1']").first.dispatch_event("click")
    assert maps.get_attribute("alt") == f"Heat map of {record.table[1].title}"
    page.close()


def test_a_candidate_that_is_pointed_at_stands_out(browser: Any, page_file: Path, record: Record) -> None:
    page = Shown(browser, page_file, 1440).page
    lit, told = page.locator(".lit"), page.locator("#told")
    entry = next(entry for entry in record.candidates[3:] if entry.feasible)
    page.locator(f".point[data-candidate='{entry.id}']").nth(1).dispatch_event("pointerover", {"bubbles": True})
    numbers = set(lit.evaluate_all("nodes => nodes.map(n => n.dataset.candidate)"))
    assert numbers == {str(entry.id)}
    assert page.locator(f"tr#candidate-{entry.id}.lit").count() == 1
    assert page.locator(".point.lit").count() == 2
    assert told.inner_text() == f"average-drop {entry.objectives[0]:.4g}, size {entry.size}: {entry.term}"
    other = record.front[0]
    page.locator(f"tr#candidate-{other.id}").hover()
    assert told.inner_text().endswith(f": {other.term}")
    page.close()


def test_a_plot_is_gone_through_by_the_arrow_keys(browser: Any, page_file: Path, record: Record) -> None:
    page = Shown(browser, page_file, 1440).page
    curve = page.locator("#search .points").nth(1)
    assert curve.locator(".point[tabindex='0']").count() == 1
    curve.locator(".point[tabindex='0']").focus()
    by_number = sorted(record.candidates, key=lambda entry: entry.id)
    for key, index in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("ArrowLeft", 0), ("ArrowLeft", -1)):
        page.keyboard.press(key)
        assert page.locator("#told").inner_text().endswith(f": {by_number[index].term}")
    page.close()


def test_candidates_are_filtered_by_words(browser: Any, page_file: Path, record: Record) -> None:
    page = Shown(browser, page_file, 1440).page
    page.locator("#filter-candidates").fill("RELU gradient")
    left = {entry.id for entry in record.candidates if "relu" in entry.term and "gradient" in entry.term}
    assert 0 < len(left) < len(record.candidates)
    rows = page.locator("tr[id^=candidate]:visible").evaluate_all("nodes => nodes.map(n => n.dataset.candidate)")
    assert set(map(int, rows)) == left
    assert page.locator("#search .point:not(.out)").count() == 2 * len(left)
    numbers = {entry.id for entry in (*record.candidates, *record.front)}
    assert page.locator("output[for=filter-candidates]").inner_text() == f"{len(left)} of {len(numbers)} expressions"
    page.locator("#filter-candidates").fill("")
    assert page.locator("tr[id^=candidate]:visible").count() == len(record.candidates)
    page.close()


def test_headings_stay_and_wide_tables_say_so(browser: Any, page_file: Path) -> None:
    page = Shown(browser, page_file, 360).page
    frame = page.locator("#significance .scroll")
    page.wait_for_function("document.querySelector('#significance .scroll').classList.contains('wide')")
    assert "scroll sideways" in frame.locator("caption").evaluate("c => getComputedStyle(c, '::after').content")
    frame.evaluate("node => node.scrollTo(150, 200)")
    page.wait_for_function("document.querySelector('#significance .scroll').scrollTop > 0")
    box, heading = frame.bounding_box(), frame.locator("thead th").first.bounding_box()
    assert (heading["x"], heading["y"]) == pytest.approx((box["x"], box["y"]), abs=1)
    page.evaluate("window.scrollTo(0, 3000)")
    assert page.locator("nav").bounding_box()["y"] == pytest.approx(0, abs=1)
    page.close()
    page = Shown(browser, page_file, 1440).page
    assert page.locator("#significance .scroll.wide").count() == 0
    page.close()


def luminance(colour: str) -> float:
    """Of ``rgb(r, g, b)``, as WCAG 2 defines it."""
    shares = [int(value) / 255 for value in re.findall(r"\d+", colour)[:3]]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_follows_the_system_and_is_light_on_paper(scheme: str, browser: Any, page_file: Path) -> None:
    page = browser.new_page(viewport={"width": 703, "height": 900}, color_scheme=scheme)
    page.goto(page_file.as_uri())

    def contrast(selector: str) -> tuple[float, float]:
        colour = page.locator(selector).first.evaluate("node => getComputedStyle(node).color")
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        one, other = luminance(colour), luminance(paper)
        return other, (max(one, other) + 0.05) / (min(one, other) + 0.05)

    for selector in ("body", ".note", ".interval", "nav a", "#told"):
        paper, ratio = contrast(selector)
        assert (paper < 0.1) == (scheme == "dark")
        assert ratio >= 4.5
    page.emulate_media(media="print", color_scheme=scheme)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert contrast("body")[0] == 1
    assert page.evaluate("document.documentElement.scrollWidth") == 703, "the width of A4 within its margins"
    outside = (
        "[...document.querySelectorAll('td, th, img, pre, .formula > div')]"
        ".filter(n => n.getBoundingClientRect().right > 704 && n.checkVisibility()).length"
    )
    assert page.evaluate(outside) == 0
    assert page.locator(".control:visible, nav:visible, .methods:visible").count() == 0
    hidden = "[...document.querySelectorAll('.map')].filter(n => !n.checkVisibility()).length"
    assert page.evaluate(hidden) == 0
    assert page.locator("details pre").is_visible()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    assert page.locator(".gallery figure").first.locator(".map:visible").count() == 1
    assert not page.locator("details pre").is_visible()
    page.close()


@pytest.mark.slow
def test_it_prints_without_an_empty_page(browser: Any, page_file: Path) -> None:
    page = browser.new_page()
    page.goto(page_file.as_uri())
    printed = page.pdf(format="A4")
    contents = re.findall(rb"/Type /Page\n.*?/Contents (\d+) 0 R", printed, re.DOTALL)
    assert len(contents) > 3
    for number in contents:
        found = re.search(rb"\n%s 0 obj\n<<[^>]*/Length (\d+)>> stream\n" % number, printed)
        assert found is not None
        drawn = zlib.decompress(printed[found.end() : found.end() + int(found[1])])
        assert len(re.findall(rb"\bT[jJ]\b", drawn)) > 20, "texts shown on the page"
    page.close()


def test_without_scripts_everything_is_there(browser: Any, page_file: Path, record: Record, gallery: Gallery) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(page_file.as_uri())
    assert page.locator(".map:visible").count() == len(gallery.pictures) * len(gallery.maps)
    assert page.locator("tr[id^=candidate]:visible").count() == len(record.candidates)
    assert page.locator(".control:visible, input:visible, #told:visible").count() == 0
    point = page.locator("#search .point").first
    point.dispatch_event("click")
    assert page.url.endswith(str(point.get_attribute("href")))
    context.close()


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


def test_bars_span_what_is_below_them_in_every_font() -> None:
    formula = mathml(r"\overline{\operatorname{ReLU}\left(\overline{x} < y\right)} + \hat{x}")
    assert formula.count('<mover class="barred">') == 2
    assert formula.count("<mover") == 3
    assert formula.startswith(
        r'<math alttext="\overline{\operatorname{ReLU}\left(\overline{x} &lt; y\right)} + \hat{x}"'
    )


def test_the_page_draws_bars(record: Record, gallery: Gallery) -> None:
    assert ".barred { border-top:" in report_page(record, gallery)


def test_texts_of_metrics_have_no_marks_of_code() -> None:
    assert not [name for name in METRICS if "``" in find_metric(name).doc]
