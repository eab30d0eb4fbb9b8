"""The spec of a Ray cluster as `target.options`: ports, the control store's state, queues; and how many pods it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.kubernetes.read import reading_devices
from shardwright.kubernetes.read.reading_pods import maps_of
from shardwright.kubernetes.render import labels
from shardwright.targets.kuberay import options, ray_objects, releases

if TYPE_CHECKING:
    from shardwright.core.importing import Fields
    from shardwright.core.manifests.objects import Object
    from shardwright.kubernetes.read.reading import ReadPod
    from shardwright.targets.kuberay.ray_objects import Cluster, Group

__all__ = [
    "count_of",
    "has_gpus",
    "head_fields",
    "port_options",
    "scheduling_options",
    "state_options",
    "upgrade_option",
    "written_version",
]

_STATE = "gcsFaultToleranceOptions"
_HEAD = {"cpu": "2", "memory": "16Gi"}
"""What a head that holds no ranks is given where nothing is said."""
_MOST_PODS = 100_000


def count_of(group: Group, main: Object) -> int:
    """Pods of a group of workers; a replica may have several."""
    if main.get(*group.path, "suspend") is True:
        return 0
    replicas = main.number_at(*group.path, "replicas") or 0
    replicas = max(replicas, main.number_at(*group.path, "minReplicas") or 0)
    return min(max(replicas, 0) * max(main.number_at(*group.path, "numOfHosts") or 1, 1), _MOST_PODS)


def has_gpus(pod: ReadPod) -> bool:
    """Whether a pod asks for GPUs."""
    return bool(reading_devices.gpus_of(pod.container)[1])


def head_fields(head: ReadPod) -> Fields:
    """`pods.leader` of a head that holds no ranks."""
    resources = maps_of(head.container, "resources")
    requests, limits = maps_of(resources, "requests"), maps_of(resources, "limits")
    found = {name: str(requests.get(name) or limits.get(name) or "") for name in _HEAD}
    return {f"pods.leader.{name}": text for name, text in found.items() if text and text != _HEAD[name]}


def port_options(cluster: Cluster) -> Fields:
    """Ports of the head that are not what they are if nothing is said."""
    made: Fields = {}
    for name, (parameter, default, _) in options.PORTS.items():
        text = ray_objects.text_of(cluster.get("headGroupSpec", "rayStartParams", parameter))
        if text.isascii() and text.isdigit() and len(text) < 6 and int(text) != default:
            made[name] = int(text)
    return made


def state_options(cluster: Cluster) -> Fields:
    """Where the control store keeps its state; a password that stands there in clear text is left out."""
    reference = maps_of(maps_of(_map(cluster, "redisPassword"), "valueFrom"), "secretKeyRef")
    secret, key = reference.get("name"), reference.get("key")
    return {
        "redisAddress": ray_objects.text_of(cluster.get(_STATE, "redisAddress")),
        "redisPassword": f"{secret}/{key}" if secret and key else None,
        "redisNamespace": ray_objects.text_of(cluster.get(_STATE, "externalStorageNamespace")),
    }


def scheduling_options(main: Object) -> Fields:
    """Queue, gang and Volcano's queue, as labels of the object say them."""
    said = main.map_at("metadata", "labels")
    return {
        "queue": said.get("kueue.x-k8s.io/queue-name"),
        "gang": said.get("ray.io/gang-scheduling-enabled") == "true",
        "volcanoQueue": said.get("volcano.sh/queue-name"),
    }


def upgrade_option(main: Object, version: str) -> Fields:
    """How a changed service is replaced; by a second cluster where nothing is said."""
    release = releases.release_named(version)
    if release is not None and not release.has_upgrade_strategy:
        return {}
    kind = main.text_at("spec", "upgradeStrategy", "type") or "NewCluster"
    return {"upgradeStrategy": kind} if kind == "NewCluster" else {}


def written_version(pod: ReadPod) -> str | None:
    """The engine's version as the labels say it that we write; images with Ray are named by Ray's."""
    is_ours = pod.labels.get("app.kubernetes.io/managed-by") == labels.MANAGER
    return pod.labels.get("app.kubernetes.io/version") if is_ours else None


def _map(cluster: Cluster, name: str) -> dict[str, object]:
    value = cluster.get(_STATE, name)
    return dict(value) if isinstance(value, dict) else {}
