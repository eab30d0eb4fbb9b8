"""The order in which Argo CD applies objects, as annotations; Flux and kubectl take no notice of them.

Argo CD applies a wave when everything of the one before is healthy. So a Job that fetches the model is complete before
any GPU is taken, and the way in comes last: an Ingress without a load balancer is never healthy. A claim stands with
what mounts it: one whose volume is made for its first consumer would else be waited for without end.
Source: Argo CD 3.1, sync phases and waves, resource health.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shardwright.core.plugins import Manifest

__all__ = ["WAVE", "with_waves"]

WAVE = "argocd.argoproj.io/sync-wave"

_JOBS = frozenset({"Job", "RayJob"})
_CLAIM = "PersistentVolumeClaim"
_BEFORE = frozenset(
    {
        "Role",
        "RoleBinding",
        "ServiceAccount",
        "ConfigMap",
        "Template",
        "ServingRuntime",
        "LLMInferenceServiceConfig",
        "NetworkAttachmentDefinition",
        *_JOBS,
    }
)
"""What others refer to."""
_AFTER = frozenset({"Ingress", "HTTPRoute", "Route"})


def with_waves(manifests: Sequence[Manifest]) -> tuple[Manifest, ...]:
    """The same objects with their waves; a wave that the recipe gave stays."""
    has_job = any(manifest.kind in _JOBS for manifest in manifests)
    return tuple(_annotated(manifest, _wave(manifest.kind, has_job=has_job)) for manifest in manifests)


def _wave(kind: str, *, has_job: bool) -> int:
    if kind in _AFTER:
        return 2
    return 0 if kind in _BEFORE or (kind == _CLAIM and has_job) else 1


def _annotated(manifest: Manifest, wave: int) -> Manifest:
    head = cast("dict[str, Any]", manifest.body.get("metadata") or {})
    given = cast("dict[str, str]", head.get("annotations") or {})
    annotations = dict(sorted({WAVE: str(wave), **given}.items()))
    return replace(manifest, body={**manifest.body, "metadata": {**head, "annotations": annotations}})
