"""How an update goes: within its own GPUs, on more, or by making the object anew; and what is told of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shardwright import registry
from shardwright.core.lifecycle import changes, updates
from shardwright.core.lifecycle.updates import Course, Side, course_of

SURGE = {"maxSurge": 1, "maxUnavailable": 0}


def lws(rolling: dict[str, Any] | None = None, replicas: int = 1, image: str = "a") -> dict[str, Any]:
    return {
        "apiVersion": "leaderworkerset.x-k8s.io/v1",
        "kind": "LeaderWorkerSet",
        "metadata": {"name": "llama", "namespace": "demo"},
        "spec": {
            "replicas": replicas,
            "rolloutStrategy": {"rollingUpdateConfiguration": rolling or {}},
            "leaderWorkerTemplate": {"size": 2, "workerTemplate": {"image": image}},
        },
    }


def course(
    old: dict[str, Any], new: dict[str, Any], gpus: tuple[int, int] = (2, 2), refused: str = ""
) -> Course | None:
    change = changes.change_of(new, old, None if refused else new, refused=refused)
    parts_of = registry.load_parts(str(new["kind"]))
    return course_of([change], change, Side(parts_of(old), gpus[0]), Side(parts_of(new), gpus[1]))


@pytest.mark.parametrize(
    ("rolling", "replicas", "expected"),
    [
        ({}, 1, ("within", 0, 0)),
        ({"maxUnavailable": 1, "maxSurge": 0}, 3, ("within", 2, 0)),
        (SURGE, 1, ("surge", 1, 2)),
        ({"maxSurge": "50%", "maxUnavailable": "50%"}, 3, ("surge", 2, 4)),
        ({"maxSurge": 0, "maxUnavailable": "10%"}, 3, ("within", 2, 0)),
    ],
)
def test_the_strategy_decides(rolling: dict[str, Any], replicas: int, expected: tuple[str, int, int]) -> None:
    """Surge rounds up and what may be missing down; without either one replica after the other is ended first."""
    found = course(lws(rolling, replicas), lws(rolling, replicas, image="b"))
    assert found is not None
    assert (found.how, found.serving, found.more_gpus) == expected


def test_more_replicas_or_another_strategy_replace_nothing() -> None:
    """Nor does a first apply, nor one of a group that was at rest."""
    assert course(lws(), lws(replicas=3)) is None
    assert course(lws(), lws(SURGE)) is None
    assert course(lws(replicas=0), lws(image="b")) is None
    assert course(lws(SURGE), lws(SURGE, replicas=0, image="b")) is None


def test_a_larger_layout_takes_more_gpus_in_place() -> None:
    """TP 2 -> 4: old pods end first, and twice as many GPUs are wanted then."""
    found = course(lws(), lws(image="b"), gpus=(2, 4))
    assert found is not None
    assert list(updates.told(found)) == [
        "LeaderWorkerSet llama is updated on its own 2 GPUs and 2 more",
        "meanwhile it does not serve",
    ]


def test_what_cannot_be_changed_is_made_anew() -> None:
    """It serves nothing meanwhile, however many replicas there are."""
    found = course(lws(replicas=2), lws(replicas=2, image="b"), refused="field is immutable")
    assert found is not None
    assert (found.how, found.serving) == ("anew", 0)
    assert "is deleted and made anew within its own 4 GPUs" in next(updates.told(found))


def test_a_surge_is_told_with_the_field_that_asks_for_it() -> None:
    """Whoever pays for the GPUs sees where it is set."""
    found = course(lws(SURGE), lws(SURGE, image="b"))
    assert found is not None
    assert found.needs_surge
    field = "spec.rolloutStrategy.rollingUpdateConfiguration.maxSurge: 1"
    assert list(updates.told(found)) == [
        f"LeaderWorkerSet llama: new pods start before old ones end, on 2 more GPUs ({field})",
        "meanwhile all of it serves",
    ]


def of_kind(kind: str, spec: dict[str, Any], mode: str = "Standard") -> dict[str, Any]:
    metadata = {"name": "llama", "annotations": {"serving.kserve.io/deploymentMode": mode}}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": spec}


RECREATE = {"deploymentStrategy": {"type": "Recreate"}}


@pytest.mark.parametrize(
    ("body", "surge", "unavailable", "is_stuck"),
    [
        (of_kind("Deployment", {"replicas": 1}), 1, 0, False),
        (of_kind("Deployment", {"replicas": 8}), 2, 2, False),
        (of_kind("Deployment", {"replicas": 2, "strategy": {"type": "Recreate"}}), 0, 2, False),
        (of_kind("StatefulSet", {"replicas": 2}), 0, 1, False),
        (of_kind("StatefulSet", {"updateStrategy": {"type": "OnDelete"}}), 0, 1, True),
        (of_kind("LLMInferenceService", {"replicas": 1}), 1, 0, False),
        (of_kind("LLMInferenceService", {"replicas": 1, "worker": {}}), 0, 1, False),
        (of_kind("InferenceService", {"predictor": {**RECREATE, "workerSpec": {}}}), 0, 1, False),
        (of_kind("InferenceService", {"predictor": {"workerSpec": {}}}), 1, 0, False),
        (of_kind("InferenceService", {"predictor": RECREATE}, mode="Knative"), 1, 0, False),
        (of_kind("RayCluster", {}), 0, 1, True),
        (of_kind("RayCluster", {"upgradeStrategy": {"type": "Recreate"}}), 0, 1, False),
        (of_kind("RayService", {}), 1, 0, False),
        (of_kind("RayService", {"upgradeStrategy": {"type": "None"}}), 0, 1, True),
    ],
)
def test_every_platform_has_its_own_way(
    body: dict[str, Any],
    surge: int,
    unavailable: int,
    is_stuck: bool,  # noqa: FBT001 - a row
) -> None:
    """What an object does not say is the platform's default."""
    found = registry.load_parts(str(body["kind"]))(body).update
    assert (found.surge, found.unavailable, bool(found.stuck)) == (surge, unavailable, is_stuck)


numbers = st.one_of(st.integers(0, 20), st.integers(0, 100).map(lambda each: f"{each}%"))


@given(replicas=st.integers(0, 50), surge=numbers, unavailable=numbers)
def test_an_update_always_goes_on(replicas: int, surge: int | str, unavailable: int | str) -> None:
    """There is always a pod that may be made or one that may end, whatever the rounding."""
    body = {"maxSurge": surge, "maxUnavailable": unavailable}
    found = updates.rolling_update({"spec": body}, replicas, "spec", surge="0", unavailable="1")
    assert found.surge + found.unavailable >= 1
