"""Which public container image holds an engine for a kind of device: a table of the engine, read by device, chip and version.

Source: the engine's own facts; whether a registry still has an image, only the cluster can tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shardwright.core.plan.version import parse_version

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shardwright.core.hardware import Gpu

__all__ = ["image_of"]


def image_of(images: Mapping[str, Sequence[Mapping[str, Any]]], gpu: Gpu, version: str) -> str:
    """The image of that version for that device; empty where no public one is known.

    `images` has rows by device, oldest first: `name`, the first version that has it (`since`), and, where there is one
    image a chip, what its tag says of each (`chips`, by compute capability).
    """
    release = parse_version(version)
    rows = [row for row in images.get(gpu.device, ()) if parse_version(row.get("since", "0.0")) <= release]
    if not rows:
        return ""
    chips: Mapping[str, str] | None = rows[-1].get("chips")
    chip = "" if chips is None else chips.get(gpu.compute_capability or "", "")
    if chips is not None and not chip:
        return ""
    # Images carry releases only: a local part such as `+cpu` is no part of their tag.
    return str(rows[-1]["name"]).format(version=version.partition("+")[0], chip=chip)
