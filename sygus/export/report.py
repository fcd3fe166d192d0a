"""A run as one HTML page that needs no network: every text of the run is escaped, only this package's script runs."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from latex2mathml.converter import convert
from markupsafe import Markup, escape
from matplotlib import colormaps
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from sygus.export.comparisons import as_sentence
from sygus.export.figures import COLOURS
from sygus.export.finalists import Entry, differences
from sygus.export.gallery import Gallery
from sygus.export.latex import symbols, weight_equations
from sygus.export.plots import drawn_points, figure_bytes, figures, in_order
from sygus.export.record import Measure, Record
from sygus.export.tables import PARTS, TESTS, Row, Scale, arrow, is_best, value_text
from sygus.language.terms import Term
from sygus.language.theories.ranks import is_whole
from sygus.oracles.expressions import parse_expression
from sygus.oracles.sanity import CHECKS, Check

_PAGE = Path(__file__).parent / "page"

STYLE = "report.css"
"""The style of all pages."""

_SECTIONS = {
    "answer": "Answer",
    "scores": "Scores",
    "significance": "Significance",
    "finalists": "Finalists",
    "sanity": "Sanity",
    "gallery": "Gallery",
    "search": "Search",
    "accounting": "Accounting",
    "protocol": "Protocol",
}

_CAPTIONS = {
    "curve": "Score of each candidate in the order of the proposals; the line is the best so far.",
    "front": "Score by size on the search pictures; the line joins the best that no smaller expression matches, "
    "over all pictures that chose.",
    "pareto": "Every expression by the first two objectives on the search pictures; the line joins the Pareto set "
    "over all pictures that chose.",
    "differences": "Found expression minus baseline, a dot for each held-out picture; the bar is the mean. A ringed "
    "dot leads to the picture's maps in the gallery.",
}


CANDIDATES = 500
"""So many are listed and can be pointed at, the best ones and all of the front; a run may have many thousands."""


@dataclass(frozen=True)
class Point:
    """A point of a plot that leads to something of the page.

    Attributes:
        place: from the left and the top of the figure, in 1/72 inch.
        leads_to: the identifier of a row or of a picture.
        text: what is said of it.
        attributes: what the script looks for.
    """

    place: tuple[float, float]
    leads_to: str
    text: str
    attributes: Mapping[str, int]


def report_page(record: Record, gallery: Gallery | None) -> str:
    """The page.

    Args:
        record: of the run.
        gallery: of the same run; None where its pictures were not kept.

    Raises:
        SourceError: the record's answer does not parse.
    """
    listed = _listed(record)
    plots = _plots(record, listed, gallery)
    comparisons = record.comparisons
    shown = set(_SECTIONS)
    shown -= set() if record.measures else {"scores"}
    shown -= set() if comparisons else {"significance"}
    finalists = _finalists(record)
    shown -= set() if finalists else {"finalists"}
    checks = _checks(record)
    shown -= set() if checks else {"sanity"}
    shown -= set() if plots["front"] or plots["curve"] else {"search"}
    return framed(
        "report.html",
        record=record,
        title=f"{Path(record.problem.get('file', 'run')).stem} on {record.settings.get('network', 'a network')}",
        summary=_summary(record),
        sections=[(anchor, name) for anchor, name in _SECTIONS.items() if anchor in shown],
        parts=PARTS,
        comparisons=comparisons,
        tests=TESTS,
        finalists=finalists,
        checks=checks,
        plots=plots,
        candidates=listed,
        seen={one.id: one.scores["held_out"] for one in record.finalists},
        aims=[measure for measure in record.measures if measure.name in {one.metric for one in record.objectives}],
        gallery=_gallery(record, gallery),
        drawn=_drawn(listed, gallery),
        titles=list(gallery.maps) if gallery is not None else [],
        colour_bar=_png(np.tile(np.arange(256, dtype=np.uint8), (8, 1))),
        accounting=_accounting(record),
        protocol=_protocol(record),
        **_formula(record),
    )


def framed(
    name: str, *, styles: Sequence[str] = (STYLE,), script: str = "report.js", live: bool = False, **values: Any
) -> str:
    """A page by a template that extends ``frame.html``; only this package's script and style are allowed on it.

    Args:
        name: of the template.
        styles: the files of its style.
        script: the file of its script.
        live: whether the script may ask the server that sent the page for more.
        values: what it shows, among them ``title``, ``summary`` and as pairs of anchor and name ``sections``.
    """
    style, script = "".join(map(_asset, styles)), _asset(script)
    page: str = template(name).render(
        style=Markup(style),  # noqa: S704 - this package's
        script=Markup(script),  # noqa: S704 - this package's
        style_hash=_content_hash(style),
        script_hash=_content_hash(script),
        live=live,
        **values,
    )
    return page


def template(name: str) -> Template:
    """A template of this package's pages; what it shows is escaped."""
    return _environment().get_template(name)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_PAGE), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.globals |= {
        "arrow": arrow,
        "is_best": is_best,
        "value_text": value_text,
        "number": _number,
        "signed": _signed,
        "p_text": _p_text,
    }
    environment.filters["sentence"] = as_sentence
    environment.tests["same_as"] = lambda one, other: one is other
    return environment


def _asset(name: str) -> str:
    """A style or a script of this package's pages."""
    return (_PAGE / name).read_text(encoding="utf-8")


def _content_hash(text: str) -> str:
    """As a content security policy names what may run."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _data(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _summary(record: Record) -> str:
    found = record.found_row
    if found is None or not record.measures:
        return record.ending
    measure = record.measures[0]
    search, held_out = (value_text(found.mean(part, measure), measure) + measure.unit for part in PARTS)
    better = "lower" if measure.direction == "min" else "higher"
    return (
        f"The expression found has {measure.name} {search} on the {len(record.search.ids)} pictures of the search and "
        f"{held_out} on {len(record.held_out.ids)} held-out pictures ({better} is better)."
    )


def _formula(record: Record) -> Mapping[str, Any]:
    if record.found is None:
        return {"equations": [], "guarded": False, "symbols": []}
    return formula_of(parse_expression(record.answer, "the run's answer"))


def formula_of(term: Term) -> Mapping[str, Any]:
    """What ``formula.html`` shows of an expression: its equations, its symbols, and whether they need a footnote."""
    equations = weight_equations(term)
    lines = [f"{left} = {right}" for left, right in ((equations.left, equations.right), *equations.parts)]
    known = [(mathml(symbol), doc) for symbol, doc in symbols(term)]
    made = [mathml(line) for line in lines]
    return {"equations": made, "guarded": equations.is_guarded, "symbols": known, "whole": is_whole(term.sort)}


def mathml(latex: str) -> Markup:
    """MathML, which the converter builds as a tree and so escapes, with the LaTeX for who cannot show it.

    What is below a bar has a class, for which the page's style draws the bar: few fonts let a browser stretch one.
    """
    text: str = convert(latex, display="block")
    tree = ElementTree.fromstring(text)  # noqa: S314 - see above
    for over in tree.iter(f"{{{_MATHML}}}mover"):
        if over[1].text == _BAR:
            over.set("class", "barred")
    text = ElementTree.tostring(tree, encoding="unicode")
    return Markup(text.replace("<math ", f'<math alttext="{escape(latex)}" ', 1))  # noqa: S704 - see above


_MATHML, _BAR = "http://www.w3.org/1998/Math/MathML", "\u2015"
ElementTree.register_namespace("", _MATHML)


def _finalists(record: Record) -> list[tuple[Measure, list[dict[str, Any]]]]:
    """The rows of the finalists, by metric."""
    if len(record.finalists) < 2:
        return []

    def rows(measure: Measure) -> list[dict[str, Any]]:
        found = record.found
        tested = {} if found is None else differences(record.finalists, found.id, measure)
        return [
            {"finalist": one, "optimism": one.optimism(measure), "p": tested[one.id][1] if one.id in tested else None}
            for one in record.finalists
        ]

    return [(measure, rows(measure)) for measure in record.measures]


def _checks(record: Record) -> list[tuple[Check, float | None]]:
    """What is said of the answer's maps, with the number of each check that was made; none where there is no answer."""
    return [(check, record.sanity.get(check.metric)) for check in CHECKS] if record.sanity else []


def _listed(record: Record) -> list[Entry]:
    """The candidates that the page lists: the best by the first objective, and all of the front."""
    if not record.objectives:
        return []
    front = {entry.id for entry in record.front}
    sign = -1 if record.objectives[0].direction == "max" else 1
    best = sorted(
        record.candidates,
        key=lambda one: (one.id not in front, not one.feasible, sign * one.objectives[0], one.size),
    )
    return sorted(best[:CANDIDATES], key=lambda one: (not one.feasible, sign * one.objectives[0], one.size))


def _plots(record: Record, listed: Sequence[Entry], gallery: Gallery | None) -> dict[str, Any]:
    """The plots as pieces of the page, each with its points that lead somewhere."""
    made = figures(record)
    differences = [
        plot_html(made[name], _CAPTIONS["differences"], partial(_pictures_behind, record, measure, gallery))
        for measure, name in zip(record.measures, (n for n in made if n.startswith("differences")), strict=False)
    ]
    pareto = not record.ordered and len(record.objectives) > 1
    captions = {"curve": _CAPTIONS["curve"], "front": _CAPTIONS["pareto" if pareto else "front"]}
    shown = {entry.id for entry in listed}
    found = {
        name: plot_html(made[name], caption, partial(_candidates_behind, record, shown)) if name in made else None
        for name, caption in captions.items()
    }
    return {**found, "differences": differences}


def _candidates_behind(record: Record, shown: Collection[int], series: Sequence[NDArray[np.float64]]) -> list[Point]:
    """The listed candidates of a plot that draws all."""
    entries = in_order(record.candidates)
    places = np.concatenate(series)
    return [
        Point((place[0], place[1]), f"candidate-{entry.id}", _told(entry, record), {"candidate": entry.id})
        for entry, place in zip(entries, places.tolist(), strict=True)
        if entry.id in shown
    ]


def _told(entry: Entry, record: Record) -> str:
    """A candidate in a line."""
    values = zip(record.objectives, entry.objectives, strict=True)
    said = ", ".join(f"{objective.label} {value:.4g}" for objective, value in values)
    return f"{said}{'' if entry.feasible else ', breaks a constraint'}: {entry.term}"


def _pictures_behind(
    record: Record, measure: Measure, gallery: Gallery | None, series: Sequence[NDArray[np.float64]]
) -> list[Point]:
    """The pictures of the gallery in the plot of differences by a metric; each leads to its maps by that method."""
    if gallery is None or record.found_row is None:
        return []
    titles, mine = list(gallery.maps), record.found_row.held_out[measure.name].scores
    rows = [row for row in record.baselines if not row.control and measure.name in row.held_out]
    points = []
    for row, places in zip(rows, series, strict=True):
        for index in range(min(len(gallery.pictures), len(places)) if row.title in titles else 0):
            difference = _signed(mine[index] - row.held_out[measure.name].scores[index], measure)
            text = f"{record.held_out.ids[index]}, against {row.title}: {difference}{measure.unit}"
            x, y = places[index].tolist()
            points.append(Point((x, y), f"picture-{index + 1}", text, {"map": titles.index(row.title)}))
    return points


_Behind = Callable[[Sequence[NDArray[np.float64]]], Sequence[Point]]
"""The points of a plot that lead somewhere, of the places of its series."""


def plot_html(figure: Figure, caption: str, behind: _Behind | None = None) -> Markup:
    """A figure as a piece of a page.

    Args:
        figure: a plot.
        caption: below it.
        behind: what its points lead to; by default nothing.
    """
    source = _data(figure_bytes(figure, "svg"), "image/svg+xml")
    points = [] if behind is None else behind(drawn_points(figure))
    links = Markup("").join(
        Markup('<a href="#{}" class="point"{}><title>{}</title><circle cx="{:.1f}" cy="{:.1f}" r="3.5"/></a>').format(
            point.leads_to,
            Markup("").join(Markup(' data-{}="{}"').format(name, value) for name, value in point.attributes.items()),
            point.text,
            *point.place,
        )
        for point in points
    )
    width, height = figure.get_size_inches() * 72
    layer = Markup('<svg class="points" viewBox="0 0 {:g} {:g}" role="group" aria-label="{}">{}</svg>').format(
        width, height, f"Points of the plot. {caption}", links
    )
    return Markup(
        '<figure class="plot"><div class="drawn"><img src="{}" alt="{}">{}</div><figcaption>{}</figcaption></figure>'
    ).format(source, f"Plot. {caption}", layer if points else "", caption)


def _gallery(record: Record, gallery: Gallery | None) -> list[dict[str, Any]]:
    if gallery is None:
        return []
    rows = {row.title: row for row in record.table}
    named = zip(record.held_out.ids, record.held_out.targets, gallery.pictures, strict=False)
    items = []
    for index, (name, target, picture) in enumerate(named):
        pixels = picture.permute(1, 2, 0).numpy()
        maps = [
            {
                "title": title,
                "source": _png(values[index].numpy()),
                "score": _scores(rows.get(title), record, index),
                "found": rows.get(title) is record.found_row is not None,
            }
            for title, values in gallery.maps.items()
        ]
        height, width = pixels.shape[:2]
        items.append(
            {"id": name, "target": target, "picture": _jpeg(pixels), "maps": maps, "width": width, "height": height}
        )
    return items


def _drawn(listed: Sequence[Entry], gallery: Gallery | None) -> dict[int, tuple[Entry, list[str]]]:
    """Listed candidates whose maps were kept, with those, by the number of the proposal."""
    kept = {} if gallery is None else gallery.candidates
    return {one.id: (one, [_png(map_.numpy()) for map_ in kept[one.id]]) for one in listed if one.id in kept}


def _scores(row: Row | None, record: Record, index: int) -> str:
    """What a method scores on a held-out picture."""
    if row is None:
        return ""
    means = [(measure, row.mean("held_out", measure)) for measure in record.measures]
    scored = [(measure, mean.scores[index]) for measure, mean in means if mean is not None]
    return ", ".join(f"{measure.name} {_number(value, measure)}{measure.unit}" for measure, value in scored)


def _png(values: NDArray[np.uint8]) -> str:
    """A map (H, W) in the colours of heat maps, one byte a pixel."""
    palette = (colormaps[COLOURS](np.arange(256))[:, :3] * 255).round().astype(np.uint8)
    coloured = Image.frombytes("P", values.shape[::-1], values.tobytes())
    coloured.putpalette(palette.tobytes())
    return png_data(coloured)


def png_data(image: Image.Image) -> str:
    """A picture as the address of itself."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return _data(buffer.getvalue(), "image/png")


def _jpeg(pixels: NDArray[np.uint8]) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=90)
    return _data(buffer.getvalue(), "image/jpeg")


def _number(value: float, measure: Scale) -> str:
    return f"{value:.1f}" if measure.unit == "%" else f"{value:.3f}"


def _signed(value: float, measure: Scale) -> str:
    text = _number(value, measure)
    return "0" if float(text) == 0 else f"+{text}" if value > 0 else text.replace("-", "−")  # noqa: RUF001 - a minus


def _p_text(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


_COUNTS = {
    "proposed": "proposed by the search",
    "scored": "scored on all pictures",
    "duplicate": "alike an earlier one",
    "pruned": "lost a race, so not scored on all pictures",
    "unsafe": "unsafe: a denominator is not proved nonzero",
    "failed": "heat maps not finite",
    "size": "size reached, in nodes",
    "combined": "combined by the enumeration",
    "distinct": "of them distinct in value",
    "pruned as alike": "of them pruned as equal in value",
    "unsafe divisions": "of them with an unsafe division",
    "not finite": "of them not finite",
    "forwards": "masked forward passes",
    "validation forwards": "further ones for the finalists",
    "seconds": "seconds of search",
}


def _accounting(record: Record) -> list[tuple[str, str]]:
    counts = {_COUNTS.get(name, name): _count(value) for name, value in record.accounting.items()}
    kinds = [(f"of them with {name}", _count(value)) for name, value in record.duplicates.items()]
    lines = list(counts.items())
    place = next((index + 1 for index, (name, _) in enumerate(lines) if name == _COUNTS["duplicate"]), len(lines))
    return [*lines[:place], *kinds, *lines[place:]]


def _count(value: float) -> str:
    return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


_PRINTS = {"layer explained": "layer", "arithmetic of": "device"}
"""How the page calls what a result depends on and is no hash."""


def _protocol(record: Record) -> list[tuple[str, str]]:
    settings = {name.replace("_", " "): "by default" if v is None else v for name, v in record.settings.items()}
    prints = {name: record.fingerprints.get(key, "") for name, key in _PRINTS.items()}
    hashes = {name: value for name, value in record.fingerprints.items() if name not in ("layer", "device")}
    prints |= {f"fingerprint of {name}": value for name, value in hashes.items()}
    machine = {"device used" if name == "device" else name: value for name, value in record.machine.items()}
    listed = [(name, str(value)) for name, value in (settings | prints | machine).items()]
    versions = ", ".join(f"{name} {version}" for name, version in record.versions.items())
    pictures = [(f"{called} pictures", record.pictures(part).name) for part, called in PARTS.items()]
    pictures += [] if record.validation is None else [("validation pictures", record.validation.name)]
    return [*listed, *pictures, ("versions", versions), ("SHA-256 of the problem", record.problem.get("sha256", ""))]
