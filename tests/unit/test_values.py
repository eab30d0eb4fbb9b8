"""`@frozen`: what every value of the program does alike."""

from __future__ import annotations

import dataclasses

import pytest

from shardwright.values import frozen


@frozen
class Place:
    """A value with a field that does not count."""

    node: int
    rack: str = "a"
    note: str = dataclasses.field(default="", compare=False, repr=False)


@frozen(kw_only=True)
class Elsewhere:
    """The same fields in another class."""

    node: int
    rack: str = "a"


@frozen
class Nothing:
    """A value without fields."""


def test_equal_fields_of_one_class_are_equal() -> None:
    """Equality and hash go by class and compared fields, as a dataclass's do."""
    assert Place(1) == Place(1, note="seen")
    assert hash(Place(1)) == hash(Place(1, note="seen"))
    assert Place(1) != Place(2)
    assert Place(1) != Elsewhere(node=1)
    assert Nothing() == Nothing()
    assert len({Nothing(), Nothing()}) == 1


def test_the_text_shows_what_is_meant_to_be_shown() -> None:
    """A value prints as the call that makes it, without fields that are not for show."""
    assert repr(Place(1, note="seen")) == "Place(node=1, rack='a')"
    assert repr(Nothing()) == "Nothing()"


def test_a_value_does_not_change() -> None:
    """Neither a field nor a new attribute can be set; a changed copy is made by `replace`."""
    place = Place(1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        place.node = 2  # pyright: ignore[reportAttributeAccessIssue] - that is the test
    assert not hasattr(place, "__dict__")
    assert dataclasses.replace(place, node=2) == Place(2)


def test_fields_by_name_only() -> None:
    """`kw_only` is a dataclass's own."""
    with pytest.raises(TypeError, match="positional"):
        Elsewhere(1)  # pyright: ignore[reportCallIssue] - that is the test
