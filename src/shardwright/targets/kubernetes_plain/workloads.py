"""The kinds of Kubernetes that make pods: where their templates and selectors stand, how many pods they make."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.kubernetes import manifest_pods

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shardwright.core.manifests.objects import Context, Object
    from shardwright.core.marked.paths import Path
    from shardwright.core.rules.rule import Breach
    from shardwright.kubernetes.manifest_pods import Container, Pod

__all__ = [
    "CONTROLLERS",
    "JOBS",
    "LASTING",
    "WORKLOADS",
    "in_containers",
    "in_pods",
    "job_path",
    "pods_made",
    "template_metadata",
]

LASTING = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")
"""Kinds whose pods are started again for ever."""
JOBS = ("Job", "CronJob")
CONTROLLERS = (*LASTING, *JOBS)
WORKLOADS = (*CONTROLLERS, "Pod", "PodTemplate")


def job_path(each: Object) -> Path:
    """The specification of the job in a Job or a CronJob."""
    return ("spec",) if each.kind == "Job" else ("spec", "jobTemplate", "spec")


def template_metadata(each: Object) -> Path:
    """Where labels and annotations of the pods stand."""
    if each.kind == "Pod":
        return ("metadata",)
    if each.kind == "PodTemplate":
        return ("template", "metadata")
    return (*(job_path(each) if each.kind in JOBS else ("spec",)), "template", "metadata")


def pods_made(each: Object) -> int:
    """How many pods run at once; 1 where nothing is said. A DaemonSet has one on each node: two stand for several."""
    if each.kind == "DaemonSet":
        return 2
    name = "parallelism" if each.kind in JOBS else "replicas"
    at = job_path(each) if each.kind in JOBS else ("spec",)
    count = each.number_at(*at, name)
    return 1 if count is None else max(count, 0)


def in_pods(look: Callable[[Pod], Iterator[Breach]]) -> Callable[[Object, Context], Iterator[Breach]]:
    """A check of objects from one of pods."""

    def check(each: Object, context: Context) -> Iterator[Breach]:
        del context
        for pod in each.once(manifest_pods.pods_of):
            yield from look(pod)

    return check


def in_containers(look: Callable[[Container], Iterator[Breach]]) -> Callable[[Object, Context], Iterator[Breach]]:
    """A check of objects from one of containers, also those that run before the others."""

    def look_through(pod: Pod) -> Iterator[Breach]:
        for container in (*pod.containers, *manifest_pods.containers_of(pod, "initContainers")):
            yield from look(container)

    return in_pods(look_through)
