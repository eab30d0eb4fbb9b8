"""Kill any process of a group at any moment: nothing is left behind, and who went first is named."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import kills
import pytest

if TYPE_CHECKING:
    from stories import Home

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(240)]

RESULTS = Path(__file__).parents[2] / "docs" / "reference" / "soak" / "kills.ndjson"
SEEDS = (0, 2, 4, 7, 10)
"""With warm caches: the supervisor, a host, the guard, the core and a rank."""
IS_KEPT = os.environ.get("SHARDWRIGHT_SOAK_RESULTS") == "1"


def check(home: Home, folder: Path, seed: int) -> kills.Outcome:
    """One run; the assertion shows the seed, the moment and the victim."""
    outcome = kills.run(home, kills.draw(seed), folder)
    assert (outcome.leftovers, outcome.named) == ([], True), outcome.line()
    return outcome


@pytest.mark.parametrize("seed", SEEDS)
def test_a_kill_leaves_nothing_and_is_named(home: Home, tmp_path: Path, seed: int) -> None:
    """Supervisor, guard, loader, host, launcher, core or rank; while it starts or serves; applied or rehearsed."""
    check(home, tmp_path, seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 120))
def test_many_kills(home: Home, tmp_path: Path, seed: int) -> None:
    """The same twenty times. SHARDWRIGHT_SOAK_RESULTS=1 keeps a line of each run, and goes on where it stopped."""
    if not IS_KEPT:
        check(home, tmp_path, seed)
        return
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    lines = RESULTS.read_text("utf-8").splitlines() if RESULTS.exists() else []
    if seed in {json.loads(line)["seed"] for line in lines}:
        pytest.skip(f"seed {seed} stands in {RESULTS.name}")
    outcome = check(home, tmp_path, seed)
    with RESULTS.open("a", encoding="utf-8") as kept:
        kept.write(outcome.line() + "\n")
