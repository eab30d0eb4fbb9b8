"""The sets that a manifest describes: one in a LeaderWorkerSet, one for each role in a DisaggregatedSet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.kubernetes.manifest_pods import Pod
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Object, Value
    from shardwright.core.marked.paths import Path

__all__ = ["ANNOTATIONS", "PREFIX", "SETS", "GroupSet", "pods_of", "sets_of"]

PREFIX = "leaderworkerset.sigs.k8s.io"
ANNOTATIONS = (f"{PREFIX}/exclusive-topology", f"{PREFIX}/subgroup-exclusive-topology")
SETS = ("LeaderWorkerSet", "DisaggregatedSet")


@frozen
class GroupSet:
    """One LeaderWorkerSetSpec in an object."""

    owner: Object
    path: Path

    def get(self, *path: str) -> Value:
        """A value below the spec."""
        return self.owner.get(*self.path, *path)

    def number(self, *path: str) -> int | None:
        """A whole number below the spec."""
        return self.owner.number_at(*self.path, *path)

    def at(self, *path: str) -> Path:
        """The path of something below the spec."""
        return (*self.path, *path)

    @property
    def size(self) -> int:
        """Pods of a group; 1 where the size is no number."""
        return self.number("leaderWorkerTemplate", "size") or 1

    def pods(self) -> tuple[Pod, ...]:
        """Its leader and its worker; without a template of its own the leader is made from the worker's."""
        depth = len(self.path)
        return tuple(pod for pod in self.owner.once(pods_of) if pod.path[:depth] == self.path)

    def read_pods(self) -> Iterator[Pod]:
        """The same, read anew."""
        template = self.get("leaderWorkerTemplate")
        if not isinstance(template, dict):
            return
        size = template.get("size")
        size = size if isinstance(size, int) and size > 1 else 1
        has_leader = isinstance(template.get("leaderTemplate"), dict)
        for role, name in (("leader", "leaderTemplate"), ("worker", "workerTemplate")):
            of_role = template.get(name)
            spec = of_role.get("spec") if isinstance(of_role, dict) else None
            is_used = role == "leader" or size > 1 or not has_leader
            if isinstance(spec, dict) and is_used:
                path = self.at("leaderWorkerTemplate", name, "spec")
                yield Pod(path, spec, role if has_leader else "both", size)


def sets_of(each: Object) -> Iterator[GroupSet]:
    """The sets of an object of either kind."""
    if each.kind == "LeaderWorkerSet":
        yield GroupSet(each, ("spec",))
        return
    for index, role in enumerate(each.list_at("spec", "roles")):
        if isinstance(role, dict):
            yield GroupSet(each, ("spec", "roles", index, "spec"))


def pods_of(each: Object) -> tuple[Pod, ...]:
    """The pods of all sets of an object; ask with `each.once(pods_of)`."""
    return tuple(pod for group_set in sets_of(each) for pod in group_set.read_pods())
