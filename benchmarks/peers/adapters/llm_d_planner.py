"""llm-d-planner 0.3.3: cases from standard input, answers to standard output. Runs in its environment."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from planner import capacity_planner
from transformers import AutoConfig

_BLOCK = 16


def answer(case: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Its pool is the sum over all GPUs; its tokens are blocks of 16."""
    if case["quantized_while_loading"]:
        return {"skipped": "quantization while loading is not modelled"}
    home = folder / Path(case["config"]).stem
    home.mkdir(exist_ok=True)
    shutil.copy(case["config"], home / "config.json")
    config = AutoConfig.from_pretrained(str(home))
    name = case["name"]
    numbers = SimpleNamespace(parameter_count=case["parameters"])
    capacity_planner.get_safetensors_metadata_from_hf = lambda *_: numbers
    sizes = (case["tensor"], case["pipeline"], case["data"])
    pool = capacity_planner.allocatable_kv_cache_memory(
        name, config, case["memory_gib"], case["utilization"], *sizes, case["max_model_len"]
    )
    blocks = capacity_planner.total_kv_cache_blocks(
        name,
        config,
        case["max_model_len"],
        case["memory_gib"],
        case["utilization"],
        1,
        _BLOCK,
        *sizes,
    )
    ranks = case["tensor"] * case["pipeline"] * case["data"]
    is_told = case["kv_cache_dtype"] == "auto"  # a type of the cache cannot be given
    return {"pool_gib": pool / ranks, "tokens": blocks * _BLOCK if is_told else None}


def main() -> None:
    """Answer every case; one that its code refuses keeps the reason."""
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for case in json.load(sys.stdin):
            try:
                found.append(answer(case, Path(folder)))
            except (ValueError, TypeError, AttributeError, KeyError) as problem:
                found.append({"skipped": f"{type(problem).__name__}: {problem}"[:160]})
    print(json.dumps(found))


if __name__ == "__main__":
    main()
