"""A deployment of OpenShift AI in a rehearsal: as KServe serves it, on any Kubernetes that has KServe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright import registry
from shardwright.core import target_options
from shardwright.core.staging import Hindrance, Staging
from shardwright.targets.openshift_ai import platform

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shardwright.core.deployment import Deployment
    from shardwright.core.staging import Tree

__all__ = ["STAGING"]

_LEFT_OUT = {
    "Namespace": "it goes into a namespace of its own",
    "NFSProvisioner": "no storage is needed",
    "MachineSet": "no machines are asked for",
}


def _hindrance(deployment: Deployment) -> Hindrance | None:
    if target_options.text_of(deployment.recipe, "runtime") == "template":
        return Hindrance(
            "target.options.runtime: template puts the runtime into a Template, which only `oc process` unpacks",
            hint="rehearse it with --set target.options.runtime=plain, whose runtime is the same; or without --on",
        )
    beneath = _beneath()
    return beneath.hindrance(platform.deployment_beneath(deployment)) if beneath else None


def _eased(deployment: Deployment, body: Mapping[str, object]) -> Tree:
    beneath = _beneath()
    return beneath.eased(platform.deployment_beneath(deployment), body) if beneath else dict(body)


def _beneath() -> Staging | None:
    return registry.load_staging(platform.beneath().kind)


STAGING = Staging(hindrance=_hindrance, eased=_eased, left_out=_LEFT_OUT)
