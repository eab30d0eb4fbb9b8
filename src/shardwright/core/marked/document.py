"""Texts in YAML or JSON become marked trees, each document with its faults.

Knows YAML's syntax and what a recipe does without: tags, merge keys, keys twice. The trees are built from the parser's
events, not from its nodes, so that the bounds on depth and size hold while reading and aliases count as often as they
are used. Plain text in, values out; files are read elsewhere.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import yaml

from shardwright import errors
from shardwright.core.marked import secret_values
from shardwright.core.marked.tree import (
    Document,
    Entry,
    ListNode,
    MapNode,
    Mark,
    Node,
    ScalarNode,
    describe,
    fault_at,
    is_null,
)
from shardwright.core.marked.yaml_events import Events

if TYPE_CHECKING:
    from yaml.events import Event

__all__ = ["MANIFESTS", "RECIPES", "Bounds", "decode", "is_empty", "parse_documents"]


class Bounds(NamedTuple):
    """How much of YAML is read, and how much of a text."""

    depth: int
    """Deepest nesting."""
    nodes: int
    """Values of one text, each use of an alias counted."""
    is_plain: bool = True
    """Tags and merge keys are faults, as in recipes; else they are read as Kubernetes does."""


RECIPES = Bounds(50, 20_000)
"""Affinity, the deepest part of a real recipe, has about ten levels; a large recipe has a few hundred values."""
MANIFESTS = Bounds(100, 500_000, is_plain=False)
"""A CRD, the deepest of real manifests, has about forty levels; a bundle of 1,000 objects has 200,000 values."""

_EMPTY = "the document is empty"
_YAML_TAG = "tag:yaml.org,2002:"
_READ_TAGS = frozenset(f"{_YAML_TAG}{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq"))
_UNREADABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SURROGATE_PAIR = r"(?<!\\)((?:\\\\)*)\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})"


def decode(data: bytes, file: str) -> str:
    """The text of a file; RecipeError if it is not UTF-8."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise errors.RecipeError(
            (errors.Fault("the file is in UTF-16, not in UTF-8", "", file, 1, "save it as UTF-8"),)
        )
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"the file is not in UTF-8: the byte 0x{data[error.start]:02x} stands there"
        raise errors.RecipeError((errors.Fault(message, "", file, line, "save it as UTF-8"),)) from error


def parse_documents(text: str, file: str, *, is_option: bool = False, bounds: Bounds = RECIPES) -> tuple[Document, ...]:
    """The documents of a text, with their faults; none in a text of blanks and comments.

    After a fault of syntax nothing more is read. All marks of an option's value have line 0.
    """
    if bad := _UNREADABLE.search(text):
        at = Mark(file, 0 if is_option else text.count("\n", 0, bad.start()) + 1)
        fault = fault_at(at, (), f"the character U+{ord(bad[0]):04X} is not allowed", "remove it")
        return (Document(at, None, (fault,)),)
    if text.lstrip()[:1] in {"{", "["}:
        text = re.sub(_SURROGATE_PAIR, _joined_pair, text)
    return _Builder(text, file, is_option=is_option, bounds=bounds).documents()


def _joined_pair(match: re.Match[str]) -> str:
    """JSON escapes a character beyond U+FFFF in two halves, YAML in one piece."""
    return f"{match[1]}\\U{0x10000 + ((int(match[2], 16) & 0x3FF) << 10) + (int(match[3], 16) & 0x3FF):08x}"


def is_empty(document: Document) -> bool:
    """Whether there is nothing in a document, which is a fault only where it stands alone."""
    return document.root is None and [fault.message for fault in document.faults] == [_EMPTY]


class _Builder:
    """Events become trees; holds what was seen so far: anchors, faults, how much may still come."""

    def __init__(self, text: str, file: str, *, is_option: bool, bounds: Bounds) -> None:
        self._file = file
        self._bounds = bounds
        self._events = Events(text, file, is_option=is_option)
        self._nodes_left = bounds.nodes
        self._path: list[str | int] = []
        self._anchors: dict[str, Node] = {}
        self._faults: list[errors.Fault] = []

    def documents(self) -> tuple[Document, ...]:
        """All documents; the last one has no root if reading had to stop."""
        made: list[Document] = []
        try:
            while not isinstance(event := self._events.next(), yaml.StreamEndEvent):
                if isinstance(event, yaml.DocumentStartEvent):
                    made.append(self._document(self._events.mark(event)))
        except errors.RecipeError as error:
            faults = (*self._faults, *error.faults)
            made.append(Document(Mark(self._file, faults[0].line), None, faults))
        # Generators write a closing `---`; an empty document counts only where there is nothing else.
        return tuple(document for document in made if not is_empty(document)) or tuple(made)

    def _document(self, mark: Mark) -> Document:
        self._anchors, self._faults, self._path = {}, [], []
        root = self._node(self._events.next(), 1)
        if is_null(root):
            return Document(mark, None, (fault_at(mark, (), _EMPTY, "remove its line ---"),))
        return Document(root.mark, root, tuple(self._faults))

    def _node(self, event: Event, depth: int) -> Node:
        mark = self._events.mark(event)
        if isinstance(event, yaml.AliasEvent):
            return self._aliased(event, mark, depth)
        self._nodes_left -= 1
        if self._nodes_left < 0 or depth > self._bounds.depth:
            self._count(0, depth, mark)
        node: Node
        if isinstance(event, yaml.ScalarEvent):
            node = self._scalar(mark, event)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._list(mark, depth)
        else:
            node = self._mapping(mark, depth)
        tag, anchor = getattr(event, "tag", None), getattr(event, "anchor", None)
        if tag:
            self._check_tag(tag, mark)
        if anchor:
            self._anchors[anchor] = node
        return node

    def _check_tag(self, tag: str, mark: Mark) -> None:
        if self._bounds.is_plain:
            self._fault(mark, "tags such as !!str are not used in recipes", "leave it out: each field has its type")
        elif tag not in _READ_TAGS:
            self._fault(mark, f"the tag {secret_values.shown(tag)} is not read", "leave it out")

    def _scalar(self, mark: Mark, event: yaml.ScalarEvent) -> ScalarNode:
        plain = event.style in {None, ""}
        if event.tag and event.tag.startswith(_YAML_TAG):
            plain = event.tag != f"{_YAML_TAG}str"
        # Quotes can bring in by escapes what cannot be written.
        if not plain and (bad := _UNREADABLE.search(event.value)):
            self._fault(mark, f"the character U+{ord(bad[0]):04X} is not allowed", "remove it")
        return ScalarNode(mark, event.value, plain)

    def _list(self, mark: Mark, depth: int) -> ListNode:
        items: list[Node] = []
        while not isinstance(event := self._events.next(), yaml.SequenceEndEvent):
            self._path.append(len(items))
            items.append(self._node(event, depth + 1))
            self._path.pop()
        return ListNode(mark, tuple(items))

    def _mapping(self, mark: Mark, depth: int) -> MapNode:
        entries: dict[str, Entry] = {}
        merged: list[Node] = []
        path, following, inner = self._path, self._events.next, depth + 1
        path.append("")
        while not isinstance(event := following(), yaml.MappingEndEvent):
            key = self._node(event, inner)
            name = key.text if isinstance(key, ScalarNode) else ""
            path[-1] = name
            value = self._node(following(), inner)
            if name == "<<" and not self._bounds.is_plain and isinstance(key, ScalarNode) and key.plain:
                merged.extend(value.items if isinstance(value, ListNode) else (value,))
            elif self._is_usable_key(key, entries):
                entries[name] = Entry(key.mark, value)
        path.pop()
        for node in merged:
            if not isinstance(node, MapNode):
                self._fault(node.mark, f"{describe(node)} cannot be merged with <<", "name an anchor of a mapping")
        return MapNode(mark, _merged(entries, merged) if merged else entries)

    def _is_usable_key(self, key: Node, entries: dict[str, Entry]) -> bool:
        """Whether a key can stand there; if not, a fault is noted."""
        if not isinstance(key, ScalarNode):
            self._fault(key.mark, f"{describe(key)} cannot be a key", "keys are texts")
        elif not key.text:
            self._fault(key.mark, "a key is missing before ':'")
        elif key.text == "<<" and key.plain:
            self._fault(key.mark, "merge keys (<<) are not used in recipes", "write the fields out")
        elif key.text in entries:
            first = entries[key.text].mark
            place = f", first in line {first.line}" if first.line else ""
            self._fault(
                key.mark, f'the key "{secret_values.shown_key(key.text)}" stands there twice{place}', "keep one"
            )
        else:
            return True
        return False

    def _aliased(self, event: yaml.AliasEvent, mark: Mark, depth: int) -> Node:
        node = self._anchors.get(event.anchor or "")
        if node is None:
            message = f'the alias "*{secret_values.shown_key(event.anchor or "")}" has no anchor before it'
            hint = "write the anchor in the same document, before it; quote a text that starts with *"
            raise errors.RecipeError((fault_at(mark, tuple(self._path), message, hint),))
        size, height = _measure(node)
        self._count(size, depth + height - 1, mark)
        return node

    def _count(self, nodes: int, depth: int, mark: Mark) -> None:
        self._nodes_left -= nodes
        if depth > self._bounds.depth:
            raise errors.RecipeError((fault_at(mark, (), f"nested deeper than {self._bounds.depth} levels"),))
        if self._nodes_left < 0:
            message = f"more than {self._bounds.nodes} values, each use of an alias counted"
            raise errors.RecipeError((fault_at(mark, (), message, "split the file"),))

    def _fault(self, mark: Mark, message: str, hint: str = "") -> None:
        self._faults.append(fault_at(mark, tuple(self._path), message, hint))


def _merged(entries: dict[str, Entry], nodes: list[Node]) -> dict[str, Entry]:
    """Entries with those of other mappings; what is there already stays."""
    for node in nodes:
        for name, entry in node.entries.items() if isinstance(node, MapNode) else ():
            entries.setdefault(name, entry)
    return entries


def _measure(node: Node) -> tuple[int, int]:
    """Values in a tree, and its levels."""
    if isinstance(node, ScalarNode):
        return 1, 1
    inner = node.items if isinstance(node, ListNode) else [entry.value for entry in node.entries.values()]
    sizes = [_measure(each) for each in inner]
    keys = len(sizes) if isinstance(node, MapNode) else 0
    return 1 + keys + sum(size for size, _ in sizes), 1 + max((height for _, height in sizes), default=0)
