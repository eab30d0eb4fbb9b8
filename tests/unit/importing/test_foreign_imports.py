"""Manifests that other people wrote: guides, tutorials, upstream's own test cases."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from import_cases import DEPLOYMENT, SGLANG, VLLM_ON_RAY, ids, imported, places

from shardwright import errors
from shardwright.cli import import_view

if TYPE_CHECKING:
    from shardwright.core.recipe.model import Json

_FOLDER = Path(
    os.environ.get("SHARDWRIGHT_UPSTREAM_CASES") or Path(__file__).resolve().parents[4] / "shared" / "upstream-cases"
)
FABRIC = {
    "rdma": {
        "devices": ["rdma/shared_a", "rdma/shared_b"],
        "networks": ["fabric/net-a", "fabric/net-b"],
        "ipFamily": "ipv6",
    },
    "debug": True,
}
STAYS = [
    *("LeaderWorkerSet spec.leaderWorkerTemplate.leaderTemplate.spec.containers[name=serving].env[name=HF_TOKEN]",),
    *("LeaderWorkerSet spec.leaderWorkerTemplate.leaderTemplate.spec.enableServiceLinks",),
    *("LeaderWorkerSet spec.leaderWorkerTemplate.workerTemplate.spec.containers[name=serving].env[name=HF_TOKEN]",),
    *("LeaderWorkerSet spec.leaderWorkerTemplate.workerTemplate.spec.enableServiceLinks",),
    "Service metadata.name",
]


@pytest.mark.parametrize(
    ("text", "engine"),
    [
        (SGLANG, {"name": "sglang", "version": "0.5.6.post2", "args": {"max-running-requests": 500}}),
        (VLLM_ON_RAY, {"name": "vllm", "version": "0.10.2", "executor": "ray"}),
    ],
    ids=["sglang", "vllm-on-ray"],
)
def test_a_group_of_a_guide_becomes_a_recipe(text: str, engine: dict[str, Any]) -> None:
    """SGLang by its command, vLLM by the scripts that start Ray: engine, layout, fabric, claim and token are carried."""
    result = imported(text, gpu="L40S")
    document = result.document
    assert document["engine"] == engine
    assert document["parallelism"] == {"tensor": 4, "pipeline": 2}
    assert document["hardware"] == {"gpu": "L40S", "gpusPerNode": 4, "nodes": 2}
    assert document["network"] == FABRIC
    assert document["storage"] == {"claim": "models-pvc", "download": "never"}
    assert document["model"]["source"] == "hf://meta-llama/Llama-3.3-70B-Instruct"
    assert document["pods"] == {"leader": {"labels": {"role": "front"}}}
    assert result.is_compared
    assert "Service spec.selector.role" in places(result)


@pytest.mark.parametrize("text", [SGLANG, VLLM_ON_RAY], ids=["sglang", "vllm-on-ray"])
def test_kept_differences_leave_what_patches_may_not_do(text: str) -> None:
    """A token in clear text, links of Services and the names of objects stay, each with its reason."""
    result = imported(text, gpu="L40S", keeps_differences=True)
    assert sorted(places(result)) == sorted(STAYS)
    assert all(told.reason for told in result.differences)


def test_a_deployment_of_a_tutorial_becomes_a_recipe() -> None:
    """A shell's script, a cache in a claim, a token by reference; an object beside it is named, not dropped."""
    result = imported(DEPLOYMENT, gpu="L40S")
    assert ids(result) == ["import.version-assumed", "import.object-left"]
    document = result.document
    assert document["engine"]["args"] == {"enable-chunked-prefill": True, "max-num-batched-tokens": 1024}
    assert document["engine"]["image"] == "vllm/vllm-openai:latest"
    assert document["storage"]["cacheDir"] == "/root/.cache/huggingface"
    assert document["model"]["token"] == {"secret": "hf-token-secret", "key": "token"}
    assert document["pods"]["memory"] == "20G"
    kept = imported(DEPLOYMENT, gpu="L40S", keeps_differences=True)
    assert places(kept) == ["Deployment spec.template.spec.enableServiceLinks"]


def test_a_stateful_set_says_that_its_kind_changes() -> None:
    """Another kind is rendered: that is a difference, and a note."""
    result = imported(DEPLOYMENT.replace("kind: Deployment", "kind: StatefulSet"), gpu="L40S")
    assert "import.kind-changed" in ids(result)
    assert "StatefulSet kind" in places(result)


def put_engine(tree: Json, nodes: int) -> None:
    """The first containers of a case serve a model."""
    if isinstance(tree, list):
        for each in cast("list[Json]", tree):
            put_engine(each, nodes)
    if not isinstance(tree, dict):
        return
    tree = cast("dict[str, Json]", tree)
    for each in tree.values():
        put_engine(each, nodes)
    if isinstance(tree.get("containers"), list) and tree["containers"]:
        command = ["vllm", "serve", "meta-llama/Meta-Llama-3-8B-Instruct", "--pipeline-parallel-size", str(nodes)]
        resources = {"limits": {"nvidia.com/gpu": 1}}
        tree["containers"][0] |= {"image": "vllm/vllm-openai:v0.24.0", "command": command, "resources": resources}


@pytest.mark.skipif(not (_FOLDER / "cases.jsonl.gz").is_file(), reason="upstream's cases are not there")
def test_cases_of_upstream_are_compared_or_refused() -> None:
    """What a third of upstream's groups hold stands in the recipe or in the list of differences; none ends in a crash."""
    with gzip.open(_FOLDER / "cases.jsonl.gz", "rt", encoding="utf-8") as stream:
        cases = [json.loads(line)["manifest"] for line in stream]
    groups = [each for each in cases if each.get("kind") == "LeaderWorkerSet"][::3]
    compared = 0
    for each in groups:
        size = each["spec"].get("leaderWorkerTemplate", {}).get("size") or 1
        put_engine(each, size if size in {1, 2, 4} else 1)
        try:
            result = imported(json.dumps(each), gpu="H100", keeps_differences=True)
        except errors.InputError as error:
            assert "no object starts an engine" in str(error)  # noqa: PT017 - most cases are imported
            continue
        assert import_view.text(result)
        compared += result.is_compared
        assert all(told.reason for told in result.differences), places(result)
    assert compared > len(groups) / 2
