"""The contract between a learner, which proposes terms, and the run, which judges them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, TypeVar

from solvers.cam.state import restore, state_of
from sygus.language.problem import Grammar, Production
from sygus.language.terms import OracleFunction, Term
from sygus.oracles.cam import HeatMaps, Scores
from sygus.oracles.equivalence import Equivalence, Probes
from sygus.oracles.objective import Goal, ranks
from sygus.oracles.safety import SafetyOracle


class Fate(StrEnum):
    """What became of a proposal."""

    SCORED = "scored"
    DUPLICATE = "duplicate"
    """Behaves like an earlier one, whose outcome it shares."""
    UNSAFE = "unsafe"
    """A denominator is not proved nonzero."""
    FAILED = "failed"
    """Its heat maps are not finite, or it ends the processes that score it."""
    PRUNED = "pruned"
    """Lost a race: its mean is over the images seen and must not be compared with a full one."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A term to judge.

    Attributes:
        term: derivable from the start symbol of the grammar, of at most ``space.size`` nodes.
        signature: its signature on ``space.probes``, where the learner knows it.
    """

    term: Term
    signature: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the run learnt of a term.

    Attributes:
        fate: what became of it.
        objectives: one number per objective of the problem, in its direction; empty unless it is known on every
            picture.
        images: how many pictures the numbers stand on.
        feasible: whether the constraints hold; None where that was not settled.
        scores: per metric the score of each search picture, (N,), NaN where it was not seen; read only. A metric is
            missing where a race in an earlier one was lost.
        margins: of each constraint, in the file's order, by how much it holds on the pictures seen, below 0 where it
            fails there; NaN where its metrics are missing.
    """

    fate: Fate
    objectives: tuple[float, ...] = ()
    images: int = 0
    feasible: bool | None = None
    scores: Mapping[OracleFunction, Scores] = field(default_factory=dict, compare=False, repr=False)
    margins: tuple[float, ...] = field(default=(), compare=False, repr=False)

    @property
    def complete(self) -> bool:
        """Whether objectives and constraints stand on every picture."""
        return self.feasible is not None


@dataclass(frozen=True, eq=False, kw_only=True)
class Space:
    """Everything that a learner may know: what may be proposed, and how terms are told apart. Shared; only to be read.

    Attributes:
        grammar: what terms are derived from; without ``(Constant σ)``, in whose place are a few constants.
        written: as the file writes it, with ``(Constant σ)``, which stands for any constant.
        size: the largest term that may be proposed, in nodes.
        probes: values on which terms are told apart.
        second: an independent draw of them.
        safety: whether the divisions in a term may be evaluated.
        equivalence: which terms count as alike, and so are scored once.
        goals: the objectives of the problem, with their directions; none where the first feasible term is the answer.
        ordered: whether an earlier objective outranks the later ones; otherwise they are equals.
        seed: where all randomness comes from.
        heat_maps: draws the maps of terms on the search pictures. They are known before a score is paid, and spend
            nothing of the budget but time.
        foresee: what is known of the constraints before a score is paid, as ``Outcome.margins``: of those that stand on
            metrics without masked passes, none of them an objective. The others are NaN. None where all would be.
        starts: formulas that the run itself has proposed, before it asks; their outcomes are not told.
        rationed: whether the budget limits the terms scored or the passes, so that the search may end long before the
            space does.
        prior: weights that a person gives productions of the grammar, above 0; one without has 1. A learner says by
            ``uses_prior`` that it uses them.
    """

    grammar: Grammar
    written: Grammar
    size: int
    probes: Probes
    second: Probes
    safety: SafetyOracle
    equivalence: Equivalence
    goals: tuple[Goal, ...]
    ordered: bool
    seed: int
    heat_maps: Callable[[Sequence[Term]], list[HeatMaps]]
    foresee: Callable[[Sequence[HeatMaps]], list[tuple[float, ...]]] | None
    starts: tuple[Term, ...] = ()
    rationed: bool = False
    prior: Mapping[Production, float] = field(default_factory=dict)

    def rank(self, outcome: Outcome) -> tuple[float, ...]:
        """The objectives of an outcome such that smaller is better, in the file's order."""
        return ranks(self.goals, outcome.objectives)

    def productions(self, term: Term) -> tuple[Production, ...]:
        """The productions that derive a term, each before those of what fills its holes.

        Raises:
            ValueError: the grammar does not make the term.
        """
        derivation = self.grammar.derive(term)
        if derivation is None:
            raise ValueError(f"the grammar does not derive {term!r}")
        return derivation.productions


class Learner(ABC):
    """Proposes terms and learns from what became of them.

    This text is the contract; the suite in :mod:`solvers.cam.testing` checks it.

    *What it is given.* A learner is made as ``Class(space)``, and :class:`Space` is all that it knows before it is told
    anything. Scores come by :meth:`tell` alone. The run owns budget, oracles and journal; a learner spends nothing.

    *Who calls what.* One run, from one thread: :meth:`ask`, then :meth:`tell` once for each proposal, in their order,
    then :meth:`ask` again. An empty answer means that the learner has nothing more: it is not asked again, and
    :meth:`conclusion` is read. Budget and user may end the search before that, after the last :meth:`tell` or, on an
    interrupt, anywhere. :meth:`status` may be read between any two calls, :meth:`aliases` at the end, however it came.

    *What may be proposed.* Terms of the start symbol that ``space.grammar`` derives, of at most ``space.size`` nodes,
    or ``space.written``: then with constants of the learner's own, and it says so by :attr:`tunes`. What is
    unsafe is found out by the run and not scored; what behaves like an earlier term shares its score, and is worth
    proposing only where it is smaller.

    *Determinism.* With the same space, the same calls and the same outcomes it proposes the same terms: randomness is
    drawn from ``space.seed``, and nothing from clocks, threads or the order of sets. A run is resumed by asking and
    telling anew, with the scores of its journal.

    *Exceptions.* What a learner raises ends the run with one message that names it; a :class:`sygus.errors.SycamError`
    says its own. What was scored is kept, and the run can be resumed. KeyboardInterrupt must be let through.
    """

    uses_prior: ClassVar[bool] = False
    """Whether it uses ``space.prior``; a person who gives one is told where it does not."""

    def __init__(self, space: Space) -> None:
        self.space = space

    @property
    def tunes(self) -> bool:
        """Whether it proposes constants of its own for ``(Constant σ)``; if not, the run tunes those of good terms."""
        return False

    @abstractmethod
    def ask(self, count: int) -> list[Proposal]:
        """At most ``count`` proposals, which is at least 1; none means that there is nothing more, for good."""

    def tell(self, proposal: Proposal, outcome: Outcome) -> None:  # noqa: B027 - learning nothing is allowed
        """Learn from the outcome of a proposal. Outcomes of every fate are told."""

    def status(self) -> Mapping[str, int]:
        """What to report of the search: counts by name, such as ``size`` or ``drawn``."""
        return {}

    def plan(self) -> str:
        """What it does, in words, where its name alone does not say that; said beside why the search ended."""
        return ""

    def conclusion(self) -> str:
        """What the search guarantees, or why it ended, once :meth:`ask` has returned nothing; for the report."""
        return "the learner proposes nothing more"

    def aliases(self, term: Term) -> Iterator[Term]:  # noqa: ARG002 - none are known
        """Terms that were not proposed because they behave like this proposed one, for ``--certify``."""
        return iter(())

    def state_dict(self) -> dict[str, Any]:
        """Everything it has learnt, its random state included, as values that JSON holds; between two batches.

        By default every attribute but the space: plain values and random generators as they are, others by a
        ``state_dict`` of their own.

        Raises:
            TypeError: an attribute is none of these; then both methods must be written out.
        """
        return state_of(self, without={"space"})

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state: of a learner of this class and this space, which has not been asked yet."""
        restore(self, state)


L = TypeVar("L", bound=type[Learner])

LEARNERS: dict[str, type[Learner]] = {}
"""The learners that register themselves, by name."""


def learner(name: str) -> Callable[[L], L]:
    """Register the decorated class for ``--strategy``; the first line of its docstring says in lists what it does."""

    def register(made: L) -> L:
        LEARNERS[name] = made
        return made

    return register


def summary(made: type[Learner]) -> str:
    """The first line of a learner's docstring, as lists show it."""
    line = (made.__doc__ or "").strip().partition("\n")[0].removesuffix(".")
    return line[:1].lower() + line[1:]
