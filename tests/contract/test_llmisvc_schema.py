"""Every rendered LLMInferenceService against the schema of the release that it is rendered for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from crd_schema import faults_of, needs_crds, release_tags

from shardwright.core.recipe.model import Rdma
from shardwright.targets.llmisvc.target import TARGET
from shardwright.testing import builders

TAGS = [tag for tag in release_tags("kserve") if int(tag.split(".")[1]) >= 16] or ["none"]
GOLDEN = sorted((Path(__file__).parents[1] / "golden/llmisvc").glob("*.yaml"))
PLURALS = {
    "LLMInferenceService": "llminferenceservices",
    "LLMInferenceServiceConfig": "llminferenceserviceconfigs",
}

pytestmark = needs_crds


def minor(tag: str) -> str:
    return tag.removeprefix("v").rpartition(".")[0]


def faults(tag: str, body: Any) -> list[str]:  # noqa: ANN401 - a tree of JSON values
    return faults_of(("kserve", tag, PLURALS[body["kind"]]), body)


def rendered(tag: str, **overrides: object) -> list[Any]:
    """The objects with a definition, as the target renders them without a finding of severity error."""
    options = overrides.pop("options", {})
    recipe = builders.recipe(target={"kind": "llmisvc", "version": minor(tag), "options": options}, **overrides)
    deployment = builders.deployment(recipe)
    assert [finding for finding in TARGET.findings(deployment) if finding.severity == "error"] == []
    return [made.body for made in TARGET.render(deployment) if made.kind in PLURALS]


def test_every_known_release_is_checked() -> None:
    """A release that we claim to know is one whose definition was looked at."""
    assert {minor(tag) for tag in TAGS} == set(TARGET.versions)


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("claim", ["models", None])
def test_what_is_rendered_for_a_release_is_accepted_by_it(tag: str, claim: str | None) -> None:
    """No field is refused, none is silently dropped; the configuration that no release has is rendered along."""
    service, config = rendered(tag, storage={"claim": claim})[::-1]
    assert (service["kind"], config["kind"]) == ("LLMInferenceService", "LLMInferenceServiceConfig")
    assert faults(tag, service) + faults(tag, config) == []


@pytest.mark.parametrize("tag", TAGS)
def test_every_setting_is_accepted_by_each_release_that_can_have_it(tag: str) -> None:
    """RDMA, a router with host and scheduler, a queue and a place: no field is refused or dropped."""
    options = {"scheduler": True, "queue": "a", "exclusiveTopology": "rack"}
    rdma = Rdma(("rdma/a", "rdma/a"), ("x/one", "x/two"), "ipv6")
    expose = {"kind": "gateway", "gateway": "infra/public", "host": "llm.example.org"}
    made = rendered(tag, options=options, network={"rdma": rdma, "ip_family": "ipv6"}, expose=expose)
    router = made[-1]["spec"]["router"]
    assert router["gateway"]["refs"] == [{"name": "public", "namespace": "infra"}]
    assert router["scheduler"] == {}
    assert [fault for body in made for fault in faults(tag, body)] == []


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden_manifests_are_accepted_by_their_release(path: Path) -> None:
    """The manifests that we show are ones that a cluster takes, with every field of `pods` in use."""
    (tag,) = (tag for tag in TAGS if minor(tag) == path.stem.rpartition("-")[2])
    bodies = [body for body in yaml.safe_load_all(path.read_text("utf-8")) if body["kind"] in PLURALS]
    assert bodies
    assert [fault for body in bodies for fault in faults(tag, body)] == []


@pytest.mark.parametrize("tag", TAGS)
def test_the_check_finds_what_a_cluster_would_drop(tag: str) -> None:
    """A misspelt field is seen; else the tests above would prove nothing."""
    body = rendered(tag)[-1]
    body["spec"]["parallelism"]["stages"] = 2
    assert "stages" in " ".join(faults(tag, body))
