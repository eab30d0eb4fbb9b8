"""The formulas: what a rank of a stage takes besides weights and KV cache.

H hidden, A heads, D head size, I intermediate, V vocabulary rounded up to 64, k experts per token, T max-num-batched-tokens,
n max-num-seqs, S max-model-len; b bytes of an element. Source: fitted to and checked against vLLM 0.24.0 on H100 and H200
(facts.toml, `measured`); for 0.32 its code: v1/worker/gpu/model_runner.py, v1/worker/gpu/sample, v1/worker/workspace.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shardwright.core.memory import Term
from shardwright.engines.vllm import facts
from shardwright.units import GIB

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.plan.types import Question
    from shardwright.core.shape.base import Latent, ModelShape
    from shardwright.engines.vllm.facts import Rules
    from shardwright.engines.vllm.flags import Flags
    from shardwright.engines.vllm.weights import StageWeights

__all__ = ["Stage", "stage_terms"]


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a layout with all that its formulas need."""

    question: Question
    rules: Rules
    flags: Flags
    index: int
    batched_tokens: int
    sequences: int

    @property
    def tensor(self) -> int:
        """Ranks that share each layer."""
        return self.question.layout.tensor

    @property
    def layers(self) -> int:
        """Layers of this stage."""
        return self.question.layout.stages[self.index]

    @property
    def is_last(self) -> bool:
        """Whether it samples tokens."""
        return self.index == self.question.layout.pipeline - 1


def stage_terms(stage: Stage, weights: StageWeights) -> tuple[Term, ...]:
    """All terms of a rank of that stage."""
    return (
        _weights(stage, weights),
        *_activation(stage),
        *_graphs(stage),
        *_growth(stage),
        *_sampler_state(stage),
        *_stage_buffers(stage),
        *_outside(stage),
        *_margin(stage),
    )


def _weights(stage: Stage, weights: StageWeights) -> Term:
    parts = [f"{stage.layers} layers {_gib(weights.layers_bytes)}"]
    for name, count in (
        ("embedding", weights.embedding_bytes),
        ("head", weights.head_bytes),
        ("rotary", weights.rotary_bytes),
    ):
        if count:
            parts.append(f"{name} {_gib(count)}")
    source = "vLLM 0.24 and 0.32, model_executor/layers/linear.py and vocab_parallel_embedding.py"
    return Term("weights", weights.total_bytes, counted=True, formula=" + ".join(parts), source=source)


def _activation(stage: Stage) -> Iterator[Term]:
    """The peak while profiling: the forward pass or, on the last stage, the sampler; an expert workspace stays besides."""
    forward, how = _forward(stage)
    source = stage.rules.formula.source
    sampler = _sampler(stage) if stage.is_last else 0
    if sampler > forward:
        logit = stage.rules.formula.sampler_bytes[stage.flags.runner]
        how = f"2TH + 2nH + {logit} n V, T = {stage.batched_tokens}, n = {stage.sequences}"
    yield Term("activation", max(forward, sampler), counted=True, formula=how, source=source)
    mixture, hidden = stage.question.shape.mixture, stage.question.shape.hidden_size
    if mixture is not None:
        wide = mixture.intermediate_size // stage.tensor
        workspace = 2 * stage.batched_tokens * mixture.experts_per_token * (max(wide, hidden) + max(2 * wide, hidden))
        how = f"2 T k (max(I/tp, H) + max(2I/tp, H)), T = {stage.batched_tokens}, k = {mixture.experts_per_token}"
        yield Term("activation", workspace, counted=True, formula=how, source="vLLM, fused_moe/experts/triton_moe.py")


def _forward(stage: Stage) -> tuple[int, str]:
    shape, tensor, tokens = stage.question.shape, stage.tensor, stage.batched_tokens
    hidden, wide, element = shape.hidden_size, shape.intermediate_size // tensor, stage.flags.element_bytes
    heads = shape.attention_heads * shape.head_size // tensor
    dense = element * tokens * (heads + 2 * hidden + max(hidden + 2 * wide, 3 * wide))
    at = f"T = {tokens}"
    if shape.latent is not None:
        return max(
            dense, _latent_forward(stage, shape.latent)
        ), f"the larger of the dense and the latent forward pass, {at}"
    if shape.mixture is not None:
        factor = stage.rules.formula.moe_hidden_factor
        shared = 3 * shape.mixture.shared_intermediate_size // tensor
        return element * tokens * (
            heads + factor * hidden + shared
        ), f"{element}T (A D/tp + {factor}H + 3 shared/tp), {at}"
    return dense, f"{element}T (A D/tp + 2H + max(H + 2I/tp, 3I/tp)), {at}"


def _latent_forward(stage: Stage, latent: Latent) -> int:
    shape, tokens = stage.question.shape, stage.batched_tokens
    heads = -(-shape.attention_heads // stage.tensor)
    wide = heads * (latent.unrotated_size + latent.rotated_size)
    rank = latent.query_rank + latent.kv_rank + latent.rotated_size
    live = stage.flags.element_bytes * tokens * (shape.hidden_size + rank + wide)
    rows = min(max(8 * stage.question.max_model_len, 64 * stage.sequences), 65536)
    workspace = rows * heads * (latent.unrotated_size + latent.value_size) * stage.flags.element_bytes
    return live + workspace


def _sampler(stage: Stage) -> int:
    shape, element = stage.question.shape, stage.flags.element_bytes
    per_logit = stage.rules.formula.sampler_bytes[stage.flags.runner]
    words = _padded(shape)
    logits = stage.sequences * words * per_logit
    if stage.flags.runner == "v2" and stage.rules.formula.stage_buffers and stage.tensor > 1:
        logits = math.ceil(2 * stage.sequences * words * (2 + 1 / stage.tensor))
    return element * (stage.batched_tokens + stage.sequences) * shape.hidden_size + logits


def _graphs(stage: Stage) -> Iterator[Term]:
    if not stage.flags.has_graphs:
        return
    formula, runner = stage.rules.formula, stage.flags.runner
    counted = runner in stage.rules.graphs_counted and not _is_estimate_off(stage)
    counted = counted and stage.question.gpu.device == "cuda"  # vLLM estimates graphs on CUDA only
    if runner == "v1":
        size, how = formula.graphs_v1_layer_gib * stage.layers, f"{formula.graphs_v1_layer_gib} GiB a layer"
    elif counted:
        size, how = formula.graphs_counted_gib, "an estimate that vLLM makes itself, 0.5 to 1.3 GiB seen"
    else:
        size = formula.graphs_gib + formula.graphs_layer_gib * stage.layers
        how = f"{formula.graphs_gib} GiB + {formula.graphs_layer_gib} GiB a layer, 0.72 to 1.88 GiB seen"
    place = "taken from the budget" if counted else "on top of the budget"
    yield Term("graphs", round(size * GIB), counted=counted, formula=f"{how}; {place}", source=formula.source)


def _is_estimate_off(stage: Stage) -> bool:
    return stage.question.recipe.engine.env.get("VLLM_MEMORY_PROFILER_ESTIMATE_CUDAGRAPHS") == "0"


def _growth(stage: Stage) -> Iterator[Term]:
    """Memory that grows outside torch while profiling, and what gathering the logits costs."""
    formula, world = stage.rules.formula, stage.question.layout.world_size
    external = formula.external_gib[0 if world == 1 else 1]
    if stage.flags.runner == "v1":
        external += formula.external_v1_gib
    yield Term("other", round(external * GIB), counted=True, formula="growth outside torch", source=formula.source)
    if stage.is_last and stage.tensor > 1:
        sizes = {int(size): gib for size, gib in formula.gather_gib.items()}
        nearest = max((size for size in sizes if size <= stage.tensor), default=min(sizes))
        how = f"buffers for gathering logits over {stage.tensor} ranks"
        yield Term("other", round(sizes[nearest] * GIB), counted=True, formula=how, source=formula.source)


def _sampler_state(stage: Stage) -> Iterator[Term]:
    """Counts, masks and biases of n requests; only the V2 runner keeps them on the device from the start."""
    if stage.flags.runner != "v2" or not stage.is_last:
        return
    words, n = _padded(stage.question.shape), stage.sequences
    masks = 2 * math.ceil(words / 32) * 4
    size = n * (words * 4 + masks + (3 * 1024 + 128) * 4 + (1024 + 129) * 4)
    counted = "v2" in stage.rules.sampler_counted
    how = f"n (4V + 2 V/8 + 17412), n = {n}, V = {words}; {'in' if counted else 'on top of'} the budget"
    yield Term("other", size, counted=counted, formula=how, source="vLLM 0.32, v1/worker/gpu/sample")


def _stage_buffers(stage: Stage) -> Iterator[Term]:
    if not stage.rules.formula.stage_buffers or stage.index == 0 or stage.flags.runner != "v2":
        return
    size = 2 * stage.batched_tokens * stage.question.shape.hidden_size * stage.flags.element_bytes
    source = "vLLM 0.32, v1/worker/gpu/model_runner.py"
    yield Term("other", size, counted=True, formula="hidden states of the stage before: 4TH", source=source)


def _outside(stage: Stage) -> Iterator[Term]:
    """What is taken before vLLM looks at free memory, and so lies outside every budget."""
    outside, gpu = facts.table("outside"), stage.question.gpu
    several = stage.question.layout.world_size > 1
    group = outside["group_nvlink_gib" if (gpu.link or "").startswith("nvlink") else "group_gib"] if several else 0.0
    size = outside["context_gib"] + group
    how = f"CUDA context {outside['context_gib']} GiB" + (f", collectives {group} GiB" if several else "")
    yield Term("other", round(size * GIB), counted=False, formula=f"{how}; estimates", source="public logs")


def _margin(stage: Stage) -> Iterator[Term]:
    shape = stage.question.shape
    if not shape.bound:
        return
    margin = facts.table("outside")["bound_margin_gib"]
    yield Term("other", round(margin * GIB), counted=True, formula=f"margin: {shape.bound}", source="an allowance")


def _padded(shape: ModelShape) -> int:
    return -(-shape.vocabulary_size // 64) * 64


def _gib(count: int) -> str:
    return f"{count / GIB:.3f} GiB"
