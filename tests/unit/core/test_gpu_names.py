"""Values of node labels beside the names of the catalogue."""

from __future__ import annotations

import pytest

from shardwright.core import gpu_names
from shardwright.facts import load


@pytest.mark.parametrize(
    ("product", "name"),
    [
        ("NVIDIA-A10G", "A10G"),
        ("NVIDIA-A10G-SHARED", "A10G"),
        ("Tesla-T4", "T4"),
        ("NVIDIA-L40S", "L40S"),
        ("NVIDIA-A100-SXM4-80GB", "A100-80GB"),
        ("NVIDIA-A100-PCIE-80GB", "A100-80GB"),
        ("NVIDIA-A100-PCIE-40GB", "A100-40GB"),
        ("NVIDIA-A100-SXM4-80GB-MIG-1g.10gb", "A100-80GB"),
        ("NVIDIA-A10", "A10"),
        ("NVIDIA-H20", "H20"),
        ("NVIDIA-H100-80GB-HBM3", "H100"),
        ("NVIDIA-H200", "H200"),
        ("AMD_Instinct_MI300X_OAM", "MI300X"),
    ],
)
def test_a_label_means_one_gpu_of_the_catalogue(product: str, name: str) -> None:
    """Makers and forms of delivery aside, each value is the GPU of that name, and no other's."""
    facts = load.gpu_facts()
    meant = {one.gpu.name for one in facts if gpu_names.is_named(product, (one.gpu.name, *one.aliases))}
    assert name in meant, meant
    assert len(meant) == 1, meant


def test_either_makers_label_is_read() -> None:
    """NVIDIA's and AMD's; a node without one says nothing."""
    assert gpu_names.product_of({"nvidia.com/gpu.product": "NVIDIA-L4"}) == "NVIDIA-L4"
    assert gpu_names.product_of({"amd.com/gpu.product-name": "AMD_Instinct_MI210"}) == "AMD_Instinct_MI210"
    assert gpu_names.product_of({"kubernetes.io/arch": "amd64"}) == ""
