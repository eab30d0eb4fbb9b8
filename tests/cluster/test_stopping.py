"""A deployment without replicas on a real API server with its controllers, and the way to end old pods before new ones start."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shardwright.core.plan.types import Plan
from shardwright.kubernetes.client import Ref
from shardwright.service import past, planning, preparing, recipes, rollout
from shardwright.service.rollout import Options
from shardwright.settings import HubSettings
from waiting import wait_for

if TYPE_CHECKING:
    from engine_stage import Shell

    from shardwright.kubernetes.client import Client, Tree
    from shardwright.testing.cluster.clusters import Running
    from shardwright.testing.cluster.fixtures import Clusters

NAME = "llama-3-8b"
EXAMPLE = Path(__file__).parents[2] / "examples" / "llama-3-8b-two-nodes.yaml"
ROLLING = "/spec/rolloutStrategy/rollingUpdateConfiguration"
SURGE = {
    "lws": f"[{{op: replace, path: {ROLLING}/maxSurge, value: 1}}, {{op: replace, path: {ROLLING}/maxUnavailable, value: 0}}]",
    "kserve": "[{op: remove, path: /spec/predictor/deploymentStrategy}]",
}
KINDS = {"lws": "LeaderWorkerSet", "kserve": "InferenceService"}
RAY = ("engine.executor=ray", "engine.image=rayproject/ray-llm:2.52.0-py311-cu128", "engine.version=0.10.2")
END, DELETE = "apply once with --set replicas=0", f"shardwright delete {NAME} -n"


@pytest.fixture
def cluster(clusters: Clusters) -> Running:
    return clusters.api("lws", "llmisvc", "kserve", "kuberay")


def plan_of(client: Client, kind: str, version: str, *sets: str) -> Plan:
    """The two-node example on a claim that somebody filled; new pods start before old ones end."""
    patches = [f"{{target: {{kind: {KINDS[kind]}}}, patch: {SURGE[kind]}}}"] if kind in KINDS else []
    target = f"target={{kind: {kind}, version: '{version}', patches: [{', '.join(patches)}]}}"
    own = (target, "storage={claim: models, download: never}")
    given = [f"metadata.namespace={client.namespace}", *own, *(RAY if kind == "kuberay" else ()), *sets]
    (loaded,) = recipes.load_recipes([str(EXAMPLE)], given)
    plan = planning.plan_loaded(loaded, HubSettings("https://huggingface.co", offline=True))
    assert isinstance(plan, Plan)
    return plan


def apply(client: Client, plan: Plan) -> None:
    allowed = Options(force=True, recreate=True)
    list(rollout.carry_out(rollout.prepare(plan, client, allowed), client, allowed))


def pods_of(client: Client) -> list[Tree]:
    return list(client.list(Ref("v1", "Pod", namespace=client.namespace)))


@pytest.mark.parametrize(
    ("kind", "version"), [("lws", "0.8"), ("kserve", "0.20"), ("llmisvc", "0.20"), ("kuberay", "1.5")]
)
def test_what_is_stopped_is_said_to_be(client: Client, shell: Shell, kind: str, version: str) -> None:
    """The old pods go, nothing is asked of them, and a way back leads to what ran, not to what was stopped."""
    apply(client, plan_of(client, kind, version))
    wait_for(lambda: pods_of(client), 60)
    stopping = rollout.prepare(plan_of(client, kind, version, "replicas=0"), client, Options(force=True))
    assert stopping.course is None
    list(rollout.carry_out(stopping, client, Options(force=True)))
    inside = ("-n", client.namespace)
    shell.run("rollback", NAME, *inside, "--to", "2", "-y")
    assert json.loads(shell.run("status", NAME, *inside, "-o", "json"))["state"] == "stopped"
    assert pods_of(client) == []
    known = past.history(client, client.namespace, NAME)
    assert (known[-1].outcome, past.back_to(known, None).number) == ("stopped", 1)


@pytest.mark.parametrize(
    ("kind", "version", "cure"),
    [("lws", "0.8", END), ("kserve", "0.20", END), ("kserve", "0.15", DELETE), ("kuberay", "1.5", DELETE)],
)
def test_old_pods_are_ended_by_what_ends_them_there(client: Client, kind: str, version: str, cure: str) -> None:
    """A set and a newer KServe by no replicas; a KServe before 0.16 and a RayService leave their pods as they are then."""
    service = ("target.options={server: ray-serve, upgradeStrategy: NewCluster}",) if kind == "kuberay" else ()
    apply(client, plan_of(client, kind, version, *service))
    changed = plan_of(client, kind, version, *service, "engine.env.TZ=UTC")
    prepared = rollout.prepare(changed, client, Options(force=True))
    (found,) = preparing.surge_findings(changed, client, prepared)
    assert found.status == "fail"
    assert f"or end the old pods first: {cure}" in found.fix
