"""What the API says of a deployment, as it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from shardwright.kubernetes.live import seen, views
from shardwright.targets.kuberay import parts as kuberay
from shardwright.targets.lws import parts as lws

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shardwright.core.lifecycle.parts import Parts

CONDITIONS = [
    {"type": "Available", "status": "False", "reason": "AllGroupsReady", "message": "All replicas are ready"},
    {"type": "Progressing", "status": "True", "reason": "GroupsProgressing", "message": "Replicas are progressing"},
]


@pytest.mark.parametrize(
    ("parts_of", "words"), [(lws.parts_of, ("", "")), (kuberay.parts_of, ("AllGroupsReady", "All replicas are ready"))]
)
def test_words_of_another_time_are_left_out(
    parts_of: Callable[[Mapping[str, object]], Parts], words: tuple[str, str]
) -> None:
    """LWS sets a condition to False as it stands: `All replicas are ready` is then just what is not so."""
    kind = "LeaderWorkerSet" if parts_of is lws.parts_of else "RayCluster"
    body = {"apiVersion": "x/v1", "kind": kind, "metadata": {"name": "llama"}, "status": {"conditions": CONDITIONS}}
    looked = seen.Looked(root=msgspec.convert(body, views.Root), pods=())
    gone, true = seen.snapshot_of("demo", "lws", parts_of(body), looked).conditions
    assert (gone.status, gone.reason, gone.message) == ("False", *words)
    assert true.message == "Replicas are progressing"


def fetcher(name: str, made: str, status: Mapping[str, object]) -> views.Pod:
    metadata = {"name": name, "creationTimestamp": made, "labels": {seen.JOB_LABEL: "load"}}
    return msgspec.convert({"metadata": metadata, "status": status}, views.Pod)


WAITING: Mapping[str, object] = {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}
UNPLACED = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no volume"}


STATES: list[tuple[dict[str, object], tuple[str, str]]] = [
    ({"containerStatuses": [{"name": "download", "state": {"running": {}}}]}, ("running", "")),
    ({"containerStatuses": [WAITING]}, ("waiting", "two is creating: ImagePullBackOff: no such image")),
    ({"conditions": [UNPLACED]}, ("waiting", "two is pending: Unschedulable: no volume")),
]


@pytest.mark.parametrize(("status", "expected"), STATES)
def test_a_download_is_what_its_last_pod_is(status: Mapping[str, object], expected: tuple[str, str]) -> None:
    """A Job that is not over says nothing of a pod that has no image, no node, or failed before."""
    job = msgspec.convert({"metadata": {"name": "load"}}, views.Job)
    pods = [fetcher("two", "2026-11-22T01:00:01Z", status), fetcher("one", "2026-11-22T01:00:00Z", {"phase": "Failed"})]
    (found,) = seen.downloads_of([job], pods)
    assert (found.state, found.message, found.pod) == (*expected, "two")
    (alone,) = seen.downloads_of([job], [])
    assert (alone.state, alone.message) == ("waiting", "it has no pod")
