"""A candidate becomes an answer only here: derived from the grammar, within the limits, and proved by Z3."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from solvers.cegis.limits import Limits
from solvers.cegis.specification import Candidate, Specification
from solvers.cegis.verifier import Status, Verdict, verify
from sygus.export.sygus import definition_text
from sygus.problem import Derivation, Target
from sygus.terms import SynthFunction, Term, fold


@dataclass(frozen=True, eq=False)
class Answer:
    """A proved solution.

    Attributes:
        bodies: of the functions, in the order of declaration.
        derivations: how the grammars make them.
    """

    bodies: Candidate
    derivations: Mapping[SynthFunction, Derivation]

    @property
    def size(self) -> int:
        """The nodes of all bodies together."""
        return sum(body.size for body in self.bodies.values())

    @property
    def text(self) -> str:
        """The standard's answer."""
        lines = (definition_text(function, body) for function, body in self.bodies.items())
        return "\n".join(["(", *lines, ")"])


class Judgement(StrEnum):
    """What became of a candidate."""

    ACCEPTED = "accepted"
    NOT_DERIVED = "not derived from the grammar"
    TOO_LARGE = "larger or deeper than allowed"
    WRONG = "wrong"
    UNDECIDED = "not decided by Z3"


@dataclass(frozen=True, eq=False)
class Checked:
    """The judgement of a candidate, with the answer that it became or why it did not."""

    judgement: Judgement
    answer: Answer | None = None
    verdict: Verdict | None = None
    function: SynthFunction | None = None


def depth(root: Term) -> int:
    """The nodes on the longest path from the root; a constant is 1 deep."""

    def visit(_: Term, arguments: list[int]) -> int:
        return 1 + max(arguments, default=0)

    return fold(root, visit)


def derivation_of(target: Target, body: Term) -> Derivation | None:
    """How the grammar, as it is written, makes a body; None where it does not."""
    return target.written.derive(body)


def check(specification: Specification, candidate: Candidate, limits: Limits) -> Checked:
    """Membership first, then the limits, then Z3."""
    derivations: dict[SynthFunction, Derivation] = {}
    for target in specification.targets:
        derivation = derivation_of(target, candidate[target.function])
        if derivation is None:
            return Checked(Judgement.NOT_DERIVED, function=target.function)
        derivations[target.function] = derivation
    answer = Answer({function: candidate[function] for function in specification.functions}, derivations)
    too_large = limits.size is not None and answer.size > limits.size
    if too_large or (limits.depth is not None and any(depth(body) > limits.depth for body in candidate.values())):
        return Checked(Judgement.TOO_LARGE)
    verdict = verify(specification, candidate, limits)
    if not verdict.correct:
        wrong = verdict.status is Status.WRONG
        return Checked(Judgement.WRONG if wrong else Judgement.UNDECIDED, verdict=verdict)
    return Checked(Judgement.ACCEPTED, answer, verdict)
