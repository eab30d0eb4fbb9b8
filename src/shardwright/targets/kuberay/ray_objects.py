"""What a Ray object holds: the cluster in it, its groups of pods, their Ray container and its variables.

A RayCluster is one; a RayService, a RayJob and a RayCronJob hold the same spec further down. Values are read as the
object has them, and what has another form than expected reads as empty: its form is the schema's matter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.kubernetes.manifest_pods import Pod
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shardwright.core.manifests.objects import Context, Object, Value
    from shardwright.core.marked.paths import Path
    from shardwright.core.rules.rule import Breach

__all__ = [
    "ALL_KINDS",
    "JOB_KINDS",
    "Cluster",
    "Group",
    "cluster_of",
    "has",
    "in_clusters",
    "in_jobs",
    "is_long",
    "is_true",
    "job_path",
    "pods_of",
    "text_of",
    "variable_path",
]

JOB_KINDS = ("RayJob", "RayCronJob")
ALL_KINDS = ("RayCluster", "RayService", *JOB_KINDS)

_CLUSTER_PATHS: dict[str, Path] = {
    "RayCluster": ("spec",),
    "RayService": ("spec", "rayClusterConfig"),
    "RayJob": ("spec", "rayClusterSpec"),
    "RayCronJob": ("spec", "jobTemplate", "rayClusterSpec"),
}


@frozen
class Group:
    """The head, or one group of workers, by the path of its spec."""

    path: Path
    name: str
    """`the head`, or the group's name in quotes."""
    is_head: bool

    @property
    def pod(self) -> Path:
        """The spec of its pods."""
        return (*self.path, "template", "spec")

    @property
    def container(self) -> Path:
        """The container that runs Ray: the first one."""
        return (*self.pod, "containers", 0)


@frozen
class Cluster:
    """The spec of a Ray cluster inside an object."""

    owner: Object
    path: Path

    @property
    def head(self) -> Group:
        """The group of the head."""
        return Group((*self.path, "headGroupSpec"), "the head", is_head=True)

    @property
    def workers(self) -> tuple[Group, ...]:
        """The groups of workers, in order."""
        count = len(self.owner.list_at(*self.path, "workerGroupSpecs"))
        paths = ((*self.path, "workerGroupSpecs", index) for index in range(count))
        return tuple(Group(path, f"worker group {self._name(path)!r}", is_head=False) for path in paths)

    @property
    def groups(self) -> tuple[Group, ...]:
        """The head, then the workers."""
        return (self.head, *self.workers)

    @property
    def annotations(self) -> dict[str, Value]:
        """Those that the operator reads with the spec; a RayCronJob passes none on."""
        return {} if self.owner.kind == "RayCronJob" else self.owner.map_at("metadata", "annotations")

    @property
    def is_autoscaled(self) -> bool:
        """Whether Ray's autoscaler sets the number of workers."""
        return is_true(self.get("enableInTreeAutoscaling"))

    @property
    def is_autoscaled_by_v2(self) -> bool:
        """Whether the second autoscaler is asked for by name; the Ray version's own choice does not count."""
        return self.get("autoscalerOptions", "version") == "v2"

    def get(self, *path: str | int) -> Value:
        """The value at a path of the cluster's spec."""
        return self.owner.get(*self.path, *path)

    def at(self, *path: str | int) -> Path:
        """A path of the cluster's spec, from the object's root."""
        return (*self.path, *path)

    def _name(self, path: Path) -> str:
        return self.owner.text_at(*path, "groupName")


def cluster_of(thing: Object) -> Cluster | None:
    """The cluster in an object; None where there is none."""
    path = _CLUSTER_PATHS.get(thing.kind)
    return Cluster(thing, path) if path and isinstance(thing.get(*path), dict) else None


def job_path(thing: Object) -> Path:
    """The spec of the job in a RayJob or a RayCronJob."""
    return ("spec",) if thing.kind == "RayJob" else ("spec", "jobTemplate")


def pods_of(thing: Object) -> tuple[Pod, ...]:
    """The pods of an object's cluster, the head's first; ask with `thing.once(pods_of)`."""
    cluster = cluster_of(thing)
    return () if cluster is None else tuple(_pods_of(thing, cluster))


def _pods_of(thing: Object, cluster: Cluster) -> Iterator[Pod]:
    size = 1 + sum(max(thing.number_at(*group.path, "replicas") or 0, 0) for group in cluster.workers)
    for group in cluster.groups:
        spec = thing.get(*group.pod)
        if isinstance(spec, dict):
            yield Pod(group.pod, spec, "leader" if group.is_head else "worker", size)


def in_clusters(
    check: Callable[[Cluster, Context], Iterator[Breach]],
) -> Callable[[Object, Context], Iterator[Breach]]:
    """A check of objects from one of clusters."""

    def checked(thing: Object, context: Context) -> Iterator[Breach]:
        cluster = cluster_of(thing)
        if cluster is not None:
            yield from check(cluster, context)

    return checked


def in_jobs(
    check: Callable[[Object, Path, Context], Iterator[Breach]],
) -> Callable[[Object, Context], Iterator[Breach]]:
    """A check of objects from one of jobs, given the path of the job's spec."""

    def checked(thing: Object, context: Context) -> Iterator[Breach]:
        path = job_path(thing)
        if isinstance(thing.get(*path), dict):
            yield from check(thing, path, context)

    return checked


def has(value: Value) -> bool:
    """Whether a field is given; null is as good as left out."""
    return value is not None


def is_long(value: Value) -> bool:
    """Whether a text, list or map is given and not empty."""
    return bool(value) if isinstance(value, str | list | dict) else False


def is_true(value: Value) -> bool:
    """Whether a switch is on."""
    return value is True


def text_of(value: Value) -> str:
    """A scalar as it would be written; empty for anything else."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int | float) else ""


def variable_path(thing: Object, container: Path, name: str) -> Path | None:
    """Where a container (or the autoscaler's options) sets a variable first; None if it does not."""
    for index, entry in enumerate(thing.list_at(*container, "env")):
        if isinstance(entry, dict) and entry.get("name") == name:
            return (*container, "env", index)
    return None
