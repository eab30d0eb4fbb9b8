"""Every plug-in by its name in a recipe: one line each, imported when first asked for.

A name without a module is known to recipes (they can be read and planned) and says so when it is to be used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, cast

from shardwright import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from shardwright.core.importing import ArgumentReader, Reader
    from shardwright.core.lifecycle.parts import Parts
    from shardwright.core.manifests.platform import Platform
    from shardwright.core.plugins import Engine, EngineBuild, Target
    from shardwright.core.recipe import Recipe
    from shardwright.core.staging import Staging

__all__ = [
    "ARGUMENTS",
    "BENEATH",
    "BUILDS",
    "ENGINES",
    "LINTS",
    "NEEDS",
    "OWN_ENGINES",
    "PARTS",
    "READERS",
    "STAGINGS",
    "TARGETS",
    "TEMPLATES",
    "beneath",
    "load_argument_readers",
    "load_build",
    "load_engine",
    "load_parts",
    "load_platforms",
    "load_readers",
    "load_staging",
    "load_target",
    "load_templates",
    "needs_of",
    "own_engine",
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
    "lws": "shardwright.targets.lws.target:TARGET",
    "local": "shardwright.targets.local.target:TARGET",
    "kserve": "shardwright.targets.kserve.target:TARGET",
    "llmisvc": "shardwright.targets.llmisvc.target:TARGET",
    "openshift-ai": "shardwright.targets.openshift_ai.target:TARGET",
    "kuberay": "shardwright.targets.kuberay.target:TARGET",
    "kubernetes": "shardwright.targets.kubernetes_plain.target:TARGET",
}
# Rules for manifests from anywhere, by platform.
LINTS: dict[str, str] = {
    "lws": "shardwright.targets.lws.lint:LINT",
    "kserve": "shardwright.targets.kserve.lint:LINT",
    "llmisvc": "shardwright.targets.llmisvc.lint:LINT",
    "kuberay": "shardwright.targets.kuberay.lint:LINT",
    "kubernetes": "shardwright.targets.kubernetes_plain.lint:LINT",
    "blueprint": "shardwright.formats.oci_blueprints.lint:LINT",
}

# Readers of manifests from anywhere, by platform; of one kind the first that knows an object counts. Empty: not yet.
READERS: dict[str, str] = {
    "lws": "shardwright.targets.lws.reading:READER",
    "openshift-ai": "shardwright.targets.openshift_ai.reading:READER",
    "kserve": "shardwright.targets.kserve.reading:READER",
    "llmisvc": "shardwright.targets.llmisvc.reading:READER",
    "kuberay": "shardwright.targets.kuberay.reading:READER",
    "kubernetes": "shardwright.targets.kubernetes_plain.reading:READER",
}
# Readers of engines' command lines.
ARGUMENTS: dict[str, str] = {
    "vllm": "shardwright.engines.vllm.reading:ARGUMENTS",
    "sglang": "shardwright.engines.sglang.reading:ARGUMENTS",
}

# Where the pods of an object are, by its kind; the same whoever made it.
PARTS: dict[str, str] = {
    "LeaderWorkerSet": "shardwright.targets.lws.parts:parts_of",
    "InferenceService": "shardwright.targets.kserve.parts:parts_of",
    "LLMInferenceService": "shardwright.targets.llmisvc.parts:parts_of",
    "RayCluster": "shardwright.targets.kuberay.parts:parts_of",
    "RayService": "shardwright.targets.kuberay.parts:parts_of",
    "Deployment": "shardwright.targets.kubernetes_plain.parts:parts_of",
    "StatefulSet": "shardwright.targets.kubernetes_plain.parts:parts_of",
}

# Platforms that are released with another one in them: which of it comes with a release of theirs.
BENEATH: dict[str, str] = {"openshift-ai": "shardwright.targets.openshift_ai.releases:beneath"}

# What puts the pods of an object together where they do not stand in it as they are, by its kind.
TEMPLATES: dict[str, str] = {
    "InferenceService": "shardwright.targets.kserve.member_pods:templates_of",
}

# What targets have to do with a rehearsal of their manifests where no GPU is.
STAGINGS: dict[str, str] = {
    "kserve": "shardwright.targets.kserve.staging:STAGING",
    "llmisvc": "shardwright.targets.llmisvc.staging:STAGING",
    "openshift-ai": "shardwright.targets.openshift_ai.staging:STAGING",
    "kuberay": "shardwright.targets.kuberay.staging:STAGING",
}

# Platforms that bring an engine in an image of their own: which version of it, for a recipe that names none.
OWN_ENGINES: dict[str, str] = {
    "openshift-ai": "shardwright.targets.openshift_ai.releases:own_engine",
    "kserve": "shardwright.targets.kserve.options:own_engine",
}


# What a new recipe for a platform has to say that others leave open.
NEEDS: dict[str, str] = {"kuberay": "shardwright.targets.kuberay.needs:needs_of"}


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


def load_readers() -> tuple[Reader, ...]:
    """All readers of manifests, in the order in which they are asked."""
    return tuple(cast("Reader", _load(READERS, name, "platform")) for name, place in READERS.items() if place)


def load_argument_readers() -> dict[str, ArgumentReader]:
    """Readers of command lines by engine."""
    return {name: cast("ArgumentReader", _load(ARGUMENTS, name, "engine")) for name in ARGUMENTS}


def beneath(name: str, version: str) -> tuple[str, str] | None:
    """The platform, with its release, that comes with a release of another; None where it stands alone or is not known."""
    if name not in BENEATH:
        return None
    return cast("Callable[[str], tuple[str, str] | None]", _load(BENEATH, name, "platform"))(version)


def own_engine(recipe: Recipe) -> str:
    """The version of the recipe's engine in the platform's own image; empty where the platform brings none."""
    kind = recipe.target.kind if recipe.target else ""
    if kind not in OWN_ENGINES:
        return ""
    return cast("Callable[[Recipe], str]", _load(OWN_ENGINES, kind, "target.kind"))(recipe)


def needs_of(recipe: Recipe) -> dict[str, str]:
    """Fields by their paths that the recipe's platform needs and the recipe leaves open."""
    kind = recipe.target.kind if recipe.target else ""
    if kind not in NEEDS:
        return {}
    return cast("Callable[[Recipe], dict[str, str]]", _load(NEEDS, kind, "target.kind"))(recipe)


def load_parts(kind: str) -> Callable[[Mapping[str, object]], Parts]:
    """What tells where the pods of an object of that kind are; InputError if no platform has it."""
    return cast("Callable[[Mapping[str, object]], Parts]", _load(PARTS, kind, "kind"))


def load_templates(kind: str) -> Callable[[Mapping[str, Any], Sequence[Mapping[str, Any]]], dict[str, Any]] | None:
    """What puts the pods of an object of that kind together from it and the objects beside it; None where it has them."""
    if kind not in TEMPLATES:
        return None
    return cast(
        "Callable[[Mapping[str, Any], Sequence[Mapping[str, Any]]], dict[str, Any]]", _load(TEMPLATES, kind, "kind")
    )


def load_staging(kind: str) -> Staging | None:
    """What a target has to do with a rehearsal of its manifests; None where pods are all that it has."""
    return cast("Staging", _load(STAGINGS, kind, "target.kind")) if kind in STAGINGS else None


def package_of(kind: str) -> str:
    """The package that holds a target and its facts; InputError if there is none in this version."""
    load_target(kind)
    return TARGETS[kind].partition(":")[0].rpartition(".")[0]


def _load(table: dict[str, str], name: str, field: str) -> object:
    place = table.get(name, "")
    if not place:
        usable = ", ".join(sorted(key for key, value in table.items() if value))
        raise errors.InputError(f"{field}: {name!r} cannot be used in this version", hint=f"use one of: {usable}")
    module, _, attribute = place.partition(":")
    return getattr(importlib.import_module(module), attribute)
