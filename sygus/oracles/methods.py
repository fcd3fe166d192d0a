"""Every CAM method by name, scored on a subject: the rows that a found expression is compared with."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

import torch

from sygus.errors import OptionError, SourceError
from sygus.errors import known as listed
from sygus.language.elaborate import definitions_of
from sygus.language.scope import fail
from sygus.language.syntax import parse
from sygus.language.syntax import script as ast
from sygus.language.terms import Definition, Term
from sygus.language.theories.ranks import EXPLAINED, is_rank, parted
from sygus.oracles.cam import CamOracle, Saliency, Scores, saliency_of
from sygus.oracles.parameters import body_of, check_parameters, features_of
from sygus.resources import grammar_folder
from sygus.saliency.features import passes_of, sources_of
from sygus.saliency.methods import MAP_METHODS, TRUTH_MAPS, VARIANTS, MapMethod, TruthMap
from sygus.saliency.metrics import Evaluation, Metric
from sygus.saliency.options import read_call, split_calls


@dataclass(frozen=True)
class Method:
    """A CAM method.

    Attributes:
        name: how options name it.
        title: how papers and tables write it.
        saliency: S (N, H, W) of every picture of a subject.
        quick: whether it costs a few passes a picture and applies to every network.
        check: raises OptionError where it does not apply to a subject's network.
        passes: forward passes that the map of a picture takes at most, see :meth:`MapMethod.passes`.
        control: whether it explains nothing and only shows what a metric rewards.
        features: what an expression reads of the layer explained, and what that is derived from; none of others.
        by_channel: whether it takes passes for each channel of a picture, so that the picture fills them by itself.
        informed: whether it is told the ground truth, which no explanation is; it stands in a run's table by its name.
    """

    name: str
    title: str
    saliency: Saliency
    quick: bool
    check: Callable[[CamOracle], None]
    passes: Callable[[CamOracle], int]
    control: bool = False
    features: frozenset[str] = frozenset()
    by_channel: bool = False
    informed: bool = False

    def score(self, oracle: CamOracle, metric: Metric) -> Scores:
        """The score of each picture, (N,)."""
        return oracle.judge(self.evaluation(oracle), metric)

    def evaluation(self, oracle: CamOracle) -> Evaluation:
        """The maps of every picture, drawn once for as many metrics as are asked of them."""
        everything = torch.arange(len(oracle.subject.targets))
        return oracle.evaluation(self.saliency(oracle), everything, self.saliency)


def expression_method(name: str, title: str, expression: Term) -> Method:
    """The method whose weights are a term over features."""
    features = [
        (layer, feature) for one, layer in map(parted, features_of(expression)) for feature in sources_of([one])
    ]

    def check(oracle: CamOracle) -> None:
        for layer, feature in features:
            feature.require(oracle.subject.network)
            measured = oracle.sample.measured.layer(layer)
            if feature.conditional:
                measured[feature.name]

    quick = not any(feature.slow or feature.conditional for _, feature in features)
    names = frozenset(feature.name for layer, feature in features if not layer)
    passes = partial(measuring_passes, names=features_of(expression))
    by_channel = any(feature.cost(2) > feature.cost(1) for _, feature in features)
    return Method(name, title, saliency_of(expression), quick, check, passes, features=names, by_channel=by_channel)


def measuring_passes(oracle: CamOracle, names: Iterable[str]) -> int:
    """Forward passes that measuring features takes at most of each picture, at every layer that is read.

    Args:
        oracle: the pictures.
        names: of variables: features, perhaps of a layer that has a name.
    """
    read: dict[str, list[str]] = {"": []}
    for name, layer in map(parted, names):
        read.setdefault(layer, []).append(name)
    measured = oracle.sample.measured
    return sum(passes_of(names, measured.layer(layer)["activation"].shape[1]) for layer, names in read.items())


def _map_method(entry: MapMethod) -> Method:
    return Method(
        entry.name,
        entry.title,
        lambda oracle: entry(oracle.measured),
        entry.quick,
        lambda oracle: entry.require(oracle.subject.network),
        lambda oracle: entry.passes(oracle.sample.measured["activation"].shape[1]),
        entry.control,
        by_channel=entry.passes(2) > entry.passes(1),
    )


def _truth_method(entry: TruthMap) -> Method:
    return Method(
        entry.name,
        entry.title,
        lambda oracle: entry(oracle.subject),
        quick=False,
        check=lambda oracle: entry.check(oracle.subject),
        passes=lambda _: 0,
        control=True,
        informed=True,
    )


def quicker(method: Method) -> Method | None:
    """The same method by its author's formula with far fewer passes, for a rougher map; None where there is none.

    Args:
        method: as :func:`find_methods` gives it; one that has options set already keeps them.
    """
    name, given = read_call(method.name, "method")
    entry = MAP_METHODS.get(name) or VARIANTS.get(name)
    if entry is None or not entry.quicker:
        return None
    fewer = read_call(f"{name}({entry.quicker})", "method")[1]
    return _map_method(entry.configured({**fewer, **given}))


@cache
def methods() -> Mapping[str, Method]:
    """Every method, by name; the expressions come from ``grammars/methods.sy``."""
    file = grammar_folder() / "methods.sy"
    found = read_methods(file.read_text(encoding="utf-8"), file.name)
    for entry in MAP_METHODS.values():
        found[entry.name] = _map_method(entry)
    return found | {entry.name: _truth_method(entry) for entry in TRUTH_MAPS}


NAME = re.compile(r"[a-z0-9+-]+")
"""What options may call a method."""


def read_methods(text: str, file: str) -> dict[str, Method]:
    """The methods that a file defines, by name, one ``define-fun`` over features each.

    A body may be annotated: ``:name "…"`` is how options name the method where the function may not be called so,
    ``:title "…"`` how papers and tables write it, by default by its name; ``:control true`` says that it explains
    nothing and only shows what a metric rewards.

    Raises:
        SourceError: with the position of what is wrong.
    """
    script = parse(text, file)
    definitions = {definition.name: definition for definition in definitions_of(script)}
    found: dict[str, Method] = {}
    try:
        for command in script.commands:
            if isinstance(command, ast.DefineFun):
                method = _defined(command, definitions[command.name])
                _check_new(method, command, [*found.values(), *MAP_METHODS.values(), *TRUTH_MAPS])
                found[method.name] = method
    except SourceError as error:
        raise error.located(file, text) from None
    return found


def _defined(command: ast.DefineFun, definition: Definition) -> Method:
    check_parameters(definition.parameters, [parameter.position for parameter in command.parameters])
    if not is_rank(definition.sort):
        fail(f"the method is {definition.sort}", command.position, f"it must be {EXPLAINED}")
    name, title, control = _annotations(command)
    return replace(expression_method(name, title, body_of(definition)), control=control)


def _annotations(command: ast.DefineFun) -> tuple[str, str, bool]:
    """The name and the title of a defined method, and whether it is a control."""
    name, title, control, seen = command.name, "", False, set()
    for attribute in command.body.attributes if isinstance(command.body, ast.Annotated) else ():
        if attribute.keyword in seen:
            fail(f"':{attribute.keyword}' is given twice", attribute.position, "keep one")
        seen.add(attribute.keyword)
        match attribute:
            case ast.Attribute("title", ast.LiteralExpression("string", text)) if text.strip():
                title = text
            case ast.Attribute("name", ast.LiteralExpression("string", text)) if NAME.fullmatch(text):
                name = text
            case ast.Attribute("control", ast.LiteralExpression("boolean", flag)):
                control = flag == "true"
            case ast.Attribute("title" | "name" | "control"):
                written = {"title": ':title "…"', "name": ':name "letters-and-digits"', "control": ":control true"}
                hint = f"write {written[attribute.keyword]}"
                fail(f"':{attribute.keyword}' has no such value", attribute.position, hint)
            case _:
                fail(f"unknown attribute ':{attribute.keyword}'", attribute.position, "known: :title, :name, :control")
    return name, title or name, control


def _check_new(method: Method, command: ast.DefineFun, others: Iterable[Method | MapMethod | TruthMap]) -> None:
    """Names choose methods and titles tell the rows of tables apart, so each is used once."""
    for other in others:
        for what, one, another in (("name", method.name, other.name), ("title", method.title, other.title)):
            if one == another:
                fail(f"two methods have the {what} '{one}'", command.position, f"use another {what}")


ALL, QUICK = "all", "quick"
"""Every method; and those that cost a few passes a picture and apply to every network."""

FLAVOURS = (
    "cam",
    "gradcam",
    "layercam(layers=pyramid)",
    "gradcam++",
    "smoothgradcam++",
    "scorecam",
    "sscam",
    "ablationcam",
    "lficam",
    "taylor",
    "intgrad",
    "smoothgrad",
    "guidedbackprop",
)
"""The methods that the talk "The many flavours of CAM" shows."""

GROUPS: Mapping[str, Callable[[], list[Method]]] = {
    ALL: lambda: list(methods().values()),
    QUICK: lambda: [method for method in methods().values() if method.quick],
    "flavours": lambda: [_found(name) for name in FLAVOURS],
}
"""What stands for several methods; of these, those that do not apply to a network are left out."""


def find_methods(names: str, option: str = "--methods") -> list[Method]:
    """The methods of a comma-separated list of names, with options as ``sscam(n=8)``; or of one of :data:`GROUPS`.

    Args:
        names: these.
        option: that holds them, for messages.

    Raises:
        OptionError: an unknown one, or a wrong option.
    """
    if names in GROUPS:
        return GROUPS[names]()
    try:
        return [_found(name) for name in split_calls(names)]
    except OptionError as error:
        raise OptionError(f"{option}: {error.message}", error.hint) from None


def _found(text: str) -> Method:
    """The method of a name, perhaps with options."""
    known, (name, given) = methods(), read_call(text, "method")
    if name not in known:
        raise OptionError(f"unknown method '{name}'", listed([*GROUPS, *known], name, "known methods"))
    if not given:
        return known[name]
    entry = MAP_METHODS.get(name) or VARIANTS.get(name)
    if entry is None:
        raise OptionError(f"the method '{name}' has no option '{next(iter(given))}'", "its options: none")
    return _map_method(entry.configured(given))


def applicable_methods(
    names: str,
    oracle: CamOracle,
    note: Callable[[str], None],
    option: str = "--methods",
    *,
    also: Sequence[CamOracle] = (),
) -> list[Method]:
    """The methods of :func:`find_methods` that apply to a subject's network.

    Args:
        names: as there.
        oracle: the subject.
        note: told which methods of a group are left out, and why.
        option: that names them, for messages.
        also: further pictures of the same network, for the methods that are told the ground truth.

    Raises:
        OptionError: an unknown method, or one that is named and does not apply.
    """
    found = []
    for method in find_methods(names, option):
        try:
            for one in (oracle, *(also if method.informed else ())):
                method.check(one)
        except OptionError as error:
            if names not in GROUPS:
                raise OptionError(f"{option}: '{method.name}': {error.message}", error.hint) from None
            note(f"{method.title} is left out: {error.message}; {error.hint}")
        else:
            found.append(method)
    return found
