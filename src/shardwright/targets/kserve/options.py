"""`target.options` of this target: few, each checked and documented here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core import target_options
from shardwright.core.target_options import Option

if TYPE_CHECKING:
    from shardwright.core.recipe import Recipe

__all__ = ["HUGGING_FACE", "OPTIONS", "is_server"]

HUGGING_FACE = "huggingface"

OPTIONS = {
    "runtime": Option(
        "`vllm`: the engine's own server, at /v1; `huggingface`: KServe's Hugging Face server around the same engine, at"
        " /openai/v1",
        default="`vllm`",
        choices=("vllm", HUGGING_FACE),
    ),
}
"""What each takes."""


def is_server(recipe: Recipe) -> bool:
    """Whether KServe's Hugging Face server is to run the engine."""
    return target_options.text_of(recipe, "runtime") == HUGGING_FACE
