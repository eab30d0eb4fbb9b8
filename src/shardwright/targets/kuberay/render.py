"""From a deployment to manifests: claim, download Job, Service, way in, RayCluster or RayService, in the order of application."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, cast

from shardwright.core import target_options
from shardwright.kubernetes.render import download, dump, expose, labels, members, patches, storage
from shardwright.kubernetes.render.pods import Extras
from shardwright.kubernetes.render.podspec import ContainerPort, EnvSource, HttpGet, Probe, SecretKeyRef
from shardwright.targets.kuberay import head, options, ray_images, serve_llm
from shardwright.targets.kuberay.objects import (
    Command,
    CommandProbe,
    Credential,
    FaultTolerance,
    HeadGroup,
    RayCluster,
    RayClusterSpec,
    RayService,
    RayServiceSpec,
    UpgradeStrategy,
    WorkerGroup,
)
from shardwright.targets.kuberay.wiring import SERVE_PORT

if TYPE_CHECKING:
    from shardwright.core.deployment import Deployment, Launch
    from shardwright.core.plugins import Manifest
    from shardwright.core.recipe import Recipe
    from shardwright.kubernetes.render.objects import KubernetesObject
    from shardwright.kubernetes.render.podspec import PodTemplate
    from shardwright.targets.kuberay.releases import Release

__all__ = ["dashboard_service", "head_gpus", "render_deployment", "service_name", "unpatched", "worker_count"]

_HEAD = {"shardwright.dev/role": "leader"}
_WORKERS = "workers"
_PORT_NAMES = {
    "port": "gcs-server",
    "dashboard-port": "dashboard",
    "ray-client-server-port": "client",
    "metrics-export-port": "metrics",
}
"""Names that the operator knows the head's ports by."""


def render_deployment(deployment: Deployment, release: Release) -> tuple[Manifest, ...]:
    """All manifests as the recipe's patches leave them, in the order in which they are applied."""
    return patches.patched(deployment.recipe, unpatched(deployment, release))


def unpatched(deployment: Deployment, release: Release) -> tuple[Manifest, ...]:
    """All manifests before any patch."""
    recipe, is_serve = deployment.recipe, options.is_ray_serve(deployment.recipe)
    name, port = service_name(recipe.metadata.name), _port(deployment)
    # The clusters of a RayService change their names; the operator marks the pods that answer.
    chosen = {"app.kubernetes.io/instance": recipe.metadata.name, "ray.io/serve": "true"}
    selector = chosen if is_serve else {"ray.io/cluster": recipe.metadata.name, **_HEAD}
    wanted: tuple[KubernetesObject | None, ...] = (
        storage.claim_of(deployment),
        download.download_job(deployment),
        expose.service_of(deployment, name, selector, port=port),
        expose.way_in_of(deployment, name, port=port, name=way_in_name(recipe, "app")),
        expose.dashboard_of(deployment, way_in_name(recipe, "dashboard"), *dashboard_service(recipe)),
        _ray_service(deployment, release) if is_serve else _ray_cluster(deployment, release),
    )
    return tuple(dump.as_manifest(entry) for entry in wanted if entry is not None)


def service_name(name: str) -> str:
    """Apart from the operator's own Services, `<name>-head-svc` and `<name>-serve-svc`."""
    return f"{name}-api"


def way_in_name(recipe: Recipe, of: str) -> str:
    """With a dashboard the two ways in are called as OCI AI Blueprints call them."""
    name = recipe.metadata.name
    return f"{name}-raycluster-{of}" if recipe.expose.dashboard else service_name(name)


def dashboard_service(recipe: Recipe) -> tuple[str, int, str]:
    """The operator's Service before the head, with number and name of the dashboard's port."""
    port = int(options.ports_of(recipe)["dashboard-port"])
    return f"{recipe.metadata.name}-head-svc", port, _PORT_NAMES["dashboard-port"]


def worker_count(deployment: Deployment) -> int:
    """Pods of the one group of workers: all nodes but the head, or all nodes where the head has no GPUs."""
    if options.is_ray_serve(deployment.recipe):
        return deployment.group.size * deployment.recipe.replicas
    return deployment.group.size - 1


def head_gpus(deployment: Deployment) -> int:
    """GPUs that the head gives to Ray."""
    has_none = options.is_ray_serve(deployment.recipe) or not members.gpu_resource(deployment)
    return 0 if has_none else len(deployment.group.leader.ranks)


def _port(deployment: Deployment) -> int:
    probe = deployment.leader.probe
    return int(probe.port if probe else SERVE_PORT)


def _ray_cluster(deployment: Deployment, release: Release) -> RayCluster:
    name = deployment.recipe.metadata.name
    spec = dataclasses.replace(
        _spec(deployment, release),
        suspend=_suspended(deployment.recipe),
        # A group is one thing: all its pods follow a change, or none would.
        upgrade_strategy=UpgradeStrategy("Recreate") if release.has_cluster_upgrade_strategy else None,
    )
    metadata = labels.metadata(deployment, name, "group", own_labels=_scheduling(deployment.recipe))
    return RayCluster(metadata=metadata, spec=spec)


def _suspended(recipe: Recipe) -> bool | None:
    """No pods without replicas; in a queue it is Kueue that says when they may be there.

    `false` is written, because a suspended cluster does not start again where the field is merely gone (KubeRay 1.5.1).
    """
    if recipe.replicas == 0:
        return True
    return None if target_options.text_of(recipe, "queue") else False


def _ray_service(deployment: Deployment, release: Release) -> RayService:
    recipe = deployment.recipe
    strategy = target_options.text_of(recipe, "upgradeStrategy") or "None"
    return RayService(
        metadata=labels.metadata(deployment, recipe.metadata.name, "group", own_labels=_scheduling(recipe)),
        spec=RayServiceSpec(
            upgrade_strategy=UpgradeStrategy(strategy) if release.has_upgrade_strategy else None,
            serve_config_v2=serve_llm.config_of(deployment),
            ray_cluster_config=_spec(deployment, release),
        ),
    )


def _scheduling(recipe: Recipe) -> dict[str, str]:
    queue, volcano = target_options.text_of(recipe, "queue"), target_options.text_of(recipe, "volcanoQueue")
    gang = target_options.options_of(recipe).get("gang") is True
    return {
        **({"kueue.x-k8s.io/queue-name": queue} if queue else {}),
        **({"ray.io/gang-scheduling-enabled": "true"} if gang else {}),
        **({"volcano.sh/queue-name": volcano} if volcano else {}),
    }


def _spec(deployment: Deployment, release: Release) -> RayClusterSpec:
    recipe = deployment.recipe
    return RayClusterSpec(
        ray_version=target_options.text_of(recipe, "rayVersion") or ray_images.version_in(deployment.image) or None,
        gcs_fault_tolerance_options=_fault_tolerance(recipe) if release.has_fault_tolerance_options else None,
        head_group_spec=HeadGroup(
            ray_start_params={
                "dashboard-host": "0.0.0.0",  # noqa: S104 - reached through the head's Service
                "num-gpus": str(head_gpus(deployment)),
                **options.port_parameters(recipe),
            },
            template=_head_template(deployment),
        ),
        worker_group_specs=_workers(deployment),
    )


def _fault_tolerance(recipe: Recipe) -> FaultTolerance | None:
    address = target_options.text_of(recipe, "redisAddress")
    if not address:
        return None
    secret, _, key = target_options.text_of(recipe, "redisPassword").rpartition("/")
    password = Credential(EnvSource(secret_key_ref=SecretKeyRef(secret, key))) if secret else None
    return FaultTolerance(
        redis_address=address,
        redis_password=password,
        external_storage_namespace=target_options.text_of(recipe, "redisNamespace") or None,
    )


def _head_template(deployment: Deployment) -> PodTemplate:
    files, is_serve = storage.files_of(deployment), options.is_ray_serve(deployment.recipe)
    launch = deployment.leader
    if is_serve:
        launch = dataclasses.replace(launch, argv=(), probe=None)
        extras = Extras()
    else:
        launch = dataclasses.replace(launch, argv=head.head_command(launch.argv, deployment.group.size))
        extras = Extras(annotations=head.OVERWRITE)
    made = members.member_template(deployment, launch, _HEAD, files, extras=extras)
    container = made.spec.containers[0]
    resources = serve_llm.head_resources(deployment) if is_serve else container.resources
    container = dataclasses.replace(container, ports=_ports(deployment, launch), resources=resources)
    made = dataclasses.replace(made, spec=dataclasses.replace(made.spec, containers=(container,)))
    return _of_ray(made) if is_serve else made


def _ports(deployment: Deployment, launch: Launch) -> tuple[ContainerPort, ...]:
    """The server's port and Ray's: the head's Service has those of the container and no others."""
    served = "serve" if options.is_ray_serve(deployment.recipe) else launch.ports[0].name
    ray = options.ports_of(deployment.recipe).items()
    return (
        ContainerPort(name=served, container_port=_port(deployment)),
        *(ContainerPort(name=_PORT_NAMES[parameter], container_port=int(number)) for parameter, number in ray),
    )


def _workers(deployment: Deployment) -> tuple[WorkerGroup, ...]:
    count = worker_count(deployment)
    if not count:
        return ()
    launch = deployment.worker or dataclasses.replace(deployment.leader, role="worker")
    # The operator starts Ray on workers; the engine's ranks are started by Ray.
    launch = dataclasses.replace(launch, argv=(), ports=(), probe=None)
    files = storage.files_of(deployment)
    made = members.member_template(_as_workers(deployment), launch, {}, files)
    return (
        WorkerGroup(
            group_name=_WORKERS,
            replicas=count,
            min_replicas=count,
            max_replicas=count,
            ray_start_params={
                "num-gpus": str(len(deployment.group.leader.ranks) if members.gpu_resource(deployment) else 0),
                "metrics-export-port": options.ports_of(deployment.recipe)["metrics-export-port"],
            },
            template=_of_ray(made, readiness=_proxy_answers(deployment)),
        ),
    )


def _as_workers(deployment: Deployment) -> Deployment:
    """With a head that holds no ranks, the node that would lead is a worker too."""
    if not options.is_ray_serve(deployment.recipe):
        return deployment
    group = deployment.group
    workers = tuple(dataclasses.replace(member, role="worker") for member in group.members)
    return dataclasses.replace(deployment, group=dataclasses.replace(group, members=workers))


def _of_ray(template: PodTemplate, *, readiness: Probe | None = None) -> PodTemplate:
    """Probes of a pod that runs Ray alone; without any the operator writes its own, which need wget in the image."""
    container = dataclasses.replace(
        template.spec.containers[0],
        readiness_probe=readiness or _lives(period_seconds=10, failure_threshold=3),
        liveness_probe=_lives(period_seconds=30, failure_threshold=10),
    )
    return dataclasses.replace(template, spec=dataclasses.replace(template.spec, containers=(container,)))


def _lives(*, period_seconds: int, failure_threshold: int) -> Probe:
    """Typed templates know requests only; what is written is the same object with `exec` for `httpGet`."""
    asked = CommandProbe(
        exec=Command(head.RAYLET_LIVES),
        period_seconds=period_seconds,
        timeout_seconds=10,
        failure_threshold=failure_threshold,
    )
    return cast("Probe", asked)


def _proxy_answers(deployment: Deployment) -> Probe | None:
    """Ray Serve answers on every node that holds a replica; only those may be sent requests."""
    if not options.is_ray_serve(deployment.recipe):
        return None
    asked = HttpGet("/-/healthz", _port(deployment))
    return Probe(http_get=asked, period_seconds=10, timeout_seconds=10, failure_threshold=3)
