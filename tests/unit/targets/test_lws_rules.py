from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shardwright.core.deployment import Port
from shardwright.core.group import Group, Member
from shardwright.core.recipe.model import Expose, Tls
from shardwright.targets.lws import options, releases, rules
from shardwright.targets.lws.target import TARGET
from shardwright.testing import builders

if TYPE_CHECKING:
    from shardwright.core.rules import Finding

ROOT = Path(__file__).parents[3]


def found(**overrides: object) -> dict[str, Finding]:
    """Findings by rule for a recipe whose version is given."""
    asked = {"target": {"version": "0.10"}, **overrides}
    return {finding.id: finding for finding in TARGET.findings(builders.deployment(builders.recipe(**asked)))}


def errors_of(**overrides: object) -> set[str]:
    return {finding.id for finding in found(**overrides).values() if finding.severity == "error"}


def test_a_sound_recipe_has_no_errors_and_no_warnings() -> None:
    """No rule speaks up without a reason."""
    assert {finding.severity for finding in found().values()} == {"info"}


@pytest.mark.parametrize("asked", ["0.5", "0.7.0", "v0.10.0", "0.10"])
def test_versions_are_known_by_major_and_minor(asked: str) -> None:
    """Patch releases accept the same; a leading v is how tags are written."""
    release = releases.release_of(builders.recipe(target={"version": asked}))
    assert release is not None
    assert asked.removeprefix("v").startswith(release.version)


@pytest.mark.parametrize("asked", ["0.4", "0.11", "1", "newest", "0.1"])
def test_unknown_versions_are_refused_with_the_known_ones(asked: str) -> None:
    """What a release accepts must be known before something is written for it."""
    finding = found(target={"version": asked})["lws.version-unknown"]
    assert finding.severity == "error"
    assert "0.5, 0.6, 0.7, 0.8, 0.9, 0.10" in finding.message


def test_a_version_that_is_assumed_is_said() -> None:
    """Without a version the newest known is written, which older controllers refuse in part."""
    assert "0.10" in found(target={"version": None})["lws.version-assumed"].message


def test_a_size_that_cannot_be_changed_later_is_said() -> None:
    """Up to 0.6 the webhook refuses another number of nodes."""
    assert "lws.size-fixed" in found(target={"version": "0.6"})
    assert "lws.size-fixed" not in found(target={"version": "0.7"})


@pytest.mark.parametrize(("replicas", "longest"), [(0, 50), (1, 50), (10, 50), (11, 49), (1001, 47)])
def test_names_leave_room_for_what_the_controller_appends(replicas: int, longest: int) -> None:
    """`name-index-hash` is a label of at most 63 characters, with a hash of at most 10."""
    assert rules.longest_name(replicas) == longest
    assert longest + 1 + len(str(max(replicas - 1, 0))) + 1 + 10 == 63
    assert errors_of(metadata={"name": "a" * longest}, replicas=replicas) == set()
    assert errors_of(metadata={"name": "a" * (longest + 1)}, replicas=replicas) == {"lws.name-too-long"}


@pytest.mark.parametrize("name", ["3-llama", "Llama", "llama.8b", "llama-", "", "llama_8b"])
def test_names_are_labels_that_start_with_a_letter(name: str) -> None:
    """The name becomes that of a Service, whose names start with a letter."""
    assert "lws.name-invalid" in errors_of(metadata={"name": name})


@pytest.mark.requirement("R148")
def test_a_name_that_another_deployments_service_would_take_is_pointed_out() -> None:
    """The controller would use that Service instead of making its own, and members would not find each other."""
    assert found(metadata={"name": "llama-api"})["lws.service-name-taken"].severity == "warning"


@pytest.mark.requirement("R118", "R119", "R121")
def test_what_must_be_installed_is_said_with_its_command() -> None:
    """The chart of the release, and how to see whether one may use it."""
    finding = found(target={"version": "0.7"})["lws.controller-expected"]
    assert "oci://registry.k8s.io/lws/charts/lws" in finding.fix
    assert "--version 0.7.0" in finding.fix
    assert "kubectl auth can-i create leaderworkersets.leaderworkerset.x-k8s.io -n demo" in finding.fix


def test_options_are_checked_by_name_and_value() -> None:
    """A misspelt option would do nothing, so it stops rendering and the known ones are named."""
    finding = found(target={"version": "0.10", "options": {"restartpolicy": "None"}})["lws.option-unknown"]
    assert "exclusiveTopology, gang" in finding.message
    assert errors_of(target={"version": "0.10", "options": {"exclusiveTopology": 3}}) == {"lws.option-value"}


@pytest.mark.requirement("R126")
@pytest.mark.parametrize(
    ("version", "policy", "usable"),
    [
        ("0.7", "RecreateGroupAfterStart", False),
        ("0.8", "RecreateGroupAfterStart", True),
        ("0.10", "RecreateGroupOnPodRestart", True),
        ("0.10", "None", False),
        ("0.10", "Default", False),
    ],
)
def test_restart_policies_keep_a_group_together(version: str, policy: str, *, usable: bool) -> None:
    """Only policies that make the whole group again are taken, and only where the release has them."""
    assert (errors_of(target={"version": version, "options": {"restartPolicy": policy}}) == set()) == usable


@pytest.mark.parametrize(
    ("version", "replicas", "fits"), [("0.9", 1000001, True), ("0.10", 1000001, False), ("0.9", 2**30, False)]
)
def test_replicas_have_a_limit(version: str, replicas: int, *, fits: bool) -> None:
    """Replicas times size is a number of 32 bits; 0.10 limits replicas themselves."""
    assert ("lws.too-many-replicas" not in errors_of(target={"version": version}, replicas=replicas)) == fits


def test_ways_in_are_held_to_what_they_can_carry() -> None:
    """Whoever asks for encryption must not think that there is some."""
    assert errors_of(expose=Expose("service", tls=Tls())) == {"expose.tls"}
    assert errors_of(expose=Expose("route", tls=Tls())) == set()


@pytest.mark.requirement("R138")
def test_one_port_is_for_one_purpose() -> None:
    """The port on which members meet is not the one on which requests are answered."""
    leader = dataclasses.replace(builders.launch(), ports=(Port("http", "8080"), Port("group", "8080")))
    ids = [finding.id for finding in TARGET.findings(builders.deployment(leader=leader))]
    assert "group.ports-clash" in ids


def test_variables_that_nobody_defines_are_pointed_out() -> None:
    """Kubernetes leaves $(NAME) as it stands if NAME is not defined before; $$(NAME) is meant to stay."""
    leader = dataclasses.replace(builders.launch(), argv=("serve", "$(LWS_GROUP_SIZE)", "$(MISSING)", "$$(KEPT)"))
    findings = TARGET.findings(builders.deployment(leader=leader))
    assert [finding.value for finding in findings if finding.id == "group.variable-undefined"] == ["$(MISSING)"]


@pytest.mark.requirement("R125")
def test_workers_of_different_sizes_are_refused() -> None:
    """All workers come from one template, so they have the same number of GPUs."""
    members = (Member(0, "leader", (0, 1)), Member(1, "worker", (2, 3)), Member(2, "worker", (4,)))
    findings = TARGET.findings(builders.deployment(group=Group(members)))
    assert [finding.severity for finding in findings if finding.id == "group.workers-uneven"] == ["error"]


def test_every_rule_and_option_is_documented() -> None:
    """Each identifier that a user can meet has a line in the documentation."""
    shared = ("model", "storage", "network", "pod")
    paths = [
        *(ROOT / "src/shardwright/targets/lws").glob("*rules.py"),
        *(ROOT / f"src/shardwright/kubernetes/rules/{name}_rules.py" for name in shared),
        *(ROOT / f"src/shardwright/kubernetes/render/{name}.py" for name in ("expose", "patches")),
    ]
    made = re.compile(r'(?:error|warning|info|unknown|_wrong)\)?\(\s*"([a-z]+\.[a-z0-9-]+)"')
    ids = {name for path in paths for name in made.findall(path.read_text("utf-8"))}
    text = (ROOT / "docs/explanation/lws.md").read_text("utf-8")
    assert len(ids) > 50
    assert {name for name in {*ids, *options.OPTIONS} if f"`{name}`" not in text} == set()
