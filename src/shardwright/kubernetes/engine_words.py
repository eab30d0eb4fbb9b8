"""What a container's words say of the engine that it starts: which one, and into how many parts it takes a model.

Reads the flags of vLLM and SGLang that stand in manifests; what a variable or a script decides cannot be told.
Source: command lines of vLLM 0.10 to 0.32 and SGLang 0.5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from shardwright.kubernetes.manifest_pods import Container, Pod, flag_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shardwright.core.manifests.objects import Value

__all__ = ["DATA", "STAGES", "TENSOR", "degree", "engine_of", "served_name", "whole", "world_of"]

TENSOR = ("--tensor-parallel-size", "-tp", "--tp-size", "--tp")
STAGES = ("--pipeline-parallel-size", "-pp", "--pp-size")
DATA = ("--data-parallel-size", "-dp", "--dp-size")
_SERVED = ("--served-model-name", "--model-name")
"""The second is the Hugging Face server's."""
_MODEL = ("--model", "--model-path")
_MOST_DIGITS = 7


def engine_of(words: list[str]) -> str:
    """`vllm` or `sglang` where a command starts that; else empty."""
    text = " ".join(words)
    if "vllm serve" in text or "vllm.entrypoints" in text:
        return "vllm"
    return "sglang" if "sglang.launch_server" in text or "sglang serve" in text else ""


def whole(text: str | None) -> int | None:
    """A whole number as it is written; None for anything else."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < _MOST_DIGITS else None


def degree(words: list[str], *names: str) -> int | None:
    """A degree of parallelism; 1 where it is not given, None where it is no plain number."""
    value = flag_value(words, *names)
    return 1 if value is None else whole(value)


def world_of(words: list[str], engine: str) -> tuple[int, int, int] | None:
    """Tensor, pipeline and data parallelism; None where one is no plain number. SGLang's data ranks share its GPUs."""
    tensor, stages = degree(words, *TENSOR), degree(words, *STAGES)
    copies = degree(words, *DATA) if engine == "vllm" else 1
    return None if tensor is None or stages is None or copies is None else (tensor, stages, copies)


def served_name(body: Mapping[str, object]) -> str:
    """The name under which the containers of an object serve their model; empty where their words do not tell it.

    An engine that is given no name serves the model under the place that it was loaded from.
    """
    every = list(_words_in(body))
    named = [flag_value(words, *_SERVED) for words in every]
    loaded = [_model_of(words) for words in every if engine_of(words)]
    return next((name for name in (*named, *loaded) if name and "$" not in name and "{" not in name), "")


def _words_in(value: object) -> Iterator[list[str]]:
    if isinstance(value, list):
        for each in cast("list[object]", value):
            yield from _words_in(each)
    elif isinstance(value, dict):
        tree = cast("dict[str, object]", value)
        if isinstance(tree.get("command"), list) or isinstance(tree.get("args"), list):
            yield Container((), cast("dict[str, Value]", tree), Pod((), {})).words
        for each in tree.values():
            yield from _words_in(each)


def _model_of(words: list[str]) -> str:
    given = flag_value(words, *_MODEL)
    if given:
        return given
    after = words.index("serve") + 1 if "serve" in words else len(words)
    return words[after] if after < len(words) and not words[after].startswith("-") else ""
