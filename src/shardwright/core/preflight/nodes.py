"""Nodes: GPUs that there are and that are free, their kind and driver, taints, what labels them, and topology."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from shardwright.core.preflight import placing, telling
from shardwright.core.preflight.facts import Untold
from shardwright.units import format_gib

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shardwright.core.preflight.facts import ClusterFacts, Node
    from shardwright.core.preflight.needs import GpuNeed, Needs, PodNeed
    from shardwright.core.rules.finding import Finding

__all__ = ["check_nodes", "cuda_of"]

_MIB = 1 << 20
_SHOWN = 3
_MEMORY_MARGIN = 0.97
"""A label's total is that of the device, a little more or less than what the runtime reports."""
_NFD = "feature.node.kubernetes.io/"
_NVIDIA_CARD = re.compile(r"feature\.node\.kubernetes\.io/pci-(\d+_)?10de(_\d+)?\.present")
_MODEL, _MEMORY = "nvidia.com/gpu.product", "nvidia.com/gpu.memory"


def check_nodes(needs: Needs, facts: ClusterFacts) -> Iterator[Finding]:
    """All that is asked of nodes."""
    if not needs.pods:
        return
    nodes = facts.nodes
    if isinstance(nodes, Untold):
        yield telling.unknown("cluster.room", "whether nodes have room for its pods", nodes, requirements=("R016",))
        return
    yield from _room(needs, facts, nodes)
    if needs.gpu is not None:
        with_gpus = [node for node in nodes if node.allocatable.get(needs.gpu.resource)]
        yield from _gpus(needs, needs.gpu, nodes, with_gpus)
        taking = [node for node in with_gpus if any(not placing.refusal(node, pod) for pod in _gpu_pods(needs))]
        yield from _model(needs.gpu, taking)
        yield from _driver(needs, taking)
        yield from _discovery(needs.gpu, nodes)
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
            fix=f"install the operator of these devices, or give their name in hardware.resource: {_devices(nodes)}",
            requirements=("R016",),
        )
    elif count < wanted:
        yield telling.wrong(
            "cluster.gpus",
            f"the cluster has {count} {gpu.resource} on {_count(having)}; {wanted} are needed",
            why="pods that ask for more devices than there are never start",
            fix="add nodes, or plan with fewer: shardwright plan -f FILE --set hardware.nodes=N",
            requirements=("R016",),
        )
    else:
        yield telling.fine(
            "cluster.gpus",
            f"{count} {gpu.resource} on {_count(having)}; {wanted} are needed",
            requirements=("R016",),
        )


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
    now = placing.place(nodes, pods, facts.used)
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
    counted = Counter(reason for node in nodes if (reason := placing.refusal(node, pod)))
    told = "; ".join(f"{reason} ({_nodes(count)})" for reason, count in counted.most_common(_SHOWN))
    return told or f"{_nodes(len(nodes))} could take one, but not all of them"


def _model(gpu: GpuNeed, nodes: Sequence[Node]) -> Iterator[Finding]:
    """Nodes that may be chosen have the GPU that was planned with."""
    if not gpu.name or not nodes:
        return
    products = Counter(node.labels.get(_MODEL, "") for node in nodes)
    known = {_plain(each) for each in (gpu.name, *gpu.aliases)}
    others = {product: count for product, count in products.items() if product and not _is_named(product, known)}
    small = [node for node in nodes if 0 < _memory(node) < gpu.memory_bytes * _MEMORY_MARGIN]
    told = ", ".join(f"{product or 'no label'} ({_nodes(count)})" for product, count in products.most_common(_SHOWN))
    if small:
        node = small[0]
        yield telling.wrong(
            "cluster.gpu-model",
            f"{_nodes(len(small))} that may be chosen have GPUs of {format_gib(_memory(node))} GiB, as {node.name}; "
            f"the plan is for {gpu.name} with {format_gib(gpu.memory_bytes)} GiB",
            why="the plan does not fit into them, and the engine ends for lack of memory",
            fix=f"choose nodes: pods.nodeSelector: {{{_MODEL}: ...}}, or plan for the GPU that is there; seen: {told}",
            value=node.labels.get(_MODEL, ""),
        )
    elif others:
        yield telling.warn(
            "cluster.gpu-model",
            f"the plan is for {gpu.name}; nodes that may be chosen have {told}",
            why="memory and speed were predicted for another GPU",
            fix=f"choose nodes: pods.nodeSelector: {{{_MODEL}: ...}}, or set hardware.gpu to what is there",
            value=next(iter(others)),
        )
    elif any(products):
        yield telling.fine("cluster.gpu-model", f"{told}, as planned", value=next(filter(None, products)))
    else:
        yield telling.unknown(
            "cluster.gpu-model",
            f"whether nodes have {gpu.name}",
            Untold(why=f"no node with {gpu.resource} has the label {_MODEL}, which GPU feature discovery sets"),
        )


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower().removeprefix("nvidia"))


def _is_named(product: str, known: set[str]) -> bool:
    """`NVIDIA-A10G-SHARED` is an A10G; `NVIDIA-A100-SXM4-80GB` no A10."""
    own = _plain(product)
    own = own.removesuffix("shared")
    return own in known or any(own.startswith(name) and not own[len(name) :][:1].isdigit() for name in known if name)


def _memory(node: Node) -> float:
    text = node.labels.get(_MEMORY, "")
    return float(text) * _MIB if text.isdigit() else 0.0


def _driver(needs: Needs, nodes: Sequence[Node]) -> Iterator[Finding]:
    """The driver of every node that may be chosen runs the CUDA release of the image."""
    if not nodes or needs.gpu is None or not needs.gpu.resource.startswith("nvidia.com/"):
        return
    seen = {node.name: cuda_of(node) for node in nodes}
    labelled = {name: release for name, release in seen.items() if release}
    if not needs.cuda or not labelled:
        why = "no node tells it by label" if needs.cuda else f"which CUDA release {needs.image} holds is not known"
        yield telling.unknown(
            "cluster.driver", "whether drivers run the image's CUDA", Untold(why=why), requirements=("R080",)
        )
        return
    wanted = _release(needs.cuda)
    old = {name: release for name, release in labelled.items() if release[0] < wanted[0]}
    minor = {name: release for name, release in labelled.items() if release[0] == wanted[0] and release < wanted}
    driver = {node.name: _driver_version(node) for node in nodes}
    if old:
        name, release = next(iter(old.items()))
        yield telling.wrong(
            "cluster.driver",
            f"{_nodes(len(old))} have drivers{driver[name]} for CUDA up to {release[0]}.{release[1]}, as {name}; "
            f"the image holds CUDA {needs.cuda}",
            why="a driver runs programs of its own major release of CUDA and of older ones",
            fix=f"update the driver there, choose other nodes, or name an image for CUDA {release[0]} in engine.image",
            value=f"{release[0]}.{release[1]}",
            requirements=("R080",),
        )
    elif minor:
        name, release = next(iter(minor.items()))
        yield telling.warn(
            "cluster.driver",
            f"{_nodes(len(minor))} have drivers{driver[name]} for CUDA {release[0]}.{release[1]}, as {name}; "
            f"the image holds CUDA {needs.cuda}",
            why="within a major release most programs run, but those that compile for the GPU as they start may not",
            fix="update the driver there, or choose other nodes",
            value=f"{release[0]}.{release[1]}",
            requirements=("R080",),
        )
    else:
        lowest = min(labelled.values())
        yield telling.fine(
            "cluster.driver",
            f"drivers run CUDA up to {lowest[0]}.{lowest[1]} or later; the image holds {needs.cuda}",
            value=f"{lowest[0]}.{lowest[1]}",
            requirements=("R080",),
        )


def cuda_of(node: Node) -> tuple[int, int] | None:
    """The newest CUDA release that a node's driver runs, as GPU feature discovery labels it; None without labels."""
    for major, minor in (
        ("cuda.runtime-version.major", "cuda.runtime-version.minor"),
        ("cuda.runtime.major", "cuda.runtime.minor"),
    ):
        one, other = node.labels.get(f"nvidia.com/{major}", ""), node.labels.get(f"nvidia.com/{minor}", "")
        if one.isdigit() and other.isdigit():
            return int(one), int(other)
    return None


def _driver_version(node: Node) -> str:
    """` 550.90.07`, or nothing where no label says it."""
    full = node.labels.get("nvidia.com/cuda.driver-version.full", "")
    parts = [node.labels.get(f"nvidia.com/cuda.driver.{part}", "") for part in ("major", "minor", "rev")]
    told = full or ".".join(part for part in parts if part)
    return f" {told}" if told else ""


def _release(text: str) -> tuple[int, int]:
    major, _, minor = text.partition(".")
    return int(major), int(minor.partition(".")[0] or 0)


def _discovery(gpu: GpuNeed, nodes: Sequence[Node]) -> Iterator[Finding]:
    """Node Feature Discovery has labelled the nodes."""
    if not gpu.resource.startswith("nvidia.com/"):
        return
    cards = [node for node in nodes if any(_NVIDIA_CARD.fullmatch(key) for key in node.labels)]
    if cards:
        yield telling.fine(
            "cluster.feature-discovery",
            f"{_nodes(len(cards))} are labelled as having NVIDIA cards",
            requirements=("R015",),
        )
    elif any(key.startswith(_NFD) for node in nodes for key in node.labels):
        yield telling.warn(
            "cluster.feature-discovery",
            "Node Feature Discovery labels nodes, and none as having an NVIDIA card (vendor 10de)",
            why="the GPU operator puts drivers and plug-ins on nodes with that label only",
            fix="kubectl get nodes -L feature.node.kubernetes.io/pci-10de.present; are these the nodes with GPUs?",
            requirements=("R015",),
        )
    else:
        yield telling.warn(
            "cluster.feature-discovery",
            "no node has a label of Node Feature Discovery",
            why="the GPU operator finds nodes with GPUs by it; clouds that bring drivers themselves do without",
            fix="install Node Feature Discovery where the GPU operator is to manage drivers",
            requirements=("R015",),
        )


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
                f"{_nodes(len(without))} that may be chosen have no label {key}, as {without[0].name}",
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


def _count(nodes: Sequence[Node]) -> str:
    return _nodes(len(nodes))


def _nodes(count: int) -> str:
    return f"{count} node{'' if count == 1 else 's'}"


def _devices(nodes: Sequence[Node]) -> str:
    found = sorted({key for node in nodes for key in node.allocatable if "/" in key})
    return f"nodes have {', '.join(found)}" if found else "no node has any device"
