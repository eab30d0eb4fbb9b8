"""Each kind of bad input is exactly one clear finding of all that lint looks for, wherever in a sound object it stands."""

from __future__ import annotations

import resource
import time
from typing import TYPE_CHECKING

import pytest

from shardwright import registry
from shardwright.core.manifests import judge, reading
from shardwright.core.manifests.objects import Context
from shardwright.service import linting

if TYPE_CHECKING:
    from pathlib import Path

SOUND = """apiVersion: apps/v1
kind: Deployment
metadata:
  name: chat
  namespace: demo
  labels: {team: a}
spec:
  replicas: 2
  selector: {matchLabels: {app: chat}}
  template:
    metadata: {labels: {app: chat}}
    spec:
      restartPolicy: Always
      containers:
      - name: server
        image: a:1
        ports: [{containerPort: 8000}]
        resources: {limits: {memory: 1Gi}}
"""
GROUP = """apiVersion: leaderworkerset.x-k8s.io/v1
kind: LeaderWorkerSet
metadata: {name: chat}
spec:
  replicas: 1
  leaderWorkerTemplate:
    size: 2
    workerTemplate: {spec: {containers: [{name: a, image: b:1}]}}
"""
MEBIBYTE = 2**20


def ids(data: bytes) -> list[str]:
    """Ids of all findings."""
    read = reading.read_manifests(data, "a.yaml")
    judged = judge.judge(read.objects, registry.load_platforms(), Context())
    return [each.id for each in (*read.findings, *judged)]


@pytest.mark.parametrize("mark", ["%VALUE%", "%theValue%", "<value>", "${VALUE}", "${VALUE:-2}", "'<the value>'"])
@pytest.mark.parametrize(
    "old",
    [
        *("name: chat", "namespace: demo", "team: a", "replicas: 2", "restartPolicy: Always", "name: server"),
        *("image: a:1", "containerPort: 8000", "memory: 1Gi"),
    ],
)
def test_a_placeholder_is_one_finding_whatever_belongs_there(old: str, mark: str) -> None:
    """A number, a name or a quantity: that it is none is not said again."""
    text = SOUND.replace(old, f"{old.partition(':')[0]}: {mark}", 1)
    assert ids(text.encode()) == ["manifest.placeholder"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("apps/v1", "apps/v2", "manifest.kind-unknown"),
        ("apps/v1", "extensions/v1beta1", "manifest.kind-unknown"),
        ("apps/v1", "[apps/v1]", "manifest.not-an-object"),
        ("kind: Deployment", "kind: Deploymnt", "manifest.kind-unknown"),
        ("kind: Deployment", "kind: 5", "manifest.kind-unknown"),
        ("metadata:\n  name: chat\n", "metadata:\n  name:\n", "manifest.no-name"),
        ("  labels: {team: a}", "  labels: [team]", "kubernetes.wrong-type"),
        ("ports: [{containerPort: 8000}]", "ports: {containerPort: 8000}", "kubernetes.wrong-type"),
        ("replicas: 2", "replicas: 2\n  replicas: 3", "manifest.malformed"),
        ("replicas: 2", "replicas: two", "kubernetes.wrong-type"),
        ("  replicas: 2", "\treplicas: 2", "manifest.unreadable"),
        ("replicas: 2", "replicas: *nobody", "manifest.unreadable"),
        ("replicas: 2", "replicas: !!python/object:os.system 2", "manifest.malformed"),
        ("replicas: 2", "replicas: 2\x07", "manifest.unreadable"),
        ("replicas: 2", "a: &a [*a]", "manifest.unreadable"),
        ("replicas: 2", "a: &a {b: *a}", "manifest.unreadable"),
        ("replicas: 2", "{{ .Values.replicas }}", "manifest.placeholder"),
        ("replicas: 2", "{{- if .Values.replicas }}\n  replicas: 2", "manifest.placeholder"),
        ("replicas: 2", "replicas: " + "9" * 5000, "kubernetes.wrong-type"),
    ],
)
def test_each_fault_is_one_finding(old: str, new: str, expected: str) -> None:
    """The id names it; nothing follows from it that is said as well."""
    assert ids(SOUND.replace(old, new, 1).encode()) == [expected]


def test_groups_have_one_finding_for_a_placeholder_too() -> None:
    """Rules of a platform do not judge what is not there yet."""
    assert ids(GROUP.encode()) == []
    assert ids(GROUP.replace("size: 2", "size: ${SIZE}").encode()) == ["manifest.placeholder"]


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xfe" + SOUND.encode("utf-16-le"),
        SOUND.encode("utf-16-be"),
        SOUND.replace("team: a", "team: \u00e9").encode("latin-1"),
        SOUND.encode() + b"\x00" * 10,
        b"\x7fELF" + bytes(range(256)),
        b"\x1f\x8b\x08" + bytes(200),
    ],
    ids=["utf-16", "utf-16-be", "latin-1", "zeros", "program", "gzip"],
)
def test_what_is_no_text_is_one_finding(data: bytes) -> None:
    """Another encoding, a program, a packed file."""
    assert ids(data) == ["manifest.unreadable"]


def test_a_mark_at_the_start_and_other_line_ends_are_no_fault() -> None:
    """Editors on Windows write them."""
    assert ids(b"\xef\xbb\xbf" + SOUND.replace("\n", "\r\n").encode()) == []


def test_a_file_of_50_mib_is_one_finding_and_is_not_read_whole(tmp_path: Path) -> None:
    """Neither time nor memory grows with what stands behind the largest size."""
    path = tmp_path / "large.yaml"
    path.write_bytes(SOUND.encode() * (50 * MEBIBYTE // len(SOUND)))
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    assert [each.id for each in linting.lint([str(path)]).findings] == ["manifest.too-large"]
    assert time.process_time() - start < 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40 * 1024
