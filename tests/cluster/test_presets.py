"""The configuration that several groups of a namespace share, with KServe's real controller: nobody's own, gone with the last."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import pytest

from shardwright.kubernetes.client import Client, Ref
from shardwright.service import past, rollout
from shardwright.service.rollout import Options, Rollout
from shardwright.testing import builders

if TYPE_CHECKING:
    from shardwright.core.plan.types import Plan
    from shardwright.testing.cluster.clusters import Running
    from shardwright.testing.cluster.fixtures import Clusters

API = "serving.kserve.io/v1alpha2"
PRESET = "kserve-config-llm-worker-pipeline-parallel"


@pytest.fixture
def cluster(clusters: Clusters) -> Running:
    return clusters.api("lws", "llmisvc")


def plan_of(client: Client, name: str, *, nodes: int = 2, **more: Any) -> Plan:  # noqa: ANN401 - fields of a recipe
    """A group, its model on a claim of somebody else's."""
    asked = builders.recipe(
        metadata={"name": name, "namespace": client.namespace},
        model={"source": "pvc://models/llama", "token": None},
        target={"kind": "llmisvc", "version": "0.20"},
        parallelism={"pipeline": nodes},
        hardware={"nodes": nodes},
        **more,
    )
    return dataclasses.replace(builders.plan(layout=builders.layout(1, nodes, nodes=nodes)), recipe=asked)


def apply(client: Client, plan: Plan) -> Rollout:
    """KServe lets no group change its number of pods: it is made anew then."""
    allowed = Options(force=True, recreate=True)
    prepared = rollout.prepare(plan, client, allowed)
    list(rollout.carry_out(prepared, client, allowed))
    return prepared


def is_needed(client: Client, plan: Plan) -> bool:
    return rollout.prepare(plan, client, Options()).is_needed


def preset(client: Client) -> dict[str, Any] | None:
    return client.find(Ref(API, "LLMInferenceServiceConfig", PRESET, client.namespace))


def service(client: Client, name: str) -> dict[str, Any]:
    return client.get(Ref(API, "LLMInferenceService", name, client.namespace))


def delete(client: Client, name: str) -> list[str]:
    gone = past.delete(client, client.namespace, name, with_claims=False, timeout_seconds=60)
    return [step.subject for step in gone]


def until_used(cluster: Running, client: Client, *names: str) -> None:
    """Until KServe has laid the configuration under these groups."""
    for name in names:
        is_used = lambda name=name: PRESET in json.dumps(service(client, name).get("status", {}))  # noqa: E731 - asked again
        cluster.wait_until(is_used, f"{name} has the preset", of="llmisvc-manager")


def test_two_groups_take_it_from_each_other_no_more(cluster: Running, client: Client) -> None:
    """Applied twice each, nothing changes the second time; the end of one leaves the other what it needs."""
    first, second = plan_of(client, "first"), plan_of(client, "second", engine={"version": "0.25.0"})
    apply(client, first)
    apply(client, second)
    until_used(cluster, client, "first", "second")
    assert (is_needed(client, first), is_needed(client, second)) == (False, False)
    kept = f"kept LLMInferenceServiceConfig {client.namespace}/{PRESET}: second of the namespace needs it"
    assert kept in delete(client, "first")
    found = preset(client)
    assert found is not None
    assert "deletionTimestamp" not in found["metadata"]
    # The controller goes on with the one that is left.
    apply(client, plan_of(client, "second", engine={"version": "0.25.0", "env": {"TZ": "UTC"}}))
    sets = Ref("leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet", "second-kserve-mn", client.namespace)
    cluster.wait_until(lambda: '"TZ"' in json.dumps(client.find(sets) or {}), "changed", of="llmisvc-manager")
    assert f"deleted LLMInferenceServiceConfig {client.namespace}/{PRESET}" in delete(client, "second")
    assert preset(client) is None


def test_a_group_that_needs_it_no_more_leaves_none_behind(cluster: Running, client: Client) -> None:
    """From two nodes to one it goes with the old group; the next apply changes nothing, and nothing of it is left."""
    apply(client, plan_of(client, "llama"))
    until_used(cluster, client, "llama")
    one = plan_of(client, "llama", nodes=1)
    pruned = apply(client, one)
    assert [str(each) for each in pruned.stale] == [f"prune LLMInferenceServiceConfig {client.namespace}/{PRESET}"]
    assert preset(client) is None
    assert not is_needed(client, one)
    assert delete(client, "llama") == [f"deleted LLMInferenceService {client.namespace}/llama"]


@pytest.mark.parametrize("metadata", [{}, {"labels": {"kustomize.toolkit.fluxcd.io/name": "apps"}}])
def test_one_of_somebody_else_is_used_as_it_is(client: Client, metadata: dict[str, Any]) -> None:
    """Made by hand, or kept by Flux: it is not written, said to be used, and left at the end."""
    given = {"name": PRESET, "namespace": client.namespace, **metadata}
    if metadata:  # as this program renders it for another deployment
        given["labels"] = {**metadata["labels"], "app.kubernetes.io/managed-by": "shardwright"}
        given["annotations"] = {"shardwright.dev/needed-by": "LLMInferenceService"}
    client.create({"apiVersion": API, "kind": "LLMInferenceServiceConfig", "metadata": given, "spec": {}})
    made = apply(client, plan_of(client, "llama"))
    whose = "kept by Flux (Kustomization apps)" if metadata else "somebody else's"
    assert made.notes == (f"LLMInferenceServiceConfig {PRESET} is there and {whose}: it is used as it is",)
    delete(client, "llama")
    found = preset(client)
    assert found is not None
    assert "deletionTimestamp" not in found["metadata"]


def test_a_group_that_needs_it_no_more_leaves_it_to_another(cluster: Running, client: Client) -> None:
    """Said once, and no change afterwards; the other one takes it along at its end."""
    apply(client, plan_of(client, "other"))
    apply(client, plan_of(client, "llama"))
    until_used(cluster, client, "llama", "other")
    one = plan_of(client, "llama", nodes=1)
    made = apply(client, one)
    stays = f"{PRESET} is in the recipe no more and stays: other of the namespace needs it"
    assert made.notes == (f"LLMInferenceServiceConfig {client.namespace}/{stays}",)
    assert not is_needed(client, one)
    delete(client, "llama")
    found = preset(client)
    assert found is not None
    assert "deletionTimestamp" not in found["metadata"]
    delete(client, "other")
    assert preset(client) is None
