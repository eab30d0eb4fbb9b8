"""Names of GPUs: whether what a node's label says is the GPU that a catalogue means by another name.

Source: values of `nvidia.com/gpu.product`, NVIDIA's GPU feature discovery 0.17 (`NVIDIA-A10G`, `Tesla-T4`,
`NVIDIA-A100-SXM4-80GB-MIG-1g.10gb`, `-SHARED` where GPUs are shared in time), and of `amd.com/gpu.product-name`, AMD's node
labeller (`AMD_Instinct_MI300X_OAM`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["is_named", "product_of"]

_LABELS = ("nvidia.com/gpu.product", "amd.com/gpu.product-name")
_MAKERS = frozenset({"nvidia", "tesla", "amd", "instinct"})


def product_of(labels: Mapping[str, str]) -> str:
    """What a node says of its GPUs; empty where nobody labelled it."""
    return next((labels[key] for key in _LABELS if labels.get(key)), "")


def is_named(product: str, names: Iterable[str]) -> bool:
    """`NVIDIA-A10G-SHARED` is an A10G and no A10; `NVIDIA-A100-PCIE-80GB` an A100-80GB and no A100-40GB."""
    own = _words(product)
    return any(_begins_and_holds(own, _words(name)) for name in names)


def _begins_and_holds(own: list[str], wanted: list[str]) -> bool:
    """Whether one begins with the other's first word and has the rest of it in order, what else it says aside."""
    if not wanted or own[:1] != wanted[:1]:
        return False
    left = iter(own)
    return all(word in left for word in wanted)


def _words(name: str) -> list[str]:
    return [word for word in re.split(r"[^a-z0-9]+", name.lower()) if word and word not in _MAKERS]
