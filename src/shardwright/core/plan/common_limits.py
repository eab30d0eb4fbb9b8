"""What every engine refuses of a layout and of quantized weights alike; ids begin with the engine's name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.plan.types import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from shardwright.core.plan.types import Question
    from shardwright.core.shape.base import ModelShape

__all__ = ["divisors", "heads", "quantization"]


def heads(engine: str, question: Question) -> Iterator[Refusal]:
    """Attention heads are cut evenly; KV heads too, or each is held by several ranks."""
    shape, tensor = question.shape, question.layout.tensor
    if shape.attention_heads % tensor:
        yield Refusal(
            f"{engine}.attention-heads",
            f"TP{tensor} does not divide the {shape.attention_heads} attention heads of {shape.name}"
            f" (possible: {divisors(shape.attention_heads)})",
        )
    if shape.latent is None and shape.kv_heads % tensor and tensor % shape.kv_heads:
        yield Refusal(
            f"{engine}.kv-heads",
            f"TP{tensor} neither divides the {shape.kv_heads} KV heads of {shape.name} nor is a multiple of them",
        )


def divisors(number: int) -> str:
    """Sizes up to 64 that divide it, as a list in words."""
    return ", ".join(str(size) for size in range(1, min(number, 64) + 1) if number % size == 0)


def quantization(
    engine: str, shape: ModelShape, asked: str | None, online: Collection[str], plain: Callable[[str], str]
) -> Iterator[Refusal]:
    """A method that is asked for is the checkpoint's, or one that quantizes while loading (`online`).

    `plain` gives the one name of methods that read the same checkpoints.
    """
    if asked is None:
        return
    if shape.quantization is None and asked not in online:
        yield Refusal(
            f"{engine}.not-quantized",
            f"quantization {asked} needs a checkpoint quantized that way; {shape.name} is not"
            f" (while loading: {', '.join(sorted(online))})",
        )
    if shape.quantization is not None and plain(asked) != plain(shape.quantization):
        yield Refusal(
            f"{engine}.quantization-differs",
            f"quantization {asked} is not that of the checkpoint, {shape.quantization}",
        )
