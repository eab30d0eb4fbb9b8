"""Planning and rendering work where only Linux's modules are missing."""

from __future__ import annotations

import subprocess
import sys

import pytest

ONLY_UNIX = ("fcntl", "pwd", "grp", "resource", "termios", "pyroute2")


@pytest.mark.parametrize(
    "arguments",
    [
        ["plan", "llama-3-8b", "--gpu", "L40S"],
        ["init", "llama-3-8b", "--target", "lws"],
        ["render", "llama-3-8b", "--gpu", "L40S", "--target", "lws"],
        ["schema"],
    ],
    ids=lambda value: value[0],
)
def test_nothing_that_only_linux_has_is_imported(arguments: list[str]) -> None:
    """Modules of Unix alone are taken away; the command does not notice."""
    code = f"import sys\nfor name in {ONLY_UNIX!r}: sys.modules[name] = None\n"
    code += f"from shardwright.cli import main\nmain.run({arguments!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
