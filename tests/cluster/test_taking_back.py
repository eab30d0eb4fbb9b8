"""Updates on two real nodes that do not serve: taken back when asked, held by readiness gates, and proven after a rollback.

The engine is a stand-in that logs and answers as vLLM does (`stand_in`); everything around it is real.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import stand_in
import yaml

from shardwright import errors
from shardwright.cli import updating, waiting
from shardwright.cli.updating import Manner
from shardwright.core.lifecycle.snapshot import state_of
from shardwright.kubernetes.client import Client, Place, Ref, connect
from shardwright.kubernetes.live import overview
from shardwright.service import listing, past, recipes, rollout, seeing
from shardwright.service.rollout import Options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.lifecycle.revision import Revision
    from shardwright.testing.cluster.clusters import Running
    from shardwright.testing.cluster.fixtures import Clusters

SHARDWRIGHT = str(Path(sys.executable).with_name("shardwright"))
SECONDS = 120.0
BOUNDLESS = Options(force=True)
ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "explanation" / "updates.md"
EXAMPLE = ROOT / "examples" / "llama-3-8b-two-nodes.yaml"
GATE = "example.com/weights-checked"
NONSENSE = "!!!!!!!!!!"


@pytest.fixture(scope="module")
def cluster(clusters: Clusters) -> Running:
    return clusters.nodes("lws")


@pytest.fixture
def client(cluster: Running) -> Iterator[Client]:
    with cluster.namespace() as namespace, connect(Place(str(cluster.kubeconfig), "", namespace)) as connected:
        yield connected


def updated(client: Client, wanted: Revision, *, seconds: float = SECONDS, goes_back: bool = True) -> None:
    """As `apply -y --rollback-on-failure` does it."""
    allowed = Options(force=True)
    prepared = rollout.prepare_again(wanted, client.namespace, stand_in.NAME, client, allowed)
    manner = Manner(question="apply", yes=True, is_followed=True, seconds=seconds, goes_back=goes_back)
    updating.update(client, prepared, allowed, manner)


def wanted(client: Client, cache: Path, **environment: str) -> Revision:
    return stand_in.wanted(stand_in.planned(client.namespace), cache, **environment)


def outcomes(client: Client) -> list[tuple[int, str]]:
    return [(each.number, each.outcome) for each in past.history(client, client.namespace, stand_in.NAME)]


def run(client: Client, cluster: Running, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [SHARDWRIGHT, *arguments, "-n", client.namespace, "--kubeconfig", str(cluster.kubeconfig)]
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)


def test_what_does_not_serve_is_taken_back(
    client: Client, cluster: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nonsense in its answer, or not ready in time: the last that served answers again, and the history tells both."""
    updated(client, wanted(client, tmp_path))
    with pytest.raises(errors.TargetError, match=r"completion.*rolled back: revision 1 serves again"):
        updated(client, wanted(client, tmp_path, WORDS=NONSENSE))
    assert outcomes(client) == [(1, "ready"), (2, "failed"), (3, "ready")]
    failed, back = past.history(client, client.namespace, stand_in.NAME)[1:]
    assert "completion" in failed.message
    assert (back.message, back.copy_of) == ("back to revision 1: revision 2 failed", 1)
    assert "Mount Everest" in capsys.readouterr().err.rpartition("rolling back to revision 1")[2]
    with pytest.raises(errors.TargetError, match=r"after 3 s.*rolled back: revision 3 serves again"):
        updated(client, wanted(client, tmp_path, STEP="30"), seconds=3)
    # A rollback is proven as an apply is, and repeats by which options the cluster was meant.
    bad = run(client, cluster, "rollback", stand_in.NAME, "--to", "2", "-y")
    assert (bad.returncode, "completion" in bad.stderr) == (1, True)
    good = run(client, cluster, "rollback", stand_in.NAME, "--to", "1", "-y")
    assert good.returncode == 0, good.stderr
    assert "proof: completion: pass" in good.stderr
    assert f"port-forward llama -n {client.namespace} --kubeconfig {cluster.kubeconfig}" in good.stdout
    assert outcomes(client)[-2:] == [(6, "failed"), (7, "ready")]


def test_without_an_earlier_one_that_served_it_is_left(client: Client, tmp_path: Path) -> None:
    """There is nowhere to go back to: said, and left for whoever looks."""
    with pytest.raises(errors.TargetError, match="no earlier revision served, so it is left as it is"):
        updated(client, wanted(client, tmp_path, WORDS=NONSENSE))
    assert outcomes(client) == [(1, "failed")]
    with pytest.raises(errors.TargetError, match="none of this command, so nothing is rolled back"):
        updated(client, wanted(client, tmp_path, WORDS=NONSENSE))


def lose_a_worker(client: Client) -> None:
    """Once it is ready, and while it is asked: its worker is gone, and LeaderWorkerSet makes the group anew."""
    subject, deadline = seeing.find(client, client.namespace, stand_in.NAME), time.monotonic() + SECONDS
    while state_of(seeing.look(client, subject)) != "ready" and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(1)
    client.delete(Ref("v1", "Pod", f"{stand_in.NAME}-0-1", client.namespace), propagation="Background")


def test_members_that_are_replaced_while_it_is_asked_prove_nothing(
    client: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They did answer, and are gone: it is ready when those that took their place were proven too."""
    slow = wanted(client, tmp_path, DELAY="4")
    list(
        rollout.carry_out(
            rollout.prepare_again(slow, client.namespace, stand_in.NAME, client, BOUNDLESS), client, BOUNDLESS
        )
    )
    losing = threading.Thread(target=lose_a_worker, args=(client,))
    losing.start()
    assert waiting.wait(client, client.namespace, stand_in.NAME, seconds=SECONDS).outcome == "ready"
    losing.join()
    told = capsys.readouterr().err
    assert "proof: same members: fail: replaced or started again while it was asked: " in told
    assert f"worker {stand_in.NAME}-0-1" in told
    assert "not ready yet: its members are replaced" in told
    assert told.count("proof: completion: pass") == told.count("proof: members: pass") == 2


def gated(client: Client, cache: Path) -> Revision:
    """The revision with the patch that docs/explanation/updates.md shows, word for word."""
    shown = DOCUMENT.read_text("utf-8").partition("## Readiness gates")[2]
    block = "\n".join(line for line in shown.splitlines() if line.startswith("    "))
    target = json.dumps(yaml.safe_load(block)["target"] | {"version": "0.8"})
    (loaded,) = recipes.load_recipes([str(EXAMPLE)], [f"target={target}"])
    plan = stand_in.planned(client.namespace)
    return stand_in.wanted(
        dataclasses.replace(plan, recipe=dataclasses.replace(plan.recipe, target=loaded.recipe.target)), cache
    )


def open_gates(client: Client) -> None:
    """What a controller outside says of the pods."""
    for member in seeing.look(client, seeing.find(client, client.namespace, stand_in.NAME)).members:
        path = f"/api/v1/namespaces/{client.namespace}/pods/{member.name}/status"
        body = {"status": {"conditions": [{"type": GATE, "status": "True"}]}}
        headers = {"Content-Type": "application/strategic-merge-patch+json"}
        client.http.patch(path, headers=headers, json=body).raise_for_status()


def test_a_group_is_ready_only_when_its_gates_hold(
    client: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Containers answer, and it still does not serve: the gate is named, in status, in lists and by --wait."""
    with pytest.raises(Exception, match="124"):
        updated(client, gated(client, tmp_path), seconds=20, goes_back=False)
    told = capsys.readouterr().err
    assert f"readiness gate: {GATE}: nobody has set it" in told
    assert f"is starting after 20 s: llama-0: readiness gate: {GATE}" in told
    found = seeing.status(client, client.namespace, stand_in.NAME)
    assert (found["state"], found["members"][0]["reason"]) == ("starting", "readiness gate")
    assert [each["state"] for each in listing.statuses(client, client.namespace)] == ["starting"]
    opening = threading.Timer(3, open_gates, (client,))
    opening.start()
    began = time.monotonic()
    assert waiting.wait(client, client.namespace, stand_in.NAME, seconds=SECONDS).outcome == "ready"
    assert time.monotonic() - began > 3
    opening.join()
    assert [each.snapshot is not None for each in overview.all_of(client, client.namespace)] == [True]
    assert [each["state"] for each in listing.statuses(client, client.namespace)] == ["ready"]
