"""All deployments of a namespace or of a cluster, read in a few lists however many there are."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from shardwright import registry
from shardwright.core.lifecycle.selecting import parse_selector
from shardwright.kubernetes.client import Ref
from shardwright.kubernetes.live import observing, pod_table, revisions, seen, views
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from concurrent.futures import Future

    from shardwright.core.lifecycle.selecting import Selector
    from shardwright.core.lifecycle.snapshot import Snapshot
    from shardwright.kubernetes.client import Client, Tree
    from shardwright.kubernetes.live.revisions import Head

__all__ = ["Overlooked", "all_of"]

_WIDTH = 8
_OURS = "app.kubernetes.io/managed-by=shardwright"
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
        # By the labels that all pods of a kind have, pods are asked for before their roots are known.
        for label in _usual_labels(kinds):
            asked.add(label)
        roots = pool.map(partial(_roots, client, namespace), kinds)
        asked_jobs = pool.submit(
            observing.list_of, client, Ref("batch/v1", "Job", namespace=namespace), views.Job, _DOWNLOADS
        )
        found = {key: body for part in roots for key, body in part.items()}
        parts = {key: registry.load_parts(key[1])(body) for key, body in found.items()}
        selectors = {key: parse_selector(each.pod_selector) for key, each in parts.items()}
        for selector in selectors.values():
            asked.add(selector.first[0])
        pods = asked.result()
    jobs = asked_jobs.result()
    for head in heads:
        key = (head.namespace, str(head.root.get("kind")), str(head.root.get("name")))
        if key not in found:
            yield Overlooked(head, None)
            continue
        mine = [each for each in jobs if each.metadata.namespace == key[0] and _instance(each) == key[2]]
        own = _of(pods, key[0], selectors[key])
        looked = seen.Looked(root=observing.view_of(found[key], views.Root), pods=own, jobs=mine)
        yield Overlooked(head, seen.snapshot_of(head.namespace, head.target, parts[key], looked))


class _PodsAsked:
    """Pods that are on their way: their metadata, and beside it what stands in their lines."""

    def __init__(self, client: Client, pool: ThreadPoolExecutor, namespace: str, within: Sequence[str]) -> None:
        self._client, self._pool, self._namespace, self._within = client, pool, namespace, within
        self._heads: dict[str, Future[list[views.Meta]]] = {}
        self._lines: dict[tuple[str, str], Future[dict[str, Sequence[object]]]] = {}

    def add(self, label: str) -> None:
        """Ask for the pods that have a label, once."""
        if label not in self._heads:
            self._heads[label] = self._pool.submit(pod_table.heads_of, self._client, self._namespace, label)
            for each in self._within:
                self._lines[label, each] = self._pool.submit(pod_table.lines_of, self._client, each, label)

    def result(self) -> dict[tuple[str, str, str], list[views.Pod]]:
        """Pods by namespace, label and value; without those that came or went between the two answers."""
        found: dict[tuple[str, str, str], list[views.Pod]] = {}
        lines = {key: asked.result() for key, asked in self._lines.items()}
        for label, asked in self._heads.items():
            for head in asked.result():
                line = lines.get((label, head.namespace), {}).get(head.name)
                if line is not None:
                    key = (head.namespace, label, head.labels[label])
                    found.setdefault(key, []).append(pod_table.pod_of(head, line))
        return found


def _usual_labels(kinds: Iterable[tuple[str, str]]) -> list[str]:
    """Keys of labels by which pods of these kinds are found, where that does not depend on the object."""
    selectors = (
        registry.load_parts(kind)({"apiVersion": version, "kind": kind, "metadata": {"name": "any"}}).pod_selector
        for version, kind in kinds
    )
    return sorted({parse_selector(each).first[0] for each in selectors if each})


def _roots(client: Client, namespace: str, kind: tuple[str, str]) -> dict[tuple[str, str, str], Tree]:
    found = client.list(Ref(*kind, namespace=namespace), labels=_OURS)
    return {(body["metadata"]["namespace"], kind[1], body["metadata"]["name"]): body for body in found}


def _of(
    pods: Mapping[tuple[str, str, str], Sequence[views.Pod]], namespace: str, selector: Selector
) -> list[views.Pod]:
    found = pods.get((namespace, *selector.first), ())
    return [each for each in found if selector.matches(each.metadata.labels)]


def _instance(job: views.Job) -> str:
    return job.metadata.labels.get("app.kubernetes.io/instance", "")
