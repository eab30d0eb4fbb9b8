"""`shardwright lint` and `shardwright rules`: what is printed, in each format, and with which exit code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from click.testing import CliRunner

from shardwright import errors
from shardwright.cli.lint import lint
from shardwright.cli.rules import rules

if TYPE_CHECKING:
    from pathlib import Path

BAD = """\
apiVersion: leaderworkerset.x-k8s.io/v1
kind: LeaderWorkerSet
metadata: {name: a}
spec:
  replicas: -1
  leaderWorkerTemplate: {workerTemplate: {spec: {containers: [{name: a, image: b}]}}}
"""
GOOD = BAD.replace("-1", "1")


def call(*arguments: str, text: str | None = None) -> tuple[int, str]:
    """Exit code and output of a lint."""
    done = CliRunner().invoke(lint, arguments, input=text)
    if isinstance(done.exception, errors.ShardwrightError):
        raise done.exception
    return done.exit_code, done.stdout


def test_errors_end_with_exit_code_4_and_name_file_and_line() -> None:
    """The first words of a finding are where it stands."""
    code, out = call("-", text=BAD)
    assert code == 4
    assert out.startswith("standard input:5: error lws.wrong-value: spec.replicas: -1 is less than 0")
    assert "1 error; 1 of 1 objects judged (lws 0.10" in out


def test_warnings_fail_under_strict_only() -> None:
    """Exit code 0 without it."""
    text = GOOD.replace("{workerTemplate", "{size: 2, restartPolicy: None, workerTemplate")
    assert call("-", text=text)[0] == 0
    assert call("-", "--strict", text=text)[0] == 4


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_data_is_a_list_of_findings(form: str) -> None:
    """With the keys that are promised."""
    found: list[dict[str, Any]] = yaml.safe_load(call("-", "-o", form, text=BAD)[1])
    keys = {"file", "line", "id", "severity", "path", "message", "why", "fix", "requirements", "enforcedBy", "status"}
    assert keys <= found[0].keys()
    assert (found[0]["enforcedBy"], found[0]["path"]) == ("schema", "spec.replicas")
    assert yaml.safe_load(call("-", "-o", form, text=GOOD)[1]) == []


def test_sarif_holds_rule_and_place() -> None:
    """What code scanning needs: version, rules, results with file and line."""
    made = json.loads(call("-", "-o", "sarif", text=BAD)[1])
    (run,) = made["runs"]
    (result,) = run["results"]
    assert made["version"] == "2.1.0"
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == "lws.wrong-value"
    assert result["locations"][0]["physicalLocation"]["region"] == {"startLine": 5}
    assert result["level"] == "error"


def test_annotations_are_one_line_each() -> None:
    """Line breaks and percent signs are escaped."""
    _, out = call("-", "-o", "github", text=BAD.replace("replicas: -1", "replicas: '%'"))
    assert out.startswith("::error file=standard input,line=5,title=lws.wrong-type::spec.replicas: ")
    assert '"%25"' in out
    assert out.count("\n") == 1
    assert call("-", "-o", "github", text=GOOD) == (0, "")


def test_folders_and_updates(tmp_path: Path) -> None:
    """A folder stands for the manifests below it; `--old` is what they change."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.yaml").write_text(GOOD, "utf-8")
    (tmp_path / "note.txt").write_text("x", "utf-8")
    old = tmp_path / "old.yml"
    old.write_text(GOOD.replace("{workerTemplate", "{size: 2, workerTemplate"), "utf-8")
    assert call(str(tmp_path / "sub"))[0] == 0
    code, out = call(str(tmp_path / "sub"), "--old", str(old), "--assume", "lws=0.6")
    assert code == 4
    assert "lws.size-immutable" in out


@pytest.mark.parametrize(
    "arguments",
    [
        *[("no-such-file",), (), ("-", "--assume", "nothing=1"), ("-", "--assume", "lws=new")],
        *[("-", "--assume", "lws=0.1"), ("-", "--feature-gate", "A"), ("-", "--feature-gate", "A=maybe")],
    ],
)
def test_wrong_options_say_what_would_be_right(arguments: tuple[str, ...]) -> None:
    """Each is an error of the user with a hint."""
    with pytest.raises(errors.InputError) as caught:
        call(*arguments, text=GOOD)
    assert caught.value.hint


def test_a_misspelt_gate_is_not_taken_for_one() -> None:
    """It would switch nothing, and the findings would stay without a word."""
    call("-", "--feature-gate", "RayCronJob=true", text=GOOD)
    with pytest.raises(errors.InputError, match="no rule knows that gate") as caught:
        call("-", "--feature-gate", "RayCronJobs=true", text=GOOD)
    assert "RayCronJob" in str(caught.value.hint)


def test_a_release_of_openshift_ai_stands_for_the_kserve_in_it() -> None:
    """Its users know that number, and not the one of KServe."""
    assert "kserve 0.18" in call("-", "--assume", "openshift-ai=3.5", text=GOOD)[1]
    with pytest.raises(errors.InputError, match="that release of openshift-ai is not known"):
        call("-", "--assume", "openshift-ai=1.0", text=GOOD)


def test_kinds_that_nothing_is_known_of_are_named() -> None:
    """Nobody believes of an object that it was judged."""
    route = "---\napiVersion: route.openshift.io/v1\nkind: Route\nmetadata: {name: a}\n"
    assert "1 of 2 objects judged, not Route (" in call("-", text=GOOD + route)[1]


def test_rules_are_listed_and_explained() -> None:
    """A list, one in words, one as data, and the nearest where there is none."""
    listed = CliRunner().invoke(rules, []).stdout
    assert "lws.rank-fixed" in listed
    assert "memory.near-limit" in listed
    one = CliRunner().invoke(rules, ["lws.rollout-stuck"]).stdout
    assert "releases: before 0.6; from 0.6" in one
    data = json.loads(CliRunner().invoke(rules, ["lws.unknown-field", "-o", "json"]).stdout)
    assert data["enforcedBy"] == "schema"
    missing = CliRunner().invoke(rules, ["lws.rank-fixd"]).exception
    assert isinstance(missing, errors.NotFound)
    assert "lws.rank-fixed" in missing.hint
