"""An architecture without a family: its weights are what the headers say, how they are divided is not known.

Nothing is guessed from another family. What a plan needs besides weights (heads, vocabulary) is read under the usual
names and must be there.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

from shardwright.core.shape import blocks
from shardwright.core.shape.base import Layer, ModelShape, Split, Weight

if TYPE_CHECKING:
    from shardwright.core.shape.checkpoint import Checkpoint, Tensor
    from shardwright.core.shape.fields import Fields

__all__ = ["read"]

_LAYER = re.compile(r"^(?P<prefix>.*?\b(?:layers|h|blocks|layer)\.)(?P<index>\d+)\.(?P<rest>.+)$")
_EMBEDDING = re.compile(r"(embed|wte|wpe)")


def read(fields: Fields, checkpoint: Checkpoint) -> ModelShape:
    """A shape whose tensors are those of the headers, each matrix assumed to be divided evenly."""
    sizes = blocks.read_sizes(fields, kv_heads_default=True)
    layered: dict[int, list[Weight]] = {index: [] for index in range(sizes.layers)}
    embedding: list[Weight] = []
    head: list[Weight] = []
    for tensor in checkpoint.tensors:
        match = _LAYER.match(tensor.name)
        if match and int(match["index"]) < sizes.layers:
            layered[int(match["index"])].append(_weight(match["rest"], tensor))
        else:
            (embedding if _EMBEDDING.search(tensor.name) else head).append(_weight(tensor.name, tensor))
    cache = blocks.full_cache(sizes)
    return dataclasses.replace(
        blocks.skeleton(fields, sizes, "unknown"),
        embedding=tuple(embedding),
        layers=tuple(Layer(tuple(layered[index]), cache) for index in range(sizes.layers)),
        head=tuple(head),
        bound="weights are those of the safetensors headers, but how this architecture divides them over ranks and what"
        " it keeps in its cache is not known: even division and full attention are assumed",
    )


def _weight(name: str, tensor: Tensor) -> Weight:
    rows = tensor.shape[0] if tensor.shape else 1
    columns = tensor.elements // rows if rows else 0
    split = Split.TENSOR if len(tensor.shape) > 1 else Split.NONE
    element_bytes = tensor.bytes / tensor.elements if tensor.elements else 0.0
    return Weight(name, rows, columns, split, element_bytes=element_bytes)
