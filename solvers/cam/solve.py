"""From a problem and settings to a solution: sets up the oracles, runs the search, scores the answer."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, cast

import torch

from solvers.cam.budget import Spending
from solvers.cam.journal import Journal
from solvers.cam.learners.enumerate import Enumerate
from solvers.cam.race import Mode, Racer
from solvers.cam.run import Candidate, Progress, Run
from solvers.cam.settings import Settings
from sygus.errors import SycamError
from sygus.export.tables import Row
from sygus.language.terms import Term
from sygus.language.text import answer_text
from sygus.oracles.cam import CamOracle, Saliency, domains, probes
from sygus.oracles.certificate import Certificate, certify
from sygus.oracles.equivalence import Equivalence
from sygus.oracles.methods import Method, methods
from sygus.oracles.objective import CamProblem
from sygus.oracles.safety import SafetyOracle
from sygus.saliency.images import load_images
from sygus.saliency.metrics import Evaluation, Metric, subject_of
from sygus.saliency.networks import load_network
from sygus.saliency.progress import track
from sygus.statistics import Mean

JOURNAL = "journal.sqlite"


@dataclass(frozen=True, eq=False)
class Subjects:
    """The oracles on the pictures that the search sees, and on those held out."""

    search: CamOracle
    held_out: CamOracle


@dataclass(frozen=True, eq=False)
class Solution:
    """What a run found, and everything needed to repeat it.

    Attributes:
        problem: what was asked.
        settings: with which options.
        best: the answer; None where nothing satisfied the constraints.
        front: the best of each size that no smaller one matches; without an order of the objectives, the Pareto set.
        ending: why the search ended.
        racing: what racing saved, and the probability statement it stands on.
        accounting: proposals by fate, combinations, passes, seconds.
        protocol: versions, fingerprints and options.
        certificates: the terms that behave like the answer with what Z3 says of it; None where it was not asked.
    """

    problem: CamProblem
    settings: Settings
    best: Candidate | None
    front: list[Candidate]
    ending: str
    racing: str
    accounting: Mapping[str, Any]
    protocol: Mapping[str, Any]
    certificates: list[tuple[Term, Certificate]] | None = None

    @property
    def answer(self) -> str:
        """The standard's answer: values and definition, or ``fail`` where the search found none.

        ``infeasible`` is never claimed: behind a metric no search proves it.
        """
        if self.best is None:
            return "fail"
        values = self.typed_values if self.problem.goals else None
        return answer_text(self.problem.problem.target.function, self.best.term, values)

    @property
    def typed_values(self) -> list[int | float]:
        """The objectives of the answer, integers where the objective is one."""
        assert self.best is not None
        pairs = zip(self.problem.goals, self.best.outcome.objectives, strict=True)
        return [int(value) if goal.term.sort.name == "Int" else value for goal, value in pairs]


def load_subjects(settings: Settings, references: Mapping[str, Saliency] | None = None) -> Subjects:
    """Network, pictures and features.

    Args:
        settings: name them.
        references: what the metric ``win`` may compare with; every method by default.

    Raises:
        OptionError: an unknown network, layer or image set.
    """
    network = load_network(settings.network, settings.torch_device(), settings.layer)
    split = load_images(
        settings.images,
        search=settings.search_images,
        held_out=settings.held_out_images,
        seed=settings.seed,
        preprocessing=network.preprocessing,
        strict=settings.strict,
    )
    target = cast("Literal['predicted', 'label']", settings.target)
    named = {name: method.saliency for name, method in methods().items()} if references is None else references
    search, held_out = (CamOracle(subject_of(network, part, target), named) for part in (split.search, split.held_out))
    return Subjects(search, held_out)


def subject_notes(subjects: Subjects) -> list[str]:
    """How the network was split, folded and fed, and which pictures were skipped, in words."""
    network, parts = subjects.search.subject.network, (subjects.search.subject.images, subjects.held_out.subject.images)
    notes = [f"{network.name}: {'; '.join(network.notes)}"]
    skipped = [picture for part in parts for picture in part.skipped]
    if skipped:
        notes.append(f"{len(skipped)} pictures cannot be read and are skipped: {'; '.join(skipped)}")
    return notes + list(dict.fromkeys(note for part in parts for note in part.notes))


def prepare(out: Path) -> Path:
    """Make the run's folder.

    Raises:
        SycamError: it cannot be made or written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise SycamError(f"--out: cannot write to '{out}' ({error.strerror})", "give a folder you may write") from None
    return out


def solve(
    problem: CamProblem,
    settings: Settings,
    subjects: Subjects,
    out: Path,
    report: Callable[[Progress], None] = lambda _: None,
    reuse: Sequence[Path] = (),
    certify_aliases: bool = False,
) -> Solution:
    """Search for the best term.

    A KeyboardInterrupt ends the search; the solution then holds the best so far and says so.

    Args:
        problem: what is asked.
        settings: the options.
        subjects: from :func:`load_subjects`.
        out: an existing folder, for the journal.
        report: called after every batch.
        reuse: folders of other runs whose scores may be used; a score depends on nothing that its key does not hold.
        certify_aliases: ask Z3 about every term that was pruned because it behaves like the answer.

    Raises:
        JournalError: the folder holds the journal of another run.
    """
    grammar = problem.problem.target.grammar
    parameters = problem.problem.target.function.parameters
    nonnegative = subjects.search.subject.network.nonnegative
    tell_apart = probes(parameters, nonnegative=nonnegative, seed=settings.seed)
    safety = SafetyOracle(domains(nonnegative))
    budget = settings.limits
    assert budget.size is not None
    equivalence = Equivalence(settings.equivalence)
    second = probes(parameters, nonnegative=nonnegative, seed=settings.seed + SECOND_DRAW)
    strategy = Enumerate(grammar, tell_apart, safety, size=budget.size, equivalence=equivalence, second=second)
    racer = Racer.of(cast("Mode", settings.race), len(subjects.search.subject.images), settings.seed)
    protocol = describe(problem, settings, subjects)
    spending = Spending(budget)
    with Journal(out / JOURNAL, [run / JOURNAL for run in reuse]) as journal:
        journal.begin({name: protocol[name] for name in ("problem", "settings", "fingerprints", "versions")})
        run = Run(problem, subjects.search, tell_apart, safety, strategy, racer, spending, journal, equivalence, report)
        try:
            ending = run.execute()
        except KeyboardInterrupt:
            ending = INTERRUPTED
    accounting = {
        "proposed": sum(run.fates.values()),
        **{str(fate): count for fate, count in run.fates.items()},
        **strategy.status(),
        "forwards": spending.forwards,
        "seconds": round(spending.seconds, 2),
    }
    racing = racer.statement(spending.forwards, run.full_passes)
    leader = run.archive.leader
    certificates = None
    if certify_aliases and leader is not None:
        known = domains(nonnegative)
        aliases = (alias for alias in strategy.aliases(leader.term, tell_apart) if alias is not leader.term)
        certificates = [(alias, certify(leader.term, alias, known)) for alias in aliases]
    front = run.archive.front()
    return Solution(problem, settings, leader, front, ending, racing, accounting, protocol, certificates)


INTERRUPTED = "interrupted"

SECOND_DRAW = 0x5EC0
"""Added to the seed for the second, independent draw of the probes."""


def describe(problem: CamProblem, settings: Settings, subjects: Subjects) -> dict[str, Any]:
    """Everything that a result depends on."""
    subject = subjects.search.subject
    return {
        "problem": {
            "file": problem.problem.file,
            "sha256": hashlib.sha256(problem.problem.text.encode()).hexdigest(),
        },
        "settings": settings.as_dict(),
        "fingerprints": {
            "network": subject.network.fingerprint,
            "layer": subject.network.layer,
            "device": subject.network.device.type,
            "search images": subject.images.fingerprint,
            "held-out images": subjects.held_out.subject.images.fingerprint,
        },
        "notes": subject_notes(subjects),
        "versions": {
            name: version(name)
            for name in ("sycam-sygus", "torch", "numpy", "scipy", "sympy", "z3-solver", "lark", "safetensors")
        }
        | {"python": platform.python_version()},
        "machine": {
            "device": str(subject.network.device),
            "threads": torch.get_num_threads(),
            "platform": platform.platform(terse=True),
        },
    }


def is_slow(method: Method, metric: Metric) -> bool:
    """Whether a score takes many explanations, each of many passes."""
    return "explain" in metric.needs and not method.quick


def compare(
    subjects: Subjects,
    rows: list[Method],
    metrics: list[Metric],
    skip: Callable[[Method, Metric], bool] = lambda method, metric: False,  # noqa: ARG005 - nothing is skipped
    keep: Callable[[Method, Evaluation], None] = lambda method, evaluation: None,  # noqa: ARG005 - nothing is kept
) -> list[Row]:
    """The table of scores: every method by every metric but those skipped, on both sets of pictures.

    Args:
        subjects: network and pictures.
        rows: the methods.
        metrics: the columns.
        skip: which pairs to leave out.
        keep: told each method's maps of the held-out pictures.
    """

    def means(method: Method, oracle: CamOracle) -> tuple[dict[str, Mean], int]:
        evaluation = method.evaluation(oracle)
        if oracle is subjects.held_out:
            keep(method, evaluation)
        wanted = [metric for metric in metrics if not skip(method, metric)]
        scored = track(wanted, len(wanted), f"metrics of {method.title}")
        return {m.name: Mean.of(oracle.judge(evaluation, m)) for m in scored}, int(evaluation.empty.sum())

    table = []
    for method in track(rows, len(rows), "methods scored"):
        (search, black), (held_out, also_black) = means(method, subjects.search), means(method, subjects.held_out)
        table.append(Row(method.title, search, held_out, (black, also_black), method.control))
    return table
