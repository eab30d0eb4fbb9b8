"""GPUs and RDMA devices of a pod as fields: which resource, how many, which GPU its labels name.

Source of label keys: GPU feature discovery of NVIDIA and AMD, GKE, Karpenter, well-known labels of Kubernetes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from shardwright import errors
from shardwright.core.importing import note
from shardwright.facts import load as facts
from shardwright.kubernetes.accelerators import accelerator_of
from shardwright.kubernetes.read.reading_pods import items_of, maps_of, texts_of
from shardwright.kubernetes.render import network

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.importing import Fields
    from shardwright.core.manifests.objects import Value
    from shardwright.core.rules.finding import Finding
    from shardwright.kubernetes.read.reading_pods import Group, ReadPod

__all__ = ["fields_of", "gpus_of"]

_RDMA = re.compile(r"rdma|roce|sriov|mlnx|mlx\d|hostdev|infiniband|\bib\b|_vf\b", re.IGNORECASE)
_FABRIC = "vpc.amazonaws.com/efa"
_GPU_LABELS = (
    *("nvidia.com/gpu.product", "amd.com/gpu.product-name", "cloud.google.com/gke-accelerator"),
    *("karpenter.k8s.aws/instance-gpu-name", "gpu.nvidia.com/model"),
)
_SHAPE_LABELS = ("node.kubernetes.io/instance-type", "beta.kubernetes.io/instance-type")
_MOST = 64
_DEFAULT_RESOURCE = "nvidia.com/gpu"


def fields_of(group: Group) -> tuple[Fields, tuple[Finding, ...]]:
    """`hardware.*` and `network.rdma.*`, and what labels do not tell."""
    resource, count = gpus_of(group.leader.container)
    if not count and group.worker:
        resource, count = gpus_of(group.worker.container)
    hardware, findings = _gpu(group.leader), ()
    if not hardware:
        findings = (
            note(
                "gpu-unknown",
                "no label of the pods says which GPUs their nodes have; a plan needs to know it",
                path="hardware.gpu",
                fix="give --gpu NAME, as L40S; shardwright gpu lists the names",
            ),
        )
    fields: Fields = {
        **hardware,
        "hardware.gpusPerNode": count,
        "hardware.nodes": group.nodes,
        "hardware.resource": resource if resource != _DEFAULT_RESOURCE else None,
    }
    rdma, rdma_findings = _rdma(group.leader)
    return {**{name: value for name, value in fields.items() if value}, **rdma}, (*findings, *rdma_findings)


def gpus_of(container: dict[str, Value]) -> tuple[str, int]:
    """Resource and number of the GPUs that a container asks for; empty and 0 without any."""
    for name, count in _asked(container):
        if accelerator_of(name) and not _RDMA.search(name):
            return name, count
    return "", 0


def _asked(container: dict[str, Value]) -> Iterator[tuple[str, int]]:
    """Extended resources with their number."""
    resources = maps_of(container, "resources")
    listed = {**maps_of(resources, "requests"), **maps_of(resources, "limits")}
    for name, value in listed.items():
        text = str(value)
        if "/" in name and text.isascii() and text.isdigit() and 0 < int(text[:6]) <= _MOST:
            yield name, int(text)


def _gpu(pod: ReadPod) -> Fields:
    wanted = _labels_of(pod)
    for key in _GPU_LABELS:
        for name in _spellings(wanted.get(key, "")):
            try:
                return {"hardware.gpu": facts.gpu(name).name}
            except errors.InputError:
                continue
    for key in _SHAPE_LABELS:
        try:
            return {"hardware.nodeShape": facts.node_shape(wanted[key]).name} if key in wanted else {}
        except errors.InputError:
            continue
    return {}


def _spellings(label: str) -> Iterator[str]:
    """How a label may call a GPU of the catalogue: without the vendor, without what follows its memory."""
    if label:
        yield label
        short = re.sub(r"^(nvidia|amd|tesla)[-_ ]+", "", label, flags=re.IGNORECASE)
        short = re.sub(r"^(tesla|instinct)[-_ ]+", "", short, flags=re.IGNORECASE)
        yield short
        yield re.sub(r"-\d+gb.*$", "", short, flags=re.IGNORECASE)


def _labels_of(pod: ReadPod) -> dict[str, str]:
    """Labels that a node must have: by the selector, and by requirements of affinity that leave one value."""
    found: dict[str, str] = {}
    node = maps_of(maps_of(pod.spec, "affinity"), "nodeAffinity")
    terms = maps_of(node, "requiredDuringSchedulingIgnoredDuringExecution").get("nodeSelectorTerms")
    for term in items_of(terms)[:1]:
        for each in items_of(term.get("matchExpressions")):
            values: Any = each.get("values")
            if each.get("operator") == "In" and isinstance(values, list) and len(values) == 1:  # pyright: ignore[reportUnknownArgumentType] - JSON
                found[str(each.get("key"))] = str(values[0])  # pyright: ignore[reportUnknownArgumentType] - JSON
    return {**found, **texts_of(pod.spec.get("nodeSelector"))}


def _rdma(pod: ReadPod) -> tuple[Fields, tuple[Finding, ...]]:
    """Devices as often as they are asked for, and the networks beside them where they can be paired."""
    devices = [
        name
        for name, count in _asked(pod.container)
        if name == _FABRIC or (_RDMA.search(name) and name != gpus_of(pod.container)[0])
        for _ in range(count)
    ]
    text = pod.annotations.get(network.NETWORKS, "")
    if not devices:
        return {}, ()
    networks = [part.strip().partition("@")[0] for part in text.split(",") if part.strip()] if text[:1] != "[" else []
    if len(networks) not in {0, len(devices)}:
        message = f"{len(networks)} networks stand beside {len(devices)} RDMA devices; a recipe pairs them in order"
        return {"network.rdma.devices": devices}, (note("networks-unpaired", message, path="network.rdma.networks"),)
    return {"network.rdma.devices": devices, "network.rdma.networks": networks}, ()
