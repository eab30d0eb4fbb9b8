"""An import for people and for programs: notes, then what differs, object by object."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from shardwright.cli.plan_view import finding_line
from shardwright.core.manifests.differences import ABSENT
from shardwright.core.rules.document import finding_document
from shardwright.service import import_comparison

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.service.import_comparison import Told
    from shardwright.service.importing import ImportResult

__all__ = ["as_data", "text"]

_LONGEST = 110


def as_data(result: ImportResult) -> dict[str, Any]:
    """All of it as JSON values; what is not there is null on its side."""
    return {
        "recipe": result.document,
        "platform": result.platform,
        "version": result.version,
        "compared": result.is_compared,
        "differences": [_difference(told) for told in result.differences],
        "findings": [finding_document(each) for each in result.findings],
    }


def _difference(told: Told) -> dict[str, Any]:
    original, rendered = (None if each is ABSENT else each for each in import_comparison.shown(told))
    return {
        "kind": told.kind,
        "name": told.name,
        "path": told.difference.path,
        "change": _change(told),
        "original": original,
        "rendered": rendered,
        "reason": told.reason or None,
    }


def _change(told: Told) -> str:
    if told.difference.rendered is ABSENT:
        return "lost"
    return "added" if told.difference.original is ABSENT else "changed"


def text(result: ImportResult) -> str:
    """Notes and differences."""
    lines = [finding_line(each) for each in result.findings]
    if not result.is_compared:
        return "\n".join(lines)
    count = len(result.differences)
    where = f"{result.platform} {result.version}"
    if not count:
        return "\n".join([*lines, f"rendered for {where}, the recipe gives what was imported: no difference"])
    said = "1 difference" if count == 1 else f"{count} differences"
    lines.append(f"{said} between what was imported (-) and what the recipe renders for {where} (+):")
    owner = ""
    for told in result.differences:
        if f"{told.kind} {told.name}" != owner:
            owner = f"{told.kind} {told.name}"
            lines.append(f"  {owner}")
        lines.extend(_lines(told))
    return "\n".join(lines)


def _lines(told: Told) -> Iterator[str]:
    shown: tuple[object, object] = import_comparison.shown(told)
    original, rendered = shown
    yield f"    {told.difference.path or 'the whole object'}"
    if isinstance(original, list) and isinstance(rendered, list):
        shown = _words(cast("list[object]", original), cast("list[object]", rendered))
    for sign, value in zip("-+", shown, strict=True):
        if value is not ABSENT:
            yield f"      {sign} {_value(value)}"
    if told.reason:
        yield f"      stays: {told.reason}"


def _words(original: list[object], rendered: list[object]) -> tuple[object, object]:
    """Of two commands what only one of them has; both in full where they differ in order alone."""
    ours, theirs = list(original), list(rendered)
    for word in original:
        if word in theirs:
            ours.remove(word)
            theirs.remove(word)
    if not ours and not theirs:
        return original, rendered
    return (_joined(ours) if ours else ABSENT), (_joined(theirs) if theirs else ABSENT)


def _joined(words: list[object]) -> str:
    return " ".join(str(word) for word in words)


def _value(value: object) -> str:
    shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    line = " ".join(shown.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]} ..."
