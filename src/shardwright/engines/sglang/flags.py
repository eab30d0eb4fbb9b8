"""What the plan rests on and the recipe leaves open, resolved as SGLang would: dtype, pages, graphs, how copies share ranks.

In SGLang `tp` counts all ranks of a stage. Copies of dense models are processes of their own (`dp`); copies of mixtures and of
models with latent attention share the other layers (`enable-dp-attention`), so `tp` is then tensor x data.
Source: SGLang 0.5.1 to 0.5.23, server_args.py, arg_groups, layers/dp_attention.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from shardwright.engines.sglang import arguments, facts
from shardwright.values import frozen

if TYPE_CHECKING:
    from shardwright.core.hardware import Gpu
    from shardwright.core.layout import Layout
    from shardwright.core.plan.types import Question
    from shardwright.core.recipe import Recipe
    from shardwright.core.shape.base import ModelShape
    from shardwright.engines.sglang.facts import Rules

__all__ = [
    "Flags",
    "capability",
    "data_mode_of",
    "has_bfloat16",
    "is_blackwell",
    "is_hopper",
    "is_vision",
    "resolved_flags",
]

_DTYPE_BYTES = {"bfloat16": 2, "float16": 2, "half": 2, "float32": 4, "float": 4}
_BLACKWELL = (10.0, 11.0)
_HOPPER = (9.0, 10.0)

DataMode = Literal["none", "replicas", "attention"]


@frozen
class Flags:
    """Resolved flags of one layout."""

    arguments: dict[str, Any]
    """The recipe's, in one spelling."""
    dtype: str
    element_bytes: int
    kv_dtype: str
    kv_element_bytes: float
    page_tokens: int
    data_mode: DataMode
    tensor: int
    """SGLang's `tp`: ranks of a stage that work on the same layers."""
    has_decode_graphs: bool
    has_prefill_graphs: bool
    quantization: str | None
    """As asked; None where the checkpoint is taken as it is."""
    online_element_bytes: float | None
    """Of linear layers that are quantized while loading; None: they are not."""


def resolved_flags(question: Question, rules: Rules) -> Flags:
    """All flags of one layout but those that depend on memory."""
    given, shape = arguments.normalized(question.recipe.engine.args), question.shape
    dtype = _dtype(question)
    kv_dtype = _kv_dtype(given, shape)
    asked = str(given.get("quantization") or "")
    online = facts.table("online_quantization").get(asked) if shape.quantization is None else None
    mode = data_mode_of(question.recipe, shape, question.layout)
    return Flags(
        arguments=given,
        dtype=dtype,
        element_bytes=_DTYPE_BYTES[dtype],
        kv_dtype=kv_dtype,
        kv_element_bytes=facts.table("kv_cache_dtype").get(kv_dtype, {}).get("bytes", 0) or _DTYPE_BYTES[dtype],
        page_tokens=_page_tokens(question, rules, given),
        data_mode=mode,
        tensor=question.layout.tensor * (question.layout.data if mode == "attention" else 1),
        has_decode_graphs=not given.get("disable-cuda-graph") and not given.get("disable-decode-cuda-graph"),
        has_prefill_graphs=_has_prefill_graphs(question, rules, given, mode),
        quantization=asked or None,
        online_element_bytes=online["bytes"] if online else None,
    )


def _dtype(question: Question) -> str:
    """As asked; else the checkpoint's, float32 lowered, and float16 where bfloat16 is not there."""
    asked = question.recipe.model.dtype
    if asked:
        return asked
    wanted = "bfloat16" if question.shape.dtype == "float32" else question.shape.dtype
    return "float16" if wanted == "bfloat16" and not has_bfloat16(question.gpu) else wanted


def has_bfloat16(gpu: Gpu) -> bool:
    """Whether it computes in bfloat16: compute capability 8.0 and up, or no CUDA device."""
    has = capability(gpu)
    return has is None or has >= 8.0


def capability(gpu: Gpu) -> float | None:
    """Compute capability as a number; None where it is not known, and for GPUs of other makers."""
    return float(gpu.compute_capability) if gpu.device == "cuda" and gpu.compute_capability else None


def is_blackwell(gpu: Gpu) -> bool:
    """Data centre Blackwell, compute capability 10; cards with 12 take other kernels."""
    return _BLACKWELL[0] <= (capability(gpu) or 0) < _BLACKWELL[1]


def is_hopper(gpu: Gpu) -> bool:
    """Compute capability 9."""
    return _HOPPER[0] <= (capability(gpu) or 0) < _HOPPER[1]


def data_mode_of(recipe: Recipe, shape: ModelShape, layout: Layout) -> DataMode:
    """How data-parallel copies stand beside each other."""
    if layout.data == 1:
        return "none"
    asked = arguments.normalized(recipe.engine.args).get("enable-dp-attention")
    shares = shape.mixture is not None or shape.latent is not None
    return "attention" if (shares if asked is None else asked) else "replicas"


def is_vision(shape: ModelShape) -> bool:
    """Whether images or sound can be given to it."""
    return bool(shape.encoder) or isinstance(dict(shape.config).get("vision_config"), dict)


def _kv_dtype(given: dict[str, Any], shape: ModelShape) -> str:
    """As asked; else as the checkpoint wants it, which newer versions follow and older ones are told."""
    asked = str(given.get("kv-cache-dtype") or "auto")
    if asked == "auto" and (shape.kv_cache_dtype or "").startswith("fp8"):
        return "fp8_e4m3"
    return asked


def _page_tokens(question: Question, rules: Rules, given: dict[str, Any]) -> int:
    pages, shape = facts.table("pages"), question.shape
    asked = int(given.get("page-size") or 1)
    backends = {str(given.get(f"{phase}attention-backend")) for phase in ("", "prefill-", "decode-")} - {"None"}
    if any(layer.cache.index_size for layer in shape.layers):
        least = pages["indexed"]
    elif backends:
        least = max(pages["backends"].get(name, 1) for name in backends)
    elif not is_blackwell(question.gpu):
        least = 1
    else:
        least = pages["latent_blackwell"] if shape.latent is not None else rules.blackwell_page_tokens
    return asked if asked > 1 else least


def _has_prefill_graphs(question: Question, rules: Rules, given: dict[str, Any], mode: DataMode) -> bool:
    off = ("disable-prefill-cuda-graph", "disable-piecewise-cuda-graph")
    off = off if rules.switch_keeps_prefill else ("disable-cuda-graph", *off)
    if any(given.get(name) for name in off):
        return False
    if rules.prefill_graphs == "ask":
        return bool(given.get("enable-piecewise-cuda-graph"))
    there = {
        "latent": question.shape.latent is not None,
        "lora": question.recipe.model.lora_slots > 0,
        "data-attention": mode == "attention",
        "vision": is_vision(question.shape),
        "pipeline": question.layout.pipeline > 1,
        "rocm": question.gpu.device != "cuda",
        "torch-compile": bool(given.get("enable-torch-compile")),
        "speculation": bool(given.get("speculative-algorithm")),
    }
    return not any(there[reason] for reason in rules.prefill_graphs_not)
