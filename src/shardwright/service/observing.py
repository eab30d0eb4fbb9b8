"""Use case: what runs on this machine: its state, the phase of each rank, its logs, and its end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from shardwright import errors, registry
from shardwright.core.layout import Layout
from shardwright.local.runner import LocalRunner
from shardwright.service import watching

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shardwright.core.plugins import Engine
    from shardwright.local.spec import LocalGroup
    from shardwright.settings import Settings

__all__ = ["all_statuses", "delete", "layout_and_engine", "logs", "require", "status"]


def status(namespace: str, name: str, settings: Settings) -> dict[str, Any]:
    """State, first death, ranks with their phases, and how to ask; NotFound if there is no such deployment."""
    runner = LocalRunner(settings.state_dir)
    found = dict(runner.observe(namespace, name))
    group = runner.group(namespace, name)
    return found | {
        "layout": str(_layout(group)),
        "servedName": group.served_name,
        "ranks": _ranks(runner, group, found),
        "curl": _curl(group, found),
    }


def layout_and_engine(runner: LocalRunner, namespace: str, name: str) -> tuple[Layout, Engine]:
    """What its logs are read with; NotFound if there is no such deployment."""
    group = runner.group(namespace, name)
    return _layout(group), registry.load_engine(group.engine_name)


def require(namespace: str, name: str, settings: Settings) -> None:
    """NotFound, naming those there are, if there is no such deployment."""
    LocalRunner(settings.state_dir).observe(namespace, name)


def all_statuses(namespace: str | None, settings: Settings) -> list[dict[str, Any]]:
    """All deployments of this machine, or of one namespace."""
    runner = LocalRunner(settings.state_dir)
    runner.sweep()
    pairs = [pair for pair in runner.names() if namespace in {None, pair[0]}]
    return [status(*pair, settings) for pair in pairs]


def logs(namespace: str, name: str, settings: Settings, *, rank: int | None, follow: bool) -> Iterator[tuple[int, str]]:
    """Log lines with the index of the host; with `rank`, of the host that holds it."""
    runner = LocalRunner(settings.state_dir)
    member = None
    if rank is not None:
        group = runner.group(namespace, name)
        world_size = group.hosts * group.ranks_per_host
        if rank >= world_size:
            raise errors.NotFound(f"{namespace}/{name} has no rank {rank}", hint=f"it has ranks 0 to {world_size - 1}")
        member = rank // group.ranks_per_host
    return runner.logs(namespace, name, member=member, follow=follow)


def delete(namespace: str, name: str, settings: Settings) -> None:
    """End it and remove what belongs to it; returns when its last process is gone."""
    LocalRunner(settings.state_dir).delete(namespace, name)


def _layout(group: LocalGroup) -> Layout:
    """What progress needs of the layout; how many layers a stage has was known to the plan only."""
    return Layout(
        tensor=group.tensor,
        pipeline=group.pipeline,
        nodes=group.hosts,
        gpus_per_node=group.ranks_per_host,
        stages=(1,) * group.pipeline,
    )


def _ranks(runner: LocalRunner, group: LocalGroup, found: Mapping[str, Any]) -> list[dict[str, Any]]:
    engine = registry.load_engine(group.engine_name)
    ranks = watching.progress_of(
        runner, group.namespace, group.name, engine=engine, layout=_layout(group), is_ready=found["state"] == "ready"
    )
    addresses = {host["name"]: host["address"] for host in found["hosts"]}
    return [
        {
            "rank": rank.rank,
            "host": f"host-{rank.node}",
            "address": addresses.get(f"host-{rank.node}", ""),
            "phase": rank.phase,
            "percent": rank.percent,
        }
        for rank in ranks
    ]


def _curl(group: LocalGroup, found: Mapping[str, Any]) -> str:
    body = json.dumps({"model": group.served_name, "prompt": "Hello", "max_tokens": 8})
    return f"curl {found['url']}/v1/completions -H 'Content-Type: application/json' -d '{body}'"
