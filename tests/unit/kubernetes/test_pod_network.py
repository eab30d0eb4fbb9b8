from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from shardwright.core.recipe.model import Network, PodOverrides, Rdma
from shardwright.kubernetes.render import download, dump, members, storage
from shardwright.kubernetes.rules import rules
from shardwright.testing import builders

if TYPE_CHECKING:
    from shardwright.core.deployment import Deployment
    from shardwright.core.rules import Finding

RDMA = Rdma(
    devices=("rdma/rdma_shared_device_a", "rdma/rdma_shared_device_b"),
    networks=("nvidia-network-operator/net-a", "nvidia-network-operator/net-b"),
    ip_family="ipv6",
)


def deployed(rdma: Rdma | None = RDMA, **overrides: object) -> Deployment:
    return builders.deployment(builders.recipe(**{"network": Network(rdma=rdma), **overrides}))


def pods_of(deployment: Deployment) -> list[dict[str, Any]]:
    """Pod templates of the leader and of the workers."""
    files = storage.files_of(deployment)
    launches = [launch for launch in (deployment.leader, deployment.worker) if launch]
    made: Any = [dump.as_tree(members.member_template(deployment, launch, {}, files)) for launch in launches]
    return made


def found(deployment: Deployment) -> dict[str, Finding]:
    return {finding.id: finding for finding in rules.findings_of(deployment)}


@pytest.mark.requirement("R127", "R130", "R132", "R133", "R135", "R156")
def test_rdma_switches_all_its_parts_on_every_member() -> None:
    """Networks, locked memory, address family, devices and shared memory: on the leader and the workers alike."""
    for pod in pods_of(deployed()):
        container = pod["spec"]["containers"][0]
        assert pod["metadata"]["annotations"]["k8s.v1.cni.cncf.io/networks"] == ", ".join(RDMA.networks)
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ["IPC_LOCK"]}
        assert {"name": "NCCL_IB_ADDR_FAMILY", "value": "AF_INET6"} in container["env"]
        assert container["resources"]["limits"] == {**dict.fromkeys(RDMA.devices, "1"), "nvidia.com/gpu": "1"}
        assert pod["spec"]["volumes"][0]["emptyDir"]["sizeLimit"] == "16Gi"


@pytest.mark.requirement("R156")
def test_without_rdma_none_of_its_parts_is_there() -> None:
    """A pod has no rights and no devices that nobody asked for."""
    text = str(pods_of(deployed(None)))
    assert not [part for part in ("IPC_LOCK", "cncf.io/networks", "NCCL_IB", "rdma/") if part in text]


def test_the_download_takes_no_rdma_devices() -> None:
    """The Job fetches files; devices are for the group."""
    job: Any = download.download_job(deployed(storage={"claim": "models"}))
    text = str(dump.as_tree(job))
    assert not [part for part in ("IPC_LOCK", "cncf.io/networks", "rdma/") if part in text]


def test_a_device_that_is_listed_twice_is_asked_for_twice() -> None:
    """Two ports of one kind of device, each with its own network."""
    (pod, _) = pods_of(deployed(Rdma(("rdma/a", "rdma/a"), ("x/one", "x/two"))))
    assert pod["spec"]["containers"][0]["resources"]["limits"]["rdma/a"] == "2"


@pytest.mark.requirement("R130")
def test_memory_is_locked_whatever_the_recipes_own_context_says() -> None:
    """A context of the recipe replaces ours field by field, but the profile stays whole; nothing is named twice."""
    for capabilities in ({"drop": ["ALL"]}, {"add": ["IPC_LOCK"], "drop": ["ALL"]}):
        (pod, _) = pods_of(deployed(pods={"security_context": {"capabilities": capabilities}}))
        made = pod["spec"]["containers"][0]["securityContext"]["capabilities"]
        assert made == {"drop": ["ALL"], "add": ["IPC_LOCK"]}


@pytest.mark.requirement("R128")
def test_no_member_of_a_group_has_a_sidecar() -> None:
    """Label and annotation both turn it off, on both templates."""
    for pod in pods_of(deployed()):
        assert pod["metadata"]["labels"]["sidecar.istio.io/inject"] == "false"
        assert pod["metadata"]["annotations"]["sidecar.istio.io/inject"] == "false"


@pytest.mark.requirement("R134", "R156")
@pytest.mark.parametrize(
    ("rdma", "finding", "severity"),
    [
        (Rdma(("rdma/a", "rdma/b"), ("x/one",)), "network.rdma-pairs", "error"),
        (Rdma(("rdma/a",), (), "ipv6"), "network.rdma-without-networks", "error"),
        (Rdma(("rdma/a",)), "network.rdma-without-networks", "warning"),
    ],
)
def test_rdma_is_whole(rdma: Rdma, finding: str, severity: str) -> None:
    """A device without its network has no address; on InfiniBand it needs none."""
    assert found(deployed(rdma))[finding].severity == severity


@pytest.mark.requirement("R156")
@pytest.mark.parametrize(
    "given",
    [
        {"pods": {"annotations": {"k8s.v1.cni.cncf.io/networks": "x/one"}}},
        {"pods": {"security_context": {"capabilities": {"add": ["IPC_LOCK"]}}}},
        {"engine": {"env": {"NCCL_IB_ADDR_FAMILY": "AF_INET6"}}},
    ],
)
def test_parts_of_the_profile_set_by_hand_are_pointed_out(given: dict[str, Any]) -> None:
    """One part without the others is how RDMA stays unused without anybody noticing."""
    assert found(deployed(None, **given))["network.rdma-in-parts"].severity == "warning"
    assert "network.rdma-in-parts" not in found(deployed(None))


def test_what_undoes_the_profile_is_refused() -> None:
    """NCCL cannot be told to use RDMA and not to; networks stand in one place."""
    assert found(deployed(engine={"env": {"NCCL_IB_DISABLE": "1"}}))["network.rdma-disabled"].severity == "error"
    own = {"worker": PodOverrides(annotations={"k8s.v1.cni.cncf.io/networks": "x/one"})}
    assert found(deployed(pods=own))["network.networks-twice"].path.startswith("pods.worker.annotations")


@pytest.mark.requirement("R130")
def test_what_a_namespace_must_allow_is_said() -> None:
    """The stricter security levels refuse the capability, and another user than root gets nothing from it."""
    assert "baseline and restricted" in found(deployed())["network.rdma-security-level"].why
    assert "network.rdma-not-root" not in found(deployed())
    restricted = found(deployed(pods={"security_context": {"runAsNonRoot": True, "runAsUser": 2000}}))
    assert "memlock" in restricted["network.rdma-not-root"].fix


def test_one_node_needs_no_fabric() -> None:
    """Nothing between GPUs of one node goes over the network."""
    planned = builders.plan(builders.recipe(network=Network(rdma=RDMA)), layout=builders.layout(2, 1, nodes=1))
    assert "network.rdma-one-node" in found(builders.deployment(plan=planned))


def test_the_family_of_addresses_reaches_sockets() -> None:
    """The collective library's own sockets follow the family that pods have."""
    deployment = builders.deployment(builders.recipe(network=Network(ip_family="ipv6")))
    (pod, _) = pods_of(deployment)
    assert {"name": "NCCL_SOCKET_FAMILY", "value": "AF_INET6"} in pod["spec"]["containers"][0]["env"]
    assert found(deployment)["network.ip-family"].status == "unknown"
