"""A candidate becomes an answer only here: derived from the grammar, within the limits, and proved by Z3."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import reduce

from solvers.cegis.limits import Limits
from solvers.cegis.logic.verifier import Status, Verdict, verify
from solvers.cegis.specification import Candidate, Specification
from sygus.language.problem import Derivation, Target, is_constant
from sygus.language.terms import Sort, SynthFunction, Term, fold, term
from sygus.language.text import definition_text
from sygus.language.theories import Function, Theory


@dataclass(frozen=True, eq=False)
class Answer:
    """A proved solution.

    Attributes:
        bodies: of the functions, in the order of declaration.
        derivations: how the grammars make them.
        numerals: the sort of numerals in the logic.
    """

    bodies: Candidate
    derivations: Mapping[SynthFunction, Derivation]
    numerals: Sort | None

    @property
    def size(self) -> int:
        """The nodes of all bodies together."""
        return sum(body.size for body in self.bodies.values())

    @property
    def text(self) -> str:
        """The standard's answer."""
        lines = (definition_text(function, body, self.numerals) for function, body in self.bodies.items())
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


def derivation_of(target: Target, body: Term, theory: Theory) -> Derivation | None:
    """How the grammar, as it is written, makes a body; None where it does not.

    Where the file gives no grammar any term of the logic will do; the grammar that stands for them all has functions of
    any number of arguments with two, and constants in front.
    """
    return target.written.derive(in_pairs(body, theory) if target.free else body)


def in_pairs(root: Term, theory: Theory) -> Term:
    """The term with functions of any number of arguments applied to two at a time, products with the constant first."""

    def resolved(name: str, *arguments: Term) -> Term:
        found = theory.resolve(name, tuple(argument.sort for argument in arguments))
        assert found is not None
        return term(found[0], arguments, found[1])

    def visit(node: Term, arguments: list[Term]) -> Term:
        name = node.head.name
        if not arguments:
            return node
        if len(arguments) > 2 and isinstance(node.head, Function) and (node.head.associative or name == "-"):
            return reduce(lambda left, right: visit(resolved(name, left, right), [left, right]), arguments)
        if name == "*" and len(arguments) == 2 and is_constant(arguments[1]) and not is_constant(arguments[0]):
            arguments = arguments[::-1]
        return term(node.head, tuple(arguments), node.sort)

    return fold(root, visit)


def check(specification: Specification, candidate: Candidate, limits: Limits) -> Checked:
    """Membership first, then the limits, then Z3."""
    derivations: dict[SynthFunction, Derivation] = {}
    for target in specification.targets:
        derivation = derivation_of(target, candidate[target.function], specification.problem.theory)
        if derivation is None:
            return Checked(Judgement.NOT_DERIVED, function=target.function)
        derivations[target.function] = derivation
    bodies = {function: candidate[function] for function in specification.functions}
    answer = Answer(bodies, derivations, specification.problem.theory.numerals)
    too_large = limits.largest is not None and answer.size > limits.largest
    if too_large or (limits.depth is not None and any(depth(body) > limits.depth for body in candidate.values())):
        return Checked(Judgement.TOO_LARGE)
    verdict = verify(specification, candidate, limits)
    if not verdict.correct:
        wrong = verdict.status is Status.WRONG
        return Checked(Judgement.WRONG if wrong else Judgement.UNDECIDED, verdict=verdict)
    return Checked(Judgement.ACCEPTED, answer, verdict)
