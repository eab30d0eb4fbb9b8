"""Engine flags that repeat a field of the recipe: each thing has one place, so such a flag is a fault.

Data only: the spellings of the engines known today, long and short. An engine that calls such a thing otherwise adds its
spelling here; what an engine does with its own flags is its own affair.
Source: the parsers of vLLM 0.32 and SGLang 0.5.
"""

from __future__ import annotations

__all__ = ["REPEATED", "field_of", "plain_flag"]

REPEATED: dict[str, tuple[str, ...]] = {
    "model.source": ("model", "model-path", "model-tag"),
    "model.revision": ("revision", "code-revision"),
    "model.servedName": ("served-model-name",),
    "model.token": ("hf-token",),
    "model.dtype": ("dtype",),
    "model.trustRemoteCode": ("trust-remote-code",),
    "workload.maxModelLen": ("max-model-len", "context-length", "max-seq-len"),
    "parallelism.tensor": ("tensor-parallel-size", "tensor-parallel", "tp-size", "tp"),
    "parallelism.pipeline": ("pipeline-parallel-size", "pipeline-parallel", "pp-size", "pp"),
    "parallelism.data": ("data-parallel-size", "data-parallel", "dp-size", "dp"),
    "parallelism.expert": ("enable-expert-parallel", "expert-parallel-size", "expert-parallel", "ep-size", "ep"),
    "engine.executor": ("distributed-executor-backend",),
}
"""Spellings by the field they repeat."""

_FIELDS = {spelling: field for field, spellings in REPEATED.items() for spelling in spellings}


def plain_flag(flag: str) -> str:
    """A flag in its long spelling without leading dashes: `--max_model_len` gives `max-model-len`."""
    return flag.strip().lstrip("-").replace("_", "-").lower()


def field_of(flag: str) -> str:
    """The field that a flag repeats; empty if there is none. camelCase counts too: `tensorParallelSize`."""
    plain = plain_flag("".join(f"-{c.lower()}" if c.isupper() else c for c in flag) if flag[:1].islower() else flag)
    return _FIELDS.get(plain) or _FIELDS.get(plain.removeprefix("no-"), "")
