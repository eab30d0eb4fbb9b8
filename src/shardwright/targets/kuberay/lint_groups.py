"""Rules on the groups of a Ray cluster: their names, containers, numbers of pods, resources and labels.

Source: ray-operator/controllers/ray/utils/validation.go and pkg/webhooks/v1 of KubeRay v1.5.1 to v1.7.0.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from shardwright.core.rules.rule import Breach, Rule
from shardwright.targets.kuberay import gates, names
from shardwright.targets.kuberay.ray_objects import ALL_KINDS, has, in_clusters, is_true, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Context, Object
    from shardwright.core.marked.paths import Path
    from shardwright.targets.kuberay.ray_objects import Cluster

__all__ = ["RULES"]

_STARTED_WITH = ("num-cpus", "num-gpus", "memory", "resources")

_rule = functools.partial(
    Rule,
    severity="error",
    kinds=ALL_KINDS,
    enforced_by="operator",
    source="KubeRay v1.5.1 to v1.7.0, ray-operator/controllers/ray/utils/validation.go",
)


def _containers(cluster: Cluster, context: Context) -> Iterator[Breach]:
    del context
    for group in cluster.groups:
        if isinstance(cluster.owner.get(*group.path), dict) and not cluster.owner.list_at(*group.pod, "containers"):
            yield Breach((*group.pod, "containers"), f"{group.name} has no container; the first one runs Ray")


def _negative(cluster: Cluster, context: Context) -> Iterator[Breach]:
    del context
    for group in cluster.workers:
        for field in ("minReplicas", "maxReplicas"):
            number = cluster.owner.number_at(*group.path, field)
            if number is not None and number < 0:
                yield Breach((*group.path, field), f"{group.name} has {field} {number}; 0 is the least", str(number))


def _least_over_most(cluster: Cluster, context: Context) -> Iterator[Breach]:
    del context
    for group in cluster.workers:
        least = cluster.owner.number_at(*group.path, "minReplicas")
        most = cluster.owner.number_at(*group.path, "maxReplicas")
        if least is not None and most is not None and least > most:
            message = f"{group.name} has minReplicas {least}, more than its maxReplicas {most}"
            yield Breach((*group.path, "minReplicas"), message, str(least))


def _resources_twice(cluster: Cluster, context: Context) -> Iterator[Breach]:
    del context
    for group in cluster.groups:
        params = cluster.owner.map_at(*group.path, "rayStartParams")
        named = [name for name in _STARTED_WITH if text_of(params.get(name))]
        if named and cluster.owner.map_at(*group.path, "resources"):
            message = f"{group.name} says what Ray may use in resources and in rayStartParams ({', '.join(named)})"
            yield Breach((*group.path, "resources"), message)


def _labels_as_parameter(cluster: Cluster, context: Context) -> Iterator[Breach]:
    del context
    for group in cluster.groups:
        if "labels" in cluster.owner.map_at(*group.path, "rayStartParams"):
            yield Breach((*group.path, "rayStartParams", "labels"), f"{group.name} passes labels to ray start")


def _label_syntax(cluster: Cluster, context: Context) -> Iterator[Breach]:
    del context
    for group in cluster.groups:
        for key, value in cluster.owner.map_at(*group.path, "labels").items():
            path = (*group.path, "labels", key)
            if not names.is_qualified_name(key):
                yield Breach(
                    path, f"{group.name} has the label {key!r}, whose name is none that Kubernetes allows", key
                )
            elif isinstance(value, str) and not names.is_label_value(value):
                yield Breach(path, f"{group.name} has {key}: {value!r}, a value that no label can have", value)


def _unique_names(cluster: Cluster, context: Context) -> Iterator[Breach]:
    del context
    seen: set[str] = set()
    for group in cluster.workers:
        name = cluster.owner.text_at(*group.path, "groupName")
        if name in seen:
            yield Breach((*group.path, "groupName"), f"two worker groups are named {name!r}", name)
        seen.add(name)


def _suspended_by_gate(cluster: Cluster, context: Context) -> Iterator[Breach]:
    if gates.is_enabled(context, "RayJobDeletionPolicy"):
        return
    for group in cluster.workers:
        if is_true(cluster.owner.get(*group.path, "suspend")):
            yield Breach(
                (*group.path, "suspend"),
                f"{group.name} is suspended, which needs the feature gate RayJobDeletionPolicy",
            )


def _suspended_by_autoscaler(cluster: Cluster, context: Context) -> Iterator[Breach]:
    del context
    for group in cluster.workers if cluster.is_autoscaled else ():
        if is_true(cluster.owner.get(*group.path, "suspend")):
            yield Breach((*group.path, "suspend"), f"{group.name} is suspended while the autoscaler is on")


def _upgrade_strategy(cluster: Cluster, context: Context) -> Iterator[Breach]:
    del context
    if cluster.owner.kind != "RayCluster" or not has(cluster.get("upgradeStrategy", "type")):
        return
    maker = cluster.owner.text_at("metadata", "labels", "ray.io/originated-from-crd")
    if maker in {"RayJob", "RayService"}:
        message = f"upgradeStrategy is set on a cluster that a {maker} made, which replaces it in its own way"
        yield Breach(cluster.at("upgradeStrategy", "type"), message, text_of(cluster.get("upgradeStrategy", "type")))


_MANAGED: dict[str, tuple[Path, ...]] = {
    "RayCluster": (("spec",),),
    "RayService": (("spec",), ("spec", "rayClusterConfig")),
    "RayJob": (("spec",), ("spec", "rayClusterSpec")),
    "RayCronJob": (("spec", "jobTemplate"), ("spec", "jobTemplate", "rayClusterSpec")),
}
"""Where the definitions have the field: in an object's own spec and in what is made from it."""


def _managed_by(thing: Object, context: Context) -> Iterator[Breach]:
    for holder in _MANAGED[thing.kind]:
        path = (*holder, "managedBy")
        value = thing.get(*path)
        if isinstance(value, str) and value not in {"ray.io/kuberay-operator", "kueue.x-k8s.io/multikueue"}:
            message = f"managedBy is {value!r}; it may be ray.io/kuberay-operator or kueue.x-k8s.io/multikueue"
            yield Breach(path, message, text_of(value))
        before = context.old.get(*path) if context.old else None
        if context.old and has(before) and has(value) and before != value:
            yield Breach(path, f"managedBy cannot be changed from {before!r} to {value!r}", text_of(value))


RULES = (
    _rule(
        "kuberay.container-missing",
        title="The head and every worker group have a container.",
        why="the operator starts Ray in the first container of a pod",
        fix="add the container that holds Ray",
        check=in_clusters(_containers),
        since="1.3",
    ),
    _rule(
        "kuberay.replicas-negative",
        title="minReplicas and maxReplicas are 0 or more.",
        why="a number of pods cannot be negative",
        fix="write 0 or more",
        check=in_clusters(_negative),
        since="1.6",
    ),
    _rule(
        "kuberay.replicas-range",
        title="minReplicas is at most maxReplicas.",
        why="no number of pods is in an empty range",
        fix="write the same number as replicas, minReplicas and maxReplicas for a group of fixed size",
        check=in_clusters(_least_over_most),
        since="1.6",
    ),
    _rule(
        "kuberay.resources-twice",
        title="Ray's resources are given once, in `resources` or in rayStartParams.",
        why="the two could differ",
        fix="keep `resources` and remove num-cpus, num-gpus, memory and resources from rayStartParams",
        check=in_clusters(_resources_twice),
        since="1.5",
    ),
    _rule(
        "kuberay.labels-parameter",
        title="Labels of Ray nodes stand in `labels`, not in rayStartParams.",
        why="the operator sets them from the group's own field",
        fix="move them to the group's `labels`",
        check=in_clusters(_labels_as_parameter),
        since="1.5",
    ),
    _rule(
        "kuberay.label-syntax",
        title="Labels of groups are labels that Kubernetes allows.",
        why="the operator also writes them on the pods",
        fix="use letters, digits, `-`, `_` and `.`, at most 63 of them",
        check=in_clusters(_label_syntax),
        since="1.5",
    ),
    _rule(
        "kuberay.group-name-twice",
        enforced_by="webhook",
        kinds=("RayCluster",),
        title="Worker groups have different names.",
        why="pods, the autoscaler and Ray's labels know a group by its name",
        fix="give each group a name of its own",
        check=in_clusters(_unique_names),
        source="KubeRay v1.5.1, ray-operator/pkg/webhooks/v1/raycluster_webhook.go (refused where the webhook is on)",
    ),
    _rule(
        "kuberay.suspend-gate",
        title="Worker groups are suspended only with the feature gate RayJobDeletionPolicy.",
        why="the gate is off by default before 1.6",
        fix="remove `suspend`, or say --feature-gate RayJobDeletionPolicy=true if it is on",
        check=in_clusters(_suspended_by_gate),
        since="1.3",
    ),
    _rule(
        "kuberay.suspend-autoscaled",
        title="A worker group is not suspended while the autoscaler is on.",
        why="the autoscaler would bring its pods back",
        fix="remove `suspend`, or set minReplicas, replicas and maxReplicas to 0",
        check=in_clusters(_suspended_by_autoscaler),
        since="1.4",
    ),
    _rule(
        "kuberay.upgrade-strategy-owned",
        kinds=("RayCluster",),
        title="upgradeStrategy is set only on clusters that nothing else made.",
        why="a RayJob or RayService replaces its clusters itself",
        fix="remove upgradeStrategy",
        check=in_clusters(_upgrade_strategy),
        since="1.6",
        source="KubeRay v1.7.0, ray-operator/controllers/ray/utils/validation.go ValidateRayClusterUpgradeOptions",
    ),
    _rule(
        "kuberay.managed-by",
        enforced_by="schema",
        title="managedBy names KubeRay's operator or Kueue's MultiKueue, and stays.",
        why="the definition refuses anything else, and any change",
        fix="remove it, or delete the object before you change it",
        check=_managed_by,
        source="KubeRay v1.3.2 to v1.7.0, config/crd/bases (x-kubernetes-validations)",
        since="1.3",
    ),
)
"""All rules on groups."""
