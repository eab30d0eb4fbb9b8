"""Every rendered RayCluster and RayService against the schema of the release that it is rendered for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from crd_schema import faults_of, needs_crds, release_tags

from shardwright.core.manifests.judge import judge
from shardwright.core.manifests.objects import Context, Object
from shardwright.core.marked import tree
from shardwright.core.recipe.model import Rdma
from shardwright.targets.kuberay.lint import LINT
from shardwright.targets.kuberay.target import TARGET
from shardwright.testing import builders

if TYPE_CHECKING:
    from shardwright.core.rules import Finding

TAGS = release_tags("kuberay") or ["none"]
GOLDEN = sorted((Path(__file__).parents[1] / "golden/kuberay").glob("*.yaml"))
PLURALS = {"RayCluster": "rayclusters", "RayService": "rayservices"}
SERVERS = ["head", "ray-serve"]

pytestmark = needs_crds


def minor(tag: str) -> str:
    return tag.removeprefix("v").rpartition(".")[0]


def faults(tag: str, body: Any) -> list[str]:  # noqa: ANN401 - a tree of JSON values
    return faults_of(("kuberay", tag, PLURALS[body["kind"]]), body)


def rendered(tag: str, server: str, **options: object) -> Any:  # noqa: ANN401 - a tree of JSON values
    made = builders.on_ray(
        TARGET,
        target={"version": minor(tag), "options": {"server": server, **options}},
        storage={"claim": "models"},
        network={"rdma": Rdma(("rdma/a",), ("x/one",), "ipv6")},
    )
    assert [finding.id for finding in TARGET.findings(made) if finding.severity == "error"] == []
    return TARGET.render(made)[-1].body


def linted(body: dict[str, Any], version: str) -> tuple[Finding, ...]:
    root = tree.document_of(body, "rendered.yaml").root
    assert isinstance(root, tree.MapNode)
    made = Object(body["apiVersion"], body["kind"], body["metadata"]["name"], "demo", root, body)
    return judge([made], [LINT], Context(versions={"kuberay": version}))


def test_every_known_release_is_checked() -> None:
    """A release that we claim to know is one whose definitions were looked at."""
    assert {minor(tag) for tag in TAGS} == set(TARGET.versions)


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("tag", TAGS)
def test_what_is_rendered_for_a_release_is_accepted_by_it(tag: str, server: str) -> None:
    """No field is refused, none is silently dropped."""
    assert faults(tag, rendered(tag, server)) == []


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("tag", TAGS)
def test_what_is_rendered_has_nothing_that_lint_would_find(tag: str, server: str) -> None:
    """Our own manifests keep the rules that manifests of others are judged by."""
    assert linted(rendered(tag, server), minor(tag)) == ()


@pytest.mark.parametrize("tag", [tag for tag in TAGS if tag >= "v1.3"])
def test_every_option_is_accepted_by_each_release_that_can_have_it(tag: str) -> None:
    """Ports, fault tolerance, queues and gangs: no field is refused or dropped."""
    redis = {"redisAddress": "redis:6379", "redisPassword": "redis/password", "redisNamespace": "llama"}
    queues = {"queue": "a", "gang": True, "volcanoQueue": "b"}
    body = rendered(tag, "head", gcsPort=6380, metricsPort=8090, rayVersion="2.52.0", **redis, **queues)
    assert faults(tag, body) == []
    assert linted(body, minor(tag)) == ()


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden_manifests_are_accepted_by_their_release(path: Path) -> None:
    """The manifests that we show are ones that a cluster takes."""
    version = path.stem.rpartition("-")[2]
    (tag,) = (tag for tag in TAGS if minor(tag) == version)
    bodies = [body for body in yaml.safe_load_all(path.read_text("utf-8")) if body["kind"] in PLURALS]
    assert [fault for body in bodies for fault in faults(tag, body)] == []
    assert bodies


def test_the_check_finds_what_a_cluster_would_drop_or_refuse() -> None:
    """A field of a later release and a wrong type are seen; else the tests above would prove nothing."""
    body = rendered("v1.2.2", "head")
    body["spec"]["gcsFaultToleranceOptions"] = {"redisAddress": "redis:6379"}
    body["spec"]["workerGroupSpecs"][0]["replicas"] = "2"
    found = "\n".join(faults("v1.2.2", body))
    assert "gcsFaultToleranceOptions" in found
    assert "replicas: '2' is not of type 'integer'" in found
