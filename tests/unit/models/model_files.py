"""Small models on disk for tests: a configuration and files that hold headers with as many zero bytes as they say."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any

from shardwright.core.shape import shape_of
from shardwright.core.shape.checkpoint import expected_tensors

if TYPE_CHECKING:
    from pathlib import Path

CONFIG: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "dtype": "bfloat16",
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 96,
    "max_position_embeddings": 256,
}


def headers(config: dict[str, Any] = CONFIG, files: int = 1) -> list[bytes]:
    """The content of the model's safetensors files, its tensors dealt out over them."""
    tensors = list(expected_tensors(shape_of(config, name="m", source="t")))
    return [_file(tensors[start::files]) for start in range(files)]


def _file(tensors: list[tuple[str, tuple[int, ...]]]) -> bytes:
    header: dict[str, Any] = {}
    end = 0
    for name, dimensions in tensors:
        start, end = end, end + 2 * dimensions[0] * (dimensions[1] if len(dimensions) == 2 else 1)
        header[name] = {"dtype": "BF16", "shape": list(dimensions), "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(end)


def write_model(folder: Path, *, config: dict[str, Any] = CONFIG, files: int = 1) -> int:
    """Write the model, with an index if there are several files; the bytes of all its tensors."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    total = shape_of(config, name="m", source="t").parameters * 2
    names = [f"model-{number:05}-of-{files:05}.safetensors" for number in range(1, files + 1)]
    if files == 1:
        names = ["model.safetensors"]
    elif files > 1:
        index = {"metadata": {"total_size": total}, "weight_map": {f"t{name}": name for name in names}}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    for name, content in zip(names, headers(config, files) if files else [], strict=False):
        (folder / name).write_bytes(content)
    return total
