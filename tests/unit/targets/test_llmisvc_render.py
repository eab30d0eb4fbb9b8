"""An LLMInferenceService holds against the presets that the controller lays under it, and says how many pods a group has."""

from __future__ import annotations

from typing import Any

import pytest

from shardwright.core.layout import Layout, split_layers
from shardwright.core.recipe.model import Rdma
from shardwright.targets.llmisvc.target import TARGET
from shardwright.testing import builders


def rendered(version: str = "0.20", *, layout: Layout | None = None, **overrides: object) -> dict[str, Any]:
    """Objects by kind."""
    options = overrides.pop("options", {})
    recipe = builders.recipe(target={"kind": "llmisvc", "version": version, "options": options}, **overrides)
    plan = builders.plan(recipe, **({"layout": layout} if layout else {}))
    return {made.kind: made.body for made in TARGET.render(builders.deployment(plan=plan))}


def spec(version: str = "0.20", *, layout: Layout | None = None, **overrides: object) -> dict[str, Any]:
    return rendered(version, layout=layout, **overrides)["LLMInferenceService"]["spec"]


def copies(data: int, *, nodes: int, gpus: int = 1, tensor: int = 1) -> Layout:
    return Layout(tensor, 1, nodes, gpus, split_layers(32, 1), data=data, expert=True)


@pytest.mark.requirement("R071", "R115")
@pytest.mark.parametrize(
    ("layout", "sizes"),
    [
        (builders.layout(1, 2), {"tensor": 1, "pipeline": 2}),
        (builders.layout(2, 4, nodes=2), {"tensor": 4, "pipeline": 2}),
        (builders.layout(8, 1, nodes=2), {"tensor": 4, "pipeline": 2}),
        (builders.layout(2, 2, nodes=1), {"tensor": 2, "pipeline": 2}),
        (copies(8, nodes=2, gpus=4), {"tensor": 1, "data": 8, "dataLocal": 4, "expert": True}),
        (copies(2, nodes=4, gpus=1, tensor=2), {"tensor": 1, "pipeline": 4, "expert": True}),
    ],
    ids=str,
)
def test_sizes_stand_for_the_number_of_pods(layout: Layout, sizes: dict[str, object]) -> None:
    """The controller makes data / dataLocal pods, or one a stage; the engine's own sizes are in its command."""
    made = spec(layout=layout)
    assert made["parallelism"] == sizes
    pods = sizes.get("data", 1) // sizes.get("dataLocal", 1) if "data" in sizes else sizes["pipeline"]  # type: ignore[operator]
    assert ("worker" in made) == (layout.nodes > 1)
    assert layout.nodes in {1, pods}


def test_only_a_pipeline_over_several_pods_needs_the_missing_configuration() -> None:
    """The controller has presets for one pod and for copies."""
    kind = "LLMInferenceServiceConfig"
    assert rendered()[kind]["metadata"]["name"] == "kserve-config-llm-worker-pipeline-parallel"
    assert rendered()[kind]["spec"] == {}
    assert kind not in rendered(layout=copies(2, nodes=2))
    assert kind not in rendered(layout=builders.layout(2, 2, nodes=1))
    assert kind not in rendered(options={"pipelineConfig": "expected"})
    assert rendered(options={"configPrefix": "v3-"})[kind]["metadata"]["name"].startswith("v3-config-llm-")


def test_what_a_preset_sets_otherwise_is_written_out() -> None:
    """Program and arguments apart, clear text, the hub's cache, the user: each would else be the preset's."""
    (container,) = spec()["template"]["containers"]
    assert container["name"] == "main"
    assert (container["command"], container["args"][0]) == (["vllm"], "serve")
    assert container["startupProbe"]["httpGet"] == {"path": "/health", "port": 8000, "scheme": "HTTP"}
    assert {"name": "HF_HUB_CACHE", "value": "/home/engine/.cache/huggingface/hub"} in container["env"]
    rights = container["securityContext"]
    assert (rights["runAsNonRoot"], rights["readOnlyRootFilesystem"]) == (False, False)
    chosen = spec(pods={"security_context": {"runAsUser": 1000}})["template"]["containers"][0]["securityContext"]
    assert (chosen["runAsNonRoot"], chosen["runAsUser"]) == (True, 1000)


@pytest.mark.requirement("R130")
def test_copies_lose_the_rights_that_the_preset_adds() -> None:
    """A list replaces the preset's; an empty one would leave it."""
    rights = spec(layout=copies(2, nodes=2))["worker"]["containers"][0]["securityContext"]
    assert rights["capabilities"] == {"add": ["IPC_LOCK"], "drop": ["ALL"]}
    assert "add" not in spec()["worker"]["containers"][0]["securityContext"]["capabilities"]


def test_the_controllers_own_labels_are_left_to_it() -> None:
    """By app.kubernetes.io/name its Service finds the leaders, so ours must not reach the pods."""
    labels = spec(pods={"labels": {"team": "language"}})["labels"]
    assert labels["team"] == "language"
    assert labels["sidecar.istio.io/inject"] == "false"
    assert not {"app.kubernetes.io/name", "app.kubernetes.io/component"} & set(labels)
    assert "labels" not in spec("0.16")


@pytest.mark.parametrize(
    ("version", "source", "claim", "uri", "switch"),
    [
        ("0.20", "hf://a/b", None, "hf://a/b", False),
        ("0.20", "hf://a/b", "models", "hf://a/b", False),
        ("0.20", "pvc://models/llama", None, "pvc://models/llama", False),
        ("0.20", "oci://quay.io/a/b:1", None, "oci://quay.io/a/b:1", None),
        ("0.16", "hf://a/b", None, "hf://a/b", None),
        ("0.16", "hf://a/b", "models", "pvc://models", None),
    ],
)
def test_the_platform_downloads_only_what_nothing_else_brings(
    version: str, source: str, claim: str | None, uri: str, *, switch: bool | None
) -> None:
    """Its download happens in every pod; from 0.17 on it can be left out."""
    made = spec(version, model={"source": source}, storage={"claim": claim})
    assert made["model"]["uri"] == uri
    assert made.get("storageInitializer", {}).get("enabled") is switch


def test_what_the_platform_brings_is_read_where_it_mounts_it() -> None:
    """Images, and the hub under 0.16."""
    target = {"kind": "llmisvc", "version": "0.16"}
    assert TARGET.wiring(builders.recipe(target=target)).model == "/mnt/models"
    image = builders.recipe(target={"kind": "llmisvc"}, model={"source": "oci://quay.io/a/b:1"})
    assert TARGET.wiring(image).model == "/mnt/models"
    assert TARGET.wiring(builders.recipe(target={"kind": "llmisvc"})).model == "meta-llama/Meta-Llama-3-8B-Instruct"


@pytest.mark.requirement("R127", "R155")
def test_networks_queue_and_place_stand_where_the_controller_copies_them_from() -> None:
    """It hands annotations and labels of some prefixes to the set and its pods."""
    rdma = Rdma(("rdma/a",), ("x/one",))
    made = rendered(network={"rdma": rdma}, options={"queue": "gpus", "exclusiveTopology": "rack"})
    metadata = made["LLMInferenceService"]["metadata"]
    assert metadata["annotations"]["k8s.v1.cni.cncf.io/networks"] == "x/one"
    assert metadata["annotations"]["leaderworkerset.sigs.k8s.io/exclusive-topology"] == "rack"
    assert metadata["labels"]["kueue.x-k8s.io/queue-name"] == "gpus"


def test_ways_in() -> None:
    """The platform's route and Gateway, a Gateway that is named, or a way in of ours to the platform's Service."""
    assert "router" not in spec()
    assert spec(options={"router": "platform"})["router"] == {"route": {}, "gateway": {}}
    several = spec(options={"router": "platform"}, replicas=2)["router"]
    assert several["scheduler"] == {}
    made = rendered(expose={"kind": "ingress", "host": "llm.example.org"})
    backend = made["Ingress"]["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
    assert backend == {"name": "llama-3-8b-kserve-workload-svc", "port": {"name": "http"}}
