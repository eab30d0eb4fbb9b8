"""hf-mem 0.5.6: cases from standard input, answers to standard output. Runs in its environment."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from hf_mem.safetensors.kv_cache import compute_safetensors_kv_cache_size, resolve_kv_cache_dtype
from hf_mem.safetensors.metadata import parse_safetensors_metadata

_GIB = 2**30


def answer(case: dict[str, Any]) -> dict[str, Any]:
    """It counts weights and cache and knows no layouts: the budget less an even part of the weights."""
    if case["quantized_while_loading"]:
        return {"skipped": "quantization while loading is not modelled"}
    config = json.loads(Path(case["config"]).read_text("utf-8"))
    header = {stored: {"dtype": stored, "shape": [count]} for stored, count in case["parameters"].items()}
    metadata = parse_safetensors_metadata(raw_metadata={"Transformer": header})
    ranks = case["tensor"] * case["pipeline"]
    pool = case["memory_gib"] * case["utilization"] - metadata.bytes_count / ranks / _GIB
    dtype = resolve_kv_cache_dtype(config, case["kv_cache_dtype"], metadata, case["name"])
    length = case["max_model_len"]
    request = compute_safetensors_kv_cache_size(config=config, cache_dtype=dtype, max_model_len=length)
    return {"pool_gib": pool, "tokens": pool * ranks * _GIB / request * length}


def main() -> None:
    """Answer every case; one that its code refuses keeps the reason."""
    found: list[dict[str, Any]] = []
    for case in json.load(sys.stdin):
        try:
            found.append(answer(case))
        except (ValueError, TypeError, KeyError, RuntimeError) as problem:
            found.append({"skipped": f"{type(problem).__name__}: {problem}"[:160]})
    print(json.dumps(found))


if __name__ == "__main__":
    main()
