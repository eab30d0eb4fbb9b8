"""The pace of vLLM on GPUs: constants by version, and what a deployment's flags change about them.

Constants were fitted to batches that were timed on GPUs (measured_speed.toml, benchmarks/speed_fit.py); elsewhere the same
shares of a GPU's data sheet are taken, with a wider range. On a CPU nothing was timed for prediction.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from shardwright.core.plan.version import parse_version
from shardwright.core.speed import Pace
from shardwright.engines.vllm import facts, flags

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.plan.types import Question
    from shardwright.engines.vllm.flags import Flags

__all__ = ["pace_of"]


def pace_of(question: Question, resolved: Flags, batched_tokens: int, sequences: int) -> Pace | None:
    """The constants for one deployment with T and n; None where the engine's pace is not known."""
    if question.gpu.device == "cpu":
        return None
    row = _row(question.version)
    doubts, kernels = tuple(_doubts(question, resolved, row)), _kernels(question, resolved)
    constants: dict[str, float] = row["constants"]
    return Pace(
        **{name: value + kernels.get(name, 0.0) for name, value in constants.items()},
        launch_layer_seconds=0.0 if resolved.has_graphs else row["eager_layer_seconds"],
        uncertainty_share=math.hypot(row["uncertainty_share"], *(share for share, _ in doubts)),
        source=row["source"],
        step_tokens=batched_tokens,
        sequences=sequences,
        element_bytes=resolved.element_bytes,
        cache_element_bytes=resolved.kv_element_bytes,
        linear_element_bytes=resolved.online_element_bytes,
        flops_factor=kernels.get("factor", 1.0),
        assumptions=tuple(text for _, text in doubts),
    )


def _row(version: str) -> dict[str, Any]:
    """The newest row that is not younger than the version."""
    rows: list[dict[str, Any]] = facts.table("pace")["rows"]
    release = parse_version(version)
    return next(row for row in reversed(rows) if parse_version(row["since"]) <= release)


def _doubts(question: Question, resolved: Flags, row: dict[str, Any]) -> Iterator[tuple[float, str]]:
    """What was not timed, with the width that it adds to the range, as a part of the expected figure."""
    wider: dict[str, float] = facts.table("pace")["wider"]
    others = sorted({gpu.name for gpu in question.gpus} - set(row["gpus"]))
    if others:
        known = " and ".join(row["gpus"])
        yield wider["gpu"], f"not timed on {' and '.join(others)}: shares of the data sheet as on {known}"
    if parse_version(question.version) != parse_version(row["version"]):
        yield wider["version"], f"vLLM {question.version} was not timed; constants are those of {row['version']}"
    yield from _layout_doubts(question, wider)
    if question.shape.mixture is not None:
        yield (
            wider["kind"],
            "mixtures of experts were timed with weights that were not trained, which choose fewer experts",
        )
    if any(layer.state is not None for layer in question.shape.layers):
        yield wider["kind"], "recurrent layers were not timed; their scan is counted as reading their state"
    if not resolved.has_graphs:
        yield wider["eager"], f"without CUDA graphs each layer takes at least {row['eager_layer_seconds'] * 1e6:.0f} us"
    method = resolved.quantization or question.shape.quantization
    if method:
        factor = _kernels(question, resolved).get("factor", 1.0)
        yield wider["quantization"], f"matrix kernels of {method} reach {factor:g} x those of bf16, an estimate"
    if method == "mxfp4":
        yield wider["unpacked"], "experts in mxfp4 took up to three times as long on H200, with 32 requests and more"
    if question.shape.bound:
        yield wider["bound"], f"the model is only bounded: {question.shape.bound}"


def _layout_doubts(question: Question, wider: dict[str, float]) -> Iterator[tuple[float, str]]:
    """Layouts whose timing was missed by more than others, or that were not timed."""
    if question.layout.pipeline > 1:
        yield wider["pipeline"], "how requests part over pipeline stages was missed by up to a quarter"
    if question.layout.nodes > 1:
        yield wider["nodes"], "groups over several nodes were not timed"


def _kernels(question: Question, resolved: Flags) -> dict[str, float]:
    """What kernels of a format change; a GPU that does not compute in it unpacks the numbers first."""
    table: dict[str, Any] = facts.table("pace")
    method = resolved.quantization or question.shape.quantization or ""
    kind: str = table["quantized_methods"].get(method, "")
    if kind == "fp8" and _has_blocks(question):
        kind = "fp8-block"
    has, formats = flags.capability(question.gpu), table["quantized"]
    if kind not in formats or has is None:
        return {}
    return formats[kind] if has >= formats[kind]["capability"] else formats["packed"]


def _has_blocks(question: Question) -> bool:
    config = dict(question.shape.config).get("quantization_config")
    return isinstance(config, dict) and "weight_block_size" in config  # pyright: ignore[reportUnknownVariableType] - JSON of the checkpoint
