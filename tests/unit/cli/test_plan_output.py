"""What `plan` prints: speed, the next best, the front, and every number with its origin."""

from __future__ import annotations

import dataclasses
from typing import Any

from shardwright.cli import plan_numbers, plan_view
from shardwright.core.hardware import Cluster, NodePool
from shardwright.core.plan import Infeasible, Plan, plan, plan_document
from shardwright.core.recipe.model import Prices
from shardwright.engines.vllm import ENGINE
from shardwright.testing import builders


def made(*, mixed: bool = False, layers: int = 140, with_front: bool = False) -> Plan:
    """A plan of vLLM for a large model on four H200, or on two kinds of nodes."""
    asked = builders.recipe(
        engine={"version": None, "args": {}},
        parallelism="auto",
        workload={"max_model_len": 8192, "concurrency": 1 if mixed else 32},
        prices=Prices(gpu_hour={"H200": 5.0, "A10G": 1.0, "L40S": 2.0}),
    )
    pools = (NodePool(builders.gpu("H200"), 4, 1),)
    if mixed:
        pools = (NodePool(builders.gpu("A10G"), 1, 1), NodePool(builders.gpu("L40S"), 1, 1))
    found = plan(asked, builders.llama_shape(layers), Cluster(pools), ENGINE, with_front=with_front)
    assert isinstance(found, Plan)
    return found


def test_a_plan_shows_speed_price_and_the_next_best() -> None:
    """Four figures with their range, what it costs, and why the next best was not taken."""
    text = plan_view.plan_text(made())
    assert "first token, one request alone" in text
    assert "tokens/s (" in text
    assert "price   5 USD an hour" in text
    assert "Next best: " in text
    assert "[objective." in text


def test_the_front_marks_the_layout_that_was_chosen() -> None:
    """Every row has GPUs, tokens, times, rate and price; without --all there is none."""
    text = plan_view.plan_text(made(with_front=True))
    rows = text[text.index("Layouts that no other beats") :].splitlines()
    assert rows[1].split()[:4] == ["LAYOUT", "GPU", "GPUS", "KV"]
    assert sum(row.endswith("chosen") for row in rows) == 1
    assert "Layouts that no other beats" not in plan_view.plan_text(made())


def test_explain_prints_every_term_with_formula_and_source() -> None:
    """Formula, bytes, source; the pool rank by rank; assumptions of speed; flags."""
    found = made()
    text = plan_view.plan_text(found, explain=True)
    for demand in found.ledger:
        for term in demand.terms:
            assert f"{term.bytes:,} bytes" in text
            assert f"= {term.formula}" in text
            assert f"source: {term.source}" in text
    assert found.speed is not None
    assert all(assumption in text for assumption in found.speed.assumptions)
    assert f"{found.pool.blocks:,}" in text
    assert "max-num-batched-tokens: " in text


def test_ranks_that_are_alike_are_explained_once() -> None:
    """A thousand ranks have a few kinds of numbers."""
    found = made(layers=280)
    assert found.layout.tensor > 1
    assert plan_numbers.terms_text(found).count(" weights ") == 1
    assert "0-1" in plan_numbers.terms_text(found)


def test_mixed_ranks_name_their_gpu() -> None:
    """In the table and in JSON: each rank its own kind and memory."""
    found = made(mixed=True, layers=110)
    document: dict[str, Any] = plan_document(found)
    ranks = [rank["gpu"] for rank in document["ranks"]]
    assert ranks == ["L40S", "A10G"]
    lines = plan_view.plan_text(found).splitlines()
    table = lines[next(index for index, line in enumerate(lines) if line.startswith("RANK")) :][:3]
    assert [line.split()[-1] for line in table] == ["GPU", "L40S", "A10G"]


def test_speed_in_json_has_ranges_and_no_reason() -> None:
    """Seconds and tokens with the unit in the name; a reason only where there is no speed."""
    document: dict[str, Any] = plan_document(made())
    assert document["speedReason"] is None
    for name in ("timeToFirstTokenSeconds", "interTokenSeconds", "outputTokensPerSecond", "batchSeconds"):
        figure = document["speed"][name]
        assert figure["low"] <= figure["expected"] <= figure["high"]


def test_changes_say_what_they_cost_an_hour() -> None:
    """Where the recipe gives prices."""
    asked = dataclasses.replace(
        builders.recipe(engine={"version": None, "args": {}}, parallelism="auto"),
        prices=Prices(gpu_hour={"T4": 0.5}),
    )
    found = plan(asked, builders.llama_shape(), Cluster((NodePool(builders.gpu("T4"), 1, 1),)), ENGINE)
    assert isinstance(found, Infeasible)
    assert "1 USD an hour" in plan_view.infeasible_text(found)
