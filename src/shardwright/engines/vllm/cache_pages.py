"""What every layer keeps in the KV cache, as pages: the size of a block, bytes of a token, bytes of a recurrent state.

Attention kernels decide the block: 16 tokens, more for latent attention by compute capability, more beside recurrent layers,
whose state must fit into one page of attention. Source: vLLM 0.10 to 0.32, platforms/cuda.py and interface.py,
model_executor/models/config.py, model_executor/layers/mamba/mamba_utils.py, model_executor/models/deepseek_v2.py.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from shardwright.engines.vllm import facts, flags
from shardwright.engines.vllm.cache_groups import Page
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shardwright.core.plan.types import Question
    from shardwright.core.shape.base import Cache, Layer, State
    from shardwright.engines.vllm.cache_groups import PageKind
    from shardwright.engines.vllm.cache_rules import CacheRules
    from shardwright.engines.vllm.flags import Flags

__all__ = ["Pages", "StateMode", "guessed_tokens", "pages_of", "speculation_of", "state_mode"]

_KINDS: dict[str, PageKind] = {"full": "full", "latent": "full", "window": "window", "chunked": "chunked"}
_STATE_BYTES = {"bfloat16": 2, "float16": 2, "float32": 4}

StateMode = str
"""`none`: one state a request; `align`: one more, at the last whole block; `all`: one at every block."""


@frozen
class Pages:
    """The pages of all stages."""

    stages: tuple[tuple[Page, ...], ...]
    block_tokens: int
    """Tokens of a block of attention."""
    state_tokens: int | None
    """Tokens between states that are kept; None: only the last is."""


@frozen
class _Kept:
    """What one layer keeps: bytes of a token, or of a state."""

    kind: PageKind
    bytes: int
    form: tuple[int, ...] = ()
    window_tokens: int = 0
    copies: int = 1


_KeptBy: TypeAlias = "Callable[[State | None, Cache], tuple[_Kept, ...]]"
"""What a layer keeps, by its state and cache."""


def pages_of(question: Question, resolved: Flags, rules: CacheRules) -> Pages:
    """Every layer's page on each stage; guessing layers stand on the last."""

    @functools.cache
    def kept_by(state: State | None, cache: Cache) -> tuple[_Kept, ...]:
        # Most layers of a model are alike.
        return tuple(_kept_by_layer(question, resolved, rules, state, cache))

    stages = [tuple(_kept(question, resolved, kept_by, stage)) for stage in range(question.layout.pipeline)]
    every = [kept for stage in stages for kept in stage]
    token = max((kept.bytes for kept in every if kept.kind != "state"), default=0)
    state = max((kept.bytes for kept in every if kept.kind == "state"), default=0)
    block = _block_tokens(question, resolved, rules)
    spacing = None
    if state and token:
        block = _block_beside_states(question, resolved, rules, block=block, token=token, state=state)
        state = block * token
    if state and state_mode(question, resolved, rules) == "all":
        spacing = block
    page_of = {kept: _page(kept, block, state) for kept in dict.fromkeys(every)}
    return Pages(tuple(tuple(page_of[kept] for kept in stage) for stage in stages), block, spacing)


def _page(kept: _Kept, block: int, state: int) -> Page:
    if kept.kind == "state":
        return Page("state", block, state, copies=kept.copies)
    return Page(kept.kind, block, kept.bytes * block, kept.form, kept.window_tokens)


def _kept(question: Question, resolved: Flags, kept_by: _KeptBy, stage: int) -> Iterator[_Kept]:
    layout, shape, is_sparse = question.layout, question.shape, _is_sparse(question)
    first = layout.first_layer(stage)
    for index in range(first, first + layout.stages[stage]):
        layer = shape.layers[index]
        yield from kept_by(layer.state, layer.cache)
        if is_sparse and _has_indexer(question, index):
            yield _indexer(question)
    if stage == layout.pipeline - 1:
        for layer in _guessing_layers(question, resolved):
            yield from kept_by(layer.state, layer.cache)
            if is_sparse:
                yield _indexer(question)


def _kept_by_layer(
    question: Question, resolved: Flags, rules: CacheRules, state: State | None, cache: Cache
) -> Iterator[_Kept]:
    if state is not None:
        copies = _copies(question, resolved, rules, state)
        yield _Kept("state", _state_bytes(question, resolved, state), copies=copies)
    if cache.kind != "none":
        yield _attention(question, resolved, rules, cache)


def _attention(question: Question, resolved: Flags, rules: CacheRules, cache: Cache) -> _Kept:
    heads = cache.heads if cache.kind == "latent" else max(1, cache.heads // question.layout.tensor)
    size = math.ceil(heads * (cache.key_size + cache.value_size) * resolved.kv_element_bytes)
    if cache.kind == "latent" and _is_sparse(question) and _is_packed(question, resolved, rules):
        size = facts.table("cache")["packed_bytes"]
    kind = _KINDS[cache.kind]
    if kind == "window" and resolved.arguments.get("disable-sliding-window"):
        kind = "full"
    window = (cache.window_tokens or 0) if kind in {"window", "chunked"} else 0
    return _Kept(kind, size, (heads, cache.key_size, cache.value_size), window)


def _is_sparse(question: Question) -> bool:
    return "index_topk" in dict(question.shape.config)


def _has_indexer(question: Question, index: int) -> bool:
    """Of sparse latent attention: most layers pick tokens themselves, by keys of their own; some take the pick before."""
    config: dict[str, Any] = dict(question.shape.config)
    pattern, every = config.get("index_topk_pattern"), config.get("index_topk_freq") or 1
    if pattern is not None:
        return index >= len(pattern) or pattern[index] != "S"
    return max(index - config.get("index_skip_topk_offset", 2) + 1, 0) % every == 0


def _indexer(question: Question) -> _Kept:
    size = int(dict(question.shape.config).get("index_head_dim") or 128)  # pyright: ignore[reportArgumentType] - JSON of the checkpoint
    return _Kept("full", size + size // facts.table("cache")["index_group"] * 4, (1, size, 0))


def _is_packed(question: Question, resolved: Flags, rules: CacheRules) -> bool:
    major = _major(question)
    if major in rules.packed_always or resolved.kv_dtype == "fp8_ds_mla":
        return True
    return _is_fp8(resolved) and ("any" in rules.packed_fp8 or major in rules.packed_fp8)


def _state_bytes(question: Question, resolved: Flags, state: State) -> int:
    """Columns of the convolution, one more a guessed token, and the recurrent part; both divided over ranks."""
    given, tensor = resolved.arguments, question.layout.tensor
    plain = _STATE_BYTES.get(str(given.get("mamba-cache-dtype")), resolved.element_bytes)
    recurrent = _STATE_BYTES.get(str(given.get("mamba-ssm-cache-dtype")), state.element_bytes or plain)
    repeated = tensor - state.groups if state.kind == "mamba2" and state.groups % tensor else 0
    channels = (state.channels + 2 * repeated * state.state_size) // tensor
    guessed = 0 if state.kind == "mamba1" else guessed_tokens(resolved)
    numbers = state.heads * state.head_size * state.state_size // tensor
    return math.ceil(channels * (state.kernel - 1 + guessed) * plain + numbers * recurrent)


def _copies(question: Question, resolved: Flags, rules: CacheRules, state: State) -> int:
    """One, one a guessed token, and beside prefix caching the state at the last whole block and that inside a prefill."""
    copies = 1 + guessed_tokens(resolved)
    if state_mode(question, resolved, rules) == "align":
        copies += 2 if state.kind in rules.checkpointed_states else 1
    return copies


def _guessing_layers(question: Question, resolved: Flags) -> tuple[Layer, ...]:
    """Layers that guess tokens keep keys and values as well: the checkpoint's own, or those of a drafting model."""
    if resolved.speculation == "mtp":
        return question.shape.draft_layers
    return question.draft.layers if resolved.speculation and question.draft is not None else ()


def speculation_of(resolved: Flags) -> dict[str, Any]:
    """The flag speculative-config; empty without one."""
    config = resolved.arguments.get("speculative-config")
    return cast("dict[str, Any]", config) if isinstance(config, dict) else {}


def guessed_tokens(resolved: Flags) -> int:
    """Tokens guessed a step."""
    return int(speculation_of(resolved).get("num_speculative_tokens") or 0)


def _is_prefix_cached(resolved: Flags) -> bool | None:
    """What the recipe says of prefix caching; None if nothing."""
    asked = resolved.arguments.get("enable-prefix-caching")
    return None if asked is None else bool(asked)


def state_mode(question: Question, resolved: Flags, rules: CacheRules) -> StateMode:
    """How many states a request keeps, by version, prefix caching and what the model's class can do."""
    asked, is_hybrid = _is_prefix_cached(resolved), any(layer.cache.kind != "none" for layer in question.shape.layers)
    if asked is False or (asked is None and not is_hybrid):
        return "none"
    mode = rules.states if asked is None else rules.states_asked
    given = str(resolved.arguments.get("mamba-cache-mode", "none"))
    keeps_all = question.shape.architecture in facts.table("cache")["keeps_all_states"]
    if mode != "none" and given != "none":
        return given if given == "align" or keeps_all else "align"
    default, _, otherwise = mode.partition("-or-")
    return default if keeps_all or not otherwise else otherwise


def _block_beside_states(
    question: Question, resolved: Flags, rules: CacheRules, *, block: int, token: int, state: int
) -> int:
    """A block of attention that is no smaller than a state, in steps that the kernels take."""
    steps = rules.state_steps or block
    if question.shape.latent is not None:
        steps = max(steps, rules.latent_state_steps)
    if state_mode(question, resolved, rules) == "all":
        steps = math.lcm(steps, _chunk_tokens(question, resolved))
    return max(block, -(-state // (steps * token)) * steps)


def _chunk_tokens(question: Question, resolved: Flags) -> int:
    config: dict[str, Any] = dict(question.shape.config)
    given = resolved.arguments.get("mamba-block-size")
    named = config.get("mamba_chunk_size") or config.get("chunk_size")
    return int(given or named or facts.table("cache")["chunk_tokens"])


def _block_tokens(question: Question, resolved: Flags, rules: CacheRules) -> int:
    given = resolved.arguments.get("block-size")
    needed = _kernel_tokens(question, resolved, rules)
    if given is None:
        return needed
    is_forced = question.shape.latent is not None and rules.latent_forced and int(given) % needed
    return needed if is_forced else int(given)


def _kernel_tokens(question: Question, resolved: Flags, rules: CacheRules) -> int:
    """Tokens of a block as the attention kernel of this device takes them."""
    default: int = facts.table("cache")["block_tokens"]
    latent = question.shape.latent
    if question.gpu.device == "cpu":
        return facts.table("cpu")["block_tokens"] if latent is None else default
    if latent is None or question.gpu.device != "cuda":
        return default
    if _is_sparse(question):
        return rules.sparse_block
    backend = str(resolved.arguments.get("attention-backend", "")).upper()
    if backend in facts.table("cache")["backends"]:
        return facts.table("cache")["backends"][backend]
    major = _major(question)
    if major == "10" and rules.latent_heads and latent.unrotated_size not in rules.latent_heads:
        return rules.latent_block_otherwise
    return (rules.latent_blocks_fp8 if _is_fp8(resolved) else rules.latent_blocks).get(major, default)


def _is_fp8(resolved: Flags) -> bool:
    return resolved.kv_dtype.startswith("fp8")


def _major(question: Question) -> str:
    return str(int(flags.capability(question.gpu) or 0))
