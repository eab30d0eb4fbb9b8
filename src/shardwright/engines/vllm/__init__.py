"""vLLM: what it accepts, what it takes, how it starts, what its log and metrics say, by version. All of it is pure.

Versions and constants stand in `facts.toml`; what runs inside the engine's own environment on a CPU stands in `cpu/`.
"""

from shardwright.engines.vllm.engine import VllmEngine

__all__ = ["ENGINE"]

ENGINE = VllmEngine()
