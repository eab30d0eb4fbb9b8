"""Which platform an object belongs to, and what is wrong where its apiVersion or kind is nearly one of a platform's."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from shardwright.core.marked import secret_values
from shardwright.core.rules.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shardwright.core.manifests.objects import Object
    from shardwright.core.manifests.platform import Platform
    from shardwright.core.manifests.schema import Kind

__all__ = ["FLAW_IDS", "misnamed", "not_at", "owner_of"]

FLAW_IDS = {"type": "wrong-type", "required": "missing-field", "value": "wrong-value", "duplicate": "twice"}
"""The second part of the id of a finding, by the kind of a schema's flaw."""


def owner_of(each: Object, platforms: Sequence[Platform]) -> tuple[Platform, Kind] | None:
    """The platform that has an object's kind in its apiVersion."""
    for platform in platforms:
        kind = platform.schema().kind_of(each.api_version, each.kind)
        if kind is not None:
            return platform, kind
    return None


def misnamed(each: Object, platforms: Sequence[Platform]) -> Iterator[Finding]:
    """A kind of a platform in an apiVersion that it does not have, or a misspelt kind in its group."""
    group = each.api_version.partition("/")[0]
    for platform in platforms:
        known = platform.schema().kinds
        groups = {kind.api_version.partition("/")[0] for kind in known}
        right = [kind.api_version for kind in known if kind.kind == each.kind and _may_be_meant(group, kind)]
        if right:
            yield _finding(
                each,
                "apiVersion",
                f"{secret_values.shown(each.api_version)} has no kind {each.kind}; {platform.title} has it in {', '.join(right)}",
                f"write apiVersion: {right[0]}",
            )
            return
        if group in groups:
            names = [kind.kind for kind in known]
            near = difflib.get_close_matches(each.kind, names, n=1)
            yield _finding(
                each,
                "kind",
                f"{secret_values.shown(each.kind)} is no kind of {each.api_version}; known: {', '.join(dict.fromkeys(names))}",
                f"write kind: {near[0]}" if near else "write one of the known kinds",
            )
            return


def _may_be_meant(group: str, kind: Kind) -> bool:
    """Kubernetes' own groups have no domain, and others use the names of its kinds: there is a Job of Volcano."""
    own = kind.api_version.rpartition("/")[0]
    return "." in own or "." not in group


def not_at(each: Object, platform: Platform, kind: Kind, at: str) -> Finding:
    """A kind that another release has."""
    since = f"came with {platform.title} {kind.since}" if kind.since else f"is gone since {platform.title} {kind.until}"
    return _finding(each, "kind", f"{kind.kind} in {kind.api_version} {since}; judged for {at}", "install that release")


def _finding(each: Object, field: str, message: str, fix: str) -> Finding:
    mark = each.mark((field,))
    return Finding(
        "manifest.kind-unknown",
        "fail",
        "error",
        message,
        why="the API server has no such resource",
        fix=fix,
        path=field,
        value=each.api_version if field == "apiVersion" else each.kind,
        file=mark.file,
        line=mark.line,
        enforced_by="kubernetes",
    )
