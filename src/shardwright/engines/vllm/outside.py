"""What a rank takes besides weights and the peak of the profile run: graphs, growth outside torch, buffers, the context.

Whether a term is inside the budget depends on version and runner; facts.toml says how each is known.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from shardwright.core.memory import Term
from shardwright.engines.vllm import facts, graphs
from shardwright.units import GIB

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.engines.vllm.stage import Stage

__all__ = ["outside_terms"]


def outside_terms(stage: Stage) -> Iterator[Term]:
    """All of them, in the order in which they are said."""
    yield from graphs.graph_terms(stage)
    yield from _growth(stage)
    yield from _gather(stage)
    yield from _sampler_state(stage)
    yield from _stage_buffers(stage)
    yield from _outside(stage)
    yield from _margin(stage)


def _growth(stage: Stage) -> Iterator[Term]:
    """Memory that grows outside torch while profiling: kernels, libraries, channels of the collectives."""
    formula = stage.rules.formula
    growth = formula.growth_gib[0 if stage.question.layout.world_size == 1 else 1]
    if stage.flags.runner == "v1":
        growth += formula.growth_v1_gib
    yield Term("other", round(growth * GIB), counted=True, formula="growth outside torch", source=formula.source)


def _gather(stage: Stage) -> Iterator[Term]:
    """Buffers for gathering logits over tensor-parallel ranks; only the last stage does."""
    if not stage.is_last or stage.tensor == 1:
        return
    formula = stage.rules.formula
    has_nvlink = (stage.question.gpu.link or "").startswith("nvlink")
    gather = formula.gather_gib if has_nvlink else formula.gather_pcie_gib
    how = f"channels for gathering logits over {stage.tensor} ranks"
    yield Term("other", round(gather * GIB), counted=True, formula=how, source=formula.source)


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
    outside = facts.table("outside")
    group = outside[_group_figure(stage)] if stage.question.layout.world_size > 1 else 0.0
    size = outside["context_gib"] + group
    how = f"CUDA context {outside['context_gib']} GiB" + (f", collectives {group} GiB" if group else "")
    source = "free memory at the start of vLLM 0.24.0 on H200"
    yield Term("other", round(size * GIB), counted=False, formula=how, source=source)


def _group_figure(stage: Stage) -> str:
    """Ranks that both share layers and follow each other keep channels for each."""
    if not (stage.question.gpu.link or "").startswith("nvlink"):
        return "group_gib"
    layout = stage.question.layout
    return "groups_nvlink_gib" if layout.tensor > 1 and layout.pipeline > 1 else "group_nvlink_gib"


def _margin(stage: Stage) -> Iterator[Term]:
    """An allowance where the model's tensors themselves are not known."""
    shape = stage.question.shape
    if not shape.bound:
        return
    margin = facts.table("outside")["bound_margin_gib"]
    yield Term("other", round(margin * GIB), counted=True, formula=f"margin: {shape.bound}", source="an allowance")
