"""Manifests are mended in their text: what is changed is spliced in, every other line stays byte for byte as it was.

A mend is the changes that put one breach right in one object; it is made whole or not at all. Two mends of one place are not
made together: the first is, the other waits for the next round of lint. What is written is read again, and it must be the old
values with the changes and nothing else. What several places share by an anchor is not changed. Pure: text in, text out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from shardwright.core.manifests import mending_edits, mending_spans, mending_values
from shardwright.core.manifests.mending_spans import Alias, Items, Text
from shardwright.core.manifests.mending_work import Work
from shardwright.core.manifests.reading import read_manifests

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from shardwright.core.manifests.mending_spans import Span, Walked
    from shardwright.core.manifests.objects import Object, Value
    from shardwright.core.manifests.reading import Reading
    from shardwright.core.rules.rule import Change

    Reader = Callable[[bytes, str], Reading]

__all__ = ["OVERLAP", "Mend", "Mended", "mend_text"]

OVERLAP = "another mend changes the same place"
_ALIASED = "it stands in what several places share by an anchor"
_UNSAFE = "it cannot be written safely there"
_MOST_ALONE = 100
"""Mends of one text that are tried one by one; the others wait for the next round."""


class Mend(NamedTuple):
    """The changes that put one breach right."""

    number: int
    """Of the object among those of its file."""
    changes: tuple[Change, ...]


class Mended(NamedTuple):
    """A text after some mends."""

    text: str
    refused: tuple[str, ...]
    """For each mend why it was not made; empty where it was."""


def mend_text(text: str, objects: Sequence[Object], mends: Sequence[Mend], read: Reader = read_manifests) -> Mended:
    """The text with all mends that can be made together; `objects` are those that `read` finds in it."""
    try:
        walked = mending_spans.read_spans(text)
    except ValueError:
        return Mended(text, ("the text cannot be read a second time",) * len(mends))
    made = _made(text, walked, objects, mends, read)
    if made is not None:
        return made
    # What came out is not what was meant: one mend at a time tells which one is to blame.
    refused: list[str] = []
    kept: list[Mend] = []
    best = Mended(text, ())
    for mend in mends[:_MOST_ALONE]:
        tried = _made(text, walked, objects, [*kept, mend], read)
        if tried is not None and not tried.refused[-1]:
            kept.append(mend)
            best = tried
        refused.append(_UNSAFE if tried is None else tried.refused[-1])
    return Mended(best.text, (*refused, *(OVERLAP for _ in mends[_MOST_ALONE:])))


def _made(text: str, walked: Walked, objects: Sequence[Object], mends: Sequence[Mend], read: Reader) -> Mended | None:
    """The text with these mends, None where it does not read as it should."""
    roots = {span.place: span for span in mending_spans.objects_in(walked)}
    works: dict[int, Work] = {}
    seen: dict[int, list[Change]] = {}
    refused: list[str] = []
    for mend in mends:
        mark = objects[mend.number].root.mark
        root = roots.get((mark.line, mark.column))
        before = seen.setdefault(mend.number, [])
        reason = _ALIASED if root is None else _taken(mend.changes, before)
        if root is not None and not reason:
            reason = _blocked(walked, root, mend)
        if root is not None and not reason:
            work = works.setdefault(mend.number, Work(root))
            fresh = [change for change in mend.changes if change not in before]
            work.note(fresh)
            before.extend(fresh)
        refused.append(reason)
    edits = list(mending_edits.edits(text, works.values(), mending_values.EMPTIED))
    new = mending_edits.spliced(text, edits)
    if new is None:
        return None
    wanted = [(each.kind, mending_values.changed(each.value, seen.get(at, []))) for at, each in enumerate(objects)]
    found = read(new.encode(), objects[0].root.mark.file).objects if objects else ()
    is_meant = [_own(each.kind, each.value) for each in found] == [_own(*each) for each in wanted]
    return Mended(new, tuple(refused)) if is_meant else None


def _own(kind: str, value: Mapping[str, Value]) -> Mapping[str, Value]:
    """What is an object's own: the objects in a template stand for themselves beside it."""
    return {key: each for key, each in value.items() if key != "objects"} if kind == "Template" else value


def _taken(changes: Sequence[Change], before: Sequence[Change]) -> str:
    """Why changes cannot be made after others in the same round; empty if they can."""
    for change in changes:
        for other in before:
            shorter = min(len(change.path), len(other.path))
            if change.path[:shorter] == other.path[:shorter] and change != other:
                return OVERLAP
    return ""


def _blocked(walked: Walked, root: Items, mend: Mend) -> str:
    """Why an object's text has no place for changes; empty if it has."""
    if root.anchor in walked.used:
        return _ALIASED
    return next((reason for change in mend.changes if (reason := _no_way(walked, root, change))), "")


def _no_way(walked: Walked, root: Items, change: Change) -> str:
    span: Span = root
    for index, part in enumerate(change.path):
        if not isinstance(span, Items):
            return "" if _is_null(span) else "a value stands where a mapping or list should"
        entry = span.at(part)
        if entry is None:
            is_hidden = span.at("<<") is not None and (index + 1 < len(change.path) or change.is_removal)
            return _ALIASED if is_hidden else ""
        span = entry.value
        if isinstance(span, Alias) or span.anchor in walked.used:
            return _ALIASED
    return ""


def _is_null(span: Text | Alias) -> bool:
    return isinstance(span, Text) and not span.style and span.value in {"", "~", "null", "Null", "NULL"}
