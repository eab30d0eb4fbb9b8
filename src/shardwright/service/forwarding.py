"""Use case: a port of this machine that leads to the leader of a deployment in a cluster."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from shardwright import errors
from shardwright.service import reaching
from shardwright.service.reaching import Direct

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from shardwright.kubernetes.client import Client
    from shardwright.service.seeing import Subject

__all__ = ["forwarded", "way_with_key"]


class _Leader:
    """Who leads now; asked again after a connection failed, since a leader may have been made anew."""

    def __init__(self, client: Client, subject: Subject, remote_port: int) -> None:
        self._client, self._subject, self._remote_port = client, subject, remote_port
        self._lock = threading.Lock()
        self._found: tuple[str, int] | None = None
        self.scheme = "http"

    def __call__(self) -> tuple[str, int]:
        with self._lock:
            if self._found is None:
                entrance = reaching.entrance_of(self._client, self._subject)
                if not entrance.pod:
                    raise errors.TemporaryError(
                        f"{self._subject.namespace}/{self._subject.name} has no leader that runs", retry_after_seconds=5
                    )
                self.scheme = entrance.scheme
                self._found = (entrance.pod, self._remote_port or entrance.pod_port)
            return self._found

    def forget(self) -> None:
        with self._lock:
            self._found = None


@contextlib.contextmanager
def forwarded(
    client: Client,
    subject: Subject,
    *,
    port: int = 0,
    remote_port: int = 0,
    tell: Callable[[errors.ShardwrightError], None] | None = None,
) -> Generator[tuple[str, str]]:
    """For as long as the block lasts a port leads to the leader; gives the URL and the pod with its port.

    `port` 0 is any that is free, `remote_port` 0 the one that serves; `tell` hears of connections that failed.
    """
    from shardwright.kubernetes.client.forwarding import Forward  # noqa: PLC0415 - see clusters

    leader = _Leader(client, subject, remote_port)
    pod, pod_port = leader()

    def failed(problem: errors.ShardwrightError) -> None:
        leader.forget()
        if tell is not None:
            tell(problem)

    with Forward(client, subject.namespace, leader, port=port, on_problem=failed) as forward:
        yield f"{leader.scheme}://127.0.0.1:{forward.port}", f"{pod}:{pod_port}"


@contextlib.contextmanager
def way_with_key(client: Client, subject: Subject, key: str) -> Generator[Direct]:
    """A way to ask with a key, which the API server's proxy would keep for itself."""
    with forwarded(client, subject) as (url, _):
        yield Direct(url, key)
