"""A member of a group as a pod: the engine's container with its GPUs, shared memory, ports and probes."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from shardwright.kubernetes.render import network, pods
from shardwright.kubernetes.render.podspec import (
    Container,
    ContainerPort,
    EmptyDir,
    HttpGet,
    PodTemplate,
    Probe,
    Resources,
    Volume,
    VolumeMount,
)
from shardwright.units import GIB, format_quantity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shardwright.core import deployment as core
    from shardwright.core.recipe.model import Pods
    from shardwright.kubernetes.render.storage import ModelFiles

__all__ = ["gpu_resource", "member_template", "memory_bytes", "shared_memory_bytes"]

_SHARED_MEMORY_BYTES = 16 * GIB
"""NCCL and the engine's message queues live there; the 64 MiB of a container are too few. Only a limit, not taken."""

_STARTUP_PERIOD_SECONDS = 10

# A leader that is busy answers late: engines ask themselves for up to 20 seconds before they answer. Only one that has
# been silent for five minutes is made again; an engine that has died ends by itself, and its container with it.
_LIVENESS = {"period_seconds": 30, "timeout_seconds": 30, "failure_threshold": 10}


def member_template(
    deployment: core.Deployment,
    launch: core.Launch,
    own_labels: Mapping[str, str],
    files: ModelFiles,
    *,
    extras: pods.Extras | None = None,
) -> PodTemplate:
    """The pod template of the leader or of the workers; ranks of a pod decide its GPUs, the recipe's network its rights."""
    recipe, extras = deployment.recipe, extras or pods.Extras()
    container = Container(
        name=deployment.plan.engine.name,
        image=deployment.image,
        command=launch.argv,
        env=pods.environment(
            (pods.OWN_ADDRESS_VARIABLE, *pods.HOME_VARIABLES, *network.variables(deployment), *files.variables),
            _given(deployment, launch, files),
        ),
        ports=tuple(ContainerPort(name=port.name, container_port=int(port.number)) for port in launch.ports),
        resources=_resources(deployment, launch),
        startup_probe=_startup(launch.probe),
        readiness_probe=_ask(launch.probe, period_seconds=10, timeout_seconds=30, failure_threshold=3),
        liveness_probe=_ask(launch.probe, **_LIVENESS),
        security_context=pods.security_context(recipe.pods, locks_memory=recipe.network.rdma is not None),
        volume_mounts=(VolumeMount(name="shm", mount_path="/dev/shm"), pods.HOME_MOUNT, *files.mounts),  # noqa: S108 - a mount point in the pod
    )
    shm = EmptyDir(medium="Memory", size_limit=format_quantity(shared_memory_bytes(recipe.pods, launch.role)))
    return pods.template(
        deployment,
        launch.role,
        own_labels,
        containers=(container,),
        init_containers=files.init_containers,
        volumes=(Volume(name="shm", empty_dir=shm), pods.HOME_VOLUME, *files.volumes),
        extras=dataclasses.replace(
            extras,
            annotations={**extras.annotations, **network.pod_annotations(recipe)},
            # A group of one has no ports of its own to hide, and may serve through a mesh.
            sidecar=deployment.group.size == 1,
        ),
    )


def gpu_resource(deployment: core.Deployment) -> str:
    """The Kubernetes resource of a GPU; empty where the plan is for processors."""
    if deployment.plan.gpu.device == "cpu":
        return ""
    return deployment.recipe.hardware.resource or deployment.plan.gpu.resource


def memory_bytes(asked: Pods, role: pods.Role) -> int | None:
    """Memory of a pod of that role; None if the recipe sets none."""
    return pods.overrides(asked, role).memory or asked.memory


def shared_memory_bytes(asked: Pods, role: pods.Role) -> int:
    """Limit of /dev/shm: as asked, else 16 GiB, but no more than half of the pod's memory, against which it counts."""
    if asked.shared_memory is not None:
        return asked.shared_memory
    memory = memory_bytes(asked, role)
    return _SHARED_MEMORY_BYTES if memory is None else min(_SHARED_MEMORY_BYTES, memory // 2)


def _given(deployment: core.Deployment, launch: core.Launch, files: ModelFiles) -> Iterator[core.Variable]:
    """Variables of the launch, less credentials that are not needed: the Job has fetched the model with them."""
    is_asked_for = "HF_TOKEN" in deployment.recipe.engine.env
    for entry in launch.environment:
        is_needed = entry.name != "HF_TOKEN" or is_asked_for or not files.is_offline
        if is_needed and not (files.job_only and entry.name.startswith(files.job_only)):
            yield entry


def _resources(deployment: core.Deployment, launch: core.Launch) -> Resources:
    asked = deployment.recipe.pods
    cpu = pods.overrides(asked, launch.role).cpu or asked.cpu
    memory = memory_bytes(asked, launch.role)
    requests = {"cpu": str(cpu)} if cpu else {}
    limits: dict[str, str] = {}
    if memory is not None:
        requests["memory"] = limits["memory"] = format_quantity(memory)
    resource = gpu_resource(deployment)
    if resource:
        ranks = max(len(member.ranks) for member in deployment.group.members if member.role == launch.role)
        limits[resource] = str(ranks)
    limits.update(network.resources(deployment.recipe))
    return Resources(requests=requests, limits=limits)


def _startup(probe: core.Probe | None) -> Probe | None:
    """Counts for the whole start; the other probes are not asked before it has succeeded once."""
    if probe is None:
        return None
    failures = max(1, math.ceil(probe.startup_budget_seconds / _STARTUP_PERIOD_SECONDS))
    return _ask(probe, period_seconds=_STARTUP_PERIOD_SECONDS, timeout_seconds=5, failure_threshold=failures)


def _ask(
    probe: core.Probe | None, *, period_seconds: int, timeout_seconds: int, failure_threshold: int
) -> Probe | None:
    if probe is None:
        return None
    return Probe(
        http_get=HttpGet(probe.path, int(probe.port)),
        period_seconds=period_seconds,
        timeout_seconds=timeout_seconds,
        failure_threshold=failure_threshold,
    )
