"""A connection that is closed while another thread is about to ask."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from shardwright import errors
from shardwright.kubernetes.client import Client, Place, connect
from shardwright.kubernetes.client.refusals import Asked

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CONFIG = '{"current-context": "a", "clusters": [{"name": "a", "cluster": {"server": "http://127.0.0.1:1"}}], "contexts": [{"name": "a", "context": {"cluster": "a"}}]}'


def stream(client: Client) -> None:
    """As a log is followed."""
    with client.stream("/api", asked=Asked("get", "/api")):
        pytest.fail("nobody answers there")


def once(client: Client) -> None:
    """As an object is read."""
    client.tree("get", "/api")


@pytest.mark.parametrize("ask", [stream, once])
def test_a_thread_that_comes_too_late_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ask: Callable[[Client], None]
) -> None:
    """Closed between its look and its request: an error of ours, which ends its work, and no traceback of a thread."""
    (tmp_path / "config").write_text(CONFIG, "utf-8")
    with connect(Place(kubeconfig=str(tmp_path / "config"))) as client:
        client.http.close()
        looks = itertools.chain([False], itertools.repeat(client.http.is_closed))
        monkeypatch.setattr(type(client.http), "is_closed", property(lambda _: next(looks)))
        with pytest.raises(errors.TargetError, match="the connection was closed"):
            ask(client)
