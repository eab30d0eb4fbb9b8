"""Rules on groups whose workers are all made from one template, whichever controller makes them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shardwright.kubernetes.render import pods
from shardwright.kubernetes.rules.findings import error, warning

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from shardwright.core.deployment import Deployment, Launch
    from shardwright.core.rules import Finding

__all__ = ["findings_of", "is_service_name"]

_SERVICE_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_REFERENCE = re.compile(r"(?<!\$)\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)")


def findings_of(deployment: Deployment, *, defined: Collection[str]) -> Iterator[Finding]:
    """Findings of all these rules; `defined`: variables that the platform puts before all others."""
    yield from ports(deployment)
    yield from references(deployment, defined)
    yield from even_workers(deployment)
    yield from one_kind_of_worker(deployment)


def is_service_name(text: str) -> bool:
    """Whether it is a DNS-1035 label, as names of Services are; their length is another matter."""
    return _SERVICE_NAME.fullmatch(text) is not None


def ports(deployment: Deployment) -> Iterator[Finding]:
    """Each port of a member is for one purpose."""
    for launch in _launches(deployment):
        numbers = [port.number for port in launch.ports]
        twice = sorted({number for number in numbers if numbers.count(number) > 1})
        if twice:
            yield error(
                "group.ports-clash",
                path="engine.args",
                value=", ".join(twice),
                message=f"the {launch.role} opens port {', '.join(twice)} for more than one purpose",
                fix="remove the ports from engine.args; they are chosen apart from each other",
                requirements=("R138",),
            )


def references(deployment: Deployment, defined: Collection[str]) -> Iterator[Finding]:
    """Kubernetes leaves `$(NAME)` as it stands if no variable of that name stands before it."""
    for launch in _launches(deployment):
        missing: list[str] = []
        known = {*defined, pods.OWN_ADDRESS_VARIABLE.name, *(entry.name for entry in pods.HOME_VARIABLES)}
        for entry in launch.environment:
            missing += _undefined(entry.value, known) if isinstance(entry.value, str) else []
            known.add(entry.name)
        for part in launch.argv:
            missing += _undefined(part, known)
        for text in sorted(set(missing)):
            yield warning(
                "group.variable-undefined",
                path="engine",
                value=f"$({text})",
                message=f"the {launch.role} refers to $({text}), which is not defined before it and stays as it is",
                fix=f"define {text} in engine.env, or write $$({text}) if it is meant literally",
            )


def even_workers(deployment: Deployment) -> Iterator[Finding]:
    """All workers are made from one template, so they have the same number of GPUs."""
    counts = {len(member.ranks) for member in deployment.group.members if member.role == "worker"}
    if len(counts) > 1:
        yield error(
            "group.workers-uneven",
            path="parallelism",
            value=", ".join(str(count) for count in sorted(counts)),
            message=f"workers would need different numbers of GPUs ({min(counts)} to {max(counts)})",
            fix="choose tensor x pipeline so that every node uses the same number of GPUs",
            requirements=("R125",),
        )


def one_kind_of_worker(deployment: Deployment) -> Iterator[Finding]:
    """The leader's node can be chosen, and one kind of node for all workers, nothing finer."""
    kinds = [gpu.name for gpu in deployment.plan.gpus]
    workers = sorted(set(kinds[1:]))
    if len(workers) > 1:
        yield error(
            "group.workers-mixed",
            path="hardware.pools",
            value=", ".join(kinds),
            message=f"workers on nodes of several kinds ({', '.join(workers)}) come from one template",
            why="nothing decides which worker gets which node, and stages are sized to their nodes",
            fix="plan a group whose workers are all on one kind of node; the leader may be on another",
            requirements=("R040",),
        )
    elif workers and workers[0] != kinds[0]:
        yield from _pinned(deployment, kinds[0], workers[0])


def _pinned(deployment: Deployment, leader: str, worker: str) -> Iterator[Finding]:
    asked = deployment.recipe.pods
    chosen = [role.node_selector if role else {} for role in (asked.leader, asked.worker)]
    if not all(chosen) or chosen[0] == chosen[1]:
        yield error(
            "group.nodes-not-pinned",
            path="pods.leader.nodeSelector",
            value=f"{leader}, {worker}",
            message=f"the leader is planned for {leader}, the workers for {worker}; nothing keeps them there",
            why="stages are sized to their nodes: on the wrong ones the group runs out of memory",
            fix="give pods.leader.nodeSelector and pods.worker.nodeSelector with labels that tell these nodes apart",
            requirements=("R040",),
        )
    else:
        yield warning(
            "group.nodes-pinned",
            path="pods.leader.nodeSelector",
            value=f"{leader}, {worker}",
            message=f"the leader must come to a node with {leader}, the workers to nodes with {worker}",
            fix="compare the labels of both selectors: kubectl get nodes --show-labels",
            requirements=("R040",),
        )


def _launches(deployment: Deployment) -> tuple[Launch, ...]:
    return (deployment.leader, deployment.worker) if deployment.worker else (deployment.leader,)


def _undefined(text: str, defined: set[str]) -> list[str]:
    return [found for found in _REFERENCE.findall(text) if found not in defined]
