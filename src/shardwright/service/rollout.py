"""Use case: a plan goes to a cluster: what would change, then each object in its order, and a revision that remembers it.

Nothing is written before `carry_out`. The group's objects come only when the model is on its claim.
"""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING, Literal, cast

from shardwright import errors
from shardwright.core.lifecycle.revision import Revision
from shardwright.core.plan.document import plan_document
from shardwright.core.recipe.canonical import recipe_digest, to_document
from shardwright.service import (
    clusters,
    deploying,
    own_namespace,
    removals,
    rendering,
    secret_giving,
    shared_claims,
    update_course,
)
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from shardwright.core.lifecycle.changes import ObjectChange
    from shardwright.core.lifecycle.updates import Course
    from shardwright.core.plan.types import Plan
    from shardwright.core.plugins import Manifest
    from shardwright.kubernetes.client import Client, Tree
    from shardwright.kubernetes.live.leases import Held
    from shardwright.kubernetes.live.secret_keys import SecretValue

__all__ = [
    "DOWNLOAD_SECONDS",
    "Options",
    "Rollout",
    "Step",
    "awaiting",
    "carry_out",
    "conclude",
    "manifests_of",
    "prepare",
    "prepare_again",
    "wanted_of",
]


DOWNLOAD_SECONDS = 6 * 3600.0
"""How long a model may take to come where nobody says otherwise: the largest have a terabyte."""
_UNFINISHED = frozenset({"applying", "failed"})


@frozen(kw_only=True)
class Options:
    """How far an apply may go."""

    force: bool = False
    """Take fields over that somebody else set."""
    recreate: bool = False
    """Delete and make anew what cannot be changed in place."""
    create_namespace: bool = False
    download_seconds: float = DOWNLOAD_SECONDS
    """How long the model's download may take."""
    secrets: tuple[SecretValue, ...] = ()
    """Keys of Secrets that are written before the objects that name them."""


@frozen(kw_only=True)
class Rollout:
    """A wanted revision beside what is there."""

    namespace: str
    name: str
    wanted: Revision
    """Without a number until it is carried out."""
    before: Revision | None
    changes: tuple[ObjectChange, ...]
    """Of the wanted objects, in the order in which they are applied."""
    stale: tuple[ObjectChange, ...]
    notes: tuple[str, ...] = ()
    """What is there, is not this deployment's, and is used as it is."""
    course: Course | None = None
    """How pods are replaced; None if none is."""

    @property
    def is_needed(self) -> bool:
        """Whether anything would change, or the history would tell of something else than what is there."""
        is_other = self.before is not None and self.before.digest != self.wanted.digest
        is_untrue = self.before is not None and self.before.outcome in _UNFINISHED and is_other
        return is_untrue or bool(self.stale) or any(change.action != "unchanged" for change in self.changes)

    @property
    def to_recreate(self) -> tuple[ObjectChange, ...]:
        """Objects that cannot be changed in place."""
        return tuple(change for change in self.changes if change.action == "recreate")


@frozen
class Step:
    """One thing done."""

    action: Literal["apply", "prune", "wait", "revision"]
    subject: str
    message: str = ""


def manifests_of(plan: Plan) -> tuple[Manifest, ...]:
    """What would be applied; InputError as `render` has it."""
    target = deploying.target_of(plan)
    return rendering.render(deploying.deployment_of(plan, target), target)


def wanted_of(plan: Plan) -> Revision:
    """The revision that a plan asks for, not yet numbered; InputError as `render` has it."""
    return Revision(
        number=0,
        recipe=to_document(plan.recipe),
        digest=recipe_digest(plan.recipe),
        plan=plan_document(plan),
        manifests=tuple(dict(each.body) for each in manifests_of(plan)),
        outcome="applying",
    )


def prepare(plan: Plan, client: Client, options: Options) -> Rollout:
    """What an apply would change; refusals of the server are raised as it says them."""
    metadata = plan.recipe.metadata
    return prepare_again(wanted_of(plan), metadata.namespace, metadata.name, client, options)


def prepare_again(wanted: Revision, namespace: str, name: str, client: Client, options: Options) -> Rollout:
    """The same for a revision that is at hand, an old one for example."""
    from shardwright.kubernetes.live import applying, revisions  # noqa: PLC0415 - see clusters

    if options.create_namespace:
        wanted = dataclasses.replace(wanted, manifests=own_namespace.added_to(wanted.manifests, namespace, client))
    own_namespace.demand(wanted.manifests, namespace, client)
    if options.secrets:
        secret_giving.demand(client, namespace, name, options.secrets)
    own, notes = shared_claims.left_as_they_are(wanted.manifests, client, name)
    wanted = dataclasses.replace(wanted, manifests=own)
    known = revisions.history(client, namespace, name)
    before = known[-1] if known else None
    manifests = cast("Sequence[Tree]", own)
    found = update_course.as_the_platform_acts(applying.preview(client, manifests, force=options.force))
    stale, staying = removals.stale_of(client, known, manifests, name)
    course = update_course.course_of(found, wanted, before)
    return Rollout(
        namespace=namespace,
        name=name,
        wanted=wanted,
        before=before,
        changes=found,
        stale=stale,
        course=course,
        notes=(*notes, *staying),
    )


def carry_out(rollout: Rollout, client: Client, options: Options) -> Generator[Step]:
    """Do it, one step at a time; each is yielded when it is done.

    Conflict if somebody else changes the deployment now, or did since it was looked at. What was done stays done when a
    step fails: applying again goes on from there. InputError if an object has to be made anew and that was not allowed.
    """
    from shardwright.kubernetes.live import leases, revisions  # noqa: PLC0415 - see clusters

    _demand_leave(rollout, options)
    for change in own_namespace.make_first(rollout.wanted.manifests, rollout.changes, client):
        yield Step("apply", str(change))
    namespace, name = rollout.namespace, rollout.name
    yield from awaiting(client, namespace, name)
    with leases.held(client, namespace, name, clusters.holder()) as lease:
        known = revisions.history(client, namespace, name)
        _demand_unchanged(rollout, known)
        number = known[-1].number + 1 if known else 1
        given = secret_giving.names_with(known, options.secrets)
        new = dataclasses.replace(rollout.wanted, number=number, by=clusters.holder(), at=clusters.now(), secrets=given)
        lease.demand()
        revisions.add(client, namespace, name, new)
        yield Step("revision", str(number))
        try:
            _supersede(client, rollout, known)
            for subject, message in secret_giving.give(client, namespace, name, options.secrets):
                yield Step("apply", subject, message)
            yield from _apply_all(rollout, client, options, lease)
            yield from _prune(rollout, client, lease)
            revisions.keep(client, namespace, name, dataclasses.replace(new, outcome="applied"))
            revisions.forget_old(client, namespace, name, is_settled=True)
        except errors.ShardwrightError as problem:
            _note_failure(client, rollout, new, problem)
            raise


def awaiting(client: Client, namespace: str, name: str) -> Iterator[Step]:
    """What is waited for before anything is done, if anything is: the lease of a command that was killed."""
    from shardwright.kubernetes.live import leases  # noqa: PLC0415 - see clusters

    holder = leases.awaited(client, namespace, name)
    if holder:
        why = f"{holder} has not renewed its lease; if it stays so for {leases.DURATION_SECONDS} s, that one is dead"
        yield Step("wait", f"{namespace}/{name}", why)


def _demand_unchanged(rollout: Rollout, known: Sequence[Revision]) -> None:
    newest = known[-1] if known else None
    if _identity(newest) != _identity(rollout.before):
        raise errors.Conflict(
            f"{rollout.namespace}/{rollout.name} was changed by {newest.by if newest else 'somebody'} meanwhile",
            hint="look at the difference again: shardwright diff -f FILE",
        )


def _identity(revision: Revision | None) -> tuple[int, str, str] | None:
    """Numbers begin anew when a deployment was deleted."""
    return (revision.number, revision.by, revision.at) if revision else None


def _supersede(client: Client, rollout: Rollout, known: Sequence[Revision]) -> None:
    from shardwright.kubernetes.live import revisions  # noqa: PLC0415 - see clusters

    for each in known:
        if each.outcome == "applying":
            old = dataclasses.replace(each, outcome="superseded")
            revisions.keep(client, rollout.namespace, rollout.name, old)


def _note_failure(client: Client, rollout: Rollout, new: Revision, problem: errors.ShardwrightError) -> None:
    """Have the history say why, where the server can still be told; and that alone is no second error."""
    from shardwright.kubernetes.live import leases, revisions  # noqa: PLC0415 - see clusters

    if isinstance(problem, errors.TemporaryError | errors.AccessError | leases.Lost):
        return
    with contextlib.suppress(errors.ShardwrightError):
        failed = dataclasses.replace(new, outcome="failed", message=problem.message)
        revisions.keep(client, rollout.namespace, rollout.name, failed)
        revisions.forget_old(client, rollout.namespace, rollout.name, is_settled=False)


def _demand_leave(rollout: Rollout, options: Options) -> None:
    if rollout.to_recreate and not options.recreate:
        told = "\n".join(f"  {change.kind} {change.name}: {change.why}" for change in rollout.to_recreate)
        raise errors.InputError(
            f"fields that cannot be changed in place are to change:\n{told}",
            hint="--recreate deletes these objects and makes them anew; what they serve stops meanwhile",
        )


def _apply_all(rollout: Rollout, client: Client, options: Options, lease: Held) -> Iterator[Step]:
    from shardwright.kubernetes.client.refs import ref_of  # noqa: PLC0415 - see clusters
    from shardwright.kubernetes.live import applying, downloading  # noqa: PLC0415 - see clusters

    for body, change in zip(rollout.wanted.manifests, rollout.changes, strict=True):
        if own_namespace.is_first(body, change):
            continue
        lease.demand()
        tree, is_download = dict(body), downloading.is_download(body)
        if is_download:
            downloading.remove_failed(client, tree)
        if change.action == "recreate":
            applying.remove_object(client, ref_of(tree, client.namespace))
        applying.apply_object(client, tree, force=options.force, recreate=options.recreate)
        yield Step("apply", str(change))
        if is_download and not downloading.is_complete(client, tree):
            why = "the group is started when the model is on its claim"
            yield Step("wait", f"Job {change.namespace}/{change.name}", why)
            for told in downloading.wait(client, tree, timeout_seconds=options.download_seconds):
                yield Step("wait", f"Job {change.namespace}/{change.name}", told)


def _prune(rollout: Rollout, client: Client, lease: Held) -> Iterator[Step]:
    from shardwright.kubernetes.client import Ref  # noqa: PLC0415 - see clusters
    from shardwright.kubernetes.live import applying  # noqa: PLC0415 - see clusters

    for change in rollout.stale:
        ref = Ref(change.api_version, change.kind, change.name, change.namespace)
        found = client.find(ref)
        if found is not None and applying.is_ours(found, rollout.name):
            lease.demand()
            applying.remove_object(client, ref)
            yield Step("prune", str(change))


def conclude(
    rollout: Rollout, client: Client, outcome: Literal["ready", "failed", "stopped"], message: str = ""
) -> None:
    """Write down what came of the newest revision, if it is still the one that was rolled out, and was not deleted."""
    from shardwright.kubernetes.live import revisions  # noqa: PLC0415 - see clusters

    known = revisions.history(client, rollout.namespace, rollout.name)
    if known and known[-1].digest == rollout.wanted.digest:
        kept = known[-1].message if known[-1].outcome in {"applying", "applied"} else ""
        became = dataclasses.replace(known[-1], outcome=outcome, message=message or kept)
        revisions.keep(client, rollout.namespace, rollout.name, became)
