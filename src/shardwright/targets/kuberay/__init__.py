"""KubeRay, releases 1.1 to 1.7: Ray clusters of pods, made by an operator, that a group of the engine's ranks runs in.

Knows the API and the operator, the names it gives, what it does to pods, and what each release accepts. Knows no engine:
how its server is started comes with the deployment. Source of its facts: `facts.toml` and `fields.toml`.
"""

from __future__ import annotations

from shardwright.kubernetes.render.released import ReleasedTarget
from shardwright.targets.kuberay import releases, render, rules, wiring

__all__ = ["TARGET"]

TARGET = ReleasedTarget(
    kind="kuberay",
    product="KubeRay",
    versions=releases.known_versions(),
    wiring_of=wiring.wiring_of,
    findings_of=rules.findings_of,
    release_of=releases.release_of,
    render_deployment=render.render_deployment,
)
