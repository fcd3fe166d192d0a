"""``sycam-sygus compare --pilot``: how many seeds and tasks a difference needs."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sygus.app.terminal import echo, printable
from sygus.errors import OptionError
from sygus.export.contest.power import FEWEST, POWER, SEEDS, TASKS, needs
from sygus.export.contest.trials import Contest
from sygus.export.contest.words import number


def show_pilot(contest: Contest, effect: float) -> None:
    """Print what each pair of strategies takes.

    Args:
        contest: which need not be complete.
        effect: the difference to be found, in regret.

    Raises:
        OptionError: there is one strategy.
    """
    if len(contest.protocol.strategies) < 2:
        raise OptionError("--pilot: there is a single strategy, so that there is no difference", "compare two or more")
    found = needs(contest, effect)
    seeds = len(contest.protocol.seeds)
    echo(
        f"to find a difference of {effect:g} of the distance from Grad-CAM to the best with a probability of "
        f"{POWER:.0%}, by simulation from {len(contest.trials)} trials:"
    )
    table = Table(title_justify="left")
    for heading in ("first", "second", *(task.name for task in contest.protocol.tasks)):
        table.add_column(Text(printable(heading)))
    table.add_column(f"tasks of {seeds} seeds", justify="right")
    table.add_column("sd between tasks", justify="right")
    for one in found:
        within = [_seeds(one.seeds, task) for task in range(len(contest.protocol.tasks))]
        tasks = f"> {TASKS[-1]}" if one.tasks is None else str(one.tasks)
        names = (printable(one.first), printable(one.second))
        table.add_row(*map(Text, (*names, *within, tasks, number(one.between))))
    Console().print(table)
    echo(
        f"The columns of tasks say how many seeds within each; a hyphen: fewer than {FEWEST} trials, or no chance in "
        "either. Ten trials say little of tails, so the numbers are rough."
    )


def _seeds(seeds: Mapping[int, int | None], task: int) -> str:
    if task not in seeds:
        return "-"
    return f"> {SEEDS[-1]}" if seeds[task] is None else f"{seeds[task]} seeds"
