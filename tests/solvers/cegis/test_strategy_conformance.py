"""Every registered strategy keeps the contract; so does a stranger's, by the same tests."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ordinary import specification
from solvers.cegis.limits import Limits
from solvers.cegis.logic.verifier import interrupted
from solvers.cegis.portfolio import Portfolio, known_strategies
from strategy_conformance import EXAMPLES, StrategyConformance

SLOW = ("cvc5", "stream")
"""They end late where they find nothing."""


class TestRegistered(StrategyConformance):
    """Those of the project, and those of the packages that are installed."""

    @pytest.fixture(
        params=[pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in known_strategies()]
    )
    def choice(self, request: pytest.FixtureRequest) -> str:
        missing = known_strategies()[request.param].missing()
        if missing:
            pytest.skip(f"what it needs is not installed: {missing}")
        return str(request.param)


class TestOfAStranger(StrategyConformance):
    @pytest.fixture
    def choice(self) -> str:
        return "strangers:Sums"


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_projects_own_apply_where_they_should(name: str) -> None:
    stated = specification(EXAMPLES[name].text)
    offered = {name: strategy for name, strategy in known_strategies().items() if not strategy.on_request}
    own = {n: s for n, s in offered.items() if type(s).__module__.startswith("solvers.cegis.strategies.")}
    assert {n for n, strategy in own.items() if strategy.applies(stated)} == EXAMPLES[name].of


@pytest.mark.parametrize(("name", "strategy"), [(n, s) for n, example in EXAMPLES.items() for s in sorted(example.by)])
def test_the_projects_own_find_what_they_should(name: str, strategy: str) -> None:
    portfolio = Portfolio.of(specification(EXAMPLES[name].text), Limits(20), strategy)
    with interrupted(portfolio.limits):
        found = next(portfolio.answers(), None)
    assert (found is not None) == EXAMPLES[name].solvable, portfolio.notes
    assert (portfolio.infeasible is not None) == (not EXAMPLES[name].solvable)


def fresh(program: str) -> set[str]:
    """What a fresh process prints, in words."""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return set(result.stdout.split())


def test_solving_imports_neither_torch_nor_sympy() -> None:
    program = """
import pkgutil, importlib, sys, solvers.cegis
for info in pkgutil.walk_packages(solvers.cegis.__path__, "solvers.cegis."):
    importlib.import_module(info.name)
from solvers.cegis.portfolio import known_strategies
known_strategies()
print(*sys.modules)
"""
    modules = fresh(program)
    assert {"z3", "numpy", "solvers.cegis.modulo", "solvers.cegis.strategies.joint"} <= modules
    assert not modules & {"torch", "sympy"}


def test_strategies_cannot_verify() -> None:
    """What judges candidates is not even loaded with them."""
    program = """
import pkgutil, importlib, sys, solvers.cegis.strategies as own
for info in pkgutil.iter_modules(own.__path__, own.__name__ + "."):
    importlib.import_module(info.name)
print(*sys.modules)
"""
    modules = fresh(program)
    assert "solvers.cegis.strategies.refinement" in modules
    assert not modules & {"solvers.cegis.logic.verifier", "solvers.cegis.portfolio", "solvers.cegis.modulo"}


@pytest.mark.parametrize(
    ("room", "above"),
    [
        ("search", ("logic", "strategies", "portfolio", "modulo")),
        ("logic", ("strategies", "portfolio", "modulo")),
    ],
)
def test_rooms_stand_one_above_the_other(room: str, above: tuple[str, ...]) -> None:
    program = f"""
import pkgutil, importlib, sys, solvers.cegis.{room} as room
for info in pkgutil.iter_modules(room.__path__, room.__name__ + "."):
    importlib.import_module(info.name)
print(*sys.modules)
"""
    modules = fresh(program)
    assert f"solvers.cegis.{room}" in modules
    assert not modules & {f"solvers.cegis.{name}" for name in above}


def test_what_lies_at_the_bottom_knows_no_search_and_no_z3() -> None:
    program = """
import sys
from solvers.cegis import answer, limits, specification, strategy
print(*sys.modules)
"""
    assert not fresh(program) & {"solvers.cegis.search", "solvers.cegis.logic", "solvers.cegis.strategies"}
