"""A text in YAML or JSON as a tree of spans: where each key, value and item begins and ends, counted in characters.

Only texts that are mended are read a second time for this; the trees of `core.marked`, which every lint makes, carry no
ends. An alias is a span of its own, never what it stands for. Knows no field. Source of places: the parser's marks.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yaml.events import Event

__all__ = ["Alias", "Entry", "Items", "Span", "Text", "Walked", "content_end", "extent", "objects_in", "read_spans"]

# The parser in C where the library was built with it: ten times as fast.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SURROGATE_PAIR = r"(?<!\\)((?:\\\\)*)\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"


class Text(NamedTuple):
    """A scalar."""

    start: int
    end: int
    value: str
    style: str
    """`'`, `"`, `|`, `>`, or empty: plain."""
    anchor: str = ""


class Alias(NamedTuple):
    """A use of what an anchor names."""

    start: int
    end: int
    anchor: str


class Entry(NamedTuple):
    """A key with its value, or an item, which has no key."""

    key: Text | None
    value: Span


class Items(NamedTuple):
    """A mapping or a list."""

    start: int
    end: int
    place: tuple[int, int]
    """Line and column of its beginning as marks have them, both counted from 1."""
    is_map: bool
    is_flow: bool
    entries: tuple[Entry, ...]
    anchor: str = ""

    def at(self, part: str | int) -> Entry | None:
        """The entry of a name or an index; None where there is none."""
        if not self.is_map:
            return self.entries[part] if isinstance(part, int) and 0 <= part < len(self.entries) else None
        return next((each for each in self.entries if each.key is not None and each.key.value == part), None)


Span: TypeAlias = "Text | Alias | Items"


class Walked(NamedTuple):
    """A text's documents, and the anchors that are used."""

    roots: tuple[Span, ...]
    used: frozenset[str]


def read_spans(text: str) -> Walked:
    """The spans of a text that can be read; ValueError if it cannot."""
    if text.lstrip()[:1] in {"{", "["}:
        # A character in two halves is no YAML; two blanks stand there as long.
        text = re.sub(_SURROGATE_PAIR, r"\1\\u0020\\u0020", text)
    loader: Any = _LOADER(text)  # its methods carry no types
    reader = _Reader(loader)
    try:
        return Walked(tuple(reader.roots()), frozenset(reader.used))
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def objects_in(walked: Walked) -> Iterator[Items]:
    """Mappings that can be objects: documents, items of lists of objects, and objects of templates."""
    waiting = list(reversed(walked.roots))
    while waiting:
        span = waiting.pop()
        if isinstance(span, Items) and span.is_map:
            yield span
            for name in ("objects", "items"):
                listed = span.at(name)
                if listed is not None and isinstance(listed.value, Items) and not listed.value.is_map:
                    waiting.extend(each.value for each in reversed(listed.value.entries))


def content_end(text: str, span: Span) -> int:
    """Where what a span holds ends, without the comments and blank lines that follow."""
    if isinstance(span, Items) and not span.is_flow and span.entries:
        return content_end(text, span.entries[-1].value)
    end = min(span.end, len(text))
    if isinstance(span, Text) and span.style in {"|", ">"}:
        while end > span.start and text[end - 1] in " \r\n":
            end -= 1
    return end


def extent(text: str, span: Items, index: int) -> tuple[int, int]:
    """Where an entry begins, with its key, and where its value ends."""
    entry = span.entries[index]
    start = entry.value.start if entry.key is None else entry.key.start
    return start, max(content_end(text, entry.value), start)


class _Reader:
    """Events become spans; holds which anchors were used."""

    def __init__(self, loader: Any) -> None:  # noqa: ANN401 - the parser's methods carry no types
        self._next = loader.get_event
        self.used: set[str] = set()

    def roots(self) -> Iterator[Span]:
        """The root of each document."""
        while not isinstance(event := self._next(), yaml.StreamEndEvent):
            if isinstance(event, yaml.DocumentStartEvent):
                yield self._span(self._next())

    def _span(self, event: Event) -> Span:
        start, end = cast("Any", event.start_mark), cast("Any", event.end_mark)
        if isinstance(event, yaml.AliasEvent):
            self.used.add(event.anchor or "")
            return Alias(start.index, end.index, event.anchor or "")
        if isinstance(event, yaml.ScalarEvent):
            return Text(start.index, end.index, event.value, event.style or "", event.anchor or "")
        if isinstance(event, yaml.SequenceStartEvent):
            return self._items(event, start, is_map=False)
        return self._items(event, start, is_map=True)

    def _items(self, event: Any, start: Any, *, is_map: bool) -> Items:  # noqa: ANN401 - marks carry no types
        ends = yaml.MappingEndEvent if is_map else yaml.SequenceEndEvent
        entries: list[Entry] = []
        while not isinstance(following := self._next(), ends):
            key = self._span(following) if is_map else None
            value = self._span(self._next() if is_map else following)
            entries.append(Entry(key if isinstance(key, Text) else None, value))
        end: Any = following.end_mark
        return Items(
            start.index,
            end.index,
            (start.line + 1, start.column + 1),
            is_map,
            bool(event.flow_style),
            tuple(entries),
            event.anchor or "",
        )
