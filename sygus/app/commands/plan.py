"""``sycam-sygus plan``: how many pictures a search needs, by a pilot."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from rich.console import Console
from rich.table import Table

from solvers.cam.pilot import PilotOptions, Plan, plan
from solvers.cam.planning import POWER, Advice, Forecast
from solvers.cam.settings import Settings, resolve
from solvers.cam.subjects import notes_of
from sygus.app.dispatch import file_notes, read, side_of
from sygus.app.display import Display, marked
from sygus.app.options import BY_NAME, OPTIONS, Side
from sygus.app.terminal import echo
from sygus.errors import OptionError
from sygus.oracles.cam import CamOracle
from sygus.oracles.objective import CamProblem
from sygus.saliency.remarks import remarks

SETS = ("search_images", "validation_images", "held_out_images")


def run_plan(file: str, form: str, given: Mapping[str, Any]) -> None:
    """Print what a pilot says of the numbers of pictures.

    Args:
        file: a path, or the bare name of a shipped grammar.
        form: table or json.
        given: options by name, None where one is not given.

    Raises:
        SycamError: bad input; it says which.
    """
    stated = read(file)
    if side_of(stated) is not Side.CAM:
        message = f"plan: '{stated.file}' asks for no heat maps (logic {stated.logic}), so it needs no pictures"
        raise OptionError(message, "give a file of the logic CAM; sycam-sygus list grammars says which are shipped")
    chosen = {one.name: given[one.name] for one in fields(Settings) if given.get(one.name) is not None}
    settings, notes = resolve(stated, chosen, allowed=bool(given["allow_file_options"]))
    problem = CamProblem(stated, settings.metric, settings.modules)
    with Display(Console(stderr=True)):
        found, oracle = plan(problem, settings, _options(given))
    for note in (*file_notes(stated), *notes, *_pictures(oracle), *_notes(problem, found, settings, given)):
        echo(marked(note), err=True)
    again = {name: value for name, value in given.items() if name in BY_NAME and name not in SETS and value is not None}
    if form == "json":
        echo(json.dumps(_as_json(found, again, stated.file), indent=1, allow_nan=False))
        return
    _print(found, again, stated.file)


def _options(given: Mapping[str, Any]) -> PilotOptions:
    asked = {
        "candidates": given["candidates"],
        "pictures": given["pilot_images"],
        "search": given["search_images"],
        "held_out": given["held_out_images"],
        "validation": given["validation_images"],
    }
    return PilotOptions(**{name: value for name, value in asked.items() if value is not None})


def _pictures(oracle: CamOracle) -> list[str]:
    return notes_of(
        [oracle], remarks([oracle.subject], lambda: iter([(oracle.subject, oracle.measured["activation"])]))
    )


def _notes(problem: CamProblem, found: Plan, settings: Settings, given: Mapping[str, Any]) -> list[str]:
    """What a reader of the plan should know."""
    notes = []
    pictures, wanted = found.pilot.costs.shape[1], given["pilot_images"] or PilotOptions().pictures
    if pictures < wanted:
        notes.append(f"the pilot has the {pictures} pictures that there are and can be read, not {wanted}")
    if not found.exhaustive:
        notes.append(
            f"the plan is for the {found.terms} terms up to size {found.size}; the budget allows larger ones, and more "
            "of them make the optimism grow slowly, with the logarithm of their number"
        )
    if problem.problem.constraints or len(problem.goals) > 1:
        notes.append(
            f"the plan is for the choice by {found.metric.name} alone, without constraints and other objectives"
        )
    advice, limit = found.advice, settings.limits.time
    if advice is not None and limit is not None and found.search_seconds(advice.forecast) > limit:
        needed = math.ceil(found.search_seconds(advice.forecast) / 60)
        notes.append(
            f"on this machine, as busy as it is, the search takes about {needed} min, more than the {limit:g} s of the "
            f"budget: with the recommended sizes also give --budget size={found.size},time={2 * needed}m"
        )
    return notes


def _command(file: str, again: Mapping[str, Any], advice: Advice) -> str:
    """What to type."""
    sizes = (advice.forecast.search, advice.forecast.validation, advice.held_out)
    values = {**again, **dict(zip(SETS, sizes, strict=True))}
    words = [word for one in OPTIONS if one.name in values for word in one.words(values[one.name])]
    return shlex.join(["sycam-sygus", file, *words])


def _print(found: Plan, again: Mapping[str, Any], file: str) -> None:
    console, pilot, advice = Console(), found.pilot, found.advice
    count, pictures = pilot.costs.shape
    for line in (
        f"pilot: {count} of {found.terms} distinct expressions on {pictures} pictures, by {_metric(found)}",
        f"  between pictures the score of an expression varies by {pilot.between_pictures:.3g}",
        f"  the difference between good expressions varies by {pilot.of_differences:.3g}",
        f"  the true means of expressions vary by {pilot.spread:.3g}, noise taken out; they are as noisy as "
        f"{pilot.independent:.0f} independent ones",
        f"  the best is truly better than the average one by {found.forecasts.gain:.3g}",
    ):
        echo(line)
    console.print(_choices(found, advice))
    if advice is None:
        echo(f"there are {found.there} pictures, too few for any of these sizes; give smaller ones to plan by")
        return
    console.print(_reports(found, advice))
    echo(_recommendation(advice))
    echo(_command(file, again, advice))


def _metric(found: Plan) -> str:
    unit = f", in {found.metric.unit}" if found.metric.unit else ""
    return f"{found.metric.name}{unit}"


def _choices(found: Plan, advice: Advice | None) -> Table:
    """Search and validation pictures, with what is to be expected of them."""
    table = Table(title="what the answer is chosen by", title_justify="left")
    priced = "passes" if found.passes else "maps scored"
    for heading in ("search", "validation", "regret", "optimism", priced, "minutes here"):
        table.add_column(heading, justify="right")
    held_out = found.held_out[0] if advice is None else advice.held_out
    last = None
    for one in found.forecasts.each:
        if last is not None and last != one.search:
            table.add_section()
        last = one.search
        best = advice is not None and one is advice.forecast
        price = found.scores(one, held_out) * (found.passes or 1)
        minutes = found.seconds(one, held_out) / 60
        cells = (f"{one.regret:.2g}", f"{one.optimism:.2g}", f"{price:,.0f}", f"{minutes:.1f}")
        table.add_row(str(one.search), str(one.validation), *cells, style="bold" if best else "")
    return table


def _reports(found: Plan, advice: Advice) -> Table:
    """Held-out pictures, with what can be said by them of the answer that is recommended."""
    table = Table(title="what the answer is reported by", title_justify="left")
    for heading in ("held out", "95 % interval", "told from Grad-CAM"):
        table.add_column(heading, justify="right")
    for count in found.held_out:
        power = advice.forecast.power(count)
        told = "-" if math.isnan(power) else f"{power:.0%}"
        width = f"± {advice.forecast.half_width(count):.2g}"
        table.add_row(str(count), width, told, style="bold" if count == advice.held_out else "")
    return table


def _recommendation(advice: Advice) -> str:
    """One sentence."""
    one = advice.forecast
    chosen = f"take {one.search} search and {one.validation} validation pictures, the cheapest whose expected regret"
    chosen += f" ({one.regret:.2g}) is near the smallest, and hold out {advice.held_out}"
    needed = one.needed
    if math.isnan(one.lead):
        return f"{chosen}."
    if needed is None:
        return f"{chosen}; the answer is not expected to be better than Grad-CAM, by this grammar and metric."
    about = f"the answer from Grad-CAM, which is expected to be worse by {one.lead:.2g}"
    if advice.told:
        return f"{chosen}, which tells {about}, with a probability of {one.power(advice.held_out):.0%}."
    return f"{chosen}; to tell {about}, with a probability of {POWER:.0%} takes {needed:,}."


def _as_json(found: Plan, again: Mapping[str, Any], file: str) -> dict[str, Any]:
    """Everything as plain values; what depends on the machine stands by itself."""
    pilot, advice = found.pilot, found.advice
    held_out = found.held_out[0] if advice is None else advice.held_out
    count, pictures = pilot.costs.shape
    return {
        "metric": {"name": found.metric.name, "direction": found.metric.direction, "unit": found.metric.unit},
        "pilot": {
            "candidates": count,
            "pictures": pictures,
            "between pictures": pilot.between_pictures,
            "paired differences": pilot.of_differences,
            "between candidates": pilot.spread,
            "independent candidates": pilot.independent,
        },
        "terms": {"distinct": found.terms, "size": found.size, "all": found.exhaustive},
        "gain": found.forecasts.gain,
        "passes of a score": found.passes,
        "race leaves": {str(search): share for search, share in found.shares.items()},
        "choice": [
            _forecast_as_json(one) | {"scores": round(found.scores(one, held_out))} for one in found.forecasts.each
        ],
        "report": []
        if advice is None
        else [
            {
                "held out": number,
                "half width": advice.forecast.half_width(number),
                "power": _number(advice.forecast.power(number)),
            }
            for number in found.held_out
        ],
        "recommended": None
        if advice is None
        else {
            "search": advice.forecast.search,
            "validation": advice.forecast.validation,
            "held out": advice.held_out,
            "told from Grad-CAM": advice.told,
            "needed to tell it": advice.forecast.needed,
            "command": _command(file, again, advice),
        },
        "this machine": {
            "seconds": [round(found.seconds(one, held_out), 3) for one in found.forecasts.each],
            "of search": [round(found.search_seconds(one), 3) for one in found.forecasts.each],
        },
    }


def _forecast_as_json(one: Forecast) -> dict[str, Any]:
    return {name.replace("_", " "): _number(value) for name, value in vars(one).items()}


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
