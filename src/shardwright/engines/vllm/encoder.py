"""Encoders for images and sound: where vLLM holds their weights, and what profiling them takes.

Every stage builds the encoder (vLLM 0.24 and 0.32, models/interfaces.py _mark_tower_model), unless `limit-mm-per-prompt` allows
none of its inputs. Profiling runs it on as many patches as T tokens stand for (v1/core/encoder_cache_manager.py). How much is
live then depends on the encoder's code: the formula is an estimate, and its interval is wide.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from shardwright.core.plan.version import parse_version
from shardwright.engines.vllm import facts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shardwright.core.shape.base import ModelShape
    from shardwright.engines.vllm.flags import Flags
    from shardwright.engines.vllm.stage import Stage

__all__ = ["is_held", "peak"]

_SECTIONS = ("vision_config", "audio_config")


def is_held(shape: ModelShape, given: Mapping[str, Any]) -> bool:
    """Whether an encoder is loaded at all."""
    return bool(shape.encoder) and not given.get("language-model-only") and not _is_none_allowed(given)


def _is_none_allowed(given: Mapping[str, Any]) -> bool:
    """Whether every kind of input that is named is limited to none, images among them."""
    limits = given.get("limit-mm-per-prompt")
    if isinstance(limits, str):
        try:
            limits = json.loads(limits)
        except ValueError:
            return False
    if not isinstance(limits, dict):
        return False
    counts = cast("dict[str, Any]", limits)
    return "image" in counts and all(count == 0 for count in counts.values())


def peak(stage: Stage) -> tuple[int, str]:
    """Patches of T tokens in the encoder, its output twice; 0 where nothing is encoded while profiling."""
    shape, flags = stage.question.shape, stage.flags
    if not flags.encoder or flags.arguments.get("skip-mm-profiling") or not _is_profiled(stage, flags):
        return 0, ""
    sizes = _sizes(shape)
    patches = stage.batched_tokens * sizes["merge"] ** 2
    live = patches * (6 * sizes["hidden"] + 2 * sizes["intermediate"])
    size = flags.element_bytes * (live + 2 * stage.batched_tokens * shape.hidden_size)
    return size, f"encoder of {patches} patches: {flags.element_bytes} (P (6h + 2i) + 2TH), an estimate"


def _is_profiled(stage: Stage, flags: Flags) -> bool:
    """The V1 runner encodes on every stage; the V2 runner on the first, and not in its first versions."""
    since = parse_version(facts.table("encoder")["v2_profiled_since"])
    is_old = parse_version(stage.question.version) < since
    return flags.runner == "v1" or (stage.index == 0 and not is_old)


def _sizes(shape: ModelShape) -> dict[str, int]:
    """Sizes of the first encoder that the configuration describes; those of the language model where it says none."""
    config = dict(shape.config)
    described = [cast("dict[str, Any]", config[key]) for key in _SECTIONS if isinstance(config.get(key), dict)]
    found = described[0] if described else {}
    hidden = _integer(found, ("hidden_size", "embed_dim", "d_model"), shape.hidden_size)
    return {
        "hidden": hidden,
        "intermediate": _integer(found, ("intermediate_size", "encoder_ffn_dim"), 4 * hidden),
        "merge": _integer(found, ("spatial_merge_size",), 1),
    }


def _integer(section: Mapping[str, Any], names: tuple[str, ...], default: int) -> int:
    return next((section[name] for name in names if isinstance(section.get(name), int)), default)
