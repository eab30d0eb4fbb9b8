"""A list of deployments beside what is seen of each by itself, on a real API server with its controllers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from rollout_stage import applied

from shardwright.kubernetes.client import Ref
from shardwright.kubernetes.live import overview
from shardwright.service import seeing
from shardwright.testing import builders
from waiting import wait_for

if TYPE_CHECKING:
    from shardwright.core.lifecycle.snapshot import Member
    from shardwright.core.plan.types import Plan
    from shardwright.kubernetes.client import Client
    from shardwright.testing.cluster.clusters import Running
    from shardwright.testing.cluster.fixtures import Clusters

MERGE = {"Content-Type": "application/merge-patch+json"}
SECONDS = 60
NAMES = ("llama", "llama-7", "llama-70-1")
"""Names that look as if they were replicas and members of each other."""


@pytest.fixture
def cluster(clusters: Clusters) -> Running:
    return clusters.api("lws")


def over_two_nodes(client: Client, name: str, replicas: int) -> Plan:
    asked = builders.recipe(
        metadata={"name": name, "namespace": client.namespace},
        model={"source": "pvc://models/llama", "token": None},
        target={"kind": "lws", "version": "0.8"},
        replicas=replicas,
    )
    return builders.plan(asked)


def patch(client: Client, path: str, change: dict[str, object]) -> None:
    whole = f"/api/v1/namespaces/{client.namespace}/pods/{path}"
    client.tree("patch", whole, headers=MERGE, content=msgspec.json.encode(change))


def told(member: Member) -> tuple[object, ...]:
    return member.name, member.group, member.index, member.state, member.node, member.restarts


def names_of(client: Client) -> list[str]:
    return [each["metadata"]["name"] for each in client.list(Ref("v1", "Pod", namespace=client.namespace))]


def listed(client: Client, name: str) -> list[tuple[object, ...]]:
    found = next(each for each in overview.all_of(client, client.namespace) if each.head.name == name)
    assert found.snapshot is not None
    return [told(each) for each in found.snapshot.members]


def seen(client: Client, name: str) -> list[tuple[object, ...]]:
    return [told(each) for each in seeing.look(client, seeing.find(client, client.namespace, name)).members]


def test_names_of_pods_tell_what_their_labels_tell(client: Client) -> None:
    """Of sets whose names are each other's ends: whose pod it is, which replica and member, and that one is leaving."""
    for replicas, name in enumerate(NAMES, 1):
        applied(client, over_two_nodes(client, name, replicas))
    wait_for(lambda: len(names_of(client)) == 12, SECONDS, lambda: names_of(client))
    running: dict[str, object] = {
        "name": "x",
        "image": "x",
        "imageID": "",
        "ready": False,
        "restartCount": 2,
        "state": {"running": {}},
    }
    patch(client, "llama-0/status", {"status": {"phase": "Running", "containerStatuses": [running]}})
    patch(client, "llama-7-1-1", {"metadata": {"finalizers": ["example.com/held"]}})
    client.delete(Ref("v1", "Pod", "llama-7-1-1", client.namespace), propagation="Background")
    for name in NAMES:
        wait_for(
            lambda name=name: listed(client, name) == seen(client, name),
            SECONDS,
            lambda name=name: (listed(client, name), seen(client, name)),
        )
    states = {str(row[0]): row[3] for name in NAMES for row in listed(client, name)}
    assert states["llama-7-1-1"] == "ending"
    assert len(states) == 12
    patch(client, "llama-7-1-1", {"metadata": {"finalizers": None}})
