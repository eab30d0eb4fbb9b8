"""The shrunken model of a rehearsal: the same architecture, nodes and stages, so small that a laptop serves it.

Decides sizes only; files are written elsewhere. Everything that is smaller than in the model is said in `notes`.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from shardwright import units
from shardwright.core.layout import split_layers
from shardwright.core.shape.families import family_of, shape_of
from shardwright.core.shape.family import TwinSizes
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shardwright.core.layout import Layout
    from shardwright.core.shape.base import ModelShape

__all__ = ["FIRST_RANK_BYTES", "FURTHER_RANK_BYTES", "TOKENS", "NoTwin", "Twin", "twin_config"]

FIRST_RANK_BYTES = round(1.2 * units.GIB)
"""Memory of the first rank with the engine's other processes; own measurement, forked ranks, 2026-11."""
FURTHER_RANK_BYTES = round(0.75 * units.GIB)
"""Memory that each further forked rank adds; own measurement, 2026-11."""
TOKENS = 512
"""Words of the twin's own tokenizer. The model's vocabulary may be a little larger; the rest is never chosen."""

_LAYERS_PER_STAGE = 2
_HEAD_SIZE = 32
"""The smallest that vLLM's CPU attention has. Source: vLLM 0.32, v1/attention/backends/cpu_attn.py."""
_HIDDEN_SIZE = 256
_MAX_POSITIONS = 2048
_VOCABULARY_MULTIPLE = 64


@frozen
class Twin:
    """A model to rehearse with, and the layout it is rehearsed in."""

    config: Mapping[str, object]
    """Its config.json."""
    shape: ModelShape
    layout: Layout
    notes: tuple[str, ...]
    """What is smaller than in the model, one line each."""


@frozen
class NoTwin:
    """Why this layout cannot be rehearsed on this machine."""

    reason: str


def twin_config(
    shape: ModelShape,
    layout: Layout,
    available_bytes: int,
    *,
    has_copies: bool = True,
    ranks_per_node: int | None = None,
) -> Twin | NoTwin:
    """The twin of a model in a layout, for a machine with so much free memory.

    Nodes, stages and the architecture stay. The tensor parallel size shrinks only where the ranks would not fit, or a
    node can have only so many (`ranks_per_node`); without `has_copies` one data-parallel copy is kept, on its nodes.
    """
    family = family_of(shape.architecture)
    if family is None:
        return NoTwin(f"there is no twin of {shape.architecture or 'an unnamed architecture'}: its family is not known")
    kept = layout if has_copies else _one_copy(layout)
    twin_layout = _shrunken_layout(kept, len(shape.layers), available_bytes, ranks_per_node or kept.gpus_per_node)
    if twin_layout is None:
        return NoTwin(_too_little_memory(kept, available_bytes, ranks_per_node))
    sizes = _sizes(shape, twin_layout)
    config = {
        "architectures": [shape.architecture],
        "model_type": dict(shape.config).get("model_type", shape.architecture.removesuffix("ForCausalLM").lower()),
        "dtype": "float32",
        **family.twin(shape, sizes),
        "bos_token_id": 1,
        "eos_token_id": 2,
    }
    twin_shape = shape_of(config, name=f"{shape.name} twin", source=f"a twin of {shape.source}")
    notes = tuple(_notes(shape, twin_shape, layout, twin_layout))
    return Twin(config, twin_shape, twin_layout, notes)


def rank_bytes(ranks: int) -> int:
    """Memory that so many forked ranks take on this machine."""
    return FIRST_RANK_BYTES + (ranks - 1) * FURTHER_RANK_BYTES


def _one_copy(layout: Layout) -> Layout:
    """The first data-parallel copy on the nodes that it fills; a single rank has no experts to deal out."""
    ranks = layout.tensor * layout.pipeline
    nodes = -(-ranks // layout.gpus_per_node)
    expert = layout.expert and layout.tensor > 1
    return replace(layout, data=1, nodes=nodes, gpus_per_node=ranks // nodes, expert=expert)


def _shrunken_layout(layout: Layout, layers: int, available_bytes: int, ranks_per_node: int) -> Layout | None:
    """The largest tensor parallel size that fits and still fills every node; None if not even the smallest does."""
    others = layout.pipeline * layout.data
    for tensor in range(layout.tensor, 0, -1):
        ranks = tensor * others
        is_even = layout.tensor % tensor == 0 and ranks % layout.nodes == 0
        if is_even and ranks <= ranks_per_node * layout.nodes and rank_bytes(ranks) <= available_bytes:
            stages = _scaled_stages(layout.stages, layers)
            expert = layout.expert and tensor * layout.data > 1
            return replace(layout, tensor=tensor, gpus_per_node=ranks // layout.nodes, stages=stages, expert=expert)
    return None


def _scaled_stages(stages: tuple[int, ...], layers: int) -> tuple[int, ...]:
    """Two layers a stage; a pinned partition keeps its proportions, every stage at least one layer."""
    count = len(stages)
    if stages == split_layers(layers, count):
        return (_LAYERS_PER_STAGE,) * count
    spare = count * (_LAYERS_PER_STAGE - 1)
    wanted = [max(stage * _LAYERS_PER_STAGE * count / sum(stages) - 1, 0.0) for stage in stages]
    total = sum(wanted) or 1.0
    parts = [spare * part / total for part in wanted]
    given = [math.floor(part) for part in parts]
    by_rest = sorted(range(count), key=lambda stage: (given[stage] - parts[stage], stage))
    for stage in by_rest[: spare - sum(given)]:
        given[stage] += 1
    return tuple(1 + part for part in given)


def _sizes(shape: ModelShape, layout: Layout) -> TwinSizes:
    heads, kv_heads = _heads(shape, layout.tensor)
    multiple = math.lcm(_VOCABULARY_MULTIPLE, layout.tensor)
    return TwinSizes(
        layers=sum(layout.stages),
        heads=heads,
        kv_heads=kv_heads,
        head_size=_HEAD_SIZE,
        intermediate_size=2 * heads * _HEAD_SIZE,
        vocabulary_size=-(-TOKENS // multiple) * multiple,
        max_positions=min(_MAX_POSITIONS, shape.max_positions),
        expert_ranks=layout.expert_ranks,
    )


def _heads(shape: ModelShape, tensor: int) -> tuple[int, int]:
    """As many heads as the hidden size allows, and KV heads in about the model's ratio; both divide over the ranks.

    Where the model has fewer KV heads than ranks, so has the twin: that they are repeated is what is rehearsed.
    """
    heads = max(_HIDDEN_SIZE // _HEAD_SIZE // tensor * tensor, tensor)
    if shape.kv_heads < tensor:
        return heads, math.gcd(shape.kv_heads, heads)
    ratio = shape.attention_heads / shape.kv_heads
    possible = [count for count in range(tensor, heads + 1, tensor) if heads % count == 0]
    return heads, min(possible, key=lambda count: abs(math.log(heads / count / ratio)))


def _too_little_memory(layout: Layout, available_bytes: int, ranks_per_node: int | None) -> str:
    fewest = math.lcm(layout.pipeline * layout.data, layout.nodes)
    if ranks_per_node is not None and fewest > ranks_per_node * layout.nodes:
        return f"{layout} needs at least {fewest} ranks on {layout.nodes} nodes, and {ranks_per_node} a node can be had"
    return (
        f"{layout} needs at least {fewest} ranks, one a stage and node, which take"
        f" {units.format_bytes(rank_bytes(fewest))}; this machine has {units.format_bytes(available_bytes)} free"
    )


def _notes(shape: ModelShape, twin: ModelShape, layout: Layout, twin_layout: Layout) -> list[str]:
    pairs: list[tuple[str, object, object]] = [
        ("architecture", shape.architecture, twin.architecture),
        ("layers", len(shape.layers), len(twin.layers)),
        ("hidden size", shape.hidden_size, twin.hidden_size),
        ("heads", shape.attention_heads, twin.attention_heads),
        ("KV heads", shape.kv_heads, twin.kv_heads),
        ("head size", shape.head_size, twin.head_size),
        ("intermediate size", shape.intermediate_size, twin.intermediate_size),
        ("vocabulary", shape.vocabulary_size, twin.vocabulary_size),
        ("positions", shape.max_positions, twin.max_positions),
        ("dtype", shape.dtype, twin.dtype),
    ]
    if shape.mixture and twin.mixture:
        pairs.append(("experts", shape.mixture.experts, twin.mixture.experts))
    notes = [f"{name} {before} -> {after}" for name, before, after in pairs if before != after]
    if shape.mixture and not twin.mixture:
        notes.append(f"experts {shape.mixture.experts} -> none: the engine has no such experts on a CPU")
    if shape.quantization:
        notes.append(f"quantization {shape.quantization} -> none")
    return notes + _layout_notes(layout, twin_layout)


def _layout_notes(layout: Layout, twin: Layout) -> list[str]:
    notes: list[str] = []
    if twin.data != layout.data:
        notes.append(f"data parallel {layout.data} -> {twin.data}: copies are not started on a CPU")
    if twin.nodes != layout.nodes:
        notes.append(f"nodes {layout.nodes} -> {twin.nodes}")
    if layout.expert and not twin.expert:
        notes.append("expert parallel -> none: a single rank holds all experts")
    if twin.tensor != layout.tensor:
        notes.append(f"tensor parallel {layout.tensor} -> {twin.tensor}: more ranks cannot be had here")
    if len(set(twin.stages)) > 1:
        before, after = (",".join(map(str, stages)) for stages in (layout.stages, twin.stages))
        notes.append(f"layers of each stage {before} -> {after}")
    return notes
