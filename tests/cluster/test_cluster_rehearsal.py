"""A rehearsal in a cluster that cannot run it: what it writes is accepted, and nothing of it stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from shardwright import errors
from shardwright.kubernetes.client import Client, Place, Ref, connect
from shardwright.service import cluster_rehearsing, cluster_twins, past
from shardwright.testing import builders

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shardwright.core.plan.types import Plan
    from shardwright.service.cluster_twins import Prepared
    from shardwright.testing.cluster.fixtures import Clusters

NAME = "llama-3-8b"


@pytest.fixture
def client(clusters: Clusters) -> Iterator[Client]:
    running = clusters.api("lws")
    with running.namespace() as namespace:
        place = Place(kubeconfig=str(running.plane.kubeconfig), namespace=namespace)
        with connect(place) as connected:
            yield connected


def planned(kind: str) -> Plan:
    if kind == "lws":
        return builders.plan(builders.recipe(target={"version": "0.8"}))
    one = {"parallelism": {"pipeline": 1}, "hardware": {"nodes": 1}}
    return builders.plan(builders.recipe(target={"kind": kind}, **one), layout=builders.layout(1, 1, nodes=1))


def there(client: Client, namespace: str) -> set[str]:
    """Kinds of what is in a namespace, but for what every namespace has."""
    kinds: tuple[tuple[str, str], ...] = (
        ("leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet"), ("apps/v1", "Deployment"), ("v1", "Service"), ("v1", "ConfigMap"),
    )  # fmt: skip
    found = (each for kind in kinds for each in client.list(Ref(*kind, namespace=namespace)))
    return {str(each["kind"]) for each in found if each["metadata"]["name"] != "kube-root-ca.crt"}


def rehearsed(
    client: Client, prepared: Prepared, *, keep: bool = False, meanwhile: Callable[[], None] | None = None
) -> None:
    """Apply it and wait for what does not come here: a pod that runs; TimeoutError."""
    with cluster_rehearsing.running(prepared, client, keep=keep) as session:
        list(session.apply())
        if meanwhile:
            meanwhile()
        list(session.views(2))


@pytest.mark.parametrize(("kind", "group"), [("lws", "LeaderWorkerSet"), ("kubernetes", "Deployment")])
def test_a_namespace_is_made_and_removed_whatever_happens(client: Client, kind: str, group: str) -> None:
    """Every object is accepted with unknown fields refused; no pod starts here, and time is over."""
    prepared = cluster_twins.prepare(planned(kind))
    seen: list[set[str]] = []
    with pytest.raises(TimeoutError):
        rehearsed(client, prepared, meanwhile=lambda: seen.append(there(client, prepared.namespace)))
    assert seen == [{group, "Service", "ConfigMap"}]
    assert client.find(Ref("v1", "Namespace", prepared.namespace)) is None


def test_in_a_namespace_that_is_given_nothing_else_is_touched(client: Client) -> None:
    """It stays, and what is in it; a rehearsal over something that is there is refused before anything is written."""
    neighbour: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "other"}}
    client.create(neighbour)
    prepared = cluster_twins.prepare(planned("kubernetes"), namespace=client.namespace)

    def again_and_stop() -> None:
        with pytest.raises(errors.Conflict, match=f"deployment {NAME}"):
            rehearsed(client, prepared)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rehearsed(client, prepared, meanwhile=again_and_stop)
    left = [each["metadata"]["name"] for each in client.list(Ref("v1", "ConfigMap", namespace=client.namespace))]
    assert sorted(left) == ["kube-root-ca.crt", "other"]
    assert there(client, client.namespace) == {"ConfigMap"}
    client.create({**neighbour, "metadata": {"name": f"{NAME}-twin"}})
    with pytest.raises(errors.Conflict, match=f"ConfigMap {NAME}-twin"):
        rehearsed(client, prepared)


def test_what_is_kept_is_a_deployment_like_any_other(client: Client) -> None:
    """With its history, which says that it is a rehearsal and what came of it; it is deleted as others are."""
    prepared = cluster_twins.prepare(planned("kubernetes"), namespace=client.namespace)
    with pytest.raises(TimeoutError):
        rehearsed(client, prepared, keep=True)
    (revision,) = past.history(client, client.namespace, NAME)
    assert (revision.outcome, revision.plan["layout"]["nodes"]) == ("failed", 1)
    list(past.delete(client, client.namespace, NAME, with_claims=False, timeout_seconds=60))
    assert there(client, client.namespace) == set()


def test_a_namespace_that_is_not_there(client: Client) -> None:
    """The way out is to name none."""
    prepared = cluster_twins.prepare(planned("kubernetes"), namespace="nowhere")
    with pytest.raises(errors.NotFound) as missing:
        rehearsed(client, prepared)
    assert "leave -n out" in missing.value.hint
