"""Use case: what happens to a deployment of this machine, as it happens, in the words that a cluster's is told in."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from shardwright.core.lifecycle.happenings import Happening, of_rank
from shardwright.core.lifecycle.starts import RankStart
from shardwright.local.runner import LocalRunner
from shardwright.service import observing, watching
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.service.watching import Update
    from shardwright.settings import Settings

__all__ = ["Moment", "follow"]

_LOOK_SECONDS = 1.0


@frozen
class Moment:
    """One thing that happened, and when."""

    seconds: float
    """Since the group was started."""
    state: str
    news: Happening
    start: RankStart | None = None


def follow(namespace: str, name: str, settings: Settings) -> Iterator[Moment]:
    """States and phases from the beginning until it has ended; NotFound if there is none, the group's error if it fails."""
    runner = LocalRunner(settings.state_dir)
    layout, engine = observing.layout_and_engine(runner, namespace, name)
    seen = ""
    for update in watching.updates_until_ready(runner, namespace, name, engine=engine, layout=layout):
        if update.rank is not None or update.state != seen:
            yield _moment(update, name)
        seen = update.state
    while seen != "ended":
        time.sleep(_LOOK_SECONDS)
        found = runner.observe(namespace, name)
        state, seconds = str(found["state"]), time.time() - float(str(found.get("startedAt") or time.time()))
        if state != seen:
            seen = state
            yield _moment(watching.Update(state, seconds), name)


def _moment(update: Update, name: str) -> Moment:
    rank = update.rank
    if rank is None:
        return Moment(update.seconds, update.state, Happening(what="state", subject=name, state=update.state))
    start = RankStart(0, rank.node, rank.rank, rank.phase, rank.percent)
    return Moment(update.seconds, update.state, of_rank(start, f"host-{rank.node}"), start)
