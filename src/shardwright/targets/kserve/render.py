"""From a deployment to manifests: claim, download Job, ServingRuntime, InferenceService, way in, in the order of applying.

The ServingRuntime says how a container runs, the InferenceService which model, with which resources and where. Both have
the deployment's name; the runtime is for this service alone.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, cast

from shardwright.core.plugins import Manifest
from shardwright.kubernetes.render import download, dump, expose, labels, members, patches, storage
from shardwright.targets.kserve import launches, model_files, options, resources, runtime
from shardwright.targets.kserve.objects import Format, ModelSpec, Predictor, Strategy, WorkerResources

if TYPE_CHECKING:
    from shardwright.core.deployment import Deployment
    from shardwright.kubernetes.render.podspec import Metadata, PodTemplate, Tree
    from shardwright.targets.kserve.releases import Release

__all__ = ["SERVICE_PORT", "predictor_name", "render_deployment", "unpatched"]

_PREFIX = "serving.kserve.io"
_COMPONENT = "app.kubernetes.io/component"
_VISIBILITY = {"networking.kserve.io/visibility": "cluster-local"}
"""KServe makes no way in of its own: the recipe's `expose` says which there is."""
SERVICE_PORT = 80
"""Of the Service that KServe makes before the head."""


def render_deployment(deployment: Deployment, release: Release) -> tuple[Manifest, ...]:
    """All manifests as the recipe's patches leave them, in the order in which they are applied."""
    return patches.patched(deployment.recipe, unpatched(deployment, release))


def unpatched(deployment: Deployment, release: Release) -> tuple[Manifest, ...]:
    """All manifests before any patch."""
    made = launches.prepared(deployment, release)
    files = model_files.files_of(made)
    leader = members.member_template(made, made.leader, {}, files)
    worker = members.member_template(made, made.worker, {}, files) if made.worker else None
    # The Job runs the engine's own image, whichever server the pods run.
    first = (storage.claim_of(deployment), download.download_job(deployment))
    return (
        *(dump.as_manifest(entry) for entry in first if entry is not None),
        runtime.runtime_of(made, release, leader, worker),
        _service(made, release, leader, worker),
        *_way_in(deployment),
    )


def predictor_name(name: str) -> str:
    """Name of the Deployment and of the Service that KServe makes for the head."""
    return f"{name}-predictor"


def _way_in(deployment: Deployment) -> tuple[Manifest, ...]:
    name = deployment.recipe.metadata.name
    made = expose.way_in_of(deployment, predictor_name(name), port=SERVICE_PORT)
    if made is None:
        return ()
    # KServe has routes of the Service's name among its own.
    written = dump.as_manifest(made)
    own = f"{name}-api"
    head = cast("Tree", written.body["metadata"])
    return (Manifest(written.kind, own, {**written.body, "metadata": {**head, "name": own}}),)


def _service(deployment: Deployment, release: Release, leader: PodTemplate, worker: PodTemplate | None) -> Manifest:
    name = deployment.recipe.metadata.name
    predictor = cast("Tree", dump.as_tree(_predictor(deployment, leader)))
    predictor.update(_pod(leader))
    if worker is not None:
        container = WorkerResources(
            name=runtime.WORKER, resources=resources.requested(worker.spec.containers[0].resources)
        )
        sizes = cast("Tree", dump.as_tree(runtime.sizes_of(deployment, release)))
        predictor["workerSpec"] = {**sizes, "containers": [dump.as_tree(container)], **_pod(worker)}
    body: dict[str, object] = {
        "apiVersion": f"{_PREFIX}/v1beta1",
        "kind": "InferenceService",
        "metadata": dump.as_tree(_metadata(deployment, release)),
        "spec": {"predictor": predictor},
    }
    return Manifest(kind="InferenceService", name=name, body=body)


def _predictor(deployment: Deployment, leader: PodTemplate) -> Predictor:
    recipe = deployment.recipe
    count = max(recipe.replicas, 1)
    # An update needs no GPUs in addition: a group is ended and made anew, of single pods one after the other.
    strategy = Strategy(type="Recreate")
    if deployment.worker is None:
        strategy = Strategy(type="RollingUpdate", rolling_update={"maxSurge": 0, "maxUnavailable": 1})
    return Predictor(
        min_replicas=count,
        max_replicas=count,
        deployment_strategy=strategy,
        model=ModelSpec(
            model_format=Format(runtime.format_of(recipe)),
            runtime=recipe.metadata.name,
            storage_uri=model_files.storage_uri(recipe),
            resources=resources.requested(leader.spec.containers[0].resources),
        ),
    )


def _pod(template: PodTemplate) -> Tree:
    """A pod less what the runtime says: its containers and the folders that they share."""
    claims = tuple(entry for entry in template.spec.volumes if model_files.is_claim(entry))
    return cast("Tree", dump.as_tree(dataclasses.replace(template.spec, containers=(), volumes=claims)))


def _metadata(deployment: Deployment, release: Release) -> Metadata:
    """Labels and annotations of the service, which KServe copies to its pods: a digest there would restart them for nothing."""
    name = deployment.recipe.metadata.name
    made = labels.metadata(deployment, name, "service", _annotations(deployment, release), _VISIBILITY)
    return dataclasses.replace(
        made,
        labels={key: value for key, value in made.labels.items() if key != _COMPONENT},
        annotations={key: value for key, value in made.annotations.items() if key != labels.DIGEST},
    )


def _annotations(deployment: Deployment, release: Release) -> dict[str, str]:
    is_group, count = deployment.worker is not None, deployment.recipe.replicas
    # Before 0.15.1 nothing but KServe's autoscaler reads how many replicas are asked for.
    scaler = release.autoscaler if is_group or release.keeps_replicas or count <= 1 else "hpa"
    made = {f"{_PREFIX}/deploymentMode": release.mode, f"{_PREFIX}/autoscalerClass": scaler}
    if options.is_server(deployment.recipe):
        made[options.SERVER_TYPE] = options.SERVER
    types = resources.unknown_types(deployment)
    if is_group and types:
        made[f"{_PREFIX}/gpu-resource-types"] = json.dumps(list(types))
    if count == 0:
        made[f"{_PREFIX}/stop"] = "true"
    return made
