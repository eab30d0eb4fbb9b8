"""A checkpoint by the headers of its safetensors files, and how it is held against the tensors of a family.

Pure: who reads the headers is elsewhere. The headers are the truth about what is stored; the family knows how it is
divided. Where they differ, the difference is named.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from shardwright import units
from shardwright.core.shape.base import Split
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shardwright.core.shape.base import ModelShape, Weight

__all__ = ["Checkpoint", "Tensor", "checked", "compared_sums", "expected_tensors", "group_name"]

_STORED_DTYPES = {"BF16": "bfloat16", "F16": "float16", "F32": "float32"}
_QUANTIZED_PARTS = re.compile(
    r"\.(weight_scale(_inv|_2)?|input_scale|weight_zero_point|weight_shape|weight_g_idx|scales|qzeros|g_idx|[kqv]_scale"
    r"|(weight|input)_global_scale|SCB|weight\.(absmax|quant_map|nested_absmax|nested_quant_map|quant_state\.\w+))$"
    r"|_scales$"
)
_PACKED = re.compile(r"(\.qweight|\.weight_packed|_blocks)$")
_INDEX = re.compile(r"(?<=\.)\d+(?=\.|$)")
_SHOWN = 3
_FAR_MORE = 10
"""A configuration that promises so many times the tensors that are there is not compared one by one."""


@frozen
class Tensor:
    """One tensor of a safetensors header."""

    name: str
    dtype: str
    """As the header writes it: `BF16`, `F8_E4M3` ..."""
    shape: tuple[int, ...]
    bytes: int

    @property
    def elements(self) -> int:
        """Numbers in it."""
        count = 1
        for size in self.shape:
            count *= size
        return count


@frozen
class Checkpoint:
    """All tensors that a model's files hold."""

    tensors: tuple[Tensor, ...]
    """Empty where only the index was there, which knows the sum but not the tensors."""
    total_bytes: int

    @property
    def stored_dtype(self) -> str:
        """The dtype of most bytes, as configurations write it; empty if it is none of those."""
        sums: dict[str, int] = {}
        for tensor in self.tensors:
            sums[tensor.dtype] = sums.get(tensor.dtype, 0) + tensor.bytes
        return _STORED_DTYPES.get(max(sums, key=sums.__getitem__), "") if sums else ""


def expected_tensors(shape: ModelShape) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Name and dimensions of every tensor that a checkpoint of this model holds; a vector has one dimension."""
    yield from _named(shape.embedding, "", 1)
    experts = shape.mixture.experts if shape.mixture else 1
    for index, layer in enumerate(shape.layers):
        yield from _named(layer.weights, f"{shape.layer_prefix}{index}.", experts)
    yield from _named(shape.head, "", 1)


def _draft_tensors(shape: ModelShape) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Those of layers that only guess further tokens: a checkpoint may hold them or not."""
    experts = shape.mixture.experts if shape.mixture else 1
    for index, layer in enumerate(shape.draft_layers):
        prefix = shape.draft_prefix or f"{shape.layer_prefix}{len(shape.layers) + index}."
        yield from _named(layer.weights, prefix, experts)


def _named(weights: Iterable[Weight], prefix: str, experts: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    rows_of: dict[str, tuple[int, Weight]] = {}
    for weight in weights:
        if not weight.auxiliary:
            rows, _ = rows_of.get(weight.name, (0, weight))
            rows_of[weight.name] = (rows + weight.rows, weight)
    for name, (rows, weight) in rows_of.items():
        if "{expert}" not in name:
            yield prefix + name, _dimensions(weight, rows, experts)
            continue
        for expert in range(experts):
            yield prefix + name.replace("{expert}", str(expert)), (rows // experts, weight.columns)


def _dimensions(weight: Weight, rows: int, experts: int) -> tuple[int, ...]:
    """All experts in one tensor have a dimension of their own; a vector has one, a convolution three."""
    if weight.inner:
        return (rows, *weight.inner)
    if weight.split in {Split.EXPERTS, Split.EXPERTS_WHOLE} and rows > experts:
        return (experts, rows // experts, weight.columns)
    return (rows, weight.columns) if weight.columns > 1 else (rows,)


def group_name(name: str) -> str:
    """A tensor's name with every index replaced, so that alike tensors of all layers and experts share it."""
    return _INDEX.sub("N", name)


def checked(shape: ModelShape, checkpoint: Checkpoint) -> ModelShape:
    """The shape with the checkpoint's sum; what differs becomes notes, and a bound where weights cannot be trusted."""
    shape = replace(shape, checkpoint_bytes=checkpoint.total_bytes)
    if not checkpoint.tensors:
        return replace(shape, notes=(*shape.notes, *compared_sums(shape, checkpoint)))
    if _expected_count(shape) > _FAR_MORE * len(checkpoint.tensors):
        reason = f"the checkpoint differs from its configuration: it has only {len(checkpoint.tensors)} tensors"
        return replace(shape, bound="; ".join(part for part in (shape.bound, reason) if part))
    stored = {_PACKED.sub(".weight", tensor.name): tensor for tensor in checkpoint.tensors}
    expected = dict(expected_tensors(shape))
    known = {*expected, *dict(_draft_tensors(shape)), *(weight.name for weight in shape.encoder)}
    missing = [name for name in expected if name not in stored]
    extra = [tensor for name, tensor in stored.items() if name not in known and not _QUANTIZED_PARTS.search(name)]
    other = (
        [] if shape.quantization else [name for name in expected if _has_other_size(stored.get(name), expected[name])]
    )
    notes = _extra_notes(shape, extra)
    if not missing and not other:
        return replace(shape, notes=(*shape.notes, *notes))
    reason = _mismatch(missing, other)
    return replace(shape, notes=(*shape.notes, *notes), bound="; ".join(part for part in (shape.bound, reason) if part))


def _expected_count(shape: ModelShape) -> int:
    experts = shape.mixture.experts if shape.mixture else 1
    per_layer = {
        id(layer): sum(experts if "{expert}" in w.name else 1 for w in layer.weights) for layer in shape.layers
    }
    return sum(per_layer[id(layer)] for layer in shape.layers) + len(shape.embedding) + len(shape.head)


def _has_other_size(tensor: Tensor | None, dimensions: tuple[int, ...]) -> bool:
    elements = 1
    for size in dimensions:
        elements *= size
    return tensor is not None and tensor.elements != elements


def _mismatch(missing: list[str], other: list[str]) -> str:
    parts: list[str] = []
    if missing:
        parts.append(f"not in the headers: {_listed(missing)}")
    if other:
        parts.append(f"of another size in the headers: {_listed(other)}")
    return "the checkpoint differs from its configuration (" + "; ".join(parts) + ")"


def _listed(names: list[str]) -> str:
    groups = list(dict.fromkeys(group_name(name) for name in names))
    more = f" and {len(groups) - _SHOWN} more kinds" if len(groups) > _SHOWN else ""
    return ", ".join(groups[:_SHOWN]) + more


def _extra_notes(shape: ModelShape, extra: list[Tensor]) -> list[str]:
    """Tensors the family does not hold: a tied head, layers for speculation, or something unknown."""
    sums: dict[str, int] = {}
    for tensor in extra:
        sums[_extra_kind(shape, tensor.name)] = sums.get(_extra_kind(shape, tensor.name), 0) + tensor.bytes
    return [f"{kind}: {units.format_bytes(count)} in the checkpoint, not counted" for kind, count in sums.items()]


def _extra_kind(shape: ModelShape, name: str) -> str:
    if shape.tied_embeddings and name == "lm_head.weight":
        return "lm_head.weight is tied to the embedding"
    if name.startswith(shape.layer_prefix):
        index = name.removeprefix(shape.layer_prefix).partition(".")[0]
        if index.isdigit() and int(index) >= len(shape.layers):
            return f"layer {index} is for speculation"
    if name.endswith("rotary_emb.inv_freq"):
        return "rotary frequencies are made by the engine"
    return f"{group_name(name)} is not known"


def compared_sums(shape: ModelShape, checkpoint: Checkpoint) -> tuple[str, ...]:
    """A note where the sum of the checkpoint is not that of the counted tensors, give or take a thousandth."""
    if abs(shape.weights_bytes - checkpoint.total_bytes) <= checkpoint.total_bytes / 1000:
        return ()
    stored, counted = units.format_bytes(checkpoint.total_bytes), units.format_bytes(shape.weights_bytes)
    return (f"the checkpoint holds {stored}, the tensors counted here take {counted}",)
