"""`python -m shardwright.testing.cluster`: have the programs of a test cluster, and print where they are."""

from __future__ import annotations

import sys

from shardwright import errors, settings
from shardwright.testing.cluster import building


def main() -> int:
    """Build what is missing; the exit code of the error if that fails."""
    try:
        found = building.obtain_programs(
            settings.load_settings().cache_dir, settings.load_kubernetes_assets(), report=_report
        )
    except errors.ShardwrightError as error:
        _report(f"error: {error}")
        return error.exit_code
    sys.stdout.write(f"{found.folder}\n")
    return 0


def _report(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
