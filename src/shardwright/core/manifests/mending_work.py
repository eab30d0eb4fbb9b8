"""What is to happen to the mappings and lists of one object: which entries go, which are new, what is added.

Changes by path are sorted here to the span that they concern; `mending_edits` writes them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from shardwright.core.manifests import mending_words
from shardwright.core.manifests.mending_spans import Items, Text

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from shardwright.core.manifests.mending_spans import Span
    from shardwright.core.manifests.objects import Value
    from shardwright.core.marked.paths import Path
    from shardwright.core.rules.rule import Change

__all__ = ["Work"]


class Work:
    """What is to happen to one mapping or list, and to those inside of it."""

    def __init__(self, span: Items) -> None:
        self.span = span
        self.gone: set[int] = set()
        """Indices of entries that are removed."""
        self.new: dict[int, Value] = {}
        """Values in the place of old ones, by the index of the entry."""
        self.added: dict[str | int, Value] = {}
        """Values under keys or indices that are not there yet."""
        self.inner: dict[int, Work] = {}
        self.homes: dict[str | int, int] = {}
        """Added keys that stand for a removed one, with its index."""

    def note(self, changes: Sequence[Change]) -> None:
        """Take the changes of one mend; what is added beside something that is removed takes its place."""
        for change in changes:
            self.put(change.path, change)
        removed = {change.path[:-1]: change.path[-1] for change in reversed(changes) if change.is_removal}
        for change in changes:
            if not change.is_removal and change.path[:-1] in removed:
                self.replace(change.path, removed[change.path[:-1]])

    def replace(self, path: Path, instead: str | int) -> None:
        """Let what is added at a path stand where a removed neighbour stood."""
        part, inner = path[0], path[1:]
        index = self._index(part if inner else instead)
        if index is None:
            return
        if inner:
            if index in self.inner:
                self.inner[index].replace(inner, instead)
        elif self.span.is_map and part in self.added:
            self.homes[part] = index

    def _index(self, part: str | int) -> int | None:
        for at, each in enumerate(self.span.entries):
            if (each.key is not None and each.key.value == part) if self.span.is_map else at == part:
                return at
        return None

    def put(self, path: Path, change: Change) -> None:
        """Take one change below a path of this mapping or list."""
        index = self._index(path[0])
        if index is None:
            if not change.is_removal:
                _put(self.added, path, change.value)
            return
        value = self.span.entries[index].value
        if len(path) == 1:
            self._at_end(index, value, change)
        elif isinstance(value, Items):
            self.inner.setdefault(index, Work(value)).put(path[1:], change)
        elif not change.is_removal:
            # An empty value: what is put there is gathered until it is written.
            holder: dict[str | int, Value] = {"": self.new.get(index)}
            _put(holder, ("", *path[1:]), change.value)
            self.new[index] = holder[""]

    def _at_end(self, index: int, value: Span, change: Change) -> None:
        if change.is_removal:
            self.gone.add(index)
        elif change.value and isinstance(value, Items) and value.entries and _is_alike(value, change.value):
            self.inner.setdefault(index, Work(value)).become(change.value)
        else:
            self.new[index] = change.value

    def become(self, value: Value) -> None:
        """Change what differs from a value of the same form, and leave what does not."""
        keys: list[str | int] = [each.key.value if each.key else at for at, each in enumerate(self.span.entries)]
        wanted: dict[str | int, Value] = {}
        if isinstance(value, dict):
            wanted.update((key, each) for key, each in value.items())
        elif isinstance(value, list):
            wanted.update(enumerate(value))
        for index, key in enumerate(keys):
            if key not in wanted:
                self.gone.add(index)
                continue
            old, new = self.span.entries[index].value, wanted.pop(key)
            if isinstance(old, Items) and old.entries and _is_alike(old, new):
                self.inner.setdefault(index, Work(old)).become(new)
            elif not _is_same(old, new):
                self.new[index] = new
        self.added.update(wanted)

    def settle(self, emptied: Collection[str]) -> None:
        """Let go of the fields that nothing is left in."""
        for index, work in list(self.inner.items()):
            work.settle(emptied)
            key = self.span.entries[index].key
            if work.is_emptied() and key is not None and key.value in emptied:
                self.gone.add(index)
                del self.inner[index]

    def settled(self) -> tuple[dict[int, dict[str | int, Value]], dict[str | int, Value]]:
        """What is added in the place of an entry that is removed, by its index, and what is added at the end."""
        settled: dict[int, dict[str | int, Value]] = {}
        added = dict(self.added)
        for key, index in self.homes.items():
            if index in self.gone:
                settled.setdefault(index, {})[key] = added.pop(key)
        # Where nothing else is left there is no end to add to.
        if added and len(self.gone) == len(self.span.entries) and self.gone:
            settled.setdefault(min(self.gone), {}).update(added)
            added = {}
        return settled, added

    def is_emptied(self) -> bool:
        """Whether everything is removed and nothing is added."""
        return bool(self.gone) and len(self.gone) == len(self.span.entries) and not self.added


def _is_alike(span: Items, value: Value) -> bool:
    return isinstance(value, dict) if span.is_map else isinstance(value, list)


def _is_same(span: Span, value: Value) -> bool:
    if not isinstance(span, Text):
        return False
    written = value if isinstance(value, str) else json.dumps(value)
    return span.value == written and (bool(span.style) or mending_words.scalar_text(value) == span.value)


def _put(into: dict[str | int, Value], path: Path, value: Value) -> None:
    """Set a value in what is to be added; lists grow at their end."""
    holder: dict[str | int, Value] | list[Value] = into
    for part, following in zip(path, [*path[1:], None], strict=True):
        fresh: Value = value if following is None else [] if isinstance(following, int) else {}
        if isinstance(holder, list):
            if not isinstance(part, int) or part >= len(holder):
                holder.append(fresh)
            elif following is None:
                holder[part] = fresh
            step = holder[min(part, len(holder) - 1)] if isinstance(part, int) else holder[-1]
        else:
            if following is None or holder.get(part) is None:
                holder[part] = fresh
            step = holder[part]
        if not isinstance(step, dict | list):
            return
        holder = step  # pyright: ignore[reportAssignmentType] - its keys are texts, which are allowed
