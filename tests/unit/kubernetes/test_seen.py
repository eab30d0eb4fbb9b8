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
