"""The build of vLLM that runs on this machine's CPUs: which packages, where its launcher is, what it takes.

The files beside it in `cpu/` are run by the engine's interpreter, never imported here.
"""

from __future__ import annotations

from pathlib import Path

from shardwright.core.plugins import EngineBuild
from shardwright.units import GIB

__all__ = ["BUILD"]

_FOLDER = Path(__file__).with_name("cpu")

BUILD = EngineBuild(
    engine="vllm",
    version="0.32.0",
    device="cpu",
    torch_version="2.13.0",
    lock=str(_FOLDER / "vllm-0.32.0.lock"),
    torch_lock=str(_FOLDER / "torch-2.13.0.lock"),
    launcher=str(_FOLDER / "launcher.py"),
    check="import torch, vllm, vllm.version",
    disk_bytes=round(6.5 * GIB),
    cache_variable="VLLM_CACHE_ROOT",
    python=("3.11", "3.14"),
    not_run={
        "BambaForCausalLM": "vLLM has no Bamba from 0.23 on",
        "DeepseekV32ForCausalLM": "its sparse attention has no kernel for a CPU",
        "JambaForCausalLM": "its recurrent layers (Mamba 1) have no kernel for a CPU",
        "Qwen3NextForCausalLM": "its linear attention computes in bfloat16 alone, and a twin is float32",
    },
    has_copies=False,
)
