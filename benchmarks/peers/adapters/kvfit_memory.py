"""kvfit 0.3.0: cases from standard input, answers to standard output. Runs in its environment."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from pathlib import Path
from typing import Any

from kvfit import cli, hf


def answer(case: dict[str, Any]) -> dict[str, Any]:
    """Its budget of a rank less its weights; tokens by its own bytes of a longest request."""
    if case["pipeline"] > 1 or case["data"] > 1:
        return {"skipped": "pipeline and data parallel sizes cannot be given"}
    if case["quantized_while_loading"]:
        return {"skipped": "quantization while loading is not modelled"}
    config = json.loads(Path(case["config"]).read_text("utf-8"))
    stored = {"sha": "0" * 40, "siblings": [{"rfilename": "model.safetensors", "size": case["weight_bytes"]}]}
    hf._fetch_json = lambda url, **_: stored if "/api/models/" in url else config  # noqa: SLF001 - the hub's address is fixed in its code
    printed = io.StringIO()
    sizes = ["--gpus", str(case["tensor"]), "--tp", str(case["tensor"]), "--context", str(case["max_model_len"])]
    budget = ["--device-memory-gib", str(case["memory_gib"]), "--utilization", str(case["utilization"])]
    kind = [] if case["kv_cache_dtype"] == "auto" else ["--kv-dtype", case["kv_cache_dtype"]]
    hardware = ["--hardware", f"custom:{case['memory_gib']}"]
    sys.argv = ["kvfit", "owner/model", "--json", *hardware, *sizes, *budget, *kind]
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()) as complaints:
        cli.main()
    if not printed.getvalue():
        return {"skipped": complaints.getvalue().strip().splitlines()[-1][:160]}
    layout = json.loads(printed.getvalue())["concurrency"]["best_any_fabric"]["layout"]
    pool = layout["budget_per_rank_gib"] - layout["weights_per_rank_gib"] - layout["runtime_reserve_per_rank_gib"]
    tokens = pool / layout["kv_per_sequence_per_rank_gib"] * case["max_model_len"]
    return {"pool_gib": pool, "tokens": tokens}


def main() -> None:
    """Answer every case; one that its code refuses keeps the reason."""
    found: list[dict[str, Any]] = []
    for case in json.load(sys.stdin):
        try:
            found.append(answer(case))
        except (ValueError, TypeError, KeyError, SystemExit) as problem:
            found.append({"skipped": f"{type(problem).__name__}: {problem}"[:160]})
    print(json.dumps(found))


if __name__ == "__main__":
    main()
