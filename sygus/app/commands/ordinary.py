"""``sycam-sygus FILE.sl`` for problems of every logic but CAM."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import click

from solvers.cegis.answer import Answer, Judgement
from solvers.cegis.limits import Limits, OutOfTimeError
from solvers.cegis.logic.verifier import check, interrupted
from solvers.cegis.modulo import Modulo
from solvers.cegis.portfolio import AUTO, Portfolio, best_answer, usable_strategies
from solvers.cegis.specification import Specification
from sygus.errors import OptionError
from sygus.language.elaborate import load_answer, load_problem
from sygus.language.problem import Problem
from sygus.oracles.external import OracleTimeError
from sygus.resources import read_problem

DEFAULT_SECONDS = 60.0
PATIENCE = 0.5
"""After the first answer a shorter one is looked for half as long again as the first one took."""

NOTHING_FOUND, INTERRUPTED = 3, 130


@dataclass(frozen=True)
class SynthesisOptions:
    """What ``sycam-sygus FILE.sl`` is asked to do.

    Attributes:
        seconds, size, depth: limits.
        strategy: the one to use, or ``auto``.
        count: how many answers, smallest first; None for one, 0 for all there are.
        certify: check the printed answer anew, from its text.
        quiet: nothing on stderr.
        external: executables that the file names as oracles may be started.
    """

    seconds: float = DEFAULT_SECONDS
    size: int | None = None
    depth: int | None = None
    strategy: str = AUTO
    count: int | None = None
    certify: bool = False
    quiet: bool = False
    external: bool = False


def run_ordinary(file: str, given: Mapping[str, Any]) -> int | None:
    """Answer a file whose logic is not CAM; the exit status, None where it is CAM.

    Raises:
        OptionError: an option that the other logics, or that CAM, has no use for.
    """
    name, text = read_problem(file)
    problem = load_problem(text, name)
    if problem.logic == "CAM":
        for option, hint in _ORDINARY.items():
            if given[option] is not None:
                raise OptionError(f"--{_NAMES.get(option, option)}: not available in the logic CAM", hint)
        if given["listing"] == "":
            raise OptionError("--all: where to?", "give a file: --all FILE.csv")
        return None
    for option in _ONLY_CAM:
        if given[option]:
            shown = option.replace("_", "-")
            raise OptionError(f"--{shown}: the logic {problem.logic} has no use for it", "leave it out")
    if given["listing"]:
        raise OptionError("--all: takes a file in the logic CAM alone", "put --all last, or leave its value out")
    if given["form"] != "sygus":
        raise OptionError(f"--format: '{given['form']}' is available in the logic CAM alone", "use sygus")
    options = SynthesisOptions(
        seconds=given["seconds"] or DEFAULT_SECONDS,
        size=given["size"],
        depth=given["depth"],
        strategy=given["strategy"] or AUTO,
        count=0 if given["listing"] is not None else given["count"],
        certify=given["certify"],
        quiet=given["quiet"],
        external=bool(given["allow_external_oracles"]),
    )
    return run_synthesise(problem, options)


_ORDINARY = {
    "allow_external_oracles": "its oracles are the built-in metrics: sycam-sygus list metrics",
    "seconds": "write --budget time=60s",
    "size": "write --budget size=7",
    "depth": "write --budget size=7",
    "count": "write --all FILE.csv",
}
_NAMES = {"allow_external_oracles": "allow-external-oracles", "seconds": "time", "count": "next"}
_ONLY_CAM = (
    "network",
    "layer",
    "images",
    "search_images",
    "held_out_images",
    "target",
    "device",
    "budget",
    "race",
    "equivalence",
    "metric",
    "out",
    "resume",
    "reuse",
)


def run_synthesise(problem: Problem, options: SynthesisOptions) -> int:
    """Answer a problem; the exit status."""
    if problem.objectives:
        message = f"optimize-synth is not available in the logic {problem.logic}"
        raise problem.error(message, problem.asked, "end the file with (check-synth), or use the logic CAM")
    if problem.legacy and not options.quiet:
        click.echo(f"note: {problem.file} uses syntax older than 2.1: {'; '.join(problem.legacy)}", err=True)
    if options.external and (problem.oracles or problem.calls):
        return _run_modulo_oracles(problem, options)
    specification = Specification(problem)
    limits = Limits(options.seconds, options.size, options.depth)
    portfolio = Portfolio.of(specification, limits, options.strategy, further=options.count is not None)
    try:
        printed = _print_answers(portfolio, options)
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        if portfolio.best is not None:
            click.echo(portfolio.best.answer.text)
        return INTERRUPTED
    if not options.quiet:
        for note in portfolio.notes:
            click.echo(note, err=True)
    if printed:
        return 0
    click.echo("infeasible" if portfolio.infeasible is not None else "fail")
    return NOTHING_FOUND if portfolio.infeasible is None and portfolio.out_of_time else 0


def _run_modulo_oracles(problem: Problem, options: SynthesisOptions) -> int:
    """Answer a problem whose oracles are executables; the exit status."""
    if options.count is not None or options.certify:
        given = "--certify" if options.certify else "--next and --all"
        raise OptionError(f"{given}: not available with external oracles", "leave it out")
    modulo = Modulo(problem, Limits(options.seconds, options.size, options.depth), options.strategy)
    spent = False
    try:
        found = modulo.solve()
    except OutOfTimeError:
        found, spent = None, True
    except OracleTimeError as error:
        found, spent = None, True
        click.echo(f"out of time: {error}", err=True)
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        return INTERRUPTED
    if not options.quiet:
        click.echo(f"the oracles were asked {modulo.questions} times", err=True)
    if found is not None:
        click.echo(found.answer.text)
        return 0
    click.echo("infeasible" if modulo.infeasible is not None else "fail")
    return NOTHING_FOUND if spent or (modulo.infeasible is None and modulo.out_of_time) else 0


def _print_answers(portfolio: Portfolio, options: SynthesisOptions) -> int:
    """Print answers; how many."""
    if options.count is None:
        found = best_answer(portfolio, PATIENCE)
        if found is None:
            return 0
        if not options.quiet:
            message = f"{found.strategy}: {found.answer.size} nodes after {found.seconds:.2f} s"
            click.echo(message, err=True)
        return int(_print(found.answer, portfolio, options))
    count = 0
    with interrupted(portfolio.limits):
        for found in itertools.islice(portfolio.answers(), options.count or None):
            count += _print(found.answer, portfolio, options)
    return count


def _print(answer: Answer, portfolio: Portfolio, options: SynthesisOptions) -> bool:
    """Print an answer, with ``--certify`` only where a second check of its text agrees; whether it was printed."""
    if options.certify:
        problem = portfolio.specification.problem
        bodies = load_answer(problem.text, problem.file, answer.text, "the answer")
        again = check(Specification(load_problem(problem.text, problem.file)), bodies, Limits(options.seconds))
        if again.judgement is not Judgement.ACCEPTED:
            click.echo(f"an answer is not printed, for on a second look it is {again.judgement}", err=True)
            return False
        if not options.quiet:
            click.echo("certified: read back, derived from the grammar, and proved by Z3", err=True)
    click.echo(answer.text)
    return True


def check_ordinary(file: str) -> bool:
    """Say what a file asks whose logic is not CAM; False where it is CAM, and nothing is said."""
    name, text = read_problem(file)
    problem = load_problem(text, name)
    if problem.legacy:
        click.echo(f"note: {name} uses syntax older than 2.1: {'; '.join(problem.legacy)}", err=True)
    if problem.logic == "CAM":
        return False
    click.echo(f"{name}: well-formed, logic {problem.logic}")
    for target in problem.targets:
        parameters = ", ".join(f"{p.name} {p.sort}" for p in target.function.parameters) or "nothing"
        click.echo(f"synthesise {target.function.name} : {target.function.sort} from {parameters}")
        for nonterminal, productions in target.written.productions.items():
            click.echo(f"  {nonterminal.name} {nonterminal.sort}: {len(productions)} productions")
    counts = {
        "variables": problem.variables,
        "constraints": problem.constraints,
        "assumptions": problem.assumptions,
        "objectives": problem.objectives,
        "oracles": [*problem.oracles, *problem.calls],
    }
    click.echo(", ".join(f"{len(found)} {what}" for what, found in counts.items()))
    if not (problem.objectives or counts["oracles"]):
        specification = Specification(problem)
        parts = [specification.of(functions) for functions in specification.parts]
        for part in parts:
            of = f" for {', '.join(function.name for function in part.functions)}" if len(parts) > 1 else ""
            click.echo(f"strategies{of}: {', '.join(usable_strategies(part)) or 'none can do anything'}")
    return True
