"""What a pipeline stage holds besides its layers, as vLLM's model classes build it: embedding, last norm, output matrix.

Most classes build them where they are used. Some build them on every stage, used or not; others are built by transformers
and keep frequencies instead of rotary tables. Nothing of this is in a configuration. Source: vLLM 0.24 and 0.32,
model_executor/models/*.py, registry.py, transformers/base.py; classes built for stages on the meta device (0.24 and 0.32),
2026-11.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.plan.version import parse_version
from shardwright.core.shape import sharding
from shardwright.core.shape.base import Split

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shardwright.core.shape.base import ModelShape

__all__ = ["encoder_ranks", "frequencies_bytes", "rotary_factor", "stage_parts"]

_EMBEDDING = frozenset({"embedding"})
_ENDS = frozenset({"embedding", "norm"})
_ALL = frozenset({"embedding", "norm", "output"})
_EVERYWHERE: dict[str, frozenset[str]] = {
    "BloomForCausalLM": _ALL,
    "Cohere2ForCausalLM": _ENDS,
    "CohereForCausalLM": _ENDS,
    "DbrxForCausalLM": _ALL,
    "FalconForCausalLM": _ALL,
    "FalconMambaForCausalLM": _ALL,
    "GPT2LMHeadModel": _ALL,
    "GPTJForCausalLM": _ALL,
    "Gemma2ForCausalLM": _ALL,
    "Gemma3ForCausalLM": _ALL,
    "Gemma3ForConditionalGeneration": _ALL,
    "GemmaForCausalLM": _ALL,
    "GptOssForCausalLM": _ALL,
    "GraniteMoeForCausalLM": _ALL,
    "GraniteMoeHybridForCausalLM": _ALL,
    "GraniteMoeSharedForCausalLM": _ALL,
    "HYV3ForCausalLM": _ALL,
    "InternLM2ForCausalLM": _ALL,
    "JambaForCausalLM": _ALL,
    "Lfm2ForCausalLM": _EMBEDDING,
    "Lfm2MoeForCausalLM": _EMBEDDING,
    "Mamba2ForCausalLM": _ALL,
    "MambaForCausalLM": _ALL,
    "MiniCPMForCausalLM": _ALL,
    "MixtralForCausalLM": _ALL,
    "NemotronHForCausalLM": _ALL,
    "OPTForCausalLM": _ALL,
    "OlmoeForCausalLM": _ALL,
    "OrionForCausalLM": _ALL,
    "PhiMoEForCausalLM": _ALL,
    "Qwen2MoeForCausalLM": _ALL,
    "Qwen3MoeForCausalLM": _ALL,
    "Qwen3NextForCausalLM": frozenset({"embedding", "output"}),
    "Qwen3VLMoeForConditionalGeneration": _ALL,
    "Qwen3_5ForCausalLM": _EMBEDDING,
    "Qwen3_5ForConditionalGeneration": _EMBEDDING,
    "Qwen3_5MoeForCausalLM": _EMBEDDING,
    "Qwen3_5MoeForConditionalGeneration": _EMBEDDING,
    "StableLmForCausalLM": _ALL,
    "Zamba2ForCausalLM": _ALL,
}
"""What a class builds on every stage; the others follow `core.shape.sharding`."""
_GENERIC_SINCE: dict[str, str] = {
    "GPTNeoXForCausalLM": "0.32.0",
    "GlmForCausalLM": "0.32.0",
    "Olmo2ForCausalLM": "0.26.0",
    "Olmo3ForCausalLM": "0.29.0",
    "PhiForCausalLM": "0.32.0",
    "SeedOssForCausalLM": "0.32.0",
    "SmolLM3ForCausalLM": "0.10.0",
    "Starcoder2ForCausalLM": "0.25.0",
}
"""Built by transformers from that version on; before, vLLM had classes of its own for them, with rotary tables.

Source: models/registry.py of 0.10, 0.16, 0.20, 0.22, 0.24 to 0.32.
"""
_EVERYWHERE_BEFORE: dict[str, frozenset[str]] = {
    "GPTNeoXForCausalLM": _ALL,
    "Olmo2ForCausalLM": _ALL,
    "Olmo3ForCausalLM": _ALL,
    "PhiForCausalLM": _ALL,
    "Starcoder2ForCausalLM": _ALL,
}
"""What those classes of its own built on every stage."""
_LONG_TABLES = frozenset({"Qwen3VLForConditionalGeneration", "Qwen3VLMoeForConditionalGeneration"})
_LONG_UNTIL, _LONG_FACTOR = (0, 32, 0), 4
"""Rotary tables of these were made for four times their positions, as those of Qwen2's are, until 0.32.

Source: rotary_embedding/mrope.py of 0.16 to 0.31; 0.32, models/qwen3_vl.py mrope_positions_factor.
"""
_WHOLE_ENCODERS = frozenset(
    {
        "Qwen2VLForConditionalGeneration",
        "Qwen2_5_VLForConditionalGeneration",
        "Qwen3VLForConditionalGeneration",
        "Qwen3VLMoeForConditionalGeneration",
    }
)
"""Classes that give every rank the whole encoder if `mm-encoder-tp-mode` is `data`; others divide it in any case."""
_FREQUENCY_BYTES = 4


def stage_parts(shape: ModelShape, stages: tuple[int, ...], stage: int, version: str) -> sharding.StageParts:
    """The layers of a stage, and what its class builds besides them."""
    usual = sharding.stage_parts(shape, stages, stage)
    before = {} if _is_generic(shape, version) else _EVERYWHERE_BEFORE
    everywhere = before.get(shape.architecture, _EVERYWHERE.get(shape.architecture))
    if everywhere is None:
        return usual
    is_last = stage == len(stages) - 1
    head = tuple(
        weight
        for weight in shape.head
        if is_last or ("output" if weight.split is Split.VOCABULARY else "norm") in everywhere
    )
    return sharding.StageParts(shape.embedding, usual.layers, head)


def _is_generic(shape: ModelShape, version: str) -> bool:
    since = _GENERIC_SINCE.get(shape.architecture)
    return since is not None and parse_version(version) >= parse_version(since)


def rotary_factor(shape: ModelShape, version: str) -> int:
    """How many times longer than the shape says the rotary tables are."""
    is_long = shape.architecture in _LONG_TABLES and parse_version(version) < _LONG_UNTIL
    return _LONG_FACTOR if is_long else 1


def frequencies_bytes(shape: ModelShape, version: str) -> int | None:
    """What rotary positions take where transformers builds the model; None where vLLM does, with tables.

    Half a head of frequencies, as used and as first made, for each kind of rotation, on every stage.
    """
    if not _is_generic(shape, version):
        return None
    return sum(table.size * _FREQUENCY_BYTES for table in sharding.rotary_tables(shape, shape.layers))


def encoder_ranks(shape: ModelShape, tensor: int, given: Mapping[str, object]) -> int:
    """Ranks that share an encoder for images: those of the stage, or each for itself. Every stage holds it."""
    whole = given.get("mm-encoder-tp-mode") == "data" and shape.architecture in _WHOLE_ENCODERS
    return 1 if whole else tensor
