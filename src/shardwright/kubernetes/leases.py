"""One command at a time on a deployment: a Lease in its namespace, renewed while the command works.

A holder that died is waited for as long as its lease lasts. Clocks of two machines may differ, so a lease counts as dead only
when it was seen unchanged for that long; the times in it say whether that is worth watching for.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
import time
from typing import TYPE_CHECKING

from shardwright import errors
from shardwright.kubernetes.client import Ref

if TYPE_CHECKING:
    from collections.abc import Generator

    from shardwright.kubernetes.client import Client, Tree

__all__ = ["DURATION_SECONDS", "body_of", "held", "name_of"]

DURATION_SECONDS = 30
_RENEW_SECONDS = 10.0
_LOOK_SECONDS = 1.0
_PREFIX = "shardwright-"
_API = "coordination.k8s.io/v1"


def name_of(deployment: str) -> str:
    """The Lease of a deployment."""
    return f"{_PREFIX}{deployment}"


@contextlib.contextmanager
def held(client: Client, namespace: str, deployment: str, holder: str, *, wait_seconds: float = 0) -> Generator[None]:
    """Hold the Lease for as long as the block lasts.

    Conflict, naming the holder, if another command has it for longer than `wait_seconds`, or took it over meanwhile.
    """
    ref = Ref(_API, "Lease", name_of(deployment), namespace)
    body = _taken(client, ref, holder, wait_seconds)
    stopped = threading.Event()
    renewing = threading.Thread(target=_renew, args=(client, ref, holder, stopped), daemon=True, name="lease")
    renewing.start()
    try:
        yield
    finally:
        stopped.set()
        renewing.join()
        with contextlib.suppress(errors.ShardwrightError):
            _release(client, ref, holder, str(body["metadata"]["uid"]))


def _taken(client: Client, ref: Ref, holder: str, wait_seconds: float) -> Tree:
    began = time.monotonic()
    seen, since = "", began
    while True:
        current = client.find(ref)
        version = str(current["metadata"]["resourceVersion"]) if current else ""
        if version != seen:
            seen, since = version, time.monotonic()
        if current is None or not _holder(current) or time.monotonic() - since > DURATION_SECONDS:
            with contextlib.suppress(errors.Conflict):  # another was faster
                body = _body(ref, holder, current["metadata"] if current else {})
                return client.replace(body) if current else client.create(body)
        elif time.monotonic() - began >= wait_seconds and not _looks_dead(current):
            raise errors.Conflict(
                f"{ref.namespace}/{ref.name.removeprefix(_PREFIX)} is being changed by {_holder(current)}",
                hint=f"wait for it; if {_holder(current)} is gone, its lease ends after {DURATION_SECONDS} s",
            )
        time.sleep(_LOOK_SECONDS)


def _looks_dead(current: Tree) -> bool:
    """Not renewed in time, by clocks that may differ: worth watching for as long as it lasts."""
    try:
        renewed = dt.datetime.fromisoformat(str(current["spec"].get("renewTime", "")))
    except ValueError:
        return True
    return dt.datetime.now(dt.UTC) - renewed > dt.timedelta(seconds=DURATION_SECONDS)


def _renew(client: Client, ref: Ref, holder: str, stopped: threading.Event) -> None:
    while not stopped.wait(_RENEW_SECONDS):
        with contextlib.suppress(errors.ShardwrightError):
            current = client.get(ref)
            if _holder(current) != holder:
                return
            client.replace(_body(ref, holder, current["metadata"]))


def _release(client: Client, ref: Ref, holder: str, uid: str) -> None:
    current = client.find(ref)
    if current is not None and _holder(current) == holder and current["metadata"]["uid"] == uid:
        client.delete(ref, propagation="Background", uid=uid)


def _holder(current: Tree) -> str:
    return str(current.get("spec", {}).get("holderIdentity") or "")


def body_of(deployment: str, namespace: str, holder: str, at: str, metadata: Tree | None = None) -> Tree:
    """A Lease as it is written; `metadata` of the one that it replaces."""
    kept = {key: value for key, value in (metadata or {}).items() if key in {"resourceVersion", "uid"}}
    return {
        "apiVersion": _API,
        "kind": "Lease",
        "metadata": {"name": name_of(deployment), "namespace": namespace, **kept},
        "spec": {
            "holderIdentity": holder,
            "leaseDurationSeconds": DURATION_SECONDS,
            "acquireTime": at,
            "renewTime": at,
        },
    }


def _body(ref: Ref, holder: str, metadata: Tree) -> Tree:
    now = dt.datetime.now(dt.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return body_of(ref.name.removeprefix(_PREFIX), ref.namespace, holder, now, metadata)
