"""Tables of the documentation that are made from the program itself, so that they cannot differ from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import product
from typing import Any

from sygus.app.commands.listing import strategies
from sygus.app.options import Side, by_flag
from sygus.app.statuses import ExitStatus
from sygus.export.forms import FORMS
from sygus.export.latex import latex
from sygus.export.tables import arrow
from sygus.language.theories.cam import CAM
from sygus.language.theories.function import Function, Latex, Macro
from sygus.oracles.methods import methods
from sygus.oracles.parameters import SORTS
from sygus.saliency.features import FEATURES
from sygus.saliency.images import IMAGE_SETS
from sygus.saliency.metrics import aliases_of, known_metrics
from sygus.saliency.networks import NETWORKS


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(heads)]
    lines += [["---"] * len(lines[0]), *map(list, rows)]
    return "\n".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |" for line in lines)


def _formula(latex: str) -> str:
    """As the browser shows it, without a script."""
    from latex2mathml.converter import convert

    return str(convert(latex))


def _shown(entry: Function | Macro) -> Latex:
    """Applied to letters, as few as it takes; a macro as what it means."""
    every = (sorts for n in (1, 2, 3) for sorts in product(CAM.sorts, repeat=n))
    head, sorts = next((found[0], sorts) for sorts in every if (found := entry.resolve(sorts)) is not None)
    if isinstance(head, Function):
        return head.latex(*(Latex(letter) for letter in "abc"[: len(sorts)]))
    return Latex(latex(head.body).replace(rf"\mathrm{{{head.parameters[0].name}}}", "a_k"))


def _functions() -> str:
    rows = ((f"`{f.name}`", f"`{f.sorts}`", _formula(_shown(f).text), f.doc) for f in CAM.symbols)
    return _table(("function", "sorts", "formula", "what it computes"), rows)


def _features() -> str:
    rows = ((f"`{name}`", f"`{SORTS[f.rank]}`", _formula(f.latex), f.doc) for name, f in FEATURES.items())
    return _table(("feature", "sort", "symbol", "what it is"), rows)


def _metrics() -> str:
    rows = (
        (", ".join(f"`{one}`" for one in (name, *aliases_of(name))), arrow(m), m.unit, m.doc.splitlines()[0])
        for name, m in known_metrics().items()
    )
    return _table(("metric", "better", "unit", "definition"), rows)


def _names(heading: str, names: Mapping[str, str]) -> str:
    return _table((heading, "what it is"), ((f"`{name}`", doc) for name, doc in names.items()))


def _options() -> str:
    sides = {Side.BOTH: "all", Side.CAM: "CAM", Side.ORDINARY: "all but CAM"}
    rows = (
        (f"`{option.spelled}`", "" if option.in_python else f"`{option.name}`", sides[side], option.help)
        for side, option in by_flag()
    )
    return _table(("command line", "Python", "logics", "what it says"), rows)


def _statuses() -> str:
    rows = ((f"`{status.value}`", status.meaning) for status in ExitStatus)
    return _table(("exit status", "what happened"), rows)


TABLES: Mapping[str, Callable[[], str]] = {
    "functions": _functions,
    "features": _features,
    "metrics": _metrics,
    "methods": lambda: _names("method", {name: method.title for name, method in methods().items()}),
    "networks": lambda: _names("network", NETWORKS),
    "images": lambda: _names("pictures", IMAGE_SETS),
    "exports": lambda: _names("form", {name: form.doc for name, form in FORMS.items()}),
    "strategies": lambda: _names("strategy", strategies()),
    "options": _options,
    "statuses": _statuses,
}
"""By the name that a page puts into ``<!-- table: NAME -->``."""


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put the tables where a page asks for them."""
    for name, make in TABLES.items():
        marker = f"<!-- table: {name} -->"
        if marker in markdown:
            markdown = markdown.replace(marker, make())
    if "<!-- table:" in markdown:
        raise ValueError(f"a page asks for an unknown table; known are {', '.join(TABLES)}")
    return markdown
