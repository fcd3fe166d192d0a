"""What every benchmark shares: interleaved timing, a table on stdout, a JSON file in ``benchmarks/results``."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"
PACKAGES = (
    *("sycam-sygus", "torch", "numpy", "scipy", "sympy", "z3-solver", "lark"),
    *("torchcam", "grad-cam", "captum", "cvc5"),
)


def interleaved(functions: Mapping[str, Callable[[], object]], repeats: int = 5) -> dict[str, float]:
    """The median seconds of each function, called in turn after one warm-up, so that drift of the machine is shared."""
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for round_ in range(repeats + 1):
        for name, function in functions.items():
            started = time.perf_counter()
            function()
            if round_:
                seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(values) for name, values in seconds.items()}


def setting() -> dict[str, Any]:
    """Versions and the kind of machine; nothing that names it."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    machine = {"processor": platform.machine(), "cores": os.cpu_count(), "system": platform.system()}
    return {"versions": {"python": platform.python_version(), **found}, "machine": machine}


def report(name: str, title: str, rows: Sequence[Mapping[str, Any]], **facts: Any) -> None:
    """Print rows of equal keys as a table, and write them with the facts and the setting to ``results/NAME.json``."""
    table = Table(title=title, title_justify="left")
    for column in rows[0]:
        table.add_column(column, justify="left" if isinstance(rows[0][column], str) else "right")
    for row in rows:
        table.add_row(*(_shown(value) for value in row.values()))
    Console(width=140).print(table)
    for fact, value in facts.items():
        print(f"{fact}: {value}")
    RESULTS.mkdir(exist_ok=True)
    content = {"title": title, "rows": list(rows), **facts, **setting()}
    (RESULTS / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
