"""`apply` and `rollback`, apart from any cluster: what goes together, and what is asked before."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from shardwright import errors
from shardwright.cli import updating, waiting
from shardwright.cli.main import cli
from shardwright.cli.waiting import Ended
from shardwright.kubernetes.client import Place

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
