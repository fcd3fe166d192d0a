"""What Z3 says beforehand of answers with objectives: of functions of which only some constraints are known.

These are the constraints at the points that the constraints and the objectives look at. What they rule out, no answer
is; how good they let an objective be, no answer is better (N. Bjørner, A.-D. Phan, L. Fleckenstein: An optimizing SMT
solver, TACAS 2015).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import cached_property
from itertools import filterfalse

import z3

from solvers.cegis.limits import Limits
from solvers.cegis.logic.to_z3 import Encoder
from solvers.cegis.search.weighing import Weights
from solvers.cegis.specification import Bodies
from solvers.cegis.weighted import distinct_variables, is_open
from sygus.language.linked import linked, written_out
from sygus.language.problem import Objective
from sygus.language.terms import INT, SynthFunction, Term, leaf, private_variable, substitute, subterms
from sygus.language.theories.quantifiers import is_quantified
from sygus.language.theories.recursion import is_recursive
from sygus.language.theories.settled import settled_value
from sygus.records import record

POSSIBLE_SECONDS, AIM_SECONDS = 1.0, 2.0
"""For Z3 to rule answers out, and for its optimiser to say how good they may be; a quarter of the time left at most."""

Value = int | Fraction
"""Of an objective."""


@record(frozen=True)
class Bound:
    """What an objective is to be better than, or as good as.

    Attributes:
        place: of the objective.
        value: of it.
        strictly: whether it is to be better.
    """

    place: int
    value: Value
    strictly: bool


class Relaxation:
    """The constraints without universal variables that hold of every answer, with variables for weights.

    Args:
        constraints, assumptions: of the problem, without macros.
        objectives: likewise.
        symbols: the weights in them.
        limits: of time.
    """

    def __init__(
        self,
        constraints: Sequence[Term],
        assumptions: Sequence[Term],
        objectives: Sequence[Objective],
        symbols: Sequence[Term],
        limits: Limits,
    ) -> None:
        self._constraints = constraints
        self._assumed = bool(assumptions)
        self._objectives = objectives
        self._limits = limits
        self._weights = {symbol: leaf(private_variable(symbol.head.name, 0, INT)) for symbol in symbols}
        self._encode = Encoder()

    def possible(self, weights: Weights, goals: Sequence[Term]) -> bool:
        """Whether answers of some weights that satisfy goals too are not ruled out."""
        claims = [*map(self._encode, goals), *self._equal(weights)]
        return bool(self._says(z3.Solver(), self._limits.part(POSSIBLE_SECONDS), claims) != z3.unsat)

    def any_beyond(self, reach: int, bounds: Sequence[Sequence[Bound]]) -> bool:
        """Whether there may be answers whose weights together are more than ``reach``, with one bound kept of each."""
        if not self._weights:
            return False
        own = self._own
        claims = [*(weight >= 0 for weight in own), z3.Sum(own) > reach]
        claims += [z3.Or([self._kept(bound) for bound in some]) for some in bounds]
        return bool(self._says(z3.Solver(), self._limits.part(POSSIBLE_SECONDS), claims) != z3.unsat)

    def best(self, place: int, body: Term, weights: Weights, goals: Sequence[Term], limits: Limits) -> Value | None:
        """The best that an objective may be at some weights, None where that is not known.

        Args:
            place: of the objective.
            body: the objective with the weights.
            weights: that it is asked of.
            goals: what else is to hold.
            limits: of time; a quarter is taken at most.
        """
        optimiser, form = z3.Optimize(), self._encode(body)
        better = optimiser.minimize if self._objectives[place].direction == "min" else optimiser.maximize
        handle = better(form)
        claims = [*map(self._encode, goals), *self._equal(weights)]
        if self._says(optimiser, limits.part(min(AIM_SECONDS, limits.left / 4)), claims) != z3.sat:
            return None
        return number(handle.value())

    def _says(self, solver: z3.Solver | z3.Optimize, limits: Limits, claims: Sequence[z3.BoolRef]) -> z3.CheckSatResult:
        """What a solver says of all that holds, and of claims."""
        solver.set("timeout", limits.milliseconds)
        solver.add(*self._formulas, *claims)
        return solver.check()

    def _kept(self, bound: Bound) -> z3.BoolRef:
        objective = self._objectives[bound.place]
        form, value = self._encode(substitute(objective.term, self._weights)), z3.RealVal(str(bound.value))
        a, b = (form, value) if objective.direction == "min" else (value, form)
        return a < b if bound.strictly else a <= b

    @cached_property
    def _own(self) -> list[z3.ArithRef]:
        """The variables for weights."""
        return [self._encode(variable) for variable in self._weights.values()]

    def _equal(self, weights: Weights) -> Iterator[z3.BoolRef]:
        return (variable == weight for variable, weight in zip(self._own, weights, strict=True))

    @cached_property
    def _formulas(self) -> list[z3.BoolRef]:
        return [] if self._assumed else [self._encode(substitute(one, self._weights)) for one in self._instances()]

    def _instances(self) -> dict[Term, None]:
        """The constraints at the points that they and the objectives look at, those that hold no variables."""
        found: dict[Term, None] = {}
        points: dict[SynthFunction, dict[tuple[Term, ...], None]] = {}
        for formula in (*self._constraints, *(one.term for one in self._objectives)):
            for node in subterms(formula):
                if isinstance(node.head, SynthFunction) and not is_open(node):
                    points.setdefault(node.head, {})[node.arguments] = None
        for formula in filterfalse(_proves_nothing, self._constraints):
            if not is_open(formula):
                found[formula] = None
                continue
            called = {node for node in subterms(formula) if isinstance(node.head, SynthFunction)}
            for application in called:
                if not distinct_variables(application.arguments):
                    continue
                for point in points.get(application.head, {}):
                    instance = substitute(formula, dict(zip(application.arguments, point, strict=True)))
                    if not is_open(instance):
                        found[instance] = None
        return found


def computed(root: Term, bodies: Bodies) -> Value | None:
    """The number that a term is with bodies for its functions, None where none is found.

    Z3 computes it; where recursion is left that is not proved to end everywhere, it is followed.
    """
    found = number(Encoder(bodies)(root))
    if found is not None:
        return found
    ground = written_out(root, linked(bodies))
    return settled_value(ground) if is_recursive(ground) else None


def number(form: z3.ExprRef) -> Value | None:
    """The number that a form of Z3 is, None where it is none."""
    found = z3.simplify(form)
    if z3.is_int_value(found):
        return int(found.as_long())
    return Fraction(found.numerator_as_long(), found.denominator_as_long()) if z3.is_rational_value(found) else None


def _proves_nothing(formula: Term) -> bool:
    """Whether a formula binds variables, which are no points, or recursion is in it, which Z3 may unfold for ever."""
    return is_quantified(formula) or is_recursive(formula)
