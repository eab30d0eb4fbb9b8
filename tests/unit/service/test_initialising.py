"""A recipe that `init` writes is one that surely plans."""

from __future__ import annotations

import pytest

from shardwright.core.plan.types import Plan
from shardwright.service import deploying, initialising, planning, recipes, rollout
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


@pytest.mark.parametrize("kind", ["kserve", "openshift-ai", "llmisvc", "lws"])
def test_what_is_written_for_a_group_renders(kind: str) -> None:
    """KServe takes groups with the model on a claim only: one is named then, and told; nowhere else."""
    written = initialising.initialise({"model": "llama-3.1-8b", "gpu": "A10G", "nodes": 2, "target": kind}, HUB)
    loaded = recipes.parse_recipes(written.text, "recipe.yaml")[0]
    made = planning.plan_recipe(loaded.recipe, HUB)
    assert isinstance(made, Plan)
    kinds = {each.kind for each in rollout.manifests_of(made)}
    is_needed = kind in {"kserve", "openshift-ai"}
    assert ("PersistentVolumeClaim" in kinds, any("claim" in note for note in written.notes)) == (is_needed, is_needed)


def test_what_a_platform_needs_is_written_out() -> None:
    """A Ray cluster takes an executor and an image that others leave open: what is written can be rendered as it stands."""
    asked = {"model": "llama-3.1-8b", "gpu": "A10G", "gpus_per_node": 1, "nodes": "2", "tensor": 1, "pipeline": 2}
    written = initialising.initialise({**asked, "target": "kuberay"}, HUB)
    recipe = recipes.parse_recipes(written.text, "recipe.yaml")[0].recipe
    assert (recipe.engine.executor, recipe.engine.version) == ("ray", "0.11.0")
    assert "engine.executor: ray, engine.image: docker.io/rayproject/ray-llm:2.52.0" in written.notes[0]
    made = planning.plan_recipe(recipe, HUB)
    assert isinstance(made, Plan)
    target = deploying.target_of(made)
    findings = target.findings(deploying.deployment_of(made, target))
    assert "error" not in {finding.severity for finding in findings}
    other = initialising.initialise({**asked, "target": "lws"}, HUB)
    assert "executor" not in other.text
    own = initialising.initialise({**asked, "target": "kuberay", "engine_version": "0.24.0"}, HUB)
    assert "executor: ray" in own.text
    assert "image" not in own.text
