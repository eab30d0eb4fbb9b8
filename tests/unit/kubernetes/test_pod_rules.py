from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from shardwright.core.recipe.model import Draft, KeyRef
from shardwright.kubernetes.rules import rules
from shardwright.testing import builders
from shardwright.units import GIB

if TYPE_CHECKING:
    from shardwright.core.rules import Finding

CLAIM: dict[str, Any] = {"claim": "models", "size": 40 * GIB}


def found(**overrides: object) -> dict[str, Finding]:
    """Findings by rule, less those that any recipe with a token has."""
    deployment = builders.deployment(builders.recipe(**{"storage": CLAIM, **overrides}))
    return {finding.id: finding for finding in rules.findings_of(deployment) if finding.id != "secret.needed"}


def test_a_sound_recipe_has_nothing_to_complain_about() -> None:
    """No rule speaks up without a reason."""
    assert found() == {}


@pytest.mark.parametrize("source", ["./model", "/data/llama", "ftp://x"])
def test_pods_must_reach_the_model(source: str) -> None:
    """A folder of the user's machine is not mounted: the finding names the two ways that work."""
    finding = found(model={"source": source})["model.source-out-of-reach"]
    assert (finding.severity, finding.value) == ("error", source)
    assert "hf://owner/name" in finding.fix
    assert "pvc://claim/path" in finding.fix


@pytest.mark.parametrize("source", ["./small", "pvc://other/small", "s3://bucket/small"])
def test_pods_must_reach_the_draft(source: str) -> None:
    """They mount one claim and read the hub."""
    finding = found(model={"draft": Draft(source)})["model.source-out-of-reach"]
    assert (finding.path, finding.value) == ("model.draft.source", source)


@pytest.mark.requirement("R140")
def test_code_of_the_model_is_pointed_out() -> None:
    """Running a repository's code is a choice that should be seen."""
    assert found(model={"trust_remote_code": True})["model.trust-remote-code"].severity == "warning"


@pytest.mark.requirement("R074", "R123")
@pytest.mark.parametrize("env", [{"HF_TOKEN": "x"}, {"NOTE": "hf_" + "a1B2" * 8}])
def test_a_literal_token_is_refused_and_not_shown(env: dict[str, str]) -> None:
    """A token in plain text stops rendering, and the message does not repeat it."""
    finding = found(engine={"env": env})["model.literal-token"]
    assert finding.severity == "error"
    assert not any(value in str(finding) for value in env.values() if len(value) > 1)


@pytest.mark.requirement("R074")
def test_a_gated_model_needs_a_token() -> None:
    """Where the hub is known to ask for a token, the missing one is found before a Job fails."""
    assert found(model={"token": None})["model.gated-without-token"].value == "meta-llama/Meta-Llama-3-8B-Instruct"
    assert "model.gated-without-token" not in found(model={"token": None, "source": "hf://someone/else"})
    assert "model.gated-without-token" not in found(model={"token": None}, storage={"claim": "m", "download": "never"})


def test_a_token_from_a_secret_is_fine() -> None:
    """A reference is what the rule asks for."""
    assert "model.literal-token" not in found(engine={"env": {"HF_TOKEN": KeyRef("hub", "token")}})


@pytest.mark.requirement("R074")
def test_secrets_that_must_exist_are_named_with_the_command_that_makes_them() -> None:
    """No Secret is rendered; what is missing can be made by copying one line."""
    deployment = builders.deployment(builders.recipe(engine={"env": {"API_KEY": KeyRef("keys", "api")}}))
    needed = [finding for finding in rules.findings_of(deployment) if finding.id == "secret.needed"]
    assert [(finding.value, finding.status) for finding in needed] == [
        ("hf-token/token", "unknown"),
        ("keys/api", "unknown"),
    ]
    assert needed[0].fix == "kubectl create secret generic hf-token -n demo --from-literal=token=VALUE"


def test_all_keys_of_a_secret_are_made_by_one_command() -> None:
    """A second command for the same Secret would fail, as it is there already."""
    keys = {"A": KeyRef("keys", "one"), "B": KeyRef("keys", "two")}
    deployment = builders.deployment(builders.recipe(engine={"env": keys}))
    needed = [each for each in rules.findings_of(deployment) if each.id == "secret.needed"]
    assert [each.value for each in needed] == ["hf-token/token", "keys/one,two"]
    assert (
        needed[1].fix == "kubectl create secret generic keys -n demo --from-literal=one=VALUE --from-literal=two=VALUE"
    )


@pytest.mark.requirement("R157")
def test_downloads_by_every_pod_are_mentioned() -> None:
    """Without a claim the model is fetched again at each start of each pod."""
    assert found(storage={"claim": None, "size": None})["storage.no-claim"].severity == "info"


@pytest.mark.requirement("R014", "R165")
@pytest.mark.parametrize(("replicas", "count"), [(1, "2 pods"), (3, "6 pods")])
def test_a_claim_for_one_node_is_refused_for_several_pods(replicas: int, count: str) -> None:
    """ReadWriteOnce cannot be mounted on two nodes: the second pod would never start."""
    finding = found(storage={**CLAIM, "access_mode": "ReadWriteOnce"}, replicas=replicas)["storage.access-mode"]
    assert finding.severity == "error"
    assert count in finding.message


@pytest.mark.requirement("R014", "R136")
def test_a_claim_that_only_the_cluster_knows_is_not_judged() -> None:
    """An existing claim may have any access mode; the finding says what must hold and how to look."""
    finding = found(storage={"claim": "models", "size": None})["storage.claim-expected"]
    assert (finding.status, finding.severity) == ("unknown", "info")
    assert "kubectl get pvc models -n demo" in finding.fix


def test_one_pod_may_use_a_claim_for_one_node() -> None:
    """With one pod only the order of Job and group matters, and that is said."""
    planned = builders.plan(
        builders.recipe(storage={**CLAIM, "access_mode": "ReadWriteOnce"}), layout=builders.layout(1, 1, nodes=1)
    )
    ids = {finding.id: finding.severity for finding in rules.findings_of(builders.deployment(plan=planned))}
    assert ids == {"secret.needed": "info", "storage.one-node-at-a-time": "warning"}


def test_a_download_needs_a_claim_that_can_be_written() -> None:
    """The Job cannot fill a claim that is read-only."""
    assert "storage.read-only-download" in found(storage={**CLAIM, "access_mode": "ReadOnlyMany"})
    assert "storage.read-only-download" not in found(
        storage={**CLAIM, "access_mode": "ReadOnlyMany", "download": "never"}
    )


def test_a_new_claim_that_nothing_fills_is_pointed_out() -> None:
    """A size makes a new claim; without the download Job it stays empty and the group finds no model."""
    assert "storage.download" in found(storage={**CLAIM, "download": "never"})["storage.claim-stays-empty"].path
    assert "storage.claim-stays-empty" not in found(storage={"claim": "models", "download": "never"})


def test_two_claims_are_refused() -> None:
    """A model in one claim and storage for another: one of them would silently be ignored."""
    assert found(model={"source": "pvc://other/llama"})["storage.two-claims"].severity == "error"


def test_a_size_without_a_claim_is_pointed_out() -> None:
    """What storage asks for would not be rendered."""
    assert "storage.claim-without-name" in found(storage={"size": GIB})


@pytest.mark.requirement("R073")
@pytest.mark.parametrize("value", ["%STORAGECLASS%", "<your class>", "${CLASS}"])
def test_placeholders_of_guides_are_found(value: str) -> None:
    """A storage class that was never filled in stops rendering."""
    assert found(storage={**CLAIM, "storage_class": value})["storage.placeholder"].value == value


@pytest.mark.requirement("R135")
def test_shared_memory_must_leave_room() -> None:
    """/dev/shm counts against the pod's memory."""
    finding = found(pods={"memory": 16 * GIB, "shared_memory": 16 * GIB})["pods.shared-memory"]
    assert "16.00 GiB" in finding.message
    assert "pods.shared-memory" not in found(pods={"memory": 64 * GIB, "shared_memory": 16 * GIB})


@pytest.mark.requirement("R124")
@pytest.mark.parametrize("change", [{"network": {"debug": True}}, {"engine": {"env": {"NCCL_DEBUG": "INFO"}}}])
def test_debugging_left_on_is_pointed_out(change: dict[str, Any]) -> None:
    """The collective library's log is for finding a fault."""
    assert found(**change)["network.debug"].severity == "warning"
