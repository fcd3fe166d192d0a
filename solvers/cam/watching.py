"""What an onlooker sees of a run, going or over: the best so far, the front, the rate, what is spent of the budget.

Everything is read from the run's folder and nothing is written there. What stands in it is somebody else's: it is
checked by its kind, and what does not fit is an error in words that belongs to this run alone.
"""

from __future__ import annotations

import bisect
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from solvers.cam.budget import Budget
from solvers.cam.journal import JOURNAL, JournalError, Onlooker
from solvers.cam.learner import Fate
from sygus.errors import OptionError, SycamError
from sygus.export.nodes import Node
from sygus.export.record import SOLUTION, Record
from sygus.oracles.equivalence import Equivalence

RETRY = 10.0
"""Seconds after which a journal that could not be read is tried again, though nothing has changed."""

LEADERS = 10
"""Candidates that are shown as the best so far."""

WINDOW = 60.0
"""Seconds over which the present rate is measured."""

LEAST = 3.0
"""Seconds that must have been watched before there is a present rate."""

MOST_OF_A_FRONT = 100
"""Members of a front that are kept; of a Pareto set the first by the first objective."""

LONGEST = 2000
"""Characters of a term, or of a text of the journal, that are shown."""

MOST_STEPS = 2000
"""Improvements that a curve keeps; of more the earliest are left out."""


@dataclass(frozen=True)
class Candidate:
    """A proposal that was scored on all pictures and satisfies the constraints.

    Attributes:
        id: its number in the journal.
        size: nodes.
        term: in SyGuS-IF.
        values: of the objectives.
    """

    id: int
    size: int
    term: str
    values: tuple[float, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain values; a long term is cut."""
        return {"id": self.id, "size": self.size, "term": shown(self.term), "values": list(self.values)}


@dataclass(frozen=True)
class Asked:
    """What a run asks for: each objective's label and direction, and whether they have an order."""

    goals: tuple[tuple[str, str], ...]
    ordered: bool

    def rank(self, candidate: Candidate) -> tuple[float, ...]:
        """Smaller is better; objectives in the file's order."""
        pairs = zip(self.goals, candidate.values, strict=True)
        return tuple(value if direction == "min" else -value for (_, direction), value in pairs)


@dataclass
class Standing:
    """The best of the proposals read so far; each is taken note of once, in the journal's order.

    Attributes:
        asked: by what they are compared.
        by_score: whether equal scores count as alike, so that a duplicate may have been paid for.
        fates: how many proposals met which.
        terms: how many scores were paid for, as the budget counts them.
        leaders: the best of those that do not behave like an earlier one, best first.
        curve: each improvement of the best: how many terms were scored by then, and the first objective.
    """

    asked: Asked
    by_score: bool = False
    fates: Counter[str] = field(default_factory=Counter)
    terms: int = 0
    leaders: list[Candidate] = field(default_factory=list)
    curve: deque[tuple[int, float]] = field(default_factory=lambda: deque(maxlen=MOST_STEPS))
    _by_size: dict[int, Candidate] = field(default_factory=dict)
    _pareto: list[Candidate] = field(default_factory=list)
    _keys: set[str] = field(default_factory=set)
    _best: tuple[float, ...] | None = None

    def consider(self, row: Mapping[str, Any]) -> None:
        """Take note of a row of the journal."""
        fate = row["fate"]
        self.fates[fate] += 1
        paid = fate in (Fate.SCORED, Fate.PRUNED)
        if self.by_score and row["key"] is not None:
            paid |= fate == Fate.DUPLICATE and row["key"] not in self._keys
            self._keys.add(row["key"])
        self.terms += paid
        values = tuple(row["objectives"])
        if not row["feasible"] or len(values) != len(self.asked.goals) or not all(map(_is_plain, values)):
            return
        candidate = Candidate(row["id"], row["size"], row["term"], values)
        rank = self.asked.rank(candidate)
        if row["alias"] is None:
            bisect.insort(self.leaders, candidate, key=lambda one: (self.asked.rank(one), one.id))
            del self.leaders[LEADERS:]
        if self._best is None or rank < self._best:
            self._best = rank
            if values:
                self.curve.append((self.terms, values[0]))
        rival = self._by_size.get(candidate.size)
        if rival is None or rank < self.asked.rank(rival):
            self._by_size[candidate.size] = candidate
        if not self.asked.ordered:
            self._enter(candidate, rank)

    def _enter(self, candidate: Candidate, rank: tuple[float, ...]) -> None:
        if any(_at_least(self.asked.rank(other), rank) for other in self._pareto):
            return
        kept = [other for other in self._pareto if not _at_least(rank, self.asked.rank(other))]
        self._pareto = sorted([*kept, candidate], key=self.asked.rank)[:MOST_OF_A_FRONT]

    def front(self) -> list[Candidate]:
        """The Pareto set, best of the first objective first; or those of each size that no smaller one matches."""
        if not self.asked.ordered:
            return list(self._pareto)
        kept: list[Candidate] = []
        for _, one in sorted(self._by_size.items()):
            if not kept or self.asked.rank(one) < self.asked.rank(kept[-1]):
                kept.append(one)
        return kept[-MOST_OF_A_FRONT:]


def _at_least(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(a <= b for a, b in zip(one, other, strict=True))


class Watched:
    """One run, as it stands; :meth:`refresh` reads what is new.

    Args:
        run: the folder of a run, or its journal, as a person types it.

    Raises:
        OptionError: there is no run.
    """

    def __init__(self, run: str) -> None:
        self.name = run
        self.folder = _folder(run)
        self.onlooker = Onlooker(self.folder / JOURNAL)
        self._mark: Any = None
        self._failed: tuple[str, Any, float] | None = None
        self._begin()

    def _begin(self) -> None:
        """Forget everything: the journal is not the one that was read before."""
        self._stated: dict[str, Any] = {}
        self._standing: Standing | None = None
        self._last = -1
        self._strange = 0
        self._chosen: list[dict[str, Any]] = []
        self._record: Record | None = None
        self._unread = ""
        self._record_mark: Any = None
        self._rates: deque[tuple[float, int]] = deque()

    def refresh(self) -> dict[str, Any]:
        """Read what is new, and say how the run stands, as plain values without NaN or infinity."""
        now, mark = time.monotonic(), self.onlooker.mark()
        if self._failed is not None and self._failed[1] == mark and now < self._failed[2]:
            return {"name": self.name, "error": self._failed[0]}
        try:
            self._read()
            state = self._state()
        except SycamError as error:
            self._mark, self._failed = None, (shown(str(error)), mark, now + RETRY)
            return {"name": self.name, "error": shown(str(error))}
        self._failed = None
        return state

    def _read(self) -> None:
        self._read_record()
        mark = self.onlooker.mark()
        if mark == self._mark:
            return
        if not self._mark or (mark[0] or (0,))[0] != (self._mark[0] or (0,))[0]:
            self._begin()
            self._read_record()
        more = True
        while more:
            seen = self.onlooker.read(self._last, None if self._standing is None else len(self._standing.asked.goals))
            if dict(seen.stated) != self._stated and self._stated:
                self._begin()
                self._read_record()
                continue
            self._stated = dict(seen.stated)
            if self._standing is None:
                self._standing = Standing(self._asked(), self._setting("equivalence") == Equivalence.SCORE)
                continue
            for row in seen.rows:
                self._standing.consider(row)
            self._last, more = seen.last, seen.more
            self._strange += seen.strange
            if not more:
                self._chosen = self._finalists(seen.finalists)
        self._mark = mark

    def _read_record(self) -> None:
        """The record, where the run is over; one that is damaged is said, and the journal shown."""
        path = self.folder / SOLUTION
        try:
            status = path.stat()
        except OSError:
            self._record, self._unread, self._record_mark = None, "", None
            return
        mark = (status.st_ino, status.st_size, status.st_mtime_ns)
        if mark == self._record_mark:
            return
        self._record_mark = mark
        try:
            self._record, self._unread = Record.read(str(self.folder)), ""
        except SycamError as error:
            self._record, self._unread = None, shown(str(error))

    @property
    def record(self) -> Record | None:
        """Of the run, once it is over; None where it is of an earlier search that this one continues."""
        return self._fitting

    @property
    def stated(self) -> Node:
        """What the journal says of its run."""
        return Node(self._stated, str(self.onlooker.path))

    @property
    def asked(self) -> Asked | None:
        """What the run asks for; None before anything could be read."""
        return None if self._standing is None else self._standing.asked

    def candidate(self, number: int) -> Candidate | None:
        """A proposal with scores on all pictures, by its number; None where there is none.

        Raises:
            JournalError: the journal cannot be read.
        """
        asked = self.asked
        row = None if asked is None else self.onlooker.proposal(number, len(asked.goals))
        if row is None or not row["objectives"]:
            return None
        return Candidate(row["id"], row["size"], row["term"], tuple(row["objectives"]))

    def _asked(self) -> Asked:
        """From the journal; from the record where it is of a version of this program that did not yet state it.

        Raises:
            SycamError: neither says.
        """
        if "objectives" in self._stated:
            node = self.stated.at("objectives")
            goals = node.at("goals").items(lambda one: one.items(Node.text))
            if all(len(one) == 2 and one[1] in ("min", "max") for one in goals):
                return Asked(
                    tuple((shown(label), direction) for label, direction in goals), node.at("ordered").boolean()
                )
            raise node.wrong("list of labels and directions")
        if self._record is not None:
            known = tuple((shown(one.label), str(one.direction)) for one in self._record.objectives)
            return Asked(known, self._record.ordered)
        if not self._stated:
            raise JournalError(f"the journal {self.onlooker.path} does not say yet of which run it is")
        if "settings" not in self._stated:
            raise JournalError(f"the journal {self.onlooker.path} is not of a search", "give the folder of a search")
        message = f"the journal {self.onlooker.path} does not say whether large or small scores are better"
        raise JournalError(message, "it was begun by an earlier version; end the run, or resume it with this version")

    @property
    def _fitting(self) -> Record | None:
        """The record, where it is of this search as it stands, and not of the one that this continues."""
        record, standing = self._record, self._standing
        if record is None or standing is None:
            return record
        proposed = record.accounting.get("proposed")
        same = str(record.settings.get("budget")) == self._setting("budget")
        return record if same and proposed == standing.fates.total() else None

    def _setting(self, name: str) -> str:
        """A setting as a text; "" where it is none."""
        settings = self._stated.get("settings")
        value = settings.get(name) if isinstance(settings, dict) else None
        return "" if value is None else shown(str(value))

    def _state(self) -> dict[str, Any]:
        standing = self._standing
        assert standing is not None
        running, record = self.onlooker.is_running(), self._fitting
        problem = self._stated.get("problem")
        state = "running" if running else "finished" if record is not None else "stopped"
        seconds, rate = self._seconds(running), self._rate(running)
        spent = {"terms": float(standing.terms), "time": seconds}
        if record is not None and not running:
            spent["forwards"] = _number(record.accounting.get("forwards"))
        facts = {name: self._setting(name) for name in ("network", "images", "seed", "strategy", "target", "metric")}
        return {
            "name": self.name,
            "error": "",
            "file": shown(str(problem.get("file", ""))) if isinstance(problem, dict) else "",
            "facts": facts,
            "state": state,
            "ending": "" if record is None or running else shown(record.ending),
            "notes": self._notes(running),
            "goals": [{"label": label, "direction": direction} for label, direction in standing.asked.goals],
            "ordered": standing.asked.ordered,
            "fates": {str(fate): standing.fates[fate] for fate in Fate if standing.fates[fate]},
            "proposed": standing.fates.total(),
            "terms": standing.terms,
            "seconds": seconds,
            "rate": rate,
            "budget": self._budget(spent),
            "curve": [list(step) for step in standing.curve],
            "leaders": [one.as_json() for one in standing.leaders],
            "front": [one.as_json() for one in standing.front()],
            "finalists": self._chosen,
            "found": None if record is None or running or record.found is None else record.found.id,
        }

    def _notes(self, running: bool) -> list[str]:
        notes = [self._unread] if self._unread else []
        if not running and self._record is not None and self._fitting is None:
            notes.append("The record is of an earlier search in this folder, which this one was to continue.")
        elif not running and self._record is None:
            notes.append("The search was stopped, or its table is still being scored: there is no record yet.")
        if self._strange:
            notes.append(f"{self._strange} rows of the journal are not what a run wrote; they are left out.")
        return notes

    def _seconds(self, running: bool) -> float | None:
        """Of the search: as the record says, else since the run's folder was begun."""
        if self._fitting is not None and not running:
            return _number(self._fitting.accounting.get("seconds"))
        begun, end = self.onlooker.begun(), time.time() if running else self.onlooker.changed()
        return None if begun is None or end is None else round(max(0.0, end - begun), 1)

    def _rate(self, running: bool) -> float | None:
        """Terms scored in a minute: over the last minute watched while the run goes, over all of it when it is over."""
        assert self._standing is not None
        terms, now = self._standing.terms, time.monotonic()
        if not running:
            self._rates.clear()
            seconds = self._seconds(running)
            return round(60 * terms / seconds, 1) if seconds else None
        self._rates.append((now, terms))
        while now - self._rates[0][0] > WINDOW:
            self._rates.popleft()
        since, before = self._rates[0]
        return round(60 * (terms - before) / (now - since), 1) if now - since >= LEAST else None

    def _budget(self, spent: Mapping[str, float | None]) -> list[dict[str, Any]]:
        """The limits of the run and what of them is spent, as far as it is known."""
        try:
            budget = Budget.parse(self._setting("budget"))
        except OptionError:
            return []
        limits = {name: getattr(budget, name) for name in ("time", "forwards", "terms")}
        found = [
            {"name": name, "limit": limit, "spent": spent.get(name)}
            for name, limit in limits.items()
            if limit is not None
        ]
        return found + ([] if budget.size is None else [{"name": "size", "limit": budget.size, "spent": self._largest}])

    @property
    def _largest(self) -> int | None:
        """Nodes of the largest term of the front or among the leaders."""
        assert self._standing is not None
        return max((one.size for one in (*self._standing.front(), *self._standing.leaders)), default=None)

    def _finalists(self, rows: Sequence[tuple[int, int, float]]) -> list[dict[str, Any]]:
        """The finalists, the most probable first, with what is known of them."""
        numbers = [one for one in rows if isinstance(one[1], int) and isinstance(one[2], float) and _is_plain(one[2])]
        found = []
        for number, images, probability in sorted(numbers, key=lambda one: (-one[2], one[0]))[:LEADERS]:
            candidate = self.candidate(number)
            if candidate is not None and all(map(_is_plain, candidate.values)):
                found.append(candidate.as_json() | {"images": images, "probability": probability})
        return found


def shown(text: str) -> str:
    """A text of somebody else's, cut to what is shown."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and _is_plain(value) else None


LARGEST = 1e100
"""Beyond it a number is none of a search: a whole one may have any number of digits."""


def _is_plain(value: float) -> bool:
    """Whether a number is finite and can be shown; NaN compares with nothing."""
    return abs(value) <= LARGEST


def _folder(run: str) -> Path:
    """The folder of a run.

    Raises:
        OptionError: there is none.
    """
    path = Path(run)
    folder = path.parent if path.name in (JOURNAL, SOLUTION) else path
    if not path.exists():
        raise OptionError(f"RUN: there is no '{run}'", "give the folder of a run, as the search prints it")
    if not folder.is_dir():
        raise OptionError(f"RUN: '{run}' is no folder of a run", f"give the folder that holds its {JOURNAL}")
    if not (folder / JOURNAL).exists():
        raise OptionError(f"RUN: there is no run in '{folder}'", f"give the folder that holds its {JOURNAL}")
    return folder
