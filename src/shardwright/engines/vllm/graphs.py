"""CUDA graphs: the estimate that vLLM takes from its budget, or what they take on top of it.

n max-num-seqs, A heads, D head size, H hidden, I intermediate. Source: vLLM 0.24, v1/worker/gpu_model_runner.py
profile_cudagraph_memory and config/vllm.py _set_cudagraph_sizes; sizes of the first graphs from its debug lines on H200.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.memory import Term
from shardwright.engines.vllm import facts, flags
from shardwright.engines.vllm.stage import up
from shardwright.units import GIB, KIB, MIB
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.engines.vllm.stage import Stage

__all__ = ["graph_terms"]

_ALL_TOKENS = 512
"""Tokens of the graph that the sizes in facts.toml were seen with."""


def graph_terms(stage: Stage) -> Iterator[Term]:
    """One term; none where graphs are off."""
    if not stage.flags.has_graphs:
        return
    formula = stage.rules.formula
    if not stage.flags.counts_graphs:
        size, how = _captured(stage)
    elif stage.flags.runner == "v1":
        size, how = _estimate(stage)
    else:
        size = round(formula.graphs_counted_gib * GIB)
        how = "an estimate that vLLM makes itself, 0.5 to 1.3 GiB seen; taken from the budget"
    yield Term("graphs", size, counted=stage.flags.counts_graphs, formula=how, source=formula.source)


def _captured(stage: Stage) -> tuple[int, str]:
    """What the V2 runner's graphs take once they are captured."""
    formula, buffer = stage.rules.formula, _first_full(stage, _sizes(stage))
    size = round((formula.graphs_gib + formula.graphs_layer_gib * stage.layers) * GIB + formula.graphs_splits * buffer)
    how = (
        f"{formula.graphs_gib} GiB + {formula.graphs_layer_gib} GiB a layer + {formula.graphs_splits} x {buffer / MIB:.0f} MiB"
        " of attention's buffer; on top of the budget"
    )
    return size, how


@frozen
class _Sizes:
    """Graphs that are captured: so many of each kind, the largest for so many tokens."""

    piecewise: int
    full: int
    largest: int
    largest_full: int


def _sizes(stage: Stage) -> _Sizes:
    """1, 2, 4, then every eighth to 248 and every sixteenth; full graphs only for as many tokens as requests."""
    known = facts.table("graphs_v1")
    asked = stage.flags.arguments.get("max-cudagraph-capture-size")
    most = int(asked or known["largest_of"].get(stage.question.shape.architecture, known["largest"]))
    most = min(most, stage.batched_tokens, 2 * stage.sequences)
    every = [size for size in (1, 2, 4, *range(8, 256, 8), *range(256, most + 1, 16)) if size <= most]
    full = [size for size in every if size <= stage.sequences]
    return _Sizes(len(every), len(full), every[-1], full[-1])


def _estimate(stage: Stage) -> tuple[int, str]:
    """The larger of both first graphs, and a share for every further one."""
    known, sizes = facts.table("graphs_v1"), _sizes(stage)
    first = max(_first_piecewise(stage, sizes), _first_full(stage, sizes))
    is_few, is_many = stage.layers < known["few_layers"], stage.layers > known["many_layers"]
    piecewise = known["piecewise_tensor_mib"] if stage.tensor > 1 else known["piecewise_mib"]
    piecewise = known["piecewise_few_mib"] if is_few else piecewise
    full = known["full_many_mib"] if is_many else known["full_mib"]
    size = first + ((sizes.piecewise - 1) * piecewise + (sizes.full - 1) * full) * MIB
    how = (
        f"first graph {first / MIB:.0f} MiB + {sizes.piecewise - 1} piecewise of {piecewise} MiB + {sizes.full - 1} full of"
        f" {full} MiB; taken from the budget"
    )
    return size, how


def _first_piecewise(stage: Stage, sizes: _Sizes) -> int:
    known, shape = facts.table("graphs_v1"), stage.question.shape
    wide = up(shape.intermediate_size, stage.tensor)
    widths = known["first_hidden_kib"] * shape.hidden_size + known["first_wide_kib"] * wide
    return round(known["first_mib"] * MIB + widths * KIB * sizes.largest / _ALL_TOKENS)


def _first_full(stage: Stage, sizes: _Sizes) -> int:
    """Only FlashAttention 3 keeps such a buffer; attention with sinks and latent attention do without."""
    known, shape = facts.table("graphs_v1"), stage.question.shape
    has, (low, high) = flags.capability(stage.question.gpu), known["splits_capability"]
    if has is None or not low <= has < high or shape.latent is not None or shape.architecture in known["largest_of"]:
        return 2 * MIB
    heads = shape.attention_heads * shape.head_size // stage.tensor
    return known["splits"] * sizes.largest_full * heads * 4 + 2 * MIB
