"""Synthesis modulo external oracles (Polgreen, Reynolds, Seshia: Satisfiability and Synthesis Modulo Oracles, 2022).

What the constraints ask of oracles is left out at first; the ordinary solvers propose candidates for the rest. A
candidate is checked with oracles standing for unknown values: where Z3 finds a counterexample, the oracles are asked.
An answer that agrees with it makes the counterexample an instance that the next candidates must satisfy; one that does
not is a fact that rules the counterexample out. Answers to the oracle commands add constraints and assumptions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import field, replace
from itertools import count, islice, product

from solvers.cegis.answer import Judgement
from solvers.cegis.limits import Limits, OutOfTimeError
from solvers.cegis.logic.verifier import Status, check, verify
from solvers.cegis.portfolio import AUTO, Found, Portfolio
from solvers.cegis.specification import Bodies, Point, Specification
from solvers.cegis.strategy import Strategy
from sygus.language.elaborate.defaults import constants_of, has_constants
from sygus.language.problem import OracleCall, Problem, is_constant
from sygus.language.terms import (
    BOOL,
    Definition,
    OracleFunction,
    SynthFunction,
    Term,
    Variable,
    expand,
    fold,
    leaf,
    private_variable,
    substitute,
    subterms,
    term,
)
from sygus.language.theories.evaluate import evaluate
from sygus.language.theories.sorts import representation
from sygus.language.theories.values import value_term
from sygus.oracles.external import (
    ExternalOracle,
    Lambda,
    OracleTimeError,
    OracleValue,
    applications,
    of_call,
    of_function,
    value_text,
    with_answers,
)
from sygus.records import record

WORTH_TELLING = 1.0
"""Seconds that an oracle must have had for being to blame where the time is over."""

POINTS = 8
"""Questions that an oracle about values is asked of each kind, beside those that candidates raise."""


@record(eq=False)
class Modulo:
    """A problem with external oracles, and what they have answered.

    Args:
        problem: what is asked.
        limits: of the whole search.
        strategy: of the ordinary solvers.

    Attributes:
        infeasible: the proof that there is no answer, in words, once there is one.
        out_of_time: whether some solver was stopped by the clock.

    Raises:
        OracleError: there is no such executable.
    """

    problem: Problem
    limits: Limits
    strategy: str | Strategy = AUTO
    infeasible: str | None = None
    out_of_time: bool = False
    instances: list[Term] = field(default_factory=list)
    assumptions: list[Term] = field(default_factory=list)

    def __post_init__(self) -> None:
        theory = self.problem.theory
        self.functions = {s: of_function(s, theory) for s in self.problem.oracles}
        self.calls = [(call, of_call(call, theory)) for call in self.problem.calls]
        self._known: tuple[Term, ...] = ()
        self._fresh = count()
        self._raised: set[tuple[int, tuple[str, ...]]] = set()

    @property
    def questions(self) -> int:
        """How often an oracle was started."""
        return sum(oracle.asked for oracle in (*self.functions.values(), *(oracle for _, oracle in self.calls)))

    def solve(self) -> Found | None:
        """An answer that stands with everything that the oracles said, None where none is found.

        Raises:
            OracleError: an oracle does not answer as it should, or not in the time that is left.
            OutOfTimeError: the limits are spent.
        """
        self._ask_at_first()
        while True:
            relaxed, deferred = self._relaxed()
            portfolio = Portfolio.of(Specification(relaxed), self.limits, self.strategy, further=True)
            learned = False
            for found in portfolio.answers():
                self.limits.check()
                known = len(self.instances), len(self.assumptions)
                stands = self._stands(found.answer.bodies, deferred) and self._answered(found.answer.bodies)
                if stands:
                    return Found(found.answer, found.strategy, self.limits.spent)
                if known != (len(self.instances), len(self.assumptions)):
                    learned = True
                    break
            if not learned:
                # With assumptions still to come, what has no answer now may have one later.
                assumed = any(call.assumed for call, _ in self.calls)
                self.infeasible = None if assumed else portfolio.infeasible
                self.out_of_time = portfolio.out_of_time
                return None

    def _relaxed(self) -> tuple[Problem, list[Term]]:
        """The problem without what depends on oracles in an unknown way, and the constraints that do."""
        assumptions = [self._resolved(expand(a), {}) for a in (*self.problem.assumptions, *self.assumptions)]
        self._known = tuple(assumption for assumption in assumptions if not applications(assumption))
        constraints = [self._resolved(expand(constraint), {}) for constraint in self.problem.constraints]
        for assumption in filter(applications, assumptions):
            constraints = [self._apply("=>", assumption, constraint) for constraint in constraints]
        constraints += [self._resolved(instance, {}) for instance in self.instances]
        plain = tuple(constraint for constraint in constraints if not applications(constraint))
        relaxed = replace(self.problem, constraints=plain, assumptions=self._known, oracles={}, calls=())
        return relaxed, list(filter(applications, constraints))

    def _resolved(self, root: Term, candidate: Bodies) -> Term:
        """The term with every oracle application of known arguments replaced by what the oracle says."""

        def visit(node: Term, arguments: list[Term]) -> Term:
            built = term(node.head, tuple(arguments), node.sort) if arguments else node
            if not isinstance(node.head, OracleFunction):
                return built
            values = [self._value(argument, candidate) for argument in arguments]
            known = [value for value in values if value is not None]
            if len(known) < len(values) or (not values and node.sort.is_function):
                return built
            (answer,) = self._answer(self.functions[node.head], known)
            return built if isinstance(answer, Lambda) else answer

        return fold(root, visit)

    def _value(self, argument: Term, candidate: Bodies) -> OracleValue | None:
        """The value of an argument, None where it depends on what is not known."""
        head = argument.head
        if argument.sort.is_function:
            if isinstance(head, SynthFunction):
                return Lambda(head.parameters, candidate[head]) if head in candidate else None
            return Lambda(head.parameters, head.body) if isinstance(head, Definition) else None
        filled = _applied(argument, candidate)
        if any(isinstance(n.head, Variable | SynthFunction | OracleFunction) for n in subterms(filled)):
            return None
        return filled if is_constant(filled) else self._computed(filled)

    def _computed(self, root: Term) -> Term:
        held = representation(root.sort)
        return value_term(held.decode(evaluate(root, {}).item()), root.sort, self.problem.theory)

    def _stands(self, candidate: Bodies, deferred: Sequence[Term]) -> bool:
        """Whether the candidate satisfies the constraints with what the oracles say; learns where it does not."""
        return all(self._satisfies(candidate, constraint) for constraint in deferred)

    def _satisfies(self, candidate: Bodies, constraint: Term) -> bool:
        resolved = self._resolved(constraint, candidate)
        unknown = {node: leaf(private_variable(node.head.name, next(self._fresh), node.sort))
                   for node in applications(resolved)}  # fmt: skip
        claim = substitute(resolved, unknown)
        facts: list[Term] = []
        while True:
            self.limits.check()
            asked = replace(
                self.problem, constraints=(claim,), assumptions=(*self._known, *facts), oracles={}, calls=()
            )
            verdict = verify(Specification(asked), candidate, self.limits)
            if verdict.correct:
                return True
            if verdict.status is not Status.WRONG or verdict.counterexample is None:
                return False
            point = verdict.counterexample
            learned = [fact for node in unknown for fact in self._fact(node, unknown, point, candidate)]
            new = [fact for fact in learned if fact not in facts]
            if not new:  # the oracles agree with the counterexample
                self._add_instance(constraint, point)
                return False
            facts += new

    def _fact(self, node: Term, unknown: dict[Term, Term], point: Point, candidate: Bodies) -> Iterator[Term]:
        """What the oracle says of one application at a point, where its arguments are known there."""
        values = self._at(point)
        arguments = [self._value(self._resolved(substitute(a, values), candidate), candidate) for a in node.arguments]
        known = [value for value in arguments if value is not None and not isinstance(value, Lambda)]
        if len(known) < len(arguments):
            return
        (answer,) = self._answer(self.functions[node.head], known)
        if isinstance(answer, Lambda):
            return
        equal = [self._apply("=", a, v) for a, v in zip(node.arguments, known, strict=True)]
        here = equal[0] if len(equal) == 1 else self._apply("and", *equal)
        inside = {inner: outer for inner, outer in unknown.items() if inner is not node}
        yield self._apply("=>", substitute(here, inside), self._apply("=", unknown[node], answer))

    def _at(self, point: Point) -> dict[Term, Term]:
        return {leaf(v): value_term(value, v.sort, self.problem.theory) for v, value in point.items()}

    def _add_instance(self, constraint: Term, point: Point) -> None:
        instance = substitute(constraint, self._at(point))
        if instance is not constraint and instance not in self.instances:
            self.instances.append(instance)

    def _answered(self, candidate: Bodies) -> bool:
        """Ask what the oracle commands allow about a candidate; whether it stands with all that was answered."""
        before = len(self.instances), len(self.assumptions)
        for index, (call, oracle) in enumerate(self.calls):
            if any(v.sort.is_function for v in call.inputs) or not call.inputs:
                self._ask(index, call, oracle, candidate)
        if before == (len(self.instances), len(self.assumptions)):
            return True
        relaxed, deferred = self._relaxed()
        stands = check(Specification(relaxed), candidate, self.limits).judgement is Judgement.ACCEPTED
        return stands and self._stands(candidate, deferred)

    def _ask_at_first(self) -> None:
        for index, (call, oracle) in enumerate(self.calls):
            if call.inputs and not any(v.sort.is_function for v in call.inputs):
                self._ask(index, call, oracle, {})

    def _ask(self, index: int, call: OracleCall, oracle: ExternalOracle, candidate: Bodies) -> None:
        """Ask one command about a candidate, or at a few points."""
        for question in islice(self._questions(call, candidate), POINTS):
            key = (index, tuple(map(value_text, question)))
            if key in self._raised and question:
                continue
            self._raised.add(key)
            statement = with_answers(call, question, self._answer(oracle, question))
            kept = self.assumptions if call.assumed else self.instances
            if statement not in kept and statement.sort == BOOL:
                kept.append(statement)

    def _answer(self, oracle: ExternalOracle, question: Sequence[OracleValue]) -> tuple[OracleValue, ...]:
        """What an oracle says in the time that is left."""
        self.limits.check()
        seconds = self.limits.left
        try:
            return oracle.ask(question, seconds=seconds)
        except OracleTimeError:
            if seconds < WORTH_TELLING:
                raise OutOfTimeError from None
            raise

    def _questions(self, call: OracleCall, candidate: Bodies) -> Iterator[tuple[OracleValue, ...]]:
        """Values for the inputs: functions are candidates of their sort, the others a few constants."""
        choices: list[Sequence[OracleValue]] = []
        for variable in call.inputs:
            if variable.sort.is_function:
                bodies = (Lambda(function.parameters, body) for function, body in candidate.items())
                choices.append([value for value in bodies if value.sort == variable.sort])
            elif has_constants(variable.sort, self.problem.theory):
                setting = self.problem.options.get("constants")
                choices.append(constants_of(variable.sort, self.problem.theory, setting, call.position))
            else:
                return
        yield from product(*choices)

    def _apply(self, name: str, *arguments: Term) -> Term:
        resolved = self.problem.theory.resolve(name, tuple(argument.sort for argument in arguments))
        assert resolved is not None
        return term(resolved[0], arguments, resolved[1])


def _applied(root: Term, candidate: Bodies) -> Term:
    """The term with the functions replaced by their bodies."""

    def visit(node: Term, arguments: list[Term]) -> Term:
        head = node.head
        if isinstance(head, SynthFunction) and head in candidate and not node.sort.is_function:
            return Lambda(head.parameters, candidate[head]).apply(arguments)
        return term(head, tuple(arguments), node.sort) if arguments else node

    return fold(root, visit)
