"""Features as the variables of terms: their names, sorts and domains, of which none needs a network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from types import MappingProxyType

from sygus.errors import Position, TypeCheckError, guess
from sygus.language.terms import REAL, Definition, Sort, Term, Variable, expand, leaf, subterms, term
from sygus.language.theories.function import Function
from sygus.language.theories.ranks import (
    HEATMAP,
    LAYER,
    MAP,
    SALIENCY,
    WEIGHT,
    at_layer,
    is_rank,
    layer_of,
    named_at,
    parted,
)
from sygus.oracles.safety import Domain
from sygus.saliency.features import FEATURES, Feature

SORTS: Mapping[str, Sort] = {"map": MAP, "weight": WEIGHT, "heatmap": HEATMAP, "saliency": SALIENCY, "image": REAL}
"""The sort of a feature, by its rank."""


def feature_variables(layers: Iterable[str] = ("",)) -> Mapping[str, Variable]:
    """Every feature as a variable of its sort, at each of these layers; "" is the one explained."""
    found = {}
    for layer, (name, feature) in product(layers, FEATURES.items()):
        variable = Variable(named_at(name, layer), at_layer(SORTS[feature.rank], layer))
        found[variable.name] = variable
    return found


def feature_of(name: str) -> Feature:
    """The feature that a variable names, at whichever layer."""
    return FEATURES[parted(name)[0]]


def is_feature(variable: Variable) -> bool:
    """Whether a variable is a feature at some layer, of that feature's sort."""
    name, layer = parted(variable.name)
    if name not in FEATURES or (variable.name != name and not LAYER.fullmatch(layer)):
        return False
    return variable.sort == at_layer(SORTS[FEATURES[name].rank], layer)


def layers_of(variables: Iterable[Variable]) -> tuple[str, ...]:
    """The names of the layers that features are of, and their sorts, in order of appearance."""
    found = (layer for one in variables if is_rank(one.sort) for layer in (parted(one.name)[1], layer_of(one.sort)))
    return tuple(dict.fromkeys(filter(None, found)))


def check_parameters(parameters: Sequence[Variable], positions: Sequence[Position]) -> None:
    """Every parameter must name a feature, with that feature's sort.

    Raises:
        TypeCheckError: at the position of the parameter.
    """
    for parameter, position in zip(parameters, positions, strict=True):
        name, layer = parted(parameter.name)
        if name not in FEATURES:
            names = ", ".join(f"{name} {SORTS[f.rank]}" for name, f in FEATURES.items())
            hint = f"{guess(FEATURES, name)}known features: {names}"
            raise TypeCheckError(f"unknown feature '{parameter.name}'", position, hint)
        if name != parameter.name and not LAYER.fullmatch(layer):
            hint = f"write {name}.early, where early names a layer: a letter, then letters, digits and hyphens"
            raise TypeCheckError(f"'{parameter.name}' names no layer", position, hint)
        sort = at_layer(SORTS[FEATURES[name].rank], layer)
        if parameter.sort != sort:
            message = f"the feature '{parameter.name}' is {sort}, not {parameter.sort}"
            raise TypeCheckError(message, position, f"write ({parameter.name} {sort})")


def domains(nonnegative: bool, layers: Mapping[str, bool] = MappingProxyType({})) -> Mapping[str, Domain]:
    """What the safety oracle may assume of the features.

    Args:
        nonnegative: whether the activation of the layer explained is.
        layers: the same of further layers, by their names.
    """

    def domain(feature: Feature, positive: bool) -> Domain:
        if feature.domain == "activation":
            return "nonnegative" if positive else "any"
        return feature.domain

    return {
        named_at(name, layer): domain(feature, positive)
        for layer, positive in {"": nonnegative, **layers}.items()
        for name, feature in FEATURES.items()
    }


def variables_of(expression: Term) -> tuple[Variable, ...]:
    """The features that an expression holds, as variables, in order of appearance."""
    heads = (node.head for node in subterms(expand(expression)))
    return tuple(dict.fromkeys(head for head in heads if isinstance(head, Variable)))


def features_of(expression: Term) -> tuple[str, ...]:
    """The names of these variables."""
    return tuple(variable.name for variable in variables_of(expression))


def is_placed(expression: Term) -> bool:
    """Whether its values depend on where the pixels of maps lie, as those of a blur do."""
    return any(isinstance(node.head, Function) and node.head.placed for node in subterms(expand(expression)))


def body_of(definition: Definition) -> Term:
    """The definition applied to the features that its parameters name."""
    return term(definition, tuple(leaf(parameter) for parameter in definition.parameters), definition.sort)
