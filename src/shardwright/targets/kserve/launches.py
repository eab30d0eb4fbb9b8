"""How members start in KServe's pods: the variables that KServe does not give, the index of a worker, the server.

Of two members the worker is number 1. Of more, each worker finds its number by itself (`find_index`).
"""

from __future__ import annotations

import dataclasses
import functools
from importlib import resources
from typing import TYPE_CHECKING

from shardwright.core.deployment import Variable
from shardwright.kubernetes.render import pods
from shardwright.targets.kserve import options, server, wiring

if TYPE_CHECKING:
    from shardwright.core.deployment import Deployment, Launch
    from shardwright.targets.kserve.releases import Release

__all__ = ["finds_index", "needs_index", "prepared"]

_MARK = "@member-index@"
"""Stands for a worker's index in its command until it is known."""


def prepared(deployment: Deployment, release: Release) -> Deployment:
    """The deployment with image and launches as KServe's pods need them."""
    recipe = deployment.recipe
    leader, worker, image = deployment.leader, deployment.worker, deployment.image
    if options.is_server(recipe):
        leader = _served(leader, recipe.served_name)
        worker = worker and _served(worker, recipe.served_name)
        image = recipe.engine.image or release.server_image or image
    if worker is not None:
        leader = _with(leader, {wiring.HEAD: pods.OWN_ADDRESS, wiring.INDEX: "0"})
        index = _MARK if finds_index(deployment) else "1"
        worker = _with(_numbered(worker, deployment.group.size), {wiring.INDEX: index})
    return dataclasses.replace(deployment, leader=leader, worker=worker, image=image)


def needs_index(launch: Launch | None) -> bool:
    """Whether a member's command has its index in it; a group that Ray spans numbers itself."""
    return launch is not None and any(f"$({wiring.INDEX})" in part for part in launch.argv)


def finds_index(deployment: Deployment) -> bool:
    """Whether workers find their index when they start."""
    return deployment.group.size > 2 and needs_index(deployment.worker)


def _served(launch: Launch, name: str) -> Launch:
    probe = launch.probe and dataclasses.replace(launch.probe, path=server.READY_PATH)
    return dataclasses.replace(launch, argv=server.command_of(launch.argv, name, wiring.SERVE_PORT), probe=probe)


def _with(launch: Launch, variables: dict[str, str]) -> Launch:
    """The launch with those variables that it refers to, before its own."""
    texts = (*launch.argv, *(entry.value for entry in launch.environment if isinstance(entry.value, str)))
    used = {name: value for name, value in variables.items() if any(f"$({name})" in text for text in texts)}
    ours = tuple(Variable(name, value) for name, value in used.items())
    return dataclasses.replace(launch, environment=(*ours, *launch.environment))


def _numbered(launch: Launch, size: int) -> Launch:
    if size <= 2 or not needs_index(launch):
        return launch
    return dataclasses.replace(launch, argv=("python3", "-c", _program(), str(size - 1), *launch.argv))


@functools.cache
def _program() -> str:
    """The program for the image's Python, less what only its readers need."""
    text = resources.files("shardwright.targets.kserve").joinpath("find_index.py").read_text("utf-8")
    return text[text.index("from __future__") :]
