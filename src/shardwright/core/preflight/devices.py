"""GPUs of nodes by their labels: which kind they are, what their driver runs, and who labelled them.

Source: labels of NVIDIA's GPU feature discovery 0.17 and of Node Feature Discovery 0.17; what a driver runs: NVIDIA, CUDA
compatibility.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from shardwright.core import gpu_names
from shardwright.core.preflight import telling
from shardwright.core.preflight.facts import Untold
from shardwright.units import format_gib

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shardwright.core.preflight.facts import Node
    from shardwright.core.preflight.needs import GpuNeed, Needs
    from shardwright.core.rules.finding import Finding

__all__ = ["check_devices", "counted", "cuda_of"]

_MIB = 1 << 20
_SHOWN = 3
_MEMORY_MARGIN = 0.97
"""A label's total is that of the device, a little more or less than what the runtime reports."""
_NFD = "feature.node.kubernetes.io/"
_CARD = f"{_NFD}pci-"
_NVIDIA_CARD = re.compile(r"(\d+_)?10de(_\d+)?\.present")
"""What follows."""
_MODEL, _MEMORY = "nvidia.com/gpu.product", "nvidia.com/gpu.memory"


def check_devices(needs: Needs, gpu: GpuNeed, nodes: Sequence[Node], taking: Sequence[Node]) -> Iterator[Finding]:
    """All that labels say of GPUs; `taking` are the nodes that may be chosen."""
    yield from _model(gpu, taking)
    yield from _driver(needs, taking)
    yield from _discovery(gpu, nodes)


def counted(count: int) -> str:
    """`1 node`, `2 nodes`."""
    return f"{count} node{'' if count == 1 else 's'}"


def _model(gpu: GpuNeed, nodes: Sequence[Node]) -> Iterator[Finding]:
    """Nodes that may be chosen have the GPU that was planned with."""
    if not gpu.name or not nodes:
        return
    products = Counter(node.labels.get(_MODEL, "") for node in nodes)
    known = (gpu.name, *gpu.aliases)
    others = {
        product: count for product, count in products.items() if product and not gpu_names.is_named(product, known)
    }
    small = [node for node in nodes if 0 < _memory(node) < gpu.memory_bytes * _MEMORY_MARGIN]
    told = ", ".join(f"{product or 'no label'} ({counted(count)})" for product, count in products.most_common(_SHOWN))
    if small:
        node = small[0]
        yield telling.wrong(
            "cluster.gpu-model",
            f"{counted(len(small))} that may be chosen have GPUs of {format_gib(_memory(node))} GiB, as {node.name}; "
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
        why = (
            "no node tells it by label"
            if needs.cuda
            else f"which CUDA release {needs.image or 'the image'} holds is not known"
        )
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
            f"{counted(len(old))} have drivers{driver[name]} for CUDA up to {release[0]}.{release[1]}, as {name}; "
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
            f"{counted(len(minor))} have drivers{driver[name]} for CUDA {release[0]}.{release[1]}, as {name}; "
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


def _is_nvidia_card(label: str) -> bool:
    return label.startswith(_CARD) and _NVIDIA_CARD.fullmatch(label, len(_CARD)) is not None


def _discovery(gpu: GpuNeed, nodes: Sequence[Node]) -> Iterator[Finding]:
    """Node Feature Discovery has labelled the nodes."""
    if not gpu.resource.startswith("nvidia.com/"):
        return
    cards = [node for node in nodes if any(_is_nvidia_card(key) for key in node.labels)]
    if cards:
        yield telling.fine(
            "cluster.feature-discovery",
            f"{counted(len(cards))} are labelled as having NVIDIA cards",
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
