"""The ServingRuntime: how the containers of head and workers run, with their probes and the folders that they share.

KServe finds the containers by their names. Source: kserve/kserve v0.13.1 to v0.20.0, pkg/constants/constants.go and
pkg/controller/v1beta1/inferenceservice/utils/utils.go (what is merged, and in which order).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from shardwright.core.plugins import Manifest
from shardwright.kubernetes.render import dump, labels
from shardwright.targets.kserve import launches, model_files, options, wiring
from shardwright.targets.kserve.objects import RuntimeFormat, RuntimeSpec, RuntimeWorker, WorkerSizes

if TYPE_CHECKING:
    from shardwright.core.deployment import Deployment, Probe
    from shardwright.core.recipe import Recipe
    from shardwright.kubernetes.render.podspec import PodTemplate, Tree
    from shardwright.targets.kserve.releases import Release

__all__ = ["HEAD", "WORKER", "format_of", "runtime_of", "sizes_of"]

HEAD = "kserve-container"
WORKER = "worker-container"
_EXECUTOR = "multinode/executor-backend"
_ASK_HEAD = """import os, sys, urllib.request
urllib.request.urlopen(f"http://{os.environ[sys.argv[1]]}:{sys.argv[2]}{sys.argv[3]}", timeout=25)
"""
_PERIOD_SECONDS = 30
_SILENCES = 10
"""As for the head itself: five minutes without an answer."""


def format_of(recipe: Recipe) -> str:
    """The format by which service and runtime find each other.

    A service without storageUri is taken for one that serves many models, and gets an agent that fetches them beside the
    engine; only this format is exempt. Source: kserve/kserve v0.13.1 to v0.20.0, IsMMSPredictor; seen with 0.20.0.
    """
    is_fetched = model_files.storage_uri(recipe) is None
    return options.HUGGING_FACE if is_fetched or options.is_server(recipe) else "vLLM"


def sizes_of(deployment: Deployment, release: Release) -> WorkerSizes:
    """Nodes and GPUs of each: what all releases make of their two sizes, whichever way the engine divides the model."""
    if release.workers == "size":
        return WorkerSizes(size=deployment.group.size - 1)
    return WorkerSizes(
        pipeline_parallel_size=deployment.group.size, tensor_parallel_size=deployment.plan.layout.gpus_per_node
    )


def runtime_of(deployment: Deployment, release: Release, leader: PodTemplate, worker: PodTemplate | None) -> Manifest:
    """The runtime of one service."""
    name = deployment.recipe.metadata.name
    spec = RuntimeSpec(
        labels=leader.metadata.labels,
        annotations={**leader.metadata.annotations, **_annotations(deployment, release)},
        supported_model_formats=(RuntimeFormat(name=format_of(deployment.recipe)),),
        protocol_versions=("v2", "v1"),
        volumes=_folders(leader),
    )
    tree = {**cast("Tree", dump.as_tree(spec)), "containers": [_container(leader, HEAD)]}
    if worker is not None:
        tree["workerSpec"] = _worker(deployment, release, worker)
    body: dict[str, object] = {
        "apiVersion": "serving.kserve.io/v1alpha1",
        "kind": "ServingRuntime",
        "metadata": dump.as_tree(labels.metadata(deployment, name, "runtime")),
        "spec": tree,
    }
    return Manifest(kind="ServingRuntime", name=name, body=body)


def _annotations(deployment: Deployment, release: Release) -> dict[str, str]:
    """Where metrics are, and how ranks are spread."""
    made = {"prometheus.kserve.io/port": wiring.SERVE_PORT, "prometheus.kserve.io/path": "/metrics"}
    if deployment.worker is not None and release.has_executor and deployment.plan.engine.executor != "ray":
        made[_EXECUTOR] = "mp"
    return made


def _worker(deployment: Deployment, release: Release, worker: PodTemplate) -> Tree:
    container = _container(worker, WORKER)
    probe = deployment.leader.probe
    if probe is not None and launches.needs_index(deployment.worker):
        container.update(_probes(probe))
    spec = RuntimeWorker(
        labels=worker.metadata.labels,
        annotations=worker.metadata.annotations,
        volumes=_folders(worker),
    )
    sizes = cast("Tree", dump.as_tree(sizes_of(deployment, release)))
    return {**sizes, **cast("Tree", dump.as_tree(spec)), "containers": [container]}


def _container(template: PodTemplate, name: str) -> Tree:
    """The container less its resources, which stand in the service, once."""
    (container,) = template.spec.containers
    tree = cast("Tree", dump.as_tree(container))
    del tree["resources"]
    return {**tree, "name": name}


def _folders(template: PodTemplate) -> tuple[object, ...]:
    return tuple(entry for entry in template.spec.volumes if not model_files.is_claim(entry))


def _probes(head: Probe) -> Tree:
    """A worker is asked whether its head answers: nothing else makes it again when the head was, and it would wait for ever."""
    command = ["python3", "-c", _ASK_HEAD, wiring.HEAD, head.port, head.path]
    ask: Tree = {"exec": {"command": command}, "periodSeconds": _PERIOD_SECONDS, "timeoutSeconds": 30}
    starts = max(_SILENCES, -(-head.startup_budget_seconds // _PERIOD_SECONDS))
    return {
        "startupProbe": {**ask, "failureThreshold": starts},
        "livenessProbe": {**ask, "failureThreshold": _SILENCES},
    }
