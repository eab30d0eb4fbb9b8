"""A plan as text: what it is for, memory rank by rank, and the reasons. Decides nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright import units
from shardwright.cli.tables import table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shardwright.core.memory import RankMemory
    from shardwright.core.plan.types import Infeasible, Plan
    from shardwright.core.rules import Finding
    from shardwright.core.shape import ModelShape

__all__ = ["finding_line", "infeasible_text", "plan_text"]

EVIDENCE = {"measured": "measured", "source": "from the engine's source, not measured", "bound": "only a bound"}


def plan_text(plan: Plan, *, wide: bool = False) -> str:
    """The whole plan; `wide` adds formulas and sources."""
    parts = [_heading(plan), _ranks(plan), _pool(plan), _reasons(plan.reasons), _findings(plan.findings)]
    if wide:
        parts += [_terms(plan), _alternatives(plan), _sources(plan.sources)]
    return "\n\n".join(part for part in parts if part)


def infeasible_text(result: Infeasible) -> str:
    """Why nothing fits, and what would."""
    head = f"{result.recipe.metadata.name}: no layout fits on {_gpus(result.cluster.gpu_count)}"
    changes = [
        f"  {change.what}   ({change.cost}; {_gpus(change.gpus)}, {change.kv_tokens:,} KV tokens)"
        for change in result.changes
    ]
    advice = "\n".join(["What would make it fit, cheapest first:", *changes]) if changes else ""
    return "\n\n".join(part for part in (head, _reasons(result.reasons), advice, _findings(result.findings)) if part)


def _heading(plan: Plan) -> str:
    shape, engine = plan.shape, plan.engine
    rows = [
        (
            "model",
            f"{shape.name}: {shape.parameters / 1e9:.2f}B parameters, {len(shape.layers)} layers, {_precision(shape)}",
        ),
        ("", f"from {shape.source}"),
        ("engine", f"{engine.name} {engine.version}, executor {engine.executor}, runner {engine.runner}"),
        ("layout", f"{plan.layout}, {plan.layout.gpus_per_node} x {plan.gpu.name} each; layers {_stages(plan)}"),
    ]
    name = f"{plan.recipe.metadata.namespace}/{plan.recipe.metadata.name}"
    return "\n".join([f"{name}: fits", *(f"  {label:<8}{text}" for label, text in rows)])


def _precision(shape: ModelShape) -> str:
    return f"{shape.dtype}, weights quantized: {shape.quantization}" if shape.quantization else shape.dtype


def _stages(plan: Plan) -> str:
    return " + ".join(str(count) for count in plan.layout.stages)


def _ranks(plan: Plan) -> str:
    headings = ("RANK", "NODE", "STAGE", "WEIGHTS", "ACTIVATION", "GRAPHS", "OTHER", "KV CACHE", "FREE", "OF GIB")
    rows = [
        (str(rank.index), str(rank.node), str(rank.stage), *_sizes(memory), units.format_gib(plan.gpu.memory_bytes))
        for rank, memory in zip(plan.layout.ranks, plan.ranks, strict=True)
    ]
    return table(headings, rows, right=range(len(headings)))


def _sizes(memory: RankMemory) -> Iterable[str]:
    terms = [memory.sum_of(name) for name in ("weights", "activation", "graphs", "other")]
    return (units.format_gib(size) for size in (*terms, memory.kv_cache_bytes, memory.free_bytes))


def _pool(plan: Plan) -> str:
    pool = plan.pool
    span = f" ({pool.tokens_low:,} to {pool.tokens_high:,})" if pool.tokens_low != pool.tokens_high else ""
    return (
        f"KV cache: {pool.tokens:,} tokens{span}, {plan.max_concurrency:.1f} requests of {plan.max_model_len:,} tokens at once\n"
        f"Known how: {EVIDENCE[plan.evidence]}"
    )


def _reasons(reasons: tuple[str, ...]) -> str:
    return "\n".join(["Why:", *(f"  - {reason}" for reason in reasons)]) if reasons else ""


def _gpus(count: int) -> str:
    return "1 GPU" if count == 1 else f"{count} GPUs"


def finding_line(finding: Finding) -> str:
    """A finding in one line: how grave, what, the cure, the rule."""
    return f"{finding.severity}: {finding.message}{f'; {finding.fix}' if finding.fix else ''} [{finding.id}]"


def _findings(findings: tuple[Finding, ...]) -> str:
    lines = [f"  {finding_line(finding)}" for finding in findings]
    return "\n".join(["To look at:", *lines]) if lines else ""


def _terms(plan: Plan) -> str:
    rows = [
        (
            str(memory.rank),
            term.name,
            units.format_gib(term.bytes),
            "budget" if term.counted else "on top",
            term.formula,
        )
        for memory in plan.ranks
        for term in memory.terms
    ]
    return "Terms, GiB:\n" + table(("RANK", "TERM", "GIB", "COUNTED", "FORMULA"), rows, right=(0, 2))


def _alternatives(plan: Plan) -> str:
    if not plan.alternatives:
        return ""
    rows = [
        (str(one.layout), "yes" if one.fits else "no", f"{one.kv_tokens:,}", one.reason) for one in plan.alternatives
    ]
    return "Other layouts:\n" + table(("LAYOUT", "FITS", "KV TOKENS", "WHY NOT"), rows, right=(2,))


def _sources(sources: tuple[str, ...]) -> str:
    return "\n".join(["Sources:", *(f"  {source}" for source in sources)]) if sources else ""
