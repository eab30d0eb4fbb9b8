"""`target.options` of this target: few, each checked and documented here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from shardwright.core import target_options
from shardwright.core.target_options import Option

if TYPE_CHECKING:
    from shardwright.core.recipe import Recipe

__all__ = ["OPTIONS", "machines_of", "runtime_name"]

OPTIONS = {
    "runtime": Option(
        "`plain`: a ServingRuntime; `template`: an OpenShift Template that holds it, for `oc process`",
        default="`plain`",
        choices=("plain", "template"),
    ),
    "runtimeName": Option("name of the ServingRuntime, as vllm-multinode-runtime", default="the deployment's own name"),
    "dashboard": Option("true: the dashboard shows runtime and service", kind="switch", default="false"),
    "namespace": Option(
        "true: the namespace is rendered too, as a project of OpenShift AI", kind="switch", default="false"
    ),
    "nfs": Option(
        "storage class behind an NFS server that provides storage.class, for clusters without shared volumes"
    ),
    "machines": Option(
        "{infrastructure, region, zone, image}: a MachineSet on AWS with the nodes of hardware.nodeShape;"
        " infrastructure is the cluster's id, image the AMI of its workers",
        kind="mapping",
        keys=("infrastructure", "region", "zone", "image"),
    ),
}
"""What each takes."""


def machines_of(recipe: Recipe) -> dict[str, str]:
    """What a MachineSet needs to know of its cluster; empty if none is asked for."""
    given: object = target_options.options_of(recipe).get("machines")
    if not isinstance(given, Mapping):
        return {}
    return {str(key): str(value) for key, value in cast("Mapping[object, object]", given).items()}


def runtime_name(recipe: Recipe) -> str:
    """Name of the ServingRuntime."""
    return target_options.text_of(recipe, "runtimeName") or recipe.metadata.name
