"""Use case: rehearse a plan: the same layout and launch code, the real engine, a shrunken model, hosts of this machine.

A rehearsal is an ordinary deployment with three things replaced: the model by its twin, the GPUs by this machine's CPUs,
the target by this machine. It is planned, launched and observed like any other.
"""

from __future__ import annotations

import dataclasses
import secrets
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shardwright import errors, registry
from shardwright.core import rehearsal, twin
from shardwright.core.plan.types import Infeasible
from shardwright.core.recipe import model as recipe_model
from shardwright.local.runner import LocalRunner
from shardwright.models import twin_files
from shardwright.service import deploying, engines, local_groups, planning, watching
from shardwright.units import GIB
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from shardwright.core.deployment import Deployment
    from shardwright.core.plan.types import Plan
    from shardwright.core.plugins import EngineBuild, Target
    from shardwright.core.rehearsal import Coverage
    from shardwright.core.twin import Twin
    from shardwright.local.spec import LocalGroup
    from shardwright.service.watching import Answer, Update
    from shardwright.settings import Settings

__all__ = ["MAX_MODEL_LEN", "Rehearsal", "Session", "demand_run", "prepare", "running", "twin_recipe"]

ANSWER_TOKENS = 32
NAMESPACE = "rehearsal"
MAX_MODEL_LEN = 1024
RANK_MEMORY = 4 * GIB


@frozen
class Rehearsal:
    """What will be run, beside what was planned."""

    planned: Deployment
    run: Deployment
    group: LocalGroup
    shrunk: tuple[str, ...]


def prepare(plan: Plan, settings: Settings, *, host_kind: str) -> Rehearsal:
    """Shrink the model, write the twin, and deploy it on paper; nothing is started yet."""
    build = engines.build_of(plan.engine.name, None)
    shrunken = _twin_of(plan, build)
    folder = twin_files.write_twin(shrunken, settings.cache_dir)
    recipe = _recipe(plan, shrunken, str(folder), build.version, host_kind)
    run_plan = planning.plan_shape(recipe, shrunken.shape)
    if isinstance(run_plan, Infeasible):
        raise errors.InputError(f"the twin cannot be rehearsed: {run_plan.reasons[0]}")
    local = registry.load_target("local")
    run = deploying.deployment_of(run_plan, local)
    planned = deploying.deployment_of(plan, _planned_target(plan) or local)
    return Rehearsal(planned, run, local_groups.group_of_deployment(run, local, settings), shrunken.notes)


@dataclass(slots=True)
class Session:
    """A rehearsal that runs."""

    rehearsal: Rehearsal
    runner: LocalRunner

    def updates(self) -> Iterator[Update]:
        """What happens until it serves; raises what it ended with if it does not."""
        group = self.rehearsal.group
        engine = registry.load_engine(self.rehearsal.run.plan.engine.name)
        return watching.updates_until_ready(
            self.runner, group.namespace, group.name, engine=engine, layout=self.rehearsal.run.plan.layout
        )

    def ask(self) -> Answer:
        """One real request to /v1/completions; TargetError if the answer is empty."""
        group = self.rehearsal.group
        served_name = self.rehearsal.run.recipe.served_name
        return watching.ask(self.runner, group.namespace, group.name, served_name=served_name, tokens=ANSWER_TOKENS)

    def coverage(self) -> Coverage:
        """What was exercised and what was not."""
        group = self.rehearsal.group
        kind = str(self.runner.observe(group.namespace, group.name)["hostKind"])
        return rehearsal.coverage_of(self.rehearsal.planned, self.rehearsal.run, self.rehearsal.shrunk, kind)


@contextmanager
def running(prepared: Rehearsal, settings: Settings) -> Generator[Session]:
    """The rehearsal for as long as the block lasts; its processes, hosts and state are gone afterwards."""
    runner = LocalRunner(settings.state_dir)
    runner.sweep()
    # A name of its own: the same recipe can be rehearsed twice at once.
    name = f"{prepared.group.name[:54]}-{secrets.token_hex(4)}"
    named = dataclasses.replace(prepared, group=dataclasses.replace(prepared.group, name=name))
    with runner.tied(named.group, keep=False):
        yield Session(named, runner)


def _planned_target(plan: Plan) -> Target | None:
    """The target of the recipe, if it names one that can be used yet."""
    target = plan.recipe.target
    return registry.load_target(target.kind) if target and registry.TARGETS[target.kind] else None


def demand_run(plan: Plan, build: EngineBuild) -> None:
    """EnvironmentFault for a model that the engine does not run on a CPU."""
    if plan.shape.architecture in build.not_run:
        raise errors.EnvironmentFault(
            f"{plan.recipe.metadata.name} cannot be rehearsed: {build.engine} {build.version} on a {build.device.upper()} does"
            f" not run {plan.shape.architecture}: {build.not_run[plan.shape.architecture]}",
            hint="plan and render do not need it",
        )


def _twin_of(plan: Plan, build: EngineBuild) -> Twin:
    import psutil  # noqa: PLC0415 - only here, and it takes 25 ms

    demand_run(plan, build)
    available = psutil.virtual_memory().available
    shrunken = twin.twin_config(plan.shape, plan.layout, available, has_copies=build.has_copies)
    if isinstance(shrunken, twin.NoTwin):
        raise errors.EnvironmentFault(
            f"{plan.recipe.metadata.name} cannot be rehearsed here: {shrunken.reason}",
            hint="plan and render do not need it; or use a machine with more memory, or a smaller layout",
        )
    return shrunken


def _recipe(plan: Plan, shrunken: Twin, folder: str, version: str, host_kind: str) -> recipe_model.Recipe:
    """The recipe of the twin on this machine."""
    made = twin_recipe(plan, shrunken, source=folder, version=version)
    return dataclasses.replace(
        made,
        metadata=dataclasses.replace(made.metadata, namespace=NAMESPACE),
        target=recipe_model.Target(kind="local", options={"hosts": host_kind}),
    )


def twin_recipe(plan: Plan, shrunken: Twin, *, source: str, version: str) -> recipe_model.Recipe:
    """The recipe of the twin on processors: what is asked stays, what it runs on is replaced."""
    recipe, layout = plan.recipe, shrunken.layout
    tokens = min(plan.max_model_len, MAX_MODEL_LEN)
    workload = dataclasses.replace(recipe.workload, max_model_len=tokens, concurrency=1)
    return dataclasses.replace(
        recipe,
        model=recipe_model.Model(
            source=source, served_name=recipe.served_name, dtype="float32", lora_slots=recipe.model.lora_slots
        ),
        engine=dataclasses.replace(
            recipe.engine, version=version, image=None, executor="mp", env=_plain(recipe.engine.env)
        ),
        workload=workload,
        parallelism=recipe_model.Parallelism(
            tensor=layout.tensor,
            pipeline=layout.pipeline,
            data=layout.data,
            expert=layout.expert,
            layer_partition=layout.stages,
        ),
        hardware=recipe_model.Hardware(
            gpu="cpu",
            gpus_per_node=layout.gpus_per_node,
            nodes=layout.nodes,
            gpu_memory=recipe_model.Bytes(RANK_MEMORY),
        ),
        storage=recipe_model.Storage(),
        pods=recipe_model.Pods(),
        network=recipe_model.Network(),
        replicas=1,
    )


def _plain(environment: Mapping[str, str | recipe_model.KeyRef]) -> dict[str, str]:
    """Without what comes from Secrets: there are none here, and the twin needs none."""
    return {name: value for name, value in environment.items() if isinstance(value, str)}
