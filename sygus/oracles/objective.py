"""The numbers a CAM problem asks of a candidate: its objectives and constraints over metric oracles."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sygus.errors import OptionError, TypeCheckError, known
from sygus.language.problem import Problem, Target
from sygus.language.terms import (
    REAL,
    Definition,
    Literal,
    OracleFunction,
    SynthFunction,
    Term,
    WeightSymbol,
    fold,
    function_sort,
    substitute,
    subterms,
    term,
)
from sygus.language.theories import Function
from sygus.language.theories.ranks import is_rank
from sygus.oracles.cam import CamOracle, Saliency, Scores, saliency_of
from sygus.oracles.methods import methods
from sygus.oracles.parameters import body_of, check_parameters, is_feature, layers_of
from sygus.saliency.metrics import Metric, chosen_metric, find_metric, known_metrics
from sygus.saliency.metrics.metric import Direction
from sygus.saliency.options import read_layers

Means = Mapping[OracleFunction, float]
"""The candidate's mean score by metric oracle."""

Seen = NDArray[np.int64] | slice
"""An index of pictures."""

_EVERYTHING = slice(None)


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
    direction: Direction
    metric: OracleFunction | None

    def rank(self, value: float) -> float:
        """The value such that smaller is better."""
        return value if self.direction == "min" else -value


def ranks(goals: Sequence[Goal], values: Sequence[float]) -> tuple[float, ...]:
    """The values of objectives such that smaller is better."""
    return tuple(goal.rank(value) for goal, value in zip(goals, values, strict=True))


class CamProblem:
    """A problem whose oracle functions are metrics; checked, but not yet bound to a network.

    Args:
        problem: what the file asks.
        metric: scores in place of the metric that the file declares: by name, or as Python gives it, and then the
            objective that the declared one is has its direction.
        layers: the names of layers that are known, beside the one explained; by default those that the file names.

    Raises:
        TypeCheckError: an unknown metric, feature or layer, or constraints that ask for more than metrics.
        OptionError: ``metric`` cannot take the place of the file's.
    """

    def __init__(
        self, problem: Problem, metric: str | Metric | None = None, layers: Collection[str] | None = None
    ) -> None:
        self.problem = problem
        own = problem.options.get("layers")
        self._known_layers = layers if layers is not None else read_layers(own.value if own else "")
        try:
            self.problem = inline_numbers(problem)
            self._bound = self._check()
        except TypeCheckError as error:
            raise error.located(problem.file, problem.text) from None
        if metric is not None:
            self._bound = self._replaced(metric)
        self.goals = tuple(
            Goal(self._label(o.term), o.term, o.direction, _metric_alone(o.term)) for o in self.problem.objectives
        )
        _check_labels(self.goals)

    @property
    def metrics(self) -> Mapping[OracleFunction, Metric]:
        """The metrics asked of the candidate, in the order in which the file asks."""
        asked = [objective.term for objective in self.problem.objectives] + list(self.problem.constraints)
        return {symbol: self._bound[symbol] for root in asked for symbol in _metrics_read(root)}

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers, beside the one explained, that the candidate may read."""
        return layers_of(self.problem.target.function.parameters)

    @property
    def is_ordered(self) -> bool:
        """Whether any two candidates can be compared: one objective, or several in lexicographic order."""
        return self.problem.lexicographic or len(self.problem.objectives) <= 1

    @property
    def explains_again(self) -> bool:
        """Whether a score depends on more than the maps of the pictures: on maps of others, or of another network."""
        return any("explain" in metric.needs for metric in self.metrics.values())

    @cached_property
    def references(self) -> Mapping[str, Saliency]:
        """What options such as ``:against`` may name: every method, and the functions that the file defines."""
        found = {name: method.saliency for name, method in methods().items()}
        for definition in self.problem.definitions:
            if all(map(is_feature, definition.parameters)) and is_rank(definition.sort):
                found[definition.name] = saliency_of(body_of(definition))
        return found

    def metric(self, symbol: OracleFunction) -> Metric:
        """What a declared oracle function stands for."""
        return self._bound[symbol]

    def _label(self, term: Term) -> str:
        """The name of an objective in tables: that of its metric, where it has one, else the term."""
        head = term.head
        if isinstance(head, WeightSymbol):
            return head.keyword
        symbol = _metric_alone(term)
        if symbol is None:
            return repr(term)
        metric = self._bound[symbol]
        declared = find_metric(symbol.oracle).family
        return symbol.name if metric.family == declared else metric.name

    def _replaced(self, given: str | Metric) -> Mapping[OracleFunction, Metric]:
        """The metric that is given in place of the one declared."""
        option = f"--metric: '{given if isinstance(given, str) else given.name}'"
        if isinstance(given, Metric):
            symbol = self._place(option)
            self._turn(symbol, given, option)
            return {**self._bound, symbol: given}
        if len(self._bound) != 1:
            declared = ", ".join(symbol.name for symbol in self._bound) or "none"
            message = f"{option} has no single place to take: the file declares {len(self._bound)} metrics ({declared})"
            raise OptionError(message, "name the metric in the file")
        try:
            metric = chosen_metric(given)
            self._check_references(metric)
        except OptionError as error:
            raise OptionError(f"--metric: {error.message}", error.hint) from None
        (symbol,) = self._bound
        for objective in self.problem.objectives:
            if _metric_alone(objective.term) == symbol and objective.direction != metric.direction:
                better = "small" if metric.direction == "min" else "large"
                fitting = ", ".join(n for n, m in known_metrics().items() if m.direction == objective.direction)
                raise OptionError(
                    f"{option} is better when {better}, but the file's objective is :{objective.direction}",
                    f"write (! ({symbol.name} {self.problem.target.function.name}) :{metric.direction}) in the file, "
                    f"or choose one of {fitting}",
                )
        turns = self._bound[symbol].direction != metric.direction
        self._check_alone(symbol, metric, option, turns=turns)
        if turns and any(symbol in _metrics_read(one) for one in self.problem.constraints):
            message = f"{option} is :{metric.direction}, but a constraint of the file is made for {symbol.name}"
            raise OptionError(message, f"leave that constraint out of the file, or make it for {metric.name}")
        return {symbol: metric}

    def _place(self, option: str) -> OracleFunction:
        """What a given function takes the place of: the only metric declared, or the only one that is an objective.

        Raises:
            OptionError: there are several, or there is none.
        """
        alone = {symbol for one in self.problem.objectives if (symbol := _metric_alone(one.term)) is not None}
        places = self._bound.keys() if len(self._bound) == 1 else alone
        if len(places) != 1:
            found = ", ".join(sorted(symbol.name for symbol in places)) or "none"
            message = f"{option} has no single place to take: the metrics that are objectives of the file are {found}"
            raise OptionError(message, "let the file have one objective that is a metric")
        return next(iter(places))

    def _turn(self, symbol: OracleFunction, metric: Metric, option: str) -> None:
        """Give what the file asks of a metric the direction of the one that takes its place.

        That is its objective, and constraints that compare the candidate's with that of another expression.

        Raises:
            OptionError: a constraint compares it otherwise, so it would ask for the worse.
        """
        turns = self._bound[symbol].direction != metric.direction
        self._check_alone(symbol, metric, option, turns=turns)
        constraints = self.problem.constraints
        turned = tuple(self._turned(one, symbol, metric, option) if turns else one for one in constraints)
        objectives = tuple(
            replace(one, direction=metric.direction) if _metric_alone(one.term) == symbol else one
            for one in self.problem.objectives
        )
        before = zip(turned, self.problem.constraints, strict=True)
        positions = dict(self.problem.positions)
        positions |= {new: positions[old] for new, old in before if old in positions}
        self.problem = replace(self.problem, constraints=turned, objectives=objectives, positions=positions)

    def _check_alone(self, symbol: OracleFunction, metric: Metric, option: str, *, turns: bool) -> None:
        """Check that no objective computes with a metric in whose place one of the other direction comes.

        Raises:
            OptionError: one does, so it would ask for the worse.
        """
        for one in self.problem.objectives:
            if turns and symbol in _metrics_read(one.term) and _metric_alone(one.term) != symbol:
                better = "small" if metric.direction == "min" else "large"
                message = f"{option} is better when {better}, but the objective {one.term!r} is made for {symbol.name}"
                raise OptionError(message, f"let {symbol.name} alone be the objective")

    def _turned(self, constraint: Term, symbol: OracleFunction, metric: Metric, option: str) -> Term:
        if symbol not in _metrics_read(constraint):
            return constraint
        both = len(constraint.arguments) == 2 and all(one.head == symbol for one in constraint.arguments)
        other = _MIRRORED.get(constraint.head.name)
        if not both or other is None:
            better = "small" if self._bound[symbol].direction == "min" else "large"
            message = f"{option} is :{metric.direction}, but a constraint of the file holds {symbol.name} to a number"
            hint = "leave that constraint out of the file, or give the negative of the function"
            raise OptionError(f"{message}, better when {better}", hint)
        resolved = self.problem.theory.resolve(other, tuple(one.sort for one in constraint.arguments))
        assert resolved is not None, "every logic that has one order has the other"
        return term(resolved[0], constraint.arguments, resolved[1])

    def _check(self) -> Mapping[OracleFunction, Metric]:
        problem = self.problem
        if len(problem.targets) != 1:
            raise TypeCheckError(
                f"{len(problem.targets)} functions to synthesise", problem.targets[1].position, "a CAM problem has one"
            )
        target = problem.target
        check_parameters(target.function.parameters, target.parameter_positions)
        self._check_layers(target)
        expected = function_sort(tuple(p.sort for p in target.function.parameters), target.function.sort)
        bound = {}
        for symbol, position in problem.oracles.items():
            try:
                bound[symbol] = find_metric(symbol.oracle).configured(dict(symbol.options))
                self._check_references(bound[symbol])
            except OptionError as error:
                raise TypeCheckError(error.message, position, error.hint) from None
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
        return bound

    def _check_layers(self, target: Target) -> None:
        for parameter, position in zip(target.function.parameters, target.parameter_positions, strict=True):
            for layer in layers_of([parameter]):
                if layer not in self._known_layers:
                    named = (
                        known(self._known_layers, layer, "known layers") if self._known_layers else "name its module"
                    )
                    raise TypeCheckError(
                        f"there is no layer '{layer}'", position, f'{named}: (set-option :layers "{layer}=MODULE")'
                    )

    def _check_references(self, metric: Metric) -> None:
        for name in metric.references:
            if name not in self.references:
                known = ", ".join(self.references)
                raise OptionError(
                    f"the metric '{metric.family}' compares with '{name}', which is unknown", f"known: {known}"
                )


COLUMNS = ("id", "term", "nodes", "fate", "images", "feasible")
"""What tables of candidates hold beside the objectives."""


def _check_labels(goals: Sequence[Goal]) -> None:
    """Check that tables can tell objectives apart by their labels.

    Raises:
        OptionError: two that differ have one label, or one has that of another column.
    """
    seen: dict[str, Term | None] = dict.fromkeys(COLUMNS)
    for goal in goals:
        if goal.label in seen and seen[goal.label] != goal.term:
            message = f"two columns of the results would be called '{goal.label}'"
            raise OptionError(
                message, "call the metric otherwise, in declare-oracle-fun or by the name of the function"
            )
        seen[goal.label] = goal.term


def _metric_alone(term: Term) -> OracleFunction | None:
    """The metric oracle that is asked of the candidate and is the whole term."""
    head = term.head
    alone = isinstance(head, OracleFunction) and isinstance(term.arguments[0].head, SynthFunction)
    return head if alone else None


def inline_numbers(problem: Problem) -> Problem:
    """The problem without the numbers to synthesise that an equality binds.

    To the letter of the standard an objective may hold no oracle symbol. The legal way round is a nullary function:
    ``(synth-fun m () Real …)``, ``(constraint (= m (average-drop w)))``, ``(optimize-synth ((! m :min)))``. It asks
    the same as the metric in the objective, which is what this makes of it.
    """
    numbers = {leaf_of(t) for t in problem.targets if not t.function.parameters and t.function.sort == REAL}
    if not numbers or len(numbers) == len(problem.targets):
        return problem
    bound: dict[Term, Term] = {}
    constraints = []
    for constraint in problem.constraints:
        sides = constraint.arguments if constraint.head.name == "=" and len(constraint.arguments) == 2 else ()
        left, right = sides or (constraint, constraint)
        number, value = (left, right) if left in numbers else (right, left)
        if number in numbers and number not in bound and numbers.isdisjoint(subterms(value)):
            bound[number] = value
        else:
            constraints.append(constraint)
    return replace(
        problem,
        targets=tuple(target for target in problem.targets if leaf_of(target) not in bound),
        constraints=tuple(substitute(constraint, bound) for constraint in constraints),
        objectives=tuple(replace(o, term=substitute(o.term, bound)) for o in problem.objectives),
    )


def leaf_of(target: Target) -> Term:
    """The term that names a function to synthesise."""
    function = target.function
    return term(function, (), function_sort(tuple(p.sort for p in function.parameters), function.sort))


class Objectives:
    """A CAM problem bound to subjects: computes objectives and constraints from mean scores.

    Args:
        problem: what is asked.
        oracles: of the subjects, whose pictures are taken together, one set after the other.
    """

    def __init__(self, problem: CamProblem, *oracles: CamOracle) -> None:
        self.problem = problem
        self.oracles = oracles
        self._fixed: dict[Term, Scores] = {}
        self._read = {constraint: _metrics_read(constraint) for constraint in problem.problem.constraints}

    def values(self, candidate: Term, means: Means, seen: Seen = _EVERYTHING) -> tuple[float, ...]:
        """The objectives of a candidate, in the file's order and units.

        Args:
            candidate: the term.
            means: its scores.
            seen: the pictures that they are the means over, for what it is compared with.
        """
        return tuple(float(self._number(goal.term, candidate, means, seen)) for goal in self.problem.goals)

    def feasible(self, candidate: Term, means: Means, seen: Seen = _EVERYTHING) -> bool:
        """Whether the constraints hold; arguments as of :meth:`values`."""
        constraints = self.problem.problem.constraints
        return all(bool(self._number(constraint, candidate, means, seen)) for constraint in constraints)

    def refuted(self, candidate: Term, means: Means) -> bool:
        """Whether a constraint fails that reads no other metrics of the candidate than these."""
        return any(
            read.keys() <= means.keys() and not bool(self._number(constraint, candidate, means, _EVERYTHING))
            for constraint, read in self._read.items()
        )

    def reads(self, constraint: Term) -> Collection[OracleFunction]:
        """The metrics of the candidate that a constraint of the problem depends on."""
        return self._read[constraint]

    def value(self, root: Term, candidate: Term, means: Means, seen: Seen = _EVERYTHING) -> float:
        """A number of a constraint, or whether it holds as 1 or 0; the other arguments as of :meth:`values`."""
        return float(self._number(root, candidate, means, seen))

    def margins(self, candidate: Term, scores: Mapping[OracleFunction, Scores]) -> tuple[float, ...]:
        """Of each constraint by how much it holds, below 0 where it fails; NaN where that is not known.

        An order holds by the difference of its sides, of several numbers by the least; ``and`` by its worst part and
        ``or`` by its best, as in the robustness of temporal logic (Donzé and Maler 2010). Anything else holds by 1.

        Args:
            candidate: the term.
            scores: of the pictures, (N,) by metric, NaN where a picture was not seen; margins are over those that were.
        """
        return tuple(self._known_margin(constraint, candidate, scores) for constraint in self._read)

    def _known_margin(self, constraint: Term, candidate: Term, scores: Mapping[OracleFunction, Scores]) -> float:
        known = self.seen(constraint, scores)
        return np.nan if known is None else self._margin(constraint, candidate, *known)

    def seen(self, constraint: Term, scores: Mapping[OracleFunction, Scores]) -> tuple[Means, NDArray[np.int64]] | None:
        """What a constraint of the problem can be judged by; None where it reads a metric that has no scores.

        Args:
            constraint: it.
            scores: of the pictures, (N,) by metric, NaN where a picture was not seen.

        Returns:
            The candidate's means by the metrics that it reads, and the pictures that they are over: all of them where
            it reads none.
        """
        read = self._read[constraint]
        if not read.keys() <= scores.keys():
            return None
        rows = [scores[symbol] for symbol in read]
        if not rows:
            return {}, np.arange(sum(len(oracle.subject.images) for oracle in self.oracles))
        pictures = np.flatnonzero(~np.isnan(rows).any(axis=0))
        if not len(pictures):
            return None
        return {symbol: float(scores[symbol][pictures].mean(dtype=np.float64)) for symbol in read}, pictures

    def _margin(self, root: Term, candidate: Term, means: Means, seen: Seen) -> float:
        name, parts = root.head.name if isinstance(root.head, Function) else "", root.arguments
        if name in _MIRRORED:
            sides = [self.value(side, candidate, means, seen) for side in parts]
            gaps = [b - a if name in ("<=", "<") else a - b for a, b in pairwise(sides)]
            return min(gaps)
        if name not in ("and", "or", "not", "=>"):
            return 1.0 if self.value(root, candidate, means, seen) else -1.0
        margins = [self._margin(part, candidate, means, seen) for part in parts]
        if name == "and":
            return min(margins)
        if name == "or":
            return max(margins)
        *premises, last = margins
        return -last if name == "not" else max(last, *(-premise for premise in premises))

    def _number(self, root: Term, candidate: Term, means: Means, seen: Seen) -> Tensor:
        def visit(node: Term, arguments: list[Tensor]) -> Tensor:
            head = node.head
            if isinstance(head, Function):
                value: Tensor = head.kernel(*arguments)
                return value
            if isinstance(head, Literal):
                return _scalar(float(head.value))
            if isinstance(head, WeightSymbol):
                return _scalar(self.weight(candidate, head.keyword))
            if isinstance(head, OracleFunction):
                function = node.arguments[0].head
                mine = isinstance(function, SynthFunction)
                return _scalar(means[head] if mine else float(self._scores(node)[seen].mean(dtype="float64")))
            return _scalar(0.0)  # a function named as an oracle's argument; the oracle's own visit reads it

        return fold(root, visit)

    def weight(self, candidate: Term, keyword: str) -> float:
        """The weight of the candidate's derivation."""
        problem = self.problem.problem
        derivation = problem.target.written.derive(candidate)
        if derivation is None:
            raise ValueError(f"the grammar does not derive {candidate!r}")
        return derivation.weight(keyword, problem.weights[keyword])

    def thresholds(self, symbol: OracleFunction) -> list[Scores]:
        """The scores, (N,), of the functions that a constraint says the candidate may not be worse than by a metric."""
        no_worse = ("<=", "<") if self.problem.metric(symbol).direction == "min" else (">=", ">")
        found = []
        for constraint in self.problem.problem.constraints:
            if constraint.head.name in no_worse and len(constraint.arguments) == 2:
                candidate, other = constraint.arguments
                if _metric_alone(candidate) == symbol == other.head and _metric_alone(other) is None:
                    found.append(self._scores(other))
        return found

    def _scores(self, node: Term) -> Scores:
        """The scores of a defined function, such as a baseline in a constraint."""
        if node not in self._fixed:
            metric = self.problem.metric(node.head)
            self._fixed[node] = np.concatenate([_scored(oracle, node, metric) for oracle in self.oracles])
        return self._fixed[node]


_MIRRORED = {"<=": ">=", "<": ">", ">=": "<=", ">": "<"}
"""Orders, and what they are where large is small."""


def _metrics_read(root: Term) -> dict[OracleFunction, None]:
    """The metrics of the candidate that an objective or a constraint depends on, in their order."""
    applied = (node for node in subterms(root) if isinstance(node.head, OracleFunction))
    return {
        node.head: None
        for node in applied
        if isinstance(node.head, OracleFunction) and isinstance(node.arguments[0].head, SynthFunction)
    }


def _scored(oracle: CamOracle, node: Term, metric: Metric) -> Scores:
    """The scores of the function that an application of a metric names."""
    heat = oracle.heat_maps([body_of(node.arguments[0].head)])
    (scores,) = oracle.score(heat, metric, torch.arange(len(oracle.subject.targets)))
    found: Scores = scores
    return found


def _scalar(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)
