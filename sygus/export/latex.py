"""Terms as LaTeX, the way the papers write weights."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sygus.export.formula import rendered, upright
from sygus.language.terms import Head, Term, Variable, expand, fold
from sygus.language.theories.cam import GUARDED
from sygus.language.theories.function import Latex
from sygus.language.theories.ranks import parted
from sygus.oracles.parameters import feature_of, is_feature, variables_of

LINE = 52.0
"""The widest formula, in letters, that a line of a paper holds; wider ones are taken apart."""

GUARD_NOTE = r"0 where the magnitude of the denominator is below $10^{-12}$"
"""What the mark of a guarded fraction means."""


@dataclass(frozen=True)
class Equations:
    """A formula in lines that fit a paper.

    Attributes:
        left, right: of the equation.
        parts: symbols that stand for parts of it and what each stands for; later ones may hold earlier ones.
    """

    left: str
    right: str
    parts: tuple[tuple[str, str], ...] = ()

    @property
    def is_guarded(self) -> bool:
        """Whether there is a guarded fraction, whose mark needs a footnote."""
        return any(GUARDED in text for text in (self.right, *(text for _, text in self.parts)))

    @property
    def lines(self) -> list[str]:
        r"""Each equation with ``&=``, for an ``aligned`` or ``align*`` environment."""
        return [f"{left} &= {right}" for left, right in ((self.left, self.right), *self.parts)]


def latex(root: Term) -> str:
    """The formula of a term in one line; macros are expanded, features take the symbols of the papers."""
    return fold(expand(root), _rendered).text


def weight_equation(root: Term) -> str:
    """``w_k^c = …``, ``w_{ij}^{kc} = …`` of a map, in one line; of a whole heat map ``H_{ij}^c = …``.

    Its pixels are x, y where they are the picture's.
    """
    return f"{_left(root)} = {latex(root)}"


def weight_equations(root: Term, line: float = LINE) -> Equations:
    """The same in lines of limited width: the widest parts of what is too wide get symbols of their own.

    Args:
        root: the weight.
        line: the width, in letters.
    """
    parts: list[tuple[str, str]] = []
    symbols: dict[Term, Latex] = {}

    def symbol_of(node: Term, shown: Latex) -> Latex:
        if node not in symbols:
            pattern = _PARTS.get(node.sort.name, r"e^{(%d)}")
            symbols[node] = Latex(pattern % (len(parts) + 1))
            parts.append((symbols[node].text, shown.text))
        return symbols[node]

    def visit(node: Term, arguments: list[Latex]) -> Latex:
        shown = _rendered(node, arguments)
        while width(shown.text) > line:
            sizes = [width(argument.text) for argument in arguments]
            widest = max(range(len(arguments)), key=sizes.__getitem__, default=None)
            if widest is None or sizes[widest] <= _SYMBOL_WIDTH:
                break
            arguments[widest] = symbol_of(node.arguments[widest], arguments[widest])
            shown = _rendered(node, arguments)
        return shown

    right = fold(expand(root), visit).text
    return Equations(_left(root), right, tuple(parts))


_PARTS = {
    "Map": r"M^{(%d)k}_{ij}",
    "Heatmap": r"H^{(%d)}_{ij}",
    "Saliency": r"H^{(%d)}_{xy}",
    "Weight": r"V^{(%d)}_k",
    "Real": r"s^{(%d)}",
    "Bool": r"b^{(%d)}",
}
_SYMBOL_WIDTH = 5.0


def _left(root: Term) -> str:
    return {"Map": "w^{kc}_{ij}", "Heatmap": "H^c_{ij}", "Saliency": "H^c_{xy}"}.get(root.sort.name, "w^c_k")


def _rendered(node: Term, arguments: list[Latex]) -> Latex:
    return rendered(node, arguments, _named)


def _named(head: Head) -> Latex:
    return Latex(_symbol(head)) if isinstance(head, Variable) and is_feature(head) else upright(head)


def _symbol(feature: Variable) -> str:
    """A feature as the papers write it; at a layer that has a name in brackets with that name."""
    shown, (_, layer) = feature_of(feature.name).latex, parted(feature.name)
    return rf"\left[{shown}\right]_{{\text{{{layer}}}}}" if layer else shown


def symbols(root: Term) -> list[tuple[str, str]]:
    """What stands in the formula of a term: each feature as it is written there, and what it is."""
    found = [(_symbol(one), feature_of(one.name).doc, parted(one.name)[1]) for one in variables_of(root)]
    shown = [(symbol, f"{doc} Of the layer {layer}." if layer else doc) for symbol, doc, layer in found]
    pixels = [("Z", "The number of pixels of the map.")] if r"\frac{1}{Z}" in latex(root) else []
    return shown + pixels


_TOKEN = re.compile(r"\\[a-zA-Z]+|\\.|\S")
_NO_WIDTH = {r"\left", r"\right", r"\,", r"\!", r"\mathrm", r"\operatorname", r"\text", r"\begin", r"\end", "&"}
_SCRIPT = 0.7


def width(text: str) -> float:
    """About how wide a formula is, in letters: a fraction as its wider half, scripts smaller, above each other."""
    tokens = _TOKEN.findall(text)
    found, end = _width(tokens, 0)
    assert end == len(tokens), f"unbalanced braces in {text}"
    return found


def _width(tokens: list[str], at: int) -> tuple[float, int]:
    """The width from a glyph on, to the end of its group; where it ends."""
    total, scripts = 0.0, {"^": 0.0, "_": 0.0}
    while at < len(tokens) and tokens[at] != "}":
        glyph = tokens[at]
        if glyph in scripts:
            size, at = _group(tokens, at + 1)
            scripts[glyph] = _SCRIPT * size
            continue
        total, scripts = total + max(scripts.values()), {"^": 0.0, "_": 0.0}
        if glyph == "{":
            size, at = _group(tokens, at)
            total += size
        elif glyph in (r"\frac", r"\tfrac"):
            above, at = _group(tokens, at + 1)
            below, at = _group(tokens, at)
            total += max(above, below)
        else:
            total += 0 if glyph in _NO_WIDTH else 1
            at += 1
    return total + max(scripts.values()), at


def _group(tokens: list[str], at: int) -> tuple[float, int]:
    """The width of a braced group or a single glyph; where it ends."""
    if tokens[at] != "{":
        return 1.0, at + 1
    size, end = _width(tokens, at + 1)
    return size, end + 1
