"""LLMInferenceServices as users get them, word for word: a change here is a change for them.

After an intended change: `SHARDWRIGHT_UPDATE_GOLDEN=1 .venv/bin/pytest tests/golden`, then read the difference.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from shardwright.core.plan import Plan
from shardwright.models import load
from shardwright.service import deploying, planning, recipes, rendering
from shardwright.settings import load_hub_settings
from shardwright.targets.llmisvc.target import TARGET

FOLDER = Path(__file__).parent / "llmisvc"
EXAMPLES = Path(__file__).parents[2] / "examples"

# What is changed in an example, as `--set` takes it.
CASES: dict[str, tuple[str, ...]] = {
    "pipeline": ("parallelism={tensor: 1, pipeline: 2}",),
    "one-node": ("hardware.nodes=1", "parallelism={tensor: 1, pipeline: 1}", "replicas=2"),
    "gateway": (
        "parallelism={tensor: 1, pipeline: 2}",
        "expose={kind: gateway, gateway: infra/public, host: llm.example.org}",
        "target.options={scheduler: true}",
    ),
    "hub": ("parallelism={tensor: 1, pipeline: 2}", "storage={}"),
}


def rendered(*overrides: str, version: str = "0.20") -> tuple[str, dict[str, Any]]:
    """The example of two nodes as a text, and its objects by kind."""
    sets = [f"target={{kind: llmisvc, version: '{version}'}}", *overrides]
    (loaded,) = recipes.load_recipes([str(EXAMPLES / "llama-3-8b-two-nodes.yaml")], sets)
    shape = load.load_shape("llama-3-8b", settings=load_hub_settings())
    plan = planning.plan_shape(loaded.recipe, shape)
    assert isinstance(plan, Plan), plan
    manifests = rendering.render(deploying.deployment_of(plan, TARGET), TARGET)
    return rendering.as_stream(manifests), {made.kind: made.body for made in manifests}


@pytest.mark.parametrize("version", ["0.16", "0.20"])
@pytest.mark.parametrize("case", CASES)
def test_manifests_are_as_before(case: str, version: str) -> None:
    """What is rendered changes only when we mean it to."""
    path = FOLDER / f"{case}-{version}.yaml"
    text, _ = rendered(*CASES[case], version=version)
    if os.environ.get("SHARDWRIGHT_UPDATE_GOLDEN"):
        path.write_text(text, "utf-8")
        pytest.skip("written anew")
    assert text == path.read_text("utf-8")


def test_members_differ_by_their_rank_alone() -> None:
    """Leader and worker run the engine's own command for two nodes, whatever a preset would run."""
    spec = rendered(*CASES["pipeline"])[1]["LLMInferenceService"]["spec"]
    leader, worker = (spec[role]["containers"][0] for role in ("template", "worker"))
    assert worker["args"] == [*leader["args"], "--headless"]
    assert leader["args"][leader["args"].index("--master-addr") + 1] == "$(LWS_LEADER_ADDRESS)"
    assert leader["args"][leader["args"].index("--node-rank") + 1] == "$(LWS_WORKER_INDEX)"


@pytest.mark.requirement("R049", "R154")
def test_one_pod_where_one_node_is_enough() -> None:
    """No worker, no set, no configuration; replicas are whole copies of it."""
    made = rendered(*CASES["one-node"])[1]
    assert "LLMInferenceServiceConfig" not in made
    spec = made["LLMInferenceService"]["spec"]
    assert "worker" not in spec
    assert (spec["replicas"], spec["parallelism"]) == (2, {"tensor": 1})


@pytest.mark.requirement("R074", "R123", "R157")
def test_the_token_is_the_jobs_alone() -> None:
    """One Job downloads the model with the token; pods read the claim and ask the hub for nothing."""
    text, made = rendered(*CASES["pipeline"])
    assert text.count("HF_TOKEN") == 1
    assert "secretKeyRef" in str(made["Job"])
    assert made["LLMInferenceService"]["spec"]["storageInitializer"] == {"enabled": False}
