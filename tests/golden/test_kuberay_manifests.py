"""Manifests for KubeRay as users get them, word for word: a change here is a change for them.

After an intended change: `SHARDWRIGHT_UPDATE_GOLDEN=1 .venv/bin/pytest tests/golden`, then read the difference.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shardwright.core.recipe.model import Bytes, Expose, Rdma, Tls
from shardwright.service import rendering
from shardwright.targets.kuberay.target import TARGET
from shardwright.testing import builders
from shardwright.units import GIB

if TYPE_CHECKING:
    from shardwright.core.deployment import Deployment

FOLDER = Path(__file__).parent / "kuberay"


def two_nodes(version: str) -> Deployment:
    """Llama-3-8B, TP1 x PP2 on two nodes, the server on the head, the model in a claim of ours."""
    return builders.on_ray(TARGET, target={"version": version}, storage={"claim": "models", "size": 50 * GIB})


def one_node(version: str) -> Deployment:
    """A head alone."""
    return builders.on_ray(TARGET, nodes=1, target={"version": version})


def ray_serve(version: str) -> Deployment:
    """A RayService with Ray Serve LLM, two replicas of two ranks."""
    options = {"server": "ray-serve"}
    return builders.on_ray(
        TARGET, target={"version": version, "options": options}, storage={"claim": "models"}, replicas=2
    )


def all_settings(version: str) -> Deployment:
    """Ports, fault tolerance, a queue, RDMA, a way in and what pods can have."""
    options = {
        "gcsPort": 6380,
        "dashboardPort": 8266,
        "metricsPort": 8090,
        "redisAddress": "redis:6379",
        "redisPassword": "redis/password",
        "redisNamespace": "llama",
        "queue": "serving",
    }
    return builders.on_ray(
        TARGET,
        target={"version": version, "options": options},
        storage={"claim": "models"},
        network={"rdma": Rdma(("rdma/a",), ("x/one",), "ipv6")},
        expose=Expose(kind="ingress", host="llama.example.org", tls=Tls("llama-tls")),
        pods={"cpu": "32", "memory": Bytes(256 * GIB), "labels": {"team": "language"}, "priority_class": "serving"},
    )


CASES = {
    "two-nodes-1.1": two_nodes,
    "two-nodes-1.7": two_nodes,
    "one-node-1.7": one_node,
    "ray-serve-1.2": ray_serve,
    "ray-serve-1.7": ray_serve,
    "all-settings-1.5": all_settings,
}


@pytest.mark.parametrize("case", CASES)
def test_manifests_are_as_before(case: str) -> None:
    """What is rendered changes only when we mean it to."""
    path = FOLDER / f"{case}.yaml"
    text = rendering.as_stream(rendering.render(CASES[case](case.rpartition("-")[2]), TARGET))
    if os.environ.get("SHARDWRIGHT_UPDATE_GOLDEN"):
        path.write_text(text, "utf-8")
        pytest.skip("written anew")
    assert text == path.read_text("utf-8")
