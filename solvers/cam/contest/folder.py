"""The folder of a comparison: its protocol, a file for each trial, and what was scored; read as untrusted input."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

from sygus.errors import OptionError, listed
from sygus.export.contest.trials import PROTOCOL, Contest, Exhaustive, Protocol, Trial, digest, read_json
from sygus.export.nodes import Node, RecordError
from sygus.writing import PARTIAL, make_folder, write_file

TRIALS, TABLES, SCORES = "trials", "exhaustive", "scores"
"""Folders within it."""

_LONGEST = 60
"""Characters of a strategy in the name of a file."""

_SHOWN = 80
"""Characters of a value in a message."""


class Folder:
    """A comparison on disk.

    Args:
        path: of the folder.
        protocol: of the comparison.
    """

    def __init__(self, path: Path, protocol: Protocol) -> None:
        self.path = path
        self.protocol = protocol

    @classmethod
    def begin(cls, path: Path, protocol: Protocol) -> Folder:
        """Make the folder, or go on in it.

        Raises:
            OptionError: it holds another comparison, or something else.
            SycamError: it cannot be read or written.
        """
        if (path / PROTOCOL).exists():
            there = cls.open(path).protocol
            if there.digest != protocol.digest:
                said = "; ".join(_differences(there.as_json(), protocol.as_json()))
                message = f"--out: '{path}' holds a comparison under another protocol: {said}"
                raise OptionError(message, "give another folder; trials under different protocols are not pooled")
        elif path.is_dir() and any(not PARTIAL.fullmatch(entry.name) for entry in path.iterdir()):
            raise OptionError(f"--out: '{path}' is not empty, and holds no comparison", "give another folder")
        make_folder(path, "--out")
        if not (path / PROTOCOL).exists():
            write_file(path / PROTOCOL, json.dumps(protocol.as_json(), indent=1))
        for name in (TRIALS, TABLES, SCORES):
            make_folder(path / name, "--out")
        return cls(path, protocol)

    @classmethod
    def open(cls, path: Path) -> Folder:
        """A folder that is there.

        Raises:
            OptionError: there is no comparison in it.
            RecordError: its protocol is damaged.
        """
        try:
            return cls(path, Protocol.of_json(read_json(path / PROTOCOL)))
        except OSError as error:
            message = f"there is no comparison in '{path}' ({error.strerror})"
            raise OptionError(message, "give a folder that sycam-sygus compare has written") from None

    def scores(self, task: int, shard: str) -> Path:
        """Where the scores of a task are; each shard has a file of its own, since one process writes to it."""
        return self.path / SCORES / f"{task + 1}{shard and f'-{shard}'}.sqlite"

    def trial(self, task: int, strategy: str, seed: int) -> Trial | None:
        """A trial that is finished; None where it is not.

        Raises:
            RecordError: its file is damaged.
        """
        expected = self.protocol.trial_digest(task, strategy, seed)
        node = self._read(self._trial_path(task, strategy, seed), expected)
        found = None if node is None else Trial.of_json(node)
        if found is not None and (found.task, found.strategy, found.seed) != (task, strategy, seed):
            raise RecordError(f"{self._trial_path(task, strategy, seed)}: it is of another trial", _AGAIN)
        return found

    def exhaustive(self, task: int) -> Exhaustive | None:
        """The exhaustive table of a task that is finished; None where it is not.

        Raises:
            RecordError: its file is damaged.
        """
        node = self._read(self._table_path(task), self.protocol.exhaustive_digest(task))
        found = None if node is None else Exhaustive.of_json(node)
        if found is not None and found.task != task:
            raise RecordError(f"{self._table_path(task)}: it is of another task", _AGAIN)
        return found

    def keep(self, result: Trial | Exhaustive) -> None:
        """Write a trial or a table that is finished.

        Raises:
            WriteError: it cannot be written.
        """
        if isinstance(result, Trial):
            stands_on = self.protocol.trial_digest(result.task, result.strategy, result.seed)
            path = self._trial_path(result.task, result.strategy, result.seed)
        else:
            stands_on, path = self.protocol.exhaustive_digest(result.task), self._table_path(result.task)
        values = result.as_json()
        write_file(path, json.dumps({"stands on": stands_on, "digest": digest(values), "result": values}))

    def _read(self, path: Path, stands_on: str) -> Node | None:
        try:
            node = read_json(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise RecordError(f"{path}: it cannot be read ({error.strerror})", _AGAIN) from None
        if node.at("stands on").text() != stands_on:
            raise RecordError(f"{path}: it is of another protocol", _AGAIN)
        result = node.at("result")
        if digest(result.value) != node.at("digest").text():
            raise RecordError(f"{path}: it is not what was written", _AGAIN)
        return result

    def _trial_path(self, task: int, strategy: str, seed: int) -> Path:
        plain = re.sub(r"[^A-Za-z0-9.-]", "_", strategy)[:_LONGEST]
        mark = digest(strategy)[:8]
        return self.path / TRIALS / f"{task + 1}-{plain}-{mark}-{seed}.json"

    def _table_path(self, task: int) -> Path:
        return self.path / TABLES / f"{task + 1}.json"


_AGAIN = "take it away, and it is run again"


def gathered(folders: Sequence[Folder]) -> tuple[Contest, list[str]]:
    """Every trial that is finished, from all folders together, and which are missing, in words.

    The folders may be shards of one comparison, or comparisons of different strategies under protocols that are the
    same for the rest.

    Raises:
        OptionError: their protocols do not fit each other.
        RecordError: something in them is damaged.
    """
    protocol = _joined([folder.protocol for folder in folders], [str(folder.path) for folder in folders])
    trials, missing = [], []
    for task, strategy, seed in product(range(len(protocol.tasks)), protocol.strategies, protocol.seeds):
        holding = (folder for folder in folders if strategy in folder.protocol.strategies)
        trial = next(filter(None, (folder.trial(task, strategy, seed) for folder in holding)), None)
        if trial is None:
            missing.append(f"{protocol.tasks[task].name}, {strategy}, seed {seed}")
        else:
            trials.append(trial)
    tables = {}
    for task in range(len(protocol.tasks)) if protocol.exhaustive else ():
        table = next(filter(None, (folder.exhaustive(task) for folder in folders)), None)
        if table is None:
            missing.append(f"{protocol.tasks[task].name}, exhaustive table")
        else:
            tables[task] = table
    return Contest(protocol, tuple(trials), tables), missing


def complete(folders: Sequence[Folder]) -> Contest:
    """The same, where nothing is missing.

    Raises:
        OptionError: something is.
        RecordError: something is damaged.
    """
    contest, missing = gathered(folders)
    if missing:
        message = f"{len(missing)} results are missing: {'; '.join(missing[:3])}{' …' if len(missing) > 3 else ''}"
        raise OptionError(message, "run the same command on the folder until it ends, or merge all shards")
    return contest


def _joined(protocols: Sequence[Protocol], names: Sequence[str]) -> Protocol:
    """The protocol of all of them: with the strategies of each, where they agree in the rest."""
    first, strategies = protocols[0], dict(protocols[0].strategies)
    for one, name in zip(protocols[1:], names[1:], strict=True):
        same = dict.fromkeys(strategies.keys() & one.strategies.keys())
        different = [strategy for strategy in same if strategies[strategy] != one.strategies[strategy]]
        rest = replace(one, strategies=first.strategies)
        if rest.digest != first.digest or different:
            said = list(_differences(first.as_json(), rest.as_json()))
            said += [f"the code of {strategy} is another" for strategy in different]
            message = f"'{names[0]}' and '{name}' are under different protocols: {'; '.join(said[:5])}"
            raise OptionError(message, "merge shards of one comparison, or other strategies under the same protocol")
        strategies |= one.strategies
    return replace(first, strategies=strategies)


def _differences(there: Mapping[str, Any], here: Mapping[str, Any], within: str = "") -> Iterator[str]:
    """What two protocols differ in, in words."""
    for name in sorted((there.keys() | here.keys()) - {"digest"}):
        one, other = there.get(name), here.get(name)
        called = f"{within}{name}"
        if one == other:
            continue
        if isinstance(one, dict) and isinstance(other, dict):
            yield from _differences(one, other, f"{called} ")
        elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
            pairs = zip(one, other, strict=True)
            for index, (a, b) in enumerate(pairs):
                if a != b:
                    mapping = isinstance(a, dict) and isinstance(b, dict)
                    where = f"{called} {index + 1}"
                    yield from _differences(a, b, f"{where} ") if mapping else [_difference(where, a, b)]
        else:
            yield _difference(called, one, other)


def _difference(name: str, there: Any, here: Any) -> str:
    return f"{name}: {_shown(there)} there, {_shown(here)} here"


def _shown(value: Any) -> str:
    text = listed([str(item) for item in value]) if isinstance(value, list) else str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
