"""`apply` and `rollback`, apart from any cluster: what goes together, and what is asked before."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from shardwright import errors
from shardwright.cli import rollout_view, updating, waiting
from shardwright.cli.main import cli
from shardwright.cli.waiting import Ended
from shardwright.core.lifecycle.changes import change_of
from shardwright.core.lifecycle.revision import Revision
from shardwright.core.manifests.differences import differences
from shardwright.kubernetes.client import Place
from shardwright.service.rollout import Rollout

EXAMPLE = str(Path(__file__).parents[3] / "examples" / "llama-3-8b-two-nodes.yaml")


def test_a_failure_is_only_seen_by_who_waits() -> None:
    """Without --wait nobody would notice, so that nothing could be taken back."""
    result = CliRunner().invoke(cli, ["apply", "-f", EXAMPLE, "--rollback-on-failure", "--no-wait"])
    assert (result.exit_code, "needs --wait" in result.output) == (2, True)


def test_what_a_start_came_to_is_the_exit_code() -> None:
    """Ready 0, failed 1, late 124; what goes on is said with the options by which the cluster was meant."""
    waiting.demand(Ended("ready"), "demo", "llama", "")
    with pytest.raises(errors.TargetError, match="no text"):
        waiting.demand(Ended("failed", "no text"), "demo", "llama", "")
    with pytest.raises(click.exceptions.Exit) as late:
        waiting.demand(Ended("late", "starting after 9 s"), "demo", "llama", " --context prod")
    assert late.value.exit_code == 124


def test_hints_repeat_how_the_cluster_was_meant() -> None:
    """A command that is copied leads to the same cluster."""
    assert Place().options == ""
    assert Place("/a b/config", "prod", "demo").options == " --context prod --kubeconfig '/a b/config'"


def test_without_a_terminal_nothing_is_done_unasked() -> None:
    """-y says it beforehand."""
    updating.confirm("apply?", yes=True)
    with pytest.raises(click.UsageError, match="-y"):
        updating.confirm("apply?", yes=False)


def test_of_a_command_line_what_differs_is_shown() -> None:
    """Whoever changes one flag among many sees that flag, with its value before and after."""
    old = ["vllm", "serve", "meta-llama/Meta-Llama-3-8B-Instruct", "--port", "8080", "--max-num-seqs", "256"]
    new = [*old[:-1], "64", "--enable-prefix-caching"]
    lines = list(rollout_view.fields_text(differences({"command": old}, {"command": new})))
    assert lines == [
        "    command: of 7 items",
        '      - "--max-num-seqs" "256"',
        '      + "--max-num-seqs" "64" "--enable-prefix-caching"',
    ]


def test_a_difference_as_data() -> None:
    """Every object with its fields, what is not there as null; a group of this machine has the same keys, all documented."""
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "llama", "namespace": "demo"}}
    changed = change_of(service, service, service | {"spec": {"type": "ClusterIP"}})
    wanted = Revision(number=0, recipe={}, digest="a", plan={}, manifests=(service,), outcome="applying")
    found = Rollout(namespace="demo", name="llama", wanted=wanted, before=None, changes=(changed,), stale=())
    document = rollout_view.rollout_document(found)
    (change,) = document["changes"]
    assert (document["differs"], change["action"], change["kind"]) == (True, "update", "Service")
    assert change["fields"] == [{"path": "spec", "now": None, "then": {"type": "ClusterIP"}}]
    group = rollout_view.group_document("demo", "llama", differences({"a": 1}, {"a": 2}))
    assert group["changes"][0]["fields"] == [{"path": "a", "now": 1, "then": 2}]
    assert group["changes"][0].keys() == change.keys()
    page = (Path(EXAMPLE).parents[1] / "docs" / "reference" / "json.md").read_text("utf-8")
    assert all(f"`{key}`" in page for key in (*group, *change, *change["fields"][0]))
