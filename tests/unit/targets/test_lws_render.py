from __future__ import annotations

from typing import Any

import pytest

from shardwright.core.recipe.model import PodOverrides
from shardwright.targets.lws.target import TARGET
from shardwright.testing import builders
from shardwright.units import GIB

PREFIX = "leaderworkerset.sigs.k8s.io"


def rendered(**overrides: object) -> dict[str, Any]:
    """Bodies by kind, in the order of rendering."""
    manifests = TARGET.render(builders.deployment(builders.recipe(**overrides)))
    return {manifest.kind: manifest.body for manifest in manifests}


def group(**overrides: object) -> dict[str, Any]:
    return rendered(**overrides)["LeaderWorkerSet"]


@pytest.mark.requirement("R157")
def test_objects_come_in_the_order_in_which_they_are_needed() -> None:
    """Claim, then the Job that fills it, then the address, then the group."""
    kinds = ["PersistentVolumeClaim", "Job", "Service", "LeaderWorkerSet"]
    assert list(rendered(storage={"claim": "models", "size": GIB})) == kinds


@pytest.mark.requirement("R129", "R147", "R148")
def test_the_service_selects_leaders_only_and_has_a_name_of_its_own() -> None:
    """Requests reach leaders; the set's own name is left to the controller's headless Service."""
    bodies = rendered()
    template = bodies["LeaderWorkerSet"]["spec"]["leaderWorkerTemplate"]
    selector = bodies["Service"]["spec"]["selector"]
    assert selector == {f"{PREFIX}/name": "llama-3-8b", "shardwright.dev/role": "leader"}
    assert template["leaderTemplate"]["metadata"]["labels"]["shardwright.dev/role"] == "leader"
    assert "shardwright.dev/role" not in template["workerTemplate"]["metadata"]["labels"]
    assert bodies["Service"]["metadata"]["name"] == "llama-3-8b-api" != bodies["LeaderWorkerSet"]["metadata"]["name"]


def test_labels_of_the_recipe_do_not_replace_those_of_the_selector() -> None:
    """A worker that called itself a leader would be sent requests."""
    template = group(pods={"worker": PodOverrides(labels={"app.kubernetes.io/instance": "x"})})["spec"][
        "leaderWorkerTemplate"
    ]
    assert template["workerTemplate"]["metadata"]["labels"]["app.kubernetes.io/instance"] == "llama-3-8b"


@pytest.mark.requirement("R126")
@pytest.mark.parametrize(
    ("version", "policy", "annotated"),
    [
        ("0.5", "RecreateGroupOnPodRestart", False),
        ("0.7", "RecreateGroupOnPodRestart", False),
        ("0.8", "RecreateGroupOnPodRestart", True),
        ("0.9", "RecreateGroupAfterStart", False),
        ("0.10", "RecreateGroupAfterStart", False),
    ],
)
def test_a_slow_image_pull_ends_no_group_where_the_release_can_prevent_it(
    version: str, policy: str, *, annotated: bool
) -> None:
    """From 0.9 by the policy, in 0.8 by the annotation, before that not at all."""
    body = group(target={"version": version})
    marked = f"{PREFIX}/experimental-recreate-group-after-start" in body["metadata"]["annotations"]
    assert (body["spec"]["leaderWorkerTemplate"]["restartPolicy"], marked) == (policy, annotated)


def test_options_are_rendered() -> None:
    """An asked restart policy is kept; an exclusive topology is the controller's annotation."""
    asked = {"restartPolicy": "RecreateGroupOnPodRestart", "exclusiveTopology": "rack"}
    body = group(target={"version": "0.8", "options": asked})
    assert body["metadata"]["annotations"][f"{PREFIX}/exclusive-topology"] == "rack"
    assert f"{PREFIX}/experimental-recreate-group-after-start" not in body["metadata"]["annotations"]


def test_an_update_needs_no_more_gpus() -> None:
    """A group is taken down before its successor comes up."""
    configuration = group(replicas=3)["spec"]["rolloutStrategy"]["rollingUpdateConfiguration"]
    assert configuration == {"maxUnavailable": 1, "maxSurge": 0}


@pytest.mark.requirement("R125")
def test_a_group_has_a_pod_for_each_node() -> None:
    """Size counts the leader; replicas are whole groups; GPUs of all pods are those of the layout."""
    spec = group(replicas=2)["spec"]
    assert (spec["replicas"], spec["leaderWorkerTemplate"]["size"]) == (2, 2)


def test_a_group_of_one_has_one_template() -> None:
    """The API demands a worker template; the only pod, the leader, is made from it."""
    planned = builders.plan(layout=builders.layout(1, 1, nodes=1))
    template: Any = TARGET.render(builders.deployment(plan=planned))[-1].body["spec"]
    made = template["leaderWorkerTemplate"]
    assert (made["size"], "leaderTemplate" in made) == (1, False)
    assert made["workerTemplate"]["metadata"]["labels"]["shardwright.dev/role"] == "leader"
    assert "startupProbe" in made["workerTemplate"]["spec"]["containers"][0]


@pytest.mark.requirement("R120", "R121")
@pytest.mark.parametrize(
    ("account", "namespace"), [("default-editor", "demo"), ("notebooks:default-editor", "notebooks")]
)
def test_an_account_is_given_the_rights_to_manage_the_deployment(account: str, namespace: str) -> None:
    """All that applying and watching takes, in the deployment's namespace, and no Secrets."""
    recipe = builders.recipe(target={"options": {"manager": account}})
    role, binding, *_ = (manifest.body for manifest in TARGET.render(builders.deployment(recipe)))
    rules: Any = role["rules"]
    assert rules[0]["resources"] == ["leaderworkersets"]
    assert set(rules[0]["verbs"]) == {"create", "update", "patch", "delete", "get", "list", "watch"}
    assert "secrets" not in str(rules)
    subject = {"kind": "ServiceAccount", "name": "default-editor", "namespace": namespace}
    assert (binding["subjects"], binding["roleRef"]["name"]) == ([subject], role["metadata"]["name"])  # pyright: ignore[reportIndexIssue, reportUnknownArgumentType]  # trees of JSON values


def test_no_service_where_none_is_wanted() -> None:
    """`expose.kind: none` leaves the group without an address of its own."""
    assert "Service" not in rendered(expose={"kind": "none"})


def test_the_wiring_is_what_the_controller_provides() -> None:
    """Addresses and indices by the controller's variables, ports apart, the model by its place."""
    wired = TARGET.wiring(builders.recipe(storage={"claim": "models"}, network={"interface": "eth1"}))
    assert (wired.leader_address, wired.member_index) == ("$(LWS_LEADER_ADDRESS)", "$(LWS_WORKER_INDEX)")
    assert (wired.own_address, wired.interface) == ("$(POD_IP)", "eth1")
    assert (wired.serve_port, wired.group_port) == ("8080", "29501")
    assert (wired.model, wired.cache_dir) == ("meta-llama/Meta-Llama-3-8B-Instruct", "/models")


def test_a_model_in_a_claim_needs_no_cache() -> None:
    """The engine is given the path, and no place for files of the hub."""
    wired = TARGET.wiring(builders.recipe(model={"source": "pvc://models/llama"}, storage={"cache_dir": "/mnt"}))
    assert (wired.model, wired.cache_dir) == ("/mnt/llama", "")
    assert TARGET.wiring(builders.recipe(model={"source": "pvc://models"})).model == "/models"
