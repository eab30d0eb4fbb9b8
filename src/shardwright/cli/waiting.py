"""`--wait` on a cluster: the start as it goes, then the proof that it serves, then how to ask."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Literal

import click

from shardwright import errors
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.cli.watch_view import Frame
    from shardwright.core.lifecycle.proof import Point
    from shardwright.core.lifecycle.turnover import Turnover
    from shardwright.kubernetes.client import Client
    from shardwright.service.following import View
    from shardwright.service.seeing import Subject

__all__ = ["EXIT_LATE", "Ended", "demand", "wait"]

EXIT_LATE = 124
_LEAST_PROOF_SECONDS = 60.0


@frozen
class Ended:
    """What came of a start. `late`: it goes on starting. `stopped`: nothing is to serve, and nothing is left that does."""

    outcome: Literal["ready", "stopped", "failed", "late"]
    why: str = ""
    hint: str = ""

    @property
    def is_as_asked(self) -> bool:
        """Whether it does what was asked for."""
        return self.outcome in {"ready", "stopped"}


def wait(
    client: Client,
    namespace: str,
    name: str,
    *,
    seconds: float,
    old: frozenset[str] = frozenset(),
    key: str = "",
    given: str = "",
) -> Ended:
    """Follow a deployment until it is proven to serve, or does not; how to ask it is printed if it does.

    `old`: pods that are about to go. `key`: what the engine wants of who asks it. `given`: options of the cluster, for commands that are told.
    """
    from shardwright.cli import status_view
    from shardwright.core.lifecycle.turnover import Turnover
    from shardwright.service import access, reaching, seeing

    began = time.monotonic()
    subject = seeing.find(client, namespace, name)
    try:
        ended = _until_proven(client, subject, _Patience(began, seconds, old, Turnover(old), key), given)
    except errors.TargetError as failed:
        return Ended("failed", failed.message, failed.hint)
    except KeyboardInterrupt:
        click.echo(f"detached; it goes on starting: shardwright watch {name} -n {namespace}{given}", err=True)
        raise
    if ended.outcome == "ready":
        entrance = reaching.entrance_of(client, subject)
        for line in status_view.access_lines(
            access.access_of(subject, entrance, reaching.outside_of(client, subject), given)
        ):
            click.echo(line)
    return ended


@frozen
class _Patience:
    """How a start is waited for, however often it is looked at."""

    began: float
    """By the monotonic clock."""
    seconds: float
    old: frozenset[str]
    turnover: Turnover
    key: str = dataclasses.field(repr=False)


def _until_proven(client: Client, subject: Subject, patience: _Patience, given: str) -> Ended:
    """Ready and proven by the same members: those that were replaced meanwhile prove nothing of those that are there now."""
    from shardwright.core.lifecycle import proof

    while True:
        view, is_ready = _follow(client, subject, patience)
        if not is_ready:
            return _late(subject, view, patience)
        if view.state == "stopped":
            told = f"{subject.namespace}/{subject.name} is stopped: no replicas are asked for, and no pods are left"
            click.echo(told, err=True)
            return Ended("stopped")
        points = _prove(client, subject, view, patience)
        if all(each.name != proof.STEADY for each in points):
            return _judged(points, subject, given)
        click.echo("not ready yet: its members are replaced", err=True)


def demand(ended: Ended, namespace: str, name: str, given: str) -> None:
    """Leave with an error unless it serves: 124 if it took too long, else 1."""
    if ended.outcome == "failed":
        raise errors.TargetError(ended.why, hint=ended.hint)
    if ended.outcome == "late":
        click.echo(f"shardwright: {ended.why}; it goes on starting", err=True)
        click.echo(f"  see: shardwright status {name} -n {namespace}{given}", err=True)
        raise click.exceptions.Exit(EXIT_LATE)


def _follow(client: Client, subject: Subject, patience: _Patience) -> tuple[View, bool]:
    """The last view, and whether it became ready in time."""
    from shardwright.cli import watch_view
    from shardwright.service import following

    last: list[View] = []

    def frames() -> Iterator[Frame]:
        for view in following.until_ready(
            client,
            subject,
            timeout_seconds=patience.seconds,
            old=patience.old,
            turnover=patience.turnover,
            began=patience.began,
        ):
            last[:] = [view]
            yield watch_view.frame_of(view)

    try:
        for _ in watch_view.show(frames(), "text", err=True, at_most_seconds=patience.seconds):
            pass
    except TimeoutError:
        return last[0], False
    return last[0], True


def _late(subject: Subject, view: View, patience: _Patience) -> Ended:
    from shardwright.core.lifecycle.snapshot import explanation

    # Where there are pods, what an operator says of the whole is often of the moment before.
    about = dataclasses.replace(view.snapshot, conditions=() if view.snapshot.members else view.snapshot.conditions)
    said, replaced = explanation(about), patience.turnover.told()
    why = f"{subject.namespace}/{subject.name} is {view.state} after {patience.seconds:.0f} s"
    return Ended("late", "; ".join(part for part in (f"{why}{f': {said}' if said else ''}", replaced) if part))


def _prove(client: Client, subject: Subject, view: View, patience: _Patience) -> list[Point]:
    from shardwright.cli import watch_view
    from shardwright.service import proving

    points: list[Point] = []
    left = max(_LEAST_PROOF_SECONDS, patience.seconds - (time.monotonic() - patience.began))
    for point in proving.prove(client, subject, view.snapshot, timeout_seconds=left, key=patience.key):
        points.append(point)
        told = proving.as_happening(point)
        click.echo(watch_view.line_of(time.monotonic() - patience.began, told), err=True)
    return points


def _judged(points: list[Point], subject: Subject, given: str) -> Ended:
    from shardwright.service import proving

    why = proving.failure(points)
    if not why:
        return Ended("ready", proving.unproven(points))
    namespace, name = subject.namespace, subject.name
    told = f"{namespace}/{name} is ready, but does not do as planned: {why}"
    return Ended("failed", told, f"see: shardwright logs {name} -n {namespace}{given}")
