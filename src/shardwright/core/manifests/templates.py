"""Templates of OpenShift: their objects with the parameters put in, each value still where it stands in the template.

`${NAME}` is replaced inside texts, which stay texts; `${{NAME}}` alone is replaced by a value of any type. A parameter
without a value is empty, as `oc process` has it; one that is required, or made by chance, has some text in its place, and
what holds it is not judged. Source: openshift/library-go pkg/template (template.go), API template.openshift.io/v1.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from shardwright.core.marked import tree
from shardwright.core.marked.tree import Entry, ListNode, MapNode, ScalarNode

if TYPE_CHECKING:
    from shardwright.core.marked.paths import Path
    from shardwright.core.marked.tree import Mark, Node

__all__ = ["Complaint", "Filled", "fill", "is_template"]

_NAME = re.compile(r"[A-Za-z0-9_]+")
_INSIDE = re.compile(r"\$\{([A-Za-z0-9_]+)\}")
_WHOLE = re.compile(r"\$\{\{([A-Za-z0-9_]+)\}\}")
_JSON = re.compile(r"true|false|null|-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_VERSIONS = frozenset({"v1", "template.openshift.io/v1"})
_MOST_CHARACTERS = 4 * 1024 * 1024
"""What all replacements in one template may come to."""
_UNKNOWN = "unknown"


class Complaint(NamedTuple):
    """What is wrong with a template itself."""

    mark: Mark
    message: str
    is_error: bool = True


class Filled(NamedTuple):
    """One object of a template."""

    node: Node
    unsettled: frozenset[Path]
    """Scalars that hold a parameter whose value is not known."""


class _Parameter(NamedTuple):
    text: str
    is_known: bool


def is_template(api_version: str, kind: str) -> bool:
    """Whether an object is a Template of OpenShift."""
    return kind == "Template" and api_version in _VERSIONS


def fill(root: MapNode) -> tuple[list[Filled], list[Complaint]]:
    """The objects of a template and what is wrong with its parameters."""
    complaints: list[Complaint] = []
    filler = _Filler(_parameters(root, complaints))
    entry = root.entries.get("objects")
    if entry is None or not isinstance(entry.value, ListNode):
        complaints.append(Complaint(entry.mark if entry else root.mark, "a Template has a list of objects"))
        return [], complaints
    objects: list[Filled] = []
    for item in entry.value.items:
        filler.unsettled = set()
        node = filler.filled(item, ())
        objects.append(Filled(node, frozenset(filler.unsettled)))
    if filler.is_full:
        message = f"the parameters put in come to more than {_MOST_CHARACTERS} characters; the rest stays as it is"
        complaints.append(Complaint(entry.mark, message))
    return objects, complaints


def _parameters(root: MapNode, complaints: list[Complaint]) -> dict[str, _Parameter]:
    entry = root.entries.get("parameters")
    if entry is None or tree.is_null(entry.value):
        return {}
    if not isinstance(entry.value, ListNode):
        complaints.append(Complaint(entry.mark, "parameters is no list"))
        return {}
    found: dict[str, _Parameter] = {}
    for item in entry.value.items:
        name = _text(item, "name")
        if not isinstance(item, MapNode) or not _NAME.fullmatch(name):
            complaints.append(Complaint(item.mark, "a parameter has a name of letters, digits and _"))
        elif name in found:
            complaints.append(Complaint(item.mark, f"the parameter {name} stands twice"))
        else:
            found[name] = _parameter(item, name, complaints)
    return found


def _parameter(item: MapNode, name: str, complaints: list[Complaint]) -> _Parameter:
    value = _text(item, "value")
    if value:
        return _Parameter(value, is_known=True)
    if _text(item, "generate"):
        return _Parameter(_UNKNOWN, is_known=False)
    if _text(item, "required").lower() in {"true", "yes", "on", "y"}:
        message = f"the parameter {name} is required and has no value"
        complaints.append(Complaint(item.mark, message, is_error=False))
        return _Parameter(_UNKNOWN, is_known=False)
    return _Parameter("", is_known=True)


def _text(node: Node, name: str) -> str:
    entry = node.entries.get(name) if isinstance(node, MapNode) else None
    value = entry.value if entry else None
    return value.text if isinstance(value, ScalarNode) and not tree.is_null(value) else ""


class _Filler:
    """Puts parameters in, and keeps count of what that comes to."""

    def __init__(self, parameters: dict[str, _Parameter]) -> None:
        self._parameters = parameters
        self._left = _MOST_CHARACTERS
        self.is_full = False
        self.unsettled: set[Path] = set()

    def filled(self, node: Node, path: Path) -> Node:
        """The same tree with the parameters put in; what holds none stays the same."""
        if isinstance(node, ScalarNode):
            return self._scalar(node, path) if "${" in node.text else node
        if isinstance(node, ListNode):
            return ListNode(node.mark, tuple(self.filled(each, (*path, i)) for i, each in enumerate(node.items)))
        entries: dict[str, Entry] = {}
        for key, entry in node.entries.items():
            name = self._replaced(key)[0] if "${" in key else key
            entries[name] = Entry(entry.mark, self.filled(entry.value, (*path, name)))
        return MapNode(node.mark, entries)

    def _scalar(self, node: ScalarNode, path: Path) -> ScalarNode:
        whole = _WHOLE.fullmatch(node.text)
        parameter = self._parameters.get(whole[1]) if whole else None
        if parameter is not None:
            if not parameter.is_known:
                self.unsettled.add(path)
            return ScalarNode(node.mark, parameter.text, plain=_JSON.fullmatch(parameter.text) is not None)
        text, is_known = self._replaced(node.text)
        if not is_known:
            self.unsettled.add(path)
        return node if text == node.text else ScalarNode(node.mark, text, plain=False)

    def _replaced(self, text: str) -> tuple[str, bool]:
        used = [self._parameters[name] for name in _INSIDE.findall(text) if name in self._parameters]
        grown = sum(len(each.text) for each in used)
        if grown > self._left:
            self.is_full = True
            return text, False
        self._left -= grown
        made = _INSIDE.sub(
            lambda match: self._parameters[match[1]].text if match[1] in self._parameters else match[0], text
        )
        return made, all(each.is_known for each in used)
