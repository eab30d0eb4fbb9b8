"""A plan as text: what it is for, memory rank by rank, and the reasons. Decides nothing."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from shardwright import units
from shardwright.cli.tables import table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shardwright.core.layout import Rank
    from shardwright.core.memory import RankMemory
    from shardwright.core.plan.types import Alternative, Infeasible, Plan
    from shardwright.core.recipe import Recipe
    from shardwright.core.rules import Finding
    from shardwright.core.shape import ModelShape
    from shardwright.core.speed import Range

__all__ = ["finding_line", "infeasible_text", "plan_text"]

EVIDENCE = {"measured": "measured", "source": "from the engine's source, not measured", "bound": "only a bound"}


_NOTHING_HELPS = (
    "No single change that was tried makes it fit: another layout, the engine's options, a shorter context, more GPUs of this\n"
    "kind (up to 16 nodes of up to 8). What is left: GPUs with more memory or of a newer kind, a smaller model, or several\n"
    "changes at once."
)


def plan_text(plan: Plan, *, wide: bool = False, explain: bool = False) -> str:
    """The whole plan; `wide` adds formulas and sources, `explain` every number with what it was made from."""
    from shardwright.cli import plan_numbers

    parts = [_heading(plan), _ranks(plan), _pool(plan), _speed(plan), _reasons(plan.reasons)]
    parts += [_findings(plan.findings), _next_best(plan), _front(plan)]
    if explain:
        parts.append(plan_numbers.numbers_text(plan))
    elif wide:
        parts.append(plan_numbers.terms_text(plan))
    if wide or explain:
        parts += [_alternatives(plan.alternatives), _sources(plan.sources)]
    return "\n\n".join(part for part in parts if part)


def infeasible_text(result: Infeasible) -> str:
    """Why nothing fits, and what would."""
    head = f"{result.recipe.metadata.name}: no layout fits on {_gpus(result.cluster.gpu_count)}"
    changes = [
        f"  {change.what}   ({change.cost}; {_gpus(change.gpus)}, {change.kv_tokens:,} KV tokens{_price(result.recipe, change.price_per_hour)})"
        for change in result.changes
    ]
    advice = "\n".join(["What would make it fit, cheapest first:", *changes]) if changes else _NOTHING_HELPS
    return "\n\n".join(part for part in (head, _reasons(result.reasons), advice, _findings(result.findings)) if part)


def _price(recipe: Recipe, price_per_hour: float | None) -> str:
    if price_per_hour is None or recipe.prices is None:
        return ""
    return f", {price_per_hour:g} {recipe.prices.currency} an hour"


def _heading(plan: Plan) -> str:
    shape, engine = plan.shape, plan.engine
    rows = [
        (
            "model",
            f"{shape.name}: {shape.parameters / 1e9:.2f}B parameters, {len(shape.layers)} layers, {_precision(shape)}",
        ),
        ("", f"from {shape.source}"),
        ("engine", f"{engine.name} {engine.version}, executor {engine.executor}, runner {engine.runner}"),
        ("layout", f"{plan.layout}, {plan.layout.gpus_per_node} x {_kinds(plan)} each; layers {_stages(plan)}"),
    ]
    if plan.price_per_hour is not None:
        rows.append(("price", _price(plan.recipe, plan.price_per_hour).removeprefix(", ")))
    name = f"{plan.recipe.metadata.namespace}/{plan.recipe.metadata.name}"
    return "\n".join([f"{name}: fits", *(f"  {label:<8}{text}" for label, text in rows)])


def _kinds(plan: Plan) -> str:
    return " or ".join(dict.fromkeys(gpu.name for gpu in plan.gpus))


def _precision(shape: ModelShape) -> str:
    return f"{shape.dtype}, weights quantized: {shape.quantization}" if shape.quantization else shape.dtype


def _stages(plan: Plan) -> str:
    return " + ".join(str(count) for count in plan.layout.stages)


def _ranks(plan: Plan) -> str:
    headings = ("RANK", "NODE", "STAGE", "WEIGHTS", "ACTIVATION", "GRAPHS", "OTHER", "KV CACHE", "FREE", "OF GIB")
    rows: list[tuple[str, ...]] = []
    for alike in _alike(plan):
        (rank, memory), (last, _) = alike[0], alike[-1]
        gpu = plan.gpu_of(rank)
        span = str(rank.index) if rank is last else f"{rank.index}-{last.index}"
        kind = (gpu.name,) if len(plan.gpus) > 1 else ()
        place = (span, str(rank.node), str(rank.stage))
        rows.append((*place, *_sizes(memory), units.format_gib(gpu.memory_bytes), *kind))
    right = range(len(headings))
    return table((*headings, "GPU") if len(plan.gpus) > 1 else headings, rows, right=right)


def _alike(plan: Plan) -> list[list[tuple[Rank, RankMemory]]]:
    """Neighbouring ranks of one node and stage with the same numbers, together."""
    pairs = zip(plan.layout.ranks, plan.ranks, strict=True)

    def key(pair: tuple[Rank, RankMemory]) -> tuple[object, ...]:
        rank, memory = pair
        return (rank.node, rank.stage, memory.terms, memory.kv_cache_bytes, memory.free_bytes)

    return [list(group) for _, group in itertools.groupby(pairs, key)]


def _sizes(memory: RankMemory) -> Iterable[str]:
    terms = [memory.sum_of(name) for name in ("weights", "activation", "graphs", "other")]
    return (units.format_gib(size) for size in (*terms, memory.kv_cache_bytes, memory.free_bytes))


def _pool(plan: Plan) -> str:
    pool = plan.pool
    span = f" ({pool.tokens_low:,} to {pool.tokens_high:,})" if pool.tokens_low != pool.tokens_high else ""
    copies = f" in each of {plan.layout.data} copies" if plan.layout.data > 1 else ""
    return (
        f"KV cache: {pool.tokens:,} tokens{span}{copies}, {plan.max_concurrency:,.1f} requests of {plan.max_model_len:,} tokens at once\n"
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


def _speed(plan: Plan) -> str:
    speed, workload = plan.speed, plan.recipe.workload
    if speed is None:
        return f"Speed: not predicted: {plan.speed_reason}" if plan.speed_reason else ""
    asked = f"{workload.concurrency} x ({workload.input_tokens} + {workload.output_tokens} tokens)"
    rows = [
        ("first token, one request alone", _figure(speed.time_to_first_token_seconds, 1e3, "ms")),
        ("between tokens, all running", _figure(speed.inter_token_seconds, 1e3, "ms")),
        ("all together", _figure(speed.output_tokens_per_second, 1, "tokens/s")),
        (f"{asked} at once", _figure(speed.batch_seconds, 1, "s")),
    ]
    width = max(len(label) for label, _ in rows)
    return "\n".join(["Speed, expected (low to high):", *(f"  {label.ljust(width)}   {text}" for label, text in rows)])


def _figure(figure: Range, scale: float, unit: str) -> str:
    expected, low, high = (f"{value * scale:,.4g}" for value in (figure.expected, figure.low, figure.high))
    return f"{expected} {unit} ({low} to {high})"


def _next_best(plan: Plan) -> str:
    """The best of the others, in one line; `-o wide` has the rest."""
    best = next((one for one in plan.alternatives if one.fits), None)
    if best is None:
        return ""
    kind = "" if best.gpus == plan.gpus else f" of {best.gpus[0].name}"
    return f"Next best: {best.layout}{kind}, {best.kv_tokens:,} KV tokens: {best.reason} [{best.rule}]"


def _alternatives(alternatives: tuple[Alternative, ...]) -> str:
    if not alternatives:
        return ""
    rows = [
        (str(one.layout), _names(one), "yes" if one.fits else "no", f"{one.kv_tokens:,}", one.rule, one.reason)
        for one in alternatives
    ]
    return "Other layouts:\n" + table(("LAYOUT", "GPU", "FITS", "KV TOKENS", "RULE", "WHY NOT"), rows, right=(3,))


def _names(one: Alternative) -> str:
    return "+".join(dict.fromkeys(gpu.name for gpu in one.gpus))


def _front(plan: Plan) -> str:
    if not plan.front:
        return ""
    headings = ("LAYOUT", "GPU", "GPUS", "KV TOKENS", "FIRST MS", "NEXT MS", "TOKENS/S", "PRICE/H", "")
    rows = [_front_row(one, is_chosen=one.rule == "layout.chosen") for one in plan.front]
    return "Layouts that no other beats in every respect:\n" + table(headings, rows, right=range(2, 8))


def _front_row(one: Alternative, *, is_chosen: bool) -> tuple[str, ...]:
    speed = one.speed
    times = (
        (
            f"{speed.time_to_first_token_seconds.expected * 1e3:,.1f}",
            f"{speed.inter_token_seconds.expected * 1e3:,.2f}",
            f"{speed.output_tokens_per_second.expected:,.0f}",
        )
        if speed
        else ("-", "-", "-")
    )
    price = "-" if one.price_per_hour is None else f"{one.price_per_hour:g}"
    last = "chosen" if is_chosen else one.rule
    return (str(one.layout), _names(one), str(one.layout.world_size), f"{one.kv_tokens:,}", *times, price, last)


def _sources(sources: tuple[str, ...]) -> str:
    return "\n".join(["Sources:", *(f"  {source}" for source in sources)]) if sources else ""
