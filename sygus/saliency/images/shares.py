"""How many pictures to search on, to hold out, and to choose with: what is asked for, or what suits their source."""

from __future__ import annotations

from dataclasses import dataclass

from sygus.errors import OptionError

SEARCH = 96
"""Pictures to search on, where their number is left open and there are enough."""

HELD_OUT = 384
"""Pictures to hold out, likewise."""

VALIDATION_SHARE = 4
"""So many validation pictures for each of the search, where their number is left open: for the few finalists they cost
little beside what every proposal costs, and the noise between pictures falls with nothing but their number."""

FEWEST = 2
"""Pictures of a part."""

COUNTS = "--search-images, --held-out-images and --validation-images"


@dataclass(frozen=True)
class Shares:
    """Numbers of pictures.

    Attributes:
        search: to search on.
        held_out: to hold out.
        validation: to choose between finalists with, at most; 0 for none.
    """

    search: int
    held_out: int
    validation: int


def share_out(
    there: int | None, name: str, *, search: int | None, held_out: int | None, validation: int | None
) -> Shares:
    """Divide the pictures of a source into parts.

    A number that is given is binding. Those left open are :data:`SEARCH`, :data:`HELD_OUT`, and for validation
    :data:`VALIDATION_SHARE` times those of the search or as many as are left; where there are too few pictures for
    that, the parts left open share evenly what there is, none beyond its default.

    Args:
        there: how many pictures there are; None where there is no end of them.
        name: of the source, for messages.
        search: how many are asked for to search on; None where that is left open.
        held_out: how many are asked for to hold out; likewise.
        validation: how many are asked for to choose with; likewise.

    Returns:
        The numbers.

    Raises:
        OptionError: there are too few pictures for what is asked for, or one of the numbers is below :data:`FEWEST`.
    """
    check_counts(search, held_out, validation)
    wanted = SEARCH if search is None else search, HELD_OUT if held_out is None else held_out
    if there is None or sum(wanted) + (validation or 0) <= there:
        return Shares(*wanted, VALIDATION_SHARE * wanted[0] if validation is None else validation)
    least = FEWEST if search is None else search, FEWEST if held_out is None else held_out
    if sum(least) + (validation or 0) > there:
        raise too_few(name, there, *least, validation)
    left = there - (search or 0) - (held_out or 0) - (validation or 0)
    waiting = [search, held_out, validation].count(None)
    found = list(wanted)
    for part, given in enumerate((search, held_out)):
        if given is None:
            reserved = FEWEST if part == 0 and held_out is None else 0
            found[part] = min(wanted[part], max(FEWEST, left // waiting), left - reserved)
            left, waiting = left - found[part], waiting - 1
    choosing = min(left, VALIDATION_SHARE * found[0]) if validation is None else validation
    return Shares(found[0], found[1], choosing if choosing >= FEWEST else 0)


def shares_note(there: int, name: str, found: Shares, *, search: int | None, held_out: int | None) -> str:
    """What is to be said of numbers below their defaults.

    Args:
        there: how many pictures there are, usable or not.
        name: of the source.
        found: how many there are of each part.
        search: how many were asked for to search on; None where that was left open.
        held_out: how many were asked for to hold out; likewise.

    Returns:
        A sentence; "" where each number is what was asked for, or its default.
    """
    fewer = (search is None and found.search < SEARCH) or (held_out is None and found.held_out < HELD_OUT)
    if not fewer:
        return ""
    choosing = f", {found.validation} to choose with" if found.validation else ""
    parts = f"{found.search} to search on, {found.held_out} held out{choosing}"
    return f"'{name}' has {there} pictures, so the defaults of {SEARCH} and {HELD_OUT} are scaled down: {parts}"


def too_few(
    name: str, there: int, search: int, held_out: int, validation: int | None, unusable: int = 0
) -> OptionError:
    """The error that a source has too few pictures.

    Args:
        name: of the source.
        there: how many pictures there are.
        search: how many are needed to search on.
        held_out: how many are needed to hold out.
        validation: how many are needed to choose with; None or 0 for none.
        unusable: how many of them cannot be read or are copies.
    """
    also = f" and {validation} to choose with" if validation else ""
    reasons = f", {unusable} of which cannot be read or are copies" if unusable else ""
    asked = f"--images: {search} pictures to search on and {held_out} held out{also} are asked for"
    hint = f"give {COUNTS} that sum to at most {there - unusable}"
    if there - unusable < 2 * FEWEST:
        hint = f"a search takes at least {FEWEST} pictures, and {FEWEST} held out"
    return OptionError(f"{asked}, '{name}' has {there}{reasons}", hint)


def check_counts(search: int | None, held_out: int | None, validation: int | None) -> None:
    """Check that no part of the pictures is too small; None where its number is left open.

    Raises:
        OptionError: one is.
    """
    for option, count in (("--search-images", search), ("--held-out-images", held_out)):
        if count is not None and count < FEWEST:
            raise OptionError(f"{option}: {count} is too few", f"give at least {FEWEST}")
    if validation is not None and validation < FEWEST and validation != 0:
        raise OptionError(
            f"--validation-images: {validation} is too few", f"give at least {FEWEST}, or 0 to do without"
        )
