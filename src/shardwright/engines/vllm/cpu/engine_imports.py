# ruff: noqa: INP001  a script's neighbour, found through sys.path[0]; it is no part of the tool's own package
"""Importing the engine before it is needed, and running its command in a process that has done so.

Knows which modules `vllm serve` and its processes import late, and which variables are read at import.
"""

from __future__ import annotations

import importlib
import os
import sys
import tempfile

# Measured as what the launcher, EngineCore and a worker had imported when ready, beyond what the line above them had.
_MODULES = (
    "vllm",
    "vllm.entrypoints.cli.main",
    "vllm.entrypoints.cli.serve",
    "vllm.v1.engine.core",
    "vllm.v1.executor.multiproc_executor",
    "vllm.v1.worker.cpu_worker",
)


def import_engine() -> dict[str, str]:
    """Import all that serving needs; the variables that the engine sets when it is imported."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # a pool of threads would not survive the fork
    before = dict(os.environ)
    for name in _MODULES:
        importlib.import_module(name)
    return {name: value for name, value in os.environ.items() if before.get(name) != value}


def take_environment(environment: dict[str, str], set_by_engine: dict[str, str]) -> None:
    """Replace the whole environment, and what was derived from the old one."""
    os.environ.clear()
    os.environ.update(set_by_engine)
    os.environ.update(environment)
    os.environ.setdefault("VLLM_WORKER_MULTIPROC_METHOD", "fork")
    tempfile.tempdir = None
    from vllm import envs  # noqa: PLC0415  imported long before

    envs.disable_envs_cache()


def run_command(argv: list[str]) -> int:
    """Run the engine's own command line; its exit code."""
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
