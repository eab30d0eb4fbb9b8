"""Looks at one deployment in a cluster: its root object, pods, downloads and warnings, read side by side."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar

import msgspec

from shardwright import errors
from shardwright.kubernetes.client import Ref
from shardwright.kubernetes.client.refusals import Forbidden
from shardwright.kubernetes.live import seen, views

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.lifecycle.parts import Parts
    from shardwright.core.lifecycle.snapshot import Snapshot
    from shardwright.kubernetes.client import Client

__all__ = ["Kind", "list_of", "look", "pods_of", "services_of", "view_of", "watched"]

Kind: TypeAlias = Literal["pod", "root", "job", "fetcher", "warning"]
"""What of a deployment is looked at."""

_WIDTH = 8
_INSTANCE = "app.kubernetes.io/instance"
_COMPONENT = "app.kubernetes.io/component"
_T = TypeVar("_T")


def look(client: Client, namespace: str, target: str, parts: Parts) -> Snapshot:
    """The deployment as it is now; events that may not be read are left out."""
    client.kinds  # noqa: B018 - asked once, before the threads
    root = Ref(parts.root.api_version, parts.root.kind, parts.root.name, namespace)
    _, _, (_, jobs, downloads, _), (_, fetchers, *_), (_, events, _, _) = watched(namespace, parts)
    with ThreadPoolExecutor(_WIDTH) as pool:
        asked_root = pool.submit(client.find, root)
        asked_pods = pool.submit(pods_of, client, namespace, parts)
        asked_jobs = pool.submit(partial(_all, client, jobs, views.Job, labels=downloads))
        asked_events = pool.submit(partial(_warnings, client, events))
        is_under_way = not all(map(seen.is_over, asked_jobs.result()))
        looked_fetchers = _all(client, fetchers, views.Pod, labels=downloads) if is_under_way else []
    found = asked_root.result()
    looked_pods = asked_pods.result()
    names = {
        parts.root.name,
        *(pod.metadata.name for pod in looked_pods),
        *(job.metadata.name for job in asked_jobs.result()),
        *(pod.metadata.name for pod in looked_fetchers),
    }
    looked = seen.Looked(
        root=None if found is None else view_of(found, views.Root),
        pods=looked_pods,
        jobs=asked_jobs.result(),
        fetchers=looked_fetchers,
        events=[each for each in asked_events.result() if each.involved_object.name in names],
    )
    return seen.snapshot_of(namespace, target, parts, looked)


def watched(namespace: str, parts: Parts) -> tuple[tuple[Kind, Ref, str, str], ...]:
    """What of a deployment is looked at: of each kind which objects, by labels and by fields."""
    root = Ref(parts.root.api_version, parts.root.kind, namespace=namespace)
    downloads = f"{_INSTANCE}={parts.root.name},{_COMPONENT}=download"
    return (
        ("pod", Ref("v1", "Pod", namespace=namespace), parts.pod_selector, ""),
        ("root", root, "", f"metadata.name={parts.root.name}"),
        ("job", Ref("batch/v1", "Job", namespace=namespace), downloads, ""),
        ("fetcher", Ref("v1", "Pod", namespace=namespace), downloads, ""),
        ("warning", Ref("v1", "Event", namespace=namespace), "", "type=Warning"),
    )


def pods_of(client: Client, namespace: str, parts: Parts) -> list[views.Pod]:
    """The pods of the engine."""
    return _all(client, Ref("v1", "Pod", namespace=namespace), views.Pod, labels=parts.pod_selector)


def list_of(client: Client, ref: Ref, kind: type[_T], labels: str = "") -> list[_T]:
    """All objects of a kind as views, as the server has them at hand: they may be a moment old."""
    return _all(client, ref, kind, labels=labels, resource_version="0")


def services_of(client: Client, namespace: str) -> list[views.Service]:
    """All Services of the namespace."""
    return _all(client, Ref("v1", "Service", namespace=namespace), views.Service)


def view_of(body: object, kind: type[_T]) -> _T:
    """An object as a view; TargetError if it is not shaped as its kind is."""
    try:
        return msgspec.convert(body, kind)
    except msgspec.ValidationError as problem:
        raise errors.TargetError(f"the cluster gave an object that is no {kind.__name__}: {problem}") from problem


def _warnings(client: Client, ref: Ref) -> list[views.Event]:
    try:
        return _all(client, ref, views.Event, fields="type=Warning")
    except Forbidden:
        return []


def _all(
    client: Client, ref: Ref, kind: type[_T], *, labels: str = "", fields: str = "", resource_version: str = ""
) -> list[_T]:
    found: list[_T] = []
    shape = list[kind]  # pyright: ignore[reportInvalidTypeForm] - a type made at run time
    for items in _items(client, ref, labels=labels, fields=fields, resource_version=resource_version):
        try:
            found.extend(msgspec.json.decode(items, type=shape))
        except msgspec.ValidationError as problem:
            raise errors.TargetError(f"the cluster gave a {ref.kind} of another shape: {problem}") from problem
    return found


def _items(client: Client, ref: Ref, *, labels: str, fields: str, resource_version: str) -> Iterator[msgspec.Raw]:
    kind = client.kinds.find(ref)
    for page in client.pages(kind, ref.namespace, labels=labels, fields=fields, resource_version=resource_version):
        yield msgspec.json.decode(page, type=_Page).items


class _Page(msgspec.Struct):
    items: msgspec.Raw = msgspec.Raw(b"[]")
