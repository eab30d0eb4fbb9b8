"""Nodes: GPUs that there are and that are free, room for all pods at once, topology, and addresses."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from shardwright.core.preflight import devices, placing, telling
from shardwright.core.preflight.devices import counted
from shardwright.core.preflight.facts import Untold

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shardwright.core.preflight.facts import ClusterFacts, Node
    from shardwright.core.preflight.needs import GpuNeed, Needs, PodNeed
    from shardwright.core.rules.finding import Finding

__all__ = ["check_nodes"]

_SHOWN = 3


def check_nodes(needs: Needs, facts: ClusterFacts) -> Iterator[Finding]:
    """All that is asked of nodes."""
    if not needs.pods:
        return
    nodes = facts.nodes
    if isinstance(nodes, Untold):
        yield telling.unknown("cluster.room", "whether nodes have room for its pods", nodes, requirements=("R016",))
        return
    having = [node for node in nodes if needs.gpu and node.allocatable.get(needs.gpu.resource)]
    told = tuple(_gpus(needs, needs.gpu, nodes, having)) if needs.gpu else ()
    yield from told
    if all(finding.status == "pass" for finding in told):
        yield from _room(needs, facts, nodes)
    if needs.gpu is not None and having:
        taking = [node for node in having if any(not placing.refusal(node, pod) for pod in _gpu_pods(needs))]
        yield from devices.check_devices(needs, needs.gpu, nodes, taking)
    yield from _topology(needs, nodes)
    yield from _families(needs, nodes)


def _gpu_pods(needs: Needs) -> tuple[PodNeed, ...]:
    resource = needs.gpu.resource if needs.gpu else ""
    return tuple(pod for pod in needs.members if pod.requests.get(resource))


def _gpus(needs: Needs, gpu: GpuNeed, nodes: Sequence[Node], having: Sequence[Node]) -> Iterator[Finding]:
    """Enough nodes have the GPUs of a pod, and let it in."""
    count = int(sum(node.allocatable[gpu.resource] for node in having))
    wanted = int(sum(pod.requests[gpu.resource] * pod.count for pod in _gpu_pods(needs)))
    if not having:
        yield telling.wrong(
            "cluster.gpus",
            f"none of {len(nodes)} nodes has {gpu.resource}; {wanted} are needed",
            why="without its device plug-in a node's GPUs cannot be asked for",
            fix=_install(needs, gpu, nodes),
            requirements=("R016",),
        )
    elif count < wanted:
        yield telling.wrong(
            "cluster.gpus",
            f"the cluster has {count} {gpu.resource} on {counted(len(having))}; {wanted} are needed",
            why="pods that ask for more devices than there are never start",
            fix="add nodes, or plan with fewer: shardwright plan -f FILE --set hardware.nodes=N",
            requirements=("R016",),
        )
    else:
        yield telling.fine(
            "cluster.gpus",
            f"{count} {gpu.resource} on {counted(len(having))}; {wanted} are needed",
            requirements=("R016",),
        )


def _install(needs: Needs, gpu: GpuNeed, nodes: Sequence[Node]) -> str:
    """How devices come to be asked for; what nodes have instead."""
    vendor = gpu.resource.partition("/")[0]
    steps = next((" && ".join(each.install) for each in needs.operators if each.devices == vendor), "")
    return f"{steps or 'install the operator of these devices'}; or set hardware.resource: {_devices(nodes)}"


def _room(needs: Needs, facts: ClusterFacts, nodes: Sequence[Node]) -> Iterator[Finding]:
    """All pods of the deployment have room at the same time, now."""
    pods = needs.members
    if not pods:
        return
    never = placing.place(nodes, pods, {})
    if never:
        told = ", ".join(f"{count} of {_named(pods, name).count} {name}" for name, count in never.items())
        yield telling.wrong(
            "cluster.room",
            f"no node can take {told}, even if nothing else ran",
            why=_reasons(nodes, _named(pods, next(iter(never)))),
            fix="pods.tolerations, pods.nodeSelector and pods.memory say what a node must have; or add such nodes",
        )
        return
    if isinstance(facts.used, Untold):
        yield telling.unknown("cluster.room", "its pods fit the nodes; what is free there", facts.used)
        return
    known = [node for node in nodes if facts.looked_at is None or node.name in facts.looked_at]
    now = placing.place(known, pods, facts.used)
    if now:
        told = ", ".join(f"{count} of {_named(pods, name).count} {name}" for name, count in now.items())
        yield telling.wrong(
            "cluster.room",
            f"other pods leave no room now for {told}{_free(needs, facts, nodes)}",
            why="a group starts only when all of its pods have a node",
            fix="end what is not needed, add nodes, or wait for a queue to admit it",
        )
    else:
        yield telling.fine("cluster.room", f"all {sum(pod.count for pod in pods)} pods have room now")


def _free(needs: Needs, facts: ClusterFacts, nodes: Sequence[Node]) -> str:
    """`: 3 of 16 nvidia.com/gpu are free`."""
    if needs.gpu is None or isinstance(facts.used, Untold):
        return ""
    resource, used = needs.gpu.resource, facts.used
    total = sum(node.allocatable.get(resource, 0.0) for node in nodes)
    taken = sum(used.get(node.name, {}).get(resource, 0.0) for node in nodes)
    return f": {int(total - taken)} of {int(total)} {resource} are free"


def _reasons(nodes: Sequence[Node], pod: PodNeed) -> str:
    """Why nodes refuse a pod, the most frequent reason first, with how many nodes it holds for."""
    found = Counter(reason for node in nodes if (reason := placing.refusal(node, pod)))
    told = "; ".join(f"{reason} ({counted(count)})" for reason, count in found.most_common(_SHOWN))
    return told or f"{counted(len(nodes))} could take one, but not all of them"


def _topology(needs: Needs, nodes: Sequence[Node]) -> Iterator[Finding]:
    """Nodes have the labels by which groups are placed."""
    for key in needs.topology_keys:
        without = [node for node in nodes if key not in node.labels and _may_be_used(node, needs)]
        domains = Counter(node.labels[key] for node in nodes if key in node.labels)
        if not domains:
            yield telling.wrong(
                "cluster.topology",
                f"groups are placed by the label {key}, and no node has it",
                why="pods that ask for a place in one domain find none",
                fix=f"label the nodes: kubectl label node NAME {key}=DOMAIN, or leave the option out",
            )
        elif without:
            yield telling.warn(
                "cluster.topology",
                f"{counted(len(without))} that may be chosen have no label {key}, as {without[0].name}",
                why="groups are never placed there",
                fix=f"kubectl label node {without[0].name} {key}=DOMAIN",
            )
        else:
            yield telling.fine("cluster.topology", f"{len(domains)} domains by {key}")


def _may_be_used(node: Node, needs: Needs) -> bool:
    return any(not placing.refusal(node, pod) for pod in needs.members)


def _families(needs: Needs, nodes: Sequence[Node]) -> Iterator[Finding]:
    """Pods have addresses of the family that is asked for."""
    if not needs.ip_family:
        return
    told = frozenset(family for node in nodes for family in node.families)
    if not told:
        yield telling.unknown(
            "cluster.ip-family",
            f"whether pods have {needs.ip_family} addresses",
            Untold(why="no node says which addresses its pods have"),
        )
    elif needs.ip_family not in told:
        yield telling.wrong(
            "cluster.ip-family",
            f"pods are to have {needs.ip_family} addresses; nodes give {', '.join(sorted(told))}",
            why="members of a group would wait for addresses that never come",
            fix=f"set network.ipFamily: {min(told)}, or leave it out",
        )
    else:
        yield telling.fine("cluster.ip-family", f"pods have {needs.ip_family} addresses")


def _named(pods: Iterable[PodNeed], name: str) -> PodNeed:
    return next(pod for pod in pods if pod.name == name)


def _devices(nodes: Sequence[Node]) -> str:
    found = sorted({key for node in nodes for key in node.allocatable if "/" in key})
    return f"nodes have {', '.join(found)}" if found else "no node has any device"
