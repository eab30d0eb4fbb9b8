"""How a value is made: `@frozen` in place of `@dataclass(frozen=True, slots=True)`.

A frozen dataclass writes and compiles five functions of its own for each class; here comparison, hash and text are the same
three functions for all classes. That takes two fifths of the time of making a class, and a plan makes a hundred of them
(docs/design/009).
"""

from __future__ import annotations

import dataclasses
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, dataclass_transform, overload

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["frozen"]

_T = TypeVar("_T")
_COMPARED = "__compared__"


@overload
def frozen(cls: type[_T], /) -> type[_T]: ...
@overload
def frozen(*, kw_only: bool) -> Callable[[type[_T]], type[_T]]: ...
@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def frozen(cls: type[_T] | None = None, /, *, kw_only: bool = False) -> type[_T] | Callable[[type[_T]], type[_T]]:
    """A dataclass with slots that cannot be changed; equal to one of the same class with equal fields."""
    return partial(_frozen, kw_only=kw_only) if cls is None else _frozen(cls, kw_only=kw_only)


def _frozen(cls: type[_T], *, kw_only: bool) -> type[_T]:
    for name in ("__repr__", "__eq__", "__hash__"):
        setattr(cls, name, getattr(_Shared, name))
    made = dataclasses.dataclass(frozen=True, slots=True, repr=False, eq=False, kw_only=kw_only)(cls)
    compared = [each.name for each in dataclasses.fields(made) if each.compare]  # pyright: ignore[reportArgumentType] - it is one now
    setattr(made, _COMPARED, attrgetter(*compared or ["__class__"]))
    return made


class _Shared:
    """What every value does alike; its functions are put on each class."""

    __compared__: ClassVar[attrgetter[Any]]
    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]

    def __repr__(self) -> str:
        shown = (each.name for each in dataclasses.fields(self) if each.repr)
        return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"

    def __eq__(self, other: object) -> bool:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return self.__compared__(self) == self.__compared__(other)

    def __hash__(self) -> int:
        return hash(self.__compared__(self))
