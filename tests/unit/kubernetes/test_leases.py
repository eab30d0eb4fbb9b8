"""What is decided about a lease that somebody has."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from shardwright.kubernetes.live import leases
from shardwright.kubernetes.live.leases import Hold, Seen

NOW = dt.datetime(2026, 1, 1, 12, 0, tzinfo=dt.UTC)
MINE = Hold("ada@desk (process 1)", "2026-01-01T12:00:00.000000Z")


def lease(renewed: dt.timedelta, holder: str = "bob@desk (process 2)") -> dict[str, Any]:
    """A Lease that was renewed so long before now, by its holder's clock."""
    at = (NOW - renewed).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return leases.body_of("llama", "demo", holder, at)


def decided(current: dict[str, Any] | None, seen: Seen, wait_seconds: float = 0) -> str:
    return leases.decide(current, MINE, seen, wait_seconds, NOW)


def seen(waited: float = 0, unchanged: float = 0, *, is_changing: bool = False) -> Seen:
    return Seen(waited, unchanged, is_changing)


def test_a_free_lease_is_taken() -> None:
    """None there, or nobody in it."""
    assert decided(None, seen()) == "take"
    assert decided(lease(dt.timedelta(0), holder=""), seen()) == "take"


def test_a_holder_that_renews_is_respected() -> None:
    """At once where nobody wants to wait, else after the wait."""
    current = lease(dt.timedelta(seconds=5))
    assert decided(current, seen()) == "refuse"
    assert decided(current, seen(waited=3), wait_seconds=10) == "wait"
    assert decided(current, seen(waited=11), wait_seconds=10) == "refuse"


@pytest.mark.parametrize("skew", [dt.timedelta(hours=1), dt.timedelta(hours=-1)])
def test_a_clock_that_differs_decides_nothing(skew: dt.timedelta) -> None:
    """Behind or ahead: it is watched as long as it lasts; one that changes has a holder, one that does not has none."""
    assert decided(lease(skew), seen()) == "wait"
    assert decided(lease(skew), seen(waited=4, is_changing=True)) == "refuse"
    assert decided(lease(skew), seen(waited=31, unchanged=31)) == "take"


def test_what_a_lost_answer_took_is_ours() -> None:
    """The same moment of the same holder; another process of the same name has another one."""
    own = leases.body_of("llama", "demo", MINE.holder, MINE.at)
    assert decided(own, seen()) == "mine"
    other = leases.body_of("llama", "demo", MINE.holder, "2026-01-01T11:59:59.000000Z")
    assert decided(other, seen()) == "refuse"
