"""Which engine a platform brings decides where the recipe leaves the version open."""

from __future__ import annotations

from typing import Any

import pytest

from shardwright.core.plan.types import Plan
from shardwright.service import planning
from shardwright.settings import HubSettings
from shardwright.testing import builders

OFFLINE = HubSettings(endpoint="http://localhost", offline=True)
RHOAI: dict[str, Any] = {"kind": "openshift-ai", "version": "3.3"}
SERVER: dict[str, Any] = {"kind": "kserve", "version": "0.17", "options": {"runtime": "huggingface"}}
OLD_SERVER = {**SERVER, "version": "0.13"}


def planned(target: dict[str, Any], **engine: Any) -> Plan:  # noqa: ANN401 - values of any field
    recipe = builders.recipe(model={"source": "llama-3-8b-instruct"}, engine={"version": None, **engine}, target=target)
    made = planning.plan_recipe(recipe, OFFLINE)
    assert isinstance(made, Plan)
    return made


@pytest.mark.parametrize(("target", "version"), [(RHOAI, "0.13.0"), (SERVER, "0.15.1")])
def test_an_open_version_is_that_of_the_platforms_own_image(target: dict[str, Any], version: str) -> None:
    """What runs there is what the platform has, so the plan is for it, and says why."""
    made = planned(target)
    assert made.engine.version == version
    assert any(reason.startswith(f"engine.version is open: {version}") for reason in made.reasons)


@pytest.mark.parametrize(
    ("target", "engine"),
    [({"kind": "lws"}, {}), (RHOAI, {"image": "example.org/own:1"}), (OLD_SERVER, {}), (RHOAI, {"version": "0.32.0"})],
)
def test_otherwise_the_newest_known_or_the_recipes_own_counts(target: dict[str, Any], engine: dict[str, Any]) -> None:
    """Another image holds another engine, an engine of before all rules is not planned, and what is given is kept."""
    assert planned(target, **engine).engine.version == "0.32.0"
