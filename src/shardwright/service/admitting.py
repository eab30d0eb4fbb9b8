"""What an API server would refuse or drop of rendered manifests, where the recipe's own text stands in them.

Tolerations, affinity, security contexts and patches are carried as they are written; a misspelt field among them would
vanish on the cluster without an error. Only fields and their types are looked at: what platforms make of them is for `lint`.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from shardwright.core.manifests import judge
from shardwright.core.manifests.objects import Context
from shardwright.formats import texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shardwright.core.deployment import Deployment
    from shardwright.core.plugins import Manifest, Target
    from shardwright.core.recipe import Recipe
    from shardwright.core.rules import Finding

__all__ = ["refused"]


def refused(deployment: Deployment, target: Target, manifests: Sequence[Manifest]) -> tuple[Finding, ...]:
    """Fields that are none and values of a wrong type, each said of its object; none where the recipe brings no text."""
    if not _has_own_text(deployment.recipe):
        return ()
    from shardwright import registry  # noqa: PLC0415 - rules of all platforms: 60 ms that most recipes need not wait for
    from shardwright.service import linting  # noqa: PLC0415 - as above

    with linting.without_collector():
        read = linting.read(texts.as_stream(manifests).encode(), "")
        judged = judge.ready_objects(read.objects, registry.load_platforms(), _context(deployment, target))
        return tuple(
            dataclasses.replace(found, path=f"{each.kind} {each.name}: {found.path}")
            for each, findings, _ in judged
            for found in findings
            if found.severity == "error"
        )


def _has_own_text(recipe: Recipe) -> bool:
    pods = recipe.pods
    return bool(
        pods.tolerations or pods.affinity or pods.security_context or (recipe.target and recipe.target.patches)
    )


def _context(deployment: Deployment, target: Target) -> Context:
    """The release that the recipe names counts for the platform of that name; OpenShift AI's says nothing of KServe's."""
    asked = deployment.recipe.target.version if deployment.recipe.target else None
    name = {"llmisvc": "kserve"}.get(target.kind, target.kind)
    return Context(versions={name: asked.removeprefix("v")} if asked else {})
