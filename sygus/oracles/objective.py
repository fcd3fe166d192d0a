"""The numbers a CAM problem asks of a candidate: its objectives and constraints over metric oracles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from sygus.errors import OptionError, TypeCheckError
from sygus.oracles.cam import CamOracle, body_of, check_parameters
from sygus.problem import Problem
from sygus.saliency.metrics import Metric, find_metric
from sygus.terms import (
    REAL,
    Definition,
    Literal,
    OracleFunction,
    SynthFunction,
    Term,
    WeightSymbol,
    fold,
    function_sort,
    subterms,
)
from sygus.theories import Function

Means = Mapping[OracleFunction, float]
"""The candidate's mean score by metric oracle."""


@dataclass(frozen=True)
class Goal:
    """An objective as a CAM run sees it.

    Attributes:
        label: for tables.
        term: the number.
        direction: min or max.
        metric: the metric oracle, where the objective is that of the candidate and nothing else; such goals race.
    """

    label: str
    term: Term
    direction: str
    metric: OracleFunction | None

    def rank(self, value: float) -> float:
        """The value such that smaller is better."""
        return value if self.direction == "min" else -value


class CamProblem:
    """A problem whose oracle functions are metrics; checked, but not yet bound to a network.

    Raises:
        TypeCheckError: an unknown metric or feature, or constraints that ask for more than metrics.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        try:
            self._check()
        except TypeCheckError as error:
            raise error.located(problem.file, problem.text) from None
        self.goals = tuple(
            Goal(_label(o.term), o.term, o.direction, self._metric_alone(o.term)) for o in problem.objectives
        )

    @property
    def metrics(self) -> Mapping[OracleFunction, Metric]:
        """The metrics asked of the candidate, in the order in which the file asks."""
        asked = [goal.term for goal in self.goals] + list(self.problem.constraints)
        applied = (node for root in asked for node in subterms(root) if isinstance(node.head, OracleFunction))
        wanted = [node.head for node in applied if isinstance(node.arguments[0].head, SynthFunction)]
        return {symbol: find_metric(symbol.oracle) for symbol in dict.fromkeys(wanted)}

    def _metric_alone(self, term: Term) -> OracleFunction | None:
        head = term.head
        alone = isinstance(head, OracleFunction) and isinstance(term.arguments[0].head, SynthFunction)
        return head if alone else None

    def _check(self) -> None:
        problem = self.problem
        if len(problem.targets) != 1:
            raise TypeCheckError(
                f"{len(problem.targets)} functions to synthesise", problem.targets[1].position, "a CAM problem has one"
            )
        target = problem.target
        check_parameters(target.function.parameters, target.parameter_positions)
        expected = function_sort(tuple(p.sort for p in target.function.parameters), target.function.sort)
        for symbol, position in problem.oracles.items():
            try:
                find_metric(symbol.oracle)
            except OptionError as error:
                raise TypeCheckError(error.message, position, error.hint) from None
            if symbol.options:
                name = symbol.options[0][0]
                raise TypeCheckError(f"the metric '{symbol.oracle}' has no option ':{name}'", position, "remove it")
            if symbol.parameters != (expected,) or symbol.sort != REAL:
                raise TypeCheckError(
                    f"the metric '{symbol.name}' does not fit '{target.function.name}'",
                    position,
                    f"declare it (({expected})) Real",
                )
        for root in (*problem.constraints, *(objective.term for objective in problem.objectives)):
            for node in subterms(root):
                if isinstance(node.head, SynthFunction | Definition) and node.arguments:
                    raise TypeCheckError(
                        f"'{node.head.name}' is applied in a constraint or objective",
                        target.position,
                        f"a CAM problem asks metrics of functions: (metric {node.head.name})",
                    )


class Objectives:
    """A CAM problem bound to a subject: computes objectives and constraints from mean scores."""

    def __init__(self, problem: CamProblem, oracle: CamOracle) -> None:
        self.problem = problem
        self.oracle = oracle
        self._fixed: dict[Term, float] = {}

    def values(self, candidate: Term, means: Means) -> tuple[float, ...]:
        """The objectives of a candidate, in the file's order and units."""
        return tuple(float(self._number(goal.term, candidate, means)) for goal in self.problem.goals)

    def feasible(self, candidate: Term, means: Means) -> bool:
        """Whether the constraints hold."""
        return all(bool(self._number(constraint, candidate, means)) for constraint in self.problem.problem.constraints)

    def _number(self, root: Term, candidate: Term, means: Means) -> Tensor:
        def visit(node: Term, arguments: list[Tensor]) -> Tensor:
            head = node.head
            if isinstance(head, Function):
                return head.kernel(*arguments)
            if isinstance(head, Literal):
                return _scalar(float(head.value))
            if isinstance(head, WeightSymbol):
                return _scalar(self.weight(candidate, head.keyword))
            if isinstance(head, OracleFunction):
                function = node.arguments[0].head
                return _scalar(means[head] if isinstance(function, SynthFunction) else self._mean(node))
            return _scalar(0.0)  # a function named as an oracle's argument; the oracle's own visit reads it

        return fold(root, visit)

    def weight(self, candidate: Term, keyword: str) -> float:
        """The weight of the candidate's derivation."""
        problem = self.problem.problem
        derivation = problem.target.grammar.derive(candidate)
        if derivation is None:
            raise ValueError(f"the grammar does not derive {candidate!r}")
        return derivation.weight(keyword, problem.weights[keyword])

    def _mean(self, node: Term) -> float:
        """The mean score of a defined function, such as a baseline in a constraint."""
        if node not in self._fixed:
            metric = find_metric(node.head.oracle)
            everything = torch.arange(len(self.oracle.subject.targets))
            heat = self.oracle.heat_maps([body_of(node.arguments[0].head)])
            self._fixed[node] = float(self.oracle.score(heat, metric, everything).mean(dtype="float64"))
        return self._fixed[node]


def _scalar(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


def _label(term: Term) -> str:
    head = term.head
    if isinstance(head, WeightSymbol):
        return head.keyword
    return head.name if isinstance(head, OracleFunction) else repr(term)
