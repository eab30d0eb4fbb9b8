"""`shardwright lint --fix` and `--write`: what is printed, written and refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import yaml
from click.testing import CliRunner

from shardwright import errors
from shardwright.cli.lint import lint
from shardwright.cli.rules import rules
from shardwright.service import mending

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """\
apiVersion: leaderworkerset.x-k8s.io/v1
kind: LeaderWorkerSet
metadata: {name: a}
spec:
  replicas: 1
  leaderWorkerTemplate: {workerTemplate: {spec: {containers: [{name: a, image: b}]}}}
"""
TOKEN = "hf_" + "AbCdEfGh1234" * 2
STUCK = f"""\
# a set
apiVersion: leaderworkerset.x-k8s.io/v1
kind: LeaderWorkerSet
metadata: {{name: a, namespace: prod}}
spec:
  replicas: 1   # one
  rolloutStrategy: {{rollingUpdateConfiguration: {{maxUnavailable: 0, maxSurge: 0}}}}
  leaderWorkerTemplate:
    workerTemplate:
      spec:
        containers:
        - name: a
          image: b:1
          env:
          - name: HF_TOKEN
            value: {TOKEN}
"""
MENDED = STUCK.replace("maxUnavailable: 0", "maxUnavailable: 1").replace(
    f"value: {TOKEN}\n",
    "valueFrom:\n              secretKeyRef:\n                name: a-credentials\n                key: HF_TOKEN\n",
)


def fix(*arguments: str, text: str | None = None) -> tuple[int, str, str]:
    """Exit code, output and errors of a lint that mends."""
    done = CliRunner().invoke(lint, arguments, input=text)
    if isinstance(done.exception, errors.ShardwrightError):
        raise done.exception
    return done.exit_code, done.stdout, done.stderr


def test_fix_prints_the_manifest_and_shows_the_difference() -> None:
    """The manifest alone on standard output, comments kept; difference, what was done and what remains on the other."""
    code, out, err = fix("-", "--fix", text=STUCK)
    assert (code, out) == (0, MENDED)
    assert "--- a/standard input\n+++ b/standard input\n" in err
    assert "-  rolloutStrategy: {rollingUpdateConfiguration: {maxUnavailable: 0, maxSurge: 0}}" in err
    assert "standard input:7: mended lws.rollout-stuck: spec.rolloutStrategy" in err
    assert err.endswith("1 of 1 files would change\n")


def test_no_secret_is_shown() -> None:
    """Neither by the difference nor by the notes; the command that makes the Secret takes it from the shell."""
    _, out, err = fix("-", "--fix", text=STUCK)
    assert TOKEN not in out + err
    assert "-            value: (a secret, not shown)" in err
    command = 'kubectl create secret generic a-credentials --namespace prod --from-literal=HF_TOKEN="$HF_TOKEN"'
    assert f"make the Secret first: {command}\n" in err


def test_write_keeps_mode_and_links(tmp_path: Path) -> None:
    """The file behind a link is replaced as a whole; its neighbours stay."""
    real, link = tmp_path / "real.yaml", tmp_path / "link.yaml"
    real.write_text(STUCK, "utf-8")
    real.chmod(0o640)
    link.symlink_to("real.yaml")
    code, out, _ = fix(str(link), "--write")
    assert (code, real.read_text("utf-8"), real.stat().st_mode & 0o777) == (0, MENDED, 0o640)
    assert link.is_symlink()
    assert out.startswith("--- a/")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["link.yaml", "real.yaml"]


def test_errors_that_remain_end_with_exit_code_4() -> None:
    """What a person has to decide stays a finding, and the rest is mended all the same."""
    code, out, err = fix("-", "--fix", text=STUCK.replace("replicas: 1", "replicas: -1"))
    assert code == 4
    assert "maxUnavailable: 1" in out
    assert "error lws.wrong-value: spec.replicas: -1 is less than 0" in err


def test_nothing_to_mend_writes_nothing(tmp_path: Path) -> None:
    """Not even the same bytes."""
    file = tmp_path / "a.yaml"
    file.write_text(GOOD, "utf-8")
    before = file.stat()
    assert fix(str(file), "--write")[:2] == (0, "")
    assert fix(str(file), "--write")[2].endswith("nothing to mend\n")
    assert (file.stat().st_mtime_ns, file.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


def test_what_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """Standard input, a read-only file, formats of findings beside a manifest; nothing is written then."""
    one, two = tmp_path / "a.yaml", tmp_path / "b.yaml"
    for each in (one, two):
        each.write_text(STUCK, "utf-8")
    two.chmod(0o444)
    for arguments in (("-", "--write"), (str(tmp_path), "--write"), (str(one), "--fix", "-o", "json")):
        with pytest.raises(errors.InputError) as caught:
            fix(*arguments, text=STUCK)
        assert caught.value.hint
    assert one.read_text("utf-8") == STUCK


def test_a_file_that_changed_meanwhile_is_left_alone(tmp_path: Path) -> None:
    """Somebody else's work is not overwritten."""
    file = tmp_path / "a.yaml"
    file.write_text(STUCK, "utf-8")
    mended = mending.mend([str(file)])
    file.write_text(STUCK + "# more\n", "utf-8")
    with pytest.raises(errors.Conflict, match="changed while it was mended"):
        mending.write(mended)
    assert file.read_text("utf-8") == STUCK + "# more\n"


def test_files_that_cannot_be_told_are_named(tmp_path: Path) -> None:
    """A key that stands twice: the file stays, the others are mended."""
    one, two = tmp_path / "a.yaml", tmp_path / "b.yaml"
    one.write_text(STUCK + "kind: LeaderWorkerSet\n", "utf-8")
    two.write_text(STUCK, "utf-8")
    code, _, err = fix(str(tmp_path), "--write")
    assert (code, one.read_text("utf-8"), two.read_text("utf-8")) == (4, STUCK + "kind: LeaderWorkerSet\n", MENDED)
    assert f'{one}:17: nothing is mended in this file: the key "kind" stands there twice' in err


def test_several_files_are_printed_as_documents(tmp_path: Path) -> None:
    """With a separator where one is missing; what is printed can be applied."""
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(STUCK.replace("name: a,", f"name: {name[0]},"), "utf-8")
    (tmp_path / "c.yaml").write_text("---\n" + GOOD.rstrip(), "utf-8")
    _, out, _ = fix(str(tmp_path), "--fix")
    assert [each["metadata"]["name"] for each in yaml.safe_load_all(out)] == ["a", "b", "a"]
    assert out.count("---") == 2


def test_write_prints_findings_in_other_formats(tmp_path: Path) -> None:
    """Data on standard output, the difference beside it."""
    file = tmp_path / "a.yaml"
    file.write_text(STUCK.replace("replicas: 1", "replicas: -1"), "utf-8")
    code, out, err = fix(str(file), "--write", "-o", "json")
    assert (code, [each["id"] for each in json.loads(out)]) == (4, ["lws.wrong-value"])
    assert err.startswith("--- a/")


def test_rules_say_which_are_mended() -> None:
    """In the list, in words and in data."""
    listed = CliRunner().invoke(rules, []).stdout.splitlines()
    assert listed[0].split() == ["ID", "SEVERITY", "MENDED", "DEMANDS"]
    row = next(line.split() for line in listed if line.startswith("kserve.old-size "))
    assert row[2] == "yes"
    assert "lint --fix" in CliRunner().invoke(rules, ["kserve.old-size"]).stdout
    assert json.loads(CliRunner().invoke(rules, ["kserve.bundle", "-o", "json"]).stdout)["canMend"] is False
