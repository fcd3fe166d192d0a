"""``sycam-sygus compare`` on ordinary problems: what each strategy solves in a time, beside cvc5 where there is one."""

from __future__ import annotations

import datetime
import hashlib
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from solvers.cegis.portfolio import AUTO, find_strategy, known_strategies
from sygus.app.further_options import COMPARED
from sygus.app.statuses import ExitStatus
from sygus.app.terminal import echo
from sygus.errors import OptionError
from sygus.export.contest.solved import Attempt, Solved, write_solved
from sygus.export.contest.trials import PROTOCOL, digest, read_json
from sygus.export.nodes import RecordError
from sygus.oracles.processes import Ending, Outcome, run
from sygus.resources import read_text
from sygus.writing import make_folder, write_file

SUFFIX = ".sl"
PEER = "cvc5"
DEFAULT_SECONDS = 5.0
MOST_FILES = 10_000
MOST_PRINTED = 1 << 22
"""Bytes of an answer."""

START = 0.6
"""Seconds of the limit that are left for starting this program and printing."""

VERIFYING = 60.0
"""Seconds that checking an answer of another solver may take."""

ATTEMPTS = "attempts"
TAKEN = ("strategies", "time", "out", "quiet")
"""The options that mean something here."""


def is_ordinary(files: Sequence[str]) -> bool:
    """Whether what is named is a folder, or ends as files of ordinary problems do."""
    return any(Path(name).is_dir() or name.endswith(SUFFIX) for name in files)


def run_ordinary_comparison(files: Sequence[str], given: Mapping[str, Any]) -> ExitStatus:
    """Let every strategy try every file, and report.

    Args:
        files: folders, or files.
        given: options by name, None or False where one is not given.

    Returns:
        The exit status.

    Raises:
        SycamError: bad input; it says which.
    """
    strange = [name for name in given if given[name] not in (None, False) and name not in (*TAKEN, "effect")]
    if strange:
        option = next((one.spelled for one in COMPARED if one.name == strange[0]), f"--{strange[0].replace('_', '-')}")
        raise OptionError(f"{option}: ordinary problems have no use for it", "leave it out; --time gives the seconds")
    paths = _paths(files)
    strategies = _strategies(given["strategies"])
    seconds = given["time"] or DEFAULT_SECONDS
    protocol = {
        "versions": {name: version(name) for name in ("sycam-sygus", "z3-solver")},
        "seconds": seconds,
        "strategies": strategies,
        "files": {name: hashlib.sha256(_content(path)).hexdigest() for name, path in paths.items()},
    }
    now = datetime.datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    folder = Path(given["out"] or Path("runs") / f"compare-{now}")
    _begin(folder, protocol)
    attempts = []
    try:
        for number, (name, path) in enumerate(paths.items(), start=1):
            for strategy in strategies:
                attempts.append(_kept(folder, name, path, strategy, seconds, protocol))
                if not given["quiet"]:
                    last = attempts[-1]
                    echo(f"{number}/{len(paths)} {name}, {strategy}: {last.status}, {last.seconds:.2f} s", err=True)
    except KeyboardInterrupt:
        echo(f"interrupted; what was tried is kept in '{folder}', and the same command with --out goes on", err=True)
        return ExitStatus.INTERRUPTED
    echo(write_solved(Solved(attempts, strategies, seconds), folder))
    echo(f"report: {folder / 'report.html'}")
    return ExitStatus.DONE


def _paths(names: Sequence[str]) -> dict[str, Path]:
    """The files by what they are called: below a folder by their path in it."""
    found: dict[str, Path] = {}
    for name in names:
        place = Path(name)
        inside = sorted(path for path in place.rglob(f"*{SUFFIX}") if path.is_file()) if place.is_dir() else [place]
        if not inside:
            raise OptionError(f"compare: there is no file *{SUFFIX} below '{name}'", "give a folder of problems")
        for path in inside:
            called = str(path.relative_to(place)) if place.is_dir() else path.name
            if called in found:
                raise OptionError(f"compare: two files are called '{called}'", "give one folder that holds them")
            found[called] = path
    if len(found) > MOST_FILES:
        raise OptionError(f"compare: there are {len(found)} files", f"give at most {MOST_FILES}")
    return found


def _content(path: Path) -> bytes:
    try:
        return read_text(path).encode()
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"compare: cannot read '{path}' ({error})", "give SyGuS-IF files") from None


def _strategies(given: str | None) -> list[str]:
    """As they are named, or all; cvc5 comes last where it is installed."""
    if given is None:
        there = [PEER] if shutil.which(PEER) else []
        return [AUTO, *(name for name, one in known_strategies().items() if not one.on_request), *there]
    words = list(filter(None, (word.strip() for word in given.split(","))))
    for word in words:
        if words.count(word) > 1:
            raise OptionError(f"--strategies: '{word}' is given twice", "give each once")
        if word == PEER and not shutil.which(PEER):
            raise OptionError(f"--strategies: {PEER} is not installed", "install it, or leave it out")
        if word not in (AUTO, PEER):
            find_strategy(word)
    if not words:
        raise OptionError("--strategies: none is given", "sycam-sygus list strategies says which there are")
    return words


def _begin(folder: Path, protocol: Mapping[str, Any]) -> None:
    """Make the folder, or go on in it where its protocol is the same."""
    path = folder / PROTOCOL
    if path.exists():
        if read_json(path).value != protocol:
            message = f"--out: '{folder}' holds a comparison of other files, strategies, versions or seconds"
            raise OptionError(message, "give another folder; attempts under different protocols are not pooled")
    elif folder.is_dir() and any(folder.iterdir()):
        raise OptionError(f"--out: '{folder}' is not empty, and holds no comparison", "give another folder")
    make_folder(folder, "--out")
    write_file(path, json.dumps(protocol, indent=1))
    make_folder(folder / ATTEMPTS, "--out")


def _kept(folder: Path, name: str, path: Path, strategy: str, seconds: float, protocol: Mapping[str, Any]) -> Attempt:
    """An attempt that is there, or is made now."""
    mark = digest([digest(protocol), name, strategy])
    kept = folder / ATTEMPTS / f"{mark[:32]}.json"
    if kept.exists():
        found = Attempt.of_json(read_json(kept))
        if (found.file, found.strategy) != (name, strategy):
            raise RecordError(f"{kept}: it is of another attempt", "take it away, and it is made again")
        return found
    made = _peer_attempt(name, path, seconds) if strategy == PEER else _own_attempt(name, path, strategy, seconds)
    write_file(kept, json.dumps(made.as_json()))
    return made


def _program(*words: str) -> list[str]:
    """This program, as another process; modules of the current folder come by its own rules alone."""
    return [sys.executable, "-P", "-c", "from sygus.app.start import main; main()", *words]


def _own_attempt(name: str, path: Path, strategy: str, seconds: float) -> Attempt:
    limit = max(0.1, seconds - START)
    outcome, spent = _timed(_program("solve", str(path), "--strategy", strategy, "--time", str(limit)), seconds + 1)
    printed = outcome.printed.decode("utf-8", "replace").strip()
    if spent > seconds or outcome.ending is Ending.LATE or outcome.status == ExitStatus.SPENT:
        status = "timeout"
    elif outcome.ending is not Ending.ANSWERED or outcome.status != ExitStatus.DONE:
        status = "not applicable" if outcome.complaints.startswith(b"error: --strategy:") else "error"
    else:
        lines = set(printed.splitlines())
        status = "fail" if "fail" in lines else "infeasible" if lines == {"infeasible"} else "solved"
    return Attempt(name, strategy, status, spent, symbols(printed) if status == "solved" else 0)


def _peer_attempt(name: str, path: Path, seconds: float) -> Attempt:
    program = shutil.which(PEER) or PEER
    words = [program, "--lang=sygus2", f"--tlimit={seconds * 1000:.0f}", str(path.absolute())]
    outcome, spent = _timed(words, seconds + 1)
    printed = outcome.printed.decode("utf-8", "replace").strip()
    if spent > seconds or outcome.ending is Ending.LATE:
        status = "timeout"
    elif printed in ("infeasible", "fail"):
        status = printed
    elif outcome.ending is Ending.ANSWERED and "define-fun" in printed:
        status = "solved" if _verified(path, printed) else "unverified"
    else:
        status = "error"
    return Attempt(name, PEER, status, spent, symbols(printed) if status == "solved" else 0)


def _timed(words: list[str], seconds: float) -> tuple[Outcome, float]:
    began = time.monotonic()
    outcome = run(words, seconds=seconds, most=MOST_PRINTED)
    return outcome, time.monotonic() - began


def _verified(path: Path, answer: str) -> bool:
    """Whether this program, as another process, finds an answer right and in the grammar."""
    text = answer.removeprefix("(").removesuffix(")") if answer.startswith(("((", "(\n")) else answer
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "answer.sl"
        write_file(written, text + "\n")
        words = _program("verify", str(path), str(written), "--time", str(VERIFYING))
        return run(words, seconds=VERIFYING + 10, most=MOST_PRINTED).status == 0


@dataclass
class _Definition:
    """Where in a definition a reader is."""

    depth: int
    place: int = 0
    symbols: int = 0


def symbols(answer: str) -> int:
    """The symbols of the bodies of all definitions in an answer, near enough to nodes to compare sizes by.

    Args:
        answer: as a solver prints it.

    Returns:
        Their number.
    """
    total, depth, current = 0, 0, None
    for word in answer.replace("(", " ( ").replace(")", " ) ").split():
        if word == ")":
            depth -= 1
            if current is not None and depth < current.depth:
                total, current = total + current.symbols, None
            continue
        if current is not None and depth == current.depth:
            current.place += 1
        if word == "(":
            depth += 1
        elif current is None and word.startswith("define-fun"):
            current = _Definition(depth)
        elif current is not None and current.place == _BODY:
            current.symbols += 1
    return total


_BODY = 4
"""Its place after the word: name, parameters, sort, body."""
