"""Text of users inside LaTeX: every character means itself."""

from __future__ import annotations

import unicodedata

_SYMBOLS = {
    "×": r"\times",
    "⊙": r"\odot",
    "Σ": r"\Sigma",
    "α": r"\alpha",
    "δ": r"\delta",
    "σ": r"\sigma",
    "∂": r"\partial",
    "≤": r"\le",
    "≥": r"\ge",
    "→": r"\to",
    "↓": r"\downarrow",
    "↑": r"\uparrow",
    "∞": r"\infty",
    "·": r"\cdot",
    "…": r"\ldots",
    "‖": r"\|",
    "∈": r"\in",
    "∩": r"\cap",
    "η": r"\eta",
    "₊": "{}_+",
    "²": "{}^2",
    "³": "{}^3",
}
"""What feature and metric descriptions write, and LaTeX's text fonts lack."""

_ACCENTS = ("0300", "0301", "0302", "0303", "0304", "0306", "0307", "0308", "030A", "030B", "030C", "0327")
"""The accents that LaTeX's oldest fonts, which are everywhere, can put on letters."""

_LATEX = str.maketrans(
    {character: f"\\{character}" for character in "&%$#_{}"}
    | {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        **{letter: f"${command}$" for letter, command in _SYMBOLS.items()},
        "\n": " ",
        "\t": " ",
    }
)


def latex_text(text: str) -> str:
    """The text for LaTeX's text mode; characters that its standard fonts lack are shown by their code point."""
    return "".join(map(_shown, text)).translate(_LATEX)


def _shown(character: str) -> str:
    letter, _, accent = unicodedata.decomposition(character).partition(" ")
    latin = accent in _ACCENTS and chr(int(letter, 16)).isascii()
    known = character.isprintable() and (character.isascii() or latin or character in _SYMBOLS)
    return character if known or character in "\n\t" else f"(U+{ord(character):04X})"
