from __future__ import annotations

import dataclasses

from shardwright.core.recipe import Recipe, later, model

SMALL = Recipe(metadata=model.Metadata(name="small"), model=model.Model(source="llama"))


@dataclasses.dataclass(frozen=True)
class Inner:
    """A section with a field that nothing uses yet."""

    coming: bool = model.setting("Read only.", default=False, later=True)
    used: int = model.setting("Used.", 1)


@dataclasses.dataclass(frozen=True)
class Outer:
    """What holds it."""

    inner: Inner = model.setting("A section.", Inner)  # noqa: RUF009 - it makes a field


def test_every_field_of_a_recipe_is_used() -> None:
    """Nobody is told that a default, or what he set, is not used."""
    recipe = Recipe(
        SMALL.metadata,
        model.Model(source="llama", lora_slots=2, draft=model.Draft("small"), served_name="x"),
        workload=model.Workload(latency_goal=model.LatencyGoal(1.0)),
        network=model.Network(rdma=model.Rdma(("rdma/a",)), debug=True),
        expose=model.Expose(dashboard=True),
        prices=model.Prices(),
    )
    assert later.later_fields(SMALL) == later.later_fields(recipe) == ()


def test_fields_that_are_set_but_not_used_are_named_as_in_documents() -> None:
    """A plan says "not used yet" of exactly what the user wrote."""
    set_one = Outer(Inner(coming=True, used=2))
    assert later.later_fields(set_one) == ("inner.coming",)  # pyright: ignore[reportArgumentType] - any section will do
    assert later.later_fields(Outer()) == ()  # pyright: ignore[reportArgumentType] - as above
