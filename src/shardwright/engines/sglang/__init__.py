"""SGLang: what it accepts, what it takes, how it starts, what its log and metrics say, by version. All of it is pure.

Versions and constants stand in `facts.toml`, options in `options.toml`, measured pools in `measured.toml`.
"""

from shardwright.engines.sglang.engine import SglangEngine

__all__ = ["ENGINE"]

ENGINE = SglangEngine()
