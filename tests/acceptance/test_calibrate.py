"""What the real engine prints here, read from its deployment and from the text of `logs`, against the plan."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from stories import Home, local_recipe, shared_twin

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]


def test_the_real_engines_figures_are_found(home: Home, tmp_path: Path) -> None:
    """A deployment and the text of its logs say the same, and the pool that was asked for on a CPU is the one planned."""
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(local_recipe("learn", shared_twin(2, 2), tensor=1, pipeline=2), "utf-8")
    user = Home(home.state, {"XDG_CONFIG_HOME": str(tmp_path / "config")})
    user.run("apply", "-y", "-f", str(recipe))
    (tmp_path / "engine.log").write_text(user.run("logs", "learn").stdout, "utf-8")
    of_file = json.loads(
        user.run(
            "calibrate", "--from", str(tmp_path / "engine.log"), "-f", str(recipe), "--dry-run", "-o", "json"
        ).stdout
    )
    of_deployment = json.loads(user.run("calibrate", "--from", "learn", "-f", str(recipe), "-o", "json").stdout)
    user.run("delete", "learn", "-y")
    assert of_file["kvTokens"] == of_deployment["kvTokens"]
    assert of_deployment["kvTokens"]["printed"] == of_deployment["kvTokens"]["planned"] > 0
    assert of_deployment["isPoolFixed"]
    assert of_deployment["calibration"]["origin"] == "deployment learn"
    # Such a start teaches nothing: vLLM prints no weights on a CPU, and the pool is no prediction.
    assert of_deployment["calibration"]["file"] is None
    assert user.run("calibrate", "list", "-o", "name").stdout == ""
