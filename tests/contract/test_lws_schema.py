"""Every rendered LeaderWorkerSet against the schema of the release that it is rendered for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from crd_schema import faults_of, needs_crds, release_tags

from shardwright.core.recipe.model import Rdma
from shardwright.targets.lws.target import TARGET
from shardwright.testing import builders

TAGS = release_tags("lws") or ["none"]
GOLDEN = sorted((Path(__file__).parents[1] / "golden/lws").glob("*.yaml"))

pytestmark = needs_crds


def minor(tag: str) -> str:
    return tag.removeprefix("v").rpartition(".")[0]


def faults(tag: str, body: Any) -> list[str]:  # noqa: ANN401 - a tree of JSON values
    return faults_of(("lws", tag, "leaderworkersets"), body)


def bodies(path: Path) -> dict[str, Any]:
    return {body["kind"]: body for body in yaml.safe_load_all(path.read_text("utf-8"))}


def test_every_known_release_is_checked() -> None:
    """A release that we claim to know is one whose definition was looked at."""
    assert {minor(tag) for tag in TAGS} == set(TARGET.versions)


@pytest.mark.parametrize("tag", TAGS)
def test_what_is_rendered_for_a_release_is_accepted_by_it(tag: str) -> None:
    """No field is refused, none is silently dropped."""
    recipe = builders.recipe(target={"version": minor(tag)}, storage={"claim": "models"})
    assert faults(tag, TARGET.render(builders.deployment(recipe))[-1].body) == []


@pytest.mark.parametrize("tag", TAGS)
def test_every_setting_is_accepted_by_each_release_that_can_have_it(tag: str) -> None:
    """RDMA, subgroups, topology, names of members and a gang: no field is refused or dropped."""
    gang = {"gang": "volcano", "volcanoQueue": "a"} if int(tag.split(".")[1]) >= 7 else {"queue": "a"}
    options = {"subgroupSize": 2, "subdomainPolicy": "UniquePerReplica", "exclusiveTopology": "rack", **gang}
    rdma = Rdma(("rdma/a", "rdma/a"), ("x/one", "x/two"), "ipv6")
    recipe = builders.recipe(
        target={"version": minor(tag), "options": options}, network={"rdma": rdma, "ip_family": "ipv6"}
    )
    deployment = builders.deployment(recipe)
    assert [finding.id for finding in TARGET.findings(deployment) if finding.severity == "error"] == []
    assert faults(tag, TARGET.render(deployment)[-1].body) == []


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden_manifests_are_accepted_by_their_release(path: Path) -> None:
    """The manifests that we show are ones that a cluster takes, with every field of `pods` in use."""
    version = path.stem.rpartition("-")[2]
    (tag,) = (tag for tag in TAGS if minor(tag) == version)
    assert faults(tag, bodies(path)["LeaderWorkerSet"]) == []


@pytest.mark.parametrize(
    "path", [path for path in GOLDEN if not path.stem.startswith("one-gpu")], ids=lambda path: path.stem
)
def test_jobs_and_claims_are_made_of_known_fields(path: Path) -> None:
    """A set's definition also holds the API's own pod template and claim: what is written of them is held against those."""
    newest = ("lws", next(tag for tag in TAGS if minor(tag) == TARGET.versions[-1]), "leaderworkersets")
    found = bodies(path)
    at = "spec.leaderWorkerTemplate"
    assert faults_of(newest, found["Job"]["spec"]["template"], f"{at}.workerTemplate") == []
    claim = found.get("PersistentVolumeClaim")
    assert claim is None or faults_of(newest, claim["spec"], f"{at}.volumeClaimTemplates.[].spec") == []


@pytest.mark.parametrize("tag", TAGS)
def test_the_check_finds_what_a_cluster_would_drop_or_refuse(tag: str) -> None:
    """A misspelt field, a wrong type and a variable defined twice are seen; else the tests above would prove nothing."""
    body: Any = TARGET.render(builders.deployment(builders.recipe(target={"version": minor(tag)})))[-1].body
    container = body["spec"]["leaderWorkerTemplate"]["workerTemplate"]["spec"]["containers"][0]
    container["imagePullpolicy"] = "Always"
    container["env"].append(dict(container["env"][0]))
    body["spec"]["replicas"] = "2"
    found = "\n".join(faults(tag, body))
    assert "imagePullpolicy" in found
    assert "('POD_IP',) is there twice" in found
    assert "spec.replicas: '2' is not of type 'integer'" in found


@pytest.mark.requirement("R126")
def test_the_restart_policy_of_a_later_release_is_refused() -> None:
    """Why `target.version` matters: 0.8 does not take what 0.9 brought."""
    (old,) = (tag for tag in TAGS if minor(tag) == "0.8")
    body = TARGET.render(builders.deployment(builders.recipe(target={"version": "0.9"})))[-1].body
    assert any("RecreateGroupAfterStart" in fault for fault in faults(old, body))
