"""What a cluster must have, for each target at each of its versions, and the steps that put it there."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from shardwright import registry
from shardwright.kubernetes.render import prerequisites
from shardwright.service import prerequisites as service
from shardwright.service import rendering
from shardwright.testing import builders

if TYPE_CHECKING:
    from shardwright.core.deployment import Deployment
    from shardwright.core.plugins import Target
    from shardwright.kubernetes.render.prerequisites import Prerequisite

KINDS = sorted(kind for kind, place in registry.TARGETS.items() if place)
WITH_TABLE = [kind for kind in KINDS if prerequisites.has_table(registry.package_of(kind))]
RELEASES = [(kind, version) for kind in WITH_TABLE for version in registry.load_target(kind).versions]


def deployed(kind: str, version: str | None = None, **overrides: object) -> Deployment:
    return builders.deployment(builders.recipe(target={"kind": kind, "version": version}, **overrides))


def wanted(kind: str, version: str | None = None, **overrides: object) -> dict[str, Prerequisite]:
    found = service.needed(deployed(kind, version, **overrides), target(kind))
    return {entry.name: entry for entry in found}


def target(kind: str) -> Target:
    return registry.load_target(kind)


@pytest.mark.parametrize(("kind", "version"), RELEASES)
def test_every_release_names_steps_with_pinned_versions(kind: str, version: str) -> None:
    """Nothing is installed as `latest`, and no slot of a step is left open."""
    for entry in wanted(kind, version).values():
        assert entry.check
        assert entry.install
        for step in entry.install:
            assert "{pin}" not in step
            assert "latest" not in step
        fetched = [step for step in entry.install if re.search(r"https?://|oci://|helm install", step)]
        pinned = [step for step in fetched if re.search(r"v?\d+\.\d+", step) or "repo add" in step]
        assert fetched == pinned


@pytest.mark.parametrize(("kind", "version"), RELEASES)
@pytest.mark.parametrize("way_in", ["service", "route"])
def test_the_steps_are_a_program_for_the_shell(kind: str, version: str, way_in: str) -> None:
    """`prerequisites.sh` is read by sh without a fault, on Kubernetes and on OpenShift."""
    deployment = deployed(kind, version, expose={"kind": way_in}, network={"rdma": None})
    found = service.needed(deployment, target(kind))
    text = service.as_file(found, ()).text
    subprocess.run(["sh", "-n"], input=text.encode(), check=True)  # noqa: S607 - found on PATH everywhere
    assert all(step in text for entry in found for step in entry.install)


@pytest.mark.requirement("R118")
def test_lws_installs_the_release_that_is_written_for() -> None:
    """The controller's release is that of the recipe; without one, the newest."""
    assert wanted("lws", "0.7")["LeaderWorkerSet"].release == "v0.7.0"
    assert wanted("lws", "v0.8.0")["LeaderWorkerSet"].release == "v0.8.0"
    assert wanted("lws")["LeaderWorkerSet"].release == "v0.10.0"
    (line, *_) = wanted("lws", "0.9")["LeaderWorkerSet"].install
    assert line.startswith("kubectl apply --server-side -f https://github.com/kubernetes-sigs/lws/")
    assert "/v0.9.0/" in line


def test_what_is_needed_by_another_stands_before_it() -> None:
    """Steps are run in the order in which they are listed."""
    names = list(wanted("kubernetes", hardware={"resource": "amd.com/gpu"}))
    assert names.index("cert-manager") < names.index("AMD GPU operator")


@pytest.mark.parametrize(
    ("resource", "name"),
    [
        ("nvidia.com/gpu", "NVIDIA GPU operator"),
        ("nvidia.com/mig-3g.20gb", "NVIDIA GPU operator"),
        ("amd.com/gpu", "AMD GPU operator"),
        ("gpu.intel.com/xe", "Intel GPU device plugin"),
        ("habana.ai/gaudi", "Intel Gaudi base operator"),
    ],
)
def test_each_vendor_has_its_own_operator(resource: str, name: str) -> None:
    """Nodes offer a device only where its vendor's plug-in runs; no other vendor's is asked for."""
    found = wanted("kubernetes", hardware={"resource": resource})
    assert name in found
    assert [each for each in found if "GPU" in each or "Gaudi" in each] == [name]


def test_only_what_a_deployment_uses_is_asked_for() -> None:
    """Queues, gateways and RDMA need more; a plain deployment does not."""
    assert list(wanted("kubernetes")) == ["NVIDIA GPU operator"]
    assert "Gateway API" in wanted("kubernetes", expose={"kind": "gateway", "gateway": "infra/main"})
    queued = builders.deployment(builders.recipe(target={"kind": "lws", "options": {"gang": "volcano"}}))
    assert "Volcano" in {entry.name for entry in service.needed(queued, target("lws"))}
    assert "Kueue" not in {entry.name for entry in service.needed(queued, target("lws"))}


def test_openshift_installs_by_its_catalogue() -> None:
    """Where a Route is asked for, operators come by Subscription with a channel, not an old pinned one of a guide."""
    found = wanted("lws", expose={"kind": "route"})
    assert list(found).index("Node Feature Discovery") < list(found).index("NVIDIA GPU operator")
    first, ready, sample = found["NVIDIA GPU operator"].install
    assert '"kind": "Subscription"' in first
    assert '"channel": "v25.10"' in first
    assert "Succeeded" in ready
    assert "ClusterPolicy" in sample


def test_findings_carry_the_steps() -> None:
    """Each names how to look and how to install; nobody has looked, so none is an error."""
    lws = target("lws")
    found = {each.id: each for each in rendering.remarks(deployed("lws", "0.7"), lws)}
    finding = found["prerequisite.leaderworkerset"]
    assert (finding.status, finding.severity) == ("unknown", "info")
    assert "kubectl get crd leaderworkersets" in finding.message
    assert finding.fix == " && ".join(wanted("lws", "0.7")["LeaderWorkerSet"].install)


def test_a_target_without_a_cluster_needs_nothing() -> None:
    """This machine has no operators."""
    assert wanted("local") == {}
    assert service.as_comments(()) == ""
