"""Every example for every target: what is rendered, in short, or by which rules the target refuses it; some word for word.

After an intended change: `SHARDWRIGHT_UPDATE_GOLDEN=1 .venv/bin/pytest tests/golden`, then read the difference.
"""

from __future__ import annotations

import functools
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from shardwright import registry
from shardwright.core.plan import Plan
from shardwright.service import deploying, planning, recipes, rendering
from shardwright.settings import HubSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.deployment import Deployment
    from shardwright.core.plugins import Manifest

FOLDER = Path(__file__).parent / "examples"
EXAMPLES = {path.stem: path for path in sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))}
TARGETS = sorted(registry.TARGETS)
# The others stand word for word beside the tests of their targets.
WORD_FOR_WORD = ["llama-3-8b-kserve", "llama-3-8b-two-nodes", "mixtral-8x7b-openshift-ai"]
# What a target cannot do without: pods of KubeRay are spanned by Ray alone, which engines' own images do not hold.
NEEDED = {"kuberay": ("engine.executor=ray", "engine.image=registry.example.org/engine-with-ray:1")}
OFFLINE = HubSettings("https://huggingface.co", offline=True)
_DIGEST = re.compile(r"(?<=-download)-[0-9a-f]{8}$")


@functools.cache
def own_target(name: str) -> str:
    """The target that an example is written for."""
    (written,) = recipes.load_recipes([str(EXAMPLES[name])], [])
    assert written.recipe.target is not None
    return written.recipe.target.kind


@functools.cache
def carried(name: str, kind: str) -> Deployment | str:
    """An example for a target, its own as written; where that cannot be planned, why not."""
    changes = [] if kind == own_target(name) else [f"target={{kind: {kind}}}", *NEEDED.get(kind, ())]
    (loaded,) = recipes.load_recipes([str(EXAMPLES[name])], changes)
    plan = planning.plan_loaded(loaded, OFFLINE)
    if not isinstance(plan, Plan):
        return plan.reasons[0]
    return deploying.deployment_of(plan, registry.load_target(kind))


def lines_of(name: str) -> Iterator[str]:
    """What each target makes of an example."""
    for kind in TARGETS:
        made = carried(name, kind)
        target = registry.load_target(kind)
        yield f"# {kind}"
        if isinstance(made, str):
            yield f"not planned: {made}"
            continue
        refused = sorted({each.id for each in target.findings(made) if each.severity == "error"})
        if refused:
            yield f"refused: {', '.join(refused)}"
            continue
        yield f"{made.plan.layout}, {made.plan.engine.name} {made.plan.engine.version}, {made.image}"
        yield from (_line(manifest) for manifest in rendering.render(made, target))


def _line(manifest: Manifest) -> str:
    body: Any = manifest.body
    return f"{body['apiVersion']} {manifest.kind} {_DIGEST.sub('', manifest.name)}"


def same(path: Path, text: str) -> bool:
    if os.environ.get("SHARDWRIGHT_UPDATE_GOLDEN"):
        path.write_text(text, "utf-8")
        pytest.skip("written anew")
    return text == path.read_text("utf-8")


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_target_carries_every_example_or_says_why_not(name: str) -> None:
    """A target that stops carrying an example, or starts to, is seen."""
    assert same(FOLDER / f"{name}.txt", "\n".join(lines_of(name)) + "\n")


@pytest.mark.parametrize("name", EXAMPLES)
def test_no_example_is_refused_without_a_reason(name: str) -> None:
    """Its own target carries it; what others refuse, each says with a way out."""
    for kind in TARGETS:
        made = carried(name, kind)
        if isinstance(made, str):
            assert kind != own_target(name)
            continue
        errors = [each for each in registry.load_target(kind).findings(made) if each.severity == "error"]
        assert not (kind == own_target(name) and errors)
        assert all(each.fix and each.path for each in errors)


@pytest.mark.parametrize("name", WORD_FOR_WORD)
def test_examples_are_rendered_as_before(name: str) -> None:
    """What is rendered changes only when we mean it to."""
    made = carried(name, own_target(name))
    assert not isinstance(made, str)
    manifests = rendering.render(made, registry.load_target(own_target(name)))
    assert same(FOLDER / f"{name}.yaml", rendering.as_stream(manifests))


def rendered(name: str) -> dict[str, Any]:
    made = carried(name, "kserve")
    assert not isinstance(made, str)
    return {each.kind: each.body for each in rendering.render(made, registry.load_target("kserve"))}


@pytest.mark.requirement("R063", "R065", "R067", "R069", "R070", "R077")
def test_the_guides_group_is_asked_for_where_kserve_reads_it() -> None:
    """In workerSpec of both objects, with both sizes; no variable, and the two annotations that nothing sets by itself."""
    made = rendered("llama-3-8b-kserve")
    for spec in (made["ServingRuntime"]["spec"], made["InferenceService"]["spec"]["predictor"]):
        assert (spec["workerSpec"]["pipelineParallelSize"], spec["workerSpec"]["tensorParallelSize"]) == (2, 1)
    assert "PARALLEL_SIZE" not in str(made)
    annotations = made["InferenceService"]["metadata"]["annotations"]
    assert annotations["serving.kserve.io/deploymentMode"] == "Standard"
    assert annotations["serving.kserve.io/autoscalerClass"] == "none"


@pytest.mark.requirement("R060", "R072", "R073", "R074", "R075", "R076")
def test_the_guides_claim_runtime_and_token_are_ours() -> None:
    """ReadWriteMany with the guide's size, a Job in place of a lost address, a runtime that is rendered, a token by reference."""
    made = rendered("llama-3-8b-kserve")
    claim = made["PersistentVolumeClaim"]["spec"]
    assert (claim["accessModes"], claim["resources"]["requests"]["storage"]) == (["ReadWriteMany"], "50Gi")
    assert "secretKeyRef" in str(made["Job"])
    model = made["InferenceService"]["spec"]["predictor"]["model"]
    assert model["runtime"] == made["ServingRuntime"]["metadata"]["name"]
    assert (model["resources"]["requests"]["cpu"], model["resources"]["limits"]["memory"]) == ("6", "24Gi")


@pytest.mark.requirement("R064", "R082")
def test_the_guides_server_answers_below_openai() -> None:
    """The Hugging Face server around the engine, in the release's image, under the service's own name."""
    container = rendered("llama-3-8b-kserve")["ServingRuntime"]["spec"]["containers"][0]
    assert container["image"] == "docker.io/kserve/huggingfaceserver:v0.17.0-gpu"
    command = container["command"]
    assert command[command.index("--model_name") + 1] == "huggingface-llama3"
    made = carried("llama-3-8b-kserve", "kserve")
    assert not isinstance(made, str)
    (route,) = (each for each in registry.load_target("kserve").findings(made) if each.id == "kserve.server-route")
    assert "/openai/v1/completions" in route.message
