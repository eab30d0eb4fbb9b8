from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from shardwright.core.recipe.model import PodOverrides, Pods
from shardwright.kubernetes import accelerators
from shardwright.kubernetes.render import dump, members, storage
from shardwright.kubernetes.rules import rules
from shardwright.testing import builders
from shardwright.units import GIB

GIVEN: dict[str, Any] = {
    "cpu": "8",
    "memory": 64 * GIB,
    "shared_memory": 2 * GIB,
    "service_account": "models",
    "node_selector": {"zone": "a"},
    "tolerations": ({"key": "gpu", "operator": "Exists"},),
    "affinity": {"podAntiAffinity": {}},
    "image_pull_secrets": ("registry",),
    "priority_class": "high",
    "labels": {"team": "x"},
    "annotations": {"note": "y"},
    "security_context": {"runAsUser": 2000},
    "leader": PodOverrides(labels={"part": "front"}),
    "worker": PodOverrides(labels={"part": "back"}),
}
ROLE: dict[str, Any] = {
    "cpu": "4",
    "memory": 32 * GIB,
    "node_selector": {"rack": "1"},
    "labels": {"tier": "back"},
    "annotations": {"note": "z"},
}


def rendered(**pods: Any) -> list[Any]:  # noqa: ANN401 - values of any field
    deployment = builders.deployment(builders.recipe(pods=pods))
    files = storage.files_of(deployment)
    launches = [launch for launch in (deployment.leader, deployment.worker) if launch]
    return [dump.as_tree(members.member_template(deployment, launch, {}, files)) for launch in launches]


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Pods)])
def test_every_setting_of_pods_is_rendered(field: str) -> None:
    """No field is read and then forgotten; one that is added needs a value here."""
    assert rendered(**{field: GIVEN[field]}) != rendered()


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(PodOverrides)])
@pytest.mark.parametrize("role", ["leader", "worker"])
def test_every_setting_of_a_role_is_rendered_for_that_role_alone(field: str, role: str) -> None:
    """What is for the leader leaves the workers as they are, and the other way round."""
    plain, changed = rendered(), rendered(**{role: PodOverrides(**{field: ROLE[field]})})
    own, other = (0, 1) if role == "leader" else (1, 0)
    assert changed[own] != plain[own]
    assert changed[other] == plain[other]


def test_what_only_a_pod_can_have_of_a_security_context_stands_at_the_pod() -> None:
    """A container with `fsGroup` is refused by strict validation, and without it the field vanishes."""
    for pod in rendered(security_context={"runAsUser": 1000, "fsGroup": 2000, "supplementalGroups": [5]}):
        own = pod["spec"]["containers"][0]["securityContext"]
        assert own["runAsUser"] == 1000
        assert not {"fsGroup", "supplementalGroups"} & own.keys()
        assert pod["spec"]["securityContext"] == {
            "fsGroup": 2000,
            "fsGroupChangePolicy": "OnRootMismatch",
            "supplementalGroups": [5],
        }


def test_pods_never_share_the_network_of_their_node() -> None:
    """Ports of two groups on a node would clash; secondary networks serve RDMA."""
    assert "hostNetwork" not in str(rendered(**GIVEN))
    assert {template["spec"]["enableServiceLinks"] for template in rendered(**GIVEN)} == {False}


def ids(**hardware: Any) -> dict[str, str]:  # noqa: ANN401 - values of any field
    gpu = hardware.pop("gpu", builders.gpu())
    deployment = builders.deployment(plan=builders.plan(builders.recipe(hardware=hardware), gpus=(gpu,)))
    return {finding.id: finding.severity for finding in rules.findings_of(deployment)}


def test_a_device_of_another_vendor_than_planned_is_refused() -> None:
    """A slice of the planned vendor's devices is fine."""
    assert ids(resource="amd.com/gpu")["hardware.resource-vendor"] == "error"
    assert "hardware.resource-vendor" not in ids(resource="nvidia.com/mig-3g.40gb")


@pytest.mark.parametrize(
    ("gpu", "resource", "is_right"),
    [
        ("H100", "nvidia.com/mig-3g.40gb", False),
        ("A10G", "nvidia.com/mig-2g.24gb", True),
        ("H100", "nvidia.com/mig-1g.10gb+me", False),
        ("H100", "nvidia.com/gpu", True),
    ],
)
def test_a_slice_is_planned_with_its_own_memory(gpu: str, resource: str, *, is_right: bool) -> None:
    """A plan for the whole GPU would fail in a part of it when the engine starts."""
    assert ("hardware.slice-memory" not in ids(resource=resource, gpu=builders.gpu(gpu))) is is_right


@pytest.mark.requirement("R038")
@pytest.mark.parametrize(
    ("resource", "device"),
    [
        ("amd.com/gpu", "rocm"),
        ("gpu.intel.com/xe", "xpu"),
        ("gpu.intel.com/i915", "xpu"),
        ("intel.com/gpu", "xpu"),
        ("habana.ai/gaudi", "hpu"),
        ("example.org/gpu", "cuda"),
    ],
)
def test_devices_that_nobody_measured_are_labelled(resource: str, device: str) -> None:
    """A plan for them follows documentation, and says so."""
    assert ids(gpu=builders.gpu(resource=resource, device=device))["hardware.unmeasured"] == "warning"
    assert "hardware.unmeasured" not in ids()


@pytest.mark.requirement("R038")
def test_an_image_for_another_vendor_is_named_by_the_recipe() -> None:
    """Another image would start and find no device: the platform's is for NVIDIA's, and not every device has one of its own."""
    amd = builders.gpu(resource="amd.com/gpu", device="rocm")
    made = builders.deployment(plan=builders.plan(builders.recipe(), gpus=(amd,)))
    made = dataclasses.replace(
        made, leader=dataclasses.replace(made.leader, image="engine-rocm:1"), image="engine-rocm:1"
    )
    of_platform = dataclasses.replace(made, image="platform-cuda:1")
    found = [{finding.id for finding in rules.findings_of(each)} for each in (made, of_platform)]
    assert ["hardware.image-needed" in each for each in found] == [False, True]
    gaudi = builders.gpu(resource="habana.ai/gaudi", device="hpu")
    assert ids(gpu=gaudi)["hardware.image-needed"] == "error"
    recipe = builders.recipe(engine={"image": "registry.example.org/vllm-gaudi:1"})
    named = builders.deployment(plan=builders.plan(recipe, gpus=(gaudi,)))
    assert "hardware.image-needed" not in {finding.id for finding in rules.findings_of(named)}


def test_each_vendor_has_a_program_that_shows_its_devices() -> None:
    """What to run in a pod to see memory and use."""
    tools = {entry.vendor: entry.status_tool[0] for entry in accelerators.ACCELERATORS}
    assert tools == {
        "nvidia.com": "nvidia-smi",
        "amd.com": "rocm-smi",
        "gpu.intel.com": "xpu-smi",
        "habana.ai": "hl-smi",
    }


def test_rights_of_a_node_and_roles_that_do_not_exist_are_pointed_out() -> None:
    """Privileged containers, and settings for workers of a group of one."""
    recipe = builders.recipe(pods={"security_context": {"privileged": True}, "worker": PodOverrides(cpu="1")})  # pyright: ignore[reportArgumentType]  # quantities are plain values
    one = builders.plan(recipe, layout=builders.layout(1, 1, nodes=1))
    found = {finding.id for finding in rules.findings_of(builders.deployment(plan=one))}
    assert {"pods.privileged", "pods.no-workers"} <= found
