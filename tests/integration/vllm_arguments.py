"""vLLM's own argument parser and configuration over many command lines: run by the engine's interpreter, never by ours.

Reads a JSON list of cases (`argv`, `environment`, `configure`) on standard input, parses each as `vllm serve` does and, where
asked, makes the engine's configuration of it. Prints a JSON list: what was understood, or the error.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from typing import Any

os.environ.update(HF_HUB_OFFLINE="1", VLLM_LOGGING_LEVEL="ERROR", VLLM_NO_USAGE_STATS="1")

from vllm.engine.arg_utils import AsyncEngineArgs  # noqa: E402, RUF100 - the environment comes first
from vllm.entrypoints.cli.serve import ServeSubcommand  # noqa: E402, RUF100
from vllm.usage.usage_lib import UsageContext  # noqa: E402, RUF100
from vllm.utils.argparse_utils import FlexibleArgumentParser  # noqa: E402, RUF100

NAMES = (
    "tensor_parallel_size",
    "pipeline_parallel_size",
    "data_parallel_size",
    "enable_expert_parallel",
    "nnodes",
    "node_rank",
    "max_model_len",
    "max_num_seqs",
    "max_num_batched_tokens",
    "gpu_memory_utilization",
    "headless",
)


def understood(parser: FlexibleArgumentParser, serve: ServeSubcommand, case: dict[str, Any]) -> dict[str, Any]:
    """The figures that were read, and those of the configuration where it is asked for."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            args = parser.parse_args(case["argv"])
    except SystemExit:
        return {"error": said.getvalue().strip().splitlines()[-1]}
    serve.validate(args)
    found = {name: getattr(args, name) for name in NAMES} | {"model": args.model_tag, "name": args.served_model_name}
    if case["configure"]:
        args.model = args.model_tag
        made = AsyncEngineArgs.from_cli_args(args).create_engine_config(
            usage_context=UsageContext.OPENAI_API_SERVER, headless=args.headless
        )
        found["configured"] = {
            "world": made.parallel_config.world_size,
            "length": made.model_config.max_model_len,
            "sequences": made.scheduler_config.max_num_seqs,
            "tokens": made.scheduler_config.max_num_batched_tokens,
        }
    return found


def main() -> None:
    """All cases, each with its own environment."""
    parser = FlexibleArgumentParser()
    serve = ServeSubcommand()
    serve.subparser_init(parser.add_subparsers(required=True, dest="subparser"))
    before, results = dict(os.environ), list[dict[str, Any]]()
    for case in json.load(sys.stdin):
        os.environ.update(case["environment"])
        try:
            results.append(understood(parser, serve, case))
        except Exception as error:  # noqa: BLE001 - whatever vLLM raises is the answer
            results.append({"error": f"{type(error).__name__}: {error}"[:1500]})
        os.environ.clear()
        os.environ.update(before)
    print("\n" + json.dumps(results))  # noqa: T201 - its only output


main()
