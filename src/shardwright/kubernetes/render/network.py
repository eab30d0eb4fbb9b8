"""How pods of a group reach each other: RDMA devices with their networks, the family of addresses.

`network.rdma` is one profile: secondary networks, device resources, the right to lock memory, the family of addresses
on the fabric and the size of shared memory are switched together, because any one alone ends in a slow or hanging
group. The right to lock memory and shared memory are written by `pods` and `members`.
Source: the multus annotation `k8s.v1.cni.cncf.io/networks` of the Network Plumbing Working Group; NCCL 2.28,
environment variables NCCL_IB_ADDR_FAMILY and NCCL_SOCKET_FAMILY.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from shardwright.kubernetes.render.podspec import EnvVar

if TYPE_CHECKING:
    from shardwright.core.deployment import Deployment
    from shardwright.core.recipe import Recipe

__all__ = ["LOCKING", "NETWORKS", "pod_annotations", "resources", "service_families", "variables"]

NETWORKS = "k8s.v1.cni.cncf.io/networks"
"""Annotation that asks for secondary networks; the order is that of the devices."""
LOCKING = "IPC_LOCK"

_FAMILIES = {"ipv4": "AF_INET", "ipv6": "AF_INET6"}
_SERVICE_FAMILIES = {"ipv4": "IPv4", "ipv6": "IPv6"}


def pod_annotations(recipe: Recipe) -> dict[str, str]:
    """Annotations of every pod of the group; none without secondary networks."""
    rdma = recipe.network.rdma
    return {NETWORKS: ", ".join(rdma.networks)} if rdma and rdma.networks else {}


def resources(recipe: Recipe) -> dict[str, str]:
    """Devices that each pod of the group asks for, by resource; one that is listed twice is asked for twice."""
    rdma = recipe.network.rdma
    return {name: str(count) for name, count in Counter(rdma.devices if rdma else ()).items()}


def variables(deployment: Deployment) -> tuple[EnvVar, ...]:
    """Families of addresses that the collective library is to use: on the fabric, and between its sockets."""
    asked = deployment.recipe.network
    if deployment.plan.gpu.device == "cpu":
        return ()
    made: list[EnvVar] = []
    if asked.rdma is not None and asked.rdma.ip_family is not None:
        made.append(EnvVar(name="NCCL_IB_ADDR_FAMILY", value=_FAMILIES[asked.rdma.ip_family]))
    if asked.ip_family is not None:
        made.append(EnvVar(name="NCCL_SOCKET_FAMILY", value=_FAMILIES[asked.ip_family]))
    return tuple(made)


def service_families(recipe: Recipe) -> tuple[str, ...]:
    """`ipFamilies` of a Service; empty: the cluster's choice."""
    family = recipe.network.ip_family
    return (_SERVICE_FAMILIES[family],) if family else ()
