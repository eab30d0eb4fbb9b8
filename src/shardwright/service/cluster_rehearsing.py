"""Use case: rehearse the manifests themselves: in a cluster without GPUs, with the real engine and a shrunken model.

The planned manifests are rendered by the recipe's own target; `kubernetes.rehearsed` maps away what such a cluster cannot give,
and the result is rolled out, followed, asked and removed like any other deployment.
"""

from __future__ import annotations

import dataclasses
import secrets
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from shardwright import errors, registry
from shardwright.core import image_names, rehearsal, twin
from shardwright.core.deployment import Deployment, LaunchOrder
from shardwright.core.group import group_of
from shardwright.core.lifecycle.revision import Revision
from shardwright.core.plan.document import plan_document
from shardwright.core.plan.types import Infeasible
from shardwright.core.recipe.canonical import to_document
from shardwright.core.rehearsal import ClusterRun
from shardwright.kubernetes import rehearsed
from shardwright.models import twin_files
from shardwright.service import (
    deploying,
    engines,
    following,
    past,
    planning,
    proving,
    reaching,
    rehearsing,
    rendering,
    rollout,
    seeing,
)
from shardwright.service.watching import Answer
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from shardwright.core.lifecycle.proof import Point
    from shardwright.core.plan.types import Plan
    from shardwright.core.plugins import Target
    from shardwright.core.rehearsal import Coverage
    from shardwright.core.twin import Twin
    from shardwright.kubernetes.client import Client
    from shardwright.kubernetes.rehearsed import Rehearsed
    from shardwright.service.following import View
    from shardwright.service.rollout import Rollout, Step

__all__ = ["Prepared", "Session", "prepare", "running"]

ANSWER_TOKENS = 32
REHEARSAL = "shardwright.dev/rehearsal"
"""Label of namespaces that were made for a rehearsal, should one be left: its value is the deployment's name."""
_OK = 200
_TARGETS = ("lws", "kubernetes")
_LIVES = 3
"""So many leaders in a row that end say that the next one will too."""
_PROOF_SECONDS = 120.0
_REMOVAL_SECONDS = 300.0
_OPTIONS = rollout.Options()
"""Nothing is taken over and nothing made anew: what is there is not ours."""
_HOPELESS = frozenset({"ErrImageNeverPull", "InvalidImageName", "CreateContainerConfigError"})


@frozen(kw_only=True)
class Prepared:
    """What will be applied, beside what was planned."""

    planned: Deployment
    run: Deployment
    mapped: Rehearsed
    shrunk: tuple[str, ...]
    makes_namespace: bool

    @property
    def namespace(self) -> str:
        """Where it goes."""
        return self.run.recipe.metadata.namespace

    @property
    def name(self) -> str:
        """As in the recipe."""
        return self.run.recipe.metadata.name


def prepare(plan: Plan, *, image: str = "", namespace: str = "") -> Prepared:
    """Shrink the model and map the manifests; nothing is asked or written yet.

    Without `namespace` one is made for it, and removed with it. InputError or EnvironmentFault where the recipe cannot be
    rehearsed in a cluster.
    """
    target = _target_of(plan)
    name = plan.recipe.metadata.name
    inside = namespace or f"{name[:40].rstrip('-')}-rehearsal-{secrets.token_hex(3)}"
    moved = dataclasses.replace(plan.recipe, metadata=dataclasses.replace(plan.recipe.metadata, namespace=inside))
    planned = deploying.deployment_of(dataclasses.replace(plan, recipe=moved), target)
    shrunken = _twin_of(plan)
    model = moved.storage.cache_dir
    run = _run_of(planned, target, shrunken, image=image, model=model)
    manifests = rendering.render(planned, target)
    mapped = rehearsed.rehearsed(planned, run, manifests, files=twin_files.text_files(shrunken), model=model)
    if not mapped.replaced_commands:
        raise errors.InputError(
            f"{name} cannot be rehearsed in a cluster: its manifests do not have the engine's command line as it was rendered",
            hint="look at target.patches, or rehearse on this machine, without --on",
        )
    return Prepared(planned=planned, run=run, mapped=mapped, shrunk=shrunken.notes, makes_namespace=not namespace)


def _target_of(plan: Plan) -> Target:
    kind = plan.recipe.target.kind if plan.recipe.target else ""
    if kind and kind not in _TARGETS:
        raise errors.InputError(
            f"target {kind} cannot be rehearsed in a cluster yet: its operator starts the engine or brings the model in its"
            f" own way; these can: {', '.join(_TARGETS)}",
            hint="rehearse on this machine, without --on",
        )
    if plan.engine.executor == "ray":
        raise errors.InputError(
            f"{plan.recipe.metadata.name} cannot be rehearsed in a cluster: {plan.engine.name} has no executor ray on a CPU",
            hint="rehearse on this machine, without --on: there members start without Ray",
        )
    return deploying.target_of(plan)


def _twin_of(plan: Plan) -> Twin:
    """As small as can be: memory of a cluster is not this machine's to count, and a pod has one rank where there are many."""
    build = engines.build_of(plan.engine.name, None)
    rehearsing.demand_run(plan, build)
    layout = plan.layout
    # Members of several ranks each are told apart by GPUs, which processors are not. Source: vLLM 0.32, MessageQueue.
    ranks_per_node = 1 if layout.nodes > 1 else None
    made = twin.twin_config(
        plan.shape,
        layout,
        twin.rank_bytes(layout.world_size),
        has_copies=build.has_copies,
        ranks_per_node=ranks_per_node,
    )
    if isinstance(made, twin.NoTwin) or made.layout.nodes != layout.nodes:
        why = made.reason if isinstance(made, twin.NoTwin) else "data-parallel copies are not started on a CPU"
        raise errors.EnvironmentFault(
            f"{plan.recipe.metadata.name} cannot be rehearsed in a cluster: {why}",
            hint="rehearse on this machine, without --on",
        )
    return made


def _run_of(planned: Deployment, target: Target, shrunken: Twin, *, image: str, model: str) -> Deployment:
    """The deployment of the twin on processors, wired by the same target."""
    plan = planned.plan
    version = image_names.version_of(image, plan.engine.name) or plan.engine.version
    asked = rehearsing.twin_recipe(plan, shrunken, source=model, version=version)
    args = {**asked.engine.args, "load-format": "dummy"}
    asked = dataclasses.replace(asked, engine=dataclasses.replace(asked.engine, args=args))
    run_plan = planning.plan_shape(asked, shrunken.shape)
    if isinstance(run_plan, Infeasible):
        raise errors.InputError(f"the twin cannot be rehearsed: {run_plan.reasons[0]}")
    wiring = dataclasses.replace(target.wiring(planned.recipe), model=model, draft="", cache_dir="", interface="")
    engine = registry.load_engine(plan.engine.name)
    group = group_of(run_plan.layout)
    leader = engine.launch(LaunchOrder(run_plan, "leader", wiring))
    used = image or leader.image
    if not used:
        raise errors.InputError(
            f"no public image of {plan.engine.name} {version} for a CPU is known", hint="--image IMAGE"
        )
    return Deployment(
        recipe=planned.recipe,
        plan=run_plan,
        group=group,
        leader=leader,
        worker=engine.launch(LaunchOrder(run_plan, "worker", wiring)) if group.size > 1 else None,
        image=used,
        recipe_digest=planned.recipe_digest,
    )


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
        lives: dict[str, None] = {}
        first_error = ""
        for view in following.until_ready(self._client, self._subject(), timeout_seconds=timeout_seconds):
            yield view
            first_error = first_error or next((str(each) for each in view.news if each.what == "error"), "")
            for member in view.snapshot.members:
                if member.index == 0 and member.uid:
                    lives[f"{member.uid}/{member.restarts}"] = None
                if member.reason in _HOPELESS:
                    raise errors.TargetError(f"{member.name}: {member.reason}: {member.message}")
            if len(lives) > _LIVES:
                raise errors.TargetError(
                    f"{self.prepared.name}: its leader has ended {_LIVES} times", hint=first_error or "its log says why"
                )
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
                rollout.conclude(planned, client, "failed", str(problem))
        raise
    else:
        if keep:
            rollout.conclude(planned, client, "ready", "a rehearsal")
    finally:
        if not keep:
            remove(prepared, client)


def _rollout_of(prepared: Prepared, client: Client) -> Rollout:
    wanted = Revision(
        number=0,
        recipe=to_document(prepared.planned.recipe),
        digest=prepared.planned.recipe_digest,
        plan=plan_document(prepared.run.plan),
        manifests=(*_namespace(prepared), *(dict(each.body) for each in prepared.mapped.manifests)),
        outcome="applying",
        message="a rehearsal",
    )
    made = rollout.prepare_again(wanted, prepared.namespace, prepared.name, client, _OPTIONS)
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
    from shardwright.kubernetes import applying  # noqa: PLC0415 - see clusters
    from shardwright.kubernetes.client import Ref  # noqa: PLC0415 - see clusters

    gone = past.delete(client, prepared.namespace, prepared.name, with_claims=True, timeout_seconds=_REMOVAL_SECONDS)
    try:
        with suppress(errors.NotFound):
            list(gone)
    finally:
        if prepared.makes_namespace:
            namespace = Ref("v1", "Namespace", prepared.namespace)
            applying.remove_object(client, namespace, timeout_seconds=_REMOVAL_SECONDS)
