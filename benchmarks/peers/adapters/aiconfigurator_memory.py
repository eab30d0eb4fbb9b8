"""aiconfigurator 0.12.0: cases from standard input, answers to standard output. Runs in its environment."""

from __future__ import annotations

import json
import logging
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from aiconfigurator_core.sdk.memory import estimate_kv_cache

_GIB = 2**30
_SYSTEMS = {"H100": "h100_sxm", "H200": "h200_sxm", "A100-80GB": "a100_sxm", "B200": "b200_sxm", "L40S": "l40s"}


def answer(case: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Its pool is that of one GPU; experts are divided as the case says."""
    if case["quantized_while_loading"]:
        return {"skipped": "quantization while loading is not modelled"}
    home = folder / Path(case["config"]).stem
    home.mkdir(exist_ok=True)
    shutil.copy(case["config"], home / "config.json")
    ranks = case["tensor"] * case["data"]
    experts = {"moe_ep_size": ranks, "moe_tp_size": 1} if case["expert"] else {"moe_tp_size": ranks, "moe_ep_size": 1}
    found = estimate_kv_cache(
        str(home),
        _SYSTEMS[case["gpu"]],
        "vllm",
        "0.24.0",
        max_num_tokens=case["batched_tokens"],
        max_batch_size=case["sequences"],
        memory_fraction_kind="of_total",
        memory_fraction_value=case["utilization"],
        tp_size=case["tensor"],
        pp_size=case["pipeline"],
        attention_dp_size=case["data"],
        kvcache_quant_mode="fp8" if case["kv_cache_dtype"].startswith("fp8") else None,
        gpu_memory_capacity_bytes_override=int(case["memory_gib"] * _GIB),
        **experts,
    )
    return {"pool_gib": found["total_kv_size_bytes"] / _GIB, "tokens": found["total_kv_size_tokens"]}


def main() -> None:
    """Answer every case; one that its code refuses keeps the reason."""
    logging.disable(logging.CRITICAL)
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for case in json.load(sys.stdin):
            try:
                found.append(answer(case, Path(folder)))
            except (ValueError, TypeError, AttributeError, KeyError, RuntimeError) as problem:
                found.append({"skipped": f"{type(problem).__name__}: {problem}"[:160].replace(folder, "")})
    print(json.dumps(found))


if __name__ == "__main__":
    main()
