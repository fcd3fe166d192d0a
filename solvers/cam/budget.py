"""What a run may spend. The run owns it; learners never see it."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field, fields

from sygus.errors import OptionError

LARGEST = 1e15
"""Of a limit: up to it floats are exact, and nothing comes near."""

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Budget:
    """Limits; None where there is none.

    Attributes:
        size: the largest term, in nodes.
        time: seconds of wall time.
        forwards: masked forward passes of single pictures.
        terms: terms scored.
    """

    size: int | None = None
    time: float | None = None
    forwards: int | None = None
    terms: int | None = None

    @property
    def rationed(self) -> bool:
        """Whether scores are limited, in terms or in passes."""
        return self.forwards is not None or self.terms is not None

    @classmethod
    def parse(cls, text: str) -> Budget:
        """Read ``time=60s,forwards=50000,size=9,terms=1000``; any subset, in any order.

        Raises:
            OptionError: naming ``--budget``.
        """
        limits: dict[str, float] = {}
        names = [f.name for f in fields(cls)]
        for part in filter(None, re.split(r"[,\s]+", text)):
            match = re.fullmatch(r"(\w+)=(\d+(?:\.\d+)?)([smh]?)", part)
            if match is None or match[1] not in names or (match[3] and match[1] != "time"):
                raise OptionError(f"--budget: cannot read '{part}'", f"write {', '.join(f'{n}=…' for n in names)}")
            value = float(match[2]) * _UNITS[match[3]]
            if value > LARGEST:
                raise OptionError(f"--budget: {match[1]} is too large", f"give at most {LARGEST:.0f}, or leave it out")
            if value <= 0:
                raise OptionError(f"--budget: {match[1]} is zero", f"give {match[1]} at least 1")
            if match[1] != "time" and value != int(value):
                raise OptionError(f"--budget: {match[1]} must be a whole number", f"write {match[1]}={int(value) + 1}")
            if match[1] in limits:
                raise OptionError(f"--budget: {match[1]} is given twice", "give it once")
            limits[match[1]] = value if match[1] == "time" else int(value)
        if not limits:
            raise OptionError("--budget: it is empty", "write for example size=7,terms=1000")
        return cls(**limits)  # type: ignore[arg-type]

    def __str__(self) -> str:
        def shown(name: str, value: float) -> str:
            return f"{name}={f'{value:.9f}'.rstrip('0').rstrip('.')}s" if name == "time" else f"{name}={value}"

        given = {f.name: getattr(self, f.name) for f in fields(self)}
        return ",".join(shown(name, value) for name, value in given.items() if value is not None)


@dataclass
class Spending:
    """What a run has spent of its budget."""

    budget: Budget
    forwards: int = 0
    terms: int = 0
    started: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Wall time since the run began."""
        return time.monotonic() - self.started

    def exhausted(self) -> str | None:
        """The name of the limit that is reached, None while there is something left."""
        for name, spent in (("time", self.seconds), ("forwards", self.forwards), ("terms", self.terms)):
            limit = getattr(self.budget, name)
            if limit is not None and spent >= limit:
                return name
        return None
