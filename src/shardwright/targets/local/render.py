"""A deployment as one LocalGroup: what each host runs, on how many hosts, how readiness is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright import errors
from shardwright.core.plugins import Manifest
from shardwright.local import spec
from shardwright.local.spec import LocalGroup, Program
from shardwright.targets.local import options

if TYPE_CHECKING:
    from shardwright.core.deployment import Deployment, Launch

__all__ = ["group_of", "render_deployment"]


def render_deployment(deployment: Deployment) -> Manifest:
    """The manifest of a deployment."""
    group = group_of(deployment)
    return Manifest(kind=spec.KIND, name=group.name, body=spec.render_group(group))


def group_of(deployment: Deployment) -> LocalGroup:
    """The group of a deployment; InputError if its leader cannot be asked whether it serves."""
    recipe, leader = deployment.recipe, deployment.leader
    if leader.probe is None:
        raise errors.InputError("the engine gives no probe for its leader; without one nothing tells when it serves")
    port = options.pinned_port_of(recipe)
    return LocalGroup(
        name=recipe.metadata.name,
        namespace=recipe.metadata.namespace,
        hosts=deployment.group.size,
        ranks_per_host=deployment.plan.layout.gpus_per_node,
        leader=_program(leader),
        worker=None if deployment.worker is None else _program(deployment.worker),
        rank_pattern=leader.rank_pattern,
        probe_path=leader.probe.path,
        startup_budget_seconds=leader.probe.startup_budget_seconds,
        host_kind=options.host_kind_of(recipe) or "auto",
        serve_port=port or spec.SERVE_PORT,
        serve_port_pinned=port is not None,
        shared_memory_bytes=recipe.pods.shared_memory or spec.SHARED_MEMORY_BYTES,
        recipe_digest=deployment.recipe_digest,
        engine_name=deployment.plan.engine.name,
        served_name=recipe.served_name,
        tensor=deployment.plan.layout.tensor,
        pipeline=deployment.plan.layout.pipeline,
    )


def _program(launch: Launch) -> Program:
    """What a member runs; values of Secrets are named, never written."""
    plain = [(variable.name, variable.value) for variable in launch.environment if isinstance(variable.value, str)]
    secret = [variable.name for variable in launch.environment if not isinstance(variable.value, str)]
    return Program(argv=launch.argv, environment=tuple(plain), passed_on=tuple(secret))
