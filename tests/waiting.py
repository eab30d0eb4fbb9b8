"""Waiting for what is on its way, in tests of every kind."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["wait_for"]


def wait_for(
    condition: Callable[[], object], timeout_seconds: float = 10, told: Callable[[], object] | None = None
) -> None:
    """Until the condition holds; AssertionError, with what is told of it, if it does not in time."""
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, told() if told else f"it did not happen within {timeout_seconds} s"
        time.sleep(0.02)
