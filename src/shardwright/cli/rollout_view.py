"""What an apply would do: one line an object, one a field that changes, and what its values were and will be; or as data."""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING, Any, cast

from shardwright.core.lifecycle import plan_difference, updates
from shardwright.core.manifests.differences import ABSENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shardwright.core.lifecycle.changes import ObjectChange
    from shardwright.core.manifests.differences import Difference
    from shardwright.service.rollout import Rollout, Step

__all__ = ["changes_text", "fields_text", "group_document", "rollout_document", "rollout_text", "step_text"]

_SIGNS = {"create": "+", "update": "~", "unchanged": " ", "recreate": "!", "prune": "-"}
_WIDEST = 100


def rollout_text(rollout: Rollout) -> str:
    """All changes and how many there are of each kind."""
    if not rollout.is_needed:
        return f"{rollout.namespace}/{rollout.name}: nothing changes"
    changes = (*rollout.changes, *rollout.stale)
    counts = {action: sum(change.action == action for change in changes) for action in _SIGNS}
    told = ", ".join(f"{count} to {action}" for action, count in counts.items() if count and action != "unchanged")
    kept = f", {counts['unchanged']} unchanged" if counts["unchanged"] else ""
    head = f"{rollout.namespace}/{rollout.name}: {told}{kept}"
    return "\n".join([head, *(f"  {line}" for line in _meaning(rollout)), *changes_text(changes)])


def _meaning(rollout: Rollout) -> Iterator[str]:
    """What the change is for those who use and pay for it."""
    yield from rollout.notes
    if rollout.before is None:
        return
    yield from plan_difference.plan_difference(rollout.before.plan, rollout.wanted.plan)
    if rollout.course is not None:
        yield from updates.told(rollout.course)


def step_text(step: Step) -> str:
    """One line for a step that is done."""
    told = f": {step.message}" if step.message else ""
    words = {"apply": "", "prune": "", "wait": "waiting for ", "revision": "revision "}
    return f"{words[step.action]}{step.subject}{told}"


def changes_text(changes: Sequence[ObjectChange]) -> Iterator[str]:
    """Lines for objects that change."""
    for change in changes:
        if change.action == "unchanged":
            continue
        yield f"{_SIGNS[change.action]} {change}"
        if change.why:
            yield f"    {change.why}"
        yield from fields_text(change.fields)


def fields_text(fields: Sequence[Difference]) -> Iterator[str]:
    """Lines for fields of one object."""
    for field in fields:
        yield from _field(field)


def rollout_document(rollout: Rollout) -> dict[str, Any]:
    """The same as plain values; what is not there is null."""
    return {
        "namespace": rollout.namespace,
        "name": rollout.name,
        "differs": rollout.is_needed,
        "meaning": list(_meaning(rollout)),
        "changes": [_change(each) for each in (*rollout.changes, *rollout.stale)],
    }


def group_document(namespace: str, name: str, fields: Sequence[Difference]) -> dict[str, Any]:
    """Of a group on this machine, which is one object."""
    change = {"action": "update" if fields else "unchanged", "apiVersion": "", "kind": "", "why": ""}
    change |= {"namespace": namespace, "name": name}
    return {
        "namespace": namespace,
        "name": name,
        "differs": bool(fields),
        "meaning": [],
        "changes": [{**change, "fields": _plain(fields)}],
        "findings": [],
    }


def _change(change: ObjectChange) -> dict[str, Any]:
    return {
        "action": change.action,
        "apiVersion": change.api_version,
        "kind": change.kind,
        "namespace": change.namespace,
        "name": change.name,
        "why": change.why,
        "fields": _plain(change.fields),
    }


def _plain(fields: Sequence[Difference]) -> list[dict[str, Any]]:
    return [{"path": each.path, "now": _or_null(each.original), "then": _or_null(each.rendered)} for each in fields]


def _or_null(value: object) -> object:
    return None if value is ABSENT else value


def _field(field: Difference) -> Iterator[str]:
    old, new = _value(field.original), _value(field.rendered)
    if len(old) + len(new) + len(field.path) < _WIDEST:
        yield f"    {field.path}: {old} -> {new}"
    elif (words := _words(field.original)) and (new_words := _words(field.rendered)):
        yield f"    {field.path}: of {len(words)} items"
        yield from _items(words, new_words)
    else:
        yield f"    {field.path}:"
        yield f"      - {old}"
        yield f"      + {new}"


def _words(value: object) -> list[str]:
    """The items of a command line; empty for what is none."""
    items = cast("list[object]", value) if isinstance(value, list) else []
    return [each for each in items if isinstance(each, str)] if all(isinstance(each, str) for each in items) else []


def _items(old: list[str], new: list[str]) -> Iterator[str]:
    """What of a command line differs, a value after its flag."""
    for what, start, end, new_start, new_end in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        is_value = what == "replace" and start > 0 and old[start - 1].startswith("-")
        flag = old[start - 1 : start] if is_value else list[str]()
        if what in {"replace", "delete"}:
            yield f"      - {' '.join(map(_value, [*flag, *old[start:end]]))}"
        if what in {"replace", "insert"}:
            yield f"      + {' '.join(map(_value, [*flag, *new[new_start:new_end]]))}"


def _value(value: object) -> str:
    return "(none)" if value is ABSENT else json.dumps(value, ensure_ascii=False)
