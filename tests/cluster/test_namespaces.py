"""Commands without -n on a real API server: they mean the namespace of the context, as kubectl does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from engine_stage import Shell

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shardwright.testing.cluster.clusters import Running
    from shardwright.testing.cluster.fixtures import Clusters

NAME = "llama"
RECIPE = {
    "apiVersion": "shardwright.dev/v1",
    "kind": "Recipe",
    "metadata": {"name": NAME},
    "model": {"source": "pvc://models/llama", "shape": "llama-3-8b"},
    "hardware": {"gpu": "A10G", "gpusPerNode": 1, "nodes": 1},
    "target": {"kind": "kubernetes"},
}


@pytest.fixture(scope="module")
def cluster(clusters: Clusters) -> Running:
    return clusters.api()


@pytest.fixture
def team(cluster: Running) -> Iterator[str]:
    with cluster.namespace("team") as made:
        yield made


@pytest.fixture
def contexts(cluster: Running, team: str, tmp_path: Path) -> Path:
    """A kubeconfig whose current context has a namespace, beside one that has none."""
    whole = yaml.safe_load(cluster.kubeconfig.read_text("utf-8"))
    (plain,) = whole["contexts"]
    own = {"name": "own", "context": {**plain["context"], "namespace": team}}
    plain["name"] = "plain"
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump({**whole, "contexts": [plain, own], "current-context": "own"}), "utf-8")
    return path


@pytest.fixture
def recipe(tmp_path: Path) -> str:
    """It names no namespace."""
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(RECIPE), "utf-8")
    return str(path)


def rows(shell: Shell, *options: str) -> list[dict[str, Any]]:
    return json.loads(shell.run("status", "-o", "json", *options))


def test_the_context_says_the_namespace(contexts: Path, team: str, recipe: str, tmp_path: Path) -> None:
    """Of a recipe that names none, and of every command after it; another context of the same cluster sees another one."""
    shell = Shell(contexts, tmp_path)
    shell.run("apply", "-f", recipe, "--skip-check", "--no-wait", "-y")
    shell.run("diff", "-f", recipe)
    found = json.loads(shell.run("status", NAME, "-o", "json"))
    assert (found["namespace"], found["target"]) == (team, "kubernetes")
    (row,) = rows(shell)
    assert [row[key] for key in ("where", "context", "namespace", "name")] == ["cluster", "own", team, NAME]
    assert [each["revision"] for each in json.loads(shell.run("history", NAME, "-o", "json"))] == [1]
    shell.run("logs", NAME)
    # Where the context says nothing it is `default`; -n and -A reach further.
    assert rows(shell, "--context", "plain") == []
    assert [each["namespace"] for each in rows(shell, "--context", "plain", "-n", team)] == [team]
    assert team in {each["namespace"] for each in rows(shell, "--context", "plain", "-A")}
    shell.run("diff", "-f", recipe, "--context", "plain", code=5)
    shell.run("diff", "-f", recipe, "--context", "plain", "-n", team)
    shell.run("history", NAME, "--context", "plain", code=1)
    assert shell.run("delete", NAME, "-y") == f"{team}/{NAME} deleted\n"
    shell.run("history", NAME, code=1)


def test_what_runs_nowhere_is_said_of_both(contexts: Path, team: str, tmp_path: Path) -> None:
    """Who looks for it learns where was looked; an empty list says the same."""
    shell = Shell(contexts, tmp_path)
    done = shell.done("status", "nobody")
    assert done.returncode == 1
    assert f"no deployment {team}/nobody in this cluster, nor on this machine" in done.stderr
    assert "on this machine there are: none" in done.stderr
    empty = shell.done("status")
    assert empty.stderr == f"nothing is deployed on this machine, nor in namespace {team} of context own\n"
    assert (empty.returncode, empty.stdout) == (0, "")
