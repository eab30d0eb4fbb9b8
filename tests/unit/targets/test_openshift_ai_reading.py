"""InferenceServices of OpenShift AI become recipes: what is rendered again is what was read, guides give the examples.

`tests/data/manifests` holds the manifests of the guides behind the examples, in our own words.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from manifests_again import changes, differences, documents, objects_of, read, recipe_of, rendered, surroundings

from shardwright.targets.openshift_ai.reading import READER

if TYPE_CHECKING:
    from shardwright.core.importing import Imported

TESTS = Path(__file__).parents[2]
GOLDEN = sorted((TESTS / "golden" / "openshift_ai").glob("*.yaml"))
VERSIONS = {"guide-of-2.14": "2.14"}


def data(name: str) -> str:
    return (TESTS / "data" / "manifests" / f"{name}.yaml").read_text("utf-8")


def imported(text: str, version: str = "3.5") -> Imported:
    found = read(READER, text, version)
    assert found is not None
    return found


def ids(found: Imported) -> list[str]:
    return [each.id for each in found.findings if each.id != "import.gpu-unknown"]


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_what_is_rendered_again_is_what_was_read(path: Path) -> None:
    """Every manifest that we write comes back: runtime or Template, Route, namespace, machines, shared volumes."""
    text, version = path.read_text("utf-8"), VERSIONS.get(path.stem, "3.5")
    found = imported(text, version)
    more = {} if found.fields.get("hardware.nodeShape") else {"hardware.gpu": "A10G"}
    recipe = recipe_of(found, "openshift-ai", version, **more)
    assert differences(documents(text), rendered(recipe)) == []
    assert {each.kind for each in found.objects} == {each["kind"] for each in documents(text)}


def test_the_guide_to_two_nodes_gives_the_example() -> None:
    """Sizes of an empty workerSpec are the runtime's; what differs from the example is what the guide has otherwise."""
    found = imported(data("openshift-ai-two-nodes"), "2.19")
    assert changes(recipe_of(found, "openshift-ai", "3.5"), "llama-3-8b-openshift-ai") == {
        # Files that a Pod puts into the claim, where the example's Job fills a cache of the hub.
        "model.source": "pvc://model-pvc/hf/instruction_tuned",
        "model.shape": None,
        "model.token.secret": None,
        "model.token.key": None,
        # Ray, in the platform's own image of that release; its engine as the runtime's annotation says.
        "engine.version": "0.10.2",
        "engine.executor": "ray",
        "engine.image": "quay.io/modh/vllm:rhoai-2.19-cuda",
        # Load and kind of GPU stand in no manifest.
        "workload.concurrency": None,
        "workload.outputTokens": None,
        "hardware.nodeShape": None,
        "hardware.gpusPerNode": 1,
        # What the runtime asks for, and the toleration without an operator.
        "pods.cpu": "8",
        "pods.memory": "48Gi",
        "pods.sharedMemory": "12Gi",
        "pods.tolerations": [{"key": "nvidia.com/gpu", "effect": "NoSchedule"}],
    }
    assert found.fields["target.options"] == {"runtime": "template", "runtimeName": "vllm-multinode-runtime"}
    assert [each.kind for each in found.objects] == ["InferenceService", "Template", "PersistentVolumeClaim", "Route"]


def test_the_guide_to_two_t4_gives_the_example() -> None:
    """A runtime for one node; the token in clear text becomes a reference, and is never carried."""
    found = imported(data("openshift-ai-two-t4"))
    assert set(changes(recipe_of(found, "openshift-ai", "3.5"), "mistral-7b-two-t4")) == {
        *("model.shape", "model.token.secret", "engine.version", "engine.image", "workload.maxModelLen"),
        *("workload.concurrency", "pods.nodeSelector.nvidia.com/gpu.product", "storage.cacheDir", "storage.download"),
        *("expose.kind", "expose.tls"),
    }
    assert (found.fields["hardware.gpu"], found.fields["parallelism.tensor"]) == ("T4", 2)
    assert ids(found) == ["import.secret-in-clear"]
    assert "not-a-token" not in repr(found.fields) + repr(found.findings)


def test_the_platforms_template_is_read_with_what_the_service_adds() -> None:
    """Variables of the controller, arguments of the service after those of the runtime, tokens that the platform checks."""
    found = imported(data("openshift-ai-template"))
    expected: dict[str, Any] = {
        "model.source": "pvc://models/granite",
        "parallelism.tensor": 4,
        "parallelism.pipeline": 2,
        "workload.maxModelLen": 8192,
        "engine.executor": "mp",
        "engine.version": "0.21.0",
        "hardware.nodes": 2,
        "hardware.gpusPerNode": 4,
        "expose.auth.platform": True,
        "target.options": {"runtime": "template", "runtimeName": "vllm-multinode-runtime"},
    }
    assert {name: found.fields.get(name) for name in expected} == expected
    assert ids(found) == []


def test_the_platforms_runtime_need_not_be_among_the_files() -> None:
    """A service that names it alone is read with what the release has, and that is said."""
    service = data("openshift-ai-two-nodes").split("---\n")[2]
    found = imported(service)
    expected = {"engine.version": "0.24.0", "engine.executor": "mp", "parallelism.pipeline": 2, "hardware.nodes": 2}
    assert {name: found.fields.get(name) for name in expected} == expected
    assert [each.kind for each in found.objects] == ["InferenceService"]
    assert ids(found) == ["import.runtime-assumed"]


def test_an_old_server_is_read_as_the_engines_own() -> None:
    """The adapter of old images is vLLM with a second protocol."""
    text = data("openshift-ai-two-nodes").replace("vllm.entrypoints.openai.api_server", "vllm_tgis_adapter")
    found = imported(text, "2.19")
    assert found.fields["parallelism.pipeline"] == 2
    assert "import.server-replaced" in ids(found)
    assert "Template" in {each.kind for each in found.objects}


def test_what_has_no_mark_of_the_platform_is_kserves() -> None:
    """Without labels, annotations, images or Templates of OpenShift AI another reader is asked."""
    text = (TESTS / "golden" / "kserve" / "two-nodes-0.20.yaml").read_text("utf-8")
    assert read(READER, text, "3.5") is None
    objects = objects_of(
        text.replace("networking.kserve.io/visibility: cluster-local", "opendatahub.io/dashboard: 'true'")
    )
    main = next(each for each in objects if each.kind == "InferenceService")
    found = READER.read(main, surroundings(objects, "3.5"))
    assert found is not None
    assert found.fields["target.options"] == {"dashboard": True}
