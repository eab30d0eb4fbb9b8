"""All deployments of a namespace or of a cluster, read in a few lists however many there are."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from shardwright import registry
from shardwright.core.lifecycle.selecting import parse_selector
from shardwright.kubernetes.client import Ref
from shardwright.kubernetes.live import observing, pod_table, revisions, seen, views
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from concurrent.futures import Future

    from shardwright.core.lifecycle.parts import Parts
    from shardwright.core.lifecycle.selecting import Selector
    from shardwright.core.lifecycle.snapshot import Snapshot
    from shardwright.kubernetes.client import Client
    from shardwright.kubernetes.live.revisions import Head

__all__ = ["Overlooked", "all_of"]

_WIDTH = 8
_OURS = "app.kubernetes.io/managed-by=shardwright"
_Found: TypeAlias = "tuple[views.Root, Parts]"
_DOWNLOADS = f"{_OURS},app.kubernetes.io/component=download"


@frozen
class Overlooked:
    """One deployment as a list shows it."""

    head: Head
    snapshot: Snapshot | None
    """None: the object that serves is not there."""


def all_of(client: Client, namespace: str) -> Iterator[Overlooked]:
    """Every deployment by its newest revision, in all namespaces where none is given; warnings are left out."""
    heads = revisions.heads(client, namespace)
    kinds = sorted({(str(head.root["apiVersion"]), str(head.root["kind"])) for head in heads if head.root})
    with ThreadPoolExecutor(_WIDTH) as pool:
        asked = _PodsAsked(client, pool, namespace, sorted({head.namespace for head in heads}))
        roots = pool.map(partial(_roots, client, namespace), kinds)  # takes the server longest
        # By the labels that all pods of a kind have, pods are asked for before their roots are known.
        for usual in _usual(kinds):
            asked.add(usual)
        asked_jobs = pool.submit(
            observing.list_of, client, Ref("batch/v1", "Job", namespace=namespace), views.Job, _DOWNLOADS
        )
        found = {key: each for part in roots for key, each in part.items()}
        for _, parts in found.values():
            asked.add(parts)
        pods = asked.result()
    jobs = asked_jobs.result()
    for head in heads:
        key = (head.namespace, str(head.root.get("kind")), str(head.root.get("name")))
        if key not in found:
            yield Overlooked(head, None)
            continue
        mine = [each for each in jobs if each.metadata.namespace == key[0] and _instance(each) == key[2]]
        root, parts = found[key]
        own = _of(pods, key[0], parse_selector(parts.pod_selector))
        looked = seen.Looked(root=root, pods=own, jobs=mine)
        yield Overlooked(head, seen.snapshot_of(head.namespace, head.target, parts, looked))


class _PodsAsked:
    """Pods that are on their way: what stands in their lines, and beside it their metadata where names do not tell it."""

    def __init__(self, client: Client, pool: ThreadPoolExecutor, namespace: str, within: Sequence[str]) -> None:
        self._client, self._pool, self._namespace, self._within = client, pool, namespace, within
        self._heads: dict[str, Future[list[views.Meta]]] = {}
        self._lines: dict[tuple[str, str], Future[dict[str, Sequence[object]]]] = {}
        self._named: dict[str, list[Future[list[views.Pod]]]] = {}

    def add(self, parts: Parts) -> None:
        """Ask for all pods that have the label by which pods of such a deployment are found, once."""
        label, _ = parse_selector(parts.pod_selector).first
        if label in self._heads or label in self._named:
            return
        if parts.names_tell:
            named = partial(_named, self._client, label, parts)
            self._named[label] = [self._pool.submit(named, each) for each in self._within]
            return
        self._heads[label] = self._pool.submit(pod_table.heads_of, self._client, self._namespace, label)
        for each in self._within:
            self._lines[label, each] = self._pool.submit(pod_table.lines_of, self._client, each, label)

    def result(self) -> dict[tuple[str, str, str], list[views.Pod]]:
        """Pods by namespace, label and value; without those that came or went between two answers."""
        found: dict[tuple[str, str, str], list[views.Pod]] = {}
        for label, several in self._named.items():
            for pod in (pod for asked in several for pod in asked.result()):
                found.setdefault((pod.metadata.namespace, label, pod.metadata.labels[label]), []).append(pod)
        lines = {key: asked.result() for key, asked in self._lines.items()}
        for label, asked in self._heads.items():
            for head in asked.result():
                line = lines.get((label, head.namespace), {}).get(head.name)
                if line is not None:
                    key = (head.namespace, label, head.labels[label])
                    found.setdefault(key, []).append(pod_table.pod_of(head, line))
        return found


def _usual(kinds: Iterable[tuple[str, str]]) -> Iterator[Parts]:
    """Of these kinds one deployment each, where what selects its pods does not depend on the object."""
    for version, kind in kinds:
        parts = registry.load_parts(kind)({"apiVersion": version, "kind": kind, "metadata": {"name": "any"}})
        if parts.pod_selector:
            yield parts


def _named(client: Client, label: str, parts: Parts, namespace: str) -> list[views.Pod]:
    return list(pod_table.named_pods(client, namespace, label, parts))


def _roots(client: Client, namespace: str, kind: tuple[str, str]) -> dict[tuple[str, str, str], _Found]:
    found = observing.list_of(client, Ref(*kind, namespace=namespace), views.Root, _OURS)
    return {(root.metadata.namespace, kind[1], root.metadata.name): (root, _parts_of(kind, root)) for root in found}


def _parts_of(kind: tuple[str, str], root: views.Root) -> Parts:
    """By what is asked for, without all that is written down of who asked."""
    metadata = {"name": root.metadata.name, "annotations": root.metadata.annotations}
    return registry.load_parts(kind[1])(
        {"apiVersion": kind[0], "kind": kind[1], "metadata": metadata, "spec": root.spec}
    )


def _of(
    pods: Mapping[tuple[str, str, str], Sequence[views.Pod]], namespace: str, selector: Selector
) -> list[views.Pod]:
    found = pods.get((namespace, *selector.first), ())
    return [each for each in found if selector.matches(each.metadata.labels)]


def _instance(job: views.Job) -> str:
    return job.metadata.labels.get("app.kubernetes.io/instance", "")
