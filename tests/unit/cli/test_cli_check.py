from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from shardwright.cli import check_view
from shardwright.cli.main import cli
from shardwright.core.preflight.needs import Needs
from shardwright.core.rules import Finding
from shardwright.service import checking

EXAMPLE = str(Path(__file__).parents[3] / "examples" / "llama-3-8b-two-nodes.yaml")
NEEDS = Needs(namespace="demo", name="llama", target="lws")
GOOD = Finding("cluster.api", "pass", "info", "it answers")
UNTOLD = Finding("cluster.room", "unknown", "info", "not allowed: list nodes", fix="ask for it", requirements=("R016",))
BAD = Finding(
    "cluster.secret", "fail", "error", "there is no Secret", why="it does not start", fix="kubectl create secret"
)
DOUBTFUL = Finding("cluster.name", "warn", "warning", "somebody else's", why="it is theirs", fix="another name")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("lws/llama", "-f", EXAMPLE),
        ("-f", EXAMPLE, "--user", "jane"),
        ("lws/llama", "--print-rbac"),
        ("-f", EXAMPLE, "--print-rbac", "--user", "jane", "--group", "ops"),
        ("-f", EXAMPLE, "--rehearsal"),
        ("-f", EXAMPLE, "--print-rbac", "--rehearsal", "--with-secrets"),
    ],
)
def test_options_that_do_not_go_together_are_told(arguments: tuple[str, ...]) -> None:
    """Neither half of a question is dropped in silence."""
    result = CliRunner().invoke(cli, ["check", *arguments])
    assert result.exit_code == 2
    assert "Usage" in result.output


@pytest.mark.parametrize(
    ("option", "value", "subject"),
    [
        ("--service-account", "ci:deployer", {"kind": "ServiceAccount", "name": "deployer", "namespace": "ci"}),
        ("--service-account", "deployer", {"kind": "ServiceAccount", "name": "deployer", "namespace": "demo"}),
        ("--user", "jane", {"kind": "User", "name": "jane", "apiGroup": "rbac.authorization.k8s.io"}),
        ("--group", "ops", {"kind": "Group", "name": "ops", "apiGroup": "rbac.authorization.k8s.io"}),
    ],
)
@pytest.mark.requirement("R121")
def test_roles_are_printed_for_whom_they_are_meant(option: str, value: str, subject: dict[str, str]) -> None:
    """`--print-rbac` asks no cluster, and what it prints is for `kubectl apply -f -`."""
    result = CliRunner().invoke(cli, ["check", "-f", EXAMPLE, "--print-rbac", option, value])
    assert result.exit_code == 0, result.output
    objects = list(yaml.safe_load_all(result.output))
    assert [each["kind"] for each in objects] == ["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"]
    assert all(each["subjects"] == [subject] for each in objects if "subjects" in each)


def test_what_fails_stands_last_with_its_cure() -> None:
    """The eye is at the end of the output; what passes takes one line."""
    text = check_view.text(NEEDS, (BAD, GOOD, DOUBTFUL, UNTOLD), wide=False)
    lines = text.splitlines()
    assert [line.split()[0] for line in lines[:5]] == ["STATUS", "ok", "?", "warn", "FAIL"]
    assert "  fix: kubectl create secret" in lines
    assert "ask for it" not in text
    assert lines[-1] == "demo/llama: 1 failed, 1 warned, 1 could not be told, 1 passed"


def test_each_of_several_says_whose_it_is() -> None:
    """In every form: two recipes' findings are not to be mixed up, and one recipe's text has no line more than it needs."""
    other = Needs(namespace="demo", name="qwen", target="kserve")
    data = [*check_view.of_whom(NEEDS, (GOOD,)), *check_view.of_whom(other, (GOOD,))]
    assert [(each["namespace"], each["name"], each["target"]) for each in data] == [
        ("demo", "llama", "lws"),
        ("demo", "qwen", "kserve"),
    ]
    text = check_view.text(other, (GOOD,), wide=False, is_one_of_several=True)
    assert text.splitlines()[0] == "demo/qwen on kserve:"
    assert check_view.text(other, (GOOD,), wide=False).splitlines() == text.splitlines()[1:]


def test_the_wide_form_says_all() -> None:
    """What could not be told has its cure too, and its requirement."""
    text = check_view.text(NEEDS, (UNTOLD,), wide=True)
    assert "  fix: ask for it" in text
    assert "  requirements: R016" in text


@pytest.mark.parametrize(
    ("finding", "fails", "fails_strict"),
    [(GOOD, False, False), (UNTOLD, False, True), (DOUBTFUL, False, True), (BAD, True, True)],
)
def test_strict_lets_nothing_pass_in_doubt(finding: Finding, *, fails: bool, fails_strict: bool) -> None:
    """Only failures fail, unless warnings and what cannot be told are to fail too."""
    assert checking.failing((finding,), strict=False) is fails
    assert checking.failing((finding,), strict=True) is fails_strict


def test_the_short_form_says_what_stands_in_the_way() -> None:
    """As `apply` shows it: failures with their cure, doubts in a line each, what could not be told by name."""
    assert check_view.brief((GOOD, UNTOLD, DOUBTFUL, BAD)).splitlines() == [
        "check: 1 failed, 1 warned, 1 could not be told, 1 passed",
        "  FAIL secret: there is no Secret",
        "    fix: kubectl create secret",
        "  warn name: somebody else's",
        "  ? could not be told: room; shardwright check -f FILE says why",
    ]
    assert check_view.brief((GOOD,)) == "check: 1 passed"
