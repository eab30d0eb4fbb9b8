"""Every rendered ServingRuntime and InferenceService against the schemas of the release that they are rendered for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from crd_schema import faults_of, needs_crds, release_tags

from shardwright.core.recipe.model import Rdma
from shardwright.targets.kserve import releases
from shardwright.targets.kserve.target import TARGET
from shardwright.testing import builders

if TYPE_CHECKING:
    from shardwright.core.deployment import Deployment

TAGS = release_tags("kserve") or ["none"]
GOLDEN = sorted((Path(__file__).parents[1] / "golden/kserve").glob("*.yaml"))
PLURALS = {"ServingRuntime": "servingruntimes", "InferenceService": "inferenceservices"}

pytestmark = needs_crds


def release_for(tag: str) -> releases.Release:
    release = releases.release_of(builders.recipe(target={"version": tag}))
    assert release is not None
    return release


def faults(tag: str, body: Any) -> list[str]:  # noqa: ANN401 - a tree of JSON values
    return faults_of(("kserve", tag, PLURALS[body["kind"]]), body)


def faults_of_all(tag: str, made: Deployment) -> list[str]:
    bodies = [manifest.body for manifest in TARGET.render(made) if manifest.kind in PLURALS]
    assert len(bodies) == len(PLURALS)
    return [fault for body in bodies for fault in faults(tag, body)]


def test_every_known_release_is_checked() -> None:
    """A release that we claim to know is one whose definitions were looked at."""
    assert {release_for(tag).version for tag in TAGS} == set(TARGET.versions)


@pytest.mark.parametrize("tag", TAGS)
def test_one_node_is_accepted_by_its_release(tag: str) -> None:
    """No field is refused, none is silently dropped."""
    recipe = builders.recipe(target={"kind": "kserve", "version": tag}, storage={"claim": "models"}, replicas=2)
    plan = builders.plan(recipe, layout=builders.layout(1, 1, nodes=1))
    assert faults_of_all(tag, builders.deployment(plan=plan)) == []


@pytest.mark.parametrize("tag", [tag for tag in TAGS if not tag.startswith("v0.13")])
def test_a_group_is_accepted_by_its_release(tag: str) -> None:
    """By number of workers in 0.14, by sizes later, with devices that have to be named."""
    recipe = builders.recipe(
        target={"kind": "kserve", "version": tag},
        storage={"claim": "models"},
        network={"rdma": Rdma(("rdma/hca_0",))},
        pods={"node_selector": {"a": "b"}, "priority_class": "serving", "service_account": "models"},
    )
    assert faults_of_all(tag, builders.deployment(recipe)) == []


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden_manifests_are_accepted_by_their_release(path: Path) -> None:
    """The manifests that we show are ones that a cluster takes, with every field of `pods` in use."""
    version = path.stem.rpartition("-")[2]
    tag = next(tag for tag in TAGS if release_for(tag).version == version)
    bodies = [body for body in yaml.safe_load_all(path.read_text("utf-8")) if body["kind"] in PLURALS]
    assert [fault for body in bodies for fault in faults(tag, body)] == []


@pytest.mark.parametrize(("tag", "field"), [("v0.14.1", "pipelineParallelSize"), ("v0.20.0", "size")])
def test_sizes_of_another_release_would_be_dropped(tag: str, field: str) -> None:
    """Why `target.version` matters; and that the check sees it, else the tests above would prove nothing."""
    if tag not in TAGS:
        pytest.skip(f"no CRDs of {tag}")
    recipe = builders.recipe(target={"kind": "kserve", "version": tag}, storage={"claim": "models"})
    body: Any = TARGET.render(builders.deployment(recipe))[-1].body
    body["spec"]["predictor"]["workerSpec"][field] = 2
    assert any(f"'{field}'" in fault for fault in faults(tag, body))
