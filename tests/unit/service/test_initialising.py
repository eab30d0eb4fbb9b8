"""A recipe that `init` writes is one that surely plans."""

from __future__ import annotations

from shardwright.core.plan.types import Plan
from shardwright.service import initialising, planning, recipes
from shardwright.settings import HubSettings

HUB = HubSettings(endpoint="http://127.0.0.1:9", offline=True)


def test_the_node_that_is_taken_surely_holds_the_model() -> None:
    """What is written plans again, on all its GPUs, and its pool cannot turn out too small for one request."""
    for model in ("llama-3.1-8b", "llama-3.3-70b", "mixtral-8x7b", "falcon-40b"):
        written = initialising.initialise({"model": model}, HUB)
        loaded = recipes.parse_recipes(written.text, "recipe.yaml")[0]
        made = planning.plan_recipe(loaded.recipe, HUB)
        assert isinstance(made, Plan)
        assert made.layout.world_size == loaded.recipe.hardware.gpus_per_node
        assert "memory.near-limit" not in {finding.id for finding in made.findings}


def test_hardware_that_does_not_hold_the_model_is_told_with_what_would() -> None:
    """The recipe is written as it was asked for; the note says the cheapest change."""
    written = initialising.initialise({"model": "llama-3.3-70b", "gpu": "T4"}, HUB)
    assert written.notes[0].startswith("does not fit as it stands: ")
    assert written.notes[1].startswith("would fit with hardware: {gpu: T4, gpusPerNode: 8")
