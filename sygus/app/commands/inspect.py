"""What ``sycam-sygus check`` says of a problem of the logic CAM."""

from __future__ import annotations

from collections.abc import Callable

from solvers.cam.hazards import hazards
from solvers.cam.settings import resolve
from sygus.app.commands.targets import target_lines
from sygus.language.problem import Problem
from sygus.language.text import term_text
from sygus.oracles.cam import probes
from sygus.oracles.equivalence import SMALLEST
from sygus.oracles.objective import CamProblem
from sygus.oracles.parameters import domains
from sygus.oracles.safety import SafetyOracle


def cam_lines(stated: Problem, note: Callable[[str], None]) -> list[str]:
    """What a problem of the logic CAM asks, in words.

    Args:
        stated: the problem.
        note: told what a user should know of the file.

    Returns:
        Lines: the function and its grammar, what is unsafe in it, the objectives, the network.

    Raises:
        SycamError: a bad option, metric or feature; it says which.
    """
    settings, notes = resolve(stated, {})
    problem = CamProblem(stated, settings.metric, settings.modules)
    for line in notes:
        note(line)
    return [
        *target_lines(stated.target, stated.target.grammar),
        *hazard_lines(problem),
        *(f"{goal.direction}imise {goal.label}" for goal in problem.goals),
        f"{len(stated.constraints)} constraints; network {settings.network}, images {settings.images}",
        *(f"layer {name}: {module}" for name, module in settings.modules.items()),
    ]


def hazard_lines(problem: CamProblem) -> list[str]:
    """What is unsafe about strict divisions in the grammar, with the smallest denominators that may be zero.

    Args:
        problem: the problem.

    Returns:
        Lines; none where nothing is divided.
    """
    target = problem.problem.target
    layers = dict.fromkeys(problem.layers, True)
    found = hazards(target.grammar, SafetyOracle(domains(nonnegative=True, layers=layers)))
    drawn = probes(target.function.parameters, nonnegative=True, seed=0, layers=layers)
    unsafe = [hazard for hazard in found if hazard.unsafe]
    if not found:
        return []
    lines = [f"strict division: {len(unsafe)} of {len(found)} productions are unsafe (activations at least 0)"]
    for hazard in unsafe:
        count = f"{len(hazard.unsafe)} of its {hazard.denominators} smallest denominators are not proved nonzero"
        lines.append(f"  {hazard.nonterminal.name}: {hazard.production.template!r}: {count}")
        for verdict in hazard.unsafe[:SHOWN]:
            assert verdict.denominator is not None
            zero = bool((drawn.evaluate(verdict.denominator).abs() < SMALLEST).any())
            where = ", ".join(f"{name} = {value}" for name, value in (verdict.witness or {}).items())
            reasons = ["zero on random values"] * zero + [f"zero where {where}"] * bool(where)
            lines.append(f"    {term_text(verdict.denominator)}: {'; '.join(reasons) or 'Z3 finds no proof in time'}")
    if unsafe:
        lines.append("  such terms are left out of the search; div0 is total: 0 where the denominator is")
    return lines


SHOWN = 3
"""Unsafe denominators that are shown of each production."""
