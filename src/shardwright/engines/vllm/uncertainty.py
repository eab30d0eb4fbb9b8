"""How far the counted terms may be off: one half width a source of error, put together as the root of their squares.

Errors of different sources do not depend on each other, so they add up as squares do. Constants and what each was seen from stand
in facts.toml, `[uncertainty]`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from shardwright.core.plan.version import parse_version
from shardwright.engines.vllm import facts, repacking
from shardwright.units import GIB

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.memory import Evidence, Term
    from shardwright.core.shape.base import ModelShape
    from shardwright.engines.vllm.stage import Stage

__all__ = ["half_width_bytes"]


def half_width_bytes(stage: Stage, terms: tuple[Term, ...], kind: Evidence) -> int:
    """The counted terms of a rank of that stage may be this much smaller or larger."""
    squares = sum(width * width for width in (*_fixed(stage, kind), *_shares(stage, terms, kind)))
    return round(math.sqrt(squares))


def _fixed(stage: Stage, kind: Evidence) -> Iterator[float]:
    """Sources with a width of their own."""
    known, several = facts.table("uncertainty"), stage.question.layout.world_size > 1
    yield known["constant_gib"] * GIB
    yield known["outside_gib"][1 if several else 0] * GIB
    if stage.is_last and stage.tensor > 1:
        yield known["gather_gib"] * GIB
    if kind != "measured":
        yield known["not_measured_gib"] * GIB
    if stage.question.shape.architecture not in {point.architecture for point in facts.points()}:
        yield known["new_architecture_gib"] * GIB
    if stage.question.gpu.name not in {point.gpu for point in facts.points()}:
        yield known["new_gpu_gib"] * GIB
    if kind == "bound":
        yield known["bound_gib"] * GIB
    yield known["device_share"].get(stage.question.gpu.device, 0.0) * stage.question.gpu.memory_bytes
    yield _version_gib(stage) * GIB


def _version_gib(stage: Stage) -> float:
    """Wider for a version that was read but never measured, wider still for one that was not read."""
    known, version = facts.table("uncertainty"), parse_version(stage.question.version)
    if version in {parse_version(point.version) for point in facts.points()}:
        return 0.0
    is_read = version in {parse_version(known_version) for known_version in facts.versions()}
    return known["version_read_gib"] if is_read else known["version_gap_gib"]


def _shares(stage: Stage, terms: tuple[Term, ...], kind: Evidence) -> Iterator[float]:
    """Sources whose width is a part of the terms they belong to."""
    known, question = facts.table("uncertainty"), stage.question
    sums = {
        name: sum(term.bytes for term in terms if term.name == name and term.counted)
        for name in ("weights", "activation", "graphs")
    }
    factor = known["measured_factor"] if kind == "measured" else 1.0
    yield factor * known[_activation_share(stage)] * sums["activation"]
    yield known["graphs_share"][stage.flags.runner] * sums["graphs"]
    if question.shape.quantization is not None or stage.flags.online_element_bytes is not None:
        yield factor * known[_weights_share(question.shape)] * sums["weights"]
    if stage.flags.lora_slots or stage.flags.speculation:
        yield known["extras_gib"] * GIB


def _weights_share(shape: ModelShape) -> str:
    if "mxfp4" in (shape.quantization or ""):
        return "mxfp4_share"
    return "packed_share" if repacking.is_packed(shape) else "quantized_share"


def _activation_share(stage: Stage) -> str:
    shape = stage.question.shape
    if stage.flags.encoder:
        return "encoder_share"
    if any(layer.state is not None for layer in shape.layers):
        return "recurrent_share"
    if shape.latent is not None:
        return "latent_share"
    return "mixture_share" if shape.mixture is not None else "activation_share"
