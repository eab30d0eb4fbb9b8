# ruff: noqa: INP001  a script's neighbour, found through sys.path[0]; it is no part of the tool's own package
"""Importing the engine before it is needed, and running its command in a process that has done so.

Knows which modules `vllm serve` and its processes import late, and which variables are read at import.
"""

from __future__ import annotations

import importlib
import os
import sys
import tempfile

# What the API server, EngineCore and a worker of vLLM 0.32 had imported when ready, as the modules that bring the rest;
# found by comparing sys.modules of each with the warm parent's (2026-11). What one model family needs is not among it.
_MODULES = (
    "setproctitle",
    "uvicorn.protocols.http.httptools_impl",
    "uvicorn.protocols.websockets.auto",
    "prometheus_fastapi_instrumentator",
    "model_hosting_container_standards.sagemaker",
    "vllm.entrypoints.cli.main",
    "vllm.entrypoints.cli.benchmark.main",
    "vllm.entrypoints.cli.collect_env",
    "vllm.entrypoints.cli.download_kernels",
    "vllm.entrypoints.cli.launch",
    "vllm.entrypoints.cli.openai",
    "vllm.entrypoints.cli.preload",
    "vllm.entrypoints.cli.run_batch",
    "vllm.entrypoints.cli.serve",
    "vllm.entrypoints.cli.snapshot",
    "vllm.entrypoints.anthropic.api_router",
    "vllm.entrypoints.cohere.api_router",
    "vllm.entrypoints.generate.api_router",
    "vllm.entrypoints.openai.chat_completion.batch_serving",
    "vllm.entrypoints.openai.models.api_router",
    "vllm.entrypoints.openai.responses.api_router",
    "vllm.entrypoints.scale_out.factories",
    "vllm.entrypoints.serve.elastic_ep.api_router",
    "vllm.entrypoints.serve.instrumentator.metrics",
    "vllm.entrypoints.serve.tokenize.api_router",
    "vllm.renderers.hf",
    "vllm.plugins.lora_resolvers.filesystem_resolver",
    "vllm.plugins.lora_resolvers.hf_hub_resolver",
    "vllm.v1.engine.async_llm",
    "vllm.v1.engine.core",
    "vllm.v1.core.sched.scheduler",
    "vllm.v1.executor.multiproc_executor",
    "vllm.v1.worker.cpu_worker",
    "vllm.v1.attention.backends.cpu_attn",
    "vllm.compilation.backends",
    "vllm.distributed.elastic_ep.elastic_execute",
    "vllm.model_executor.layers.quantization.online.base",
    "vllm.triton_utils.dispatcher",
    "vllm.utils.cpu_triton_utils",
)

# Read by the interpreter, the loader or a library when it is loaded: too late for a process that was forked.
_READ_AT_IMPORT = (
    "PYTHONHASHSEED",
    "PYTHONPATH",
    "PYTHONWARNINGS",
    "LD_",
    "OMP_",
    "KMP_",
    "GOMP_",
    "MKL_",
    "OPENBLAS_",
    "TORCH",
    "PYTORCH_",
    "HF_",
    "TRANSFORMERS_",
)


def import_engine() -> None:
    """Import all that serving needs, in one thread."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # a pool of threads would not survive a fork
    for name in _MODULES:
        importlib.import_module(name)


def take_environment(environment: dict[str, str], set_at_import: dict[str, str]) -> None:
    """Replace the whole environment, and what was derived from the old one.

    What the engine and its mends set for themselves at import stays, unless the new environment names it. A variable
    that was read at import and differs is told on standard error: it should have been given to the warm parent.
    """
    late = [name for name in sorted({*os.environ, *environment} - {*set_at_import}) if _is_late(name, environment)]
    os.environ.clear()
    os.environ.update(set_at_import)
    os.environ.update(environment)
    tempfile.tempdir = None
    from vllm import envs  # noqa: PLC0415  imported long before

    envs.disable_envs_cache()
    if late:
        print(f"launcher: read when the engine was imported, not honoured now: {', '.join(late)}", file=sys.stderr)  # noqa: T201


def _is_late(name: str, environment: dict[str, str]) -> bool:
    return name.startswith(_READ_AT_IMPORT) and os.environ.get(name) != environment.get(name)


def run_command(argv: list[str]) -> int:
    """Run the engine's own command line in this process; its exit code."""
    from vllm.entrypoints.cli import main  # noqa: PLC0415  after the mends

    sys.argv = ["vllm", *argv]
    try:
        main.main()
    except SystemExit as end:
        return _exit_code(end)
    return 0


def _exit_code(end: SystemExit) -> int:
    if end.code is None:
        return 0
    if isinstance(end.code, int):
        return end.code
    print(end.code, file=sys.stderr)  # noqa: T201  what the interpreter itself does
    return 1
