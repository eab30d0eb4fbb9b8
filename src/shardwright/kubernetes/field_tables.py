"""The tables of fields of platforms, read from their packages: the only reader of `fields.toml` and `core_v1.toml`."""

from __future__ import annotations

import functools
import tomllib
from importlib import resources
from typing import TYPE_CHECKING, Any

from shardwright.core.manifests import schema

if TYPE_CHECKING:
    from shardwright.core.manifests.schema import Schema

__all__ = ["load_schema"]


@functools.cache
def load_schema(package: str) -> Schema:
    """The schema in `fields.toml` of a package, with the shared types of pods: `load_schema("shardwright.targets.lws")`."""
    return schema.parse_schema(_table(package, "fields.toml"), _table("shardwright.kubernetes", "core_v1.toml"))


@functools.cache
def _table(package: str, name: str) -> dict[str, Any]:
    return tomllib.loads(resources.files(package).joinpath(name).read_text("utf-8"))
