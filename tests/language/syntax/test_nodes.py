"""Nodes are immutable records that are equal when they say the same, wherever they were written."""

import copy
import pickle

import pytest

from sygus.errors import Position
from sygus.language.syntax import parse_term
from sygus.language.syntax.script import NOWHERE, Application, Identifier, OracleAssume, Reference


def test_places_take_no_part_in_comparisons() -> None:
    one, other = parse_term("(f  x)"), parse_term("( f x )")
    assert one == other
    assert hash(one) == hash(other)
    assert one.position != other.position
    assert repr(one) == repr(other)
    assert "position" not in repr(one)


def test_kinds_differ() -> None:
    assert parse_term("x") != Identifier("x", position=NOWHERE)


def test_fields_are_given_by_place_by_name_or_not_at_all() -> None:
    assert Identifier(symbol="f", indices=(1,), position=NOWHERE) == Identifier("f", (1,), None, position=NOWHERE)
    assert Identifier.field_names == ("symbol", "indices", "sort")
    assert OracleAssume.field_names == ("inputs", "outputs", "term", "oracle", "attributes")  # those of its base


@pytest.mark.parametrize("fields", [{}, {"name": "f"}, {"symbol": "f", "sorts": ()}])
def test_fields_that_there_are_not(fields: dict[str, str]) -> None:
    with pytest.raises(TypeError, match="Identifier takes symbol, indices, sort and position"):
        Identifier(**fields, position=NOWHERE)  # type: ignore[arg-type]


def test_too_many_fields() -> None:
    with pytest.raises(TypeError, match="Reference takes identifier"):
        Reference(Identifier("f", position=NOWHERE), "g", position=NOWHERE)  # type: ignore[call-arg]


def test_nothing_changes_a_node() -> None:
    node = Identifier("f", position=NOWHERE)
    for name in ("symbol", "other"):
        with pytest.raises(AttributeError, match=f"Identifier.{name} cannot be changed"):
            setattr(node, name, "g")
    with pytest.raises(AttributeError, match="cannot be taken away"):
        del node.symbol


def test_copies_are_equal_and_stand_at_the_same_place() -> None:
    node = parse_term("(f x)")
    for same in (copy.deepcopy(node), pickle.loads(pickle.dumps(node))):  # noqa: S301 - our own bytes
        assert same == node
        assert same.position == node.position == Position(1, 1, 1, 6)
        assert isinstance(same, Application)
