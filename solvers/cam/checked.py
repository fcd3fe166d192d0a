"""A learner of somebody else's, checked: what it raises or proposes wrongly becomes one message that names it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

from solvers.cam.learner import Learner, Outcome, Proposal, Space
from solvers.cam.learners import is_own
from sygus.errors import SycamError
from sygus.language.terms import Term
from sygus.saliency.foreign import blamed


def started(made: type[Learner], space: Space, name: str) -> Learner:
    """A learner at work in a space; one that is not of this package is checked.

    Args:
        made: its class.
        space: what it searches.
        name: as the user names it.

    Raises:
        OptionError: it fails.
    """
    return made(space) if is_own(made) else CheckedLearner(made, space, name)


class CheckedLearner(Learner):
    """Passes every call on to a learner that is not trusted to keep the contract.

    Args:
        made: its class.
        space: what it searches.
        name: as the user names it.

    Raises:
        OptionError: it raises something; here and from every method.
    """

    def __init__(self, made: type[Learner], space: Space, name: str) -> None:
        super().__init__(space)
        self.named = f"the learner '{name}'"
        with self._blamed("is made"):
            self.inner = made(space)

    @property
    def tunes(self) -> bool:
        """Whether it proposes constants of its own."""
        with self._blamed("is asked whether it tunes"):
            return bool(self.inner.tunes)

    def ask(self, count: int) -> list[Proposal]:
        """What it proposes.

        Raises:
            SycamError: it is not what the contract allows.
        """
        with self._blamed("is asked"):
            asked = self.inner.ask(count)
        if not isinstance(asked, list):
            raise self._wrong(f"answers {_kind(asked)} when it is asked", "a list of at most so many proposals")
        if len(asked) > count:
            raise self._wrong(f"proposes {len(asked)} terms where {count} are asked for", "at most so many")
        for proposal in asked:
            self._check(proposal)
        return asked

    def _check(self, proposal: Any) -> None:
        if not isinstance(proposal, Proposal) or not isinstance(proposal.term, Term):
            wrong = proposal if not isinstance(proposal, Proposal) else proposal.term
            raise self._wrong(f"proposes {_kind(wrong)}", "Proposal(term), of a term of space.grammar")
        term, start = proposal.term, self.space.grammar.start
        if term.sort != start.sort:
            raise self._wrong(f"proposes {term!r} of sort {term.sort}", f"a term of sort {start.sort}")
        if term.size > self.space.size:
            raise self._wrong(f"proposes {term!r} of {term.size} nodes", f"at most {self.space.size}, space.size")
        grammar = self.space.written if self.tunes else self.space.grammar
        if grammar.derive(term) is None:
            name = "space.written" if self.tunes else "space.grammar"
            raise self._wrong(f"proposes {term!r}, which the grammar does not derive", f"what {name} makes")
        if proposal.signature is not None and proposal.signature != self.space.probes.signature(term):
            raise self._wrong(f"proposes {term!r} with a signature that it does not have", "space.probes.signature")

    def tell(self, proposal: Proposal, outcome: Outcome) -> None:
        """Tell it."""
        with self._blamed("is told an outcome"):
            self.inner.tell(proposal, outcome)

    def status(self) -> Mapping[str, int]:
        """What it reports.

        Raises:
            SycamError: it is not counts by name.
        """
        with self._blamed("is asked for its status"):
            found = self.inner.status()
            counts = {str(name): count for name, count in found.items()}
        wrong = next((name for name, count in counts.items() if type(count) is not int), None)
        if wrong is not None:
            raise self._wrong(f"has {_kind(counts[wrong])} for '{wrong}' in its status", "an int for each name")
        return counts

    def plan(self) -> str:
        """What it does."""
        with self._blamed("is asked for its plan"):
            return str(self.inner.plan())

    def conclusion(self) -> str:
        """What it concludes."""
        with self._blamed("is asked for its conclusion"):
            return str(self.inner.conclusion())

    def aliases(self, term: Term) -> Iterator[Term]:
        """What it left out.

        Raises:
            SycamError: something else than terms.
        """
        with self._blamed("is asked for aliases"):
            found = list(self.inner.aliases(term))
        wrong = next((alias for alias in found if not isinstance(alias, Term)), None)
        if wrong is not None:
            raise self._wrong(f"has {_kind(wrong)} among its aliases", "terms")
        return iter(found)

    def state_dict(self) -> dict[str, Any]:
        """Its state."""
        with self._blamed("is asked for its state"):
            return self.inner.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from its state."""
        with self._blamed("is given its state"):
            self.inner.load_state_dict(state)

    def _blamed(self, when: str) -> AbstractContextManager[None]:
        hint = "mend the class; solvers.cam.learner.Learner is its contract"
        return blamed(f"{self.named} fails when it {when}", hint)

    def _wrong(self, what: str, wanted: str) -> SycamError:
        return SycamError(f"{self.named} {what}", f"the contract wants {wanted}")


def _kind(value: object) -> str:
    return "None" if value is None else f"a {type(value).__name__}"
