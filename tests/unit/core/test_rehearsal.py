"""What a rehearsal shows: lists made from the two deployments, so that they cannot claim what was not run."""

from __future__ import annotations

import dataclasses

from shardwright.core import rehearsal
from shardwright.core.plugins import LogEvent
from shardwright.core.progress import Progress
from shardwright.core.recipe.model import Draft
from shardwright.testing import builders


def test_flags_are_read_from_a_command_line() -> None:
    """Values behind blanks and equal signs, flags without one, negative numbers."""
    launch = dataclasses.replace(
        builders.deployment().leader, argv=("vllm", "serve", "m", "--a", "1", "--b", "--c=x", "--d", "-1")
    )
    assert rehearsal.flags_of(launch) == {"--a": "1", "--b": "true", "--c": "x", "--d": "-1"}


def test_what_differs_is_named_and_what_is_equal_is_claimed() -> None:
    """A flag that was replaced, left out or added is no longer exercised; placeholders are filled in by each platform."""
    planned = builders.deployment()
    base = ("vllm", "serve", "m", "--same", "1")
    before = (*base, "--changed", "1", "--gone", "2", "--port", "8080")
    after = (*base, "--changed", "3", "--new", "4", "--port", "$(PORT)")
    one, two = (
        dataclasses.replace(planned, leader=dataclasses.replace(planned.leader, argv=argv)) for argv in (before, after)
    )
    coverage = rehearsal.coverage_of(one, two, ("layers 32 -> 4",), "loopback")
    exercised, not_exercised = " ".join(coverage.exercised), "\n".join(coverage.not_exercised)
    assert "equal flags: --same;" in exercised
    assert "filled in where a member starts: --port" in exercised
    assert "replaced flags: --changed 1 -> 3, --gone 2 left out, --new 4 added" in not_exercised
    assert "made smaller: layers 32 -> 4" in not_exercised
    assert "separate hosts" in not_exercised


def test_another_engine_version_is_told_only_where_it_differs() -> None:
    """The same version on both sides is not listed as a difference."""
    planned = builders.deployment()
    engine = dataclasses.replace(planned.plan.engine, version="9.9")
    other = dataclasses.replace(planned, plan=dataclasses.replace(planned.plan, engine=engine))
    assert not any(
        "engine version" in line for line in rehearsal.coverage_of(planned, planned, (), "netns").not_exercised
    )
    told = rehearsal.coverage_of(planned, other, (), "netns").not_exercised
    assert any(line.startswith("engine version") and "9.9" in line for line in told)


def event(phase: str, percent: int, rank: int | None = None, **numbers: float) -> LogEvent:
    """A phase of a start-up."""
    return LogEvent("phase", phase, percent, phase, rank, tuple(numbers.items()))


def test_progress_moves_the_ranks_that_a_line_names() -> None:
    """By number, by coordinates, also of another member, or all of the member that wrote it; never backwards."""
    progress = Progress(builders.layout(tensor=2, pipeline=2, nodes=2))
    assert [rank.rank for rank in progress.feed(1, event("config", 2))] == [2, 3]
    assert [rank.rank for rank in progress.feed(0, event("load", 10, rank=1))] == [1]
    assert [rank.rank for rank in progress.feed(1, event("read", 50, stage=1, tensor_index=1))] == [3]
    assert [rank.rank for rank in progress.feed(0, event("read", 60, stage=1, tensor_index=0))] == [2]
    assert progress.feed(1, event("late", 1)) == ()
    assert [rank.percent for rank in progress.ranks] == [0, 10, 60, 50]
    assert {rank.percent for rank in progress.finish()} == {100}


def test_what_the_recipe_asks_for_beside_the_model_is_run_or_said_to_be_left_out() -> None:
    """Adapter slots and whole experts are claimed only where the run had them; a draft never is."""
    model = {"lora_slots": 2, "draft": Draft("hf://test/small", 3)}
    planned = builders.deployment(builders.recipe(model=model))
    layout = dataclasses.replace(planned.plan.layout, tensor=2, pipeline=1, stages=(32,), expert=True)
    plan = dataclasses.replace(planned.plan, layout=layout, recipe=builders.recipe(model={"lora_slots": 2}))
    with_slots = dataclasses.replace(planned, plan=plan, recipe=plan.recipe)
    coverage = rehearsal.coverage_of(planned, with_slots, (), "netns")
    assert "expert parallel: whole experts dealt out over 2 ranks" in coverage.exercised
    assert "2 adapter slots: made by the real engine, and left empty" in coverage.exercised
    assert "guessing ahead with hf://test/small: no draft was loaded" in coverage.not_exercised
    bare = dataclasses.replace(
        planned, recipe=builders.recipe(), plan=dataclasses.replace(plan, recipe=builders.recipe())
    )
    assert "2 adapter slots: left out" in rehearsal.coverage_of(planned, bare, (), "netns").not_exercised
