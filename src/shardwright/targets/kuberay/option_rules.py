"""Rules on `target.options` of KubeRay: names, values, and which release has what they ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.kubernetes.findings import error, unknown
from shardwright.targets.kuberay import names, options, releases

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.deployment import Deployment
    from shardwright.core.rules import Finding

__all__ = ["RULES"]

_LARGEST_PORT = 65535


def known_options(deployment: Deployment) -> Iterator[Finding]:
    """Options are few; a misspelt one would do nothing."""
    for name, value in options.options_of(deployment.recipe).items():
        if name not in options.OPTIONS:
            yield error(
                "kuberay.option-unknown",
                path=f"target.options.{name}",
                value=str(value),
                message=f"{name!r} is no option of this target; known: {', '.join(sorted(options.OPTIONS))}",
                fix="remove it or write its name as listed",
            )
        elif complaint := _complaint(name, value):
            yield error(
                "kuberay.option-value",
                path=f"target.options.{name}",
                value=str(value),
                message=f"{name} {complaint}, not {value!r}",
                fix=options.OPTIONS[name],
                requirements=("R102",) if name in options.PORTS else (),
            )


def _complaint(name: str, value: object) -> str:
    """What a value of that option must be; empty if it is that."""
    if name in options.PORTS:
        is_port = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _LARGEST_PORT
        return "" if is_port else f"must be a port from 1 to {_LARGEST_PORT}"
    if name in options.SWITCHES:
        return "" if isinstance(value, bool) else "must be true or false"
    if not isinstance(value, str):
        return "must be a text"
    if name == "rayVersion":
        return "" if names.ray_version(value) else "must be a version as 2.52.0"
    if name == "redisPassword":
        secret, slash, key = value.partition("/")
        return "" if secret and slash and key and "/" not in key else "must be SECRET/KEY, never the password"
    choices = options.CHOICES.get(name)
    return "" if choices is None or value in choices else f"must be one of {', '.join(choices)}"


def fault_tolerance(deployment: Deployment) -> Iterator[Finding]:
    """Options of fault tolerance came with 1.3, and need the address."""
    recipe = deployment.recipe
    release = releases.release_of(recipe)
    address, password = options.option(recipe, "redisAddress"), options.option(recipe, "redisPassword")
    if address and release is not None and not release.has_fault_tolerance_options:
        yield error(
            "kuberay.option-release",
            path="target.options.redisAddress",
            value=release.version,
            message=f"gcsFaultToleranceOptions came with KubeRay 1.3; target.version is {release.version}",
            fix="leave redisAddress out, or use KubeRay 1.3 or newer",
        )
    for name in ("redisPassword", "redisNamespace"):
        if options.option(recipe, name) and not address:
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
    asked = options.option(recipe, "upgradeStrategy")
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


RULES = (known_options, fault_tolerance, replacing)
"""All rules on options."""
