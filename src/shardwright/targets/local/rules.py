"""Rules of this machine: what a LocalGroup cannot be asked for, and what it takes no notice of."""

from __future__ import annotations

import dataclasses
import re
import sys
from typing import TYPE_CHECKING

from shardwright.core import target_options
from shardwright.core.recipe import source
from shardwright.core.recipe.model import Expose, KeyRef, Network, Pods, Storage
from shardwright.core.rules import Finding
from shardwright.targets.local import options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.deployment import Deployment

__all__ = ["RULES", "findings_of"]

_MOST_HOSTS = 250
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def findings_of(deployment: Deployment) -> tuple[Finding, ...]:
    """Findings of all rules."""
    return tuple(finding for rule in RULES for finding in rule(deployment))


def names(deployment: Deployment) -> Iterator[Finding]:
    """Namespace and name are folders of the state."""
    metadata = deployment.recipe.metadata
    for field in ("name", "namespace"):
        value = str(getattr(metadata, field))
        if _LABEL.fullmatch(value) is None:
            message = f"metadata.{field}: {value!r} is no DNS label"
            fix = "use lower-case letters, digits and dashes, at most 63"
            yield _error("local.name", f"metadata.{field}", value, message, fix=fix)


def model_is_here(deployment: Deployment) -> Iterator[Finding]:
    """A process of this machine reads a directory or the hub's cache; claims and buckets belong to a cluster."""
    model = deployment.recipe.model
    written = {"model.source": model.source} | ({"model.draft.source": model.draft.source} if model.draft else {})
    for path, text in written.items():
        try:
            scheme = source.parse_source(text).scheme
        except ValueError:
            continue  # the recipe's own reader says what is wrong with it
        if scheme not in {"hf", "name"}:
            message = f"{path}: {text} is not on this machine"
            fix = "give a directory or hf://owner/name"
            yield _error("local.model-source", path, text, message, fix=fix)


def executor(deployment: Deployment) -> Iterator[Finding]:
    """Engines of this machine are installed without Ray, and hosts of one machine share what Ray would keep apart."""
    if deployment.recipe.engine.executor == "ray":
        message = "engine.executor: ray is not started on this machine"
        yield _error("local.executor", "engine.executor", "ray", message, fix="use executor: mp, or leave it out")


def one_replica(deployment: Deployment) -> Iterator[Finding]:
    """A LocalGroup is one group."""
    count = deployment.recipe.replicas
    if count != 1:
        message = f"replicas: {count}, but this target runs exactly one group"
        fix = "use replicas: 1, and one recipe for each further group"
        yield _error("local.replicas", "replicas", str(count), message, fix=fix)


def enough_addresses(deployment: Deployment) -> Iterator[Finding]:
    """Hosts share one network of 256 addresses."""
    size = deployment.group.size
    if size > _MOST_HOSTS:
        message = f"{size} hosts on one machine; at most {_MOST_HOSTS} can be made"
        yield _error("local.hosts-count", "hardware.nodes", str(size), message, fix="plan fewer nodes")


def linux(_deployment: Deployment) -> Iterator[Finding]:
    """Hosts are made of Linux's namespaces, or of its many loopback addresses."""
    if sys.platform != "linux":
        yield Finding(
            id="local.platform",
            status="warn",
            severity="warning",
            path="target.kind",
            value=sys.platform,
            message=f"groups run on Linux only; this is {sys.platform}",
            fix="plan and render here, start it on a Linux machine",
        )


def secrets(deployment: Deployment) -> Iterator[Finding]:
    """There are no Secrets here: their values come from the environment of whoever starts the group."""
    launches = [launch for launch in (deployment.leader, deployment.worker) if launch is not None]
    wanted = {
        variable.name for launch in launches for variable in launch.environment if isinstance(variable.value, KeyRef)
    }
    for name in sorted(wanted):
        yield _info(
            "local.secret-from-environment",
            path="model.token" if name == "HF_TOKEN" else f"engine.env.{name}",
            message=f"{name} comes from a Secret in the recipe; here it is taken from your environment",
            fix=f"export {name} before you start it",
        )


def ignored_fields(deployment: Deployment) -> Iterator[Finding]:
    """Pods, claims and ways in do not exist here; a reader should not believe that their limits hold."""
    recipe = deployment.recipe
    used = {"pods.shared_memory", "network.interface", "network.debug", "expose.auth"}
    sections = (
        ("pods", recipe.pods, Pods()),
        ("storage", recipe.storage, Storage()),
        ("network", recipe.network, Network()),
        ("expose", recipe.expose, Expose()),
    )
    for section, value, default in sections:
        for field in dataclasses.fields(value):
            path = f"{section}.{field.name}"
            if path not in used and getattr(value, field.name) != getattr(default, field.name):
                shown = re.sub(r"_(\w)", lambda match: match[1].upper(), path)
                yield _info("local.field-ignored", path=shown, message=f"{shown} has no effect on this machine", fix="")
    if recipe.target is not None and recipe.target.patches:
        message = "target.patches has no effect on this machine"
        yield _info("local.field-ignored", path="target.patches", message=message, fix="")


RULES = (
    target_options.known_options("local", options.OPTIONS),
    names,
    model_is_here,
    executor,
    one_replica,
    enough_addresses,
    linux,
    secrets,
    ignored_fields,
)


def _error(identifier: str, path: str, value: str, message: str, *, fix: str) -> Finding:
    return Finding(id=identifier, status="fail", severity="error", path=path, value=value, message=message, fix=fix)


def _info(identifier: str, *, path: str, message: str, fix: str) -> Finding:
    return Finding(id=identifier, status="pass", severity="info", path=path, message=message, fix=fix)
