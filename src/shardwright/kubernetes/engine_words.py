"""What a container's words say of the engine that it starts: which one, and into how many parts it takes a model.

Reads the flags of vLLM and SGLang that stand in manifests; what a variable or a script decides cannot be told.
Source: command lines of vLLM 0.10 to 0.32 and SGLang 0.5.
"""

from __future__ import annotations

from shardwright.kubernetes.manifest_pods import flag_value

__all__ = ["DATA", "STAGES", "TENSOR", "degree", "engine_of", "whole", "world_of"]

TENSOR = ("--tensor-parallel-size", "-tp", "--tp-size", "--tp")
STAGES = ("--pipeline-parallel-size", "-pp", "--pp-size")
DATA = ("--data-parallel-size", "-dp", "--dp-size")
_MOST_DIGITS = 7


def engine_of(words: list[str]) -> str:
    """`vllm` or `sglang` where a command starts that; else empty."""
    text = " ".join(words)
    if "vllm serve" in text or "vllm.entrypoints" in text:
        return "vllm"
    return "sglang" if "sglang.launch_server" in text or "sglang serve" in text else ""


def whole(text: str | None) -> int | None:
    """A whole number as it is written; None for anything else."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < _MOST_DIGITS else None


def degree(words: list[str], *names: str) -> int | None:
    """A degree of parallelism; 1 where it is not given, None where it is no plain number."""
    value = flag_value(words, *names)
    return 1 if value is None else whole(value)


def world_of(words: list[str], engine: str) -> tuple[int, int, int] | None:
    """Tensor, pipeline and data parallelism; None where one is no plain number. SGLang's data ranks share its GPUs."""
    tensor, stages = degree(words, *TENSOR), degree(words, *STAGES)
    copies = degree(words, *DATA) if engine == "vllm" else 1
    return None if tensor is None or stages is None or copies is None else (tensor, stages, copies)
