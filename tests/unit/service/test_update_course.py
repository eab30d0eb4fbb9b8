"""What of an update only the platform knows: which objects it leaves as they are, and how it replaces pods."""

from __future__ import annotations

import dataclasses
from typing import Any

from shardwright.core.lifecycle import changes
from shardwright.core.lifecycle.revision import Outcome, Revision
from shardwright.service import following, past, update_course
from shardwright.service.rollout import Rollout

LAYOUT = {"tensor": 1, "pipeline": 2, "data": 1, "nodes": 2, "gpusPerNode": 1}
PLAN: dict[str, Any] = {"layout": LAYOUT, "stages": [{"layers": 16}] * 2, "ranks": [{"gpu": "A10G"}] * 2}


def ray(image: str, **spec: Any) -> dict[str, Any]:  # noqa: ANN401 - as Kubernetes has it
    head = {"template": {"spec": {"containers": [{"name": "a", "image": image}]}}}
    metadata = {"name": "llama", "namespace": "demo"}
    return {
        "apiVersion": "ray.io/v1",
        "kind": "RayCluster",
        "metadata": metadata,
        "spec": {"headGroupSpec": head, **spec},
    }


def revision(body: dict[str, Any], number: int = 1, outcome: Outcome = "ready") -> Revision:
    return Revision(number=number, recipe={}, digest="", plan=PLAN, manifests=(body,), outcome=outcome)


def test_pods_that_a_platform_leaves_alone_need_their_object_made_anew() -> None:
    """KubeRay does not replace the pods of a cluster: without leave to make it anew nothing would come of the update."""
    changed = changes.change_of(ray("b"), ray("a"), ray("b"))
    (found,) = update_course.as_the_platform_acts([changed])
    assert (found.action, "does not replace" in found.why) == ("recreate", True)
    course = update_course.course_of([found], revision(ray("b")), revision(ray("a")))
    assert course is not None
    assert (course.how, course.own_gpus) == ("anew", 2)
    stopped = changes.change_of(ray("a", suspend=True), ray("a"), ray("a", suspend=True))
    assert update_course.as_the_platform_acts([stopped]) == (stopped,)


def test_the_object_as_it_is_there_decides() -> None:
    """A strategy that somebody else set holds, though no manifest of ours says it."""
    live = ray("a", upgradeStrategy={"type": "Recreate"})
    changed = changes.change_of(ray("b"), live, ray("b", upgradeStrategy={"type": "Recreate"}))
    (found,) = update_course.as_the_platform_acts([changed])
    course = update_course.course_of([found], revision(ray("b")), revision(ray("a")))
    assert course is not None
    assert (course.how, course.field) == ("within", "spec.upgradeStrategy.type: Recreate")


def test_a_first_apply_replaces_nothing() -> None:
    """There is nothing before it."""
    made = changes.change_of(ray("a"), None, ray("a"))
    assert update_course.course_of([made], revision(ray("a")), None) is None


def test_only_what_served_is_rolled_back_to() -> None:
    """Not to what failed, not to what was never proven, and not to the same manifests."""
    one, two, three = (
        revision(ray("a")),
        revision(ray("b"), number=2, outcome="superseded"),
        revision(ray("c"), number=3),
    )
    failed = revision(ray("d"), number=4, outcome="failed")
    assert past.last_served((one, two, failed)) == one
    assert past.last_served((one, three, failed)) == three
    assert past.last_served((two, failed)) is None
    assert past.last_served((three, revision(ray("c"), number=4, outcome="failed"))) is None


def test_only_ones_own_revision_is_taken_back() -> None:
    """Not what somebody else applied meanwhile, nor what was there before a command that wrote nothing."""
    before, mine, theirs = (dataclasses.replace(revision(ray("a")), number=n, digest=f"{n}") for n in (1, 2, 3))
    done = Rollout(
        namespace="demo", name="llama", wanted=dataclasses.replace(mine, number=0), before=before, changes=(), stale=()
    )
    assert past.is_newest((before, mine), done)
    assert not past.is_newest((before,), done)
    assert not past.is_newest((before, mine, theirs), done)
    assert not past.is_newest((before, dataclasses.replace(theirs, number=2)), done)


def test_a_start_may_take_what_its_probes_allow() -> None:
    """The longest of all pods, and placing them; without a probe the latter alone."""
    probe = {"startupProbe": {"periodSeconds": 20, "failureThreshold": 100}}
    body = ray("a")
    body["spec"]["headGroupSpec"]["template"]["spec"]["containers"][0] |= probe
    assert following.budget_seconds([body, ray("a")]) - following.budget_seconds([ray("a")]) == 2000
