"""What planning gives back: a plan with its reasons, or why nothing fits and what would change that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.values import frozen

if TYPE_CHECKING:
    from shardwright.core.hardware import Cluster, Gpu
    from shardwright.core.layout import Layout, Rank
    from shardwright.core.memory import Evidence, Pool, RankDemand, RankMemory, Setting
    from shardwright.core.recipe import Recipe
    from shardwright.core.rules import Finding
    from shardwright.core.shape.base import ModelShape
    from shardwright.core.speed import Speed

__all__ = ["Alternative", "Change", "EngineChoice", "Infeasible", "Plan", "Question", "Refusal", "Saving"]


@frozen
class Question:
    """What an engine is asked about one layout."""

    recipe: Recipe
    shape: ModelShape
    layout: Layout
    gpus: tuple[Gpu, ...]
    """The kind of GPU on each node of the layout, in the order of nodes; one entry stands for all nodes."""
    version: str
    """The engine's version, resolved."""
    draft: ModelShape | None = None
    """The model that guesses tokens for this one, if the recipe names one."""

    @property
    def gpu(self) -> Gpu:
        """The kind with the least memory: what every rank can rely on."""
        return min(self.gpus, key=lambda gpu: gpu.memory_bytes)

    def gpu_of(self, rank: Rank) -> Gpu:
        """The kind that a rank stands on."""
        return self.gpus[rank.node % len(self.gpus)]

    @property
    def max_model_len(self) -> int:
        """Tokens of the longest request: as asked, else the model's own limit."""
        return self.recipe.workload.max_model_len or self.shape.max_positions


@frozen
class Refusal:
    """Why a layout is not possible: the rule, with its numbers."""

    rule: str
    message: str


@frozen
class Saving:
    """Flags of an engine that leave more memory for the cache, and what they cost; tried where nothing fits."""

    arguments: tuple[tuple[str, str | int | float | bool | None], ...]
    """Flags to set; None removes one."""
    cost: str
    rank: int
    """How dear it is; cheaper ones are named first. A shorter context ranks 4, more GPUs rank 10."""


@frozen
class Alternative:
    """Another layout that was looked at."""

    layout: Layout
    gpus: tuple[Gpu, ...]
    """The kind of GPU on each node, in the order of nodes; one entry stands for all nodes."""
    fits: bool
    kv_tokens: int
    """Tokens of the whole replica: of all data-parallel copies together."""
    rule: str
    """What it fell by; of a layout on the front: `layout.front`."""
    reason: str
    """Why it was not chosen, with numbers."""
    speed: Speed | None = None
    price_per_hour: float | None = None
    """Of all its GPUs; None where the recipe gives no price."""


@frozen
class Change:
    """One change that would make an unfit recipe fit, and what it costs."""

    what: str
    """As one would write it: `workload.maxModelLen: 4096`."""
    cost: str
    kv_tokens: int
    """Tokens that the pool would then hold."""
    gpus: int
    """GPUs that would then be used."""
    price_per_hour: float | None = None
    """Of those GPUs; None where the recipe gives no price."""


@frozen
class EngineChoice:
    """The engine as planned."""

    name: str
    version: str
    runner: str
    """The engine's variant whose rules were used; empty where no layout came so far."""
    executor: str
    settings: tuple[Setting, ...]
    """Flags that the plan rests on, resolved; rendered as they stand here."""

    def setting(self, name: str) -> str | int | float | bool:
        """The value of one flag; KeyError if the engine has not resolved it."""
        return dict(self.settings)[name]


@frozen
class Plan:
    """A layout that fits, with memory rank by rank and the reasons for it."""

    recipe: Recipe
    shape: ModelShape
    cluster: Cluster
    gpus: tuple[Gpu, ...]
    """The kind of GPU on each node of the layout, in the order of nodes; one entry stands for all nodes."""
    engine: EngineChoice
    layout: Layout
    ranks: tuple[RankMemory, ...]
    pool: Pool
    max_model_len: int
    evidence: Evidence
    evidence_reason: str
    reasons: tuple[str, ...]
    findings: tuple[Finding, ...]
    alternatives: tuple[Alternative, ...]
    sources: tuple[str, ...]
    speed: Speed | None = None
    speed_reason: str = ""
    """Why there is no prediction of speed; empty where there is one."""
    price_per_hour: float | None = None
    """Of all GPUs of a replica; None where the recipe gives no price."""
    front: tuple[Alternative, ...] = ()
    """Layouts than which none is better in every respect, the chosen one among them; only where they were asked for."""
    ledger: tuple[RankDemand, ...] = ()
    """Budget and interval rank by rank, from which the pool follows."""
    block_tokens: float = 0.0
    """Tokens that one block of the pool stands for."""

    @property
    def gpu(self) -> Gpu:
        """The kind with the least memory: what decides image, tools and resource names."""
        return min(self.gpus, key=lambda gpu: gpu.memory_bytes)

    def gpu_of(self, rank: Rank) -> Gpu:
        """The kind that a rank stands on."""
        return self.gpus[rank.node % len(self.gpus)]

    @property
    def max_concurrency(self) -> float:
        """Requests of full length that the pools of all data-parallel copies hold at once."""
        return self.pool.tokens * self.layout.data / self.max_model_len


@frozen
class Infeasible:
    """Nothing fits: the reasons, and the changes that would help, cheapest first."""

    recipe: Recipe
    shape: ModelShape
    cluster: Cluster
    engine: EngineChoice
    reasons: tuple[str, ...]
    changes: tuple[Change, ...]
    alternatives: tuple[Alternative, ...]
    findings: tuple[Finding, ...] = ()
