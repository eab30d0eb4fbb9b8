"""Use case: what a deployment on a cluster was before, back to it, and its end."""

from __future__ import annotations

import dataclasses
import json
import time
from typing import TYPE_CHECKING

from shardwright import errors
from shardwright.core.lifecycle import changes
from shardwright.core.lifecycle.bodies import text_at
from shardwright.service import clusters, rollout, secret_giving

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shardwright.core.lifecycle.revision import Revision
    from shardwright.kubernetes.client import Client, Ref
    from shardwright.service.rollout import Options, Rollout, Step

__all__ = ["back_to", "delete", "history", "is_newest", "last_served", "prepare_rollback"]

_UNFINISHED = frozenset({"applying", "failed"})
_KEPT = frozenset({"PersistentVolumeClaim", "Namespace"})


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
    """The last revision with other manifests than the newest: one that served, else one that did not fail, else any."""
    others = [each for each in found if each.manifests != found[-1].manifests]
    served = [each for each in others if each.outcome == "ready"]
    unharmed = [each for each in others if each.outcome != "failed"]
    for chosen in (served, unharmed, others):
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
    with leases.held(client, namespace, name, clusters.holder()) as lease:
        _demand_unkept(revisions.history(client, namespace, name), client, name)
        deadline = time.monotonic() + timeout_seconds
        for ref in _objects(revisions.history(client, namespace, name), client, name, with_claims=with_claims):
            lease.demand()
            needing = _users_of(client, ref, name)
            if needing or _is_needed(client, ref):
                by = ", ".join(needing) or "another deployment"
                yield rollout.Step("prune", f"kept {ref}: {by} of the namespace needs it")
                continue
            client.delete(ref)
            applying.wait_until_gone(client, [ref], timeout_seconds=max(0.0, deadline - time.monotonic()))
            yield rollout.Step("prune", f"deleted {ref}")
        lease.demand()
        for told in secret_giving.take_back(client, namespace, name, revisions.history(client, namespace, name)):
            yield rollout.Step("prune", told)
        revisions.remove(client, namespace, name)


def _demand_unkept(known: Sequence[Revision], client: Client, name: str) -> None:
    """Conflict, before anything is deleted, for objects that Argo CD or Flux keep: they would make them again."""
    for ref in _objects(known, client, name, with_claims=False):
        keeper = changes.keeper_of(client.find(ref) or {})
        if keeper:
            raise errors.Conflict(
                f"{ref} is kept by {keeper}: what is deleted here, it would make again",
                hint=f"remove it where {keeper} reads it; then the same command removes what is left",
            )


def _objects(known: Sequence[Revision], client: Client, name: str, *, with_claims: bool) -> Iterator[Ref]:
    from shardwright.kubernetes.client.refs import ref_of  # noqa: PLC0415 - see clusters
    from shardwright.kubernetes.live import applying  # noqa: PLC0415 - see clusters

    bodies = [body for each in reversed(known) for body in reversed(each.manifests)]
    for ref in dict.fromkeys(ref_of(body, client.namespace) for body in bodies):
        if ref.kind == "Namespace" or (ref.kind in _KEPT and not with_claims):
            continue
        found = client.find(ref)
        if found is not None and applying.is_ours(found, name):
            yield ref


def _users_of(client: Client, ref: Ref, name: str) -> tuple[str, ...]:
    """Other deployments of the namespace with a kept revision that names this claim; none for other kinds."""
    from shardwright.kubernetes.live import revisions  # noqa: PLC0415 - see clusters

    if ref.kind != "PersistentVolumeClaim":
        return ()
    others = [other for _, other in revisions.deployments(client, ref.namespace) if other != name]
    return tuple(other for other in others if _names_claim(revisions.history(client, ref.namespace, other), ref.name))


def _names_claim(known: Sequence[Revision], claim: str) -> bool:
    """As a volume of a pod, or as the address of a model."""
    written = (f'"claimName": "{claim}"', f"pvc://{claim}/", f'pvc://{claim}"')
    bodies = [json.dumps(dict(body)) for each in known for body in each.manifests]
    return any(words in body for body in bodies for words in written)


def _is_needed(client: Client, ref: Ref) -> bool:
    """Whether objects of the kind that it says it is for name it; those of the deployment itself are gone by then.

    KServe lets no configuration go that a service has applied, and does not look again when the service is gone.
    """
    from shardwright.kubernetes.client import Ref as Reference  # noqa: PLC0415 - see clusters
    from shardwright.kubernetes.render import labels  # noqa: PLC0415 - see clusters

    found = client.find(ref) or {}
    kind = text_at(found, "metadata", "annotations", labels.NEEDED_BY)
    others = client.list(Reference(ref.api_version, kind, namespace=ref.namespace)) if kind else ()
    return any(f'"{ref.name}"' in json.dumps(each) for each in others)
