"""Changes of mappings and lists in flow style, which JSON is a part of, become edits of their text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from shardwright.core.manifests import mending_spans, mending_words
from shardwright.core.manifests.mending_spans import Entry, Items, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.mending_work import Work
    from shardwright.core.manifests.objects import Value

__all__ = ["Edit", "FlowWriter"]


class Edit(NamedTuple):
    """What is to stand in the place of some characters."""

    start: int
    end: int
    text: str
    column: int = 0
    """Indentation of what is inserted; of several insertions at one place the deepest stands first."""


class FlowWriter:
    """Writes into one text; holds how it is written."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._is_json = text.lstrip("\ufeff \t\r\n")[:1] in {"{", "["}
        self._newline = "\r\n" if "\r\n" in text else "\n"

    def edits(self, work: Work) -> Iterator[Edit]:
        """The edits of one mapping or list, without those inside of it."""
        span, entries = work.span, work.span.entries
        settled, added = work.settled()
        for index, value in work.new.items():
            if index not in work.gone:
                yield self._replaced_flow(entries[index], value)
        left = [index for index in range(len(entries)) if index not in work.gone or index in settled]
        for index in sorted(work.gone):
            start, end = mending_spans.extent(self._text, span, index)
            if index in settled:
                yield Edit(start, end, ", ".join(self._flow_entries(span, settled[index], start)))
            elif left and index > left[0]:
                yield Edit(mending_spans.extent(self._text, span, index - 1)[1], end, "")
            else:
                yield Edit(
                    start, mending_spans.extent(self._text, span, index + 1)[0] if index + 1 < len(entries) else end, ""
                )
        if added:
            yield self._appended_flow(span, added)

    def _replaced_flow(self, entry: Entry, value: Value) -> Edit:
        old = entry.value
        is_json = self._is_json or (entry.key is not None and entry.key.style == '"')
        if isinstance(old, Text) and not isinstance(value, dict | list) and not is_json:
            words = mending_words.like(value, old.style) if old.style else mending_words.flow_text(value)
        else:
            words = mending_words.json_text(value, None) if is_json else mending_words.flow_text(value)
        is_bare = self._text[old.start - 1 : old.start] in {":", ","}
        return Edit(old.start, old.end, f" {words}" if is_bare and old.start == old.end else words)

    def _appended_flow(self, span: Items, added: dict[str | int, Value]) -> Edit:
        if not span.entries:
            return Edit(span.start + 1, span.start + 1, ", ".join(self._flow_entries(span, added, None)))
        start, end = mending_spans.extent(self._text, span, len(span.entries) - 1)
        line = self._text.rfind("\n", 0, start) + 1
        is_own_line = not self._text[line:start].strip(" \t") and line > span.start
        glue = f",{self._newline}{self._text[line:start]}" if is_own_line else ", "
        return Edit(
            end, end, "".join(glue + each for each in self._flow_entries(span, added, start if is_own_line else None))
        )

    def _flow_entries(self, span: Items, added: dict[str | int, Value], at: int | None) -> list[str]:
        first = span.entries[0] if span.entries else None
        sample = None if first is None else first.key or first.value
        is_json = self._is_json or (isinstance(sample, Text) and sample.style == '"')
        column = None
        if at is not None and not self._text[self._text.rfind("\n", 0, at) + 1 : at].strip(" "):
            column = at - (self._text.rfind("\n", 0, at) + 1)
        return [
            (f"{self._flow_key(str(key), is_json=is_json)}: " if span.is_map else "")
            + (mending_words.json_text(each, column) if is_json else mending_words.flow_text(each)).replace(
                "\n", self._newline
            )
            for key, each in added.items()
        ]

    @staticmethod
    def _flow_key(key: str, *, is_json: bool) -> str:
        return json.dumps(key, ensure_ascii=False) if is_json else mending_words.flow_text(key)
