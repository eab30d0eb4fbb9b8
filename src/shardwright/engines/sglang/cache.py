"""What a token costs in SGLang's pools, and how recurrent states share them.

Layers with sliding windows have a pool of their own in some architectures: it holds `swa-full-tokens-ratio` as many tokens.
Models with recurrent layers give `mamba-full-memory-ratio` as much to states as to the KV cache. Source: SGLang 0.5.16 and
0.5.23, model_executor/pool_configurator.py, mem_cache/kv_cache_configurator.py, configs/mamba_utils.py.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from shardwright.core.plan.version import parse_version
from shardwright.engines.sglang import facts

if TYPE_CHECKING:
    from shardwright.core.plan.types import Question
    from shardwright.core.shape.base import Cache, Layer, State
    from shardwright.engines.sglang.flags import Flags

__all__ = ["has_states", "has_window_pool", "page_bytes", "ratio_settings", "states_bytes", "window_ratio"]

_WINDOWS = ("window", "chunked")
_INDEX_BLOCK = 128
_INDEX_SCALE_BYTES = 4


def has_window_pool(question: Question, flags: Flags) -> bool:
    """Whether sliding-window layers keep fewer tokens than the others."""
    kinds = {layer.cache.kind for layer in question.shape.layers}
    known: list[str] = facts.table("window")["architectures"]
    is_known = (
        question.shape.architecture in known and bool(kinds & set(_WINDOWS)) and bool(kinds - {*_WINDOWS, "none"})
    )
    return is_known and not flags.arguments.get("disable-hybrid-swa-memory")


def window_ratio(flags: Flags) -> float:
    """Tokens of the window pool against those of the full one."""
    return float(flags.arguments.get("swa-full-tokens-ratio") or facts.table("window")["ratio"])


def has_states(question: Question) -> bool:
    """Whether some layer keeps a state instead of keys and values."""
    return any(layer.state is not None for layer in question.shape.layers)


def _state_ratio(flags: Flags) -> float:
    return float(flags.arguments.get("mamba-full-memory-ratio") or facts.table("recurrent")["ratio"])


def ratio_settings(question: Question, flags: Flags) -> tuple[tuple[str, float], ...]:
    """The ratios that the pools rest on; written out because defaults change."""
    windows = (("swa-full-tokens-ratio", window_ratio(flags)),) if has_window_pool(question, flags) else ()
    since = parse_version(facts.table("recurrent")["since"])
    has_flag = has_states(question) and parse_version(question.version) >= since
    return (*windows, *((("mamba-full-memory-ratio", _state_ratio(flags)),) if has_flag else ()))


def page_bytes(question: Question, flags: Flags, stage: int) -> int:
    """One page of all layers of a stage."""
    is_split = has_window_pool(question, flags)
    cost = 0.0
    for layer in _layers(question, stage):
        share = window_ratio(flags) if is_split and layer.cache.kind in _WINDOWS else 1.0
        cost += share * _token_bytes(layer.cache, question, flags)
    return math.ceil(cost * flags.page_tokens)


def _layers(question: Question, stage: int) -> tuple[Layer, ...]:
    first = question.layout.first_layer(stage)
    return question.shape.layers[first : first + question.layout.stages[stage]]


def _token_bytes(cache: Cache, question: Question, flags: Flags) -> float:
    """A latent cache is held whole by every rank; KV heads are shared, or repeated where there are more ranks."""
    if cache.kind == "none":
        return 0.0
    heads = cache.heads if cache.kind == "latent" else max(1, cache.heads // question.layout.tensor)
    index = cache.index_size + cache.index_size // _INDEX_BLOCK * _INDEX_SCALE_BYTES
    return heads * (cache.key_size + cache.value_size) * flags.kv_element_bytes + index


def states_bytes(question: Question, flags: Flags, stage: int, left_bytes: int) -> int:
    """What states take of what is left beside the weights: whole requests; 0 where the stage keeps none."""
    each = sum(_state_bytes(layer.state, question) for layer in _layers(question, stage) if layer.state is not None)
    if not each or left_bytes <= 0:
        return 0
    asked = flags.arguments.get("max-mamba-cache-size")
    if asked:
        return int(asked) * each
    ratio = _state_ratio(flags)
    return int(left_bytes * ratio / (1 + ratio)) // each * each


def _state_bytes(state: State, question: Question) -> int:
    """One request in one layer: columns of the convolution, and the recurrent part, divided over the ranks of a copy."""
    sizes, tensor = facts.table("recurrent"), question.layout.tensor
    element = _state_element_bytes(state, question, sizes["state_bytes"])
    convolution = -(-state.channels // tensor) * max(state.kernel - 1, 0) * sizes["convolution_bytes"]
    return round(convolution + -(-state.heads // tensor) * state.head_size * state.state_size * element)


def _state_element_bytes(state: State, question: Question, default: float) -> float:
    named = {"float32": 4.0, "bfloat16": 2.0, "float16": 2.0}
    configured = dict(question.shape.config).get("mamba_ssm_dtype")
    return named.get(str(configured), state.element_bytes or default)
