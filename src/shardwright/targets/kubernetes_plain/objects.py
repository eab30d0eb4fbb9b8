"""The Deployment as typed values; what `kubernetes.objects` says of fields and names holds here too.

Source: Kubernetes API reference 1.36, apps/v1.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from shardwright.values import frozen

if TYPE_CHECKING:
    from shardwright.kubernetes.render.podspec import Metadata, PodTemplate

__all__ = ["Deployment", "DeploymentSpec", "RollingUpdate", "Selector", "Strategy"]


@frozen
class Selector:
    """The labels by which a Deployment knows its pods; immutable."""

    match_labels: dict[str, str]


@frozen(kw_only=True)
class RollingUpdate:
    """How many pods may be away, or may be there in addition, during an update."""

    max_unavailable: int
    max_surge: int


@frozen(kw_only=True)
class Strategy:
    """How a changed template reaches running pods."""

    type: str = "RollingUpdate"
    rolling_update: RollingUpdate


@frozen(kw_only=True)
class DeploymentSpec:
    """Replicas of one pod; an update that makes no progress for so long is reported as failed."""

    replicas: int
    progress_deadline_seconds: int
    strategy: Strategy
    selector: Selector
    template: PodTemplate


@frozen(kw_only=True)
class Deployment:
    """Pods that are alike and replaced when they end."""

    api_version: str = field(default="apps/v1", init=False)
    kind: str = field(default="Deployment", init=False)
    metadata: Metadata
    spec: DeploymentSpec
