"""A roll-out on a cluster as `apply` and `rollback` do it: its steps, its start, its proof, and the way back if it fails."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from typing import TYPE_CHECKING

import click

from shardwright import errors
from shardwright.cli import waiting
from shardwright.cli.waiting import Ended
from shardwright.values import frozen

if TYPE_CHECKING:
    from shardwright.core.lifecycle.revision import Revision
    from shardwright.kubernetes.client import Client
    from shardwright.service.rollout import Options, Rollout

__all__ = ["Manner", "confirm", "update"]


@frozen(kw_only=True)
class Manner:
    """How a command goes about a roll-out."""

    question: str
    """What is asked before: `apply`."""
    yes: bool
    """Do not ask it."""
    is_followed: bool
    seconds: float | None = None
    """How long the start may take; None: as long as its manifests allow."""
    goes_back: bool = False
    """To the last revision that served, if this one fails."""
    key: str = dataclasses.field(default="", repr=False)
    """That the engine wants, for the proof."""
    given: str = ""
    """Options by which the cluster is meant, for commands that are told."""


def confirm(question: str, *, yes: bool) -> None:
    """Ask on the terminal; leaves with 1 if declined, and with a usage error where nobody can be asked."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask on; confirm with -y")
    if not click.confirm(question, err=True):
        click.echo("declined; nothing was changed", err=True)
        raise click.exceptions.Exit(1)


def update(client: Client, prepared: Rollout, allowed: Options, manner: Manner) -> None:
    """Ask, carry it out, follow and prove it; leaves with an error if it does not serve."""
    if prepared.is_needed or allowed.secrets:
        confirm(f"{manner.question} in context {client.context}?", yes=manner.yes)
    if not manner.goes_back:
        ended = _done(client, prepared, allowed, manner)
        waiting.demand(ended, prepared.namespace, prepared.name, manner.given)
        return
    try:
        ended = _done(client, prepared, allowed, manner)
    except errors.TargetError as failed:
        ended = Ended("failed", failed.message, failed.hint)
    if not ended.is_as_asked:
        _go_back(client, prepared, allowed, manner, ended)


def _done(client: Client, prepared: Rollout, allowed: Options, manner: Manner) -> Ended:
    """Carried out, and if it is to be followed proven and written down."""
    from shardwright.service import following, rollout, secret_giving

    old = following.replaced_pods(client, prepared) if manner.is_followed else frozenset[str]()
    if prepared.is_needed:
        try:
            _carry_out(client, prepared, allowed)
        except TimeoutError as late:
            return _late(client, prepared, Ended("late", str(late)), manner)
    else:
        for subject, message in secret_giving.give_alone(client, prepared.namespace, prepared.name, allowed.secrets):
            click.echo(f"{subject}: {message}", err=True)
    if not manner.is_followed:
        return Ended("ready")
    seconds = manner.seconds or following.budget_seconds(prepared.wanted.manifests)
    namespace, name = prepared.namespace, prepared.name
    ended = waiting.wait(client, namespace, name, seconds=seconds, old=old, key=manner.key, given=manner.given)
    if ended.outcome == "late":
        return _late(client, prepared, ended, manner)
    rollout.conclude(prepared, client, ended.outcome, ended.why)
    return ended


def _late(client: Client, prepared: Rollout, ended: Ended, manner: Manner) -> Ended:
    """It goes on, and counts as failed only where it is to be taken back."""
    from shardwright.service import rollout

    if manner.goes_back:
        rollout.conclude(prepared, client, "failed", ended.why)
    return ended


def _carry_out(client: Client, prepared: Rollout, allowed: Options) -> None:
    """Do it, each step told; Ctrl-C ends it between two requests, and says how to go on.

    TimeoutError, which says so, if the model does not come in time.
    """
    from shardwright.cli import rollout_view
    from shardwright.service import rollout

    try:
        with contextlib.closing(rollout.carry_out(prepared, client, allowed)) as steps:
            for step in steps:
                click.echo(rollout_view.step_text(step), err=True)
    except KeyboardInterrupt:
        told = "interrupted: what was applied stays; the same command again goes on from there"
        click.echo(told, err=True)
        raise


def _go_back(client: Client, prepared: Rollout, allowed: Options, manner: Manner, failed: Ended) -> None:
    """Apply the last revision that served again; leaves with an error in any case, for what was wanted failed."""
    from shardwright.service import past

    namespace, name = prepared.namespace, prepared.name
    known = _history(client, namespace, name)
    if not past.is_newest(known, prepared):
        raise errors.TargetError(
            f"{failed.why}; the newest revision is none of this command, so nothing is rolled back"
        )
    served = past.last_served(known)
    if served is None:
        raise errors.TargetError(f"{failed.why}; no earlier revision served, so it is left as it is", hint=failed.hint)
    because = f"revision {known[-1].number} failed"
    back, _ = past.prepare_rollback(client, namespace, name, served.number, allowed, because=because)
    click.echo(f"shardwright: {failed.why}", err=True)
    click.echo(f"rolling back to revision {served.number} of {served.at}", err=True)
    # The time that was given is that of the new one; the old one has what its own manifests allow.
    ended = _done(client, back, allowed, dataclasses.replace(manner, goes_back=False, seconds=None))
    if not ended.is_as_asked:
        raise errors.TargetError(f"{failed.why}; and revision {served.number}, rolled back to: {ended.why}")
    raise errors.TargetError(f"{failed.why}; rolled back: revision {served.number} serves again")


def _history(client: Client, namespace: str, name: str) -> tuple[Revision, ...]:
    """Empty where there is none, or it is gone."""
    from shardwright.service import past

    try:
        return past.history(client, namespace, name)
    except errors.NotFound:
        return ()
