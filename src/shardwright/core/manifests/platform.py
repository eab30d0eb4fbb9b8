"""What one platform brings so that its manifests can be judged: kinds and fields by release, rules, defaults of its webhook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Callable

    from shardwright.core.manifests.objects import Context, Value
    from shardwright.core.manifests.schema import Schema
    from shardwright.core.rules.rule import Rule

__all__ = ["Platform", "unchanged"]


def unchanged(value: dict[str, Value], context: Context) -> dict[str, Value]:  # noqa: ARG001 - the form of `Platform.mutate`
    """What a platform without a mutating webhook does."""
    return value


@frozen
class Platform:
    """One platform; `targets/<platform>/lint.py` makes it and calls it LINT, and `registry.LINTS` names it.

    Its `schema` is a function without arguments that calls `kubernetes.field_tables.load_schema` with its package's name.
    """

    name: str
    """`lws`: what stands before the dot in the ids of its rules, and before `=` in `--assume`."""
    title: str
    """As it calls itself: `LeaderWorkerSet`."""
    versions: tuple[str, ...]
    """Known releases as major.minor, oldest first; the last one is assumed where none is given."""
    schema: Callable[[], Schema]
    """Its kinds and fields, read when they are first asked for."""
    rules: tuple[Rule, ...]
    mutate: Callable[[dict[str, Value], Context], dict[str, Value]] = unchanged
    """What its mutating webhook makes of an object after the defaults of the CRD; a new tree, the given one stays."""
    released_as: str = ""
    """Name in `--assume` where the platform is released as a part of another one; empty: its own."""
    gates: tuple[str, ...] = ()
    """Feature gates that its rules know, for `--feature-gate`."""
    has_definitions: bool = True
    """Its kinds are defined by CRDs with fields; False for a format whose own rules judge keys and types."""
