"""What becomes of a candidate: the verdict that its strategy is told, and the answer where it is accepted."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import reduce

from solvers.cegis.limits import Limits
from solvers.cegis.specification import Bodies, Conjunct, Point, Specification
from sygus.language.problem import Derivation, Target, is_constant
from sygus.language.terms import Literal, Sort, SynthFunction, Term, fold, term
from sygus.language.text import LARGEST, definition_text, literal_text
from sygus.language.theories import Function, Theory
from sygus.records import record


@record(frozen=True, eq=False)
class Answer:
    """A solution, derived from the grammars as they are written.

    Attributes:
        bodies: of the functions, in the order of declaration.
        derivations: how the grammars make them.
        numerals: the sort of numerals in the logic.
        values: of the objectives.
    """

    bodies: Bodies
    derivations: Mapping[SynthFunction, Derivation]
    numerals: Sort | None
    values: tuple[Literal, ...] = ()

    @property
    def size(self) -> int:
        """The nodes of all bodies together."""
        return sum(body.size for body in self.bodies.values())

    @property
    def text(self) -> str:
        """The standard's answer."""
        values = " ".join(literal_text(value, self.numerals) for value in self.values)
        lines = [definition_text(function, body, self.numerals) for function, body in self.bodies.items()]
        return "\n".join(["(", *([f"({values})"] if values else []), *lines, ")"])


class Judgement(StrEnum):
    """What a candidate is found to be; the first three are right, and of these the first alone is an answer."""

    ACCEPTED = "accepted"
    NOT_DERIVED = "not derived from the grammar"
    TOO_LARGE = "larger or deeper than allowed"
    WRONG = "wrong"
    UNDECIDED = "not decided by Z3"


@record(frozen=True, eq=False)
class Verdict:
    """What is known of a candidate.

    Attributes:
        judgement: Z3 is asked first, then the grammar, then the limits.
        answer: what an accepted candidate has become.
        function: of one that is not derived, whose body it is.
        conjunct: of one that is wrong, which fails; of one that is not decided, which is not.
        counterexample: of one that is wrong, values of the conjunct's variables where it fails.
    """

    judgement: Judgement
    answer: Answer | None = None
    function: SynthFunction | None = None
    conjunct: Conjunct | None = None
    counterexample: Point | None = None

    @property
    def right(self) -> bool:
        """Whether Z3 proves every constraint, be it an answer or not."""
        return self.judgement not in (Judgement.WRONG, Judgement.UNDECIDED)

    def under(self, limits: Limits) -> Verdict:
        """The same under limits, which an accepted candidate may exceed."""
        if self.answer is None or within(self.answer.bodies, limits):
            return self
        return Verdict(Judgement.TOO_LARGE)


def within(bodies: Bodies, limits: Limits) -> bool:
    """Whether an answer may be so large and so deep; what cannot be written out is none."""
    largest = LARGEST if limits.largest is None else min(LARGEST, limits.largest)
    if sum(body.size for body in bodies.values()) > largest:
        return False
    return limits.depth is None or all(depth(body) <= limits.depth for body in bodies.values())


def depth(root: Term) -> int:
    """The nodes on the longest path from the root; a constant is 1 deep."""

    def visit(_: Term, arguments: list[int]) -> int:
        return 1 + max(arguments, default=0)

    return fold(root, visit)


def derived(specification: Specification, bodies: Bodies) -> Answer | SynthFunction:
    """The bodies as an answer; the first function whose body its grammar does not derive, where there is one."""
    theory = specification.problem.theory
    derivations: dict[SynthFunction, Derivation] = {}
    for target in specification.targets:
        derivation = derivation_of(target, bodies[target.function], theory)
        if derivation is None:
            return target.function
        derivations[target.function] = derivation
    return Answer({function: bodies[function] for function in specification.functions}, derivations, theory.numerals)


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
