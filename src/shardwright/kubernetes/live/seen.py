"""Pods, Jobs, events and conditions as the API has them, as what is seen of a deployment; pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shardwright.core.lifecycle.snapshot import Condition, Download, Member, Remark, Snapshot
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shardwright.core.lifecycle.parts import Parts
    from shardwright.core.lifecycle.snapshot import MemberState
    from shardwright.kubernetes.live import views

__all__ = ["JOB_LABEL", "Looked", "downloads_of", "is_over", "members_of", "remarks_of", "snapshot_of"]

_GPU_RESOURCE = re.compile(r"/(gpu|gaudi|i915|xe)$|^nvidia\.com/mig-")
_FAILED_WAITS = frozenset({"CrashLoopBackOff", "RunContainerError", "StartError"})
_UNTOLD_WAITS = frozenset({"ContainerCreating", "PodInitializing"})
_MESSAGE_END = 500
"""Characters of a termination message that are shown: its end says why."""
JOB_LABEL = "batch.kubernetes.io/job-name"


@frozen(kw_only=True)
class Looked:
    """What was read of one deployment."""

    root: views.Root | None
    """None: it is not there."""
    pods: Sequence[views.Pod]
    jobs: Sequence[views.Job] = ()
    """Those that bring the model."""
    fetchers: Sequence[views.Pod] = ()
    """The pods of those Jobs."""
    events: Sequence[views.Event] = ()


def snapshot_of(namespace: str, target: str, parts: Parts, looked: Looked) -> Snapshot:
    """All that is seen of a deployment at one moment."""
    root = looked.root
    conditions = _conditions(root.status.conditions if root else (), keeps_words=parts.root.keeps_words)
    members = members_of(looked.pods, parts)
    return Snapshot(
        namespace=namespace,
        name=parts.root.name,
        target=target,
        is_present=root is not None,
        is_ending=bool(root and root.metadata.deletion_timestamp),
        is_heeded=_is_heeded(root, parts),
        replicas=parts.replicas,
        size=parts.size,
        members=members,
        conditions=conditions,
        is_ready=_is_ready(parts.root.ready_condition, conditions, members),
        downloads=tuple(downloads_of(looked.jobs, looked.fetchers)),
        remarks=remarks_of(looked.events),
        annotations=root.metadata.annotations if root else {},
    )


def _is_heeded(root: views.Root | None, parts: Parts) -> bool:
    if root is None or not parts.root.keeps_generation:
        return True
    return root.status.observed_generation >= root.metadata.generation


def _is_ready(wanted: str, conditions: Iterable[Condition], members: Iterable[Member]) -> bool:
    told = [each.status == "True" for each in conditions if each.kind == wanted]
    if told:
        return any(told)
    leaders = [each for each in members if each.index == 0]
    return bool(leaders) and all(each.state == "ready" for each in leaders)


def members_of(pods: Iterable[views.Pod], parts: Parts) -> tuple[Member, ...]:
    """Members in the order of replica and index; a pod that ends comes after the one that takes its place."""
    ordered = sorted(pods, key=lambda pod: (bool(pod.metadata.deletion_timestamp), pod.metadata.name))
    leaders: list[views.Pod] = []
    workers: list[views.Pod] = []
    for pod in ordered:
        (leaders if _is_leader(pod, parts) else workers).append(pod)
    each_group = max(1, parts.size - 1)
    found = [_member(pod, _label(pod, parts.group_label, place), 0, parts) for place, pod in enumerate(leaders)]
    for place, pod in enumerate(workers):
        group, index = place // each_group, place % each_group + 1
        found.append(_member(pod, _label(pod, parts.group_label, group), _label(pod, parts.index_label, index), parts))
    return tuple(sorted(found, key=lambda each: (each.group, each.index, each.state == "ending", each.name)))


def _is_leader(pod: views.Pod, parts: Parts) -> bool:
    return all(pod.metadata.labels.get(key) == value for key, value in parts.leader_labels.items())


def _label(pod: views.Pod, label: str, otherwise: int) -> int:
    text = pod.metadata.labels.get(label, "")
    return int(text) if text.isdigit() else otherwise


def _member(pod: views.Pod, group: int, index: int, parts: Parts) -> Member:
    state, reason, message = _state(pod, _status_of(pod, parts.container_of(index)))
    gates = _unmet_gates(pod) if state in {"running", "ready"} else ()
    if gates and not reason and _is_true(pod, "ContainersReady"):
        reason, message = "readiness gate", "; ".join(_told(pod, gate) for gate in gates)
    return Member(
        name=pod.metadata.name,
        group=group,
        index=index,
        state=state,
        uid=pod.metadata.uid,
        node=pod.spec.node_name,
        address=pod.status.pod_ip,
        restarts=sum(each.restart_count for each in pod.status.container_statuses),
        started_at=pod.status.start_time,
        reason=reason,
        message=message,
        gpus=_gpus(pod),
        gates=gates,
        made_by=next((f"{each.kind} {each.name}" for each in pod.metadata.owner_references if each.controller), ""),
    )


def _unmet_gates(pod: views.Pod) -> tuple[str, ...]:
    wanted = (each.condition_type for each in pod.spec.readiness_gates)
    return tuple(gate for gate in wanted if not _is_true(pod, gate))


def _is_true(pod: views.Pod, condition: str) -> bool:
    return any(each.type == condition and each.status == "True" for each in pod.status.conditions)


def _told(pod: views.Pod, gate: str) -> str:
    """A gate that is not true, with what is said of it."""
    found = next((each for each in pod.status.conditions if each.type == gate), None)
    if found is None:
        return f"{gate}: nobody has set it"
    return f"{gate} is {found.status}" + (f": {found.message or found.reason}" if found.message or found.reason else "")


def _status_of(pod: views.Pod, container: str) -> views.ContainerStatus | None:
    found = pod.status.container_statuses
    named = [each for each in found if each.name == container]
    return next(iter(named or found), None)


def _state(pod: views.Pod, container: views.ContainerStatus | None) -> tuple[MemberState, str, str]:
    if pod.metadata.deletion_timestamp:
        return "ending", "", ""
    if container is not None and container.state.terminated is not None:
        return "ended", *_exit(container.state.terminated)
    if pod.status.phase in {"Failed", "Succeeded"}:
        return "ended", pod.status.reason, pod.status.message
    if container is None:
        return _unplaced(pod)
    if container.state.waiting is not None:
        return _waiting(pod, container, container.state.waiting)
    return ("ready" if _is_true(pod, "Ready") else "running"), "", ""


def _unplaced(pod: views.Pod) -> tuple[MemberState, str, str]:
    """No container yet: it waits for a node, or the node has not said anything."""
    for each in pod.status.conditions:
        if each.type == "PodScheduled" and each.status == "False":
            return "pending", each.reason, each.message
    return ("creating" if pod.spec.node_name else "pending"), "", ""


def _waiting(pod: views.Pod, container: views.ContainerStatus, waiting: views.Waiting) -> tuple[MemberState, str, str]:
    if waiting.reason in _FAILED_WAITS:
        last = container.last_state.terminated
        return "waiting", *(_exit(last) if last else (waiting.reason, waiting.message))
    unfinished = [each.name for each in pod.status.init_container_statuses if not each.ready]
    if unfinished:
        return "creating", f"init container {unfinished[0]}", waiting.message
    return "creating", "" if waiting.reason in _UNTOLD_WAITS else waiting.reason, waiting.message


def _exit(terminated: views.Terminated) -> tuple[str, str]:
    """`OOMKilled`, `exit 1`, and the end of what was written to its termination log."""
    is_named = terminated.reason not in {"", "Error", "Completed"}
    return (terminated.reason if is_named else f"exit {terminated.exit_code}"), terminated.message[-_MESSAGE_END:]


def _gpus(pod: views.Pod) -> int:
    limits = [pair for container in pod.spec.containers for pair in container.resources.limits.items()]
    if not limits:
        return 0
    return sum(int(count) for name, count in limits if _GPU_RESOURCE.search(name) and str(count).isdigit())


def _conditions(found: Iterable[views.Condition], *, keeps_words: bool) -> tuple[Condition, ...]:
    """Of what is False the words are left out where they are of the time when it was True."""
    return tuple(
        Condition(each.type, each.status)
        if keeps_words and each.status == "False"
        else Condition(each.type, each.status, each.reason, each.message)
        for each in found
    )


def is_over(job: views.Job) -> bool:
    """Whether a Job is complete, or has failed for good."""
    return any(each.status == "True" and each.type in {"Complete", "Failed"} for each in job.status.conditions)


def downloads_of(jobs: Iterable[views.Job], pods: Sequence[views.Pod]) -> Iterator[Download]:
    """Jobs that bring the model, and what their pods wait for."""
    for job in jobs:
        name = job.metadata.name
        true = {each.type: each for each in job.status.conditions if each.status == "True"}
        own = [pod for pod in pods if pod.metadata.labels.get(JOB_LABEL) == name]
        pod = max(own, key=lambda each: each.metadata.creation_timestamp, default=None)
        pod_name = pod.metadata.name if pod else ""
        if "Complete" in true:
            yield Download(name, "complete", pod=pod_name)
        elif "Failed" in true:
            yield Download(name, "failed", true["Failed"].message, pod_name)
        else:
            yield _under_way(name, pod)


def _under_way(name: str, pod: views.Pod | None) -> Download:
    if pod is None:
        return Download(name, "waiting", "it has no pod")
    state, reason, message = _state(pod, _status_of(pod, ""))
    if state in {"running", "ready"}:
        return Download(name, "running", pod=pod.metadata.name)
    told = ": ".join(part for part in (f"{pod.metadata.name} is {state}", reason, message) if part)
    return Download(name, "waiting", told, pod.metadata.name)


def remarks_of(events: Iterable[views.Event]) -> tuple[Remark, ...]:
    """Warnings, each text once with how often it came, the latest last."""
    found: dict[tuple[str, str, str], Remark] = {}
    for event in events:
        if event.type == "Warning":
            remark = _remark(event)
            key = (remark.subject, remark.reason, remark.message)
            before = found.get(key)
            found[key] = remark if before is None else _together(before, remark)
    return tuple(sorted(found.values(), key=lambda each: each.at))


def _remark(event: views.Event) -> Remark:
    series = event.series
    count = event.count or (series.count if series else 1)
    at = event.last_timestamp or (series.last_observed_time if series else None) or event.event_time or ""
    about = event.involved_object
    return Remark(f"{about.kind} {about.name}", event.reason or "", event.message or "", count, at)


def _together(one: Remark, other: Remark) -> Remark:
    return Remark(one.subject, one.reason, one.message, one.count + other.count, max(one.at, other.at))
