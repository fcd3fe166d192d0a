"""Networks and metrics of the user's own: what they raise while they run, in one message."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sygus.errors import OptionError, SycamError
from sygus.foreign import failure
from sygus.saliency.devices import is_out_of_memory

ALWAYS = "it must classify any number of pictures at any time"
"""What a network must do."""


@contextmanager
def blamed(what: str, hint: str) -> Iterator[None]:
    """While foreign code runs: makes what it raises one message, but lets memory that does not suffice be seen to.

    Raises:
        OptionError: it begins with ``what``.
    """
    try:
        yield
    except SycamError:
        raise
    except (Exception, SystemExit) as error:
        if is_out_of_memory(error):
            raise
        raise OptionError(f"{what}: {failure(error)}", hint) from error
