"""What planning gives back: a plan with its reasons, or why nothing fits and what would change that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shardwright.core.hardware import Cluster, Gpu
    from shardwright.core.layout import Layout
    from shardwright.core.memory import Evidence, Pool, RankMemory
    from shardwright.core.recipe import Recipe
    from shardwright.core.rules import Finding
    from shardwright.core.shape import ModelShape

__all__ = ["Alternative", "Change", "EngineChoice", "Infeasible", "Plan", "Question", "Refusal"]


@dataclass(frozen=True, slots=True)
class Question:
    """What an engine is asked about one layout."""

    recipe: Recipe
    shape: ModelShape
    layout: Layout
    gpu: Gpu
    version: str
    """The engine's version, resolved."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a layout is not possible: the rule, with its numbers."""

    rule: str
    message: str


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another layout that was looked at."""

    layout: Layout
    fits: bool
    kv_tokens: int
    reason: str
    """Why it was not chosen."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change that would make an unfit recipe fit, and what it costs."""

    what: str
    """As one would write it: `workload.maxModelLen: 4096`."""
    cost: str
    kv_tokens: int
    """Tokens that the pool would then hold."""
    gpus: int
    """GPUs that would then be used."""


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """The engine as planned."""

    name: str
    version: str
    runner: str
    executor: str
    settings: tuple[tuple[str, str | int | float | bool], ...]
    """Flags that the plan rests on, resolved; rendered as they stand here."""

    def setting(self, name: str) -> str | int | float | bool:
        """The value of one flag; KeyError if the engine has not resolved it."""
        return dict(self.settings)[name]


@dataclass(frozen=True, slots=True)
class Plan:
    """A layout that fits, with memory rank by rank and the reasons for it."""

    recipe: Recipe
    shape: ModelShape
    cluster: Cluster
    gpu: Gpu
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

    @property
    def max_concurrency(self) -> float:
        """Requests of full length that the pool holds at once."""
        return self.pool.tokens / self.max_model_len


@dataclass(frozen=True, slots=True)
class Infeasible:
    """Nothing fits: the reasons, and the changes that would help, cheapest first."""

    recipe: Recipe
    shape: ModelShape
    cluster: Cluster
    reasons: tuple[str, ...]
    changes: tuple[Change, ...]
    alternatives: tuple[Alternative, ...]
    findings: tuple[Finding, ...] = ()
