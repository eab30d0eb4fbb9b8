"""Namespaces and lists, as far as no cluster has to answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from click.testing import CliRunner

from shardwright.cli import status_view
from shardwright.cli.main import cli

if TYPE_CHECKING:
    from click.testing import Result

EXAMPLE = Path(__file__).parents[3] / "examples" / "llama-3-8b-two-nodes.yaml"
HEAVY = ("httpx2", "lightkube", "msgspec", "stamina")
CLUSTER = {
    "where": "cluster", "context": "prod", "namespace": "team", "name": "llama", "target": "lws", "state": "ready",
    "ready": "1/1", "layout": "TP1 x PP2", "revision": 3,
}  # fmt: skip
MACHINE = CLUSTER | {
    "where": "machine",
    "context": None,
    "target": "local",
    "hosts": [1, 2],
    "url": "http://10.0.0.1:80",
}


@pytest.fixture(autouse=True)
def kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cluster that nobody reaches, its context with a namespace; nothing runs on this machine."""
    whole = {
        "current-context": "prod",
        "clusters": [{"name": "prod", "cluster": {"server": "http://127.0.0.1:1"}}],
        "contexts": [{"name": "prod", "context": {"cluster": "prod", "namespace": "team"}}],
    }
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(whole), "utf-8")
    monkeypatch.setenv("KUBECONFIG", str(path))
    monkeypatch.setenv("SHARDWRIGHT_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return path


def call(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def unnamed(folder: Path) -> str:
    """The example without its namespace."""
    path = folder / "recipe.yaml"
    path.write_text(EXAMPLE.read_text("utf-8").replace(", namespace: demo", ""), "utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("status", "-A", "-n", "demo"), "leave out -A, or -n demo"),
        (("status", "llama", "-A"), "leave out -A, or llama"),
        (("history", "lws/llama"), "write llama"),
        (("rollback", "lws/llama", "-y"), "write llama"),
        (("delete", "lws/llama", "-y"), "write llama"),
        (("apply", "-f", str(EXAMPLE), "-n", "prod"), '"demo" is not the namespace of the command line, -n prod'),
        (("diff", "-f", str(EXAMPLE), "-n", "prod"), '"demo" is not the namespace of the command line, -n prod'),
        (("check", "-f", str(EXAMPLE), "-n", "prod"), '"demo" is not the namespace of the command line, -n prod'),
    ],
)
def test_what_does_not_go_together_is_told(arguments: tuple[str, ...], words: str) -> None:
    """Before anything is asked, and with what to write."""
    result = call(*arguments)
    assert words in str(result.exception)
    assert getattr(result.exception, "exit_code", None) == 2


def test_manifests_for_a_cluster_name_its_namespace_and_others_do_not(tmp_path: Path) -> None:
    """What apply would write stands in the context's namespace, and rights for it too; render knows no cluster."""
    recipe = unnamed(tmp_path)

    def namespaces(*arguments: str) -> set[str]:
        result = call(*arguments)
        assert result.exit_code == 0, result.output
        return {
            each["metadata"]["namespace"] for each in yaml.safe_load_all(result.stdout) if "Cluster" not in each["kind"]
        }

    assert namespaces("apply", "-f", recipe, "--dry-run", "client") == {"team"}
    assert namespaces("apply", "-f", recipe, "--dry-run", "client", "-n", "mine") == {"mine"}
    assert namespaces("check", "-f", recipe, "--print-rbac") == {"team"}
    assert namespaces("render", "-f", recipe) == {"default"}
    assert call("plan", "-f", recipe).output.startswith("default/llama-3-8b: fits")


def test_a_cluster_that_is_not_reached_hides_nothing_unless_it_was_named(kubeconfig: Path) -> None:
    """At hand it is said beside the list, which stays well-formed; named by an option it is an error."""
    result = call("status", "-o", "json")
    assert (result.exit_code, json.loads(result.stdout)) == (0, [])
    assert "the cluster is left out: get /version: http://127.0.0.1:1 cannot be reached" in result.stderr
    assert "nothing is deployed on this machine\n" in call("status", "-A").stderr
    broken = kubeconfig.with_name("broken")
    broken.write_text("{", "utf-8")
    assert "it is no YAML" in str(call("status", "--kubeconfig", str(broken)).exception)
    kubeconfig.write_text("{", "utf-8")
    told = call("status")
    assert (told.exit_code, "the kubeconfig cannot be read" in told.stderr) == (0, True)


def test_a_kubeconfig_that_means_no_cluster_is_none(kubeconfig: Path) -> None:
    """As it is left when its only cluster was deleted; who names a context still hears that it is not there."""
    kubeconfig.write_text(json.dumps({"contexts": None, "clusters": None, "users": None}), "utf-8")
    listed = call("status")
    assert (listed.exit_code, listed.output) == (0, "nothing is deployed on this machine\n")
    assert call("status", "--context", "prod").exit_code != 0


def test_without_a_kubeconfig_nothing_is_said_or_loaded_of_clusters(tmp_path: Path) -> None:
    """Who works on this machine alone waits for no client."""
    code = "import sys; from shardwright.cli import main\ntry: main.run(['status'])\nexcept SystemExit: pass\n"
    code += f"print([name for name in {HEAVY!r} if name in sys.modules])"
    own = {"KUBECONFIG": str(tmp_path / "none")}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env={**os.environ, **own}, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("[]\n", "nothing is deployed on this machine\n")


def test_a_list_of_both_says_where_each_is() -> None:
    """One table with the same columns for all; what was looked at in one place only needs no such column."""
    both = status_view.list_text([MACHINE, CLUSTER], {"machine", "cluster"}).splitlines()
    assert " ".join(both[0].split()) == "NAMESPACE NAME TARGET STATE READY LAYOUT REVISION WHERE URL"
    assert both[1].split()[-3:] == ["this", "machine", "http://10.0.0.1:80"]
    assert both[2].split()[-2:] == ["context", "prod"]
    assert "WHERE" not in status_view.list_text([CLUSTER], {"cluster"})
    assert "HOSTS" in status_view.list_text([MACHINE], {"machine"})
