"""A user without any rights, who can read the tool and the engine and nothing else of the user who runs the tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from shardwright.settings import load_settings

NOBODY = 65534
REPOSITORY = Path(__file__).parents[2]

# In a mount namespace of its own, which ends with the command: a folder that others may not enter is covered by an empty
# one that they may, and what the command needs of it is put back in its place.
_UNCOVER = """
hidden=$1 stage=$2 user=$3 count=$4; shift 4
if [ -n "$hidden" ]; then
  mount --bind "$hidden" "$stage"
  mount -t tmpfs -o mode=755 tmpfs "$hidden"
  while [ "$count" -gt 0 ]; do
    mkdir -p "$1"; mount --bind "$stage${1#"$hidden"}" "$1"; shift; count=$((count - 1))
  done
  umount "$stage"
fi
exec setpriv --reuid="$user" --regid="$user" --clear-groups --inh-caps=-all "$@"
"""


def engines_dir() -> Path:
    """Where the engines of the user who runs the tests are."""
    return load_settings().engines_dir


def through(home: Path) -> tuple[str, ...]:
    """What to put before a command so that this user runs it; nothing for whom has no rights already."""
    if os.geteuid() != 0:
        return ()
    if not (shutil.which("setpriv") and shutil.which("unshare")):
        pytest.skip("another user is become by setpriv and unshare of util-linux, which are not here")
    needed = [engines_dir(), REPOSITORY, Path(sys.prefix), Path(sys.base_prefix)]
    hidden = next((folder for path in needed if (folder := _closed(path))), None)
    inside = [] if hidden is None else sorted({str(path) for path in needed if path.is_relative_to(hidden)})
    stage = home / "stage"
    stage.mkdir()
    os.chown(home, NOBODY, NOBODY)
    place = (str(hidden or ""), str(stage), str(NOBODY), str(len(inside)), *inside)
    made = ("unshare", "--mount", "/bin/sh", "-euc", _UNCOVER, "sh", *place)
    trial = ("-c", "import shardwright, os, sys; os.listdir(sys.argv[1])", str(engines_dir()))
    if subprocess.run([*made, sys.executable, *trial], cwd="/", check=False).returncode:
        pytest.skip("other users cannot be given a look at the tool and the engine here")
    return made


def _closed(path: Path) -> Path | None:
    """The topmost folder above it that others may not enter."""
    return next((folder for folder in reversed(path.parents) if not folder.stat().st_mode & 0o001), None)
