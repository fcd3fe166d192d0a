"""``sycam-sygus list``, and what ``check`` says of the logic CAM: what there is, and what a file asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from solvers.cam.hazards import hazards
from solvers.cam.learners import known_learners
from solvers.cam.settings import resolve
from solvers.cegis.portfolio import known_strategies
from sygus.app.commands.targets import target_lines
from sygus.app.terminal import echo
from sygus.errors import OptionError, known
from sygus.export.forms import FORMS
from sygus.export.tables import arrow
from sygus.language.problem import Problem
from sygus.language.text import term_text
from sygus.language.theories.cam import CAM
from sygus.oracles.cam import SORTS, domains, probes
from sygus.oracles.equivalence import SMALLEST
from sygus.oracles.methods import methods
from sygus.oracles.objective import CamProblem
from sygus.oracles.safety import SafetyOracle
from sygus.resources import grammar_names
from sygus.saliency.features import FEATURES
from sygus.saliency.images import IMAGE_SETS
from sygus.saliency.metrics import Metric, aliases_of, known_metrics
from sygus.saliency.networks import NETWORKS


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


def strategies() -> Mapping[str, str]:
    """What ``--strategy`` may name: the learners of the logic CAM, and the strategies of every other."""
    learners = {name: f"in CAM: {doc}" for name, doc in known_learners().items()}
    return learners | {name: f"in other logics: {strategy.doc}" for name, strategy in known_strategies().items()}


def _metric_line(metric: Metric) -> str:
    """Its direction, the first line of its definition, and its other names."""
    other = " or ".join(aliases_of(metric.name))
    return f"{arrow(metric)} {metric.doc.splitlines()[0]}" + (f" Also {other}." if other else "")


def run_list(kind: str) -> None:
    """Print the names of one kind and what they are.

    Args:
        kind: networks, images, metrics, methods, features, functions, strategies or grammars.

    Raises:
        OptionError: an unknown kind.
    """
    kinds: dict[str, Mapping[str, str]] = {
        "networks": NETWORKS,
        "images": IMAGE_SETS,
        "metrics": {name: _metric_line(metric) for name, metric in known_metrics().items()},
        "methods": {name: method.title for name, method in methods().items()},
        "features": {name: f"{SORTS[f.rank]}: {f.doc}" for name, f in FEATURES.items()},
        "functions": {f"{f.name}": f"{f.sorts}: {f.doc}" for f in CAM.symbols},
        "strategies": strategies(),
        "grammars": dict.fromkeys(grammar_names(), ""),
        "exports": {name: form.doc for name, form in FORMS.items()},
    }
    if kind not in kinds:
        raise OptionError(f"list: unknown kind '{kind}'", known(kinds, kind, "known kinds"))
    width = max(len(name) for name in kinds[kind])
    for name, doc in kinds[kind].items():
        echo(f"{name:{width}}  {doc}".rstrip())
