"""What an apply would do, as text: one line an object, one a field that changes, and what its values were and will be."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from shardwright.core.lifecycle import plan_difference, updates
from shardwright.core.manifests.differences import ABSENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shardwright.core.lifecycle.changes import ObjectChange
    from shardwright.core.manifests.differences import Difference
    from shardwright.service.rollout import Rollout, Step

__all__ = ["changes_text", "fields_text", "rollout_text", "step_text"]

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


def _field(field: Difference) -> Iterator[str]:
    old, new = _value(field.original), _value(field.rendered)
    if len(old) + len(new) + len(field.path) < _WIDEST:
        yield f"    {field.path}: {old} -> {new}"
    else:
        yield f"    {field.path}:"
        yield f"      - {old}"
        yield f"      + {new}"


def _value(value: object) -> str:
    return "(none)" if value is ABSENT else json.dumps(value, ensure_ascii=False)
