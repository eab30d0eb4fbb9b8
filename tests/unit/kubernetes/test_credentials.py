"""Credentials that a plug-in of the kubeconfig was to bring."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from shardwright import errors
from shardwright.kubernetes.client import Place, connect

if TYPE_CHECKING:
    from pathlib import Path


def asked(folder: Path, command: str, *arguments: str, **more: str) -> None:
    """Ask a server that is not reached: the plug-in comes first."""
    plugin: dict[str, Any] = {"apiVersion": "client.authentication.k8s.io/v1", "command": command, **more}
    config = {
        "current-context": "prod",
        "clusters": [{"name": "prod", "cluster": {"server": "http://127.0.0.1:1"}}],
        "users": [{"name": "ada", "user": {"exec": plugin | {"args": list(arguments), "interactiveMode": "Never"}}}],
        "contexts": [{"name": "prod", "context": {"cluster": "prod", "user": "ada"}}],
    }
    place = folder / "config"
    place.write_text(json.dumps(config), "utf-8")
    with connect(Place(kubeconfig=str(place))) as client:
        client.tree("get", "/api")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("no-such-plugin",), "no-such-plugin cannot be used: No such file"),
        (("sh", "-c", "echo log in first >&2; exit 3"), "sh returned 3: log in first"),
        (("echo", "no JSON"), "holds no token"),
        (("echo", '{"status": {}}'), "holds no token"),
    ],
)
def test_a_plugin_that_brings_nothing_is_told(tmp_path: Path, command: tuple[str, ...], said: str) -> None:
    """Which context, what went wrong, and what to do; it is no fault of this program."""
    with pytest.raises(errors.AccessError, match=said) as refused:
        asked(tmp_path, *command)
    assert "context 'prod'" in refused.value.message
    assert refused.value.hint


def test_what_a_plugin_prints_is_not_shown(tmp_path: Path) -> None:
    """It may be a token, in a form that is not understood."""
    with pytest.raises(errors.AccessError) as refused:
        asked(tmp_path, "echo", "hf_secret")
    assert "hf_secret" not in f"{refused.value.message} {refused.value.hint}"


def test_who_wrote_the_kubeconfig_says_how_the_plugin_is_installed(tmp_path: Path) -> None:
    """Its installHint, on one line."""
    with pytest.raises(errors.AccessError) as refused:
        asked(tmp_path, "no-such-plugin", installHint="Install it:\n\n  brew install no-such-plugin\n")
    assert refused.value.hint == "Install it: brew install no-such-plugin"
