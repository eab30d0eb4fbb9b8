"""Go as a tool: fetches modules and builds commands of them, without a checkout of their repositories.

A module is built as a dependency of a module of ours that is written for the purpose: so its versions are the ones it
asks for, and nothing is written into Go's cache of modules, which is read-only.
Knows no program's name. Facts: `go help mod download`, `go help build`, the Go modules reference (minimal version
selection; `replace` lines count in the main module only).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shardwright import errors
from shardwright.testing.cluster import pins
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shardwright.testing.cluster.pins import Module

__all__ = ["Go", "build", "fetch_module", "find_go"]

_UNPUBLISHED = "v0.0.0"
_LAST_LINES = 15
_SETTINGS = {"CGO_ENABLED": "0", "GO111MODULE": "on", "GOFLAGS": "", "GOWORK": "off"}
"""What would change the result. The user's caches, proxy and checksum database stay as they are."""


@frozen
class Go:
    """An installation of Go that is new enough."""

    program: str
    environment: Mapping[str, str]


def find_go(oldest: tuple[int, int]) -> Go:
    """Go from PATH; EnvironmentFault, with what to install, if there is none or it is too old."""
    wanted = ".".join(str(part) for part in oldest)
    hint = f"install Go {wanted} or newer, or set KUBEBUILDER_ASSETS to a folder with the programs"
    program = shutil.which("go")
    if program is None:
        raise errors.EnvironmentFault("go is not in PATH: a test cluster is built from Go modules", hint=hint)
    go = Go(program, {**os.environ, **_SETTINGS})
    seen, fetching = _call(go, ["env", "GOVERSION", "GOTOOLCHAIN"]).splitlines()
    number = re.match(r"go(\d+)\.(\d+)", seen)
    is_new = number is not None and (int(number[1]), int(number[2])) >= oldest
    if not is_new and (fetching in {"", "local"} or "path" in fetching):
        raise errors.EnvironmentFault(f"{program} is {seen}, the test cluster needs Go {wanted} or newer", hint=hint)
    return go


def fetch_module(go: Go, path: str, version: str) -> Path:
    """The folder with a module's files, in Go's cache; fetched if it is not there yet."""
    return Path(_download(go, path, version)["Dir"])


def build(go: Go, module: Module, name: str, out: Path, compiled: Callable[[int, int], None]) -> None:
    """Build a program of a module into the folder `out`, whose subfolder `work` is used meanwhile.

    `compiled` is told how many packages of how many at most were compiled; those of an earlier build are not again.
    """
    work, package = out / "work", module.programs[name]
    work.mkdir(parents=True, exist_ok=True)
    (work / "go.mod").write_text(_own_module(go, module), "utf-8")
    if module.main:
        (work / "main.go").write_text(pins.read_main(module), "utf-8")
    packages = len(_call(go, ["list", "-mod=mod", "-deps", package], folder=work).splitlines())
    flags = ["-mod=mod", "-v", "-trimpath", "-buildvcs=false", f"-ldflags={_linker_flags(module)}"]
    _call(
        go,
        ["build", *flags, "-o", str(out / name), package],
        folder=work,
        heard=lambda lines: compiled(lines, max(lines, packages)),
    )
    shutil.rmtree(work)


def _own_module(go: Go, module: Module) -> str:
    """The text of a go.mod that requires the module, and says where its unpublished dependencies are.

    The module's own `replace` lines count in the main module only, so they are said again.
    """
    found = json.loads(_call(go, ["mod", "edit", "-json", _download(go, module.path, module.version)["GoMod"]]))
    unpublished = [entry["Path"] for entry in found["Require"] if entry["Version"] == _UNPUBLISHED and module.staging]
    others = [entry for entry in found.get("Replace") or () if "Version" in entry["New"]]
    lines = [
        "module shardwright.dev/test-cluster",
        f"go {found['Go']}",
        f"require {module.path} {module.version}",
        *(f"replace {path} => {path} {module.staging}" for path in unpublished),
        *(f"replace {_versioned(entry['Old'])} => {_versioned(entry['New'])}" for entry in others),
    ]
    return "\n".join(lines) + "\n"


def _versioned(entry: Mapping[str, str]) -> str:
    return f"{entry['Path']} {entry.get('Version', '')}".strip()


def _linker_flags(module: Module) -> str:
    values: dict[str, str] = {}
    if module.version_package:
        major, minor, _ = module.version.removeprefix("v").split(".")
        values = {"gitVersion": module.version, "gitMajor": major, "gitMinor": minor}
    return " ".join(["-s -w", *(f"-X {module.version_package}.{name}={value}" for name, value in values.items())])


def _download(go: Go, path: str, version: str) -> dict[str, Any]:
    return json.loads(_call(go, ["mod", "download", "-json", f"{path}@{version}"]))


def _call(go: Go, arguments: list[str], folder: Path | None = None, heard: Callable[[int], None] | None = None) -> str:
    """What go prints; TargetError with its last lines if it fails. `heard` is told the number of lines so far."""
    # In a folder of ours or in the root folder: a go.mod of the user's must not change what is fetched.
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as printed,
        subprocess.Popen(
            [go.program, *arguments],
            cwd=folder or "/",
            env=dict(go.environment),
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        said: list[str] = []
        for line in process.stderr or ():
            said.append(line.rstrip())
            if heard:
                heard(len(said))
        code = process.wait()
        printed.seek(0)
        text = printed.read()
    if code:
        last = "\n  ".join(([line for line in said if line] or text.splitlines())[-_LAST_LINES:])
        raise errors.TargetError(
            f"go {' '.join(arguments)} failed:\n  {last}",
            hint="see what go says above; modules come from the proxy that GOPROXY names",
        )
    return text
