"""Commands on a real API server while the way to it fails: nothing is lost, nothing is left, nothing is done twice."""

from __future__ import annotations

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import fault_runs
import fault_truths
import pytest
import stamina
from fault_runs import User
from fault_truths import Truth

from shardwright.kubernetes.client import Place
from shardwright.kubernetes.live import leases
from shardwright.testing.cluster import fault_proxy
from shardwright.testing.cluster.faults import CALM, Storm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.testing.cluster.fault_proxy import Proxy
    from shardwright.testing.cluster.fixtures import Clusters

RESULTS = Path(__file__).parents[2] / "docs" / "reference" / "soak" / "faults.ndjson"
SEEDS = range(25)
GIVEN_UP = range(100, 108)
MANY = range(1000, 2000)
SHARE = 20
"""Runs of one test of the many."""
IS_KEPT = os.environ.get("SHARDWRIGHT_SOAK_RESULTS") == "1"
LEASE_SECONDS = 1
REQUEST_TRIES = 4
WIDTH = 4
"""Runs side by side: they wait more than they compute."""


@pytest.fixture(scope="module")
def proxy(clusters: Clusters) -> Iterator[Proxy]:
    with fault_proxy.running(clusters.api().plane) as running:
        yield running


@pytest.fixture(scope="module")
def namespace(clusters: Clusters) -> Iterator[str]:
    with clusters.api().namespace("faults") as name:
        yield name


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is waited for between two tries of a request, and for a lease that nobody released, is not tried here."""
    monkeypatch.setattr(leases, "DURATION_SECONDS", LEASE_SECONDS)
    with stamina.set_testing(True, attempts=REQUEST_TRIES, cap=True):
        yield


def check(proxy: Proxy, seed: int, namespace: str, folder: Path) -> fault_runs.Outcome:
    """One run; the assertion shows the seed and what must not be."""
    outcome = fault_runs.run(proxy, seed, namespace, folder)
    assert not outcome.wrong, outcome.line()
    return outcome


@pytest.mark.parametrize("seed", SEEDS)
def test_commands_in_a_storm(proxy: Proxy, namespace: str, tmp_path: Path, seed: int) -> None:
    """Apply, rollback, delete, each repeated until it is done; the server is looked at after every try."""
    check(proxy, seed, namespace, tmp_path)


@pytest.mark.parametrize("seed", GIVEN_UP)
def test_commands_that_are_given_up(proxy: Proxy, namespace: str, tmp_path: Path, seed: int) -> None:
    """What a failed command left is no trouble for another one: what is there then is what the history says."""
    outcome = fault_runs.run(proxy, seed, namespace, tmp_path, gives_up=True)
    assert not outcome.wrong, outcome.line()


@pytest.mark.parametrize("seed", [1, 2])
def test_three_people_at_once(proxy: Proxy, namespace: str, tmp_path: Path, seed: int) -> None:
    """In a storm: each revision is of one of them, no two share a number, and what is there is what the last one says."""
    name, place = (
        f"crowd-{seed}",
        Place(kubeconfig=str(proxy.write_kubeconfig(tmp_path / "config")), namespace=namespace),
    )
    proxy.storm, proxy.page = Storm(seed=seed, share=0.25), None

    def insist(recipe: str) -> list[int]:
        user, made = User(f"apply {recipe}", name, place, proxy), list[int]()
        for _ in range(6):
            tried = user.try_once()
            made += tried.reported
            assert tried.error is None or tried.error.hint, tried.error
        return made

    with ThreadPoolExecutor(3) as pool:
        made = [number for numbers in pool.map(insist, ["plain", "zone", "closed"]) for number in numbers]
    assert made
    assert len(made) == len(set(made))
    proxy.storm = CALM
    time.sleep(2 * LEASE_SECONDS)
    last = User("apply claim", name, place, proxy).try_once()
    with proxy.plane.api() as api:
        look = Truth(api, namespace, name).look()
    assert fault_truths.wrong_when_done(look, last) == []
    assert (last.error, look.newest > max(made)) == (None, True)


@pytest.mark.soak
@pytest.mark.parametrize("first", MANY[::SHARE])
def test_many_storms(clusters: Clusters, namespace: str, tmp_path: Path, first: int) -> None:
    """The same a thousand times. SHARDWRIGHT_SOAK_RESULTS=1 keeps a line of each run, and goes on where it stopped."""
    lines = RESULTS.read_text("utf-8").splitlines() if IS_KEPT and RESULTS.exists() else []
    known = {json.loads(line)["seed"] for line in lines}
    missing = [seed for seed in range(first, first + SHARE) if seed not in known]
    if not missing:
        pytest.skip(f"seeds {first} to {first + SHARE - 1} stand in {RESULTS.name}")

    def run(seed: int) -> fault_runs.Outcome:
        with fault_proxy.running(clusters.api().plane) as proxy:
            return fault_runs.run(proxy, seed, namespace, tmp_path)

    with ThreadPoolExecutor(WIDTH) as pool:
        outcomes = list(pool.map(run, missing))
    if IS_KEPT:
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        with RESULTS.open("a", encoding="utf-8") as kept:
            kept.writelines(f"{outcome.line()}\n" for outcome in outcomes if not outcome.wrong)
    assert [outcome.line() for outcome in outcomes if outcome.wrong] == []
