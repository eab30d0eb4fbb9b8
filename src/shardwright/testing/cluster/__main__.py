"""`python -m shardwright.testing.cluster [PROGRAM...]`: have the programs of a test cluster, and print where they are.

Without names: all that this machine can use; those of nodes only where nodes can be had.
"""

from __future__ import annotations

import sys

from shardwright import errors, settings
from shardwright.testing.cluster import building, clusters, known_managers, pins
from shardwright.testing.cluster.clusters import Cluster


def main(names: list[str]) -> int:
    """Build what is missing; the exit code of the error if that fails."""
    try:
        wanted = _known(names) if names else _usable()
        found = building.obtain_programs(
            settings.load_settings().cache_dir, settings.load_kubernetes_assets(), names=wanted, report=_report
        )
    except errors.ShardwrightError as error:
        _report(f"error: {error}")
        return error.exit_code
    for name, path in found.paths.items():
        sys.stdout.write(f"{name}\t{path}\n")
    return 0


def _known(names: list[str]) -> tuple[str, ...]:
    known = sorted(name for module in pins.load_pins().modules.values() for name in module.programs)
    wrong = [name for name in names if name not in known]
    if wrong:
        raise errors.InputError(f"no program {', '.join(wrong)}", hint=f"there are {', '.join(known)}")
    return tuple(names)


def _usable() -> tuple[str, ...]:
    whole = Cluster(tuple(known_managers.MANAGERS), nodes=2)
    reason = clusters.missing(whole)
    if reason:
        _report(f"without nodes: {reason}")
        whole = Cluster(whole.managers)
    return clusters.program_names(whole)


def _report(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
