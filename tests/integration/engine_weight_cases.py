"""Models and layouts whose weights are counted by the engine and by us: one line a case.

Widths are those of published models where they matter; layers are few, for a layer is like the others of its kind.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["Case", "config"]


@dataclass(frozen=True, slots=True)
class Case:
    """One rank of one model."""

    config: dict[str, Any]
    tensor: int = 1
    pipeline: int = 1
    stage: int = 0
    data: int = 1
    expert: bool = False
    arguments: dict[str, Any] = field(default_factory=dict[str, Any])
    """Further arguments of the engine, by their Python names."""

    def __str__(self) -> str:
        """The name of the test."""
        expert = "-ep" if self.expert else ""
        data = f"-dp{self.data}" if self.data > 1 else ""
        others = "".join(f"-{name}" for name in self.arguments)
        return f"{self.config['model_type']}-tp{self.tensor}-pp{self.pipeline}.{self.stage}{data}{expert}{others}"


def config(architecture: str, model_type: str, **fields: object) -> dict[str, Any]:
    """A configuration with small sizes that are easy to divide, changed by `fields`; None removes one."""
    sizes: dict[str, Any] = {
        "architectures": [architecture],
        "model_type": model_type,
        "dtype": "bfloat16",
        "hidden_size": 1024,
        "intermediate_size": 2816,
        "num_hidden_layers": 6,
        "num_attention_heads": 16,
        "num_key_value_heads": 4,
        "vocab_size": 32016,
        "max_position_embeddings": 8192,
    }
    return {name: value for name, value in {**sizes, **fields}.items() if value is not None}
