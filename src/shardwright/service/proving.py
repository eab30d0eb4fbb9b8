"""Use case: proof that a deployment in a cluster serves as planned: a real request, answered, and what else can be seen."""

from __future__ import annotations

import contextlib
import itertools
import time
from typing import TYPE_CHECKING, Any, cast

from shardwright import errors
from shardwright.core import gpu_names
from shardwright.core.lifecycle import proof
from shardwright.core.lifecycle.happenings import Happening
from shardwright.core.lifecycle.proof import GpuKinds, Point
from shardwright.facts import load as catalogue
from shardwright.service import forwarding, reaching, seeing
from shardwright.service.reaching import ThroughServer

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping

    from shardwright.core.lifecycle.snapshot import Snapshot
    from shardwright.kubernetes.client import Client
    from shardwright.service.reaching import Answer, Way
    from shardwright.service.seeing import Subject

__all__ = ["as_happening", "failure", "prove", "unproven"]

_TOKENS = 8
_PAUSE_SECONDS = 1.0
_LOG_LINES = 20_000
"""Of the beginning of a log; an engine tells its KV cache before it serves."""
_OK = 200
_KEY_WANTED = frozenset({401, 403})
_KEY_TOLD = "a key is wanted"


def prove(
    client: Client, subject: Subject, snapshot: Snapshot, *, timeout_seconds: float, key: str = ""
) -> Iterator[Point]:
    """Point by point, as each is known; an answer is waited for until the time is over, since a Service needs a moment.

    With a key it is asked by a forwarded port, since the API server's proxy would keep the key for itself.
    Nothing is raised for a deployment that does not do as planned: that is what points are for.
    """
    deadline = time.monotonic() + timeout_seconds
    planned: Mapping[str, object] = subject.revision.plan if subject.revision else {}
    has_gpus = _has_gpus(planned)
    kinds = _gpu_kinds(client, planned, snapshot) if has_gpus else None
    yield from proof.place_points(snapshot, subject.layout, has_gpus=has_gpus, kinds=kinds)
    entrance = reaching.entrance_of(client, subject)
    if not entrance.through:
        yield Point("health", "fail", "there is no Service and no leader to ask")
        return
    try:
        with _way(client, subject, entrance.through, key) as way:
            yield from _answers(way, subject, deadline, has_key=bool(key))
    except errors.TemporaryError as problem:
        yield Point("health", "fail", problem.message)
        return
    yield proof.kv_point(planned, _kv_tokens(client, subject, snapshot))
    steady = proof.steady_point(snapshot, seeing.look(client, subject))
    if steady.status != "pass":
        yield steady


@contextlib.contextmanager
def _way(client: Client, subject: Subject, through: str, key: str) -> Generator[Way]:
    if key:
        with forwarding.way_with_key(client, subject, key) as way:
            yield way
    else:
        yield ThroughServer(client, subject.namespace, through)


def _has_gpus(plan: Mapping[str, object]) -> bool:
    ranks = cast("list[dict[str, object]]", plan.get("ranks") or [])
    return any(each.get("gpu") != "cpu" for each in ranks)


def _gpu_kinds(client: Client, plan: Mapping[str, object], snapshot: Snapshot) -> GpuKinds:
    """The GPUs that were planned, and what labels say of those of the members' nodes."""
    from shardwright.kubernetes.live import node_labels  # noqa: PLC0415 - see clusters

    ranks = cast("list[dict[str, Any]]", plan.get("ranks") or [])
    aliases = {one.gpu.name: one.aliases for one in catalogue.gpu_facts()}
    planned = {int(each["node"]): (str(each["gpu"]), *aliases.get(str(each["gpu"]), ())) for each in ranks}
    names = sorted({each.node for each in snapshot.members if each.node})
    try:
        labels = node_labels.labels_of(client, names)
    except errors.AccessError as refused:
        return GpuKinds(planned=planned, products={}, untold=refused.message)
    return GpuKinds(planned=planned, products={name: gpu_names.product_of(each) for name, each in labels.items()})


def _answers(way: Way, subject: Subject, deadline: float, *, has_key: bool) -> Iterator[Point]:
    try:
        health = _patiently(way, "/health", None, deadline)
    except errors.ShardwrightError as problem:
        yield Point("health", "fail", problem.message)
        return
    yield Point("health", "pass" if health.status == _OK else "fail", f"/health answered {health.status}")
    base = subject.parts.base_path
    body = {"model": subject.served_name, "prompt": proof.PROMPT, "max_tokens": _TOKENS, "temperature": 0}
    for name, path, content in (("models", f"{base}/models", None), ("completion", f"{base}/completions", body)):
        began = time.monotonic()
        try:
            answer = _patiently(way, path, content, deadline)
        except errors.ShardwrightError as problem:
            yield Point(name, "fail", problem.message)
            continue
        if answer.status in _KEY_WANTED:
            refused = Point(name, "fail", f"the key was refused: {answer.status}")
            yield refused if has_key else Point(name, "unknown", f"{_KEY_TOLD}: --key-from VARIABLE proves it with one")
        else:
            yield _judged(name, answer, subject.served_name, time.monotonic() - began)


def _judged(name: str, answer: Answer, served_name: str, seconds: float) -> Point:
    if answer.status != _OK:
        return Point(name, "fail", f"answered {answer.status}: {answer.text[:200]}")
    if name == "models":
        return proof.models_point(answer.tree, served_name)
    return proof.answer_point(answer.tree, seconds)


def _patiently(way: Way, path: str, body: Mapping[str, object] | None, deadline: float) -> Answer:
    """The answer; asked again while the way there is not ready, which follows the pods by seconds."""
    while True:
        try:
            answer = way.ask(path, body, seconds=max(5.0, deadline - time.monotonic()))
        except errors.TemporaryError:
            if time.monotonic() > deadline:
                raise
        else:
            if answer.status < 500 or time.monotonic() > deadline:
                return answer
        time.sleep(_PAUSE_SECONDS)


def _kv_tokens(client: Client, subject: Subject, snapshot: Snapshot) -> int | None:
    """What the leader's log says of its KV cache: the smallest of all that it names."""
    from shardwright.kubernetes.client import streams  # noqa: PLC0415 - see clusters

    leader = next((each for each in snapshot.members if each.index == 0 and each.state == "ready"), None)
    if leader is None:
        return None
    wanted = streams.Excerpt(container=subject.parts.container)
    found: list[int] = []
    try:
        lines = streams.log_lines(client, subject.namespace, leader.name, wanted)
        for _, text in itertools.islice(lines, _LOG_LINES):
            event = subject.read_log(text)
            numbers = dict(event.numbers) if event else {}
            found += [int(numbers["kv_tokens"])] if "kv_tokens" in numbers else []
            if event and event.kind == "ready":
                break
    except errors.ShardwrightError:
        return None
    return min(found, default=None)


def failure(points: list[Point]) -> str:
    """Why it does not serve; empty if it does. What could not be told is no failure."""
    return "; ".join(f"{each.name}: {each.text}" for each in points if each.status == "fail")


def unproven(points: Iterable[Point]) -> str:
    """What was not shown of what a proof is for, a real answer; empty if it was."""
    asked = next((each for each in points if each.name == "completion"), None)
    return f"no request was answered: {_KEY_TOLD}" if asked is not None and asked.status == "unknown" else ""


def as_happening(point: Point) -> Happening:
    """A point as one thing that happened."""
    return Happening(what="proof", subject=point.name, state=point.status, text=point.text)
