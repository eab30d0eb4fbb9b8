"""LLMInferenceServices become recipes: what is rendered again is what was read, presets are read as what they start."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from manifests_again import differences, documents, objects_of, read, recipe_of, rendered, surroundings

from shardwright import errors
from shardwright.targets.llmisvc.reading import READER

if TYPE_CHECKING:
    from shardwright.core.importing import Imported

TESTS = Path(__file__).parents[2]
GOLDEN = sorted((TESTS / "golden" / "llmisvc").glob("*.yaml"))
PRESETS = (TESTS / "data" / "manifests" / "llmisvc-presets.yaml").read_text("utf-8")
GROUP = """
apiVersion: serving.kserve.io/v1alpha2
kind: LLMInferenceService
metadata: {name: llama, namespace: demo, labels: {kueue.x-k8s.io/queue-name: gpus}}
spec:
  model: {uri: 'pvc://models/llama', name: llama}
  baseRefs: [{name: ours}]
  parallelism: {tensor: 2, pipeline: 2}
  prefill: {template: {containers: [{name: main}]}}
  template:
    containers:
    - name: main
      command: [vllm, serve, /mnt/models, --tensor-parallel-size, '2', --pipeline-parallel-size, '2']
  worker:
    containers: [{name: main, command: [vllm, serve, /mnt/models, --headless]}]
"""
BASE = """
apiVersion: serving.kserve.io/v1alpha2
kind: LLMInferenceServiceConfig
metadata: {name: ours, namespace: demo}
spec:
  template:
    containers: [{name: main, image: 'docker.io/vllm/vllm-openai:v0.24.0', resources: {limits: {nvidia.com/gpu: '2'}}}]
  worker:
    containers: [{name: main, image: 'docker.io/vllm/vllm-openai:v0.24.0', resources: {limits: {nvidia.com/gpu: '2'}}}]
"""


def imported(text: str, name: str = "", version: str = "0.20") -> Imported:
    found = objects_of(text)
    main = next(each for each in found if each.kind in READER.kinds and name in {"", each.name})
    made = READER.read(main, surroundings(found, version))
    assert made is not None
    return made


def chosen(found: Imported, expected: dict[str, Any]) -> dict[str, Any]:
    return {name: found.fields.get(name) for name in expected}


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_what_is_rendered_again_is_what_was_read(path: Path) -> None:
    """Every manifest that we write comes back from the recipe that is read out of it; only the recipe's digest differs."""
    text, version = path.read_text("utf-8"), path.stem.rpartition("-")[2]
    found = imported(text, version=version)
    recipe = recipe_of(found, "llmisvc", version, **{"hardware.gpu": "A10G"})
    assert differences(documents(text), rendered(recipe)) == []
    assert {each.kind for each in found.objects} == {each["kind"] for each in documents(text)}


def test_copies_over_nodes_with_the_presets_command() -> None:
    """Sizes, further arguments, RDMA and the platform's router; what the preset would start is said to be assumed."""
    found = imported(PRESETS, "deepseek")
    expected: dict[str, Any] = {
        "model.source": "hf://deepseek-ai/DeepSeek-R1-0528",
        "model.servedName": "deepseek-ai/DeepSeek-R1-0528",
        "parallelism.data": 32,
        "parallelism.expert": True,
        "workload.maxModelLen": 8192,
        "engine.args": {"gpu-memory-utilization": 0.95, "enforce-eager": True},
        "hardware.nodes": 4,
        "hardware.gpusPerNode": 8,
        "network.interface": "net1",
        "network.rdma.devices": ["rdma/roce_gdr"],
        "network.rdma.networks": ["demo/roce"],
        "target.options": {"router": "platform", "scheduler": True},
    }
    assert chosen(found, expected) == expected
    assert "import.preset-assumed" in {each.id for each in found.findings}


def test_a_service_without_pods_of_its_own() -> None:
    """A model and a router are enough for the platform, so they are for a recipe."""
    found = imported(PRESETS, "qwen")
    expected = {"model.source": "hf://Qwen/Qwen2.5-7B-Instruct", "replicas": 3, "hardware.gpusPerNode": 1}
    assert chosen(found, expected) == expected
    assert found.fields["target.options"] == {"router": "platform"}


def test_what_base_references_say_is_laid_under() -> None:
    """Image and devices of a configuration of one's own; what is missing or left out is said."""
    found = imported(f"{GROUP}---{BASE}")
    expected: dict[str, Any] = {
        "engine.version": "0.24.0",
        "model.source": "pvc://models/llama",
        "hardware.gpusPerNode": 2,
        "target.options": {"queue": "gpus", "pipelineConfig": "expected"},
    }
    assert chosen(found, expected) == expected
    assert [each.kind for each in found.objects] == ["LLMInferenceService", "LLMInferenceServiceConfig"]
    notes = {each.id for each in found.findings}
    assert {"import.prefill-left-out", "import.pipeline-config-expected"} <= notes
    alone = {each.id for each in imported(GROUP).findings}
    assert "import.configuration-missing" in alone


def test_another_program_is_said_with_its_place() -> None:
    """A container with a command that is no engine's is an error with file and line."""
    text = GROUP.replace("[vllm, serve, /mnt/models, --tensor", "[other-server, --tensor")
    with pytest.raises(errors.InputError, match=r"^in\.yaml:\d+: LLMInferenceService llama starts no engine"):
        read(READER, text, "0.20")
