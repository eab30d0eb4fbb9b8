"""`--wait` on a cluster: the start as it goes, then the proof that it serves, then how to ask."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from shardwright import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shardwright.cli.watch_view import Frame
    from shardwright.core.lifecycle.proof import Point
    from shardwright.kubernetes.client import Client
    from shardwright.service.following import View
    from shardwright.service.seeing import Subject

__all__ = ["wait"]

_TIMED_OUT = 124
_LEAST_PROOF_SECONDS = 60.0


def wait(
    client: Client,
    namespace: str,
    name: str,
    *,
    seconds: float,
    old: frozenset[str],
    conclude: Callable[[bool, str], None],
) -> None:
    """Follow a deployment until it is proven to serve; leaves with 124 if that takes longer than `seconds`.

    `old`: pods that are about to go. `conclude` hears whether it serves, and why not.
    """
    from shardwright.cli import status_view
    from shardwright.service import access, reaching, seeing

    began = time.monotonic()
    subject = seeing.find(client, namespace, name)
    try:
        view = _follow(client, subject, seconds, old)
        left = max(_LEAST_PROOF_SECONDS, seconds - (time.monotonic() - began))
        points = _prove(client, subject, view, began, left)
    except errors.TargetError as failed:
        conclude(False, failed.message)  # noqa: FBT003 - a callback of ours
        raise
    except KeyboardInterrupt:
        click.echo(f"detached; it goes on starting: shardwright watch {name} -n {namespace}", err=True)
        raise
    _conclude(points, namespace, name, conclude)
    for line in status_view.access_lines(access.access_of(subject, reaching.entrance_of(client, subject))):
        click.echo(line)


def _follow(client: Client, subject: Subject, seconds: float, old: frozenset[str]) -> View:
    """The view in which it is ready."""
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
    except TimeoutError as late:
        state = last[0].state if last else "unknown"
        click.echo(f"shardwright: {state} after {seconds:.0f} s; it goes on starting", err=True)
        click.echo(f"  see: shardwright status {subject.name} -n {subject.namespace}", err=True)
        raise click.exceptions.Exit(_TIMED_OUT) from late
    return last[0]


def _prove(client: Client, subject: Subject, view: View, began: float, seconds: float) -> list[Point]:
    from shardwright.cli import watch_view
    from shardwright.service import proving

    points: list[Point] = []
    for point in proving.prove(client, subject, view.snapshot, timeout_seconds=seconds):
        points.append(point)
        click.echo(watch_view.line_of(time.monotonic() - began, proving.as_happening(point)), err=True)
    return points


def _conclude(points: list[Point], namespace: str, name: str, conclude: Callable[[bool, str], None]) -> None:
    from shardwright.service import proving

    why = proving.failure(points)
    conclude(not why, why)
    if why:
        raise errors.TargetError(
            f"{namespace}/{name} is ready, but does not do as planned: {why}",
            hint=f"see: shardwright logs {name} -n {namespace}",
        )
