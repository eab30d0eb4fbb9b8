"""What the rules of LLMInferenceService say, each with the smallest recipe that shows it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from shardwright.core.deployment import Variable
from shardwright.core.recipe.model import Auth, PodOverrides
from shardwright.targets.llmisvc.target import TARGET
from shardwright.testing import builders


def found(version: str | None = "0.20", *, nodes: int = 2, **overrides: object) -> dict[str, str]:
    """Severities by rule."""
    options = overrides.pop("options", {})
    recipe = builders.recipe(target={"kind": "llmisvc", "version": version, "options": options}, **overrides)
    layout = builders.layout(1, 2) if nodes > 1 else builders.layout(1, 1, nodes=1)
    deployment = builders.deployment(plan=builders.plan(recipe, layout=layout))
    return {finding.id: finding.severity for finding in TARGET.findings(deployment)}


CASES: list[tuple[str, str, dict[str, Any]]] = [
    ("llmisvc.version-unknown", "error", {"version": "0.15"}),
    ("llmisvc.version-assumed", "info", {"version": None}),
    ("llmisvc.option-unknown", "error", {"options": {"gatway": "a"}}),
    ("llmisvc.option-value", "error", {"options": {"router": "mine"}}),
    ("llmisvc.option-value", "error", {"options": {"scheduler": "yes"}}),
    ("llmisvc.option-needs", "error", {"options": {"exclusiveTopology": "rack"}, "nodes": 1}),
    ("llmisvc.name-invalid", "error", {"metadata": {"name": "1b"}}),
    ("llmisvc.name-too-long", "error", {"metadata": {"name": "a" * 41}}),
    ("llmisvc.name-too-long", "error", {"metadata": {"name": "a" * 44}, "nodes": 1}),
    ("llmisvc.pipeline-preset", "info", {}),
    ("llmisvc.label-taken", "error", {"pods": {"labels": {"app.kubernetes.io/name": "x"}}}),
    ("llmisvc.metadata-dropped", "error", {"version": "0.16", "pods": {"labels": {"team": "x"}}}),
    ("llmisvc.mesh-not-switched-off", "warning", {"version": "0.16"}),
    ("llmisvc.metadata-by-role", "error", {"pods": {"worker": PodOverrides(labels={"tier": "back"})}}),
    ("llmisvc.runs-as-image-user", "info", {}),
    ("llmisvc.restart-policy", "info", {}),
    ("llmisvc.update-surges", "info", {"nodes": 1}),
    ("llmisvc.platform-download", "warning", {"version": "0.16"}),
    ("llmisvc.model-image", "info", {"model": {"source": "oci://quay.io/a/b:1"}}),
    ("llmisvc.platform-bucket", "info", {"model": {"source": "s3://bucket/a"}}),
    ("llmisvc.lws-expected", "info", {}),
    ("llmisvc.gateway-expected", "info", {"options": {"router": "platform"}}),
    ("llmisvc.route-path", "error", {"expose": {"kind": "gateway", "gateway": "a/b", "path": "/x"}}),
    ("llmisvc.clear-text", "info", {}),
]


@pytest.mark.parametrize(
    ("rule", "severity", "case"), CASES, ids=[f"{rule}-{index}" for index, (rule, *_) in enumerate(CASES)]
)
def test_a_trap_is_found(rule: str, severity: str, case: dict[str, Any]) -> None:
    """Each rule speaks where its trap is."""
    assert found(**case).get(rule) == severity


def test_a_plain_recipe_has_no_errors() -> None:
    """Neither several pods nor one."""
    for nodes in (1, 2):
        assert "error" not in found(nodes=nodes).values()
        assert "llmisvc.pipeline-preset" not in found(nodes=1)


def test_what_the_platform_brings_needs_no_claim_here() -> None:
    """It mounts images and copies from buckets; what it does not know is copied into a claim by a Job."""
    assert "model.source-needs-claim" not in found(model={"source": "oci://quay.io/a/b:1"})
    assert "model.source-needs-claim" not in found(model={"source": "s3://bucket/a"})
    assert found(model={"source": "par://bucket/a"})["model.source-needs-claim"] == "error"


def test_braces_that_the_controller_would_fill_in_are_refused() -> None:
    """The whole object is read as a template."""
    recipe = builders.recipe(target={"kind": "llmisvc", "version": "0.20"})
    deployment = builders.deployment(recipe)
    launch = dataclasses.replace(builders.launch(), environment=(Variable("TEMPLATE", "{{ messages }}"),))
    marked = dataclasses.replace(deployment, leader=launch)
    ids = [[finding.id for finding in TARGET.findings(each)] for each in (deployment, marked)]
    assert ["llmisvc.template-marks" in each for each in ids] == [False, True]


def test_tokens_are_checked_only_at_a_route() -> None:
    """On OpenShift AI, at the Gateway."""
    auth = {"auth": Auth(platform=True)}
    assert found(expose=auth)["llmisvc.auth-without-route"] == "error"
    routed = found(expose={"kind": "gateway", "gateway": "a/b", **auth})
    assert "error" not in routed.values()
    assert routed["llmisvc.auth-expected"] == "info"
