"""What a rank takes: weights and states inside the fraction; activations, graphs and the CUDA context outside of it.

SGLang measures nothing before it sizes the pool: what it computes with must fit into the rest of the device, so these terms
only say how much of it is used. Their constants were read off 0.5.16 on H200; activations are upper estimates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.memory import Term
from shardwright.engines.sglang import facts, flags, lora
from shardwright.units import GIB, MIB
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.plan.types import Question
    from shardwright.engines.sglang.flags import Flags
    from shardwright.engines.sglang.fraction import Batch
    from shardwright.engines.sglang.weights import StageWeights

__all__ = ["Stage", "before_bytes", "stage_terms", "weights_term"]

_MEASURED = "measured with SGLang 0.5.16 on H200"
_ESTIMATE = "an upper estimate; SGLang does not print it"


@frozen
class Stage:
    """One stage of a layout with all that its terms need."""

    question: Question
    flags: Flags
    batch: Batch
    index: int

    @property
    def layers(self) -> int:
        """Layers of this stage."""
        return self.question.layout.stages[self.index]

    @property
    def is_last(self) -> bool:
        """Whether it samples tokens."""
        return self.index == self.question.layout.pipeline - 1


def before_bytes(question: Question, resolved: Flags) -> int:
    """Free memory when the process group is up, on the smallest device: what the fraction is a part of."""
    return question.gpu.memory_bytes - _context(question, resolved).bytes


def _context(question: Question, resolved: Flags) -> Term:
    device = facts.table("device")
    several = resolved.tensor * question.layout.pipeline > 1
    kind = "group_nvlink_gib" if (question.gpu.link or "").startswith("nvlink") else "group_gib"
    group = device[kind] if several else 0.0
    how = f"CUDA context {device['context_gib']} GiB" + (f", collectives {group} GiB" if several else "")
    return Term("other", round((device["context_gib"] + group) * GIB), counted=False, formula=how, source=_MEASURED)


def weights_term(stage: Stage, weights: StageWeights) -> Term:
    """All weights of a rank of that stage."""
    parts = [f"{stage.layers} layers {_gib(weights.layers_bytes)}"]
    for name, count in (
        ("embedding", weights.embedding_bytes),
        ("head", weights.head_bytes),
        ("rotary", weights.rotary_bytes),
        ("encoder", weights.encoder_bytes),
        ("left by quantizing", weights.residue_bytes),
    ):
        if count:
            parts.append(f"{name} {_gib(count)}")
    source = "SGLang 0.5.16, layers/linear.py, vocab_parallel_embedding.py and rotary_embedding"
    return Term("weights", weights.total_bytes, counted=True, formula=" + ".join(parts), source=source)


def stage_terms(stage: Stage) -> tuple[Term, ...]:
    """Terms of a rank of that stage besides weights and states."""
    return (
        *_margin(stage),
        *_adapters(stage),
        _activation(stage),
        *_logits(stage),
        *_workspace(stage),
        *_graphs(stage),
        _context(stage.question, stage.flags),
    )


def _margin(stage: Stage) -> Iterator[Term]:
    shape = stage.question.shape
    if shape.bound:
        margin = facts.table("device")["bound_margin_gib"]
        yield Term("other", round(margin * GIB), counted=True, formula=f"margin: {shape.bound}", source="an allowance")


def _adapters(stage: Stage) -> Iterator[Term]:
    slots = stage.question.recipe.model.lora_slots
    if slots:
        how = f"{slots} adapter slots of rank {lora.rank_of(stage.flags)}"
        size = lora.slots_bytes(stage.question, stage.flags)
        yield Term("weights", size, counted=True, formula=how, source="SGLang 0.5.16 and 0.5.23, lora/mem_pool.py")


def _activation(stage: Stage) -> Term:
    """The largest prefill step: hidden states, attention, and the wider of the layers' insides."""
    shape, element, tensor = stage.question.shape, stage.flags.element_bytes, stage.flags.tensor
    tokens = min(stage.batch.prefill_tokens, max(stage.question.max_model_len, 1) * stage.batch.decode_requests)
    heads = shape.attention_heads * shape.head_size // stage.question.layout.tensor
    hidden, wide = shape.hidden_size, shape.intermediate_size // tensor
    if shape.mixture is not None:
        one = (
            shape.mixture.intermediate_size // tensor
            if not stage.question.layout.expert
            else shape.mixture.intermediate_size
        )
        wide = max(wide, shape.mixture.experts_per_token * one)
        hidden *= 1 + shape.mixture.experts_per_token
    size = element * tokens * (heads + 2 * shape.hidden_size + max(hidden + 2 * wide, 3 * wide))
    how = f"{element}T (A D/tp + 2H + max(H + 2I/tp, 3I/tp)), T = {tokens}"
    return Term("activation", size, counted=False, formula=how, source=_ESTIMATE)


def _logits(stage: Stage) -> Iterator[Term]:
    if stage.is_last:
        words, n = stage.question.shape.vocabulary_size, stage.batch.decode_requests
        yield Term("activation", n * words * 6, counted=False, formula=f"6 n V, n = {n}, V = {words}", source=_ESTIMATE)


def _workspace(stage: Stage) -> Iterator[Term]:
    if not flags.is_hopper(stage.question.gpu):
        size = facts.table("device")["workspace_gib"]
        source = "SGLang 0.5.16, layers/attention/flashinfer_backend.py"
        yield Term("other", round(size * GIB), counted=False, formula="attention workspace", source=source)


def _graphs(stage: Stage) -> Iterator[Term]:
    device, batch = facts.table("device"), stage.batch
    for name, sizes in (("prefill", batch.prefill_sizes), ("decode", batch.decode_sizes)):
        if sizes:
            each = device[f"{name}_graph_mib"] * stage.layers * sizes
            base = device[f"{name}_graphs_gib"]
            how = f"{sizes} {name} graphs of {stage.layers} layers: {base} GiB + {device[f'{name}_graph_mib']} MiB each a layer"
            yield Term("graphs", round(base * GIB + each * MIB), counted=False, formula=how, source=_MEASURED)


def _gib(count: int) -> str:
    return f"{count / GIB:.3f} GiB"
