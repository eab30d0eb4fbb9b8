"""Names and labels that objects of one deployment share."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

from shardwright.kubernetes.render.podspec import Metadata

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shardwright.core.deployment import Deployment
    from shardwright.core.plugins import Manifest

__all__ = ["DIGEST", "MANAGER", "NEEDED_BY", "digest_of", "identity", "is_shared", "metadata", "owner_of", "shared"]

MANAGER = "shardwright"
DIGEST = "shardwright.dev/recipe-digest"
"""Annotation of every object, never of a pod: a changed recipe that changes no pod restarts none."""

NEEDED_BY = "shardwright.dev/needed-by"
"""Annotation of an object that several deployments may need: the kind that names it. It stays while one of those does."""

_INSTANCE = "app.kubernetes.io/instance"


def identity(deployment: Deployment, component: str) -> dict[str, str]:
    """The recommended labels of Kubernetes for one part of a deployment."""
    return {
        "app.kubernetes.io/name": deployment.plan.engine.name,
        _INSTANCE: deployment.recipe.metadata.name,
        "app.kubernetes.io/version": _as_label(deployment.plan.engine.version),
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/managed-by": MANAGER,
    }


def metadata(
    deployment: Deployment,
    name: str,
    component: str,
    annotations: Mapping[str, str] | None = None,
    own_labels: Mapping[str, str] | None = None,
) -> Metadata:
    """Metadata of an object; labels of the recipe never replace those by which objects are found."""
    asked = deployment.recipe.metadata
    return Metadata(
        name=name,
        namespace=asked.namespace,
        labels={**asked.labels, **(own_labels or {}), **identity(deployment, component)},
        annotations={**asked.annotations, **(annotations or {}), DIGEST: f"sha256:{deployment.recipe_digest}"},
    )


def shared(deployment: Deployment, name: str, component: str, needed_by: str) -> Metadata:
    """Metadata of an object that every deployment of the namespace renders alike: nothing in it is of one of them.

    `needed_by`: the kind that names it. It stays while one of those does, or another deployment has it.
    """
    return Metadata(
        name=name,
        namespace=deployment.recipe.metadata.namespace,
        labels={"app.kubernetes.io/component": component, "app.kubernetes.io/managed-by": MANAGER},
        annotations={NEEDED_BY: needed_by},
    )


def owner_of(manifest: Manifest) -> str:
    """The deployment that an object belongs to, as `namespace/name`; the object itself where it does not say, or is shared."""
    head = _metadata_of(manifest)
    labels = cast("Mapping[str, str]", head.get("labels", {}))
    return f"{head.get('namespace', 'default')}/{labels.get(_INSTANCE, manifest.name)}"


def is_shared(manifest: Manifest) -> bool:
    """Whether an object is one that several deployments render alike."""
    return NEEDED_BY in cast("Mapping[str, str]", _metadata_of(manifest).get("annotations", {}))


def digest_of(manifest: Manifest) -> str:
    """The digest of the recipe that an object was rendered from; empty if it does not say."""
    return cast("Mapping[str, str]", _metadata_of(manifest).get("annotations", {})).get(DIGEST, "")


def _metadata_of(manifest: Manifest) -> Mapping[str, object]:
    return cast("Mapping[str, object]", manifest.body.get("metadata", {}))


def _as_label(text: str) -> str:
    """A text as a label's value: at most 63 letters, digits, `-`, `_`, `.`, the first and last a letter or digit."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", text)[:63].strip("-_.")
