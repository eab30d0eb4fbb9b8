"""Use case: rehearse a plan: the same layout and launch code, the real engine, a shrunken model, hosts of this machine.

A rehearsal is an ordinary deployment with three things replaced: the model by its twin, the GPUs by this machine's CPUs,
the target by this machine. It is planned, launched and observed like any other.
"""

from __future__ import annotations

import dataclasses
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shardwright import errors, registry
from shardwright.core import rehearsal, twin
from shardwright.core.plan.types import Infeasible
from shardwright.core.recipe import model as recipe_model
from shardwright.local.runner import LocalRunner
from shardwright.models import twin_files
from shardwright.service import deploying, engines, local_groups, planning, watching
from shardwright.units import GIB

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shardwright.core.deployment import Deployment
    from shardwright.core.plan.types import Plan
    from shardwright.core.rehearsal import Coverage
    from shardwright.core.twin import Twin
    from shardwright.local.spec import LocalGroup
    from shardwright.service.watching import Update
    from shardwright.settings import Settings

__all__ = ["Answer", "Rehearsal", "Session", "prepare", "running"]

PROMPT = "What is the biggest mountain in the world?"
ANSWER_TOKENS = 32
NAMESPACE = "rehearsal"
MAX_MODEL_LEN = 1024
RANK_MEMORY = 4 * GIB


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What will be run, beside what was planned."""

    planned: Deployment
    run: Deployment
    group: LocalGroup
    shrunk: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """A real request and its answer."""

    request: Mapping[str, Any]
    text: str
    seconds: float


def prepare(plan: Plan, settings: Settings, *, host_kind: str) -> Rehearsal:
    """Shrink the model, write the twin, and deploy it on paper; nothing is started yet."""
    build = engines.build_of(plan.engine.name, None)
    shrunken = _twin_of(plan)
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
        request = {
            "model": self.rehearsal.run.recipe.served_name,
            "prompt": PROMPT,
            "max_tokens": ANSWER_TOKENS,
            "temperature": 0,
        }
        started = time.monotonic()
        body = self.runner.request(group.namespace, group.name, "/v1/completions", request)
        return Answer(request, _text_of(body), time.monotonic() - started)

    def coverage(self) -> Coverage:
        """What was exercised and what was not."""
        group = self.rehearsal.group
        kind = str(self.runner.observe(group.namespace, group.name)["hostKind"])
        return rehearsal.coverage_of(self.rehearsal.planned, self.rehearsal.run, self.rehearsal.shrunk, kind)


@contextmanager
def running(prepared: Rehearsal, settings: Settings) -> Iterator[Session]:
    """The rehearsal for as long as the block lasts; its processes, hosts and state are gone afterwards."""
    runner = LocalRunner(settings.state_dir)
    group = prepared.group
    runner.sweep()
    try:
        with runner.tied(group):
            yield Session(prepared, runner)
    finally:
        runner.delete(group.namespace, group.name)


def _planned_target(plan: Plan) -> Any:
    target = plan.recipe.target
    return registry.load_target(target.kind) if target and registry.TARGETS[target.kind] else None


def _twin_of(plan: Plan) -> Twin:
    import psutil  # noqa: PLC0415 - only here, and it takes 25 ms

    shrunken = twin.twin_config(plan.shape, plan.layout, psutil.virtual_memory().available)
    if isinstance(shrunken, twin.NoTwin):
        raise errors.EnvironmentFault(
            f"{plan.recipe.metadata.name} cannot be rehearsed here: {shrunken.reason}",
            hint="plan and render do not need it; or use a machine with more memory, or a smaller layout",
        )
    return shrunken


def _recipe(plan: Plan, shrunken: Twin, folder: str, version: str, host_kind: str) -> recipe_model.Recipe:
    """The recipe of the twin: what is asked stays, what it runs on is replaced."""
    recipe, layout = plan.recipe, shrunken.layout
    tokens = min(plan.max_model_len, MAX_MODEL_LEN)
    workload = dataclasses.replace(recipe.workload, max_model_len=tokens, concurrency=1)
    return dataclasses.replace(
        recipe,
        metadata=dataclasses.replace(recipe.metadata, namespace=NAMESPACE),
        model=recipe_model.Model(source=folder, served_name=recipe.served_name, dtype="float32"),
        engine=dataclasses.replace(recipe.engine, version=version, image=None, executor="mp"),
        workload=workload,
        parallelism=recipe_model.Parallelism(
            tensor=layout.tensor, pipeline=layout.pipeline, layer_partition=layout.stages
        ),
        hardware=recipe_model.Hardware(
            gpu="cpu", gpus_per_node=layout.gpus_per_node, nodes=layout.nodes, gpu_memory=recipe_model.Bytes(RANK_MEMORY)
        ),
        target=recipe_model.Target(kind="local", options={"hosts": host_kind}),
        storage=recipe_model.Storage(),
        pods=recipe_model.Pods(),
        network=recipe_model.Network(),
        replicas=1,
    )


def _text_of(body: Mapping[str, Any]) -> str:
    choices = body.get("choices") or [{}]
    text = str(choices[0].get("text") or "")
    if not text.strip():
        raise errors.TargetError(f"the engine answered without text: {dict(body)}")
    return text
