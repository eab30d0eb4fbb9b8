"""What an API server would refuse or drop of rendered manifests, where the recipe's own text stands in them.

Tolerations, affinity, security contexts and patches are carried as they are written; a misspelt field among them would
vanish on the cluster without an error. Only fields and their types are looked at: what platforms make of them is for `lint`.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, cast

from shardwright import registry
from shardwright.core.manifests import judge
from shardwright.core.manifests.objects import Context, Object
from shardwright.core.marked.tree import MapNode, Mark

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shardwright.core.deployment import Deployment
    from shardwright.core.manifests.objects import Value
    from shardwright.core.plugins import Manifest, Target
    from shardwright.core.recipe import Recipe
    from shardwright.core.rules import Finding

__all__ = ["refused"]

_RELEASED_AS = {"llmisvc": "kserve"}
"""Targets that are released as parts of another platform."""


def refused(deployment: Deployment, target: Target, manifests: Sequence[Manifest]) -> tuple[Finding, ...]:
    """Fields that are none and values of a wrong type, each said of its object; none where the recipe brings no text."""
    if not _has_own_text(deployment.recipe):
        return ()
    objects = [_object(made) for made in manifests]
    judged = judge.ready_objects(objects, registry.load_platforms(), _context(deployment, target))
    return tuple(
        dataclasses.replace(found, path=f"{each.kind} {each.name}: {found.path}")
        for each, findings, _ in judged
        for found in findings
        if found.severity == "error"
    )


def _object(made: Manifest) -> Object:
    """A manifest as rules are given it; nobody wrote it, so nothing in it has a place."""
    body = cast("Mapping[str, Value]", made.body)
    metadata = body.get("metadata")
    namespace = metadata.get("namespace") if isinstance(metadata, dict) else None
    api_version, nowhere = str(body.get("apiVersion", "")), MapNode(Mark("", 0), {})
    return Object(api_version, made.kind, made.name, str(namespace or ""), nowhere, body)


def _has_own_text(recipe: Recipe) -> bool:
    pods = recipe.pods
    return bool(pods.tolerations or pods.affinity or pods.security_context or (recipe.target and recipe.target.patches))


def _context(deployment: Deployment, target: Target) -> Context:
    """The release that the recipe names counts for its platform, or for the one that is released with it."""
    asked = deployment.recipe.target.version if deployment.recipe.target else None
    if not asked:
        return Context()
    named = (_RELEASED_AS.get(target.kind, target.kind), asked.removeprefix("v"))
    name, version = registry.beneath(target.kind, asked) or named
    return Context(versions={name: version})
