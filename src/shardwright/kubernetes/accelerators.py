"""Accelerators by vendor: whose a Kubernetes resource is, and which program shows the state of its devices.

Only devices of NVIDIA were measured on; what is written for the others follows their device plug-ins' documentation.
Source: documentation of the device plug-ins of NVIDIA, AMD, Intel and Habana, 2026-11.
"""

from __future__ import annotations

from shardwright.values import frozen

__all__ = ["ACCELERATORS", "Accelerator", "accelerator_of"]


@frozen
class Accelerator:
    """Devices of one vendor."""

    vendor: str
    """Domain of its resources: `nvidia.com` in `nvidia.com/gpu` and `nvidia.com/mig-3g.20gb`."""
    device: str
    """What engines call it."""
    resource: str
    """Resource of a whole device, and of none of its slices."""
    status_tool: tuple[str, ...]
    """Program in the engine's image that shows memory and use of the devices."""
    is_measured: bool = False
    other_vendor: str = ""
    """Another domain for the same devices."""


ACCELERATORS = (
    Accelerator(
        "nvidia.com",
        "cuda",
        "nvidia.com/gpu",
        ("nvidia-smi", "--query-gpu=index,name,memory.used,memory.total,utilization.gpu", "--format=csv"),
        is_measured=True,
    ),
    Accelerator("amd.com", "rocm", "amd.com/gpu", ("rocm-smi", "--showmeminfo", "vram", "--showuse")),
    Accelerator("gpu.intel.com", "xpu", "gpu.intel.com/xe", ("xpu-smi", "discovery"), other_vendor="intel.com"),
    Accelerator("habana.ai", "hpu", "habana.ai/gaudi", ("hl-smi",)),
)


def accelerator_of(resource: str) -> Accelerator | None:
    """Whose a resource is; None for one that no known vendor has.

    Intel's plug-in has one resource a driver, `gpu.intel.com/xe` and `gpu.intel.com/i915`; KServe calls both `intel.com/gpu`.
    """
    vendor = resource.partition("/")[0]
    return next((entry for entry in ACCELERATORS if vendor in {entry.vendor, entry.other_vendor}), None)
