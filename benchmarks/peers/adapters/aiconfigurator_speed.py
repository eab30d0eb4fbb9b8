"""aiconfigurator 0.12.0 on timed batches: cases from standard input, seconds to standard output. Runs in its environment.

Its static mode gives the time of one step of prompts and of one new token for all requests; a batch is the steps that its
prompts need, then all other tokens.
"""

from __future__ import annotations

import json
import logging
import math
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from aiconfigurator.cli.api import cli_estimate

_SYSTEMS = {"H100": "h100_sxm", "H200": "h200_sxm", "A100-80GB": "a100_sxm", "B200": "b200_sxm", "L40S": "l40s"}


def answer(case: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Seconds until the last token."""
    home = folder / Path(case["config"]).stem
    home.mkdir(exist_ok=True)
    shutil.copy(case["config"], home / "config.json")
    ranks = case["tensor"] * case["data"]
    is_mixture = any(name in json.loads(Path(case["config"]).read_text("utf-8")) for name in case["mixture_fields"])
    dealt = {"moe_ep_size": ranks, "moe_tp_size": 1} if case["expert"] else {"moe_tp_size": ranks, "moe_ep_size": 1}

    def estimate(mode: str, batch: int) -> Any:  # noqa: ANN401 - a value of theirs
        return cli_estimate(
            str(home),
            _SYSTEMS[case["gpu"]],
            mode=mode,
            backend_name="vllm",
            backend_version=case["version"],
            isl=case["input_tokens"],
            osl=case["output_tokens"],
            batch_size=batch,
            tp_size=case["tensor"],
            pp_size=case["pipeline"],
            attention_dp_size=case["data"],
            **(dealt if is_mixture else {}),
        )

    requests = math.ceil(case["requests"] / case["data"])
    together = min(requests, max(1, case["step_tokens"] // case["input_tokens"]))
    prompts = estimate("static_ctx", together).ttft * math.ceil(requests / together)
    return {"seconds": (prompts + (case["output_tokens"] - 1) * estimate("static_gen", requests).tpot) / 1000}


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
