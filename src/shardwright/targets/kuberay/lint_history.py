"""Rules on the collector of Ray's history: its gate, its container and the variables of its storage.

Source: ray-operator/controllers/ray/utils/validation.go of KubeRay v1.7.0.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from shardwright.core.rules.rule import Breach, Rule
from shardwright.targets.kuberay import gates
from shardwright.targets.kuberay.ray_objects import ALL_KINDS, has, in_clusters, is_long, text_of, variable_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Context
    from shardwright.targets.kuberay.ray_objects import Cluster

__all__ = ["RULES"]

_CONTAINER = "ray-history-collector"
_OPTIONS = ("historyServerOptions", "collectorOptions")
_BACKEND = "STORAGE_BACKEND"
_NEEDED = {"GCS": ("GCS_BUCKET",), "S3": ("S3_REGION",), "ALIYUNOSS": ("OSS_BUCKET", "OSS_ENDPOINT", "OSS_REGION")}
_AZURE_MODE, _AZURE_SECRET, _AZURE_ADDRESS = (
    "AZURE_STORAGE_AUTH_MODE",
    "AZURE_STORAGE_CONNECTION_STRING",
    "AZURE_STORAGE_ACCOUNT_URL",
)
_OPERATORS_OWN = (
    "POD_IP",
    "FQ_RAY_IP",
    "RAY_CLUSTER_NAME",
    "RAY_CLUSTER_NAMESPACE",
    "RAY_ROLE",
    "OWNER_KIND",
    "OWNER_NAME",
    "EVENTS_PORT",
)

_rule = functools.partial(
    Rule,
    severity="error",
    kinds=ALL_KINDS,
    enforced_by="operator",
    source="KubeRay v1.7.0, ray-operator/controllers/ray/utils/validation.go",
    since="1.7",
)


def _gate(cluster: Cluster, context: Context) -> Iterator[Breach]:
    if has(cluster.get("historyServerOptions")) and not gates.is_enabled(context, "RayClusterHistoryServer"):
        yield Breach(cluster.at("historyServerOptions"), "it needs the feature gate RayClusterHistoryServer")


def _collector(cluster: Cluster, context: Context) -> Iterator[Breach]:
    del context
    if not has(cluster.get("historyServerOptions")):
        return
    if not has(cluster.get(*_OPTIONS)):
        yield Breach(cluster.at("historyServerOptions"), "historyServerOptions without collectorOptions does nothing")
    elif not is_long(cluster.get(*_OPTIONS, "image")):
        yield Breach(cluster.at(*_OPTIONS, "image"), "collectorOptions names no image")


def _container(cluster: Cluster, context: Context) -> Iterator[Breach]:
    del context
    for group in cluster.groups if has(cluster.get("historyServerOptions")) else ():
        for index in range(len(cluster.owner.list_at(*group.pod, "containers"))):
            path = (*group.pod, "containers", index, "name")
            if cluster.owner.get(*path) == _CONTAINER:
                yield Breach(path, f"{group.name} has a container {_CONTAINER}, which the operator adds", _CONTAINER)


def _own_variables(cluster: Cluster, context: Context) -> Iterator[Breach]:
    del context
    for name in _OPERATORS_OWN:
        if path := variable_path(cluster.owner, cluster.at(*_OPTIONS), name):
            yield Breach(path, f"collectorOptions.env sets {name}, which the operator sets", name)


def _storage(cluster: Cluster, context: Context) -> Iterator[Breach]:
    del context
    if not has(cluster.get(*_OPTIONS)):
        return
    backend = _value(cluster, _BACKEND)
    place = cluster.at(*_OPTIONS, "env")
    if not backend:
        yield Breach(place, f"collectorOptions.env gives {_BACKEND} no literal value")
        return
    for name in _missing(cluster, backend.upper()):
        yield Breach(place, f"collectorOptions.env gives no {name}, which {_BACKEND} {backend} needs", name)


def _missing(cluster: Cluster, backend: str) -> Iterator[str]:
    for name in _NEEDED.get(backend, ()):
        if not _is_given(cluster, name):
            yield name
    if backend == "AZUREBLOB":
        mode = _value(cluster, _AZURE_MODE).strip().lower()
        usable = {"connection_string": (_AZURE_SECRET,), "workload_identity": (_AZURE_ADDRESS,)}
        usable["default"] = usable["workload_identity"]
        wanted = usable.get(mode, (_AZURE_SECRET, _AZURE_ADDRESS))
        if not any(_is_given(cluster, name) for name in wanted):
            yield " or ".join(wanted)


def _value(cluster: Cluster, name: str) -> str:
    """The literal value of a variable; the last one counts where it is set twice."""
    found = ""
    for entry in cluster.owner.list_at(*cluster.at(*_OPTIONS, "env")):
        if isinstance(entry, dict) and entry.get("name") == name:
            found = text_of(entry.get("value"))
    return found


def _is_given(cluster: Cluster, name: str) -> bool:
    is_set = False
    for entry in cluster.owner.list_at(*cluster.at(*_OPTIONS, "env")):
        if isinstance(entry, dict) and entry.get("name") == name:
            is_set = is_long(entry.get("value")) or has(entry.get("valueFrom"))
    return is_set


RULES = (
    _rule(
        "kuberay.history-gate",
        title="historyServerOptions needs the feature gate RayClusterHistoryServer.",
        why="the gate is off by default",
        fix="remove historyServerOptions, or say --feature-gate RayClusterHistoryServer=true if it is on",
        check=in_clusters(_gate),
    ),
    _rule(
        "kuberay.history-collector",
        title="historyServerOptions has collectorOptions with an image.",
        why="the collector is all that the operator adds",
        fix="give collectorOptions.image and collectorOptions.env",
        check=in_clusters(_collector),
    ),
    _rule(
        "kuberay.history-container",
        title=f"No container is named {_CONTAINER} where the operator adds it.",
        why="a pod cannot have two containers of one name",
        fix="rename or remove the container",
        check=in_clusters(_container),
    ),
    _rule(
        "kuberay.history-variables",
        title="Variables that the operator gives the collector are not set by hand.",
        why="its own would be replaced",
        fix="remove them",
        check=in_clusters(_own_variables),
    ),
    _rule(
        "kuberay.history-storage",
        title="The collector is told where to store, with all that its storage needs.",
        why="it would fail in every pod of the cluster",
        fix=f"give {_BACKEND} as a text, and the variables of that storage",
        check=in_clusters(_storage),
    ),
)
"""All rules on the history collector."""
