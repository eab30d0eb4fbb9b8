"""Which layers of a model look back over a window only, by the fields that say so.

A list of `layer_types`, or a step: every so-manieth layer is full. Where neither is given the family knows its step. Some
families rotate the two kinds by tables of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NewType

from shardwright.core.shape import rotary
from shardwright.core.shape.fields import Fields

if TYPE_CHECKING:
    from shardwright.core.shape.base import Rotary

__all__ = ["FULL", "SLIDING", "LayerType", "layer_types", "rotary_tables"]

LayerType = NewType("LayerType", str)
FULL = LayerType("full_attention")
SLIDING = LayerType("sliding_attention")
_KNOWN = {str(FULL): FULL, str(SLIDING): SLIDING}


def layer_types(fields: Fields, layers: int, *, step: int | None = None) -> tuple[LayerType, ...]:
    """The kind of each layer; without `layer_types` and without a step all are full.

    InputError names a list of another length, or a kind that is neither full nor sliding.
    """
    named = fields.texts("layer_types")
    if not named:
        if step is None:
            return (FULL,) * layers
        return tuple(SLIDING if (layer + 1) % step else FULL for layer in range(layers))
    if len(named) != layers:
        raise fields.fault("layer_types", f"{len(named)} entries, but num_hidden_layers is {layers}")
    for name in named:
        if name not in _KNOWN:
            raise fields.fault("layer_types", f"{name[:60]!r} is not one of {', '.join(_KNOWN)}")
    return tuple(_KNOWN[name] for name in named)


def rotary_tables(fields: Fields, size: int, positions: int) -> dict[LayerType, Rotary]:
    """One table for each kind, for heads of this size; stretched positions belong to the full layers alone.

    The fields may be nested by kind, or describe the full layers only. Source: transformers 5.19 (gemma3, olmo3).
    """
    return {
        FULL: rotary.table(_of_kind(fields, FULL), size, positions=positions),
        SLIDING: rotary.table(_of_kind(fields, SLIDING), size, positions=positions, label="sliding"),
    }


def _of_kind(fields: Fields, kind: LayerType) -> Fields:
    """The configuration as if this kind of layer were the only one."""
    section = fields.section("rope_parameters")
    nested = section is not None and any(section.values.get(name) is not None for name in _KNOWN)
    values = {key: value for key, value in fields.values.items() if key not in ("rope_parameters", "rope_scaling")}
    own = section.section(kind) if section is not None and nested else None
    if own is not None:
        values["rope_parameters"] = own.values
    elif kind is FULL and not nested:
        values["rope_parameters"] = fields.values.get("rope_scaling") or fields.values.get("rope_parameters")
    return Fields(values, fields.source, fields.name)
