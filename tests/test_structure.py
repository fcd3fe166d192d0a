"""The house: no module imports, by whatever way round, one that imports it."""

from __future__ import annotations

import subprocess
import sys
from graphlib import CycleError, TopologicalSorter

import grimp
import pytest

GRAPH = grimp.build_graph("sygus", "solvers", cache_dir=None)


def test_no_import_goes_in_a_circle() -> None:
    arrows = {module: GRAPH.find_modules_directly_imported_by(module) for module in GRAPH.modules}
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' → '.join(reversed(error.args[1]))}")


def test_the_graph_is_that_of_the_house() -> None:
    assert "solvers.bank" in GRAPH.find_modules_directly_imported_by("solvers.cam.learners.enumerate")
    assert len(GRAPH.modules) > 200


def test_ordinary_problems_import_neither_torch_nor_sympy() -> None:
    """Not even by others: every module of the wing, in a fresh process."""
    modules = sorted(module for module in GRAPH.modules if module.startswith("solvers.cegis"))
    code = f"import importlib, sys\nfor name in {modules}: importlib.import_module(name)\nprint(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "z3" in loaded
    assert not {"torch", "sympy"} & set(loaded)
