from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from shardwright.core.recipe.model import PodOverrides
from shardwright.targets.lws.target import TARGET
from shardwright.testing import builders

if TYPE_CHECKING:
    from shardwright.core.deployment import Deployment
    from shardwright.core.rules import Finding


def deployed(version: str = "0.10", *, nodes: int = 2, tensor: int = 1, **overrides: object) -> Deployment:
    """A group of `nodes` nodes with one GPU each."""
    given: Any = overrides.pop("options", {})
    recipe = builders.recipe(target={"version": version, "options": given}, **overrides)
    placed = builders.layout(tensor, nodes // tensor, nodes=nodes)
    return builders.deployment(plan=builders.plan(recipe, layout=placed))


def lws(deployment: Deployment) -> dict[str, Any]:
    return {made.kind: made.body for made in TARGET.render(deployment)}["LeaderWorkerSet"]  # pyright: ignore[reportReturnType]  # a tree of JSON values


def templates(deployment: Deployment) -> list[dict[str, Any]]:
    both = lws(deployment)["spec"]["leaderWorkerTemplate"]
    return [both["leaderTemplate"], both["workerTemplate"]]


def found(deployment: Deployment) -> dict[str, Finding]:
    return {finding.id: finding for finding in TARGET.findings(deployment)}


def errors_of(deployment: Deployment) -> set[str]:
    return {name for name, finding in found(deployment).items() if finding.severity == "error"}


@pytest.mark.requirement("R155")
def test_a_queue_of_kueue_admits_the_set_and_not_the_download() -> None:
    """The set has the queue's label; both templates have one wish for a place, under one name."""
    asked = deployed(options={"queue": "serving", "requiredTopology": "rack"}, storage={"claim": "models"})
    assert lws(asked)["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "serving"
    for template in templates(asked):
        annotations = template["metadata"]["annotations"]
        assert annotations["kueue.x-k8s.io/podset-required-topology"] == "rack"
        assert annotations["kueue.x-k8s.io/podset-group-name"] == "llama-3-8b"
    others = [made.body for made in TARGET.render(asked) if made.kind != "LeaderWorkerSet"]
    assert "kueue" not in str(others)


def test_volcano_places_both_templates() -> None:
    """Pods name the scheduler; the queue stands on the set, from where the controller copies it."""
    asked = deployed(options={"gang": "volcano", "volcanoQueue": "serving"})
    assert {template["spec"]["schedulerName"] for template in templates(asked)} == {"volcano"}
    assert lws(asked)["metadata"]["annotations"]["scheduling.volcano.sh/queue-name"] == "serving"


@pytest.mark.parametrize(("version", "usable"), [("0.5", False), ("0.6", False), ("0.7", True), ("0.10", True)])
def test_gangs_came_with_a_release(version: str, *, usable: bool) -> None:
    """Before 0.7 nothing makes the group that pods of Volcano wait for."""
    assert ("lws.gang-release" not in errors_of(deployed(version, options={"gang": "volcano"}))) == usable


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"gang": "volcano", "queue": "a"}, "lws.two-schedulers"),
        ({"volcanoQueue": "a"}, "lws.option-needs"),
        ({"requiredTopology": "rack"}, "lws.option-needs"),
        ({"queue": "a", "requiredTopology": "rack", "exclusiveTopology": "rack"}, "lws.two-topologies"),
        ({"subgroupExclusiveTopology": "rack"}, "lws.subgroup-missing"),
        ({"subgroupSize": 3}, "lws.subgroup-size"),
        ({"subgroupSize": "2"}, "lws.option-value"),
        ({"gang": "coscheduling"}, "lws.option-value"),
        ({"subdomainPolicy": "Own"}, "lws.option-value"),
        ({"startupPolicy": "LeaderReady"}, "lws.startup-policy"),
    ],
)
def test_options_that_cannot_be_met_are_refused(given: dict[str, Any], rule: str) -> None:
    """Two schedulers, a wish without the one who grants it, parts that do not divide the group, a start that never ends."""
    assert errors_of(deployed(options=given)) == {rule}


def test_a_tensor_parallel_group_over_some_nodes_is_a_subgroup() -> None:
    """Its ranks talk in every layer, so its nodes belong close together; one that takes all nodes is the group itself."""
    policy = lws(deployed(nodes=4, tensor=2))["spec"]["leaderWorkerTemplate"]["subGroupPolicy"]
    assert policy == {"subGroupPolicyType": "LeaderWorker", "subGroupSize": 2}
    old = lws(deployed("0.5", nodes=4, tensor=2))["spec"]["leaderWorkerTemplate"]["subGroupPolicy"]
    assert old == {"subGroupSize": 2}
    for tensor in (1, 4):
        assert "subGroupPolicy" not in lws(deployed(nodes=4, tensor=tensor))["spec"]["leaderWorkerTemplate"]


def test_subgroups_may_have_places_of_their_own() -> None:
    """The annotation stands on the set; that the size stays is said."""
    asked = deployed(nodes=4, options={"subgroupSize": 2, "subgroupExclusiveTopology": "rack"})
    annotations = lws(asked)["metadata"]["annotations"]
    assert annotations["leaderworkerset.sigs.k8s.io/subgroup-exclusive-topology"] == "rack"
    assert "lws.subgroup-fixed" in found(asked)


def test_each_group_may_have_a_headless_service_of_its_own() -> None:
    """The default is left to the controller."""
    asked = deployed(options={"subdomainPolicy": "UniquePerReplica"})
    assert lws(asked)["spec"]["networkConfig"] == {"subdomainPolicy": "UniquePerReplica"}
    assert "networkConfig" not in lws(deployed())["spec"]


def test_groups_that_are_placed_pod_by_pod_are_mentioned() -> None:
    """Where GPUs are short, several groups can each hold a part and wait for each other."""
    assert "lws.no-gang" in found(deployed(replicas=2))
    assert "lws.no-gang" not in found(deployed(replicas=2, options={"queue": "a"}))
    assert "lws.no-gang" not in found(deployed())


@pytest.mark.requirement("R040")
@pytest.mark.parametrize(
    ("kinds", "selectors", "rule"),
    [
        (("L40S", "A10G", "L40S"), ({"gpu": "l40s"}, {"gpu": "a10g"}), "group.workers-mixed"),
        (("L40S", "A10G", "A10G"), (None, None), "group.nodes-not-pinned"),
        (("L40S", "A10G", "A10G"), ({"gpu": "x"}, {"gpu": "x"}), "group.nodes-not-pinned"),
        (("L40S", "A10G", "A10G"), ({"gpu": "l40s"}, {"gpu": "a10g"}), None),
    ],
)
def test_nodes_of_two_kinds_are_told_apart(
    kinds: tuple[str, ...], selectors: tuple[dict[str, str] | None, ...], rule: str | None
) -> None:
    """The leader's node can be chosen, and one kind for all workers: two templates can say no more."""
    leader, worker = (PodOverrides(node_selector=each) if each else None for each in selectors)
    recipe = builders.recipe(target={"version": "0.10"}, pods={"leader": leader, "worker": worker})
    gpus = tuple(builders.gpu(kind) for kind in kinds)
    plan = builders.plan(recipe, layout=builders.layout(1, 3, nodes=3, layers=33), gpus=gpus)
    assert errors_of(builders.deployment(plan=plan)) == ({rule} if rule else set())
