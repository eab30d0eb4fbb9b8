"""What real controllers make of rendered manifests, and what their webhooks refuse: the level without nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from rendered_here import applicable, lint_errors

from shardwright import errors

if TYPE_CHECKING:
    from shardwright.testing.cluster.api import Api, Tree
    from shardwright.testing.cluster.clusters import Running
    from shardwright.testing.cluster.fixtures import Clusters

LWS = "/apis/leaderworkerset.x-k8s.io/v1"
CLAIM = "storage={claim: models, download: never}"
RAY = ("engine.executor=ray", "engine.image=registry.example.org/engine-with-ray:1")


def create_all(api: Api, bodies: list[dict[str, Any]]) -> None:
    for body in bodies:
        api.create(body)


def pods_when(cluster: Running, api: Api, namespace: str, count: int, of: str) -> dict[str, Tree]:
    """Pods by name, once there are so many."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    cluster.wait_until(lambda: len(api.items(path)) >= count, f"{count} pods", of=of, timeout_seconds=90)
    return {pod["metadata"]["name"]: pod for pod in api.items(path)}


def environment(pod: Tree) -> dict[str, str]:
    return {each["name"]: each.get("value", "") for each in pod["spec"]["containers"][0]["env"]}


def test_a_rendered_set_makes_its_pods(clusters: Clusters) -> None:
    """The controller makes of it two StatefulSets with a leader and a worker, which know the leader and wait for nodes."""
    cluster = clusters.api("lws")
    with cluster.namespace() as namespace, cluster.api() as api:
        create_all(api, applicable("lws", "0.8", namespace))
        pods = pods_when(cluster, api, namespace, 2, "lws-manager")
        assert set(pods) == {"llama-3-8b-0", "llama-3-8b-0-1"}
        sets = api.items(f"/apis/apps/v1/namespaces/{namespace}/statefulsets")
        assert {each["metadata"]["name"] for each in sets} == {"llama-3-8b", "llama-3-8b-0"}
        for number, pod in enumerate(pods[name] for name in sorted(pods)):
            assert environment(pod)["LWS_LEADER_ADDRESS"] == f"llama-3-8b-0.llama-3-8b.{namespace}"
            assert environment(pod)["LWS_WORKER_INDEX"] == str(number)
            assert "$(LWS_LEADER_ADDRESS)" in str(pod["spec"]["containers"][0])
            assert (pod["status"]["phase"], "nodeName" in pod["spec"]) == ("Pending", False)


def test_the_api_server_can_go_and_come_back(clusters: Clusters) -> None:
    """After a crash of the server its objects are there, and the controllers act again without being started anew."""
    cluster = clusters.api("lws")
    with cluster.namespace() as namespace:
        with cluster.api() as api:
            create_all(api, applicable("lws", "0.8", namespace))
        cluster.restart()
        with cluster.api() as api:
            pods_when(cluster, api, namespace, 2, "lws-manager")
            sets = f"{LWS}/namespaces/{namespace}/leaderworkersets"
            api.delete(f"{sets}/llama-3-8b", policy="Foreground")
            cluster.wait_until(lambda: not api.items(sets), "the set is gone", of="lws-manager")


def test_a_rendered_llm_inference_service_makes_its_set(clusters: Clusters) -> None:
    """The controller of KServe takes it with the shipped presets and makes a LeaderWorkerSet of as many pods as nodes."""
    cluster = clusters.api("lws", "llmisvc")
    with cluster.namespace() as namespace, cluster.api() as api:
        create_all(api, applicable("llmisvc", "0.20", namespace))
        pods = pods_when(cluster, api, namespace, 2, "llmisvc-manager")
        (made,) = api.items(f"{LWS}/namespaces/{namespace}/leaderworkersets")
        assert made["spec"]["leaderWorkerTemplate"]["size"] == 2
        assert {pod.rpartition("-mn-")[2] for pod in pods} == {"0", "0-1"}
        for pod in pods.values():
            assert environment(pod)["LWS_LEADER_ADDRESS"].startswith(f"{made['metadata']['name']}-0.")


def test_a_rendered_ray_cluster_makes_its_pods(clusters: Clusters) -> None:
    """The operator makes a head and a worker of it, each with the GPUs of a node."""
    cluster = clusters.api("kuberay")
    with cluster.namespace() as namespace, cluster.api() as api:
        create_all(api, applicable("kuberay", "1.5", namespace, *RAY))
        pods = pods_when(cluster, api, namespace, 2, "kuberay-manager")
        kinds = sorted(pod["metadata"]["labels"]["ray.io/node-type"] for pod in pods.values())
        assert kinds == ["head", "worker"]
        for pod in pods.values():
            assert pod["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"
        services = {each["metadata"]["name"] for each in api.items(f"/api/v1/namespaces/{namespace}/services")}
        assert {"llama-3-8b-head-svc", "llama-3-8b-api"} <= services


def test_a_rendered_inference_service_makes_its_deployments(clusters: Clusters) -> None:
    """KServe's first controller, out of cluster, makes a leader's and the workers' Deployment of runtime and service."""
    cluster = clusters.api("kserve")
    with cluster.namespace() as namespace, cluster.api() as api:
        create_all(api, applicable("kserve", "0.20", namespace, CLAIM))
        pods = pods_when(cluster, api, namespace, 2, "kserve-manager")
        assert any("worker" in name for name in pods)
        deployments = api.items(f"/apis/apps/v1/namespaces/{namespace}/deployments")
        assert {each["metadata"]["name"] for each in deployments} >= {"llama-3-8b-predictor"}


def test_workers_of_an_inference_service_are_taken_away_again(clusters: Clusters) -> None:
    """KServe 0.20.0 deletes what it made for them, over and over, as the finding says: such a group never serves."""
    cluster = clusters.api("kserve")
    with cluster.namespace() as namespace, cluster.api() as api:
        create_all(api, applicable("kserve", "0.20", namespace, CLAIM))
        path, seen = f"/apis/apps/v1/namespaces/{namespace}/deployments", set[str]()

        def is_made_anew() -> bool:
            named = {each["metadata"]["uid"]: each["metadata"]["name"] for each in api.items(path)}
            seen.update(uid for uid, name in named.items() if name == "llama-3-8b-predictor-worker")
            return len(seen) > 2

        cluster.wait_until(is_made_anew, "workers are made for the third time", of="kserve-manager")


# A field of the rendered object, a value that webhook and lint are to refuse, and what the webhook says.
REFUSED: dict[str, tuple[str, str, str, object, str]] = {
    "a set of no pods": ("lws", "0.8", "spec.leaderWorkerTemplate.size", 0, "size must be equal or greater than 1"),
    "fewer than no replicas": ("lws", "0.8", "spec.replicas", -1, "replicas"),
    "workers without a reason": ("llmisvc", "0.20", "spec.parallelism", {"tensor": 2}, "worker"),
}


def put(body: dict[str, Any], path: str, value: object) -> None:
    *above, last = path.split(".")
    node = body
    for name in above:
        node = node[name]
    node[last] = value


@pytest.mark.parametrize("case", REFUSED)
def test_webhooks_refuse_what_lint_refuses(clusters: Clusters, case: str) -> None:
    """What the cluster would say no to is found before it is asked; the same object unchanged is taken by both."""
    kind, version, path, value, said = REFUSED[case]
    cluster = clusters.api(kind)
    with cluster.namespace() as namespace, cluster.api() as api:
        *before, body = applicable(kind, version, namespace)
        create_all(api, before)
        api.create(body, dry_run=True)
        assert not lint_errors(body)
        put(body, path, value)
        assert lint_errors(body)
        with pytest.raises(errors.TargetError, match=said):
            api.create(body, dry_run=True)
