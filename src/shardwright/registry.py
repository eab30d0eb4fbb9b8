"""Every plug-in by its name in a recipe: one line each, imported when first asked for.

A name without a module is known to recipes (they can be read and planned) and says so when it is to be used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, cast

from shardwright import errors

if TYPE_CHECKING:
    from shardwright.core.manifests.platform import Platform
    from shardwright.core.plugins import Engine, EngineBuild, Target

__all__ = [
    "BUILDS",
    "ENGINES",
    "LINTS",
    "TARGETS",
    "load_build",
    "load_engine",
    "load_platforms",
    "load_target",
]

ENGINES: dict[str, str] = {
    "vllm": "shardwright.engines.vllm:ENGINE",
    "sglang": "shardwright.engines.sglang:ENGINE",
}
# Builds of engines that run on this machine without a GPU.
BUILDS: dict[str, str] = {
    "vllm": "shardwright.engines.vllm.build:BUILD",
}
TARGETS: dict[str, str] = {
    "lws": "shardwright.targets.lws:TARGET",
    "local": "shardwright.targets.local:TARGET",
    "kserve": "shardwright.targets.kserve:TARGET",
    "llmisvc": "shardwright.targets.llmisvc:TARGET",
    "openshift-ai": "shardwright.targets.openshift_ai:TARGET",
    "kuberay": "shardwright.targets.kuberay:TARGET",
    "kubernetes": "shardwright.targets.kubernetes_plain:TARGET",
}
# Rules for manifests from anywhere, by platform.
LINTS: dict[str, str] = {
    "lws": "shardwright.targets.lws.lint:LINT",
    "kserve": "shardwright.targets.kserve.lint:LINT",
    "llmisvc": "shardwright.targets.llmisvc.lint:LINT",
    "kuberay": "shardwright.targets.kuberay.lint:LINT",
}


def load_engine(name: str) -> Engine:
    """The engine of that name; InputError if there is none in this version."""
    return cast("Engine", _load(ENGINES, name, "engine.name"))


def load_build(name: str) -> EngineBuild:
    """The build of that engine for this machine; InputError if there is none in this version."""
    if ENGINES.get(name) and name not in BUILDS:
        raise errors.InputError(
            f"engine.name: {name!r} cannot run on this machine: it is planned and rendered for GPUs only",
            hint=f"use one of: {', '.join(sorted(BUILDS))}",
        )
    return cast("EngineBuild", _load(BUILDS, name, "engine"))


def load_target(kind: str) -> Target:
    """The target of that kind; InputError if there is none in this version."""
    return cast("Target", _load(TARGETS, kind, "target.kind"))


def load_platforms() -> tuple[Platform, ...]:
    """All platforms that have rules for manifests."""
    return tuple(cast("Platform", _load(LINTS, name, "platform")) for name in LINTS)


def package_of(kind: str) -> str:
    """The package that holds a target and its facts; InputError if there is none in this version."""
    load_target(kind)
    return TARGETS[kind].partition(":")[0]


def _load(table: dict[str, str], name: str, field: str) -> object:
    place = table.get(name, "")
    if not place:
        usable = ", ".join(sorted(key for key, value in table.items() if value))
        raise errors.InputError(f"{field}: {name!r} cannot be used in this version", hint=f"use one of: {usable}")
    module, _, attribute = place.partition(":")
    return getattr(importlib.import_module(module), attribute)
