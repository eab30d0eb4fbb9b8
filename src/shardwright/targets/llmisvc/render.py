"""From a deployment to manifests: claim, download Job, what the platform lacks, LLMInferenceService, way in.

The controller makes the rest: a LeaderWorkerSet `NAME-kserve-mn` for a group of several pods, else a Deployment
`NAME-kserve`; a Service `NAME-kserve-workload-svc` before the leaders; route, pool and scheduler if there is a router.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core import target_options
from shardwright.kubernetes.render import download, dump, expose, labels, network, patches, pods, storage
from shardwright.targets.llmisvc import files, members, objects, options, releases

if TYPE_CHECKING:
    from shardwright.core.deployment import Deployment
    from shardwright.core.plugins import Manifest
    from shardwright.targets.llmisvc.releases import Release

__all__ = ["parallelism_of", "render_deployment", "service_name", "unpatched"]

_TOPOLOGY = "leaderworkerset.sigs.k8s.io/exclusive-topology"
_QUEUE = "kueue.x-k8s.io/queue-name"
_MODEL_ROUTING = "serving.kserve.io/model-based-routing-enabled"
_TOKEN_CHECK = "security.opendatahub.io/enable-auth"  # noqa: S105 - the name of an annotation


def render_deployment(deployment: Deployment, release: Release) -> tuple[Manifest, ...]:
    """All manifests as the recipe's patches leave them, in the order in which they are applied."""
    return patches.patched(deployment.recipe, unpatched(deployment, release))


def unpatched(deployment: Deployment, release: Release) -> tuple[Manifest, ...]:
    """All manifests before any patch."""
    recipe = deployment.recipe
    by_platform = recipe.expose.kind == "gateway"
    port = int(releases.names().serve_port)
    way_in = None if by_platform else expose.way_in_of(deployment, service_name(recipe.metadata.name), port=port)
    config, service = _config(deployment, release), _service(deployment, release)
    wanted = (storage.claim_of(deployment), download.download_job(deployment), config, service, way_in)
    return tuple(dump.as_manifest(entry) for entry in wanted if entry is not None)


def service_name(name: str) -> str:
    """The Service that the controller makes before the leaders."""
    return f"{name}{releases.names().service_suffix}"


def parallelism_of(deployment: Deployment) -> objects.Parallelism:
    """Sizes of which the controller makes the number of pods.

    A group of several pods is declared by its copies where each node holds the same number of whole ones, else as a
    pipeline with one stage a pod, whatever the engine makes of the GPUs: a pipeline within a node, or a tensor parallel
    size over several. The engine's own command has the engine's sizes.
    """
    layout, size = deployment.plan.layout, deployment.group.size
    expert = True if layout.expert else None
    if members.is_data_parallel(deployment):
        return objects.Parallelism(
            tensor=layout.tensor, data=layout.data, data_local=layout.data // layout.nodes, expert=expert
        )
    if size > 1:
        return objects.Parallelism(tensor=layout.gpus_per_node, pipeline=size, expert=expert)
    stages = layout.pipeline if layout.pipeline > 1 else None
    return objects.Parallelism(tensor=layout.tensor, pipeline=stages, expert=expert)


def _service(deployment: Deployment, release: Release) -> objects.LlmInferenceService:
    recipe, worker = deployment.recipe, deployment.worker
    return objects.LlmInferenceService(
        api_version=release.api_version,
        metadata=labels.metadata(
            deployment, recipe.metadata.name, "group", _annotations(deployment), _queue(deployment)
        ),
        spec=objects.ServiceSpec(
            model=objects.ModelSpec(uri=files.model_uri(recipe), name=recipe.served_name),
            storage_initializer=_initializer(deployment, release),
            replicas=recipe.replicas,
            parallelism=parallelism_of(deployment),
            labels=_pod_labels(deployment) if release.has_pod_metadata else {},
            annotations=_pod_annotations(deployment, release) if release.has_pod_metadata else {},
            router=_router(deployment),
            template=members.pod_of(deployment, deployment.leader),
            worker=members.pod_of(deployment, worker) if worker else None,
        ),
    )


def _config(deployment: Deployment, release: Release) -> objects.LlmInferenceServiceConfig | None:
    """What the controller lays under a pipeline over several pods; it goes no further where it does not find it."""
    recipe = deployment.recipe
    is_missing = parallelism_of(deployment).pipeline is not None and "pipeline" in release.missing_presets
    if deployment.group.size == 1 or not is_missing or target_options.text_of(recipe, "pipelineConfig") == "expected":
        return None
    return objects.LlmInferenceServiceConfig(
        api_version=release.api_version,
        metadata=labels.shared(deployment, options.config_name(recipe), "preset", "LLMInferenceService"),
        spec=objects.ConfigSpec(),
    )


def _initializer(deployment: Deployment, release: Release) -> objects.StorageInitializer | None:
    is_left_out = release.has_download_switch and files.way_of(deployment.recipe) != "platform"
    return objects.StorageInitializer(enabled=False) if is_left_out else None


def _annotations(deployment: Deployment) -> dict[str, str]:
    """Annotations of the object, which the controller copies to the set and its pods where it knows their prefix."""
    recipe = deployment.recipe
    topology = target_options.text_of(recipe, "exclusiveTopology")
    auth = recipe.expose.auth
    return {
        **network.pod_annotations(recipe),
        **({_TOPOLOGY: topology} if topology else {}),
        **({_TOKEN_CHECK: "true"} if auth is not None and auth.platform else {}),
    }


def _queue(deployment: Deployment) -> dict[str, str]:
    queue = target_options.text_of(deployment.recipe, "queue")
    return {_QUEUE: queue} if queue else {}


def _mesh(deployment: Deployment) -> dict[str, str]:
    """A group of one has no ports of its own to hide, and may serve through a mesh."""
    return pods.NO_SIDECAR if deployment.group.size > 1 else {}


def _pod_labels(deployment: Deployment) -> dict[str, str]:
    """Labels of all pods; the controller finds its pods by some of the recommended ones, so those are left to it."""
    kept = releases.names().own_labels
    own = {key: value for key, value in labels.identity(deployment, "group").items() if key not in kept}
    return {**_mesh(deployment), **deployment.recipe.pods.labels, **own}


def _pod_annotations(deployment: Deployment, release: Release) -> dict[str, str]:
    routing = {_MODEL_ROUTING: "false"} if release.has_model_routing else {}
    return {**_mesh(deployment), **deployment.recipe.pods.annotations, **routing}


def _router(deployment: Deployment) -> objects.Router | None:
    recipe = deployment.recipe
    if not options.has_router(recipe):
        return None
    asked = recipe.expose
    namespace, _, name = (asked.gateway or "").rpartition("/")
    refs = (objects.GatewayRef(name=name, namespace=namespace or recipe.metadata.namespace),) if name else ()
    http = objects.HttpRoute(objects.HttpRouteSpec((asked.host,))) if asked.host and asked.kind == "gateway" else None
    return objects.Router(
        route=objects.Route(http),
        gateway=objects.Gateway(refs),
        scheduler=objects.Scheduler() if options.has_scheduler(recipe) else None,
    )
