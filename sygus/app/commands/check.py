"""``sycam-sygus check``: say what a file asks, without searching."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack

from solvers.cegis.portfolio import usable_strategies
from solvers.cegis.specification import Specification
from sygus.app.commands.targets import target_lines
from sygus.app.dispatch import file_notes, read, side_of
from sygus.app.options import Side
from sygus.app.terminal import echo
from sygus.bounds import bounded_memory
from sygus.language.problem import Problem, mentions_weights


def run_check(file: str) -> None:
    """Say what a file asks.

    Args:
        file: a path, or the bare name of a shipped grammar.

    Raises:
        SycamError: bad input; it says which.
    """
    with ExitStack() as bounds:
        bounds.enter_context(bounded_memory())
        problem = read(file)
        for note in file_notes(problem):
            echo(f"note: {note}", err=True)
        if side_of(problem) is Side.CAM:
            from sygus.app.commands.inspect import cam_lines

            bounds.close()
            lines: Iterable[str] = cam_lines(problem, lambda note: echo(f"note: {note}", err=True))
        else:
            lines = (line for question in problem.questions for line in _ordinary_lines(question, problem))
        echo(f"{problem.file}: well-formed, logic {problem.logic}")
        for line in lines:
            echo(line)


def _ordinary_lines(problem: Problem, last: Problem) -> Iterator[str]:
    """What a question asks; where it is asked, if it is one of several."""
    if last.earlier:
        yield f"line {problem.asked.line} asks"
    for target in problem.targets:
        yield from target_lines(target, target.written)
    counts = {
        "variables": problem.variables,
        "constraints": problem.constraints,
        "assumptions": problem.assumptions,
        "objectives": problem.objectives,
        "oracles": [*problem.oracles, *problem.calls],
    }
    yield ", ".join(f"{len(found)} {what}" for what, found in counts.items())
    if not (problem.objectives or counts["oracles"] or mentions_weights(problem)):
        specification = Specification(problem)
        parts = [specification.of(functions) for functions in specification.parts]
        for part in parts:
            of = f" for {', '.join(function.name for function in part.functions)}" if len(parts) > 1 else ""
            yield f"strategies{of}: {', '.join(usable_strategies(part)) or 'none can do anything'}"
