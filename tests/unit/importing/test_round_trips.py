"""What a recipe renders is imported as a recipe that renders the same: every field that pods, Services and claims carry.

The model is Llama-3-8B of the built-in catalogue, so that no test needs the network.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from import_cases import SETTINGS, imported

from shardwright.core.plan import Plan
from shardwright.service import deploying, planning, recipes, rendering

MODEL = "llama-3-8b"
DIGEST = re.compile(r"sha256:[0-9a-f]+")

ONE = {"hardware": {"gpu": "L40S", "gpusPerNode": 1, "nodes": 1}, "parallelism": {"tensor": 1, "pipeline": 1}}
TWO = {"hardware": {"gpu": "L40S", "gpusPerNode": 2, "nodes": 2}, "parallelism": {"tensor": 2, "pipeline": 2}}
MIXTURE: dict[str, Any] = {
    "model": {"source": "mixtral-8x7b"},
    "hardware": {"gpu": "L40S", "gpusPerNode": 4, "nodes": 2},
}

PODS: dict[str, Any] = {
    "cpu": "8",
    "memory": "64Gi",
    "sharedMemory": "8Gi",
    "serviceAccount": "models",
    "nodeSelector": {"nvidia.com/gpu.product": "NVIDIA-L40S"},
    "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
    "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
    "imagePullSecrets": ["registry"],
    "priorityClass": "serving",
    "labels": {"team": "language"},
    "annotations": {"cost-centre": "0042"},
    "securityContext": {"runAsNonRoot": True, "runAsUser": 2000, "fsGroup": 3000, "supplementalGroups": [5]},
}

CASES: dict[str, dict[str, Any]] = {
    "one-gpu": ONE,
    "two-nodes": TWO,
    "ray": {**TWO, "engine": {"executor": "ray", "version": "0.10.2"}},
    "sglang": {**TWO, "engine": {"name": "sglang", "args": {"reasoning-parser": "qwen3"}}},
    "no-service": {**ONE, "expose": {"kind": "none"}},
    "every-pod-field": {
        **TWO,
        "pods": {
            **PODS,
            "leader": {"memory": "96Gi", "labels": {"tier": "front"}},
            "worker": {"nodeSelector": {"a": "b"}},
        },
        "metadata": {"labels": {"owner": "ml"}, "annotations": {"contact": "ml@example.org"}},
        "replicas": 3,
    },
    "rdma": {
        **TWO,
        "network": {
            "rdma": {"devices": ["rdma/a", "rdma/b"], "networks": ["net/a", "net/b"], "ipFamily": "ipv6"},
            "interface": "eth0",
            "ipFamily": "ipv6",
            "debug": True,
        },
    },
    "claim-and-job": {
        **TWO,
        "model": {"revision": "abc", "token": {"secret": "hub", "key": "read"}},
        "storage": {"claim": "models", "class": "nfs", "size": "100Gi"},
        "engine": {"env": {"HF_ENDPOINT": "https://hub.example.org"}},
    },
    "claim-there": {**ONE, "storage": {"claim": "models", "download": "never", "cacheDir": "/cache"}},
    "model-in-claim": {**ONE, "model": {"source": "pvc://models/llama", "shape": MODEL}},
    "bucket": {
        **ONE,
        "model": {"source": "s3://bucket/llama", "shape": MODEL},
        "storage": {"claim": "models", "size": "100Gi"},
        "engine": {"env": {"AWS_ACCESS_KEY_ID": {"secret": "s3", "key": "id"}}},
    },
    "key-and-secrets": {
        **ONE,
        "expose": {"auth": {"apiKey": {"secret": "api", "key": "key"}}},
        "model": {"token": {"secret": "hub", "key": "read"}},
        "engine": {"env": {"OTHER_TOKEN": {"secret": "other", "key": "token"}, "VLLM_LOGGING_LEVEL": "DEBUG"}},
    },
    "sglang-key": {**ONE, "engine": {"name": "sglang"}, "expose": {"auth": {"apiKey": {"secret": "a", "key": "b"}}}},
    "flags": {
        **ONE,
        "model": {"dtype": "float16", "trustRemoteCode": True, "loraSlots": 2, "servedName": "chat"},
        "workload": {"maxModelLen": 4096},
        "engine": {
            "version": "0.24.0",
            "args": {"enforce-eager": True, "enable-prefix-caching": False, "kv-cache-dtype": "fp8", "max-num-seqs": 8},
        },
    },
    "copies": {**MIXTURE, "parallelism": {"tensor": 4, "data": 2, "expert": True}},
    "sglang-copies": {**MIXTURE, "engine": {"name": "sglang"}, "parallelism": {"tensor": 4, "data": 2, "expert": True}},
    "uneven": {**TWO, "parallelism": {"tensor": 2, "pipeline": 2, "layerPartition": [15, 17]}},
    "image": {**ONE, "engine": {"image": "registry.example.org/vllm@sha256:" + "0" * 64}},
    "gateway": {**ONE, "expose": {"kind": "gateway", "gateway": "infra/main", "host": "a.example.org", "path": "/llm"}},
    "route": {**ONE, "expose": {"kind": "route", "host": "a.example.org", "tls": {}}},
    "ingress": {
        **ONE,
        "expose": {"kind": "ingress", "host": "a.example.org", "ingressClass": "nginx", "tls": {"secret": "t"}},
    },
}
OPTIONS: dict[str, dict[str, Any]] = {
    "lws": {
        "restartPolicy": "RecreateGroupOnPodRestart",
        "subdomainPolicy": "UniquePerReplica",
        "exclusiveTopology": "rack",
        "manager": "ops:robot",
        "gang": "volcano",
        "volcanoQueue": "day",
    },
    "kubernetes": {"queue": "gpus", "manager": "robot", "progressDeadlineSeconds": 7200},
}


def recipe_of(case: dict[str, Any], target: str, options: dict[str, Any] | None = None) -> dict[str, Any]:
    made = {"apiVersion": "shardwright.dev/v1", "kind": "Recipe", **case}
    made["metadata"] = {"name": "llm", "namespace": "demo", **case.get("metadata", {})}
    made["model"] = {"source": "hf://meta-llama/Meta-Llama-3-8B-Instruct", **case.get("model", {})}
    made["target"] = {"kind": target, **({"options": options} if options else {})}
    return made


def rendered(document: dict[str, Any]) -> str:
    loaded = recipes.recipe_of_values(document, "recipe.yaml")
    plan = planning.plan_recipe(loaded.recipe, SETTINGS)
    assert isinstance(plan, Plan), plan
    target = deploying.target_of(plan)
    return rendering.as_stream(rendering.render(deploying.deployment_of(plan, target), target))


def assert_same(document: dict[str, Any]) -> None:
    text = rendered(document)
    result = imported(text, gpu="L40S", model=MODEL if "shape" in document["model"] else "")
    assert result.is_compared, result.findings
    assert [(each.name, each.difference) for each in result.differences] == []
    assert DIGEST.sub("", rendered(result.document)) == DIGEST.sub("", text)


@pytest.mark.parametrize("case", CASES)
def test_a_group_is_imported_as_what_it_was(case: str) -> None:
    """LeaderWorkerSet: the imported recipe renders the same text, but for the digest of the recipe."""
    document = recipe_of(CASES[case], "lws")
    assert_same(document)


@pytest.mark.parametrize("case", [name for name, case in CASES.items() if case["hardware"]["nodes"] == 1])
def test_a_deployment_is_imported_as_what_it_was(case: str) -> None:
    """Deployment, likewise."""
    document = recipe_of(CASES[case], "kubernetes")
    assert_same(document)


@pytest.mark.parametrize("target", OPTIONS)
def test_options_of_a_target_are_read_back(target: str) -> None:
    """What stands in annotations, labels and policies of a platform becomes its options again."""
    case = TWO if target == "lws" else ONE
    document = recipe_of(case, target, OPTIONS[target])
    assert_same(document)
    assert imported(rendered(document), gpu="L40S").document["target"]["options"] == OPTIONS[target]
