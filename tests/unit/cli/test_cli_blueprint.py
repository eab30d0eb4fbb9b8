"""Blueprints of OCI AI Blueprints on the command line: read wherever a recipe is, and written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from shardwright import errors
from shardwright.cli.main import cli

EXAMPLE = str(Path(__file__).parents[3] / "examples" / "llama-3.3-70b-oci-blueprint.json")


def call(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def test_a_blueprint_is_planned_like_a_recipe() -> None:
    """What is to be known of it stands among the plan's findings."""
    done = call("plan", "-f", EXAMPLE, "-o", "json")
    assert done.exit_code == 0, done.output
    plan = json.loads(done.stdout)
    assert plan["layout"] == {**plan["layout"], "tensor": 2, "pipeline": 6, "nodes": 6}
    assert "blueprint.mode-removed" in {each["id"] for each in plan["findings"]}


def test_a_blueprint_is_rendered_like_a_recipe() -> None:
    """As a Ray cluster; hosts are those of its endpoint."""
    done = call("render", "-f", EXAMPLE)
    assert done.exit_code == 0, done.output
    assert "kind: RayCluster" in done.stdout
    assert "host: dashboard.llama-70b.192-0-2-10.nip.io" in done.stdout


def test_a_recipe_is_written_as_a_blueprint() -> None:
    """One JSON text on standard output, findings beside it; --strict writes nothing where there are warnings."""
    recipe = EXAMPLE.replace(".json", ".yaml")
    done = call("render", "-f", recipe, "-o", "blueprint")
    assert json.loads(done.stdout) == json.loads(Path(EXAMPLE).read_text("utf-8"))
    assert "blueprint.write-request" in done.stderr
    strict = call("render", "-f", recipe, "-o", "blueprint", "--strict")
    assert (strict.exit_code, strict.stdout) == (4, "")
    assert call("render", "-f", recipe, "-o", "blueprint", "--out", "x").exit_code == 2


def test_lint_and_rules_know_blueprints(tmp_path: Path) -> None:
    """An error ends with exit code 4 at its line; each rule is explained."""
    path = tmp_path / "blueprint.json"
    path.write_text(
        Path(EXAMPLE).read_text("utf-8").replace('"num_worker_nodes": "5"', '"num_worker_nodes": "6"'), "utf-8"
    )
    done = call("lint", str(path))
    assert done.exit_code == 4
    assert "blueprint.json:25: error blueprint.pool-size" in done.stdout
    explained = call("rules", "blueprint.pool-size").stdout
    assert "R089" in explained
    assert call("lint", str(path), "--assume", "blueprint=0.1").exit_code == 4


def test_faults_are_those_of_the_blueprint(tmp_path: Path) -> None:
    """A rule that is broken is a fault with the blueprint's line, before anything is planned."""
    path = tmp_path / "blueprint.json"
    path.write_text(Path(EXAMPLE).read_text("utf-8").replace("recipe_node_shape", "recipe_node_shap"), "utf-8")
    with pytest.raises(errors.RecipeError) as caught:
        raise call("plan", "-f", str(path)).exception or AssertionError
    assert {fault.path for fault in caught.value.faults} == {"recipe_node_shape", "recipe_node_shap"}
