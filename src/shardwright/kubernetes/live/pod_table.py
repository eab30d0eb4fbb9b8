"""Pods as the API server prints them for people, read back: half of the work of whole pods, for lists of thousands.

The server's table has name, readiness, status, restarts and node of each pod. Their labels are asked for beside
it: a table that has them too takes the server twice as long as the two together. Where names tell what is wanted of the
labels they are not asked for: they come with all that is written down of who wrote which field, most of a list's bytes.
Source: Kubernetes 1.36, pkg/printers/internalversion (the columns are those of `kubectl get pods -o wide` since 1.15).
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from shardwright import errors
from shardwright.kubernetes.client import Ref
from shardwright.kubernetes.client.refusals import Asked
from shardwright.kubernetes.live import views

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shardwright.core.lifecycle.parts import Parts
    from shardwright.kubernetes.client import Client

__all__ = ["heads_of", "lines_of", "named_pods", "pod_of"]

_Shape = TypeVar("_Shape")

_TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1"
_HEADS_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_COLUMNS = ("Ready", "Status", "Restarts", "Node", "Readiness Gates")
_STATUS = _COLUMNS.index("Status")
_NONE = "<none>"
_RUNNING = frozenset({"Running", "NotReady"})
_UNPLACED = frozenset({"Pending", "SchedulingGated"})
_ENDED = frozenset({"Completed", "Error", "OOMKilled", "ContainerCannotRun", "Evicted", "Failed", "Succeeded"})
_WHOLE_PODS = frozenset({"Evicted", "Failed", "Succeeded"})
_LEAVING = frozenset({"Terminating", "Unknown"})
"""The second where its node does not answer any more."""


class _Column(msgspec.Struct):
    name: str = ""


class _Row(msgspec.Struct):
    cells: list[Any] = []


class _Table(msgspec.Struct):
    columns: list[_Column] = msgspec.field(name="columnDefinitions", default_factory=list[_Column])
    rows: list[_Row] = []


class _Head(msgspec.Struct, frozen=True):
    metadata: views.Meta = views.Meta()


class _Heads(msgspec.Struct):
    items: list[_Head] = []


def heads_of(client: Client, namespace: str, labels: str) -> list[views.Meta]:
    """Metadata of the pods of a namespace, or of all, with these labels; a moment old perhaps."""
    found = _read(client, namespace, labels, accept=_HEADS_ONLY, shape=_Heads)
    return [each.metadata for each in found.items]


def lines_of(client: Client, namespace: str, labels: str) -> dict[str, Sequence[object]]:
    """What stands in the line of each pod of one namespace, by its name; for `pod_of`."""
    table = _read(client, namespace, labels, accept=_TABLE, shape=_Table, objects="None")
    names = [column.name for column in table.columns]
    places = [names.index(name) for name in _COLUMNS if name in names]
    if len(places) < len(_COLUMNS):
        raise errors.TargetError(f"the cluster's table of pods has the columns {', '.join(names)}")
    name = names.index("Name")
    return {str(row.cells[name]): [row.cells[place] for place in places] for row in table.rows}


def named_pods(client: Client, namespace: str, label: str, parts: Parts) -> Iterator[views.Pod]:
    """Pods of one namespace with this label whose names tell the rest; `parts` of any deployment of their kind."""
    ((key, value),) = parts.leader_labels.items()
    leaders = lines_of(client, namespace, f"{label},{key}={value}")
    workers = lines_of(client, namespace, f"{label},{key}!={value}")
    for name, line in leaders.items():
        owner, _, group = name.rpartition("-")
        labels = {label: owner, parts.group_label: group, key: value}
        yield pod_of(_told_by_name(name, namespace, labels, line), line)
    for name, line in workers.items():
        leader, _, index = name.rpartition("-")
        owner, _, group = leader.rpartition("-")
        labels = {label: owner, parts.group_label: group, parts.index_label: index}
        yield pod_of(_told_by_name(name, namespace, labels, line), line)


def _told_by_name(name: str, namespace: str, labels: dict[str, str], line: Sequence[object]) -> views.Meta:
    status = str(line[_STATUS])
    ending = status if status in _LEAVING else ""
    return views.Meta(name=name, namespace=namespace, labels=labels, deletion_timestamp=ending)


def _read(
    client: Client, namespace: str, labels: str, *, accept: str, shape: type[_Shape], objects: str = ""
) -> _Shape:
    kind = client.kinds.find(Ref("v1", "Pod"))
    asked = Asked("list", kind.resource, namespace=namespace)
    query = {"labelSelector": labels, "resourceVersion": "0", "includeObject": objects}
    answer = client.request("GET", kind.path(namespace), asked=asked, query=query, headers={"Accept": accept})
    try:
        return msgspec.json.decode(answer.content, type=shape)
    except msgspec.ValidationError as problem:
        raise errors.TargetError(f"the cluster gave a table of pods of another shape: {problem}") from problem


def pod_of(metadata: views.Meta, cells: Sequence[object]) -> views.Pod:
    """A pod whose state is told by what stands in its line: ready, status, restarts, node, gates.

    How many readiness gates hold is told (`0/1`), and not which.
    """
    ready, status, restarts, node, gates = map(str, cells)
    return views.Pod(metadata, _spec_of(node, gates), _status_of(ready, status, restarts, gates))


def _unmet(gates: str) -> bool:
    met, _, all_of_them = gates.partition("/")
    return gates != _NONE and met != all_of_them


@functools.lru_cache(maxsize=2048)  # of thousands of pods most stand on nodes, and in states, that others have too
def _spec_of(node: str, gates: str) -> views.PodSpec:
    return views.PodSpec(
        node_name="" if node == _NONE else node,
        readiness_gates=[views.ReadinessGate(gates)] if _unmet(gates) else [],
    )


@functools.lru_cache(maxsize=2048)
def _status_of(ready: str, status: str, restarts: str, gates: str) -> views.PodStatus:
    containers, _, count = ready.partition("/")
    is_ready = containers == count != "0" and status == "Running" and not _unmet(gates)
    times = restarts.partition(" ")[0]
    return views.PodStatus(
        phase="Failed" if status in _WHOLE_PODS else "Running",
        reason=status if status in _WHOLE_PODS else "",
        conditions=[views.Condition(type="Ready", status=str(is_ready))],
        container_statuses=_containers(status, is_ready=is_ready, restarts=int(times) if times.isdigit() else 0),
    )


def _containers(status: str, *, is_ready: bool, restarts: int) -> list[views.ContainerStatus]:
    """One container that is in the state which the pod's line tells."""
    if status in _UNPLACED or status in _WHOLE_PODS:
        return []
    state = views.State(running=views.Running())
    if status in _ENDED:
        state = views.State(terminated=views.Terminated(reason=status, exit_code=0 if status == "Completed" else 1))
    elif status not in _RUNNING and status != "Terminating":
        state = views.State(waiting=views.Waiting(reason=status))
    return [views.ContainerStatus(ready=is_ready, restart_count=restarts, state=state)]
