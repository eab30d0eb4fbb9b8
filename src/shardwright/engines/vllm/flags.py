"""What the plan rests on and the recipe leaves open: dtype, T, n, utilization, block size, runner, resolved as vLLM would.

T is max-num-batched-tokens, n max-num-seqs. Source: vLLM 0.24 and 0.32, engine/arg_utils.py get_batch_defaults, config/model.py
_resolve_auto_dtype, config/vllm.py use_v2_model_runner, platforms/interface.py block sizes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from shardwright.core.plan.version import parse_version
from shardwright.engines.vllm import arguments, drafting, encoder, facts
from shardwright.units import GIB, parse_bytes
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.hardware import Gpu
    from shardwright.core.plan.types import Question
    from shardwright.engines.vllm.facts import Rules

__all__ = ["Flags", "base_flags", "batches", "capability", "dtype_of", "has_bfloat16", "kv_dtype_of", "runner_of"]

_DTYPE_BYTES = {"bfloat16": 2, "float16": 2, "float32": 4}
_BLOCK_TOKENS = 16
_FALSE = ("0", "false", "off", "no")


@frozen
class Flags:
    """Resolved flags of one layout; T and n come from `batches`."""

    version: str
    """Whose classes build the model."""
    arguments: dict[str, Any]
    """The recipe's, in one spelling."""
    dtype: str
    element_bytes: int
    kv_dtype: str
    kv_element_bytes: float
    block_tokens: int
    runner: str
    has_graphs: bool
    fixed_pool_bytes: int | None
    fixed_blocks: int | None
    quantization: str | None
    """Quantization while loading; None where the checkpoint is taken as it is."""
    online_element_bytes: float | None
    counts_graphs: bool = False
    """Whether an estimate of CUDA graphs is taken from the budget."""
    capability: float | None = None
    """Of the device with the least memory."""
    mxfp4_steps: tuple[int, int] = (1, 1)
    """Multiples to which kernels for MXFP4 round hidden size and width of experts up."""
    encoder: bool = False
    """Whether an encoder for images or sound is loaded."""
    lora_slots: int = 0
    lora_rank: int = 0
    fully_sharded_loras: bool = False
    speculation: str = ""
    """Where a draft takes memory: `mtp` or `draft_model`; empty: none."""


def base_flags(question: Question, rules: Rules) -> Flags:
    """All that does not depend on the size of the device."""
    given = _arguments(question)
    dtype = dtype_of(question)
    kv_dtype = kv_dtype_of(question)
    kv_bytes = facts.table("kv_cache_dtype").get(kv_dtype, {}).get("bytes", 0) or _DTYPE_BYTES[dtype]
    asked = str(given.get("quantization") or "")
    online = facts.table("online_quantization").get(asked) if question.shape.quantization is None else None
    blocks = given.get("num-gpu-blocks-override")
    runner, has_graphs = runner_of(question, rules), not _is_eager(given)
    return Flags(
        version=question.version,
        arguments=given,
        dtype=dtype,
        element_bytes=_DTYPE_BYTES[dtype],
        kv_dtype=kv_dtype,
        kv_element_bytes=kv_bytes,
        block_tokens=int(given.get("block-size") or _BLOCK_TOKENS),
        runner=runner,
        has_graphs=has_graphs,
        fixed_pool_bytes=_size(given.get("kv-cache-memory-bytes")),
        fixed_blocks=int(blocks) if blocks else None,
        quantization=asked or None,
        online_element_bytes=online["bytes"] if online else None,
        counts_graphs=has_graphs and _counts_graphs(question, rules, runner),
        capability=capability(question.gpu),
        mxfp4_steps=_mxfp4_steps(question),
        encoder=encoder.is_held(question.shape, given),
        lora_slots=question.recipe.model.lora_slots,
        lora_rank=int(given.get("max-lora-rank") or facts.table("lora")["default_rank"]),
        fully_sharded_loras=bool(given.get("fully-sharded-loras")),
        speculation=_speculation(question, given),
    )


def _mxfp4_steps(question: Question) -> tuple[int, int]:
    rows: list[dict[str, Any]] = facts.table("mxfp4")["steps"]
    has = capability(question.gpu) or 0.0
    row = next(row for row in rows if has >= row["capability"] and facts.holds_in(question.version, row))
    return row["hidden"], row["wide"]


def _method(given: dict[str, Any]) -> str:
    """The way of speculation that the flags name."""
    config = given.get("speculative-config")
    return str(cast("dict[str, Any]", config).get("method", "")) if isinstance(config, dict) else ""


def _speculation(question: Question, given: dict[str, Any]) -> str:
    """Where a drafter takes memory that is counted here."""
    method = _method(given)
    if "mtp" in method:
        return "mtp"
    return method if question.draft is not None else ""


def _arguments(question: Question) -> dict[str, Any]:
    """The recipe's flags in one spelling, with those that its fields stand for."""
    given = arguments.normalized(question.recipe.engine.args)
    config = drafting.config_of(question.recipe, question.layout.tensor)
    return {**given, "speculative-config": config} if config else given


def kv_dtype_of(question: Question) -> str:
    """As asked; left open, what the checkpoint's own cache scheme says, from the version on that reads it."""
    given = arguments.normalized(question.recipe.engine.args)
    asked, scheme = str(given.get("kv-cache-dtype", "auto")), question.shape.kv_cache_dtype
    if asked != "auto" or scheme is None:
        return asked
    is_read = parse_version(question.version) >= parse_version(facts.table("kv_cache_scheme")["since"])
    return scheme if is_read else "auto"


def _counts_graphs(question: Question, rules: Rules, runner: str) -> bool:
    """Source: v1/worker/gpu_worker.py determine_available_memory: by runner and device, and an environment variable."""
    is_off = question.recipe.engine.env.get("VLLM_MEMORY_PROFILER_ESTIMATE_CUDAGRAPHS") == "0"
    return runner in rules.graphs_counted and question.gpu.device in rules.graphs_devices and not is_off


def dtype_of(question: Question) -> str:
    """What vLLM computes in: as asked; else the checkpoint's, float32 lowered, and float16 where bfloat16 is not there."""
    asked = question.recipe.model.dtype
    if asked:
        return asked
    wanted = "bfloat16" if question.shape.dtype == "float32" else question.shape.dtype
    if wanted == "bfloat16" and not has_bfloat16(question.gpu):
        return "float16"
    return wanted


def has_bfloat16(gpu: Gpu) -> bool:
    """Whether vLLM takes bfloat16 there: compute capability 8.0 and up, or no CUDA device."""
    return gpu.device != "cuda" or capability(gpu) is None or (capability(gpu) or 0) >= 8.0


def capability(gpu: Gpu) -> float | None:
    """Compute capability as a number; None where it is not known, and for GPUs of other makers, which name theirs."""
    return float(gpu.compute_capability) if gpu.device == "cuda" and gpu.compute_capability else None


def runner_of(question: Question, rules: Rules) -> str:
    """`v1` or `v2`; the V2 runner needs Triton, which vLLM on a CPU does not have."""
    if question.gpu.device == "cpu":
        return "v1"
    forced = question.recipe.engine.env.get("VLLM_USE_V2_MODEL_RUNNER")
    if isinstance(forced, str):
        return "v1" if forced.lower() in _FALSE else "v2"
    return "v2" if _is_served(question, rules) else "v1"


def _is_served(question: Question, rules: Rules) -> bool:
    """Whether the V2 runner takes this model by default. Source: config/vllm.py use_v2_model_runner of every version read."""
    shape, served = question.shape, rules.v2_architectures
    given = _arguments(question)
    method = _method(given)
    if method and "all" not in rules.v2_methods and method not in rules.v2_methods:
        return False
    if "all" in served:
        return True
    if (shape.quantization is not None or given.get("quantization")) and not rules.v2_quantized:
        return False
    if shape.mixture is not None and not rules.v2_mixtures:
        return False
    is_plain = shape.mixture is None and all(layer.state is None for layer in shape.layers)
    return shape.architecture in served or ("dense" in served and is_plain)


def batches(question: Question, rules: Rules, flags: Flags) -> Iterator[tuple[int, int]]:
    """T and n to try: vLLM's default for this device first, then those of smaller devices, which take less memory.

    What the recipe gives is kept. T is no larger than n requests of full length, n no larger than T.
    """
    given = flags.arguments
    factor = 2 if given.get("performance-mode") == "throughput" else 1
    seen: set[tuple[int, int]] = set()
    for tier in _tiers(question.gpu, rules):
        default = tier.serve if question.recipe.engine.entrypoint == "serve" else tier.llm
        sequences = int(given.get("max-num-seqs") or tier.seqs * factor)
        tokens = int(given.get("max-num-batched-tokens") or min(default * factor, sequences * question.max_model_len))
        pair = (tokens, sequences if "max-num-seqs" in given else min(sequences, tokens))
        if pair not in seen:
            seen.add(pair)
            yield pair


def _tiers(gpu: Gpu, rules: Rules) -> Iterator[facts.Tier]:
    for tier in rules.tiers:
        is_named = bool(tier.not_named) and tier.not_named in gpu.name.lower()
        if gpu.memory_bytes >= tier.memory_gib * GIB and not is_named:
            yield tier


def _is_eager(given: dict[str, Any]) -> bool:
    compilation: dict[str, Any] = given.get("compilation-config") or {}
    return bool(given.get("enforce-eager")) or compilation.get("cudagraph_mode") == "NONE"


def _size(value: object) -> int | None:
    if value is None:
        return None
    return value if isinstance(value, int) else parse_bytes(str(value))
