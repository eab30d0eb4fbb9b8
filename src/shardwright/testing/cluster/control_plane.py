"""A real etcd and kube-apiserver, and on demand a controller manager and a scheduler, as processes of this user.

With the first two alone objects are checked, defaulted, stored and read, and nothing acts on them; with the others
Deployments make pods, namespaces go, pods are given to nodes. Root is not needed. All are killed at the end, and by the
kernel when the process that started them dies: all they have is in a folder that goes with them.
Facts: flags of Kubernetes 1.36 and etcd 3.7.
"""

from __future__ import annotations

import contextlib
import json
import secrets
from typing import TYPE_CHECKING

from shardwright.testing.cluster import certificates, ports, processes, run_folders
from shardwright.testing.cluster.api import Api
from shardwright.testing.cluster.certificates import Authority, Pair
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from pathlib import Path

    from shardwright.testing.cluster.building import Programs
    from shardwright.testing.cluster.processes import Processes

__all__ = ["CONTROLLERS", "ControlPlane", "Seat", "running", "start", "wait_for_controllers"]

CONTROLLERS = ("kube-controller-manager", "kube-scheduler")
_LOOPBACK = "127.0.0.1"
_NAME = "test-cluster"
_ADMIN = ("admin", "system:masters")
_NODE_GRACE_SECONDS = 16
"""A node that says nothing for so long is not ready; the usual 40 s make a test wait."""


@frozen
class Seat:
    """Where an API server listens, and who is to reach it beside its administrator."""

    address: str = _LOOPBACK
    port: int | None = None
    """None: any that is free."""
    services: str = "10.96.0.0/24"
    """Network of service addresses."""
    controllers: bool = False
    node_names: tuple[str, ...] = ()


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
    signer: Authority
    """Signs certificates that the API server trusts."""
    tokens: Mapping[str, str]
    """By user, as `system:node:NAME`."""

    def api(self) -> Api:
        """A client, to be used in a `with` block."""
        return Api(self.url, self.token, self.authority)

    def kubeconfig_for(self, user: str, path: Path) -> Path:
        """Write a kubeconfig of another user there."""
        return _write_kubeconfig(path, self.url, self.authority, self.tokens[user])


@contextlib.contextmanager
def running(programs: Programs, runs: Path, *, timeout_seconds: float = 120) -> Generator[ControlPlane]:
    """Start etcd and an API server with files below the folder `runs`; both are gone when the block ends.

    TargetError, with what it logged, if one of them ends or is not ready in time.
    """
    with run_folders.run_folder(runs) as folder, contextlib.ExitStack() as ends:
        started = processes.Processes(folder)
        ends.callback(started.kill_all)
        yield start(programs, Seat(), started, folder, ends, timeout_seconds=timeout_seconds)


def start(
    programs: Programs,
    seat: Seat,
    started: Processes,
    folder: Path,
    ends: contextlib.ExitStack,
    *,
    timeout_seconds: float = 120,
) -> ControlPlane:
    """Start a control plane among these processes, and wait for the API server; ports are held until `ends` closes.

    Controllers are started, not waited for: `wait_for_controllers`.
    """
    etcd_port, peer_port = ends.enter_context(ports.held_ports(2))
    port = seat.port or ends.enter_context(ports.held_ports(1, seat.address))[0]
    signer = certificates.make_authority(folder)
    tokens = _write_tokens(folder, seat)
    url = f"https://{seat.address}:{port}"
    kubeconfig = _write_kubeconfig(folder / "kubeconfig", url, signer.certificate, tokens[_ADMIN[0]])
    started.start("etcd", (programs.path("etcd"), *_etcd_flags(folder, etcd_port, peer_port)))
    flags = _server_flags(folder, seat, signer, etcd_port=etcd_port, port=port)
    started.start("kube-apiserver", (programs.path("kube-apiserver"), *flags))
    plane = ControlPlane(
        url, tokens[_ADMIN[0]], signer.certificate, kubeconfig, tuple(started.pids.values()), signer, tokens
    )
    with plane.api() as api:
        is_ready = api.connection.is_ready
        started.wait_until(is_ready, "the API server is ready", "kube-apiserver", timeout_seconds=timeout_seconds)
    if seat.controllers:
        _start_controllers(programs, plane, started, folder, ends)
    return plane


def wait_for_controllers(plane: ControlPlane, started: Processes, *, timeout_seconds: float = 120) -> None:
    """Wait until the controller manager acts: namespaces have a service account, without which no pod is created."""
    with plane.api() as api:
        started.wait_until(
            lambda: api.has("/api/v1/namespaces/default/serviceaccounts/default"),
            "the controller manager acts",
            CONTROLLERS[0],
            timeout_seconds=timeout_seconds,
        )


def _write_tokens(folder: Path, seat: Seat) -> dict[str, str]:
    users = [_ADMIN, *((f"system:{name}", "") for name in CONTROLLERS)]
    users += [(f"system:node:{name}", "system:nodes") for name in seat.node_names]
    tokens = {user: secrets.token_urlsafe(32) for user, _ in users}
    lines = [f"{tokens[user]},{user},{user}" + (f',"{group}"' if group else "") for user, group in users]
    place = folder / "tokens.csv"
    place.touch(mode=0o600)
    place.write_text("\n".join(lines) + "\n", "utf-8")
    return tokens


def _write_kubeconfig(path: Path, url: str, authority: Path, token: str) -> Path:
    path.touch(mode=0o600)
    text = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": _NAME,
        "clusters": [{"name": _NAME, "cluster": {"server": url, "certificate-authority": str(authority)}}],
        "users": [{"name": _NAME, "user": {"token": token}}],
        "contexts": [{"name": _NAME, "context": {"cluster": _NAME, "user": _NAME}}],
    }
    path.write_text(json.dumps(text, indent=2), "utf-8")  # JSON is YAML too
    return path


def _etcd_flags(folder: Path, client_port: int, peer_port: int) -> tuple[str, ...]:
    clients, peers = f"http://{_LOOPBACK}:{client_port}", f"http://{_LOOPBACK}:{peer_port}"
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


def _server_flags(folder: Path, seat: Seat, signer: Authority, *, etcd_port: int, port: int) -> tuple[str, ...]:
    # The first service address is that of the API server as pods know it.
    serving = Pair(folder / "server.crt", folder / "server.key")
    certificates.make_server(signer, serving, sorted({seat.address, _LOOPBACK}))
    kubelets = Pair(folder / "kubelets.crt", folder / "kubelets.key")
    certificates.make_client(signer, kubelets, name="kube-apiserver", group=_ADMIN[1])
    accounts = certificates.make_account_key(folder)
    return (
        f"--etcd-servers=http://{_LOOPBACK}:{etcd_port}",
        f"--bind-address={seat.address}",
        f"--advertise-address={seat.address}",
        f"--secure-port={port}",
        "--permit-port-sharing",
        f"--tls-cert-file={serving.certificate}",
        f"--tls-private-key-file={serving.key}",
        f"--client-ca-file={signer.certificate}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--authorization-mode=Node,RBAC",
        f"--service-cluster-ip-range={seat.services}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={accounts}",
        f"--service-account-signing-key-file={accounts}",
        f"--kubelet-client-certificate={kubelets.certificate}",
        f"--kubelet-client-key={kubelets.key}",
        "--kubelet-preferred-address-types=InternalIP",
        "--endpoint-reconciler-type=none",
        "--allow-privileged",
        "--profiling=false",
    )


def _start_controllers(
    programs: Programs, plane: ControlPlane, started: Processes, folder: Path, ends: contextlib.ExitStack
) -> None:
    own = {
        "kube-controller-manager": (
            "--use-service-account-credentials",
            f"--service-account-private-key-file={folder / 'accounts.key'}",
            f"--root-ca-file={plane.authority}",
            f"--cluster-signing-cert-file={plane.authority}",
            f"--cluster-signing-key-file={plane.signer.key}",
            "--allocate-node-cidrs=false",
            f"--node-monitor-grace-period={_NODE_GRACE_SECONDS}s",
        ),
        "kube-scheduler": (),
    }
    for name, port in zip(CONTROLLERS, ends.enter_context(ports.held_ports(len(CONTROLLERS))), strict=True):
        config = plane.kubeconfig_for(f"system:{name}", folder / f"{name}.kubeconfig")
        flags = (
            f"--kubeconfig={config}",
            f"--authentication-kubeconfig={config}",
            f"--authorization-kubeconfig={config}",
            f"--bind-address={_LOOPBACK}",
            f"--secure-port={port}",
            "--permit-port-sharing",
            f"--cert-dir={folder / name}",
            "--leader-elect=false",
        )
        started.start(name, (programs.path(name), *flags, *own[name]))
