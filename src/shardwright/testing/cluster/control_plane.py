"""A real etcd and kube-apiserver as two processes of this user: started in seconds, gone with whoever started them.

It has no controllers, no scheduler and no nodes: objects are checked, defaulted, stored and read, and nothing acts on
them. Root is not needed. Both processes are killed at the end, and by the kernel when the process that started them
dies: all they have is in a folder that goes with them. To be used from the main thread (`local.spawning`).
Facts: flags of kube-apiserver 1.36 and etcd 3.7.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import time
from typing import TYPE_CHECKING

from shardwright import errors
from shardwright.local import spawning
from shardwright.testing.cluster import building, certificates, run_folders
from shardwright.testing.cluster.api import Api
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from shardwright.testing.cluster.building import Programs
    from shardwright.testing.cluster.certificates import Certificates

__all__ = ["ControlPlane", "running"]

_ADDRESS = "127.0.0.1"
_LOG_LINES = 20
_POLL_SECONDS = 0.02


@frozen
class ControlPlane:
    """A running API server and how to reach it as a member of `system:masters`."""

    url: str
    token: str
    authority: Path
    """The certificate that clients trust."""
    kubeconfig: Path
    """For `kubectl --kubeconfig` and for the product's own option of that name."""
    pids: tuple[int, ...]

    def api(self) -> Api:
        """A client, to be used in a `with` block."""
        return Api(self.url, self.token, self.authority)


@contextlib.contextmanager
def running(programs: Programs, runs: Path, *, timeout_seconds: float = 120) -> Generator[ControlPlane]:
    """Start etcd and an API server with files below the folder `runs`; both are gone when the block ends.

    TargetError, with what it logged, if one of them ends or is not ready in time.
    """
    with run_folders.run_folder(runs) as folder, _held_ports(3) as ports, contextlib.ExitStack() as ends:
        deadline = time.monotonic() + timeout_seconds
        made = certificates.make_certificates(folder, [_ADDRESS])
        token = secrets.token_urlsafe(32)
        (folder / "tokens.csv").write_text(f'{token},admin,admin,"system:masters"\n', "utf-8")
        etcd = _start(programs, "etcd", _etcd_flags(folder, *ports[:2]), folder, ends)
        server = _start(programs, "kube-apiserver", _server_flags(folder, ports[0], ports[2], made), folder, ends)
        plane = _plane(folder, ports[2], token, made, (etcd, server))
        _wait_until_ready(plane, folder, deadline)
        yield plane


def _plane(folder: Path, port: int, token: str, made: Certificates, pids: tuple[int, ...]) -> ControlPlane:
    url, kubeconfig = f"https://{_ADDRESS}:{port}", folder / "kubeconfig"
    name = "test-cluster"
    kubeconfig.touch(mode=0o600)
    text = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": name, "cluster": {"server": url, "certificate-authority": str(made.authority)}}],
        "users": [{"name": name, "user": {"token": token}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
    }
    kubeconfig.write_text(json.dumps(text, indent=2), "utf-8")  # JSON is YAML too
    return ControlPlane(url, token, made.authority, kubeconfig, pids)


def _etcd_flags(folder: Path, client_port: int, peer_port: int) -> tuple[str, ...]:
    clients, peers = f"http://{_ADDRESS}:{client_port}", f"http://{_ADDRESS}:{peer_port}"
    return (
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={clients}",
        f"--advertise-client-urls={clients}",
        f"--listen-peer-urls={peers}",
        f"--initial-advertise-peer-urls={peers}",
        f"--initial-cluster=default={peers}",
        "--socket-reuse-port",
        "--unsafe-no-fsync",
        "--log-level=warn",
    )


def _server_flags(folder: Path, etcd_port: int, port: int, made: Certificates) -> tuple[str, ...]:
    return (
        f"--etcd-servers=http://{_ADDRESS}:{etcd_port}",
        f"--bind-address={_ADDRESS}",
        f"--advertise-address={_ADDRESS}",
        f"--secure-port={port}",
        "--permit-port-sharing",
        f"--tls-cert-file={made.certificate}",
        f"--tls-private-key-file={made.key}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        "--service-cluster-ip-range=10.96.0.0/24",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={made.account_key}",
        f"--service-account-signing-key-file={made.account_key}",
        "--endpoint-reconciler-type=none",
        "--allow-privileged",
        "--profiling=false",
    )


@contextlib.contextmanager
def _held_ports(count: int) -> Generator[list[int]]:
    """Free ports, kept from other programs until the block ends; a server that shares its port can listen there."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for holder in sockets:
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            holder.bind((_ADDRESS, 0))
        yield [holder.getsockname()[1] for holder in sockets]


def _start(programs: Programs, name: str, flags: tuple[str, ...], folder: Path, ends: contextlib.ExitStack) -> int:
    """Start a program, and have it killed when `ends` is closed."""
    command = spawning.Command((programs.path(name), *flags), {}, _log(folder, name))
    try:
        pid = spawning.spawn(command)
    except OSError as problem:
        raise errors.EnvironmentFault(
            f"{programs.path(name)} cannot be started: {problem.strerror}", hint="remove it to have it built again"
        ) from problem
    ends.callback(_kill, pid)
    return pid


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _log(folder: Path, name: str) -> Path:
    return folder / f"{name}.log"


def _wait_until_ready(plane: ControlPlane, folder: Path, deadline: float) -> None:
    with plane.api() as api:
        while not api.is_ready():
            for pid, name in zip(plane.pids, building.CONTROL_PLANE, strict=True):
                if os.waitpid(pid, os.WNOHANG)[0]:
                    raise errors.TargetError(f"{name} ended before it was ready:\n{_last_lines(folder, name)}")
            if time.monotonic() > deadline:
                raise errors.TargetError(
                    f"kube-apiserver is not ready in time:\n{_last_lines(folder, 'kube-apiserver')}"
                )
            time.sleep(_POLL_SECONDS)


def _last_lines(folder: Path, name: str) -> str:
    lines = _log(folder, name).read_text("utf-8", errors="replace").splitlines()
    return "\n".join(f"  {line}" for line in lines[-_LOG_LINES:])
