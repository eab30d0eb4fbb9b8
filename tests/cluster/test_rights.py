"""Rights on a real API server: an account with just the Roles that are printed does everything, and uses all of them."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import pytest
import rights_stage
from rights_stage import NAME, Account, Right

from shardwright.kubernetes.live import leases

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shardwright.testing.cluster.clusters import Running
    from shardwright.testing.cluster.fixtures import Clusters

_ONE_NODE = ("hardware.nodes=1", "parallelism.pipeline=1", "hardware.gpu=L40S")
TARGETS = {
    "lws": ("lws", ("target.version=0.8.0",)),
    "kubernetes": ("deploy", _ONE_NODE),
    "kuberay": (
        "raycluster",
        ("target.version=1.5.1", "engine.executor=ray", "engine.image=rayproject/ray-llm:2.52.0"),
    ),
    "llmisvc": ("llmisvc", ("target.version=0.20.0",)),
    "kserve": ("isvc", ("target.version=0.20.0",)),
}
"""Short name of the object that serves, and what the example needs there."""
WHERE_PODS_RUN = {
    ("get", "pods/log"),
    *((verb, "services/proxy") for verb in ("get", "create")),
    *((verb, f"pods/{what}") for verb in ("get", "create") for what in ("exec", "portforward")),
}
"""Rights that only a running pod makes a command use: tests/cluster/test_rights_in_pods.py has one."""
LESS_WITHOUT = {
    "events",
    "services",
    "services/proxy",
    "pods/log",
    "pods/exec",
    "pods/portforward",
    "clusterpolicies.nvidia.com",
}
"""Without these a command goes on, and says less or finds another way."""


@pytest.fixture(scope="module")
def cluster(clusters: Clusters) -> Iterator[Running]:
    running = clusters.api("lws", "kuberay", "kserve", "llmisvc")
    with running.api() as api, rights_stage.gpu_policies(api):
        yield running


@pytest.fixture
def account(cluster: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    # So that a lease is renewed within a command of two seconds.
    monkeypatch.setattr(leases, "DURATION_SECONDS", 1)
    with rights_stage.account(cluster, tmp_path) as made:
        yield made


def recipe(account: Account, target: str, *more: str) -> tuple[str, ...]:
    sets = (f"metadata.namespace={account.namespace}", f"target.kind={target}", *TARGETS[target][1], *more)
    example = str(rights_stage.EXAMPLES / "llama-3-8b-two-nodes.yaml")
    return ("-f", example, *(part for each in sets for part in ("--set", each)))


def commands(account: Account, target: str) -> Iterator[tuple[tuple[str, ...], set[int]]]:
    """A deployment's life, and the exit codes that are right where its pods never run."""
    here, changed = ("-n", account.namespace), recipe(account, target, "engine.env={TZ: UTC}")
    yield ("apply", *recipe(account, target), "-y", "--no-wait", "--skip-check"), {0}
    yield ("apply", *recipe(account, target), "-y", "--no-wait", "--skip-check"), {0}
    yield ("diff", *changed), {5}
    yield ("apply", *changed, "-y", "--timeout", "2", "--skip-check", "--recreate"), {124}
    yield ("history", NAME, *here), {0}
    yield ("status", NAME, *here, "--gpu"), {0}
    yield ("status", *here), {0}
    yield ("logs", NAME, *here), {0}
    yield ("check", f"{TARGETS[target][0]}/{NAME}", *here), {0, 4}
    yield ("rollback", NAME, *here, "-y", "--to", "1", "--no-wait", "--recreate"), {0}
    yield ("chat", NAME, "Hello", *here), {1}
    yield ("delete", NAME, *here, "-y", "--with-claims"), {0}


def live(account: Account, target: str) -> list[str]:
    """Run all of them; what went wrong."""
    with rights_stage.nodes(account.api):
        result = account.run("check", *recipe(account, target), "-o", "json")
        told = [f"{each['message']}: {each['fix']}" for each in json.loads(result.stdout)]
    wrong = [f"check: {each}" for each in told if "not allowed" in each]
    with rights_stage.brought(account.api, account.namespace), rights_stage.volume(account.api, account.namespace):
        for arguments, codes in commands(account, target):
            result = account.run(*arguments)
            said = f"{result.output[-300:]} {result.exception}"
            if result.exit_code not in codes or "not allowed" in said:
                wrong.append(f"{arguments[0]}: {result.exit_code}: {said}")
    return wrong


@pytest.mark.requirement("R120")
@pytest.mark.requirement("R121")
@pytest.mark.parametrize("target", TARGETS)
def test_an_account_does_everything_with_just_what_is_printed(account: Account, target: str) -> None:
    """No command is refused anything, and each right that is printed was used."""
    objects = rights_stage.printed(account, *recipe(account, target))
    account.give(objects)
    account.forget()
    assert live(account, target) == []
    given, needed = rights_stage.rights_of(objects), rights_stage.used(account.proxy.requests)
    assert needed - given == set()
    assert {each[:2] for each in given - needed} <= WHERE_PODS_RUN


@pytest.mark.parametrize("seed", range(4))
def test_each_right_is_missed(account: Account, seed: int) -> None:
    """Without one of them some command is refused, and says which verb on what, and how to have a Role printed."""
    objects = rights_stage.printed(account, *recipe(account, "kubernetes"))
    given = sorted({each[:2] for each in rights_stage.rights_of(objects) if each[1] not in LESS_WITHOUT})
    verb, resource = random.Random(seed).choice(given)  # noqa: S311 - which one is no secret
    account.give(rights_stage.without(objects, verb, resource))
    wrong = "\n".join(live(account, "kubernetes"))
    assert f"{verb} {resource}" in wrong
    assert "--print-rbac" in wrong


def test_a_command_without_rights_says_what_it_needs(account: Account) -> None:
    """The verb, what it is for, and the command that prints a Role."""
    told = {
        arguments[0]: f"{result.output}{result.exception}"
        for arguments, _ in commands(account, "lws")
        for result in [account.run(*arguments)]
    }
    for command, text in told.items():
        assert "not allowed: " in text, (command, text)
        assert "--print-rbac" in text, (command, text)


def test_what_is_not_asked_for_is_not_printed(account: Account) -> None:
    """No wildcard; Secrets by name and for reading only, pods to be made and Secrets to be written only when asked for."""
    plain = recipe(account, "lws")
    rules = [rule for body in rights_stage.printed(account, *plain) for rule in body.get("rules", ())]
    assert not any("*" in rule[part] for rule in rules for part in ("apiGroups", "resources", "verbs"))
    (secrets,) = (rule for rule in rules if "secrets" in rule["resources"])
    assert (secrets["verbs"], secrets["resourceNames"]) == (["get"], ["hf-token"])
    first = rights_stage.rights_of(rights_stage.printed(account, *plain))
    place = account.namespace

    def more(*options: str) -> set[Right]:
        return rights_stage.rights_of(rights_stage.printed(account, *plain, *options)) - first

    assert more("--probe") == {("create", "pods", place), ("delete", "pods", place)}
    assert more("--with-secrets") == {(verb, "secrets", place) for verb in ("create", "patch", "delete")}
    assert more("--create-namespace") == {("create", "namespaces", ""), ("patch", "namespaces", "")}
