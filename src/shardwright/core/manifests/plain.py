"""Marked trees become plain values, typed as kubectl, kustomize and Helm type them, and placeholders are found on the way.

They read YAML 1.1 with Go's rules (sigs.k8s.io/yaml on go-yaml v2): `yes`, `on`, `y` and `no`, `off`, `n` are true and
false, `0644` is octal, digits may be grouped by `_`, times stay texts, and numbers in base 60 are texts. JSON is typed as
written, being a part of it.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from shardwright.core.marked.tree import ListNode, ScalarNode

if TYPE_CHECKING:
    from shardwright.core.manifests.objects import Value
    from shardwright.core.marked.paths import Path
    from shardwright.core.marked.tree import Node

__all__ = ["Placeholders", "holds_placeholder", "plain_value"]

_TRUE = frozenset(["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"])
_FALSE = frozenset(["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"])
_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_NUMBER_STARTS = frozenset("0123456789+-.")
_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9_]*)")
_BASED = re.compile(r"([-+]?)0(?:[xX]([0-9a-fA-F_]+)|[oO]?([0-7_]+)|[bB]([01_]+))")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_LONGEST_NUMBER = 64

_PLACEHOLDER = re.compile(
    r"%[A-Z][A-Z0-9_]+%|%[a-z][A-Za-z0-9_]{2,}%|<[A-Za-z][A-Za-z0-9_.-]*(?: [A-Za-z0-9_.-]+){0,5}>|\$\{[A-Za-z_][A-Za-z0-9_]*(?:[:=?+-][^}]*)?\}|^\$[A-Z][A-Z0-9_]+$"
)
_SCRIPTS = frozenset(
    {"command", "args", "data", "stringData", "binaryData", "description", "entrypoint", "annotations"}
)
"""Fields whose texts may hold such marks for themselves: a shell's variables, files, prose."""

Placeholders = list["tuple[Path, ScalarNode]"]


def plain_value(node: Node, path: Path, placeholders: Placeholders, *, is_script: bool = False) -> Value:
    """The value of a tree; scalars that hold a placeholder are added to `placeholders`."""
    if isinstance(node, ScalarNode):
        text = node.text
        if not is_script and ("<" in text or "%" in text or "$" in text) and holds_placeholder(text):
            placeholders.append((path, node))
        return _scalar(text) if node.plain else text
    if isinstance(node, ListNode):
        return [
            plain_value(each, (*path, index), placeholders, is_script=is_script)
            for index, each in enumerate(node.items)
        ]
    return {
        key: plain_value(entry.value, (*path, key), placeholders, is_script=is_script or key in _SCRIPTS)
        for key, entry in node.entries.items()
    }


def holds_placeholder(text: str) -> bool:
    """Whether a mark that some program should have replaced stands in a text of one line."""
    return "\n" not in text and _PLACEHOLDER.search(text) is not None


def _scalar(text: str) -> Value:
    if text[:1] in _NUMBER_STARTS:
        return _number(text)
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    return None if text in _NULL else text


def _number(text: str) -> Value:
    if len(text) > _LONGEST_NUMBER:
        return text
    if _WHOLE.fullmatch(text):
        return int(text.replace("_", ""))
    if match := _BASED.fullmatch(text):
        digits, base = (match[2], 16) if match[2] else (match[3], 8) if match[3] else (match[4], 2)
        bare = digits.replace("_", "")
        return (-1 if match[1] == "-" else 1) * int(bare, base) if bare else text
    if _FLOAT.fullmatch(text):
        number = float(text)
        return number if math.isfinite(number) else text
    return text
