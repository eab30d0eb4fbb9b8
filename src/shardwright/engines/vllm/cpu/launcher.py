# ruff: noqa: INP001  run as a file by the engine's Python; it is no part of the tool's own package
"""Starts vLLM on a CPU: one launcher in this process (`run`), or a warm parent that forks many (`warm`).

Runs in the engine's environment; imports only the standard library, its neighbours and the engine.

`run` reads two variables, so that what it spawns reads them too: SHARDWRIGHT_PROCESSES, the file to which each process
writes its name and pid, and SHARDWRIGHT_SHARED_MEMORY_PREFIX. `warm` is told both with each start.
"""

from __future__ import annotations

import argparse
import os
import sys

import engine_imports
import engine_mends
import process_rules
import warm_parent


def main(arguments: list[str]) -> int:
    """Read the command line and run one of the two modes; the exit code."""
    parser = argparse.ArgumentParser(prog="launcher.py", description="Starts vLLM on a CPU.")
    modes = parser.add_subparsers(dest="mode", required=True)
    run = modes.add_parser("run", help="run one vllm command in this process: run -- serve MODEL ...")
    run.add_argument(
        "--spawn", action="store_true", help="spawn the engine's processes, as vLLM does on a CPU by itself"
    )
    run.add_argument("argv", nargs="+", help="the command, after --")
    warm = modes.add_parser("warm", help="import the engine, then fork launchers on request")
    warm.add_argument("socket", type=int, help="descriptor of an inherited AF_UNIX SOCK_SEQPACKET socket")
    asked = parser.parse_args(arguments)
    if asked.mode == "warm":
        return warm_parent.serve(asked.socket)
    return _run(asked.argv, spawn=asked.spawn)


def _run(argv: list[str], *, spawn: bool) -> int:
    process_rules.watch_forks()
    _follow_rules()
    process_rules.write_name("launcher")
    engine_mends.mend_version()
    engine_mends.mend_after_import(fork=not spawn)
    return engine_imports.run_command(argv)


def _follow_rules() -> None:
    if path := os.environ.get("SHARDWRIGHT_PROCESSES"):
        process_rules.write_names_to(path)
        process_rules.write_names_at_start()
    if prefix := os.environ.get("SHARDWRIGHT_SHARED_MEMORY_PREFIX"):
        process_rules.name_shared_memory(prefix)


if __name__ == "__mp_main__":  # a process that the engine spawned imports this file again before it does anything
    process_rules.follow(os.getppid())
    _follow_rules()
    engine_mends.mend_version()
    engine_mends.mend_after_import(fork=False)
elif __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
