"""What a family of models must be able to say: its tensors, and how its shrunken twin is configured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Callable

    from shardwright.core.shape.base import ModelShape
    from shardwright.core.shape.fields import Fields

__all__ = ["Family", "TwinSizes"]


@frozen
class TwinSizes:
    """Sizes of a twin that hold for every family; `intermediate_size` and `heads` are multiples of the tensor size."""

    layers: int
    heads: int
    kv_heads: int
    head_size: int
    intermediate_size: int
    vocabulary_size: int
    max_positions: int
    expert_ranks: int = 1
    """Ranks that share the experts of a layer, whole or divided."""

    @property
    def hidden_size(self) -> int:
        """Heads times head size: not all families can choose it freely."""
        return self.heads * self.head_size


@frozen
class Family:
    """One family; architectures are mapped to families in `families.FAMILIES`."""

    read: Callable[[Fields], ModelShape]
    """InputError names the first field that is missing or wrong."""
    twin: Callable[[ModelShape, TwinSizes], dict[str, object]]
    """Configuration of a twin: what the family keeps of the model, and the sizes under the family's own names."""
