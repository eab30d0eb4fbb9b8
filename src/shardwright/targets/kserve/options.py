"""`target.options` of this target: few, each checked and documented here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core import target_options
from shardwright.core.target_options import Option
from shardwright.targets.kserve import releases, server

if TYPE_CHECKING:
    from shardwright.core.recipe import Recipe

__all__ = ["HUGGING_FACE", "OPTIONS", "SERVER", "SERVER_TYPE", "is_server", "own_engine"]

HUGGING_FACE = "huggingface"
SERVER_TYPE, SERVER = "serving.kserve.io/server-type", "huggingfaceserver"
"""The annotation by which KServe's runtimes say what runs in them; ours is on the service, for whoever asks it."""

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


def own_engine(recipe: Recipe) -> str:
    """The version of the engine in KServe's own server; empty where that is not asked for, not known, or has another."""
    release = releases.release_of(recipe)
    return release.server_engine if release and is_server(recipe) and recipe.engine.name == server.ENGINE else ""
