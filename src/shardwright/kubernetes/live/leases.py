"""One command at a time on a deployment: a Lease in its namespace, renewed while the command works.

A holder that died is waited for as long as its lease lasts. Clocks of two machines may differ, so a lease counts as dead only
when it was seen unchanged for that long; the times in it say whether that is worth watching for.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
import time
from typing import TYPE_CHECKING, Literal

from shardwright import errors
from shardwright.kubernetes.client import Ref
from shardwright.kubernetes.client.refusals import Modified
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Generator

    from shardwright.kubernetes.client import Client, Tree

__all__ = ["DURATION_SECONDS", "Held", "Hold", "Lost", "Seen", "awaited", "body_of", "decide", "held", "name_of"]

DURATION_SECONDS = 30
_RENEWALS = 3
"""In the length of a lease."""
_LOOKS = 30
_PREFIX = "shardwright-"
_API = "coordination.k8s.io/v1"


@frozen
class Hold:
    """One time that somebody holds a lease; the moment tells it from other times of the same holder."""

    holder: str
    at: str

    def is_of(self, current: Tree) -> bool:
        """Whether the Lease is held this time."""
        spec: Tree = current.get("spec") or {}
        return spec.get("holderIdentity") == self.holder and spec.get("acquireTime") == self.at


@frozen
class Seen:
    """What was seen of a lease while it was waited for."""

    waited_seconds: float
    unchanged_seconds: float
    is_changing: bool
    """It was renewed before our eyes: its holder lives."""


def name_of(deployment: str) -> str:
    """The Lease of a deployment."""
    return f"{_PREFIX}{deployment}"


class Lost(errors.Conflict):
    """A lease that was held is somebody else's now: nothing more may be written."""


class Held:
    """A lease that is held; to be asked before each write, since it may be lost meanwhile."""

    def __init__(self, client: Client, ref: Ref, mine: Hold) -> None:
        self._client, self._ref, self._mine = client, ref, mine
        self._taken_by: str | None = None
        self._renewed = time.monotonic()
        self._lock = threading.Lock()

    def demand(self) -> None:
        """Lost if somebody else has the lease now; TemporaryError if that cannot be told."""
        if self._taken_by is None and time.monotonic() - self._renewed > DURATION_SECONDS:
            self.renew()
        if self._taken_by is not None:
            raise Lost(
                f"{_told(self._ref)} was taken over by {self._taken_by or 'somebody'} meanwhile",
                hint="this command was out of reach for longer than its lease; look at the difference, then apply again",
            )

    def renew(self) -> None:
        """Make it last from now on; what is known of it afterwards is told by `demand`."""
        with self._lock:
            began = time.monotonic()
            current = self._client.find(self._ref)
            if current is None or not self._mine.is_of(current):
                self._taken_by = _holder(current) if current else ""
                return
            # Written meanwhile, by our own request perhaps: the next renewal sees by whom.
            with contextlib.suppress(Modified):
                self._client.replace(_body(self._ref, self._mine, current["metadata"]))
                self._renewed = began

    def keep(self, stopped: threading.Event) -> None:
        """Renew until told to stop, or lost."""
        while self._taken_by is None and not stopped.wait(DURATION_SECONDS / _RENEWALS):
            with contextlib.suppress(errors.ShardwrightError):
                self.renew()

    def release(self) -> None:
        """Remove the lease, if it is still this hold's."""
        current = self._client.find(self._ref)
        if current is not None and self._mine.is_of(current):
            self._client.delete(self._ref, propagation="Background", uid=str(current["metadata"]["uid"]))


def awaited(client: Client, namespace: str, deployment: str) -> str:
    """Whose lease was not renewed in time, so that `held` waits whether it is dead; empty if there is none."""
    current = client.find(Ref(_API, "Lease", name_of(deployment), namespace))
    is_awaited = current is not None and _holder(current) and _is_doubtful(current, dt.datetime.now(dt.UTC))
    return _holder(current) if current is not None and is_awaited else ""


@contextlib.contextmanager
def held(client: Client, namespace: str, deployment: str, holder: str, *, wait_seconds: float = 0) -> Generator[Held]:
    """Hold the Lease for as long as the block lasts; whoever writes in it asks `demand` before.

    Conflict, naming the holder, if another command has it for longer than `wait_seconds`.
    """
    ref, mine = Ref(_API, "Lease", name_of(deployment), namespace), Hold(holder, _now())
    _take(client, ref, mine, wait_seconds)
    taken, stopped = Held(client, ref, mine), threading.Event()
    renewing = threading.Thread(target=taken.keep, args=(stopped,), daemon=True, name="lease")
    renewing.start()
    try:
        yield taken
    finally:
        stopped.set()
        renewing.join()
        # What cannot be released ends by itself.
        with contextlib.suppress(errors.ShardwrightError):
            taken.release()


def _take(client: Client, ref: Ref, mine: Hold, wait_seconds: float) -> None:
    began = since = time.monotonic()
    seen: str | None = None
    is_changing = False
    while True:
        current = client.find(ref)
        version = str(current["metadata"]["resourceVersion"]) if current else ""
        if version != seen:
            is_changing, seen, since = is_changing or bool(seen), version, time.monotonic()
        now = time.monotonic()
        step = decide(current, mine, Seen(now - began, now - since, is_changing), wait_seconds, dt.datetime.now(dt.UTC))
        if step == "mine" or (step == "take" and _is_taken(client, ref, mine, current)):
            return
        if step == "refuse":
            raise errors.Conflict(
                f"{_told(ref)} is being changed by {_holder(current or {})}",
                hint=f"wait for it; if {_holder(current or {})} is gone, its lease ends after {DURATION_SECONDS} s",
            )
        time.sleep(DURATION_SECONDS / _LOOKS)


def _is_taken(client: Client, ref: Ref, mine: Hold, current: Tree | None) -> bool:
    """Whether it could be taken; not if another was faster, and after some faults the next look says so."""
    with contextlib.suppress(Modified):
        if current is None:
            client.create_own(_body(ref, mine), mine.is_of)
        else:
            client.replace(_body(ref, mine, current["metadata"]))
        return True
    return False


def decide(
    current: Tree | None, mine: Hold, seen: Seen, wait_seconds: float, now: dt.datetime
) -> Literal["mine", "take", "wait", "refuse"]:
    """What to do about a lease as it is now; `mine`: a request whose answer was lost has taken it."""
    if current is None or not _holder(current):
        return "take"
    if mine.is_of(current):
        return "mine"
    if seen.unchanged_seconds > _duration(current):
        return "take"
    is_patient = seen.waited_seconds < wait_seconds or (_is_doubtful(current, now) and not seen.is_changing)
    return "wait" if is_patient else "refuse"


def _is_doubtful(current: Tree, now: dt.datetime) -> bool:
    """Not renewed in time, or renewed in the future, by clocks that may differ: worth watching for as long as it lasts."""
    try:
        renewed = dt.datetime.fromisoformat(str(current["spec"].get("renewTime", "")))
    except ValueError:
        return True
    return abs((now - renewed).total_seconds()) > _duration(current)


def _duration(current: Tree) -> float:
    """How long its holder says that it lasts."""
    return float(current["spec"].get("leaseDurationSeconds") or DURATION_SECONDS)


def _holder(current: Tree) -> str:
    return str(current.get("spec", {}).get("holderIdentity") or "")


def _told(ref: Ref) -> str:
    return f"{ref.namespace}/{ref.name.removeprefix(_PREFIX)}"


def body_of(deployment: str, namespace: str, holder: str, at: str, metadata: Tree | None = None) -> Tree:
    """A Lease as it is written; `metadata` of the one that it replaces."""
    return _lease(Ref(_API, "Lease", name_of(deployment), namespace), Hold(holder, at), at, metadata)


def _body(ref: Ref, mine: Hold, metadata: Tree | None = None) -> Tree:
    return _lease(ref, mine, _now(), metadata)


def _lease(ref: Ref, mine: Hold, renewed: str, metadata: Tree | None) -> Tree:
    kept = {key: value for key, value in (metadata or {}).items() if key in {"resourceVersion", "uid"}}
    return {
        "apiVersion": ref.api_version,
        "kind": ref.kind,
        "metadata": {"name": ref.name, "namespace": ref.namespace, **kept},
        "spec": {
            "holderIdentity": mine.holder,
            "leaseDurationSeconds": DURATION_SECONDS,
            "acquireTime": mine.at,
            "renewTime": renewed,
        },
    }


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
