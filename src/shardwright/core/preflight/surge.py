"""Whether an update that starts new pods before old ones end has room for them, beside all that the deployment has."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from shardwright.core.preflight import placing, telling
from shardwright.core.preflight.facts import Untold

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shardwright.core.lifecycle.updates import Course
    from shardwright.core.preflight.facts import ClusterFacts
    from shardwright.core.preflight.needs import Needs, PodNeed
    from shardwright.core.rules.finding import Finding

__all__ = ["check_surge", "spare_pods", "taken_in_all"]


def spare_pods(pods: tuple[PodNeed, ...], replicas: int, surge: int) -> tuple[PodNeed, ...]:
    """The pods of so many replicas more; `pods` are those of `replicas`."""
    if not replicas or not surge:
        return ()
    return tuple(dataclasses.replace(pod, count=-(-pod.count * surge // replicas)) for pod in pods if pod.is_member)


def taken_in_all(
    used: Mapping[str, Mapping[str, float]], own: Mapping[str, Mapping[str, float]]
) -> dict[str, dict[str, float]]:
    """What pods of others and of the deployment itself take, by node."""
    found = {name: dict(amounts) for name, amounts in used.items()}
    for name, amounts in own.items():
        there = found.setdefault(name, {})
        for resource, amount in amounts.items():
            there[resource] = there.get(resource, 0.0) + amount
    return found


def check_surge(course: Course | None, needs: Needs, facts: ClusterFacts, *, end_first: str) -> Iterator[Finding]:
    """New pods have room beside the old ones; nothing is told of updates that start no pod before one ends.

    `end_first`: how the old pods are ended first on this platform.
    """
    if course is None or course.how != "surge":
        return
    nodes, used = facts.nodes, facts.used
    if isinstance(nodes, Untold) or isinstance(used, Untold):
        untold = nodes if isinstance(nodes, Untold) else used
        if isinstance(untold, Untold):
            yield telling.unknown("cluster.surge", f"whether an update of {course.subject} has room", untold)
        return
    known = [node for node in nodes if facts.looked_at is None or node.name in facts.looked_at]
    yield _room(course, placing.place(known, needs.spare, taken_in_all(used, facts.own_by_node)), end_first)


def _room(course: Course, missing: Mapping[str, int], end_first: str) -> Finding:
    """An update that starts new pods before old ones end has room for them."""
    if not missing:
        return telling.fine("cluster.surge", f"an update of {course.subject} has room for {_wanted(course)}")
    told = ", ".join(f"{count} {name}" for name, count in missing.items())
    message = f"an update of {course.subject} starts new pods first, and there is no room for {told}: {_wanted(course)}"
    field = course.field.partition(": ")[0]
    change = f"; or change {field} (target.options, target.patches)" if field else ""
    if course.needs_surge:
        return telling.wrong(
            "cluster.surge",
            message,
            why="old pods end only when new ones are ready, so the update never comes to its end",
            fix=f"free them or add nodes{change}; or end the old pods first: {end_first}",
            value=course.field,
        )
    return telling.warn(
        "cluster.surge",
        message,
        why="it goes on as old pods end, more slowly and with fewer replicas that serve",
        fix=f"free them or add nodes{change}",
        value=course.field,
    )


def _wanted(course: Course) -> str:
    because = f" ({course.field})" if course.field else ""
    count = course.more_gpus
    return f"{count} more GPU{'s' if count > 1 else ''}{because}" if count else f"its pods{because}"
