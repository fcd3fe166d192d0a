"""A run as a LaTeX document that compiles by itself: formula, symbols, table of scores, protocol."""

from __future__ import annotations

from collections.abc import Sequence

from sygus.export.escaping import latex_text
from sygus.export.latex import GUARD_NOTE, Equations, symbols, weight_equations
from sygus.export.record import Record
from sygus.export.tables import CONTROL_NOTE, table_as_latex
from sygus.language.terms import Term
from sygus.language.theories.ranks import is_whole
from sygus.oracles.expressions import parse_expression

_PREAMBLE = r"""\documentclass{article}
\usepackage[margin=25mm]{geometry}
\usepackage{amsmath,booktabs}
\setlength{\parindent}{0pt}
\setlength{\parskip}{6pt}
\renewcommand{\thefootnote}{$\dagger$}
\begin{document}
"""


_GUARD = rf"\footnotetext{{{GUARD_NOTE}}}"


def bare_formula(term: Term) -> str:
    """The equation without an environment, for pasting: ``aligned`` where it takes several lines; notes as comments."""
    equations = weight_equations(term)
    body = _aligned(equations) if equations.parts else f"{equations.left} = {equations.right}"
    return body + (f"\n% \\dagger: {GUARD_NOTE}" if equations.is_guarded else "")


def _aligned(equations: Equations) -> str:
    return "\\begin{aligned}\n" + " \\\\\n".join(equations.lines) + "\n\\end{aligned}"


def document(record: Record) -> str:
    """The whole document.

    Raises:
        SourceError: the answer does not parse.
    """
    parts = [_PREAMBLE + r"\section*{" + latex_text(record.problem.get("file", "")) + "}"]
    if record.found is None:
        parts.append("The search found no expression that satisfies the constraints.")
    else:
        parts.extend(_formula(parse_expression(record.answer, "the run's answer")))
    if record.measures:
        parts.extend(_table(record))
    parts.extend([_protocol(record), r"\end{document}"])
    return "\n\n".join(parts) + "\n"


def _formula(term: Term) -> list[str]:
    equations = weight_equations(term)
    text = "\\begin{align*}\n" + " \\\\\n".join(equations.lines) + "\n\\end{align*}"
    known = [rf"\item[$\displaystyle {symbol}$] {latex_text(doc)}" for symbol, doc in symbols(term)]
    legend = "\n".join([r"\begin{description}", *known, r"\end{description}"])
    inside = "H^c" if is_whole(term.sort) else r"\sum_k w_k A^k"
    heat = rf"The heat map is $L = \operatorname{{ReLU}}\bigl({inside}\bigr)$ with"
    return [heat, text + (_GUARD if equations.is_guarded else ""), legend]


def _table(record: Record) -> list[str]:
    counts = f"{len(record.search.ids)} pictures of the search and {len(record.held_out.ids)} held out"
    marked = [f"*: {CONTROL_NOTE}."] if any(row.control for row in record.table) else []
    caption = " ".join([f"Mean scores on {counts}; the best of each column in bold.", *marked])
    rows = table_as_latex(record.table, record.measures)
    return [
        "\\begin{table}[h]\n\\centering\n\\caption{" + latex_text(caption) + "}\n\\medskip\n" + rows + "\\end{table}",
    ]


def _protocol(record: Record) -> str:
    settings, found = record.settings, record.fingerprints
    items = [
        *((measure.name, " ".join(measure.doc.split())) for measure in record.measures),
        ("search ended", record.ending),
        ("network", f"{settings.get('network')}, layer {found.get('layer')}, fingerprint {found.get('network')}"),
        *([("layers", str(settings["layers"]))] if settings.get("layers") else []),
        ("pictures", f"{record.search.name} and {record.held_out.name}"),
        ("seed", str(settings.get("seed"))),
        ("budget", str(settings.get("budget"))),
        ("versions", ", ".join(f"{name} {version}" for name, version in record.versions.items())),
        ("answer", record.answer),
    ]
    return "\n".join([r"\begin{description}\raggedright", *_items(items), r"\end{description}"])


def _items(items: Sequence[tuple[str, str]]) -> list[str]:
    return [rf"\item[{latex_text(name)}] {latex_text(text)}" for name, text in items]
