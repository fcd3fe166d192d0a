"""Everything that a network computes with, found from its modules and from what runs, as one digest."""

from __future__ import annotations

import gc
import hashlib
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from types import CodeType, FrameType, FunctionType
from typing import Any

from sygus.saliency.networks.fingerprint import python_objects, torch_objects
from sygus.saliency.networks.fingerprint.code import function_at, nested, reads_outside
from sygus.saliency.networks.fingerprint.origin import is_own_code, version_of
from sygus.saliency.networks.fingerprint.parts import Child, Describe
from sygus.saliency.networks.fingerprint.scalars import encoded, framed

_DESCRIBED = (*torch_objects.DESCRIBED, *python_objects.DESCRIBED)

MOST = 50_000
"""Objects that are looked at; what more hangs on a network is unknown."""

Ran = Mapping[int, tuple[CodeType, dict[str, Any]]]
"""The functions that ran: by the identity of its code, the code and its globals."""


@contextmanager
def watched() -> Iterator[Ran]:
    """While this lasts, every function of Python's that begins to run in this thread is noted.

    Nothing is collected meanwhile, since what runs when something dies is no part of it.
    """
    ran: dict[int, tuple[CodeType, dict[str, Any]]] = {}

    def note(frame: FrameType, _: str, __: Any) -> None:
        ran.setdefault(id(frame.f_code), (frame.f_code, frame.f_globals))

    before, collects = sys.gettrace(), gc.isenabled()
    gc.disable()
    sys.settrace(note)
    try:
        yield ran
    finally:
        sys.settrace(before)
        if collects:
            gc.enable()


class Inventory:
    """A digest of everything that can be reached from some objects.

    Objects are numbered in the order in which they are met, and each is written once, so that the digest is the same
    for equal structures wherever they lie in memory.

    A function that did not run matters, since another picture may take another way; but where something that it alone
    reads cannot be told, nothing is made of it.

    Args:
        ran: the functions that ran; None: all are taken for such.
    """

    def __init__(self, ran: Ran | None) -> None:
        self._ran = ran or {}
        self._all_ran = ran is None
        self._digest = hashlib.sha256()
        self._numbers: dict[int, int] = {}
        self._alive: list[Any] = []
        self._queue: deque[Child] = deque()
        self._later: deque[Child] = deque()
        self._written: set[int] = set()
        self._passed: set[int] = set()
        """Those that were written when only functions that did not run were known to read them."""
        self._codes: set[int] = set()
        self._kept_back: dict[str, None] = {}
        self._counts = False
        """Whether what was kept back is unknown after all."""
        self.unknown: dict[str, None] = {}
        """What cannot be told, in words."""

    def add(self, value: Any, where: str) -> None:
        """Take in an object and everything reached from it, but for functions that did not run."""
        self._digest.update(self._part(Child(value, where)))
        self._drain(self._queue)

    def finish(self) -> str:
        """The digest; what ran and was not reached is looked for by its name."""
        for key, (code, namespace) in self._ran.items():
            found = function_at(namespace, code) if self._is_missed(key) else None
            if found is not None:
                self.add(found, code.co_qualname)
        self._drain(self._queue, self._later)
        for key, (code, _) in self._ran.items():
            if self._is_missed(key):
                self.unknown[f"{code.co_qualname} runs and is found nowhere"] = None
        if self._counts:
            self.unknown |= self._kept_back
        self._digest.update(framed(b"v", version_of("torch").encode()))
        return self._digest.hexdigest()

    def _is_missed(self, key: int) -> bool:
        """Whether a function of a person's own ran and was not reached."""
        return key not in self._codes and is_own_code(*self._ran[key])

    def _drain(self, *queues: deque[Child]) -> None:
        """Write what stands in line, and what that leads to; the first of the queues goes first."""
        while queue := next((one for one in queues if one), None):
            child = queue.popleft()
            number = self._numbers[id(child.value)]
            if number in self._written:
                continue
            self._written.add(number)
            if len(self._written) <= MOST:
                self._write(child, number)
            else:
                self.unknown[f"more than {MOST} objects hang on it"] = None

    def _write(self, child: Child, number: int) -> None:
        value, unknown = child.value, self._kept_back if child.passing else self.unknown
        if child.passing:
            self._passed.add(number)
        if isinstance(value, FunctionType):
            self._codes.update(map(id, nested(value.__code__)))
            name = reads_outside(value.__code__) if is_own_code(value.__code__, value.__globals__) else ""
            if name:
                unknown[f"{child.where} uses '{name}'"] = None
        self._digest.update(framed(b"#", str(number).encode()))
        for part in _describe(value)(value, child.where):
            if isinstance(part, bytes | memoryview):
                self._digest.update(part)
            elif isinstance(part, Child):
                self._digest.update(self._part(replace(part, passing=child.passing)))
            else:
                unknown[part.what] = None

    def _part(self, child: Child) -> bytes:
        """A plain value itself, else the number of the object, which is put in line."""
        value = child.value
        plain = encoded(value)
        if plain is not None:
            return plain
        if type(value) is tuple:
            inside = [self._part(Child(one, f"{child.where}[{i}]", child.passing)) for i, one in enumerate(value)]
            return framed(b"(", b"".join(inside))
        number = self._numbers.get(id(value))
        if number is None:
            number = self._numbers[id(value)] = len(self._alive)
            self._alive.append(value)
        passing = self._is_passing(child)
        if number not in self._written:
            (self._later if passing else self._queue).append(Child(value, child.where, passing))
        elif number in self._passed and not passing:
            self._counts = True
        return framed(b"#", str(number).encode())

    def _is_passing(self, child: Child) -> bool:
        """Whether what cannot be told of it does no harm: of a person's own functions, those that did not run."""
        value = child.value
        if isinstance(value, FunctionType) and is_own_code(value.__code__, value.__globals__) and not child.runs:
            return not self._all_ran and id(value.__code__) not in self._ran
        return child.passing


def _describe(value: Any) -> Describe:
    return next((describe for kinds, describe in _DESCRIBED if isinstance(value, kinds)), python_objects.thing)
