"""What the name given to ``set-logic`` opens.

A name is made of features, as SMT-LIB's names are: ``QF_`` (no quantifiers), ``HO_`` (functions as values) and SyGuS's
``PBE_``, ``INV_`` and ``CHC_`` in front, then ``A`` (arrays; ``AX`` alone), ``UF``, ``BV``, ``DT`` (datatypes), ``S``
(strings) and an arithmetic such as ``LIA``. Sorts and datatypes may be declared in every logic.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from sygus.language.terms import INT, REAL
from sygus.language.theories.arrays import ARRAYS
from sygus.language.theories.bitvectors import BITVECTORS
from sygus.language.theories.conversions import CONVERSIONS
from sygus.language.theories.core import CORE
from sygus.language.theories.function import Theory
from sygus.language.theories.integers import INTEGERS
from sygus.language.theories.reals import MIXED, REALS
from sygus.language.theories.strings import STRINGS_THEORY

LOGICS: Mapping[str, str] = {
    "CAM": "expressions of class activation maps",
    "SAT": "propositions",
    "LIA": "linear integer arithmetic",
    "NIA": "integer arithmetic",
    "LRA": "linear real arithmetic",
    "NRA": "real arithmetic",
    "LIRA": "linear arithmetic of integers and reals",
    "NIRA": "arithmetic of integers and reals",
    "BV": "bit-vectors",
    "AX": "arrays",
    "ALIA": "arrays and linear integer arithmetic",
    "ABV": "arrays and bit-vectors",
    "UF": "declared sorts and functions",
    "DT": "datatypes",
    "S": "strings and integers",
    "SLIA": "strings and linear integer arithmetic",
    "ALL": "everything but CAM",
}
"""The logics by name, for messages and the manual; other names combine these, and may have a prefix."""

_PREFIX = re.compile(r"^(?:QF_|HO_|PBE_|INV_|Inv_|CHC_)*")
_FEATURES = re.compile(
    r"(?P<arrays>AX?)?(?:UF)?(?P<bits>BV)?(?:DT)?(?P<strings>S)?(?P<arithmetic>[IR]DL|[LN](?:IA|RA|IRA))?"
)


@lru_cache(maxsize=1 << 8)
def find_logic(name: str) -> Theory | None:
    """The theory that a logic opens, None where the name says nothing that is known here."""
    if name == "CAM":
        from sygus.language.theories.cam import CAM

        return CAM
    bare = name[len(_PREFIX.match(name)[0]) :]  # type: ignore[index]
    if bare in ("SAT", "UF", "CORE"):
        return Theory.of(name, (), includes=(CORE,))
    if bare == "ALL":
        parts = [CORE, STRINGS_THEORY, REALS, MIXED, BITVECTORS, CONVERSIONS, ARRAYS]
        return Theory.of(name, (), includes=parts, numerals=INT)
    features = _FEATURES.fullmatch(bare)
    if features is None or not bare or bare == "A":
        return None
    arithmetic = features["arithmetic"] or ""
    integers = "I" in arithmetic or bool(features["strings"])
    reals = "R" in arithmetic
    opened = (
        (CORE, True),
        (ARRAYS, features["arrays"]),
        (BITVECTORS, features["bits"]),
        (STRINGS_THEORY, features["strings"]),
        (INTEGERS, integers),
        (REALS, reals),
        (MIXED, integers and reals),
        (CONVERSIONS, integers and features["bits"]),
    )
    parts = [theory for theory, wanted in opened if wanted]
    numerals = INT if integers else REAL if reals else None
    return Theory.of(name, (), includes=parts, numerals=numerals, linear=not arithmetic.startswith("N"))
