"""Use case: start a recipe on this machine, follow its start, and prove that it answers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from shardwright import errors, registry
from shardwright.core.plugins import Manifest
from shardwright.local import spec
from shardwright.local.runner import LocalRunner
from shardwright.service import deploying, local_groups, observing, watching

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shardwright.core.plan.types import Plan
    from shardwright.service.watching import Update
    from shardwright.settings import Settings

__all__ = ["apply", "first_answer", "manifest_of", "updates"]


def manifest_of(plan: Plan, settings: Settings) -> Mapping[str, object]:
    """What would be started; InputError if the recipe's target is not this machine."""
    recipe = plan.recipe
    if recipe.target is None or recipe.target.kind != "local":
        kind = recipe.target.kind if recipe.target else "none"
        raise errors.InputError(
            f"target.kind: {kind!r} cannot be applied in this version, only local",
            hint=f"render it: shardwright render -f FILE --out DIR, then kubectl apply -f DIR -n {recipe.metadata.namespace}",
        )
    target = registry.load_target("local")
    group = local_groups.group_of_deployment(deploying.deployment_of(plan, target), target, settings)
    return spec.render_group(group)


def apply(plan: Plan, settings: Settings) -> None:
    """Start the group, detached; returns when its hosts exist. One that runs as asked is left alone."""
    body = manifest_of(plan, settings)
    LocalRunner(settings.state_dir).apply(Manifest(spec.KIND, plan.recipe.metadata.name, body))


def updates(plan: Plan, settings: Settings, timeout_seconds: float) -> Iterator[Update]:
    """What happens until it serves; TimeoutError if that takes longer, the group's own error if it ends."""
    deadline = time.monotonic() + timeout_seconds
    metadata = plan.recipe.metadata
    runner = LocalRunner(settings.state_dir)
    engine = registry.load_engine(plan.engine.name)
    for update in watching.updates_until_ready(
        runner, metadata.namespace, metadata.name, engine=engine, layout=plan.layout
    ):
        yield update
        if time.monotonic() > deadline:
            raise TimeoutError


def first_answer(plan: Plan, settings: Settings) -> str:
    """Ask for a few tokens; returns how others can ask. TargetError if there is no text in the answer."""
    metadata = plan.recipe.metadata
    runner = LocalRunner(settings.state_dir)
    watching.ask(runner, metadata.namespace, metadata.name, served_name=plan.recipe.served_name, tokens=8)
    return str(observing.status(metadata.namespace, metadata.name, settings)["curl"])
