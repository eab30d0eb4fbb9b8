"""The examples of OCI AI Blueprints: each blueprint, the recipe it becomes, and the manifests of every target that carries it.

After an intended change: `SHARDWRIGHT_UPDATE_GOLDEN=1 .venv/bin/pytest tests/golden`, then read the difference.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from shardwright import registry
from shardwright.core.plan import Plan
from shardwright.service import blueprints, deploying, linting, planning, recipes, rendering
from shardwright.settings import load_hub_settings

FOLDER = Path(__file__).parent / "oci_blueprints"
ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
NAMES = ["llama-3.3-70b-oci-blueprint", "llama-3.1-405b-oci-blueprint"]
CASES = {NAMES[0]: "kuberay", NAMES[1]: "lws"}
"""The target that each blueprint means."""
CARRIERS = ["kserve", "kuberay", "llmisvc", "lws", "openshift-ai"]
"""Targets that run a group over nodes."""


def plan_of(path: Path, *sets: str) -> Plan:
    (loaded,) = recipes.load_recipes([str(path)], list(sets))
    plan = planning.plan_loaded(loaded, load_hub_settings())
    assert isinstance(plan, Plan), plan
    return plan


def manifests(name: str, kind: str) -> tuple[Any, ...]:
    """For a target, from the blueprint itself."""
    plan = plan_of(EXAMPLES / f"{name}.json", f"target.kind={kind}")
    target = registry.load_target(kind)
    return rendering.render(deploying.deployment_of(plan, target), target)


def can_carry(plan: Plan, kind: str) -> bool:
    target = registry.load_target(kind)
    return not any(each.severity == "error" for each in target.findings(deploying.deployment_of(plan, target)))


@pytest.mark.requirement("R116")
@pytest.mark.parametrize("name", NAMES)
def test_the_blueprint_becomes_the_recipe(name: str) -> None:
    """The two files of an example mean the same."""
    one, other = (recipes.load_recipes([str(EXAMPLES / f"{name}{end}")])[0].recipe for end in (".json", ".yaml"))
    assert one == other


@pytest.mark.parametrize(("name", "kind"), CASES.items())
def test_examples_are_rendered_as_before(name: str, kind: str) -> None:
    """What is rendered changes only when we mean it to."""
    path = FOLDER / f"{name}-{kind}.yaml"
    text = rendering.as_stream(manifests(name, kind))
    if os.environ.get("SHARDWRIGHT_UPDATE_GOLDEN"):
        path.write_text(text, "utf-8")
        pytest.skip("written anew")
    assert text == path.read_text("utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_every_target_that_can_carry_it_does(name: str, tmp_path: Path) -> None:
    """All that run a group over nodes, with manifests that lint finds no error in; the others say why not."""
    able: list[str] = []
    for kind in sorted(registry.TARGETS):
        plan = plan_of(EXAMPLES / f"{name}.json", f"target.kind={kind}")
        if can_carry(plan, kind):
            able.append(kind)
            (tmp_path / f"{kind}.yaml").write_text(rendering.as_stream(manifests(name, kind)), "utf-8")
    assert able == CARRIERS
    found = {kind: linting.lint([str(tmp_path / f"{kind}.yaml")]).findings for kind in able}
    assert [each for kind in able for each in found[kind] if each.severity == "error"] == []


@pytest.mark.requirement("R106", "R107", "R108", "R109")
def test_model_and_dashboard_have_a_host_each() -> None:
    """The model under the name before the endpoint, the dashboard one label further, as the workspace calls them."""
    made = {each.name: each.body for each in manifests(NAMES[0], "kuberay") if each.kind == "Ingress"}
    found = {name: _leads_to(body) for name, body in made.items()}
    assert found == {
        "llama-70b-raycluster-app": ("llama-70b.192-0-2-10.nip.io", "llama-70b-api", "http"),
        "llama-70b-raycluster-dashboard": ("dashboard.llama-70b.192-0-2-10.nip.io", "llama-70b-head-svc", "dashboard"),
    }
    cluster = next(each.body for each in manifests(NAMES[0], "kuberay") if each.kind == "RayCluster")
    head: Any = cluster["spec"]
    gpus = [head["headGroupSpec"]["rayStartParams"]["num-gpus"]]
    gpus += [group["rayStartParams"]["num-gpus"] for group in head["workerGroupSpecs"]]
    assert gpus == ["2", "2"]


def _leads_to(body: dict[str, Any]) -> tuple[str, str, str]:
    rule = body["spec"]["rules"][0]
    service = rule["http"]["paths"][0]["backend"]["service"]
    return rule["host"], service["name"], service["port"]["name"]


@pytest.mark.parametrize("name", NAMES)
def test_written_again_it_is_the_example(name: str) -> None:
    """All keys but the arguments, which are then all that the plan rests on."""
    there = json.loads((EXAMPLES / f"{name}.json").read_text("utf-8"))
    back = json.loads(blueprints.as_text(blueprints.write_blueprint(plan_of(EXAMPLES / f"{name}.yaml"))))
    for document in (there, back):
        members = document.get("deployment_group", {}).get("deployments", [])
        for member in members:
            member["recipe"].pop("recipe_container_command_args", None)
    assert back == there


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_are_right(name: str) -> None:
    """Lint finds no error in them."""
    linted = linting.lint([str(EXAMPLES / f"{name}.json")])
    assert [each for each in linted.findings if each.severity == "error"] == []


@pytest.mark.requirement("R109", "R113")
def test_what_was_wrong_in_the_guide_is_told() -> None:
    """The page on blueprints names the quickstart's host, its missing step and its `.com`."""
    page = (ROOT / "docs/explanation/oci-blueprints.md").read_text("utf-8")
    for told in ("dashboard.<deployment_name>", "six steps", "`.com`"):
        assert told in page, told
