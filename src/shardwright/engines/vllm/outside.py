"""What a rank takes besides weights and the peak of the profile run: graphs, growth outside torch, buffers, the context.

Whether a term is inside the budget depends on version and runner; facts.toml says how each is known.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from shardwright.core.memory import Term
from shardwright.engines.vllm import facts
from shardwright.units import GIB

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.engines.vllm.stage import Stage

__all__ = ["outside_terms"]


def outside_terms(stage: Stage) -> Iterator[Term]:
    """All of them, in the order in which they are said."""
    yield from _graphs(stage)
    yield from _growth(stage)
    yield from _gather(stage)
    yield from _sampler_state(stage)
    yield from _stage_buffers(stage)
    yield from _outside(stage)
    yield from _margin(stage)


def _graphs(stage: Stage) -> Iterator[Term]:
    """CUDA graphs: the estimate that is taken from the budget, or what they take on top of it."""
    if not stage.flags.has_graphs:
        return
    formula = stage.rules.formula
    if not stage.flags.counts_graphs:
        size = formula.graphs_gib + formula.graphs_layer_gib * stage.layers
        how = f"{formula.graphs_gib} GiB + {formula.graphs_layer_gib} GiB a layer, 0.72 to 1.88 GiB seen; on top of the budget"
    elif stage.flags.runner == "v1":
        size = formula.graphs_v1_layer_gib * stage.layers
        how = f"{formula.graphs_v1_layer_gib} GiB a layer; taken from the budget"
    else:
        size = formula.graphs_counted_gib
        how = "an estimate that vLLM makes itself, 0.5 to 1.3 GiB seen; taken from the budget"
    yield Term("graphs", round(size * GIB), counted=stage.flags.counts_graphs, formula=how, source=formula.source)


def _growth(stage: Stage) -> Iterator[Term]:
    """Memory that grows outside torch while profiling: kernels, libraries, channels of the collectives."""
    formula = stage.rules.formula
    external = formula.external_gib[0 if stage.question.layout.world_size == 1 else 1]
    if stage.flags.runner == "v1":
        external += formula.external_v1_gib
    yield Term("other", round(external * GIB), counted=True, formula="growth outside torch", source=formula.source)


def _gather(stage: Stage) -> Iterator[Term]:
    """Buffers for gathering logits over tensor-parallel ranks; only the last stage does."""
    if not stage.is_last or stage.tensor == 1:
        return
    formula = stage.rules.formula
    sizes = {int(size): gib for size, gib in formula.gather_gib.items()}
    nearest = max((size for size in sizes if size <= stage.tensor), default=min(sizes))
    how = f"buffers for gathering logits over {stage.tensor} ranks"
    yield Term("other", round(sizes[nearest] * GIB), counted=True, formula=how, source=formula.source)


def _sampler_state(stage: Stage) -> Iterator[Term]:
    """Counts, masks and biases of n requests; only the V2 runner keeps them on the device from the start."""
    if stage.flags.runner != "v2" or not stage.is_last:
        return
    words, n = stage.vocabulary, stage.sequences
    masks = 2 * math.ceil(words / 32) * 4
    size = n * (words * 4 + masks + (3 * 1024 + 128) * 4 + (1024 + 129) * 4)
    counted = "v2" in stage.rules.sampler_counted
    how = f"n (4V + 2 V/8 + 17412), n = {n}, V = {words}; {'in' if counted else 'on top of'} the budget"
    yield Term("other", size, counted=counted, formula=how, source="vLLM 0.32, v1/worker/gpu/sample")


def _stage_buffers(stage: Stage) -> Iterator[Term]:
    """Hidden states and residuals that come from the stage before: the V1 runner makes them while profiling.

    The V2 runner makes them before; they are counted where its sampler's state is.
    """
    if stage.index == 0:
        return
    size = 2 * stage.batched_tokens * stage.question.shape.hidden_size * stage.flags.element_bytes
    counted = stage.flags.runner == "v1" or "v2" in stage.rules.sampler_counted
    how = "hidden states of the stage before: 4TH"
    yield Term("other", size, counted=counted, formula=how, source="vLLM 0.24 and 0.32, v1/worker/gpu/model_runner.py")


def _outside(stage: Stage) -> Iterator[Term]:
    """What is taken before vLLM looks at free memory, and so lies outside every budget."""
    outside, gpu = facts.table("outside"), stage.question.gpu
    several = stage.question.layout.world_size > 1
    group = outside["group_nvlink_gib" if (gpu.link or "").startswith("nvlink") else "group_gib"] if several else 0.0
    size = outside["context_gib"] + group
    how = f"CUDA context {outside['context_gib']} GiB" + (f", collectives {group} GiB" if several else "")
    yield Term("other", round(size * GIB), counted=False, formula=f"{how}; estimates", source="public logs")


def _margin(stage: Stage) -> Iterator[Term]:
    """An allowance where the model's tensors themselves are not known."""
    shape = stage.question.shape
    if not shape.bound:
        return
    margin = facts.table("outside")["bound_margin_gib"]
    yield Term("other", round(margin * GIB), counted=True, formula=f"margin: {shape.bound}", source="an allowance")
