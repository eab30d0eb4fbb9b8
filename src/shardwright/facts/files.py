"""Reading the TOML files of the package, and keeping what was parsed as Python keeps byte code: beside the file.

Parsing them takes a tenth of a plan's time. Where nothing can be kept, as in a folder that is not ours, they are parsed
each time. Only files of the package are read so: what is kept is trusted as much as byte code is.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import sys
from importlib.util import cache_from_source
from typing import TYPE_CHECKING, Any

from shardwright import __version__

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_toml"]


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a file of the package; parsed anew when its size, its time of change or our version is another."""
    state = path.stat()
    stamp = (__version__, state.st_mtime_ns, state.st_size)
    kept = cache_from_source(f"{path}.py")
    with contextlib.suppress(OSError, EOFError, TypeError, ValueError):
        with open(kept, "rb") as file:  # noqa: PTH123 - `kept` is a text, and this path is walked at every start
            seen, tree = marshal.load(file)  # noqa: S302 - written below, and trusted as byte code is
        if seen == stamp:
            return tree
    import tomllib  # noqa: PLC0415 - takes milliseconds, and is rarely needed

    tree = tomllib.loads(path.read_text(encoding="utf-8"))
    if not sys.dont_write_bytecode:
        with contextlib.suppress(OSError, ValueError):
            _keep(kept, marshal.dumps((stamp, tree)))
    return tree


def _keep(path: str, content: bytes) -> None:
    """Written whole under another name first, so that no reader sees half of it."""
    os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120 - as above
    own = f"{path}.{os.getpid()}"
    try:
        with open(own, "xb") as file:  # noqa: PTH123 - as above
            file.write(content)
        os.replace(own, path)  # noqa: PTH105 - as above
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(own)  # noqa: PTH108 - as above
        raise
