"""A state folder for each test, which must be left as it was found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from stories import Home, demand_clean, traces

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A user with an installed engine; after the test no process, link or shared memory of theirs is left."""
    made = Home(tmp_path / "state")
    before = traces(made)
    yield made
    demand_clean(made, before)
