"""What a metric is: a short function from explained pictures to a score per picture, and its metadata."""

from __future__ import annotations

import importlib
import inspect
import math
import re
import sys
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial, wraps
from typing import Any, Literal, cast, get_args

from torch import Tensor

from sygus.errors import OptionError
from sygus.saliency.images import NO_CLASS
from sygus.saliency.metrics.checked import checked_scores
from sygus.saliency.metrics.evaluation import Evaluation, Subject
from sygus.saliency.networks.fingerprint import code_fingerprint
from sygus.saliency.options import Options, Value, called, read_options

Direction = Literal["min", "max"]
Need = Literal["region", "labels", "explain", "refer", "probability"]
"""Ground truth masks or boxes; true labels; explaining again; another expression to compare with; the probability of a
class, which there is not where a number is explained that is of no class."""

Invariance = Literal["gain", "monotone", "mirror"]
"""What may happen to every map without changing its score: S ↦ aS with a in (0, 1]; any strictly increasing S ↦ φ(S);
S and ground truth mirrored together. (All are invariant to a positive factor on w, since S is normalised.)"""

Size = tuple[int, int]
Score = Callable[..., Tensor]


@dataclass(frozen=True, eq=False)
class Metric:
    """A metric and its metadata.

    Attributes:
        name: identifies it, with the options that differ from their defaults: ``deletion(top=30)``.
        direction: whether small or large values are better.
        unit: of the score, "" where it has none.
        low, high: the range of a picture's score; infinite where it has no bound.
        needed: what must be there to compute it, from the chosen options.
        invariances: what leaves the score as it is.
        joint: the scores of pictures depend on one another, so it is computed for all at once and does not race;
            even then the metric is the mean of the scores.
        options: what can be set.
        chosen: the value of each option.
        function: the decorated function.
        cost: forward passes a picture costs, from H, W and the chosen options.
        situations: in how many situations a picture is explained again, where it is at all, from the same.
        doc: definition and source.
    """

    name: str
    direction: Direction
    unit: str
    low: float
    high: float
    needed: Callable[..., tuple[Need, ...]]
    invariances: tuple[Invariance, ...]
    joint: bool
    options: Options
    chosen: Mapping[str, Value]
    function: Score
    cost: Callable[..., int]
    situations: Callable[..., int]
    doc: str

    def __reduce__(self) -> tuple[Any, ...]:
        """By its name where it is registered, else by its function: options and metadata are no plain values."""
        registered = METRICS.get(self.family)
        if registered is not None and registered.function is self.function:
            return _found, (self.function.__module__, self.family, self.name, dict(self.chosen))
        return given_metric, (getattr(self.function, _OF_FUNCTION, self.function), self.direction)

    @property
    def family(self) -> str:
        """The name without options."""
        return self.name.partition("(")[0]

    @property
    def needs(self) -> tuple[Need, ...]:
        """What must be there to compute it."""
        return self.needed(**self.chosen)

    @property
    def alone(self) -> bool:
        """Whether an evaluation must hold the maps of one explanation only."""
        return self.joint or "explain" in self.needs

    @property
    def code(self) -> str:
        """What defines the metric: the text of this package, or the code of a metric from elsewhere with all it uses.

        Where that cannot be told, something that no other metric has.
        """
        package = f"{__package__}."
        if not self.function.__module__.startswith(package):
            return code_fingerprint(self.function, self.name).text
        try:
            modules = sorted(name for name in sys.modules if name.startswith(package))
            return "\n".join(inspect.getsource(sys.modules[name]) for name in modules)
        except (OSError, TypeError, KeyError):
            return uuid.uuid4().hex

    @property
    def references(self) -> tuple[str, ...]:
        """The expressions and methods that the options name."""
        return tuple(str(self.chosen[name]) for name, option in self.options.items() if option.refers)

    def score(self, evaluation: Evaluation) -> Tensor:
        """The score of each picture, (n,) float32.

        Raises:
            SycamError: the metric fails, or its scores are not finite or outside its range.
        """
        return checked_scores(self, partial(self.function, **self.chosen), evaluation)

    def passes(self, size: Size) -> int:
        """Forward passes that a picture of H, W costs, without what explaining again costs."""
        return self.cost(size, **self.chosen)

    def explanations(self, size: Size) -> int:
        """How many times a picture of H, W is explained again."""
        return self.situations(size, **self.chosen) if "explain" in self.needs else 0

    def lacking(self, subject: Subject) -> str:
        """What a subject lacks for this metric, in words; "" where it can be computed."""
        if self._takes_apart(subject):
            of = f"{len(subject.images.spans[0])} of the {len(subject.images)} of {subject.images.name}"
            return f"needs all pictures in memory together, where {of} are at a time"
        if "probability" in self.needs and subject.network.no_class:
            return f"needs {subject.network.no_class}"
        if "region" in self.needs and subject.unlocated:
            return subject.unlocated
        unknown = int((subject.images.labels == NO_CLASS).sum()) if "labels" in self.needs else 0
        if unknown:
            why = subject.images.unmatched or f"{unknown} of {len(subject.images)} of {subject.images.name} have none"
            return f"needs the true class of each picture: {why}"
        return ""

    def require(self, subject: Subject) -> None:
        """Check that this metric can be computed.

        Raises:
            OptionError: the subject lacks what the metric needs.
        """
        lacking = self.lacking(subject)
        if lacking:
            free = ", ".join(name for name, other in METRICS.items() if not other.lacking(subject))
            hint = f"metrics that can be computed: {free}"
            if self._takes_apart(subject):
                hint = f"take fewer pictures, or have all in memory by --at-once {len(subject.images)}; {hint}"
            raise OptionError(f"the metric '{self.name}' {lacking}", hint)

    def _takes_apart(self, subject: Subject) -> bool:
        """Whether pictures whose scores depend on one another are not in memory together."""
        return self.joint and len(subject.images.spans) > 1

    def configured(self, given: Mapping[str, str]) -> Metric:
        """This metric with options set.

        Raises:
            OptionError: an option it does not have, or a value it does not take.
        """
        chosen = {**self.chosen, **read_options(f"metric '{self.family}'", self.options, given)}
        return replace(self, name=called(self.family, self.options, chosen), chosen=chosen)


METRICS: dict[str, Metric] = {}
"""Every metric with its default options, by name."""


def _found(module: str, family: str, name: str, chosen: Mapping[str, Value]) -> Metric:
    """A registered metric, once more, in another process."""
    importlib.import_module(module)
    return replace(METRICS[family], name=name, chosen=chosen)


@dataclass(frozen=True)
class _Register:
    """Turns the decorated function into a metric and enters it in :data:`METRICS`."""

    name: str
    metadata: Mapping[str, Any]
    options: Options = field(default_factory=dict)

    def __call__(self, function: Score) -> Score:
        doc = _described(function)
        if not doc:
            raise ValueError(f"the metric '{self.name}' has no docstring; state its definition and source")
        if METRICS.get(self.name) is not None and METRICS[self.name].function.__module__ != function.__module__:
            raise ValueError(f"there are two metrics '{self.name}'; use another name")
        chosen = {name: option.default for name, option in self.options.items()}
        METRICS[self.name] = Metric(
            name=self.name, options=self.options, chosen=chosen, function=function, doc=doc, **self.metadata
        )
        return function


def metric(
    name: str,
    *,
    direction: Direction,
    unit: str = "",
    low: float = -math.inf,
    high: float = math.inf,
    passes: int | Callable[..., int] = 0,
    explanations: int | Callable[..., int] = 1,
    needs: tuple[Need, ...] | Callable[..., tuple[Need, ...]] = (),
    invariances: tuple[Invariance, ...] = (),
    joint: bool = False,
    options: Options | None = None,
) -> Callable[[Score], Score]:
    """Register the decorated function as a metric.

    The function takes an :class:`Evaluation`, and its options by keyword, and returns the score of each picture (n,),
    finite and from ``low`` to ``high``; its docstring states definition and source. See :class:`Metric`.

    Args:
        name: as files and options name it.
        direction: whether small or large values are better.
        unit: of the score.
        low: the least score of a picture.
        high: the largest.
        passes: forward passes a picture costs; a function of (H, W) and the options where it depends on them.
        explanations: how many times it explains a picture again, likewise; counted where it needs to.
        needs: what must be there to compute it; a function of the options where it depends on them.
        invariances: what leaves the score as it is.
        joint: whether the scores of pictures depend on one another.
        options: what can be set.

    Raises:
        ValueError: a direction or a range that is none.
    """
    if direction not in get_args(Direction):
        raise ValueError(f"the metric '{name}' has the direction {direction!r}; write 'min' or 'max'")
    if not low < high:
        raise ValueError(f"the metric '{name}' has the range from {low} to {high}; low must be less than high")
    metadata = {
        "direction": direction,
        "unit": unit,
        "low": low,
        "high": high,
        "needed": needs if callable(needs) else partial(_always, needs),
        "invariances": invariances,
        "joint": joint,
        "cost": passes if callable(passes) else partial(_constant, passes),
        "situations": explanations if callable(explanations) else partial(_constant, explanations),
    }
    return _Register(name, metadata, options or {})


def given_metric(function: Callable[..., Any], direction: str) -> Metric:
    """The metric that Python gives as a function, without a name that files could use.

    Args:
        function: of an :class:`Evaluation`; or of two arguments, maps (n, H, W) in [0, 1] and pictures (n, C, H, W) in
            [0, 1], both on the network's device. It returns the score of each picture (n,), a finite tensor.
        direction: whether small (``min``) or large (``max``) values are better.

    Raises:
        OptionError: it takes other arguments, or has the name of a metric; or the direction is none.
    """
    if direction not in get_args(Direction):
        raise OptionError(f"direction is {direction!r}"[:80], "give 'min' or 'max'")
    name = re.sub(r"[^A-Za-z0-9_-]", "", getattr(function, "__name__", type(function).__name__)) or "function"
    if name in METRICS:
        raise OptionError(f"the metric is called '{name}', as one that there is", "call the function otherwise")
    taken = _arguments(function)
    if taken not in (_OF_EVALUATION, _OF_MAPS):
        message = f"the metric '{name}' takes {'no arguments that can be told' if taken is None else taken} arguments"
        raise OptionError(message, "let it take an Evaluation, or maps (n, H, W) and pictures (n, C, H, W)")
    return Metric(
        name=name,
        direction=cast("Direction", direction),
        unit="",
        low=-math.inf,
        high=math.inf,
        needed=partial(_always, ()),
        invariances=(),
        joint=False,
        options={},
        chosen={},
        function=function if taken == _OF_EVALUATION else _of_maps(function),
        cost=partial(_constant, 0),
        situations=partial(_constant, 0),
        doc=_described(function) or "A function given in Python.",
    )


_OF_EVALUATION, _OF_MAPS = 1, 2
"""Arguments of a function that is a metric."""


def _described(function: Callable[..., Any]) -> str:
    """A docstring as terminals and pages show it: without the marks of code."""
    return inspect.cleandoc(getattr(function, "__doc__", None) or "").replace("``", "")


def _arguments(function: Callable[..., Any]) -> int | None:
    """How many arguments a function must be given by their place; None where that cannot be told."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    placed = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(one.kind in placed and one.default is one.empty for one in parameters)


def _of_maps(function: Callable[..., Any]) -> Score:
    @wraps(function)  # it is the function's module and code that tell which metric it is
    def scored(evaluation: Evaluation) -> Tensor:
        found: Tensor = function(evaluation.saliency, evaluation.pictures)
        return found

    setattr(scored, _OF_FUNCTION, function)
    return scored


_OF_FUNCTION = "of_function"
"""The attribute that holds the function of maps and pictures."""


def _always(needs: tuple[Need, ...], **_: Value) -> tuple[Need, ...]:
    return needs


def _constant(number: int, _: Size, **__: Value) -> int:
    return number
