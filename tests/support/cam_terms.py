"""Terms over the features, read from text or drawn at random."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import strategies as st

from sygus.language.scope import Scope
from sygus.language.syntax.parser import parse_term
from sygus.language.terms import Sort, Term, Variable, leaf, term
from sygus.language.theories.cam import CAM
from sygus.language.theories.ranks import MAP, WEIGHT
from sygus.language.typecheck import check_term
from sygus.oracles.parameters import feature_variables

FEATURES: Mapping[str, Variable] = feature_variables()


def read(text: str, variables: Mapping[str, Variable] = FEATURES) -> Term:
    """The term that a text means."""
    scope = Scope(CAM, {str(sort): sort for sort in CAM.sorts})
    return check_term(parse_term(text), scope.binding({name: leaf(v) for name, v in variables.items()}))


def apply(name: str, *arguments: Term) -> Term:
    """The application of a function of the theory."""
    found = CAM.resolve(name, tuple(argument.sort for argument in arguments))
    assert found is not None, (name, arguments)
    return term(found[0], arguments, found[1])


POINTWISE = ("neg", "relu", "abs", "square", "sign")
BINARY = ("+", "-", "*", "max", "min")
ACROSS = ("softmax", "minmax", "l1norm", "center")
NUMBERS = tuple(read(text) for text in ("0", "1", "2", "0.5"))


def terms(
    sort: Sort,
    depth: int = 3,
    *,
    unary: tuple[str, ...] = POINTWISE,
    binary: tuple[str, ...] = BINARY,
    reductions: tuple[str, ...] = ("gap", "gmp", "total"),
    across: tuple[str, ...] = ACROSS,
    names: tuple[str, ...] = ("activation", "gradient"),
) -> st.SearchStrategy[Term]:
    """Random terms of a sort; without reductions there are none of sort Weight but numbers."""
    leaves = st.sampled_from([leaf(FEATURES[name]) for name in names if FEATURES[name].sort == sort] or NUMBERS)
    if depth == 0:
        if sort == WEIGHT and reductions:
            maps = st.sampled_from([leaf(FEATURES[name]) for name in names if FEATURES[name].sort == MAP])
            return st.builds(apply, st.sampled_from(reductions), maps)
        return leaves

    def smaller(of: Sort) -> st.SearchStrategy[Term]:
        options = {"unary": unary, "binary": binary, "reductions": reductions, "across": across, "names": names}
        return terms(of, depth - 1, **options)

    made = [leaves] if sort == MAP else []
    made.append(st.builds(apply, st.sampled_from(unary), smaller(sort)))
    made.append(st.builds(apply, st.sampled_from(binary), smaller(sort), smaller(sort) | st.sampled_from(NUMBERS)))
    if sort == WEIGHT and reductions:
        made.append(st.builds(apply, st.sampled_from(reductions), smaller(MAP)))
        made += [st.builds(apply, st.sampled_from(across), smaller(WEIGHT))] if across else []
    return st.one_of(made)
