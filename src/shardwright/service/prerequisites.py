"""Use case: what a cluster must have for a deployment, as findings with their cure and as lines for a shell."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shardwright import registry
from shardwright.core.rules import Finding
from shardwright.formats import texts
from shardwright.formats.texts import File
from shardwright.kubernetes.render import prerequisites

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shardwright.core.deployment import Deployment
    from shardwright.core.plugins import Manifest, Target
    from shardwright.kubernetes.render.prerequisites import Prerequisite

__all__ = ["as_comments", "as_file", "findings_of", "needed"]

_RELEASE = re.compile(r"v?(\d+\.\d+(?:\.\d+)?)")


def needed(deployment: Deployment, target: Target) -> tuple[Prerequisite, ...]:
    """All that this deployment needs of a cluster; nothing for a target without a cluster."""
    package = registry.package_of(target.kind)
    if not prerequisites.has_table(package):
        return ()
    return prerequisites.needed(deployment, package, _version(deployment, target))


def findings_of(deployment: Deployment, target: Target) -> Iterator[Finding]:
    """One finding each: nobody has looked at the cluster, so each says how to look and how to install it."""
    for entry in needed(deployment, target):
        release = f" {entry.release}" if entry.release else ""
        yield Finding(
            id=f"prerequisite.{re.sub('[^a-z0-9]+', '-', entry.name.lower())}",
            status="unknown",
            severity="info",
            path="target.kind",
            value=target.kind,
            message=f"the cluster must have {entry.name}{release}: {entry.check}",
            fix=" && ".join(entry.install),
            requirements=("R118",),
        )


def as_comments(wanted: Sequence[Prerequisite]) -> str:
    """Lines for the head of a stream, which readers of YAML pass over; empty where nothing is needed."""
    if not wanted:
        return ""
    parts = (f"#\n# {_title(entry)}\n" + "".join(f"#   {step}\n" for step in entry.install) for entry in wanted)
    return "# Once a cluster, as its administrator:\n" + "".join(parts)


def as_file(wanted: Sequence[Prerequisite], manifests: Sequence[Manifest]) -> File:
    """`prerequisites.sh`, to be read and then run with `sh`."""
    head = f"{texts.mark_of(manifests)}\n# Once a cluster, as its administrator.\nset -eu\n"
    parts = (f"\n# {_title(entry)}\n" + "".join(f"{step}\n" for step in entry.install) for entry in wanted)
    return File("prerequisites.sh", head + "".join(parts))


def _title(entry: Prerequisite) -> str:
    return f"{' '.join(filter(None, (entry.name, entry.release)))}. Is it there: {entry.check}"


def _version(deployment: Deployment, target: Target) -> str:
    """The target's version as its facts name it: that of the recipe or the next lower one of its minor, else the newest."""
    asked = deployment.recipe.target.version if deployment.recipe.target else None
    match = _RELEASE.match(asked) if asked else None
    if match is None:
        return target.versions[-1]
    wanted = tuple(int(part) for part in match[1].split("."))
    known = {version: tuple(int(part) for part in version.split(".")) for version in target.versions}
    fitting = [version for version, number in known.items() if number[:2] == wanted[:2] and number <= wanted]
    return fitting[-1] if fitting else target.versions[-1]
