from __future__ import annotations

from shardwright.core.recipe import Recipe, later, model

SMALL = Recipe(metadata=model.Metadata(name="small"), model=model.Model(source="llama"))


def test_a_recipe_of_what_is_used_has_none() -> None:
    """Nobody is told that a default is not used."""
    assert later.later_fields(SMALL) == ()


def test_fields_that_are_set_but_not_used_are_named_as_in_documents() -> None:
    """A plan says "not used yet" of exactly what the user wrote."""
    recipe = Recipe(
        SMALL.metadata,
        model.Model(source="llama", lora_slots=2, draft=model.Draft("small"), served_name="x"),
        workload=model.Workload(latency_goal=model.LatencyGoal(1.0)),
        network=model.Network(rdma=model.Rdma(("rdma/a",)), debug=True),
        expose=model.Expose(dashboard=True),
        prices=model.Prices(),
    )
    assert later.later_fields(recipe) == ("expose.dashboard",)
