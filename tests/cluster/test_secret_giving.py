"""Secrets from environment variables on a real API server: written at an apply, shown nowhere, gone with the deployment."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest
import rights_stage
from rights_stage import NAME, Account

from shardwright.core.lifecycle import revision as revisions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result

    from shardwright.testing.cluster.fixtures import Clusters

VALUE, OTHER = "hf_TheValueThatNobodyMaySee", "hf_AnotherThatNobodyMaySee"
GIVEN = ("--secret-from-env", "hf-token:token=MY_TOKEN")
SETS = ("target.kind=kubernetes", "hardware.nodes=1", "parallelism.pipeline=1", "hardware.gpu=L40S")
KINDS = (
    *("/api/v1/{}/configmaps", "/api/v1/{}/services", "/api/v1/{}/persistentvolumeclaims", "/api/v1/{}/events"),
    *("/api/v1/{}/pods", "/apis/apps/v1/{}/deployments", "/apis/batch/v1/{}/jobs"),
    "/apis/coordination.k8s.io/v1/{}/leases",
)


@pytest.fixture
def account(clusters: Clusters, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """Somebody with the Roles that `--with-secrets` prints, in a namespace without the Secret."""
    monkeypatch.setenv("MY_TOKEN", VALUE)
    with rights_stage.account(clusters.api(), tmp_path) as made:
        made.give(rights_stage.printed(made, *recipe(made), "--with-secrets"))
        made.api.delete(path_of(made))
        yield made


def recipe(account: Account, *more: str) -> tuple[str, ...]:
    sets = (f"metadata.namespace={account.namespace}", *SETS, *more)
    example = str(rights_stage.EXAMPLES / "llama-3-8b-two-nodes.yaml")
    return ("-f", example, *(part for each in sets for part in ("--set", each)))


def path_of(account: Account) -> str:
    return f"/api/v1/namespaces/{account.namespace}/secrets/hf-token"


def told(result: Result) -> str:
    return f"{result.output}{result.stderr}{result.exception or ''}{result.exception!r}"


def applied(account: Account, *more: str) -> Result:
    with rights_stage.brought(account.api, account.namespace):
        return account.run("apply", *recipe(account), "-y", "--no-wait", "--skip-check", *more)


def value_of(account: Account) -> str:
    return base64.b64decode(account.api.get(path_of(account))["data"]["token"]).decode()


def kept(account: Account) -> str:
    """Everything that is in the namespace but the Secret, the revisions as they are inside."""
    found = [account.api.items(kind.format(f"namespaces/{account.namespace}")) for kind in KINDS]
    inside = [revisions.decode(body["data"]["revision"]) for body in found[0] if "revision" in body.get("data", {})]
    assert inside
    return json.dumps(found) + repr(inside)


def test_a_secret_is_made_and_its_value_is_nowhere_else(account: Account) -> None:
    """Not in what is printed, nor in any other object: revisions, events, annotations; and it goes with the deployment."""
    here = ("-n", account.namespace)
    said = [applied(account, *GIVEN)]
    assert said[0].exit_code == 0, told(said[0])
    assert "key token, from the environment variable MY_TOKEN" in said[0].output
    assert value_of(account) == VALUE
    metadata = account.api.get(path_of(account))["metadata"]
    assert metadata["labels"]["app.kubernetes.io/instance"] == NAME
    assert "annotations" not in metadata
    said.append(account.run("diff", *recipe(account, "engine.env={TZ: UTC}")))
    said += [account.run("history", NAME, *here, *more) for more in ((), ("-o", "json"), ("--revision", "1"))]
    said += [account.run("status", NAME, *here, "-o", form) for form in ("json", "wide")]
    everything = kept(account)
    said.append(account.run("delete", NAME, *here, "-y"))
    assert f"deleted Secret {account.namespace}/hf-token" in told(said[-1])
    assert not account.api.has(path_of(account))
    for text in (everything, *map(told, said)):
        assert VALUE not in text
        assert base64.b64encode(VALUE.encode()).decode() not in text


def test_a_value_that_changed_is_written_though_nothing_else_changes(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No new revision; another key of the same Secret stays."""
    assert applied(account, *GIVEN).exit_code == 0
    monkeypatch.setenv("MY_TOKEN", OTHER)
    result = applied(account, *GIVEN)
    assert "nothing changes" in told(result)
    assert value_of(account) == OTHER
    assert len(json.loads(account.run("history", NAME, "-n", account.namespace, "-o", "json").stdout)) == 1


@pytest.mark.parametrize(
    "labels", [{}, {"app.kubernetes.io/managed-by": "shardwright", "app.kubernetes.io/instance": "other"}]
)
def test_a_secret_of_somebody_else_is_left_alone(account: Account, labels: dict[str, str]) -> None:
    """Refused before anything is written, also where another deployment made it; `delete` leaves it too."""
    metadata = {"name": "hf-token", "namespace": account.namespace, "labels": labels}
    account.api.create({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"token": "theirs"}})
    result = applied(account, *GIVEN)
    assert result.exit_code == 1
    assert "is there already and is not this deployment's" in told(result)
    assert VALUE not in told(result)
    assert value_of(account) == "theirs"
    assert applied(account).exit_code == 0
    account.run("delete", NAME, "-n", account.namespace, "-y")
    assert value_of(account) == "theirs"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("hf-token:token=NOT_SET", "the environment variable NOT_SET is not set, or is empty"),
        ("hf-token:token=EMPTY", "the environment variable EMPTY is not set, or is empty"),
        (f"hf-token:token={VALUE}", "the variable is not set, or is empty"),
        (VALUE, "not of the form NAME:KEY=VARIABLE"),
        ("hf-token:other=MY_TOKEN", "it refers to: hf-token:token"),
    ],
)
def test_what_cannot_be_given_is_an_error_without_the_value(
    account: Account, monkeypatch: pytest.MonkeyPatch, given: str, said: str
) -> None:
    """A variable that is missing or empty, a value in a variable's place, a key that the recipe does not name."""
    monkeypatch.setenv("EMPTY", "")
    result = applied(account, "--secret-from-env", given)
    assert result.exit_code != 0
    assert said in told(result)
    assert VALUE not in told(result)
    assert not account.api.has(path_of(account))


def test_the_right_that_is_missing_is_named(account: Account) -> None:
    """With the Roles that are printed without `--with-secrets`; nothing is made."""
    account.give(rights_stage.printed(account, *recipe(account)))
    result = applied(account, *GIVEN)
    assert "not allowed: patch secrets" in told(result)
    assert "--print-rbac" in told(result)
    assert VALUE not in told(result)


def test_a_secret_that_is_given_is_not_missed(account: Account) -> None:
    """The preflight of an apply fails for a Secret that is not there, but not for one that the apply brings."""
    missed, brought = (
        told(account.run("apply", *recipe(account), "--dry-run", "server", *more)) for more in ((), GIVEN)
    )
    assert "FAIL secret: there is no Secret hf-token" in missed
    assert "FAIL secret" not in brought
    assert "not allowed" not in brought
