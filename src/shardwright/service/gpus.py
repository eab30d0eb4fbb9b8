"""Use case: the catalogue of GPUs and node shapes, every figure with its source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shardwright import errors
from shardwright.facts import load as facts

if TYPE_CHECKING:
    from shardwright.facts.load import GpuFacts, NodeShape

__all__ = ["find", "gpu_documents", "node_documents"]


def gpu_documents() -> list[dict[str, Any]]:
    """All GPUs, the one with least memory first; keys of figures that are not known are null."""
    return sorted((_gpu_document(one) for one in facts.gpu_facts()), key=lambda one: (one["memoryBytes"], one["name"]))


def node_documents() -> list[dict[str, Any]]:
    """All node shapes, by name."""
    return [_node_document(one) for one in sorted(facts.node_shapes(), key=lambda shape: shape.name)]


def find(name: str) -> dict[str, Any]:
    """The GPU or node shape of that name; InputError names the nearest GPUs and where node shapes are listed."""
    try:
        wanted = facts.gpu(name).name
    except errors.InputError as error:
        try:
            return _node_document(facts.node_shape(name))
        except errors.InputError:
            hint = "see shardwright gpu list, and shardwright gpu list --nodes"
            raise errors.InputError(error.message, hint=hint) from error
    return next(_gpu_document(one) for one in facts.gpu_facts() if one.gpu.name == wanted)


def _gpu_document(one: GpuFacts) -> dict[str, Any]:
    known = one.gpu
    low, high = one.memory_seen_bytes or (None, None)
    return {
        "name": known.name,
        "aliases": list(one.aliases),
        "memoryBytes": known.memory_bytes,
        "memorySeenLowBytes": low,
        "memorySeenHighBytes": high,
        "memoryEvidence": one.memory_evidence,
        "memorySource": one.memory_source,
        "bandwidthBytesPerSecond": known.bandwidth_bytes_per_second,
        "denseFlops": known.dense_flops,
        "computeCapability": known.compute_capability,
        "link": known.link,
        "linkBytesPerSecond": known.link_bytes_per_second,
        "dataSheet": one.data_sheet,
        "resource": known.resource,
        "device": known.device,
        "nodeShapes": [shape.name for shape in facts.node_shapes() if shape.gpu == known.name],
    }


def _node_document(shape: NodeShape) -> dict[str, Any]:
    return {
        "name": shape.name,
        "gpu": shape.gpu,
        "gpus": shape.gpus,
        "cpus": shape.cpus,
        "memoryBytes": shape.memory_bytes,
        "networkBitsPerSecond": shape.network_bits_per_second,
        "rdmaBitsPerSecond": shape.rdma_bits_per_second,
        "source": shape.source,
    }
