"""Manifests as users get them, word for word: a change here is a change for them.

After an intended change: `SHARDWRIGHT_UPDATE_GOLDEN=1 .venv/bin/pytest tests/golden`, then read the difference.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from shardwright.core.recipe.model import Bytes, KeyRef, PodOverrides
from shardwright.service import rendering
from shardwright.targets.lws.target import TARGET
from shardwright.testing import builders
from shardwright.units import GIB

if TYPE_CHECKING:
    from shardwright.core.deployment import Deployment, Launch
    from shardwright.core.plan.types import Plan
    from shardwright.core.recipe import Recipe

FOLDER = Path(__file__).parent / "lws"

PODS: dict[str, Any] = {
    "cpu": "32",
    "memory": Bytes(512 * GIB),
    "shared_memory": Bytes(32 * GIB),
    "service_account": "models",
    "node_selector": {"nvidia.com/gpu.product": "NVIDIA-L40S"},
    "tolerations": ({"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},),
    "affinity": {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [{"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a", "b"]}]}]
            }
        }
    },
    "image_pull_secrets": ("registry",),
    "priority_class": "serving",
    "labels": {"team": "language"},
    "annotations": {"cost-centre": "0042"},
    "security_context": {"runAsNonRoot": True, "runAsUser": 2000},
    "leader": PodOverrides(memory=Bytes(640 * GIB)),
    "worker": PodOverrides(labels={"tier": "back"}, node_selector={"rack": "1"}),
}


def two_nodes(version: str) -> Deployment:
    """Llama-3-8B, TP1 x PP2 on two nodes with one A10G each, the model in a claim of ours."""
    recipe = builders.recipe(target={"version": version}, storage={"claim": "models", "size": 50 * GIB})
    return deployed(recipe, builders.plan(recipe))


def one_gpu(version: str) -> Deployment:
    """Llama-3-8B on one GPU, downloaded by the pod itself."""
    recipe = builders.recipe(target={"version": version}, hardware={"nodes": 1}, parallelism={"pipeline": 1})
    return deployed(recipe, builders.plan(recipe, layout=builders.layout(1, 1, nodes=1)))


def all_fields(version: str) -> Deployment:
    """Llama-3.3-70B, TP4 x PP2 on two nodes with four L40S each, three replicas, everything set that pods can have."""
    recipe = builders.recipe(
        metadata={"name": "llama-70b", "labels": {"owner": "ml"}, "annotations": {"contact": "ml@example.org"}},
        model={"source": "hf://meta-llama/Llama-3.3-70B-Instruct", "revision": "1e3", "token": KeyRef("hub", "read")},
        engine={"env": {"HF_ENDPOINT": "https://hub.example.org", "VLLM_LOGGING_LEVEL": "INFO"}},
        target={"version": version, "options": {"exclusiveTopology": "rack"}},
        parallelism={"tensor": 4, "pipeline": 2},
        hardware={"gpu": "L40S", "gpus_per_node": 4},
        storage={"claim": "llama-70b", "storage_class": "nfs-fast"},
        pods=PODS,
        replicas=3,
    )
    layout = builders.layout(4, 2, nodes=2, layers=80)
    shape = builders.llama_shape(layer_count=80, checkpoint_bytes=141_107_412_992)
    gpus = builders.cluster("L40S", gpus_per_node=4, nodes=2)
    return deployed(recipe, builders.plan(recipe, layout=layout, cluster=gpus, shape=shape))


def deployed(recipe: Recipe, plan: Plan) -> Deployment:
    made = builders.deployment(plan=plan, leader=launched(recipe, "leader", plan.layout.nodes))
    return dataclasses.replace(made, worker=launched(recipe, "worker", plan.layout.nodes) if made.worker else None)


def launched(recipe: Recipe, role: Literal["leader", "worker"], nodes: int) -> Launch:
    launch = builders.launch(role, TARGET.wiring(recipe))
    return launch if nodes > 1 else dataclasses.replace(launch, argv=launch.argv[:3])


CASES = {"two-nodes": two_nodes, "one-gpu": one_gpu, "all-fields": all_fields}


@pytest.mark.parametrize("version", ["0.5", "0.8", "0.10"])
@pytest.mark.parametrize("case", CASES)
def test_manifests_are_as_before(case: str, version: str) -> None:
    """What is rendered changes only when we mean it to."""
    path = FOLDER / f"{case}-{version}.yaml"
    text = rendering.as_stream(rendering.render(CASES[case](version), TARGET))
    if os.environ.get("SHARDWRIGHT_UPDATE_GOLDEN"):
        path.write_text(text, "utf-8")
        pytest.skip("written anew")
    assert text == path.read_text("utf-8")
