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
    from shardwright.kubernetes.client import Client
    from shardwright.service.following import View
    from shardwright.service.seeing import Subject

__all__ = ["EXIT_LATE", "Ended", "demand", "wait"]

EXIT_LATE = 124
_LEAST_PROOF_SECONDS = 60.0


@frozen
class Ended:
    """What came of a start. `late`: it goes on starting."""

    outcome: Literal["ready", "failed", "late"]
    why: str = ""
    hint: str = ""


def wait(
    client: Client, namespace: str, name: str, *, seconds: float, old: frozenset[str] = frozenset(), given: str = ""
) -> Ended:
    """Follow a deployment until it is proven to serve, or does not; how to ask it is printed if it does.

    `old`: pods that are about to go. `given`: options of the cluster, for commands that are told.
    """
    from shardwright.cli import status_view
    from shardwright.service import access, reaching, seeing

    began = time.monotonic()
    subject = seeing.find(client, namespace, name)
    try:
        view, is_ready = _follow(client, subject, seconds, old)
        if not is_ready:
            return _late(subject, view, seconds)
        left = max(_LEAST_PROOF_SECONDS, seconds - (time.monotonic() - began))
        points = _prove(client, subject, view, began, left)
    except errors.TargetError as failed:
        return Ended("failed", failed.message, failed.hint)
    except KeyboardInterrupt:
        click.echo(f"detached; it goes on starting: shardwright watch {name} -n {namespace}{given}", err=True)
        raise
    ended = _judged(points, subject, given)
    if ended.outcome == "ready":
        entrance = reaching.entrance_of(client, subject)
        for line in status_view.access_lines(
            access.access_of(subject, entrance, reaching.outside_of(client, subject), given)
        ):
            click.echo(line)
    return ended


def demand(ended: Ended, namespace: str, name: str, given: str) -> None:
    """Leave with an error unless it serves: 124 if it took too long, else 1."""
    if ended.outcome == "failed":
        raise errors.TargetError(ended.why, hint=ended.hint)
    if ended.outcome == "late":
        click.echo(f"shardwright: {ended.why}; it goes on starting", err=True)
        click.echo(f"  see: shardwright status {name} -n {namespace}{given}", err=True)
        raise click.exceptions.Exit(EXIT_LATE)


def _follow(client: Client, subject: Subject, seconds: float, old: frozenset[str]) -> tuple[View, bool]:
    """The last view, and whether it became ready in time."""
    from shardwright.cli import watch_view
    from shardwright.service import following

    last: list[View] = []

    def frames() -> Iterator[Frame]:
        for view in following.until_ready(client, subject, timeout_seconds=seconds, old=old):
            last[:] = [view]
            yield watch_view.frame_of(view)

    try:
        for _ in watch_view.show(frames(), "text", err=True, at_most_seconds=seconds):
            pass
    except TimeoutError:
        return last[0], False
    return last[0], True


def _late(subject: Subject, view: View, seconds: float) -> Ended:
    from shardwright.core.lifecycle.snapshot import explanation

    # Where there are pods, what an operator says of the whole is often of the moment before.
    about = dataclasses.replace(view.snapshot, conditions=() if view.snapshot.members else view.snapshot.conditions)
    said = explanation(about)
    why = f"{subject.namespace}/{subject.name} is {view.state} after {seconds:.0f} s{f': {said}' if said else ''}"
    return Ended("late", why)


def _prove(client: Client, subject: Subject, view: View, began: float, seconds: float) -> list[Point]:
    from shardwright.cli import watch_view
    from shardwright.service import proving

    points: list[Point] = []
    for point in proving.prove(client, subject, view.snapshot, timeout_seconds=seconds):
        points.append(point)
        click.echo(watch_view.line_of(time.monotonic() - began, proving.as_happening(point)), err=True)
    return points


def _judged(points: list[Point], subject: Subject, given: str) -> Ended:
    from shardwright.service import proving

    why = proving.failure(points)
    if not why:
        return Ended("ready")
    namespace, name = subject.namespace, subject.name
    told = f"{namespace}/{name} is ready, but does not do as planned: {why}"
    return Ended("failed", told, f"see: shardwright logs {name} -n {namespace}{given}")
