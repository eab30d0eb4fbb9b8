"""Rules on fault tolerance of Ray's global control store: its options against annotations, variables and parameters.

Source: ray-operator/controllers/ray/utils/validation.go of KubeRay v1.5.1 to v1.7.0.
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

_ENABLED = "ray.io/ft-enabled"
_NAMESPACE = "ray.io/external-storage-namespace"
_OPTIONS = "gcsFaultToleranceOptions"
_GATE = "GCSFaultToleranceEmbeddedStorage"
_REDIS_FIELDS = ("redisAddress", "redisUsername", "redisPassword", "externalStorageNamespace")
_VOLUME, _MOUNT_PATH = "gcs-storage", "/data/gcs"

_rule = functools.partial(
    Rule,
    severity="error",
    kinds=ALL_KINDS,
    enforced_by="operator",
    source="KubeRay v1.5.1 to v1.7.0, ray-operator/controllers/ray/utils/validation.go",
)


def _annotation_and_options(cluster: Cluster, context: Context) -> Iterator[Breach]:
    del context
    if has(cluster.get(_OPTIONS)) and is_long(cluster.annotations.get(_ENABLED)):
        yield Breach(("metadata", "annotations", _ENABLED), f"{_ENABLED} and {_OPTIONS} are both set")


def _address_without_options(cluster: Cluster, context: Context) -> Iterator[Breach]:
    del context
    is_annotated = text_of(cluster.annotations.get(_ENABLED)).lower() == "true"
    path = variable_path(cluster.owner, cluster.head.container, "RAY_REDIS_ADDRESS")
    if path and not is_annotated and not has(cluster.get(_OPTIONS)):
        yield Breach(path, f"RAY_REDIS_ADDRESS is set on the head, but {_OPTIONS} is not")


def _outside_options(cluster: Cluster, context: Context) -> Iterator[Breach]:
    del context
    if not has(cluster.get(_OPTIONS)):
        return
    head = cluster.head
    if text_of(cluster.owner.get(*head.path, "rayStartParams", "redis-password")):
        yield Breach(
            (*head.path, "rayStartParams", "redis-password"), "redis-password belongs into gcsFaultToleranceOptions"
        )
    for name, field in (("REDIS_PASSWORD", "redisPassword"), ("RAY_REDIS_ADDRESS", "redisAddress")):
        if path := variable_path(cluster.owner, head.container, name):
            yield Breach(path, f"{name} is set on the head beside {_OPTIONS}, which has {field} for it", name)
    if is_long(cluster.annotations.get(_NAMESPACE)):
        message = f"{_NAMESPACE} is set beside {_OPTIONS}, which has externalStorageNamespace for it"
        yield Breach(("metadata", "annotations", _NAMESPACE), message)


def _user(cluster: Cluster, context: Context) -> Iterator[Breach]:
    del context
    head = cluster.head
    if text_of(cluster.owner.get(*head.path, "rayStartParams", "redis-username")):
        yield Breach((*head.path, "rayStartParams", "redis-username"), "redis-username cannot be passed to ray start")
    if path := variable_path(cluster.owner, head.container, "REDIS_USERNAME"):
        yield Breach(path, "REDIS_USERNAME cannot be set on the head", "REDIS_USERNAME")


def _is_embedded(cluster: Cluster) -> bool:
    return cluster.get(_OPTIONS, "backend") == "rocksdb"


def _embedded_gate(cluster: Cluster, context: Context) -> Iterator[Breach]:
    if _is_embedded(cluster) and not gates.is_enabled(context, _GATE):
        yield Breach(cluster.at(_OPTIONS, "backend"), f"backend rocksdb needs the feature gate {_GATE}", "rocksdb")


def _embedded_fields(cluster: Cluster, context: Context) -> Iterator[Breach]:
    del context
    if not _is_embedded(cluster):
        return
    for field in _REDIS_FIELDS:
        value = cluster.get(_OPTIONS, field)
        is_set = has(value) if field in {"redisUsername", "redisPassword"} else is_long(value)
        if is_set:
            yield Breach(cluster.at(_OPTIONS, field), f"{field} is of no use to the backend rocksdb")
    given = [name for name in ("size", "storageClassName") if has(cluster.get(_OPTIONS, "storage", name))]
    given += ["accessModes"] if is_long(cluster.get(_OPTIONS, "storage", "accessModes")) else []
    if is_long(cluster.get(_OPTIONS, "storage", "claimName")) and given:
        message = f"claimName names a claim that is there, and {', '.join(given)} describe a new one"
        yield Breach(cluster.at(_OPTIONS, "storage", given[0]), message)


def _embedded_pod(cluster: Cluster, context: Context) -> Iterator[Breach]:
    del context
    if not _is_embedded(cluster):
        return
    thing, head = cluster.owner, cluster.head
    for name in ("RAY_gcs_storage", "RAY_gcs_storage_path"):
        if path := variable_path(thing, head.container, name):
            yield Breach(path, f"{name} is set on the head; the operator sets it with the backend rocksdb", name)
    for index in range(len(thing.list_at(*head.container, "volumeMounts"))):
        path = (*head.container, "volumeMounts", index)
        if thing.get(*path, "name") == _VOLUME or thing.get(*path, "mountPath") == _MOUNT_PATH:
            yield Breach(path, f"the operator mounts the volume {_VOLUME} at {_MOUNT_PATH} itself")
    for index in range(len(thing.list_at(*head.pod, "volumes"))):
        if thing.get(*head.pod, "volumes", index, "name") == _VOLUME:
            yield Breach((*head.pod, "volumes", index), f"the operator makes the volume {_VOLUME} itself", _VOLUME)


def _redis_storage(cluster: Cluster, context: Context) -> Iterator[Breach]:
    del context
    if has(cluster.get(_OPTIONS, "storage")) and not _is_embedded(cluster):
        yield Breach(cluster.at(_OPTIONS, "storage"), "storage is of no use to the backend redis")


def _backend_changed(cluster: Cluster, context: Context) -> Iterator[Breach]:
    path = cluster.at(_OPTIONS, "backend")
    before = context.old.get(*path) if context.old else None
    after = cluster.owner.get(*path)
    if has(before) and has(after) and before != after:
        yield Breach(path, f"backend cannot be changed from {before!r} to {after!r}", text_of(after))


RULES = (
    _rule(
        "kuberay.gcs-annotation",
        title=f"Fault tolerance is switched on by {_OPTIONS} or by the annotation, not by both.",
        why="the annotation is the older form of the same",
        fix=f"remove the annotation {_ENABLED}",
        check=in_clusters(_annotation_and_options),
        since="1.3",
    ),
    _rule(
        "kuberay.gcs-address",
        title=f"RAY_REDIS_ADDRESS is not set without {_OPTIONS}.",
        why="Ray would keep its state in Redis without the operator's knowledge, and a restart would wipe it",
        fix=f"give {_OPTIONS}.redisAddress and remove the variable",
        check=in_clusters(_address_without_options),
        since="1.3",
    ),
    _rule(
        "kuberay.gcs-outside-options",
        title=f"What {_OPTIONS} has a field for stands nowhere else.",
        why="two places could differ, and a password on a command line can be read by everybody",
        fix=f"move it into {_OPTIONS}, the password by secretKeyRef",
        check=in_clusters(_outside_options),
        since="1.3",
    ),
    _rule(
        "kuberay.gcs-user",
        title=f"The name of the Redis user stands in {_OPTIONS}.redisUsername.",
        why="the operator needs it too, to clean up",
        fix=f"move it into {_OPTIONS}.redisUsername",
        check=in_clusters(_user),
        since="1.3",
    ),
    _rule(
        "kuberay.gcs-embedded-gate",
        title=f"The backend rocksdb needs the feature gate {_GATE}.",
        why="the gate is off by default",
        fix=f"use the backend redis, or say --feature-gate {_GATE}=true if it is on",
        check=in_clusters(_embedded_gate),
        since="1.7",
    ),
    _rule(
        "kuberay.gcs-embedded-fields",
        title="The backend rocksdb has no fields of Redis, and either an own claim or the description of a new one.",
        why="the operator refuses what it would not use",
        fix="remove the fields",
        check=in_clusters(_embedded_fields),
        since="1.7",
    ),
    _rule(
        "kuberay.gcs-embedded-pod",
        title="With the backend rocksdb the operator alone sets its variables, volume and mount.",
        why="its own would be replaced",
        fix="remove them from the head's template; storage.subPath and storage.claimName choose the place",
        check=in_clusters(_embedded_pod),
        since="1.7",
    ),
    _rule(
        "kuberay.gcs-redis-storage",
        title="storage is given only with the backend rocksdb.",
        why="Redis keeps the state elsewhere",
        fix="remove storage, or set backend: rocksdb",
        check=in_clusters(_redis_storage),
        since="1.7",
    ),
    _rule(
        "kuberay.gcs-backend-changed",
        enforced_by="schema",
        title="The backend of fault tolerance cannot be changed.",
        why="the state would be lost",
        fix="delete the cluster before you apply it with another backend",
        check=in_clusters(_backend_changed),
        source="KubeRay v1.7.0, config/crd/bases (x-kubernetes-validations)",
        since="1.7",
    ),
)
"""All rules on fault tolerance."""
