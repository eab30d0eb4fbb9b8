"""InferenceServices become recipes: what is rendered again is what was read, sizes come from where KServe takes them.

`tests/data/manifests` holds the manifests of guides in our own words; `tests/golden` those that we write.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from manifests_again import changes, differences, documents, read, recipe_of, rendered

from shardwright import errors
from shardwright.targets.kserve.reading import READER

if TYPE_CHECKING:
    from shardwright.core.importing import Imported

TESTS = Path(__file__).parents[2]
GOLDEN = sorted((TESTS / "golden" / "kserve").glob("*.yaml"))
BY_VARIABLES = (TESTS / "data" / "manifests" / "kserve-by-variables.yaml").read_text("utf-8")

# A runtime whose script starts Ray and then the Hugging Face server, sizes by variables, the name as `$0`.
SCRIPTED = """
apiVersion: serving.kserve.io/v1alpha1
kind: ClusterServingRuntime
metadata: {name: several-nodes}
spec:
  supportedModelFormats: [{name: huggingface, version: '1', autoSelect: true}]
  containers:
  - name: kserve-container
    image: registry.example.org/server:1
    command: [bash, -c]
    args:
    - |
      if [ -n "${MODEL_ID}" ]; then MODEL_PLACE=--model_dir=${MODEL_ID}; fi
      if [ -n "${MODEL_DIR}" ]; then MODEL_PLACE=--model_dir=${MODEL_DIR}; fi
      ray start --head --disable-usage-stats
      python -m huggingfaceserver ${MODEL_PLACE} --tensor-parallel-size=${TENSOR_PARALLEL_SIZE} \\
        --pipeline-parallel-size=${PIPELINE_PARALLEL_SIZE} $0 $@
    - --model_name={{.Name}}
    resources: {requests: {cpu: '2'}}
  workerSpec:
    pipelineParallelSize: 1
    tensorParallelSize: 1
    containers: [{name: worker-container, image: 'registry.example.org/server:1', command: [ray, start]}]
"""
SERVICE = """
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: llama, namespace: demo, annotations: {serving.kserve.io/autoscalerClass: none}}
spec:
  predictor:
    minReplicas: %(replicas)s
    model:
      modelFormat: {name: huggingface}
      storageUri: pvc://models/llama
      args: [--max-model-len=4096, --gpu-memory-utilization, '0.8']
      resources: {requests: {nvidia.com/gpu: '4'}}
    workerSpec:
      tensorParallelSize: 4
      pipelineParallelSize: 2
      containers: [{name: worker-container, resources: {requests: {nvidia.com/gpu: '4'}}}]
"""


def imported(text: str, version: str = "0.20") -> Imported:
    found = read(READER, text, version)
    assert found is not None
    return found


def ids(found: Imported) -> list[str]:
    expected = {"import.gpu-unknown", "import.version-assumed"}
    return [each.id for each in found.findings if each.id not in expected]


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_what_is_rendered_again_is_what_was_read(path: Path) -> None:
    """Every manifest that we write comes back from the recipe that is read out of it; only the recipe's digest differs."""
    text, version = path.read_text("utf-8"), path.stem.rpartition("-")[2]
    found = imported(text, version)
    more = {} if found.fields.get("hardware.gpu") else {"hardware.gpu": "A10G"}
    recipe = recipe_of(found, "kserve", version, **more)
    assert differences(documents(text), rendered(recipe)) == []
    assert {each.kind for each in found.objects} == {each["kind"] for each in documents(text)}


def test_the_guides_sizes_are_taken_from_its_variables() -> None:
    """Variables go before `size`, as the guide of 0.14 has it; what is wrong in the original is said."""
    found = imported(BY_VARIABLES)
    sizes = {name: found.fields[f"parallelism.{name}"] for name in ("tensor", "pipeline")}
    assert sizes == {"tensor": 1, "pipeline": 2}
    assert (found.fields["hardware.nodes"], found.fields["engine.executor"]) == (2, "ray")
    assert ids(found) == ["import.size-by-variable", "import.size-ignored", "import.runtime-assumed"]
    assert "engine.env" not in {name for name, value in found.fields.items() if value}


def test_the_guide_gives_the_example() -> None:
    """What differs from the example is what the guide has otherwise, or does not say."""
    text = BY_VARIABLES.replace("'%fileStorageClassName%'", "nfs")
    assert changes(recipe_of(imported(text, "0.17"), "kserve", "0.17"), "llama-3-8b-kserve") == {
        # Files that somebody put into the claim; the example's Job fills a cache of the hub.
        "model.source": "pvc://llama-3-8b-pvc/hf/8b_instruction_tuned",
        "model.shape": None,
        "model.token.secret": None,
        "model.token.key": None,
        "storage.class": "nfs",
        # The server's image is named, as the engine's own may have no Ray.
        "engine.image": "docker.io/kserve/huggingfaceserver:v0.17.0-gpu",
        # Load, length and kind of GPU stand in no manifest.
        "workload.maxModelLen": None,
        "workload.concurrency": None,
        "workload.outputTokens": None,
        "hardware.gpu": None,
        # The guide's requests reach the head alone; workers have the runtime's.
        "pods.cpu": "2",
        "pods.memory": "12Gi",
        "pods.leader.cpu": "6",
        "pods.leader.memory": "24Gi",
        "pods.sharedMemory": "3Gi",
    }


def test_workers_by_their_number_mean_one_node_more() -> None:
    """`workerSpec.size` of 0.14 counts the workers without the head."""
    text = BY_VARIABLES.replace("      env:\n", "").replace("- {name: TENSOR", "# ").replace("- {name: PIPE", "# ")
    found = imported(text)
    assert (found.fields["parallelism.pipeline"], found.fields["hardware.nodes"]) == (4, 4)
    assert "import.size-by-variable" not in ids(found)


def test_workers_by_their_number_are_counted_whatever_their_gpus() -> None:
    """Pods of several GPUs do not make a group of 0.14 smaller."""
    sizes = "tensorParallelSize: 4\n      pipelineParallelSize: 2\n"
    found = imported(SERVICE.replace(sizes, "size: 3\n") % {"replicas": 1}, "0.14")
    assert (found.fields["hardware.nodes"], found.fields["hardware.gpusPerNode"]) == (4, 4)
    assert "import.size-ignored" not in ids(found)


def test_a_script_with_the_server_is_read_with_the_sizes_of_the_service() -> None:
    """The runtime's script is a shell's: variables of the controller, `$0` and the service's own arguments are filled in."""
    found = imported(f"{SCRIPTED}---{SERVICE % {'replicas': 1}}")
    expected: dict[str, Any] = {
        "model.source": "pvc://models/llama",
        "parallelism.tensor": 4,
        "parallelism.pipeline": 2,
        "workload.maxModelLen": 4096,
        "engine.args": {"gpu-memory-utilization": 0.8},
        "engine.image": "registry.example.org/server:1",
        "engine.executor": "ray",
        "hardware.nodes": 2,
        "hardware.gpusPerNode": 4,
        "target.options": {"runtime": "huggingface"},
    }
    assert {name: found.fields.get(name) for name in expected} == expected
    assert ids(found) == []


def test_nodes_are_counted_as_kserve_counts_them() -> None:
    """Without requests of GPUs KServe makes one pod for each rank, which is said and not mended silently."""
    bare = (SERVICE % {"replicas": 1}).replace("requests: {nvidia.com/gpu: '4'}", "requests: {cpu: '4'}")
    found = imported(f"{SCRIPTED}---{bare}")
    assert (found.fields["hardware.nodes"], found.fields["hardware.gpusPerNode"]) == (8, 1)
    uneven = (SERVICE % {"replicas": 1}).replace("{nvidia.com/gpu: '4'}", "{nvidia.com/gpu: '2'}", 1)
    assert ids(imported(f"{SCRIPTED}---{uneven}")) == ["import.group-impossible"]


def test_a_group_is_imported_once() -> None:
    """More replicas of a group are more heads of one name: one group is imported, and that is said."""
    found = imported(f"{SCRIPTED}---{SERVICE % {'replicas': 3}}")
    assert "replicas" not in found.fields
    assert ids(found) == ["import.one-group"]


def test_a_service_without_workers_under_a_runtime_for_several_nodes() -> None:
    """The guide's last manifest has no workerSpec: one pod is what it means, and the note says so."""
    text = (SERVICE % {"replicas": 1}).partition("    workerSpec")[0]
    found = imported(f"{SCRIPTED.replace('autoSelect: true', 'autoSelect: false')}---{text}".replace(
        "modelFormat: {name: huggingface}", "modelFormat: {name: huggingface}\n      runtime: several-nodes"
    ))  # fmt: skip
    assert found.fields["hardware.nodes"] == 1
    assert ids(found) == ["import.workers-not-asked"]


def test_a_service_that_scales_to_zero_keeps_one_pod() -> None:
    """No pods while nobody asks is Knative's: a recipe's zero means stopped, so one is imported, and that is said."""
    text = (SERVICE % {"replicas": 0}).partition("    workerSpec")[0]
    found = imported(text)
    assert "replicas" not in found.fields
    assert "import.scale-to-zero" in ids(found)
    stopped = text.replace("autoscalerClass: none", "stop: 'true'")
    assert imported(stopped).fields["replicas"] == 0


def test_the_older_field_of_the_hugging_face_server() -> None:
    """`predictor.huggingface` is a model of that format, as the webhook makes it."""
    found = imported(
        "apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\nmetadata: {name: llama}\n"
        "spec: {predictor: {huggingface: {args: [--model_id=org/llama, --max_model_len=2048], resources: "
        "{limits: {nvidia.com/gpu: '1'}}}}}"
    )
    expected = {"model.source": "hf://org/llama", "workload.maxModelLen": 2048, "hardware.gpusPerNode": 1}
    assert {name: found.fields.get(name) for name in expected} == expected


def test_what_the_platform_fetches_is_the_source() -> None:
    """A folder at which KServe puts a model stands for its storageUri."""
    text = (SERVICE % {"replicas": 1}).partition("    workerSpec")[0]
    for uri in ("oci://registry.example.org/models/llama:1", "hf://meta-llama/Llama-3.1-8B", "s3://models/llama"):
        found = imported(text.replace("pvc://models/llama", uri))
        assert found.fields["model.source"] == uri
        assert "storage.claim" not in found.fields


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ("modelFormat: {name: huggingface}", "modelFormat: {name: vLLM}\n      runtime: own"),
            "runtime own, which is not",
        ),
        (("    model:", "    triton:"), "predicts with triton, no engine of a recipe"),
        (
            ("modelFormat: {name: huggingface}", "modelFormat: {name: triton}\n      image: triton:1"),
            'runs "triton:1", in which',
        ),
    ],
)
def test_what_is_no_engine_is_said_with_its_place(change: tuple[str, str], message: str) -> None:
    """A missing runtime, another framework, an image without an engine: one error each, with file and line."""
    text = (SERVICE % {"replicas": 1}).replace(*change)
    with pytest.raises(errors.InputError, match=message) as caught:
        read(READER, text, "0.20")
    assert str(caught.value).startswith("in.yaml:")
    assert caught.value.hint
