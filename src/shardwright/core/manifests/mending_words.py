"""Values as they are written into a text that is there already: in its style, at its indentation.

Knows the three ways of writing (block and flow of YAML, JSON), nothing of places.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from shardwright.core.marked import writing

if TYPE_CHECKING:
    from shardwright.core.manifests.objects import Value

__all__ = ["block_lines", "flow_text", "json_text", "like", "scalar_text"]

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9]*([-_./][A-Za-z0-9]+)*")
_READ_AS_OTHERS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_FLOW_MARKS = re.compile(r"[,\[\]{}]")


def block_lines(value: Value, *, is_indented: bool) -> list[str]:
    """Lines in block style; `is_indented`: lists stand deeper than their keys."""
    if isinstance(value, dict) and value:
        lines: list[str] = []
        for key, each in value.items():
            lines.extend(_entry(scalar_text(key), each, is_indented=is_indented))
        return lines
    if isinstance(value, list) and value:
        return [line for each in value for line in _item(each, is_indented=is_indented)]
    return _written(value).split("\n")


def _entry(key: str, value: Value, *, is_indented: bool) -> list[str]:
    inner = block_lines(value, is_indented=is_indented)
    if isinstance(value, dict) and value:
        return [f"{key}:", *(f"  {line}" for line in inner)]
    if isinstance(value, list) and value:
        return [f"{key}:", *(f"  {line}" if is_indented else line for line in inner)]
    return [f"{key}: {inner[0]}", *inner[1:]]


def _item(value: Value, *, is_indented: bool) -> list[str]:
    first, *rest = block_lines(value, is_indented=is_indented)
    return [f"- {first}", *(f"  {line}" for line in rest)]


def _written(value: Value) -> str:
    """A scalar, or a list or mapping without items; a text of several lines is a block, indented by two."""
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _READ_AS_OTHERS:
        return value
    return writing.as_yaml({"k": value}).removeprefix("k: ").rstrip("\n")


def scalar_text(value: Value) -> str:
    """A scalar on one line, as block style has it."""
    text = _written(value)
    return json.dumps(value, ensure_ascii=False) if "\n" in text else text


def flow_text(value: Value) -> str:
    """A value on one line, as flow style has it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{flow_text(key)}: {flow_text(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow_text(each) for each in value) + "]"
    text = scalar_text(value)
    is_risky = isinstance(value, str) and text[:1] not in {'"', "'"} and _FLOW_MARKS.search(text)
    return json.dumps(value, ensure_ascii=False) if is_risky else text


def json_text(value: Value, column: int | None) -> str:
    """A value in JSON, over several lines where a column is given to which they are indented."""
    if column is None or not isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return json.dumps(value, indent=2, ensure_ascii=False).replace("\n", "\n" + " " * column)


def like(value: Value, style: str) -> str:
    """A scalar in the quotes that the old one had, if it is a text."""
    if isinstance(value, str) and style == '"':
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and style == "'" and "\n" not in value:
        return "'" + value.replace("'", "''") + "'"
    return scalar_text(value)
