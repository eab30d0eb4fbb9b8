"""Reading a model's configuration field by field: every fault names the field, the value seen and the values allowed.

Configurations come from strangers. Sizes are bounded so that no absurd one turns into minutes of counting; which
fields a family needs is the family's business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from shardwright import errors
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MAX_EXPERTS", "MAX_LAYERS", "MAX_POSITIONS", "MAX_SIZE", "Fields"]

MAX_SIZE = 2**24
"""Largest width, vocabulary or rank that is believed; the largest published ones are below a million."""
MAX_LAYERS = 4096
MAX_EXPERTS = 65536
MAX_POSITIONS = 2**31


@frozen
class Fields:
    """A configuration and where it was read."""

    values: Mapping[str, Any]
    source: str
    name: str

    def integer(
        self, key: str, *others: str, default: int | None = None, minimum: int = 1, maximum: int = MAX_SIZE
    ) -> int:
        """The first of these fields that is set; `default` if none is; InputError if that is missing or out of range."""
        for candidate in (key, *others):
            value = self.values.get(candidate)
            if value is not None:
                return _checked(self, candidate, value, minimum, maximum)
        if default is None:
            raise self.fault(key, "is missing", hint="planning needs it; is this the model's own config.json?")
        return default

    def optional_integer(self, key: str, *, minimum: int = 1, maximum: int = MAX_SIZE) -> int | None:
        """The field, or None where it is absent or null: for fields whose absence means something."""
        value = self.values.get(key)
        return None if value is None else _checked(self, key, value, minimum, maximum)

    def flag(self, key: str, *, default: bool) -> bool:
        """A yes or no."""
        value = self.values.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.fault(key, f"{_shown(value)} is not true or false")
        return value

    def number(self, key: str, *, default: float, maximum: float) -> float:
        """A finite number above zero, whole or not."""
        value = self.values.get(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= maximum:
            raise self.fault(key, f"{_shown(value)} is not a number above 0, at most {maximum:g}")
        return float(value)

    def text(self, key: str, *, default: str) -> str:
        """A text."""
        value = self.values.get(key)
        if value is None:
            return default
        if not isinstance(value, str):
            raise self.fault(key, f"{_shown(value)} is not a text")
        return value

    def text_is(self, key: str, wanted: str) -> bool:
        """Whether the field is exactly this text: for fields that are a number or a word."""
        value: object = self.values.get(key)
        return isinstance(value, str) and value == wanted

    def integers(self, key: str) -> tuple[int, ...]:
        """A list of whole numbers from 0; empty where it is absent."""
        value = self.values.get(key)
        if value is None:
            return ()
        if not isinstance(value, list):
            raise self.fault(key, f"{_shown(value)} is not a list of whole numbers")
        return tuple(_checked(self, key, item, 0, MAX_SIZE) for item in cast("list[Any]", value))

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; empty where it is absent."""
        value = self.values.get(key)
        if value is None:
            return ()
        items = cast("list[object]", value) if isinstance(value, list) else []
        texts = tuple(item for item in items if isinstance(item, str))
        if not isinstance(value, list) or len(texts) != len(items):
            raise self.fault(key, f"{_shown(cast('object', value))} is not a list of texts")
        return texts

    def section(self, key: str) -> Fields | None:
        """A nested object; None where it is absent."""
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self.fault(key, f"{_shown(value)} is not an object")
        return Fields(cast("dict[str, Any]", value), f"{self.source}: {key}", self.name)

    def with_defaults(self, **values: object) -> Fields:
        """The configuration with these values for fields that are absent or null."""
        missing = {key: value for key, value in values.items() if self.values.get(key) is None}
        return Fields({**self.values, **missing}, self.source, self.name)

    def with_values(self, **values: object) -> Fields:
        """The same configuration with some fields set otherwise."""
        return Fields({**self.values, **values}, self.source, self.name)

    def fault(self, key: str, message: str, *, hint: str = "") -> errors.InputError:
        """An error about one field, to be raised by the caller."""
        return errors.InputError(f"{self.source}: {key}: {message}", hint=hint)


def _checked(fields: Fields, key: str, value: object, minimum: int, maximum: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
        raise fields.fault(key, f"{_shown(value)} is not a whole number from {minimum} to {maximum}")
    return value


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
