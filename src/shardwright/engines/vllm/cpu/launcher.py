# ruff: noqa: INP001  run as a file by the engine's Python; it is no part of the tool's own package
"""Starts vLLM on a CPU: one launcher in this process (`run`), or a warm parent that forks many (`warm`).

Runs in the engine's environment and imports only the standard library, its own neighbours and the engine.
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
    parser = argparse.ArgumentParser(prog="launcher.py", description=__doc__)
    modes = parser.add_subparsers(dest="mode", required=True)
    run = modes.add_parser("run", help="run one vllm command here: launcher.py run -- serve MODEL ...")
    run.add_argument("--spawn", action="store_true", help="start the engine's processes the way vLLM does on a CPU")
    run.add_argument("argv", nargs=argparse.REMAINDER)
    warm = modes.add_parser("warm", help="import the engine, then start launchers on request")
    warm.add_argument("socket", type=int, help="descriptor of an inherited SOCK_SEQPACKET socket")
    asked = parser.parse_args(arguments)
    if asked.mode == "warm":
        return warm_parent.serve(asked.socket)
    return run_here(asked.argv[1:] if asked.argv[:1] == ["--"] else asked.argv, spawn=asked.spawn)


def run_here(argv: list[str], *, spawn: bool) -> int:
    engine_mends.mend_version()
    engine_mends.mend_device_count()
    if not spawn:
        os.environ.setdefault("VLLM_WORKER_MULTIPROC_METHOD", "fork")
        engine_mends.mend_start_method()
    return engine_imports.run_command(argv)


if __name__ == "__mp_main__":  # a process that the engine spawned: the mends are made again
    engine_mends.mend_version()
    engine_mends.mend_device_count()
elif __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
