"""Where the pods of Ray's objects are, and what the operator does with them when the object changes."""

from __future__ import annotations

from typing import Any

import pytest

from shardwright.core.lifecycle.snapshot import Condition, Snapshot, state_of
from shardwright.targets.kuberay.parts import parts_of
from shardwright.targets.kuberay.target import TARGET
from shardwright.testing import builders


def body(kind: str = "RayCluster", **overrides: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of a recipe
    made = TARGET.render(builders.on_ray(TARGET, 2, **overrides))
    return next(dict(each.body) for each in made if each.kind == kind)


def test_head_and_workers_are_one_replica() -> None:
    """Found by the labels that the operator gives; the head leads."""
    parts = parts_of(body())
    assert (parts.replicas, parts.size, parts.leader_labels) == (1, 2, {"ray.io/node-type": "head"})
    assert parts.pod_selector == "ray.io/cluster=llama-3-8b,ray.io/is-ray-node=yes"
    assert parts.root.ready_condition == "RayClusterProvisioned"


@pytest.mark.parametrize(("version", "is_stuck"), [("1.5", True), ("1.6", False), ("1.7", False)])
def test_what_is_rendered_says_whether_pods_follow_a_change(version: str, is_stuck: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """KubeRay has a strategy for clusters from 1.6 on; before, a changed cluster keeps its pods."""
    assert bool(parts_of(body(target={"version": version})).update.stuck) == is_stuck


def test_a_suspended_cluster_has_no_pods_and_is_as_it_was_asked_for() -> None:
    """`replicas: 0`: nothing is left that would have to be replaced, and nothing is waited for once the pods are gone."""
    parts = parts_of(body(replicas=0))
    assert (parts.replicas, parts.update.stuck) == (0, "")
    conditions = (Condition(parts.root.ready_condition, "True"),)
    seen = Snapshot(
        namespace="demo",
        name="llama",
        target="kuberay",
        is_present=True,
        replicas=0,
        conditions=conditions,
        is_ready=True,
    )
    assert parts.root.ready_condition == "RayClusterSuspended"
    assert state_of(seen) == "stopped"
