"""Use case: rehearse the manifests themselves: in a cluster without GPUs, with the real engine and a shrunken model.

The planned manifests, mapped by `cluster_twins`, are rolled out, followed, asked and removed like those of any deployment.
"""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from shardwright import errors
from shardwright.core import rehearsal
from shardwright.core.lifecycle.revision import Revision
from shardwright.core.plan.document import plan_document
from shardwright.core.recipe.canonical import to_document
from shardwright.core.rehearsal import ClusterRun
from shardwright.service import following, past, proving, reaching, rollout, seeing
from shardwright.service.watching import Answer

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from shardwright.core.lifecycle.proof import Point
    from shardwright.core.rehearsal import Coverage
    from shardwright.kubernetes.client import Client
    from shardwright.service.cluster_twins import Prepared
    from shardwright.service.following import View
    from shardwright.service.rollout import Rollout, Step

__all__ = ["REHEARSAL", "Session", "remove", "running", "wanted_of"]

ANSWER_TOKENS = 32
REHEARSAL = "shardwright.dev/rehearsal"
"""Label of namespaces that were made for a rehearsal, should one be left: its value is the deployment's name."""
_OK = 200
_LIVES = 3
"""So many leaders in a row that end say that the next one will too."""
_PROOF_SECONDS = 120.0
_REMOVAL_SECONDS = 300.0
_OPTIONS = rollout.Options()
"""Nothing is taken over and nothing made anew: what is there is not ours."""
_HOPELESS = frozenset({"ErrImageNeverPull", "ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError"})
_HOPELESS_SECONDS = 30.0
"""How long a member may be one of these: a registry may be away for a moment."""


class Session:
    """A rehearsal that runs."""

    def __init__(self, prepared: Prepared, client: Client, applied: Rollout) -> None:
        self.prepared = prepared
        self._client, self._rollout = client, applied
        self._nodes: tuple[str, ...] = ()
        self._asked = ""

    def apply(self) -> Iterator[Step]:
        """Write the objects, one step at a time."""
        return rollout.carry_out(self._rollout, self._client, _OPTIONS)

    def views(self, timeout_seconds: float) -> Iterator[View]:
        """What happens until it is ready; TimeoutError, or TargetError with the first error that was logged."""
        watched = _Watched(self.prepared.name)
        for view in following.until_ready(self._client, self._subject(), timeout_seconds=timeout_seconds):
            yield view
            watched.demand_hope(view)
            self._nodes = tuple(dict.fromkeys(each.node for each in view.snapshot.members if each.node))

    def points(self) -> Iterator[Point]:
        """Proof that it serves: members, health, the served model, the engine's KV tokens against the plan of the twin."""
        subject = self._subject()
        snapshot = seeing.look(self._client, subject)
        for point in proving.prove(self._client, subject, snapshot, timeout_seconds=_PROOF_SECONDS):
            if point.name != "completion":  # made-up weights may say anything; `ask` counts tokens instead
                yield point

    def ask(self) -> Answer:
        """One real request through the API server; TargetError if not all tokens that were asked for came back."""
        subject = self._subject()
        entrance = reaching.entrance_of(self._client, subject)
        self._asked = entrance.through
        request = {
            "model": subject.served_name,
            "prompt": "What is the biggest mountain in the world?",
            "max_tokens": ANSWER_TOKENS,
            "temperature": 0,
            "ignore_eos": True,
        }
        began = time.monotonic()
        way = reaching.ThroughServer(self._client, subject.namespace, entrance.through)
        path = f"{subject.parts.base_path}/completions"
        answer = way.ask(path, request)
        if answer.status != _OK:
            raise reaching.refused(answer, path)
        tree: Mapping[str, Any] = answer.tree
        usage: Mapping[str, Any] = tree.get("usage") or {}
        if usage.get("completion_tokens") != ANSWER_TOKENS or not tree.get("choices"):
            raise errors.TargetError(f"{ANSWER_TOKENS} tokens were asked for, the answer is: {answer.text[:300]}")
        return Answer(request, str(tree["choices"][0].get("text") or ""), time.monotonic() - began)

    def coverage(self) -> Coverage:
        """What was exercised and what was not."""
        prepared, mapped = self.prepared, self.prepared.mapped
        seen = ClusterRun(
            objects=tuple(f"{each.kind} {each.name}" for each in mapped.manifests[1:]),
            left_out=mapped.left_out,
            nodes=self._nodes,
            asked=self._asked,
        )
        return rehearsal.cluster_coverage_of(prepared.planned, prepared.run, prepared.shrunk, seen)

    def _subject(self) -> seeing.Subject:
        return seeing.find(self._client, self.prepared.namespace, self.prepared.name)


class _Watched:
    """What was seen of a start; says when there is no hope."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lives: dict[str, None] = {}
        self._stuck_since: dict[str, float] = {}
        self._first_error = ""

    def demand_hope(self, view: View) -> None:
        """TargetError where the leader ends again and again, or a pod cannot begin."""
        self._first_error = self._first_error or next((str(each) for each in view.news if each.what == "error"), "")
        members = view.snapshot.members
        self._lives |= {f"{each.uid}/{each.restarts}": None for each in members if each.index == 0 and each.uid}
        if len(self._lives) > _LIVES:
            raise errors.TargetError(
                f"{self._name}: its leader has ended {_LIVES} times", hint=self._first_error or "its log says why"
            )
        stuck = {each.uid: each for each in members if each.reason in _HOPELESS}
        self._stuck_since = {uid: self._stuck_since.get(uid, view.seconds) for uid in stuck}
        for uid, since in self._stuck_since.items():
            if view.seconds - since > _HOPELESS_SECONDS:
                raise errors.TargetError(f"{stuck[uid].name}: {stuck[uid].reason}: {stuck[uid].message}")


@contextmanager
def running(prepared: Prepared, client: Client, *, keep: bool = False) -> Generator[Session]:
    """A rehearsal for as long as the block lasts; its objects, history and namespace are gone afterwards, but for `keep`.

    Conflict if anything that it would write is there already; nothing is written before `Session.apply`.
    """
    planned = _rollout_of(prepared, client)
    try:
        yield Session(prepared, client, planned)
    except BaseException as problem:
        if keep:
            with suppress(errors.ShardwrightError):
                rollout.conclude(planned, client, "failed", str(problem) or "a rehearsal that was ended")
        raise
    else:
        if keep:
            rollout.conclude(planned, client, "ready", "a rehearsal")
    finally:
        if not keep:
            remove(prepared, client)


def wanted_of(prepared: Prepared) -> Revision:
    """The revision that a rehearsal rolls out."""
    return Revision(
        number=0,
        recipe=to_document(prepared.planned.recipe),
        digest=prepared.planned.recipe_digest,
        plan=plan_document(prepared.run.plan),
        manifests=(*_namespace(prepared), *(dict(each.body) for each in prepared.mapped.manifests)),
        outcome="applying",
        message="a rehearsal",
    )


def _rollout_of(prepared: Prepared, client: Client) -> Rollout:
    try:
        made = rollout.prepare_again(wanted_of(prepared), prepared.namespace, prepared.name, client, _OPTIONS)
    except errors.NotFound as missing:
        is_namespace = missing.message.startswith("there is no namespace")
        hint = "leave -n out: then one is made and removed" if is_namespace else missing.hint
        raise errors.NotFound(missing.message, hint=hint) from missing
    there = [change for change in made.changes if change.action != "create"]
    if made.before is not None or there:
        found = f"deployment {prepared.name}" if made.before is not None else f"{there[0].kind} {there[0].name}"
        raise errors.Conflict(
            f"there is a {found} in {prepared.namespace} already, and a rehearsal changes nothing that is there",
            hint="give another namespace, or none: then one is made and removed",
        )
    return made


def _namespace(prepared: Prepared) -> Iterator[Mapping[str, Any]]:
    if prepared.makes_namespace:
        head = {"name": prepared.namespace, "labels": {REHEARSAL: prepared.name}}
        yield {"apiVersion": "v1", "kind": "Namespace", "metadata": head}


def remove(prepared: Prepared, client: Client) -> None:
    """Remove all of it, and the namespace if it was made for it; nothing to do where nothing was written."""
    from shardwright.kubernetes.client import Ref  # noqa: PLC0415 - see clusters
    from shardwright.kubernetes.live import applying  # noqa: PLC0415 - see clusters

    # A rehearsal makes no claim: one that its manifests name is somebody's, with a model on it.
    gone = past.delete(client, prepared.namespace, prepared.name, with_claims=False, timeout_seconds=_REMOVAL_SECONDS)
    try:
        with suppress(errors.NotFound):
            list(gone)
    finally:
        if prepared.makes_namespace:
            namespace = Ref("v1", "Namespace", prepared.namespace)
            applying.remove_object(client, namespace, timeout_seconds=_REMOVAL_SECONDS)
