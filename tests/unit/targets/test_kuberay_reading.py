"""Ray objects become recipes: what is rendered again is what was read, models of Ray Serve LLM with their sizes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from manifests_again import differences, documents, objects_of, read, recipe_of, rendered, surroundings

from shardwright import errors
from shardwright.targets.kuberay.reading import READER

if TYPE_CHECKING:
    from shardwright.core.importing import Imported

TESTS = Path(__file__).parents[2]
GOLDEN = sorted((TESTS / "golden" / "kuberay").glob("*.yaml"))
SERVE = (TESTS / "data" / "manifests" / "kuberay-serve.yaml").read_text("utf-8")
CLUSTER = """
apiVersion: ray.io/v1
kind: RayCluster
metadata: {name: llama, namespace: demo, labels: {kueue.x-k8s.io/queue-name: gpus}}
spec:
  rayVersion: 2.46.0
  suspend: true
  enableInTreeAutoscaling: true
  headGroupSpec:
    rayStartParams: {dashboard-host: 0.0.0.0, metrics-export-port: '9080'}
    template:
      spec:
        containers:
        - name: head
          image: docker.io/vllm/vllm-openai:v0.17.0
          command: [/bin/bash, -c]
          args:
          - >
            eval "$KUBERAY_GEN_RAY_START_CMD" & sleep 30;
            python3 -m vllm.entrypoints.openai.api_server --model meta-llama/Llama-3.1-70B-Instruct
            --tensor-parallel-size 4 --pipeline-parallel-size 3 --port 8000
          resources: {limits: {cpu: '16', memory: 128Gi, nvidia.com/gpu: '4'}}
  workerGroupSpecs:
  - groupName: first
    replicas: 2
    template:
      spec:
        containers:
        - {name: worker, image: 'docker.io/vllm/vllm-openai:v0.17.0', resources: {limits: {nvidia.com/gpu: '4'}}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: way-in, namespace: demo}
spec:
  ingressClassName: nginx
  rules:
  - host: llama.example.org
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: llama-head-svc, port: {number: 8000}}}}]}
"""
JOB = """
apiVersion: ray.io/v1
kind: RayJob
metadata: {name: job, namespace: demo}
spec:
  entrypoint: vllm serve Qwen/Qwen2.5-7B-Instruct --tensor-parallel-size 2
  rayClusterSpec:
    headGroupSpec:
      template:
        spec:
          containers: [{name: head, image: 'rayproject/ray-llm:2.52.0-py311-cu128', resources: {limits: {nvidia.com/gpu: '2'}}}]
"""


def imported(text: str, name: str = "", version: str = "1.7") -> Imported:
    found = objects_of(text)
    main = next(each for each in found if each.kind in READER.kinds and name in {"", each.name})
    made = READER.read(main, surroundings(found, version))
    assert made is not None
    return made


def chosen(found: Imported, expected: dict[str, Any]) -> dict[str, Any]:
    return {name: found.fields.get(name) for name in expected}


def ids(found: Imported) -> list[str]:
    return [each.id for each in found.findings if each.id not in {"import.gpu-unknown", "import.version-assumed"}]


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_what_is_rendered_again_is_what_was_read(path: Path) -> None:
    """Every manifest that we write comes back from the recipe that is read out of it; only the recipe's digest differs."""
    text, version = path.read_text("utf-8"), path.stem.rpartition("-")[2]
    found = imported(text, version=version)
    recipe = recipe_of(found, "kuberay", version, **{"hardware.gpu": "A10G"})
    assert differences(documents(text), rendered(recipe)) == []
    assert {each.kind for each in found.objects} == {each["kind"] for each in documents(text)}


def test_a_model_of_ray_serve() -> None:
    """Flags, name, GPU, variables and the head that holds no ranks; a second cluster on changes, as nothing else is said."""
    found = imported(SERVE, "deepseek-r1")
    expected: dict[str, Any] = {
        "model.source": "hf://deepseek-ai/DeepSeek-R1",
        "model.servedName": "deepseek",
        "model.trustRemoteCode": True,
        "model.token": {"secret": "hf-token", "key": "hf_token"},
        "parallelism.tensor": 8,
        "parallelism.pipeline": 2,
        "workload.maxModelLen": 16384,
        "engine.executor": "ray",
        "engine.image": "rayproject/ray-llm:2.52.0-py311-cu128",
        "engine.args": {"gpu-memory-utilization": 0.92, "max-num-seqs": 40, "enable-chunked-prefill": True},
        "engine.env": {"VLLM_USE_V1": "1"},
        "hardware.gpu": "H100",
        "hardware.nodes": 2,
        "hardware.gpusPerNode": 8,
        "pods.leader.cpu": "4",
        "target.options": {"server": "ray-serve", "upgradeStrategy": "NewCluster"},
    }
    assert chosen(found, expected) == expected
    assert ids(found) == []


def test_an_application_that_takes_its_model_from_variables() -> None:
    """The older samples name model and sizes in the environment of the application."""
    found = imported(SERVE, "old")
    expected = {
        "model.source": "hf://meta-llama/Meta-Llama-3-8B-Instruct",
        "parallelism.tensor": 2,
        "hardware.nodes": 1,
    }
    assert chosen(found, expected) == expected
    assert not found.fields.get("engine.env")


def test_replicas_that_workers_do_not_make_are_said() -> None:
    """Ranks of all replicas and GPUs of all workers are held against each other, further models are named."""
    more = SERVE.replace("min_replicas: 1, max", "min_replicas: 3, max", 1)
    assert ids(imported(more, "deepseek-r1")) == ["import.group-differs"]
    two = SERVE.replace("llm_configs:\n", "llm_configs:\n        - {model_loading_config: {model_id: other}}\n", 1)
    assert "import.models-left-out" in ids(imported(two, "deepseek-r1"))


def test_a_server_on_the_head_behind_an_ingress() -> None:
    """Sizes, ports, queue, a stopped cluster, and a way in by the Service that the operator makes."""
    found = imported(CLUSTER)
    expected: dict[str, Any] = {
        "model.source": "hf://meta-llama/Llama-3.1-70B-Instruct",
        "parallelism.tensor": 4,
        "parallelism.pipeline": 3,
        "engine.version": "0.17.0",
        "hardware.nodes": 3,
        "hardware.gpusPerNode": 4,
        "replicas": 0,
        "expose.kind": "ingress",
        "expose.host": "llama.example.org",
        "target.options": {"rayVersion": "2.46.0", "metricsPort": 9080, "queue": "gpus"},
    }
    assert chosen(found, expected) == expected
    assert [each.kind for each in found.objects] == ["RayCluster", "Ingress"]
    assert ids(found) == ["import.autoscaling"]


def test_a_cluster_that_serves_nothing_is_no_deployment() -> None:
    """A head without a server is a cluster for something else."""
    assert read(READER, CLUSTER.partition("          command:")[0], "1.7") is None


def test_a_job_that_serves() -> None:
    """The entrypoint is the head's command; that a job ends is said."""
    found = imported(JOB)
    assert chosen(found, {"parallelism.tensor": 2, "hardware.gpusPerNode": 2}) == {
        "parallelism.tensor": 2,
        "hardware.gpusPerNode": 2,
    }
    assert ids(found) == ["import.job"]


def test_other_applications_are_said_with_their_place() -> None:
    """A service whose application names no model is an error with file and line, however odd its configuration is."""
    for config in ("'{}'", "'applications: [1, {args: 2}]'", "'a: &a [*a]'", "'{'", "[]"):
        text = SERVE.replace("serveConfigV2: |", f"serveConfigV2: {config}\n  ignored: |", 1)
        with pytest.raises(errors.InputError, match=r"^in\.yaml:\d+: RayService deepseek-r1 serves no model"):
            read(READER, text, "1.7")
