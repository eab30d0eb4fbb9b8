from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from shardwright import errors
from shardwright.core.deployment import Probe
from shardwright.service import rendering
from shardwright.targets.kubernetes_plain import releases, render
from shardwright.targets.kubernetes_plain.target import TARGET
from shardwright.testing import builders

if TYPE_CHECKING:
    from shardwright.core.deployment import Deployment
    from shardwright.core.rules import Finding

ONE_NODE = builders.layout(1, 1, nodes=1)


def deployed(**overrides: object) -> Deployment:
    """Llama-3-8B on one GPU."""
    target = {"kind": "kubernetes", "version": "1.34", **cast("dict[str, Any]", overrides.pop("target", {}))}
    asked = builders.recipe(target=target, **overrides)
    return builders.deployment(plan=builders.plan(asked, layout=ONE_NODE))


def found(**overrides: object) -> dict[str, Finding]:
    return {finding.id: finding for finding in TARGET.findings(deployed(**overrides))}


def bodies(**overrides: object) -> dict[str, Any]:
    return {made.kind: cast("Any", made.body) for made in rendering.render(deployed(**overrides), TARGET)}


def test_a_sound_recipe_has_no_errors_and_no_warnings() -> None:
    """No rule speaks up without a reason."""
    assert {finding.severity for finding in found().values()} == {"info"}


def test_objects_come_in_the_order_in_which_they_are_applied() -> None:
    """The claim before the Job that fills it, the Service before the pods."""
    made = bodies(storage={"claim": "models", "storage_class": "nfs"}, expose={"kind": "ingress"})
    assert list(made) == ["PersistentVolumeClaim", "Job", "Service", "Ingress", "Deployment"]


def test_an_update_never_needs_more_gpus() -> None:
    """A pod ends before the next one starts; one at a time, so that the others serve."""
    assert bodies()["Deployment"]["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 1, "maxSurge": 0}
    assert "kubernetes.update-interrupts" in found()
    assert "kubernetes.update-interrupts" not in found(replicas=2)


def test_the_service_finds_the_engines_pods_and_no_others() -> None:
    """Selectors are the Deployment's own; the download Job's pods carry another role."""
    made = bodies(storage={"claim": "models"})
    selector = made["Service"]["spec"]["selector"]
    assert selector == made["Deployment"]["spec"]["selector"]["matchLabels"]
    assert selector.items() <= made["Deployment"]["spec"]["template"]["metadata"]["labels"].items()
    assert not selector.items() <= made["Job"]["spec"]["template"]["metadata"]["labels"].items()


def test_a_slow_start_is_no_failed_update() -> None:
    """The deadline is longer than what the probe allows, and longer still where a Job fetches the model first."""
    probe = deployed().leader.probe
    assert probe is not None
    short, long = (bodies(storage=asked)["Deployment"]["spec"] for asked in ({}, {"claim": "models"}))
    startup = short["template"]["spec"]["containers"][0]["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] >= probe.startup_budget_seconds
    assert probe.startup_budget_seconds < short["progressDeadlineSeconds"] < long["progressDeadlineSeconds"]


def test_a_deadline_may_be_given_but_not_below_the_start() -> None:
    """An update that would always be reported as failed is an error."""
    given = {"options": {"progressDeadlineSeconds": 9000}}
    assert bodies(target=given)["Deployment"]["spec"]["progressDeadlineSeconds"] == 9000
    short = found(target={"options": {"progressDeadlineSeconds": 600}})["kubernetes.deadline-short"]
    assert short.severity == "error"
    assert "600 s" in short.message


def test_an_engine_without_a_probe_has_a_deadline_too() -> None:
    """The default of Kubernetes, ten minutes, is never left."""
    made = deployed()
    bare = builders.deployment(plan=made.plan, leader={"probe": None})
    assert render.deadline_seconds(bare) > 600
    assert render.deadline_seconds(builders.deployment(plan=made.plan, leader={"probe": Probe("/", "1", 60)})) > 600


@pytest.mark.requirement("R117")
def test_a_plan_of_several_nodes_is_refused_with_the_targets_that_have_groups() -> None:
    """A Deployment's pods form no group; the message names what does."""
    two = builders.deployment(builders.recipe(target={"kind": "kubernetes"}))
    finding = next(each for each in TARGET.findings(two) if each.id == "kubernetes.several-nodes")
    assert finding.severity == "error"
    assert all(kind in finding.fix for kind in ("lws", "kuberay", "llmisvc"))
    with pytest.raises(errors.InputError, match="lws, kuberay or llmisvc"):
        TARGET.render(two)


@pytest.mark.parametrize("asked", ["1.20", "v1.31", "1.31.4", "v1.33.1-gke.100", "1.36"])
def test_versions_are_known_by_major_and_minor(asked: str) -> None:
    """Patch releases and builds of a vendor have the same fields."""
    assert releases.release_of(builders.recipe(target={"version": asked})) in TARGET.versions


@pytest.mark.parametrize("asked", ["1.2", "1.19", "2.0", "1.99", "newest"])
def test_unknown_versions_are_refused(asked: str) -> None:
    """What a release has must be known before something is written for it."""
    assert found(target={"version": asked})["kubernetes.version-unknown"].severity == "error"


def test_a_version_that_is_not_given_is_said() -> None:
    """The newest is written for, and the reader knows it."""
    assert "1.36" in found(target={"version": None})["kubernetes.version-assumed"].message


@pytest.mark.parametrize(
    ("version", "overrides"),
    [
        ("1.20", {"network": {"ip_family": "ipv6"}}),
        ("1.24", {"expose": {"kind": "gateway", "gateway": "infra/main"}}),
    ],
)
def test_fields_that_came_later_are_refused(version: str, overrides: dict[str, object]) -> None:
    """A server drops or refuses what it does not know."""
    assert found(target={"version": version}, **overrides)["kubernetes.field-too-new"].severity == "error"
    assert "kubernetes.field-too-new" not in found(**overrides)


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"progressDeadline": 1}, "kubernetes.option-unknown"),
        ({"progressDeadlineSeconds": "1h"}, "kubernetes.option-value"),
        ({"progressDeadlineSeconds": True}, "kubernetes.option-value"),
        ({"queue": 7}, "kubernetes.option-value"),
    ],
)
def test_options_are_checked(options: dict[str, object], rule: str) -> None:
    """A misspelt option would do nothing."""
    assert found(target={"options": options})[rule].severity == "error"


def test_a_queue_is_named_and_expected() -> None:
    """Kueue reads the label of the Deployment; whether the queue is there only the cluster knows."""
    asked = {"options": {"queue": "models"}}
    assert bodies(target=asked)["Deployment"]["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "models"
    assert found(target=asked)["kubernetes.queue-expected"].status == "unknown"


def test_a_manager_may_change_deployments_and_read_no_secret() -> None:
    """Rights of a pipeline's account on what is rendered, in its namespace."""
    made = bodies(target={"options": {"manager": "ci:deployer"}})
    assert {"apiGroups": ["apps"], "resources": ["deployments"]}.items() <= made["Role"]["rules"][0].items()
    assert made["RoleBinding"]["subjects"][0]["namespace"] == "ci"
    assert "secrets" not in str(made["Role"])


def test_the_name_is_one_for_a_service() -> None:
    """A Service's name begins with a letter; without a Service any DNS label will do."""
    assert found(metadata={"name": "8b"})["kubernetes.name-invalid"].severity == "error"
    assert "kubernetes.name-invalid" not in found(metadata={"name": "8b"}, expose={"kind": "none"})


def test_a_pod_has_least_privilege() -> None:
    """No token of the cluster, no capabilities, no variables of other Services."""
    pod = bodies()["Deployment"]["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    assert pod["containers"][0]["securityContext"]["capabilities"] == {"drop": ["ALL"]}
