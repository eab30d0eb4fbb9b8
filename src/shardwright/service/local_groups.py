"""Use case: a deployment on this machine, with the engine that is installed here."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from shardwright.core.deployment import Variable
from shardwright.local import spec
from shardwright.service import engines, rendering

if TYPE_CHECKING:
    from shardwright.core.deployment import Deployment, Launch
    from shardwright.core.plugins import EngineBuild, Target
    from shardwright.local.spec import LocalGroup
    from shardwright.settings import Settings

__all__ = ["group_of_deployment"]


def group_of_deployment(deployment: Deployment, target: Target, settings: Settings) -> LocalGroup:
    """The group to start: what the target rendered, run by the installed engine.

    EnvironmentFault with the command that installs it where it is missing.
    """
    name = deployment.plan.engine.name
    environment = engines.find_engine(name, settings)
    build = engines.build_of(name, None)
    (manifest,) = rendering.render(_with_cache(deployment, build, settings), target)
    process = spec.EngineProcess(python=str(environment.python), warm=(str(environment.python), build.launcher, "warm"))
    return dataclasses.replace(spec.parse_group(manifest.body), engine=process)


def _with_cache(deployment: Deployment, build: EngineBuild, settings: Settings) -> Deployment:
    """What the engine compiles is kept between runs: it is most of a first start."""
    folder = settings.cache_dir / "engines" / f"{build.engine}-{build.version}-{build.device}"
    variable = Variable(build.cache_variable, str(folder))
    worker = deployment.worker
    return dataclasses.replace(
        deployment,
        leader=_with(deployment.leader, variable),
        worker=None if worker is None else _with(worker, variable),
    )


def _with(launch: Launch, variable: Variable) -> Launch:
    return dataclasses.replace(launch, environment=(*launch.environment, variable))
