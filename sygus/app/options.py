"""The options of ``solve``, each once: as the command line, Python and the messages about them know it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Any

from sygus.app.kinds import (
    COUNT,
    IMAGES,
    METRIC,
    NETWORK,
    PLACE,
    PLACES,
    SECONDS,
    SWITCH,
    TARGET,
    TEXT,
    WHOLE,
    Kind,
    shown,
)
from sygus.errors import OptionError, known
from sygus.records import record


class Side(Enum):
    """The problems that an option is for; the values are headings of the command line's help."""

    BOTH = "Options"
    CAM = "Options for the logic CAM"
    ORDINARY = "Options for the other logics"


@record(frozen=True, kw_only=True)
class Option:
    """An option of ``solve``.

    Attributes:
        name: the keyword in Python, and the field of the solver's options that it sets.
        kind: what it takes.
        side: the problems that it is for.
        help: for the command line.
        metavar: what the help calls its value.
        flag: on the command line; by default made of the name.
        wanted: what it takes, in words, where that is not said by its kind.
        choices: all values that there are, where they are few.
        cam_choices: those of them that are for the logic CAM alone.
        in_python: what serves in Python, where that has no such keyword.
        refusal: what to say of it on the other side, where that is not what is said of all.
        instead: what serves on the other side: options with values, or a sentence; where nothing does, it is left out.
        instead_in_python: that sentence for Python, where it is another.
    """

    name: str
    kind: Kind
    side: Side
    help: str
    metavar: str = ""
    flag: str = ""
    wanted: str = ""
    choices: tuple[str, ...] = ()
    cam_choices: tuple[str, ...] = ()
    in_python: str = ""
    refusal: str = ""
    instead: str | Mapping[str, str | int] = "leave it out"
    instead_in_python: str = ""

    @property
    def spelled(self) -> str:
        """As the command line writes it."""
        return self.flag or f"--{self.name.replace('_', '-')}"

    def words(self, value: Any) -> list[str]:
        """The option with a value, as words of the command line.

        Args:
            value: as the option holds it.

        Returns:
            The words; none of a switch that is off.
        """
        if self.kind is SWITCH:
            return [self.spelled] if value else []
        values = value if self.kind is PLACES else [value]
        return [word for one in values for word in (self.spelled, str(one))]


SUBJECTS = (
    Option(
        name="network",
        kind=NETWORK,
        side=Side.CAM,
        metavar="N",
        help="Network to explain (sycam-sygus list networks).",
    ),
    Option(
        name="layer",
        kind=TEXT,
        side=Side.CAM,
        metavar="L",
        help="Layer to explain; by default the last feature map.",
    ),
    Option(
        name="layers",
        kind=TEXT,
        side=Side.CAM,
        metavar="LS",
        help="Further layers that expressions read, as early=features.4.",
        wanted="a text, as 'early=features.4 late=features.8'",
    ),
    Option(
        name="images",
        kind=IMAGES,
        side=Side.CAM,
        metavar="D",
        help="Image set (sycam-sygus list images).",
    ),
    Option(
        name="search_images",
        kind=WHOLE,
        side=Side.CAM,
        metavar="N",
        help="Pictures to search on; by default 96, or a third of fewer.",
    ),
    Option(
        name="held_out_images",
        kind=WHOLE,
        side=Side.CAM,
        metavar="N",
        help="Other pictures to report on; by default 384, or a third of fewer.",
    ),
    Option(
        name="validation_images",
        kind=WHOLE,
        side=Side.CAM,
        metavar="N",
        help="Further pictures, to choose among the finalists with; 0 for none; by default 4 for each of the search.",
    ),
    Option(name="strict", kind=SWITCH, side=Side.CAM, help="A picture that cannot be read is an error."),
    Option(
        name="target",
        kind=TARGET,
        side=Side.CAM,
        metavar="T",
        help="What is explained: predicted, label, 'logit C' of a class C, regression, 'region C', "
        "package.module:function.",
    ),
    Option(name="seed", kind=WHOLE, side=Side.CAM, metavar="N", help="Seed of the pictures and of the search."),
    Option(name="device", kind=TEXT, side=Side.CAM, metavar="D", help="auto, cpu, cuda or mps."),
    Option(
        name="precision",
        kind=TEXT,
        side=Side.CAM,
        metavar="P",
        help="In which masked pictures pass the network: fp32, or bf16, several times as fast on a GPU and rounded.",
    ),
)
"""On what to score; other commands take these too."""

OPTIONS = (
    *SUBJECTS,
    Option(
        name="at_once",
        kind=COUNT,
        side=Side.CAM,
        metavar="N",
        help="Pictures of a table in memory at a time; by default about as many as take 2 GB. Scores stay the same.",
    ),
    Option(
        name="strategy",
        kind=TEXT,
        side=Side.BOTH,
        metavar="S",
        help="Search strategy (sycam-sygus list strategies).",
    ),
    Option(
        name="budget",
        kind=TEXT,
        side=Side.CAM,
        metavar="B",
        help="Limits, as size=7,time=60s,forwards=50000,terms=1000.",
        wanted="a text, as 'size=7,time=60s'",
        instead={"time": 60, "size": 7, "depth": 3},
    ),
    Option(
        name="race",
        kind=TEXT,
        side=Side.CAM,
        metavar="R",
        help="t: drop candidates that lose to the leader; betting: with a guarantee; bound: exactly; off: never.",
    ),
    Option(
        name="equivalence",
        kind=TEXT,
        side=Side.CAM,
        metavar="E",
        help="Terms that count as alike: none, value, map, score or sympy.",
    ),
    Option(
        name="metric",
        kind=METRIC,
        side=Side.CAM,
        metavar="M",
        help="In place of the one metric of FILE: a name, or package.module:function.",
    ),
    Option(
        name="baselines",
        kind=TEXT,
        side=Side.CAM,
        metavar="M",
        help="Methods in the table: auto, quick, flavours, all, or names separated by commas.",
        wanted="a text, as 'all' or 'gradcam,scorecam'",
    ),
    Option(
        name="start",
        kind=PLACE,
        side=Side.CAM,
        metavar="FILE",
        help="Propose the formulas that FILE defines first, where the grammar derives them.",
        wanted="a file of define-fun",
    ),
    Option(
        name="prior",
        kind=PLACE,
        side=Side.CAM,
        metavar="FILE",
        help='Weights of productions for learners that draw: JSON, as {"(gap M)": 3}.',
        wanted="a JSON file of weights",
    ),
    Option(
        name="out",
        kind=PLACE,
        side=Side.CAM,
        metavar="DIR",
        help="Folder of the run; by default a new one under runs/.",
        wanted="a folder",
    ),
    Option(
        name="workers",
        kind=COUNT,
        side=Side.CAM,
        metavar="N",
        help="Score in N processes of one thread each; by default in this one. The answer does not depend on N.",
    ),
    Option(
        name="ray",
        kind=TEXT,
        side=Side.CAM,
        metavar="ADDRESS",
        help="Score on a Ray cluster, by --workers actors or one for each processor: HOST:PORT, auto or local.",
        wanted="a text, as 'auto' or '10.0.0.1:6379'",
    ),
    Option(name="resume", kind=SWITCH, side=Side.CAM, help="Continue the run in --out."),
    Option(
        name="reuse",
        kind=PLACES,
        side=Side.CAM,
        metavar="RUN",
        help="Use the scores of another run too; may be repeated.",
    ),
    Option(
        name="certify",
        kind=SWITCH,
        side=Side.BOTH,
        help="In CAM, ask Z3 to prove that what was pruned as equal to the answer is. In other logics, read the "
        "answer's text back, and derive and prove it anew, by cvc5 too where that is installed.",
    ),
    Option(
        name="listing",
        kind=PLACE,
        side=Side.CAM,
        flag="--all",
        metavar="FILE",
        help="Write every distinct expression: .csv, .jsonl or .parquet. Without FILE, for logics other than CAM: "
        "print answers, smallest first, any two of them different functions, as many as there are and time allows.",
        refusal="takes a file in the logic CAM alone",
        instead="put --all last, or leave its value out",
        instead_in_python="iterate over answers() of the result",
    ),
    Option(
        name="every",
        kind=SWITCH,
        side=Side.ORDINARY,
        flag="--all",
        help="",
        in_python="for further answers iterate over answers() of the result; for CAM write listing='all.csv'",
        refusal="where to?",
        instead="give a file: --all FILE.csv",
    ),
    Option(
        name="next",
        kind=COUNT,
        side=Side.ORDINARY,
        metavar="N",
        help="Print N such answers.",
        in_python="iterate over answers() of the result",
        instead={"every": "FILE.csv"},
    ),
    Option(
        name="time",
        kind=SECONDS,
        side=Side.ORDINARY,
        metavar="S",
        help="Seconds, reading FILE included.",
        instead={"budget": "time=60s"},
    ),
    Option(
        name="memory",
        kind=COUNT,
        side=Side.ORDINARY,
        metavar="MB",
        help="Megabytes that may be taken, at least 64; by default most of what is free.",
    ),
    Option(
        name="size",
        kind=COUNT,
        side=Side.ORDINARY,
        metavar="N",
        help="Nodes of the largest answer.",
        instead={"budget": "size=7"},
    ),
    Option(
        name="depth",
        kind=COUNT,
        side=Side.ORDINARY,
        metavar="N",
        help="Depth of the deepest answer.",
        instead={"budget": "size=7"},
    ),
    Option(
        name="allow_file_options",
        kind=SWITCH,
        side=Side.CAM,
        help="Options that FILE sets may name modules to import, folders and hubs.",
    ),
    Option(
        name="allow_external_oracles",
        kind=SWITCH,
        side=Side.ORDINARY,
        help="Start the executables that FILE names.",
        instead="its oracles are the built-in metrics: sycam-sygus list metrics",
    ),
    Option(
        name="form",
        kind=TEXT,
        side=Side.BOTH,
        flag="--format",
        help="On stdout; of the logics other than CAM sygus alone.",
        choices=("sygus", "json", "latex"),
        cam_choices=("json", "latex"),
        in_python="the result has answer, and of CAM export(form)",
    ),
    Option(
        name="quiet",
        kind=SWITCH,
        side=Side.BOTH,
        help="Nothing on stderr but errors.",
        in_python="notes go to the logger 'sygus'",
    ),
    Option(
        name="verbose",
        kind=SWITCH,
        side=Side.BOTH,
        help="On stderr also each new best, settings, versions and duplicates.",
        in_python="progress=True shows the search, and record has all the rest",
    ),
)
"""All of them, in the order of the help."""

BY_NAME: Mapping[str, Option] = {option.name: option for option in OPTIONS}

SPREAD = ("at_once", "workers", "ray")
"""Options of ``evaluate`` that say where, and how much at a time; they change no score."""


def by_flag() -> Iterator[tuple[Side, Option]]:
    """The options of the command line, of each flag the first, with the problems that the flag is for."""
    seen: set[str] = set()
    for option in OPTIONS:
        if option.spelled not in seen:
            seen.add(option.spelled)
            sides = {other.side for other in OPTIONS if other.spelled == option.spelled}
            yield (option.side if len(sides) == 1 else Side.BOTH), option


def read_keywords(
    given: Mapping[str, object], call: str = "solve", options: Sequence[Option] = OPTIONS
) -> dict[str, Any]:
    """The options that Python gives.

    Args:
        given: by keyword; None where one is left to the file or the default.
        call: the function that is given them, for messages.
        options: those that it takes.

    Returns:
        The options by name, without those that are None.

    Raises:
        OptionError: there is no such keyword, or a value is of another type.
    """
    found = {}
    taken = {option.name: option for option in options}
    for name, value in given.items():
        option = taken.get(name)
        if option is None or option.in_python:
            raise OptionError(f"{call}: unknown option '{name}'", _keyword_hint(name, options))
        if value is None:
            continue
        read = option.kind.read(value)
        if read is None:
            raise OptionError(f"{call}: {name} is {shown(value)}", f"give {option.wanted or option.kind.wanted}")
        found[name] = read
    return found


def _keyword_hint(name: str, options: Sequence[Option]) -> str:
    for option in options:
        if option.in_python and name in (option.name, option.spelled.removeprefix("--")):
            return option.in_python
    return known((option.name for option in options if not option.in_python), name)


def check_side(given: Mapping[str, Any], side: Side, logic: str, file: str, *, python: bool = False) -> None:
    """Refuse what a problem has no use for.

    Args:
        given: options by name.
        side: the kind of the problem.
        logic: its logic.
        file: its name.
        python: whether the options were given as keywords.

    Raises:
        OptionError: naming the option, what the file is, and what would be right.
    """
    about = f"'{file}' asks for {'heat maps' if side is Side.CAM else 'no heat maps'}"
    unused = {
        Side.CAM: f"not available in the logic CAM ({about})",
        Side.ORDINARY: f"the logic {logic} has no use for it ({about})",
    }
    for name, value in given.items():
        option = BY_NAME[name]
        called = f"solve: {name}" if python else option.spelled
        if side is Side.ORDINARY and value in option.cam_choices:
            usable = [choice for choice in option.choices if choice not in option.cam_choices]
            raise OptionError(f"{called}: '{value}' is available in the logic CAM alone", f"use {', '.join(usable)}")
        if option.side not in (Side.BOTH, side):
            raise OptionError(f"{called}: {option.refusal or unused[side]}", _instead(option, python=python))


def _instead(option: Option, *, python: bool) -> str:
    if isinstance(option.instead, str):
        return (python and option.instead_in_python) or option.instead
    written = [
        f"{name}={value!r}" if python else f"{BY_NAME[name].spelled} {value}" for name, value in option.instead.items()
    ]
    return f"write {' or '.join(filter(None, [', '.join(written[:-1]), written[-1]]))}"
