"""From a deployment to manifests: claim, download Job, Service, way in, LeaderWorkerSet, in the order in which they are applied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core import target_options
from shardwright.kubernetes.render import access, download, dump, expose, labels, members, patches, storage
from shardwright.kubernetes.render.objects import (
    KubernetesObject,
    LeaderWorkerSet,
    LeaderWorkerSetSpec,
    LeaderWorkerTemplate,
    NetworkConfig,
    RollingUpdate,
    RolloutStrategy,
)
from shardwright.kubernetes.render.pods import Extras
from shardwright.targets.lws import options, placement
from shardwright.targets.lws.wiring import SERVE_PORT

if TYPE_CHECKING:
    from shardwright.core.deployment import Deployment
    from shardwright.core.plugins import Manifest
    from shardwright.kubernetes.render.podspec import PodTemplate
    from shardwright.targets.lws.releases import Release

__all__ = ["render_deployment", "service_name", "unpatched"]

_PREFIX = "leaderworkerset.sigs.k8s.io"
_GROUP = "leaderworkerset.x-k8s.io"
_LEADER = {"shardwright.dev/role": "leader"}
"""Only leaders answer requests; the Service selects them by this label, which workers do not have."""


def render_deployment(deployment: Deployment, release: Release) -> tuple[Manifest, ...]:
    """All manifests as the recipe's patches leave them, in the order in which they are applied."""
    return patches.patched(deployment.recipe, unpatched(deployment, release))


def unpatched(deployment: Deployment, release: Release) -> tuple[Manifest, ...]:
    """All manifests before any patch."""
    name, port = service_name(deployment.recipe.metadata.name), _port(deployment)
    selector = {f"{_PREFIX}/name": deployment.recipe.metadata.name, **_LEADER}
    manager = target_options.text_of(deployment.recipe, "manager")
    wanted: tuple[KubernetesObject | None, ...] = (
        *(access.access_of(deployment, manager, _GROUP, "leaderworkersets") if manager else ()),
        storage.claim_of(deployment),
        download.download_job(deployment),
        expose.service_of(deployment, name, selector, port=port),
        expose.way_in_of(deployment, name, port=port),
        _leader_worker_set(deployment, release),
    )
    return tuple(dump.as_manifest(entry) for entry in wanted if entry is not None)


def service_name(name: str) -> str:
    """Never the set's own name: the controller makes a headless Service of that name, by which members find each other."""
    return f"{name}-api"


def _port(deployment: Deployment) -> int:
    probe = deployment.leader.probe
    return int(probe.port if probe else SERVE_PORT)


def _leader_worker_set(deployment: Deployment, release: Release) -> LeaderWorkerSet:
    recipe = deployment.recipe
    subdomain = target_options.text_of(recipe, "subdomainPolicy")
    return LeaderWorkerSet(
        metadata=labels.metadata(
            deployment,
            recipe.metadata.name,
            "group",
            _annotations(deployment, release),
            placement.set_labels(recipe),
        ),
        spec=LeaderWorkerSetSpec(
            replicas=recipe.replicas,
            # Workers wait for the leader by themselves. With LeaderReady they would be made only when the leader is
            # ready, and the leader is ready only when its workers have joined.
            startup_policy="LeaderCreated",
            network_config=NetworkConfig(subdomain) if subdomain else None,
            # A surge would need the GPUs of a whole group in addition.
            rollout_strategy=RolloutStrategy(
                rolling_update_configuration=RollingUpdate(max_unavailable=1, max_surge=0)
            ),
            leader_worker_template=_templates(deployment, release),
        ),
    )


def _templates(deployment: Deployment, release: Release) -> LeaderWorkerTemplate:
    files = storage.files_of(deployment)
    extras = Extras(
        annotations=placement.pod_annotations(deployment), scheduler_name=placement.scheduler_name(deployment.recipe)
    )
    leader = members.member_template(deployment, deployment.leader, _LEADER, files, extras=extras)
    worker: PodTemplate | None = None
    if deployment.worker is not None:
        worker = members.member_template(deployment, deployment.worker, {}, files, extras=extras)
    policy = options.restart_policy(deployment.recipe, release)
    return LeaderWorkerTemplate(
        size=deployment.group.size,
        restart_policy=policy if policy in release.restart_policies else options.ON_RESTART,
        sub_group_policy=placement.sub_group_policy(deployment, release),
        # A group of one is made from the worker template; the API demands that one, and only that one.
        leader_template=leader if worker else None,
        worker_template=worker or leader,
    )


def _annotations(deployment: Deployment, release: Release) -> dict[str, str]:
    recipe = deployment.recipe
    asks_after_start = options.restart_policy(recipe, release) == options.AFTER_START
    after_start = {f"{_PREFIX}/experimental-recreate-group-after-start": "true"}
    by_annotation = asks_after_start and release.after_start == "annotation"
    return {**placement.set_annotations(recipe), **(after_start if by_annotation else {})}
