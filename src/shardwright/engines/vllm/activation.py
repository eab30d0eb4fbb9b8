"""What is live at the peak of vLLM's profile run: the forward pass, the sampler, the expert workspace, the image encoder.

H hidden, A heads, D head size, I intermediate, V vocabulary rounded up to 64, k experts per token, T max-num-batched-tokens,
n max-num-seqs, S max-model-len, M tokens that experts see at once (T x DP); b bytes of an element.
Source: fitted to and checked against vLLM 0.24.0 on H100 and H200 (measured.toml); the code of 0.24 and 0.32:
v1/worker/gpu/model_runner.py profile_run, v1/worker/gpu/sample/sampler.py, v1/worker/workspace.py, fused_moe/experts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.memory import Term
from shardwright.engines.vllm import encoder, experts
from shardwright.engines.vllm.stage import up
from shardwright.units import GIB

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.shape.base import Latent, ModelShape
    from shardwright.engines.vllm.stage import Stage

__all__ = ["activation_terms", "copied_vocabulary", "warm_bytes"]


def activation_terms(stage: Stage) -> Iterator[Term]:
    """The peak: the largest of forward pass, sampler and encoder; an expert workspace that stays is there besides."""
    source = stage.rules.formula.source
    workspace = experts.workspace_of(stage)
    forward, forward_how = _forward(stage)
    forward += round(stage.rules.formula.forward_gib * GIB)
    if workspace.passing_bytes:
        forward, forward_how = forward + workspace.passing_bytes, f"{forward_how} + {workspace.formula}"
    size, how = max(
        (forward, forward_how), _sampler(stage), encoder.peak(stage), (copied_vocabulary(stage), "a copy of V H/tp")
    )
    yield Term("activation", size, counted=True, formula=how, source=source)
    if workspace.stays_bytes:
        stays = workspace.stays_bytes
        yield Term("activation", stays, counted=True, formula=workspace.formula, source="vLLM, fused_moe/experts")


def _forward(stage: Stage) -> tuple[int, str]:
    shape, tensor, tokens = stage.question.shape, stage.tensor, stage.batched_tokens
    hidden, wide, element = shape.hidden_size, up(shape.intermediate_size, tensor), stage.flags.element_bytes
    heads, at = shape.attention_heads * shape.head_size // tensor, f"T = {tokens}"
    if shape.latent is not None:
        return _latent_forward(stage, shape.latent), f"latent attention of T tokens and 8S or 64n expanded rows, {at}"
    if shape.mixture is not None:
        factor = stage.rules.formula.moe_hidden_factor
        shared = 3 * up(shape.mixture.shared_intermediate_size, stage.shared_ranks)
        size = round(element * tokens * (heads + factor * hidden + shared))
        return size, f"{element}T (A D/tp + {factor}H + 3 shared/tp), {at}"
    if not _is_gated(shape):
        return element * tokens * (heads + 2 * hidden + wide), f"{element}T (A D/tp + 2H + I/tp), {at}"
    gated = max(hidden + 2 * wide + (heads if tensor > 1 else 0), 3 * wide)
    size = element * tokens * (heads + 2 * hidden + gated)
    return size, f"{element}T (A D/tp + 2H + max(H + 2I/tp, 3I/tp)), {at}"


def copied_vocabulary(stage: Stage) -> int:
    """What the profile run takes at least where it compiles: a rank's part of the embedding, once more.

    With a warm compile cache there is no such copy. Seen on H200 with 0.24.0 and in public logs of 0.10 to 0.28; not in one
    of 0.31. That compiling makes it is inferred from those that started warm, not read in the source.
    """
    formula = stage.rules.formula
    if stage.index > 0 or not stage.flags.has_graphs or not formula.copies_vocabulary:
        return 0
    copy = stage.vocabulary * stage.question.shape.hidden_size * stage.flags.element_bytes // stage.tensor
    return copy + round(formula.forward_gib * GIB / 3)


def warm_bytes(stage: Stage) -> int:
    """How much lower the peak is where nothing has to be compiled."""
    forward = _forward(stage)[0] + experts.workspace_of(stage).passing_bytes
    return max(copied_vocabulary(stage) - max(forward, _sampler(stage)[0], encoder.peak(stage)[0]), 0)


def _is_gated(shape: ModelShape) -> bool:
    """Whether perceptrons have a gate beside the way up: then as many rows again of the hidden size."""
    if not shape.layers or not shape.layers[0].weights:
        return True
    sizes = (shape.intermediate_size, 2 * shape.intermediate_size)
    weights = [w for w in shape.layers[0].weights if w.columns == shape.hidden_size and w.rows in sizes]
    return sum(weight.rows for weight in weights) != shape.intermediate_size


def _latent_forward(stage: Stage, latent: Latent) -> int:
    """Queries and keys of all heads, and the workspace in which a long context is expanded (mla_attention.py)."""
    shape, tokens = stage.question.shape, stage.batched_tokens
    heads = up(shape.attention_heads, stage.tensor)
    wide = heads * (latent.unrotated_size + latent.rotated_size)
    rank = latent.query_rank + latent.kv_rank + latent.rotated_size
    live = stage.flags.element_bytes * tokens * (shape.hidden_size + rank + wide)
    rows = min(max(8 * stage.question.max_model_len, 64 * stage.sequences), 65536)
    workspace = rows * heads * (latent.unrotated_size + latent.value_size) * stage.flags.element_bytes
    return live + workspace


def _sampler(stage: Stage) -> tuple[int, str]:
    """Logits of n requests with their copies; gathered over ranks they stand there as shard, gathered and copied.

    Source: vLLM 0.24, model_executor/layers/logits_processor.py; the V1 runner's sampler converts and sorts besides.
    """
    if not stage.is_last:
        return 0, ""
    shape, element, n = stage.question.shape, stage.flags.element_bytes, stage.sequences
    per_logit: float = stage.rules.formula.sampler_bytes[stage.flags.runner]
    if stage.tensor > 1:
        per_logit = max(per_logit, 2 * (2 + 1 / stage.tensor))
    per_logit += 2 * element if stage.flags.speculation else 0
    copies = 2 if stage.flags.runner == "v1" else 1
    states = element * (copies * stage.batched_tokens + n) * shape.hidden_size
    besides = round(stage.rules.formula.sampler_gib[stage.flags.runner] * GIB)
    size = states + round(n * stage.vocabulary * per_logit) + besides
    return size, f"{element * copies}TH + {element}nH + {per_logit:g} n V, T = {stage.batched_tokens}, n = {n}"
