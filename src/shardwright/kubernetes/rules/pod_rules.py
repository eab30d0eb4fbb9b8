"""Rules on what pods ask for: shared memory, rights, GPUs of a vendor, settings for roles that do not exist."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

from shardwright.kubernetes import accelerators
from shardwright.kubernetes.render import members
from shardwright.kubernetes.rules.findings import error, info, warning
from shardwright.units import GIB, format_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shardwright.core.deployment import Deployment
    from shardwright.core.rules import Finding

__all__ = ["RULES"]

_SLICE = re.compile(r"nvidia\.com/mig-\d+g\.(\d+)gb(?:[.+][a-z.]+)?")


def gpu_vendor(deployment: Deployment) -> Iterator[Finding]:
    """The resource is one of the planned GPU's vendor."""
    planned, written = deployment.plan.gpu, members.gpu_resource(deployment)
    if not written:
        return
    given = accelerators.accelerator_of(written)
    if given is not None and given.device != planned.device:
        yield error(
            "hardware.resource-vendor",
            path="hardware.resource",
            value=written,
            message=f"{written} is a device of {given.vendor} ({given.device}); the plan is for {planned.name} ({planned.device})",
            fix=f"use {planned.resource}, or name a GPU of that vendor in hardware.gpu",
            requirements=("R038",),
        )
    elif given is None or not given.is_measured:
        tool = f"; in a pod, {' '.join(given.status_tool)} shows the devices" if given else ""
        yield warning(
            "hardware.unmeasured",
            path="hardware.gpu",
            value=written,
            message=f"nothing was measured on devices of {written}: plan and manifests follow documentation only{tool}",
            fix="compare the engine's log with the plan when it starts",
            requirements=("R038",),
        )


def slice_memory(deployment: Deployment) -> Iterator[Finding]:
    """A slice of a GPU has the memory that its name says, and not the GPU's."""
    planned, written = deployment.plan.gpu, members.gpu_resource(deployment) or ""
    named = _SLICE.fullmatch(written)
    if named and planned.memory_bytes > int(named[1]) * GIB:
        yield error(
            "hardware.slice-memory",
            path="hardware.gpuMemory",
            value=format_bytes(planned.memory_bytes),
            message=f"{written} has about {named[1]} GB; the plan counts on {format_bytes(planned.memory_bytes)} of {planned.name}",
            why="what does not fit into the slice fails when the engine starts",
            fix=f"give hardware.gpuMemory as nvidia-smi shows it for the slice, at most {named[1]}Gi",
        )


def image_of_vendor(deployment: Deployment) -> Iterator[Finding]:
    """Images are built for one kind of device; a platform's own is for NVIDIA's, and for some devices there is no public one."""
    gpu, engine = deployment.plan.gpu, deployment.plan.engine
    is_named = deployment.recipe.engine.image is not None
    is_for_device = bool(deployment.image) and deployment.image == deployment.leader.image
    if gpu.device not in {"cuda", "cpu"} and not is_named and not is_for_device:
        what = f"{deployment.image} is for NVIDIA's devices" if deployment.image else "no public image is known"
        yield error(
            "hardware.image-needed",
            path="engine.image",
            value=deployment.image,
            message=f"{what}; the plan is {engine.name} {engine.version} for {gpu.name} ({gpu.device})",
            why="in an image that was built for another device the engine finds none",
            fix=f"name an image of {engine.name} {engine.version} for {gpu.device} in engine.image",
            requirements=("R038",),
        )


def privileged(deployment: Deployment) -> Iterator[Finding]:
    """A container with all rights of its node is more than an engine needs."""
    context = cast("Mapping[str, object]", deployment.recipe.pods.security_context or {})
    if context.get("privileged") is True:
        yield warning(
            "pods.privileged",
            path="pods.securityContext.privileged",
            value="true",
            message="the containers have all rights of their nodes",
            fix="remove it; network.rdma gives the one capability that RDMA needs",
        )


def unused_role(deployment: Deployment) -> Iterator[Finding]:
    """A group of one has a leader alone."""
    if deployment.group.size == 1 and deployment.recipe.pods.worker is not None:
        yield info(
            "pods.no-workers",
            path="pods.worker",
            message="the group has one pod, the leader: pods.worker has no effect",
            fix="remove it, or plan more nodes",
        )


def shared_memory(deployment: Deployment) -> Iterator[Finding]:
    """Shared memory counts against the memory of its pod."""
    asked = deployment.recipe.pods
    for role in ("leader", "worker")[: deployment.group.size]:
        memory = members.memory_bytes(asked, role)
        shared = members.shared_memory_bytes(asked, role)
        if memory is not None and shared >= memory:
            yield error(
                "pods.shared-memory",
                path="pods.sharedMemory",
                value=format_bytes(shared),
                message=f"shared memory of {format_bytes(shared)} leaves nothing of the {role}'s {format_bytes(memory)}",
                why="it is held in memory and counts against the pod's limit",
                fix="make pods.memory larger or pods.sharedMemory smaller; 16Gi is enough for most",
                requirements=("R135",),
            )


RULES = (shared_memory, gpu_vendor, slice_memory, image_of_vendor, privileged, unused_role)
