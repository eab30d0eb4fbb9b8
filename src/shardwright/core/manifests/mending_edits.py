"""Changes of an object become edits of its text: ranges of characters and what is to stand there.

A new key stands in the place of a removed one of the same mapping, else after the last one; its line is indented as its
neighbours are. Lines end as those around them do. Knows spans, no field but those that go when they are empty.
"""

from __future__ import annotations

import functools
import itertools
from typing import TYPE_CHECKING

from shardwright.core.manifests import mending_spans, mending_words
from shardwright.core.manifests.mending_flow import Edit, FlowWriter
from shardwright.core.manifests.mending_spans import Items, Text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from shardwright.core.manifests.mending_work import Work
    from shardwright.core.manifests.objects import Value

__all__ = ["Edit", "edits", "spliced"]


def edits(text: str, works: Iterable[Work], emptied: Collection[str]) -> Iterator[Edit]:
    """All edits of the objects of a text."""
    writer = _Writer(text)
    for work in works:
        work.settle(emptied)
        yield from writer.edits(work)


def spliced(text: str, made: Sequence[Edit]) -> str | None:
    """The text with edits; None where two of them touch the same characters."""
    parts: list[str] = []
    at = 0
    for edit in sorted(made, key=lambda each: (each.start, each.end, -each.column)):
        if edit.start < at:
            return None
        parts.extend((text[at : edit.start], edit.text))
        at = edit.end
    return "".join((*parts, text[at:]))


class _Writer:
    """Writes into one text; holds how it is written."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._flow = FlowWriter(text)
        self._newline = "\r\n" if "\r\n" in text else "\n"

    def edits(self, work: Work) -> Iterator[Edit]:
        """The edits of a mapping or list and of what is in it."""
        for index, inner in work.inner.items():
            if inner.is_emptied():
                yield self._emptied(inner.span)
            elif index not in work.gone:
                yield from self.edits(inner)
        yield from self._flow.edits(work) if work.span.is_flow else self._block(work)

    def _emptied(self, span: Items) -> Edit:
        """What has no entries left stays as an empty mapping or list."""
        start, end = span.start, mending_spans.content_end(self._text, span)
        if not span.is_flow:
            start = self._first(span)
            before = self._text[:start].rstrip(" \r\n")
            if before.endswith(":") and "\n" in self._text[len(before) : start]:
                return Edit(len(before), end, " {}" if span.is_map else " []")
        return Edit(start, end, "{}" if span.is_map else "[]")

    # Block style

    def _block(self, work: Work) -> Iterator[Edit]:
        span = work.span
        settled, added = work.settled()
        for index, value in work.new.items():
            if index not in work.gone:
                yield self._replaced(span, index, value)
        for index in sorted(work.gone):
            start, end = mending_spans.extent(self._text, span, index)
            if index in settled:
                glue = self._newline + " " * _column(self._text, self._first(span))
                words = glue.join(self._lines(span, settled[index]))
                # The dash of an item stays where it is.
                yield Edit(start, end, words if span.is_map else words.removeprefix("- "))
            else:
                yield self._removed(span, index, start, end)
        if added:
            yield self._appended(span, self._lines(span, added))

    def _lines(self, span: Items, added: dict[str | int, Value]) -> list[str]:
        is_indented = self._has_indented_lists(span)
        if span.is_map:
            return mending_words.block_lines({str(key): each for key, each in added.items()}, is_indented=is_indented)
        return mending_words.block_lines(list(added.values()), is_indented=is_indented)

    def _has_indented_lists(self, span: Items) -> bool:
        """How lists stand below keys here: as the nearest one inside does, else as the first one of the text."""
        for entry in span.entries:
            if entry.key is not None and isinstance(entry.value, Items) and not entry.value.is_map:
                return not entry.value.is_flow and _column(self._text, self._first(entry.value)) > _column(
                    self._text, entry.key.start
                )
        return self._is_indented

    @functools.cached_property
    def _is_indented(self) -> bool:
        for before, line in itertools.pairwise(self._text.split("\n")):
            if before.rstrip().endswith(":") and line.lstrip(" ").startswith("- "):
                return len(line) - len(line.lstrip(" ")) > len(before) - len(before.lstrip(" -"))
        return False

    def _appended(self, span: Items, lines: list[str]) -> Edit:
        column = _column(self._text, self._first(span))
        end = _line_end(self._text, mending_spans.content_end(self._text, span))
        glue = self._newline + " " * column
        return Edit(end, end, glue + glue.join(lines), column)

    def _replaced(self, span: Items, index: int, value: Value) -> Edit:
        start, end = mending_spans.extent(self._text, span, index)
        entry = span.entries[index]
        old = entry.value
        if isinstance(old, Text) and not isinstance(value, dict | list):
            return self._scalar(old, value)
        is_indented = self._has_indented_lists(span)
        if entry.key is None:
            lines = mending_words.block_lines(value, is_indented=is_indented)
        else:
            lines = mending_words.block_lines({entry.key.value: value}, is_indented=is_indented)
        return Edit(start, end, (self._newline + " " * _column(self._text, start)).join(lines))

    def _scalar(self, old: Text, value: Value) -> Edit:
        end = mending_spans.content_end(self._text, old)
        source = self._text[old.start : end]
        if isinstance(value, str) and "\n" in source and (part := _part(source, old.value, value)):
            return Edit(old.start + part.start, old.start + part.end, part.text)
        words = mending_words.like(value, old.style)
        return Edit(old.start, end, f" {words}" if self._text[old.start - 1 : old.start] == ":" else words)

    def _removed(self, span: Items, index: int, start: int, end: int) -> Edit:
        text = self._text
        dash = start if span.is_map else text.rfind("-", 0, start)
        line = text.rfind("\n", 0, dash) + 1
        if not text[line:dash].strip(" "):
            before = line - 1 if line else 0
            if line and text[before - 1 : before] == "\r":
                before -= 1
            after = _line_end(self._text, end)
            return Edit(before, after, "") if line else Edit(0, min(after + len(self._newline), len(text)), "")
        following = span.entries[index + 1] if index + 1 < len(span.entries) else None
        if following is None:
            return Edit(start, end, "{}" if span.is_map else "[]")
        until = mending_spans.extent(self._text, span, index + 1)[0]
        return Edit(start, end if "#" in text[end:until] else until, "")

    def _first(self, span: Items) -> int:
        """Where the first key or dash of a block stands."""
        first = span.entries[0]
        if first.key is not None:
            return first.key.start
        return self._text.rfind("-", 0, max(first.value.start, span.start + 1))


def _column(text: str, at: int) -> int:
    return at - (text.rfind("\n", 0, at) + 1)


def _line_end(text: str, at: int) -> int:
    found = text.find("\n", at)
    if found < 0:
        return len(text)
    return found - 1 if text[found - 1] == "\r" else found


def _part(source: str, old: str, new: str) -> Edit | None:
    """The change of a text of several lines as an edit of how it is written; None where that cannot be told."""
    start = next(
        (at for at, (one, other) in enumerate(zip(old, new, strict=False)) if one != other), min(len(old), len(new))
    )
    tail = 0
    while tail < min(len(old), len(new)) - start and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    for width in range(0, 80, 4):
        before = max(start - width, old.rfind("\n", 0, start) + 1)
        end = len(old) - tail
        line_end = old.find("\n", end)
        after = min(end + width, len(old) if line_end < 0 else line_end)
        piece = old[before:after]
        if piece and source.count(piece) == 1:
            at = source.index(piece)
            return Edit(at, at + len(piece), new[before : len(new) - len(old) + after])
    return None
