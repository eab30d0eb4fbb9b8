"""A group of SGLang for LeaderWorkerSet, word for word, from plan to manifest.

After an intended change: `SHARDWRIGHT_UPDATE_GOLDEN=1 .venv/bin/pytest tests/golden`, then read the difference.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shardwright.core.deployment import Deployment, LaunchOrder
from shardwright.core.group import group_of
from shardwright.core.plan import Plan, plan
from shardwright.engines.sglang import ENGINE
from shardwright.service import rendering
from shardwright.targets.lws.target import TARGET
from shardwright.testing import builders
from shardwright.units import GIB

PATH = Path(__file__).parent / "lws" / "sglang-two-nodes-0.10.yaml"


def two_nodes() -> Deployment:
    """Llama-3-8B, TP1 x PP2 on two nodes with one A10G each; 33 layers, so that the stages are uneven."""
    recipe = builders.recipe(
        engine={"name": "sglang", "version": "0.5.16", "args": {"reasoning-parser": "qwen3"}},
        target={"version": "0.10"},
        storage={"claim": "models", "size": 50 * GIB},
    )
    made = plan(recipe, builders.llama_shape(33), builders.cluster(), ENGINE)
    assert isinstance(made, Plan)
    wiring = TARGET.wiring(recipe)
    leader, worker = (ENGINE.launch(LaunchOrder(made, role, wiring)) for role in ("leader", "worker"))
    return Deployment(
        recipe=recipe,
        plan=made,
        group=group_of(made.layout),
        leader=leader,
        worker=worker,
        image=leader.image,
        recipe_digest="0" * 64,
    )


@pytest.mark.requirement("R137")
@pytest.mark.requirement("R142")
def test_a_group_of_sglang_is_as_before() -> None:
    """Every member runs the same command with its own rank; addresses are filled in by Kubernetes."""
    text = rendering.as_stream(rendering.render(two_nodes(), TARGET))
    if os.environ.get("SHARDWRIGHT_UPDATE_GOLDEN"):
        PATH.write_text(text, "utf-8")
        pytest.skip("written anew")
    assert text == PATH.read_text("utf-8")
