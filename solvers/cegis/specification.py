"""What the constraints ask of the functions, in the form that verification and search need."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any

from sygus.language.problem import Problem, Target, is_constant
from sygus.language.terms import (
    BOOL,
    REAL,
    Definition,
    Expansion,
    Literal,
    OracleFunction,
    Sort,
    SynthFunction,
    Term,
    Variable,
    WeightSymbol,
    expand,
    leaf,
    subterms,
    term,
)
from sygus.language.theories.exact import value_of
from sygus.language.theories.quantifiers import is_quantified
from sygus.language.theories.recursion import Recursive, is_recursive
from sygus.language.theories.structured import constructors_of
from sygus.records import record

MOST_BOOLS = 6

MOST_PREMISES = 1_000_000
"""Of all conjuncts together, where each has the assumptions in front; of more the assumptions are joined."""

ASK = "add --allow-external-oracles to have it asked"

Point = Mapping[Variable, Any]
"""A value, as Python holds it, of each universally quantified variable that matters."""

Bodies = Mapping[SynthFunction, Term]
"""A body for each function, over its own parameters."""


@record(frozen=True, eq=False)
class Example:
    """An input with the output that the constraints ask for.

    Attributes:
        arguments: of the function, as Python values.
        output: its value there.
    """

    arguments: tuple[Any, ...]
    output: Any


@record(frozen=True, eq=False)
class Conjunct:
    """A formula that must hold of all values of its variables.

    Attributes:
        formula: free of macros.
        applications: the distinct applications of functions to synthesise in it.
        variables: those in it, universally quantified ones and what quantifiers inside it bind.
        quantified: whether there are such quantifiers, so that only Z3 decides it.
    """

    formula: Term
    applications: tuple[Term, ...]
    variables: tuple[Variable, ...]
    quantified: bool = False

    @classmethod
    def of(cls, formula: Term) -> Conjunct:
        """Find the parts."""
        nodes = list(subterms(formula))
        return cls(
            formula,
            tuple(node for node in nodes if isinstance(node.head, SynthFunction)),
            tuple(node.head for node in nodes if isinstance(node.head, Variable)),
            is_quantified(formula),
        )

    @property
    def nested(self) -> bool:
        """Whether a function to synthesise is applied to what depends on one."""
        return any(
            isinstance(node.head, SynthFunction)
            for application in self.applications
            for argument in application.arguments
            for node in subterms(argument)
        )


class Specification:
    """The constraints of a problem under its assumptions, as a conjunction.

    Args:
        problem: of any logic but CAM.

    Raises:
        SourceError: something that no solver here answers, such as oracles.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.targets: tuple[Target, ...] = problem.targets
        self.functions: tuple[SynthFunction, ...] = tuple(target.function for target in problem.targets)
        written_out = Expansion()
        constraints = tuple(map(written_out, problem.constraints))
        assumptions = tuple(map(written_out, problem.assumptions))
        _check(
            problem, dict(zip((*problem.constraints, *problem.assumptions), (*constraints, *assumptions), strict=True))
        )
        formulas = dict.fromkeys(part for constraint in constraints for part in _conjuncts(constraint))
        if len(assumptions) * len(formulas) > MOST_PREMISES:
            assumptions = (self.apply("and", *assumptions),)
        self.conjuncts = tuple(Conjunct.of(self._under(assumptions, formula)) for formula in formulas)

    def of(self, functions: Sequence[SynthFunction]) -> Specification:
        """What is asked of some of the functions alone: the conjuncts that mention no others."""
        part = copy.copy(self)
        for name, value in vars(Specification).items():
            if isinstance(value, cached_property):
                part.__dict__.pop(name, None)
        wanted = set(functions)
        places = {self._places[function] for function in wanted}
        about = {place for function in (None, *wanted) for place in self._about.get(function, ())}
        conjuncts = [self.conjuncts[place] for place in sorted(about)]
        part.functions = tuple(functions)
        part.targets = tuple(self.targets[place] for place in sorted(places))
        part.conjuncts = tuple(c for c in conjuncts if all(a.head in wanted for a in c.applications))
        return part

    @cached_property
    def _places(self) -> Mapping[SynthFunction, int]:
        return {target.function: place for place, target in enumerate(self.targets)}

    @cached_property
    def _about(self) -> Mapping[SynthFunction | None, Sequence[int]]:
        """The conjuncts, by their places, that mention each function; those that mention none by None."""
        found: dict[SynthFunction | None, dict[int, None]] = {}
        for place, conjunct in enumerate(self.conjuncts):
            for function in [application.head for application in conjunct.applications] or [None]:
                found.setdefault(function, {})[place] = None
        return {function: list(places) for function, places in found.items()}

    def by_examples(self, target: Target, examples: Sequence[Example]) -> Specification:
        """What is asked of a function by examples alone, in the same problem."""
        found = copy.copy(self)
        for name, value in vars(Specification).items():
            if isinstance(value, cached_property):
                found.__dict__.pop(name, None)
        found.functions, found.targets, found.conjuncts = (target.function,), (target,), ()
        found.__dict__["examples"] = tuple(examples)
        return found

    def _under(self, assumptions: Sequence[Term], formula: Term) -> Term:
        for assumption in reversed(assumptions):
            formula = self.apply("=>", assumption, formula)
        return formula

    def apply(self, name: str, *arguments: Term) -> Term:
        """A function of the logic applied.

        Raises:
            KeyError: the logic lacks it for these sorts.
        """
        resolved = self.problem.theory.resolve(name, tuple(argument.sort for argument in arguments))
        if resolved is None:
            raise KeyError(name)
        return term(resolved[0], arguments, resolved[1])

    @cached_property
    def variables(self) -> tuple[Variable, ...]:
        """Those of all conjuncts, in the order in which they come."""
        return tuple(dict.fromkeys(variable for conjunct in self.conjuncts for variable in conjunct.variables))

    @cached_property
    def parts(self) -> tuple[tuple[SynthFunction, ...], ...]:
        """The functions, those together that constraints or calls connect, in the order of declaration."""
        leader = {function: function for function in self.functions}

        def led(function: SynthFunction) -> SynthFunction:
            while leader[function] != function:
                leader[function] = leader[leader[function]]
                function = leader[function]
            return function

        connected = [[application.head for application in conjunct.applications] for conjunct in self.conjuncts]
        connected += [[function, *called] for function, called in self.calls.items()]
        for functions in connected:
            for one, other in pairwise(functions):
                leader[led(other)] = led(one)
        groups: dict[SynthFunction, list[SynthFunction]] = {}
        for function in self.functions:
            groups.setdefault(led(function), []).append(function)
        return tuple(map(tuple, groups.values()))

    @cached_property
    def calls(self) -> Mapping[SynthFunction, tuple[SynthFunction, ...]]:
        """The functions whose grammars may call functions to synthesise, with these; by recursion itself among them."""
        found = {}
        for target in self.targets:
            templates = (expand(production.template) for production, _ in target.written.callers)
            heads = (node.head for template in templates for node in subterms(template))
            called = dict.fromkeys(head for head in heads if isinstance(head, SynthFunction))
            if called:
                found[target.function] = tuple(called)
        return found

    @cached_property
    def examples(self) -> tuple[Example, ...] | None:
        """The problem as programming by example, None where it is anything else; repeated examples come once."""
        if len(self.functions) != 1:
            return None
        return self._examples(literal_value)

    @cached_property
    def structured_examples(self) -> tuple[Example, ...] | None:
        """The same of a function whose outputs are values of a datatype, the arguments any; None where Reals are in it.

        Structured values hold of Reals the nearest floats, which do not tell them all apart.
        """
        if len(self.functions) != 1 or not constructors_of(self.functions[0].sort) or self.recursive:
            return None
        nodes = (node for conjunct in self.conjuncts for node in subterms(conjunct.formula))
        return None if any(node.sort == REAL for node in nodes) else self._examples(_constant_value)

    def _examples(self, value: Callable[[Term], Any]) -> tuple[Example, ...] | None:
        """Examples, a constant being what has a value; None where a conjunct is none."""
        found = [_example(conjunct.formula, value) for conjunct in self.conjuncts]
        if not found or any(example is None for example in found):
            return None
        distinct = {(e.arguments, e.output): e for e in found if e is not None}
        return tuple(distinct.values())

    @cached_property
    def literals(self) -> Mapping[Sort, tuple[Term, ...]]:
        """The literals in the constraints, negated ones too, by sort, in the order in which they come."""
        found: dict[Sort, dict[Term, None]] = {}
        for conjunct in self.conjuncts:
            for node in subterms(conjunct.formula):
                if literal_value(node) is not None:
                    found.setdefault(node.sort, {})[node] = None
        return {sort: tuple(nodes) for sort, nodes in found.items()}

    @cached_property
    def pointwise(self) -> bool:
        """Whether each conjunct looks at one value of one function."""
        plain = all(len(c.applications) <= 1 and not c.quantified for c in self.conjuncts)
        return len(self.functions) == 1 and plain

    @cached_property
    def recursive(self) -> bool:
        """Whether the constraints call functions that are defined by recursion."""
        return any(is_recursive(conjunct.formula) for conjunct in self.conjuncts)

    @cached_property
    def propositional(self) -> bool:
        """Whether there are only a few Bools, so that all points there are can be looked at."""
        return all(variable.sort == BOOL for variable in self.variables) and len(self.variables) <= MOST_BOOLS

    @cached_property
    def single_invocation(self) -> Mapping[SynthFunction, Term] | None:
        """The one application of each function where that is to distinct variables, None where it is not so."""
        found: dict[SynthFunction, Term] = {}
        for conjunct in self.conjuncts:
            if conjunct.quantified or self.recursive:
                return None
            for application in conjunct.applications:
                function = application.head
                assert isinstance(function, SynthFunction)
                heads = [argument.head for argument in application.arguments]
                distinct = len(set(heads)) == len(heads) and all(isinstance(head, Variable) for head in heads)
                if not distinct or found.setdefault(function, application) is not application:
                    return None
        return found if len(found) == len(self.functions) else None


def _conjuncts(formula: Term) -> list[Term]:
    """The formulas whose conjunction this is, each once, from the left."""
    found: list[Term] = []
    seen: set[Term] = set()
    stack = [formula]
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if node.head.name == "and" and node.arguments:
            stack.extend(reversed(node.arguments))
        else:
            found.append(node)
    return found


def _check(problem: Problem, expanded: Mapping[Term, Term]) -> None:
    for formula, without_macros in expanded.items():
        at = problem.positions.get(formula, problem.asked)
        for node in subterms(without_macros):
            if isinstance(node.head, WeightSymbol):
                message = f"the weight '{node.head.name}' is not known before there is an answer"
                raise problem.error(message, at, "ask for one answer, of the file by itself")
            if isinstance(node.head, OracleFunction):
                message = f"the oracle '{node.head.oracle}' would have to be asked"
                raise problem.error(message, at, ASK)
    _check_arguments(problem, expanded)
    if problem.calls:
        call = problem.calls[0]
        raise problem.error(f"the oracle '{call.oracle}' would have to be asked", call.position, ASK)
    for production, called in (caller for target in problem.targets for caller in target.written.callers):
        if isinstance(called, OracleFunction):
            message = f"a grammar that calls an oracle, '{called.name}', is not searched"
            raise problem.error(message, production.position, "the solvers give functions bodies without such calls")


def _check_arguments(problem: Problem, expanded: Mapping[Term, Term]) -> None:
    """Of functions, variables alone are arguments."""
    for formula, without_macros in expanded.items():
        for node in subterms(without_macros):
            if node.sort.is_function and isinstance(node.head, SynthFunction | Definition | Recursive):
                at = problem.positions.get(formula, problem.asked)
                message = f"'{node.head.name}' stands for itself where a function is an argument"
                raise problem.error(message, at, "apply it; variables of function sorts alone are arguments")


def literal_value(root: Term) -> Any:
    """The value that a literal or a negated literal writes, None of any other term."""
    if isinstance(root.head, Literal):
        return root.head.value
    if root.head.name == "-" and len(root.arguments) == 1 and isinstance(root.arguments[0].head, Literal):
        return -root.arguments[0].head.value
    return None


def _constant_value(root: Term) -> Any:
    """The value of a term that writes a constant, None of any other."""
    return value_of(root, {}) if is_constant(root) else None


def _example(formula: Term, value_of_constant: Callable[[Term], Any]) -> Example | None:
    """What ``(= (f c…) c)`` says, either way round; a bare or negated Bool application is one too."""
    if isinstance(formula.head, SynthFunction):
        sides: tuple[Term, ...] = (formula, leaf(Literal(True, BOOL)))
    elif formula.head.name == "not" and isinstance(formula.arguments[0].head, SynthFunction):
        sides = (formula.arguments[0], leaf(Literal(False, BOOL)))
    elif formula.head.name == "=" and len(formula.arguments) == 2:
        sides = formula.arguments
    else:
        return None
    for application, output in (sides, sides[::-1]):
        value = value_of_constant(output)
        if isinstance(application.head, SynthFunction) and value is not None:
            arguments = tuple(map(value_of_constant, application.arguments))
            return None if any(argument is None for argument in arguments) else Example(arguments, value)
    return None
