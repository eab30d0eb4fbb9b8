"""Texts in trees of plain values, changed one by one: placeholders and variables that a controller would fill in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, overload

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shardwright.core.manifests.objects import Value

__all__ = ["changed", "with_variables"]


@overload
def changed(value: dict[str, Value], change: Callable[[str], str]) -> dict[str, Value]: ...
@overload
def changed(value: Value, change: Callable[[str], str]) -> Value: ...
def changed(value: Value, change: Callable[[str], str]) -> Value:
    """A tree with every text that is a value changed; names stay."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [changed(each, change) for each in value]
    if isinstance(value, dict):
        return {name: changed(each, change) for name, each in value.items()}
    return value


def with_variables(value: Value, texts: Mapping[str, str]) -> Value:
    """A tree with those variables filled in, written `$(NAME)`, `${NAME}` or `$NAME`."""
    names = "|".join(map(re.escape, texts))
    pattern = re.compile(rf"\$(?:\(({names})\)|\{{({names})\}}|({names})(?![A-Za-z0-9_]))")
    return changed(value, lambda text: pattern.sub(lambda match: texts[match[1] or match[2] or match[3]], text))
