"""Rules on the network between pods and on what it takes of a namespace: RDMA whole or not at all, rights, families.

Source: Kubernetes, Pod Security Standards (IPC_LOCK is among the capabilities of neither `baseline` nor `restricted`);
NCCL 2.28, environment variables.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from shardwright.kubernetes.render import network
from shardwright.kubernetes.rules.findings import error, unknown, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.deployment import Deployment
    from shardwright.core.recipe import Recipe
    from shardwright.core.rules import Finding

__all__ = ["RULES"]

_FAMILY = "NCCL_IB_ADDR_FAMILY"


def paired_networks(deployment: Deployment) -> Iterator[Finding]:
    """Each device reaches the fabric through its own network: the first device by the first network."""
    rdma = deployment.recipe.network.rdma
    if rdma is not None and rdma.networks and len(rdma.networks) != len(rdma.devices):
        yield error(
            "network.rdma-pairs",
            path="network.rdma.networks",
            value=str(len(rdma.networks)),
            message=f"{len(rdma.devices)} devices and {len(rdma.networks)} networks; they are paired in order",
            fix="list as many networks as devices, the network of each device at its place",
            requirements=("R134",),
        )


def whole_profile(deployment: Deployment) -> Iterator[Finding]:
    """Secondary networks, devices, locked memory, the family of addresses and shared memory go together."""
    recipe = deployment.recipe
    rdma = recipe.network.rdma
    if rdma is None:
        yield from _by_hand(recipe)
    elif not rdma.networks:
        is_ipv6 = rdma.ip_family == "ipv6"
        yield (error if is_ipv6 else warning)(
            "network.rdma-without-networks",
            path="network.rdma.networks",
            message="RDMA devices without secondary networks: pods have no address on the fabric",
            why="RoCE addresses a peer by the IP address of its device; InfiniBand does not",
            fix="list one network for each device, as NAMESPACE/NAME; on InfiniBand leave ipFamily out",
            requirements=("R127", "R156"),
        )


def _by_hand(recipe: Recipe) -> Iterator[Finding]:
    parts = {
        f"pods.annotations[{network.NETWORKS}]": network.NETWORKS in recipe.pods.annotations,
        "pods.securityContext.capabilities.add: [IPC_LOCK]": network.LOCKING in _added(recipe),
        f"engine.env.{_FAMILY}": _FAMILY in recipe.engine.env,
    }
    present = [name for name, is_set in parts.items() if is_set]
    if present:
        yield warning(
            "network.rdma-in-parts",
            path="network.rdma",
            value=", ".join(present),
            message=f"set by hand: {', '.join(present)}; without the other parts RDMA is not used, or fails",
            why="networks, devices, locked memory, address family and shared memory are needed together",
            fix="give network.rdma: {devices: [...], networks: [...], ipFamily: ...}; it sets all of them",
            requirements=("R156",),
        )


def contradictions(deployment: Deployment) -> Iterator[Finding]:
    """What the recipe writes elsewhere must not undo the profile."""
    recipe = deployment.recipe
    if recipe.network.rdma is None:
        return
    if recipe.engine.env.get("NCCL_IB_DISABLE") == "1":
        yield error(
            "network.rdma-disabled",
            path="engine.env.NCCL_IB_DISABLE",
            value="1",
            message="NCCL_IB_DISABLE=1 turns off the RDMA that network.rdma asks devices for",
            fix="remove one of the two",
            requirements=("R156",),
        )
    for path, written in _annotations(recipe).items():
        if network.NETWORKS in written:
            yield error(
                "network.networks-twice",
                path=f"{path}.{network.NETWORKS}",
                value=written[network.NETWORKS],
                message=f"{network.NETWORKS} is set here and by network.rdma",
                fix="list the networks in network.rdma.networks alone",
                requirements=("R127",),
            )


def one_node_needs_no_fabric(deployment: Deployment) -> Iterator[Finding]:
    """Between GPUs of one node nothing goes over the network."""
    if deployment.recipe.network.rdma is not None and deployment.group.size == 1:
        yield warning(
            "network.rdma-one-node",
            path="network.rdma",
            message="the group has one node: RDMA devices are held and not used",
            fix="remove network.rdma",
            requirements=("R156",),
        )


def locked_memory(deployment: Deployment) -> Iterator[Finding]:
    """The right to lock memory is refused by the stricter security levels, and has no effect for other users than root."""
    recipe = deployment.recipe
    if recipe.network.rdma is None:
        return
    namespace = recipe.metadata.namespace
    yield unknown(
        "network.rdma-security-level",
        path="network.rdma",
        value=namespace,
        message=f"namespace {namespace} must allow the capability IPC_LOCK",
        why="the Pod Security levels baseline and restricted refuse it; on OpenShift a SecurityContextConstraint must name it",
        fix=f"kubectl get namespace {namespace} -o jsonpath='{{.metadata.labels.pod-security\\.kubernetes\\.io/enforce}}'"
        " must be empty or privileged",
        requirements=("R130",),
    )
    context = _context(recipe)
    if context.get("runAsNonRoot") or context.get("runAsUser"):
        yield warning(
            "network.rdma-not-root",
            path="pods.securityContext",
            value=f"runAsUser {context.get('runAsUser', 'not root')}",
            message="IPC_LOCK has no effect for another user than root",
            why="a container's added capabilities are given to root; others lock memory up to the runtime's limit (memlock)",
            fix="set the container runtime's memlock limit to unlimited on these nodes, or run as root",
            requirements=("R130",),
        )


def address_family(deployment: Deployment) -> Iterator[Finding]:
    """A pod is known by its first address, whose family only the cluster decides."""
    family = deployment.recipe.network.ip_family
    if family is not None and deployment.group.size > 1:
        yield unknown(
            "network.ip-family",
            path="network.ipFamily",
            value=family,
            message=f"the cluster's first family of pod addresses must be {family}",
            why="members name themselves by status.podIP, the first of a pod's addresses",
            fix="kubectl get pods -o jsonpath='{.items[0].status.podIPs}' shows the order",
        )


def _annotations(recipe: Recipe) -> dict[str, dict[str, str]]:
    roles = {"pods.leader.annotations": recipe.pods.leader, "pods.worker.annotations": recipe.pods.worker}
    return {
        "pods.annotations": recipe.pods.annotations,
        **{path: role.annotations for path, role in roles.items() if role},
    }


def _context(recipe: Recipe) -> Mapping[str, object]:
    return cast("Mapping[str, object]", recipe.pods.security_context or {})


def _added(recipe: Recipe) -> list[str]:
    capabilities = _context(recipe).get("capabilities")
    return cast("dict[str, list[str]]", capabilities).get("add") or [] if isinstance(capabilities, Mapping) else []


def debugging(deployment: Deployment) -> Iterator[Finding]:
    """The collective library's log is for finding a fault, not for production."""
    level = deployment.recipe.engine.env.get("NCCL_DEBUG")
    if deployment.recipe.network.debug or level in {"INFO", "TRACE"}:
        yield warning(
            "network.debug",
            path="network.debug" if deployment.recipe.network.debug else "engine.env.NCCL_DEBUG",
            message="the collective library logs its choices (NCCL_DEBUG)",
            fix="remove it once the group runs",
            requirements=("R124",),
        )


RULES = (
    debugging,
    paired_networks,
    whole_profile,
    contradictions,
    one_node_needs_no_fabric,
    locked_memory,
    address_family,
)
