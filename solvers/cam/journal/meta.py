"""What a journal says of its run, compared with what is asked for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from solvers.cam.budget import Budget
from solvers.cam.journal.file import JournalError, UnfitJournalError
from solvers.cam.journal.rows import digest
from sygus.errors import OptionError

_BUDGET = "--budget"
_HELD_OUT = "--held-out-images"
_VALIDATION = "--validation-images"

_FREE = {"--baselines", "--held-out-images", "fingerprints held-out images", "--strict", "--device"}
_FREE |= {"objectives goals", "objectives ordered"}
"""What no proposal, no score and no choice depends on: the rows of the table and the pictures that are for the table
alone; two options of which only what comes of them counts, the search pictures and the arithmetic, which are stated
by themselves; and what is stated for onlookers, which follows from the problem and the metric."""

_SHOWN = 100
"""Characters of a value that a message shows."""


def stated_by(rows: Iterable[tuple[Any, Any, Any]]) -> dict[str, Any]:
    """What the rows of the table say, by name.

    Raises:
        UnfitJournalError: a row is not what was written.
    """
    stated = {}
    for name, value, given in rows:
        if given != digest(name, value) or not isinstance(name, str):
            raise UnfitJournalError(f"what it says of its run in {str(name)[:_SHOWN]!r} is not what was written")
        try:
            stated[name] = json.loads(value)
        except (TypeError, ValueError, RecursionError):
            raise UnfitJournalError(f"what it says of its run in {name[:_SHOWN]!r} cannot be read") from None
    return stated


def rows_of(protocol: Mapping[str, Any]) -> list[tuple[str, str, bytes]]:
    """The rows that say what a run is."""
    texts = {name: json.dumps(value, sort_keys=True) for name, value in protocol.items()}
    return [(name, text, digest(name, text)) for name, text in texts.items()]


def check_same(path: Path, stated: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """See whether the journal is of the run that is asked for, perhaps with a larger budget or another table.

    Raises:
        JournalError: it is of another run.
        UnfitJournalError: what it says is no budget.
    """
    there, here = _flat(stated), _flat(given)
    budgets = there.pop(_BUDGET, None), here.pop(_BUDGET, None)
    different = [name for name in sorted(there | here) if there.get(name) != here.get(name)]
    if _FREE.issuperset(different):
        different = []
    chosen = [name for name in different if name.startswith("--") or name == "fingerprints device"]
    different = chosen or different  # the rest follows from what was chosen
    if different:
        said = "; ".join(
            f"{name}: {_shown(there.get(name))} there, {_shown(here.get(name))} here" for name in different
        )
        message = f"the journal {path} is of another run: it differs in {said}"
        hint = "give another --out, or the options and the device of that run"
        if _HELD_OUT in different and here.get(_VALIDATION) != 0:
            hint += "; the validation pictures are those after the held-out ones, so another number gives others"
        raise JournalError(message, hint)
    before, after = map(_budget, budgets)
    if before.size is not None and after.size is not None and after.size < before.size:
        message = f"{_BUDGET}: the journal {path} goes up to size={before.size}, not size={after.size}"
        raise JournalError(message, f"give at least size={before.size}, or another --out")


def _budget(text: Any) -> Budget:
    try:
        return Budget() if text is None else Budget.parse(text)
    except (OptionError, TypeError):
        raise UnfitJournalError(f"the budget {_shown(text)!r} of its run is none") from None


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _flat(protocol: Mapping[str, Any]) -> dict[str, Any]:
    """What is stated, one by one: settings by their options, the rest by the names of the group and its own."""
    flat: dict[str, Any] = {}
    for group, values in protocol.items():
        if not isinstance(values, dict):
            flat[group] = values
        elif group == "settings":
            flat |= {f"--{name.replace('_', '-')}": value for name, value in values.items()}
        else:
            flat |= {f"{group} {name}": value for name, value in values.items()}
    return flat
