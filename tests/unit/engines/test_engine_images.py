"""Which public image holds an engine for a device, by version."""

from __future__ import annotations

import pytest

from shardwright.core import engine_images
from shardwright.engines.sglang import facts as sglang
from shardwright.engines.vllm import facts as vllm
from shardwright.testing import builders

HUB = "docker.io/"


@pytest.mark.requirement("R038")
@pytest.mark.parametrize(
    ("device", "version", "image"),
    [
        ("cuda", "0.10.0", f"{HUB}vllm/vllm-openai:v0.10.0"),
        ("rocm", "0.13.0", ""),
        ("rocm", "0.14.0", f"{HUB}vllm/vllm-openai-rocm:v0.14.0"),
        ("rocm", "0.32.0+rocm720", f"{HUB}vllm/vllm-openai-rocm:v0.32.0"),
        ("xpu", "0.25.0", ""),
        ("xpu", "0.26.0", f"{HUB}vllm/vllm-openai-xpu:v0.26.0"),
        ("hpu", "0.32.0", ""),
        ("cpu", "0.32.0+cpu", "public.ecr.aws/q9t5s3a7/vllm-cpu-release-repo:v0.32.0"),
    ],
)
def test_vllm_has_an_image_a_device_since_some_version(device: str, version: str, image: str) -> None:
    """No name is made up for a version that came before, or for a device without public images."""
    gpu = builders.gpu(device=device)
    assert engine_images.image_of(vllm.table("images"), gpu, version) == image


@pytest.mark.requirement("R038")
@pytest.mark.parametrize(
    ("chip", "version", "image"),
    [
        ("gfx942", "0.5.4", ""),
        ("gfx942", "0.5.5", f"{HUB}lmsysorg/sglang:v0.5.5-rocm700-mi30x"),
        ("gfx942", "0.5.12.post1", f"{HUB}lmsysorg/sglang:v0.5.12.post1-rocm720-mi30x"),
        ("gfx950", "0.5.18", f"{HUB}lmsysorg/sglang:v0.5.18-rocm720-mi35x"),
        ("gfx1100", "0.5.18", ""),
        (None, "0.5.18", ""),
    ],
)
def test_sglang_has_an_image_a_chip_of_amd(chip: str | None, version: str, image: str) -> None:
    """The tag names chip and ROCm; of a chip that is not known there is none."""
    gpu = builders.gpu(device="rocm", compute_capability=chip)
    assert engine_images.image_of(sglang.table("images"), gpu, version) == image
