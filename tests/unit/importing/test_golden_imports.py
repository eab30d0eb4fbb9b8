"""Golden manifests of LeaderWorkerSet and Kubernetes are imported: no difference, or exactly those that are stated here.

Some golden files hold a command that no engine writes (a stand-in of the tests), or a plan that was put together by hand:
what they lack against a real launch is stated.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from import_cases import imported, places

GOLDEN = Path(__file__).parents[2] / "golden"
TEMPLATE = "LeaderWorkerSet spec.leaderWorkerTemplate"
CONTAINER = "spec.containers[name=vllm]"
LEADER = f"{TEMPLATE}.leaderTemplate.{CONTAINER}"
WORKER = f"{TEMPLATE}.workerTemplate.{CONTAINER}"
BUDGET = "env[name=VLLM_ENGINE_READY_TIMEOUT_S]"

TWO_NODES = [
    *(f"{LEADER}.command", f"{LEADER}.{BUDGET}", f"{LEADER}.ports[containerPort=29501]"),
    *(f"{LEADER}.startupProbe.failureThreshold", f"{WORKER}.command", f"{WORKER}.{BUDGET}"),
]
STATED = {
    "rdma-sglang-0.7": [],
    "rdma-vllm-0.7": [],
    "two-nodes": TWO_NODES,
    "one-gpu": [f"{WORKER}.command", f"{WORKER}.{BUDGET}"],
    "kubernetes": [f"Deployment spec.template.{CONTAINER}.command"],
}
CASES = [
    *(("lws", f"rdma-{engine}-0.7", "L40S", "0.7") for engine in ("sglang", "vllm")),
    *(
        ("lws", f"{case}-{version}", "A10G", version)
        for case in ("two-nodes", "one-gpu")
        for version in ("0.5", "0.8", "0.10")
    ),
    ("kubernetes", "one-gpu", "A10G", "1.34"),
]


@pytest.mark.parametrize(("folder", "name", "gpu", "version"), CASES)
def test_a_golden_file_is_imported(folder: str, name: str, gpu: str, version: str) -> None:
    """The list of differences is exactly the stated one."""
    text = (GOLDEN / folder / f"{name}.yaml").read_text("utf-8")
    result = imported(text, gpu=gpu, target_version=version)
    assert result.is_compared, result.findings
    key = "kubernetes" if folder == "kubernetes" else name if name in STATED else name.rpartition("-")[0]
    assert sorted(places(result)) == sorted(STATED[key])


@pytest.mark.parametrize(("folder", "name", "gpu", "version"), CASES)
def test_kept_differences_leave_none(folder: str, name: str, gpu: str, version: str) -> None:
    """With its differences as patches the recipe renders the golden file."""
    text = (GOLDEN / folder / f"{name}.yaml").read_text("utf-8")
    assert places(imported(text, gpu=gpu, target_version=version, keeps_differences=True)) == []


@pytest.mark.parametrize("version", ["0.5", "0.8", "0.10"])
def test_every_field_of_pods_is_read(version: str) -> None:
    """Its stand-in command does not fit the GPUs, so nothing is compared and that is said; the fields are all there."""
    text = (GOLDEN / "lws" / f"all-fields-{version}.yaml").read_text("utf-8")
    result = imported(text, target_version=version)
    assert not result.is_compared
    document = result.document
    assert document["hardware"] == {"gpu": "L40S", "gpusPerNode": 4, "nodes": 2}
    assert document["replicas"] == 3
    assert document["target"]["options"] == {"exclusiveTopology": "rack"}
    assert document["model"]["token"] == {"secret": "hub", "key": "read"}
    assert document["model"]["revision"] == "1e3"
    pods = document["pods"]
    assert (pods["memory"], pods["leader"], pods["sharedMemory"]) == ("512Gi", {"memory": "640Gi"}, "32Gi")
    assert pods["worker"] == {"nodeSelector": {"rack": "1"}, "labels": {"tier": "back"}}
    assert pods["securityContext"] == {"runAsNonRoot": True, "runAsUser": 2000}
    assert document["metadata"]["annotations"] == {"contact": "ml@example.org"}


def test_a_plan_that_is_refused_is_said() -> None:
    """The golden file of SGLang has stages of a model with 33 layers, which the catalogue's has not."""
    text = (GOLDEN / "lws" / "sglang-two-nodes-0.10.yaml").read_text("utf-8")
    result = imported(text, gpu="L40S")
    assert not result.is_compared
    (said,) = [each.message for each in result.findings if each.id == "import.not-compared"]
    assert "33 layers" in said
