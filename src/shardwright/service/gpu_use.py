"""Use case: what the devices of a deployment do now, asked of the driver in every pod, beside what was planned."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

from shardwright import errors
from shardwright.core.lifecycle import devices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shardwright.core.lifecycle.snapshot import Member
    from shardwright.kubernetes.client import Client
    from shardwright.kubernetes.live import views
    from shardwright.service.seeing import Subject

__all__ = ["devices_of", "ray_of"]

_WIDTH = 16
_SECONDS = 30.0
_RAY = ("RayCluster", "RayService")


def devices_of(client: Client, subject: Subject) -> list[dict[str, Any]]:
    """Of each member its devices; `reason` says why that could not be told."""
    from shardwright.kubernetes.live import observing, seen  # noqa: PLC0415 - see clusters

    pods = {each.metadata.name: each for each in observing.pods_of(client, subject.namespace, subject.parts)}
    members = [each for each in seen.members_of(pods.values(), subject.parts) if each.state != "ending"]
    with ThreadPoolExecutor(_WIDTH) as pool:
        return list(pool.map(partial(_member, client, subject), members, [pods[each.name] for each in members]))


def _member(client: Client, subject: Subject, member: Member, pod: views.Pod) -> dict[str, Any]:
    heading = {"name": member.name, "replica": member.group, "member": member.index, "node": member.node}
    empty: dict[str, Any] = {"resource": None, "devices": [], "text": None, "reason": None}
    resource, tool = _tool(pod)
    if not tool:
        return heading | empty | {"reason": "it asks for no GPU that is known"}
    told = heading | empty | {"resource": resource}
    if member.state not in {"running", "ready"}:
        return told | {"reason": f"it is {member.state}"}
    try:
        text = _run(client, subject, member, tool)
    except errors.ShardwrightError as problem:
        return told | {"reason": f"could not tell: {problem.message}"}
    seen = devices.devices_in(text)
    planned = devices.planned_bytes(subject.revision.plan, member.index) if subject.revision else ()
    return told | {"devices": _documents(seen, planned), "text": None if seen else text.strip()}


def _tool(pod: views.Pod) -> tuple[str, Sequence[str]]:
    from shardwright.kubernetes.accelerators import accelerator_of  # noqa: PLC0415 - as its neighbours

    for container in pod.spec.containers:
        for resource in container.resources.limits:
            known = accelerator_of(resource) if "/" in resource else None
            if known is not None:
                return resource, known.status_tool
    return "", ()


def _documents(found: Sequence[devices.Device], planned: Sequence[tuple[int, int]]) -> list[dict[str, Any]]:
    """Devices stand in the order of the ranks of their pod: engines take them by their index."""
    return [
        {
            "index": device.index,
            "device": device.name,
            "rank": planned[place][0] if place < len(planned) else None,
            "usedBytes": device.used_bytes,
            "plannedBytes": planned[place][1] if place < len(planned) else None,
            "totalBytes": device.total_bytes,
            "use": device.use,
        }
        for place, device in enumerate(found)
    ]


def ray_of(client: Client, subject: Subject, leaders: Sequence[Member]) -> dict[str, Any] | None:
    """What `ray status` says in the leader; None where no Ray is used."""
    executor = subject.revision.plan["engine"].get("executor") if subject.revision else ""
    if executor != "ray" and subject.parts.root.kind not in _RAY:
        return None
    leader = next((each for each in leaders if each.index == 0 and each.state in {"running", "ready"}), None)
    if leader is None:
        return {"text": None, "reason": "could not tell: no leader runs"}
    try:
        return {"text": _run(client, subject, leader, ("ray", "status")).strip(), "reason": None}
    except errors.ShardwrightError as problem:
        return {"text": None, "reason": f"could not tell: {problem.message}"}


def _run(client: Client, subject: Subject, member: Member, argv: Sequence[str]) -> str:
    """What a program in the engine's container prints; TargetError if it fails."""
    from shardwright.kubernetes.client import streams  # noqa: PLC0415 - see clusters

    container = subject.parts.container_of(member.index)
    run = partial(streams.run_in, container=container, timeout_seconds=_SECONDS)
    output = run(client, subject.namespace, member.name, argv)
    if output.exit_code:
        said = (output.stderr or output.stdout).strip()[:200]
        raise errors.TargetError(f"{argv[0]} ended with {output.exit_code}: {said}")
    return output.stdout
