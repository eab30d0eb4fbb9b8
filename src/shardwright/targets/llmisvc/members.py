"""Pods of an LLMInferenceService: pod specs whose container holds against the preset that is laid under it.

The controller merges a preset under what the object says: containers, variables, volumes and mounts by name, everything
else field by field. So every field is written in which a preset differs from what is meant: the command with its
arguments, the scheme of the probes, the cache of the hub, and who the container runs as.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from shardwright.kubernetes.render import members, storage
from shardwright.kubernetes.render.podspec import EnvVar, Probe, Tree
from shardwright.targets.llmisvc import files, releases

if TYPE_CHECKING:
    from shardwright.core.deployment import Deployment, Launch
    from shardwright.kubernetes.render.podspec import Container, PodSpec

__all__ = ["is_data_parallel", "pod_of"]

# A preset asks for a user who is not root and names none; images whose user is root are then not started. Another one
# makes the root file system read-only, on which the hook that brings the GPU's driver into the container fails.
_AS_THE_IMAGE_IS: Tree = {"runAsNonRoot": False, "readOnlyRootFilesystem": False}


def pod_of(deployment: Deployment, launch: Launch) -> PodSpec:
    """The pod of the leader, or of the workers."""
    made = members.member_template(deployment, launch, {}, _files_of(deployment)).spec
    (container,) = made.containers
    return dataclasses.replace(made, containers=(_held(deployment, container),))


def is_data_parallel(deployment: Deployment) -> bool:
    """Whether the group is declared by its copies: each lies on one node, and each node has the same number."""
    layout = deployment.plan.layout
    return layout.data > 1 and layout.pipeline == 1 and layout.data % layout.nodes == 0


def _files_of(deployment: Deployment) -> storage.ModelFiles:
    return storage.files_of(deployment) if files.way_of(deployment.recipe) == "claim" else storage.ModelFiles()


def _held(deployment: Deployment, container: Container) -> Container:
    program, *arguments = container.command
    return dataclasses.replace(
        container,
        name=releases.names().container,
        command=(program,),
        # A preset that has arguments of its own would let them follow the program.
        args=tuple(arguments),
        env=_variables(deployment, container.env),
        startup_probe=_in_clear_text(container.startup_probe),
        readiness_probe=_in_clear_text(container.readiness_probe),
        liveness_probe=_in_clear_text(container.liveness_probe),
        security_context=_rights(deployment, container.security_context),
    )


def _variables(deployment: Deployment, given: tuple[EnvVar, ...]) -> tuple[EnvVar, ...]:
    cache = EnvVar(name="HF_HUB_CACHE", value=files.hub_cache(deployment.recipe))
    return given if cache.name in {entry.name for entry in given} else (*given, cache)


def _in_clear_text(probe: Probe | None) -> Probe | None:
    if probe is None:
        return None
    return dataclasses.replace(probe, http_get=dataclasses.replace(probe.http_get, scheme="HTTP"))


def _rights(deployment: Deployment, given: Tree) -> Tree:
    made: Tree = {**_AS_THE_IMAGE_IS, **given}
    if given.get("runAsUser") and "runAsNonRoot" not in given:
        made["runAsNonRoot"] = True
    if not is_data_parallel(deployment):
        return made
    capabilities: object = given.get("capabilities")
    asked = cast("Tree", capabilities) if isinstance(capabilities, Mapping) else {}
    # A list replaces the preset's, which also has SYS_RAWIO and NET_RAW; an empty one would leave those in place.
    return {**made, "capabilities": {**asked, "add": asked.get("add") or ["IPC_LOCK"]}}
