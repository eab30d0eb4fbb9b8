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

    from shardwright.core.layout import Layout
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


def updates(namespace: str, name: str, settings: Settings, timeout_seconds: float) -> tuple[Iterator[Update], Layout]:
    """What happens until it serves, and the layout of it.

    While it is read: TimeoutError if that takes longer, the group's own error if it ends.
    """
    runner = LocalRunner(settings.state_dir)
    layout, engine = observing.layout_and_engine(runner, namespace, name)
    found = watching.updates_until_ready(runner, namespace, name, engine=engine, layout=layout)
    return _in_time(found, timeout_seconds), layout


def _in_time(found: Iterator[Update], timeout_seconds: float) -> Iterator[Update]:
    deadline = time.monotonic() + timeout_seconds
    for update in found:
        yield update
        if time.monotonic() > deadline:
            raise TimeoutError


def first_answer(namespace: str, name: str, settings: Settings) -> str:
    """Ask for a few tokens; returns how others can ask. TargetError if there is no text in the answer."""
    runner = LocalRunner(settings.state_dir)
    found = observing.status(namespace, name, settings)
    watching.ask(runner, namespace, name, served_name=str(found["servedName"]), tokens=8)
    return str(found["curl"])
