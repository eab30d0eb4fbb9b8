"""Use case: what a deployment in a cluster does now: its state, members, ranks, and how it is asked.

Of this program's deployments the last revision says what they are; of others (`lws/NAME`, `isvc/NAME` ...) the object itself.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from shardwright import errors, registry
from shardwright.core.lifecycle import planned
from shardwright.core.lifecycle.snapshot import explanation, state_of
from shardwright.core.lifecycle.starts import Starts
from shardwright.service import access, clusters, gpu_use, reaching
from shardwright.values import frozen

if TYPE_CHECKING:
    from shardwright.core.layout import Layout
    from shardwright.core.lifecycle.parts import Parts
    from shardwright.core.lifecycle.revision import Revision
    from shardwright.core.lifecycle.snapshot import Member, Snapshot
    from shardwright.core.lifecycle.starts import RankStart
    from shardwright.core.plugins import Engine, LogEvent
    from shardwright.kubernetes.client import Client

__all__ = ["FOREIGN", "Subject", "find", "look", "progress_of", "status"]

FOREIGN: dict[str, tuple[str, str]] = {
    "lws": ("leaderworkerset.x-k8s.io", "LeaderWorkerSet"),
    "isvc": ("serving.kserve.io", "InferenceService"),
    "llmisvc": ("serving.kserve.io", "LLMInferenceService"),
    "raycluster": ("ray.io", "RayCluster"),
    "rayservice": ("ray.io", "RayService"),
    "deploy": ("apps", "Deployment"),
    "sts": ("apps", "StatefulSet"),
}
"""Short names of objects that this program need not have made -> group and kind, as kubectl has them."""
_LOG_LINES = 2000


@frozen(kw_only=True)
class Subject:
    """What is looked at."""

    namespace: str
    name: str
    target: str
    parts: Parts
    revision: Revision | None = None
    """None: this program did not make it."""
    told_name: str = ""
    """The served name that the words of its containers tell, where it was made by others."""

    @property
    def layout(self) -> Layout | None:
        """As it was planned; None where it was not."""
        return planned.layout_of(self.revision.plan) if self.revision else None

    @property
    def engine(self) -> Engine | None:
        """What serves; None where that is not known."""
        return registry.load_engine(self.revision.plan["engine"]["name"]) if self.revision else None

    def read_log(self, line: str) -> LogEvent | None:
        """What a line of a member's log says; where the engine is not known, as any of them would say it."""
        engine = self.engine
        if engine is not None:
            return engine.read_log(line)
        found = (registry.load_engine(name).read_log(line) for name in registry.ENGINES)
        return next((event for event in found if event is not None), None)

    @property
    def served_name(self) -> str:
        """The model's name in requests."""
        model: dict[str, Any] = self.revision.recipe.get("model") or {} if self.revision else {}
        return str(model.get("servedName") or self.told_name or self.name)


def find(client: Client, namespace: str, name: str) -> Subject:
    """The deployment NAME, or the object KIND/NAME; NotFound, naming what there is, if it is not there."""
    from shardwright.kubernetes.live import revisions  # noqa: PLC0415 - see clusters

    short, slash, own = name.partition("/")
    if slash:
        return _foreign(client, namespace, short, own)
    newest = revisions.newest(client, namespace, name)
    root = planned.root_of(newest.manifests)
    if not root:
        raise errors.TargetError(f"{namespace}/{name}: its last revision has no object that serves")
    asked: dict[str, Any] = newest.recipe.get("target") or {}
    parts = registry.load_parts(str(root["kind"]))(root)
    return Subject(namespace=namespace, name=name, target=str(asked.get("kind", "")), parts=parts, revision=newest)


def _foreign(client: Client, namespace: str, short: str, name: str) -> Subject:
    from shardwright.kubernetes import engine_words  # noqa: PLC0415 - as its neighbour
    from shardwright.kubernetes.client import Ref  # noqa: PLC0415 - see clusters

    if short not in FOREIGN:
        raise errors.InputError(f"{short}/{name}: no such kind", hint=f"use one of: {', '.join(FOREIGN)}")
    if not name:
        raise errors.InputError(f"{short}/: the name is missing", hint=f"write {short}/NAME")
    group, kind = FOREIGN[short]
    served = client.kinds.served(group, kind)
    if not served:
        raise errors.NotFound(f"the cluster does not have {kind} of {group}", hint="its operator is not installed")
    root = client.get(Ref(served[0].api_version, kind, name, namespace))
    return Subject(
        namespace=namespace,
        name=name,
        target=short,
        parts=registry.load_parts(kind)(root),
        told_name=engine_words.served_name(root),
    )


def look(client: Client, subject: Subject) -> Snapshot:
    """The subject as it is now."""
    from shardwright.kubernetes.live import observing  # noqa: PLC0415 - see clusters

    return observing.look(client, subject.namespace, subject.target, subject.parts)


def status(client: Client, namespace: str, name: str, *, with_devices: bool = False, given: str = "") -> dict[str, Any]:
    """State, members, ranks with their phases, warnings, and how to ask, as JSON values.

    `with_devices`: the GPUs as the driver in each pod sees them, and Ray's own status, besides. `given`: as for access_of.
    """
    subject = find(client, namespace, name)
    snapshot = look(client, subject)
    more: dict[str, Any] = {"devices": None, "ray": None}
    if with_devices:
        members = gpu_use.devices_of(client, subject)
        more = {"devices": members, "ray": gpu_use.ray_of(client, subject, snapshot.members)}
    state = state_of(snapshot)
    return {
        "namespace": namespace,
        "name": subject.name,
        "target": subject.target,
        "state": state,
        "revision": subject.revision.number if subject.revision else None,
        "layout": str(subject.layout) if subject.layout else None,
        "servedName": subject.served_name,
        "replicas": snapshot.replicas,
        "message": explanation(snapshot),
        "members": [_member(each) for each in snapshot.members],
        "ranks": [_rank(each) for each in progress_of(client, subject, snapshot)],
        "downloads": [
            {"name": each.name, "state": each.state, "message": each.message, "pod": each.pod or None}
            for each in snapshot.downloads
        ],
        "conditions": [
            {"type": each.kind, "status": each.status, "reason": each.reason, "message": each.message}
            for each in snapshot.conditions
        ],
        "warnings": [
            {
                "subject": each.subject,
                "reason": each.reason,
                "message": each.message,
                "count": each.count,
                "at": each.at,
            }
            for each in snapshot.remarks
        ],
        **more,
        "access": access.access_of(
            subject, reaching.entrance_of(client, subject), reaching.outside_of(client, subject), given
        ),
    }


def progress_of(client: Client, subject: Subject, snapshot: Snapshot) -> tuple[RankStart, ...]:
    """Where each rank of the first replica is, by the ends of its members' logs; empty where the layout is not known."""
    layout, engine = subject.layout, subject.engine
    if layout is None or engine is None:
        return ()
    starts = Starts(layout)
    for member in snapshot.group(0):
        starts.begin(0, member.index, member.uid)
        for moment, line in _log(client, subject, member):
            event = engine.read_log(line)
            if event is not None and member.index < layout.nodes:
                starts.feed(0, member.index, event, clusters.seconds_of(moment))
    if state_of(snapshot) == "ready":
        starts.finish(0)
    return starts.all()


def _log(client: Client, subject: Subject, member: Member) -> list[tuple[str, str]]:
    """The end of a log; nothing where there is none yet, or it may not be read."""
    from shardwright.kubernetes.client import streams  # noqa: PLC0415 - see clusters

    if member.state not in {"running", "ready", "waiting", "ended"}:
        return []
    wanted = streams.Excerpt(container=subject.parts.container_of(member.index), tail=_LOG_LINES)
    try:
        return list(streams.log_lines(client, subject.namespace, member.name, wanted))
    except errors.ShardwrightError:
        return []


def _member(member: Member) -> dict[str, Any]:
    return {
        "name": member.name,
        "replica": member.group,
        "index": member.index,
        "role": member.role,
        "state": member.state,
        "node": member.node,
        "address": member.address,
        "restarts": member.restarts,
        "startedAt": member.started_at,
        "reason": member.reason,
        "message": member.message,
        "gpus": member.gpus,
    }


def _rank(start: RankStart) -> dict[str, Any]:
    passed = start.seconds(time.time())
    return {
        "rank": start.rank,
        "member": start.member,
        "phase": start.phase,
        "percent": start.percent,
        "phaseSeconds": None if passed is None else round(passed, 1),
        "expectedSeconds": round(start.expected_seconds, 1) or None,
        "text": start.text,
    }
