"""What a drafter takes besides its cache: weights on the last stage, over the same tensor-parallel ranks.

Source: vLLM 0.24 and 0.32, v1/spec_decode, v1/worker/gpu_model_runner.py and v1/worker/gpu/model_runner.py (the drafter is made on
the last stage).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from shardwright.core.layout import Layout
from shardwright.engines.vllm import weights

if TYPE_CHECKING:
    from shardwright.engines.vllm.stage import Stage

__all__ = ["weights_bytes"]


def weights_bytes(stage: Stage) -> int:
    """What the drafter holds on a rank of that stage; 0 on all but the last."""
    question = stage.question
    if not stage.is_last or not stage.flags.speculation:
        return 0
    if stage.flags.speculation == "mtp":
        guessing = dataclasses.replace(
            question.shape, layers=question.shape.draft_layers, embedding=(), head=(), encoder=()
        )
        layout = dataclasses.replace(question.layout, pipeline=1, stages=(len(guessing.layers),))
        return weights.stage_weights(guessing, layout, 0, stage.flags).total_bytes
    if question.draft is None:
        return 0
    layout = Layout(stage.tensor, 1, 1, stage.tensor, (len(question.draft.layers),))
    return weights.stage_weights(question.draft, layout, 0, stage.flags).total_bytes
