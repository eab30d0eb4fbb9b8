"""Use case: what a rehearsal in a cluster will apply: the planned manifests, and what stands in them for what no GPU gives."""

from __future__ import annotations

import dataclasses
import secrets
from typing import TYPE_CHECKING

from shardwright import errors, registry
from shardwright.core import image_names, twin
from shardwright.core.deployment import Deployment, LaunchOrder
from shardwright.core.group import group_of
from shardwright.core.plan.types import Infeasible
from shardwright.kubernetes.live import rehearsed
from shardwright.models import twin_files
from shardwright.service import deploying, engines, planning, rehearsing, rendering
from shardwright.values import frozen

if TYPE_CHECKING:
    from shardwright.core.plan.types import Plan
    from shardwright.core.plugins import Target
    from shardwright.core.twin import Twin
    from shardwright.kubernetes.live.rehearsed import Rehearsed

__all__ = ["Prepared", "prepare"]


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
    _demand_no_hindrance(planned, target)
    shrunken = _twin_of(plan)
    model = moved.storage.cache_dir
    run = _run_of(planned, target, shrunken, image=image, model=model)
    manifests = rendering.render(planned, target)
    files = twin_files.text_files(shrunken)
    staging = registry.load_staging(target.kind)
    mapped = rehearsed.rehearsed(planned, run, manifests, files=files, model=model, staging=staging)
    if not mapped.replaced_commands:
        raise errors.InputError(
            f"{name} cannot be rehearsed in a cluster: its manifests do not have the engine's command line as it was rendered",
            hint="look at target.patches, or rehearse on this machine, without --on",
        )
    return Prepared(planned=planned, run=run, mapped=mapped, shrunk=shrunken.notes, makes_namespace=not namespace)


def _target_of(plan: Plan) -> Target:
    kind = plan.recipe.target.kind if plan.recipe.target else ""
    if kind == "local":
        raise errors.InputError(
            "target local cannot be rehearsed in a cluster: it is no cluster",
            hint="rehearse on this machine, without --on",
        )
    if plan.engine.executor == "ray" and kind != "kuberay":
        raise errors.InputError(
            f"{plan.recipe.metadata.name} cannot be rehearsed in a cluster: {plan.engine.name} has no executor ray on a CPU",
            hint="rehearse on this machine, without --on: there members start without Ray",
        )
    return deploying.target_of(plan)


def _demand_no_hindrance(planned: Deployment, target: Target) -> None:
    staging = registry.load_staging(target.kind)
    found = staging.hindrance(planned) if staging else None
    if found is not None:
        raise errors.InputError(f"target {target.kind} cannot be rehearsed in a cluster: {found.why}", hint=found.hint)


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
