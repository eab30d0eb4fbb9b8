"""Tables of cosines and sines by a configuration's rotary fields: how many positions, how much of a head.

Source: vLLM 0.32 model_executor/layers/rotary_embedding (`get_rope` and the classes it chooses).
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from shardwright.core.shape.base import Rotary
from shardwright.core.shape.fields import MAX_POSITIONS

if TYPE_CHECKING:
    from shardwright.core.shape.base import Layer
    from shardwright.core.shape.fields import Fields

__all__ = ["shared", "table"]

_MAX_FACTOR = 2**20


def table(
    fields: Fields,
    size: int,
    *,
    positions: int | None = None,
    label: str = "",
    element_bytes: float | None = None,
    partial: float = 1.0,
) -> Rotary:
    """The table for heads of this size; `partial` is the rotated part of them where the configuration does not say it.

    Scaled positions may make it longer: yarn's reach over the stretched length, longrope's hold both lengths.
    """
    count = positions or fields.integer("max_position_embeddings", maximum=MAX_POSITIONS)
    section = fields.section("rope_parameters") or fields.section("rope_scaling")
    partial = fields.number("partial_rotary_factor", default=partial, maximum=1.0)
    if section is None:
        return Rotary(count, int(size * partial), label, element_bytes)
    partial = section.number("partial_rotary_factor", default=partial, maximum=1.0)
    return Rotary(_positions(section, count), int(size * partial), label, element_bytes)


def _positions(section: Fields, count: int) -> int:
    kind = section.text("rope_type", default="") or section.text("type", default="")
    original = section.integer("original_max_position_embeddings", default=count, maximum=MAX_POSITIONS)
    factor = section.number("factor", default=1.0, maximum=_MAX_FACTOR)
    match kind:
        case "yarn" | "deepseek_yarn" | "deepseek_llama_scaling":
            return math.ceil(original * factor)
        case "longrope" | "su":
            return original + count
        case "linear":
            return math.ceil(count * factor)
        case _:
            return count


def shared(layers: tuple[Layer, ...], made: Rotary) -> tuple[Layer, ...]:
    """The layers with this table where they name none; layers that are one object stay one."""
    changed: dict[int, Layer] = {}
    for layer in layers:
        if id(layer) not in changed:
            changed[id(layer)] = replace(layer, rotary=(made,)) if layer.rotary is None else layer
    return tuple(changed[id(layer)] for layer in layers)
