"""Resources of a container as KServe counts them: GPUs in requests too, and which of them it has to be told about.

In Ray's mode KServe divides the GPUs of the group by those that a worker *requests*; from limits alone it would make one pod
for each GPU. What it does not know it refuses in groups. Source: kserve/kserve v0.15.0 to v0.20.0, components/predictor.go
computeRayNodeAndGPUs, pkg/utils/utils.go HasUnknownGpuResourceType, pkg/constants/constants.go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.kubernetes.render import members, network
from shardwright.kubernetes.render.podspec import Resources
from shardwright.targets.kserve import gpu_resources

if TYPE_CHECKING:
    from shardwright.core.deployment import Deployment

__all__ = ["gpus_of", "requested", "unknown_types"]


def requested(asked: Resources) -> Resources:
    """With every device that has a limit requested as well, as the API server would fill in."""
    devices = {name: count for name, count in asked.limits.items() if "/" in name}
    return Resources(requests={**asked.requests, **devices}, limits=asked.limits)


def gpus_of(deployment: Deployment) -> tuple[int, ...]:
    """GPUs of each member, the leader first."""
    return tuple(len(member.ranks) for member in deployment.group.members)


def unknown_types(deployment: Deployment) -> tuple[str, ...]:
    """Devices of the pods that KServe does not take for GPUs by itself, in order."""
    own = members.gpu_resource(deployment)
    names = {*([own] if own else []), *network.resources(deployment.recipe)}
    return tuple(sorted(names - set(gpu_resources.KNOWN)))
