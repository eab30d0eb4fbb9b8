"""A command that runs a group for as long as it lives: `local_starter.py STATE_DIR NAME HOST_KIND [VARIABLE=VALUE ...]`."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from shardwright.local.runner import LocalRunner

sys.path.append(str(Path(__file__).parents[1]))  # what tests of every kind share, which pytest alone would find

import local_groups


def main(state_dir: str, name: str, host_kind: str, *variables: str) -> int:
    runner = LocalRunner(Path(state_dir))
    environment = dict(variable.split("=", 1) for variable in variables)
    group = local_groups.group(name=name, host_kind=host_kind, environment=environment)
    try:
        with runner.tied(group):
            for _ in runner.changes("tests", name):
                pass
            signal.pause()
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
