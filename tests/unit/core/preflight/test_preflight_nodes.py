from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from built_facts import GPU, NOT_ALLOWED, checked, node, pod, statuses
from hypothesis import given
from hypothesis import strategies as st

from shardwright.core.preflight import placing
from shardwright.core.preflight.facts import Taint
from shardwright.core.preflight.needs import GpuNeed

if TYPE_CHECKING:
    from shardwright.core.preflight.facts import Node

TAINT = Taint(GPU, "NoSchedule", "present")
ZONE = "topology.kubernetes.io/zone"


@pytest.mark.parametrize(
    ("nodes", "status"),
    [
        ((node("a"), node("b")), "pass"),
        ((node("a"),), "fail"),
        ((), "fail"),
        ((node("a", gpus=0), node("b", gpus=0)), "fail"),
    ],
)
@pytest.mark.requirement("R016")
def test_there_are_as_many_gpus_as_are_needed(nodes: tuple[Node, ...], status: str) -> None:
    """Pods that ask for more devices than there are never start."""
    assert statuses(nodes=nodes)["gpus"] == status


def affinity(**expression: object) -> dict[str, Any]:
    term = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
    return {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": term}}}


@pytest.mark.parametrize(
    ("spec", "is_taken"),
    [
        ({}, True),
        ({"nodeSelector": {"zone": "a"}}, True),
        ({"nodeSelector": {"zone": "b"}}, False),
        (affinity(key="zone", operator="In", values=["a", "b"]), True),
        (affinity(key="zone", operator="NotIn", values=["a"]), False),
        (affinity(key="zone", operator="Exists"), True),
        (affinity(key="zone", operator="DoesNotExist"), False),
        (affinity(key="cores", operator="Gt", values=["8"]), True),
        (affinity(key="cores", operator="Lt", values=["8"]), False),
        (affinity(key="zone", operator="Gt", values=["8"]), False),
    ],
)
def test_a_node_has_the_labels_that_a_pod_demands(spec: dict[str, Any], is_taken: bool) -> None:  # noqa: FBT001 - a row
    """Selectors and required affinity count as the scheduler counts them."""
    labelled = node(labels={"zone": "a", "cores": "16"})
    assert (placing.refusal(labelled, pod(**spec)) == "") is is_taken


@pytest.mark.parametrize(
    ("toleration", "is_taken"),
    [
        (None, False),
        ({"operator": "Exists"}, True),
        ({"key": GPU, "operator": "Exists"}, True),
        ({"key": GPU, "value": "present"}, True),
        ({"key": GPU, "value": "other"}, False),
        ({"key": GPU, "operator": "Exists", "effect": "NoExecute"}, False),
        ({"key": "other", "operator": "Exists"}, False),
    ],
)
def test_a_taint_needs_its_toleration(toleration: dict[str, str] | None, is_taken: bool) -> None:  # noqa: FBT001 - a row
    """A taint keeps away whoever does not tolerate just that."""
    tainted = node(taints=(TAINT, Taint("later", "PreferNoSchedule")))
    found = placing.refusal(tainted, pod(tolerations=[toleration] if toleration else []))
    assert (found == "") is is_taken
    assert is_taken or GPU in found


def test_room_that_others_take_is_not_there_now() -> None:
    """Allocatable is not free: a full cluster is told with what is free."""
    found = checked(used={"a": {GPU: 1.0}})["room"]
    assert found.status == "fail"
    assert "1 of 2 nvidia.com/gpu are free" in found.message
    assert statuses(used=NOT_ALLOWED)["room"] == "unknown"


def test_pods_that_fit_no_node_are_told_why() -> None:
    """The reason that most nodes have comes first."""
    tainted = tuple(node(name, taints=(TAINT,)) for name in "abc")
    found = checked(nodes=tainted)["room"]
    assert found.status == "fail"
    assert "taint nvidia.com/gpu=present:NoSchedule (3 nodes)" in found.why


def test_nodes_that_are_cordoned_or_not_ready_do_not_count() -> None:
    """A node that takes no pods is no room."""
    assert statuses(nodes=(node("a"), node("b", is_ready=False)))["room"] == "fail"
    assert statuses(nodes=(node("a"), node("b", is_schedulable=False)))["room"] == "fail"


@pytest.mark.parametrize(
    ("product", "memory", "status"),
    [
        ("NVIDIA-A10G", "23028", "pass"),
        ("NVIDIA-A10G-SHARED", "23028", "pass"),
        ("NVIDIA-A100-SXM4-80GB", "81920", "warn"),
        ("Tesla-T4", "15360", "fail"),
        ("", "", "unknown"),
    ],
)
def test_nodes_have_the_gpu_of_the_plan(product: str, memory: str, status: str) -> None:
    """A smaller GPU does not hold the plan; a larger one was not planned for."""
    labels = {"nvidia.com/gpu.product": product, "nvidia.com/gpu.memory": memory}
    assert statuses(nodes=(node("a", labels=labels), node("b", labels=labels)))["gpu-model"] == status


@pytest.mark.parametrize(
    ("major", "minor", "cuda", "status"),
    [
        ("12", "8", "12.8", "pass"),
        ("13", "0", "12.8", "pass"),
        ("12", "4", "12.8", "warn"),
        ("12", "8", "13.0", "fail"),
        ("", "", "12.8", "unknown"),
        ("12", "8", "", "unknown"),
    ],
)
@pytest.mark.requirement("R080")
def test_the_driver_runs_the_cuda_of_the_image(major: str, minor: str, cuda: str, status: str) -> None:
    """An older major release cannot; an older minor may not."""
    labels = {"nvidia.com/cuda.runtime.major": major, "nvidia.com/cuda.runtime.minor": minor}
    nodes = (node("a", labels=labels), node("b", labels=labels))
    assert statuses(nodes=nodes, cuda=cuda)["driver"] == status


@pytest.mark.requirement("R080")
def test_a_driver_that_is_too_old_is_named_with_its_version() -> None:
    """Who updates it has to know which it is."""
    labels = {
        f"nvidia.com/cuda.driver.{part}": value for part, value in (("major", "550"), ("minor", "90"), ("rev", "07"))
    }
    found = checked(nodes=(node("a", labels=labels), node("b", labels=labels)), cuda="13.0")["driver"]
    assert "drivers 550.90.07 for CUDA up to 12.8" in found.message


@pytest.mark.requirement("R015")
def test_node_feature_discovery_labels_nodes() -> None:
    """The GPU operator acts on nodes that it labels as having a card, and on no others."""
    bare = node("a", labels={"feature.node.kubernetes.io/pci-10de.present": ""})
    assert statuses()["feature-discovery"] == "pass"
    labels = {key: value for key, value in bare.labels.items() if "pci" not in key}
    without = tuple(replace(node(name), labels=labels) for name in "ab")
    assert statuses(nodes=without)["feature-discovery"] == "warn"
    other = tuple(replace(each, labels={**labels, "feature.node.kubernetes.io/cpu-model.id": "1"}) for each in without)
    assert "none as having an NVIDIA card" in checked(nodes=other)["feature-discovery"].message


def test_groups_are_placed_by_labels_that_nodes_have() -> None:
    """A topology label that no node has leaves every pod pending."""
    zoned = tuple(node(name, labels={ZONE: name}) for name in "ab")
    assert statuses(topology_keys=(ZONE,))["topology"] == "fail"
    assert statuses(topology_keys=(ZONE,), nodes=(zoned[0], node("b")))["topology"] == "warn"
    assert statuses(topology_keys=(ZONE,), nodes=zoned)["topology"] == "pass"


def test_pods_have_addresses_of_the_family_that_is_asked_for() -> None:
    """An IPv6 group on an IPv4 cluster waits for addresses that never come."""
    silent = tuple(node(name, families=frozenset()) for name in "ab")
    assert statuses(ip_family="ipv4")["ip-family"] == "pass"
    assert statuses(ip_family="ipv6")["ip-family"] == "fail"
    assert statuses(ip_family="ipv6", nodes=silent)["ip-family"] == "unknown"


def test_devices_of_other_vendors_are_not_asked_for_nvidia_labels() -> None:
    """What only NVIDIA's discovery says is not demanded of others."""
    own = {"pods": 110.0, "cpu": 16.0, "memory": 64.0 * (1 << 30), "amd.com/gpu": 1.0}
    nodes = tuple(node(name, allocatable=own) for name in "ab")
    pods = tuple(replace(pod(name), requests={"amd.com/gpu": 1.0, "pods": 1.0}) for name in ("leader", "worker"))
    found = statuses(nodes=nodes, pods=pods, gpu=GpuNeed(resource="amd.com/gpu", name="MI300X"))
    assert found["gpus"] == "pass"
    assert not {"driver", "feature-discovery"} & set(found)


@given(
    sizes=st.lists(st.integers(1, 8), min_size=1, max_size=5),
    free=st.lists(st.integers(0, 8), min_size=1, max_size=5),
)
def test_placed_pods_never_take_more_than_there_is(sizes: list[int], free: list[int]) -> None:
    """What is said to have room has it: GPUs of placed pods never exceed those that are free."""
    nodes = [node(str(index), gpus=count) for index, count in enumerate(free)]
    pods = [pod(f"p{index}", gpus=size) for index, size in enumerate(sizes)]
    missing = placing.place(nodes, pods, {})
    placed = sum(size for index, size in enumerate(sizes) if f"p{index}" not in missing)
    assert placed <= sum(free)
    assert not (missing and len(free) >= len(sizes) and min(free) >= max(sizes))


@given(st.permutations(["a", "b", "c", "d"]))
def test_the_order_of_nodes_does_not_matter(order: list[str]) -> None:
    """The same cluster gives the same answer however it is listed."""
    sizes = {"a": 1, "b": 2, "c": 4, "d": 8}
    nodes = [node(name, gpus=sizes[name]) for name in order]
    assert placing.place(nodes, [pod("x", gpus=8), pod("y", gpus=4), pod("z", 3, gpus=1)], {}) == {}
