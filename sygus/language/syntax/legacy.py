"""Names that SMT-LIB's string theory had before it was a standard; public files use them."""

from __future__ import annotations

from collections.abc import Mapping

FUNCTIONS: Mapping[str, str] = {
    "str.to.int": "str.to_int",
    "int.to.str": "str.from_int",
    "str.in.re": "str.in_re",
    "str.to.re": "str.to_re",
    "str.replaceall": "str.replace_all",
    "re.nostr": "re.none",
    "re.complement": "re.comp",
}
"""Today's name by the older one."""
