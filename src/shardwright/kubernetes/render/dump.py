"""From typed values to JSON trees, and from trees to YAML: always the same text for the same value.

Fields keep the order of their class (apiVersion, kind, metadata, spec ...), free mappings such as labels are sorted.
What is not set is left out: None and empty lists or mappings; a value whose class has no field set stays, as `{}`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol, cast

from shardwright.core.plugins import Manifest

if TYPE_CHECKING:
    from shardwright.kubernetes.render.podspec import Metadata

__all__ = ["as_manifest", "as_tree"]


class _Named(Protocol):
    """Any object with a kind and metadata; targets bring kinds of their own."""

    @property
    def kind(self) -> str: ...

    @property
    def metadata(self) -> Metadata: ...


def as_manifest(value: _Named) -> Manifest:
    """A document as it is given to a platform."""
    body = cast("dict[str, object]", as_tree(value))
    return Manifest(kind=value.kind, name=value.metadata.name or "", body=body)


def as_tree(value: object) -> object:
    """JSON values of a typed value; TypeError for anything that JSON has no word for."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = ((field.name, getattr(value, field.name)) for field in dataclasses.fields(value))
        return {_camel_case(name): as_tree(part) for name, part in fields if not _is_unset(part)}
    if isinstance(value, Mapping):
        mapping = cast("Mapping[str, object]", value)
        return {key: as_tree(mapping[key]) for key in sorted(mapping)}
    if isinstance(value, list | tuple):
        return [as_tree(part) for part in cast("list[object]", value)]
    raise TypeError(f"{type(value).__name__} is no JSON value: {value!r}")


def _is_unset(value: object) -> bool:
    return value is None or (isinstance(value, list | tuple | Mapping) and not value)


def _camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
