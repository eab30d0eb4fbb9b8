from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from kserve_cases import CLAIM, bodies, deployed

from shardwright.core.recipe.model import Bytes, PodOverrides, Rdma, Tls
from shardwright.targets.kserve import releases
from shardwright.testing import builders
from shardwright.units import GIB

if TYPE_CHECKING:
    from shardwright.core.layout import Layout

ONE = builders.layout(1, 1, nodes=1)
FOUR = builders.layout(1, 4, nodes=4)
GROUPS = [release.version for release in releases.known_releases() if release.workers == "sizes"]


def service(layout: Layout | None = None, **overrides: object) -> Any:  # noqa: ANN401 - a tree of JSON values
    return bodies(deployed(layout, **overrides))["InferenceService"]


def runtime(layout: Layout | None = None, **overrides: object) -> Any:  # noqa: ANN401 - a tree of JSON values
    return bodies(deployed(layout, **overrides))["ServingRuntime"]


def environment(container: dict[str, Any]) -> dict[str, Any]:
    return {entry["name"]: entry.get("value") for entry in container["env"]}


@pytest.mark.requirement("R009", "R058")
@pytest.mark.parametrize(
    ("version", "mode"), [("0.13", "RawDeployment"), ("0.15", "RawDeployment"), ("0.16", "Standard")]
)
def test_the_mode_is_written_as_the_release_calls_it(version: str, mode: str) -> None:
    """Plain Deployments, under the name that they have in that release."""
    made = service(ONE, target={"version": version})
    assert made["metadata"]["annotations"]["serving.kserve.io/deploymentMode"] == mode


@pytest.mark.requirement("R010", "R011", "R012", "R059")
@pytest.mark.parametrize(
    ("version", "scaler"), [("0.15.0", "external"), ("0.15.1", "none"), ("0.15", "none"), ("0.20", "none")]
)
def test_the_autoscaler_of_a_group_is_always_written(version: str, scaler: str) -> None:
    """It is never set by KServe itself, and what the webhook wants changed with 0.15.1."""
    made = service(target={"version": version})
    assert made["metadata"]["annotations"]["serving.kserve.io/autoscalerClass"] == scaler
    assert made["spec"]["predictor"]["minReplicas"] == made["spec"]["predictor"]["maxReplicas"] == 1


@pytest.mark.requirement("R034", "R035", "R063", "R070", "R077")
@pytest.mark.parametrize("version", GROUPS)
def test_both_sizes_stand_in_runtime_and_service(version: str) -> None:
    """Neither default is relied on, and neither object works without the other's workerSpec."""
    made = bodies(deployed(target={"version": version}))
    workers = (
        made["ServingRuntime"]["spec"]["workerSpec"],
        made["InferenceService"]["spec"]["predictor"]["workerSpec"],
    )
    assert [(entry["pipelineParallelSize"], entry["tensorParallelSize"]) for entry in workers] == [(2, 1), (2, 1)]
    assert (
        made["InferenceService"]["spec"]["predictor"]["model"]["runtime"] == made["ServingRuntime"]["metadata"]["name"]
    )


@pytest.mark.requirement("R067", "R068")
def test_0_14_counts_workers() -> None:
    """Its one field is the number of nodes less the head."""
    made = bodies(deployed(FOUR, target={"version": "0.14"}))
    assert made["InferenceService"]["spec"]["predictor"]["workerSpec"]["size"] == 3
    assert "pipelineParallelSize" not in made["ServingRuntime"]["spec"]["workerSpec"]


@pytest.mark.requirement("R036", "R037", "R071")
@pytest.mark.parametrize(("tensor", "pipeline", "nodes"), [(8, 1, 2), (2, 4, 2), (4, 2, 2), (8, 2, 4)])
def test_sizes_are_nodes_and_their_gpus(tensor: int, pipeline: int, nodes: int) -> None:
    """Whichever way the engine divides the model: both ways in which KServe counts come to the planned nodes."""
    predictor = service(builders.layout(tensor, pipeline, nodes=nodes))["spec"]["predictor"]
    worker = predictor["workerSpec"]
    gpus = tensor * pipeline // nodes
    assert (worker["pipelineParallelSize"], worker["tensorParallelSize"]) == (nodes, gpus)
    requests = int(worker["containers"][0]["resources"]["requests"]["nvidia.com/gpu"])
    assert -(-nodes * gpus // requests) == nodes


@pytest.mark.requirement("R039", "R066")
def test_gpus_are_requested_and_limited_in_one_place() -> None:
    """In Ray's mode KServe counts requests; a runtime with GPUs of its own would add a second kind to the service's."""
    made = bodies(deployed(builders.layout(4, 2)))
    predictor = made["InferenceService"]["spec"]["predictor"]
    for given in (predictor["model"]["resources"], predictor["workerSpec"]["containers"][0]["resources"]):
        assert given["requests"]["nvidia.com/gpu"] == given["limits"]["nvidia.com/gpu"] == "4"
    spec = made["ServingRuntime"]["spec"]
    assert not any("resources" in entry for entry in (*spec["containers"], *spec["workerSpec"]["containers"]))


@pytest.mark.requirement("R038", "R133")
def test_devices_that_kserve_does_not_know_are_named_to_it() -> None:
    """RDMA devices beside GPUs are refused in a group without the annotation; one node needs none."""
    network = {"rdma": Rdma(("rdma/hca_0",))}
    annotations = service(network=network)["metadata"]["annotations"]
    assert annotations["serving.kserve.io/gpu-resource-types"] == '["rdma/hca_0"]'
    assert "serving.kserve.io/gpu-resource-types" not in service(ONE, network=network)["metadata"]["annotations"]


def test_one_node_has_no_workers() -> None:
    """Where one node is enough nothing of a group is written."""
    made = bodies(deployed(ONE))
    assert "workerSpec" not in made["InferenceService"]["spec"]["predictor"]
    assert "workerSpec" not in made["ServingRuntime"]["spec"]
    assert "MEMBER_INDEX" not in str(made["ServingRuntime"])


@pytest.mark.parametrize(("version", "scaler"), [("0.15.0", "hpa"), ("0.19", "none")])
def test_replicas_of_one_node_are_kept_in_every_release(version: str, scaler: str) -> None:
    """Before 0.15.1 only KServe's autoscaler reads their number."""
    made = service(ONE, target={"version": version}, replicas=3)
    assert made["metadata"]["annotations"]["serving.kserve.io/autoscalerClass"] == scaler
    assert made["spec"]["predictor"]["minReplicas"] == made["spec"]["predictor"]["maxReplicas"] == 3


def test_no_replicas_is_a_stopped_service() -> None:
    """Zero replicas would leave the workers of a group with their GPUs."""
    made = service(replicas=0)
    assert made["metadata"]["annotations"]["serving.kserve.io/stop"] == "true"
    assert made["spec"]["predictor"]["minReplicas"] == 1


def test_updates_need_no_further_gpus() -> None:
    """A group is ended and made anew, single pods one after the other."""
    assert service()["spec"]["predictor"]["deploymentStrategy"] == {"type": "Recreate"}
    rolling = service(ONE)["spec"]["predictor"]["deploymentStrategy"]["rollingUpdate"]
    assert rolling == {"maxSurge": 0, "maxUnavailable": 1}


def test_head_and_worker_meet_at_the_head() -> None:
    """The head listens on its own address, the worker asks for the name that KServe gives to it."""
    spec = runtime()["spec"]
    (head,), (worker,) = spec["containers"], spec["workerSpec"]["containers"]
    assert environment(head)["HEAD_SVC"] == "$(POD_IP)"
    assert environment(head)["MEMBER_INDEX"] == "0"
    assert environment(worker)["MEMBER_INDEX"] == "1"
    assert "HEAD_SVC" not in environment(worker)
    assert worker["command"][worker["command"].index("--master-addr") + 1] == "$(HEAD_SVC)"


def test_several_workers_find_their_index() -> None:
    """A Deployment numbers no pods: each worker waits for all addresses and counts its place."""
    (worker,) = runtime(FOUR)["spec"]["workerSpec"]["containers"]
    assert worker["command"][:2] == ["python3", "-c"]
    assert worker["command"][3:6] == ["3", "vllm", "serve"]
    mark = environment(worker)["MEMBER_INDEX"]
    assert mark not in worker["command"]
    assert "$(MEMBER_INDEX)" in worker["command"]


def test_ray_needs_no_index() -> None:
    """Ray numbers the nodes; KServe counts them by their GPUs then."""
    spec = runtime(FOUR, engine={"executor": "ray", "image": "registry.example.org/vllm-ray:1"})["spec"]
    (worker,) = spec["workerSpec"]["containers"]
    assert "$(HEAD_SVC):6379" in worker["command"]
    assert "livenessProbe" not in worker
    assert "multinode/executor-backend" not in spec["annotations"]


@pytest.mark.parametrize(("version", "is_said"), [("0.17", False), ("0.18", True)])
def test_the_executor_is_said_where_it_is_read(version: str, is_said: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """From 0.18 on KServe counts nodes by it."""
    assert ("multinode/executor-backend" in runtime(target={"version": version})["spec"]["annotations"]) is is_said


def test_probes_do_not_end_a_busy_head() -> None:
    """The start has the plan's time; afterwards five minutes of silence are allowed, on workers too."""
    spec = runtime()["spec"]
    (head,), (worker,) = spec["containers"], spec["workerSpec"]["containers"]
    assert head["startupProbe"]["failureThreshold"] * head["startupProbe"]["periodSeconds"] >= 1260
    for probe in (head["livenessProbe"], worker["livenessProbe"]):
        assert probe["failureThreshold"] * probe["periodSeconds"] >= 300
        assert probe["timeoutSeconds"] >= 20
    assert worker["livenessProbe"]["exec"]["command"][3:] == ["HEAD_SVC", "8080", "/health"]


@pytest.mark.requirement("R013", "R041", "R072")
def test_a_model_in_a_claim_is_a_storage_uri() -> None:
    """The claim and path of the recipe, with the resources that it asks for."""
    model = {"source": "pvc://llama-3-8b-pvc/hf/8b_instruction_tuned", "token": None}
    pods = {"cpu": "6", "memory": Bytes(24 * GIB)}
    made = bodies(deployed(model=model, pods=pods, storage={"claim": None}))
    predictor = made["InferenceService"]["spec"]["predictor"]
    assert predictor["model"]["storageUri"] == "pvc://llama-3-8b-pvc/hf/8b_instruction_tuned"
    assert predictor["model"]["resources"]["requests"] == {"cpu": "6", "memory": "24Gi", "nvidia.com/gpu": "1"}
    (head,) = made["ServingRuntime"]["spec"]["containers"]
    assert "/models/hf/8b_instruction_tuned" in head["command"]


def test_the_claim_has_the_name_that_kserve_looks_for() -> None:
    """It mounts no second volume then; head, worker and the wait for the download see one folder."""
    made = bodies(deployed())
    predictor = made["InferenceService"]["spec"]["predictor"]
    for pod in (predictor, predictor["workerSpec"]):
        assert [entry["name"] for entry in pod["volumes"]] == ["kserve-pvc-source"]
        assert pod["initContainers"][0]["volumeMounts"][0]["name"] == "kserve-pvc-source"
    spec = made["ServingRuntime"]["spec"]
    for container in (*spec["containers"], *spec["workerSpec"]["containers"]):
        assert {"name": "kserve-pvc-source", "mountPath": "/models"} in container["volumeMounts"]


def test_an_image_that_holds_a_model_is_mounted_by_the_platform() -> None:
    """Without a claim there is nothing to copy it to."""
    made = bodies(deployed(model={"source": "oci://quay.io/org/llama:1", "token": None}, storage={"claim": None}))
    assert made["InferenceService"]["spec"]["predictor"]["model"]["storageUri"] == "oci://quay.io/org/llama:1"
    assert "/mnt/models" in made["ServingRuntime"]["spec"]["containers"][0]["command"]


@pytest.mark.requirement("R075", "R076")
def test_everything_that_the_service_needs_is_rendered() -> None:
    """Claim, download and runtime are ours; nothing is fetched from a page, and the order is that of applying."""
    made = deployed(storage={"claim": "models", "size": Bytes(50 * GIB)})
    kinds = list(bodies(made))
    assert kinds == ["PersistentVolumeClaim", "Job", "ServingRuntime", "InferenceService"]


def test_the_token_is_referred_to() -> None:
    """No value of a Secret is written."""
    (head,) = runtime(ONE, storage={"claim": None})["spec"]["containers"]
    token = next(entry for entry in head["env"] if entry["name"] == "HF_TOKEN")
    assert token["valueFrom"] == {"secretKeyRef": {"name": "hf-token", "key": "token"}}


@pytest.mark.requirement("R029")
def test_a_route_leads_to_the_head() -> None:
    """Encrypted at the router, to KServe's own Service; KServe makes no way in besides it."""
    made = bodies(deployed(expose={"kind": "route", "tls": Tls()}))
    spec = made["Route"]["spec"]
    assert spec["to"]["name"] == "llama-3-8b-predictor"
    assert spec["port"] == {"targetPort": "http"}
    assert spec["tls"] == {"termination": "edge", "insecureEdgeTerminationPolicy": "Redirect"}
    assert made["InferenceService"]["metadata"]["labels"]["networking.kserve.io/visibility"] == "cluster-local"


@pytest.mark.requirement("R031")
def test_the_services_name_is_among_the_served_names() -> None:
    """The platform asks for the model by it."""
    command = runtime(model={"served_name": "llama"})["spec"]["containers"][0]["command"]
    at = command.index("--served-model-name")
    assert command[at + 1 : at + 3] == ["llama", "llama-3-8b"]


@pytest.mark.requirement("R082")
def test_the_hugging_face_server_gets_the_engines_flags() -> None:
    """Its own names for model, name and port; the rest as planned."""
    spec = runtime(ONE, target={"version": "0.20", "options": {"runtime": "huggingface"}})["spec"]
    (head,) = spec["containers"]
    assert head["image"] == "docker.io/kserve/huggingfaceserver:v0.20.0-gpu"
    assert head["command"][:5] == [
        "python3",
        "-m",
        "huggingfaceserver",
        "--model_id",
        "meta-llama/Meta-Llama-3-8B-Instruct",
    ]
    assert {"--model_name", "--http_port", "--max_model_len", "--gpu-memory-utilization"} <= set(head["command"])
    assert not {"--port", "--served-model-name", "vllm"} & set(head["command"])
    assert head["startupProbe"]["httpGet"]["path"] == "/v2/health/ready"
    assert spec["supportedModelFormats"][0]["name"] == "huggingface"


def test_pods_of_each_role_get_what_is_asked_for_them() -> None:
    """KServe copies the head's settings to no worker: both have their own, and no variables of Services."""
    pods = {"node_selector": {"gpu": "a"}, "worker": PodOverrides(labels={"tier": "back"}, memory=Bytes(8 * GIB))}
    made = bodies(deployed(pods=pods))
    predictor = made["InferenceService"]["spec"]["predictor"]
    for pod in (predictor, predictor["workerSpec"]):
        assert pod["nodeSelector"] == {"gpu": "a"}
        assert pod["enableServiceLinks"] is False
        assert pod["automountServiceAccountToken"] is False
    assert predictor["workerSpec"]["containers"][0]["resources"]["limits"]["memory"] == "8Gi"
    assert made["ServingRuntime"]["spec"]["workerSpec"]["labels"]["tier"] == "back"


def test_another_recipe_restarts_no_unchanged_pods() -> None:
    """KServe copies the service's annotations to its pods, so the recipe's digest stands on the other objects only."""
    made = bodies(deployed(storage=CLAIM))
    assert "shardwright.dev/recipe-digest" not in made["InferenceService"]["metadata"]["annotations"]
    assert "shardwright.dev/recipe-digest" in made["ServingRuntime"]["metadata"]["annotations"]
