"""Text of users inside LaTeX: every character means itself."""

from __future__ import annotations

_LATEX = str.maketrans(
    {character: f"\\{character}" for character in "&%$#_{}"}
    | {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        "×": r"$\times$",
        "\n": " ",
        "\t": " ",
    }
)


def latex_text(text: str) -> str:
    """The text for LaTeX's text mode; characters that its standard fonts lack are shown by their code point."""
    shown = "".join(c if c.isascii() or c in "×" or (c.isalpha() and ord(c) < 0x180) else _code(c) for c in text)
    return "".join(c for c in shown if c.isprintable() or c in "\n\t").translate(_LATEX)


def _code(character: str) -> str:
    return f"(U+{ord(character):04X})"
