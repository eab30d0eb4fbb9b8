"""KServe's LLMInferenceService and LLMInferenceServiceConfig.

Knows what each release from 0.16 to 0.20 accepts, refuses and makes of them. Knows no engine: how a member is started
comes with the deployment. Source of what rendering depends on: `facts.toml`.
"""

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
