"""What the rules of OpenShift AI say, each with the smallest recipe that shows it."""

from __future__ import annotations

import pytest

from shardwright import registry
from shardwright.core.recipe.model import Auth, Tls
from shardwright.targets.openshift_ai import releases
from shardwright.targets.openshift_ai.target import TARGET
from shardwright.testing import builders

MACHINES = {"infrastructure": "demo-x2k", "region": "us-west-2", "zone": "us-west-2a", "image": "ami-1"}
EXISTS = ({"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},)
EQUAL = ({"key": "nvidia.com/gpu", "effect": "NoSchedule"},)
SHAPE = {"node_shape": "g5.4xlarge"}


def found(version: str | None = "3.5", *, nodes: int = 2, **overrides: object) -> dict[str, str]:
    """Severities by rule."""
    target = {"kind": "openshift-ai", "version": version, "options": overrides.pop("options", {})}
    recipe = builders.recipe(target=target, **{"storage": {"claim": "models"}, **overrides})
    layout = builders.layout(1, 2) if nodes > 1 else builders.layout(1, 1, nodes=1)
    deployment = builders.deployment(plan=builders.plan(recipe, layout=layout))
    return {finding.id: finding.severity for finding in TARGET.findings(deployment)}


@pytest.mark.requirement("R002", "R006")
@pytest.mark.parametrize(
    ("rule", "severity", "case"),
    [
        ("version-unknown", "error", {"version": "2.13"}),
        ("version-unknown", "error", {"version": "4.0"}),
        ("version-assumed", "info", {"version": None}),
        ("version-between", "info", {"version": "2.17", "engine": {"image": "quay.io/a/b:1"}}),
        ("engine-unknown", "error", {"version": "2.14"}),
        ("engine-version", "error", {"version": "3.4"}),
        ("own-image", "info", {"version": "3.4", "engine": {"image": "quay.io/a/b:1"}}),
        ("platform-image", "info", {}),
        ("executor", "warning", {"version": "3.4"}),
        ("several-nodes", "info", {}),
        ("not-validated", "info", {"expose": {"kind": "route"}}),
        ("option-unknown", "error", {"options": {"nsf": "a"}}),
        ("option-value", "error", {"options": {"machines": {"zone": "a"}}}),
        ("option-value", "error", {"options": {"dashboard": "yes"}}),
        ("template", "info", {"options": {"runtime": "template"}}),
    ],
)
def test_a_trap_is_found(rule: str, severity: str, case: dict[str, object]) -> None:
    """Each rule speaks where its trap is."""
    assert found(**case).get(f"openshift-ai.{rule}") == severity  # type: ignore[arg-type]


@pytest.mark.requirement("R018", "R019")
@pytest.mark.parametrize(
    ("rule", "severity", "case"),
    [
        ("machines-shape", "error", {"options": {"machines": MACHINES}, "pods": {"tolerations": EXISTS}}),
        ("machines-tainted", "error", {"options": {"machines": MACHINES}, "hardware": SHAPE}),
        ("machines-tainted", "error", {"options": {"machines": MACHINES}, "pods": {"tolerations": EQUAL}}),
        ("machines-cluster", "info", {"options": {"machines": MACHINES}}),
        ("nfs-operator", "info", {"options": {"nfs": "gp3-csi"}}),
        ("nfs-unused", "error", {"options": {"nfs": "gp3-csi"}, "storage": {}}),
    ],
)
def test_an_add_on_says_what_it_needs(rule: str, severity: str, case: dict[str, object]) -> None:
    """A shape and a toleration, a claim and an operator."""
    assert found(**case).get(f"openshift-ai.{rule}") == severity  # type: ignore[arg-type]


def test_a_plain_recipe_has_no_errors() -> None:
    """Neither several pods nor one, at the release whose engine the plan is for."""
    for nodes in (1, 2):
        assert "error" not in found(nodes=nodes).values()


def test_kserves_rules_hold_here_too() -> None:
    """Replicas of a group are refused as KServe refuses them."""
    assert "error" in found(replicas=2).values()
    assert any(rule.startswith("kserve.") for rule in found(replicas=2))


def test_the_platform_makes_the_route_where_it_checks_tokens() -> None:
    """Ours would lead past the check; what cannot be chosen there is refused."""
    checked = {"kind": "route", "auth": Auth(platform=True)}
    recipe = builders.recipe(target={"kind": "openshift-ai", "version": "3.5"}, expose=checked)
    made = {each.kind: each.body for each in TARGET.render(builders.deployment(recipe))}
    assert "Route" not in made
    metadata = made["InferenceService"]["metadata"]
    assert isinstance(metadata, dict)
    assert metadata["labels"]["networking.kserve.io/visibility"] == "exposed"
    assert metadata["annotations"]["security.opendatahub.io/enable-auth"] == "true"
    assert "error" not in found(expose=checked).values()
    assert found(expose={**checked, "tls": Tls()})["openshift-ai.route-is-the-platforms"] == "error"


def test_facts_are_whole() -> None:
    """A known engine comes with its image, and each release stands on a KServe that is known."""
    known = registry.load_target("kserve").versions
    for release in releases.known_releases():
        assert release.kserve in known
        assert release.image or not release.engine
