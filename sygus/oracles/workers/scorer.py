"""The worker's side: scores the units that it is sent, wherever it is."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from sygus.errors import OptionError, SycamError
from sygus.oracles.cam import CamOracle
from sygus.oracles.workers.sent import UnfitError, unpacked, unpacked_subjects
from sygus.oracles.workers.transport import LOST_MEMORY, Message
from sygus.saliency.devices import is_out_of_memory
from sygus.saliency.networks.memory import keep_freed_memory
from sygus.saliency.networks.repeatable import arithmetic

CPU = torch.device("cpu")


class Scorer:
    """Answers messages, as :mod:`sygus.oracles.workers.transport` says; the process computes with one thread from now.

    The process ends without a word where the memory does not suffice, for one that has been short of it makes passes of
    another size.

    Args:
        fetch: the tensors that were shared, by what was sent in their place.
    """

    def __init__(self, fetch: Callable[[Any], Mapping[str, Tensor]]) -> None:
        torch.set_num_threads(1)
        keep_freed_memory()
        self.fetch = fetch
        self.oracles: dict[str, CamOracle] = {}

    def take(self, message: Message) -> Message:
        """The answer to a message."""
        what, *said = message
        try:
            if what == "begin":
                return self._begun(*said)
            if what == "unit":
                return self._scored(*said)
        except UnfitError as error:
            return "unfit", error.message, error.remedy
        return ("ready",)

    def _begun(self, needed: Any, wanted: str) -> Message:
        """Take in what is needed.

        Raises:
            UnfitError: it cannot be had here, or numbers are others here.
        """
        mine = arithmetic(CPU)
        if mine != wanted:
            message = (
                f"the last bits of numbers depend on the processor: there they are of '{mine}', here of '{wanted}'"
            )
            raise UnfitError(message, "take machines of one kind, or set ATEN_CPU_CAPABILITY to the lesser on all")
        self.oracles = unpacked_subjects(self.fetch(needed))
        return ("ready",)

    def _scored(self, ticket: int, sent: tuple[Any, ...], references: Mapping[tuple[str, str], Any]) -> Message:
        """Score a unit.

        Raises:
            UnfitError: something that was sent is not to be had here.
        """
        try:
            for (subject, name), needed in references.items():
                self.oracles[subject].refer_to(name, self.fetch(needed)[name])
            unit = unpacked(sent)
            oracle = self.oracles[unit.subject]
            chunk = oracle.subject.network.chunk
            size = chunk.size
            try:
                scores = oracle.judged(unit)
            finally:
                if chunk.size != size:
                    os._exit(LOST_MEMORY)
        except UnfitError:
            raise
        except Exception as error:
            if any(map(_is_shortage, _chain(error))):
                os._exit(LOST_MEMORY)
            if isinstance(error, SycamError):
                return "error", ticket, isinstance(error, OptionError), error.message, error.hint
            return "broken", ticket, traceback.format_exc()
        return "scores", ticket, scores


def _is_shortage(error: BaseException) -> bool:
    """Whether the memory did not suffice."""
    return isinstance(error, MemoryError) or is_out_of_memory(error) or _ALLOCATION in str(error)


_ALLOCATION = "DefaultCPUAllocator: can't allocate memory"
"""What torch says where the system gives it none."""


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error with those that it was raised from."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
