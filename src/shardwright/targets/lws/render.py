"""From a deployment to manifests: claim, download Job, Service, LeaderWorkerSet, in the order in which they are applied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.kubernetes import dump, labels, members, storage
from shardwright.kubernetes.objects import (
    KubernetesObject,
    LeaderWorkerSet,
    LeaderWorkerSetSpec,
    LeaderWorkerTemplate,
    RollingUpdate,
    RolloutStrategy,
    Service,
    ServicePort,
    ServiceSpec,
)
from shardwright.targets.lws import options
from shardwright.targets.lws.wiring import SERVE_PORT

if TYPE_CHECKING:
    from shardwright.core.deployment import Deployment
    from shardwright.core.plugins import Manifest
    from shardwright.kubernetes.podspec import PodTemplate
    from shardwright.targets.lws.releases import Release

__all__ = ["render_deployment", "service_name"]

_PREFIX = "leaderworkerset.sigs.k8s.io"
_LEADER = {"shardwright.dev/role": "leader"}
"""Only leaders answer requests; the Service selects them by this label, which workers do not have."""


def render_deployment(deployment: Deployment, release: Release) -> tuple[Manifest, ...]:
    """All manifests, in the order in which they are applied."""
    wanted: tuple[KubernetesObject | None, ...] = (
        storage.claim_of(deployment),
        storage.download_job(deployment),
        _service(deployment),
        _leader_worker_set(deployment, release),
    )
    return tuple(dump.as_manifest(entry) for entry in wanted if entry is not None)


def service_name(name: str) -> str:
    """Never the set's own name: the controller makes a headless Service of that name, by which members find each other."""
    return f"{name}-api"


def _service(deployment: Deployment) -> Service | None:
    recipe = deployment.recipe
    if recipe.expose.kind == "none":
        return None
    probe = deployment.leader.probe
    port = int(probe.port if probe else SERVE_PORT)
    return Service(
        metadata=labels.metadata(deployment, service_name(recipe.metadata.name), "api"),
        spec=ServiceSpec(
            selector={f"{_PREFIX}/name": recipe.metadata.name, **_LEADER},
            ports=(ServicePort(name="http", port=port, target_port=port),),
        ),
    )


def _leader_worker_set(deployment: Deployment, release: Release) -> LeaderWorkerSet:
    recipe = deployment.recipe
    return LeaderWorkerSet(
        metadata=labels.metadata(deployment, recipe.metadata.name, "group", _annotations(deployment, release)),
        spec=LeaderWorkerSetSpec(
            replicas=recipe.replicas,
            # Workers wait for the leader by themselves. With LeaderReady they would be made only when the leader is
            # ready, and the leader is ready only when its workers have joined.
            startup_policy="LeaderCreated",
            # A surge would need the GPUs of a whole group in addition.
            rollout_strategy=RolloutStrategy(
                rolling_update_configuration=RollingUpdate(max_unavailable=1, max_surge=0)
            ),
            leader_worker_template=_templates(deployment, release),
        ),
    )


def _templates(deployment: Deployment, release: Release) -> LeaderWorkerTemplate:
    files = storage.files_of(deployment)
    leader = members.member_template(deployment, deployment.leader, _LEADER, files)
    worker: PodTemplate | None = None
    if deployment.worker is not None:
        worker = members.member_template(deployment, deployment.worker, {}, files)
    policy = options.restart_policy(deployment.recipe, release)
    return LeaderWorkerTemplate(
        size=deployment.group.size,
        restart_policy=policy if policy in release.restart_policies else options.ON_RESTART,
        # A group of one is made from the worker template; the API demands that one, and only that one.
        leader_template=leader if worker else None,
        worker_template=worker or leader,
    )


def _annotations(deployment: Deployment, release: Release) -> dict[str, str]:
    recipe = deployment.recipe
    asks_after_start = options.restart_policy(recipe, release) == options.AFTER_START
    topology = options.exclusive_topology(recipe)
    return {
        **({f"{_PREFIX}/exclusive-topology": topology} if topology else {}),
        **(
            {f"{_PREFIX}/experimental-recreate-group-after-start": "true"}
            if asks_after_start and release.after_start == "annotation"
            else {}
        ),
    }
