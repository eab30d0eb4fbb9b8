"""From a deployment to manifests: claim, download Job, Service, way in, Deployment, in the order they are applied in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core import target_options
from shardwright.kubernetes.render import access, download, dump, expose, labels, members, patches, sources, storage
from shardwright.targets.kubernetes_plain.objects import Deployment, DeploymentSpec, RollingUpdate, Selector, Strategy
from shardwright.targets.kubernetes_plain.wiring import SERVE_PORT

if TYPE_CHECKING:
    from shardwright.core import deployment as core
    from shardwright.core.plugins import Manifest
    from shardwright.kubernetes.render.objects import KubernetesObject

__all__ = ["deadline_seconds", "render_deployment", "unpatched"]

_IMAGE_SECONDS = 1800
"""Engine images have 10 GB and more; a node that sees one for the first time pulls it for minutes."""
_DOWNLOAD_SECONDS = 4 * 3600
"""Pods wait for the Job that fetches the model; the largest take hours."""
_START_SECONDS = 1800
"""For an engine that names no budget of its own."""


def render_deployment(deployment: core.Deployment) -> tuple[Manifest, ...]:
    """All manifests as the recipe's patches leave them, in the order in which they are applied."""
    return patches.patched(deployment.recipe, unpatched(deployment))


def unpatched(deployment: core.Deployment) -> tuple[Manifest, ...]:
    """All manifests before any patch."""
    name = deployment.recipe.metadata.name
    probe = deployment.leader.probe
    port = int(probe.port if probe else SERVE_PORT)
    manager = target_options.text_of(deployment.recipe, "manager")
    wanted: tuple[KubernetesObject | None, ...] = (
        *(access.access_of(deployment, manager, "apps", "deployments") if manager else ()),
        storage.claim_of(deployment),
        download.download_job(deployment),
        expose.service_of(deployment, name, _selector(name), port=port),
        expose.way_in_of(deployment, name, port=port),
        _deployment(deployment),
    )
    return tuple(dump.as_manifest(entry) for entry in wanted if entry is not None)


def deadline_seconds(deployment: core.Deployment) -> int:
    """When an update counts as failed: ten minutes, the default, are less than many models need to load."""
    asked = target_options.options_of(deployment.recipe).get("progressDeadlineSeconds")
    if isinstance(asked, int):
        return asked
    probe = deployment.leader.probe
    start = probe.startup_budget_seconds if probe else _START_SECONDS
    return start + _IMAGE_SECONDS + (_DOWNLOAD_SECONDS if sources.has_download(deployment.recipe) else 0)


def _selector(name: str) -> dict[str, str]:
    """Labels of the engine's pods that never change: the download Job's pods have another role."""
    return {"app.kubernetes.io/instance": name, "shardwright.dev/role": "leader"}


def _deployment(deployment: core.Deployment) -> Deployment:
    recipe = deployment.recipe
    queue = target_options.text_of(recipe, "queue")
    selector = _selector(recipe.metadata.name)
    return Deployment(
        metadata=labels.metadata(
            deployment,
            recipe.metadata.name,
            "group",
            own_labels={"kueue.x-k8s.io/queue-name": queue} if queue else {},
        ),
        spec=DeploymentSpec(
            replicas=recipe.replicas,
            progress_deadline_seconds=deadline_seconds(deployment),
            # A surge would need the GPUs of a whole pod in addition, and wait for them for ever where there are none.
            strategy=Strategy(rolling_update=RollingUpdate(max_unavailable=1, max_surge=0)),
            selector=Selector(selector),
            template=members.member_template(
                deployment,
                deployment.leader,
                {"shardwright.dev/role": "leader"},
                storage.files_of(deployment),
            ),
        ),
    )
