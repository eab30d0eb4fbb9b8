"""The target itself, as the registry knows it."""

from __future__ import annotations

from shardwright.kubernetes.render.released import ReleasedTarget
from shardwright.targets.llmisvc import releases, render, rules, wiring

__all__ = ["TARGET"]

TARGET = ReleasedTarget(
    kind="llmisvc",
    product="LLMInferenceService",
    versions=releases.known_versions(),
    wiring_of=wiring.wiring_of,
    findings_of=rules.findings_of,
    release_of=releases.release_of,
    render_deployment=render.render_deployment,
)
