"""What is rendered for OpenShift AI against the KServe that each release has, and against lists of fields for the rest."""

from __future__ import annotations

from typing import Any

import pytest
from crd_schema import faults_of, needs_crds

from shardwright.core.manifests import admission, checking
from shardwright.kubernetes import field_tables
from shardwright.targets.openshift_ai import releases
from shardwright.targets.openshift_ai.target import TARGET
from shardwright.testing import builders

PLURALS = {"ServingRuntime": "servingruntimes", "InferenceService": "inferenceservices"}
# The tag of KServe whose definitions hold for the release that facts.toml names.
TAGS = {"0.15.0": "v0.15.0", "0.15.1": "v0.15.2", "0.17": "v0.17.1", "0.18": "v0.18.1"}
MACHINES = {"infrastructure": "demo-x2k", "region": "us-west-2", "zone": "us-west-2a", "image": "ami-1"}
EVERYTHING = {"namespace": True, "nfs": "gp3-csi", "machines": MACHINES, "runtime": "template", "dashboard": True}


def rendered(version: str, **overrides: object) -> list[Any]:
    options = overrides.pop("options", {})
    target = {"kind": "openshift-ai", "version": version, "options": options}
    recipe = builders.recipe(target=target, storage={"claim": "models"}, **overrides)
    return [made.body for made in TARGET.render(builders.deployment(recipe))]


@needs_crds
@pytest.mark.parametrize("release", releases.known_releases(), ids=lambda release: release.version)
def test_runtime_and_service_are_accepted_by_the_kserve_of_each_release(release: releases.Release) -> None:
    """No field is refused, none is silently dropped."""
    bodies = [body for body in rendered(release.version) if body["kind"] in PLURALS]
    assert {body["kind"] for body in bodies} == set(PLURALS)
    found = [faults_of(("kserve", TAGS[release.kserve], PLURALS[body["kind"]]), body) for body in bodies]
    assert found == [[], []]


@needs_crds
def test_a_template_holds_a_runtime_that_is_accepted() -> None:
    """What `oc process` writes out is the same runtime."""
    (template,) = (body for body in rendered("3.5", options=EVERYTHING) if body["kind"] == "Template")
    (runtime,) = template["objects"]
    assert faults_of(("kserve", TAGS["0.18"], PLURALS[runtime["kind"]]), runtime) == []


def listed_faults(body: Any) -> list[str]:  # noqa: ANN401 - a tree of JSON values
    """What the product's own lists of fields say of a kind without a definition."""
    schema = field_tables.load_schema("shardwright.targets.openshift_ai")
    kind = schema.kind_of(body["apiVersion"], body["kind"])
    assert kind is not None
    pruned: admission.Pruned = []
    seen = admission.admitted(body, kind.type, schema.at("3.5"), pruned)
    dropped = [".".join(map(str, path)) for path, _ in pruned]
    return dropped + [flaw.message for flaw in checking.flaws(seen, kind.type, schema.at("3.5"))]


def test_other_kinds_have_only_fields_that_are_listed() -> None:
    """Namespace, NFSProvisioner, MachineSet, Template and Route are held against lists, as no definition was at hand."""
    shaped = {"hardware": {"node_shape": "g5.4xlarge"}, "expose": {"kind": "route", "host": "llm.example.org"}}
    bodies = rendered("3.5", options=EVERYTHING, **shaped)
    listed = {"Namespace", "NFSProvisioner", "MachineSet", "Template", "Route"}
    seen = {body["kind"]: listed_faults(body) for body in bodies if body["kind"] in listed}
    assert seen == {kind: [] for kind in listed}


def test_the_lists_find_a_field_that_does_not_exist() -> None:
    """Else the test above would prove nothing."""
    (route,) = (body for body in rendered("3.5", expose={"kind": "route"}) if body["kind"] == "Route")
    route["spec"]["hostname"] = "llm.example.org"
    assert "hostname" in " ".join(listed_faults(route))
