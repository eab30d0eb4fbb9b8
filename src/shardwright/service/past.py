"""Use case: what a deployment on a cluster was before, back to it, and its end."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING

from shardwright import errors
from shardwright.service import clusters, removals, rollout, secret_giving

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shardwright.core.lifecycle.revision import Revision
    from shardwright.kubernetes.client import Client, Ref
    from shardwright.service.rollout import Options, Rollout, Step

__all__ = ["back_to", "delete", "history", "is_newest", "last_served", "prepare_rollback"]

_UNFINISHED = frozenset({"applying", "failed"})


def history(client: Client, namespace: str, name: str) -> tuple[Revision, ...]:
    """All revisions, oldest first; NotFound if there is no such deployment."""
    from shardwright.kubernetes.live import revisions  # noqa: PLC0415 - see clusters

    revisions.newest(client, namespace, name)
    return revisions.history(client, namespace, name)


def back_to(found: Sequence[Revision], number: int | None) -> Revision:
    """The revision of that number; without one, the last before the newest that differs, best one that served.

    A way back that did not come to its end is gone again: the same command twice does not go forward. NotFound if there
    is no such revision.
    """
    wanted = number
    if wanted is None and found[-1].outcome in _UNFINISHED:
        wanted = found[-1].copy_of or None
    for each in found:
        if each.number == wanted:
            return each
    if number is not None:
        there = ", ".join(str(each.number) for each in found)
        raise errors.NotFound(f"there is no revision {number}", hint=f"kept are: {there}")
    return _last_other(found)


def is_newest(found: Sequence[Revision], done: Rollout) -> bool:
    """Whether a roll-out wrote the newest revision: not if it broke off before, or somebody changed it since."""
    before = done.before.number if done.before else 0
    return bool(found) and found[-1].digest == done.wanted.digest and found[-1].number == before + 1


def last_served(found: Sequence[Revision]) -> Revision | None:
    """The last revision that served and has other manifests than the newest; None if there is none."""
    served = [each for each in found if each.outcome == "ready" and each.manifests != found[-1].manifests]
    return served[-1] if served else None


def _last_other(found: Sequence[Revision]) -> Revision:
    """The last revision with other manifests than the newest: one that served, else one that was written whole, else any.

    Of the last those of which no harm is known come first.
    """
    others = [each for each in found if each.manifests != found[-1].manifests]
    served = [each for each in others if each.outcome == "ready"]
    whole = [each for each in others if each.outcome == "applied"]
    unharmed = [each for each in others if each.outcome not in {"failed", "stopped"}]
    for chosen in (served, whole, unharmed, others):
        if chosen:
            return chosen[-1]
    raise errors.NotFound(
        "there is no earlier revision to go back to: all that are kept are as the newest",
        hint="shardwright history shows them",
    )


def prepare_rollback(
    client: Client, namespace: str, name: str, number: int | None, options: Options, *, because: str = ""
) -> tuple[Rollout, Revision]:
    """What going back would change, and the revision gone back to: its plan and manifests as they were.

    `because`: why, for the history.
    """
    wanted = back_to(history(client, namespace, name), number)
    message = f"back to revision {wanted.number}{f': {because}' if because else ''}"
    again = dataclasses.replace(wanted, outcome="applying", message=message, copy_of=wanted.number)
    return rollout.prepare_again(again, namespace, name, client, options), wanted


def delete(client: Client, namespace: str, name: str, *, with_claims: bool, timeout_seconds: float) -> Iterator[Step]:
    """Delete all objects of all kept revisions, the last applied first, each when the one before is gone; then the history.

    An operator may need what an object was made with until that object is gone. Claims stay unless `with_claims`: a model
    is on them. Namespaces stay always, and so do objects that are not ours, or that other deployments need: a claim with
    the model of two, for one.
    """
    from shardwright.kubernetes.live import applying, leases, revisions  # noqa: PLC0415 - see clusters

    history(client, namespace, name)
    yield from rollout.awaiting(client, namespace, name)
    with leases.held(client, namespace, name, clusters.holder()) as lease:
        known = revisions.history(client, namespace, name)
        removals.demand_free(client, known, (namespace, name), with_claims=with_claims)
        deadline = time.monotonic() + timeout_seconds
        for ref, why in _decided(client, known, (namespace, name), with_claims=with_claims):
            if why is None:
                lease.demand()
                applying.remove_object(client, ref, timeout_seconds=max(0.0, deadline - time.monotonic()))
                yield rollout.Step("prune", f"deleted {ref}")
            elif why:
                yield rollout.Step("prune", f"kept {ref}: {why}")
        lease.demand()
        for told in secret_giving.take_back(client, namespace, name, known):
            yield rollout.Step("prune", told)
        revisions.remove(client, namespace, name)


def _decided(
    client: Client, known: Sequence[Revision], who: tuple[str, str], *, with_claims: bool
) -> Iterator[tuple[Ref, str | None]]:
    """Each object with why it stays; empty if there is nothing to tell, None if it is to go. Each is asked for in its turn."""
    namespace, name = who
    for ref in removals.refs_of(known, namespace):
        yield ref, removals.why_it_stays(client, ref, name)
    for ref in removals.claims_of(known, namespace):
        yield ref, removals.why_claim_stays(client, ref, name, with_claims=with_claims)
