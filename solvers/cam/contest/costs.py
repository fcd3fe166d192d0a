"""What a trial costs on this machine: wall time, time of the processor, and energy where a counter can be read."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

POWERCAP = Path("/sys/class/powercap")
"""Where Linux shows counters of energy; many machines let no ordinary user read them."""

_MICRO = 1e-6


class Meter:
    """Measures from when it is made.

    Args:
        counters: the folder of the counters of energy.
    """

    def __init__(self, counters: Path = POWERCAP) -> None:
        self._counters = counters
        self._wall, self._processor = time.monotonic(), time.process_time()
        self._energy = _energy(counters)

    def read(self) -> Mapping[str, float]:
        """Seconds, seconds of the processor, and joules of the whole machine where they are known."""
        found = {"seconds": time.monotonic() - self._wall, "cpu seconds": time.process_time() - self._processor}
        now = _energy(self._counters)
        if self._energy and now.keys() == self._energy.keys():
            spent = ((now[name][0] - before) % span for name, (before, span) in self._energy.items())
            found["joules"] = sum(spent) * _MICRO
        return {name: round(value, 4) for name, value in found.items()}


def _energy(folder: Path) -> Mapping[str, tuple[int, int]]:
    """Of each package of the processor the counter, in microjoules, and how far it goes before it begins anew."""
    found = {}
    with suppress(OSError, ValueError):
        for zone in sorted(folder.iterdir()):
            if zone.name.count(":") == 1:  # the packages; their parts have a second number
                counter, span = (
                    int((zone / name).read_text(encoding="ascii")) for name in ("energy_uj", "max_energy_range_uj")
                )
                if counter >= 0 and span > 0:
                    found[zone.name] = (counter, span)
    return found
