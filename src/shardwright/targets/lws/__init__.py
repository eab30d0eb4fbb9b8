"""LeaderWorkerSet, releases 0.5 to 0.10: groups of pods that are made, updated and restarted together.

Knows the API and the webhook of the controller, the names and variables it gives, and what each release accepts.
Knows no engine: how a member is started comes with the deployment. Source of its facts: `facts.toml`.
"""

from __future__ import annotations

from shardwright.kubernetes.render.released import ReleasedTarget
from shardwright.targets.lws import releases, render, rules, wiring

__all__ = ["TARGET"]

TARGET = ReleasedTarget(
    kind="lws",
    product="LeaderWorkerSet",
    versions=releases.known_versions(),
    wiring_of=wiring.wiring_of,
    findings_of=rules.findings_of,
    release_of=releases.release_of,
    render_deployment=render.render_deployment,
)
