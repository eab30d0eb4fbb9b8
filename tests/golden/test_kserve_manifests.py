"""Manifests for KServe as users get them, word for word: a change here is a change for them.

After an intended change: `SHARDWRIGHT_UPDATE_GOLDEN=1 .venv/bin/pytest tests/golden`, then read the difference.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from test_lws_manifests import PODS

from shardwright.core.plan.types import EngineChoice
from shardwright.core.recipe.model import Auth, Bytes, KeyRef, Rdma, Tls
from shardwright.service import deploying, rendering
from shardwright.targets.kserve.target import TARGET
from shardwright.testing import builders
from shardwright.units import GIB

if TYPE_CHECKING:
    from collections.abc import Callable

    from shardwright.core.deployment import Deployment
    from shardwright.core.layout import Layout
    from shardwright.core.recipe import Recipe

FOLDER = Path(__file__).parent / "kserve"
CLAIM = {"claim": "models", "size": Bytes(50 * GIB)}


def two_nodes(version: str) -> Deployment:
    """Llama-3-8B, TP1 x PP2 on two nodes with one A10G each, the model in a claim of ours."""
    return deployed(builders.recipe(target=target(version), storage=CLAIM), builders.layout())


def one_gpu(version: str) -> Deployment:
    """Llama-3-8B on one GPU, downloaded by the pod itself, three replicas."""
    asked = builders.recipe(target=target(version), hardware={"nodes": 1}, parallelism={"pipeline": 1}, replicas=3)
    return deployed(asked, builders.layout(1, 1, nodes=1))


def four_nodes(version: str) -> Deployment:
    """TP4 x PP4 on four nodes, workers that find their index, RDMA, a Route with a key, everything set that pods can have."""
    asked = builders.recipe(
        metadata={"name": "llama", "labels": {"owner": "ml"}, "annotations": {"contact": "ml@example.org"}},
        model={"served_name": "meta-llama"},
        target=target(version),
        storage={"claim": "models", "storage_class": "nfs-fast"},
        network={"rdma": Rdma(("rdma/hca_0",), ("demo/fabric",))},
        expose={"kind": "route", "tls": Tls(), "auth": Auth(api_key=KeyRef("api", "key"))},
        pods={**PODS, "security_context": None},
    )
    return deployed(asked, builders.layout(4, 4, nodes=4))


def ray(version: str) -> Deployment:
    """TP1 x PP2 on two nodes, spanned by Ray, from an image that has it."""
    engine = {"executor": "ray", "image": "registry.example.org/vllm-ray:0.24.0"}
    return deployed(builders.recipe(target=target(version), storage=CLAIM, engine=engine), builders.layout())


def server(version: str) -> Deployment:
    """Llama-3-8B on one GPU by KServe's Hugging Face server, the model in an image."""
    asked = builders.recipe(
        target={**target(version), "options": {"runtime": "huggingface"}},
        model={"source": "oci://quay.io/org/llama-3-8b:1", "token": None},
    )
    return deployed(asked, builders.layout(1, 1, nodes=1))


def target(version: str) -> dict[str, object]:
    return {"kind": "kserve", "version": version}


def deployed(recipe: Recipe, layout: Layout) -> Deployment:
    plan = builders.plan(recipe, layout=layout)
    engine = EngineChoice("vllm", "0.24.0", "v2", recipe.engine.executor or "mp", plan.engine.settings)
    return deploying.deployment_of(dataclasses.replace(plan, engine=engine), TARGET)


CASES: dict[str, tuple[Callable[[str], Deployment], tuple[str, ...]]] = {
    "two-nodes": (two_nodes, ("0.14", "0.15.0", "0.17", "0.20")),
    "one-gpu": (one_gpu, ("0.13", "0.15.1", "0.20")),
    "four-nodes": (four_nodes, ("0.19",)),
    "ray": (ray, ("0.16",)),
    "server": (server, ("0.20",)),
}


@pytest.mark.parametrize(
    ("case", "version"), [(case, version) for case, (_, all_) in CASES.items() for version in all_]
)
def test_manifests_are_as_before(case: str, version: str) -> None:
    """What is rendered changes only when we mean it to."""
    path = FOLDER / f"{case}-{version}.yaml"
    text = rendering.as_stream(rendering.render(CASES[case][0](version), TARGET))
    if os.environ.get("SHARDWRIGHT_UPDATE_GOLDEN"):
        path.write_text(text, "utf-8")
        pytest.skip("written anew")
    assert text == path.read_text("utf-8")
