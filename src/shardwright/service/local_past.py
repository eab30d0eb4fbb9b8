"""Use case: what a deployment on this machine was before, back to it, and how it differs from what is wanted now."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, cast

from shardwright import errors
from shardwright.core.manifests.differences import differences
from shardwright.core.plugins import Manifest
from shardwright.local import runner, spec
from shardwright.service import applying

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shardwright.core.manifests.differences import Difference
    from shardwright.core.plan.types import Plan
    from shardwright.settings import Settings

__all__ = ["changes_of", "documents", "history", "roll_back"]


def history(namespace: str, name: str, settings: Settings) -> tuple[Mapping[str, Any], ...]:
    """All kept revisions, oldest first; NotFound if there is no such deployment."""
    return cast("tuple[Mapping[str, Any], ...]", runner.history(settings.state_dir, namespace, name))


def documents(found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The same with the keys that a cluster's revisions have."""
    return [_document(each, is_newest=each is found[-1]) for each in found]


def _document(each: Mapping[str, Any], *, is_newest: bool) -> dict[str, Any]:
    group = spec.parse_group(each["group"])
    became: Mapping[str, Any] = each.get("outcome") or {}
    served = bool(became.get("readySeconds"))
    outcome = "applying" if is_newest and not became else "ready" if served else "failed" if became else "superseded"
    return {
        "revision": each["revision"],
        "at": _time(each.get("at")),
        "by": "",
        "outcome": outcome,
        "message": str(became.get("message") or ""),
        "recipeDigest": group.recipe_digest,
        "recipe": None,
        "plan": {"layout": {"tensor": group.tensor, "pipeline": group.pipeline}},
    }


def _time(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def roll_back(namespace: str, name: str, number: int | None, settings: Settings) -> int:
    """Start what an earlier revision was, in place of what runs; the number gone back to. NotFound if there is none."""
    found = documents(history(namespace, name, settings))
    numbers = [each["revision"] for each in found]
    if number is not None and number not in numbers:
        kept = ", ".join(map(str, numbers))
        raise errors.NotFound(f"there is no revision {number}", hint=f"kept are: {kept}")
    earlier = found[:-1]
    if number is None and not earlier:
        raise errors.NotFound("there is no earlier revision to go back to")
    served = [each["revision"] for each in earlier if each["outcome"] == "ready"]
    chosen = number if number is not None else (served or numbers[:-1])[-1]
    body = history(namespace, name, settings)[numbers.index(chosen)]["group"]
    runner.LocalRunner(settings.state_dir).apply(Manifest(spec.KIND, name, body))
    return int(chosen)


def changes_of(plan: Plan, settings: Settings) -> tuple[Difference, ...]:
    """What an apply would change in what runs; all of it if nothing does."""
    wanted = applying.manifest_of(plan, settings)
    metadata = plan.recipe.metadata
    try:
        running = spec.render_group(runner.LocalRunner(settings.state_dir).group(metadata.namespace, metadata.name))
    except errors.NotFound:
        running = {}
    return differences(running, dict(wanted))
