"""Two second looks at a chosen layout: an even number of a node's GPUs, and stages sized to their room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.plan import layouts, objectives, partition
from shardwright.core.plan.search import Candidate

if TYPE_CHECKING:
    from shardwright.core.plan.search import Trial, Trials

__all__ = ["rounded", "uneven"]

_NOT_SLOWER = 1.01
"""Stages of unequal length may be slower by this factor at most, where they are only wanted for a larger pool."""


def rounded(trials: Trials, found: Trial) -> tuple[Trial, str]:
    """The next power of two on the same node instead of an odd number of its GPUs, where they share a fast link."""
    ask, candidate = trials.ask, found.candidate
    if candidate is None or candidate.layout.nodes > 1 or ask.recipe.workload.objective != "fewest-gpus":
        return found, ""
    used, pool = candidate.layout.world_size, candidate.pool
    power = 1 << (used - 1).bit_length()
    if power == used or power > pool.gpus_per_node or not _is_fast(pool.gpu.link or ""):
        return found, ""
    mixture = ask.shape.mixture is not None
    made = layouts.node_layouts(len(ask.shape.layers), power, 1, mixture=mixture, remainder=ask.engine.remainder)
    fitting = [trial for trial in (trials.of(Candidate((pool,), one)) for one in made) if trial.fits]
    is_needed = objectives.is_good(ask, found)
    good = [trial for trial in fitting if not is_needed or objectives.is_good(ask, trial)]
    if not good:
        return found, ""
    best = objectives.best_of(ask, good)
    note = (
        f"{used} GPUs would do ({found.layout}), but {power} of the same node are taken: a power of two divides the model"
        f" evenly, the GPUs share {pool.gpu.link}, and the rest of the node is of little use to others."
    )
    return best, note


def _is_fast(link: str) -> bool:
    """Whether GPUs of a node have links of their own: NVLink, Infinity Fabric; not PCIe, and not a link that is not known."""
    return bool(link) and not link.startswith("pcie")


def uneven(trials: Trials, found: Trial) -> Trial:
    """Stages sized to their room where that holds noticeably more and makes no token slower."""
    if found.layout.pipeline == 1:
        return found
    sized = partition.improved(trials, found)
    slower = objectives.figure(trials.ask, sized) > objectives.figure(trials.ask, found) * _NOT_SLOWER
    return found if slower or sized.tokens < partition.NOTICEABLE * found.tokens else sized
