"""Container images made here as docker archives: busybox, and `hostroot`, which shows what this machine has installed.

No registry is asked. `hostroot` holds links and empty folders only: a pod mounts the machine's /usr, and whatever
else it needs, read-only (`engine_pods`), and so runs what the machine can run without an image of gigabytes.
Facts: Docker image specification 1.2 (manifest.json, configuration, one layer).
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import subprocess
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

from shardwright import errors

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["BUSYBOX", "HOSTROOT", "PAUSE", "find_busybox", "write_images"]

PAUSE = "shardwright.test/pause:1"
BUSYBOX = "shardwright.test/busybox:1"
"""The shell and small programs, with an HTTP server and `nslookup`."""
HOSTROOT = "shardwright.test/hostroot:1"

_BUSYBOX_PLACES = ("/bin/busybox", "/usr/bin/busybox")
_LOADER = b"/lib64/ld-linux"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_PASSWD = b"root:x:0:0:root:/root:/bin/sh\n"
_GROUP = b"root:x:0:\n"
_NAMES = b"passwd: files\ngroup: files\nhosts: files dns\n"

_Entry = bytes | str | None
"""A program or file, the target of a link, or a folder."""


def find_busybox() -> Path | None:
    """A busybox that needs no library; None if there is none."""
    for place in map(Path, _BUSYBOX_PLACES):
        if place.is_file() and _LOADER not in place.read_bytes()[:4096]:
            return place
    return None


def write_images(folder: Path) -> tuple[Path, ...]:
    """Write the archives of all images into that folder; EnvironmentFault without busybox."""
    busybox = find_busybox()
    if busybox is None:
        raise errors.EnvironmentFault("no static busybox here", hint="on Debian: apt-get install busybox-static")
    program = busybox.read_bytes()
    return (
        _write_image(
            folder / "pause.tar", PAUSE, {"bin": None, "bin/busybox": program}, ("busybox", "sleep", "999999999")
        ),
        _write_image(folder / "busybox.tar", BUSYBOX, _busybox_files(busybox), ("sh",)),
        _write_image(folder / "hostroot.tar", HOSTROOT, _hostroot_files(), ("sh",)),
    )


def _busybox_files(busybox: Path) -> dict[str, _Entry]:
    listed = subprocess.run([str(busybox), "--list"], check=True, capture_output=True, text=True).stdout.split()
    links: dict[str, _Entry] = {f"bin/{name}": "busybox" for name in listed if name != "busybox"}
    return {"bin": None, "tmp": None, "etc": None, "etc/passwd": _PASSWD, "bin/busybox": busybox.read_bytes(), **links}


def _hostroot_files() -> dict[str, _Entry]:
    folders: dict[str, _Entry] = dict.fromkeys(("usr", "tmp", "etc", "root", "var", "run", "home"))
    links: dict[str, _Entry] = {name: f"usr/{name}" for name in ("bin", "sbin", "lib", "lib64")}
    files = {"etc/passwd": _PASSWD, "etc/group": _GROUP, "etc/nsswitch.conf": _NAMES}
    return {**folders, **links, **files, "etc/ld.so.cache": Path("/etc/ld.so.cache").read_bytes()}


def _write_image(place: Path, tag: str, files: dict[str, _Entry], command: tuple[str, ...]) -> Path:
    layer = _tar(files.items())
    digest = hashlib.sha256(layer).hexdigest()
    config = json.dumps(
        {
            "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
            "os": "linux",
            "config": {"Cmd": list(command), "Env": ["PATH=/usr/local/bin:/usr/bin:/bin"]},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
            "history": [{"created_by": tag}],
        }
    ).encode()
    name, layer_name = f"{hashlib.sha256(config).hexdigest()}.json", f"{digest}/layer.tar"
    manifest = json.dumps([{"Config": name, "RepoTags": [tag], "Layers": [layer_name]}]).encode()
    place.write_bytes(_tar([(name, config), (layer_name, layer), ("manifest.json", manifest)]))
    return place


def _tar(entries: Iterable[tuple[str, _Entry]]) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        for path, content in entries:
            entry = tarfile.TarInfo(path)
            entry.mode = 0o1777 if path == "tmp" else 0o755
            if content is None:
                entry.type = tarfile.DIRTYPE
            elif isinstance(content, str):
                entry.type, entry.linkname = tarfile.SYMTYPE, content
            else:
                entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content) if isinstance(content, bytes) else None)
    return held.getvalue()
