"""Rules on `target.options` of KubeRay: names, values, and which release has what they ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core import target_options
from shardwright.kubernetes.rules.findings import error, unknown
from shardwright.targets.kuberay import options, releases

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.deployment import Deployment
    from shardwright.core.rules import Finding

__all__ = ["RULES"]


def fault_tolerance(deployment: Deployment) -> Iterator[Finding]:
    """Options of fault tolerance came with 1.3, and need the address."""
    recipe = deployment.recipe
    release = releases.release_of(recipe)
    address, password = target_options.text_of(recipe, "redisAddress"), target_options.text_of(recipe, "redisPassword")
    if address and release is not None and not release.has_fault_tolerance_options:
        yield error(
            "kuberay.option-release",
            path="target.options.redisAddress",
            value=release.version,
            message=f"gcsFaultToleranceOptions came with KubeRay 1.3; target.version is {release.version}",
            fix="leave redisAddress out, or use KubeRay 1.3 or newer",
        )
    for name in ("redisPassword", "redisNamespace"):
        if target_options.text_of(recipe, name) and not address:
            yield error(
                "kuberay.option-alone",
                path=f"target.options.{name}",
                message=f"{name} is of no use without redisAddress",
                fix="give redisAddress too, or remove it",
            )
    if address and password:
        secret, _, key = password.partition("/")
        yield unknown(
            "kuberay.redis-secret",
            path="target.options.redisPassword",
            value=password,
            message=f"Secret {secret} with key {key} must be in namespace {recipe.metadata.namespace}",
            fix=f"kubectl create secret generic {secret} -n {recipe.metadata.namespace} --from-literal={key}=VALUE",
        )


def replacing(deployment: Deployment) -> Iterator[Finding]:
    """Only services are replaced, and releases before 1.3 always start a second cluster for it."""
    recipe = deployment.recipe
    release = releases.release_of(recipe)
    asked = target_options.text_of(recipe, "upgradeStrategy")
    if asked and not options.is_ray_serve(recipe):
        yield error(
            "kuberay.option-alone",
            path="target.options.upgradeStrategy",
            value=asked,
            message="upgradeStrategy is for a RayService",
            fix="remove it, or set server: ray-serve",
        )
    elif asked == "None" and release is not None and not release.has_upgrade_strategy:
        yield error(
            "kuberay.option-release",
            path="target.options.upgradeStrategy",
            value=release.version,
            message=f"upgradeStrategy came with KubeRay 1.3; {release.version} always starts a second cluster",
            fix="leave it out, or use KubeRay 1.3 or newer",
        )


RULES = (target_options.known_options("kuberay", options.OPTIONS), fault_tolerance, replacing)
"""All rules on options."""
