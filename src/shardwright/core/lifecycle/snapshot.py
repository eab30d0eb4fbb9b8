"""What is seen of a deployment at one moment, the same for every target, and the one word for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Condition", "Download", "Member", "Remark", "Snapshot", "State", "explanation", "serves", "state_of"]

State = Literal[
    "absent", "downloading", "pending", "starting", "ready", "restarting", "degraded", "failed", "ending", "ended",
    "stopped",
]  # fmt: skip
"""`pending`: a member has no place yet. `degraded`: some replicas serve. `restarting`: it served, or a member ended, and
it comes up again. `failed`: it will not come up by itself. `stopped`: no replicas are asked for, and no member is there."""

MemberState = Literal["pending", "creating", "running", "ready", "waiting", "ended", "ending"]
"""`creating`: it has a place and waits for images, volumes or networks. `waiting`: its container failed and waits to be
started again."""


@frozen
class Member:
    """One process group of a replica on one node: a pod, or a host of this machine."""

    name: str
    group: int
    """Index of the replica."""
    index: int
    """In its replica; the leader's is 0."""
    state: MemberState
    uid: str = ""
    node: str = ""
    address: str = ""
    restarts: int = 0
    started_at: str = ""
    """RFC 3339."""
    reason: str = ""
    """Why it is not ready, as the platform says it: `Unschedulable`, `ImagePullBackOff`, `OOMKilled`, `exit 1` ..."""
    message: str = ""
    gpus: int = 0
    """GPUs that it asked for."""
    gates: tuple[str, ...] = ()
    """Its readiness gates that are not true."""
    made_by: str = ""
    """The object that makes it anew when it is gone: `ReplicaSet llama-7d9f`."""

    @property
    def role(self) -> Literal["leader", "worker"]:
        """By its index."""
        return "leader" if self.index == 0 else "worker"


@frozen
class Download:
    """The Job that brings the model."""

    name: str
    state: Literal["waiting", "running", "complete", "failed"]
    """waiting: no pod of it runs."""
    message: str = ""
    """Why it waits or failed."""
    pod: str = ""
    """The one that works, or was the last to."""


@frozen
class Condition:
    """One condition of a root object."""

    kind: str
    status: str
    """True, False or Unknown."""
    reason: str = ""
    message: str = ""


@frozen
class Remark:
    """A warning of the platform: an event, told once however often it came."""

    subject: str
    """`Pod llama-0`."""
    reason: str
    message: str
    count: int
    at: str
    """RFC 3339, the last time."""


@frozen(kw_only=True)
class Snapshot:
    """A deployment as it is now."""

    namespace: str
    name: str
    target: str
    is_present: bool
    """Whether the root object is there."""
    is_ending: bool = False
    is_heeded: bool = True
    """Whether its controller has seen what is asked for now; else it may still make what was asked for before."""
    replicas: int = 1
    """Asked for."""
    size: int = 1
    """Members of a replica."""
    members: tuple[Member, ...] = ()
    conditions: tuple[Condition, ...] = ()
    is_ready: bool = False
    """By the root's own condition; where it has none, by its members."""
    downloads: tuple[Download, ...] = ()
    remarks: tuple[Remark, ...] = ()
    annotations: Mapping[str, str] | None = None
    """Of the root object."""

    def group(self, index: int) -> tuple[Member, ...]:
        """Members of one replica in their order."""
        return tuple(sorted((each for each in self.members if each.group == index), key=lambda each: each.index))


def explanation(snapshot: Snapshot) -> str:
    """The first thing that explains why it does not serve; empty where nothing is said, or it does.

    Of what serves a condition may well be false: `Progressing` of a LeaderWorkerSet is, once all of it is ready.
    """
    if state_of(snapshot) in {"ready", "stopped"}:
        return ""
    for member in snapshot.members:
        if member.reason:
            told = f": {member.message}" if member.message else ""
            return f"{member.name}: {member.reason}{told}"
    for condition in snapshot.conditions:
        if condition.status == "False" and condition.message:
            return f"{condition.kind}: {condition.message}"
    return ""


def state_of(snapshot: Snapshot) -> State:
    """The one word; what is worst decides, but for a replica that serves beside one that does not."""
    if not snapshot.is_present:
        return "ending" if snapshot.members else _fetching(snapshot) or "absent"
    if snapshot.is_ending:
        return "ending"
    if not snapshot.replicas:
        return "ending" if snapshot.members or not snapshot.is_heeded else "stopped"
    serving = sum(serves(snapshot, index) for index in range(snapshot.replicas))
    if serving == snapshot.replicas and snapshot.is_ready:
        return "ready"
    if serving:
        return "degraded"
    return _coming_up(snapshot)


def _fetching(snapshot: Snapshot) -> State | None:
    """Of the download that comes before all else, where one is under way or failed; the group itself is made after it."""
    if any(each.state == "failed" for each in snapshot.downloads):
        return "failed"
    return "downloading" if any(each.state in {"waiting", "running"} for each in snapshot.downloads) else None


def _coming_up(snapshot: Snapshot) -> State:
    fetching = _fetching(snapshot)
    if fetching:
        return fetching
    if any(each.restarts or each.state in {"waiting", "ended", "ending"} for each in snapshot.members):
        return "restarting"
    complete = len(snapshot.members) >= snapshot.size * snapshot.replicas
    if not complete or any(each.state == "pending" for each in snapshot.members):
        return "pending"
    return "starting"


def serves(snapshot: Snapshot, index: int) -> bool:
    """Its leader is ready, as many members as were asked for run, and the readiness gates of all of them hold."""
    members = [each for each in snapshot.group(index) if each.state in {"running", "ready"} and not each.gates]
    return len(members) >= snapshot.size and any(each.index == 0 and each.state == "ready" for each in members)
